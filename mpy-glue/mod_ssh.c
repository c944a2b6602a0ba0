// The module `_ssh`: functions, constants, SSHError, and what all files use for errors and arguments.

#include <stdio.h>
#include <string.h>

#include "py/objexcept.h"
#include "py/objstr.h"

#include "modssh.h"

#define TIMEOUT_MAX_MS (0x1fffffff)

// ---------------------------------------------------------------- SSHError

// (code, sentence[, reason]): str() gives the sentence alone, which is what a user wants to see.
static void sshexc_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    mp_obj_exception_t *self = MP_OBJ_TO_PTR(self_in);
    mp_print_kind_t k = kind & ~PRINT_EXC_SUBCLASS;
    if ((k != PRINT_STR && k != PRINT_EXC) || self->args == NULL || self->args->len < 2) {
        mp_obj_exception_print(print, self_in, kind);
        return;
    }
    if (k == PRINT_EXC) {
        if (!(kind & PRINT_EXC_SUBCLASS)) {
            mp_print_str(print, qstr_str(self->base.type->name));
        }
        mp_print_str(print, ": ");
    }
    mp_obj_print_helper(print, self->args->items[1], PRINT_STR);
}

MP_DEFINE_CONST_OBJ_TYPE(
    mp_type_SSHError,
    MP_QSTR_SSHError,
    MP_TYPE_FLAG_NONE,
    make_new, mp_obj_exception_make_new,
    print, sshexc_print,
    attr, mp_obj_exception_attr,
    parent, &mp_type_OSError
    );

static mp_obj_t new_exc_text(const mp_obj_type_t *type, mp_int_t code, const char *text, size_t len) {
    mp_obj_t args[2] = { MP_OBJ_NEW_SMALL_INT(code), mp_obj_new_str(text, len) };
    return mp_obj_new_exception_args(type, 2, args);
}

mp_obj_t modssh_new_sshexc(uint32_t code, const char *text, size_t len) {
    return new_exc_text(&mp_type_SSHError, code, text, len);
}

void modssh_raise_errno_text(int err, const char *text, size_t len) {
    nlr_raise(new_exc_text(&mp_type_OSError, err, text, len));
}

static bool is_argument_error(uint32_t code) {
    return (code >= SSH_E_KEY_FORMAT && code <= SSH_E_KEY_CERT_KIND && code != SSH_E_NO_MEMORY)
           || code == SSH_E_KEY_NEEDS_KEYGEN || code == SSH_E_KEY_SIZE;
}

static void vstr_add_part(vstr_t *vstr, const char *intro, const char *text, size_t len) {
    if (len > 0) {
        vstr_add_str(vstr, intro);
        vstr_add_strn(vstr, text, len);
    }
}

mp_obj_t modssh_exception(const mp_obj_ssh_session_t *session, uint32_t code) {
    ssh_error_t err;
    memset(&err, 0, sizeof(err));
    err.code = code;
    ssh_last_error(session != NULL ? session->core : NULL, &err);
    vstr_t vstr;
    vstr_init(&vstr, err.text_len + err.ours_len + err.theirs_len + 64);
    vstr_add_strn(&vstr, err.text, err.text_len);
    if (err.ours_len > 0) {
        vstr_add_part(&vstr, "; we offer: ", err.ours, err.ours_len);
        vstr_add_part(&vstr, "; the server offers: ", err.theirs, err.theirs_len);
    } else {
        vstr_add_part(&vstr, ": ", err.theirs, err.theirs_len);
    }
    if (is_argument_error(err.code)) {
        return mp_obj_new_exception_arg1(&mp_type_ValueError, mp_obj_new_str_from_vstr(&vstr));
    }
    if (err.reason == 0) {
        return modssh_new_sshexc(err.code, vstr.buf, vstr.len);
    }
    mp_obj_t args[3] = {
        MP_OBJ_NEW_SMALL_INT(err.code), mp_obj_new_str_from_vstr(&vstr), mp_obj_new_int_from_uint(err.reason)
    };
    return mp_obj_new_exception_args(&mp_type_SSHError, MP_ARRAY_SIZE(args), args);
}

void modssh_raise_code(uint32_t code) {
    nlr_raise(modssh_exception(NULL, code));
}

void modssh_code_text(uint32_t code, ssh_error_t *err) {
    memset(err, 0, sizeof(*err));
    err->code = code;
    ssh_last_error(NULL, err);
}

mp_int_t modssh_exc_code(mp_obj_t exc) {
    mp_int_t code;
    bool has = mp_obj_exception_match(exc, MP_OBJ_FROM_PTR(&mp_type_SSHError))
        && mp_obj_get_int_maybe(mp_obj_exception_get_value(exc), &code);
    return has ? code : 0;
}

void modssh_raise(mp_obj_ssh_session_t *session, ptrdiff_t r) {
    if (r == SSH_AGAIN) {
        mp_raise_OSError(MP_ETIMEDOUT);
    }
    if (r == SSH_EXCEPTION) {
        modssh_line_raise(&session->line);
    }
    if (session->core == NULL) {
        modssh_raise_code(SSH_E_CLOSED);
    }
    ssh_error_t err;
    memset(&err, 0, sizeof(err));
    ssh_last_error(session->core, &err);
    if (r == SSH_ERRNO) {
        mp_raise_OSError(err.code);
    }
    if (err.code == SSH_E_SILENT) {
        modssh_raise_errno_text(MP_ETIMEDOUT, err.text, err.text_len);
    }
    nlr_raise(modssh_exception(session, 0));
}

// ---------------------------------------------------------------- arguments and values

void modssh_get_data(mp_obj_t obj, mp_buffer_info_t *info) {
    mp_get_buffer_raise(obj, info, MP_BUFFER_READ);
}

void modssh_pin_data(modssh_op_t *op, mp_obj_t obj, mp_buffer_info_t *info) {
    mp_get_buffer_raise(obj, info, MP_BUFFER_READ);
    if (!mp_obj_is_str_or_bytes(obj)) {
        void *copy = modssh_scratch(op, info->len, 1);
        mp_get_buffer_raise(obj, info, MP_BUFFER_READ); // the allocation may have run finalisers
        info->buf = memcpy(copy, info->buf, info->len);
    }
}

void modssh_get_passphrase(mp_obj_t obj, mp_buffer_info_t *info) {
    static const byte empty;
    memset(info, 0, sizeof(*info));
    if (obj != mp_const_none) {
        modssh_get_data(obj, info);
        if (info->buf == NULL) {
            info->buf = (void *)&empty; // an empty passphrase is not the same as none
        }
    }
}

mp_int_t modssh_get_timeout(mp_obj_t obj) {
    if (obj == mp_const_none) {
        return MODSSH_FOREVER;
    }
    #if MICROPY_PY_BUILTINS_FLOAT
    mp_float_t seconds = mp_obj_get_float(obj);
    if (!(seconds >= MICROPY_FLOAT_CONST(0.0))) {
        mp_raise_ValueError(MP_ERROR_TEXT("timeout must not be negative"));
    }
    if (seconds >= (mp_float_t)(TIMEOUT_MAX_MS / 1000)) {
        return TIMEOUT_MAX_MS;
    }
    mp_int_t ms = (mp_int_t)(seconds * MICROPY_FLOAT_CONST(1000.0));
    return ms == 0 && seconds > MICROPY_FLOAT_CONST(0.0) ? 1 : ms;
    #else
    mp_int_t seconds = mp_obj_get_int(obj);
    if (seconds < 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("timeout must not be negative"));
    }
    return seconds >= TIMEOUT_MAX_MS / 1000 ? TIMEOUT_MAX_MS : seconds * 1000;
    #endif
}

mp_obj_t modssh_timeout_obj(mp_int_t ms) {
    if (ms < 0) {
        return mp_const_none;
    }
    #if MICROPY_PY_BUILTINS_FLOAT
    if (ms % 1000 != 0) {
        return mp_obj_new_float((mp_float_t)ms / MICROPY_FLOAT_CONST(1000.0));
    }
    #endif
    return MP_OBJ_NEW_SMALL_INT(ms / 1000);
}

mp_obj_t modssh_split_names(const char *text, size_t len) {
    mp_obj_t list = mp_obj_new_list(0, NULL);
    while (len > 0) {
        const char *comma = memchr(text, ',', len);
        size_t n = comma == NULL ? len : (size_t)(comma - text);
        mp_obj_list_append(list, mp_obj_new_str(text, n));
        if (comma == NULL) {
            break;
        }
        text += n + 1;
        len -= n + 1;
    }
    size_t n_items;
    mp_obj_t *items;
    mp_obj_list_get(list, &n_items, &items);
    return mp_obj_new_tuple(n_items, items);
}

mp_obj_t modssh_printable_obj(const uint8_t *text, size_t len) {
    vstr_t vstr;
    vstr_init_len(&vstr, len);
    vstr.len = ssh_printable(text, len, vstr.buf);
    return mp_obj_new_str_from_vstr(&vstr);
}

mp_obj_t modssh_fingerprint_obj(const uint8_t *blob, size_t len) {
    char text[SSH_FINGERPRINT_LEN];
    ssh_fingerprint(blob, len, text);
    return mp_obj_new_str(text, sizeof(text));
}

size_t modssh_public_blob(mp_obj_t key, uint8_t **blob) {
    mp_buffer_info_t info;
    modssh_get_data(key, &info);
    size_t room = MAX(info.len, 1);
    *blob = m_new(uint8_t, room);
    modssh_get_data(key, &info);
    ptrdiff_t len = ssh_key_parse_public(info.buf, info.len, *blob, room);
    if (len == -SSH_E_KEY_FORMAT) {
        mp_raise_ValueError(MP_ERROR_TEXT("not an OpenSSH public key"));
    }
    if (len <= 0) {
        modssh_raise_code(-len);
    }
    return len;
}

mp_obj_t modssh_any_public_obj(mp_obj_t key) {
    mp_buffer_info_t info;
    modssh_get_data(key, &info);
    vstr_t vstr;
    vstr_init_len(&vstr, MAX(info.len, 1));
    modssh_get_data(key, &info);
    vstr.len = ssh_key_decode_public(info.buf, MIN(info.len, vstr.len), (uint8_t *)vstr.buf, vstr.len);
    if (vstr.len == 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("not an OpenSSH public key"));
    }
    return mp_obj_new_bytes_from_vstr(&vstr);
}

// ---------------------------------------------------------------- functions

static mp_obj_t modssh_version(void) {
    size_t len;
    const char *text = ssh_version(&len);
    return mp_obj_new_str(text, len);
}
static MP_DEFINE_CONST_FUN_OBJ_0(modssh_version_obj, modssh_version);

static mp_obj_t modssh_crypto_engine_name(void) {
    size_t len;
    const char *text = ssh_crypto_name(&len);
    return mp_obj_new_str(text, len);
}
static MP_DEFINE_CONST_FUN_OBJ_0(modssh_crypto_engine_name_obj, modssh_crypto_engine_name);

static mp_obj_t modssh_crypto_engine(void) {
    return mp_obj_new_int_from_uint(ssh_crypto_number());
}
static MP_DEFINE_CONST_FUN_OBJ_0(modssh_crypto_engine_obj, modssh_crypto_engine);

static mp_obj_t modssh_algorithms(void) {
    static const qstr_short_t names[] = { MP_QSTR_kex, MP_QSTR_host_keys, MP_QSTR_ciphers, MP_QSTR_macs };
    mp_obj_t dict = mp_obj_new_dict(MP_ARRAY_SIZE(names));
    for (size_t i = 0; i < MP_ARRAY_SIZE(names); i++) {
        size_t len;
        const char *text = ssh_algorithms(i, &len);
        mp_obj_dict_store(dict, MP_OBJ_NEW_QSTR(names[i]), modssh_split_names(text, len));
    }
    return dict;
}
static MP_DEFINE_CONST_FUN_OBJ_0(modssh_algorithms_obj, modssh_algorithms);

// fingerprint(key, hash="sha256")
static mp_obj_t modssh_fingerprint(size_t n_args, const mp_obj_t *args) {
    // Of any type: what is only shown need not be understood.
    mp_obj_t blob_obj = modssh_any_public_obj(args[0]);
    GET_STR_DATA_LEN(blob_obj, blob, len);
    if (n_args == 1 || mp_obj_equal(args[1], MP_OBJ_NEW_QSTR(MP_QSTR_sha256))) {
        return modssh_fingerprint_obj(blob, len);
    }
    if (!mp_obj_equal(args[1], MP_OBJ_NEW_QSTR(MP_QSTR_md5))) {
        mp_raise_ValueError(MP_ERROR_TEXT("fingerprint: sha256 or md5"));
    }
    uint8_t md5[SSH_MD5_LEN];
    int code = ssh_fingerprint_md5(blob, len, md5);
    if (code != SSH_OK) {
        modssh_raise_code(code);
    }
    vstr_t vstr;
    vstr_init(&vstr, 4 + 3 * sizeof(md5));
    for (size_t i = 0; i < sizeof(md5); i++) {
        vstr_printf(&vstr, "%s%02x", i == 0 ? "MD5:" : ":", md5[i]);
    }
    return mp_obj_new_str_from_vstr(&vstr);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(modssh_fingerprint_fun_obj, 1, 2, modssh_fingerprint);

// ---------------------------------------------------------------- the module

static const mp_rom_map_elem_t modssh_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR__ssh) },
    { MP_ROM_QSTR(MP_QSTR_version), MP_ROM_PTR(&modssh_version_obj) },
    { MP_ROM_QSTR(MP_QSTR_crypto_engine_name), MP_ROM_PTR(&modssh_crypto_engine_name_obj) },
    { MP_ROM_QSTR(MP_QSTR_crypto_engine), MP_ROM_PTR(&modssh_crypto_engine_obj) },
    { MP_ROM_QSTR(MP_QSTR_algorithms), MP_ROM_PTR(&modssh_algorithms_obj) },
    { MP_ROM_QSTR(MP_QSTR_fingerprint), MP_ROM_PTR(&modssh_fingerprint_fun_obj) },
    { MP_ROM_QSTR(MP_QSTR_verify), MP_ROM_PTR(&modssh_verify_obj) },
    { MP_ROM_QSTR(MP_QSTR_Key), MP_ROM_PTR(&mp_type_ssh_key) },
    { MP_ROM_QSTR(MP_QSTR_Session), MP_ROM_PTR(&mp_type_ssh_session) },
    { MP_ROM_QSTR(MP_QSTR_Channel), MP_ROM_PTR(&mp_type_ssh_channel) },
    { MP_ROM_QSTR(MP_QSTR_SFTP), MP_ROM_PTR(&mp_type_ssh_sftp) },
    { MP_ROM_QSTR(MP_QSTR_SFTPFile), MP_ROM_PTR(&mp_type_ssh_sftp_file) },
    #if MICROPY_PY_SSH_AGENT
    { MP_ROM_QSTR(MP_QSTR_Agent), MP_ROM_PTR(&mp_type_ssh_agent) },
    #endif
    #if MICROPY_PY_SSH_UNIX
    { MP_ROM_QSTR(MP_QSTR_unix), MP_ROM_PTR(&modssh_unix_module) },
    #endif
    { MP_ROM_QSTR(MP_QSTR_SSHError), MP_ROM_PTR(&mp_type_SSHError) },

    { MP_ROM_QSTR(MP_QSTR_ERR_MISUSE), MP_ROM_INT(SSH_E_MISUSE) },
    { MP_ROM_QSTR(MP_QSTR_ERR_CLOSED), MP_ROM_INT(SSH_E_CLOSED) },
    { MP_ROM_QSTR(MP_QSTR_ERR_EOF), MP_ROM_INT(SSH_E_EOF) },
    { MP_ROM_QSTR(MP_QSTR_ERR_DISCONNECTED), MP_ROM_INT(SSH_E_DISCONNECTED) },
    { MP_ROM_QSTR(MP_QSTR_ERR_HOST_KEY_REJECTED), MP_ROM_INT(SSH_E_HOST_KEY_REJECTED) },
    { MP_ROM_QSTR(MP_QSTR_ERR_AUTH_FAILED), MP_ROM_INT(SSH_E_AUTH_FAILED) },
    { MP_ROM_QSTR(MP_QSTR_ERR_OPEN_REFUSED), MP_ROM_INT(SSH_E_OPEN_REFUSED) },
    { MP_ROM_QSTR(MP_QSTR_ERR_REQUEST_REFUSED), MP_ROM_INT(SSH_E_REQUEST_REFUSED) },
    { MP_ROM_QSTR(MP_QSTR_ERR_CHANNEL_CLOSED), MP_ROM_INT(SSH_E_CHANNEL_CLOSED) },
    { MP_ROM_QSTR(MP_QSTR_ERR_NO_SLOT), MP_ROM_INT(SSH_E_NO_SLOT) },
    { MP_ROM_QSTR(MP_QSTR_ERR_TOO_LONG), MP_ROM_INT(SSH_E_TOO_LONG) },
    { MP_ROM_QSTR(MP_QSTR_ERR_UNKNOWN_ALGORITHM), MP_ROM_INT(SSH_E_UNKNOWN_ALGORITHM) },
    { MP_ROM_QSTR(MP_QSTR_ERR_CONFIG), MP_ROM_INT(SSH_E_CONFIG) },
    { MP_ROM_QSTR(MP_QSTR_ERR_KEX_TIMEOUT), MP_ROM_INT(SSH_E_KEX_TIMEOUT) },
    { MP_ROM_QSTR(MP_QSTR_ERR_PASSWORD_EXPIRED), MP_ROM_INT(SSH_E_PASSWORD_EXPIRED) },
    { MP_ROM_QSTR(MP_QSTR_ERR_TOO_MANY_FACTORS), MP_ROM_INT(SSH_E_TOO_MANY_FACTORS) },
    { MP_ROM_QSTR(MP_QSTR_ERR_TOO_MANY_PROMPTS), MP_ROM_INT(SSH_E_TOO_MANY_PROMPTS) },
    { MP_ROM_QSTR(MP_QSTR_ERR_KEY), MP_ROM_INT(SSH_E_KEY_FORMAT) },
    { MP_ROM_QSTR(MP_QSTR_ERR_LEFT_OUT), MP_ROM_INT(SSH_E_LEFT_OUT) },
    { MP_ROM_QSTR(MP_QSTR_ERR_NO_FORWARD), MP_ROM_INT(SSH_E_NO_FORWARD) },
    { MP_ROM_QSTR(MP_QSTR_ERR_AGENT_SIGNATURE), MP_ROM_INT(SSH_E_AGENT_SIGNATURE) },
    #if MICROPY_PY_SSH_AGENT
    { MP_ROM_QSTR(MP_QSTR_ERR_AGENT_GONE), MP_ROM_INT(SSH_E_AGENT_GONE) },
    { MP_ROM_QSTR(MP_QSTR_ERR_AGENT_REFUSED), MP_ROM_INT(SSH_E_AGENT_REFUSED) },
    { MP_ROM_QSTR(MP_QSTR_ERR_AGENT_PROTOCOL), MP_ROM_INT(SSH_E_AGENT_PROTOCOL) },
    { MP_ROM_QSTR(MP_QSTR_ERR_AGENT_EMPTY), MP_ROM_INT(SSH_E_AGENT_EMPTY) },
    #endif
    { MP_ROM_QSTR(MP_QSTR_ERR_NOT_SSH), MP_ROM_INT(SSH_E_NOT_SSH) },
    { MP_ROM_QSTR(MP_QSTR_ERR_SSH1), MP_ROM_INT(SSH_E_SSH1) },
    { MP_ROM_QSTR(MP_QSTR_ERR_NO_KEX), MP_ROM_INT(SSH_E_NO_KEX) },
    { MP_ROM_QSTR(MP_QSTR_ERR_NO_HOST_KEY), MP_ROM_INT(SSH_E_NO_HOST_KEY) },
    { MP_ROM_QSTR(MP_QSTR_ERR_NO_CIPHER), MP_ROM_INT(SSH_E_NO_CIPHER) },
    { MP_ROM_QSTR(MP_QSTR_ERR_NO_MAC), MP_ROM_INT(SSH_E_NO_MAC) },
    { MP_ROM_QSTR(MP_QSTR_ERR_COMPRESSION), MP_ROM_INT(SSH_E_COMPRESSION) },
    { MP_ROM_QSTR(MP_QSTR_ERR_SERVICE), MP_ROM_INT(SSH_E_SERVICE) },
    { MP_ROM_QSTR(MP_QSTR_ERR_PROTOCOL), MP_ROM_INT(SSH_E_PROTOCOL) },
    { MP_ROM_QSTR(MP_QSTR_ERR_MAC), MP_ROM_INT(SSH_E_MAC) },
    { MP_ROM_QSTR(MP_QSTR_ERR_STRICT_KEX), MP_ROM_INT(SSH_E_STRICT_KEX) },
    { MP_ROM_QSTR(MP_QSTR_ERR_SIGNATURE), MP_ROM_INT(SSH_E_SIGNATURE) },
    { MP_ROM_QSTR(MP_QSTR_ERR_HOST_KEY_CHANGED), MP_ROM_INT(SSH_E_HOST_KEY_CHANGED) },
    { MP_ROM_QSTR(MP_QSTR_ERR_HOST_KEY_TOO_SHORT), MP_ROM_INT(SSH_E_HOST_KEY_TOO_SHORT) },
    { MP_ROM_QSTR(MP_QSTR_ERR_CERT_FORMAT), MP_ROM_INT(SSH_E_CERT_FORMAT) },
    { MP_ROM_QSTR(MP_QSTR_ERR_CERT_EXPIRED), MP_ROM_INT(SSH_E_CERT_EXPIRED) },
    { MP_ROM_QSTR(MP_QSTR_ERR_CERT_NOT_YET_VALID), MP_ROM_INT(SSH_E_CERT_NOT_YET_VALID) },
    { MP_ROM_QSTR(MP_QSTR_ERR_CERT_PRINCIPAL), MP_ROM_INT(SSH_E_CERT_PRINCIPAL) },
    { MP_ROM_QSTR(MP_QSTR_ERR_CERT_AUTHORITY), MP_ROM_INT(SSH_E_CERT_AUTHORITY) },
    { MP_ROM_QSTR(MP_QSTR_ERR_CERT_KIND), MP_ROM_INT(SSH_E_CERT_KIND) },
    { MP_ROM_QSTR(MP_QSTR_ERR_CERT_OPTION), MP_ROM_INT(SSH_E_CERT_OPTION) },
    { MP_ROM_QSTR(MP_QSTR_ERR_CERT_SIGNATURE), MP_ROM_INT(SSH_E_CERT_SIGNATURE) },
    { MP_ROM_QSTR(MP_QSTR_ERR_SFTP), MP_ROM_INT(SSH_E_SFTP) },
    { MP_ROM_QSTR(MP_QSTR_ERR_SCP), MP_ROM_INT(SSH_E_SCP) },
};
static MP_DEFINE_CONST_DICT(modssh_globals, modssh_globals_table);

const mp_obj_module_t mp_module_ssh_native = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&modssh_globals,
};

MP_REGISTER_MODULE(MP_QSTR__ssh, mp_module_ssh_native);
