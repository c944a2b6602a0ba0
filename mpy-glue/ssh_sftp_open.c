// Opening remote files and directories: SFTP.open(), SFTP.opendir(), and opened() of what they give.

#include <string.h>

#include "py/gc.h"

#include "modssh_sftp.h"

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

// Ask the server, or look for its answer. The buffer is the engine's as soon as the request is out.
static int ask(modssh_op_t *op, mp_obj_ssh_sftp_t *self, modssh_sftp_opening_t *opening) {
    mp_buffer_info_t path;
    modssh_pin_data(op, opening->path, &path);
    int r;
    bool collected = false;
    do {
        r = opening->flags == 0
            ? ssh_sftp_opendir(self->core, path.buf, path.len, opening->buf, opening->len, &opening->id)
            : ssh_sftp_open(self->core, path.buf, path.len, opening->flags, opening->perm, opening->buf, opening->len, &opening->id);
        if (opening->id >= 0 && opening->id < self->n_slots) {
            self->slots[opening->id].buf = opening->buf;
            self->slots[opening->id].len = opening->len;
        }
    } while (modssh_sftp_again(op, self, r) || make_room(self, r, &collected));
    modssh_scratch_done(op, path.buf);
    return r;
}

static void opening_init(modssh_sftp_opening_t *opening, mp_obj_t path, uint32_t flags, uint32_t perm, size_t buffer) {
    opening->path = path;
    opening->flags = flags;
    opening->perm = perm;
    opening->len = MAX(buffer, 8);
    opening->buf = modssh_sftp_new_buffer(&opening->len, SSH_SFTP_BUF_EXTRA);
    opening->id = -1;
}

int modssh_sftp_open(modssh_op_t *op, mp_obj_ssh_sftp_t *self, mp_obj_t path, uint32_t flags, uint32_t perm, size_t buffer) {
    modssh_sftp_opening_t opening;
    opening_init(&opening, path, flags, perm, buffer);
    modssh_sftp_check(op, self, ask(op, self, &opening));
    return opening.id;
}

// After the answer: the first entries of a directory; where a file ends that is appended to. (The server appends
// whatever offset we give; tell() and servers that do not know better need it.)
static int look(modssh_op_t *op, mp_obj_ssh_sftp_file_t *file) {
    mp_obj_ssh_sftp_t *self = file->sftp;
    int r = SSH_OK;
    if (file->flags == 0) {
        MODSSH_SFTP_RUN(op, self, r, ssh_sftp_first(self->core, file->id));
    } else if (file->flags & SSH_SFTP_APPEND) {
        ssh_sftp_attrs_t attrs = { 0 };
        MODSSH_SFTP_RUN(op, self, r, ssh_sftp_request(self->core, SSH_SFTP_FSTAT, file->id, NULL, 0, NULL, 0, &attrs));
        if (r == SSH_OK) {
            ssh_sftp_seek(self->core, file->id, attrs.size);
        }
    }
    return r;
}

int modssh_sftp_open_on(modssh_op_t *op, mp_obj_ssh_sftp_file_t *file) {
    mp_obj_ssh_sftp_t *self = file->sftp;
    bool asked = file->id >= 0;
    int r = SSH_OK;
    file->closed = false;
    if (!asked) {
        r = ask(op, self, &file->opening);
        if (r == SSH_OK) {
            file->id = file->opening.id;
            asked = true;
        }
    }
    if (r == SSH_OK) {
        r = look(op, file);
    }
    file->is_opening = r == SSH_AGAIN && modssh_never_waits(self->session);
    if (!file->is_opening) {
        // The buffer is the engine's now, or nobody's: the collector must not see it here.
        memset(&file->opening, 0, sizeof(file->opening));
    }
    if (r != SSH_OK && !file->is_opening) {
        file->closed = true;
        if (asked) {
            self->slots[file->id].dropped = true;
        }
        modssh_sftp_check(op, self, r);
    }
    return r;
}

void modssh_sftp_open_give_up(mp_obj_ssh_sftp_file_t *file) {
    // The engine closes it when the answer comes.
    file->sftp->given_up = true;
    file->is_opening = false;
    if (file->id >= 0) {
        file->sftp->slots[file->id].dropped = true;
    }
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

static mp_obj_ssh_sftp_file_t *new_file(const mp_obj_type_t *type, mp_obj_ssh_sftp_t *sftp) {
    mp_obj_ssh_sftp_file_t *file = mp_obj_malloc_with_finaliser(mp_obj_ssh_sftp_file_t, type);
    file->sftp = sftp;
    file->id = -1;
    file->flags = 0;
    file->closed = true;
    file->failed = false;
    file->is_opening = false;
    memset(&file->opening, 0, sizeof(file->opening));
    return file;
}

mp_obj_t modssh_sftp_open_file(const mp_obj_type_t *type, mp_obj_ssh_sftp_t *self, mp_obj_t path, uint32_t flags, uint32_t perm, size_t buffer) {
    mp_obj_ssh_sftp_file_t *file = new_file(type, self);
    file->flags = flags;
    modssh_op_t op;
    modssh_sftp_enter(&op, self);
    opening_init(&file->opening, path, flags, perm, buffer);
    modssh_sftp_open_on(&op, file);
    modssh_leave(&op);
    return MP_OBJ_FROM_PTR(file);
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
    return modssh_sftp_open_file(&mp_type_ssh_sftp_file, self, args[ARG_path].u_obj, flags, args[ARG_perm].u_int, buffer);
}
MP_DEFINE_CONST_FUN_OBJ_KW(modssh_sftp_open_obj, 2, sftp_open);

// opendir(path)
static mp_obj_t sftp_opendir(mp_obj_t self_in, mp_obj_t path) {
    return modssh_sftp_open_file(&mp_type_ssh_sftp_dir, MP_OBJ_TO_PTR(self_in), path, 0, 0, MICROPY_PY_SSH_SFTP_DIR_BUFFER);
}
MP_DEFINE_CONST_FUN_OBJ_2(modssh_sftp_opendir_obj, sftp_opendir);

// opened(): until the server has answered.
static mp_obj_t file_opened(mp_obj_t self_in) {
    mp_obj_ssh_sftp_file_t *self = MP_OBJ_TO_PTR(self_in);
    modssh_op_t op;
    modssh_sftp_enter_file(&op, self);
    modssh_leave(&op);
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_1(modssh_sftp_file_opened_obj, file_opened);
