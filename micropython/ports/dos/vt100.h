// A VT100 with xterm's usual additions, over an array of cells as the text screen has them.
//
// Portable C without the machine below: screen.c copies what is dirty to the video memory, and
// the tests run it on the host. Text comes as UTF-8 and is kept as code page 437.
#ifndef MICROPY_INCLUDED_DOS_VT100_H
#define MICROPY_INCLUDED_DOS_VT100_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The largest screen; of a larger one the upper left part is used.
#define VT100_MAX_COLS (132)
#define VT100_MAX_ROWS (60)
#define VT100_MAX_PARAMS (16)

// Colours are those of the text screen (4 is red), or the one that DOS had at the start.
#define VT100_DEFAULT (16)

enum {
    VT100_BOLD = 1,
    VT100_DIM = 2,
    VT100_UNDERLINE = 4,
    VT100_BLINK = 8,
    VT100_REVERSE = 16,
    VT100_HIDDEN = 32,
};

typedef struct _vt100_pen_t {
    uint8_t fg, bg, flags;
} vt100_pen_t;

// What "save cursor" saves.
typedef struct _vt100_cursor_t {
    uint8_t x, y;
    bool wrap; // the last column was written: the next character goes to the next line
    bool origin; // rows count from the top of the scrolling region
    uint8_t charset[2]; // 'B' ASCII or '0' line drawing
    uint8_t shift; // which of both is in use
    vt100_pen_t pen;
} vt100_cursor_t;

typedef struct _vt100_t {
    uint8_t cols, rows;
    uint8_t top, bottom; // the scrolling region, both inclusive
    vt100_cursor_t cur;
    vt100_cursor_t saved[2]; // of the main and the alternate screen
    bool alternate, insert, autowrap, newline, visible, app_cursor, app_keypad;

    // Set by the owner.
    bool onlcr; // a line feed goes to column 0, as a terminal's line discipline makes it
    bool mono; // a monochrome adapter's attributes
    bool blinks; // attribute bit 7 blinks; otherwise it is a bright background
    uint8_t base; // the attribute that DOS had
    void (*reply)(const char *s, size_t n);
    void (*bell)(void);

    uint8_t attr; // of characters written now
    uint8_t blank; // of cells that are erased
    uint8_t last; // the last character, for REP; 0 if there was none

    // The parser.
    uint8_t state, marker, inter;
    uint8_t nparams;
    uint16_t params[VT100_MAX_PARAMS];
    uint16_t sub; // bit n: parameter n came after a colon
    uint16_t string_len;
    uint32_t code; // UTF-8
    uint8_t need, low, high;

    uint8_t tabs[(VT100_MAX_COLS + 7) / 8];
    uint8_t line[VT100_MAX_ROWS]; // where in cells each row lies: scrolling moves these
    uint8_t dirty_from[VT100_MAX_ROWS]; // columns to be shown anew, from (inclusive)
    uint8_t dirty_to[VT100_MAX_ROWS]; // to (exclusive)
    uint16_t cells[VT100_MAX_ROWS * VT100_MAX_COLS];
    uint16_t main[VT100_MAX_ROWS * VT100_MAX_COLS]; // the main screen while the alternate one is shown
} vt100_t;

// The caller zeroes vt and sets the owner's fields before.
void vt100_init(vt100_t *vt, unsigned cols, unsigned rows);
// A new size, after which the cells are blank.
void vt100_resize(vt100_t *vt, unsigned cols, unsigned rows);
void vt100_write(vt100_t *vt, const char *s, size_t n);
// Back to the main screen and to all modes as at the start; what is on the screen stays.
void vt100_soft_reset(vt100_t *vt);
// The cells of a row.
static inline uint16_t *vt100_row(vt100_t *vt, unsigned y) {
    return vt->cells + vt->line[y] * vt->cols;
}

// Between the emulator's files.
void vt100_update_attr(vt100_t *vt);
void vt100_sgr(vt100_t *vt);
void vt100_csi(vt100_t *vt, uint8_t final);
void vt100_esc(vt100_t *vt, uint8_t final);
void vt100_put(vt100_t *vt, uint32_t code);
void vt100_put_cell(vt100_t *vt, uint8_t c);
void vt100_move(vt100_t *vt, int x, int y);
void vt100_line_feed(vt100_t *vt);
void vt100_reverse_line_feed(vt100_t *vt);
void vt100_scroll_up(vt100_t *vt, unsigned top, unsigned bottom, unsigned n);
void vt100_scroll_down(vt100_t *vt, unsigned top, unsigned bottom, unsigned n);
void vt100_erase(vt100_t *vt, unsigned y, unsigned from, unsigned to);
void vt100_insert_cells(vt100_t *vt, unsigned n);
void vt100_delete_cells(vt100_t *vt, unsigned n);
void vt100_dirty(vt100_t *vt, unsigned y, unsigned from, unsigned to);
void vt100_set_alternate(vt100_t *vt, bool on);
void vt100_save(vt100_t *vt);
void vt100_restore(vt100_t *vt);
void vt100_reset_modes(vt100_t *vt);
void vt100_reset_tabs(vt100_t *vt);
void vt100_tab(vt100_t *vt, unsigned n);
void vt100_back_tab(vt100_t *vt, unsigned n);

#endif // MICROPY_INCLUDED_DOS_VT100_H
