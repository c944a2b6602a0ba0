// lwIP above one card: set up, polled, taken down. What Python sees of it is in network_lan.c.

#include <string.h>

#include "py/mphal.h"
#include "py/runtime.h"
#include "extmod/modnetwork.h"

#include "lwip/dhcp.h"
#include "lwip/dns.h"
#include "lwip/etharp.h"
#include "lwip/init.h"
#include "lwip/ip.h"
#include "lwip/netif.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/timeouts.h"
#include "lwip/udp.h"
#include "netif/ethernet.h"

#include "dpmi.h"
#include "entropy.h"
#include "idle.h"
#include "network_dos.h"
#include "nic.h"

// The BIOS's clock: 18.2 ticks a second. Reading it costs nothing, so it paces what need not be done at each poll.
#define BIOS_TICKS      (0x46c)
#define TICKS_PER_SECOND (18)
// Frames taken in by one poll: more would keep the program from its own work.
#define POLL_FRAMES     (16)
// So long after a packet of a connection the next one is waited for without a halt.
#define BUSY_TICKS      (4)
// How long the end of the program waits for data of closed sockets to be taken by the peers.
#define LINGER_MS       (5000)

struct netif network_dos_netif;
const nic_driver_t *network_dos_driver;
uint16_t network_dos_window = 8 * TCP_MSS;

static struct {
    bool ready;
    bool within; // lwIP is running: what it calls must not enter it again
    bool at_exit;
    uint8_t mac[6];
    uint16_t timers_tick; // when timers, link and packets were last looked at or seen
    uint16_t link_tick;
    uint16_t packet_tick;
    struct netif *loop;
} net;

u32_t sys_now(void) {
    return mp_hal_ticks_ms();
}

// Never waits, and works from the start of the program: what is drawn here are ports, numbers of DNS questions and
// the first sequence numbers of connections, no keys.
uint32_t network_dos_random(void) {
    uint32_t value;
    entropy_nonsecret(&value, sizeof(value));
    return value;
}

// The sum of 16-bit words with the carries added in, as the Internet protocols want it, 32 bytes at a turn.
uint16_t network_dos_checksum(const void *data, int len) {
    const uint8_t *p = data;
    uint32_t sum = 0;
    uint32_t blocks = (unsigned)len / 32;
    if (blocks > 0) {
        __asm volatile (
            "1:\n"
            "addl 0(%1), %0\n"
            "adcl 4(%1), %0\n"
            "adcl 8(%1), %0\n"
            "adcl 12(%1), %0\n"
            "adcl 16(%1), %0\n"
            "adcl 20(%1), %0\n"
            "adcl 24(%1), %0\n"
            "adcl 28(%1), %0\n"
            "adcl $0, %0\n"
            "leal 32(%1), %1\n"
            "decl %2\n"
            "jnz 1b\n"
            : "+r" (sum), "+r" (p), "+r" (blocks) : : "memory", "cc");
    }
    sum = (sum & 0xffff) + (sum >> 16);
    for (len &= 31; len >= 2; len -= 2, p += 2) {
        sum += *(const uint16_t *)p;
    }
    if (len > 0) {
        sum += *p;
    }
    sum = (sum & 0xffff) + (sum >> 16);
    return (sum & 0xffff) + (sum >> 16);
}

void network_dos_init(void) {
    if (!net.ready) {
        lwip_init();
        net.loop = netif_find("lo0");
        net.ready = true;
    }
}

// ---------------------------------------------------------------- frames

static err_t send_frame(struct netif *netif, struct pbuf *p) {
    (void)netif;
    net.packet_tick = low16(BIOS_TICKS);
    return network_dos_driver != NULL && network_dos_driver->send(p) ? ERR_OK : ERR_IF;
}

static err_t init_netif(struct netif *netif) {
    netif->name[0] = 'e';
    netif->name[1] = 'n';
    netif->mtu = 1500;
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET;
    netif->hwaddr_len = sizeof(net.mac);
    memcpy(netif->hwaddr, net.mac, sizeof(net.mac));
    netif->hostname = mod_network_hostname_data;
    netif->output = etharp_output;
    netif->linkoutput = send_frame;
    return ERR_OK;
}

static void receive_frames(uint16_t now) {
    for (int i = 0; i < POLL_FRAMES; ++i) {
        struct pbuf *p = network_dos_driver->receive();
        if (p == NULL) {
            return;
        }
        net.packet_tick = now;
        if (network_dos_netif.input(p, &network_dos_netif) != ERR_OK) {
            pbuf_free(p);
        }
    }
}

// Packets that an interface sent to itself; the chain has a packet's last pbuf where its length is all that is left.
// (netif_poll() would go on until there are none: with a pair of sockets whose windows are both shut that is never,
// each answers the other's acknowledgement.)
static void receive_own(struct netif *netif, uint16_t now) {
    for (int i = 0; i < POLL_FRAMES && netif->loop_first != NULL; ++i) {
        struct pbuf *packet = netif->loop_first, *last = packet;
        while (last->len != last->tot_len) {
            last = last->next;
        }
        netif->loop_first = last->next;
        if (netif->loop_first == NULL) {
            netif->loop_last = NULL;
        }
        last->next = NULL;
        net.packet_tick = now;
        if (ip_input(packet, netif) != ERR_OK) {
            pbuf_free(packet);
        }
    }
}

static void look_at_link(void) {
    bool link = network_dos_driver->link();
    if (link && !netif_is_link_up(&network_dos_netif)) {
        netif_set_link_up(&network_dos_netif);
    } else if (!link && netif_is_link_up(&network_dos_netif)) {
        netif_set_link_down(&network_dos_netif);
    }
}

void network_dos_poll(void) {
    if (!net.ready || net.within) {
        return;
    }
    net.within = true;
    uint16_t now = low16(BIOS_TICKS);
    if (network_dos_driver != NULL) {
        receive_frames(now);
        if ((uint16_t)(now - net.link_tick) >= TICKS_PER_SECOND) {
            net.link_tick = now;
            look_at_link();
        }
    }
    receive_own(net.loop, now);
    receive_own(&network_dos_netif, now);
    if (now != net.timers_tick) {
        net.timers_tick = now;
        sys_check_timeouts();
    }
    net.within = false;
}

bool network_dos_busy(void) {
    // Within a connection an answer may take a while, and a halt lasts until the next tick.
    uint16_t limit = tcp_active_pcbs != NULL ? BUSY_TICKS : 1;
    return net.ready && (uint16_t)(low16(BIOS_TICKS) - net.packet_tick) <= limit;
}

// ---------------------------------------------------------------- up and down

// At every exit, also a fatal one: the card must not go on filling memory that is no longer ours.
static void stop_driver(void) {
    if (network_dos_driver != NULL) {
        network_dos_driver->stop();
        network_dos_driver = NULL;
    }
}

bool network_dos_start(const nic_driver_t *const *drivers, const nic_place_t *place, vstr_t *why) {
    if (!net.at_exit) {
        net.at_exit = true;
        dos_at_exit(stop_driver);
    }
    for (; network_dos_driver == NULL && *drivers != NULL; ++drivers) {
        if (why->len != 0) {
            vstr_add_str(why, " and ");
        }
        if ((*drivers)->start(place, net.mac, why)) {
            network_dos_driver = *drivers;
        }
    }
    if (network_dos_driver == NULL) {
        return false;
    }
    network_dos_window = network_dos_driver->window;
    // Ports were numbered from the start of the program; begin somewhere else now that there has been time.
    tcp_init();
    udp_init();
    netif_add(&network_dos_netif, IP4_ADDR_ANY4, IP4_ADDR_ANY4, IP4_ADDR_ANY4, NULL, init_netif, ethernet_input);
    netif_set_default(&network_dos_netif);
    netif_set_link_up(&network_dos_netif);
    netif_set_up(&network_dos_netif);
    net.link_tick = low16(BIOS_TICKS);
    return true;
}

void network_dos_stop(void) {
    if (network_dos_driver != NULL) {
        dhcp_release_and_stop(&network_dos_netif);
        netif_remove(&network_dos_netif); // also ends its connections, each with an error
        stop_driver();
    }
}

bool network_dos_has_link(void) {
    return network_dos_driver != NULL && netif_is_link_up(&network_dos_netif);
}

bool network_dos_has_address(void) {
    return network_dos_driver != NULL && !ip4_addr_isany(netif_ip4_addr(&network_dos_netif));
}

// Whether a peer has yet to take something from us.
static bool is_owing(void) {
    for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL; pcb = pcb->next) {
        if (pcb->unsent != NULL || pcb->unacked != NULL) {
            return true;
        }
    }
    return false;
}

void network_dos_deinit(void) {
    if (!net.ready) {
        return;
    }
    uint32_t start = mp_hal_ticks_ms();
    while (network_dos_driver != NULL && is_owing() && (uint32_t)(mp_hal_ticks_ms() - start) < LINGER_MS) {
        network_dos_poll();
        if (dos_take_break()) {
            break;
        }
        if (!network_dos_busy()) {
            dos_cpu_idle();
        }
    }
    // The rest ends with a reset, so that peers do not wait for somebody who is gone. Its sockets are gone, too.
    while (tcp_active_pcbs != NULL) {
        struct tcp_pcb *pcb = tcp_active_pcbs;
        tcp_arg(pcb, NULL);
        tcp_err(pcb, NULL);
        tcp_abort(pcb);
    }
    stop_driver();
}

// ---------------------------------------------------------------- names

// The question that getaddrinfo waits for. An exception may leave it alone; its answer is then not taken.
static struct {
    uint32_t number;
    volatile bool done;
    bool found;
    ip_addr_t address;
} question;

static void take_answer(const char *name, const ip_addr_t *address, void *number) {
    (void)name;
    if ((uint32_t)number == question.number) {
        question.found = address != NULL;
        if (question.found) {
            question.address = *address;
        }
        question.done = true;
    }
}

static void raise_name_error(mp_rom_error_text_t format, const char *name) {
    vstr_t vstr;
    vstr_init(&vstr, 80);
    vstr_printf(&vstr, (const char *)format, name);
    mp_obj_t args[2] = {MP_OBJ_NEW_SMALL_INT(-2), mp_obj_new_str_from_vstr(&vstr)};
    nlr_raise(mp_obj_new_exception_args(&mp_type_OSError, 2, args));
}

err_t network_dos_resolve(const char *name, ip_addr_t *address, dns_found_callback found, void *arg, u8_t type) {
    (void)found;
    (void)arg;
    question.done = false;
    question.number += 1;
    net.within = true;
    err_t err = dns_gethostbyname_addrtype(name, address, take_answer, (void *)question.number, type);
    net.within = false;
    if (err == ERR_OK) {
        return err;
    }
    if (!network_dos_has_address()) {
        raise_name_error(MP_ERROR_TEXT("the network is not up, '%s' cannot be looked up: see dosnet.up()"), name);
    }
    if (ip_addr_isany(dns_getserver(0))) {
        raise_name_error(MP_ERROR_TEXT("no name server is known, '%s' cannot be looked up: give it as a number, "
            "or set one by network.ipconfig(dns=...)"), name);
    }
    if (err != ERR_INPROGRESS) {
        raise_name_error(MP_ERROR_TEXT("'%s' is no name that can be looked up"), name);
    }
    while (!question.done) {
        mp_event_wait_ms(1);
    }
    if (!question.found) {
        raise_name_error(MP_ERROR_TEXT("no name server knows '%s' or answers"), name);
    }
    *address = question.address;
    return ERR_OK;
}
