// Streams of hostile output into the emulator: fuzz FIRST_SEED SEEDS. Built with sanitizers.
//
// After each piece all that the rest of the console relies on is checked.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vt100.h"

static vt100_t vt;
static uint32_t state;
static size_t replied;

static uint32_t next(void) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

static uint32_t below(uint32_t n) {
    return next() % n;
}

static void reply(const char *s, size_t n) {
    for (size_t i = 0; i < n; ++i) {
        replied += s[i] != 0;
    }
    if (n == 0 || n > 24 || s[0] != 27) {
        abort();
    }
}

static size_t text(char *out, const char *s) {
    memcpy(out, s, strlen(s));
    return strlen(s);
}

static size_t number(char *out) {
    static const char *const odd[] = {
        "0", "1", "", "65535", "65536", "4294967296", "99999999999999999999", "-1", "255", "256", "32768", "9999", "132", "60",
    };
    if (below(4) == 0) {
        return text(out, odd[below(sizeof(odd) / sizeof(odd[0]))]);
    }
    return sprintf(out, "%u", below(below(2) ? 8 : 140));
}

static size_t csi(char *out) {
    size_t n = text(out, "\033[");
    static const char markers[] = "??\?>=<";
    if (below(4) == 0) {
        out[n++] = markers[below(6)];
    }
    for (unsigned count = below(below(8) ? 4 : 24); count > 0; --count) {
        n += number(out + n);
        out[n++] = below(8) ? ';' : ':';
    }
    if (below(3)) {
        n += number(out + n);
    }
    if (below(16) == 0) {
        out[n++] = ' ' + below(16);
    }
    static const char finals[] = "ABCDEFGHIJKLMPSTXZ@`abcdefghlmnrstu";
    out[n++] = below(8) ? finals[below(sizeof(finals) - 1)] : (char)(0x40 + below(0x3f));
    return n;
}

static size_t mode(char *out) {
    static const unsigned modes[] = { 1, 3, 4, 5, 6, 7, 12, 20, 25, 47, 1000, 1006, 1047, 1048, 1049, 2004, 2026 };
    return sprintf(out, "\033[?%u%c", modes[below(17)], below(2) ? 'h' : 'l');
}

static size_t escape(char *out) {
    static const char *const known[] = {
        "\0337", "\0338", "\033D", "\033E", "\033M", "\033H", "\033Z", "\033=", "\033>", "\033(0", "\033(B", "\033)0", "\033#8",
        "\033c", "\033[!p", "\033]0;title\a", "\033]P1234567", "\033]R", "\033P+q544e\033\\", "\033^x\033\\", "\033_y\033\\",
        "\033X", "\033]", "\033P", "\030", "\032", "\033\\", "\033%G", "\033 F", "\033[", "\033", "\033]52;c;",
    };
    return text(out, known[below(sizeof(known) / sizeof(known[0]))]);
}

static size_t utf8(char *out) {
    static const char *const parts[] = {
        "\xc3\xa9", "e\xcc\x81", "\xe2\x94\x80", "\xe4\xb8\xad", "\xf0\x9f\x98\x80", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
        "\xe2\x94", "\xf0\x9f", "\xff", "\x80", "\xc2\x9b" "1m", "\xef\xbf\xbd", "\xe2\xa0\xbf", "\xef\xbb\xbf", "\xf3\xa0\x87\xaf",
    };
    return text(out, parts[below(sizeof(parts) / sizeof(parts[0]))]);
}

static size_t piece(char *out) {
    size_t n = 0;
    switch (below(8)) {
        case 0:
        case 1:
            return csi(out);
        case 2:
            return mode(out);
        case 3:
            return escape(out);
        case 4:
            return utf8(out);
        case 5:
            for (unsigned count = below(8); count > 0; --count) {
                out[n++] = below(0x20);
            }
            return n;
        case 6:
            for (unsigned count = below(64); count > 0; --count) {
                out[n++] = next();
            }
            return n;
        default:
            for (unsigned count = below(200); count > 0; --count) {
                out[n++] = ' ' + below(95);
            }
            return n;
    }
}

static void check(uint32_t seed) {
    bool lines[VT100_MAX_ROWS] = { false };
    bool good = vt.cols <= VT100_MAX_COLS && vt.rows <= VT100_MAX_ROWS && vt.cur.x < vt.cols && vt.cur.y < vt.rows
        && vt.top < vt.bottom && vt.bottom < vt.rows && (!vt.cur.wrap || vt.cur.x == vt.cols - 1)
        && vt.saved[0].x < vt.cols && vt.saved[0].y < vt.rows && vt.saved[1].x < vt.cols && vt.saved[1].y < vt.rows
        && vt.nparams <= VT100_MAX_PARAMS;
    for (unsigned y = 0; good && y < vt.rows; ++y) {
        good = vt.line[y] < vt.rows && !lines[vt.line[y]] && vt.dirty_from[y] <= vt.cols && vt.dirty_to[y] <= vt.cols;
        lines[vt.line[y] % VT100_MAX_ROWS] = true;
    }
    for (size_t i = (size_t)vt.cols * vt.rows; good && i < sizeof(vt.cells) / sizeof(vt.cells[0]); ++i) {
        good = vt.cells[i] == 0xa5a5 && vt.main[i] == 0xa5a5;
    }
    if (!good) {
        printf("seed %u breaks what must hold\n", seed);
        abort();
    }
}

static void run(uint32_t seed) {
    static const uint8_t sizes[][2] = { { 80, 25 }, { 80, 50 }, { 40, 25 }, { 132, 60 }, { 2, 2 }, { 3, 4 } };
    state = seed * 2654435761u + 1;
    memset(&vt, 0, sizeof(vt));
    memset(vt.cells, 0xa5, sizeof(vt.cells));
    memset(vt.main, 0xa5, sizeof(vt.main));
    vt.base = next();
    vt.mono = below(8) == 0;
    vt.blinks = below(2);
    vt.onlcr = below(2);
    vt.reply = reply;
    const uint8_t *size = sizes[below(6)];
    vt100_init(&vt, size[0], size[1]);
    for (unsigned i = 0; i < 400; ++i) {
        char out[1024];
        size_t n = piece(out);
        // Sometimes cut short, so that the next piece begins in the middle of a sequence.
        if (below(8) == 0 && n > 0) {
            n = below(n);
        }
        char *exact = malloc(n + 1);
        memcpy(exact, out, n);
        vt100_write(&vt, exact, n);
        free(exact);
        check(seed);
    }
    vt100_soft_reset(&vt);
    check(seed);
}

int main(int argc, char **argv) {
    uint32_t first = argc > 1 ? strtoul(argv[1], NULL, 10) : 1;
    uint32_t seeds = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000;
    for (uint32_t seed = first; seed - first < seeds; ++seed) {
        run(seed);
    }
    printf("%u seeds, %zu bytes of answers\n", seeds, replied);
    return 0;
}
