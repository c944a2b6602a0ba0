// class SFTP: the subsystem's channel, the engine's memory, errors; ssh_sftp_request.c has what names paths.
//
// Buffers of files are GC blocks that only the engine points into, so the SFTP object keeps them in its
// slots until the engine says that they are free. Finalisers only mark: they may run inside any call of
// the core (a socket written in Python allocates), and the engine must not be entered twice.

#include <string.h>

#include "py/unicode.h"

#include "modssh_sftp.h"

// Status codes of draft-ietf-secsh-filexfer; those over 8 are of later versions, which some servers mix in.
static const uint16_t status_errno[] = {
    0, MP_EIO, MP_ENOENT, MP_EACCES, MP_EIO, MP_EIO, MP_ENOTCONN, MP_ENOTCONN, MP_EOPNOTSUPP, // 0-8
    MP_EIO, MP_ENOENT, MP_EEXIST, MP_EROFS, MP_ENODEV, MP_ENOSPC, MP_ENOSPC, // 9-15
};

static const struct {
    const char *text;
    uint16_t err;
} text_errno[] = {
    { "no such file", MP_ENOENT },
    { "not found", MP_ENOENT },
    { "permission denied", MP_EACCES },
    { "not permitted", MP_EPERM },
    { "file exists", MP_EEXIST },
    { "already exists", MP_EEXIST },
    { "no space left", MP_ENOSPC },
    { "quota exceeded", MP_ENOSPC },
    { "is a directory", MP_EISDIR },
    { "not a regular file", MP_EISDIR },
    { "not a directory", MP_ENOTDIR },
    { "read-only file system", MP_EROFS },
    { "file too large", MP_EFBIG },
    { "too many open files", MP_EMFILE },
};

bool modssh_text_has(const char *text, size_t len, const char *part) {
    size_t part_len = strlen(part);
    for (size_t i = 0; i + part_len <= len; i++) {
        size_t j = 0;
        while (j < part_len && (text[i + j] | 0x20) == (part[j] | 0x20)) {
            j++;
        }
        if (j == part_len) {
            return true;
        }
    }
    return false;
}

int modssh_text_errno(const char *text, size_t len, int dflt) {
    for (size_t i = 0; i < MP_ARRAY_SIZE(text_errno); i++) {
        if (modssh_text_has(text, len, text_errno[i].text)) {
            return text_errno[i].err;
        }
    }
    return dflt;
}

static mp_obj_t new_errno_text(int err, const char *text, size_t len) {
    mp_obj_t args[2] = { MP_OBJ_NEW_SMALL_INT(err), mp_obj_new_str(text, len) };
    return mp_obj_new_exception_args(&mp_type_OSError, 2, args);
}

// The exception for the last SSH_SFTP_ERROR.
static mp_obj_t new_sftp_error(mp_obj_ssh_sftp_t *self) {
    ssh_sftp_error_t err;
    memset(&err, 0, sizeof(err));
    ssh_sftp_last_error(self->core, &err);
    switch (err.kind) {
        case SSH_SFTP_FAIL_STATUS: {
            int code = err.code < MP_ARRAY_SIZE(status_errno) ? status_errno[err.code] : MP_EIO;
            if (code == MP_EIO || code == 0) {
                code = modssh_text_errno(err.text, err.text_len, MP_EIO);
            }
            return new_errno_text(code, err.text, err.text_len);
        }
        case SSH_SFTP_FAIL_MISUSE:
            return mp_obj_new_exception_msg(&mp_type_ValueError, MP_ERROR_TEXT("a path must not contain a NUL"));
        case SSH_SFTP_FAIL_TOO_LONG:
            return new_errno_text(MP_EINVAL, err.text, err.text_len);
        case SSH_SFTP_FAIL_NO_SLOT:
            return new_errno_text(MP_EMFILE, err.text, err.text_len);
        case SSH_SFTP_FAIL_ENDED:
            return modssh_new_sshexc(SSH_E_CHANNEL_CLOSED, err.text, err.text_len);
        default:
            return modssh_new_sshexc(SSH_E_SFTP, err.text, err.text_len);
    }
}

// ---------------------------------------------------------------- operations

// How far the opening of an SFTP object is.
enum { STAGE_CHANNEL, STAGE_SUBSYSTEM, STAGE_VERSION, STAGE_LIMITS, STAGE_READY };

static mp_obj_t extensions_dict(ssh_sftp_t *core) {
    mp_obj_t dict = mp_obj_new_dict(0);
    const uint8_t *name, *data;
    size_t name_len, data_len;
    for (size_t i = 0; ssh_sftp_extension(core, i, &name, &name_len, &data, &data_len); i++) {
        mp_obj_dict_store(dict, modssh_sftp_name_obj(name, name_len), modssh_sftp_name_obj(data, data_len));
    }
    return dict;
}

// The next step of the opening.
static int start_step(modssh_op_t *op, mp_obj_ssh_sftp_t *self) {
    ssh_session_t *session = self->session->core;
    int r = SSH_OK;
    switch (self->stage) {
        case STAGE_CHANNEL:
            return self->channel->opening ? modssh_channel_ask(op, self->channel) : SSH_OK;
        case STAGE_SUBSYSTEM:
            MODSSH_REQUEST(op, self->channel->id, r,
                ssh_channel_subsystem(session, self->channel->id, (const byte *)"sftp", 4));
            if (r == SSH_OK) {
                size_t align = ssh_sftp_align();
                ssh_sftp_t *core = (void *)(((uintptr_t)self->mem + align - 1) & ~(uintptr_t)(align - 1));
                modssh_check(op, ssh_sftp_init(core, &self->config, session, self->channel->id));
                self->core = core;
            }
            return r;
        case STAGE_VERSION:
            MODSSH_SFTP_RUN(op, self, r, ssh_sftp_start(self->core));
            if (r == SSH_OK) {
                self->extensions = extensions_dict(self->core);
            }
            return r;
        default:
            MODSSH_SFTP_RUN(op, self, r, ssh_sftp_request(self->core, SSH_SFTP_LIMITS, -1, NULL, 0, NULL, 0, NULL));
            return r == SSH_SFTP_ERROR ? SSH_OK : r; // a server that refuses to tell has the draft's limits
    }
}

// Go on with the opening: SSH_OK; SSH_AGAIN only where nothing waits; raises.
static int start_on(modssh_op_t *op, mp_obj_ssh_sftp_t *self) {
    op->channel = self->channel;
    while (self->stage < STAGE_READY) {
        int r = start_step(op, self);
        if (r == SSH_AGAIN && modssh_never_waits(self->session)) {
            op->abandon = MODSSH_NO_REQUEST;
            op->channel = NULL;
            return r;
        }
        modssh_sftp_check(op, self, r);
        self->stage++;
    }
    op->channel = NULL;
    return SSH_OK;
}

void modssh_sftp_enter(modssh_op_t *op, mp_obj_ssh_sftp_t *self) {
    modssh_enter(op, self->session);
    if (self->stage < STAGE_READY && !self->channel->closed) {
        modssh_sftp_check(op, self, start_on(op, self));
    }
    if (self->core == NULL || self->channel->closed) {
        modssh_raise_code(SSH_E_CHANNEL_CLOSED);
    }
    if (!modssh_never_waits(self->session) || self->given_up) {
        self->given_up = false;
        ssh_sftp_begin(self->core);
    }
    modssh_sftp_reap(self);
}

void modssh_sftp_reap(mp_obj_ssh_sftp_t *self) {
    for (size_t i = 0; i < self->n_slots; i++) {
        modssh_sftp_slot_t *slot = &self->slots[i];
        if (slot->dropped) {
            slot->dropped = false;
            ssh_sftp_drop(self->core, i);
        }
        if (slot->buf != NULL && ssh_sftp_is_free(self->core, i)) {
            m_del(byte, slot->buf, slot->len);
            slot->buf = NULL;
        }
    }
}

void modssh_sftp_enter_file(modssh_op_t *op, mp_obj_ssh_sftp_file_t *self) {
    if (self->closed) {
        mp_raise_OSError(MP_EBADF);
    }
    modssh_sftp_enter(op, self->sftp);
    if (self->is_opening) {
        modssh_sftp_check(op, self->sftp, modssh_sftp_open_on(op, self));
    }
}

ptrdiff_t modssh_sftp_check(modssh_op_t *op, mp_obj_ssh_sftp_t *self, ptrdiff_t r) {
    if (r == SSH_SFTP_ERROR) {
        nlr_raise(new_sftp_error(self));
    }
    return modssh_check(op, r);
}

// A listing that nobody reads fills its buffer and stops all else: give it a buffer for the rest of the
// server's answer, or do without that rest.
static void unstick(mp_obj_ssh_sftp_t *self) {
    size_t len = 0;
    int dir = ssh_sftp_stuck(self->core, &len);
    if (dir < 0 || dir >= self->n_slots) {
        return;
    }
    modssh_sftp_slot_t *slot = &self->slots[dir];
    byte *buf = m_new_maybe(byte, len);
    ssh_sftp_grow(self->core, dir, buf, len);
    if (buf != NULL) {
        m_del(byte, slot->buf, slot->len);
        slot->buf = buf;
        slot->len = len;
    }
}

bool modssh_sftp_again(modssh_op_t *op, mp_obj_ssh_sftp_t *self, ptrdiff_t r) {
    if (r == SSH_SFTP_STUCK) {
        unstick(self);
        return true;
    }
    return r == SSH_AGAIN && modssh_wait(op);
}

bool modssh_sftp_again_slow(modssh_op_t *op, mp_obj_ssh_sftp_t *self, ptrdiff_t r, uint64_t *mark) {
    if (r == SSH_AGAIN) {
        ssh_stats_t stats;
        ssh_stats(self->session->core, &stats);
        uint64_t moved = stats.bytes_out + ssh_sftp_received(self->core);
        if (moved != *mark) {
            *mark = moved;
            modssh_restart(op);
        }
    }
    return modssh_sftp_again(op, self, r);
}

static void guard_fun(void *ctx) {
    modssh_sftp_guard_t *guard = ctx;
    guard->slot->dropped = true;
}

void modssh_sftp_guard(modssh_sftp_guard_t *guard, mp_obj_ssh_sftp_t *self, int file) {
    guard->slot = &self->slots[file];
    nlr_push_jump_callback(&guard->node, guard_fun);
}

// ---------------------------------------------------------------- values

uint64_t modssh_get_u64(mp_obj_t obj) {
    #if UINTPTR_MAX > 0xffffffff
    mp_int_t value = mp_obj_get_int(obj);
    #else
    long long value;
    if (mp_obj_is_small_int(obj)) {
        value = MP_OBJ_SMALL_INT_VALUE(obj);
    } else {
        mp_obj_t high = mp_binary_op(MP_BINARY_OP_RSHIFT, obj, MP_OBJ_NEW_SMALL_INT(24));
        value = (long long)mp_obj_get_int(high) << 24 | (mp_obj_get_int_truncated(obj) & 0xffffff);
    }
    #endif
    if (value < 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("must not be negative"));
    }
    return value;
}

mp_obj_t modssh_sftp_name_obj(const uint8_t *name, size_t len) {
    // The interpreter's own check of UTF-8 has another name in each version: its exception tells.
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        mp_obj_t obj = mp_obj_new_str((const char *)name, len);
        nlr_pop();
        return obj;
    }
    #if MICROPY_PY_BUILTINS_STR_UNICODE
    if (mp_obj_exception_match(MP_OBJ_FROM_PTR(nlr.ret_val), MP_OBJ_FROM_PTR(&mp_type_UnicodeError))) {
        return mp_obj_new_bytes(name, len);
    }
    #endif
    nlr_jump(nlr.ret_val);
}

mp_obj_t modssh_sftp_attrs_obj(const ssh_sftp_attrs_t *attrs) {
    mp_obj_t items[6] = {
        mp_obj_new_int_from_uint(attrs->mode),
        mp_obj_new_int_from_ull(attrs->size),
        mp_obj_new_int_from_uint(attrs->atime),
        mp_obj_new_int_from_uint(attrs->mtime),
        mp_obj_new_int_from_uint(attrs->uid),
        mp_obj_new_int_from_uint(attrs->gid),
    };
    return mp_obj_new_tuple(6, items);
}

// ---------------------------------------------------------------- life

// Room for the head of a WRITE request, beside its data.
#define WRITE_HEAD (300)

// sftp()
static mp_obj_t session_sftp(mp_obj_t session_in) {
    mp_obj_ssh_session_t *session = MP_OBJ_TO_PTR(session_in);
    ssh_sftp_config_t config;
    ssh_sftp_config_init(&config);
    size_t write_len = MICROPY_PY_SSH_SFTP_WRITE;
    if (write_len != 0) {
        config.output = 2 * (write_len + WRITE_HEAD);
    }
    mp_obj_ssh_sftp_t *self = mp_obj_malloc_var(mp_obj_ssh_sftp_t, slots, modssh_sftp_slot_t, config.files, &mp_type_ssh_sftp);
    memset(self->slots, 0, config.files * sizeof(modssh_sftp_slot_t));
    self->session = session;
    self->core = NULL;
    self->n_slots = config.files;
    self->extensions = mp_const_none;
    self->failure = MP_OBJ_NULL;
    self->stage = STAGE_CHANNEL;
    self->given_up = false;
    self->config = config;
    self->mem = m_new(byte, ssh_sftp_size(&config) + ssh_sftp_align() - 1);

    modssh_op_t op;
    modssh_enter(&op, session);
    self->channel = modssh_channel_open(&op, 0);
    start_on(&op, self);
    modssh_leave(&op);
    return MP_OBJ_FROM_PTR(self);
}
MP_DEFINE_CONST_FUN_OBJ_1(modssh_session_sftp_obj, session_sftp);

// close(): files that are still open are closed first, so that what was written to them arrives.
static mp_obj_t sftp_close(mp_obj_t self_in) {
    mp_obj_ssh_sftp_t *self = MP_OBJ_TO_PTR(self_in);
    if (self->stage < STAGE_READY) {
        self->core = NULL;
        mp_obj_t dest[2];
        mp_load_method(MP_OBJ_FROM_PTR(self->channel), MP_QSTR_close, dest);
        return mp_call_method_n_kw(0, 0, dest);
    }
    if (self->core == NULL || self->session->core == NULL || self->channel->closed) {
        self->core = NULL;
        return mp_const_none;
    }
    modssh_op_t op;
    modssh_sftp_enter(&op, self);
    op.channel = self->channel; // closed in any case
    for (size_t i = 0; i < self->n_slots; i++) {
        if (self->slots[i].buf == NULL) {
            continue;
        }
        int r;
        MODSSH_SFTP_RUN(&op, self, r, ssh_sftp_close(self->core, i));
        if (r != SSH_SFTP_ERROR) {
            modssh_check(&op, r);
            continue;
        }
        ssh_sftp_error_t err;
        ssh_sftp_last_error(self->core, &err);
        // A file whose opening was given up is no error; something written that was refused is.
        if (err.kind == SSH_SFTP_FAIL_STATUS && self->failure == MP_OBJ_NULL) {
            self->failure = new_sftp_error(self);
        }
    }
    modssh_channel_shut(&op, self->channel);
    self->core = NULL;
    modssh_channel_wait_closed(&op);
    modssh_leave(&op);
    if (self->failure != MP_OBJ_NULL) {
        nlr_raise(self->failure);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(sftp_close_obj, sftp_close);

// opened(): until the server has answered.
static mp_obj_t sftp_opened(mp_obj_t self_in) {
    modssh_op_t op;
    modssh_sftp_enter(&op, MP_OBJ_TO_PTR(self_in));
    modssh_leave(&op);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(sftp_opened_obj, sftp_opened);

// abandon(): the request under way is not wanted any more.
static mp_obj_t sftp_abandon(mp_obj_t self_in) {
    ((mp_obj_ssh_sftp_t *)MP_OBJ_TO_PTR(self_in))->given_up = true;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(sftp_abandon_obj, sftp_abandon);

static mp_obj_t sftp___exit__(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    return sftp_close(args[0]);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(sftp___exit___obj, 4, 4, sftp___exit__);

static void sftp_attr(mp_obj_t self_in, qstr attr, mp_obj_t *dest) {
    mp_obj_ssh_sftp_t *self = MP_OBJ_TO_PTR(self_in);
    if (dest[0] != MP_OBJ_NULL) {
        return; // nothing can be stored
    }
    if (attr == MP_QSTR_extensions) {
        dest[0] = self->extensions;
    } else if (attr == MP_QSTR_limits) {
        uint64_t limits[4] = { 0 };
        if (self->core != NULL) {
            ssh_sftp_limits(self->core, limits);
        }
        mp_obj_t items[4];
        for (size_t i = 0; i < 4; i++) {
            items[i] = mp_obj_new_int_from_ull(limits[i]);
        }
        dest[0] = mp_obj_new_tuple(4, items);
    } else {
        dest[1] = MP_OBJ_SENTINEL; // go on with the locals dict
    }
}

static const mp_rom_map_elem_t sftp_locals_dict_table[] = {
    { MP_ROM_QSTR(MP_QSTR_open), MP_ROM_PTR(&modssh_sftp_open_obj) },
    { MP_ROM_QSTR(MP_QSTR_opendir), MP_ROM_PTR(&modssh_sftp_opendir_obj) },
    { MP_ROM_QSTR(MP_QSTR_listdir), MP_ROM_PTR(&modssh_sftp_listdir_obj) },
    { MP_ROM_QSTR(MP_QSTR_stat), MP_ROM_PTR(&modssh_sftp_stat_obj) },
    { MP_ROM_QSTR(MP_QSTR_lstat), MP_ROM_PTR(&modssh_sftp_lstat_obj) },
    { MP_ROM_QSTR(MP_QSTR_setstat), MP_ROM_PTR(&modssh_sftp_setstat_obj) },
    { MP_ROM_QSTR(MP_QSTR_realpath), MP_ROM_PTR(&modssh_sftp_realpath_obj) },
    { MP_ROM_QSTR(MP_QSTR_readlink), MP_ROM_PTR(&modssh_sftp_readlink_obj) },
    { MP_ROM_QSTR(MP_QSTR_symlink), MP_ROM_PTR(&modssh_sftp_symlink_obj) },
    { MP_ROM_QSTR(MP_QSTR_mkdir), MP_ROM_PTR(&modssh_sftp_mkdir_obj) },
    { MP_ROM_QSTR(MP_QSTR_rmdir), MP_ROM_PTR(&modssh_sftp_rmdir_obj) },
    { MP_ROM_QSTR(MP_QSTR_unlink), MP_ROM_PTR(&modssh_sftp_unlink_obj) },
    { MP_ROM_QSTR(MP_QSTR_rename), MP_ROM_PTR(&modssh_sftp_rename_obj) },
    { MP_ROM_QSTR(MP_QSTR_posix_rename), MP_ROM_PTR(&modssh_sftp_posix_rename_obj) },
    { MP_ROM_QSTR(MP_QSTR_hardlink), MP_ROM_PTR(&modssh_sftp_hardlink_obj) },
    { MP_ROM_QSTR(MP_QSTR_statvfs), MP_ROM_PTR(&modssh_sftp_statvfs_obj) },
    { MP_ROM_QSTR(MP_QSTR_expand_path), MP_ROM_PTR(&modssh_sftp_expand_path_obj) },
    { MP_ROM_QSTR(MP_QSTR_get), MP_ROM_PTR(&modssh_sftp_get_obj) },
    { MP_ROM_QSTR(MP_QSTR_put), MP_ROM_PTR(&modssh_sftp_put_obj) },
    { MP_ROM_QSTR(MP_QSTR_opened), MP_ROM_PTR(&sftp_opened_obj) },
    { MP_ROM_QSTR(MP_QSTR_abandon), MP_ROM_PTR(&sftp_abandon_obj) },
    { MP_ROM_QSTR(MP_QSTR_close), MP_ROM_PTR(&sftp_close_obj) },
    { MP_ROM_QSTR(MP_QSTR___enter__), MP_ROM_PTR(&mp_identity_obj) },
    { MP_ROM_QSTR(MP_QSTR___exit__), MP_ROM_PTR(&sftp___exit___obj) },
};
static MP_DEFINE_CONST_DICT(sftp_locals_dict, sftp_locals_dict_table);

// No finaliser: the channel has one, and nothing but this object points to the engine.
MP_DEFINE_CONST_OBJ_TYPE(
    mp_type_ssh_sftp,
    MP_QSTR_SFTP,
    MP_TYPE_FLAG_NONE,
    attr, sftp_attr,
    locals_dict, &sftp_locals_dict
    );
