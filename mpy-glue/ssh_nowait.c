// Sessions whose operations never wait (timeout 0): the handshake as a method, what a loop has to wait for, and
// giving up.
//
// Operations raise OSError(EAGAIN) where others would wait. Nothing is lost then: the core keeps the request, and
// the same call goes on.

#include "modssh_channel.h"
#include "modssh_session.h"

// handshake(): for Session(..., connect=False).
static mp_obj_t session_handshake(mp_obj_t self_in) {
    modssh_session_handshake(MP_OBJ_TO_PTR(self_in));
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_1(modssh_session_handshake_obj, session_handshake);

// abandon(): the login or global request under way is not wanted any more. A late answer is not taken for the
// next one's.
static mp_obj_t session_abandon(mp_obj_t self_in) {
    mp_obj_ssh_session_t *self = MP_OBJ_TO_PTR(self_in);
    modssh_op_t op;
    modssh_enter(&op, self);
    ssh_abandon(self->core, MODSSH_LOGIN);
    ssh_abandon(self->core, MODSSH_GLOBAL);
    self->password_tries = 0;
    self->new_keys = 0;
    modssh_leave(&op);
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_1(modssh_session_abandon_obj, session_abandon);

// settimeout(seconds): None: for ever; 0: nothing waits.
static mp_obj_t session_settimeout(mp_obj_t self_in, mp_obj_t timeout) {
    ((mp_obj_ssh_session_t *)MP_OBJ_TO_PTR(self_in))->timeout_ms = modssh_get_timeout(timeout);
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_2(modssh_session_settimeout_obj, session_settimeout);

static mp_obj_t session_setblocking(mp_obj_t self_in, mp_obj_t flag) {
    ((mp_obj_ssh_session_t *)MP_OBJ_TO_PTR(self_in))->timeout_ms = mp_obj_is_true(flag) ? MODSSH_FOREVER : 0;
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_2(modssh_session_setblocking_obj, session_setblocking);

static mp_obj_t session_gettimeout(mp_obj_t self_in) {
    return modssh_timeout_obj(((mp_obj_ssh_session_t *)MP_OBJ_TO_PTR(self_in))->timeout_ms);
}
MP_DEFINE_CONST_FUN_OBJ_1(modssh_session_gettimeout_obj, session_gettimeout);

// Milliseconds, or None for never.
static mp_obj_t wait_ms(mp_obj_ssh_session_t *self) {
    uint32_t ms = MIN(ssh_wait_ms(self->core), modssh_channel_settle_ms(self));
    return ms == UINT32_MAX ? mp_const_none : mp_obj_new_int_from_uint(ms);
}

// want: what the socket is to be waited for, as select.poll has it. wait_ms: when to call pump() even if that does
// not come. moved: whether bytes have moved since it was last asked.
mp_obj_t modssh_session_wait_attr(mp_obj_ssh_session_t *self, qstr attr) {
    if (attr == MP_QSTR_moved) {
        bool moved = self->line.moved;
        self->line.moved = false;
        return mp_obj_new_bool(moved);
    }
    if (attr != MP_QSTR_want && attr != MP_QSTR_wait_ms) {
        return MP_OBJ_NULL;
    }
    modssh_op_t op;
    modssh_enter(&op, self);
    mp_obj_t ret;
    if (attr == MP_QSTR_want) {
        int want = ssh_interest(self->core);
        ret = MP_OBJ_NEW_SMALL_INT((want & SSH_WANT_READ ? MP_STREAM_POLL_RD : 0)
            | (want & SSH_WANT_WRITE ? MP_STREAM_POLL_WR : 0));
    } else {
        ret = wait_ms(self);
    }
    modssh_leave(&op);
    return ret;
}

// ---------------------------------------------------------------- channels

// opened(): until the server has answered.
static mp_obj_t channel_opened(mp_obj_t self_in) {
    modssh_op_t op;
    modssh_channel_enter(&op, MP_OBJ_TO_PTR(self_in), false);
    modssh_leave(&op);
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_1(modssh_channel_opened_obj, channel_opened);

// abandon(): the request under way is not wanted any more.
static mp_obj_t channel_abandon(mp_obj_t self_in) {
    mp_obj_ssh_channel_t *self = MP_OBJ_TO_PTR(self_in);
    if (self->closed || self->session->core == NULL) {
        return mp_const_none;
    }
    modssh_op_t op;
    modssh_enter(&op, self->session);
    ssh_abandon(self->session->core, self->id);
    modssh_leave(&op);
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_1(modssh_channel_abandon_obj, channel_abandon);

// What can be done without waiting, as far as it has been taken in: SSH_POLL_... A closed one raises at once.
mp_obj_t modssh_channel_ready(mp_obj_ssh_channel_t *self) {
    int flags = SSH_POLL_STDOUT | SSH_POLL_STDERR | SSH_POLL_WRITE | SSH_POLL_EOF | SSH_POLL_EXIT | SSH_POLL_CLOSED;
    if (!self->closed && self->session->core != NULL) {
        modssh_op_t op;
        modssh_enter(&op, self->session);
        flags = ssh_channel_flags(self->session->core, self->id);
        modssh_leave(&op);
    }
    return MP_OBJ_NEW_SMALL_INT(flags);
}
