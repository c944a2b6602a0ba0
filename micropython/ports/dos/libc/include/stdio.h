#ifndef DOS_LIBC_STDIO_H
#define DOS_LIBC_STDIO_H

#include <stdarg.h>
#include <stddef.h>

#define SEEK_SET (0)
#define SEEK_CUR (1)
#define SEEK_END (2)

// These come from MicroPython's shared/libc/printf.c and write to standard output.
int printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int putchar(int c);
int puts(const char *s);
int snprintf(char *str, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int vprintf(const char *fmt, va_list ap);
int vsnprintf(char *str, size_t size, const char *fmt, va_list ap);

#endif // DOS_LIBC_STDIO_H
