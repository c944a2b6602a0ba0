// The attributes of class Channel.

#include "modssh_channel.h"

// Take in what has arrived about the exit. Errors of the connection show elsewhere.
static void update_exit(mp_obj_ssh_channel_t *self) {
    if (self->closed || self->session->core == NULL) {
        return;
    }
    modssh_op_t op;
    modssh_enter(&op, self->session);
    int r = ssh_channel_poll(self->session->core, self->id);
    if (r == SSH_EXCEPTION) {
        modssh_check(&op, r);
    }
    modssh_channel_keep_exit(self);
    modssh_leave(&op);
}

static bool is_exit(qstr attr) {
    return attr == MP_QSTR_exit_status || attr == MP_QSTR_exit_signal || attr == MP_QSTR_exit_message
           || attr == MP_QSTR_exit_core_dumped;
}

static mp_obj_t get_exit(mp_obj_ssh_channel_t *self, qstr attr) {
    update_exit(self);
    switch (attr) {
        case MP_QSTR_exit_status:
            return self->exit_status;
        case MP_QSTR_exit_signal:
            return self->exit_signal;
        case MP_QSTR_exit_message:
            return self->exit_message;
        default:
            return mp_obj_new_bool(self->core_dumped);
    }
}

// What the server says about flow control with ^S and ^Q: True, False, or None before it has said so.
static mp_obj_t get_xon_xoff(mp_obj_ssh_channel_t *self) {
    update_exit(self);
    int known = self->closed || self->session->core == NULL ? -1 : ssh_channel_xon_xoff(self->session->core, self->id);
    return known < 0 ? mp_const_none : mp_obj_new_bool(known);
}

// What the protocol calls it, without OpenSSH's "@openssh.com".
static mp_obj_t get_kind(mp_obj_ssh_channel_t *self) {
    static const char *const names[] = {
        [MODSSH_KIND_SESSION] = "session",
        [MODSSH_KIND_TCP] = "direct-tcpip",
        [MODSSH_KIND_UNIX] = "direct-streamlocal",
        [MODSSH_KIND_INCOMING + SSH_WAITING_TCP] = "forwarded-tcpip",
        [MODSSH_KIND_INCOMING + SSH_WAITING_UNIX] = "forwarded-streamlocal",
        [MODSSH_KIND_INCOMING + SSH_WAITING_X11] = "x11",
        [MODSSH_KIND_INCOMING + SSH_WAITING_AGENT] = "auth-agent",
    };
    return mp_obj_new_str_from_cstr(names[self->kind]);
}

mp_obj_t modssh_channel_get_attr(mp_obj_ssh_channel_t *self, qstr attr) {
    if (is_exit(attr)) {
        return get_exit(self, attr);
    }
    switch (attr) {
        case MP_QSTR_kind:
            return get_kind(self);
        case MP_QSTR_destination:
            return self->destination;
        case MP_QSTR_origin:
            return self->origin;
        case MP_QSTR_xon_xoff:
            return get_xon_xoff(self);
        case MP_QSTR_ready:
            return modssh_channel_ready(self);
        default:
            return MP_OBJ_NULL;
    }
}
