// Tests of noise.
//
// No test can tell noise from a good cipher. These find what goes wrong in practice: a counter that stands
// still, one that counts evenly, two clocks whose beat looks varied but comes again. So each sample is
// guessed from those before it in many ways, and the most successful guesser says what the samples are
// worth.

#include <string.h>

#include "entropy_health.h"

#define MAX_LAG (32)
// What followed the last time on the same 1, 2, ... samples.
#define TABLE_BITS (12)
static const uint8_t context_lengths[] = { 1, 2, 3, 4, 8, 16 };

void health_reset(struct health *h) {
    memset(h, 0, sizeof(*h));
}

static bool repeated(struct health *h, uint8_t sample) {
    if (h->repeats == 0 || sample != h->last) {
        h->last = sample;
        h->repeats = 1;
        return false;
    }
    return ++h->repeats >= HEALTH_REPEAT_CUTOFF;
}

static bool too_frequent(struct health *h, uint8_t sample) {
    if (h->window_count == 0) {
        h->window_value = sample;
        h->window_hits = 0;
    }
    h->window_hits += sample == h->window_value;
    h->window_count = (h->window_count + 1) % HEALTH_WINDOW;
    return h->window_hits >= HEALTH_WINDOW_CUTOFF;
}

int health_sample(struct health *h, uint8_t sample) {
    bool alarm = repeated(h, sample);
    alarm = too_frequent(h, sample) || alarm;
    if (alarm) {
        health_reset(h);
        return HEALTH_ALARM;
    }
    if (h->count == HEALTH_BLOCK) {
        h->started = true;
        h->count = 0;
    }
    h->samples[h->count++] = sample;
    return h->count == HEALTH_BLOCK ? HEALTH_FULL : HEALTH_MORE;
}

static uint32_t max32(uint32_t a, uint32_t b) {
    return a > b ? a : b;
}

// The guessers' best: right guesses of n, and right ones in a row.
struct score {
    uint32_t n, hits, run;
};

static void score_best(struct score *best, uint32_t n, uint32_t hits, uint32_t run) {
    // In proportion: a guesser that looks back has fewer to guess.
    hits = hits * best->n / n;
    best->hits = max32(best->hits, hits);
    best->run = max32(best->run, run);
}

static void most_common(struct score *best, const uint8_t *x, size_t n) {
    uint16_t count[256] = { 0 };
    uint32_t hits = 0;
    for (size_t i = 0; i < n; ++i) {
        hits = max32(hits, ++count[x[i]]);
    }
    score_best(best, n, hits, 0);
}

// The same as lag samples ago.
static void lagged(struct score *best, const uint8_t *x, size_t n, size_t lag) {
    uint32_t hits = 0, run = 0, longest = 0;
    for (size_t i = lag; i < n; ++i) {
        bool hit = x[i] == x[i - lag];
        hits += hit;
        run = hit ? run + 1 : 0;
        longest = max32(longest, run);
    }
    score_best(best, n - lag, hits, longest);
}

// The same as after the last occurrence of the samples before.
static void after_context(struct score *best, const uint8_t *x, size_t n, size_t length) {
    static uint8_t table[1 << TABLE_BITS];
    memset(table, 0, sizeof(table));
    uint32_t hits = 0, run = 0, longest = 0;
    for (size_t i = length; i < n; ++i) {
        uint32_t hash = 0;
        for (size_t k = 1; k <= length; ++k) {
            hash = (hash + x[i - k] + 1) * 2654435761u;
        }
        uint8_t *guess = &table[hash >> (32 - TABLE_BITS)];
        bool hit = *guess == x[i];
        hits += hit;
        run = hit ? run + 1 : 0;
        longest = max32(longest, run);
        *guess = x[i];
    }
    score_best(best, n - length, hits, longest);
}

static void all_guessers(struct score *best, const uint8_t *x, size_t n) {
    most_common(best, x, n);
    for (size_t lag = 1; lag <= MAX_LAG; ++lag) {
        lagged(best, x, n, lag);
    }
    for (size_t i = 0; i < sizeof(context_lengths); ++i) {
        after_context(best, x, n, context_lengths[i]);
    }
}

static uint32_t square_root(uint32_t n) {
    uint32_t root = 0;
    for (uint32_t bit = 1u << 15; bit != 0; bit >>= 1) {
        if ((root + bit) * (root + bit) <= n) {
            root += bit;
        }
    }
    return root;
}

// -log2(p / 65536) in 1/256, rounded down; p from 1 to 65536.
static uint32_t minus_log2(uint32_t p) {
    uint32_t log = 0;
    while (p <= 65536 / 2) {
        p *= 2;
        log += 256;
    }
    // p is in (1/2, 1]: what is left is less than 1, and squaring it doubles the logarithm.
    for (uint32_t part = 128; part != 0; part /= 2) {
        p = ((uint64_t)p * p + 65535) >> 16;
        if (p <= 65536 / 2) {
            p *= 2;
            log += part;
        }
    }
    return log;
}

uint32_t health_entropy(const uint8_t *samples, size_t n) {
    // Of even steps the differences are what stands still.
    static uint8_t steps[HEALTH_BLOCK], second[HEALTH_BLOCK];
    if (n < 128 || n > HEALTH_BLOCK) {
        return 0;
    }
    for (size_t i = 1; i < n; ++i) {
        steps[i - 1] = samples[i] - samples[i - 1];
    }
    for (size_t i = 1; i < n - 1; ++i) {
        second[i - 1] = steps[i] - steps[i - 1];
    }
    struct score best = { n, 0, 0 };
    all_guessers(&best, samples, n);
    all_guessers(&best, steps, n - 1);
    all_guessers(&best, second, n - 2);
    // The upper end of the 99 % interval of its chance: p + 2.576 sqrt(p (1 - p) / n).
    uint32_t p = best.hits >= n ? 65536 : best.hits * 65536 / n;
    uint32_t variance = (uint64_t)p * (65536 - p) / n;
    p += (square_root(variance) + 1) * 2638 / 1024;
    if (p >= 65536) {
        return 0;
    }
    // So many right ones in a row come by chance once in a hundred blocks if n p^run is 1/100.
    uint32_t by_run = minus_log2(65536 / (100 * n) + 1) / (best.run + 1);
    uint32_t by_hits = minus_log2(p);
    return by_hits < by_run ? by_hits : by_run;
}

bool health_words(const uint32_t *words, size_t n) {
    uint16_t count[256] = { 0 };
    unsigned bad = 0;
    for (size_t i = 0; i < n; ++i) {
        bad += words[i] == 0 || words[i] == 0xffffffff || (i > 0 && words[i] == words[i - 1]);
        for (unsigned shift = 0; shift < 32; shift += 8) {
            ++count[(words[i] >> shift) & 0xff];
        }
    }
    // One in a run is chance already less than once in a hundred million. So is a byte this frequent.
    for (unsigned i = 0; i < 256; ++i) {
        bad += count[i] > 16 + n / 16;
    }
    return bad == 0 && n >= 16;
}

bool health_bytes(const uint8_t *bytes, size_t n) {
    bool seen[256] = { 0 };
    unsigned different = 0, high = 0;
    n = n < 64 ? n : 64;
    for (size_t i = 0; i < n; ++i) {
        different += !seen[bytes[i]];
        seen[bytes[i]] = true;
        high += bytes[i] >> 7;
    }
    // Text has hardly a byte above 127.
    return n >= 32 && different >= n * 5 / 8 && high >= n / 8;
}
