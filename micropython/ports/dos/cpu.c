// What the processor is and can do.

#include <string.h>

#include "cpu.h"
#include "dpmi.h"

#define EFLAGS_AC (1u << 18)
#define EFLAGS_ID (1u << 21)
#define CR0_EM (1u << 2)
#define CR0_TS (1u << 3)
#define CR4_OSFXSR (1u << 9)

#define LEAF1_EDX_TSC (1u << 4)
#define LEAF1_EDX_SSE2 ((1u << 24) | (1u << 26)) // FXSR, too
#define LEAF1_ECX_RDRAND (1u << 30)
#define LEAF1_ECX_HYPERVISOR (1u << 31)
#define LEAF7_EBX_RDSEED (1u << 18)
#define LEAF_EXTENDED (0x80000000)
#define LEAF_POWER (0x80000007)
#define LEAF_POWER_EDX_INVARIANT (1u << 8)

// Start state of FNINIT with precision control 2: 53 bits.
#define FPU_CONTROL (0x027f)

struct cpu_info cpu;

static bool sse2_present;
static uint32_t cr4_before;

// The SSH core, where it is part of the program.
void ssh_use_sse2(bool usable) __attribute__((weak));

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

// Whether we are the system, not a guest of one.
static bool in_ring_0(void) {
    uint16_t cs;
    __asm("movw %%cs, %0" : "=rm" (cs));
    return (cs & 3) == 0;
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
    cpu.tsc = (regs[3] & LEAF1_EDX_TSC) && in_ring_0();
    cpu.tsc_steady = cpu.tsc && (regs[2] & LEAF1_ECX_HYPERVISOR);
    sse2_present = (regs[3] & LEAF1_EDX_SSE2) == LEAF1_EDX_SSE2;
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

static uint32_t cr4(void) {
    uint32_t value;
    __asm volatile ("movl %%cr4, %0" : "=r" (value));
    return value;
}

static void set_cr4(uint32_t value) {
    __asm volatile ("movl %0, %%cr4" : : "r" (value));
}

// At every exit: only the bit that was changed, as what lies between the program and the machine may have changed others.
static void disable_sse2(void) {
    set_cr4((cr4() & ~CR4_OSFXSR) | (cr4_before & CR4_OSFXSR));
}

void cpu_enable_sse2(void) {
    uint32_t cr0;
    __asm volatile ("smsw %0" : "=r" (cr0));
    // A host outside of ring 0 does not tell whether it would keep the registers, and CR4 is not ours to read there.
    if (!sse2_present || !in_ring_0() || (cr0 & (CR0_EM | CR0_TS))) {
        return;
    }
    cr4_before = cr4();
    set_cr4(cr4_before | CR4_OSFXSR);
    dos_at_exit(disable_sse2);
    // A memory manager may watch over CR4, or have one of its own, which would come back with a call of DOS.
    struct real_regs get_version = { .eax = 0x3000 };
    real_int(0x21, &get_version);
    cpu.sse2 = (cr4() & CR4_OSFXSR) != 0;
    if (ssh_use_sse2 != NULL) {
        ssh_use_sse2(cpu.sse2);
    }
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
