// class SFTPFile: a MicroPython stream over a remote file. Its reads run ahead, its writes run behind.
//
// Methods that take an object first wait, and then look up the object's memory: Python code that runs
// meanwhile may resize a bytearray. The functions of the stream protocol take a C pointer that stays.

#include <string.h>

#include "py/gc.h"

#include "modssh_sftp.h"

// ---------------------------------------------------------------- opening

byte *modssh_sftp_new_buffer(size_t *len, size_t extra) {
    for (size_t n = *len; n > 1024; n /= 2) {
        // As much again must stay free for the rest of the program.
        byte *buf = m_new_maybe(byte, 2 * n + extra);
        if (buf != NULL) {
            *len = n + extra;
            return m_renew(byte, buf, 2 * n + extra, *len);
        }
    }
    *len = MIN(*len, 1024) + extra;
    return m_new(byte, *len);
}

// When too many files are open, those that the program has forgotten make room.
static bool make_room(mp_obj_ssh_sftp_t *self, int r, bool *collected) {
    ssh_sftp_error_t err;
    if (r != SSH_SFTP_ERROR || *collected) {
        return false;
    }
    ssh_sftp_last_error(self->core, &err);
    if (err.kind != SSH_SFTP_FAIL_NO_SLOT) {
        return false;
    }
    *collected = true;
    gc_collect();
    modssh_sftp_reap(self);
    return true;
}

int modssh_sftp_open(modssh_op_t *op, mp_obj_ssh_sftp_t *self, mp_obj_t path_in, uint32_t flags, uint32_t perm, size_t buffer) {
    mp_buffer_info_t path;
    modssh_pin_data(op, path_in, &path);
    size_t len = MAX(buffer, 8);
    byte *buf = modssh_sftp_new_buffer(&len, SSH_SFTP_BUF_EXTRA);
    int id = -1;
    int r;
    bool collected = false;
    do {
        r = flags == 0
            ? ssh_sftp_opendir(self->core, path.buf, path.len, buf, len, &id)
            : ssh_sftp_open(self->core, path.buf, path.len, flags, perm, buf, len, &id);
        if (id >= 0 && id < self->n_slots) {
            self->slots[id].buf = buf;
            self->slots[id].len = len;
        }
    } while (modssh_sftp_again(op, self, r) || make_room(self, r, &collected));
    modssh_sftp_check(op, self, r);
    return id;
}

static uint32_t parse_mode(const char *mode) {
    uint32_t flags = 0;
    switch (*mode++) {
        case 'r':
            flags = SSH_SFTP_READ;
            break;
        case 'w':
            flags = SSH_SFTP_WRITE | SSH_SFTP_CREAT | SSH_SFTP_TRUNC;
            break;
        case 'a':
            flags = SSH_SFTP_WRITE | SSH_SFTP_CREAT | SSH_SFTP_APPEND;
            break;
        case 'x':
            flags = SSH_SFTP_WRITE | SSH_SFTP_CREAT | SSH_SFTP_EXCL;
            break;
        default:
            mp_raise_ValueError(MP_ERROR_TEXT("mode must be r, w, a or x, with + and b"));
    }
    for (; *mode != '\0'; mode++) {
        if (*mode == '+') {
            flags |= SSH_SFTP_READ | SSH_SFTP_WRITE;
        } else if (*mode != 'b') {
            mp_raise_ValueError(MP_ERROR_TEXT("mode must be r, w, a or x, with + and b"));
        }
    }
    return flags;
}

mp_obj_ssh_sftp_file_t *modssh_sftp_new_file(const mp_obj_type_t *type, mp_obj_ssh_sftp_t *sftp) {
    mp_obj_ssh_sftp_file_t *file = mp_obj_malloc_with_finaliser(mp_obj_ssh_sftp_file_t, type);
    file->sftp = sftp;
    file->id = -1;
    file->flags = 0;
    file->closed = true;
    file->failed = false;
    return file;
}

// open(path, mode="r", *, buffer=None, perm=0o666)
static mp_obj_t sftp_open(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { ARG_path, ARG_mode, ARG_buffer, ARG_perm };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_path, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_mode, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_QSTR(MP_QSTR_r)} },
        { MP_QSTR_buffer, MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_perm, MP_ARG_KW_ONLY | MP_ARG_INT, {.u_int = 0666} },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args - 1, pos_args + 1, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    mp_obj_ssh_sftp_t *self = MP_OBJ_TO_PTR(pos_args[0]);
    uint32_t flags = parse_mode(mp_obj_str_get_str(args[ARG_mode].u_obj));
    size_t buffer = 0;
    if (flags & SSH_SFTP_READ) {
        buffer = MICROPY_PY_SSH_SFTP_BUFFER;
        if (args[ARG_buffer].u_obj != mp_const_none) {
            mp_int_t n = mp_obj_get_int(args[ARG_buffer].u_obj);
            if (n <= 0) {
                mp_raise_ValueError(MP_ERROR_TEXT("buffer must be above 0"));
            }
            buffer = n;
        }
    }
    mp_obj_ssh_sftp_file_t *file = modssh_sftp_new_file(&mp_type_ssh_sftp_file, self);
    modssh_op_t op;
    modssh_sftp_enter(&op, self);
    file->id = modssh_sftp_open(&op, self, args[ARG_path].u_obj, flags, args[ARG_perm].u_int, buffer);
    file->flags = flags;
    file->closed = false;
    if (flags & SSH_SFTP_APPEND) {
        // The server appends whatever offset we give; tell() and servers that do not know better need it.
        ssh_sftp_attrs_t attrs = { 0 };
        modssh_sftp_attrs_get(&op, self, SSH_SFTP_FSTAT, file->id, MP_OBJ_NULL, &attrs);
        ssh_sftp_seek(self->core, file->id, attrs.size);
    }
    modssh_leave(&op);
    return MP_OBJ_FROM_PTR(file);
}
MP_DEFINE_CONST_FUN_OBJ_KW(modssh_sftp_open_obj, 2, sftp_open);

// ---------------------------------------------------------------- reading

// The next bytes at the file's position, waiting for the first: a count, 0 at the end.
static size_t file_peek(modssh_op_t *op, mp_obj_ssh_sftp_file_t *self, const byte **data) {
    if (!(self->flags & SSH_SFTP_READ)) {
        mp_raise_OSError(MP_EBADF);
    }
    ptrdiff_t n;
    MODSSH_SFTP_RUN_SLOW(op, self->sftp, n, ssh_sftp_peek(self->sftp->core, self->id, data));
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
        size_t found = file_peek(&op, self, &data);
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
        size_t found = file_peek(&op, self, &data);
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
        size_t found = MIN(file_peek(&op, self, &data), want - vstr.len);
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

// Room for bytes to write at the file's position, waiting for it.
static size_t file_space(modssh_op_t *op, mp_obj_ssh_sftp_file_t *self, byte **space) {
    if (!(self->flags & SSH_SFTP_WRITE)) {
        mp_raise_OSError(MP_EBADF); // now, rather than by the server some writes later
    }
    ptrdiff_t n;
    MODSSH_SFTP_RUN_SLOW(op, self->sftp, n, ssh_sftp_space(self->sftp->core, self->id, space));
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
        size_t n = file_space(&op, self, &space);
        mp_get_buffer_raise(data_in, &info, MP_BUFFER_READ);
        if (done >= info.len) {
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
    modssh_op_t op;
    modssh_sftp_enter_file(&op, self);
    int r;
    MODSSH_SFTP_RUN_SLOW(&op, sftp, r, ssh_sftp_close(sftp->core, self->id));
    self->closed = true;
    if (r != SSH_OK) {
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
    if (!self->closed) {
        self->closed = true;
        self->sftp->slots[self->id].dropped = true;
    }
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
    size_t n = MIN(file_peek(&op, self, &data), size);
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
    for (size_t done = 0; done < size;) {
        byte *space;
        size_t n = MIN(file_space(&op, self, &space), size - done);
        memcpy(space, (const byte *)buf + done, n);
        ssh_sftp_wrote(self->sftp->core, self->id, n);
        done += n;
        modssh_restart(&op);
    }
    modssh_leave(&op);
    return size;
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
    { MP_ROM_QSTR(MP_QSTR_write), MP_ROM_PTR(&file_write_obj) },
    { MP_ROM_QSTR(MP_QSTR_flush), MP_ROM_PTR(&file_flush_obj) },
    { MP_ROM_QSTR(MP_QSTR_sync), MP_ROM_PTR(&file_sync_obj) },
    { MP_ROM_QSTR(MP_QSTR_copy_data), MP_ROM_PTR(&file_copy_data_obj) },
    { MP_ROM_QSTR(MP_QSTR_seek), MP_ROM_PTR(&file_seek_obj) },
    { MP_ROM_QSTR(MP_QSTR_tell), MP_ROM_PTR(&file_tell_obj) },
    { MP_ROM_QSTR(MP_QSTR_stat), MP_ROM_PTR(&file_stat_obj) },
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
