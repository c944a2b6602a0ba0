// The emulator's sequences: what ESC x, ESC ( x, ESC # x and CSI ... x do.

#include <string.h>

#include "vt100.h"

// Parameter i; a missing one, and 0, is fallback.
static unsigned param(const vt100_t *vt, unsigned i, unsigned fallback) {
    return i < vt->nparams && vt->params[i] != 0 ? vt->params[i] : fallback;
}

// ---------------------------------------------------------------- Answers

typedef struct _answer_t {
    char text[24];
    size_t len;
} answer_t;

static void answer_text(answer_t *a, const char *s) {
    while (*s != '\0') {
        a->text[a->len++] = *s++;
    }
}

static void answer_number(answer_t *a, unsigned n) {
    if (n >= 10) {
        answer_number(a, n / 10);
    }
    a->text[a->len++] = '0' + n % 10;
}

static void answer_pair(vt100_t *vt, const char *start, unsigned first, unsigned second, const char *end) {
    answer_t a = {{0}, 0};
    answer_text(&a, start);
    answer_number(&a, first);
    answer_text(&a, ";");
    answer_number(&a, second);
    answer_text(&a, end);
    if (vt->reply) {
        vt->reply(a.text, a.len);
    }
}

static void answer(vt100_t *vt, const char *s) {
    if (vt->reply) {
        vt->reply(s, strlen(s));
    }
}

// A VT100 with the advanced video option.
#define IDENTITY "\033[?1;2c"

static void device_status(vt100_t *vt) {
    const vt100_cursor_t *cur = &vt->cur;
    unsigned row = cur->y + 1 - (cur->origin ? vt->top : 0);
    if (vt->marker == 0 && param(vt, 0, 0) == 5) {
        answer(vt, "\033[0n");
    } else if (param(vt, 0, 0) == 6) {
        answer_pair(vt, vt->marker ? "\033[?" : "\033[", row, cur->x + 1, "R");
    }
}

static void device_attributes(vt100_t *vt) {
    if (param(vt, 0, 0) != 0) {
        return;
    }
    if (vt->marker == 0) {
        answer(vt, IDENTITY);
    } else if (vt->marker == '>') {
        // Terminal type VT100, and a version so old that nobody asks for more.
        answer(vt, "\033[>0;10;0c");
    }
}

// ---------------------------------------------------------------- Modes

static void set_charset(vt100_t *vt, unsigned which, uint8_t c) {
    vt->cur.charset[which] = c == '0' ? '0' : 'B';
}

static void home(vt100_t *vt) {
    vt100_move(vt, 0, vt->cur.origin ? vt->top : 0);
}

static void ansi_mode(vt100_t *vt, unsigned mode, bool on) {
    if (mode == 4) {
        vt->insert = on;
    } else if (mode == 20) {
        vt->newline = on;
    }
}

static void dec_mode(vt100_t *vt, unsigned mode, bool on) {
    switch (mode) {
        case 1:
            vt->app_cursor = on;
            break;
        case 6:
            vt->cur.origin = on;
            home(vt);
            break;
        case 7:
            vt->autowrap = on;
            vt->cur.wrap = vt->cur.wrap && on;
            break;
        case 25:
            vt->visible = on;
            break;
        case 47:
        case 1047:
            vt100_set_alternate(vt, on);
            break;
        case 1048:
            (on ? vt100_save : vt100_restore)(vt);
            break;
        case 1049:
            if (on == vt->alternate) {
                break;
            }
            if (on) {
                vt100_save(vt);
                vt100_set_alternate(vt, true);
            } else {
                vt100_set_alternate(vt, false);
                vt100_restore(vt);
            }
            break;
    }
}

static void set_modes(vt100_t *vt, bool on) {
    for (unsigned i = 0; i < vt->nparams; ++i) {
        if (vt->marker == '?') {
            dec_mode(vt, vt->params[i], on);
        } else if (vt->marker == 0) {
            ansi_mode(vt, vt->params[i], on);
        }
    }
}

static void set_region(vt100_t *vt) {
    unsigned top = param(vt, 0, 1) - 1;
    unsigned bottom = param(vt, 1, vt->rows) - 1;
    if (bottom >= vt->rows) {
        bottom = vt->rows - 1;
    }
    if (top < bottom) {
        vt->top = top;
        vt->bottom = bottom;
        home(vt);
    }
}

static void full_reset(vt100_t *vt) {
    vt100_soft_reset(vt);
    vt->cur.x = vt->cur.y = 0;
    for (unsigned y = 0; y < vt->rows; ++y) {
        vt100_erase(vt, y, 0, vt->cols);
    }
}

// DECSTR: modes only. Neither the screen nor which one is shown.
static void string_reset(vt100_t *vt) {
    vt100_cursor_t *cur = &vt->cur;
    uint8_t x = cur->x, y = cur->y;
    vt100_reset_modes(vt);
    cur->x = x;
    cur->y = y;
}

static void alignment(vt100_t *vt) {
    vt->top = 0;
    vt->bottom = vt->rows - 1;
    for (unsigned y = 0; y < vt->rows; ++y) {
        uint16_t *row = vt100_row(vt, y);
        for (unsigned x = 0; x < vt->cols; ++x) {
            row[x] = vt->attr << 8 | 'E';
        }
        vt100_dirty(vt, y, 0, vt->cols);
    }
    vt100_move(vt, 0, 0);
}

// ---------------------------------------------------------------- Moving

// Up and down stop at the region's edge, when they start inside of it, and at the screen's.
static void move_up(vt100_t *vt, unsigned n, bool first_column) {
    vt100_cursor_t *cur = &vt->cur;
    int stop = cur->y >= vt->top ? vt->top : 0;
    int y = cur->y - (int)n;
    vt100_move(vt, first_column ? 0 : cur->x, y < stop ? stop : y);
}

static void move_down(vt100_t *vt, unsigned n, bool first_column) {
    vt100_cursor_t *cur = &vt->cur;
    int stop = cur->y <= vt->bottom ? vt->bottom : vt->rows - 1;
    int y = cur->y + (int)n;
    vt100_move(vt, first_column ? 0 : cur->x, y > stop ? stop : y);
}

static int row_param(vt100_t *vt, unsigned i) {
    return (int)param(vt, i, 1) - 1 + (vt->cur.origin ? vt->top : 0);
}

static bool csi_move(vt100_t *vt, uint8_t final) {
    vt100_cursor_t *cur = &vt->cur;
    unsigned n = param(vt, 0, 1);
    switch (final) {
        case 'A':
            move_up(vt, n, false);
            break;
        case 'B':
        case 'e':
            move_down(vt, n, false);
            break;
        case 'C':
        case 'a':
            vt100_move(vt, cur->x + (int)n, cur->y);
            break;
        case 'D':
            vt100_move(vt, cur->x - (int)n, cur->y);
            break;
        case 'E':
            move_down(vt, n, true);
            break;
        case 'F':
            move_up(vt, n, true);
            break;
        case 'G':
        case '`':
            vt100_move(vt, (int)n - 1, cur->y);
            break;
        case 'H':
        case 'f':
            vt100_move(vt, (int)param(vt, 1, 1) - 1, row_param(vt, 0));
            break;
        case 'I':
            vt100_tab(vt, n);
            break;
        case 'Z':
            vt100_back_tab(vt, n);
            break;
        case 'd':
            vt100_move(vt, cur->x, row_param(vt, 0));
            break;
        default:
            return false;
    }
    return true;
}

// ---------------------------------------------------------------- Editing

static void erase_line(vt100_t *vt, unsigned how) {
    vt100_cursor_t *cur = &vt->cur;
    vt100_erase(vt, cur->y, how == 0 ? cur->x : 0, how == 1 ? cur->x + 1u : vt->cols);
    cur->wrap = false;
}

static void erase_screen(vt100_t *vt, unsigned how) {
    if (how > 2) {
        return;
    }
    unsigned here = vt->cur.y;
    for (unsigned y = how == 0 ? here + 1 : 0; y < (how == 1 ? here : vt->rows); ++y) {
        vt100_erase(vt, y, 0, vt->cols);
    }
    if (how != 2) {
        erase_line(vt, how);
    }
    vt->cur.wrap = false;
}

static void edit_lines(vt100_t *vt, bool insert) {
    vt100_cursor_t *cur = &vt->cur;
    if (cur->y < vt->top || cur->y > vt->bottom) {
        return;
    }
    (insert ? vt100_scroll_down : vt100_scroll_up)(vt, cur->y, vt->bottom, param(vt, 0, 1));
    vt100_move(vt, 0, cur->y);
}

static void repeat(vt100_t *vt, unsigned n) {
    unsigned most = vt->cols * vt->rows;
    if (vt->last == 0) {
        return;
    }
    for (n = n < most ? n : most; n > 0; --n) {
        vt100_put_cell(vt, vt->last);
    }
}

static bool csi_edit(vt100_t *vt, uint8_t final) {
    vt100_cursor_t *cur = &vt->cur;
    unsigned n = param(vt, 0, 1);
    switch (final) {
        case 'J':
            erase_screen(vt, param(vt, 0, 0));
            break;
        case 'K':
            if (param(vt, 0, 0) <= 2) {
                erase_line(vt, param(vt, 0, 0));
            }
            break;
        case 'L':
            edit_lines(vt, true);
            break;
        case 'M':
            edit_lines(vt, false);
            break;
        case 'P':
            vt100_delete_cells(vt, n);
            cur->wrap = false;
            break;
        case '@':
            vt100_insert_cells(vt, n);
            cur->wrap = false;
            break;
        case 'X':
            vt100_erase(vt, cur->y, cur->x, cur->x + n);
            cur->wrap = false;
            break;
        case 'S':
            vt100_scroll_up(vt, vt->top, vt->bottom, n);
            break;
        case 'T':
            // With more parameters it is about the mouse.
            if (vt->nparams <= 1) {
                vt100_scroll_down(vt, vt->top, vt->bottom, n);
            }
            break;
        case 'b':
            repeat(vt, n);
            break;
        default:
            return false;
    }
    return true;
}

static void clear_tabs(vt100_t *vt) {
    unsigned how = param(vt, 0, 0);
    if (how == 0) {
        vt->tabs[vt->cur.x / 8] &= ~(1 << vt->cur.x % 8);
    } else if (how == 3) {
        memset(vt->tabs, 0, sizeof(vt->tabs));
    }
}

static void csi_plain(vt100_t *vt, uint8_t final) {
    if (csi_move(vt, final) || csi_edit(vt, final)) {
        return;
    }
    switch (final) {
        case 'g':
            clear_tabs(vt);
            break;
        case 'm':
            vt100_sgr(vt);
            break;
        case 'r':
            set_region(vt);
            break;
        case 's':
            vt100_save(vt);
            break;
        case 'u':
            vt100_restore(vt);
            break;
        case 't':
            if (param(vt, 0, 0) == 18) {
                answer_pair(vt, "\033[8;", vt->rows, vt->cols, "t");
            }
            break;
    }
}

void vt100_csi(vt100_t *vt, uint8_t final) {
    if (vt->inter != 0) {
        if (vt->inter == '!' && vt->marker == 0 && final == 'p') {
            string_reset(vt);
        }
    } else if (vt->sub != 0 && final != 'm') {
        return;
    } else if (final == 'h' || final == 'l') {
        set_modes(vt, final == 'h');
    } else if (final == 'n') {
        if (vt->marker == 0 || vt->marker == '?') {
            device_status(vt);
        }
    } else if (final == 'c') {
        device_attributes(vt);
    } else if (vt->marker == 0) {
        csi_plain(vt, final);
    } else if (vt->marker == '?' && (final == 'J' || final == 'K')) {
        // Selective erasing: nothing is protected here.
        csi_edit(vt, final);
    }
}

// ---------------------------------------------------------------- ESC x

void vt100_esc(vt100_t *vt, uint8_t final) {
    if (vt->inter == '(' || vt->inter == ')') {
        set_charset(vt, vt->inter - '(', final);
        return;
    }
    if (vt->inter != 0) {
        if (vt->inter == '#' && final == '8') {
            alignment(vt);
        }
        return;
    }
    switch (final) {
        case '7':
            vt100_save(vt);
            break;
        case '8':
            vt100_restore(vt);
            break;
        case '=':
        case '>':
            vt->app_keypad = final == '=';
            break;
        case 'D':
            vt100_line_feed(vt);
            break;
        case 'E':
            vt100_line_feed(vt);
            vt->cur.x = 0;
            break;
        case 'H':
            vt->tabs[vt->cur.x / 8] |= 1 << vt->cur.x % 8;
            break;
        case 'M':
            vt100_reverse_line_feed(vt);
            break;
        case 'Z':
            answer(vt, IDENTITY);
            break;
        case 'c':
            full_reset(vt);
            break;
    }
}
