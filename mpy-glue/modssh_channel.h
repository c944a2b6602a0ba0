// What the files of class Channel share.

#ifndef MICROPY_INCLUDED_MODSSH_CHANNEL_H
#define MICROPY_INCLUDED_MODSSH_CHANNEL_H

#include "py/objstr.h"

#include "modssh.h"

// Enter the session for an operation on an open channel. reading: wait for the peer's output.
void modssh_channel_enter(modssh_op_t *op, mp_obj_ssh_channel_t *self, bool reading);

// An attribute, MP_OBJ_NULL: there is none of that name.
mp_obj_t modssh_channel_get_attr(mp_obj_ssh_channel_t *self, qstr attr);

MP_DECLARE_CONST_FUN_OBJ_2(modssh_channel_exec_obj);
MP_DECLARE_CONST_FUN_OBJ_2(modssh_channel_subsystem_obj);
MP_DECLARE_CONST_FUN_OBJ_1(modssh_channel_shell_obj);
MP_DECLARE_CONST_FUN_OBJ_3(modssh_channel_setenv_obj);
MP_DECLARE_CONST_FUN_OBJ_2(modssh_channel_signal_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(modssh_channel_request_pty_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(modssh_channel_window_change_obj);
MP_DECLARE_CONST_FUN_OBJ_1(modssh_channel_eof_obj);
MP_DECLARE_CONST_FUN_OBJ_2(modssh_channel_send_break_obj);
MP_DECLARE_CONST_FUN_OBJ_1(modssh_channel_request_agent_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(modssh_channel_request_x11_obj);

#endif // MICROPY_INCLUDED_MODSSH_CHANNEL_H
