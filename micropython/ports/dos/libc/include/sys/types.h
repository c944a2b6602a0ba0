#ifndef DOS_LIBC_SYS_TYPES_H
#define DOS_LIBC_SYS_TYPES_H

#include <stddef.h>

typedef int ssize_t;
typedef long off_t;
typedef unsigned mode_t;
typedef unsigned dev_t;
typedef unsigned ino_t;
// Without a sign: DOS dates end in 2107.
typedef unsigned long time_t;

#endif // DOS_LIBC_SYS_TYPES_H
