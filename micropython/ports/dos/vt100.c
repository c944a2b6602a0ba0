// The emulator's entrance: bytes to characters, control characters and sequences.
//
// The states are those of DEC's parsers: a sequence may come in any pieces, a control character
// inside of one is obeyed at once, CAN and SUB end it, and what is not known has no effect.

#include <string.h>

#include "vt100.h"

enum {
    GROUND,
    ESCAPE, // after ESC
    ESCAPE_INTER, // after ESC and characters such as ( or #
    CSI,
    CSI_IGNORE, // a sequence that makes no sense, up to its end
    OSC_START, // after ESC ]
    OSC, // ends with BEL or ST
    STRING, // DCS, PM, APC, SOS: ends with ST
    STRING_ESC, // after ESC in one of both
    PALETTE, // Linux's ESC ] P and seven digits
};

// A string that never ends must not swallow everything: after so many bytes it is over.
#define STRING_MAX (16384)
#define PALETTE_DIGITS (7)
#define PARAM_MAX (9999)

static void control(vt100_t *vt, uint8_t c) {
    vt100_cursor_t *cur = &vt->cur;
    switch (c) {
        case 0x07:
            if (vt->bell) {
                vt->bell();
            }
            break;
        case 0x08:
            vt100_move(vt, cur->x - 1, cur->y);
            break;
        case 0x09:
            vt100_tab(vt, 1);
            break;
        case 0x0a:
        case 0x0b:
        case 0x0c:
            vt100_line_feed(vt);
            if (vt->newline || vt->onlcr) {
                cur->x = 0;
            }
            break;
        case 0x0d:
            vt100_move(vt, 0, cur->y);
            break;
        case 0x0e:
            cur->shift = 1;
            break;
        case 0x0f:
            cur->shift = 0;
            break;
    }
}

static void sequence_start(vt100_t *vt, uint8_t state) {
    vt->state = state;
    vt->marker = 0;
    vt->inter = 0;
    vt->nparams = 0;
    vt->params[0] = 0;
    vt->sub = 0;
    vt->string_len = 0;
}

static void escape_byte(vt100_t *vt, uint8_t c) {
    if (c <= 0x2f) {
        // Of more than one such character none is known.
        vt->inter = vt->state == ESCAPE ? c : 0xff;
        vt->state = ESCAPE_INTER;
        return;
    }
    if (vt->state == ESCAPE) {
        switch (c) {
            case '[':
                sequence_start(vt, CSI);
                return;
            case ']':
                sequence_start(vt, OSC_START);
                return;
            case 'P':
            case 'X':
            case '^':
            case '_':
                sequence_start(vt, STRING);
                return;
        }
    }
    vt->state = GROUND;
    vt100_esc(vt, c);
}

static void csi_param(vt100_t *vt, uint8_t c) {
    if (vt->nparams == 0) {
        vt->nparams = 1;
    }
    if (c == ';' || c == ':') {
        if (vt->nparams == VT100_MAX_PARAMS) {
            vt->state = CSI_IGNORE;
            return;
        }
        vt->sub |= (c == ':') << vt->nparams;
        vt->params[vt->nparams++] = 0;
        return;
    }
    uint16_t *param = &vt->params[vt->nparams - 1];
    unsigned value = *param * 10u + (c - '0');
    *param = value < PARAM_MAX ? value : PARAM_MAX;
}

static void csi_byte(vt100_t *vt, uint8_t c) {
    if (c >= 0x40) {
        bool known = vt->state == CSI;
        vt->state = GROUND;
        if (known) {
            vt100_csi(vt, c);
        }
    } else if (c >= 0x3c) {
        // < = > ? are allowed at the start only.
        if (vt->nparams != 0 || vt->marker != 0 || vt->inter != 0) {
            vt->state = CSI_IGNORE;
        }
        vt->marker = c;
    } else if (c >= 0x30) {
        if (vt->inter != 0) {
            vt->state = CSI_IGNORE;
        }
        if (vt->state == CSI) {
            csi_param(vt, c);
        }
    } else {
        vt->inter = vt->inter == 0 ? c : 0xff;
    }
}

// Whether the byte was part of the string. ESC ends it whatever follows: ST is only one such end.
static bool string_byte(vt100_t *vt, uint8_t c) {
    if (c == 0x1b) {
        vt->state = STRING_ESC;
        return true;
    }
    if (vt->state == STRING_ESC) {
        sequence_start(vt, c == '\\' ? GROUND : ESCAPE);
        return c == '\\';
    }
    if (vt->state == PALETTE) {
        if (++vt->string_len == PALETTE_DIGITS) {
            vt->state = GROUND;
        }
        return true;
    }
    if (vt->state == OSC_START) {
        // Linux's console has two that nothing ends: P with seven digits, and R.
        vt->state = c == 'P' ? PALETTE : c == 'R' ? GROUND : OSC;
        if (vt->state != OSC) {
            return true;
        }
    }
    if (++vt->string_len == STRING_MAX || (c == 0x07 && vt->state == OSC)) {
        vt->state = GROUND;
    }
    return true;
}

// A byte of 80h and above. A wrong sequence is one U+FFFD, and what follows it is looked at anew.
static void utf8_byte(vt100_t *vt, uint8_t c) {
    if (vt->need) {
        if (c >= vt->low && c <= vt->high) {
            vt->code = vt->code << 6 | (c & 0x3f);
            vt->low = 0x80;
            vt->high = 0xbf;
            if (--vt->need == 0) {
                vt100_put(vt, vt->code);
            }
            return;
        }
        vt->need = 0;
        vt100_put(vt, 0xfffd);
    }
    vt->low = 0x80;
    vt->high = 0xbf;
    if (c >= 0xc2 && c <= 0xdf) {
        vt->need = 1;
        vt->code = c & 0x1f;
    } else if (c >= 0xe0 && c <= 0xef) {
        // No overlong forms, no surrogates.
        vt->need = 2;
        vt->code = c & 0x0f;
        vt->low = c == 0xe0 ? 0xa0 : 0x80;
        vt->high = c == 0xed ? 0x9f : 0xbf;
    } else if (c >= 0xf0 && c <= 0xf4) {
        vt->need = 3;
        vt->code = c & 0x07;
        vt->low = c == 0xf0 ? 0x90 : 0x80;
        vt->high = c == 0xf4 ? 0x8f : 0xbf;
    } else {
        vt100_put(vt, 0xfffd);
    }
}

static void byte(vt100_t *vt, uint8_t c) {
    if (vt->need && c < 0x80) {
        vt->need = 0;
        vt100_put(vt, 0xfffd);
    }
    if (c == 0x18 || c == 0x1a) {
        vt->state = GROUND;
    } else if (vt->state >= OSC_START && string_byte(vt, c)) {
        return;
    } else if (c == 0x1b) {
        sequence_start(vt, ESCAPE);
    } else if (c < 0x20) {
        control(vt, c);
    } else if (c >= 0x80) {
        // Never part of a sequence: that one is broken.
        vt->state = GROUND;
        utf8_byte(vt, c);
    } else if (c == 0x7f) {
        return;
    } else if (vt->state == GROUND) {
        vt100_put(vt, c);
    } else if (vt->state <= ESCAPE_INTER) {
        escape_byte(vt, c);
    } else {
        csi_byte(vt, c);
    }
}

// Plain ASCII is most of what comes: straight into the row, as far as it goes. Gives the bytes taken.
static size_t plain(vt100_t *vt, const char *s, size_t n) {
    vt100_cursor_t *cur = &vt->cur;
    if (vt->state != GROUND || vt->need || vt->insert || cur->wrap || cur->charset[cur->shift] != 'B') {
        return 0;
    }
    size_t room = vt->cols - 1 - cur->x;
    if (n > room) {
        n = room;
    }
    uint16_t *cell = vt100_row(vt, cur->y) + cur->x;
    uint16_t attr = vt->attr << 8;
    size_t i = 0;
    for (; i < n && s[i] >= 0x20 && s[i] < 0x7f; ++i) {
        cell[i] = attr | (uint8_t)s[i];
    }
    if (i > 0) {
        vt->last = s[i - 1];
        vt100_dirty(vt, cur->y, cur->x, cur->x + i);
        cur->x += i;
    }
    return i;
}

void vt100_write(vt100_t *vt, const char *s, size_t n) {
    while (n > 0) {
        size_t done = plain(vt, s, n);
        if (done == 0) {
            byte(vt, *s);
            done = 1;
        }
        s += done;
        n -= done;
    }
}
