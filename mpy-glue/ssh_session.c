// class Session: construction with ident and key exchange, attributes, housekeeping, close.

#include <string.h>

#include "modssh_session.h"

#define CLOSE_REASON_BY_APPLICATION (11) // RFC 4253 section 11.1
#define CLOSE_REASON_HOST_KEY (9)
// Questions for a sign of life that may go without an answer, when the program sets an interval only.
#define KEEPALIVE_MAX (3)

// ---------------------------------------------------------------- closing

// Say DISCONNECT with one try, wipe, forget. Raises nothing; what a callback raised is left in self->line.exc.
static void session_end(mp_obj_ssh_session_t *self, uint32_t reason, const char *text) {
    ssh_session_t *core = self->core;
    if (core == NULL) {
        return;
    }
    ssh_disconnect(core, reason, text);
    self->core = NULL;
    ssh_session_wipe(core);
    if (self->line.bounce != NULL) {
        modssh_wipe(self->line.bounce, MICROPY_PY_SSH_BOUNCE);
    }
    // Give back what this session held, also while the object itself lives on.
    self->line.poll = MP_OBJ_NULL;
    self->line.bounce = NULL;
    for (size_t i = 0; i < self->n_slots; i++) {
        self->slots[i].ring = NULL;
    }
}

static void session_close_with(mp_obj_ssh_session_t *self, uint32_t reason, const char *text) {
    if (self->core == NULL) {
        return;
    }
    // An exception that still waits to be raised must not keep the session from being closed.
    mp_obj_t exc = self->line.exc;
    self->line.exc = MP_OBJ_NULL;
    modssh_op_t op;
    modssh_enter(&op, self);
    session_end(self, reason, text);
    modssh_leave(&op);
    // A socket's own complaint does not matter any more; ctrl-C does.
    exc = self->line.exc != MP_OBJ_NULL ? self->line.exc : exc;
    self->line.exc = MP_OBJ_NULL;
    if (exc != MP_OBJ_NULL && !mp_obj_exception_match(exc, MP_OBJ_FROM_PTR(&mp_type_Exception))) {
        nlr_raise(exc);
    }
}

static mp_obj_t session_close(mp_obj_t self_in) {
    session_close_with(MP_OBJ_TO_PTR(self_in), CLOSE_REASON_BY_APPLICATION, "");
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(session_close_obj, session_close);

static mp_obj_t session_disconnect(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    static const mp_arg_t allowed[] = {
        { MP_QSTR_reason, MP_ARG_INT, {.u_int = CLOSE_REASON_BY_APPLICATION} },
        { MP_QSTR_text, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_QSTR(MP_QSTR_)} },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args - 1, pos_args + 1, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    session_close_with(MP_OBJ_TO_PTR(pos_args[0]), args[0].u_int, mp_obj_str_get_str(args[1].u_obj));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_KW(session_disconnect_obj, 1, session_disconnect);

static mp_obj_t session___exit__(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    return session_close(args[0]);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(session___exit___obj, 4, 4, session___exit__);

// The finaliser: it only wipes. It may run inside any allocation, makes no callback, allocates nothing and
// looks at no other GC object. (A session that is in use is on the C stack and so never finalised.)
static mp_obj_t session___del__(mp_obj_t self_in) {
    mp_obj_ssh_session_t *self = MP_OBJ_TO_PTR(self_in);
    ssh_session_t *core = self->core;
    self->core = NULL;
    if (core != NULL) {
        bool held = modssh_hold_interrupts(true);
        ssh_session_wipe(core);
        modssh_hold_interrupts(held);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(session___del___obj, session___del__);

// ---------------------------------------------------------------- construction

enum {
    ARG_sock, ARG_hostkey, ARG_hostkey_ca, ARG_hostname, ARG_now, ARG_timeout, ARG_kex, ARG_hostkeys, ARG_ciphers, ARG_macs,
    ARG_rekey_bytes, ARG_rekey_packets, ARG_rekey_seconds, ARG_window, ARG_max_packet, ARG_channels, ARG_connect, ARG_COUNT
};

static const mp_arg_t session_args[] = {
    { MP_QSTR_sock, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
    { MP_QSTR_hostkey, MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
    { MP_QSTR_hostkey_ca, MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
    { MP_QSTR_hostname, MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
    { MP_QSTR_now, MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
    { MP_QSTR_timeout, MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_INT(MICROPY_PY_SSH_TIMEOUT_MS / 1000)} },
    { MP_QSTR_kex, MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
    { MP_QSTR_hostkeys, MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
    { MP_QSTR_ciphers, MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
    { MP_QSTR_macs, MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
    { MP_QSTR_rekey_bytes, MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
    { MP_QSTR_rekey_packets, MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
    { MP_QSTR_rekey_seconds, MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
    { MP_QSTR_window, MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
    { MP_QSTR_max_packet, MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
    { MP_QSTR_channels, MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
    { MP_QSTR_connect, MP_ARG_KW_ONLY | MP_ARG_BOOL, {.u_bool = true} },
};

// A count from an argument; None: the value that is already there. Divided (rounded up) by unit.
uint32_t modssh_get_count(mp_obj_t obj, uint32_t value, uint32_t unit, uint32_t max) {
    if (obj == mp_const_none) {
        return value;
    }
    #if MICROPY_PY_BUILTINS_FLOAT && MICROPY_LONGINT_IMPL != MICROPY_LONGINT_IMPL_NONE
    // Counts such as 2 << 30 do not fit the small ints of 32-bit ports.
    if (!mp_obj_is_small_int(obj)) {
        mp_float_t f = mp_obj_get_float(obj) / (mp_float_t)unit;
        if (f >= MICROPY_FLOAT_CONST(0.0)) {
            return f >= (mp_float_t)max ? max : (uint32_t)f;
        }
    }
    #endif
    mp_int_t n = mp_obj_get_int(obj);
    if (n < 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("negative size or count"));
    }
    mp_uint_t count = ((mp_uint_t)n + unit - 1) / unit;
    return count > max ? max : count;
}

// Names in order of preference, as a 0-terminated list; NULL for None. which: as for ssh_algorithms().
static const char *get_names(mp_obj_t obj, int which) {
    if (obj == mp_const_none) {
        return NULL;
    }
    if (!mp_obj_is_str(obj)) {
        mp_obj_t join[3];
        mp_load_method(mp_obj_new_str(",", 1), MP_QSTR_join, join);
        join[2] = obj;
        obj = mp_call_method_n_kw(1, 0, join);
    }
    const char *names = mp_obj_str_get_str(obj);
    const char *name = names;
    for (;;) {
        const char *comma = strchr(name, ',');
        size_t len = comma == NULL ? strlen(name) : (size_t)(comma - name);
        if (!ssh_has_algorithm(which, name, len)) {
            mp_obj_t text = mp_obj_new_str(name, len);
            mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("algorithm not in this build: '%s'"), mp_obj_str_get_str(text));
        }
        if (comma == NULL) {
            return names;
        }
        name = comma + 1;
    }
}

static void get_config(ssh_config_t *config, const mp_arg_val_t *args) {
    ssh_config_init(config);
    #if MICROPY_PY_SSH_MAX_PACKET
    config->max_packet = MICROPY_PY_SSH_MAX_PACKET;
    #endif
    #if MICROPY_PY_SSH_CHANNELS
    config->max_channels = MICROPY_PY_SSH_CHANNELS;
    #endif
    uint32_t default_packet = config->max_packet;
    config->max_packet = modssh_get_count(args[ARG_max_packet].u_obj, config->max_packet, 1, UINT32_MAX / 4);
    if (config->max_packet > default_packet) {
        // The receive buffer of the target's default fits its default packet.
        config->rx_size += config->max_packet - default_packet;
    }
    config->max_channels = modssh_get_count(args[ARG_channels].u_obj, config->max_channels, 1, INT16_MAX);
    config->rekey_bytes = modssh_get_count(args[ARG_rekey_bytes].u_obj, config->rekey_bytes, 1024, UINT32_MAX);
    config->rekey_packets = modssh_get_count(args[ARG_rekey_packets].u_obj, config->rekey_packets, 1, (uint32_t)1 << 31);
    config->rekey_seconds = modssh_get_count(args[ARG_rekey_seconds].u_obj, config->rekey_seconds, 1, UINT32_MAX);
    config->host_certs = args[ARG_hostkey_ca].u_obj != mp_const_none;
    config->kex = get_names(args[ARG_kex].u_obj, 0);
    config->host_keys = get_names(args[ARG_hostkeys].u_obj, 1);
    config->ciphers = get_names(args[ARG_ciphers].u_obj, 2);
    config->macs = get_names(args[ARG_macs].u_obj, 3);
}

// One block: the object, its slots, and the core's block behind them.
static mp_obj_ssh_session_t *session_alloc(const mp_obj_type_t *type, const ssh_config_t *config) {
    size_t core_size = ssh_session_size(config);
    if (core_size == 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("max_packet, channels: not usable"));
    }
    size_t align = ssh_session_align();
    size_t head = sizeof(mp_obj_ssh_session_t) + config->max_channels * sizeof(modssh_slot_t);
    size_t size = head + align - 1 + core_size;
    #if MICROPY_ENABLE_FINALISER
    mp_obj_ssh_session_t *self = m_malloc_with_finaliser(size);
    #else
    mp_obj_ssh_session_t *self = m_malloc(size);
    #endif
    memset(self, 0, size); // ssh_session_wipe() takes a zeroed block
    self->n_slots = config->max_channels;
    self->core = (ssh_session_t *)(((uintptr_t)self + head + align - 1) & ~(uintptr_t)(align - 1));
    self->base.type = type;
    return self;
}

// The stream and the core. Never inlined: nlr_call_jump_callbacks() runs only what lies below the caller's nlr_buf
// on the stack, so `op` needs a frame of its own.
static MP_NOINLINE void session_init(mp_obj_ssh_session_t *self, const ssh_config_t *config, mp_obj_t sock) {
    modssh_op_t op;
    modssh_enter(&op, self);
    modssh_io_init(self, sock);
    uint32_t code = 0;
    int r = ssh_session_init(self->core, config, &self->io, &code);
    if (r == SSH_ERROR) {
        if (code == SSH_E_KEY_NEEDS_CERTS) {
            modssh_raise_code(code);
        }
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("configuration not usable (%d)"), (int)code);
    }
    modssh_check(&op, r);
    self->up = true;
    modssh_leave(&op);
}

// Ident, key exchange, and the decision about the host's key.
static MP_NOINLINE void session_shake(mp_obj_ssh_session_t *self) {
    modssh_op_t op;
    modssh_enter(&op, self);
    bool ident = false;
    int r;
    do {
        r = ssh_handshake(self->core);
        if (r == SSH_HOSTKEY) {
            bool held = modssh_hold_interrupts(false);
            modssh_hostkey_decide(self, &self->trust);
            modssh_hold_interrupts(held);
            ssh_host_key_accept(self->core);
            modssh_restart(&op);
        } else if (!ident) {
            // Ident and key exchange are steps with a deadline each.
            size_t len;
            ssh_text(self->core, SSH_TEXT_REMOTE_IDENT, &len);
            if (len > 0) {
                ident = true;
                modssh_restart(&op);
            }
        }
    } while (r == SSH_HOSTKEY || (r == SSH_AGAIN && modssh_wait(&op)));
    modssh_finish(&op, r);
}

static bool is_rejection(mp_obj_t exc) {
    mp_int_t code = modssh_exc_code(exc);
    return code == SSH_E_HOST_KEY_REJECTED || (code >= SSH_E_HOST_KEY_TOO_SHORT && code <= SSH_E_CERT_SIGNATURE);
}

// Nothing half-open stays behind: tell the server if that goes at once, and wipe. Raises exc.
static MP_NOINLINE void session_fail(mp_obj_ssh_session_t *self, void *exc) {
    self->busy = true; // the socket's send may be Python code
    bool held = modssh_hold_interrupts(true);
    if (self->up) {
        session_end(self, is_rejection(MP_OBJ_FROM_PTR(exc)) ? CLOSE_REASON_HOST_KEY : CLOSE_REASON_BY_APPLICATION, "");
    } else {
        session___del__(MP_OBJ_FROM_PTR(self));
    }
    self->busy = false;
    self->line.exc = MP_OBJ_NULL;
    modssh_hold_interrupts(held);
    nlr_jump(exc);
}

static bool is_again(mp_obj_t exc) {
    mp_int_t err;
    return mp_obj_exception_match(exc, MP_OBJ_FROM_PTR(&mp_type_OSError))
           && mp_obj_get_int_maybe(mp_obj_exception_get_value(exc), &err) && err == MP_EAGAIN;
}

void modssh_session_handshake(mp_obj_ssh_session_t *self) {
    if (self->busy) {
        mp_raise_OSError(MP_EBUSY);
    }
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        session_shake(self);
        nlr_pop();
        return;
    }
    if (modssh_never_waits(self) && is_again(MP_OBJ_FROM_PTR(nlr.ret_val))) {
        nlr_jump(nlr.ret_val);
    }
    session_fail(self, nlr.ret_val);
}

static mp_obj_t session_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *all_args) {
    mp_arg_val_t args[ARG_COUNT];
    mp_arg_parse_all_kw_array(n_args, n_kw, all_args, ARG_COUNT, session_args, args);
    modssh_trust_t trust = {
        .hostkey = args[ARG_hostkey].u_obj,
        .authority = args[ARG_hostkey_ca].u_obj,
        .hostname = args[ARG_hostname].u_obj,
        .now = args[ARG_now].u_obj,
    };
    modssh_trust_validate(&trust);
    mp_int_t timeout_ms = modssh_get_timeout(args[ARG_timeout].u_obj);
    uint32_t window = modssh_get_count(args[ARG_window].u_obj, MICROPY_PY_SSH_WINDOW, 1, UINT32_MAX / 4);
    bool connect = args[ARG_connect].u_bool;
    if (window == 0 || (timeout_ms == 0 && connect)) {
        mp_raise_ValueError(MP_ERROR_TEXT("window and timeout must not be 0"));
    }
    ssh_config_t config;
    get_config(&config, args);

    mp_obj_ssh_session_t *self = session_alloc(type, &config);
    self->timeout_ms = timeout_ms;
    self->keepalive_max = KEEPALIVE_MAX;
    self->window = window;
    self->trust = trust;
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        session_init(self, &config, args[ARG_sock].u_obj);
        nlr_pop();
    } else {
        session_fail(self, nlr.ret_val);
    }
    if (connect) {
        modssh_session_handshake(self);
    }
    return MP_OBJ_FROM_PTR(self);
}

// ---------------------------------------------------------------- attributes

static mp_obj_t text_obj(mp_obj_ssh_session_t *self, int which) {
    size_t len;
    const char *text = ssh_text(self->core, which, &len);
    return mp_obj_new_str(text, len);
}

static mp_obj_t algorithms_obj(mp_obj_ssh_session_t *self) {
    static const struct {
        qstr_short_t name;
        uint8_t which;
    } rows[] = {
        { MP_QSTR_kex, SSH_TEXT_KEX },
        { MP_QSTR_hostkey, SSH_TEXT_HOST_KEY_ALG },
        { MP_QSTR_cipher_out, SSH_TEXT_CIPHER_OUT },
        { MP_QSTR_cipher_in, SSH_TEXT_CIPHER_IN },
        { MP_QSTR_mac_out, SSH_TEXT_MAC_OUT },
        { MP_QSTR_mac_in, SSH_TEXT_MAC_IN },
    };
    mp_obj_t dict = mp_obj_new_dict(MP_ARRAY_SIZE(rows));
    for (size_t i = 0; i < MP_ARRAY_SIZE(rows); i++) {
        mp_obj_dict_store(dict, MP_OBJ_NEW_QSTR(rows[i].name), text_obj(self, rows[i].which));
    }
    return dict;
}

// Attributes that ask the core. MP_OBJ_NULL: there is no such attribute.
static mp_obj_t core_attr(mp_obj_ssh_session_t *self, qstr attr) {
    size_t len;
    const uint8_t *blob;
    switch (attr) {
        case MP_QSTR_hostkey:
            blob = ssh_host_key(self->core, &len);
            return mp_obj_new_bytes(blob, len);
        case MP_QSTR_hostkey_type:
            blob = ssh_host_key(self->core, &len);
            return modssh_key_type_obj(blob, len);
        case MP_QSTR_hostkey_fingerprint:
            blob = ssh_host_key(self->core, &len);
            return modssh_fingerprint_obj(blob, len);
        case MP_QSTR_remote_version:
            return text_obj(self, SSH_TEXT_REMOTE_IDENT);
        case MP_QSTR_banner:
            ssh_text(self->core, SSH_TEXT_BANNER, &len);
            return len == 0 ? mp_const_none : text_obj(self, SSH_TEXT_BANNER);
        case MP_QSTR_algorithms:
            return algorithms_obj(self);
        case MP_QSTR_auth_methods: {
            const char *text = ssh_text(self->core, SSH_TEXT_AUTH_METHODS, &len);
            return modssh_split_names(text, len);
        }
        default:
            return MP_OBJ_NULL;
    }
}

static bool is_core_attr(qstr attr) {
    return attr == MP_QSTR_hostkey || attr == MP_QSTR_hostkey_type || attr == MP_QSTR_hostkey_fingerprint
           || attr == MP_QSTR_remote_version || attr == MP_QSTR_banner || attr == MP_QSTR_algorithms
           || attr == MP_QSTR_auth_methods;
}

static bool is_dead(mp_obj_ssh_session_t *self) {
    if (self->core == NULL) {
        return true;
    }
    if (self->busy) {
        return false;
    }
    ssh_error_t err;
    memset(&err, 0, sizeof(err));
    ssh_last_error(self->core, &err);
    return err.fatal;
}

static void session_attr(mp_obj_t self_in, qstr attr, mp_obj_t *dest) {
    mp_obj_ssh_session_t *self = MP_OBJ_TO_PTR(self_in);
    if (dest[0] != MP_OBJ_NULL) {
        if (attr == MP_QSTR_timeout && dest[1] != MP_OBJ_NULL) {
            mp_int_t ms = modssh_get_timeout(dest[1]);
            if (ms == 0) {
                mp_raise_ValueError(MP_ERROR_TEXT("window and timeout must not be 0"));
            }
            self->timeout_ms = ms;
            dest[0] = MP_OBJ_NULL; // stored
        } else if (dest[1] != MP_OBJ_NULL && modssh_session_keepalive_store(self, attr, dest[1])) {
            dest[0] = MP_OBJ_NULL;
        }
        return;
    }
    if (attr == MP_QSTR_timeout) {
        dest[0] = modssh_timeout_obj(self->timeout_ms);
    } else if (attr == MP_QSTR_keepalive_interval) {
        dest[0] = modssh_timeout_obj(self->keepalive_ms == 0 ? MODSSH_FOREVER : self->keepalive_ms);
    } else if (attr == MP_QSTR_keepalive_max) {
        dest[0] = MP_OBJ_NEW_SMALL_INT(self->keepalive_max);
    } else if (attr == MP_QSTR_closed) {
        dest[0] = mp_obj_new_bool(is_dead(self));
    } else if (attr == MP_QSTR_authenticated) {
        dest[0] = mp_obj_new_bool(!is_dead(self) && (self->busy || ssh_is_authenticated(self->core)));
    } else if (is_core_attr(attr)) {
        modssh_op_t op;
        modssh_enter(&op, self);
        dest[0] = core_attr(self, attr);
        modssh_leave(&op);
    } else if ((dest[0] = modssh_session_wait_attr(self, attr)) == MP_OBJ_NULL) {
        dest[1] = MP_OBJ_SENTINEL; // go on with the locals dict
    }
}

static void session_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    (void)kind;
    mp_obj_ssh_session_t *self = MP_OBJ_TO_PTR(self_in);
    mp_printf(print, "<Session %s>", self->core == NULL ? "closed" : "open");
}

// ---------------------------------------------------------------- methods

static mp_obj_t session_open_session(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    static const mp_arg_t allowed[] = {
        { MP_QSTR_window, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args - 1, pos_args + 1, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    mp_obj_ssh_session_t *self = MP_OBJ_TO_PTR(pos_args[0]);
    uint32_t window = modssh_get_count(args[0].u_obj, 0, 1, UINT32_MAX / 4);
    modssh_op_t op;
    modssh_enter(&op, self);
    mp_obj_ssh_channel_t *channel = modssh_channel_open(&op, window);
    modssh_leave(&op);
    return MP_OBJ_FROM_PTR(channel);
}
static MP_DEFINE_CONST_FUN_OBJ_KW(session_open_session_obj, 1, session_open_session);

static mp_obj_t session_rekey(mp_obj_t self_in) {
    mp_obj_ssh_session_t *self = MP_OBJ_TO_PTR(self_in);
    modssh_op_t op;
    modssh_enter(&op, self);
    ssh_stats_t stats;
    ssh_stats(self->core, &stats);
    uint32_t goal = self->new_keys;
    int r;
    if (goal == 0) {
        goal = stats.rekeys + 1;
        modssh_check(&op, ssh_rekey(self->core));
    }
    // Before the login it is only noted: OpenSSH takes no new keys there.
    bool now = ssh_is_authenticated(self->core);
    do {
        r = ssh_pump(self->core);
        ssh_stats(self->core, &stats);
    } while (r == SSH_OK && now && stats.rekeys < goal && modssh_wait_for(&op, ssh_want(self->core) | SSH_WANT_READ));
    self->new_keys = 0;
    if (r == SSH_OK && now && stats.rekeys < goal) {
        r = SSH_AGAIN;
        self->new_keys = modssh_never_waits(self) ? goal : 0;
    }
    modssh_finish(&op, r);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(session_rekey_obj, session_rekey);

// pump(): takes in what has arrived, sends what is queued; True if the stream did not take all of that.
static mp_obj_t session_pump(mp_obj_t self_in) {
    mp_obj_ssh_session_t *self = MP_OBJ_TO_PTR(self_in);
    modssh_op_t op;
    modssh_enter(&op, self);
    modssh_check(&op, ssh_pump(self->core));
    int r = ssh_flush(self->core);
    if (r != SSH_AGAIN) {
        modssh_check(&op, r);
    }
    modssh_leave(&op);
    return mp_obj_new_bool(r == SSH_AGAIN);
}
static MP_DEFINE_CONST_FUN_OBJ_1(session_pump_obj, session_pump);

static mp_obj_t session_stats(mp_obj_t self_in) {
    mp_obj_ssh_session_t *self = MP_OBJ_TO_PTR(self_in);
    modssh_op_t op;
    modssh_enter(&op, self);
    ssh_stats_t stats;
    ssh_stats(self->core, &stats);
    modssh_leave(&op);
    mp_obj_t items[4] = {
        mp_obj_new_int_from_ull(stats.bytes_in),
        mp_obj_new_int_from_ull(stats.bytes_out),
        mp_obj_new_int_from_uint(stats.rekeys),
        mp_obj_new_int_from_uint(stats.channels),
    };
    return mp_obj_new_tuple(4, items);
}
static MP_DEFINE_CONST_FUN_OBJ_1(session_stats_obj, session_stats);

static const mp_rom_map_elem_t session_locals_dict_table[] = {
    { MP_ROM_QSTR(MP_QSTR_userauth_none), MP_ROM_PTR(&modssh_session_userauth_none_obj) },
    { MP_ROM_QSTR(MP_QSTR_userauth_password), MP_ROM_PTR(&modssh_session_userauth_password_obj) },
    { MP_ROM_QSTR(MP_QSTR_userauth_publickey), MP_ROM_PTR(&modssh_session_userauth_publickey_obj) },
    #if MICROPY_PY_SSH_AGENT
    { MP_ROM_QSTR(MP_QSTR_userauth_agent), MP_ROM_PTR(&modssh_session_userauth_agent_obj) },
    #endif
    { MP_ROM_QSTR(MP_QSTR_userauth_keyboard_interactive), MP_ROM_PTR(&modssh_session_userauth_keyboard_interactive_obj) },
    { MP_ROM_QSTR(MP_QSTR_open_session), MP_ROM_PTR(&session_open_session_obj) },
    { MP_ROM_QSTR(MP_QSTR_open_tcp), MP_ROM_PTR(&modssh_session_open_tcp_obj) },
    { MP_ROM_QSTR(MP_QSTR_open_unix), MP_ROM_PTR(&modssh_session_open_unix_obj) },
    { MP_ROM_QSTR(MP_QSTR_request_forward), MP_ROM_PTR(&modssh_session_request_forward_obj) },
    { MP_ROM_QSTR(MP_QSTR_cancel_forward), MP_ROM_PTR(&modssh_session_cancel_forward_obj) },
    { MP_ROM_QSTR(MP_QSTR_request_unix_forward), MP_ROM_PTR(&modssh_session_request_unix_forward_obj) },
    { MP_ROM_QSTR(MP_QSTR_cancel_unix_forward), MP_ROM_PTR(&modssh_session_cancel_unix_forward_obj) },
    { MP_ROM_QSTR(MP_QSTR_accept), MP_ROM_PTR(&modssh_session_accept_obj) },
    { MP_ROM_QSTR(MP_QSTR_global_request), MP_ROM_PTR(&modssh_session_global_request_obj) },
    { MP_ROM_QSTR(MP_QSTR_no_more_sessions), MP_ROM_PTR(&modssh_session_no_more_sessions_obj) },
    { MP_ROM_QSTR(MP_QSTR_ping), MP_ROM_PTR(&modssh_session_ping_obj) },
    { MP_ROM_QSTR(MP_QSTR_host_keys), MP_ROM_PTR(&modssh_session_host_keys_obj) },
    { MP_ROM_QSTR(MP_QSTR_exec), MP_ROM_PTR(&modssh_session_exec_obj) },
    { MP_ROM_QSTR(MP_QSTR_run), MP_ROM_PTR(&modssh_session_run_obj) },
    { MP_ROM_QSTR(MP_QSTR_scp_recv), MP_ROM_PTR(&modssh_session_scp_recv_obj) },
    { MP_ROM_QSTR(MP_QSTR_scp_send), MP_ROM_PTR(&modssh_session_scp_send_obj) },
    { MP_ROM_QSTR(MP_QSTR_sftp), MP_ROM_PTR(&modssh_session_sftp_obj) },
    { MP_ROM_QSTR(MP_QSTR_handshake), MP_ROM_PTR(&modssh_session_handshake_obj) },
    { MP_ROM_QSTR(MP_QSTR_abandon), MP_ROM_PTR(&modssh_session_abandon_obj) },
    { MP_ROM_QSTR(MP_QSTR_settimeout), MP_ROM_PTR(&modssh_session_settimeout_obj) },
    { MP_ROM_QSTR(MP_QSTR_setblocking), MP_ROM_PTR(&modssh_session_setblocking_obj) },
    { MP_ROM_QSTR(MP_QSTR_gettimeout), MP_ROM_PTR(&modssh_session_gettimeout_obj) },
    { MP_ROM_QSTR(MP_QSTR_rekey), MP_ROM_PTR(&session_rekey_obj) },
    { MP_ROM_QSTR(MP_QSTR_keepalive), MP_ROM_PTR(&modssh_session_keepalive_obj) },
    { MP_ROM_QSTR(MP_QSTR_ignore), MP_ROM_PTR(&modssh_session_ignore_obj) },
    { MP_ROM_QSTR(MP_QSTR_pump), MP_ROM_PTR(&session_pump_obj) },
    { MP_ROM_QSTR(MP_QSTR_stats), MP_ROM_PTR(&session_stats_obj) },
    { MP_ROM_QSTR(MP_QSTR_disconnect), MP_ROM_PTR(&session_disconnect_obj) },
    { MP_ROM_QSTR(MP_QSTR_close), MP_ROM_PTR(&session_close_obj) },
    { MP_ROM_QSTR(MP_QSTR___enter__), MP_ROM_PTR(&mp_identity_obj) },
    { MP_ROM_QSTR(MP_QSTR___exit__), MP_ROM_PTR(&session___exit___obj) },
    { MP_ROM_QSTR(MP_QSTR___del__), MP_ROM_PTR(&session___del___obj) },
};
static MP_DEFINE_CONST_DICT(session_locals_dict, session_locals_dict_table);

MP_DEFINE_CONST_OBJ_TYPE(
    mp_type_ssh_session,
    MP_QSTR_Session,
    MP_TYPE_FLAG_NONE,
    make_new, session_make_new,
    print, session_print,
    attr, session_attr,
    protocol, &modssh_session_stream_p,
    locals_dict, &session_locals_dict
    );
