// The bytes of keys: see keyboard.h. Portable, so that the tests run it on the host.

#include <string.h>

#include "cp437.h"
#include "keyboard.h"

// xterm's numbers of modifiers, less 1.
enum { SHIFT = 1, ALT = 2, CTRL = 4 };

// A final character alone (ESC [ A), or below 'A' the number of ESC [ n ~.
enum { UP = 'A', DOWN, RIGHT, LEFT, CENTRE, END, HOME = 'H', F1 = 'P', F2, F3, F4, INS = 2, DEL, PGUP = 5, PGDN };

// Scan codes of the keys that have no character, with what they mean.
static const uint8_t special[][3] = {
    { 0x47, HOME, 0 }, { 0x48, UP, 0 }, { 0x49, PGUP, 0 }, { 0x4b, LEFT, 0 }, { 0x4c, CENTRE, 0 },
    { 0x4d, RIGHT, 0 }, { 0x4f, END, 0 }, { 0x50, DOWN, 0 }, { 0x51, PGDN, 0 }, { 0x52, INS, 0 },
    { 0x53, DEL, 0 },
    { 0x77, HOME, CTRL }, { 0x8d, UP, CTRL }, { 0x84, PGUP, CTRL }, { 0x73, LEFT, CTRL },
    { 0x8f, CENTRE, CTRL }, { 0x74, RIGHT, CTRL }, { 0x75, END, CTRL }, { 0x91, DOWN, CTRL },
    { 0x76, PGDN, CTRL }, { 0x92, INS, CTRL }, { 0x93, DEL, CTRL },
    { 0x97, HOME, ALT }, { 0x98, UP, ALT }, { 0x99, PGUP, ALT }, { 0x9b, LEFT, ALT },
    { 0x9d, RIGHT, ALT }, { 0x9f, END, ALT }, { 0xa0, DOWN, ALT }, { 0xa1, PGDN, ALT },
    { 0xa2, INS, ALT }, { 0xa3, DEL, ALT },
};

static const uint8_t function_keys[12] = { F1, F2, F3, F4, 15, 17, 18, 19, 20, 21, 23, 24 };

// Where each row of function keys starts: F1 to F10, then F11 and F12, by modifier.
static const uint8_t function_rows[][4] = {
    { 0x3b, 10, 0, 0 }, { 0x54, 10, 0, SHIFT }, { 0x5e, 10, 0, CTRL }, { 0x68, 10, 0, ALT },
    { 0x85, 2, 10, 0 }, { 0x87, 2, 10, SHIFT }, { 0x89, 2, 10, CTRL }, { 0x8b, 2, 10, ALT },
};

// Scan codes of Alt with a key, in runs: the first, and the characters.
static const struct {
    uint8_t scan;
    const char *chars;
} alt_runs[] = {
    { 0x01, "\033" }, { 0x0e, "\177" }, { 0x10, "qwertyuiop[]\r" }, { 0x1e, "asdfghjkl;'`" },
    { 0x2b, "\\zxcvbnm,./" }, { 0x37, "*" }, { 0x39, " " }, { 0x4a, "-" }, { 0x4e, "+" },
    { 0x78, "1234567890-=" }, { 0xa4, "/" }, { 0xa5, "\t" }, { 0xa6, "\r" },
};

// Ctrl with keys of the keypad and the tabulator: the characters themselves.
static const uint8_t ctrl_chars[][2] = {
    { 0x8e, '-' }, { 0x90, '+' }, { 0x94, '\t' }, { 0x95, '/' }, { 0x96, '*' },
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static size_t number(char *out, unsigned n) {
    size_t len = 0;
    if (n >= 10) {
        out[len++] = '0' + n / 10;
    }
    out[len++] = '0' + n % 10;
    return len;
}

// ESC [ A, ESC O A, ESC [ 1 ; 5 A, ESC [ 3 ~ or ESC [ 3 ; 5 ~.
static size_t sequence(uint8_t what, uint8_t modifiers, bool app_cursor, char *out) {
    bool letter = what >= 'A';
    size_t len = 0;
    out[len++] = '\033';
    if (letter && modifiers == 0) {
        out[len++] = what >= F1 || app_cursor ? 'O' : '[';
        out[len++] = what;
        return len;
    }
    out[len++] = '[';
    len += number(out + len, letter ? 1 : what);
    if (modifiers != 0) {
        out[len++] = ';';
        out[len++] = '1' + modifiers;
    }
    out[len++] = letter ? what : '~';
    return len;
}

static size_t alt_key(uint8_t scan, bool shift, char *out) {
    for (size_t i = 0; i < COUNT(alt_runs); ++i) {
        const char *chars = alt_runs[i].chars;
        for (size_t j = 0; chars[j] != '\0'; ++j) {
            if (alt_runs[i].scan + j == scan) {
                out[0] = '\033';
                out[1] = shift && chars[j] >= 'a' && chars[j] <= 'z' ? chars[j] - 'a' + 'A' : chars[j];
                return 2;
            }
        }
    }
    return 0;
}

// A key without a character. grey: of the keys between letters and keypad, which shift leaves as they are.
static size_t special_key(uint8_t scan, uint8_t flags, bool grey, bool app_cursor, char *out) {
    bool shift = (flags & KEYBOARD_SHIFT) != 0;
    for (size_t i = 0; i < COUNT(special); ++i) {
        if (special[i][0] == scan) {
            return sequence(special[i][1], special[i][2] | (grey && shift ? SHIFT : 0), app_cursor, out);
        }
    }
    for (size_t i = 0; i < COUNT(function_rows); ++i) {
        const uint8_t *row = function_rows[i];
        if (scan >= row[0] && scan < row[0] + row[1]) {
            return sequence(function_keys[scan - row[0] + row[2]], row[3], false, out);
        }
    }
    for (size_t i = 0; i < COUNT(ctrl_chars); ++i) {
        if (ctrl_chars[i][0] == scan) {
            out[0] = ctrl_chars[i][1];
            return 1;
        }
    }
    if (scan == 0x0f) {
        memcpy(out, "\033[Z", 3); // Shift-Tab
        return 3;
    }
    if (scan == 0x03) {
        out[0] = '\0'; // Ctrl-2, which is Ctrl-@
        return 1;
    }
    return alt_key(scan, shift, out);
}

static size_t utf8(uint16_t code, char *out) {
    if (code < 0x80) {
        out[0] = code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = 0xc0 | code >> 6;
        out[1] = 0x80 | (code & 0x3f);
        return 2;
    }
    out[0] = 0xe0 | code >> 12;
    out[1] = 0x80 | (code >> 6 & 0x3f);
    out[2] = 0x80 | (code & 0x3f);
    return 3;
}

size_t keyboard_bytes(uint16_t key, uint8_t flags, bool app_cursor, char *out) {
    uint8_t scan = key >> 8;
    uint8_t c = key & 0xff;
    // The enhanced BIOS marks keys that older keyboards had not: E0h, and F0h for some with Alt.
    // Typed with Alt and their decimal codes these two are characters, with scan code 0.
    if (c == 0 || ((c == 0xe0 || c == 0xf0) && scan != 0)) {
        return key == 0 ? 0 : special_key(scan, flags, c == 0xe0, app_cursor, out);
    }
    if (scan == 0x0e && (c == 0x08 || c == 0x7f)) {
        // Backspace and Ctrl-Backspace, which on terminals are the other way round.
        out[0] = c == 0x08 ? 0x7f : 0x08;
        return 1;
    }
    if (scan == 0x39 && c == ' ' && (flags & KEYBOARD_CTRL)) {
        out[0] = '\0';
        return 1;
    }
    if (scan == 0x39 && c == ' ' && (flags & KEYBOARD_ALT)) {
        return alt_key(scan, false, out);
    }
    return utf8(c < 0x80 ? c : cp437_unicode[c], out);
}
