// What a driver of a network card gives to network_dos.c.
#ifndef MICROPY_INCLUDED_DOS_NET_NIC_H
#define MICROPY_INCLUDED_DOS_NET_NIC_H

#include <stdbool.h>
#include <stdint.h>

#include "py/mpconfig.h"
#include "py/misc.h"

struct pbuf;

// The longest Ethernet frame, without its checksum, and the shortest.
#define NIC_FRAME_MAX (1514)
#define NIC_FRAME_MIN (60)

// Where to look for the card; 0 is everywhere.
typedef struct _nic_place_t {
    uint16_t io; // NE2000: I/O base
    uint8_t interrupt; // packet driver: its software interrupt
} nic_place_t;

typedef struct _nic_driver_t {
    const char *name;
    // How much a connection may send us at once, in bytes: what the card can hold while nobody polls.
    uint16_t window;
    // Finds and starts the card. If there is none, false, and why as (part of) a sentence is appended to why.
    bool (*start)(const nic_place_t *place, uint8_t mac[6], vstr_t *why);
    // May be called at any time, also when the program dies. Nothing comes from the card after it.
    void (*stop)(void);
    // The next frame, behind ETH_PAD_SIZE bytes of padding, or NULL.
    struct pbuf *(*receive)(void);
    // Sends a frame, padding not included; false if the card could not.
    bool (*send)(const struct pbuf *frame);
    // False when the card knows that its cable is out.
    bool (*link)(void);
    // The place where the card is: the I/O base or the interrupt.
    unsigned (*where)(void);
} nic_driver_t;

extern const nic_driver_t nic_ne2000;
extern const nic_driver_t nic_packet;

#endif // MICROPY_INCLUDED_DOS_NET_NIC_H
