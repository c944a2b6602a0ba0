// The console: text and ANSI/VT100 sequences to the screen, keys from the keyboard.
#ifndef MICROPY_INCLUDED_DOS_CONSOLE_H
#define MICROPY_INCLUDED_DOS_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void console_init(void);
// At every exit, and again if need be: the screen is left usable, the cursor where DOS expects it, mode and
// attributes put back.
void console_deinit(void);
// Before and after another program runs (os.system): all is shown, and then what that program left is taken over.
void console_suspend(void);
void console_resume(void);

// UTF-8 and sequences to the screen. While much is written not every state is shown: console_poll() shows the last.
void console_write(const char *s, size_t n);
// From dos_poll(): cheap.
void console_poll(void);
void console_size(unsigned *cols, unsigned *rows);
// Another number of rows: 25, on a VGA 28 or 50, on an EGA 43. False if the adapter has no such mode.
bool console_set_rows(unsigned rows);
// Colours, modes, main screen as at the start; what is on the screen stays.
void console_reset(void);

// The next byte of input or -1. Keys come as UTF-8 text and as an xterm's sequences, Enter as "\r", Backspace as 7Fh.
int console_read_byte(void);
bool console_input_ready(void);
// Takes Ctrl-C, and what was typed before it, out of the keys not yet read. Cheap: for the VM's hook.
bool console_take_ctrl_c(void);

// Raw: Ctrl-C is byte 3, no echo, no line editing in console_read(). Cooked: as a line of DOS.
void console_raw(bool on);
bool console_is_raw(void);
// Whether "\n" on the screen goes to column 0 too. console_raw(false) turns it on again.
void console_newlines(bool on);

// What read(0) does. Waits for at least one byte, or in cooked mode for the end of a line. 0: the end of file, or an
// exception is pending, such as KeyboardInterrupt: the caller raises it.
size_t console_read(char *buf, size_t n);
// Cooked: echo, backspace, Ctrl-U, Enter gives "\n", Ctrl-Z at the line's start is the end of file. A longer
// line than n comes in parts.
size_t console_read_line(char *buf, size_t n);
// Whether console_read() would return at once. In cooked mode this takes keys and echoes them.
bool console_read_ready(void);

#endif // MICROPY_INCLUDED_DOS_CONSOLE_H
