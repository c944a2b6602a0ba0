// class Agent: a client of SSH agents (draft-ietf-sshm-ssh-agent) over any stream.

#include <string.h>

#include "modssh.h"

#if MICROPY_PY_SSH_AGENT

// An answer's buffer is not made larger than this before its bytes are there: an agent may lie about its length.
#define PIECE (4096)

typedef struct _mp_obj_ssh_agent_t {
    mp_obj_base_t base;
    modssh_line_t line;
    mp_int_t timeout_ms;
    bool busy;
    bool lost; // an answer to a question that was given up may still come
} mp_obj_ssh_agent_t;

// ---------------------------------------------------------------- one question and its answer

typedef struct _agent_op_t {
    nlr_jump_callback_node_t node;
    mp_obj_ssh_agent_t *agent;
    uint32_t start;
    bool done;
    bool was_held;
} agent_op_t;

// End of an exchange, also by an exception. Must not raise but for a held interrupt.
static void agent_op_end(void *ctx) {
    agent_op_t *op = ctx;
    op->agent->lost |= !op->done;
    op->agent->busy = false;
    if (!op->was_held) {
        modssh_hold_interrupts(false);
    }
}

// What a call of the line that moved nothing means; returns when it is worth another try.
static void agent_wait(agent_op_t *op, ptrdiff_t r, int want) {
    modssh_line_t *line = &op->agent->line;
    if (r == SSH_IO_AGAIN) {
        if (!modssh_line_wait(line, want, op->start, op->agent->timeout_ms, UINT32_MAX)) {
            mp_raise_OSError(MP_ETIMEDOUT);
        }
        return;
    }
    if (r == SSH_IO_EXCEPTION) {
        modssh_line_raise(line);
    }
    if (r == 0 || r == SSH_IO_ERRNO(MP_EPIPE) || r == SSH_IO_ERRNO(MP_ECONNRESET)) {
        modssh_raise_code(SSH_E_AGENT_GONE);
    }
    mp_raise_OSError(SSH_IO_ERRNO(0) - r);
}

static void agent_read(agent_op_t *op, vstr_t *vstr, size_t len) {
    while (len > 0) {
        size_t piece = MIN(len, PIECE);
        vstr_hint_size(vstr, piece);
        ptrdiff_t n = modssh_line_recv(&op->agent->line, (uint8_t *)vstr->buf + vstr->len, piece);
        if (n > 0) {
            vstr->len += n;
            len -= n;
        } else {
            agent_wait(op, n, SSH_WANT_READ);
        }
    }
}

// Send a request and take its answer.
static void agent_exchange(mp_obj_ssh_agent_t *self, const vstr_t *request, vstr_t *reply) {
    agent_op_t op = { .agent = self };
    bool was_held = modssh_hold_interrupts(true);
    bool busy = self->busy;
    self->busy = true;
    if (busy) {
        if (!was_held) {
            modssh_hold_interrupts(false);
        }
        mp_raise_OSError(MP_EBUSY);
    }
    op.was_held = was_held;
    op.start = mp_hal_ticks_ms();
    nlr_push_jump_callback(&op.node, agent_op_end);
    if (self->lost) {
        modssh_raise_code(SSH_E_AGENT_GONE);
    }
    for (size_t at = 0; at < request->len;) {
        ptrdiff_t n = modssh_line_send(&self->line, (const uint8_t *)request->buf + at, request->len - at);
        if (n > 0) {
            at += n;
        } else {
            agent_wait(&op, n, SSH_WANT_WRITE);
        }
    }
    vstr_init(reply, 64);
    agent_read(&op, reply, 4);
    size_t len = ssh_agent_reply_len((const uint8_t *)reply->buf);
    if (len == 0) {
        modssh_raise_code(SSH_E_AGENT_PROTOCOL);
    }
    reply->len = 0;
    agent_read(&op, reply, len);
    op.done = true;
    nlr_pop_jump_callback(true);
}

// ---------------------------------------------------------------- methods

static mp_obj_t agent_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *all_args) {
    static const mp_arg_t allowed[] = {
        { MP_QSTR_stream, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_timeout, MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_INT(MICROPY_PY_SSH_TIMEOUT_MS / 1000)} },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all_kw_array(n_args, n_kw, all_args, MP_ARRAY_SIZE(allowed), allowed, args);
    mp_obj_ssh_agent_t *self = m_new_obj(mp_obj_ssh_agent_t);
    memset(self, 0, sizeof(*self));
    self->base.type = type;
    self->timeout_ms = modssh_get_timeout(args[1].u_obj);
    modssh_line_init(&self->line, args[0].u_obj);
    return MP_OBJ_FROM_PTR(self);
}

static mp_obj_t agent_keys(mp_obj_t self_in) {
    vstr_t request, reply;
    vstr_init_len(&request, 8);
    request.len = ssh_agent_ask_keys((uint8_t *)request.buf, request.len);
    agent_exchange(MP_OBJ_TO_PTR(self_in), &request, &reply);
    const uint8_t *bytes = (const uint8_t *)reply.buf;
    size_t count;
    int code = ssh_agent_keys(bytes, reply.len, &count);
    if (code != SSH_OK) {
        modssh_raise_code(code);
    }
    mp_obj_t list = mp_obj_new_list(0, NULL);
    for (size_t i = 0; i < count; i++) {
        ssh_agent_key_t key;
        if (ssh_agent_key(bytes, reply.len, i, &key)) {
            mp_obj_t pair[2] = {
                mp_obj_new_bytes(key.blob, key.blob_len), modssh_printable_obj(key.comment, key.comment_len),
            };
            mp_obj_list_append(list, mp_obj_new_tuple(2, pair));
        }
    }
    return list;
}
static MP_DEFINE_CONST_FUN_OBJ_1(agent_keys_obj, agent_keys);

static mp_obj_t agent_sign(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    static const mp_arg_t allowed[] = {
        { MP_QSTR_key, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_data, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_flags, MP_ARG_INT, {.u_int = 0} },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args - 1, pos_args + 1, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    mp_obj_t blob = modssh_any_public_obj(args[0].u_obj);
    mp_buffer_info_t key, data;
    modssh_get_data(blob, &key);
    modssh_get_data(args[1].u_obj, &data);
    vstr_t request, reply;
    vstr_init_len(&request, key.len + data.len + 17);
    modssh_get_data(args[1].u_obj, &data); // the allocation may have run finalisers
    request.len = ssh_agent_ask_signature(key.buf, key.len, data.buf, data.len, args[2].u_int,
        (uint8_t *)request.buf, request.len);
    if (request.len == 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("data has changed"));
    }
    agent_exchange(MP_OBJ_TO_PTR(pos_args[0]), &request, &reply);
    const uint8_t *signature;
    size_t len;
    int code = ssh_agent_signature((const uint8_t *)reply.buf, reply.len, &signature, &len);
    if (code != SSH_OK) {
        modssh_raise_code(code);
    }
    return mp_obj_new_bytes(signature, len);
}
static MP_DEFINE_CONST_FUN_OBJ_KW(agent_sign_obj, 1, agent_sign);

static void agent_attr(mp_obj_t self_in, qstr attr, mp_obj_t *dest) {
    mp_obj_ssh_agent_t *self = MP_OBJ_TO_PTR(self_in);
    if (dest[0] != MP_OBJ_NULL) {
        return;
    }
    if (attr == MP_QSTR_stream) {
        dest[0] = self->line.sock;
    } else {
        dest[1] = MP_OBJ_SENTINEL; // go on with the locals dict
    }
}

static const mp_rom_map_elem_t agent_locals_dict_table[] = {
    { MP_ROM_QSTR(MP_QSTR_keys), MP_ROM_PTR(&agent_keys_obj) },
    { MP_ROM_QSTR(MP_QSTR_sign), MP_ROM_PTR(&agent_sign_obj) },
};
static MP_DEFINE_CONST_DICT(agent_locals_dict, agent_locals_dict_table);

MP_DEFINE_CONST_OBJ_TYPE(
    mp_type_ssh_agent,
    MP_QSTR_Agent,
    MP_TYPE_FLAG_NONE,
    make_new, agent_make_new,
    attr, agent_attr,
    locals_dict, &agent_locals_dict
    );

#endif // MICROPY_PY_SSH_AGENT
