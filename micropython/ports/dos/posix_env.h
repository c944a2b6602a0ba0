// The environment, and programs that are started with it.
#ifndef MICROPY_INCLUDED_DOS_POSIX_ENV_H
#define MICROPY_INCLUDED_DOS_POSIX_ENV_H

#include <stddef.h>

// The size of the environment; DOS itself takes twice as much.
#define ENV_MAX (16384)

char *getenv(const char *name);
int setenv(const char *name, const char *value, int overwrite);
int unsetenv(const char *name);
// All of it as DOS has it, and its size with the last NUL.
const char *posix_env_block(size_t *size);

// posix_system.c: runs a command line. Its exit code (0 to 255), or -1 and errno.
int system(const char *command);

#endif // MICROPY_INCLUDED_DOS_POSIX_ENV_H
