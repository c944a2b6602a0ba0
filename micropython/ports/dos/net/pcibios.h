// PCI BIOS, for the NE2000's relatives there.
#ifndef MICROPY_INCLUDED_DOS_NET_PCIBIOS_H
#define MICROPY_INCLUDED_DOS_NET_PCIBIOS_H

#include <stdint.h>

// I/O base of the first NE2000-like card, 0 if there is none.
uint16_t pcibios_find_ne2000(void);

#endif // MICROPY_INCLUDED_DOS_NET_PCIBIOS_H
