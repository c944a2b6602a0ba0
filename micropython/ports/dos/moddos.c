// The module `dos`: the console's modes and size, and what else only DOS has.

#include <string.h>

#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "py/stream.h"

#include "console.h"
#include "dpmi.h"
#include "entropy.h"

#include "posix.h"

MP_DECLARE_CONST_FUN_OBJ_0(dos_memory_obj); // heap.c

// ---------------------------------------------------------------- The screen

// size() -> (columns, rows). size(rows) sets the number of rows, for as long as the program runs.
static mp_obj_t dos_size(size_t n_args, const mp_obj_t *args) {
    if (n_args > 0) {
        mp_int_t rows = mp_obj_get_int(args[0]);
        if (rows <= 0 || !console_set_rows(rows)) {
            mp_raise_ValueError(MP_ERROR_TEXT("rows: 25, on a VGA 28 or 50, on an EGA 43"));
        }
    }
    unsigned cols, rows;
    console_size(&cols, &rows);
    mp_obj_t items[2] = { MP_OBJ_NEW_SMALL_INT(cols), MP_OBJ_NEW_SMALL_INT(rows) };
    return mp_obj_new_tuple(2, items);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(dos_size_obj, 0, 1, dos_size);

// raw() -> flag; raw(flag) -> the flag before. Raw: single keys without echo, Ctrl-C is one of them, and "\n" is
// only a line feed.
static mp_obj_t dos_raw(size_t n_args, const mp_obj_t *args) {
    bool before = console_is_raw();
    if (n_args > 0) {
        bool on = mp_obj_is_true(args[0]);
        console_raw(on);
        console_newlines(!on);
    }
    return mp_obj_new_bool(before);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(dos_raw_obj, 0, 1, dos_raw);

// reset(): ends colours, modes, the alternate screen and the scrolling region that a remote program left behind.
static mp_obj_t dos_reset(void) {
    console_reset();
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_0(dos_reset_obj, dos_reset);

// ---------------------------------------------------------------- DOS

// version() -> (major, minor, maker): maker 0xFD is FreeDOS, 0 IBM, 0xFF Microsoft.
static mp_obj_t dos_version(void) {
    struct real_regs r = { .eax = 0x3000 };
    real_int(0x21, &r);
    mp_obj_t items[3] = {
        MP_OBJ_NEW_SMALL_INT(r.eax & 0xff),
        MP_OBJ_NEW_SMALL_INT(r.eax >> 8 & 0xff),
        MP_OBJ_NEW_SMALL_INT(r.ebx >> 8 & 0xff),
    };
    return mp_obj_new_tuple(3, items);
}
static MP_DEFINE_CONST_FUN_OBJ_0(dos_version_obj, dos_version);

// isatty(handle): whether it is the console, not a file or another device.
static mp_obj_t dos_isatty(mp_obj_t handle_in) {
    struct real_regs r = { .eax = 0x4400, .ebx = mp_obj_get_int(handle_in) & 0xffff };
    real_int(0x21, &r);
    if (r.flags & REAL_CARRY) {
        mp_raise_OSError(MP_EBADF);
    }
    // A device, and standard input or standard output.
    return mp_obj_new_bool((r.edx & 0x80) && (r.edx & 0x03));
}
static MP_DEFINE_CONST_FUN_OBJ_1(dos_isatty_obj, dos_isatty);

// ---------------------------------------------------------------- The console as a stream

// Keyboard and screen, wherever standard input and output go.

static mp_uint_t dos_console_read(mp_obj_t self, void *buf, mp_uint_t size, int *errcode) {
    (void)self;
    (void)errcode;
    size_t n;
    while ((n = console_read(buf, size)) == 0 && MP_STATE_THREAD(mp_pending_exception) != MP_OBJ_NULL) {
        mp_handle_pending(true);
    }
    return n;
}

static mp_uint_t dos_console_write(mp_obj_t self, const void *buf, mp_uint_t size, int *errcode) {
    (void)self;
    (void)errcode;
    console_write(buf, size);
    return size;
}

static mp_uint_t dos_console_ioctl(mp_obj_t self, mp_uint_t request, uintptr_t arg, int *errcode) {
    (void)self;
    switch (request) {
        case MP_STREAM_POLL:
            return arg & (MP_STREAM_POLL_WR | (console_read_ready() ? MP_STREAM_POLL_RD : 0));
        case MP_STREAM_FLUSH:
        case MP_STREAM_CLOSE:
            return 0;
        default:
            *errcode = MP_EINVAL;
            return MP_STREAM_ERROR;
    }
}

static const mp_rom_map_elem_t dos_console_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_read), MP_ROM_PTR(&mp_stream_read_obj) },
    { MP_ROM_QSTR(MP_QSTR_readinto), MP_ROM_PTR(&mp_stream_readinto_obj) },
    { MP_ROM_QSTR(MP_QSTR_readline), MP_ROM_PTR(&mp_stream_unbuffered_readline_obj) },
    { MP_ROM_QSTR(MP_QSTR_write), MP_ROM_PTR(&mp_stream_write_obj) },
    { MP_ROM_QSTR(MP_QSTR_flush), MP_ROM_PTR(&mp_stream_flush_obj) },
};
static MP_DEFINE_CONST_DICT(dos_console_locals, dos_console_locals_table);

static const mp_stream_p_t dos_console_stream = {
    .read = dos_console_read,
    .write = dos_console_write,
    .ioctl = dos_console_ioctl,
};

static MP_DEFINE_CONST_OBJ_TYPE(
    dos_console_type,
    MP_QSTR_Console,
    MP_TYPE_FLAG_NONE,
    protocol, &dos_console_stream,
    locals_dict, &dos_console_locals
    );

static const mp_obj_base_t dos_console_obj = { &dos_console_type };

// ---------------------------------------------------------------- The module

static const mp_rom_map_elem_t dos_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_dos) },
    { MP_ROM_QSTR(MP_QSTR_size), MP_ROM_PTR(&dos_size_obj) },
    { MP_ROM_QSTR(MP_QSTR_raw), MP_ROM_PTR(&dos_raw_obj) },
    { MP_ROM_QSTR(MP_QSTR_reset), MP_ROM_PTR(&dos_reset_obj) },
    { MP_ROM_QSTR(MP_QSTR_console), MP_ROM_PTR(&dos_console_obj) },
    // The emulator's keys and sequences are a subset of xterm's: what TERM should say elsewhere.
    { MP_ROM_QSTR(MP_QSTR_TERM), MP_ROM_QSTR(MP_QSTR_xterm) },
    { MP_ROM_QSTR(MP_QSTR_version), MP_ROM_PTR(&dos_version_obj) },
    { MP_ROM_QSTR(MP_QSTR_isatty), MP_ROM_PTR(&dos_isatty_obj) },
    { MP_ROM_QSTR(MP_QSTR_utime), MP_ROM_PTR(&dos_utime_obj) },
    { MP_ROM_QSTR(MP_QSTR_memory), MP_ROM_PTR(&dos_memory_obj) },
    { MP_ROM_QSTR(MP_QSTR_add_entropy), MP_ROM_PTR(&dos_add_entropy_obj) },
    { MP_ROM_QSTR(MP_QSTR_gather_entropy), MP_ROM_PTR(&dos_gather_entropy_obj) },
    { MP_ROM_QSTR(MP_QSTR_entropy), MP_ROM_PTR(&dos_entropy_obj) },
};
static MP_DEFINE_CONST_DICT(dos_globals, dos_globals_table);

const mp_obj_module_t mp_module_dos = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&dos_globals,
};

MP_REGISTER_MODULE(MP_QSTR_dos, mp_module_dos);
