// The keyboard: the BIOS's key codes and what an xterm sends for them.
#ifndef MICROPY_INCLUDED_DOS_KEYBOARD_H
#define MICROPY_INCLUDED_DOS_KEYBOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The longest: ESC [ 2 4 ; 8 ~
#define KEYBOARD_BYTES_MAX (8)

// The BIOS's shift flags.
#define KEYBOARD_SHIFT (0x03)
#define KEYBOARD_CTRL (0x04)
#define KEYBOARD_ALT (0x08)

// Bytes of a key (scan code << 8 | character), or 0 if it has none. app_cursor: mode DECCKM.
size_t keyboard_bytes(uint16_t key, uint8_t flags, bool app_cursor, char *out);

// keyboard_bios.c: the next key, with the shift flags of now; false when none was typed.
bool keyboard_get(uint16_t *key, uint8_t *flags);
// Whether Ctrl-C is among the keys not yet taken. It is removed, with all that was typed before it.
bool keyboard_take_ctrl_c(void);

#endif // MICROPY_INCLUDED_DOS_KEYBOARD_H
