// NE2000: National's DP8390 with memory of its own, behind I/O ports only. And its 8-bit and PCI relatives.
//
// The card's interrupt stays masked: it stores what comes in its ring, which is polled.

#include <string.h>

#include "py/mphal.h"
#include "py/mpconfig.h"
#include "py/misc.h"

#include "lwip/pbuf.h"
#include "dpmi.h"
#include "nic.h"
#include "pcibios.h"

// Registers of page 0, as offsets from the base.
#define REG_COMMAND     (0x00)
#define REG_START       (0x01)
#define REG_STOP        (0x02)
#define REG_BOUNDARY    (0x03)
#define REG_TX_STATUS   (0x04) // read
#define REG_TX_PAGE     (0x04) // written
#define REG_TX_COUNT    (0x05) // and 6
#define REG_INTERRUPT   (0x07)
#define REG_DMA_ADDRESS (0x08) // and 9
#define REG_DMA_COUNT   (0x0a) // and b
#define REG_RX_CONFIG   (0x0c)
#define REG_TX_CONFIG   (0x0d)
#define REG_DATA_CONFIG (0x0e)
#define REG_MASK        (0x0f)
// Of page 1.
#define REG_ADDRESS     (0x01) // to 6
#define REG_CURRENT     (0x07)
#define REG_MULTICAST   (0x08) // to f
// Of page 3, Realtek's chips only.
#define REG_CONFIG0     (0x03)
// Outside of the DP8390.
#define REG_DATA        (0x10)
#define REG_RESET       (0x1f)

#define CMD_STOP        (0x01)
#define CMD_START       (0x02)
#define CMD_TRANSMIT    (0x04)
#define CMD_READ        (0x08)
#define CMD_WRITE       (0x10)
#define CMD_NO_DMA      (0x20)
#define CMD_PAGE1       (0x40)
#define CMD_PAGE3       (0xc0)

#define INT_RECEIVED    (0x01)
#define INT_SENT        (0x02)
#define INT_RX_ERROR    (0x04)
#define INT_TX_ERROR    (0x08)
#define INT_OVERFLOW    (0x10)
#define INT_DMA_DONE    (0x40)
#define INT_RESET       (0x80)

#define TX_ABORTED      (0x08)
#define TX_NO_CARRIER   (0x10)

#define DATA_BYTES      (0x48) // 8-byte FIFO threshold, normal operation
#define DATA_WORDS      (0x49)
#define RX_BROADCAST    (0x04) // and frames to our own address; no multicast
#define RX_MONITOR      (0x20)
#define TX_LOOPBACK     (0x02)

// Two frames fit before the ring: one is filled while the other one is on the wire.
#define TX_PAGES        (6)
#define HEADER_SIZE     (4)
// What a register is read again and again before the card is given up, in microseconds. A frame whose every try
// ends in a collision takes about 40 ms.
#define SEND_WAIT_US    (80000)
#define DMA_WAIT_US     (2000)
#define RESET_WAIT_US   (20000)
#define STOP_WAIT_US    (1700) // DP8390 data sheet: the longest frame

static struct {
    uint16_t io;
    bool words;
    bool realtek;
    bool overflow; // the ring is being emptied after an overflow
    bool send_again; // after that
    bool sending;
    bool carrier;
    uint8_t first_page; // the card's memory: two frames to send, then the ring
    uint8_t last_page; // first one behind it
    uint8_t tx_page;
    uint8_t next_page; // of the ring: the next frame to be read
    uint8_t current_page; // as far as is known, where the card writes
    uint8_t mac[6];
    uint32_t bounce[(NIC_FRAME_MAX + 6) / 4];
} card;

static inline uint8_t reg(unsigned r) {
    return inb(card.io + r);
}

static inline void set_reg(unsigned r, uint8_t value) {
    outb(card.io + r, value);
}

// Waits until the bits of a register are as wanted; false if that does not happen.
static bool wait_reg(unsigned r, uint8_t bits, uint8_t wanted, uint32_t limit_us) {
    if ((reg(r) & bits) == wanted) {
        return true;
    }
    uint32_t start = mp_hal_ticks_us();
    do {
        if ((reg(r) & bits) == wanted) {
            return true;
        }
    } while ((uint32_t)(mp_hal_ticks_us() - start) < limit_us);
    return false;
}

static void begin_dma(uint8_t command, uint16_t address, uint16_t count) {
    set_reg(REG_COMMAND, CMD_NO_DMA | CMD_START);
    set_reg(REG_INTERRUPT, INT_DMA_DONE);
    set_reg(REG_DMA_COUNT, count);
    set_reg(REG_DMA_COUNT + 1, count >> 8);
    set_reg(REG_DMA_ADDRESS, address);
    set_reg(REG_DMA_ADDRESS + 1, address >> 8);
    set_reg(REG_COMMAND, command | CMD_START);
}

// Reads the card's memory; at the end of the ring the card goes on at its start. An odd count reads one byte more.
static void read_memory(uint16_t address, void *buf, uint16_t count) {
    count = (count + 1) & ~1;
    begin_dma(CMD_READ, address, count);
    if (card.words) {
        insw(card.io + REG_DATA, buf, count / 2);
    } else {
        for (uint8_t *p = buf; count > 0; --count) {
            *p++ = reg(REG_DATA);
        }
    }
}

static bool write_memory(uint16_t address, const void *buf, uint16_t count) {
    count = (count + 1) & ~1;
    begin_dma(CMD_WRITE, address, count);
    if (card.words) {
        outsw(card.io + REG_DATA, buf, count / 2);
    } else {
        for (const uint8_t *p = buf; count > 0; --count) {
            set_reg(REG_DATA, *p++);
        }
    }
    return wait_reg(REG_INTERRUPT, INT_DMA_DONE, INT_DMA_DONE, DMA_WAIT_US);
}

static uint8_t current_page(void) {
    set_reg(REG_COMMAND, CMD_NO_DMA | CMD_PAGE1 | CMD_START);
    uint8_t page = reg(REG_CURRENT);
    set_reg(REG_COMMAND, CMD_NO_DMA | CMD_START);
    return page;
}

static uint8_t ring_start(void) {
    return card.first_page + 2 * TX_PAGES;
}

static void start_chip(void) {
    set_reg(REG_COMMAND, CMD_NO_DMA | CMD_STOP);
    set_reg(REG_DATA_CONFIG, card.words ? DATA_WORDS : DATA_BYTES);
    set_reg(REG_DMA_COUNT, 0);
    set_reg(REG_DMA_COUNT + 1, 0);
    set_reg(REG_RX_CONFIG, RX_MONITOR);
    set_reg(REG_TX_CONFIG, TX_LOOPBACK);
    set_reg(REG_START, ring_start());
    set_reg(REG_STOP, card.last_page);
    set_reg(REG_BOUNDARY, card.last_page - 1);
    set_reg(REG_INTERRUPT, 0xff);
    set_reg(REG_MASK, 0);
    set_reg(REG_COMMAND, CMD_NO_DMA | CMD_PAGE1 | CMD_STOP);
    for (int i = 0; i < 6; ++i) {
        set_reg(REG_ADDRESS + i, card.mac[i]);
    }
    for (int i = 0; i < 8; ++i) {
        set_reg(REG_MULTICAST + i, 0);
    }
    set_reg(REG_CURRENT, ring_start());
    set_reg(REG_COMMAND, CMD_NO_DMA | CMD_START);
    set_reg(REG_TX_CONFIG, 0);
    set_reg(REG_RX_CONFIG, RX_BROADCAST);
    card.next_page = card.current_page = ring_start();
    card.tx_page = card.first_page;
    card.overflow = card.sending = false;
}

// ---------------------------------------------------------------- receiving

// The DP8390 data sheet's way out of an overflow: stop, let the frame on the wire end, empty the ring in loopback
// mode (nothing new comes then), and go on. This is the part up to the emptying.
static void begin_overflow(void) {
    bool transmitting = reg(REG_COMMAND) & CMD_TRANSMIT;
    set_reg(REG_COMMAND, CMD_NO_DMA | CMD_STOP);
    uint32_t start = mp_hal_ticks_us();
    while ((uint32_t)(mp_hal_ticks_us() - start) < STOP_WAIT_US) {
    }
    set_reg(REG_DMA_COUNT, 0);
    set_reg(REG_DMA_COUNT + 1, 0);
    card.send_again = transmitting && !(reg(REG_INTERRUPT) & (INT_SENT | INT_TX_ERROR));
    set_reg(REG_TX_CONFIG, TX_LOOPBACK);
    set_reg(REG_COMMAND, CMD_NO_DMA | CMD_START);
    card.overflow = true;
}

static void end_overflow(void) {
    set_reg(REG_INTERRUPT, INT_OVERFLOW);
    set_reg(REG_TX_CONFIG, 0);
    if (card.send_again) {
        set_reg(REG_COMMAND, CMD_NO_DMA | CMD_TRANSMIT | CMD_START);
    }
    card.overflow = false;
}

// Whether the ring holds a frame.
static bool has_frame(void) {
    if (card.next_page != card.current_page) {
        return true;
    }
    if (!card.overflow) {
        uint8_t events = reg(REG_INTERRUPT);
        if (events == 0xff) {
            return false; // the card is gone (a PC card pulled out)
        }
        if (events & INT_OVERFLOW) {
            begin_overflow();
        } else if (!(events & (INT_RECEIVED | INT_RX_ERROR))) {
            return false;
        }
        // First the flag, then the page: what comes in between is seen either way.
        set_reg(REG_INTERRUPT, INT_RECEIVED | INT_RX_ERROR);
    }
    card.current_page = current_page();
    if (card.next_page != card.current_page) {
        return true;
    }
    if (card.overflow) {
        end_overflow();
    }
    return false;
}

// Whether a frame of this length may have its successor there. Chips differ by the bytes that they count.
static bool is_next_page(uint8_t next, unsigned length) {
    if (length < NIC_FRAME_MIN || length > NIC_FRAME_MAX + 4 || next < ring_start() || next >= card.last_page) {
        return false;
    }
    unsigned ring = card.last_page - ring_start();
    unsigned pages = (next + ring - card.next_page) % ring, wanted = 1 + ((length + 4) >> 8);
    return pages == wanted || pages == wanted + 1;
}

static struct pbuf *ne2000_receive(void) {
    struct {
        uint8_t status, next;
        uint16_t count;
    } header;
    while (has_frame()) {
        uint16_t address = card.next_page << 8;
        read_memory(address, &header, HEADER_SIZE);
        unsigned length = header.count - HEADER_SIZE;
        if (!is_next_page(header.next, length)) {
            // The ring is not what it should be: only a start from the beginning helps.
            start_chip();
            return NULL;
        }
        struct pbuf *p = NULL;
        length = MIN(length, NIC_FRAME_MAX);
        if ((header.status & 0x0f) == INT_RECEIVED) {
            p = pbuf_alloc(PBUF_RAW, ETH_PAD_SIZE + length, PBUF_POOL);
            if (p != NULL) {
                address = address + HEADER_SIZE;
                read_memory(address, (uint8_t *)p->payload + ETH_PAD_SIZE, length);
            }
        }
        card.next_page = header.next;
        // The boundary is one page behind, else the card would take a full ring for an empty one.
        set_reg(REG_BOUNDARY, (header.next == ring_start() ? card.last_page : header.next) - 1);
        if (p != NULL) {
            return p;
        }
    }
    return NULL;
}

// ---------------------------------------------------------------- sending

// Waits for the frame that is on the wire.
static bool end_sending(void) {
    if (!card.sending) {
        return true;
    }
    card.sending = false;
    if (!wait_reg(REG_COMMAND, CMD_TRANSMIT, 0, SEND_WAIT_US)) {
        start_chip(); // the transmitter hangs
        card.carrier = false;
        return false;
    }
    card.carrier = !(reg(REG_TX_STATUS) & (TX_ABORTED | TX_NO_CARRIER));
    set_reg(REG_INTERRUPT, INT_SENT | INT_TX_ERROR);
    return true;
}

static bool ne2000_send(const struct pbuf *frame) {
    const uint8_t *data = (const uint8_t *)frame->payload + ETH_PAD_SIZE;
    unsigned length = frame->tot_len - ETH_PAD_SIZE;
    if (length > NIC_FRAME_MAX || card.overflow) {
        return false; // in loopback mode it would come back to us
    }
    if (frame->next != NULL || length < NIC_FRAME_MIN) {
        pbuf_copy_partial(frame, card.bounce, length, ETH_PAD_SIZE);
        data = (const uint8_t *)card.bounce;
        if (length < NIC_FRAME_MIN) {
            memset((uint8_t *)card.bounce + length, 0, NIC_FRAME_MIN - length);
            length = NIC_FRAME_MIN;
        }
    }
    if (!write_memory(card.tx_page << 8, data, length)) {
        start_chip();
        return false;
    }
    if (!end_sending()) {
        return false;
    }
    set_reg(REG_TX_PAGE, card.tx_page);
    set_reg(REG_TX_COUNT, length);
    set_reg(REG_TX_COUNT + 1, length >> 8);
    set_reg(REG_COMMAND, CMD_NO_DMA | CMD_TRANSMIT | CMD_START);
    card.sending = true;
    card.tx_page = card.tx_page == card.first_page ? card.first_page + TX_PAGES : card.first_page;
    return true;
}

// Realtek's chips know whether the cable is in; the others know at most that the last frame found no carrier.
static bool ne2000_link(void) {
    if (!card.realtek) {
        return card.carrier;
    }
    set_reg(REG_COMMAND, CMD_NO_DMA | CMD_PAGE3 | CMD_START);
    uint8_t config = reg(REG_CONFIG0);
    set_reg(REG_COMMAND, CMD_NO_DMA | CMD_START);
    return !(config & 0x04);
}

// ---------------------------------------------------------------- finding

static bool memory_works(bool words, uint8_t first, uint8_t last) {
    static const uint16_t places[] = {0, 0x100, 0x17fe};
    card.words = words;
    card.first_page = first;
    card.last_page = last;
    start_chip();
    set_reg(REG_RX_CONFIG, RX_MONITOR);
    for (size_t i = 0; i < MP_ARRAY_SIZE(places); ++i) {
        uint32_t pattern[2] = {0x55aa0ff0 + i, ~(0x13579bdf << i)}, back[2] = {0};
        uint16_t address = (first << 8) + places[i];
        if (!write_memory(address, pattern, sizeof(pattern))) {
            return false;
        }
        read_memory(address, back, sizeof(back));
        if (memcmp(pattern, back, sizeof(back)) != 0) {
            return false;
        }
    }
    return true;
}

// Looks for a card at the base. Nothing is written where nothing answers.
static bool probe(uint16_t io) {
    uint8_t prom[32];
    card.io = io;
    if (reg(REG_COMMAND) == 0xff) {
        return false;
    }
    set_reg(REG_RESET, reg(REG_RESET));
    if (!wait_reg(REG_INTERRUPT, INT_RESET, INT_RESET, RESET_WAIT_US)) {
        return false;
    }
    set_reg(REG_COMMAND, CMD_NO_DMA | CMD_STOP);
    if ((reg(REG_COMMAND) & ~CMD_TRANSMIT) != (CMD_NO_DMA | CMD_STOP)) {
        return false;
    }
    set_reg(REG_DATA_CONFIG, DATA_BYTES);
    card.realtek = reg(0x0a) == 'P' && (reg(0x0b) == 'p' || reg(0x0b) == 'C');
    set_reg(REG_RX_CONFIG, RX_MONITOR);
    set_reg(REG_TX_CONFIG, TX_LOOPBACK);
    set_reg(REG_MASK, 0);
    card.words = false;
    read_memory(0, prom, sizeof(prom));
    // In a 16-bit slot every byte of the PROM comes twice.
    bool twice = true;
    for (int i = 0; i < 32; i += 2) {
        twice = twice && prom[i] == prom[i + 1];
    }
    for (int i = 0; i < 6; ++i) {
        card.mac[i] = prom[twice ? 2 * i : i];
    }
    if ((card.mac[0] & 1) || (card.mac[0] | card.mac[1] | card.mac[2]) == 0) {
        return false; // no station's address
    }
    const uint8_t *mark = prom + (twice ? 28 : 14);
    bool ne2000 = mark[0] == 0x57 && prom[twice ? 30 : 15] == 0x57;
    if (twice && memory_works(true, 0x40, 0x80)) {
        return true; // clones may lack the mark
    }
    return (ne2000 && memory_works(false, 0x40, 0x80)) || memory_works(false, 0x20, 0x40);
}

static bool ne2000_start(const nic_place_t *place, uint8_t mac[6], vstr_t *why) {
    static const uint16_t bases[] = {0x300, 0x280, 0x320, 0x340, 0x360, 0x240};
    bool found = false;
    if (place->io != 0) {
        found = probe(place->io);
    } else {
        for (size_t i = 0; !found && i < MP_ARRAY_SIZE(bases); ++i) {
            found = probe(bases[i]);
        }
        uint16_t pci;
        if (!found && (pci = pcibios_find_ne2000()) != 0) {
            found = probe(pci);
        }
    }
    if (!found) {
        card.io = 0;
        if (place->io != 0) {
            vstr_printf(why, "no NE2000 at %xh", place->io);
        } else {
            vstr_add_str(why, "no NE2000 at 300h, 280h, 320h, 340h, 360h, 240h or on PCI");
        }
        return false;
    }
    start_chip();
    card.carrier = true;
    memcpy(mac, card.mac, 6);
    return true;
}

static void ne2000_stop(void) {
    if (card.io != 0) {
        set_reg(REG_COMMAND, CMD_NO_DMA | CMD_STOP);
        set_reg(REG_INTERRUPT, 0xff);
    }
}

static unsigned ne2000_where(void) {
    return card.io;
}

const nic_driver_t nic_ne2000 = {
    .name = "ne2000",
    .window = 8 * TCP_MSS,
    .start = ne2000_start,
    .stop = ne2000_stop,
    .receive = ne2000_receive,
    .send = ne2000_send,
    .link = ne2000_link,
    .where = ne2000_where,
};
