// Methods of class Session for channels that carry connections: opened by us, or by the server because the
// program asked for them.

#include <string.h>

#include "modssh.h"

static uint32_t get_port(mp_obj_t obj) {
    mp_int_t port = mp_obj_get_int(obj);
    if (port < 0 || port > 0xffff) {
        mp_raise_ValueError(MP_ERROR_TEXT("port out of range"));
    }
    return port;
}

static mp_obj_t new_address(mp_obj_t host, uint32_t port) {
    mp_obj_t items[2] = { host, mp_obj_new_int_from_uint(port) };
    return mp_obj_new_tuple(2, items);
}

// ---------------------------------------------------------------- channels that we open

// open_tcp(host, port, origin=("127.0.0.1", 0), window=None)
static mp_obj_t session_open_tcp(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { ARG_host, ARG_port, ARG_origin, ARG_window };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_host, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_port, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_origin, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_window, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args - 1, pos_args + 1, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    mp_obj_ssh_session_t *self = MP_OBJ_TO_PTR(pos_args[0]);
    mp_obj_str_get_str(args[ARG_host].u_obj); // raises if it is none
    uint32_t port = get_port(args[ARG_port].u_obj);
    mp_obj_t origin = args[ARG_origin].u_obj;
    if (origin == mp_const_none) {
        origin = new_address(mp_obj_new_str("127.0.0.1", 9), 0);
    }
    mp_obj_t *items;
    mp_obj_get_array_fixed_n(origin, 2, &items);
    mp_obj_t from = items[0]; // a list could change while we wait
    mp_obj_str_get_str(from);
    uint32_t origin_port = get_port(items[1]);
    uint32_t window = modssh_get_count(args[ARG_window].u_obj, 0, 1, UINT32_MAX / 4);

    modssh_op_t op;
    modssh_enter(&op, self);
    mp_obj_ssh_channel_t *channel = modssh_channel_make(self, MODSSH_KIND_TCP);
    channel->destination = new_address(args[ARG_host].u_obj, port);
    channel->origin = new_address(from, origin_port);
    modssh_channel_start(&op, channel, window, ssh_channel_new);
    modssh_channel_ask(&op, channel);
    modssh_leave(&op);
    return MP_OBJ_FROM_PTR(channel);
}
MP_DEFINE_CONST_FUN_OBJ_KW(modssh_session_open_tcp_obj, 1, session_open_tcp);

// open_unix(path, window=None)
static mp_obj_t session_open_unix(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    static const mp_arg_t allowed[] = {
        { MP_QSTR_path, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_window, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args - 1, pos_args + 1, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    mp_obj_ssh_session_t *self = MP_OBJ_TO_PTR(pos_args[0]);
    mp_obj_str_get_str(args[0].u_obj); // raises if it is none
    uint32_t window = modssh_get_count(args[1].u_obj, 0, 1, UINT32_MAX / 4);

    modssh_op_t op;
    modssh_enter(&op, self);
    mp_obj_ssh_channel_t *channel = modssh_channel_make(self, MODSSH_KIND_UNIX);
    channel->destination = args[0].u_obj;
    modssh_channel_start(&op, channel, window, ssh_channel_new);
    modssh_channel_ask(&op, channel);
    modssh_leave(&op);
    return MP_OBJ_FROM_PTR(channel);
}
MP_DEFINE_CONST_FUN_OBJ_KW(modssh_session_open_unix_obj, 1, session_open_unix);

// ---------------------------------------------------------------- forwards

static mp_obj_t forward_tcp(mp_obj_t self_in, mp_obj_t host_in, mp_obj_t port_in, bool cancel) {
    mp_obj_ssh_session_t *self = MP_OBJ_TO_PTR(self_in);
    size_t len;
    const char *host = mp_obj_str_get_data(host_in, &len);
    uint32_t port = get_port(port_in);
    uint32_t bound = 0;
    modssh_op_t op;
    modssh_enter(&op, self);
    int r;
    MODSSH_REQUEST(&op, MODSSH_GLOBAL, r, ssh_forward_tcp(self->core, (const uint8_t *)host, len, port, cancel, &bound));
    modssh_finish(&op, r);
    return cancel ? mp_const_none : mp_obj_new_int_from_uint(bound);
}

static mp_obj_t session_request_forward(mp_obj_t self_in, mp_obj_t host, mp_obj_t port) {
    return forward_tcp(self_in, host, port, false);
}
MP_DEFINE_CONST_FUN_OBJ_3(modssh_session_request_forward_obj, session_request_forward);

static mp_obj_t session_cancel_forward(mp_obj_t self_in, mp_obj_t host, mp_obj_t port) {
    return forward_tcp(self_in, host, port, true);
}
MP_DEFINE_CONST_FUN_OBJ_3(modssh_session_cancel_forward_obj, session_cancel_forward);

static mp_obj_t forward_unix(mp_obj_t self_in, mp_obj_t path_in, bool cancel) {
    mp_obj_ssh_session_t *self = MP_OBJ_TO_PTR(self_in);
    size_t len;
    const char *path = mp_obj_str_get_data(path_in, &len);
    modssh_op_t op;
    modssh_enter(&op, self);
    int r;
    MODSSH_REQUEST(&op, MODSSH_GLOBAL, r, ssh_forward_unix(self->core, (const uint8_t *)path, len, cancel));
    modssh_finish(&op, r);
    return mp_const_none;
}

static mp_obj_t session_request_unix_forward(mp_obj_t self_in, mp_obj_t path) {
    return forward_unix(self_in, path, false);
}
MP_DEFINE_CONST_FUN_OBJ_2(modssh_session_request_unix_forward_obj, session_request_unix_forward);

static mp_obj_t session_cancel_unix_forward(mp_obj_t self_in, mp_obj_t path) {
    return forward_unix(self_in, path, true);
}
MP_DEFINE_CONST_FUN_OBJ_2(modssh_session_cancel_unix_forward_obj, session_cancel_unix_forward);

// ---------------------------------------------------------------- channels that the server opens

static mp_obj_ssh_channel_t *make_incoming(mp_obj_ssh_session_t *session, const ssh_waiting_t *info) {
    mp_obj_ssh_channel_t *channel = modssh_channel_make(session, MODSSH_KIND_INCOMING + info->kind);
    if (info->kind == SSH_WAITING_TCP || info->kind == SSH_WAITING_UNIX) {
        mp_obj_t address = mp_obj_new_str(info->address, info->address_len);
        channel->destination = info->kind == SSH_WAITING_UNIX ? address : new_address(address, info->port);
    }
    if (info->kind == SSH_WAITING_TCP || info->kind == SSH_WAITING_X11) {
        channel->origin = new_address(mp_obj_new_str(info->origin, info->origin_len), info->origin_port);
    }
    return channel;
}

// accept(timeout=None, window=None): None when nothing came in time.
static mp_obj_t session_accept(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    static const mp_arg_t allowed[] = {
        { MP_QSTR_timeout, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_window, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args - 1, pos_args + 1, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    mp_obj_ssh_session_t *self = MP_OBJ_TO_PTR(pos_args[0]);
    mp_int_t timeout_ms = modssh_get_timeout(args[0].u_obj);
    uint32_t window = modssh_get_count(args[1].u_obj, 0, 1, UINT32_MAX / 4);

    modssh_op_t op;
    modssh_enter(&op, self);
    op.timeout_ms = timeout_ms;
    int r;
    MODSSH_RUN(&op, r, ssh_wait_waiting(self->core));
    if (r == SSH_AGAIN) {
        modssh_leave(&op);
        return mp_const_none;
    }
    modssh_check(&op, r);
    ssh_waiting_t info;
    if (!ssh_waiting(self->core, &info)) {
        modssh_raise_code(SSH_E_MISUSE);
    }
    mp_obj_ssh_channel_t *channel = make_incoming(self, &info);
    op.timeout_ms = self->timeout_ms;
    modssh_restart(&op);
    modssh_channel_start(&op, channel, window, ssh_channel_accept);
    modssh_leave(&op);
    return MP_OBJ_FROM_PTR(channel);
}
MP_DEFINE_CONST_FUN_OBJ_KW(modssh_session_accept_obj, 1, session_accept);

static mp_uint_t session_poll(mp_obj_ssh_session_t *self, uintptr_t events) {
    if (self->core == NULL) {
        return MP_STREAM_POLL_NVAL;
    }
    modssh_op_t op;
    modssh_enter(&op, self);
    int r = ssh_waiting(self->core, NULL) ? SSH_OK : ssh_pump(self->core);
    if (r == SSH_EXCEPTION) {
        modssh_check(&op, r);
    }
    modssh_leave(&op);
    if (r < 0) {
        return MP_STREAM_POLL_ERR | (events & MP_STREAM_POLL_RD); // the next call raises
    }
    return ssh_waiting(self->core, NULL) ? events & MP_STREAM_POLL_RD : 0;
}

static mp_uint_t session_ioctl(mp_obj_t self_in, mp_uint_t request, uintptr_t arg, int *errcode) {
    if (request == MP_STREAM_POLL) {
        return session_poll(MP_OBJ_TO_PTR(self_in), arg);
    }
    *errcode = MP_EINVAL;
    return MP_STREAM_ERROR;
}

const mp_stream_p_t modssh_session_stream_p = {
    .ioctl = session_ioctl,
};
