#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "args.h"
#include "dpmi.h"

#define ARGS_MAX (64)
#define TEXT_MAX (4096)
#define PATH_LEN (128)

static char *args[ARGS_MAX + 1];
static char text[TEXT_MAX];
static size_t text_used;
static int count;

static void add_char(char c) {
    if (text_used < TEXT_MAX - 1) {
        text[text_used++] = c;
    }
}

// The full path of the program follows the environment: two zeros, a count, the path.
static const char *program_path(void) {
    const char *p = dos_environment();
    while (*p != '\0') {
        p += strlen(p) + 1;
    }
    return p + 3;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// Takes one argument from s to end; returns where it stopped.
static const char *take(const char *s, const char *end) {
    bool quoted = false;
    args[count++] = &text[text_used];
    for (; s < end && (quoted || !is_blank(*s)); ++s) {
        if (s[0] == '\\' && s + 1 < end && s[1] == '"') {
            add_char(*++s);
        } else if (*s == '"') {
            quoted = !quoted;
        } else {
            add_char(*s);
        }
    }
    text[text_used++] = '\0';
    return s;
}

static void split(const char *s, const char *end, bool files);

// DOS gives 126 characters; a file may hold more. What cannot be opened stays an argument.
static bool take_file(const char *name) {
    static char content[TEXT_MAX];
    int fd = open(name, O_RDONLY);
    if (fd < 0) {
        return false;
    }
    ssize_t n = read(fd, content, sizeof(content));
    close(fd);
    if (n > 0) {
        split(content, content + n, false);
    }
    return true;
}

static void split(const char *s, const char *end, bool files) {
    for (;;) {
        while (s < end && is_blank(*s)) {
            ++s;
        }
        if (s == end || count == ARGS_MAX || text_used >= TEXT_MAX - 1) {
            return;
        }
        bool file = files && *s == '@';
        s = take(s, end);
        if (file) {
            char *name = args[--count];
            if (!take_file(name + 1)) {
                args[count++] = name;
            }
        }
    }
}

char **dos_arguments(int *argc) {
    args[count++] = text;
    for (const char *p = program_path(); *p != '\0' && text_used < PATH_LEN; ++p) {
        add_char(*p == '\\' ? '/' : *p);
    }
    text[text_used++] = '\0';
    const char *tail = (const char *)(dos_psp() * 16 + 0x80);
    split(tail + 1, tail + 1 + (uint8_t)tail[0], true);
    *argc = count;
    return args;
}
