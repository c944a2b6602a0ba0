// What the emulator does to the cells: writing, erasing, scrolling, both screens, tabs, the cursor.

#include <string.h>

#include "cp437.h"
#include "vt100.h"

#define TAB_WIDTH (8)

void vt100_dirty(vt100_t *vt, unsigned y, unsigned from, unsigned to) {
    if (from < vt->dirty_from[y]) {
        vt->dirty_from[y] = from;
    }
    if (to > vt->dirty_to[y]) {
        vt->dirty_to[y] = to;
    }
}

void vt100_erase(vt100_t *vt, unsigned y, unsigned from, unsigned to) {
    if (to > vt->cols) {
        to = vt->cols;
    }
    if (from >= to) {
        return;
    }
    uint16_t *row = vt100_row(vt, y);
    for (unsigned x = from; x < to; ++x) {
        row[x] = vt->blank << 8 | ' ';
    }
    vt100_dirty(vt, y, from, to);
}

// Moves the rows of the region n up; the n rows below are blank then.
void vt100_scroll_up(vt100_t *vt, unsigned top, unsigned bottom, unsigned n) {
    unsigned height = bottom - top + 1;
    if (n > height) {
        n = height;
    }
    uint8_t lines[VT100_MAX_ROWS];
    memcpy(lines, vt->line + top, height);
    for (unsigned i = 0; i < height; ++i) {
        vt->line[top + i] = lines[i + n < height ? i + n : i + n - height];
        vt100_dirty(vt, top + i, 0, vt->cols);
    }
    for (unsigned i = height - n; i < height; ++i) {
        vt100_erase(vt, top + i, 0, vt->cols);
    }
}

void vt100_scroll_down(vt100_t *vt, unsigned top, unsigned bottom, unsigned n) {
    unsigned height = bottom - top + 1;
    if (n > height) {
        n = height;
    }
    uint8_t lines[VT100_MAX_ROWS];
    memcpy(lines, vt->line + top, height);
    for (unsigned i = 0; i < height; ++i) {
        vt->line[top + i] = lines[i < n ? i + height - n : i - n];
        vt100_dirty(vt, top + i, 0, vt->cols);
    }
    for (unsigned i = 0; i < n; ++i) {
        vt100_erase(vt, top + i, 0, vt->cols);
    }
}

void vt100_insert_cells(vt100_t *vt, unsigned n) {
    unsigned x = vt->cur.x;
    unsigned room = vt->cols - x;
    if (n > room) {
        n = room;
    }
    uint16_t *row = vt100_row(vt, vt->cur.y);
    memmove(row + x + n, row + x, (room - n) * sizeof(*row));
    vt100_erase(vt, vt->cur.y, x, x + n);
    vt100_dirty(vt, vt->cur.y, x, vt->cols);
}

void vt100_delete_cells(vt100_t *vt, unsigned n) {
    unsigned x = vt->cur.x;
    unsigned room = vt->cols - x;
    if (n > room) {
        n = room;
    }
    uint16_t *row = vt100_row(vt, vt->cur.y);
    memmove(row + x, row + x + n, (room - n) * sizeof(*row));
    vt100_erase(vt, vt->cur.y, vt->cols - n, vt->cols);
    vt100_dirty(vt, vt->cur.y, x, vt->cols);
}

// ---------------------------------------------------------------- Characters

static void next_line_if_full(vt100_t *vt) {
    if (vt->cur.wrap) {
        vt->cur.x = 0;
        vt100_line_feed(vt);
    }
}

void vt100_put_cell(vt100_t *vt, uint8_t c) {
    next_line_if_full(vt);
    vt100_cursor_t *cur = &vt->cur;
    if (vt->insert) {
        vt100_insert_cells(vt, 1);
    }
    vt100_row(vt, cur->y)[cur->x] = vt->attr << 8 | c;
    vt100_dirty(vt, cur->y, cur->x, cur->x + 1);
    vt->last = c;
    if (cur->x + 1 < vt->cols) {
        ++cur->x;
    } else {
        cur->wrap = vt->autowrap;
    }
}

// An accent after its letter: the letter before the cursor gets it when the code page has both as one.
static void combine(vt100_t *vt, uint32_t mark) {
    vt100_cursor_t *cur = &vt->cur;
    if (vt->last == 0 || (cur->x == 0 && !cur->wrap)) {
        return;
    }
    unsigned x = cur->wrap ? cur->x : cur->x - 1;
    uint16_t *cell = vt100_row(vt, cur->y) + x;
    *cell = (*cell & 0xff00) | cp437_compose(*cell & 0xff, mark);
    vt100_dirty(vt, cur->y, x, x + 1);
}

void vt100_put(vt100_t *vt, uint32_t code) {
    vt100_cursor_t *cur = &vt->cur;
    if (code < 0x80) {
        uint8_t c = code;
        if (cur->charset[cur->shift] == '0') {
            c = cp437_line_drawing(c);
        }
        vt100_put_cell(vt, c);
        return;
    }
    if (code < 0xa0) {
        // Eight-bit control characters: only their forms with ESC are known.
        return;
    }
    unsigned width = cp437_width(code);
    if (width == 0) {
        combine(vt, code);
        return;
    }
    if (width == 2 && vt->autowrap && cur->x + 1 == vt->cols) {
        cur->wrap = true;
        next_line_if_full(vt);
    }
    bool room = cur->wrap || cur->x + 1 < vt->cols;
    vt100_put_cell(vt, cp437_from_unicode(code));
    if (width == 2 && room) {
        vt100_put_cell(vt, ' ');
    }
}

// ---------------------------------------------------------------- The cursor

// Within the screen, or in origin mode within the region.
void vt100_move(vt100_t *vt, int x, int y) {
    vt100_cursor_t *cur = &vt->cur;
    int top = cur->origin ? vt->top : 0;
    int bottom = cur->origin ? vt->bottom : vt->rows - 1;
    cur->x = x < 0 ? 0 : x >= vt->cols ? vt->cols - 1 : x;
    cur->y = y < top ? top : y > bottom ? bottom : y;
    cur->wrap = false;
}

void vt100_line_feed(vt100_t *vt) {
    vt100_cursor_t *cur = &vt->cur;
    cur->wrap = false;
    if (cur->y == vt->bottom) {
        vt100_scroll_up(vt, vt->top, vt->bottom, 1);
    } else if (cur->y + 1 < vt->rows) {
        ++cur->y;
    }
}

void vt100_reverse_line_feed(vt100_t *vt) {
    vt100_cursor_t *cur = &vt->cur;
    cur->wrap = false;
    if (cur->y == vt->top) {
        vt100_scroll_down(vt, vt->top, vt->bottom, 1);
    } else if (cur->y > 0) {
        --cur->y;
    }
}

void vt100_reset_tabs(vt100_t *vt) {
    memset(vt->tabs, 0, sizeof(vt->tabs));
    for (unsigned x = TAB_WIDTH; x < VT100_MAX_COLS; x += TAB_WIDTH) {
        vt->tabs[x / 8] |= 1 << x % 8;
    }
}

void vt100_tab(vt100_t *vt, unsigned n) {
    unsigned x = vt->cur.x;
    while (n > 0 && x + 1 < vt->cols) {
        ++x;
        n -= vt->tabs[x / 8] >> x % 8 & 1;
    }
    // A tab at the end of the line is not the end of waiting for the next line.
    vt->cur.x = x;
}

void vt100_back_tab(vt100_t *vt, unsigned n) {
    unsigned x = vt->cur.x;
    while (n > 0 && x > 0) {
        --x;
        n -= vt->tabs[x / 8] >> x % 8 & 1;
    }
    vt100_move(vt, x, vt->cur.y);
}

// ---------------------------------------------------------------- Saving and the alternate screen

void vt100_save(vt100_t *vt) {
    vt->saved[vt->alternate] = vt->cur;
}

void vt100_restore(vt100_t *vt) {
    vt->cur = vt->saved[vt->alternate];
    vt100_update_attr(vt);
}

void vt100_set_alternate(vt100_t *vt, bool on) {
    if (on == vt->alternate) {
        return;
    }
    vt->alternate = on;
    size_t bytes = vt->cols * sizeof(uint16_t);
    for (unsigned y = 0; y < vt->rows; ++y) {
        uint16_t *kept = vt->main + y * vt->cols;
        if (on) {
            memcpy(kept, vt100_row(vt, y), bytes);
            vt100_erase(vt, y, 0, vt->cols);
        } else {
            memcpy(vt100_row(vt, y), kept, bytes);
            vt100_dirty(vt, y, 0, vt->cols);
        }
    }
}

// ---------------------------------------------------------------- Start and reset

// All modes but the screen's size, its contents, the cursor's place and the tabs.
void vt100_reset_modes(vt100_t *vt) {
    vt->top = 0;
    vt->bottom = vt->rows - 1;
    vt->insert = vt->newline = vt->app_cursor = vt->app_keypad = false;
    vt->autowrap = vt->visible = true;
    vt100_cursor_t fresh = {
        .charset = { 'B', '0' },
        .pen = { VT100_DEFAULT, VT100_DEFAULT, 0 },
    };
    vt->saved[0] = vt->saved[1] = fresh;
    fresh.x = vt->cur.x;
    fresh.y = vt->cur.y;
    vt->cur = fresh;
    vt->last = 0;
    vt100_update_attr(vt);
}

void vt100_soft_reset(vt100_t *vt) {
    vt->state = 0;
    vt->need = 0;
    if (vt->alternate) {
        // Where the cursor was when the alternate screen came, if the program saved it.
        vt100_set_alternate(vt, false);
        vt100_move(vt, vt->saved[0].x, vt->saved[0].y);
    }
    vt100_reset_modes(vt);
    vt100_reset_tabs(vt);
}

void vt100_resize(vt100_t *vt, unsigned cols, unsigned rows) {
    vt->cols = cols < 2 ? 2 : cols > VT100_MAX_COLS ? VT100_MAX_COLS : cols;
    vt->rows = rows < 2 ? 2 : rows > VT100_MAX_ROWS ? VT100_MAX_ROWS : rows;
    vt->alternate = false;
    vt->cur.x = vt->cur.y = 0;
    vt100_reset_modes(vt);
    vt100_reset_tabs(vt);
    for (unsigned y = 0; y < vt->rows; ++y) {
        vt->line[y] = y;
        vt->dirty_from[y] = vt->cols;
        vt->dirty_to[y] = 0;
        vt100_erase(vt, y, 0, vt->cols);
    }
}

void vt100_init(vt100_t *vt, unsigned cols, unsigned rows) {
    vt->state = 0;
    vt->need = 0;
    vt100_resize(vt, cols, rows);
}
