// Methods of class Session that speak to the server itself: global requests, signs of life, its other host keys.

#include <string.h>

#include "modssh.h"

// A global request that nobody answers. Ends the operation.
static mp_obj_t send_global(modssh_op_t *op, const mp_buffer_info_t *name, const mp_buffer_info_t *data) {
    ssh_session_t *core = op->session->core;
    int r;
    MODSSH_RUN(op, r, ssh_global(core, name->buf, name->len, data->buf, data->len, false));
    return modssh_finish_sent(op, r);
}

// global_request(name, data=b"", want_reply=True): the data of the answer, None without want_reply.
static mp_obj_t session_global_request(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { ARG_name, ARG_data, ARG_want_reply };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_name, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_data, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_PTR(&mp_const_empty_bytes_obj)} },
        { MP_QSTR_want_reply, MP_ARG_BOOL, {.u_bool = true} },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args - 1, pos_args + 1, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    mp_obj_ssh_session_t *self = MP_OBJ_TO_PTR(pos_args[0]);
    modssh_op_t op;
    modssh_enter(&op, self);
    mp_buffer_info_t name, data;
    modssh_pin_data(&op, args[ARG_name].u_obj, &name);
    modssh_pin_data(&op, args[ARG_data].u_obj, &data);
    if (!args[ARG_want_reply].u_bool) {
        return send_global(&op, &name, &data);
    }
    int r;
    MODSSH_REQUEST(&op, MODSSH_GLOBAL, r, ssh_global(self->core, name.buf, name.len, data.buf, data.len, true));
    modssh_check(&op, r);
    size_t len;
    const uint8_t *reply = ssh_global_reply(self->core, &len);
    mp_obj_t answer = mp_obj_new_bytes(reply, len);
    modssh_leave(&op);
    return answer;
}
MP_DEFINE_CONST_FUN_OBJ_KW(modssh_session_global_request_obj, 1, session_global_request);

// no_more_sessions(): the server is to refuse further sessions on this connection (OpenSSH's extension).
static mp_obj_t session_no_more_sessions(mp_obj_t self_in) {
    static const char text[] = "no-more-sessions@openssh.com";
    const mp_buffer_info_t name = { .buf = (void *)text, .len = sizeof(text) - 1 }, data = { .buf = NULL, .len = 0 };
    modssh_op_t op;
    modssh_enter(&op, MP_OBJ_TO_PTR(self_in));
    return send_global(&op, &name, &data);
}
MP_DEFINE_CONST_FUN_OBJ_1(modssh_session_no_more_sessions_obj, session_no_more_sessions);

// ping(data=b""): until the server has sent it back.
static mp_obj_t session_ping(size_t n_args, const mp_obj_t *args) {
    mp_obj_ssh_session_t *self = MP_OBJ_TO_PTR(args[0]);
    modssh_op_t op;
    modssh_enter(&op, self);
    mp_buffer_info_t data = { .buf = NULL, .len = 0 };
    if (n_args > 1) {
        modssh_pin_data(&op, args[1], &data);
    }
    int r;
    MODSSH_REQUEST(&op, MODSSH_GLOBAL, r, ssh_ping(self->core, data.buf, data.len));
    modssh_finish(&op, r);
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(modssh_session_ping_obj, 1, 2, session_ping);

// keepalive(): one request for a sign of life, without waiting for it.
static mp_obj_t session_keepalive(mp_obj_t self_in) {
    mp_obj_ssh_session_t *self = MP_OBJ_TO_PTR(self_in);
    modssh_op_t op;
    modssh_enter(&op, self);
    int r;
    MODSSH_RUN(&op, r, ssh_keepalive(self->core));
    return modssh_finish_sent(&op, r);
}
MP_DEFINE_CONST_FUN_OBJ_1(modssh_session_keepalive_obj, session_keepalive);

// ignore(data): an IGNORE message.
static mp_obj_t session_ignore(mp_obj_t self_in, mp_obj_t data_in) {
    mp_obj_ssh_session_t *self = MP_OBJ_TO_PTR(self_in);
    modssh_op_t op;
    modssh_enter(&op, self);
    mp_buffer_info_t data;
    modssh_pin_data(&op, data_in, &data);
    int r;
    MODSSH_RUN(&op, r, ssh_ignore(self->core, data.buf, data.len));
    return modssh_finish_sent(&op, r);
}
MP_DEFINE_CONST_FUN_OBJ_2(modssh_session_ignore_obj, session_ignore);

// host_keys(): blobs of the keys that the host has proved to own, that of the handshake first.
static mp_obj_t session_host_keys(mp_obj_t self_in) {
    mp_obj_ssh_session_t *self = MP_OBJ_TO_PTR(self_in);
    modssh_op_t op;
    modssh_enter(&op, self);
    int r;
    MODSSH_REQUEST(&op, MODSSH_GLOBAL, r, ssh_prove_host_keys(self->core));
    modssh_check(&op, r);
    size_t first_len, len;
    const uint8_t *first = ssh_host_key(self->core, &first_len);
    mp_obj_t keys = mp_obj_new_list(0, NULL);
    mp_obj_list_append(keys, mp_obj_new_bytes(first, first_len));
    const uint8_t *key;
    for (size_t i = 0; (key = ssh_proved_host_key(self->core, i, &len)) != NULL; i++) {
        if (len != first_len || memcmp(key, first, len) != 0) {
            mp_obj_list_append(keys, mp_obj_new_bytes(key, len));
        }
    }
    modssh_leave(&op);
    size_t n;
    mp_obj_t *items;
    mp_obj_list_get(keys, &n, &items);
    return mp_obj_new_tuple(n, items);
}
MP_DEFINE_CONST_FUN_OBJ_1(modssh_session_host_keys_obj, session_host_keys);

// keepalive_interval (seconds, None: never) and keepalive_max. True: it was one of them.
bool modssh_session_keepalive_store(mp_obj_ssh_session_t *self, qstr attr, mp_obj_t value) {
    if (attr == MP_QSTR_keepalive_interval) {
        mp_int_t ms = modssh_get_timeout(value);
        self->keepalive_ms = MAX(ms, 0);
    } else if (attr == MP_QSTR_keepalive_max) {
        mp_int_t most = mp_obj_get_int(value);
        if (most < 1) {
            mp_raise_ValueError(MP_ERROR_TEXT("keepalive_max must be above 0"));
        }
        self->keepalive_max = most;
    } else {
        return false;
    }
    modssh_op_t op;
    modssh_enter(&op, self);
    ssh_set_keepalive(self->core, self->keepalive_ms, self->keepalive_max);
    modssh_leave(&op);
    return true;
}
