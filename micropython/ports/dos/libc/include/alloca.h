#ifndef DOS_LIBC_ALLOCA_H
#define DOS_LIBC_ALLOCA_H

#define alloca(size) __builtin_alloca(size)

#endif // DOS_LIBC_ALLOCA_H
