// Session.exec() and Session.run(): a whole command, with both outputs read and stdin fed in one loop.
//
// The loop waits only when neither output has bytes and the server takes no input, so that no stream can
// block another, however much each carries.

#include <string.h>

#include "py/objstr.h"
#include "py/objtuple.h"

#include "modssh.h"

// Output that nobody wants is read into this much memory.
#define DISCARD_SIZE (1024)
// A stream object for stdin is read in pieces of this size.
#define STDIN_PIECE (4 * MICROPY_PY_SSH_COLLECT)
// Wait for a stdin stream that has nothing now; it cannot be polled together with the connection.
#define STDIN_WAIT_MS (10)

typedef struct _run_t {
    modssh_op_t op;
    mp_obj_ssh_channel_t *channel;
    vstr_t out[2];              // stdout, stderr
    bool discard[2];
    bool ended[2];
    // stdin: a buffer, or a stream that is read into piece
    mp_obj_t in;                // MP_OBJ_NULL: all has been sent
    const mp_stream_p_t *in_p;  // NULL: in is a buffer
    byte *piece;
    size_t in_pos, in_len;
    bool in_ended;              // no more input, but EOF may still have to be sent
    bool in_empty;              // the stream has nothing now
} run_t;

// Whether r is only the news that the channel takes no more input.
static bool is_input_closed(run_t *run, ptrdiff_t r) {
    if (r != SSH_ERROR) {
        return false;
    }
    ssh_error_t err;
    memset(&err, 0, sizeof(err));
    ssh_last_error(run->op.session->core, &err);
    return !err.fatal && err.code == SSH_E_CHANNEL_CLOSED;
}

// Read one output, if it has something. True: something came, or its end.
static bool run_read(run_t *run, int stream, bool ready) {
    vstr_t *out = &run->out[stream];
    if (!ready || run->ended[stream]) {
        return false;
    }
    if (run->discard[stream]) {
        out->len = 0;
    } else {
        modssh_grow(out, MICROPY_PY_SSH_COLLECT / 2);
    }
    byte *end = (byte *)out->buf + out->len;
    ptrdiff_t r = ssh_channel_read(run->op.session->core, run->channel->id, stream, end, out->alloc - 1 - out->len);
    if (r == SSH_AGAIN) {
        return false;
    }
    modssh_check(&run->op, r);
    run->ended[stream] = r == 0;
    out->len += r;
    return true;
}

// Read both outputs. Asks the network only when neither has bytes.
static bool run_outputs(run_t *run, int *want) {
    ssh_session_t *core = run->op.session->core;
    int id = run->channel->id;
    int wanted = (run->ended[SSH_STDOUT] ? 0 : SSH_POLL_STDOUT) | (run->ended[SSH_STDERR] ? 0 : SSH_POLL_STDERR);
    int flags = modssh_check(&run->op, ssh_channel_flags(core, id));
    if (!(flags & wanted)) {
        flags = modssh_check(&run->op, ssh_channel_poll(core, id));
        *want |= ssh_want(core) | SSH_WANT_READ;
    }
    bool progress = run_read(run, SSH_STDOUT, flags & SSH_POLL_STDOUT);
    return run_read(run, SSH_STDERR, flags & SSH_POLL_STDERR) || progress;
}

// Get the next bytes of a stdin stream.
static void run_fill(run_t *run) {
    int err = 0;
    bool held = modssh_hold_interrupts(false);
    mp_uint_t n = run->in_p->read(run->in, run->piece, STDIN_PIECE, &err);
    modssh_hold_interrupts(held);
    run->in_empty = false;
    if (n == MP_STREAM_ERROR) {
        if (!mp_is_nonblocking_error(err) && err != MP_EAGAIN && err != MP_ETIMEDOUT) {
            mp_raise_OSError(err);
        }
        run->in_empty = true;
        return;
    }
    run->in_pos = 0;
    run->in_len = MIN(n, STDIN_PIECE);
    run->in_ended = n == 0;
}

// Whether the channel takes input now (or would say why not). A stream is not read further before.
static bool run_has_room(run_t *run, int *want) {
    ssh_session_t *core = run->op.session->core;
    int id = run->channel->id;
    int flags = ssh_channel_flags(core, id);
    if (!(flags & (SSH_POLL_WRITE | SSH_POLL_CLOSED))) {
        flags = modssh_check(&run->op, ssh_channel_poll(core, id));
        *want |= ssh_want(core) | SSH_WANT_READ;
    }
    return flags & (SSH_POLL_WRITE | SSH_POLL_CLOSED);
}

// Send some of stdin, or its end: a count, 0 when the end is sent, or an error.
static ptrdiff_t run_send(run_t *run) {
    ssh_session_t *core = run->op.session->core;
    int id = run->channel->id;
    if (run->in_p == NULL && !run->in_ended) {
        ptrdiff_t r = modssh_channel_write_obj(&run->op, id, run->in, run->in_pos, SIZE_MAX);
        if (r != 0) {
            return r;
        }
        run->in_ended = true;
    }
    if (run->in_ended) {
        return ssh_channel_eof(core, id);
    }
    return ssh_channel_write(core, id, run->piece + run->in_pos, run->in_len - run->in_pos);
}

// One step of stdin. True: something was sent, or read to be sent.
static bool run_write(run_t *run, int *want) {
    if (run->in == MP_OBJ_NULL) {
        return false;
    }
    if (run->in_p != NULL && run->in_pos >= run->in_len && !run->in_ended) {
        if (!run_has_room(run, want)) {
            return false;
        }
        run_fill(run);
        return !run->in_empty;
    }
    ptrdiff_t r = run_send(run);
    if (r == SSH_AGAIN) {
        *want |= ssh_want(run->op.session->core);
        return false;
    }
    // A command need not read its input to the end: that is no error.
    if ((r == 0 && run->in_ended) || is_input_closed(run, r)) {
        run->in = MP_OBJ_NULL;
        return true;
    }
    run->in_pos += modssh_check(&run->op, r);
    return true;
}

// Until both outputs are at their end and stdin is sent, or not wanted any more.
static void run_loop(run_t *run) {
    ssh_session_t *core = run->op.session->core;
    for (;;) {
        int want = 0;
        bool progress = run_outputs(run, &want);
        if (run->ended[0] && run->ended[1]
            && (run->in == MP_OBJ_NULL || (ssh_channel_flags(core, run->channel->id) & (SSH_POLL_EXIT | SSH_POLL_CLOSED)))) {
            return;
        }
        progress |= run_write(run, &want);
        if (progress) {
            modssh_breathe(&run->op);
            continue;
        }
        if (run->in_empty && run->in != MP_OBJ_NULL) {
            run->op.timeout_ms = STDIN_WAIT_MS;
        }
        modssh_restart(&run->op);
        modssh_wait_for(&run->op, want);
        run->op.timeout_ms = MODSSH_FOREVER;
    }
}

static void run_stdin(run_t *run, mp_obj_t in) {
    if (in == mp_const_none) {
        run->in = mp_const_empty_bytes;
        return;
    }
    mp_buffer_info_t info;
    run->in = in;
    if (!mp_get_buffer(in, &info, MP_BUFFER_READ)) {
        run->in_p = mp_get_stream_raise(in, MP_STREAM_OP_READ);
        run->piece = m_new(byte, STDIN_PIECE);
    }
}

static void run_command(run_t *run, mp_obj_ssh_session_t *self, mp_obj_t command_in, mp_obj_t in, bool discard_stderr) {
    memset(run, 0, sizeof(*run));
    modssh_must_wait(self);
    modssh_enter(&run->op, self);
    run_stdin(run, in);
    mp_buffer_info_t command;
    modssh_pin_data(&run->op, command_in, &command);
    vstr_init(&run->out[SSH_STDOUT], MICROPY_PY_SSH_COLLECT);
    vstr_init(&run->out[SSH_STDERR], discard_stderr ? DISCARD_SIZE : MICROPY_PY_SSH_COLLECT);
    run->discard[SSH_STDERR] = discard_stderr;

    run->channel = modssh_channel_open(&run->op, 0);
    modssh_restart(&run->op);
    int r;
    MODSSH_REQUEST(&run->op, run->channel->id, r, ssh_channel_exec(self->core, run->channel->id, command.buf, command.len));
    modssh_check(&run->op, r);
    // A command may be silent for as long as it likes.
    run->op.timeout_ms = MODSSH_FOREVER;
    run_loop(run);
}

static mp_obj_t session_exec(mp_obj_t self_in, mp_obj_t command) {
    run_t run;
    run_command(&run, MP_OBJ_TO_PTR(self_in), command, mp_const_none, true);
    modssh_channel_shut(&run.op, run.channel);
    modssh_channel_wait_closed(&run.op);
    modssh_leave(&run.op);
    return mp_obj_new_bytes_from_vstr(&run.out[SSH_STDOUT]);
}
MP_DEFINE_CONST_FUN_OBJ_2(modssh_session_exec_obj, session_exec);

static mp_obj_t run_result(mp_obj_t *items) {
    #if MICROPY_PY_ATTRTUPLE
    static const qstr fields[] = { MP_QSTR_stdout, MP_QSTR_stderr, MP_QSTR_status, MP_QSTR_signal };
    return mp_obj_new_attrtuple(fields, 4, items);
    #else
    return mp_obj_new_tuple(4, items);
    #endif
}

static mp_obj_t session_run(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    static const mp_arg_t allowed[] = {
        { MP_QSTR_command, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_stdin, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args - 1, pos_args + 1, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    mp_obj_ssh_session_t *self = MP_OBJ_TO_PTR(pos_args[0]);
    run_t run;
    run_command(&run, self, args[0].u_obj, args[1].u_obj, false);
    int r;
    MODSSH_RUN(&run.op, r, ssh_channel_wait_exit(self->core, run.channel->id));
    modssh_check(&run.op, r);
    modssh_channel_shut(&run.op, run.channel);
    modssh_channel_wait_closed(&run.op);
    modssh_leave(&run.op);
    mp_obj_t items[4] = {
        mp_obj_new_bytes_from_vstr(&run.out[SSH_STDOUT]),
        mp_obj_new_bytes_from_vstr(&run.out[SSH_STDERR]),
        run.channel->exit_status,
        run.channel->exit_signal,
    };
    return run_result(items);
}
MP_DEFINE_CONST_FUN_OBJ_KW(modssh_session_run_obj, 1, session_run);
