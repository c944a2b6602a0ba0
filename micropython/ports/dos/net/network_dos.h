// The network: lwIP above one card, driven by polling.
#ifndef MICROPY_INCLUDED_DOS_NETWORK_DOS_H
#define MICROPY_INCLUDED_DOS_NETWORK_DOS_H

#include <stdbool.h>
#include <stdint.h>

#include "py/mpconfig.h"
#include "py/misc.h"

// At the start of the program. Touches no card.
void network_dos_init(void);
// Takes in what has come and runs lwIP's timers. Called from every wait and now and then from running code.
void network_dos_poll(void);
// Whether packets are coming, so that who waits should look again at once.
bool network_dos_busy(void);
// At the end of the program: sends what closed sockets still hold, for a short time, then stops the card.
void network_dos_deinit(void);

struct netif;
struct _nic_driver_t;
struct _nic_place_t;

// The one interface, and its driver (NULL when it is down).
extern struct netif network_dos_netif;
extern const struct _nic_driver_t *network_dos_driver;

// Brings the interface up with the first of the drivers (a list that NULL ends) that finds its card. If there is
// none, false, and what was tried is appended to why.
bool network_dos_start(const struct _nic_driver_t *const *drivers, const struct _nic_place_t *place, vstr_t *why);
void network_dos_stop(void);
// Whether the cable is in (as far as the card knows) and there is an address.
bool network_dos_has_link(void);
bool network_dos_has_address(void);

#endif // MICROPY_INCLUDED_DOS_NETWORK_DOS_H
