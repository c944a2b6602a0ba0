// Any card with a packet driver (FTP Software's specification 1.09, Crynwr's collection and many others).
//
// The driver is real-mode code behind a software interrupt. What it receives goes through pktrecv.S to a ring in
// conventional memory, which is polled here; nothing of ours runs in protected mode at interrupt time.

#include <string.h>

#include "py/mpconfig.h"
#include "py/misc.h"

#include "lwip/pbuf.h"
#include "dpmi.h"
#include "nic.h"
#include "pktrecv.h"

#define INT_FIRST           (0x60)
#define INT_LAST            (0x80)

#define FN_DRIVER_INFO      (0x01ff)
#define FN_ACCESS_TYPE      (0x0200)
#define FN_RELEASE_TYPE     (0x0300)
#define FN_SEND             (0x0400)
#define FN_GET_ADDRESS      (0x0600)
#define CLASS_ETHERNET      (1)
#define TYPE_ANY            (0xffff)

#define ERROR_NO_CLASS      (2)
#define ERROR_NO_TYPE       (3)
#define ERROR_NO_SPACE      (9)
#define ERROR_TYPE_IN_USE   (10)

// The block in conventional memory: the receiver, a frame to be sent, the slots of the ring.
#define SEND_OFFSET         (256)
#define SLOTS_OFFSET        (SEND_OFFSET + 1536)
#define BLOCK_SIZE(slots)   (SLOTS_OFFSET + (slots) * PKTRECV_SLOT)

// The protocols that we want, in the order of bytes on the wire.
static const uint8_t protocols[][2] = {{0x08, 0x00}, {0x08, 0x06}};

static struct {
    uint8_t interrupt; // 0: not open
    uint8_t handles;
    uint16_t handle[MP_ARRAY_SIZE(protocols)];
    uint8_t *block;
    uint16_t segment;
    uint16_t slots;
} packet;

static volatile struct pktrecv_ring *ring(void) {
    return (volatile struct pktrecv_ring *)packet.block;
}

static bool is_driver(uint8_t interrupt) {
    uint32_t vector = real_vector(interrupt);
    const char *handler = (const char *)((vector >> 16) * 16 + (vector & 0xffff));
    return vector != 0 && memcmp(handler + 3, "PKT DRVR", 8) == 0;
}

// Calls the driver: false, and its error code, if it refuses.
static bool call(struct real_regs *r, uint16_t function, uint8_t *error) {
    r->eax = function;
    real_int(packet.interrupt, r);
    if (r->flags & REAL_CARRY) {
        *error = r->edx >> 8;
        return false;
    }
    return true;
}

// The block stays ours for the rest of the run: fewer slots when memory is short.
static bool get_block(void) {
    static const uint8_t sizes[] = {40, 24, 12, 6};
    for (size_t i = 0; packet.block == NULL && i < MP_ARRAY_SIZE(sizes); ++i) {
        packet.block = low_alloc(BLOCK_SIZE(sizes[i]), &packet.segment);
        packet.slots = sizes[i];
    }
    if (packet.block == NULL) {
        return false;
    }
    memcpy(packet.block, pktrecv_begin, pktrecv_end - pktrecv_begin);
    ring()->count = packet.slots;
    ring()->slots = SLOTS_OFFSET;
    return true;
}

static bool open_protocol(const uint8_t *protocol, uint8_t *error) {
    memcpy(packet.block + SEND_OFFSET, protocol, 2);
    // Drivers that cannot tell their class and number (before version 1.09) have one interface, number 0.
    struct real_regs info = {0};
    uint8_t number = 0, ignored;
    if (call(&info, FN_DRIVER_INFO, &ignored)) {
        number = info.ecx;
    }
    struct real_regs r = {
        .ebx = TYPE_ANY, .edx = number, .ecx = 2,
        .ds = packet.segment, .esi = SEND_OFFSET,
        .es = packet.segment, .edi = PKTRECV_ENTRY,
    };
    if (!call(&r, FN_ACCESS_TYPE | CLASS_ETHERNET, error)) {
        return false;
    }
    packet.handle[packet.handles++] = r.eax;
    return true;
}

static void packet_stop(void) {
    uint8_t ignored;
    while (packet.handles > 0) {
        struct real_regs r = {.ebx = packet.handle[--packet.handles]};
        call(&r, FN_RELEASE_TYPE, &ignored);
    }
    packet.interrupt = 0;
}

static void explain(vstr_t *why, uint8_t error) {
    vstr_printf(why, "the packet driver at INT %xh refuses: ", packet.interrupt);
    switch (error) {
        case ERROR_NO_CLASS:
        case ERROR_NO_TYPE:
            vstr_add_str(why, "it is not one for Ethernet");
            break;
        case ERROR_TYPE_IN_USE:
            vstr_add_str(why, "its IP packets belong to another resident program");
            break;
        case ERROR_NO_SPACE:
            vstr_add_str(why, "it has no handles left");
            break;
        default:
            vstr_printf(why, "error %u", error);
    }
}

static bool open_driver(uint8_t mac[6], vstr_t *why) {
    uint8_t error = 0;
    if (!get_block()) {
        vstr_add_str(why, "too little conventional memory for a packet driver's buffers (11 KB at least)");
        packet.interrupt = 0;
        return false;
    }
    for (size_t i = 0; i < MP_ARRAY_SIZE(protocols); ++i) {
        if (!open_protocol(protocols[i], &error)) {
            explain(why, error);
            packet_stop();
            return false;
        }
    }
    struct real_regs r = {.ebx = packet.handle[0], .ecx = 6, .es = packet.segment, .edi = SEND_OFFSET};
    if (!call(&r, FN_GET_ADDRESS, &error)) {
        explain(why, error);
        packet_stop();
        return false;
    }
    memcpy(mac, packet.block + SEND_OFFSET, 6);
    return true;
}

static bool packet_start(const nic_place_t *place, uint8_t mac[6], vstr_t *why) {
    unsigned first = place->interrupt ? place->interrupt : INT_FIRST;
    unsigned last = place->interrupt ? place->interrupt : INT_LAST;
    for (unsigned i = first; i <= last; ++i) {
        if (is_driver(i)) {
            packet.interrupt = i;
            return open_driver(mac, why);
        }
    }
    if (first == last) {
        vstr_printf(why, "no packet driver at INT %xh", first);
    } else {
        vstr_printf(why, "no packet driver at INT %xh to %xh", first, last);
    }
    return false;
}

static struct pbuf *packet_receive(void) {
    struct pbuf *p = NULL;
    while (p == NULL && ring()->tail != ring()->head) {
        uint16_t tail = ring()->tail;
        const uint8_t *slot = packet.block + SLOTS_OFFSET + tail * PKTRECV_SLOT;
        uint16_t length = *(const uint16_t *)slot;
        p = pbuf_alloc(PBUF_RAW, ETH_PAD_SIZE + length, PBUF_POOL);
        if (p != NULL) {
            memcpy((uint8_t *)p->payload + ETH_PAD_SIZE, slot + 2, length);
        }
        ring()->tail = tail + 1 < ring()->count ? tail + 1 : 0;
    }
    return p;
}

static bool packet_send(const struct pbuf *frame) {
    uint8_t *buf = packet.block + SEND_OFFSET, ignored;
    unsigned length = frame->tot_len - ETH_PAD_SIZE;
    if (length > NIC_FRAME_MAX) {
        return false;
    }
    pbuf_copy_partial(frame, buf, length, ETH_PAD_SIZE);
    if (length < NIC_FRAME_MIN) {
        memset(buf + length, 0, NIC_FRAME_MIN - length);
        length = NIC_FRAME_MIN;
    }
    struct real_regs r = {.ecx = length, .ds = packet.segment, .esi = SEND_OFFSET};
    return call(&r, FN_SEND, &ignored);
}

// The specification has nothing about cables.
static bool packet_link(void) {
    return true;
}

static unsigned packet_where(void) {
    return packet.interrupt;
}

const nic_driver_t nic_packet = {
    .name = "packet",
    .window = 8 * TCP_MSS,
    .start = packet_start,
    .stop = packet_stop,
    .receive = packet_receive,
    .send = packet_send,
    .link = packet_link,
    .where = packet_where,
};
