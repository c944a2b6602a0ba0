// The requests of class Channel: pty, environment, exec, shell, subsystem, signal, window size, break, agent, X11, end of input.

#include <string.h>

#include "modssh_channel.h"

// Enter the session for a request. Requests wait for an answer on a non-blocking channel too.
static void channel_enter_request(modssh_op_t *op, mp_obj_ssh_channel_t *self) {
    modssh_channel_enter(op, self, false);
    if (op->timeout_ms == 0) {
        op->timeout_ms = self->session->timeout_ms;
    }
}

static mp_obj_t channel_exec(mp_obj_t self_in, mp_obj_t command_in) {
    mp_obj_ssh_channel_t *self = MP_OBJ_TO_PTR(self_in);
    modssh_op_t op;
    channel_enter_request(&op, self);
    mp_buffer_info_t command;
    modssh_pin_data(&op, command_in, &command);
    int r;
    MODSSH_REQUEST(&op, self->id, r, ssh_channel_exec(self->session->core, self->id, command.buf, command.len));
    modssh_finish(&op, r);
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_2(modssh_channel_exec_obj, channel_exec);

static mp_obj_t channel_subsystem(mp_obj_t self_in, mp_obj_t name_in) {
    mp_obj_ssh_channel_t *self = MP_OBJ_TO_PTR(self_in);
    modssh_op_t op;
    channel_enter_request(&op, self);
    mp_buffer_info_t name;
    modssh_pin_data(&op, name_in, &name);
    int r;
    MODSSH_REQUEST(&op, self->id, r, ssh_channel_subsystem(self->session->core, self->id, name.buf, name.len));
    modssh_finish(&op, r);
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_2(modssh_channel_subsystem_obj, channel_subsystem);

static mp_obj_t channel_shell(mp_obj_t self_in) {
    mp_obj_ssh_channel_t *self = MP_OBJ_TO_PTR(self_in);
    modssh_op_t op;
    channel_enter_request(&op, self);
    int r;
    MODSSH_REQUEST(&op, self->id, r, ssh_channel_shell(self->session->core, self->id));
    modssh_finish(&op, r);
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_1(modssh_channel_shell_obj, channel_shell);

static mp_obj_t channel_setenv(mp_obj_t self_in, mp_obj_t name_in, mp_obj_t value_in) {
    mp_obj_ssh_channel_t *self = MP_OBJ_TO_PTR(self_in);
    modssh_op_t op;
    channel_enter_request(&op, self);
    mp_buffer_info_t name, value;
    modssh_pin_data(&op, name_in, &name);
    modssh_pin_data(&op, value_in, &value);
    int r;
    MODSSH_REQUEST(&op, self->id, r, ssh_channel_env(self->session->core, self->id, name.buf, name.len, value.buf, value.len));
    modssh_finish(&op, r);
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_3(modssh_channel_setenv_obj, channel_setenv);

static mp_obj_t channel_signal(mp_obj_t self_in, mp_obj_t name_in) {
    mp_obj_ssh_channel_t *self = MP_OBJ_TO_PTR(self_in);
    size_t len;
    const char *name = mp_obj_str_get_data(name_in, &len);
    if (len > 3 && memcmp(name, "SIG", 3) == 0) {
        name += 3; // RFC 4254 section 6.9: names go without it
        len -= 3;
    }
    modssh_op_t op;
    channel_enter_request(&op, self);
    int r;
    MODSSH_RUN(&op, r, ssh_channel_signal(self->session->core, self->id, name, len));
    return modssh_finish_sent(&op, r);
}
MP_DEFINE_CONST_FUN_OBJ_2(modssh_channel_signal_obj, channel_signal);

static const mp_arg_t pty_args[] = {
    { MP_QSTR_term, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_QSTR(MP_QSTR_vt100)} },
    { MP_QSTR_width, MP_ARG_INT, {.u_int = 80} },
    { MP_QSTR_height, MP_ARG_INT, {.u_int = 24} },
    { MP_QSTR_width_px, MP_ARG_INT, {.u_int = 0} },
    { MP_QSTR_height_px, MP_ARG_INT, {.u_int = 0} },
    { MP_QSTR_modes, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_PTR(&mp_const_empty_bytes_obj)} },
};

static mp_obj_t channel_request_pty(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    mp_arg_val_t args[MP_ARRAY_SIZE(pty_args)];
    mp_arg_parse_all(n_args - 1, pos_args + 1, kw_args, MP_ARRAY_SIZE(pty_args), pty_args, args);
    mp_obj_ssh_channel_t *self = MP_OBJ_TO_PTR(pos_args[0]);
    size_t term_len;
    const char *term = mp_obj_str_get_data(args[0].u_obj, &term_len);
    modssh_op_t op;
    channel_enter_request(&op, self);
    mp_buffer_info_t modes;
    modssh_pin_data(&op, args[5].u_obj, &modes);
    int r;
    MODSSH_REQUEST(&op, self->id, r, ssh_channel_pty(self->session->core, self->id, term, term_len,
        args[1].u_int, args[2].u_int, args[3].u_int, args[4].u_int, modes.buf, modes.len));
    modssh_finish(&op, r);
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_KW(modssh_channel_request_pty_obj, 1, channel_request_pty);

static mp_obj_t channel_window_change(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    mp_arg_val_t args[4];
    mp_arg_parse_all(n_args - 1, pos_args + 1, kw_args, 4, pty_args + 1, args); // width to height_px
    mp_obj_ssh_channel_t *self = MP_OBJ_TO_PTR(pos_args[0]);
    modssh_op_t op;
    channel_enter_request(&op, self);
    int r;
    MODSSH_RUN(&op, r, ssh_channel_window_change(self->session->core, self->id,
        args[0].u_int, args[1].u_int, args[2].u_int, args[3].u_int));
    return modssh_finish_sent(&op, r);
}
MP_DEFINE_CONST_FUN_OBJ_KW(modssh_channel_window_change_obj, 1, channel_window_change);

static mp_obj_t channel_eof(mp_obj_t self_in) {
    mp_obj_ssh_channel_t *self = MP_OBJ_TO_PTR(self_in);
    modssh_op_t op;
    channel_enter_request(&op, self);
    int r;
    MODSSH_RUN(&op, r, ssh_channel_eof(self->session->core, self->id));
    return modssh_finish_sent(&op, r);
}
MP_DEFINE_CONST_FUN_OBJ_1(modssh_channel_eof_obj, channel_eof);

// send_break(ms): RFC 4335; 0: as long as the server thinks fit.
static mp_obj_t channel_send_break(mp_obj_t self_in, mp_obj_t ms_in) {
    mp_obj_ssh_channel_t *self = MP_OBJ_TO_PTR(self_in);
    mp_int_t ms = mp_obj_get_int(ms_in);
    modssh_op_t op;
    channel_enter_request(&op, self);
    int r;
    MODSSH_REQUEST(&op, self->id, r, ssh_channel_break(self->session->core, self->id, MAX(ms, 0)));
    modssh_finish(&op, r);
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_2(modssh_channel_send_break_obj, channel_send_break);

static mp_obj_t channel_request_agent(mp_obj_t self_in) {
    mp_obj_ssh_channel_t *self = MP_OBJ_TO_PTR(self_in);
    modssh_op_t op;
    channel_enter_request(&op, self);
    int r;
    MODSSH_REQUEST(&op, self->id, r, ssh_channel_agent(self->session->core, self->id));
    modssh_finish(&op, r);
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_1(modssh_channel_request_agent_obj, channel_request_agent);

// request_x11(cookie, protocol="MIT-MAGIC-COOKIE-1", screen=0, single=False): the cookie is text in hexadecimal.
static mp_obj_t channel_request_x11(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { ARG_cookie, ARG_protocol, ARG_screen, ARG_single };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_cookie, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_protocol, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_screen, MP_ARG_INT, {.u_int = 0} },
        { MP_QSTR_single, MP_ARG_BOOL, {.u_bool = false} },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args - 1, pos_args + 1, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    mp_obj_ssh_channel_t *self = MP_OBJ_TO_PTR(pos_args[0]);
    modssh_op_t op;
    channel_enter_request(&op, self);
    mp_buffer_info_t cookie;
    modssh_pin_data(&op, args[ARG_cookie].u_obj, &cookie);
    static const char standard[] = "MIT-MAGIC-COOKIE-1";
    mp_buffer_info_t protocol = { .buf = (void *)standard, .len = sizeof(standard) - 1 };
    if (args[ARG_protocol].u_obj != mp_const_none) {
        modssh_pin_data(&op, args[ARG_protocol].u_obj, &protocol);
    }
    int r;
    MODSSH_REQUEST(&op, self->id, r, ssh_channel_x11(self->session->core, self->id, args[ARG_single].u_bool,
        protocol.buf, protocol.len, cookie.buf, cookie.len, args[ARG_screen].u_int));
    modssh_finish(&op, r);
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_KW(modssh_channel_request_x11_obj, 1, channel_request_x11);
