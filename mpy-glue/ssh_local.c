// What copying files needs of a local file system, and MicroPython's unix port does not offer: modes and times of
// files, and the mask of modes.

#include "modssh.h"

#if MICROPY_PY_SSH_UNIX

#include <errno.h>
#include <sys/stat.h>
#include <sys/time.h>

// chmod(path, mode)
static mp_obj_t local_chmod(mp_obj_t path, mp_obj_t mode) {
    if (chmod(mp_obj_str_get_str(path), mp_obj_get_int(mode)) != 0) {
        mp_raise_OSError(errno);
    }
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_2(modssh_chmod_obj, local_chmod);

// utime(path, atime, mtime): in seconds.
static mp_obj_t local_utime(mp_obj_t path, mp_obj_t atime, mp_obj_t mtime) {
    struct timeval times[2] = { { .tv_sec = mp_obj_get_int(atime) }, { .tv_sec = mp_obj_get_int(mtime) } };
    if (utimes(mp_obj_str_get_str(path), times) != 0) {
        mp_raise_OSError(errno);
    }
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_3(modssh_utime_obj, local_utime);

// umask(mask): the one before.
static mp_obj_t local_umask(mp_obj_t mask) {
    return MP_OBJ_NEW_SMALL_INT(umask(mp_obj_get_int(mask)));
}
MP_DEFINE_CONST_FUN_OBJ_1(modssh_umask_obj, local_umask);

#endif // MICROPY_PY_SSH_UNIX
