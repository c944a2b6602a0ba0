// The pool that collects unpredictable data and the generator that it seeds. No DOS in here.
#ifndef MICROPY_INCLUDED_DOS_ENTROPY_POOL_H
#define MICROPY_INCLUDED_DOS_ENTROPY_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Credit is counted in 1/256 bit.
#define CREDIT_BIT (256u)
// The generator is seeded when this much is in the pool, never with less.
#define POOL_NEED_BITS (256u)

// Who gave something: keeps the data of different sources apart.
enum {
    POOL_CLOCK = 1,
    POOL_HARDWARE,
    POOL_JITTER,
    POOL_KEY,
    POOL_SEED,
    POOL_PROGRAM,
};

// Mixes data in. credit is what an attacker who knows all about the machine cannot guess of it at the least.
void pool_add(uint8_t source, const void *data, size_t n, uint32_t credit);
// Bits towards the next seeding.
uint32_t pool_bits(void);
// Whether the generator has been seeded.
bool pool_ready(void);
// Mixes data into a seeded generator at once; in what a program of two equal runs differs is enough to part them.
void pool_stir(const void *data, size_t n);
// False, and nothing, before it is ready. What came out cannot be found from what is kept.
bool pool_output(uint8_t *buf, size_t n);
// Forgets everything.
void pool_wipe(void);

// Zeros that the compiler may not leave out.
void wipe(void *data, size_t n);

#endif // MICROPY_INCLUDED_DOS_ENTROPY_POOL_H
