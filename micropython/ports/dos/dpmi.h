// The extender below us: real-mode calls, conventional and extended memory, ports.
//
// DPMI 0.9 functions are used (INT 31h; PMODE/W, DOS/32A and Windows have them), and of the
// extender's own DOS services only "terminate". Flat segments with base 0: a pointer is a linear
// address, so conventional memory and the screen are reached directly.
#ifndef MICROPY_INCLUDED_DOS_DPMI_H
#define MICROPY_INCLUDED_DOS_DPMI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The real-mode call structure of DPMI functions 0300h and 0301h.
struct real_regs {
    uint32_t edi, esi, ebp, zero, ebx, edx, ecx, eax;
    uint16_t flags, es, ds, fs, gs, ip, cs, sp, ss;
} __attribute__((packed));

#define REAL_CARRY (1)

// The transfer buffer in conventional memory. Its contents last until the next call that uses it.
#define LOW_BUF_SIZE (32768)
extern uint8_t *low_buf;
extern uint16_t low_buf_seg;

// Takes what every later call needs; false when there is too little conventional memory.
bool dpmi_init(void);
// Runs what dos_at_exit() registered and puts vectors back.
void dos_leave(void);
// The same, and ends the program.
void dos_exit(int status) __attribute__((noreturn));
// f runs at every exit, the last registered first. At most 16.
void dos_at_exit(void (*f)(void));

// Simulates a real-mode interrupt with the registers r, which it also returns. Flags and stack are set here.
void real_int(uint8_t number, struct real_regs *r);
// Calls a real-mode procedure that ends with a far return.
void real_call(uint16_t seg, uint16_t off, struct real_regs *r);
// Real-mode interrupt vectors, segment << 16 | offset. What is set is put back by dos_exit().
uint32_t real_vector(uint8_t number);
void real_set_vector(uint8_t number, uint16_t seg, uint16_t off);

// Conventional memory for the rest of the run, paragraph aligned; NULL if there is none.
void *low_alloc(size_t bytes, uint16_t *segment);
// Bytes of the largest block of conventional memory that is free.
size_t low_free(void);

// Extended memory. high_alloc() gives NULL if there is none.
size_t high_largest(void);
void *high_alloc(size_t bytes);
void high_release(void *block);

// Whether Ctrl-Break or Ctrl-C came from the BIOS or DOS since the last look.
bool dos_take_break(void);
// DOS takes a Ctrl-C out of the keyboard's buffer, writes "^C" and calls INT 23h at any of its calls when BREAK is on.
// Here it is a key like others until dos_poll() or the program looks at it, so BREAK is off from the start. resume()
// puts the user's setting back (for other programs, and at the end), suspend() turns it off again.
void dos_break_suspend(void);
void dos_break_resume(void);
// The critical error (INT 24h) since the last look: DOS's code (0 write-protected, 2 not ready, ...) or -1.
int dos_critical_error(void);
// Real-mode segment of the program segment prefix, and the linear address of the environment.
uint16_t dos_psp(void);
const char *dos_environment(void);

static inline uint8_t low8(uint32_t linear) {
    return *(volatile uint8_t *)linear;
}

static inline uint16_t low16(uint32_t linear) {
    return *(volatile uint16_t *)linear;
}

static inline uint32_t low32(uint32_t linear) {
    return *(volatile uint32_t *)linear;
}

static inline uint8_t inb(uint16_t port) {
    uint8_t value;
    __asm volatile ("inb %w1, %0" : "=a" (value) : "Nd" (port) : "memory");
    return value;
}

static inline void outb(uint16_t port, uint8_t value) {
    __asm volatile ("outb %0, %w1" : : "a" (value), "Nd" (port) : "memory");
}

static inline uint16_t inw(uint16_t port) {
    uint16_t value;
    __asm volatile ("inw %w1, %0" : "=a" (value) : "Nd" (port) : "memory");
    return value;
}

static inline void outw(uint16_t port, uint16_t value) {
    __asm volatile ("outw %0, %w1" : : "a" (value), "Nd" (port) : "memory");
}

static inline void insw(uint16_t port, void *buf, size_t words) {
    __asm volatile ("rep insw" : "+D" (buf), "+c" (words) : "d" (port) : "memory");
}

static inline void outsw(uint16_t port, const void *buf, size_t words) {
    __asm volatile ("rep outsw" : "+S" (buf), "+c" (words) : "d" (port) : "memory");
}

#endif // MICROPY_INCLUDED_DOS_DPMI_H
