// PCI cards through the PCI BIOS, which is asked by real-mode INT 1Ah.

#include "py/mpconfig.h"
#include "py/misc.h"

#include "dpmi.h"
#include "pcibios.h"

#define PCI_BIOS            (0x1a)
#define PCI_INSTALLED       (0xb101)
#define PCI_FIND_DEVICE     (0xb102)
#define PCI_READ_WORD       (0xb109)
#define PCI_READ_DWORD      (0xb10a)
#define PCI_WRITE_WORD      (0xb10c)
#define PCI_SIGNATURE       (0x20494350) // "PCI "
#define CONFIG_COMMAND      (0x04)
#define CONFIG_BASE0        (0x10)
#define COMMAND_IO          (0x0001)

// Vendor and device.
static const uint16_t cards[][2] = {
    {0x10ec, 0x8029}, // Realtek RTL8029, QEMU
    {0x1050, 0x0940}, // Winbond 89C940
    {0x1050, 0x5a5a}, // Winbond 89C940F
    {0x1106, 0x0926}, // VIA VT86C926
    {0x11f6, 0x1401}, // Compex RL2000
    {0x8e2e, 0x3000}, // KTI ET32P2
    {0x4a14, 0x5000}, // NetVin NV5000SC
    {0x10bd, 0x0e34}, // SureCom NE34
    {0x12c3, 0x0058}, // Holtek HT80232
    {0x12c3, 0x5598}, // Holtek HT80229
};

static bool pci_call(struct real_regs *r, uint16_t function) {
    r->eax = function;
    real_int(PCI_BIOS, r);
    return !(r->flags & REAL_CARRY) && (r->eax & 0xff00) == 0;
}

static bool has_pci(void) {
    struct real_regs r = {0};
    return pci_call(&r, PCI_INSTALLED) && r.edx == PCI_SIGNATURE;
}

static uint16_t base_of(uint16_t address) {
    struct real_regs r = {.ebx = address, .edi = CONFIG_BASE0};
    if (!pci_call(&r, PCI_READ_DWORD) || !(r.ecx & 1)) {
        return 0; // not I/O
    }
    uint16_t base = r.ecx & 0xfffc;
    r = (struct real_regs) {.ebx = address, .edi = CONFIG_COMMAND};
    if (pci_call(&r, PCI_READ_WORD) && !(r.ecx & COMMAND_IO)) {
        r = (struct real_regs) {.ebx = address, .edi = CONFIG_COMMAND, .ecx = (r.ecx & 0xffff) | COMMAND_IO};
        pci_call(&r, PCI_WRITE_WORD);
    }
    return base;
}

uint16_t pcibios_find_ne2000(void) {
    if (!has_pci()) {
        return 0;
    }
    for (size_t i = 0; i < MP_ARRAY_SIZE(cards); ++i) {
        struct real_regs r = {.edx = cards[i][0], .ecx = cards[i][1]};
        if (pci_call(&r, PCI_FIND_DEVICE)) {
            uint16_t base = base_of(r.ebx & 0xffff);
            if (base != 0) {
                return base;
            }
        }
    }
    return 0;
}
