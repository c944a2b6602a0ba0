// The text screen: video memory, cursor and size as the BIOS keeps them.
#ifndef MICROPY_INCLUDED_DOS_SCREEN_H
#define MICROPY_INCLUDED_DOS_SCREEN_H

#include <stdbool.h>
#include <stdint.h>

#include "vt100.h"

// Looks at the mode that the screen is in, and takes over what it shows and where the cursor is.
void screen_attach(vt100_t *vt);
// Whether somebody else moved the cursor or changed the mode since the last screen_show().
bool screen_touched(const vt100_t *vt);
// Cells that screen_show() would write now.
unsigned screen_pending(const vt100_t *vt);
// Shows what is dirty, and the cursor.
void screen_show(vt100_t *vt);
// The attribute at the cursor; that of characters which DOS writes next.
uint8_t screen_attr(void);
// Rows of the text mode: 25, and on a VGA 28 and 50, on an EGA 43. False if there is no such mode.
bool screen_has_rows(unsigned rows);
bool screen_set_rows(unsigned rows);
unsigned screen_rows(void);

void screen_bell(void);
// Ends the sound when it has lasted long enough.
void screen_bell_poll(bool now);

#endif // MICROPY_INCLUDED_DOS_SCREEN_H
