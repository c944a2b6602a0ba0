// DOS's own calls, and how its errors are told.
#ifndef MICROPY_INCLUDED_DOS_INT21_H
#define MICROPY_INCLUDED_DOS_INT21_H

#include "dpmi.h"

// INT 21h with the registers r, which it also returns. 0, or the errno that says what DOS said: its error
// code, the extended one where the plain one is vague, or a critical error (drive not ready...) met on the way.
int dos_int21(struct real_regs *r);

#endif // MICROPY_INCLUDED_DOS_INT21_H
