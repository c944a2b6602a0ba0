// Trust and login: the host key decision and the userauth_ methods of Session.

#include <string.h>

#include "py/binary.h"

#include "modssh_session.h"

// New passwords that are tried when a server does not like the first.
#define NEW_PASSWORD_TRIES (5)

// ---------------------------------------------------------------- host key

// One expected key or fingerprint against the host's. blob NULL: only see whether it is usable.
// On a mismatch its fingerprint is added to the text.
static bool match_one(mp_obj_t expected, const uint8_t *blob, size_t blob_len, vstr_t *text) {
    mp_buffer_info_t info;
    if (mp_obj_is_str(expected)) {
        modssh_get_data(expected, &info);
        const char *s = info.buf;
        if (info.len > 7 && memcmp(s, "SHA256:", 7) == 0) {
            while (info.len > 7 && s[info.len - 1] == '=') {
                info.len--; // base64 with padding, as other tools than OpenSSH write it
            }
            if (info.len != SSH_FINGERPRINT_LEN) {
                mp_raise_ValueError(MP_ERROR_TEXT("hostkey: not a SHA256 fingerprint"));
            }
            if (blob == NULL) {
                return false;
            }
            char fingerprint[SSH_FINGERPRINT_LEN];
            ssh_fingerprint(blob, blob_len, fingerprint);
            if (memcmp(s, fingerprint, SSH_FINGERPRINT_LEN) == 0) {
                return true;
            }
            vstr_add_char(text, ' ');
            vstr_add_strn(text, s, info.len);
            return false;
        }
    }
    uint8_t *want;
    size_t want_len = modssh_public_blob(expected, &want);
    if (blob == NULL) {
        return false;
    }
    if (want_len == blob_len && memcmp(want, blob, blob_len) == 0) {
        return true;
    }
    char fingerprint[SSH_FINGERPRINT_LEN];
    ssh_fingerprint(want, want_len, fingerprint);
    vstr_add_char(text, ' ');
    vstr_add_strn(text, fingerprint, sizeof(fingerprint));
    return false;
}

static bool match_any(mp_obj_t expected, const uint8_t *blob, size_t blob_len, vstr_t *text) {
    if (!mp_obj_is_type(expected, &mp_type_list) && !mp_obj_is_type(expected, &mp_type_tuple)) {
        return match_one(expected, blob, blob_len, text);
    }
    size_t n;
    mp_obj_t *items;
    mp_obj_get_array(expected, &n, &items);
    bool found = false;
    for (size_t i = 0; i < n; i++) {
        found |= match_one(items[i], blob, blob_len, text);
    }
    return found;
}

static bool is_function(mp_obj_t obj) {
    return mp_obj_is_callable(obj);
}

void modssh_trust_validate(const modssh_trust_t *trust) {
    if (trust->hostkey != mp_const_none && !is_function(trust->hostkey)) {
        match_any(trust->hostkey, NULL, 0, NULL);
    }
    if (trust->authority != mp_const_none) {
        match_any(trust->authority, NULL, 0, NULL);
        mp_buffer_info_t name;
        if (trust->hostname == mp_const_none) {
            mp_raise_ValueError(MP_ERROR_TEXT("hostkey_ca: which host? give hostname"));
        }
        modssh_get_data(trust->hostname, &name);
    }
}

mp_obj_t modssh_key_type_obj(const uint8_t *blob, size_t len) {
    size_t n;
    const char *type = ssh_key_type(blob, len, &n);
    return mp_obj_new_str(type, n);
}

static void add_key(vstr_t *text, const char *intro, const uint8_t *blob, size_t blob_len) {
    size_t type_len;
    const char *type = ssh_key_type(blob, blob_len, &type_len);
    char fingerprint[SSH_FINGERPRINT_LEN];
    ssh_fingerprint(blob, blob_len, fingerprint);
    vstr_add_str(text, intro);
    vstr_add_strn(text, type, type_len);
    vstr_add_char(text, ' ');
    vstr_add_strn(text, fingerprint, sizeof(fingerprint));
}

// Seconds since 1970.
static uint64_t get_now(mp_obj_t now) {
    uint64_t epoch = 0;
    if (now == mp_const_none) {
        mp_obj_t time = mp_import_name(MP_QSTR_time, mp_const_none, MP_OBJ_NEW_SMALL_INT(0));
        now = mp_call_function_0(mp_load_attr(time, MP_QSTR_time));
        #if !(defined(MICROPY_EPOCH_IS_1970) && MICROPY_EPOCH_IS_1970)
        epoch = 946684800; // time.time() counts from 2000-01-01 there
        #endif
    }
    #if MICROPY_PY_BUILTINS_FLOAT
    if (mp_obj_is_float(now)) {
        mp_float_t seconds = mp_obj_get_float(now);
        return seconds > MICROPY_FLOAT_CONST(0.0) ? epoch + (uint64_t)seconds : epoch;
    }
    #endif
    return epoch + (mp_uint_t)mp_obj_get_int_truncated(now);
}

// A host's certificate. True: it was signed by an authority that the program trusts, for this host and time.
// False: the host has none. Raises when it has one that is not to be trusted.
static bool check_cert(const modssh_trust_t *trust, const uint8_t *blob, size_t blob_len) {
    size_t authority_len;
    const uint8_t *authority = ssh_cert_authority(blob, blob_len, &authority_len);
    if (trust->authority == mp_const_none || authority_len == 0) {
        return false;
    }
    vstr_t text;
    vstr_init(&text, 160);
    bool trusted = match_any(trust->authority, authority, authority_len, &text);
    uint64_t now = get_now(trust->now);
    mp_buffer_info_t name;
    modssh_get_data(trust->hostname, &name);
    int code = ssh_cert_check_host(blob, blob_len, trusted, name.buf, name.len, now);
    if (code == SSH_OK) {
        return true;
    }
    ssh_error_t err;
    modssh_code_text(code, &err);
    vstr_t what;
    vstr_init(&what, 240);
    vstr_add_strn(&what, err.text, err.text_len);
    vstr_add_str(&what, "; hostname is ");
    vstr_add_strn(&what, name.buf, name.len);
    add_key(&what, ", the certificate is of ", blob, blob_len);
    add_key(&what, " by ", authority, authority_len);
    if (!trusted) {
        vstr_add_str(&what, ", expected");
        vstr_add_strn(&what, text.buf, text.len);
    }
    nlr_raise(modssh_new_sshexc(code, what.buf, what.len));
}

void modssh_hostkey_decide(mp_obj_ssh_session_t *self, const modssh_trust_t *trust) {
    if (trust->hostkey == mp_const_none && trust->authority == mp_const_none) {
        return; // documented: the caller asked for no check
    }
    size_t len;
    const uint8_t *in_core = ssh_host_key(self->core, &len);
    // Python code runs below, so work on a copy.
    mp_obj_t blob_obj = mp_obj_new_bytes(in_core, len);
    GET_STR_DATA_LEN(blob_obj, blob, blob_len);
    if (check_cert(trust, blob, blob_len)) {
        return;
    }
    vstr_t text;
    vstr_init(&text, 160);
    add_key(&text, "host key rejected: the server has ", blob, blob_len);
    if (is_function(trust->hostkey)) {
        mp_obj_t args[3] = { blob_obj, modssh_key_type_obj(blob, blob_len), modssh_fingerprint_obj(blob, blob_len) };
        // Exactly True: a function that forgets to return, or returns an object, has not decided.
        if (mp_call_function_n_kw(trust->hostkey, 3, 0, args) == mp_const_true) {
            return;
        }
        vstr_add_str(&text, ", and the hostkey function did not return True");
    } else if (trust->hostkey == mp_const_none) {
        vstr_add_str(&text, ", which is no certificate, and hostkey_ca is all that is trusted");
    } else {
        vstr_add_str(&text, ", expected");
        size_t before = text.len;
        if (match_any(trust->hostkey, blob, blob_len, &text)) {
            return;
        }
        if (text.len == before) {
            vstr_add_str(&text, " nothing (an empty list)");
        }
        vstr_add_str(&text, "; either the key was changed, or this is not the server that you mean");
    }
    nlr_raise(modssh_new_sshexc(SSH_E_HOST_KEY_REJECTED, vstr_str(&text), text.len));
}

// ---------------------------------------------------------------- login

// Result of an ssh_auth_ call: True when logged in, False when more factors are asked for.
static mp_obj_t auth_result(modssh_op_t *op, int r) {
    return mp_obj_new_bool(modssh_finish(op, r) == SSH_OK);
}

static mp_obj_t session_userauth_none(mp_obj_t self_in, mp_obj_t user_in) {
    mp_obj_ssh_session_t *self = MP_OBJ_TO_PTR(self_in);
    modssh_op_t op;
    modssh_enter(&op, self);
    mp_buffer_info_t user;
    modssh_pin_data(&op, user_in, &user);
    int r;
    MODSSH_REQUEST(&op, MODSSH_LOGIN, r, ssh_auth_none(self->core, user.buf, user.len));
    return auth_result(&op, r);
}
MP_DEFINE_CONST_FUN_OBJ_2(modssh_session_userauth_none_obj, session_userauth_none);

// A new password after the server has asked for one, which raises when there is none that it might take.
static void new_password(modssh_op_t *op, mp_obj_t source, int tries, mp_buffer_info_t *info) {
    size_t len;
    const uint8_t *in_core = ssh_auth_prompt(op->session->core, SSH_PROMPT_NEW_PASSWORD, &len, NULL);
    mp_obj_t prompt = modssh_printable_obj(in_core, len);
    if (mp_obj_is_callable(source) && tries < NEW_PASSWORD_TRIES) {
        source = modssh_ask(op, source, 1, &prompt);
    } else if (tries > 0) {
        source = mp_const_none;
    }
    if (source != mp_const_none) {
        modssh_pin_data(op, source, info);
        return;
    }
    ssh_error_t err;
    modssh_code_text(SSH_E_PASSWORD_EXPIRED, &err);
    vstr_t text;
    vstr_init(&text, err.text_len + 64);
    if (tries > 0) {
        vstr_add_str(&text, "password expired, and the server does not take the new one");
    } else {
        vstr_add_strn(&text, err.text, err.text_len);
    }
    GET_STR_DATA_LEN(prompt, words, words_len);
    if (words_len > 0) {
        vstr_add_str(&text, ": ");
        vstr_add_strn(&text, (const char *)words, words_len);
    }
    nlr_raise(modssh_new_sshexc(SSH_E_PASSWORD_EXPIRED, vstr_str(&text), text.len));
}

static mp_obj_t session_userauth_password(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    static const mp_arg_t allowed[] = {
        { MP_QSTR_user, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_password, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_new_password, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
    };
    mp_obj_ssh_session_t *self = MP_OBJ_TO_PTR(pos_args[0]);
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args - 1, pos_args + 1, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);

    modssh_op_t op;
    modssh_enter(&op, self);
    mp_buffer_info_t user, password, fresh;
    modssh_pin_data(&op, args[0].u_obj, &user);
    modssh_pin_data(&op, args[1].u_obj, &password);
    int r;
    MODSSH_REQUEST(&op, MODSSH_LOGIN, r, ssh_auth_password(self->core, user.buf, user.len, password.buf, password.len));
    int tries = self->password_tries;
    self->password_tries = 0;
    for (; r == SSH_AUTH_ASKED; tries++) {
        op.abandon = MODSSH_LOGIN; // an exception lets go of the server's question
        new_password(&op, args[2].u_obj, tries, &fresh);
        MODSSH_REQUEST(&op, MODSSH_LOGIN, r, ssh_auth_new_password(self->core, user.buf, user.len,
            password.buf, password.len, fresh.buf, fresh.len));
        modssh_scratch_done(&op, fresh.buf);
    }
    if (r == SSH_AGAIN && modssh_never_waits(self)) {
        self->password_tries = tries; // the same call goes on
    }
    return auth_result(&op, r);
}
MP_DEFINE_CONST_FUN_OBJ_KW(modssh_session_userauth_password_obj, 1, session_userauth_password);

// ---------------------------------------------------------------- keyboard-interactive

static mp_obj_t prompt_obj(modssh_op_t *op, int index, bool *echo) {
    size_t len;
    const uint8_t *text = ssh_auth_prompt(op->session->core, index, &len, echo);
    return modssh_printable_obj(text, len);
}

// What the handler answers to the server's questions.
static mp_obj_t ask_prompts(modssh_op_t *op, mp_obj_t handler, size_t n) {
    mp_obj_t list = mp_obj_new_list(n, NULL);
    mp_obj_t *items;
    mp_obj_list_get(list, &n, &items);
    for (size_t i = 0; i < n; i++) {
        bool echo = false;
        mp_obj_t pair[2] = { prompt_obj(op, i, &echo), MP_OBJ_NULL };
        pair[1] = mp_obj_new_bool(echo);
        items[i] = mp_obj_new_tuple(2, pair);
    }
    mp_obj_t args[3] = {
        prompt_obj(op, SSH_PROMPT_NAME, NULL), prompt_obj(op, SSH_PROMPT_INSTRUCTION, NULL), list,
    };
    return modssh_ask(op, handler, 3, args);
}

static void get_answer(mp_obj_t answer, mp_buffer_info_t *info) {
    if (!mp_get_buffer(answer, info, MP_BUFFER_READ)) {
        mp_raise_TypeError(MP_ERROR_TEXT("keyboard-interactive: each answer must be a str or bytes"));
    }
}

// The answers as the core takes them, in memory that is wiped.
static byte *pack_answers(modssh_op_t *op, mp_obj_t answers, size_t n_prompts, size_t *len) {
    size_t n = 0;
    mp_obj_t *items = NULL;
    if (mp_obj_is_type(answers, &mp_type_list) || mp_obj_is_type(answers, &mp_type_tuple)) {
        mp_obj_get_array(answers, &n, &items);
    } else if (answers != mp_const_none || n_prompts != 0) {
        mp_raise_TypeError(MP_ERROR_TEXT("keyboard-interactive: the handler must return a list or tuple of answers"));
    }
    if (n != n_prompts) {
        // Short: MicroPython 1.25 has no room for the NUL of the longest text that is formatted.
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("the server asked for %d answers, the handler gave %d"), (int)n_prompts, (int)n);
    }
    mp_buffer_info_t info;
    size_t room = 0;
    for (size_t i = 0; i < n; i++) {
        get_answer(items[i], &info);
        room += 4 + info.len;
    }
    byte *packed = modssh_scratch(op, MAX(room, 1), 1);
    *len = 0;
    for (size_t i = 0; i < n; i++) {
        get_answer(items[i], &info); // the allocation may have run finalisers
        if (info.len > room - *len - 4 * (n - i)) {
            mp_raise_ValueError(MP_ERROR_TEXT("keyboard-interactive: an answer has changed"));
        }
        mp_binary_set_int(4, true, packed + *len, info.len);
        memcpy(packed + *len + 4, info.buf, info.len);
        *len += 4 + info.len;
    }
    return packed;
}

static mp_obj_t session_userauth_keyboard_interactive(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    static const mp_arg_t allowed[] = {
        { MP_QSTR_user, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_handler, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_submethods, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_QSTR(MP_QSTR_)} },
    };
    mp_obj_ssh_session_t *self = MP_OBJ_TO_PTR(pos_args[0]);
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args - 1, pos_args + 1, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    if (!mp_obj_is_callable(args[1].u_obj)) {
        mp_raise_TypeError(MP_ERROR_TEXT("handler must be a function"));
    }

    modssh_op_t op;
    modssh_enter(&op, self);
    mp_buffer_info_t user, kinds;
    modssh_pin_data(&op, args[0].u_obj, &user);
    modssh_pin_data(&op, args[2].u_obj, &kinds);
    int r;
    MODSSH_REQUEST(&op, MODSSH_LOGIN, r, ssh_auth_keyboard(self->core, user.buf, user.len, kinds.buf, kinds.len));
    while (r == SSH_AUTH_ASKED) {
        op.abandon = MODSSH_LOGIN; // an exception lets go of the server's questions
        int n = ssh_auth_prompts(self->core);
        mp_obj_t answers = ask_prompts(&op, args[1].u_obj, n);
        size_t len;
        byte *packed = pack_answers(&op, answers, n, &len);
        MODSSH_REQUEST(&op, MODSSH_LOGIN, r, ssh_auth_answer(self->core, packed, len));
        modssh_scratch_done(&op, packed);
    }
    return auth_result(&op, r);
}
MP_DEFINE_CONST_FUN_OBJ_KW(modssh_session_userauth_keyboard_interactive_obj, 1, session_userauth_keyboard_interactive);

// ---------------------------------------------------------------- keys

static const mp_arg_t publickey_args[] = {
    { MP_QSTR_user, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
    { MP_QSTR_privkey, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
    { MP_QSTR_pubkey, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
    { MP_QSTR_passphrase, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
};
enum { ARG_user, ARG_privkey, ARG_pubkey, ARG_passphrase };

// The key of a Key object, or of a file: parsed into memory that is wiped when the operation ends.
static ssh_key_t *load_key(modssh_op_t *op, mp_obj_t privkey, mp_obj_t passphrase) {
    ssh_key_t *key = modssh_scratch(op, ssh_key_size(), ssh_key_align());
    const ssh_key_t *given = modssh_key_get(privkey);
    if (given != NULL) {
        // A copy, because Python code runs while the login waits, and may wipe it.
        return memcpy(key, given, ssh_key_size());
    }
    mp_buffer_info_t text, pass;
    modssh_get_data(privkey, &text);
    size_t scratch_len = text.len + 64;
    byte *scratch = modssh_scratch(op, scratch_len, 1);

    // No allocation, and so no finaliser, from here to the end of the parser: the buffers cannot move.
    modssh_get_data(privkey, &text);
    modssh_get_passphrase(passphrase, &pass);
    int code = ssh_key_parse(key, text.buf, text.len, pass.buf, pass.len, scratch, scratch_len, NULL, NULL);
    if (code != SSH_OK) {
        modssh_raise_code(code);
    }
    return key;
}

// The public half that the program gives must be the key's own, or a certificate of it, which is then used.
static void check_public(const ssh_key_t *key, mp_obj_t pubkey, mp_buffer_info_t *cert) {
    uint8_t *given;
    size_t given_len = modssh_public_blob(pubkey, &given);
    size_t authority_len;
    ssh_cert_authority(given, given_len, &authority_len);
    if (authority_len > 0) {
        int code = ssh_cert_check_user(key, given, given_len);
        if (code != SSH_OK) {
            modssh_raise_code(code);
        }
        cert->buf = given;
        cert->len = given_len;
        return;
    }
    uint8_t *own = m_new(uint8_t, given_len);
    size_t own_len = ssh_key_public(key, own, given_len);
    if (own_len != given_len || memcmp(own, given, own_len) != 0) {
        modssh_raise_code(SSH_E_KEY_MISMATCH);
    }
}

static mp_obj_t session_userauth_publickey(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    mp_obj_ssh_session_t *self = MP_OBJ_TO_PTR(pos_args[0]);
    mp_arg_val_t args[MP_ARRAY_SIZE(publickey_args)];
    mp_arg_parse_all(n_args - 1, pos_args + 1, kw_args, MP_ARRAY_SIZE(publickey_args), publickey_args, args);

    modssh_op_t op;
    modssh_enter(&op, self);
    mp_buffer_info_t user;
    modssh_pin_data(&op, args[ARG_user].u_obj, &user);
    if (mp_obj_is_callable(args[ARG_privkey].u_obj)) {
        mp_obj_t blob = modssh_any_public_obj(args[ARG_pubkey].u_obj);
        return auth_result(&op, modssh_login_signed(&op, &user, blob, args[ARG_privkey].u_obj, false));
    }
    int r;
    if (modssh_never_waits(self)) {
        // The key may take long to decrypt: not while it is not needed.
        r = modssh_check(&op, ssh_auth_ready(self->core));
        if (r == 0) {
            MODSSH_REQUEST(&op, MODSSH_LOGIN, r, ssh_auth_none(self->core, user.buf, user.len)); // only looks for the answer
            return auth_result(&op, r);
        }
    }
    ssh_key_t *key = load_key(&op, args[ARG_privkey].u_obj, args[ARG_passphrase].u_obj);
    mp_buffer_info_t cert = { .buf = NULL, .len = 0 };
    if (args[ARG_pubkey].u_obj != mp_const_none) {
        check_public(key, args[ARG_pubkey].u_obj, &cert);
    }
    modssh_restart(&op); // a slow key derivation is not the server's time
    MODSSH_REQUEST(&op, MODSSH_LOGIN, r, ssh_auth_publickey(self->core, user.buf, user.len, key, cert.buf, cert.len));
    return auth_result(&op, r);
}
MP_DEFINE_CONST_FUN_OBJ_KW(modssh_session_userauth_publickey_obj, 1, session_userauth_publickey);
