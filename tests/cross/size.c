// A program of its own for every small target, without a C library: it prints what a session takes there, and by
// running at all shows that the core starts. qemu-user (or a 32-bit kernel) runs it.
#include "ssh_ffi.h"

#if defined(__arm__)
#define ENTRY "bl run"
static long syscall3(long number, long a, long b, long c) {
    register long r0 __asm__("r0") = a;
    register long r1 __asm__("r1") = b;
    register long r2 __asm__("r2") = c;
    register long r3 __asm__("r3") = number;
    // r7 may be the frame pointer.
    __asm__ volatile ("push {r7}\n mov r7, r3\n svc 0\n pop {r7}" : "+r" (r0) : "r" (r1), "r" (r2), "r" (r3) : "memory");
    return r0;
}
#define SYS_WRITE (4)
#define SYS_EXIT (1)
#elif defined(__riscv)
#define ENTRY "call run"
static long syscall3(long number, long a, long b, long c) {
    register long a0 __asm__("a0") = a;
    register long a1 __asm__("a1") = b;
    register long a2 __asm__("a2") = c;
    register long a7 __asm__("a7") = number;
    __asm__ volatile ("ecall" : "+r" (a0) : "r" (a1), "r" (a2), "r" (a7) : "memory");
    return a0;
}
#define SYS_WRITE (64)
#define SYS_EXIT (93)
#elif defined(__i386__)
#define ENTRY "call run"
static long syscall3(long number, long a, long b, long c) {
    long result;
    __asm__ volatile ("int $0x80" : "=a" (result) : "a" (number), "b" (a), "c" (b), "d" (c) : "memory");
    return result;
}
#define SYS_WRITE (4)
#define SYS_EXIT (1)
#endif

#if defined(__i386__)
// Where Rust knows of a C library it takes these from it.
void *memmove(void *to, const void *from, size_t n) {
    uint8_t *d = to;
    const uint8_t *s = from;
    for (size_t i = 0; i < n; i++) {
        size_t at = d < s ? i : n - 1 - i;
        ((volatile uint8_t *)d)[at] = s[at];
    }
    return to;
}

void *memcpy(void *to, const void *from, size_t n) {
    return memmove(to, from, n);
}

void *memset(void *to, int value, size_t n) {
    for (size_t i = 0; i < n; i++) {
        ((volatile uint8_t *)to)[i] = (uint8_t)value;
    }
    return to;
}

int memcmp(const void *a, const void *b, size_t n) {
    for (size_t i = 0; i < n; i++) {
        int difference = ((const volatile uint8_t *)a)[i] - ((const volatile uint8_t *)b)[i];
        if (difference != 0) {
            return difference;
        }
    }
    return 0;
}

int bcmp(const void *a, const void *b, size_t n) {
    return memcmp(a, b, n);
}

size_t strlen(const char *text) {
    size_t n = 0;
    while (((const volatile char *)text)[n] != 0) {
        n++;
    }
    return n;
}
#endif

__asm__ (".text\n .globl _start\n .type _start, %function\n _start:\n " ENTRY);

static void print(const char *text, size_t len) {
    syscall3(SYS_WRITE, 1, (long)text, (long)len);
}

static void print_number(size_t number) {
    char digits[12];
    size_t at = sizeof(digits);
    digits[--at] = '\n';
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    print(&digits[at], sizeof(digits) - at);
}

// The least value of *field with which a session can be made.
static void shrink(const ssh_config_t *config, uint32_t *field) {
    uint32_t low = 0, high = *field;
    while (high - low > 1) {
        *field = low + (high - low) / 2;
        if (ssh_session_size(config) != 0) {
            high = *field;
        } else {
            low = *field;
        }
    }
    *field = high;
}

__attribute__((used)) void run(void) {
    ssh_config_t config;
    ssh_config_init(&config);
    size_t len;
    const char *version = ssh_version(&len);
    if (len == 0 || version[0] < '0' || version[0] > '9') {
        syscall3(SYS_EXIT, 1, 0, 0);
    }
    print_number(ssh_session_size(&config));
    config.max_channels = 1;
    shrink(&config, &config.rx_size);
    shrink(&config, &config.tx_size);
    print_number(ssh_session_size(&config));
    syscall3(SYS_EXIT, 0, 0, 0);
}
