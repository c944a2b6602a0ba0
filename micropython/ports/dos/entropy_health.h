// Tests of noise: whether a source lives, and how little of it can be guessed. No DOS in here.
#ifndef MICROPY_INCLUDED_DOS_ENTROPY_HEALTH_H
#define MICROPY_INCLUDED_DOS_ENTROPY_HEALTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Samples that are judged together; the start-up test takes one block, which earns nothing.
#define HEALTH_BLOCK (1024)

// The least that a sample must be worth, in 1/256 bit. Two clocks of which neither is random give two values
// in a pattern whose best guesser here still errs, at the worst as if it were 0.4 bits: nothing near that counts.
#define HEALTH_CLAIM (256 * 3 / 4)
// The tests of SP 800-90B, section 4.4, for that claim, with one alarm by mistake in 2^30: so many equal
// ones in a row, or so many of one value in a window.
#define HEALTH_REPEAT_CUTOFF (41)
#define HEALTH_WINDOW (512)
#define HEALTH_WINDOW_CUTOFF (371)

enum { HEALTH_MORE, HEALTH_FULL, HEALTH_ALARM };

struct health {
    bool started; // a whole block without alarm has gone by
    uint16_t count;
    uint8_t samples[HEALTH_BLOCK];
    uint8_t last;
    uint16_t repeats;
    uint8_t window_value;
    uint16_t window_count;
    uint16_t window_hits;
};

void health_reset(struct health *h);
// Takes one sample. FULL: h->samples is a block; if it shall earn credit, h->started had to be true before.
// ALARM: what was collected is worth nothing, and the start-up test begins again.
int health_sample(struct health *h, uint8_t sample);
// Min-entropy of each sample of a block in 1/256 bit, by the best of many guessers. At most 8 bits.
uint32_t health_entropy(const uint8_t *samples, size_t n);

// Whether words of a random instruction are no stuck ones.
bool health_words(const uint32_t *words, size_t n);
// Whether bytes look as a file of random bytes does; text, zeros and the like do not.
bool health_bytes(const uint8_t *bytes, size_t n);

#endif // MICROPY_INCLUDED_DOS_ENTROPY_HEALTH_H
