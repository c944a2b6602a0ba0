// machine: what MicroPython's extmod/modmachine.c, which includes this file, wants of the port.
//
// mem8, mem16 and mem32 take linear addresses: segment * 16 + offset for all that DOS and the BIOS know.

#include "dpmi.h"
#include "idle.h"

extern const mp_obj_type_t machine_rtc_type;

#define BIOS_RESET_FLAG (0x472)
#define WARM_BOOT (0x1234)
#define CMOS_INDEX (0x70)
#define CMOS_DATA (0x71)
#define CMOS_SHUTDOWN (0x8f) // with the bit that keeps NMI away
#define KEYBOARD_COMMAND (0x64)
#define KEYBOARD_BUSY (2)
#define KEYBOARD_PULSE_RESET (0xfe)
#define SYSTEM_CONTROL (0x92)

// A read of a port takes at least a microsecond on the old bus, and the reset line some time.
static void wait_ports(unsigned reads) {
    while (reads-- > 0 && (inb(KEYBOARD_COMMAND) & KEYBOARD_BUSY)) {
    }
}

static void write_caches(void) {
    struct real_regs cache = { .eax = 0x4a10, .ebx = 1 }; // SMARTDRV and its like
    real_int(0x2f, &cache);
    struct real_regs buffers = { .eax = 0x0d00 };
    real_int(0x21, &buffers);
}

// The BIOS boots again without its memory test. Each way that a PC has is tried, the surest first.
NORETURN static mp_obj_t dos_machine_reset(void) {
    write_caches();
    dos_leave();
    *(volatile uint16_t *)BIOS_RESET_FLAG = WARM_BOOT;
    outb(CMOS_INDEX, CMOS_SHUTDOWN);
    outb(CMOS_DATA, 0);
    wait_ports(100000);
    outb(KEYBOARD_COMMAND, KEYBOARD_PULSE_RESET);
    wait_ports(100000);
    outb(SYSTEM_CONTROL, inb(SYSTEM_CONTROL) & ~1);
    outb(SYSTEM_CONTROL, inb(SYSTEM_CONTROL) | 1);
    wait_ports(100000);
    struct real_regs r = { 0 };
    real_call(0xffff, 0, &r);
    for (;;) {
    }
}
static MP_DEFINE_CONST_FUN_OBJ_0(dos_machine_reset_obj, dos_machine_reset);

static void mp_machine_idle(void) {
    mp_event_handle_nowait();
    dos_cpu_idle();
}

#define MICROPY_PY_MACHINE_EXTRA_GLOBALS \
    { MP_ROM_QSTR(MP_QSTR_RTC), MP_ROM_PTR(&machine_rtc_type) }, \
    { MP_ROM_QSTR(MP_QSTR_reset), MP_ROM_PTR(&dos_machine_reset_obj) },
