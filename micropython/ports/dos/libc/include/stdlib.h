#ifndef DOS_LIBC_STDLIB_H
#define DOS_LIBC_STDLIB_H

#include <stddef.h>

#define EXIT_SUCCESS (0)
#define EXIT_FAILURE (1)

void abort(void) __attribute__((noreturn));
int abs(int value);
int atoi(const char *s);
void exit(int status) __attribute__((noreturn));
char *getenv(const char *name);
long strtol(const char *s, char **end, int base);
unsigned long strtoul(const char *s, char **end, int base);

#endif // DOS_LIBC_STDLIB_H
