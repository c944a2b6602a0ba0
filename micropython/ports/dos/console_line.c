// Reading from the console: whole lines with echo and editing, or raw bytes.

#include <string.h>

#include "py/mphal.h"
#include "py/runtime.h"

#include "console.h"
#include "console_line.h"
#include "keyboard.h"

#define CTRL_C (3)
#define CTRL_D (4)
#define CTRL_U (21)
#define CTRL_Z (26)
#define ESC (27)
#define DEL (127)

// Polls come at least this often.
#define WAIT_MS (1000)

static char line[258];
static size_t line_len;
static size_t line_given; // of a finished line, what the reader has
static bool line_done;
static bool line_eof;

static bool is_continuation(char c) {
    return (c & 0xc0) == 0x80;
}

static bool is_control(char c) {
    return (unsigned char)c < ' ';
}

// Control characters are shown as ^A, the tabulator as a space.
static void echo(const char *s, size_t n) {
    if (n == 1 && *s == '\t') {
        console_write(" ", 1);
    } else if (n == 1 && is_control(*s)) {
        char shown[2] = { '^', *s + '@' };
        console_write(shown, 2);
    } else {
        console_write(s, n);
    }
}

static void erase_last(void) {
    char c;
    do {
        c = line[--line_len];
    } while (line_len > 0 && is_continuation(c));
    if (is_control(c) && c != '\t') {
        console_back();
    }
    console_back();
}

static void erase_line(void) {
    while (line_len > 0) {
        erase_last();
    }
}

static void finish(bool eof) {
    line_done = true;
    line_eof = eof;
    line_given = 0;
}

static void take_char(const char *s, size_t n) {
    // The end of the line always has room.
    if (line_len + n < sizeof(line) - 1) {
        memcpy(line + line_len, s, n);
        line_len += n;
        echo(s, n);
    } else {
        console_write("\a", 1);
    }
}

static void take_key(const char *s, size_t n) {
    switch (*s) {
        case '\r':
        case '\n':
            line[line_len++] = '\n';
            console_write("\r\n", 2);
            finish(false);
            break;
        case '\b':
        case DEL:
            if (line_len > 0) {
                erase_last();
            }
            break;
        case ESC:
            // The key itself empties the line as in DOS; other keys that begin so have no meaning here.
            if (n == 1) {
                erase_line();
            }
            break;
        case CTRL_U:
            erase_line();
            break;
        case CTRL_Z:
        case CTRL_D:
            if (line_len == 0) {
                console_write("\r\n", 2);
                finish(true);
            }
            break;
        case CTRL_C:
            // It came between two looks of dos_poll().
            if (mp_interrupt_char == CTRL_C) {
                mp_sched_keyboard_interrupt();
            }
            break;
        case '\0':
            break;
        default:
            take_char(s, n);
            break;
    }
}

static void take_keys(void) {
    char key[KEYBOARD_BYTES_MAX];
    size_t n;
    while (!line_done && (n = console_read_key(key)) > 0) {
        take_key(key, n);
    }
}

// Waits for a key. False: an exception is pending, which the caller's caller raises. A line that Ctrl-C cuts off
// is forgotten.
static bool wait_for_keys(bool echo_break) {
    dos_wait(WAIT_MS);
    if (MP_STATE_THREAD(mp_pending_exception) == MP_OBJ_NULL) {
        mp_handle_pending(true); // Runs what was scheduled.
        return true;
    }
    if (echo_break) {
        line_len = 0;
        console_write("^C\r\n", 4);
    }
    return false;
}

size_t console_read_line(char *buf, size_t n) {
    for (;;) {
        take_keys();
        if (line_done) {
            break;
        }
        if (!wait_for_keys(true)) {
            return 0;
        }
    }
    size_t left = line_eof ? 0 : line_len - line_given;
    if (n > left) {
        n = left;
    }
    memcpy(buf, line + line_given, n);
    line_given += n;
    if (line_eof || line_given == line_len) {
        line_len = 0;
        line_done = line_eof = false;
    }
    return n;
}

size_t console_read(char *buf, size_t n) {
    if (n == 0) {
        return 0;
    }
    if (!console_is_raw()) {
        return console_read_line(buf, n);
    }
    while (!console_input_ready()) {
        if (!wait_for_keys(false)) {
            return 0;
        }
    }
    size_t got = 0;
    int c;
    while (got < n && (c = console_read_byte()) >= 0) {
        buf[got++] = c;
    }
    return got;
}

bool console_read_ready(void) {
    if (console_is_raw()) {
        return console_input_ready();
    }
    take_keys();
    return line_done;
}
