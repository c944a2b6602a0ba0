// Descriptors that are the console, and waiting for any.
#ifndef MICROPY_INCLUDED_DOS_POSIX_CONSOLE_H
#define MICROPY_INCLUDED_DOS_POSIX_CONSOLE_H

#include <sys/types.h>

// read() and write() of the screen and keyboard.
ssize_t posix_console_read(char *buf, size_t n);
ssize_t posix_console_write(const char *buf, size_t n);

// posix.c: what a descriptor is.
enum { POSIX_CLOSED, POSIX_FILE, POSIX_DEVICE, POSIX_CONSOLE };
int posix_kind(int fd);

#endif // MICROPY_INCLUDED_DOS_POSIX_CONSOLE_H
