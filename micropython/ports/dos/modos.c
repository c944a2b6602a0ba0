// The port's part of module os, included by extmod/modos.c.

#include <errno.h>
#include <string.h>

#include "py/runtime.h"

#include "entropy.h"
#include "posix.h"
#include "posix_env.h"

static mp_obj_t mp_os_getenv(size_t n_args, const mp_obj_t *args) {
    const char *value = getenv(mp_obj_str_get_str(args[0]));
    if (value == NULL) {
        return n_args == 2 ? args[1] : mp_const_none;
    }
    vstr_t vstr;
    vstr_init(&vstr, strlen(value) * 3 + 1);
    dos_to_utf8(value, vstr.buf, vstr.alloc);
    vstr.len = strlen(vstr.buf);
    return mp_obj_new_str_from_vstr(&vstr);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mp_os_getenv_obj, 1, 2, mp_os_getenv);

// A str in DOS's characters.
static char *dos_text(mp_obj_t text_in) {
    const char *text = mp_obj_str_get_str(text_in);
    char *out = m_new(char, strlen(text) + 1);
    char *to = out;
    while (*text != '\0') {
        int c = dos_from_utf8(&text);
        if (c < 0) {
            mp_raise_OSError(EINVAL);
        }
        *to++ = c;
    }
    *to = '\0';
    return out;
}

static mp_obj_t mp_os_putenv(mp_obj_t name_in, mp_obj_t value_in) {
    if (setenv(dos_text(name_in), dos_text(value_in), 1) != 0) {
        mp_raise_OSError(errno);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(mp_os_putenv_obj, mp_os_putenv);

static mp_obj_t mp_os_unsetenv(mp_obj_t name_in) {
    if (unsetenv(dos_text(name_in)) != 0) {
        mp_raise_OSError(errno);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(mp_os_unsetenv_obj, mp_os_unsetenv);

static mp_obj_t mp_os_system(mp_obj_t command_in) {
    int status = system(dos_text(command_in));
    if (status < 0) {
        mp_raise_OSError(errno);
    }
    return MP_OBJ_NEW_SMALL_INT(status);
}
static MP_DEFINE_CONST_FUN_OBJ_1(mp_os_system_obj, mp_os_system);

static mp_obj_t mp_os_urandom(mp_obj_t size_in) {
    mp_int_t size = mp_obj_get_int(size_in);
    if (size < 0) {
        mp_raise_ValueError(NULL);
    }
    vstr_t vstr;
    vstr_init_len(&vstr, size);
    if (!entropy_get((uint8_t *)vstr.buf, size)) {
        mp_raise_msg_varg(&mp_type_OSError, MP_ERROR_TEXT("%s"), entropy_sentence());
    }
    return mp_obj_new_bytes_from_vstr(&vstr);
}
static MP_DEFINE_CONST_FUN_OBJ_1(mp_os_urandom_obj, mp_os_urandom);

static mp_obj_t mp_os_errno(size_t n_args, const mp_obj_t *args) {
    if (n_args == 0) {
        return MP_OBJ_NEW_SMALL_INT(errno);
    }
    errno = mp_obj_get_int(args[0]);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mp_os_errno_obj, 0, 1, mp_os_errno);
