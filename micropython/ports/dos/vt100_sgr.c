// Colours and attributes: SGR's parameters to a pen, the pen to an attribute of the text screen.

#include "vt100.h"

// ANSI counts red, green, blue from bit 0; the text screen blue, green, red.
static uint8_t screen_colour(unsigned ansi) {
    return (ansi & 8) | (ansi & 1) << 2 | (ansi & 2) | (ansi & 4) >> 2;
}

// The sixteen colours' red, green, blue as a VGA shows them.
static const uint8_t palette[16][3] = {
    { 0, 0, 0 }, { 0, 0, 170 }, { 0, 170, 0 }, { 0, 170, 170 },
    { 170, 0, 0 }, { 170, 0, 170 }, { 170, 85, 0 }, { 170, 170, 170 },
    { 85, 85, 85 }, { 85, 85, 255 }, { 85, 255, 85 }, { 85, 255, 255 },
    { 255, 85, 85 }, { 255, 85, 255 }, { 255, 255, 85 }, { 255, 255, 255 },
};

static uint8_t nearest(int r, int g, int b) {
    unsigned best = 0;
    int least = 1 << 30;
    for (unsigned i = 0; i < 16; ++i) {
        int dr = r - palette[i][0], dg = g - palette[i][1], db = b - palette[i][2];
        // The eye sees differences in green best, in blue least.
        int distance = 3 * dr * dr + 4 * dg * dg + 2 * db * db;
        if (distance < least) {
            least = distance;
            best = i;
        }
    }
    return best;
}

// The steps of the cube of 6 x 6 x 6 colours that follows the first 16 of 256.
static int cube(unsigned step) {
    return step == 0 ? 0 : 55 + 40 * step;
}

static uint8_t of_256(unsigned n) {
    if (n < 16) {
        return screen_colour(n);
    }
    if (n < 232) {
        n -= 16;
        return nearest(cube(n / 36), cube(n / 6 % 6), cube(n % 6));
    }
    int grey = 8 + 10 * (int)((n < 256 ? n : 255) - 232);
    return nearest(grey, grey, grey);
}

static int component(unsigned n) {
    return n > 255 ? 255 : n;
}

// 38 or 48 at index i: 5;n, 2;r;g;b, 5:n, 2:r:g:b or 2:space:r:g:b. Gives the index after it.
static unsigned extended(vt100_t *vt, unsigned i, uint8_t *colour) {
    const uint16_t *p = vt->params;
    unsigned end = i + 1;
    while (end < vt->nparams && (vt->sub >> end & 1)) {
        ++end;
    }
    bool colons = end > i + 1;
    if (!colons) {
        end = vt->nparams;
    }
    unsigned given = end - i - 1;
    if (given >= 2 && p[i + 1] == 5) {
        *colour = of_256(p[i + 2]);
        return colons ? end : i + 3;
    }
    if (given >= 4 && p[i + 1] == 2) {
        unsigned rgb = i + (colons && given >= 5 ? 3 : 2);
        *colour = nearest(component(p[rgb]), component(p[rgb + 1]), component(p[rgb + 2]));
        return colons ? end : i + 5;
    }
    return end;
}

static void set_flag(vt100_pen_t *pen, unsigned n) {
    static const uint8_t on[10] = {
        [1] = VT100_BOLD, [2] = VT100_DIM, [4] = VT100_UNDERLINE, [5] = VT100_BLINK,
        [6] = VT100_BLINK, [7] = VT100_REVERSE, [8] = VT100_HIDDEN,
    };
    // 21 is a double underline.
    static const uint8_t off[10] = {
        [2] = VT100_BOLD | VT100_DIM, [4] = VT100_UNDERLINE, [5] = VT100_BLINK,
        [7] = VT100_REVERSE, [8] = VT100_HIDDEN,
    };
    if (n == 0) {
        pen->fg = pen->bg = VT100_DEFAULT;
        pen->flags = 0;
    } else if (n < 10) {
        pen->flags |= on[n];
    } else if (n == 21) {
        pen->flags |= VT100_UNDERLINE;
    } else if (n >= 20 && n < 30) {
        pen->flags &= ~off[n - 20];
    }
}

static void set_pen(vt100_pen_t *pen, unsigned n) {
    if (n < 30) {
        set_flag(pen, n);
    } else if (n < 38) {
        pen->fg = screen_colour(n - 30);
    } else if (n == 39) {
        pen->fg = VT100_DEFAULT;
    } else if (n >= 40 && n < 48) {
        pen->bg = screen_colour(n - 40);
    } else if (n == 49) {
        pen->bg = VT100_DEFAULT;
    } else if (n >= 90 && n < 98) {
        pen->fg = screen_colour(n - 90 + 8);
    } else if (n >= 100 && n < 108) {
        pen->bg = screen_colour(n - 100 + 8);
    }
}

void vt100_sgr(vt100_t *vt) {
    vt100_pen_t *pen = &vt->cur.pen;
    if (vt->nparams == 0) {
        set_pen(pen, 0);
    }
    for (unsigned i = 0; i < vt->nparams;) {
        unsigned n = vt->params[i];
        if (n == 38 || n == 48) {
            i = extended(vt, i, n == 38 ? &pen->fg : &pen->bg);
            continue;
        }
        // 4:0 is no underline, 4:3 a curly one. Other codes have no such forms.
        bool none = n == 4 && i + 1 < vt->nparams && (vt->sub >> (i + 1) & 1) && vt->params[i + 1] == 0;
        set_pen(pen, none ? 24 : n);
        do {
            ++i;
        } while (i < vt->nparams && (vt->sub >> i & 1));
    }
    vt100_update_attr(vt);
}

// ---------------------------------------------------------------- The attribute

// A monochrome adapter knows normal, bright, underlined, reverse, blinking and nothing.
static uint8_t mono_attr(const vt100_pen_t *pen) {
    uint8_t flags = pen->flags;
    uint8_t attr = flags & VT100_UNDERLINE ? 0x01 : 0x07;
    bool light = pen->bg != VT100_DEFAULT && pen->bg != 0;
    if (flags & VT100_HIDDEN) {
        attr = 0x00;
    } else if (!(flags & VT100_REVERSE) != !light) {
        attr = 0x70;
    } else if (flags & VT100_BOLD) {
        attr |= 0x08;
    }
    return flags & VT100_BLINK ? attr | 0x80 : attr;
}

static uint8_t colour_attr(const vt100_t *vt, const vt100_pen_t *pen) {
    uint8_t flags = pen->flags;
    uint8_t base_bg = vt->base >> 4 & (vt->blinks ? 7 : 15);
    uint8_t fg = pen->fg == VT100_DEFAULT ? vt->base & 15 : pen->fg;
    uint8_t bg = pen->bg == VT100_DEFAULT ? base_bg : pen->bg;
    if ((flags & VT100_UNDERLINE) && pen->fg == VT100_DEFAULT) {
        fg = 3; // Cyan, as Linux's console shows it.
    }
    if (flags & VT100_BOLD) {
        fg |= 8;
    } else if (flags & VT100_UNDERLINE) {
        fg |= pen->fg == VT100_DEFAULT ? 0 : 8;
    } else if ((flags & VT100_DIM) && pen->fg == VT100_DEFAULT) {
        fg = 8;
    }
    if (flags & VT100_REVERSE) {
        // Bright letters on black become black ones on grey, not dark grey ones.
        uint8_t was = fg;
        fg = bg;
        bg = was & 7;
    }
    if (vt->blinks) {
        bg &= 7;
    }
    if (flags & VT100_HIDDEN) {
        fg = bg;
    } else if (fg == bg && pen->fg != pen->bg) {
        // Two colours that are one here: the text stays legible.
        fg = bg & 2 ? 0 : fg ^ 8;
    }
    uint8_t attr = bg << 4 | fg;
    return flags & VT100_BLINK ? attr | 0x80 : attr;
}

void vt100_update_attr(vt100_t *vt) {
    const vt100_pen_t *pen = &vt->cur.pen;
    // What is erased has the present background and no attributes.
    vt100_pen_t blank = { VT100_DEFAULT, pen->bg, 0 };
    if (vt->mono) {
        vt->attr = mono_attr(pen);
        blank.bg = VT100_DEFAULT;
        vt->blank = mono_attr(&blank);
    } else {
        vt->attr = colour_attr(vt, pen);
        vt->blank = colour_attr(vt, &blank);
    }
}
