// network.LAN: the Ethernet card, as on other ports.

#include <string.h>

#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "extmod/modnetwork.h"

#include "lwip/dhcp.h"
#include "lwip/netif.h"

#include "dpmi.h"
#include "network_dos.h"
#include "nic.h"

// What status() says.
#define STAT_DOWN       (0)
#define STAT_NO_LINK    (1)
#define STAT_NO_ADDRESS (2)
#define STAT_GOT_IP     (3)

#define DHCP_TIMEOUT_MS (15000)

typedef struct _network_lan_obj_t {
    mp_obj_base_t base;
    const nic_driver_t *drivers[3]; // those to be tried, then NULL
    nic_place_t place;
} network_lan_obj_t;

static network_lan_obj_t network_lan_obj = {
    .base = {&network_lan_type},
    .drivers = {&nic_ne2000, &nic_packet},
};

static NORETURN void raise_sentence(int err, mp_obj_t sentence) {
    mp_obj_t args[2] = {MP_OBJ_NEW_SMALL_INT(err), sentence};
    nlr_raise(mp_obj_new_exception_args(&mp_type_OSError, 2, args));
}

static void network_lan_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    (void)self_in;
    (void)kind;
    if (network_dos_driver == NULL) {
        mp_print_str(print, "<LAN down>");
    } else {
        uint32_t ip = netif_ip4_addr(&network_dos_netif)->addr;
        mp_printf(print, "<LAN %s at %xh, %u.%u.%u.%u>", network_dos_driver->name, network_dos_driver->where(),
            ip & 0xff, ip >> 8 & 0xff, ip >> 16 & 0xff, ip >> 24);
    }
}

// LAN(id=0, *, driver="auto", io=None, irq=None): irq is the software interrupt of a packet driver. (That of an
// NE2000 is taken, too, but the card is polled.)
static void choose(network_lan_obj_t *self, mp_obj_t driver_in, mp_obj_t io_in, mp_obj_t irq_in) {
    const nic_driver_t *drivers[2] = {&nic_ne2000, &nic_packet};
    nic_place_t place = {0};
    mp_int_t io = io_in == mp_const_none ? 0 : mp_obj_get_int(io_in);
    mp_int_t irq = irq_in == mp_const_none ? 0 : mp_obj_get_int(irq_in);
    const char *name = driver_in == mp_const_none ? "auto" : mp_obj_str_get_str(driver_in);
    if (strcmp(name, "ne2000") == 0) {
        drivers[1] = NULL;
    } else if (strcmp(name, "packet") == 0) {
        drivers[0] = &nic_packet;
        drivers[1] = NULL;
    } else if (strcmp(name, "auto") != 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("driver must be 'auto', 'ne2000' or 'packet'"));
    }
    if (io < 0 || io > 0xffe0 || (io & 0x1f) != 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("io must be a multiple of 20h, as 0x300 is"));
    }
    if (irq < 0 || irq > 0xff) {
        mp_raise_ValueError(MP_ERROR_TEXT("irq must be 0 to 255"));
    }
    place.io = io;
    // A packet driver lies at 60h to 80h, other values are the card's own.
    if (irq >= 0x60 && irq <= 0x80) {
        place.interrupt = irq;
    } else if (drivers[0] == &nic_packet && irq != 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("irq of a packet driver must be 0x60 to 0x80"));
    }
    if (network_dos_driver != NULL && (memcmp(self->drivers, drivers, sizeof(drivers)) != 0
                                       || memcmp(&self->place, &place, sizeof(place)) != 0)) {
        mp_raise_ValueError(MP_ERROR_TEXT("the LAN is active: active(False) comes first"));
    }
    memcpy(self->drivers, drivers, sizeof(drivers));
    self->place = place;
}

static mp_obj_t network_lan_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *all_args) {
    (void)type;
    enum { ARG_id, ARG_driver, ARG_io, ARG_irq };
    static const mp_arg_t allowed_args[] = {
        { MP_QSTR_id, MP_ARG_INT, {.u_int = 0} },
        { MP_QSTR_driver, MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_io, MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_irq, MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed_args)];
    mp_arg_parse_all_kw_array(n_args, n_kw, all_args, MP_ARRAY_SIZE(allowed_args), allowed_args, args);
    if (args[ARG_id].u_int != 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("there is one LAN: 0"));
    }
    if (n_kw > 0) {
        choose(&network_lan_obj, args[ARG_driver].u_obj, args[ARG_io].u_obj, args[ARG_irq].u_obj);
    }
    return MP_OBJ_FROM_PTR(&network_lan_obj);
}

static void activate(network_lan_obj_t *self) {
    vstr_t why;
    vstr_init(&why, 200);
    if (!network_dos_start(self->drivers, &self->place, &why)) {
        vstr_add_str(&why, ": load a packet driver for the card before MPYTHON, as in NE2000.COM 0x60 5 0x300, "
            "or say where the card is");
        raise_sentence(MP_ENODEV, mp_obj_new_str_from_vstr(&why));
    }
    vstr_clear(&why);
    mod_network_register_nic(MP_OBJ_FROM_PTR(self));
    dhcp_start(&network_dos_netif);
}

static mp_obj_t network_lan_active(size_t n_args, const mp_obj_t *args) {
    if (n_args == 1) {
        return mp_obj_new_bool(network_dos_driver != NULL);
    }
    if (!mp_obj_is_true(args[1])) {
        network_dos_stop();
    } else if (network_dos_driver == NULL) {
        activate(MP_OBJ_TO_PTR(args[0]));
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(network_lan_active_obj, 1, 2, network_lan_active);

static int lan_status(void) {
    network_dos_poll();
    if (network_dos_driver == NULL) {
        return STAT_DOWN;
    }
    if (!network_dos_has_link()) {
        return STAT_NO_LINK;
    }
    return network_dos_has_address() ? STAT_GOT_IP : STAT_NO_ADDRESS;
}

static mp_obj_t network_lan_status(mp_obj_t self_in) {
    (void)self_in;
    return MP_OBJ_NEW_SMALL_INT(lan_status());
}
static MP_DEFINE_CONST_FUN_OBJ_1(network_lan_status_obj, network_lan_status);

static mp_obj_t network_lan_isconnected(mp_obj_t self_in) {
    (void)self_in;
    return mp_obj_new_bool(lan_status() == STAT_GOT_IP);
}
static MP_DEFINE_CONST_FUN_OBJ_1(network_lan_isconnected_obj, network_lan_isconnected);

static void check_active(void) {
    if (network_dos_driver == NULL) {
        static const char text[] = "the LAN is not active: active(True) comes first";
        raise_sentence(MP_ENODEV, mp_obj_new_str(text, sizeof(text) - 1));
    }
}

// ifconfig("dhcp") waits for the address.
static void wait_dhcp(void) {
    if (!dhcp_supplied_address(&network_dos_netif)) {
        dhcp_stop(&network_dos_netif);
        dhcp_start(&network_dos_netif);
    }
    uint32_t start = mp_hal_ticks_ms();
    while (!dhcp_supplied_address(&network_dos_netif)) {
        if ((uint32_t)(mp_hal_ticks_ms() - start) > DHCP_TIMEOUT_MS) {
            static const char text[] = "no DHCP server has answered: check the cable, the card's settings and the "
                "server, or set an address by ifconfig((address, mask, gateway, name server))";
            raise_sentence(MP_ETIMEDOUT, mp_obj_new_str(text, sizeof(text) - 1));
        }
        mp_event_wait_ms(10);
    }
}

static mp_obj_t network_lan_ifconfig(size_t n_args, const mp_obj_t *args) {
    if (n_args == 1) {
        return mod_network_nic_ifconfig(&network_dos_netif, 0, NULL);
    }
    check_active();
    if (args[1] == MP_OBJ_NEW_QSTR(MP_QSTR_dhcp)) {
        wait_dhcp();
        return mp_const_none;
    }
    return mod_network_nic_ifconfig(&network_dos_netif, n_args - 1, args + 1);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(network_lan_ifconfig_obj, 1, 2, network_lan_ifconfig);

static mp_obj_t network_lan_ipconfig(size_t n_args, const mp_obj_t *args, mp_map_t *kwargs) {
    check_active();
    return mod_network_nic_ipconfig(&network_dos_netif, n_args - 1, args + 1, kwargs);
}
static MP_DEFINE_CONST_FUN_OBJ_KW(network_lan_ipconfig_obj, 1, network_lan_ipconfig);

static mp_obj_t config_get(qstr key) {
    switch (key) {
        case MP_QSTR_mac:
            check_active();
            return mp_obj_new_bytes(network_dos_netif.hwaddr, 6);
        case MP_QSTR_hostname:
            return mod_network_hostname(0, NULL);
        case MP_QSTR_driver:
            check_active();
            return mp_obj_new_str_from_cstr(network_dos_driver->name);
        case MP_QSTR_io: // or the packet driver's interrupt
            check_active();
            return MP_OBJ_NEW_SMALL_INT(network_dos_driver->where());
        case MP_QSTR_window:
            return MP_OBJ_NEW_SMALL_INT(network_dos_window);
        default:
            mp_raise_ValueError(MP_ERROR_TEXT("unknown config param"));
    }
}

static void config_set(qstr key, mp_obj_t value) {
    switch (key) {
        case MP_QSTR_hostname:
            mod_network_hostname(1, &value);
            break;
        case MP_QSTR_window: {
            // For networks with long ways: more than the card holds pays there.
            mp_int_t window = mp_obj_get_int(value);
            if (window < 2 * TCP_MSS || window > TCP_WND_MOST) {
                mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("window must be %u to %u"), 2 * TCP_MSS,
                    TCP_WND_MOST);
            }
            network_dos_window = window;
            break;
        }
        default:
            mp_raise_ValueError(MP_ERROR_TEXT("unknown config param"));
    }
}

static mp_obj_t network_lan_config(size_t n_args, const mp_obj_t *args, mp_map_t *kwargs) {
    if (kwargs->used == 0) {
        if (n_args != 2) {
            mp_raise_TypeError(MP_ERROR_TEXT("must query one param"));
        }
        return config_get(mp_obj_str_get_qstr(args[1]));
    }
    if (n_args != 1) {
        mp_raise_TypeError(MP_ERROR_TEXT("can't specify pos and kw args"));
    }
    for (size_t i = 0; i < kwargs->alloc; ++i) {
        if (mp_map_slot_is_filled(kwargs, i)) {
            config_set(mp_obj_str_get_qstr(kwargs->table[i].key), kwargs->table[i].value);
        }
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_KW(network_lan_config_obj, 1, network_lan_config);

static const mp_rom_map_elem_t network_lan_locals_dict_table[] = {
    { MP_ROM_QSTR(MP_QSTR_active), MP_ROM_PTR(&network_lan_active_obj) },
    { MP_ROM_QSTR(MP_QSTR_isconnected), MP_ROM_PTR(&network_lan_isconnected_obj) },
    { MP_ROM_QSTR(MP_QSTR_status), MP_ROM_PTR(&network_lan_status_obj) },
    { MP_ROM_QSTR(MP_QSTR_ifconfig), MP_ROM_PTR(&network_lan_ifconfig_obj) },
    { MP_ROM_QSTR(MP_QSTR_ipconfig), MP_ROM_PTR(&network_lan_ipconfig_obj) },
    { MP_ROM_QSTR(MP_QSTR_config), MP_ROM_PTR(&network_lan_config_obj) },
};
static MP_DEFINE_CONST_DICT(network_lan_locals_dict, network_lan_locals_dict_table);

MP_DEFINE_CONST_OBJ_TYPE(
    network_lan_type,
    MP_QSTR_LAN,
    MP_TYPE_FLAG_NONE,
    make_new, network_lan_make_new,
    print, network_lan_print,
    locals_dict, &network_lan_locals_dict
    );
