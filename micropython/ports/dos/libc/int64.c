// The compiler's helpers for 64-bit numbers. Those in the build machine's libgcc are compiled for
// its own processor, with instructions that a 386 does not know.

#include <stdint.h>

uint64_t __udivmoddi4(uint64_t n, uint64_t d, uint64_t *rest);
int64_t __divmoddi4(int64_t n, int64_t d, int64_t *rest);
uint64_t __udivdi3(uint64_t n, uint64_t d);
uint64_t __umoddi3(uint64_t n, uint64_t d);
int64_t __divdi3(int64_t n, int64_t d);
int64_t __moddi3(int64_t n, int64_t d);
uint64_t __fixunsdfdi(double x);
int __popcountsi2(unsigned x);
int __popcountdi2(uint64_t x);

// 64 by 32 bits; high must be less than d.
static inline uint32_t divide(uint32_t high, uint32_t low, uint32_t d, uint32_t *rest) {
    uint32_t q;
    __asm__ ("divl %4" : "=a" (q), "=d" (*rest) : "0" (low), "1" (high), "rm" (d) : "cc");
    return q;
}

static uint64_t divide_by_32(uint64_t n, uint32_t d, uint32_t *rest) {
    uint32_t high = n >> 32;
    uint32_t q_high = 0;
    if (high >= d) {
        q_high = high / d;
        high %= d;
    }
    return (uint64_t)q_high << 32 | divide(high, (uint32_t)n, d, rest);
}

// By the top 32 bits of the divisor: at most one too large, which is made one too small, and put
// right by a look at the rest.
static uint64_t divide_by_64(uint64_t n, uint64_t d) {
    int shift = __builtin_clz((uint32_t)(d >> 32));
    uint32_t top = (d << shift) >> 32;
    uint64_t half = n >> 1;
    uint32_t rest;
    uint64_t q = divide(half >> 32, (uint32_t)half, top, &rest);
    q = (q << shift) >> 31;
    if (q != 0) {
        --q;
    }
    return n - q * d >= d ? q + 1 : q;
}

uint64_t __udivmoddi4(uint64_t n, uint64_t d, uint64_t *rest) {
    uint64_t q;
    if (d >> 32 == 0) {
        uint32_t small;
        q = divide_by_32(n, d, &small);
        if (rest != 0) {
            *rest = small;
        }
        return q;
    }
    q = divide_by_64(n, d);
    if (rest != 0) {
        *rest = n - q * d;
    }
    return q;
}

uint64_t __udivdi3(uint64_t n, uint64_t d) {
    return __udivmoddi4(n, d, 0);
}

uint64_t __umoddi3(uint64_t n, uint64_t d) {
    uint64_t rest;
    __udivmoddi4(n, d, &rest);
    return rest;
}

static uint64_t magnitude(int64_t x) {
    return x < 0 ? -(uint64_t)x : (uint64_t)x;
}

int64_t __divmoddi4(int64_t n, int64_t d, int64_t *rest) {
    uint64_t left;
    uint64_t q = __udivmoddi4(magnitude(n), magnitude(d), &left);
    if (rest != 0) {
        *rest = n < 0 ? -left : left;
    }
    return (n ^ d) < 0 ? -q : q;
}

int64_t __divdi3(int64_t n, int64_t d) {
    return __divmoddi4(n, d, 0);
}

int64_t __moddi3(int64_t n, int64_t d) {
    int64_t rest;
    __divmoddi4(n, d, &rest);
    return rest;
}

uint64_t __fixunsdfdi(double x) {
    const double half = 9223372036854775808.0;
    return x < half ? (uint64_t)(int64_t)x : (uint64_t)(int64_t)(x - half) + ((uint64_t)1 << 63);
}

int __popcountsi2(unsigned x) {
    x -= x >> 1 & 0x55555555;
    x = (x & 0x33333333) + (x >> 2 & 0x33333333);
    return ((x + (x >> 4)) & 0x0f0f0f0f) * 0x01010101 >> 24;
}

int __popcountdi2(uint64_t x) {
    return __popcountsi2((unsigned)x) + __popcountsi2(x >> 32);
}
