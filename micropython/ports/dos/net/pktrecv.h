// What pktrecv.S and pktdrv.c share: the ring in conventional memory.
#ifndef MICROPY_INCLUDED_DOS_NET_PKTRECV_H
#define MICROPY_INCLUDED_DOS_NET_PKTRECV_H

// The longest frame, and a slot for it with its length (a word) before it.
#define PKTRECV_FRAME (1514)
#define PKTRECV_SLOT  (1520)

#ifndef __ASSEMBLER__

#include <stdint.h>

// It lies at offset 0 of the receiver's segment. Only the receiver moves head, only pktdrv.c moves tail; equal, the
// ring is empty.
struct pktrecv_ring {
    uint16_t head, tail, count;
    uint16_t slots; // offset of the first one
    uint16_t pending, dropped;
};

// The receiver's code begins behind the ring.
#define PKTRECV_ENTRY (sizeof(struct pktrecv_ring))
extern const uint8_t pktrecv_begin[], pktrecv_end[];

#endif

#endif // MICROPY_INCLUDED_DOS_NET_PKTRECV_H
