// lwIP's options for the DOS port: one Ethernet card, megabytes of memory, a program that wants speed.
// What is not named here is lwIP's default.
#ifndef MICROPY_INCLUDED_DOS_LWIPOPTS_H
#define MICROPY_INCLUDED_DOS_LWIPOPTS_H

#include <stdint.h>

// No threads, and nothing of ours runs at interrupt time: there is nobody to be protected from.
#define NO_SYS                          (1)
#define SYS_LIGHTWEIGHT_PROT            (1)
#define SYS_ARCH_DECL_PROTECT(lev)
#define SYS_ARCH_PROTECT(lev)
#define SYS_ARCH_UNPROTECT(lev)
#define LWIP_NETCONN                    (0)
#define LWIP_SOCKET                     (0)
typedef uint32_t sys_prot_t;

// Headers behind a frame of 14 bytes would lie across words: the padding puts them on multiples of 4.
#define MEM_ALIGNMENT                   (4)
#define ETH_PAD_SIZE                    (2)
#define LWIP_CHKSUM                     network_dos_checksum
uint16_t network_dos_checksum(const void *data, int len);

// What is sent lies in the heap, what is received in the pool (drivers read into it directly).
#define MEM_SIZE                        (128 * 1024)
#define PBUF_POOL_SIZE                  (56)
#define PBUF_POOL_BUFSIZE               (1536)
#define MEMP_NUM_PBUF                   (64)
#define MEMP_NUM_TCP_PCB                (64)
#define MEMP_NUM_TCP_PCB_LISTEN         (8)
#define MEMP_NUM_UDP_PCB                (16)
#define MEMP_NUM_RAW_PCB                (4)
#define MEMP_NUM_TCP_SEG                (384)
#define MEMP_NUM_ARP_QUEUE              (32)
#define MEMP_NUM_REASSDATA              (4)
#define IP_REASS_MAX_PBUFS              (24)

#define LWIP_RAW                        (1)
#define LWIP_IPV4                       (1)
#define LWIP_IPV6                       (0)
#define LWIP_IGMP                       (1)
#define LWIP_STATS                      (0)
#define LWIP_NETIF_HOSTNAME             (1)
#define LWIP_NETIF_LOOPBACK             (1)
#define ARP_QUEUEING                    (1)
#define ETHARP_SUPPORT_STATIC_ENTRIES   (0)

// The check for other users of an offered address takes seconds; servers make it too.
#define LWIP_DHCP                       (1)
#define LWIP_DHCP_DOES_ACD_CHECK        (0)
#define LWIP_DHCP_MAX_DNS_SERVERS       (3)
#define LWIP_DNS                        (1)
#define DNS_MAX_SERVERS                 (3)
#define DNS_TABLE_SIZE                  (8)

// The receive window is the driver's: a burst has to fit into the card's memory, or what does not fit is lost and
// sent again much later. It stays below 64 KiB, because modlwip chains what came to one pbuf, with a 16-bit length.
#define TCP_MSS                         (1460)
#define TCP_WND                         network_dos_window
#define TCP_WND_MOST                    (44 * TCP_MSS)
extern uint16_t network_dos_window;
// A larger window is told when half of it is free, not a quarter: packets cost more than bytes here.
#define TCP_WND_UPDATE_THRESHOLD        (TCP_WND / 2)
// lwIP's checks are made by the preprocessor, which cannot know the variable.
#define LWIP_DISABLE_TCP_SANITY_CHECKS  (1)
#define TCP_SND_BUF                     (16 * TCP_MSS)
#define TCP_SND_QUEUELEN                (4 * TCP_SND_BUF / TCP_MSS)
#define TCP_LISTEN_BACKLOG              (1)
#define SO_REUSE                        (1)

// A peer that does not answer is given up after some minutes (not a quarter of an hour), and before it has ever
// answered after eight SYNs (seen: 150 and 40 seconds): a program for DOS has nobody who would look after it.
#define LWIP_TCP_RTO_TIME               (2000)
#define TCP_SYNMAXRTX                   (8)
#define TCP_MAXRTX                      (8)
// Every connection is probed when it is silent, so that a cut cable ends a wait without a timeout, too.
#define LWIP_TCP_KEEPALIVE              (1)
#define TCP_KEEPIDLE_DEFAULT            (60000UL)
#define TCP_KEEPINTVL_DEFAULT           (10000UL)
#define TCP_KEEPCNT_DEFAULT             (6U)
#define LWIP_HOOK_FILENAME              "lwip_hooks.h"

// Ports, sequence numbers and the resolver's numbers.
#define LWIP_RAND()                     network_dos_random()
uint32_t network_dos_random(void);

#endif // MICROPY_INCLUDED_DOS_LWIPOPTS_H
