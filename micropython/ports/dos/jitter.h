// Noise of a timer: how long the same piece of work takes. No DOS in here.
#ifndef MICROPY_INCLUDED_DOS_JITTER_H
#define MICROPY_INCLUDED_DOS_JITTER_H

#include <stdbool.h>
#include <stdint.h>

// What was seen, for those who ask.
struct jitter_report {
    uint32_t blocks;    // that were judged
    uint32_t credited;
    uint32_t alarms;
    uint32_t entropy;   // of the last block, in 1/256 bit for each sample
};

extern struct jitter_report jitter_report;

// Fills the pool until it is ready; false if it is not after max_ms, or stopped by jitter_pause().
bool jitter_gather(uint32_t max_ms);
// A few samples without credit.
void jitter_stir(void);

// What the machine has (entropy.c; tests have their own).
uint32_t jitter_clock(void);      // the finest clock there is, counting up
uint32_t jitter_clock_mask(void); // its bits
uint32_t jitter_ms(void);
bool jitter_pause(void);          // lets others work; true: stop

#endif // MICROPY_INCLUDED_DOS_JITTER_H
