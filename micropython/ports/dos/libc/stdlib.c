// What MicroPython's shared/libc has not.

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dpmi.h"

void exit(int status) {
    dos_exit(status);
}

void abort(void) {
    dos_exit(3);
}

int abs(int value) {
    return value < 0 ? -value : value;
}

char *strrchr(const char *s, int c) {
    const char *found = NULL;
    do {
        if (*s == (char)c) {
            found = s;
        }
    } while (*s++ != '\0');
    return (char *)found;
}

size_t strspn(const char *s, const char *accept) {
    size_t n = 0;
    while (s[n] != '\0' && strchr(accept, s[n]) != NULL) {
        ++n;
    }
    return n;
}

size_t strcspn(const char *s, const char *reject) {
    size_t n = 0;
    while (s[n] != '\0' && strchr(reject, s[n]) == NULL) {
        ++n;
    }
    return n;
}

static int digit(int c, int base) {
    int value = isdigit(c) ? c - '0' : isalpha(c) ? (c | 0x20) - 'a' + 10 : 99;
    return value < base ? value : -1;
}

unsigned long strtoul(const char *s, char **end, int base) {
    const char *p = s;
    while (isspace((unsigned char)*p)) {
        ++p;
    }
    bool negative = *p == '-';
    if (*p == '-' || *p == '+') {
        ++p;
    }
    if ((base == 0 || base == 16) && p[0] == '0' && (p[1] | 0x20) == 'x' && digit((unsigned char)p[2], 16) >= 0) {
        p += 2;
        base = 16;
    } else if (base == 0) {
        base = *p == '0' ? 8 : 10;
    }
    unsigned long value = 0;
    const char *first = p;
    for (int d; (d = digit((unsigned char)*p, base)) >= 0; ++p) {
        uint64_t next = (uint64_t)value * base + d;
        value = next > ULONG_MAX ? ULONG_MAX : next;
    }
    if (end != NULL) {
        *end = (char *)(p == first ? s : p);
    }
    return negative ? -value : value;
}

long strtol(const char *s, char **end, int base) {
    return (long)strtoul(s, end, base);
}

int atoi(const char *s) {
    return strtol(s, NULL, 10);
}

void __assert_fail(const char *condition, const char *file, unsigned line) {
    printf("%s:%u: '%s' does not hold\n", file, line, condition);
    abort();
}
