// What the processor is and can do.

#include <string.h>

#include "cpu.h"

#define EFLAGS_AC (1u << 18)
#define EFLAGS_ID (1u << 21)
#define CR0_EM (1u << 2)

#define LEAF1_EDX_TSC (1u << 4)
#define LEAF1_ECX_RDRAND (1u << 30)
#define LEAF1_ECX_HYPERVISOR (1u << 31)
#define LEAF7_EBX_RDSEED (1u << 18)
#define LEAF_EXTENDED (0x80000000)
#define LEAF_POWER (0x80000007)
#define LEAF_POWER_EDX_INVARIANT (1u << 8)

// Start state of FNINIT with precision control 2: 53 bits.
#define FPU_CONTROL (0x027f)

struct cpu_info cpu;

// Whether a flag can be changed: AC first came with the 486, ID with CPUID.
static bool flag_changes(uint32_t flag) {
    uint32_t before, after;
    __asm volatile (
        "pushfl\n\t"
        "pushfl\n\t"
        "popl %0\n\t"
        "movl %0, %1\n\t"
        "xorl %2, %1\n\t"
        "pushl %1\n\t"
        "popfl\n\t"
        "pushfl\n\t"
        "popl %1\n\t"
        "popfl"
        : "=&r" (before), "=&r" (after)
        : "r" (flag)
        : "cc");
    return ((before ^ after) & flag) != 0;
}

static void cpuid(uint32_t leaf, uint32_t regs[4]) {
    __asm volatile ("cpuid" : "=a" (regs[0]), "=b" (regs[1]), "=c" (regs[2]), "=d" (regs[3]) : "a" (leaf), "c" (0));
}

static void detect_features(void) {
    uint32_t regs[4];
    cpuid(0, regs);
    uint32_t last = regs[0];
    memcpy(cpu.vendor, &regs[1], 4);
    memcpy(cpu.vendor + 4, &regs[3], 4);
    memcpy(cpu.vendor + 8, &regs[2], 4);
    // Some early 486s have other things here than a count of leaves.
    if (last == 0 || last > 0xffff) {
        return;
    }
    cpuid(1, regs);
    cpu.family = (regs[0] >> 8) & 15;
    cpu.model = (regs[0] >> 4) & 15;
    cpu.stepping = regs[0] & 15;
    if (cpu.family == 15) {
        cpu.family += (regs[0] >> 20) & 0xff;
    }
    // Outside of ring 0 the host may have forbidden to read the counter, which would end the program.
    uint16_t cs;
    __asm("movw %%cs, %0" : "=rm" (cs));
    cpu.tsc = (regs[3] & LEAF1_EDX_TSC) && (cs & 3) == 0;
    cpu.tsc_steady = cpu.tsc && (regs[2] & LEAF1_ECX_HYPERVISOR);
    cpu.rdrand = (regs[2] & LEAF1_ECX_RDRAND) != 0;
    if (last >= 7) {
        cpuid(7, regs);
        cpu.rdseed = (regs[1] & LEAF7_EBX_RDSEED) != 0;
    }
    cpuid(LEAF_EXTENDED, regs);
    if (cpu.tsc && regs[0] >= LEAF_POWER && regs[0] <= (LEAF_EXTENDED | 0xffff)) {
        cpuid(LEAF_POWER, regs);
        cpu.tsc_steady = cpu.tsc_steady || (regs[3] & LEAF_POWER_EDX_INVARIANT);
    }
}

static void detect_fpu(void) {
    // With EM set every coprocessor instruction is trapped for an emulator, which we do not have.
    uint32_t cr0;
    __asm volatile ("smsw %0" : "=r" (cr0));
    if (cr0 & CR0_EM) {
        return;
    }
    // Without a coprocessor these do nothing and the word keeps its value.
    volatile uint16_t status = 0x5a5a;
    __asm volatile ("fninit\n\tfnstsw %0" : "+m" (status));
    if ((status & 0xff) != 0) {
        return;
    }
    volatile uint16_t control = 0x5a5a;
    __asm volatile ("fnstcw %0" : "+m" (control));
    if ((control & 0x103f) != 0x003f) {
        return;
    }
    // The 287 takes plus and minus infinity for equal, the 387 does not. It also wants each of these waited for.
    __asm volatile (
        "fld1\n\t"
        "fldz\n\t"
        "fdivrp\n\t"
        "fld %%st(0)\n\t"
        "fchs\n\t"
        "fcompp\n\t"
        "fnstsw %0\n\t"
        "fninit"
        : "=m" (status));
    cpu.fpu_old = (status & 0x4000) != 0;
    cpu.fpu = !cpu.fpu_old;
}

void cpu_detect(void) {
    memset(&cpu, 0, sizeof(cpu));
    cpu.family = flag_changes(EFLAGS_AC) ? 4 : 3;
    cpu.cpuid = flag_changes(EFLAGS_ID);
    if (cpu.cpuid) {
        detect_features();
    }
    detect_fpu();
}

bool cpu_has_fpu(void) {
    return cpu.fpu;
}

void cpu_fpu_init(void) {
    uint16_t control = FPU_CONTROL;
    __asm volatile ("fninit\n\tfldcw %0" : : "m" (control));
}

uint64_t cpu_tsc(void) {
    uint64_t count;
    __asm volatile ("rdtsc" : "=A" (count));
    return count;
}

bool cpu_rdrand(uint32_t *value) {
    uint8_t ready;
    __asm volatile ("rdrand %0\n\tsetc %1" : "=r" (*value), "=qm" (ready) : : "cc");
    return ready;
}

bool cpu_rdseed(uint32_t *value) {
    uint8_t ready;
    __asm volatile ("rdseed %0\n\tsetc %1" : "=r" (*value), "=qm" (ready) : : "cc");
    return ready;
}
