// What the files of class Session share.

#ifndef MICROPY_INCLUDED_MODSSH_SESSION_H
#define MICROPY_INCLUDED_MODSSH_SESSION_H

#include "py/objstr.h"

#include "modssh.h"

// Raise ValueError if the hostkey argument is neither None, a function, nor keys and fingerprints.
void modssh_hostkey_validate(mp_obj_t expected);
// Return when the host's key is accepted, raise otherwise.
void modssh_hostkey_decide(mp_obj_ssh_session_t *self, mp_obj_t expected);
mp_obj_t modssh_key_type_obj(const uint8_t *blob, size_t len);

MP_DECLARE_CONST_FUN_OBJ_2(modssh_session_userauth_none_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(modssh_session_userauth_password_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(modssh_session_userauth_keyboard_interactive_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(modssh_session_userauth_publickey_obj);

#endif // MICROPY_INCLUDED_MODSSH_SESSION_H
