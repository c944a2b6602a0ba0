// Whole files between the server and a stream of the program: SFTP.get(), SFTP.put(), and what SCP shares
// with them.
//
// A native stream reads from and writes to the engine's memory directly. Python code gets objects of its
// own: it could keep a view of memory that is not its.

#include <string.h>

#include "py/objarray.h"
#include "py/objstr.h"
#include "py/objtype.h"

#include "modssh_sftp.h"

// Largest piece that passes to and from a stream written in Python.
#ifndef MICROPY_PY_SSH_PIECE
#define MICROPY_PY_SSH_PIECE MICROPY_PY_SSH_BOUNCE
#endif
#define PYTHON_PIECE (MICROPY_PY_SSH_PIECE)
// put() calls the progress function after so many bytes, and at the end.
#define PROGRESS_STEP (16 * MICROPY_PY_SSH_BOUNCE)
// Wait for a non-blocking local stream that can do nothing now.
#define LOCAL_WAIT_MS (10)

// ---------------------------------------------------------------- local streams

// The bytearray that Python code gets again and again, with len bytes.
static mp_obj_t take_piece(modssh_local_t *self, size_t len) {
    mp_obj_array_t *piece = MP_OBJ_TO_PTR(self->piece);
    if (self->piece == MP_OBJ_NULL || piece->items != self->memory) {
        // There is none yet, or the program has appended to it until it moved.
        self->memory = m_new(byte, PYTHON_PIECE);
        self->piece = mp_obj_new_bytearray_by_ref(PYTHON_PIECE, self->memory);
        piece = MP_OBJ_TO_PTR(self->piece);
    }
    piece->len = len;
    piece->free = PYTHON_PIECE - len;
    return self->piece;
}

void modssh_local_init(modssh_local_t *self, modssh_op_t *op, mp_obj_t obj, int flags) {
    const mp_obj_type_t *type = mp_obj_get_type(obj);
    self->obj = obj;
    self->op = op;
    self->piece = MP_OBJ_NULL;
    self->stream_p = mp_obj_is_instance_type(type) ? NULL : mp_get_stream_raise(obj, flags);
    if (self->stream_p == NULL) {
        mp_obj_t dest[2];
        mp_load_method_maybe(obj, MP_QSTR_readinto, dest);
        if (flags & MP_STREAM_OP_WRITE) {
            mp_load_method(obj, MP_QSTR_write, dest);
            // As in all of MicroPython: what the write method of an io.IOBase gets is good for the call.
            if (MP_OBJ_TYPE_HAS_SLOT(type, protocol)) {
                take_piece(self, PYTHON_PIECE);
            }
        } else if (dest[0] != MP_OBJ_NULL) {
            take_piece(self, PYTHON_PIECE);
        } else {
            mp_load_method(obj, MP_QSTR_read, dest);
        }
    }
}

// A native stream can do nothing now.
static void local_wait(modssh_local_t *self, int err) {
    if (!mp_is_nonblocking_error(err)) {
        mp_raise_OSError(err);
    }
    mp_event_wait_ms(LOCAL_WAIT_MS);
    modssh_restart(self->op); // its slowness is not the server's
}

// Read from Python code, which gets an object of its own to fill, or makes one.
static size_t read_python(modssh_local_t *self, byte *buf, size_t len) {
    mp_obj_t args[4];
    mp_obj_t data;
    size_t n = len;
    if (self->piece != MP_OBJ_NULL) {
        mp_load_method(self->obj, MP_QSTR_readinto, args);
        data = args[2] = take_piece(self, len);
        mp_obj_t ret = mp_call_method_n_kw(1, 0, args);
        n = ret == mp_const_none ? 0 : (size_t)mp_obj_get_int(ret);
    } else {
        mp_load_method(self->obj, MP_QSTR_read, args);
        args[2] = MP_OBJ_NEW_SMALL_INT(len);
        data = mp_call_method_n_kw(1, 0, args);
        if (data == mp_const_none) {
            return 0;
        }
    }
    mp_buffer_info_t info;
    mp_get_buffer_raise(data, &info, MP_BUFFER_READ);
    n = MIN(n, info.len);
    if (self->piece == MP_OBJ_NULL) {
        n = info.len;
    }
    if (n > len) {
        mp_raise_ValueError(MP_ERROR_TEXT("read returned more bytes than asked for"));
    }
    memcpy(buf, info.buf, n);
    return n;
}

static size_t local_read(modssh_local_t *self, byte *buf, size_t len) {
    if (self->stream_p != NULL) {
        int err = 0;
        mp_uint_t n;
        while ((n = self->stream_p->read(self->obj, buf, len, &err)) == MP_STREAM_ERROR) {
            local_wait(self, err);
        }
        return MIN(n, len);
    }
    return read_python(self, buf, MIN(len, PYTHON_PIECE));
}

size_t modssh_local_read(modssh_local_t *self, byte *buf, size_t len) {
    bool held = modssh_hold_interrupts(false);
    size_t n = local_read(self, buf, len);
    modssh_hold_interrupts(held);
    return n;
}

// Bytes of its own for Python code, without their hash: it takes as long as decrypting them, and hardly anybody asks.
static mp_obj_t new_piece(const byte *buf, size_t len) {
    byte *data = m_new(byte, len + 1);
    memcpy(data, buf, len);
    data[len] = 0;
    mp_obj_str_t *piece = mp_obj_malloc(mp_obj_str_t, &mp_type_bytes);
    piece->hash = 0; // not computed yet
    piece->len = len;
    piece->data = data;
    return MP_OBJ_FROM_PTR(piece);
}

void modssh_local_write(modssh_local_t *self, const byte *buf, size_t len) {
    bool held = modssh_hold_interrupts(false);
    while (len > 0) {
        mp_uint_t n; // wider than a size_t on some ports, as the error value is
        if (self->stream_p != NULL) {
            int err = 0;
            n = self->stream_p->write(self->obj, buf, len, &err);
            if (n == MP_STREAM_ERROR) {
                local_wait(self, err);
                continue;
            }
        } else {
            n = MIN(len, PYTHON_PIECE);
            mp_obj_t args[3];
            mp_load_method(self->obj, MP_QSTR_write, args);
            if (self->piece != MP_OBJ_NULL) {
                args[2] = take_piece(self, n);
                memcpy(self->memory, buf, n);
            } else {
                args[2] = new_piece(buf, n);
            }
            mp_obj_t ret = mp_call_method_n_kw(1, 0, args);
            if (ret != mp_const_none) { // None: a write method of few words that took all
                n = MIN((size_t)mp_obj_get_int(ret), n);
            }
        }
        if (n == 0 || n > len) {
            mp_raise_OSError(MP_EIO);
        }
        buf += n;
        len -= n;
    }
    modssh_hold_interrupts(held);
}

static bool local_seek(modssh_local_t *self, mp_off_t offset, int whence, int64_t *pos) {
    struct mp_stream_seek_t seek = { .offset = offset, .whence = whence };
    int err = 0;
    if (self->stream_p->ioctl(self->obj, MP_STREAM_SEEK, (uintptr_t)&seek, &err) == MP_STREAM_ERROR) {
        return false;
    }
    *pos = seek.offset;
    return true;
}

int64_t modssh_local_left(modssh_local_t *self) {
    int64_t here, end, back;
    if (self->stream_p == NULL || self->stream_p->ioctl == NULL
        || !local_seek(self, 0, MP_SEEK_CUR, &here) || !local_seek(self, 0, MP_SEEK_END, &end)
        || !local_seek(self, here, MP_SEEK_SET, &back)) {
        return -1;
    }
    return end > here ? end - here : 0;
}

void modssh_progress(mp_obj_t progress, uint64_t done, int64_t total) {
    if (progress != mp_const_none) {
        bool held = modssh_hold_interrupts(false);
        mp_call_function_2(progress, mp_obj_new_int_from_ull(done),
            total < 0 ? mp_const_none : mp_obj_new_int_from_ull(total));
        modssh_hold_interrupts(held);
    }
}

// ---------------------------------------------------------------- get and put

static void close_file(modssh_op_t *op, mp_obj_ssh_sftp_t *self, int id) {
    int r;
    MODSSH_SFTP_RUN_SLOW(op, self, r, ssh_sftp_close(self->core, id));
    modssh_sftp_check(op, self, r);
    modssh_sftp_reap(self);
}

// The file's size, or -1 if the server does not tell. A transfer cannot go on behind the end of the file.
static int64_t remote_size(modssh_op_t *op, mp_obj_ssh_sftp_t *self, int id, uint64_t offset) {
    ssh_sftp_attrs_t attrs = { 0 };
    modssh_sftp_attrs_get(op, self, SSH_SFTP_FSTAT, id, MP_OBJ_NULL, &attrs);
    if (!(attrs.flags & SSH_SFTP_SIZE)) {
        return -1;
    }
    if (attrs.size < offset) {
        mp_raise_ValueError(MP_ERROR_TEXT("offset: the remote file is shorter"));
    }
    return attrs.size;
}

// get(path, stream, progress=None, *, offset=0): bytes written to stream.
static mp_obj_t sftp_get(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { ARG_path, ARG_stream, ARG_progress, ARG_offset };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_path, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_stream, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_progress, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_offset, MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_INT(0)} },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args - 1, pos_args + 1, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    mp_obj_ssh_sftp_t *self = MP_OBJ_TO_PTR(pos_args[0]);
    uint64_t offset = modssh_get_u64(args[ARG_offset].u_obj);
    modssh_must_wait(self->session);
    modssh_op_t op;
    modssh_sftp_enter(&op, self);
    modssh_local_t local;
    modssh_local_init(&local, &op, args[ARG_stream].u_obj, MP_STREAM_OP_WRITE);
    int id = modssh_sftp_open(&op, self, args[ARG_path].u_obj, SSH_SFTP_READ, 0, MICROPY_PY_SSH_SFTP_GET_BUFFER);
    modssh_sftp_guard_t guard;
    modssh_sftp_guard(&guard, self, id);

    // The first bytes and the size are asked for together.
    const byte *data;
    ssh_sftp_seek(self->core, id, offset);
    ssh_sftp_prefetch(self->core, id);
    int64_t total = remote_size(&op, self, id, offset);
    if (total >= 0) {
        ssh_sftp_expect_size(self->core, id, total);
    }
    uint64_t done = offset;
    for (;;) {
        ptrdiff_t n;
        MODSSH_SFTP_RUN_SLOW(&op, self, n, ssh_sftp_peek(self->core, id, &data));
        if (modssh_sftp_check(&op, self, n) == 0) {
            break;
        }
        modssh_local_write(&local, data, n);
        ssh_sftp_consume(self->core, id, n);
        done += n;
        modssh_progress(args[ARG_progress].u_obj, done, total < 0 ? -1 : MAX(total, (int64_t)done));
        modssh_restart(&op);
        modssh_breathe(&op);
    }
    if (done == offset) {
        modssh_progress(args[ARG_progress].u_obj, done, done);
    }
    close_file(&op, self, id);
    nlr_pop_jump_callback(false);
    modssh_leave(&op);
    return mp_obj_new_int_from_ull(done - offset);
}
MP_DEFINE_CONST_FUN_OBJ_KW(modssh_sftp_get_obj, 3, sftp_get);

// What an earlier, longer version of the file leaves behind the new end.
static void truncate_to(modssh_op_t *op, mp_obj_ssh_sftp_t *self, int id, uint64_t size) {
    int r;
    MODSSH_SFTP_RUN_SLOW(op, self, r, ssh_sftp_flush(self->core, id));
    modssh_sftp_check(op, self, r);
    ssh_sftp_attrs_t attrs = { .flags = SSH_SFTP_SIZE, .size = size };
    modssh_sftp_attrs_get(op, self, SSH_SFTP_FSETSTAT, id, MP_OBJ_NULL, &attrs);
}

// put(stream, path, progress=None, *, offset=0, perm=0o666): bytes read from stream.
static mp_obj_t sftp_put(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { ARG_stream, ARG_path, ARG_progress, ARG_offset, ARG_perm };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_stream, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_path, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_progress, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_offset, MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_INT(0)} },
        { MP_QSTR_perm, MP_ARG_KW_ONLY | MP_ARG_INT, {.u_int = 0666} },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args - 1, pos_args + 1, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    mp_obj_ssh_sftp_t *self = MP_OBJ_TO_PTR(pos_args[0]);
    uint64_t offset = modssh_get_u64(args[ARG_offset].u_obj);
    modssh_must_wait(self->session);
    modssh_op_t op;
    modssh_sftp_enter(&op, self);
    modssh_local_t local;
    modssh_local_init(&local, &op, args[ARG_stream].u_obj, MP_STREAM_OP_READ);
    int64_t total = args[ARG_progress].u_obj == mp_const_none ? -1 : modssh_local_left(&local);
    if (total >= 0) {
        total += offset;
    }
    uint32_t flags = SSH_SFTP_WRITE | SSH_SFTP_CREAT | (offset == 0 ? SSH_SFTP_TRUNC : 0);
    int id = modssh_sftp_open(&op, self, args[ARG_path].u_obj, flags, args[ARG_perm].u_int, 0);
    modssh_sftp_guard_t guard;
    modssh_sftp_guard(&guard, self, id);
    int64_t size = offset == 0 ? 0 : remote_size(&op, self, id, offset);
    ssh_sftp_seek(self->core, id, offset);
    uint64_t done = offset, told = offset;
    for (;;) {
        byte *space;
        ptrdiff_t room;
        MODSSH_SFTP_RUN_SLOW(&op, self, room, ssh_sftp_space(self->core, id, &space));
        modssh_sftp_check(&op, self, room);
        size_t n = modssh_local_read(&local, space, room);
        ssh_sftp_wrote(self->core, id, n);
        done += n;
        if (done - told >= PROGRESS_STEP || n == 0) {
            modssh_progress(args[ARG_progress].u_obj, done, n == 0 ? (int64_t)done : total);
            told = done;
        }
        if (n == 0) {
            break;
        }
        modssh_restart(&op);
        modssh_breathe(&op);
    }
    if (size > (int64_t)done) {
        truncate_to(&op, self, id, done);
    }
    close_file(&op, self, id);
    nlr_pop_jump_callback(false);
    modssh_leave(&op);
    return mp_obj_new_int_from_ull(done - offset);
}
MP_DEFINE_CONST_FUN_OBJ_KW(modssh_sftp_put_obj, 3, sftp_put);
