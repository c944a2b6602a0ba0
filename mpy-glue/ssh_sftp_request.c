// class SFTP: requests that name paths.

#include <string.h>

#include "modssh_sftp.h"

// One request with up to two paths, all of an operation but its end.
static void request(modssh_op_t *op, mp_obj_ssh_sftp_t *self, int what, mp_obj_t a_in, mp_obj_t b_in, ssh_sftp_attrs_t *attrs) {
    modssh_sftp_enter(op, self);
    mp_buffer_info_t a, b = { 0 };
    modssh_pin_data(op, a_in, &a);
    if (b_in != MP_OBJ_NULL) {
        modssh_pin_data(op, b_in, &b);
    }
    int r;
    MODSSH_SFTP_RUN(op, self, r, ssh_sftp_request(self->core, what, -1, a.buf, a.len, b.buf, b.len, attrs));
    modssh_sftp_check(op, self, r);
}

static mp_obj_t request_none(mp_obj_t self_in, int what, mp_obj_t a, mp_obj_t b) {
    modssh_op_t op;
    request(&op, MP_OBJ_TO_PTR(self_in), what, a, b, NULL);
    modssh_leave(&op);
    return mp_const_none;
}

static mp_obj_t request_name(mp_obj_t self_in, int what, mp_obj_t path) {
    mp_obj_ssh_sftp_t *self = MP_OBJ_TO_PTR(self_in);
    modssh_op_t op;
    request(&op, self, what, path, MP_OBJ_NULL, NULL);
    size_t len = 0;
    const uint8_t *name = ssh_sftp_name(self->core, &len);
    mp_obj_t ret = modssh_sftp_name_obj(name, len);
    modssh_leave(&op);
    return ret;
}

static mp_obj_t request_attrs(mp_obj_t self_in, int what, mp_obj_t path) {
    modssh_op_t op;
    ssh_sftp_attrs_t attrs = { 0 };
    request(&op, MP_OBJ_TO_PTR(self_in), what, path, MP_OBJ_NULL, &attrs);
    modssh_leave(&op);
    return modssh_sftp_attrs_obj(&attrs);
}

void modssh_sftp_attrs_get(modssh_op_t *op, mp_obj_ssh_sftp_t *self, int what, int file, mp_obj_t path, ssh_sftp_attrs_t *attrs) {
    mp_buffer_info_t info = { 0 };
    if (path != MP_OBJ_NULL) {
        modssh_pin_data(op, path, &info);
    }
    int r;
    MODSSH_SFTP_RUN(op, self, r, ssh_sftp_request(self->core, what, file, info.buf, info.len, NULL, 0, attrs));
    modssh_sftp_check(op, self, r);
}

static mp_obj_t sftp_stat(mp_obj_t self, mp_obj_t path) {
    return request_attrs(self, SSH_SFTP_STAT, path);
}
MP_DEFINE_CONST_FUN_OBJ_2(modssh_sftp_stat_obj, sftp_stat);

static mp_obj_t sftp_lstat(mp_obj_t self, mp_obj_t path) {
    return request_attrs(self, SSH_SFTP_LSTAT, path);
}
MP_DEFINE_CONST_FUN_OBJ_2(modssh_sftp_lstat_obj, sftp_lstat);

static mp_obj_t sftp_realpath(mp_obj_t self, mp_obj_t path) {
    return request_name(self, SSH_SFTP_REALPATH, path);
}
MP_DEFINE_CONST_FUN_OBJ_2(modssh_sftp_realpath_obj, sftp_realpath);

static mp_obj_t sftp_readlink(mp_obj_t self, mp_obj_t path) {
    return request_name(self, SSH_SFTP_READLINK, path);
}
MP_DEFINE_CONST_FUN_OBJ_2(modssh_sftp_readlink_obj, sftp_readlink);

static mp_obj_t sftp_rmdir(mp_obj_t self, mp_obj_t path) {
    return request_none(self, SSH_SFTP_RMDIR, path, MP_OBJ_NULL);
}
MP_DEFINE_CONST_FUN_OBJ_2(modssh_sftp_rmdir_obj, sftp_rmdir);

static mp_obj_t sftp_unlink(mp_obj_t self, mp_obj_t path) {
    return request_none(self, SSH_SFTP_REMOVE, path, MP_OBJ_NULL);
}
MP_DEFINE_CONST_FUN_OBJ_2(modssh_sftp_unlink_obj, sftp_unlink);

static mp_obj_t sftp_rename(mp_obj_t self, mp_obj_t old, mp_obj_t new) {
    return request_none(self, SSH_SFTP_RENAME, old, new);
}
MP_DEFINE_CONST_FUN_OBJ_3(modssh_sftp_rename_obj, sftp_rename);

static mp_obj_t sftp_posix_rename(mp_obj_t self, mp_obj_t old, mp_obj_t new) {
    return request_none(self, SSH_SFTP_POSIX_RENAME, old, new);
}
MP_DEFINE_CONST_FUN_OBJ_3(modssh_sftp_posix_rename_obj, sftp_posix_rename);

static mp_obj_t sftp_hardlink(mp_obj_t self, mp_obj_t old, mp_obj_t new) {
    return request_none(self, SSH_SFTP_HARDLINK, old, new);
}
MP_DEFINE_CONST_FUN_OBJ_3(modssh_sftp_hardlink_obj, sftp_hardlink);

static mp_obj_t sftp_expand_path(mp_obj_t self, mp_obj_t path) {
    return request_name(self, SSH_SFTP_EXPAND_PATH, path);
}
MP_DEFINE_CONST_FUN_OBJ_2(modssh_sftp_expand_path_obj, sftp_expand_path);

// statvfs(path): as os.statvfs(), which leaves out f_fsid.
static mp_obj_t sftp_statvfs(mp_obj_t self_in, mp_obj_t path) {
    mp_obj_ssh_sftp_t *self = MP_OBJ_TO_PTR(self_in);
    modssh_op_t op;
    request(&op, self, SSH_SFTP_STATVFS, path, MP_OBJ_NULL, NULL);
    uint64_t fields[11];
    if (!ssh_sftp_statvfs(self->core, fields)) {
        mp_raise_OSError(MP_EIO); // the server answered with something else
    }
    modssh_leave(&op);
    mp_obj_t items[10];
    for (size_t i = 0; i < 10; i++) {
        items[i] = mp_obj_new_int_from_ull(fields[i < 8 ? i : i + 1]);
    }
    return mp_obj_new_tuple(10, items);
}
MP_DEFINE_CONST_FUN_OBJ_2(modssh_sftp_statvfs_obj, sftp_statvfs);

// The draft has the link first and the target second. OpenSSH's server has it the other way round, and so
// have those that follow it. AsyncSSH's takes the draft's order from all but OpenSSH's own client.
static mp_obj_t sftp_symlink(mp_obj_t self, mp_obj_t target, mp_obj_t path) {
    size_t len = 0;
    mp_obj_ssh_session_t *session = ((mp_obj_ssh_sftp_t *)MP_OBJ_TO_PTR(self))->session;
    const char *ident = session->core == NULL ? NULL : ssh_text(session->core, SSH_TEXT_REMOTE_IDENT, &len);
    if (modssh_text_has(ident, len, "asyncssh")) {
        return request_none(self, SSH_SFTP_SYMLINK, path, target);
    }
    return request_none(self, SSH_SFTP_SYMLINK, target, path);
}
MP_DEFINE_CONST_FUN_OBJ_3(modssh_sftp_symlink_obj, sftp_symlink);

static mp_obj_t sftp_mkdir(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { ARG_path, ARG_mode };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_path, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_mode, MP_ARG_INT, {.u_int = 0755} },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args - 1, pos_args + 1, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    ssh_sftp_attrs_t attrs = { .flags = SSH_SFTP_MODE, .mode = args[ARG_mode].u_int };
    modssh_op_t op;
    request(&op, MP_OBJ_TO_PTR(pos_args[0]), SSH_SFTP_MKDIR, args[ARG_path].u_obj, MP_OBJ_NULL, &attrs);
    modssh_leave(&op);
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_KW(modssh_sftp_mkdir_obj, 2, sftp_mkdir);

// Both of a pair, or neither: the protocol has one flag for the two.
static bool get_pair(const mp_arg_val_t *a, const mp_arg_val_t *b, uint32_t *a_out, uint32_t *b_out) {
    if (a->u_obj == mp_const_none && b->u_obj == mp_const_none) {
        return false;
    }
    if (a->u_obj == mp_const_none || b->u_obj == mp_const_none) {
        mp_raise_ValueError(MP_ERROR_TEXT("atime and mtime, and uid and gid, go together"));
    }
    *a_out = mp_obj_get_int_truncated(a->u_obj);
    *b_out = mp_obj_get_int_truncated(b->u_obj);
    return true;
}

// What is given of the arguments that MODSSH_SFTP_ATTR_ARGS lists.
void modssh_sftp_attrs_parse(const mp_arg_val_t *args, ssh_sftp_attrs_t *attrs) {
    enum { ARG_mode, ARG_size, ARG_atime, ARG_mtime, ARG_uid, ARG_gid };
    memset(attrs, 0, sizeof(*attrs));
    if (args[ARG_mode].u_obj != mp_const_none) {
        attrs->flags |= SSH_SFTP_MODE;
        attrs->mode = mp_obj_get_int(args[ARG_mode].u_obj);
    }
    if (args[ARG_size].u_obj != mp_const_none) {
        attrs->flags |= SSH_SFTP_SIZE;
        attrs->size = modssh_get_u64(args[ARG_size].u_obj);
    }
    if (get_pair(&args[ARG_atime], &args[ARG_mtime], &attrs->atime, &attrs->mtime)) {
        attrs->flags |= SSH_SFTP_TIMES;
    }
    if (get_pair(&args[ARG_uid], &args[ARG_gid], &attrs->uid, &attrs->gid)) {
        attrs->flags |= SSH_SFTP_UIDGID;
    }
}

static mp_obj_t sftp_setstat(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { ARG_path, ARG_attrs, ARG_follow = ARG_attrs + 6 };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_path, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        MODSSH_SFTP_ATTR_ARGS,
        { MP_QSTR_follow, MP_ARG_KW_ONLY | MP_ARG_BOOL, {.u_bool = true} },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args - 1, pos_args + 1, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    ssh_sftp_attrs_t attrs;
    modssh_sftp_attrs_parse(args + ARG_attrs, &attrs);
    modssh_op_t op;
    int what = args[ARG_follow].u_bool ? SSH_SFTP_SETSTAT : SSH_SFTP_LSETSTAT;
    request(&op, MP_OBJ_TO_PTR(pos_args[0]), what, args[ARG_path].u_obj, MP_OBJ_NULL, &attrs);
    modssh_leave(&op);
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_KW(modssh_sftp_setstat_obj, 2, sftp_setstat);
