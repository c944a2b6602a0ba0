// The console's screen, and its input as bytes: see console.h. Lines are console_line.c's.

#include <string.h>

#include "console.h"
#include "console_line.h"
#include "dpmi.h"
#include "entropy.h"
#include "keyboard.h"
#include "screen.h"

#define BIOS_TICKS (0x46c)

// Cells that may be written to the video memory in one tick of 55 ms before only every tick's last
// state is shown. The video memory is slow: some 2 MB/s on an ISA bus.
#define TICK_CELLS (20000)
// What finding the dirty cells and moving the cursor costs, as so many cells.
#define SHOW_CELLS (64)

static vt100_t vt;
static bool running;
static bool raw;
static unsigned rows_at_start; // 0: not changed by us

// Bytes of keys, and of the emulator's answers, on their way to the reader.
static char input[64];
static uint8_t input_len;

// ---------------------------------------------------------------- Showing

static bool waiting; // something is not shown yet
static uint8_t shown_tick;
static unsigned shown_cells; // in that tick

static void show(void) {
    screen_show(&vt);
    waiting = false;
}

static void show_or_wait(void) {
    uint8_t tick = low8(BIOS_TICKS);
    if (tick != shown_tick) {
        shown_tick = tick;
        shown_cells = 0;
    }
    shown_cells += screen_pending(&vt) + SHOW_CELLS;
    if (shown_cells < TICK_CELLS) {
        show();
    } else {
        // Cells are counted again when they are shown; until the next tick all only wait.
        shown_cells = TICK_CELLS;
        waiting = true;
    }
}

void console_poll(void) {
    if (running) {
        screen_bell_poll(false);
        if (waiting && low8(BIOS_TICKS) != shown_tick) {
            show_or_wait();
        }
    }
}

void console_write(const char *s, size_t n) {
    if (!running) {
        return;
    }
    if (screen_touched(&vt)) {
        screen_attach(&vt);
    }
    vt100_write(&vt, s, n);
    screen_bell_poll(false);
    show_or_wait();
}

void console_size(unsigned *cols, unsigned *rows) {
    if (running && screen_touched(&vt)) {
        screen_attach(&vt);
    }
    *cols = vt.cols;
    *rows = vt.rows;
}

bool console_set_rows(unsigned rows) {
    unsigned before = screen_rows();
    if (!screen_has_rows(rows)) {
        return rows == before;
    }
    if (rows <= vt.cur.y) {
        // What is above the cursor stays on a lower screen.
        unsigned n = vt.cur.y - rows + 1;
        vt100_scroll_up(&vt, 0, vt.rows - 1, n);
        vt.cur.y -= n;
    }
    show();
    bool done = screen_set_rows(rows);
    if (rows_at_start == 0 && screen_rows() != before) {
        rows_at_start = before;
    }
    screen_attach(&vt);
    // Whatever was in the video memory below.
    for (unsigned y = before; y < vt.rows; ++y) {
        vt100_erase(&vt, y, 0, vt.cols);
    }
    show();
    return done;
}

void console_reset(void) {
    vt100_soft_reset(&vt);
    show();
}

// ---------------------------------------------------------------- Start and end

// The emulator's answers are for programs that read keys one by one. For others they would be lines that nobody typed.
static void reply(const char *s, size_t n) {
    if (raw && n <= sizeof(input) - input_len) {
        memcpy(input + input_len, s, n);
        input_len += n;
    }
}

void console_init(void) {
    vt.base = screen_attr();
    vt.reply = reply;
    vt.bell = screen_bell;
    vt.onlcr = true;
    screen_attach(&vt);
    running = true;
}

void console_suspend(void) {
    if (running) {
        show();
        screen_bell_poll(true);
    }
}

void console_resume(void) {
    if (running) {
        screen_attach(&vt);
        show();
    }
}

void console_deinit(void) {
    if (!running) {
        return;
    }
    if (screen_touched(&vt)) {
        screen_attach(&vt);
    }
    console_raw(false);
    console_reset();
    if (rows_at_start != 0) {
        console_set_rows(rows_at_start);
        rows_at_start = 0;
    }
    screen_bell_poll(true);
    running = false;
}

// ---------------------------------------------------------------- Input as bytes

bool console_input_ready(void) {
    uint16_t key;
    uint8_t flags;
    console_poll();
    // Some keys are no bytes.
    while (input_len == 0 && keyboard_get(&key, &flags)) {
        entropy_key_event();
        input_len = keyboard_bytes(key, flags, vt.app_cursor, input);
    }
    return input_len > 0;
}

int console_read_byte(void) {
    if (!console_input_ready()) {
        return -1;
    }
    uint8_t c = input[0];
    --input_len;
    memmove(input, input + 1, input_len);
    return c;
}

size_t console_read_key(char *buf) {
    if (!console_input_ready()) {
        return 0;
    }
    size_t n = input_len < KEYBOARD_BYTES_MAX ? input_len : KEYBOARD_BYTES_MAX;
    memcpy(buf, input, n);
    input_len = 0;
    return n;
}

bool console_take_ctrl_c(void) {
    bool found = keyboard_take_ctrl_c() || memchr(input, 3, input_len) != NULL;
    if (found) {
        input_len = 0;
    }
    return found;
}

void console_raw(bool on) {
    raw = on;
    if (!on) {
        vt.onlcr = true;
    }
}

bool console_is_raw(void) {
    return raw;
}

void console_newlines(bool on) {
    vt.onlcr = on;
}

// ---------------------------------------------------------------- For the line editor

void console_back(void) {
    // A line that fills the last column leaves the cursor on it: that cell is the one to erase.
    if (!vt.cur.wrap) {
        if (vt.cur.x > 0) {
            console_write("\b", 1);
        } else {
            console_write("\033[A\033[999G", 9);
        }
    }
    console_write("\033[X", 3);
}
