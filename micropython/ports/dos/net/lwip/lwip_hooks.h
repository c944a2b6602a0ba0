// Code within lwIP, see LWIP_HOOK_FILENAME in lwipopts.h.
#ifndef MICROPY_INCLUDED_DOS_LWIP_HOOKS_H
#define MICROPY_INCLUDED_DOS_LWIP_HOOKS_H

#include "lwip/tcp.h"

// modlwip has no option for keepalive: every connection that has heard from its peer gets it.
static inline err_t network_dos_keepalive(struct tcp_pcb *pcb) {
    if (pcb->state == ESTABLISHED) {
        ip_set_option(pcb, SOF_KEEPALIVE);
    }
    return ERR_OK;
}
#define LWIP_HOOK_TCP_INPACKET_PCB(pcb, hdr, optlen, opt1len, opt2, p) network_dos_keepalive(pcb)

// Nobody outside may guess the first sequence number.
#define LWIP_HOOK_TCP_ISN(local_ip, local_port, remote_ip, remote_port) network_dos_random()

#endif // MICROPY_INCLUDED_DOS_LWIP_HOOKS_H
