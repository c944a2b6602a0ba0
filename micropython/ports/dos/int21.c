// INT 21h and its errors.

#include <errno.h>

#include "int21.h"

int errno;

// Error codes of DOS, as the INT 21h functions and function 59h give them. What is not here is EIO.
static const uint8_t dos_errors[][2] = {
    { 0x01, EINVAL }, // function number
    { 0x02, ENOENT },
    { 0x03, ENOENT }, // path
    { 0x04, EMFILE },
    { 0x05, EACCES },
    { 0x06, EBADF },
    { 0x07, ENOMEM }, // memory control blocks destroyed
    { 0x08, ENOMEM },
    { 0x09, ENOMEM },
    { 0x0a, E2BIG }, // environment
    { 0x0b, ENOEXEC },
    { 0x0c, EINVAL }, // access code
    { 0x0d, EINVAL },
    { 0x0f, ENODEV }, // drive
    { 0x10, EBUSY }, // the current directory cannot be removed
    { 0x11, EXDEV },
    { 0x12, ENOENT }, // no more files
    { 0x13, EROFS }, // write-protected
    { 0x14, ENODEV },
    { 0x15, ENODEV }, // not ready
    { 0x20, EBUSY }, // sharing violation
    { 0x21, EBUSY }, // lock violation
    { 0x23, ENFILE },
    { 0x24, ENOLCK },
    { 0x27, ENOSPC },
    { 0x41, EACCES }, // network
    { 0x43, ENOENT },
    { 0x50, EEXIST },
    { 0x52, ENOSPC }, // the root directory is full
    { 0x57, EINVAL },
};

static int dos_errno(unsigned code) {
    for (size_t i = 0; i < sizeof(dos_errors) / sizeof(dos_errors[0]); ++i) {
        if (dos_errors[i][0] == code) {
            return dos_errors[i][1];
        }
    }
    return EIO;
}

// What function 59h says of the last error, where that is more than "access denied".
static unsigned dos_extended_error(void) {
    struct real_regs r = { .eax = 0x5900 };
    real_int(0x21, &r);
    switch (r.eax & 0xffff) {
        case 0x13:
        case 0x14:
        case 0x15:
        case 0x20:
        case 0x21:
        case 0x27:
        case 0x50:
        case 0x52:
            return r.eax & 0xffff;
        default:
            return 5;
    }
}

int dos_int21(struct real_regs *r) {
    dos_critical_error(); // an older one, of a call that nobody asked about
    real_int(0x21, r);
    int critical = dos_critical_error();
    if (critical >= 0) {
        // DOS may say that all went well nevertheless, when it only noticed on writing its buffers.
        return dos_errno(0x13 + critical);
    }
    if (!(r->flags & REAL_CARRY)) {
        return 0;
    }
    unsigned code = r->eax & 0xffff;
    return dos_errno(code == 5 ? dos_extended_error() : code);
}
