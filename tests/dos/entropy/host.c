// The parts of the DOS port's random source that know no DOS, on the machine that runs the tests: a timer
// whose times the test gives.

#include "entropy_health.h"
#include "entropy_pool.h"
#include "jitter.h"
#include "seedfile.h"

static const uint32_t *deltas;
static uint32_t delta_count, delta_at, now;
static int reading;

// Each second call ends a sample: the next time of the list has gone by.
uint32_t jitter_clock(void) {
    if (reading ^= 1) {
        return now;
    }
    now += deltas[delta_at++ % delta_count];
    return now;
}

uint32_t jitter_clock_mask(void) {
    return 0xffff;
}

uint32_t jitter_ms(void) {
    return delta_at / 16;
}

bool jitter_pause(void) {
    return false;
}

void host_deltas(const uint32_t *list, uint32_t count) {
    deltas = list;
    delta_count = count;
    delta_at = 0;
    reading = 0;
}

uint32_t host_samples(void) {
    return delta_at;
}

void host_report(uint32_t out[4]) {
    out[0] = jitter_report.blocks;
    out[1] = jitter_report.credited;
    out[2] = jitter_report.alarms;
    out[3] = jitter_report.entropy;
}

int host_seedfile(void) {
    return seedfile_state;
}

uint32_t host_health_size(void) {
    return sizeof(struct health);
}
