// machine.RTC: DOS's clock, which on an AT is also the battery clock.

#include "py/runtime.h"

#include "dostime.h"

static const mp_obj_base_t machine_rtc_obj;
extern const mp_obj_type_t machine_rtc_type;

static mp_obj_t machine_rtc_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    (void)type;
    (void)args;
    mp_arg_check_num(n_args, n_kw, 0, 0, false);
    return MP_OBJ_FROM_PTR(&machine_rtc_obj);
}

static mp_int_t field(mp_obj_t value) {
    mp_int_t n = mp_obj_get_int(value);
    if (n < 0 || n > 65535) {
        mp_raise_ValueError(MP_ERROR_TEXT("date or time that DOS cannot hold"));
    }
    return n;
}

// (year, month, day, weekday, hour, minute, second, microsecond); Monday is 0. DOS's own steps are 10000 us
// at the finest. The weekday is not looked at when the clock is set: DOS knows it.
static mp_obj_t machine_rtc_datetime(size_t n_args, const mp_obj_t *args) {
    struct dos_clock clock;
    if (n_args == 1) {
        dostime_get_clock(&clock);
        mp_obj_t tuple[8] = {
            MP_OBJ_NEW_SMALL_INT(clock.year),
            MP_OBJ_NEW_SMALL_INT(clock.month),
            MP_OBJ_NEW_SMALL_INT(clock.day),
            MP_OBJ_NEW_SMALL_INT((clock.weekday + 6) % 7),
            MP_OBJ_NEW_SMALL_INT(clock.hour),
            MP_OBJ_NEW_SMALL_INT(clock.minute),
            MP_OBJ_NEW_SMALL_INT(clock.second),
            MP_OBJ_NEW_SMALL_INT(clock.hundredth * 10000),
        };
        return mp_obj_new_tuple(MP_ARRAY_SIZE(tuple), tuple);
    }
    mp_obj_t *fields;
    mp_obj_get_array_fixed_n(args[1], 8, &fields);
    mp_int_t us = mp_obj_get_int(fields[7]);
    clock.year = field(fields[0]);
    // Out of range stays out of range in a byte.
    clock.month = MIN(field(fields[1]), 255);
    clock.day = MIN(field(fields[2]), 255);
    clock.hour = MIN(field(fields[4]), 255);
    clock.minute = MIN(field(fields[5]), 255);
    clock.second = MIN(field(fields[6]), 255);
    clock.hundredth = us < 0 || us > 999999 ? 255 : us / 10000;
    if (!dostime_set_clock(&clock)) {
        mp_raise_ValueError(MP_ERROR_TEXT("date or time that DOS cannot hold"));
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(machine_rtc_datetime_obj, 1, 2, machine_rtc_datetime);

static const mp_rom_map_elem_t machine_rtc_locals_dict_table[] = {
    { MP_ROM_QSTR(MP_QSTR_datetime), MP_ROM_PTR(&machine_rtc_datetime_obj) },
};
static MP_DEFINE_CONST_DICT(machine_rtc_locals_dict, machine_rtc_locals_dict_table);

MP_DEFINE_CONST_OBJ_TYPE(
    machine_rtc_type,
    MP_QSTR_RTC,
    MP_TYPE_FLAG_NONE,
    make_new, machine_rtc_make_new,
    locals_dict, &machine_rtc_locals_dict
    );

static const mp_obj_base_t machine_rtc_obj = { &machine_rtc_type };
