// Noise of a timer.
//
// Each sample is the time of the same work: a walk through more memory than the first cache holds. What
// varies is what the program does not govern: other clocks (processor, bus, refresh of memory, timer),
// interrupts, devices that take the bus, and under an emulator the host.
//
// Nothing that varies by itself is put in on purpose: it would look like noise and be none. Every block of
// 1024 samples is judged, and an eighth of what the best guesser leaves of it is believed, at most an
// eighth of a bit for each sample. Where the timer is too coarse to see the noise of a short piece of
// work, the work is made longer.

#include <stddef.h>

#include "entropy_health.h"
#include "entropy_pool.h"
#include "jitter.h"

#define WALK_SIZE (32768)
#define WALK_STEP (4096 + 64) // another page and another line of the cache each time
#define CALIBRATION_MS (4)
#define CALIBRATION_MOST (1 << 24)
#define LEVELS (3)
#define BELIEVED_PART (8)
#define BELIEVED_MOST (CREDIT_BIT / 8)
#define BATCH (32)
#define ALARMS_MOST (16)

struct jitter_report jitter_report;

static uint8_t walk[WALK_SIZE];
static struct health health;
static uint32_t walk_steps;
static uint32_t steps_per_ms;
static unsigned level;

static void work(void) {
    volatile uint8_t *p = walk;
    for (uint32_t i = 0, at = 0; i < walk_steps; ++i, at = (at + WALK_STEP) % WALK_SIZE) {
        p[at] += 1;
    }
}

// The samples' raw values go to the pool, all bits of them.
static void sample_batch(uint32_t times[BATCH]) {
    uint32_t mask = jitter_clock_mask();
    for (unsigned i = 0; i < BATCH; ++i) {
        uint32_t start = jitter_clock();
        work();
        times[i] = (jitter_clock() - start) & mask;
    }
    pool_add(POOL_JITTER, times, BATCH * sizeof(times[0]), 0);
}

void jitter_stir(void) {
    uint32_t times[BATCH];
    walk_steps += walk_steps == 0;
    sample_batch(times);
    pool_stir(times, sizeof(times));
    wipe(times, sizeof(times));
}

// Samples of 64, 256, 1024 microseconds.
static void set_level(unsigned to) {
    level = to;
    walk_steps = (steps_per_ms << (2 * level)) / 16 + 1;
}

static void calibrate(void) {
    uint32_t ms = 0;
    for (walk_steps = 64; ms < CALIBRATION_MS && walk_steps < CALIBRATION_MOST; walk_steps *= 2) {
        uint32_t start = jitter_ms();
        work();
        ms = jitter_ms() - start;
    }
    steps_per_ms = ms == 0 ? 16 : walk_steps / 2 / ms;
    set_level(0);
}

static void next_level(void) {
    if (level < LEVELS - 1) {
        set_level(level + 1);
    }
}

static void judge_block(void) {
    uint32_t entropy = health_entropy(health.samples, HEALTH_BLOCK);
    ++jitter_report.blocks;
    jitter_report.entropy = entropy;
    if (entropy < HEALTH_CLAIM) {
        // One that looks worse than it must is not trusted for its better blocks either.
        health_reset(&health);
        next_level();
    } else if (health.started) {
        uint32_t credit = entropy / BELIEVED_PART;
        ++jitter_report.credited;
        pool_add(POOL_JITTER, &entropy, sizeof(entropy),
            (credit < BELIEVED_MOST ? credit : BELIEVED_MOST) * HEALTH_BLOCK);
    }
}

bool jitter_gather(uint32_t max_ms) {
    uint32_t start = jitter_ms();
    uint32_t alarms = 0;
    health_reset(&health);
    if (steps_per_ms == 0) {
        calibrate();
    }
    while (!pool_ready() && alarms < ALARMS_MOST && jitter_ms() - start < max_ms && !jitter_pause()) {
        uint32_t times[BATCH];
        sample_batch(times);
        for (unsigned i = 0; i < BATCH; ++i) {
            int result = health_sample(&health, times[i]);
            if (result == HEALTH_ALARM) {
                ++alarms;
                ++jitter_report.alarms;
                jitter_report.entropy = 0;
                next_level();
            } else if (result == HEALTH_FULL) {
                judge_block();
            }
        }
        wipe(times, sizeof(times));
    }
    wipe(health.samples, sizeof(health.samples));
    return pool_ready();
}
