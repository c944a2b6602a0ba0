// What the files of class Session share.

#ifndef MICROPY_INCLUDED_MODSSH_SESSION_H
#define MICROPY_INCLUDED_MODSSH_SESSION_H

#include "py/objstr.h"

#include "modssh.h"

// Raise ValueError if the arguments cannot be used.
void modssh_trust_validate(const modssh_trust_t *trust);
// Return when the host's key is accepted, raise otherwise.
void modssh_hostkey_decide(mp_obj_ssh_session_t *self, const modssh_trust_t *trust);
// Ident, key exchange, and the decision about the host's key; what it raises ends the session, but for EAGAIN.
void modssh_session_handshake(mp_obj_ssh_session_t *self);

MP_DECLARE_CONST_FUN_OBJ_2(modssh_session_userauth_none_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(modssh_session_userauth_password_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(modssh_session_userauth_keyboard_interactive_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(modssh_session_userauth_agent_obj);

// Log in with a key whose private half is elsewhere: sign(data, algorithm) gives a signature blob, or, with the
// attribute name `sign` of an agent, sign(blob, data, flags). A result of an ssh_auth_ call. Within an operation.
int modssh_login_signed(modssh_op_t *op, const mp_buffer_info_t *user, mp_obj_t blob, mp_obj_t sign, bool is_agent);
MP_DECLARE_CONST_FUN_OBJ_KW(modssh_session_userauth_publickey_obj);

#endif // MICROPY_INCLUDED_MODSSH_SESSION_H
