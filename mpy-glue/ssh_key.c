// class Key: a private key that stays in memory, and the function verify().

#include "py/objstr.h"

#include "modssh.h"

typedef struct _mp_obj_ssh_key_t {
    mp_obj_base_t base;
    ssh_key_t *key; // in memory, aligned by hand; NULL: there is none yet, or no longer
    mp_obj_t comment;
    byte memory[];
} mp_obj_ssh_key_t;

static mp_obj_ssh_key_t *key_of(mp_obj_t self_in) {
    mp_obj_ssh_key_t *self = MP_OBJ_TO_PTR(self_in);
    if (self->key == NULL) {
        mp_raise_ValueError(MP_ERROR_TEXT("this key has been wiped"));
    }
    return self;
}

const ssh_key_t *modssh_key_get(mp_obj_t obj) {
    obj = mp_obj_cast_to_native_base(obj, MP_OBJ_FROM_PTR(&mp_type_ssh_key));
    return obj == MP_OBJ_NULL ? NULL : key_of(obj)->key;
}

// An object without a key, and the memory for one.
static mp_obj_ssh_key_t *key_new(const mp_obj_type_t *type, ssh_key_t **memory) {
    size_t align = ssh_key_align();
    mp_obj_ssh_key_t *self = mp_obj_malloc_var_with_finaliser(mp_obj_ssh_key_t, byte, ssh_key_size() + align, type);
    self->key = NULL;
    self->comment = MP_OBJ_NEW_QSTR(MP_QSTR_);
    *memory = (ssh_key_t *)(((uintptr_t)self->memory + align - 1) & ~(uintptr_t)(align - 1));
    return self;
}

// After a call of the core: interrupts are let through again, and an error is raised.
static void key_check(int code, bool was_held) {
    if (!was_held) {
        modssh_hold_interrupts(false);
    }
    if (code != SSH_OK) {
        modssh_raise_code(code);
    }
}

// Key(privkey, passphrase=None)
static mp_obj_t key_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *all_args) {
    static const mp_arg_t allowed[] = {
        { MP_QSTR_privkey, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_passphrase, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all_kw_array(n_args, n_kw, all_args, MP_ARRAY_SIZE(allowed), allowed, args);
    mp_buffer_info_t text, pass;
    modssh_get_data(args[0].u_obj, &text);
    size_t scratch_len = text.len + 64;
    ssh_key_t *memory;
    mp_obj_ssh_key_t *self = key_new(type, &memory);
    byte *scratch = m_new(byte, scratch_len);

    // No allocation, and so no finaliser, from here to the end of the parser: the buffers cannot move.
    modssh_get_data(args[0].u_obj, &text);
    modssh_get_passphrase(args[1].u_obj, &pass);
    const uint8_t *comment;
    size_t comment_len;
    bool was_held = modssh_hold_interrupts(true);
    int code = ssh_key_parse(memory, text.buf, text.len, pass.buf, pass.len, scratch, scratch_len,
        &comment, &comment_len);
    if (code == SSH_OK) {
        self->key = memory;
    }
    key_check(code, was_held);
    self->comment = modssh_printable_obj(comment, comment_len);
    m_del(byte, scratch, scratch_len);
    return MP_OBJ_FROM_PTR(self);
}

// generate(type="ssh-ed25519", bits=None)
static mp_obj_t key_generate(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    static const mp_arg_t allowed[] = {
        { MP_QSTR_type, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_bits, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args, pos_args, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    mp_buffer_info_t name = { .buf = "ssh-ed25519", .len = 11 };
    if (args[0].u_obj != mp_const_none) {
        modssh_get_data(args[0].u_obj, &name);
    }
    mp_int_t bits = args[1].u_obj == mp_const_none ? 0 : mp_obj_get_int(args[1].u_obj);
    if (args[1].u_obj != mp_const_none && (bits <= 0 || bits > 0x7fff)) {
        modssh_raise_code(SSH_E_KEY_SIZE);
    }
    ssh_key_t *memory;
    mp_obj_ssh_key_t *self = key_new(&mp_type_ssh_key, &memory);
    uint8_t seed[SSH_SEED_LEN];
    modssh_random(seed, sizeof(seed));
    if (args[0].u_obj != mp_const_none) {
        modssh_get_data(args[0].u_obj, &name); // Python code may have run
    }
    bool was_held = modssh_hold_interrupts(true);
    int code = ssh_key_generate(memory, name.buf, name.len, bits, seed);
    if (code == SSH_OK) {
        self->key = memory;
    }
    key_check(code, was_held);
    return MP_OBJ_FROM_PTR(self);
}
static MP_DEFINE_CONST_FUN_OBJ_KW(key_generate_fun_obj, 0, key_generate);
static MP_DEFINE_CONST_STATICMETHOD_OBJ(key_generate_obj, MP_ROM_PTR(&key_generate_fun_obj));

static mp_obj_t key_wipe(mp_obj_t self_in) {
    mp_obj_ssh_key_t *self = MP_OBJ_TO_PTR(self_in);
    ssh_key_wipe(self->key);
    self->key = NULL;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(key_wipe_obj, key_wipe);

// sign(data, algorithm=None)
static mp_obj_t key_sign(size_t n_args, const mp_obj_t *args) {
    vstr_t vstr;
    vstr_init_len(&vstr, ssh_key_max_signature());
    mp_obj_ssh_key_t *self = key_of(args[0]);
    mp_buffer_info_t data, name = { .buf = NULL, .len = 0 };
    modssh_get_data(args[1], &data);
    if (n_args > 2 && args[2] != mp_const_none) {
        modssh_get_data(args[2], &name);
    }
    bool was_held = modssh_hold_interrupts(true);
    vstr.len = ssh_key_sign(self->key, name.buf, name.len, data.buf, data.len, (uint8_t *)vstr.buf, vstr.len);
    key_check(SSH_OK, was_held);
    if (vstr.len == 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("this key does not sign with that algorithm"));
    }
    return mp_obj_new_bytes_from_vstr(&vstr);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(key_sign_obj, 2, 3, key_sign);

// Write the file into out, which has room bytes, with memory for the core's own use: its length.
static size_t key_write(mp_obj_t self_in, mp_arg_val_t *args, byte *out, size_t room) {
    byte *scratch = m_new(byte, room);
    uint8_t seed[SSH_SEED_LEN];
    modssh_random(seed, sizeof(seed));
    // From here on no Python code runs, which could wipe the key or change the arguments.
    mp_obj_ssh_key_t *self = key_of(self_in);
    mp_buffer_info_t pass, comment;
    modssh_get_passphrase(args[0].u_obj, &pass);
    modssh_get_data(args[1].u_obj, &comment);
    ssh_key_file_t file = {
        .passphrase = pass.buf,
        .passphrase_len = pass.len,
        .rounds = MAX(args[2].u_int, 0),
        .comment = comment.buf,
        .comment_len = comment.len,
    };
    size_t len = 0;
    bool was_held = modssh_hold_interrupts(true);
    int code = ssh_key_write(self->key, &file, seed, scratch, out, room, &len);
    key_check(code, was_held);
    m_del(byte, scratch, room);
    return len;
}

// private(passphrase=None, comment="", rounds=16)
static mp_obj_t key_private(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    static const mp_arg_t allowed[] = {
        { MP_QSTR_passphrase, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_comment, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_QSTR(MP_QSTR_)} },
        { MP_QSTR_rounds, MP_ARG_INT, {.u_int = 16} },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args - 1, pos_args + 1, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    if (args[2].u_int < 1 || args[2].u_int > 1024) {
        mp_raise_ValueError(MP_ERROR_TEXT("rounds: 1 to 1024"));
    }
    mp_buffer_info_t comment;
    modssh_get_data(args[1].u_obj, &comment);
    vstr_t vstr;
    vstr_init_len(&vstr, ssh_key_write_room(comment.len));
    vstr.len = key_write(pos_args[0], args, (byte *)vstr.buf, vstr.len);
    return mp_obj_new_bytes_from_vstr(&vstr);
}
static MP_DEFINE_CONST_FUN_OBJ_KW(key_private_obj, 1, key_private);

static mp_obj_t key_public(mp_obj_t self_in) {
    vstr_t vstr;
    vstr_init_len(&vstr, ssh_key_public_room());
    vstr.len = ssh_key_public(key_of(self_in)->key, (uint8_t *)vstr.buf, vstr.len);
    return mp_obj_new_bytes_from_vstr(&vstr);
}

static void key_attr(mp_obj_t self_in, qstr attr, mp_obj_t *dest) {
    if (dest[0] != MP_OBJ_NULL) {
        return; // all of it is read-only
    }
    switch (attr) {
        case MP_QSTR_type:
        case MP_QSTR_fingerprint:
        case MP_QSTR_public: {
            mp_obj_t blob_obj = key_public(self_in);
            GET_STR_DATA_LEN(blob_obj, blob, len);
            dest[0] = attr == MP_QSTR_public ? blob_obj
                : attr == MP_QSTR_type ? modssh_key_type_obj(blob, len) : modssh_fingerprint_obj(blob, len);
            break;
        }
        case MP_QSTR_bits:
            dest[0] = MP_OBJ_NEW_SMALL_INT(ssh_key_bits(key_of(self_in)->key));
            break;
        case MP_QSTR_comment:
            dest[0] = key_of(self_in)->comment;
            break;
        default:
            dest[1] = MP_OBJ_SENTINEL; // go on with the locals dict
    }
}

static void key_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    (void)kind;
    mp_obj_ssh_key_t *self = MP_OBJ_TO_PTR(self_in);
    if (self->key == NULL) {
        mp_print_str(print, "<Key wiped>");
        return;
    }
    mp_obj_t blob_obj = key_public(self_in);
    GET_STR_DATA_LEN(blob_obj, blob, len);
    mp_print_str(print, "<Key ");
    mp_obj_print_helper(print, modssh_key_type_obj(blob, len), PRINT_STR);
    mp_print_str(print, " ");
    mp_obj_print_helper(print, modssh_fingerprint_obj(blob, len), PRINT_STR);
    mp_print_str(print, ">");
}

static const mp_rom_map_elem_t key_locals_dict_table[] = {
    { MP_ROM_QSTR(MP_QSTR_generate), MP_ROM_PTR(&key_generate_obj) },
    { MP_ROM_QSTR(MP_QSTR_sign), MP_ROM_PTR(&key_sign_obj) },
    { MP_ROM_QSTR(MP_QSTR_private), MP_ROM_PTR(&key_private_obj) },
    { MP_ROM_QSTR(MP_QSTR_wipe), MP_ROM_PTR(&key_wipe_obj) },
    { MP_ROM_QSTR(MP_QSTR___del__), MP_ROM_PTR(&key_wipe_obj) },
};
static MP_DEFINE_CONST_DICT(key_locals_dict, key_locals_dict_table);

MP_DEFINE_CONST_OBJ_TYPE(
    mp_type_ssh_key,
    MP_QSTR_Key,
    MP_TYPE_FLAG_NONE,
    make_new, key_make_new,
    print, key_print,
    attr, key_attr,
    locals_dict, &key_locals_dict
    );

// verify(public, data, signature): whether the signature is by that key
static mp_obj_t modssh_verify(mp_obj_t public_in, mp_obj_t data_in, mp_obj_t signature_in) {
    uint8_t *blob;
    size_t blob_len = modssh_public_blob(public_in, &blob);
    mp_buffer_info_t data, signature;
    modssh_get_data(data_in, &data);
    modssh_get_data(signature_in, &signature);
    bool was_held = modssh_hold_interrupts(true);
    int code = ssh_key_verify(blob, blob_len, data.buf, data.len, signature.buf, signature.len);
    key_check(code == SSH_E_SIGNATURE ? SSH_OK : code, was_held);
    return mp_obj_new_bool(code == SSH_OK);
}
MP_DEFINE_CONST_FUN_OBJ_3(modssh_verify_obj, modssh_verify);
