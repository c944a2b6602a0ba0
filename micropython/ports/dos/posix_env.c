// The environment: a copy of DOS's, which putenv() may change. Child programs get the copy.

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "posix.h"
#include "posix_env.h"

// "NAME=value" with a NUL after each, one more NUL after the last.
static char block[ENV_MAX];
static bool ready;

static void init(void) {
    if (ready) {
        return;
    }
    ready = true;
    char *to = block;
    for (const char *from = dos_environment(); *from != '\0'; from += strlen(from) + 1) {
        size_t n = strlen(from) + 1;
        if (to + n < block + sizeof(block)) {
            memcpy(to, from, n);
            to += n;
        }
    }
    *to = '\0';
}

const char *posix_env_block(size_t *size) {
    init();
    char *end = block;
    while (*end != '\0') {
        end += strlen(end) + 1;
    }
    *size = end + 1 - block;
    return block;
}

// DOS's own names are in capitals, whatever a program or a user writes.
static bool is_named(const char *entry, const char *name) {
    while (*name != '\0' && toupper((uint8_t)*entry) == toupper((uint8_t)*name)) {
        ++entry;
        ++name;
    }
    return *name == '\0' && *entry == '=';
}

static char *find(const char *name) {
    init();
    for (char *entry = block; *entry != '\0'; entry += strlen(entry) + 1) {
        if (is_named(entry, name)) {
            return entry;
        }
    }
    return NULL;
}

char *getenv(const char *name) {
    char *entry = find(name);
    return entry == NULL ? NULL : strchr(entry, '=') + 1;
}

static bool is_bad_name(const char *name) {
    return *name == '\0' || strchr(name, '=') != NULL;
}

int unsetenv(const char *name) {
    if (is_bad_name(name)) {
        return posix_return(EINVAL);
    }
    char *entry = find(name);
    if (entry != NULL) {
        size_t size;
        posix_env_block(&size);
        char *next = entry + strlen(entry) + 1;
        memmove(entry, next, block + size - next);
    }
    return 0;
}

int setenv(const char *name, const char *value, int overwrite) {
    if (is_bad_name(name)) {
        return posix_return(EINVAL);
    }
    char *old = find(name);
    if (old != NULL && !overwrite) {
        return 0;
    }
    size_t size;
    posix_env_block(&size);
    size_t n = strlen(name) + 1 + strlen(value) + 1;
    size_t freed = old != NULL ? strlen(old) + 1 : 0;
    if (size - freed + n > sizeof(block)) {
        return posix_return(ENOMEM);
    }
    unsetenv(name);
    char *to = block + size - freed - 1;
    for (; *name != '\0'; ++name) {
        *to++ = toupper((uint8_t)*name);
    }
    *to++ = '=';
    strcpy(to, value);
    to[strlen(value) + 1] = '\0';
    return 0;
}
