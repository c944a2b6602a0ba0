// class SFTPFile: a MicroPython stream over a remote file. Its reads run ahead, its writes run behind.
//
// Methods that take an object first wait, and then look up the object's memory: Python code that runs
// meanwhile may resize a bytearray. The functions of the stream protocol take a C pointer that stays.

#include <string.h>

#include "modssh_sftp.h"

// ---------------------------------------------------------------- reading

// Where nothing waits, a call that has moved some bytes already returns those.
static bool is_enough(modssh_op_t *op, ptrdiff_t r, size_t done) {
    return r == SSH_AGAIN && done > 0 && modssh_never_waits(op->session);
}

// The next bytes at the file's position, waiting for the first: a count, 0 at the end. done: bytes that the call has
// moved before.
static size_t file_peek(modssh_op_t *op, mp_obj_ssh_sftp_file_t *self, const byte **data, size_t done) {
    if (!(self->flags & SSH_SFTP_READ)) {
        mp_raise_OSError(MP_EBADF);
    }
    ptrdiff_t n;
    MODSSH_SFTP_RUN_SLOW(op, self->sftp, n, ssh_sftp_peek(self->sftp->core, self->id, data));
    if (is_enough(op, n, done)) {
        return 0;
    }
    return modssh_sftp_check(op, self->sftp, n);
}

// read([n]): n bytes or all up to the end.
static mp_obj_t file_read(size_t n_args, const mp_obj_t *args) {
    mp_obj_ssh_sftp_file_t *self = MP_OBJ_TO_PTR(args[0]);
    mp_int_t n = n_args > 1 && args[1] != mp_const_none ? mp_obj_get_int(args[1]) : -1;
    size_t want = n < 0 ? SIZE_MAX : (size_t)n;
    modssh_op_t op;
    modssh_sftp_enter_file(&op, self);
    vstr_t vstr;
    vstr_init(&vstr, MIN(want, MICROPY_PY_SSH_COLLECT));
    while (vstr.len < want) {
        const byte *data;
        size_t found = file_peek(&op, self, &data, vstr.len);
        if (found == 0) {
            break;
        }
        found = MIN(found, want - vstr.len);
        modssh_grow(&vstr, found + 1);
        memcpy(vstr.buf + vstr.len, data, found);
        vstr.len += found;
        ssh_sftp_consume(self->sftp->core, self->id, found);
        modssh_restart(&op);
    }
    modssh_leave(&op);
    return mp_obj_new_bytes_from_vstr(&vstr);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(file_read_obj, 1, 2, file_read);

// readinto(buf[, n]): n bytes or as many as fit, fewer at the end.
static mp_obj_t file_readinto(size_t n_args, const mp_obj_t *args) {
    mp_obj_ssh_sftp_file_t *self = MP_OBJ_TO_PTR(args[0]);
    mp_buffer_info_t info;
    mp_get_buffer_raise(args[1], &info, MP_BUFFER_WRITE);
    size_t want = n_args > 2 ? (size_t)mp_obj_get_int(args[2]) : SIZE_MAX;
    modssh_op_t op;
    modssh_sftp_enter_file(&op, self);
    size_t done = 0;
    while (done < want && done < info.len) {
        const byte *data;
        size_t found = file_peek(&op, self, &data, done);
        mp_get_buffer_raise(args[1], &info, MP_BUFFER_WRITE);
        if (found == 0 || done >= info.len) {
            break;
        }
        found = MIN(found, MIN(want, info.len) - done);
        memcpy((byte *)info.buf + done, data, found);
        done += found;
        ssh_sftp_consume(self->sftp->core, self->id, found);
        modssh_restart(&op);
    }
    modssh_leave(&op);
    return MP_OBJ_NEW_SMALL_INT(done);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(file_readinto_obj, 2, 3, file_readinto);

// A line with its end, b"" at the end of the file.
static mp_obj_t read_line(mp_obj_ssh_sftp_file_t *self, size_t want) {
    modssh_op_t op;
    modssh_sftp_enter_file(&op, self);
    vstr_t vstr;
    vstr_init(&vstr, 32);
    bool more = true;
    while (more && vstr.len < want) {
        const byte *data;
        size_t found = MIN(file_peek(&op, self, &data, vstr.len), want - vstr.len);
        if (found == 0) {
            break;
        }
        const byte *end = memchr(data, '\n', found);
        if (end != NULL) {
            found = end - data + 1;
            more = false;
        }
        modssh_grow(&vstr, found + 1);
        memcpy(vstr.buf + vstr.len, data, found);
        vstr.len += found;
        ssh_sftp_consume(self->sftp->core, self->id, found);
    }
    modssh_leave(&op);
    return mp_obj_new_bytes_from_vstr(&vstr);
}

// readline([n])
static mp_obj_t file_readline(size_t n_args, const mp_obj_t *args) {
    mp_int_t n = n_args > 1 && args[1] != mp_const_none ? mp_obj_get_int(args[1]) : -1;
    return read_line(MP_OBJ_TO_PTR(args[0]), n < 0 ? SIZE_MAX : (size_t)n);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(file_readline_obj, 1, 2, file_readline);

static mp_obj_t file_iternext(mp_obj_t self_in) {
    mp_obj_t line = read_line(MP_OBJ_TO_PTR(self_in), SIZE_MAX);
    return mp_obj_is_true(line) ? line : MP_OBJ_STOP_ITERATION;
}

// ---------------------------------------------------------------- writing

// Room for bytes to write at the file's position, waiting for it; 0: none, and some were written before.
static size_t file_space(modssh_op_t *op, mp_obj_ssh_sftp_file_t *self, byte **space, size_t done) {
    if (!(self->flags & SSH_SFTP_WRITE)) {
        mp_raise_OSError(MP_EBADF); // now, rather than by the server some writes later
    }
    ptrdiff_t n;
    MODSSH_SFTP_RUN_SLOW(op, self->sftp, n, ssh_sftp_space(self->sftp->core, self->id, space));
    if (is_enough(op, n, done)) {
        return 0;
    }
    return modssh_sftp_check(op, self->sftp, n);
}

static mp_obj_t file_write(mp_obj_t self_in, mp_obj_t data_in) {
    mp_obj_ssh_sftp_file_t *self = MP_OBJ_TO_PTR(self_in);
    mp_buffer_info_t info;
    mp_get_buffer_raise(data_in, &info, MP_BUFFER_READ);
    modssh_op_t op;
    modssh_sftp_enter_file(&op, self);
    size_t done = 0;
    while (done < info.len) {
        byte *space;
        size_t n = file_space(&op, self, &space, done);
        mp_get_buffer_raise(data_in, &info, MP_BUFFER_READ);
        if (n == 0 || done >= info.len) {
            break; // it has shrunk meanwhile
        }
        n = MIN(n, info.len - done);
        memcpy(space, (const byte *)info.buf + done, n);
        ssh_sftp_wrote(self->sftp->core, self->id, n);
        done += n;
        modssh_restart(&op);
    }
    modssh_leave(&op);
    return MP_OBJ_NEW_SMALL_INT(done);
}
static MP_DEFINE_CONST_FUN_OBJ_2(file_write_obj, file_write);

// Wait until the server has taken all that was written.
static void flush(modssh_op_t *op, mp_obj_ssh_sftp_file_t *self) {
    int r;
    MODSSH_SFTP_RUN_SLOW(op, self->sftp, r, ssh_sftp_flush(self->sftp->core, self->id));
    modssh_sftp_check(op, self->sftp, r);
}

static mp_obj_t file_flush(mp_obj_t self_in) {
    mp_obj_ssh_sftp_file_t *self = MP_OBJ_TO_PTR(self_in);
    modssh_op_t op;
    modssh_sftp_enter_file(&op, self);
    flush(&op, self);
    modssh_leave(&op);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(file_flush_obj, file_flush);

// sync(): flush(), and the server has it on its disk.
static mp_obj_t file_sync(mp_obj_t self_in) {
    mp_obj_ssh_sftp_file_t *self = MP_OBJ_TO_PTR(self_in);
    modssh_op_t op;
    modssh_sftp_enter_file(&op, self);
    flush(&op, self);
    modssh_sftp_attrs_get(&op, self->sftp, SSH_SFTP_FSYNC, self->id, MP_OBJ_NULL, NULL);
    modssh_leave(&op);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(file_sync_obj, file_sync);

// copy_data(to, offset=0, length=0, to_offset=0): the server copies from this file to another one.
static mp_obj_t file_copy_data(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { ARG_to, ARG_offset, ARG_length, ARG_to_offset };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_to, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_offset, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_INT(0)} },
        { MP_QSTR_length, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_INT(0)} },
        { MP_QSTR_to_offset, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_INT(0)} },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args - 1, pos_args + 1, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    mp_obj_ssh_sftp_file_t *self = MP_OBJ_TO_PTR(pos_args[0]);
    if (!mp_obj_is_type(args[ARG_to].u_obj, &mp_type_ssh_sftp_file)) {
        mp_raise_TypeError(MP_ERROR_TEXT("to: an SFTPFile expected"));
    }
    mp_obj_ssh_sftp_file_t *to = MP_OBJ_TO_PTR(args[ARG_to].u_obj);
    if (to->sftp != self->sftp) {
        mp_raise_ValueError(MP_ERROR_TEXT("to: a file of the same SFTP object expected"));
    }
    uint64_t offset = modssh_get_u64(args[ARG_offset].u_obj);
    uint64_t length = modssh_get_u64(args[ARG_length].u_obj);
    uint64_t to_offset = modssh_get_u64(args[ARG_to_offset].u_obj);
    modssh_op_t op;
    modssh_sftp_enter_file(&op, self);
    if (to->closed) {
        mp_raise_OSError(MP_EBADF);
    }
    flush(&op, self);
    flush(&op, to);
    ssh_sftp_t *core = self->sftp->core;
    int r;
    MODSSH_SFTP_RUN_SLOW(&op, self->sftp, r, ssh_sftp_copy_data(core, self->id, offset, length, to->id, to_offset));
    modssh_sftp_check(&op, self->sftp, r);
    ssh_sftp_forget(core, to->id); // what was read ahead may have changed
    modssh_leave(&op);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_KW(file_copy_data_obj, 2, file_copy_data);

// ---------------------------------------------------------------- position and attributes

static uint64_t file_size(modssh_op_t *op, mp_obj_ssh_sftp_file_t *self) {
    flush(op, self);
    ssh_sftp_attrs_t attrs = { 0 };
    modssh_sftp_attrs_get(op, self->sftp, SSH_SFTP_FSTAT, self->id, MP_OBJ_NULL, &attrs);
    return attrs.size;
}

// Move to an offset from the start (0), from here (1) or from the end (2): the new position.
static uint64_t seek(mp_obj_ssh_sftp_file_t *self, int64_t offset, int whence) {
    modssh_op_t op;
    modssh_sftp_enter_file(&op, self);
    uint64_t base = 0;
    if (whence == MP_SEEK_CUR) {
        base = ssh_sftp_tell(self->sftp->core, self->id);
    } else if (whence == MP_SEEK_END) {
        base = file_size(&op, self);
    } else if (whence != MP_SEEK_SET) {
        mp_raise_OSError(MP_EINVAL);
    }
    if (offset < 0 && (uint64_t)-offset > base) {
        mp_raise_OSError(MP_EINVAL);
    }
    ssh_sftp_seek(self->sftp->core, self->id, base + offset);
    modssh_leave(&op);
    return base + offset;
}

// seek(offset, whence=0)
static mp_obj_t file_seek(size_t n_args, const mp_obj_t *args) {
    int whence = n_args > 2 ? mp_obj_get_int(args[2]) : MP_SEEK_SET;
    mp_obj_t zero = MP_OBJ_NEW_SMALL_INT(0);
    bool negative = mp_obj_is_true(mp_binary_op(MP_BINARY_OP_LESS, args[1], zero));
    uint64_t size = modssh_get_u64(negative ? mp_binary_op(MP_BINARY_OP_SUBTRACT, zero, args[1]) : args[1]);
    return mp_obj_new_int_from_ull(seek(MP_OBJ_TO_PTR(args[0]), negative ? -(int64_t)size : (int64_t)size, whence));
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(file_seek_obj, 2, 3, file_seek);

static mp_obj_t file_tell(mp_obj_t self_in) {
    return mp_obj_new_int_from_ull(seek(MP_OBJ_TO_PTR(self_in), 0, MP_SEEK_CUR));
}
static MP_DEFINE_CONST_FUN_OBJ_1(file_tell_obj, file_tell);

static mp_obj_t file_stat(mp_obj_t self_in) {
    mp_obj_ssh_sftp_file_t *self = MP_OBJ_TO_PTR(self_in);
    modssh_op_t op;
    modssh_sftp_enter_file(&op, self);
    flush(&op, self);
    ssh_sftp_attrs_t attrs = { 0 };
    modssh_sftp_attrs_get(&op, self->sftp, SSH_SFTP_FSTAT, self->id, MP_OBJ_NULL, &attrs);
    modssh_leave(&op);
    return modssh_sftp_attrs_obj(&attrs);
}
static MP_DEFINE_CONST_FUN_OBJ_1(file_stat_obj, file_stat);

// truncate(size=None)
static mp_obj_t file_truncate(size_t n_args, const mp_obj_t *args) {
    mp_obj_ssh_sftp_file_t *self = MP_OBJ_TO_PTR(args[0]);
    bool given = n_args > 1 && args[1] != mp_const_none;
    ssh_sftp_attrs_t attrs = { .flags = SSH_SFTP_SIZE, .size = given ? modssh_get_u64(args[1]) : 0 };
    modssh_op_t op;
    modssh_sftp_enter_file(&op, self);
    flush(&op, self);
    uint64_t pos = ssh_sftp_tell(self->sftp->core, self->id);
    if (!given) {
        attrs.size = pos;
    }
    modssh_sftp_attrs_get(&op, self->sftp, SSH_SFTP_FSETSTAT, self->id, MP_OBJ_NULL, &attrs);
    ssh_sftp_forget(self->sftp->core, self->id); // what was read ahead may be gone
    modssh_leave(&op);
    return mp_obj_new_int_from_ull(attrs.size);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(file_truncate_obj, 1, 2, file_truncate);

// setstat(mode=None, size=None, atime=None, mtime=None, uid=None, gid=None)
static mp_obj_t file_setstat(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    static const mp_arg_t allowed[] = { MODSSH_SFTP_ATTR_ARGS };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args - 1, pos_args + 1, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    mp_obj_ssh_sftp_file_t *self = MP_OBJ_TO_PTR(pos_args[0]);
    ssh_sftp_attrs_t attrs;
    modssh_sftp_attrs_parse(args, &attrs);
    modssh_op_t op;
    modssh_sftp_enter_file(&op, self);
    flush(&op, self); // what is written later would change the times again
    modssh_sftp_attrs_get(&op, self->sftp, SSH_SFTP_FSETSTAT, self->id, MP_OBJ_NULL, &attrs);
    if (attrs.flags & SSH_SFTP_SIZE) {
        ssh_sftp_forget(self->sftp->core, self->id);
    }
    modssh_leave(&op);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_KW(file_setstat_obj, 1, file_setstat);

// ---------------------------------------------------------------- closing

static void close_file(mp_obj_ssh_sftp_file_t *self) {
    mp_obj_ssh_sftp_t *sftp = self->sftp;
    if (self->closed || sftp->core == NULL || sftp->session->core == NULL) {
        self->closed = true;
        return;
    }
    if (self->is_opening) {
        self->closed = true;
        modssh_sftp_open_give_up(self);
        return;
    }
    modssh_op_t op;
    modssh_sftp_enter_file(&op, self);
    int r;
    MODSSH_SFTP_RUN_SLOW(&op, sftp, r, ssh_sftp_close(sftp->core, self->id));
    self->closed = r != SSH_AGAIN || !modssh_never_waits(sftp->session);
    if (r != SSH_OK && self->closed) {
        sftp->slots[self->id].dropped = true;
    }
    modssh_sftp_check(&op, sftp, r);
    modssh_sftp_reap(sftp);
    modssh_leave(&op);
}

static mp_obj_t file_close(mp_obj_t self_in) {
    close_file(MP_OBJ_TO_PTR(self_in));
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_1(modssh_sftp_file_close_obj, file_close);

static mp_obj_t file___exit__(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    return file_close(args[0]);
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(modssh_sftp_file___exit___obj, 4, 4, file___exit__);

// The finaliser only marks; the next operation closes the file.
static mp_obj_t file___del__(mp_obj_t self_in) {
    mp_obj_ssh_sftp_file_t *self = MP_OBJ_TO_PTR(self_in);
    if (!self->closed && self->is_opening) {
        modssh_sftp_open_give_up(self);
    } else if (!self->closed && self->id >= 0) {
        self->sftp->slots[self->id].dropped = true;
    }
    self->closed = true;
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_1(modssh_sftp_file___del___obj, file___del__);

// ---------------------------------------------------------------- stream protocol

static mp_uint_t stream_read(mp_obj_t self_in, void *buf, mp_uint_t size, int *errcode) {
    (void)errcode;
    mp_obj_ssh_sftp_file_t *self = MP_OBJ_TO_PTR(self_in);
    modssh_op_t op;
    modssh_sftp_enter_file(&op, self);
    const byte *data;
    size_t n = MIN(file_peek(&op, self, &data, 0), size);
    memcpy(buf, data, n);
    ssh_sftp_consume(self->sftp->core, self->id, n);
    modssh_leave(&op);
    return n;
}

static mp_uint_t stream_write(mp_obj_t self_in, const void *buf, mp_uint_t size, int *errcode) {
    (void)errcode;
    mp_obj_ssh_sftp_file_t *self = MP_OBJ_TO_PTR(self_in);
    modssh_op_t op;
    modssh_sftp_enter_file(&op, self);
    size_t done = 0;
    while (done < size) {
        byte *space;
        size_t n = MIN(file_space(&op, self, &space, done), size - done);
        if (n == 0) {
            break;
        }
        memcpy(space, (const byte *)buf + done, n);
        ssh_sftp_wrote(self->sftp->core, self->id, n);
        done += n;
        modssh_restart(&op);
    }
    modssh_leave(&op);
    return done;
}

static mp_uint_t stream_ioctl(mp_obj_t self_in, mp_uint_t request, uintptr_t arg, int *errcode) {
    mp_obj_ssh_sftp_file_t *self = MP_OBJ_TO_PTR(self_in);
    switch (request) {
        case MP_STREAM_FLUSH:
            file_flush(self_in);
            return 0;
        case MP_STREAM_SEEK: {
            struct mp_stream_seek_t *s = (struct mp_stream_seek_t *)arg;
            s->offset = seek(self, s->offset, s->whence);
            return 0;
        }
        case MP_STREAM_CLOSE:
            close_file(self);
            return 0;
        case MP_STREAM_POLL:
            return arg & (MP_STREAM_POLL_RD | MP_STREAM_POLL_WR); // as any file
        default:
            *errcode = MP_EINVAL;
            return MP_STREAM_ERROR;
    }
}

static const mp_stream_p_t file_stream_p = {
    .read = stream_read,
    .write = stream_write,
    .ioctl = stream_ioctl,
};

static const mp_rom_map_elem_t file_locals_dict_table[] = {
    { MP_ROM_QSTR(MP_QSTR_read), MP_ROM_PTR(&file_read_obj) },
    { MP_ROM_QSTR(MP_QSTR_readinto), MP_ROM_PTR(&file_readinto_obj) },
    { MP_ROM_QSTR(MP_QSTR_readline), MP_ROM_PTR(&file_readline_obj) },
    { MP_ROM_QSTR(MP_QSTR_readlines), MP_ROM_PTR(&mp_stream_unbuffered_readlines_obj) },
    { MP_ROM_QSTR(MP_QSTR_write), MP_ROM_PTR(&file_write_obj) },
    { MP_ROM_QSTR(MP_QSTR_flush), MP_ROM_PTR(&file_flush_obj) },
    { MP_ROM_QSTR(MP_QSTR_sync), MP_ROM_PTR(&file_sync_obj) },
    { MP_ROM_QSTR(MP_QSTR_copy_data), MP_ROM_PTR(&file_copy_data_obj) },
    { MP_ROM_QSTR(MP_QSTR_seek), MP_ROM_PTR(&file_seek_obj) },
    { MP_ROM_QSTR(MP_QSTR_tell), MP_ROM_PTR(&file_tell_obj) },
    { MP_ROM_QSTR(MP_QSTR_stat), MP_ROM_PTR(&file_stat_obj) },
    { MP_ROM_QSTR(MP_QSTR_opened), MP_ROM_PTR(&modssh_sftp_file_opened_obj) },
    { MP_ROM_QSTR(MP_QSTR_truncate), MP_ROM_PTR(&file_truncate_obj) },
    { MP_ROM_QSTR(MP_QSTR_setstat), MP_ROM_PTR(&file_setstat_obj) },
    { MP_ROM_QSTR(MP_QSTR_close), MP_ROM_PTR(&modssh_sftp_file_close_obj) },
    { MP_ROM_QSTR(MP_QSTR___enter__), MP_ROM_PTR(&mp_identity_obj) },
    { MP_ROM_QSTR(MP_QSTR___exit__), MP_ROM_PTR(&modssh_sftp_file___exit___obj) },
    { MP_ROM_QSTR(MP_QSTR___del__), MP_ROM_PTR(&modssh_sftp_file___del___obj) },
};
static MP_DEFINE_CONST_DICT(file_locals_dict, file_locals_dict_table);

MP_DEFINE_CONST_OBJ_TYPE(
    mp_type_ssh_sftp_file,
    MP_QSTR_SFTPFile,
    MP_TYPE_FLAG_ITER_IS_ITERNEXT,
    iter, file_iternext,
    protocol, &file_stream_p,
    locals_dict, &file_locals_dict
    );
