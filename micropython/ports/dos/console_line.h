// Between console.c and console_line.c.
#ifndef MICROPY_INCLUDED_DOS_CONSOLE_LINE_H
#define MICROPY_INCLUDED_DOS_CONSOLE_LINE_H

#include <stddef.h>

// The bytes of the next key, at most KEYBOARD_BYTES_MAX; 0 if there is none.
size_t console_read_key(char *buf);
// Erases the character before the cursor, over line ends too.
void console_back(void);

#endif // MICROPY_INCLUDED_DOS_CONSOLE_LINE_H
