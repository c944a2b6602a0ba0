// class SFTPDir, what opendir() gives, and listdir().

#include <string.h>

#include "modssh_sftp.h"

// The next entry's name (MP_OBJ_NULL at the end), attributes and, unless line_out is NULL, the server's line.
static mp_obj_t next_name(mp_obj_ssh_sftp_file_t *self, ssh_sftp_attrs_t *attrs, mp_obj_t *line_out) {
    if (self->failed) {
        return MP_OBJ_NULL;
    }
    modssh_op_t op;
    modssh_sftp_enter_file(&op, self);
    const uint8_t *name, *line;
    size_t len, line_len;
    int r;
    MODSSH_SFTP_RUN(&op, self->sftp, r,
        ssh_sftp_next(self->sftp->core, self->id, &name, &len, attrs, &line, &line_len));
    self->failed = r == SSH_SFTP_ERROR;
    mp_obj_t ret = MP_OBJ_NULL;
    if (modssh_sftp_check(&op, self->sftp, r) > 0) {
        ret = modssh_sftp_name_obj(name, len);
        if (line_out != NULL) {
            *line_out = modssh_sftp_name_obj(line, line_len);
        }
    }
    modssh_leave(&op);
    return ret;
}

static mp_obj_t next_entry(mp_obj_t self_in, mp_obj_t at_end, bool with_line) {
    ssh_sftp_attrs_t attrs;
    mp_obj_t items[3];
    items[0] = next_name(MP_OBJ_TO_PTR(self_in), &attrs, with_line ? &items[2] : NULL);
    if (items[0] == MP_OBJ_NULL) {
        return at_end;
    }
    items[1] = modssh_sftp_attrs_obj(&attrs);
    return mp_obj_new_tuple(with_line ? 3 : 2, items);
}

// read(line=False): (name, attrs), or with the server's line as well; None at the end.
static mp_obj_t dir_read(size_t n_args, const mp_obj_t *args) {
    return next_entry(args[0], mp_const_none, n_args > 1 && mp_obj_is_true(args[1]));
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(dir_read_obj, 1, 2, dir_read);

static mp_obj_t dir_iternext(mp_obj_t self_in) {
    return next_entry(self_in, MP_OBJ_STOP_ITERATION, false);
}

static bool is_dot(mp_obj_t name) {
    mp_buffer_info_t info;
    mp_get_buffer_raise(name, &info, MP_BUFFER_READ);
    return info.len <= 2 && memcmp(info.buf, "..", info.len) == 0;
}

// listdir(path="."): names without "." and "..".
static mp_obj_t sftp_listdir(size_t n_args, const mp_obj_t *args) {
    mp_obj_t path = n_args > 1 ? args[1] : mp_obj_new_str(".", 1);
    mp_obj_t list = mp_obj_new_list(0, NULL);
    modssh_must_wait(((mp_obj_ssh_sftp_t *)MP_OBJ_TO_PTR(args[0]))->session);
    mp_obj_t dir = modssh_sftp_open_file(&mp_type_ssh_sftp_dir, MP_OBJ_TO_PTR(args[0]), path, 0, 0, MICROPY_PY_SSH_SFTP_DIR_BUFFER);
    ssh_sftp_attrs_t attrs;
    mp_obj_t name;
    while ((name = next_name(MP_OBJ_TO_PTR(dir), &attrs, NULL)) != MP_OBJ_NULL) {
        if (!is_dot(name)) {
            mp_obj_list_append(list, name);
        }
    }
    mp_call_function_1(MP_OBJ_FROM_PTR(&modssh_sftp_file_close_obj), dir);
    return list;
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(modssh_sftp_listdir_obj, 1, 2, sftp_listdir);

static const mp_rom_map_elem_t dir_locals_dict_table[] = {
    { MP_ROM_QSTR(MP_QSTR_read), MP_ROM_PTR(&dir_read_obj) },
    { MP_ROM_QSTR(MP_QSTR_opened), MP_ROM_PTR(&modssh_sftp_file_opened_obj) },
    { MP_ROM_QSTR(MP_QSTR_close), MP_ROM_PTR(&modssh_sftp_file_close_obj) },
    { MP_ROM_QSTR(MP_QSTR___enter__), MP_ROM_PTR(&mp_identity_obj) },
    { MP_ROM_QSTR(MP_QSTR___exit__), MP_ROM_PTR(&modssh_sftp_file___exit___obj) },
    { MP_ROM_QSTR(MP_QSTR___del__), MP_ROM_PTR(&modssh_sftp_file___del___obj) },
};
static MP_DEFINE_CONST_DICT(dir_locals_dict, dir_locals_dict_table);

MP_DEFINE_CONST_OBJ_TYPE(
    mp_type_ssh_sftp_dir,
    MP_QSTR_SFTPDir,
    MP_TYPE_FLAG_ITER_IS_ITERNEXT,
    iter, dir_iternext,
    locals_dict, &dir_locals_dict
    );
