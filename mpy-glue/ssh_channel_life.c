// The life of a channel: opening, closing, and the memory that it lends to the core.

#include <string.h>

#include "py/gc.h"

#include "modssh_channel.h"

// Longest wait for the server's answer to our CLOSE of a channel. Nothing depends on it.
#define CLOSE_WAIT_MS (250)

void modssh_channel_reap(mp_obj_ssh_session_t *session) {
    for (size_t i = 0; i < session->n_slots; i++) {
        modssh_slot_t *slot = &session->slots[i];
        if (slot->dropped) {
            slot->dropped = false;
            slot->closing = true;
            ssh_channel_drop(session->core, i);
        }
        if (slot->ring != NULL && slot->closing && ssh_channel_is_free(session->core, i)) {
            m_del(byte, slot->ring, slot->ring_len);
            slot->ring = NULL;
            slot->closing = false;
            slot->waited = false;
        }
    }
}

// Slots that only wait for the server's CLOSE. fresh: only those that nobody has waited for yet.
static bool some_slot_is_closing(mp_obj_ssh_session_t *session, bool fresh) {
    for (size_t i = 0; i < session->n_slots; i++) {
        modssh_slot_t *slot = &session->slots[i];
        if (slot->closing && !(fresh && slot->waited)) {
            return true;
        }
    }
    return false;
}

// Let the slots that are closing now not be waited for any more.
static void give_up_closing(mp_obj_ssh_session_t *session) {
    for (size_t i = 0; i < session->n_slots; i++) {
        session->slots[i].waited = session->slots[i].closing;
    }
}

// Where nothing waits: whether a new channel should come a moment later.
static bool should_settle(modssh_op_t *op) {
    mp_obj_ssh_session_t *session = op->session;
    int r = some_slot_is_closing(session, true) ? ssh_pump(session->core) : SSH_OK;
    if (r == SSH_EXCEPTION) {
        modssh_check(op, r);
    }
    modssh_channel_reap(session);
    if (r < 0 || !some_slot_is_closing(session, true)) {
        session->settling = false;
        return false;
    }
    if (!session->settling) {
        session->settling = true;
        session->settle_start = mp_hal_ticks_ms();
    }
    if (modssh_channel_settle_ms(session) > 0) {
        return true;
    }
    session->settling = false;
    give_up_closing(session);
    return false;
}

uint32_t modssh_channel_settle_ms(const mp_obj_ssh_session_t *session) {
    if (!session->settling) {
        return UINT32_MAX;
    }
    uint32_t elapsed = (uint32_t)mp_hal_ticks_ms() - session->settle_start;
    return elapsed < CLOSE_WAIT_MS ? CLOSE_WAIT_MS - elapsed : 0;
}

void modssh_channel_wait_closed(modssh_op_t *op) {
    mp_obj_ssh_session_t *session = op->session;
    if (modssh_never_waits(session)) {
        modssh_channel_reap(session);
        return;
    }
    uint32_t start = op->start;
    mp_int_t timeout_ms = op->timeout_ms;
    modssh_restart(op);
    op->timeout_ms = CLOSE_WAIT_MS;
    modssh_channel_reap(session);
    while (some_slot_is_closing(session, true)) {
        int r = ssh_pump(session->core);
        if (r == SSH_EXCEPTION) {
            modssh_check(op, r);
        }
        modssh_channel_reap(session);
        if (r < 0 || !some_slot_is_closing(session, true)) {
            break; // an error shows itself in the next call that matters
        }
        if (!modssh_wait_for(op, ssh_want(session->core) | SSH_WANT_READ)) {
            give_up_closing(session);
        }
    }
    op->start = start;
    op->timeout_ms = timeout_ms;
}

// Close channels whose objects nobody holds any more, and give the server a moment for its part.
static void collect_channels(modssh_op_t *op) {
    gc_collect();
    modssh_channel_reap(op->session);
    modssh_channel_wait_closed(op);
}

// The ring of a new channel. Rings of forgotten channels become free only some time after a collection.
static byte *new_ring(modssh_op_t *op, size_t len) {
    byte *ring = m_new_maybe(byte, len);
    if (ring == NULL) {
        collect_channels(op);
        ring = m_new(byte, len);
    }
    return ring;
}

// Take a slot. When all are in use, wait for one that only waits for the server's CLOSE.
static int take_slot(modssh_op_t *op, modssh_take_t take, byte *ring, size_t len) {
    mp_obj_ssh_session_t *session = op->session;
    int id = take(session->core, ring, len);
    if (id == SSH_ERROR && !some_slot_is_closing(session, false)) {
        collect_channels(op);
        id = take(session->core, ring, len);
    }
    while (id == SSH_AGAIN || (id == SSH_ERROR && some_slot_is_closing(session, false))) {
        int r = ssh_pump(session->core);
        if (r != SSH_OK) {
            return r;
        }
        modssh_channel_reap(session);
        id = take(session->core, ring, len);
        if ((id == SSH_AGAIN || id == SSH_ERROR) && !modssh_wait_for(op, ssh_want(session->core) | SSH_WANT_READ)) {
            return SSH_AGAIN;
        }
    }
    return id;
}

// The object is complete before there is anything to finalise.
mp_obj_ssh_channel_t *modssh_channel_make(mp_obj_ssh_session_t *session, uint8_t kind) {
    mp_obj_ssh_channel_t *self = mp_obj_malloc_with_finaliser(mp_obj_ssh_channel_t, &mp_type_ssh_channel);
    self->session = session;
    self->timeout_ms = MODSSH_DEFAULT;
    self->err_stream = MP_OBJ_NULL;
    self->exit_status = mp_const_none;
    self->exit_signal = mp_const_none;
    self->exit_message = mp_const_none;
    self->core_dumped = false;
    self->destination = mp_const_none;
    self->origin = mp_const_none;
    self->kind = kind;
    self->id = -1;
    self->gen = 0;
    self->closed = true;
    self->opening = false;
    return self;
}

void modssh_channel_start(modssh_op_t *op, mp_obj_ssh_channel_t *self, size_t window, modssh_take_t take) {
    mp_obj_ssh_session_t *session = op->session;
    size_t len = window == 0 ? session->window : window;
    byte *ring = new_ring(op, len);
    int id = take_slot(op, take, ring, len);
    if (id < 0 || (size_t)id >= session->n_slots) {
        m_del(byte, ring, len);
        modssh_check(op, id < 0 ? id : SSH_ERROR);
    }
    modssh_slot_t *slot = &session->slots[id];
    slot->ring = ring;
    slot->ring_len = len;
    slot->gen++;
    slot->dropped = false;
    slot->closing = false;
    slot->waited = false;
    self->id = id;
    self->gen = slot->gen;
    self->closed = false;
    op->channel = self;
}

// Ask the server to open it, or look for the answer.
static int ask(mp_obj_ssh_channel_t *self) {
    ssh_session_t *core = self->session->core;
    if (self->kind == MODSSH_KIND_SESSION) {
        return ssh_channel_open(core, self->id);
    }
    size_t len, origin_len;
    if (self->kind == MODSSH_KIND_UNIX) {
        const char *path = mp_obj_str_get_data(self->destination, &len);
        return ssh_channel_open_unix(core, self->id, (const uint8_t *)path, len);
    }
    mp_obj_t *to, *from;
    mp_obj_get_array_fixed_n(self->destination, 2, &to);
    mp_obj_get_array_fixed_n(self->origin, 2, &from);
    const char *host = mp_obj_str_get_data(to[0], &len);
    const char *origin = mp_obj_str_get_data(from[0], &origin_len);
    return ssh_channel_open_tcp(core, self->id, (const uint8_t *)host, len, mp_obj_get_int(to[1]),
        (const uint8_t *)origin, origin_len, mp_obj_get_int(from[1]));
}

int modssh_channel_ask(modssh_op_t *op, mp_obj_ssh_channel_t *self) {
    op->channel = self;
    int r;
    MODSSH_RUN(op, r, ask(self));
    self->opening = r == SSH_AGAIN && modssh_never_waits(op->session);
    if (self->opening) {
        op->channel = NULL;
        return r;
    }
    if (r == SSH_ERROR) {
        // Refused: the core has freed it, or will when the answer comes.
        op->session->slots[self->id].closing = true;
        self->closed = true;
        op->channel = NULL;
    }
    return modssh_check(op, r);
}

mp_obj_ssh_channel_t *modssh_channel_open(modssh_op_t *op, size_t window) {
    mp_obj_ssh_channel_t *self = modssh_channel_make(op->session, MODSSH_KIND_SESSION);
    // The memory of the last channel can be had again once the server has closed it, and dropbear takes a new
    // one down with it if that happens between its opening and its request.
    if (modssh_never_waits(op->session)) {
        modssh_check(op, should_settle(op) ? SSH_AGAIN : SSH_OK);
    } else {
        modssh_channel_wait_closed(op);
    }
    modssh_channel_start(op, self, window, ssh_channel_new);
    modssh_channel_ask(op, self);
    return self;
}

void modssh_channel_keep_exit(mp_obj_ssh_channel_t *self) {
    if (self->closed || self->session->core == NULL) {
        return;
    }
    ssh_exit_t info;
    memset(&info, 0, sizeof(info));
    ssh_channel_exit(self->session->core, self->id, &info);
    if (info.has_status) {
        self->exit_status = mp_obj_new_int_from_uint(info.status);
    }
    if (info.has_signal && self->exit_signal == mp_const_none) {
        self->exit_message = mp_obj_new_str(info.message, info.message_len);
        self->core_dumped = info.core_dumped;
        self->exit_signal = mp_obj_new_str(info.signal, info.signal_len);
    }
}

// CLOSE is queued, or left for the next entry when the send buffer is full: no wait for a dead peer.
void modssh_channel_shut(modssh_op_t *op, mp_obj_ssh_channel_t *self) {
    if (self->closed) {
        return;
    }
    ssh_session_t *core = self->session->core;
    op->channel = self; // closed in any case, also when there is no memory for the exit status
    modssh_channel_keep_exit(self);
    modssh_slot_t *slot = &self->session->slots[self->id];
    int r = ssh_channel_close(core, self->id);
    self->closed = true;
    op->channel = NULL;
    if (r == SSH_OK) {
        slot->closing = true;
        r = ssh_flush(core);
    } else {
        slot->dropped = true;
    }
    if (r == SSH_EXCEPTION) {
        modssh_check(op, r);
    }
}
