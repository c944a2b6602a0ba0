// class Channel: a MicroPython stream for stdout and stdin, a second one for stderr, exit status.
//
// Memory of the program: Python code may run in the middle of a call of the core (a socket written in Python,
// or a native stream on top of one), and could resize the bytearray that the call works on. So the methods
// that take an object look up its memory again for each piece, and hand it to the core only
// - when nothing can run: the stream is a plain file descriptor and the scheduler is locked (`direct`); or
// - to read bytes that are there already: the core copies them before it makes any callback; or
// - to write from bytes and str objects, which never move.
// Everything else is written from a copy. The functions of the stream protocol take a C pointer; there the
// caller promises that it stays.

#include <string.h>

#include "modssh_channel.h"

typedef struct _mp_obj_ssh_stderr_t {
    mp_obj_base_t base;
    mp_obj_ssh_channel_t *channel;
} mp_obj_ssh_stderr_t;

// Enter the session for an operation on an open channel. reading: wait for the peer's output.
void modssh_channel_enter(modssh_op_t *op, mp_obj_ssh_channel_t *self, bool reading) {
    modssh_enter(op, self->session);
    if (self->closed) {
        modssh_raise_code(SSH_E_CHANNEL_CLOSED);
    }
    if (self->opening) {
        modssh_check(op, modssh_channel_ask(op, self));
        op->channel = NULL;
    }
    if (modssh_never_waits(self->session)) {
        op->timeout_ms = 0;
    } else if (self->timeout_ms != MODSSH_DEFAULT) {
        op->timeout_ms = self->timeout_ms;
    } else if (reading) {
        op->timeout_ms = MODSSH_FOREVER;
    }
}

// ---------------------------------------------------------------- reading

ptrdiff_t modssh_channel_recv(modssh_op_t *op, int id, int stream, byte *buf, size_t len) {
    ptrdiff_t r;
    MODSSH_RUN(op, r, ssh_channel_read(op->session->core, id, stream, buf, len));
    return r;
}

// Wait until a read of a stream would give bytes or the end, without any memory to read into.
static int wait_readable(modssh_op_t *op, int id, int flag) {
    ssh_session_t *core = op->session->core;
    int flags = ssh_channel_flags(core, id);
    while (flags >= 0 && !(flags & flag)) {
        flags = ssh_channel_poll(core, id);
        if (flags >= 0 && !(flags & flag)
            && !modssh_wait_for(op, ssh_want(core) | SSH_WANT_READ)) {
            return SSH_AGAIN;
        }
    }
    return flags;
}

// While the core has a pointer to the program's memory, no scheduled callback may run. Sockets that run Python
// code get no such pointer, and keep their scheduler: without it ctrl-C would not reach their code.
static void lock_scheduler(mp_obj_ssh_session_t *session, bool lock) {
    #if MICROPY_ENABLE_SCHEDULER
    if (session->line.direct) {
        lock ? mp_sched_lock() : mp_sched_unlock();
    }
    #else
    (void)session;
    (void)lock;
    #endif
}

static ptrdiff_t recv_into(modssh_op_t *op, int id, int stream, mp_obj_t obj, size_t offset, size_t len) {
    ssh_session_t *core = op->session->core;
    for (;;) {
        if (!op->session->line.direct) {
            int r = wait_readable(op, id, stream == SSH_STDERR ? SSH_POLL_STDERR : SSH_POLL_STDOUT);
            if (r < 0) {
                return r;
            }
        }
        mp_buffer_info_t info;
        mp_get_buffer_raise(obj, &info, MP_BUFFER_WRITE);
        if (offset >= info.len) {
            return 0;
        }
        byte *dest = (byte *)info.buf + offset;
        size_t n = MIN(len, info.len - offset);
        lock_scheduler(op->session, true);
        ptrdiff_t r = ssh_channel_read(core, id, stream, dest, n);
        lock_scheduler(op->session, false);
        if (r != SSH_AGAIN || !modssh_wait(op)) {
            return r;
        }
    }
}

// The channel and the stream number of a Channel or of its stderr.
static mp_obj_ssh_channel_t *get_stream(mp_obj_t self_in, int *stream) {
    if (mp_obj_is_type(self_in, &mp_type_ssh_channel_stderr)) {
        *stream = SSH_STDERR;
        return ((mp_obj_ssh_stderr_t *)MP_OBJ_TO_PTR(self_in))->channel;
    }
    *stream = SSH_STDOUT;
    return MP_OBJ_TO_PTR(self_in);
}

// recv(n): what is there, at least one byte; b"" at the end.
static mp_obj_t channel_recv(mp_obj_t self_in, mp_obj_t n_in) {
    int stream;
    mp_obj_ssh_channel_t *self = get_stream(self_in, &stream);
    mp_int_t n = mp_obj_get_int(n_in);
    if (n < 0) {
        mp_raise_ValueError(NULL);
    }
    modssh_op_t op;
    modssh_channel_enter(&op, self, true);
    size_t len = MIN((size_t)n, self->session->slots[self->id].ring_len); // there is never more
    vstr_t vstr;
    vstr_init_len(&vstr, len);
    ptrdiff_t r = len == 0 ? 0 : modssh_channel_recv(&op, self->id, stream, (byte *)vstr.buf, len);
    vstr.len = modssh_finish(&op, r);
    return mp_obj_new_bytes_from_vstr(&vstr);
}
static MP_DEFINE_CONST_FUN_OBJ_2(channel_recv_obj, channel_recv);

// recv_into(buf[, n])
static mp_obj_t channel_recv_into(size_t n_args, const mp_obj_t *args) {
    int stream;
    mp_obj_ssh_channel_t *self = get_stream(args[0], &stream);
    mp_buffer_info_t info;
    mp_get_buffer_raise(args[1], &info, MP_BUFFER_WRITE);
    size_t len = n_args > 2 ? (size_t)mp_obj_get_int(args[2]) : info.len;
    if (MIN(len, info.len) == 0) {
        return MP_OBJ_NEW_SMALL_INT(0);
    }
    modssh_op_t op;
    modssh_channel_enter(&op, self, true);
    ptrdiff_t r = recv_into(&op, self->id, stream, args[1], 0, len);
    return MP_OBJ_NEW_SMALL_INT(modssh_finish(&op, r));
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(channel_recv_into_obj, 2, 3, channel_recv_into);

// What read() and readinto() return when they stop with nothing: None on a non-blocking stream.
static mp_obj_t nothing_read(modssh_op_t *op, ptrdiff_t r) {
    if (r == SSH_AGAIN && op->timeout_ms == 0) {
        modssh_leave(op);
        return mp_const_none;
    }
    modssh_finish(op, r);
    return mp_const_none;
}

// readinto(buf[, n]): fills the buffer, or stops at the end; as MicroPython's streams do.
static mp_obj_t channel_readinto(size_t n_args, const mp_obj_t *args) {
    int stream;
    mp_obj_ssh_channel_t *self = get_stream(args[0], &stream);
    mp_buffer_info_t info;
    mp_get_buffer_raise(args[1], &info, MP_BUFFER_WRITE);
    size_t len = info.len;
    if (n_args > 2) {
        len = MIN(len, (size_t)mp_obj_get_int(args[2]));
    }
    modssh_op_t op;
    modssh_channel_enter(&op, self, true);
    size_t done = 0;
    while (done < len) {
        ptrdiff_t r = recv_into(&op, self->id, stream, args[1], done, len - done);
        if (r < 0 && (done == 0 || r == SSH_EXCEPTION)) {
            return nothing_read(&op, r);
        }
        if (r <= 0) {
            break; // an error shows again at the next call
        }
        done += r;
        modssh_restart(&op);
    }
    modssh_leave(&op);
    return MP_OBJ_NEW_SMALL_INT(done);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(channel_readinto_obj, 2, 3, channel_readinto);

void modssh_grow(vstr_t *vstr, size_t room) {
    if (vstr->alloc - vstr->len >= room) {
        return;
    }
    size_t alloc = MAX(vstr->alloc * 2, vstr->alloc + room);
    char *buf = m_renew_maybe(char, vstr->buf, vstr->alloc, alloc, true);
    if (buf == NULL) {
        // Doubling does not fit any more: a smaller step may.
        alloc = vstr->alloc + vstr->alloc / 8 + room;
        buf = m_renew(char, vstr->buf, vstr->alloc, alloc);
    }
    vstr->buf = buf;
    vstr->alloc = alloc;
}

// read([n]): n bytes or all up to the end.
static mp_obj_t channel_read(size_t n_args, const mp_obj_t *args) {
    int stream;
    mp_obj_ssh_channel_t *self = get_stream(args[0], &stream);
    mp_int_t n = n_args > 1 && args[1] != mp_const_none ? mp_obj_get_int(args[1]) : -1;
    size_t want = n < 0 ? SIZE_MAX : (size_t)n;
    modssh_op_t op;
    modssh_channel_enter(&op, self, true);
    vstr_t vstr;
    vstr_init(&vstr, n < 0 ? MICROPY_PY_SSH_COLLECT : want + 1);
    while (vstr.len < want) {
        if (n < 0) {
            modssh_grow(&vstr, MICROPY_PY_SSH_COLLECT / 2);
        }
        size_t room = MIN(vstr.alloc - 1 - vstr.len, want - vstr.len);
        ptrdiff_t r = modssh_channel_recv(&op, self->id, stream, (byte *)vstr.buf + vstr.len, room);
        if (r < 0 && (vstr.len == 0 || r == SSH_EXCEPTION)) {
            return nothing_read(&op, r);
        }
        if (r <= 0) {
            break;
        }
        vstr.len += r;
        modssh_restart(&op);
    }
    modssh_leave(&op);
    return mp_obj_new_bytes_from_vstr(&vstr);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(channel_read_obj, 1, 2, channel_read);

// recv_any(n): (0, bytes of stdout), (1, bytes of stderr), or (0, b"") at the end of both.
static mp_obj_t channel_recv_any(mp_obj_t self_in, mp_obj_t n_in) {
    mp_obj_ssh_channel_t *self = MP_OBJ_TO_PTR(self_in);
    mp_int_t n = mp_obj_get_int(n_in);
    if (n <= 0) {
        mp_raise_ValueError(NULL);
    }
    modssh_op_t op;
    modssh_channel_enter(&op, self, true);
    size_t len = MIN((size_t)n, self->session->slots[self->id].ring_len);
    vstr_t vstr;
    vstr_init_len(&vstr, len);
    int stream = SSH_STDOUT;
    ptrdiff_t r;
    MODSSH_RUN(&op, r, ssh_channel_read_any(self->session->core, self->id, &stream, (byte *)vstr.buf, len));
    vstr.len = modssh_finish(&op, r);
    mp_obj_t items[2] = {
        MP_OBJ_NEW_SMALL_INT(vstr.len == 0 ? SSH_STDOUT : stream),
        mp_obj_new_bytes_from_vstr(&vstr),
    };
    return mp_obj_new_tuple(2, items);
}
static MP_DEFINE_CONST_FUN_OBJ_2(channel_recv_any_obj, channel_recv_any);

// ---------------------------------------------------------------- writing

ptrdiff_t modssh_channel_write_obj(modssh_op_t *op, int id, mp_obj_t obj, size_t offset, size_t len) {
    ssh_session_t *core = op->session->core;
    bool pinned = op->session->line.direct || mp_obj_is_str_or_bytes(obj);
    if (!pinned && op->chunk == NULL) {
        op->chunk = modssh_scratch(op, MICROPY_PY_SSH_BOUNCE, 1);
    }
    mp_buffer_info_t info;
    mp_get_buffer_raise(obj, &info, MP_BUFFER_READ);
    if (offset >= info.len) {
        return 0;
    }
    len = MIN(len, info.len - offset);
    const byte *data = (const byte *)info.buf + offset;
    if (!pinned) {
        len = MIN(len, MICROPY_PY_SSH_BOUNCE);
        data = memcpy(op->chunk, data, len);
    }
    lock_scheduler(op->session, true);
    ptrdiff_t r = ssh_channel_write(core, id, data, len);
    lock_scheduler(op->session, false);
    return r;
}

// write(buf[, off[, n]]) of MicroPython's streams: all of it; on a non-blocking stream what fits, or None.
static mp_obj_t channel_write(size_t n_args, const mp_obj_t *args) {
    mp_obj_ssh_channel_t *self = MP_OBJ_TO_PTR(args[0]);
    mp_buffer_info_t info;
    mp_get_buffer_raise(args[1], &info, MP_BUFFER_READ);
    size_t start = n_args == 4 ? (size_t)mp_obj_get_int(args[2]) : 0;
    size_t max = n_args > 2 ? (size_t)mp_obj_get_int(args[n_args - 1]) : SIZE_MAX;
    start = MIN(start, info.len);
    size_t len = MIN(max, info.len - start);

    modssh_op_t op;
    modssh_channel_enter(&op, self, false);
    ssh_session_t *core = self->session->core;
    size_t done = 0;
    while (done < len) {
        ptrdiff_t r = modssh_channel_write_obj(&op, self->id, args[1], start + done, len - done);
        if (r == 0 || (r == SSH_AGAIN && op.timeout_ms == 0)) {
            break; // 0: the object has shrunk meanwhile
        }
        if (r == SSH_AGAIN && modssh_wait(&op)) {
            continue;
        }
        done += modssh_check(&op, r);
        modssh_restart(&op);
    }
    int r;
    MODSSH_RUN(&op, r, ssh_flush(core)); // what stays behind goes with the next call
    if (r != SSH_AGAIN) {
        modssh_check(&op, r);
    }
    modssh_leave(&op);
    return done == 0 && len != 0 ? mp_const_none : MP_OBJ_NEW_SMALL_INT(done);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(channel_write_obj, 2, 4, channel_write);

// ---------------------------------------------------------------- stream protocol

// Leave an operation of the stream protocol: errno by errcode, anything else by an exception.
static mp_uint_t stream_result(modssh_op_t *op, ptrdiff_t r, int *errcode) {
    if (r == SSH_AGAIN) {
        *errcode = op->timeout_ms == 0 ? MP_EAGAIN : MP_ETIMEDOUT;
        modssh_leave(op);
        return MP_STREAM_ERROR;
    }
    return modssh_finish(op, r);
}

static mp_uint_t stream_read(mp_obj_t self_in, void *buf, mp_uint_t size, int *errcode) {
    int stream;
    mp_obj_ssh_channel_t *self = get_stream(self_in, &stream);
    if (size == 0) {
        return 0;
    }
    modssh_op_t op;
    modssh_channel_enter(&op, self, true);
    return stream_result(&op, modssh_channel_recv(&op, self->id, stream, buf, size), errcode);
}

static mp_uint_t stream_write(mp_obj_t self_in, const void *buf, mp_uint_t size, int *errcode) {
    mp_obj_ssh_channel_t *self = MP_OBJ_TO_PTR(self_in);
    if (size == 0) {
        return 0;
    }
    modssh_op_t op;
    modssh_channel_enter(&op, self, false);
    ssh_session_t *core = self->session->core;
    ptrdiff_t n;
    MODSSH_RUN(&op, n, ssh_channel_write(core, self->id, buf, size));
    if (n > 0) {
        ptrdiff_t r;
        MODSSH_RUN(&op, r, ssh_flush(core));
        if (r != SSH_AGAIN) {
            modssh_check(&op, r);
        }
    }
    return stream_result(&op, n, errcode);
}

static mp_uint_t stream_poll(mp_obj_ssh_channel_t *self, int stream, uintptr_t events) {
    mp_obj_ssh_session_t *session = self->session;
    if (self->closed || session->core == NULL) {
        return MP_STREAM_POLL_NVAL;
    }
    modssh_op_t op;
    modssh_enter(&op, session);
    int flags = ssh_channel_poll(session->core, self->id);
    if (flags == SSH_EXCEPTION) {
        modssh_check(&op, flags);
    }
    modssh_leave(&op);
    if (flags < 0) {
        return MP_STREAM_POLL_ERR | (events & (MP_STREAM_POLL_RD | MP_STREAM_POLL_WR)); // the next call raises
    }
    mp_uint_t ready = 0;
    if (flags & (stream == SSH_STDERR ? SSH_POLL_STDERR : SSH_POLL_STDOUT)) {
        ready |= MP_STREAM_POLL_RD & events;
    }
    if (stream == SSH_STDOUT && (flags & SSH_POLL_WRITE)) {
        ready |= MP_STREAM_POLL_WR & events;
    }
    if (flags & (SSH_POLL_EOF | SSH_POLL_CLOSED)) {
        ready |= MP_STREAM_POLL_HUP;
    }
    return ready;
}

static void close_channel(mp_obj_ssh_channel_t *self) {
    if (self->closed || self->session->core == NULL) {
        self->closed = true;
        return;
    }
    modssh_op_t op;
    modssh_enter(&op, self->session);
    modssh_channel_shut(&op, self);
    modssh_leave(&op);
}

static mp_uint_t stream_ioctl(mp_obj_t self_in, mp_uint_t request, uintptr_t arg, int *errcode) {
    int stream;
    mp_obj_ssh_channel_t *self = get_stream(self_in, &stream);
    switch (request) {
        case MP_STREAM_POLL:
            return stream_poll(self, stream, arg);
        case MP_STREAM_CLOSE:
            if (stream == SSH_STDOUT) {
                close_channel(self);
            }
            return 0;
        case MP_STREAM_FLUSH: {
            modssh_op_t op;
            modssh_channel_enter(&op, self, false);
            int r;
            MODSSH_RUN(&op, r, ssh_flush(self->session->core));
            return stream_result(&op, r, errcode);
        }
        default:
            *errcode = MP_EINVAL;
            return MP_STREAM_ERROR;
    }
}

static const mp_stream_p_t channel_stream_p = {
    .read = stream_read,
    .write = stream_write,
    .ioctl = stream_ioctl,
};

static const mp_stream_p_t stderr_stream_p = {
    .read = stream_read,
    .ioctl = stream_ioctl,
};

static mp_obj_t channel_close(mp_obj_t self_in) {
    close_channel(MP_OBJ_TO_PTR(self_in));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(channel_close_obj, channel_close);

static mp_obj_t channel___exit__(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    return channel_close(args[0]);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(channel___exit___obj, 4, 4, channel___exit__);

// The finaliser only marks; the next entry into the session closes the channel. Both objects may die in one
// sweep: since MicroPython 1.25 all finalisers run before any memory is freed, so the session's block is whole.
static mp_obj_t channel___del__(mp_obj_t self_in) {
    mp_obj_ssh_channel_t *self = MP_OBJ_TO_PTR(self_in);
    if (!self->closed) {
        self->closed = true;
        modssh_slot_t *slot = &self->session->slots[self->id];
        if (slot->gen == self->gen) {
            slot->dropped = true;
        }
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(channel___del___obj, channel___del__);

// wait(): until the exit status or signal is known; the status, or None.
static mp_obj_t channel_wait(mp_obj_t self_in) {
    mp_obj_ssh_channel_t *self = MP_OBJ_TO_PTR(self_in);
    if (self->closed) {
        return self->exit_status;
    }
    modssh_op_t op;
    modssh_channel_enter(&op, self, true);
    int r;
    MODSSH_RUN(&op, r, ssh_channel_wait_exit(self->session->core, self->id));
    modssh_check(&op, r);
    modssh_channel_keep_exit(self);
    modssh_leave(&op);
    return self->exit_status;
}
static MP_DEFINE_CONST_FUN_OBJ_1(channel_wait_obj, channel_wait);

static mp_obj_t channel_settimeout(mp_obj_t self_in, mp_obj_t timeout_in) {
    mp_obj_ssh_channel_t *self = MP_OBJ_TO_PTR(self_in);
    self->timeout_ms = modssh_get_timeout(timeout_in);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(channel_settimeout_obj, channel_settimeout);

static mp_obj_t channel_setblocking(mp_obj_t self_in, mp_obj_t flag_in) {
    mp_obj_ssh_channel_t *self = MP_OBJ_TO_PTR(self_in);
    self->timeout_ms = mp_obj_is_true(flag_in) ? MODSSH_FOREVER : 0;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(channel_setblocking_obj, channel_setblocking);

static mp_obj_t channel_gettimeout(mp_obj_t self_in) {
    mp_obj_ssh_channel_t *self = MP_OBJ_TO_PTR(self_in);
    return modssh_timeout_obj(self->timeout_ms);
}
static MP_DEFINE_CONST_FUN_OBJ_1(channel_gettimeout_obj, channel_gettimeout);

// ---------------------------------------------------------------- attributes and types

static mp_obj_t get_stderr(mp_obj_ssh_channel_t *self) {
    if (self->err_stream == MP_OBJ_NULL) {
        mp_obj_ssh_stderr_t *o = mp_obj_malloc(mp_obj_ssh_stderr_t, &mp_type_ssh_channel_stderr);
        o->channel = self;
        self->err_stream = MP_OBJ_FROM_PTR(o);
    }
    return self->err_stream;
}

static void channel_attr(mp_obj_t self_in, qstr attr, mp_obj_t *dest) {
    mp_obj_ssh_channel_t *self = MP_OBJ_TO_PTR(self_in);
    if (dest[0] != MP_OBJ_NULL) {
        return; // nothing can be stored
    }
    dest[0] = attr == MP_QSTR_stderr ? get_stderr(self) : modssh_channel_get_attr(self, attr);
    if (dest[0] == MP_OBJ_NULL) {
        dest[1] = MP_OBJ_SENTINEL; // go on with the locals dict
    }
}

static void channel_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    (void)kind;
    mp_obj_ssh_channel_t *self = MP_OBJ_TO_PTR(self_in);
    mp_printf(print, "<Channel %d%s>", self->id, self->closed ? " closed" : "");
}

static const mp_rom_map_elem_t channel_locals_dict_table[] = {
    { MP_ROM_QSTR(MP_QSTR_exec), MP_ROM_PTR(&modssh_channel_exec_obj) },
    { MP_ROM_QSTR(MP_QSTR_shell), MP_ROM_PTR(&modssh_channel_shell_obj) },
    { MP_ROM_QSTR(MP_QSTR_subsystem), MP_ROM_PTR(&modssh_channel_subsystem_obj) },
    { MP_ROM_QSTR(MP_QSTR_request_pty), MP_ROM_PTR(&modssh_channel_request_pty_obj) },
    { MP_ROM_QSTR(MP_QSTR_setenv), MP_ROM_PTR(&modssh_channel_setenv_obj) },
    { MP_ROM_QSTR(MP_QSTR_signal), MP_ROM_PTR(&modssh_channel_signal_obj) },
    { MP_ROM_QSTR(MP_QSTR_window_change), MP_ROM_PTR(&modssh_channel_window_change_obj) },
    { MP_ROM_QSTR(MP_QSTR_send_break), MP_ROM_PTR(&modssh_channel_send_break_obj) },
    { MP_ROM_QSTR(MP_QSTR_request_agent), MP_ROM_PTR(&modssh_channel_request_agent_obj) },
    { MP_ROM_QSTR(MP_QSTR_request_x11), MP_ROM_PTR(&modssh_channel_request_x11_obj) },
    { MP_ROM_QSTR(MP_QSTR_read), MP_ROM_PTR(&channel_read_obj) },
    { MP_ROM_QSTR(MP_QSTR_readinto), MP_ROM_PTR(&channel_readinto_obj) },
    { MP_ROM_QSTR(MP_QSTR_readline), MP_ROM_PTR(&mp_stream_unbuffered_readline_obj) },
    { MP_ROM_QSTR(MP_QSTR_readlines), MP_ROM_PTR(&mp_stream_unbuffered_readlines_obj) },
    { MP_ROM_QSTR(MP_QSTR_write), MP_ROM_PTR(&channel_write_obj) },
    { MP_ROM_QSTR(MP_QSTR_flush), MP_ROM_PTR(&mp_stream_flush_obj) },
    { MP_ROM_QSTR(MP_QSTR_recv), MP_ROM_PTR(&channel_recv_obj) },
    { MP_ROM_QSTR(MP_QSTR_recv_into), MP_ROM_PTR(&channel_recv_into_obj) },
    { MP_ROM_QSTR(MP_QSTR_recv_any), MP_ROM_PTR(&channel_recv_any_obj) },
    { MP_ROM_QSTR(MP_QSTR_eof), MP_ROM_PTR(&modssh_channel_eof_obj) },
    { MP_ROM_QSTR(MP_QSTR_wait), MP_ROM_PTR(&channel_wait_obj) },
    { MP_ROM_QSTR(MP_QSTR_opened), MP_ROM_PTR(&modssh_channel_opened_obj) },
    { MP_ROM_QSTR(MP_QSTR_abandon), MP_ROM_PTR(&modssh_channel_abandon_obj) },
    { MP_ROM_QSTR(MP_QSTR_settimeout), MP_ROM_PTR(&channel_settimeout_obj) },
    { MP_ROM_QSTR(MP_QSTR_setblocking), MP_ROM_PTR(&channel_setblocking_obj) },
    { MP_ROM_QSTR(MP_QSTR_gettimeout), MP_ROM_PTR(&channel_gettimeout_obj) },
    { MP_ROM_QSTR(MP_QSTR_close), MP_ROM_PTR(&channel_close_obj) },
    { MP_ROM_QSTR(MP_QSTR___enter__), MP_ROM_PTR(&mp_identity_obj) },
    { MP_ROM_QSTR(MP_QSTR___exit__), MP_ROM_PTR(&channel___exit___obj) },
    { MP_ROM_QSTR(MP_QSTR___del__), MP_ROM_PTR(&channel___del___obj) },
};
static MP_DEFINE_CONST_DICT(channel_locals_dict, channel_locals_dict_table);

MP_DEFINE_CONST_OBJ_TYPE(
    mp_type_ssh_channel,
    MP_QSTR_Channel,
    MP_TYPE_FLAG_ITER_IS_STREAM,
    print, channel_print,
    attr, channel_attr,
    protocol, &channel_stream_p,
    locals_dict, &channel_locals_dict
    );

static const mp_rom_map_elem_t stderr_locals_dict_table[] = {
    { MP_ROM_QSTR(MP_QSTR_read), MP_ROM_PTR(&channel_read_obj) },
    { MP_ROM_QSTR(MP_QSTR_readinto), MP_ROM_PTR(&channel_readinto_obj) },
    { MP_ROM_QSTR(MP_QSTR_readline), MP_ROM_PTR(&mp_stream_unbuffered_readline_obj) },
    { MP_ROM_QSTR(MP_QSTR_readlines), MP_ROM_PTR(&mp_stream_unbuffered_readlines_obj) },
    { MP_ROM_QSTR(MP_QSTR_recv), MP_ROM_PTR(&channel_recv_obj) },
    { MP_ROM_QSTR(MP_QSTR_recv_into), MP_ROM_PTR(&channel_recv_into_obj) },
};
static MP_DEFINE_CONST_DICT(stderr_locals_dict, stderr_locals_dict_table);

MP_DEFINE_CONST_OBJ_TYPE(
    mp_type_ssh_channel_stderr,
    MP_QSTR_ChannelStderr,
    MP_TYPE_FLAG_ITER_IS_STREAM,
    protocol, &stderr_stream_p,
    locals_dict, &stderr_locals_dict
    );
