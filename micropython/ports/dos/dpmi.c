// DPMI calls, the low memory that they need, and the way out.

#include <string.h>

#include "dpmi.h"

// Conventional memory: the transfer buffer, a stack for real-mode calls, the code of real.S.
#define LOW_STACK_SIZE (4096)

// Bit 7: Ctrl-Break was pressed.
#define BIOS_BREAK (0x471)

#define AT_EXIT_MAX (16)
#define VECTOR_MAX (16)
#define BLOCK_MAX (32)

extern const uint8_t real_code[], real_code_end[], real_break[], real_int24[];

uint8_t *low_buf;
uint16_t low_buf_seg;

static uint16_t low_stack_seg;
static uint16_t psp_seg;
static volatile uint8_t *real_flags;

static void (*at_exit[AT_EXIT_MAX])(void);
static unsigned at_exit_count;

// Vectors as they were found.
static struct {
    uint8_t number;
    uint32_t old;
} vectors[VECTOR_MAX];
static unsigned vector_count;

// Blocks of extended memory: DPMI wants its handle back, not the address.
static struct {
    void *address;
    uint32_t handle;
} blocks[BLOCK_MAX];

// The general registers of INT 31h, which takes no more than these.
struct dpmi_regs {
    uint32_t eax, ebx, ecx, edx, esi, edi;
};

// INT 31h; false if the host refuses.
static bool dpmi(struct dpmi_regs *r) {
    uint8_t carry;
    __asm volatile (
        "int $0x31\n\t"
        "setc %0"
        : "=qm" (carry), "+a" (r->eax), "+b" (r->ebx), "+c" (r->ecx), "+d" (r->edx), "+S" (r->esi), "+D" (r->edi)
        :
        : "cc", "memory");
    return !carry;
}

static void real(uint16_t function, uint16_t bx, struct real_regs *r) {
    r->flags = 0x200;
    r->ss = low_stack_seg;
    r->sp = low_stack_seg ? LOW_STACK_SIZE : 0; // 0:0: the host's own stack
    r->zero = 0;
    struct dpmi_regs regs = { .eax = function, .ebx = bx, .edi = (uint32_t)r };
    dpmi(&regs);
}

void real_int(uint8_t number, struct real_regs *r) {
    real(0x300, number, r);
}

void real_call(uint16_t seg, uint16_t off, struct real_regs *r) {
    r->cs = seg;
    r->ip = off;
    real(0x301, 0, r);
}

uint32_t real_vector(uint8_t number) {
    struct dpmi_regs r = { .eax = 0x200, .ebx = number };
    dpmi(&r);
    return (r.ecx & 0xffff) << 16 | (r.edx & 0xffff);
}

static void store_vector(uint8_t number, uint16_t seg, uint16_t off) {
    struct dpmi_regs r = { .eax = 0x201, .ebx = number, .ecx = seg, .edx = off };
    dpmi(&r);
}

void real_set_vector(uint8_t number, uint16_t seg, uint16_t off) {
    unsigned i = 0;
    while (i < vector_count && vectors[i].number != number) {
        ++i;
    }
    if (i == vector_count) {
        if (i == VECTOR_MAX) {
            return; // one that could not be put back is not taken
        }
        vectors[i].number = number;
        vectors[i].old = real_vector(number);
        ++vector_count;
    }
    store_vector(number, seg, off);
}

void *low_alloc(size_t bytes, uint16_t *segment) {
    struct dpmi_regs r = { .eax = 0x100, .ebx = (bytes + 15) / 16 };
    if (bytes > 0xf0000 || !dpmi(&r)) {
        return NULL;
    }
    *segment = r.eax;
    return (void *)((r.eax & 0xffff) * 16);
}

size_t low_free(void) {
    struct dpmi_regs r = { .eax = 0x100, .ebx = 0xffff };
    return dpmi(&r) ? 0 : (r.ebx & 0xffff) * 16;
}

size_t high_largest(void) {
    uint32_t info[12] = { 0 };
    struct dpmi_regs r = { .eax = 0x500, .edi = (uint32_t)info };
    return dpmi(&r) && info[0] != 0xffffffff ? info[0] : 0;
}

void *high_alloc(size_t bytes) {
    unsigned i = 0;
    while (i < BLOCK_MAX && blocks[i].address != NULL) {
        ++i;
    }
    // PMODE/W aligns to four bytes only.
    struct dpmi_regs r = { .eax = 0x501, .ebx = (bytes + 15) >> 16, .ecx = (bytes + 15) & 0xffff };
    if (i == BLOCK_MAX || !dpmi(&r)) {
        return NULL;
    }
    uint32_t address = (r.ebx & 0xffff) << 16 | (r.ecx & 0xffff);
    blocks[i].handle = (r.esi & 0xffff) << 16 | (r.edi & 0xffff);
    blocks[i].address = (void *)((address + 15) & ~15);
    return blocks[i].address;
}

void high_release(void *block) {
    for (unsigned i = 0; i < BLOCK_MAX; ++i) {
        if (blocks[i].address == block) {
            struct dpmi_regs r = { .eax = 0x502, .esi = blocks[i].handle >> 16, .edi = blocks[i].handle & 0xffff };
            dpmi(&r);
            blocks[i].address = NULL;
            return;
        }
    }
}

bool dos_take_break(void) {
    // The BIOS keeps a note of its own, which DOS would find at its next call.
    bool found = real_flags[0] != 0 || low8(BIOS_BREAK) & 0x80;
    if (found) {
        real_flags[0] = 0;
        *(volatile uint8_t *)BIOS_BREAK &= 0x7f;
    }
    return found;
}

int dos_critical_error(void) {
    int code = real_flags[1];
    real_flags[1] = 0xff;
    return code == 0xff ? -1 : code;
}

uint16_t dos_psp(void) {
    return psp_seg;
}

const char *dos_environment(void) {
    uint16_t env = low16(psp_seg * 16 + 0x2c);
    // A segment, if a memory block of ours begins there; else a DPMI host has made it a selector.
    uint32_t mcb = (env - 1) * 16;
    if (env != 0 && (low8(mcb) == 'M' || low8(mcb) == 'Z') && low16(mcb + 1) == psp_seg) {
        return (const char *)(env * 16);
    }
    struct dpmi_regs r = { .eax = 6, .ebx = env };
    if (env == 0 || !dpmi(&r)) {
        return "\0";
    }
    return (const char *)((r.ecx & 0xffff) << 16 | (r.edx & 0xffff));
}

// Whether DOS looks for Ctrl-C at each of its calls (BREAK=ON), as the user has set it.
static uint8_t user_break;

static void set_break(uint8_t on) {
    struct real_regs r = { .eax = 0x3301, .edx = on };
    real_int(0x21, &r);
}

void dos_break_suspend(void) {
    struct real_regs r = { .eax = 0x3300 };
    real_int(0x21, &r);
    user_break = r.edx;
    set_break(0);
}

void dos_break_resume(void) {
    set_break(user_break);
}

bool dpmi_init(void) {
    size_t code_size = real_code_end - real_code;
    uint16_t seg;
    uint8_t *low = low_alloc(LOW_BUF_SIZE + LOW_STACK_SIZE + code_size, &seg);
    if (low == NULL) {
        return false;
    }
    low_buf = low;
    low_buf_seg = seg;
    low_stack_seg = seg + LOW_BUF_SIZE / 16;
    uint8_t *code = low + LOW_BUF_SIZE + LOW_STACK_SIZE;
    memcpy(code, real_code, code_size);
    real_flags = code;
    seg += (LOW_BUF_SIZE + LOW_STACK_SIZE) / 16;
    real_set_vector(0x1b, seg, real_break - real_code);
    real_set_vector(0x23, seg, real_break - real_code);
    real_set_vector(0x24, seg, real_int24 - real_code);

    struct real_regs r = { .eax = 0x5100 };
    real_int(0x21, &r);
    psp_seg = r.ebx;
    dos_break_suspend();
    return true;
}

void dos_at_exit(void (*f)(void)) {
    if (at_exit_count < AT_EXIT_MAX) {
        at_exit[at_exit_count++] = f;
    }
}

void dos_leave(void) {
    // Each is taken off the list first: if it fails and comes back here, the others still run.
    while (at_exit_count > 0) {
        at_exit[--at_exit_count]();
    }
    if (real_flags != NULL) {
        dos_take_break();
        dos_break_resume();
    }
    while (vector_count > 0) {
        --vector_count;
        store_vector(vectors[vector_count].number, vectors[vector_count].old >> 16, vectors[vector_count].old);
    }
}

void dos_exit(int status) {
    dos_leave();
    __asm volatile ("int $0x21" : : "a" (0x4c00 | (status & 0xff)));
    for (;;) {
    }
}
