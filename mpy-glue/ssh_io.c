// The four callbacks that the core makes, and waiting.
//
// A MicroPython exception is a longjmp and must never cross a Rust frame: every callback runs the
// interpreter's code under nlr_push, keeps a caught exception in the session object and returns
// SSH_IO_EXCEPTION; modssh_raise() raises it again after Rust has returned.

#include <assert.h>
#include <string.h>

#include "py/objtype.h"
#include "py/objstr.h"

#include "modssh.h"

// Steps of waits for a stream that cannot be polled or is written in Python grow up to this.
#define PAUSE_MAX_MS (10)
// Longest single wait (also keeps the argument of poll() a small int).
#define WAIT_MAX_MS (0x1fffffff)

void modssh_wipe(void *mem, size_t len) {
    volatile byte *p = mem;
    while (len--) {
        *p++ = 0;
    }
}

// ---------------------------------------------------------------- interrupts

#if MICROPY_ASYNC_KBD_INTR && !defined(_WIN32)

// On such ports ctrl-C is a signal, and its handler raises KeyboardInterrupt wherever the program is: in the
// middle of the core too, whose frames no exception may cross. So the signal is held back during operations,
// but for their waits.
#include <signal.h>

// Hold back or let through: true if it was held back before.
static bool hold_interrupts(bool hold) {
    sigset_t set, old;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigprocmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &set, &old);
    return sigismember(&old, SIGINT) == 1;
}

#else

static bool hold_interrupts(bool hold) {
    return hold;
}

#endif

bool modssh_hold_interrupts(bool hold) {
    return hold_interrupts(hold);
}

// Within an operation: let an interrupt that has come raise its exception.
void modssh_breathe(modssh_op_t *op) {
    (void)op;
    mp_event_handle_nowait();
    hold_interrupts(false);
    hold_interrupts(true);
}

// ---------------------------------------------------------------- callbacks

static ptrdiff_t io_result_errno(int err) {
    // A stream with a timeout of its own says ETIMEDOUT where a non-blocking one says EAGAIN, and a
    // socket that is still connecting says EINPROGRESS: all of them mean "nothing now".
    if (err == MP_EAGAIN || mp_is_nonblocking_error(err) || err == MP_ETIMEDOUT || err == MP_EINPROGRESS) {
        return SSH_IO_AGAIN;
    }
    return err > 0 ? SSH_IO_ERRNO(err) : SSH_IO_ERRNO(MP_EIO);
}

// What an exception from a Python socket's method means: only OSErrors that say "nothing now" are ours.
static ptrdiff_t io_result_exception(modssh_line_t *line, mp_obj_t exc) {
    if (mp_obj_exception_match(exc, MP_OBJ_FROM_PTR(&mp_type_OSError))) {
        mp_int_t err;
        if (mp_obj_get_int_maybe(mp_obj_exception_get_value(exc), &err)
            && io_result_errno(err) == SSH_IO_AGAIN) {
            return SSH_IO_AGAIN;
        }
    }
    line->exc = exc;
    return SSH_IO_EXCEPTION;
}

static ptrdiff_t io_recv_stream(modssh_line_t *line, uint8_t *buf, size_t len) {
    byte *dest = buf;
    if (line->bounce != NULL) {
        // Python code never gets a pointer into the core's memory: it could keep a memoryview of it.
        dest = line->bounce;
        len = MIN(len, MICROPY_PY_SSH_BOUNCE);
    }
    int err = 0;
    mp_uint_t n = line->stream_p->read(line->sock, dest, len, &err);
    if (n == MP_STREAM_ERROR) {
        return io_result_errno(err);
    }
    if (n > len) {
        return SSH_IO_ERRNO(MP_EIO); // a Python stream that claims more than it was given room for
    }
    if (dest != buf) {
        memcpy(buf, dest, n);
    }
    return n;
}

static ptrdiff_t io_send_stream(modssh_line_t *line, const uint8_t *buf, size_t len) {
    if (line->bounce != NULL) {
        len = MIN(len, MICROPY_PY_SSH_BOUNCE);
        buf = memcpy(line->bounce, buf, len);
    }
    int err = 0;
    mp_uint_t n = line->stream_p->write(line->sock, buf, len, &err);
    if (n == MP_STREAM_ERROR) {
        return io_result_errno(err);
    }
    if (n > len) {
        return SSH_IO_ERRNO(MP_EIO);
    }
    return n == 0 ? SSH_IO_AGAIN : (ptrdiff_t)n;
}

static ptrdiff_t io_recv_method(modssh_line_t *line, uint8_t *buf, size_t len) {
    mp_obj_t args[3];
    mp_load_method(line->sock, MP_QSTR_recv, args);
    len = MIN(len, MICROPY_PY_SSH_BOUNCE);
    args[2] = MP_OBJ_NEW_SMALL_INT(len);
    mp_obj_t ret = mp_call_method_n_kw(1, 0, args);
    if (ret == mp_const_none) {
        return SSH_IO_AGAIN;
    }
    mp_buffer_info_t info;
    mp_get_buffer_raise(ret, &info, MP_BUFFER_READ);
    if (info.len > len) {
        mp_raise_ValueError(MP_ERROR_TEXT("recv returned more bytes than asked for"));
    }
    memcpy(buf, info.buf, info.len);
    return info.len;
}

static ptrdiff_t io_send_method(modssh_line_t *line, const uint8_t *buf, size_t len) {
    mp_obj_t args[3];
    mp_load_method(line->sock, MP_QSTR_send, args);
    len = MIN(len, MICROPY_PY_SSH_BOUNCE);
    args[2] = mp_obj_new_bytes(buf, len);
    mp_obj_t ret = mp_call_method_n_kw(1, 0, args);
    if (ret == mp_const_none) {
        return SSH_IO_AGAIN;
    }
    mp_int_t n = mp_obj_get_int(ret);
    if (n < 0 || (size_t)n > len) {
        mp_raise_ValueError(MP_ERROR_TEXT("send returned a wrong count"));
    }
    return n == 0 ? SSH_IO_AGAIN : n;
}

ptrdiff_t modssh_line_recv(void *ctx, uint8_t *buf, size_t len) {
    modssh_line_t *line = ctx;
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        bool held = !line->direct && hold_interrupts(false); // ctrl-C reaches Python code
        ptrdiff_t r = line->stream_p != NULL ? io_recv_stream(line, buf, len) : io_recv_method(line, buf, len);
        if (held) {
            hold_interrupts(true);
        }
        nlr_pop();
        line->moved |= r > 0;
        return r;
    }
    hold_interrupts(true); // the handler of the signal lets them through
    return io_result_exception(line, MP_OBJ_FROM_PTR(nlr.ret_val));
}

ptrdiff_t modssh_line_send(void *ctx, const uint8_t *buf, size_t len) {
    modssh_line_t *line = ctx;
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        bool held = !line->direct && hold_interrupts(false); // ctrl-C reaches Python code
        ptrdiff_t r = line->stream_p != NULL ? io_send_stream(line, buf, len) : io_send_method(line, buf, len);
        if (held) {
            hold_interrupts(true);
        }
        nlr_pop();
        line->moved |= r > 0;
        return r;
    }
    hold_interrupts(true); // the handler of the signal lets them through
    return io_result_exception(line, MP_OBJ_FROM_PTR(nlr.ret_val));
}

void modssh_random(uint8_t *buf, size_t len) {
    mp_obj_t os = mp_import_name(MP_QSTR_os, mp_const_none, MP_OBJ_NEW_SMALL_INT(0));
    mp_obj_t fun[2];
    mp_load_method_maybe(os, MP_QSTR_urandom, fun);
    if (fun[0] == MP_OBJ_NULL) {
        static const char text[] = "this port has no random source (os.urandom): keys made without one are not secret";
        modssh_raise_errno_text(MP_ENODEV, text, sizeof(text) - 1);
    }
    mp_obj_t data = fun[1] == MP_OBJ_NULL
        ? mp_call_function_1(fun[0], MP_OBJ_NEW_SMALL_INT(len))
        : mp_call_function_2(fun[0], fun[1], MP_OBJ_NEW_SMALL_INT(len));
    mp_buffer_info_t info;
    mp_get_buffer_raise(data, &info, MP_BUFFER_READ);
    if (info.len != len) {
        mp_raise_ValueError(MP_ERROR_TEXT("os.urandom gave a wrong number of bytes"));
    }
    memcpy(buf, info.buf, len);
    if (mp_obj_is_type(fun[0], &mp_type_fun_builtin_1) && len > 1) {
        // The seed is a secret. A native urandom made this object for us alone.
        modssh_wipe(info.buf, len);
    }
}

static ptrdiff_t io_random(void *ctx, uint8_t *buf, size_t len) {
    modssh_line_t *line = ctx;
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        modssh_random(buf, len);
        nlr_pop();
        return 0;
    }
    hold_interrupts(true);
    line->exc = MP_OBJ_FROM_PTR(nlr.ret_val);
    return SSH_IO_EXCEPTION;
}

static uint32_t io_ticks_ms(void *ctx) {
    (void)ctx;
    return mp_hal_ticks_ms();
}

// ---------------------------------------------------------------- setting up

// True if sock is an instance of a class that derives from io.IOBase, whose stream protocol calls its methods.
static bool is_python_stream(mp_obj_t sock) {
    #if MICROPY_PY_IO && MICROPY_PY_IO_IOBASE
    mp_obj_t io = mp_import_name(MP_QSTR_io, mp_const_none, MP_OBJ_NEW_SMALL_INT(0));
    mp_obj_t iobase = mp_load_attr(io, MP_QSTR_IOBase);
    return mp_obj_is_subclass_fast(MP_OBJ_FROM_PTR(mp_obj_get_type(sock)), iobase);
    #else
    (void)sock;
    return false;
    #endif
}

static bool has_method(mp_obj_t obj, qstr name) {
    mp_obj_t dest[2];
    mp_load_method_maybe(obj, name, dest);
    return dest[0] != MP_OBJ_NULL;
}

// Call obj.name(arg) if there is such a method.
static void call_if_there(mp_obj_t obj, qstr name, mp_obj_t arg) {
    mp_obj_t dest[3];
    mp_load_method_maybe(obj, name, dest);
    if (dest[0] != MP_OBJ_NULL) {
        dest[2] = arg;
        mp_call_method_n_kw(1, 0, dest);
    }
}

// Whether sock answers when asked what it is ready for.
static bool can_poll(modssh_line_t *line) {
    if (line->stream_p == NULL || line->stream_p->ioctl == NULL || line->python_sock) {
        return false;
    }
    int err;
    // Files of the unix port answer by their descriptor only.
    return line->stream_p->ioctl(line->sock, MP_STREAM_POLL, MP_STREAM_POLL_RD, &err) != MP_STREAM_ERROR
           || line->stream_p->ioctl(line->sock, MP_STREAM_GET_FILENO, 0, &err) != MP_STREAM_ERROR;
}

// Whether reads and writes of sock are system calls, which run no Python code.
static bool has_descriptor(modssh_line_t *line) {
    if (line->stream_p == NULL || line->stream_p->ioctl == NULL || line->python_sock) {
        return false;
    }
    int err;
    return line->stream_p->ioctl(line->sock, MP_STREAM_GET_FILENO, 0, &err) != MP_STREAM_ERROR;
}

// The interpreter's own select.poll(), with sock registered if it can be polled. A poll object that watches
// nothing is of use too: it sleeps without processor time, where mp_event_wait_ms() may wake all the time.
static void make_poll(modssh_line_t *line) {
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        mp_obj_t select = mp_import_name(MP_QSTR_select, mp_const_none, MP_OBJ_NEW_SMALL_INT(0));
        line->poll = mp_call_function_0(mp_load_attr(select, MP_QSTR_poll));
        nlr_pop();
    } else if (!mp_obj_exception_match(MP_OBJ_FROM_PTR(nlr.ret_val), MP_OBJ_FROM_PTR(&mp_type_ImportError))
               && !mp_obj_exception_match(MP_OBJ_FROM_PTR(nlr.ret_val), MP_OBJ_FROM_PTR(&mp_type_AttributeError))) {
        nlr_jump(nlr.ret_val);
    }
    if (line->poll != MP_OBJ_NULL && can_poll(line)) {
        mp_obj_t dest[4];
        mp_load_method(line->poll, MP_QSTR_register, dest);
        dest[2] = line->sock;
        dest[3] = MP_OBJ_NEW_SMALL_INT(MP_STREAM_POLL_RD);
        mp_call_method_n_kw(2, 0, dest);
        line->poll_mask = MP_STREAM_POLL_RD;
    }
}

// Short messages must not wait for the acknowledgement of those before (Nagle's algorithm): together with a
// server that delays its acknowledgements, each such wait would take 40 ms.
static void set_no_delay(modssh_line_t *line) {
    mp_obj_t dest[5];
    mp_load_method_maybe(line->sock, MP_QSTR_setsockopt, dest);
    if (line->python_sock || dest[0] == MP_OBJ_NULL) {
        return;
    }
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        mp_obj_t option[2];
        mp_obj_t socket = mp_import_name(MP_QSTR_socket, mp_const_none, MP_OBJ_NEW_SMALL_INT(0));
        mp_load_method_maybe(socket, MP_QSTR_TCP_NODELAY, option);
        if (option[0] == MP_OBJ_NULL && line->direct) {
            option[0] = MP_OBJ_NEW_SMALL_INT(1); // its number on all systems with descriptors
        }
        if (option[0] != MP_OBJ_NULL) {
            dest[2] = MP_OBJ_NEW_SMALL_INT(6); // TCP, a number of IANA
            dest[3] = option[0];
            dest[4] = MP_OBJ_NEW_SMALL_INT(1);
            mp_call_method_n_kw(3, 0, dest);
        }
        nlr_pop();
    } else if (!mp_obj_exception_match(MP_OBJ_FROM_PTR(nlr.ret_val), MP_OBJ_FROM_PTR(&mp_type_OSError))
               && !mp_obj_exception_match(MP_OBJ_FROM_PTR(nlr.ret_val), MP_OBJ_FROM_PTR(&mp_type_ImportError))) {
        nlr_jump(nlr.ret_val);
    } // else: not over TCP, or a port that cannot
}

void modssh_line_init(modssh_line_t *line, mp_obj_t sock) {
    memset(line, 0, sizeof(*line));
    line->sock = sock;
    line->pause_ms = 1;

    const mp_obj_type_t *type = mp_obj_get_type(sock);
    line->python_sock = mp_obj_is_instance_type(type);
    // A class that derives from a native stream type has that type's protocol, but its instances are not
    // what the native functions take: such a class is used through its methods.
    if (!line->python_sock || is_python_stream(sock)) {
        const mp_stream_p_t *stream_p = MP_OBJ_TYPE_GET_SLOT_OR_NULL(type, protocol);
        if (stream_p != NULL && stream_p->read != NULL && stream_p->write != NULL) {
            line->stream_p = stream_p;
        }
    }
    if (line->stream_p == NULL) {
        if (!has_method(sock, MP_QSTR_recv) || !has_method(sock, MP_QSTR_send)) {
            mp_raise_TypeError(MP_ERROR_TEXT("sock must be a stream, or have methods recv and send"));
        }
        // 0, not a short time: a recv that waits would slow down each step of sending.
        call_if_there(sock, MP_QSTR_settimeout, MP_OBJ_NEW_SMALL_INT(0));
    } else {
        if (line->python_sock) {
            line->bounce = m_new(byte, MICROPY_PY_SSH_BOUNCE);
        }
        call_if_there(sock, MP_QSTR_setblocking, mp_const_false);
    }
    make_poll(line);
    line->direct = has_descriptor(line);
    set_no_delay(line);
}

void modssh_io_init(mp_obj_ssh_session_t *self, mp_obj_t sock) {
    self->io.ctx = &self->line;
    self->io.recv = modssh_line_recv;
    self->io.send = modssh_line_send;
    self->io.random = io_random;
    self->io.ticks_ms = io_ticks_ms;
    modssh_line_init(&self->line, sock);
}

// ---------------------------------------------------------------- operations

// End of an operation, by modssh_leave() or by an exception. Must not raise.
static void op_end(void *ctx) {
    modssh_op_t *op = ctx;
    mp_obj_ssh_session_t *self = op->session;
    for (size_t i = 0; i < MP_ARRAY_SIZE(op->wipe); i++) {
        modssh_wipe(op->wipe[i], op->wipe_len[i]);
    }
    if (!op->done && op->channel != NULL) {
        // The next entry tells the core; a call from here could need the network.
        modssh_slot_t *slot = &self->slots[op->channel->id];
        if (slot->gen == op->channel->gen) {
            slot->dropped = true;
        }
        op->channel->closed = true;
    }
    if (!op->done && op->abandon != MODSSH_NO_REQUEST && self->core != NULL) {
        ssh_abandon(self->core, op->abandon); // makes no callback
    }
    self->busy = false;
    if (!op->was_held) {
        hold_interrupts(false); // may raise
    }
}

void modssh_enter(modssh_op_t *op, mp_obj_ssh_session_t *self) {
    bool was_held = hold_interrupts(true);
    mp_uint_t state = MICROPY_BEGIN_ATOMIC_SECTION();
    bool busy = self->busy;
    self->busy = true;
    MICROPY_END_ATOMIC_SECTION(state);
    if (busy) {
        if (!was_held) {
            hold_interrupts(false);
        }
        mp_raise_OSError(MP_EBUSY);
    }
    memset(op, 0, sizeof(*op));
    op->was_held = was_held;
    op->session = self;
    op->abandon = MODSSH_NO_REQUEST;
    op->timeout_ms = self->timeout_ms;
    modssh_restart(op);
    nlr_push_jump_callback(&op->node, op_end);
    if (self->core == NULL) {
        modssh_raise_code(SSH_E_CLOSED);
    }
    // What a callback raised when the last operation was already done, whose result must not be lost.
    modssh_line_raise(&self->line);
    modssh_channel_reap(self);
}

void modssh_must_wait(const mp_obj_ssh_session_t *self) {
    if (modssh_never_waits(self)) {
        mp_raise_ValueError(MP_ERROR_TEXT("this waits: not in a non-blocking session"));
    }
}

void modssh_leave(modssh_op_t *op) {
    op->done = true;
    nlr_pop_jump_callback(true);
}

ptrdiff_t modssh_check(modssh_op_t *op, ptrdiff_t r) {
    if (r < 0) {
        // Raising ends the operation. The exception is made while the core's texts still stand.
        bool nowait = modssh_never_waits(op->session);
        if (r == SSH_AGAIN && nowait) {
            // The same call goes on.
            op->abandon = MODSSH_NO_REQUEST;
            op->channel = NULL;
        }
        if (r == SSH_AGAIN && (nowait || op->timeout_ms == 0)) {
            mp_raise_OSError(MP_EAGAIN);
        }
        modssh_raise(op->session, r);
    }
    return r;
}

ptrdiff_t modssh_finish(modssh_op_t *op, ptrdiff_t r) {
    modssh_check(op, r);
    modssh_leave(op);
    return r;
}

mp_obj_t modssh_finish_sent(modssh_op_t *op, ptrdiff_t r) {
    modssh_check(op, r);
    MODSSH_RUN(op, r, ssh_flush(op->session->core));
    if (r != SSH_AGAIN || !modssh_never_waits(op->session)) {
        modssh_check(op, r);
    }
    modssh_leave(op);
    return mp_const_none;
}

void modssh_restart(modssh_op_t *op) {
    op->start = mp_hal_ticks_ms();
}

void *modssh_scratch(modssh_op_t *op, size_t len, size_t align) {
    size_t i = 0;
    while (op->wipe_len[i] != 0) {
        i++;
        assert(i < MP_ARRAY_SIZE(op->wipe));
    }
    byte *mem = m_new(byte, len + align - 1);
    op->wipe[i] = mem;
    op->wipe_len[i] = len + align - 1;
    return (void *)(((uintptr_t)mem + align - 1) & ~(uintptr_t)(align - 1));
}

void modssh_scratch_done(modssh_op_t *op, const void *mem) {
    for (size_t i = 0; i < MP_ARRAY_SIZE(op->wipe); i++) {
        const byte *block = op->wipe[i];
        if (op->wipe_len[i] != 0 && (const byte *)mem >= block && (const byte *)mem < block + op->wipe_len[i]) {
            modssh_wipe(op->wipe[i], op->wipe_len[i]);
            op->wipe_len[i] = 0;
        }
    }
}

mp_obj_t modssh_ask(modssh_op_t *op, mp_obj_t fun, size_t n_args, const mp_obj_t *args) {
    bool held = modssh_hold_interrupts(false);
    mp_obj_t ret = mp_call_function_n_kw(fun, n_args, 0, args);
    modssh_hold_interrupts(held);
    modssh_restart(op);
    return ret;
}

// ---------------------------------------------------------------- waiting

// Wait until sock is ready for `mask` (0: only for the time). Handles pending events, so it may raise.
static void poll_ms(modssh_line_t *line, uint32_t mask, uint32_t ms) {
    if (line->poll == MP_OBJ_NULL) {
        uint32_t start = mp_hal_ticks_ms();
        uint32_t elapsed = 0;
        while (elapsed < ms) {
            mp_event_wait_ms(ms - elapsed);
            elapsed = (uint32_t)mp_hal_ticks_ms() - start;
        }
        return;
    }
    mp_obj_t dest[4];
    if (mask != line->poll_mask) {
        mp_load_method(line->poll, MP_QSTR_modify, dest);
        dest[2] = line->sock;
        dest[3] = MP_OBJ_NEW_SMALL_INT(mask);
        mp_call_method_n_kw(2, 0, dest);
        line->poll_mask = mask;
    }
    // ipoll allocates only at its first call.
    mp_load_method(line->poll, MP_QSTR_ipoll, dest);
    dest[2] = MP_OBJ_NEW_SMALL_INT(ms);
    mp_call_method_n_kw(1, 0, dest);
}

static bool wait_for(modssh_line_t *line, int want, uint32_t start, mp_int_t timeout_ms, uint32_t most_ms) {
    // A stream that is always ready would keep ctrl-C and scheduled callbacks waiting for ever.
    mp_event_handle_nowait();

    uint32_t ms = MIN(WAIT_MAX_MS, most_ms);
    if (timeout_ms >= 0) {
        uint32_t elapsed = (uint32_t)mp_hal_ticks_ms() - start;
        if (elapsed >= (mp_uint_t)timeout_ms) {
            return false;
        }
        ms = MIN(ms, (mp_uint_t)timeout_ms - elapsed);
    }

    uint32_t mask = 0;
    if (line->poll_mask == 0) {
        if (line->moved) {
            line->pause_ms = 1;
        }
        ms = MIN(ms, line->pause_ms);
        line->pause_ms = MIN(line->pause_ms * 2, PAUSE_MAX_MS);
    } else {
        mask = (want & SSH_WANT_WRITE) ? MP_STREAM_POLL_WR : 0;
        if ((want & SSH_WANT_READ) || mask == 0) {
            mask |= MP_STREAM_POLL_RD;
        }
    }
    line->moved = false;
    poll_ms(line, mask, ms);
    return true;
}

void modssh_line_raise(modssh_line_t *line) {
    if (line->exc != MP_OBJ_NULL) {
        mp_obj_t exc = line->exc;
        line->exc = MP_OBJ_NULL;
        nlr_raise(exc);
    }
}

bool modssh_line_wait(modssh_line_t *line, int want, uint32_t start, mp_int_t timeout_ms, uint32_t most_ms) {
    // May raise, as all of the wait. No frame of the core is between here and whoever catches that: callbacks do.
    hold_interrupts(false);
    bool again = wait_for(line, want, start, timeout_ms, most_ms);
    hold_interrupts(true);
    return again;
}

bool modssh_wait_for(modssh_op_t *op, int want) {
    mp_obj_ssh_session_t *self = op->session;
    if (modssh_never_waits(self)) {
        return false;
    }
    return modssh_line_wait(&self->line, want, op->start, op->timeout_ms, ssh_wait_ms(self->core));
}

bool modssh_wait(modssh_op_t *op) {
    return modssh_wait_for(op, ssh_want(op->session->core));
}
