// The keys that the BIOS has: a ring in its data area that IRQ 1 fills.
//
// Whether a key is there is told by the ring, which costs nothing; the key itself is asked from INT 16h, so that
// what other programs put in its way (layouts, macros) is obeyed.

#include "dpmi.h"
#include "keyboard.h"

#define BIOS_SHIFT (0x417)
#define BIOS_HEAD (0x41a)
#define BIOS_TAIL (0x41c)
#define BIOS_START (0x480)
#define BIOS_END (0x482)
#define BIOS_KEYBOARD (0x496)
#define BIOS_DATA (0x400)

#define ENHANCED (0x10)
#define FLAG_ZERO (0x40)
#define RING_START (0x1e)
#define RING_END (0x3e)

bool keyboard_get(uint16_t *key, uint8_t *flags) {
    if (low16(BIOS_HEAD) == low16(BIOS_TAIL)) {
        return false;
    }
    // The ring does not say which keys were held down. What is nearest to then: before the key is taken.
    *flags = low8(BIOS_SHIFT);
    // Looking first: a program in between may swallow keys, and reading would wait.
    unsigned enhanced = low8(BIOS_KEYBOARD) & ENHANCED ? 0x1000 : 0;
    struct real_regs r = { .eax = 0x0100 | enhanced };
    real_int(0x16, &r);
    if (r.flags & FLAG_ZERO) {
        return false;
    }
    r = (struct real_regs) { .eax = enhanced };
    real_int(0x16, &r);
    *key = r.eax & 0xffff;
    return true;
}

static bool is_ctrl_c(uint16_t key) {
    // Wherever a layout has C. Ctrl-Break leaves 0. (Alt with 3 on the keypad has no scan code.)
    return ((key & 0xff) == 3 && key >> 8 != 0) || key == 0;
}

bool keyboard_take_ctrl_c(void) {
    uint16_t head = low16(BIOS_HEAD), tail = low16(BIOS_TAIL);
    if (head == tail) {
        return false;
    }
    uint16_t start = low16(BIOS_START), end = low16(BIOS_END);
    if (start == 0 || end <= start) {
        start = RING_START;
        end = RING_END;
    }
    // Only this side moves the head, IRQ 1 moves the tail alone: no need to keep it away.
    for (unsigned n = (end - start) / 2; n > 0 && head != tail; --n) {
        uint16_t key = low16(BIOS_DATA + head);
        head = head + 2u >= end ? start : head + 2u;
        if (is_ctrl_c(key)) {
            *(volatile uint16_t *)BIOS_HEAD = head;
            return true;
        }
    }
    return false;
}
