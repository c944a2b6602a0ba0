// Logins with a key whose private half is somewhere else: a function of the program's signs, or an SSH agent.

#include <string.h>

#include "py/objtuple.h"

#include "modssh_session.h"

// What is to be signed, in an object of its own.
static mp_obj_t to_sign(modssh_op_t *op, const mp_buffer_info_t *user, const byte *blob, size_t blob_len) {
    vstr_t vstr;
    vstr_init_len(&vstr, 256 + user->len + blob_len);
    vstr.len = ssh_auth_to_sign(op->session->core, user->buf, user->len, blob, blob_len, (uint8_t *)vstr.buf, vstr.len);
    return mp_obj_new_bytes_from_vstr(&vstr);
}

int modssh_login_signed(modssh_op_t *op, const mp_buffer_info_t *user, mp_obj_t blob_obj, mp_obj_t sign, bool is_agent) {
    ssh_session_t *core = op->session->core;
    GET_STR_DATA_LEN(blob_obj, blob, blob_len);
    // Ask first: a signature may take a person's consent, which is not to be wasted (RFC 4252 section 7).
    int r;
    MODSSH_REQUEST(op, MODSSH_LOGIN, r, ssh_auth_query(core, user->buf, user->len, blob, blob_len));
    if (r != SSH_AUTH_ASKED) {
        return r;
    }
    op->abandon = MODSSH_LOGIN; // an exception lets go of the server's question
    size_t len;
    uint32_t flags;
    const char *algorithm = ssh_auth_algorithm(core, blob, blob_len, &len, &flags);
    mp_obj_t data = to_sign(op, user, blob, blob_len);
    mp_obj_t args[3] = { blob_obj, data, mp_obj_new_int_from_uint(flags) };
    if (!is_agent) {
        args[0] = data;
        args[1] = mp_obj_new_str(algorithm, len);
    }
    mp_buffer_info_t signature;
    modssh_pin_data(op, modssh_ask(op, sign, is_agent ? 3 : 2, args), &signature);
    MODSSH_REQUEST(op, MODSSH_LOGIN, r, ssh_auth_signed(core, user->buf, user->len, blob, blob_len,
        signature.buf, signature.len));
    modssh_scratch_done(op, signature.buf);
    return r;
}

#if MICROPY_PY_SSH_AGENT

// One key of an agent: false, and the exception in *refusal, when the agent does not sign with it; it may still
// sign with others.
static bool try_key(modssh_op_t *op, const mp_buffer_info_t *user, mp_obj_t blob, mp_obj_t sign, int *r, mp_obj_t *refusal) {
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        *r = modssh_login_signed(op, user, blob, sign, true);
        nlr_pop();
        return true;
    }
    mp_obj_t exc = MP_OBJ_FROM_PTR(nlr.ret_val);
    if (modssh_exc_code(exc) != SSH_E_AGENT_REFUSED) {
        nlr_jump(nlr.ret_val);
    }
    modssh_hold_interrupts(true);
    ssh_abandon(op->session->core, MODSSH_LOGIN);
    op->abandon = MODSSH_NO_REQUEST;
    modssh_restart(op);
    *refusal = exc;
    return false;
}

static bool is_refused(modssh_op_t *op, int r) {
    ssh_error_t err;
    memset(&err, 0, sizeof(err));
    if (r == SSH_ERROR) {
        ssh_last_error(op->session->core, &err);
    }
    return err.code == SSH_E_AUTH_FAILED && !err.fatal;
}

// The keys to try: (blob, comment) of each.
static mp_obj_t agent_keys(modssh_op_t *op, mp_obj_t agent, mp_obj_t key) {
    if (key != mp_const_none) {
        mp_obj_t pair[2] = { modssh_any_public_obj(key), mp_const_none };
        mp_obj_t tuple = mp_obj_new_tuple(2, pair);
        return mp_obj_new_tuple(1, &tuple);
    }
    mp_obj_t keys = modssh_ask(op, mp_load_attr(agent, MP_QSTR_keys), 0, NULL);
    size_t n;
    mp_obj_t *items;
    mp_obj_get_array(keys, &n, &items);
    if (n == 0) {
        modssh_raise_code(SSH_E_AGENT_EMPTY);
    }
    return mp_obj_new_tuple(n, items); // one that nobody changes meanwhile
}

static mp_obj_t session_userauth_agent(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    static const mp_arg_t allowed[] = {
        { MP_QSTR_user, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_agent, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_key, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args - 1, pos_args + 1, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    mp_obj_t sign = mp_load_attr(args[1].u_obj, MP_QSTR_sign);

    modssh_op_t op;
    modssh_must_wait(MP_OBJ_TO_PTR(pos_args[0]));
    modssh_enter(&op, MP_OBJ_TO_PTR(pos_args[0]));
    mp_buffer_info_t user;
    modssh_pin_data(&op, args[0].u_obj, &user);
    mp_obj_tuple_t *keys = MP_OBJ_TO_PTR(agent_keys(&op, args[1].u_obj, args[2].u_obj));
    mp_obj_t refusal = MP_OBJ_NULL;
    for (size_t i = 0; i < keys->len; i++) {
        mp_obj_t *pair;
        mp_obj_get_array_fixed_n(keys->items[i], 2, &pair);
        int r;
        if (try_key(&op, &user, modssh_any_public_obj(pair[0]), sign, &r, &refusal) && !is_refused(&op, r)) {
            return mp_obj_new_bool(modssh_finish(&op, r) == SSH_OK);
        }
    }
    if (refusal != MP_OBJ_NULL) {
        nlr_raise(refusal);
    }
    modssh_raise_code(SSH_E_AUTH_FAILED);
}
MP_DEFINE_CONST_FUN_OBJ_KW(modssh_session_userauth_agent_obj, 1, session_userauth_agent);

#endif // MICROPY_PY_SSH_AGENT
