// Code page 437, which every PC's text screen has, and what Unicode becomes on it.
#ifndef MICROPY_INCLUDED_DOS_CP437_H
#define MICROPY_INCLUDED_DOS_CP437_H

#include <stdint.h>

// The code of a character, of one that looks like it, or '?'. Not for control characters.
uint8_t cp437_from_unicode(uint32_t code);
// What the screen shows for each code: those below 32 are signs too.
extern const uint16_t cp437_unicode[256];
// Cells that a character takes: 0 (combining), 1 or 2.
unsigned cp437_width(uint32_t code);
// The code of a letter with a combining mark, or the letter.
uint8_t cp437_compose(uint8_t letter, uint32_t mark);
// DEC's line drawing set; what is not in it stays as it is.
uint8_t cp437_line_drawing(uint8_t c);

#endif // MICROPY_INCLUDED_DOS_CP437_H
