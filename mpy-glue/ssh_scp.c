// Session.scp_recv() and Session.scp_send(): one file by the scp program of the other side.

#include <string.h>

#include "modssh_sftp.h"

// Bytes of the file that are read or written at a time.
#if UINTPTR_MAX > 0xffffffff
#define SCP_PIECE (64 * 1024)
#else
#define SCP_PIECE (2 * MICROPY_PY_SSH_BOUNCE)
#endif

typedef struct _scp_t {
    modssh_op_t op;
    mp_obj_ssh_session_t *session;
    mp_obj_ssh_channel_t *channel;
    ssh_scp_t *core;
} scp_t;

static MODSSH_NORETURN void raise_scp_error(const ssh_scp_t *core) {
    ssh_sftp_error_t err;
    memset(&err, 0, sizeof(err));
    ssh_scp_last_error(core, &err);
    vstr_t vstr;
    vstr_init(&vstr, err.text_len + 64);
    switch (err.kind) {
        case SSH_SFTP_FAIL_STATUS:
            modssh_raise_errno_text(modssh_text_errno(err.text, err.text_len, MP_EIO), err.text, err.text_len);
        case SSH_SFTP_FAIL_TOO_LONG:
            modssh_raise_errno_text(MP_EISDIR, err.text, err.text_len);
        case SSH_SFTP_FAIL_MISUSE:
            mp_raise_ValueError(MP_ERROR_TEXT("a path that SCP cannot carry"));
        case SSH_SFTP_FAIL_ENDED:
            modssh_raise_errno_text(MP_EIO, err.text, err.text_len);
        case SSH_SFTP_FAIL_NO_SLOT:
            vstr_add_str(&vstr, "the server offers another file than was asked for: ");
            break;
        default:
            vstr_add_str(&vstr, "the other side speaks no SCP (does its shell print something at login?): ");
            break;
    }
    vstr_add_strn(&vstr, err.text, err.text_len);
    nlr_raise(modssh_new_sshexc(SSH_E_SCP, vstr.buf, vstr.len));
}

static ptrdiff_t scp_check(scp_t *self, ptrdiff_t r) {
    if (r == SSH_SFTP_ERROR) {
        raise_scp_error(self->core);
    }
    return modssh_check(&self->op, r);
}

// Start the scp program of the other side; what it prints for people is not read.
static void scp_exec(scp_t *self, mp_obj_ssh_session_t *session, bool send, const mp_buffer_info_t *path) {
    self->session = session;
    size_t align = ssh_scp_align();
    size_t command_len = 4 * path->len + 16;
    byte *command = modssh_scratch(&self->op, command_len, 1);
    byte *mem = modssh_scratch(&self->op, ssh_scp_size(), align);
    self->core = (ssh_scp_t *)mem;
    ptrdiff_t n = ssh_scp_command(send, path->buf, path->len, command, command_len);
    if (n < 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("a path that SCP cannot carry"));
    }
    self->channel = modssh_channel_open(&self->op, 0);
    int r;
    MODSSH_REQUEST(&self->op, self->channel->id, r, ssh_channel_exec(session->core, self->channel->id, command, n));
    modssh_check(&self->op, r);
}

static void scp_start(scp_t *self) {
    int r;
    MODSSH_RUN(&self->op, r, ssh_scp_start(self->core));
    scp_check(self, r);
    modssh_restart(&self->op);
}

static void scp_end(scp_t *self) {
    modssh_channel_shut(&self->op, self->channel);
    modssh_channel_wait_closed(&self->op);
    modssh_leave(&self->op);
}

// All of the file as bytes. The other side says its size before; memory is taken as it comes.
static mp_obj_t recv_bytes(scp_t *self, uint64_t size, mp_obj_t progress) {
    if (size > SIZE_MAX / 2) {
        mp_raise_type(&mp_type_MemoryError);
    }
    vstr_t vstr;
    vstr_init(&vstr, MIN(size, SCP_PIECE) + 1);
    for (;;) {
        size_t left = size - vstr.len;
        if (left > 0) {
            modssh_grow(&vstr, MIN(left, SCP_PIECE) + 1);
        }
        ptrdiff_t n;
        MODSSH_RUN(&self->op, n, ssh_scp_read(self->core, (byte *)vstr.buf + vstr.len, MIN(left, vstr.alloc - 1 - vstr.len)));
        if (scp_check(self, n) == 0) {
            break;
        }
        vstr.len += n;
        modssh_progress(progress, vstr.len, size);
        modssh_restart(&self->op);
        modssh_breathe(&self->op);
    }
    return mp_obj_new_bytes_from_vstr(&vstr);
}

static mp_obj_t recv_stream(scp_t *self, uint64_t size, mp_obj_t stream, mp_obj_t progress) {
    modssh_local_t local;
    modssh_local_init(&local, &self->op, stream, MP_STREAM_OP_WRITE);
    size_t len = SCP_PIECE;
    byte *buf = modssh_sftp_new_buffer(&len, 0);
    uint64_t done = 0;
    for (;;) {
        ptrdiff_t n;
        MODSSH_RUN(&self->op, n, ssh_scp_read(self->core, buf, len));
        if (scp_check(self, n) == 0) {
            break;
        }
        modssh_local_write(&local, buf, n);
        done += n;
        modssh_progress(progress, done, size);
        modssh_restart(&self->op);
        modssh_breathe(&self->op);
    }
    m_del(byte, buf, len);
    return mp_obj_new_int_from_ull(done);
}

// scp_recv(path, stream=None, progress=None)
static mp_obj_t session_scp_recv(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { ARG_path, ARG_stream, ARG_progress };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_path, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_stream, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_progress, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args - 1, pos_args + 1, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    mp_obj_ssh_session_t *session = MP_OBJ_TO_PTR(pos_args[0]);
    scp_t self;
    modssh_must_wait(session);
    modssh_enter(&self.op, session);
    mp_buffer_info_t path;
    modssh_pin_data(&self.op, args[ARG_path].u_obj, &path);
    scp_exec(&self, session, false, &path);
    scp_check(&self, ssh_scp_init_recv(self.core, session->core, self.channel->id, path.buf, path.len));
    scp_start(&self);
    uint64_t size = ssh_scp_left(self.core);
    mp_obj_t ret = args[ARG_stream].u_obj == mp_const_none
        ? recv_bytes(&self, size, args[ARG_progress].u_obj)
        : recv_stream(&self, size, args[ARG_stream].u_obj, args[ARG_progress].u_obj);
    scp_end(&self);
    return ret;
}
MP_DEFINE_CONST_FUN_OBJ_KW(modssh_session_scp_recv_obj, 2, session_scp_recv);

// Send len bytes at buf, or with obj of that object's memory, which is looked up for each piece.
static void send_piece(scp_t *self, const byte *buf, size_t len) {
    for (size_t done = 0; done < len;) {
        ptrdiff_t n;
        MODSSH_RUN(&self->op, n, ssh_scp_write(self->core, buf + done, len - done));
        done += scp_check(self, n);
        modssh_restart(&self->op);
        modssh_breathe(&self->op);
    }
}

// From a buffer; a copy of each piece of an object that could be resized meanwhile.
static void send_buffer(scp_t *self, mp_obj_t data, uint64_t size, mp_obj_t progress) {
    bool fixed = mp_obj_is_str_or_bytes(data);
    size_t piece_len = SCP_PIECE;
    byte *copy = fixed ? NULL : modssh_sftp_new_buffer(&piece_len, 0);
    for (uint64_t done = 0; done < size;) {
        mp_buffer_info_t info;
        mp_get_buffer_raise(data, &info, MP_BUFFER_READ);
        if (info.len < size) {
            mp_raise_ValueError(MP_ERROR_TEXT("data has shrunk"));
        }
        size_t n = MIN(size - done, piece_len);
        const byte *piece = (const byte *)info.buf + done;
        if (!fixed) {
            piece = memcpy(copy, piece, n);
        }
        send_piece(self, piece, n);
        done += n;
        modssh_progress(progress, done, size);
    }
}

static void send_stream(scp_t *self, modssh_local_t *local, uint64_t size, mp_obj_t progress) {
    size_t len = SCP_PIECE;
    byte *buf = modssh_sftp_new_buffer(&len, 0);
    for (uint64_t done = 0; done < size;) {
        size_t n = 0, want = MIN(size - done, len);
        while (n < want) {
            size_t got = modssh_local_read(local, buf + n, want - n);
            if (got == 0) {
                mp_raise_ValueError(MP_ERROR_TEXT("the stream ended before size bytes"));
            }
            n += got;
        }
        send_piece(self, buf, n);
        done += n;
        modssh_progress(progress, done, size);
    }
    m_del(byte, buf, len);
}

// scp_send(path, mode, data, size=None, progress=None)
static mp_obj_t session_scp_send(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { ARG_path, ARG_mode, ARG_data, ARG_size, ARG_progress };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_path, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_mode, MP_ARG_REQUIRED | MP_ARG_INT, {.u_int = 0} },
        { MP_QSTR_data, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_size, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_progress, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args - 1, pos_args + 1, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    mp_obj_ssh_session_t *session = MP_OBJ_TO_PTR(pos_args[0]);
    mp_obj_t data = args[ARG_data].u_obj;
    mp_obj_t progress = args[ARG_progress].u_obj;
    scp_t self;
    modssh_must_wait(session);
    modssh_enter(&self.op, session);

    mp_buffer_info_t info;
    modssh_local_t local;
    bool buffer = mp_get_buffer(data, &info, MP_BUFFER_READ);
    uint64_t size = info.len;
    if (!buffer) {
        modssh_local_init(&local, &self.op, data, MP_STREAM_OP_READ);
    }
    if (args[ARG_size].u_obj != mp_const_none) {
        size = modssh_get_u64(args[ARG_size].u_obj);
        if (buffer && size > info.len) {
            mp_raise_ValueError(MP_ERROR_TEXT("size is more than there is"));
        }
    } else if (!buffer) {
        int64_t left = modssh_local_left(&local);
        if (left < 0) {
            mp_raise_ValueError(MP_ERROR_TEXT("SCP needs the size of a stream"));
        }
        size = left;
    }

    mp_buffer_info_t path;
    modssh_pin_data(&self.op, args[ARG_path].u_obj, &path);
    scp_exec(&self, session, true, &path);
    int r = ssh_scp_init_send(self.core, session->core, self.channel->id, path.buf, path.len, args[ARG_mode].u_int, size);
    if (r < 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("a path that SCP cannot carry"));
    }
    scp_start(&self);
    if (buffer) {
        send_buffer(&self, data, size, progress);
    } else {
        send_stream(&self, &local, size, progress);
    }
    if (size == 0) {
        modssh_progress(progress, 0, 0);
    }
    MODSSH_RUN(&self.op, r, ssh_scp_finish(self.core));
    scp_check(&self, r);
    scp_end(&self);
    return mp_obj_new_int_from_ull(size);
}
MP_DEFINE_CONST_FUN_OBJ_KW(modssh_session_scp_send_obj, 4, session_scp_send);
