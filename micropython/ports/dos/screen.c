// The text screen: see screen.h.
//
// What is shown goes straight to the video memory, of which nothing is read again, as that is slow.
// The cursor is kept in the BIOS data area too, so that DOS and other programs go on below.

#include <string.h>

#include "dpmi.h"
#include "screen.h"

// The BIOS data area.
#define BIOS_MODE (0x449)
#define BIOS_COLS (0x44a)
#define BIOS_PAGE_START (0x44e)
#define BIOS_CURSOR (0x450)
#define BIOS_PAGE (0x462)
#define BIOS_CRTC_PORT (0x463)
#define BIOS_CRT_MODE (0x465)
#define BIOS_TICKS (0x46c)
#define BIOS_LAST_ROW (0x484)
#define BIOS_FONT_HEIGHT (0x485)
#define BIOS_EGA_INFO (0x487)

#define MODE_MONO (7)
#define MODE_TEXT (3)
#define MODE_LAST_BIOS (0x13)

#define CRTC_CURSOR_HIGH (0x0e)
#define CRTC_CURSOR_LOW (0x0f)

// A sound of 2 to 3 ticks of 55 ms, by the timer's third channel.
#define BELL_TICKS (3)
#define BELL_DIVISOR (1193182 / 800)

// The screen's own geometry; the emulator may use less.
static unsigned cols, rows;
static uint32_t video;
static uint16_t page_start;
static uint16_t cursor_set; // what screen_show() left in the BIOS data area
static uint8_t mode_set;
static uint32_t cursor_shown; // what the adapter has

static void poke16(uint32_t linear, uint16_t value) {
    *(volatile uint16_t *)linear = value;
}

static uint32_t cursor_address(void) {
    return BIOS_CURSOR + 2 * (low8(BIOS_PAGE) & 7);
}

unsigned screen_rows(void) {
    // Adapters before the EGA leave 0 there, and have 25.
    unsigned last = low8(BIOS_LAST_ROW);
    return last == 0 ? 25 : last + 1;
}

static bool is_text_mode(void) {
    uint8_t mode = low8(BIOS_MODE) & 0x7f;
    if (mode > MODE_LAST_BIOS) {
        // Some adapter's own: its graphics controller knows.
        outb(0x3ce, 6);
        return (inb(0x3cf) & 1) == 0;
    }
    return mode <= MODE_TEXT || mode == MODE_MONO;
}

static void look(void) {
    if (!is_text_mode() || low16(BIOS_COLS) == 0) {
        struct real_regs r = { .eax = MODE_TEXT };
        real_int(0x10, &r);
    }
    mode_set = low8(BIOS_MODE);
    cols = low16(BIOS_COLS);
    rows = screen_rows();
    page_start = low16(BIOS_PAGE_START);
    video = (mode_set == MODE_MONO ? 0xb0000 : 0xb8000) + page_start;
}

static volatile uint16_t *video_cell(unsigned x, unsigned y) {
    return (volatile uint16_t *)video + y * cols + x;
}

uint8_t screen_attr(void) {
    look();
    uint16_t cursor = low16(cursor_address());
    unsigned x = cursor & 0xff, y = cursor >> 8;
    uint8_t attr = x < cols && y < rows ? *video_cell(x, y) >> 8 : 0;
    // Text in the colour of its background would not be seen.
    return (attr & 7) == (attr >> 4 & 7) && !(attr & 8) ? 0x07 : attr;
}

void screen_attach(vt100_t *vt) {
    look();
    vt->mono = mode_set == MODE_MONO;
    vt->blinks = (low8(BIOS_CRT_MODE) & 0x20) != 0;
    unsigned most_cols = cols < VT100_MAX_COLS ? cols : VT100_MAX_COLS;
    unsigned most_rows = rows < VT100_MAX_ROWS ? rows : VT100_MAX_ROWS;
    if (vt->cols != most_cols || vt->rows != most_rows) {
        vt100_resize(vt, cols, rows);
    } else {
        vt100_update_attr(vt);
    }
    for (unsigned y = 0; y < vt->rows; ++y) {
        uint16_t *row = vt100_row(vt, y);
        for (unsigned x = 0; x < vt->cols; ++x) {
            row[x] = *video_cell(x, y);
        }
        vt->dirty_from[y] = vt->cols;
        vt->dirty_to[y] = 0;
    }
    cursor_set = low16(cursor_address());
    cursor_shown = UINT32_MAX;
    uint8_t x = cursor_set & 0xff, y = cursor_set >> 8;
    vt->cur.x = x;
    vt->cur.y = y;
    if (x >= vt->cols) {
        vt->cur.x = vt->cols - 1;
    }
    if (y >= vt->rows) {
        vt->cur.y = vt->rows - 1;
    }
    vt->cur.wrap = false;
}

bool screen_touched(const vt100_t *vt) {
    return low16(cursor_address()) != cursor_set || low8(BIOS_MODE) != mode_set
           || low16(BIOS_COLS) != cols || screen_rows() != rows || low16(BIOS_PAGE_START) != page_start;
}

unsigned screen_pending(const vt100_t *vt) {
    unsigned n = 0;
    for (unsigned y = 0; y < vt->rows; ++y) {
        if (vt->dirty_to[y] > vt->dirty_from[y]) {
            n += vt->dirty_to[y] - vt->dirty_from[y];
        }
    }
    return n;
}

static void show_cursor(const vt100_t *vt) {
    // A hidden cursor is below the last row.
    uint32_t place = page_start / 2
        + (vt->visible ? vt->cur.y * cols + vt->cur.x : rows * cols);
    cursor_set = vt->cur.y << 8 | vt->cur.x;
    poke16(cursor_address(), cursor_set);
    uint16_t port = low16(BIOS_CRTC_PORT);
    if (cursor_shown != place) {
        outb(port, CRTC_CURSOR_HIGH);
        outb(port + 1, place >> 8 & 0xff);
        outb(port, CRTC_CURSOR_LOW);
        outb(port + 1, place & 0xff);
    }
    cursor_shown = place;
}

void screen_show(vt100_t *vt) {
    for (unsigned y = 0; y < vt->rows; ++y) {
        unsigned from = vt->dirty_from[y], to = vt->dirty_to[y];
        if (to > from) {
            memcpy((void *)video_cell(from, y), vt100_row(vt, y) + from, (to - from) * sizeof(uint16_t));
            vt->dirty_from[y] = vt->cols;
            vt->dirty_to[y] = 0;
        }
    }
    show_cursor(vt);
}

// ---------------------------------------------------------------- Rows

// INT 10h's function that loads the font for so many rows; 0 if the adapter has none.
static uint16_t font_function(unsigned wanted) {
    // INT 10h/1A00h: 7 and 8 are a VGA. Adapters before the EGA leave the last row 0.
    struct real_regs r = { .eax = 0x1a00 };
    real_int(0x10, &r);
    bool vga = (r.eax & 0xff) == 0x1a && (r.ebx & 0xff) >= 7;
    bool ega = !vga && low8(BIOS_LAST_ROW) != 0;
    if (wanted == 25 && (vga || ega)) {
        return vga ? 0x1114 : 0x1111;
    }
    if (wanted == 28 && vga) {
        return 0x1111;
    }
    return (wanted == 50 && vga) || (wanted == 43 && ega) ? 0x1112 : 0;
}

bool screen_has_rows(unsigned wanted) {
    return font_function(wanted) != 0;
}

bool screen_set_rows(unsigned wanted) {
    struct real_regs r = { .eax = font_function(wanted) };
    if (r.eax != 0) {
        real_int(0x10, &r);
    }
    return screen_rows() == wanted;
}

// ---------------------------------------------------------------- The bell

static bool sounding;
static uint8_t bell_start;

void screen_bell(void) {
    bell_start = low8(BIOS_TICKS);
    if (sounding) {
        return;
    }
    sounding = true;
    outb(0x43, 0xb6);
    outb(0x42, BELL_DIVISOR & 0xff);
    outb(0x42, BELL_DIVISOR >> 8);
    outb(0x61, inb(0x61) | 3);
}

void screen_bell_poll(bool now) {
    if (sounding && (now || (uint8_t)(low8(BIOS_TICKS) - bell_start) >= BELL_TICKS)) {
        sounding = false;
        outb(0x61, inb(0x61) & ~3);
    }
}
