// What the processor is and can do. The only place with instructions above the 386's, each behind its check.
#ifndef MICROPY_INCLUDED_DOS_CPU_H
#define MICROPY_INCLUDED_DOS_CPU_H

#include <stdbool.h>
#include <stdint.h>

struct cpu_info {
    uint8_t family; // 3, 4, or what CPUID says
    uint8_t model;
    uint8_t stepping;
    bool cpuid;
    bool fpu;       // a 387 or better that may be used
    bool fpu_old;   // a coprocessor is there, but a 287
    bool tsc;
    bool tsc_steady; // its rate does not change with the processor's, or the machine is an emulated one
    bool rdrand;
    bool rdseed;
    bool sse2;      // and it may be used, see cpu_enable_sse2()
    char vendor[13];
};

extern struct cpu_info cpu;

// Fills cpu. Uses nothing above a 386 that is not there.
void cpu_detect(void);
// Whether there is a coprocessor that double floats can be computed with.
bool cpu_has_fpu(void);
// Brings the coprocessor to its start state, all exceptions masked, results rounded to doubles (53 bits).
void cpu_fpu_init(void);

// Allows SSE2 where there is nobody else to do that, until the program ends. Sets cpu.sse2.
void cpu_enable_sse2(void);

// The time stamp counter; only if cpu.tsc.
uint64_t cpu_tsc(void);
// One try of the random instructions; only if cpu.rdrand and cpu.rdseed. False: nothing ready.
bool cpu_rdrand(uint32_t *value);
bool cpu_rdseed(uint32_t *value);

#endif // MICROPY_INCLUDED_DOS_CPU_H
