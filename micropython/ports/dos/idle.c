// Rest for the processor.
//
// A multitasker or a power driver takes "release the time slice". Where nobody does, the processor is halted,
// in real mode: 32-bit code may have no right to, and interrupts are real mode's anyway.

#include <string.h>

#include "dpmi.h"
#include "idle.h"

#define MULTIPLEX (0x2f)
#define RELEASE_SLICE (0x1680)

static enum { UNKNOWN, RELEASE, HALT, NOTHING } way;

static uint16_t halt_seg;

static bool release_slice(void) {
    struct real_regs r = { .eax = RELEASE_SLICE };
    real_int(MULTIPLEX, &r);
    return (uint8_t)r.eax == 0;
}

static void choose(void) {
    static const uint8_t halt_code[] = { 0xfb, 0xf4, 0xcb }; // sti, hlt, retf
    if (real_vector(MULTIPLEX) != 0 && release_slice()) {
        way = RELEASE;
        return;
    }
    void *low = low_alloc(sizeof(halt_code), &halt_seg);
    if (low == NULL) {
        way = NOTHING;
        return;
    }
    memcpy(low, halt_code, sizeof(halt_code));
    way = HALT;
}

void dos_cpu_idle(void) {
    if (way == UNKNOWN) {
        choose();
    }
    if (way == RELEASE) {
        release_slice();
    } else if (way == HALT) {
        struct real_regs r = { 0 };
        real_call(halt_seg, 0, &r);
    }
}
