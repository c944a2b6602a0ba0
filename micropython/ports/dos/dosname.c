// Paths as programs write them, made paths as DOS takes them.
//
// DOS cuts names that are too long, drops trailing dots and opens devices wherever their name turns up
// ("C:\DATA\CON.TXT" is the console). A program must not lose a file by that, so such names are refused.

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "posix.h"

// Characters that no name on DOS holds, and those that only a long name holds.
#define NEVER_CHARS "\"*/:<>?\\|"
#define LONG_ONLY_CHARS "+,;=[] "

#define SHORT_BASE (8)
#define SHORT_EXT (3)
#define LONG_NAME (255)

unsigned dos_low_text(unsigned offset, const char *text) {
    strcpy((char *)low_buf + offset, text);
    return offset;
}

unsigned dos_current_drive(void) {
    struct real_regs r = { .eax = 0x1900 };
    dos_int21(&r);
    return r.eax & 0xff;
}

// A PC with one floppy drive has it as both A: and B:, and DOS asks for the other disk when the letter
// changes. The drive is given the letter that is used instead.
static void take_floppy_letter(unsigned drive) {
    if (drive > 1) {
        return;
    }
    struct real_regs r = { .eax = 0x440e, .ebx = drive + 1 };
    if (dos_int21(&r) == 0 && (r.eax & 0xff) != 0 && (r.eax & 0xff) != drive + 1) {
        r = (struct real_regs) { .eax = 0x440f, .ebx = drive + 1 };
        dos_int21(&r);
    }
}

// Whether DOS offers long names on the drive.
static bool has_long_names(unsigned drive) {
    enum { UNKNOWN, NO, YES };
    static uint8_t state[26];
    static bool none;
    if (none || drive >= 26) {
        return false;
    }
    if (state[drive] == UNKNOWN) {
        char root[] = { 'A' + drive, ':', '\\', '\0' };
        struct real_regs r = { .eax = 0x71a0, .ecx = 32, .es = low_buf_seg, .edi = LOW_DATA, .ds = low_buf_seg };
        r.edx = dos_low_text(LOW_PATH, root);
        int error = dos_int21(&r);
        if ((r.eax & 0xffff) == 0x7100) {
            none = true;
        } else if (error == 0) {
            state[drive] = (r.ebx & 0x4000) ? YES : NO;
        }
    }
    return state[drive] == YES;
}

int dos_path_cwd(unsigned drive, struct dos_path *out) {
    take_floppy_letter(drive);
    out->drive = drive;
    out->device = false;
    out->lfn = has_long_names(drive);
    struct real_regs r = { .eax = out->lfn ? 0x7147 : 0x4700, .edx = drive + 1, .ds = low_buf_seg, .esi = LOW_DATA };
    low_buf[LOW_DATA] = '\0';
    int error = dos_int21(&r);
    if (error != 0) {
        return error;
    }
    out->text[0] = 'A' + drive;
    out->text[1] = ':';
    out->text[2] = '\\';
    strncpy(out->text + 3, (char *)low_buf + LOW_DATA, sizeof(out->text) - 4);
    out->text[sizeof(out->text) - 1] = '\0';
    return 0;
}

bool dos_path_is_root(const struct dos_path *path) {
    return !path->device && path->text[3] == '\0';
}

uint32_t dos_path_hash(const struct dos_path *path) {
    uint32_t hash = 2166136261; // FNV-1a
    for (const char *s = path->text; *s != '\0'; ++s) {
        hash = (hash ^ (uint8_t)toupper((uint8_t)*s)) * 16777619;
    }
    return hash;
}

// Whether the n characters of s, without what follows a dot, name a character device that DOS or one of its
// drivers always has. Of other devices open() notices when it has opened one.
static bool is_device_name(const char *s, size_t n) {
    static const char names[] = "CON\0NUL\0PRN\0AUX\0CLOCK$\0CONFIG$\0";
    const char *dot = memchr(s, '.', n);
    n = dot != NULL ? (size_t)(dot - s) : n;
    char upper[8];
    if (n < 3 || n >= sizeof(upper)) {
        return false;
    }
    for (size_t i = 0; i < n; ++i) {
        upper[i] = toupper((uint8_t)s[i]);
    }
    upper[n] = '\0';
    for (const char *name = names; *name != '\0'; name += strlen(name) + 1) {
        if (strcmp(upper, name) == 0) {
            return true;
        }
    }
    return n == 4 && (memcmp(upper, "COM", 3) == 0 || memcmp(upper, "LPT", 3) == 0) && upper[3] >= '1' && upper[3] <= '9';
}

// Checks a name in DOS's characters.
static int check_name(const char *s, bool lfn) {
    size_t n = strlen(s);
    if (is_device_name(s, n)) {
        return EINVAL;
    }
    for (size_t i = 0; i < n; ++i) {
        uint8_t c = s[i];
        if (c < 0x20 || strchr(NEVER_CHARS, c) != NULL || (!lfn && strchr(LONG_ONLY_CHARS, c) != NULL)) {
            return EINVAL;
        }
    }
    if (s[n - 1] == '.' || s[n - 1] == ' ') {
        return EINVAL;
    }
    if (lfn) {
        return n > LONG_NAME ? ENAMETOOLONG : 0;
    }
    const char *dot = strchr(s, '.');
    if (dot == s || (dot != NULL && strchr(dot + 1, '.') != NULL)) {
        return EINVAL;
    }
    size_t base = dot != NULL ? (size_t)(dot - s) : n;
    size_t ext = dot != NULL ? n - base - 1 : 0;
    return base > SHORT_BASE || ext > SHORT_EXT ? ENAMETOOLONG : 0;
}

// Takes the next name off *s, in DOS's characters.
static int next_name(const char **s, char *name, size_t size) {
    size_t n = 0;
    while (**s != '\0' && **s != '/' && **s != '\\') {
        int c = dos_from_utf8(s);
        if (c < 0) {
            return EINVAL;
        }
        if (n == size - 1) {
            return ENAMETOOLONG;
        }
        name[n++] = c;
    }
    name[n] = '\0';
    while (**s == '/' || **s == '\\') {
        ++*s;
    }
    return 0;
}

static int append_name(struct dos_path *out, const char *name) {
    size_t n = strlen(out->text);
    if (strcmp(name, "") == 0 || strcmp(name, ".") == 0) {
        return 0;
    }
    if (strcmp(name, "..") == 0) {
        char *last = strrchr(out->text, '\\');
        last[last == out->text + 2] = '\0'; // the root stays
        return 0;
    }
    int error = check_name(name, out->lfn);
    if (error != 0) {
        return error;
    }
    bool root = out->text[n - 1] == '\\';
    if (n + !root + strlen(name) >= (out->lfn ? DOS_PATH_MAX : SHORT_PATH_MAX)) {
        return ENAMETOOLONG;
    }
    if (!root) {
        out->text[n++] = '\\';
    }
    for (; *name != '\0'; ++name) {
        out->text[n++] = out->lfn ? *name : toupper((uint8_t)*name);
    }
    out->text[n] = '\0';
    return 0;
}

int dos_path_resolve(const char *path, struct dos_path *out) {
    if (path[0] == '\0') {
        return ENOENT;
    }
    size_t n = strlen(path);
    if (is_device_name(path, n) && strchr(path, '.') == NULL) {
        // Written just so, it is meant.
        out->device = true;
        out->lfn = false;
        out->drive = 0;
        for (size_t i = 0; i <= n; ++i) {
            out->text[i] = toupper((uint8_t)path[i]);
        }
        return 0;
    }
    unsigned drive;
    if (path[1] == ':' && isalpha((uint8_t)path[0])) {
        drive = toupper((uint8_t)path[0]) - 'A';
        path += 2;
    } else {
        drive = dos_current_drive();
    }
    int error = dos_path_cwd(drive, out);
    if (error != 0) {
        return error;
    }
    if (path[0] == '/' || path[0] == '\\') {
        out->text[3] = '\0';
        while (path[0] == '/' || path[0] == '\\') {
            ++path;
        }
    }
    while (path[0] != '\0') {
        char name[LONG_NAME + 2];
        error = next_name(&path, name, sizeof(name));
        if (error == 0) {
            error = append_name(out, name);
        }
        if (error != 0) {
            return error;
        }
    }
    return 0;
}
