// Code page 437: see cp437.h.

#include <stdbool.h>
#include <stddef.h>

#include "cp437.h"
#include "cp437_table.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

// Braille patterns are drawn as diagrams: the more dots, the darker.
static uint8_t of_braille(uint8_t dots) {
    unsigned n = 0;
    for (; dots != 0; dots &= dots - 1) {
        ++n;
    }
    static const uint8_t shades[9] = { ' ', 0xfa, 0xfa, 0xb0, 0xb0, 0xb1, 0xb1, 0xb2, 0xdb };
    return shades[n];
}

uint8_t cp437_from_unicode(uint32_t code) {
    if (code < 0x80) {
        return code;
    }
    if (code >= 0x2800 && code <= 0x28ff) {
        return of_braille(code & 0xff);
    }
    if (code >= 0xff01 && code <= 0xff5e) {
        return code - 0xff01 + '!';
    }
    size_t low = 0, high = COUNT(cp437_codes);
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (cp437_codes[middle].code < code) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < COUNT(cp437_codes) && cp437_codes[low].code == code ? cp437_codes[low].c : '?';
}

uint8_t cp437_compose(uint8_t letter, uint32_t mark) {
    for (size_t i = 0; i < COUNT(cp437_composed); ++i) {
        if (cp437_composed[i][0] == letter && cp437_composed[i][1] + 0x300u == mark) {
            return cp437_composed[i][2];
        }
    }
    return letter;
}

static bool in_ranges(const uint16_t (*ranges)[2], size_t high, uint32_t code) {
    size_t low = 0;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (ranges[middle][1] < code) {
            low = middle + 1;
        } else if (ranges[middle][0] > code) {
            high = middle;
        } else {
            return true;
        }
    }
    return false;
}

unsigned cp437_width(uint32_t code) {
    if (code < 0x300) {
        return 1;
    }
    if (code >= 0x10000) {
        // Pictures and ideographs; tags and further variation selectors; the rest is old scripts.
        return (code >= 0x1f300 && code <= 0x1faff) || (code >= 0x20000 && code <= 0x3fffd) ? 2
            : code >= 0xe0000 && code <= 0xe01ef ? 0 : 1;
    }
    if (in_ranges(width_zero, COUNT(width_zero), code)) {
        return 0;
    }
    return in_ranges(width_two, COUNT(width_two), code) ? 2 : 1;
}

uint8_t cp437_line_drawing(uint8_t c) {
    static const uint8_t codes[0x20] = {
        ' ', // 5Fh
        0x04, 0xb1, 0x1a, 0x19, 0x1b, 0x19, 0xf8, 0xf1, // ` to g: diamond, board, HT, FF, CR, LF, degree, plus/minus
        0xb0, 0x19, 0xd9, 0xbf, 0xda, 0xc0, 0xc5, // h to n: lighter board, VT, corners, crossing
        0xc4, 0xc4, 0xc4, 0xc4, '_', // o to s: scan lines
        0xc3, 0xb4, 0xc1, 0xc2, 0xb3, // t to x: tees, vertical bar
        0xf3, 0xf2, 0xe3, '#', 0x9c, 0xfa, // y to ~: less or equal, greater or equal, pi, not equal, pound, dot
    };
    // Linux's console has arrows and a block there too.
    static const uint8_t more[][2] = {
        { '+', 0x1a }, { ',', 0x1b }, { '-', 0x18 }, { '.', 0x19 }, { '0', 0xdb },
    };
    for (size_t i = 0; i < COUNT(more); ++i) {
        if (more[i][0] == c) {
            return more[i][1];
        }
    }
    return c >= 0x5f && c <= 0x7e ? codes[c - 0x5f] : c;
}
