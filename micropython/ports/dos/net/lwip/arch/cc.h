// What lwIP has to know about compiler and processor.
#ifndef MICROPY_INCLUDED_DOS_ARCH_CC_H
#define MICROPY_INCLUDED_DOS_ARCH_CC_H

#include <assert.h>
#include <stdint.h>
#include <sys/types.h>

// The port's C library has ssize_t, and lwIP makes one unless it knows that.
#define LWIP_NO_UNISTD_H    (1)
#ifndef SSIZE_MAX
#define SSIZE_MAX           INT_MAX
#endif

#define X8_F  "02x"
#define U16_F "u"
#define S16_F "d"
#define X16_F "x"
#define U32_F "u"
#define S32_F "d"
#define X32_F "x"
#define SZT_F "u"

#ifndef BYTE_ORDER
#define BYTE_ORDER LITTLE_ENDIAN
#endif

#define LWIP_PLATFORM_DIAG(x)
#define LWIP_PLATFORM_ASSERT(x) assert(!x)

#define PACK_STRUCT_FIELD(x) x
#define PACK_STRUCT_STRUCT __attribute__((packed))
#define PACK_STRUCT_BEGIN
#define PACK_STRUCT_END

#endif // MICROPY_INCLUDED_DOS_ARCH_CC_H
