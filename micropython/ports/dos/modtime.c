// time: what MicroPython's extmod/modtime.c, which includes this file, wants of the port.
//
// The epoch is 1970. DOS knows one time only, the local one: gmtime() and localtime() are the same.

#include <math.h>

#include "dostime.h"

// Years that localtime() gives: all whose seconds a double holds exactly, and a tuple of four digits shows.
#define SECONDS_MIN (-62135596800.0) // year 1
#define SECONDS_MAX (253402300799.0) // year 9999

static mp_obj_t mp_time_time_get(void) {
    return mp_obj_new_float((mp_float_t)(mp_hal_time_ns() / 1000) / MICROPY_FLOAT_CONST(1000000.));
}

static void mp_time_sleep(mp_obj_t arg) {
    mp_float_t seconds = mp_obj_get_float(arg);
    if (!(seconds >= 0)) {
        mp_raise_ValueError(MP_ERROR_TEXT("sleep length must be non-negative"));
    }
    mp_event_handle_nowait();
    // A day at a time, so that none is too long for the milliseconds of the calls below.
    for (; seconds > 86400; seconds -= 86400) {
        mp_hal_delay_ms(86400000);
    }
    mp_uint_t ms = seconds * 1000;
    if (ms < 1000) {
        mp_hal_delay_us(seconds * 1000000);
    } else {
        mp_hal_delay_ms(ms);
    }
}

static mp_obj_t time_fields(size_t n_args, const mp_obj_t *args) {
    int64_t seconds;
    if (n_args == 0 || args[0] == mp_const_none) {
        seconds = mp_hal_time_ns() / 1000000000;
    } else {
        mp_float_t given = floor(mp_obj_get_float(args[0]));
        if (!(given >= SECONDS_MIN && given <= SECONDS_MAX)) {
            mp_raise_msg(&mp_type_OverflowError, MP_ERROR_TEXT("timestamp out of range"));
        }
        seconds = given;
    }
    int32_t days = seconds / 86400;
    int32_t second = seconds % 86400;
    if (second < 0) {
        second += 86400;
        --days;
    }
    // A guess that is at most one too high, as the month after it.
    int32_t year = 1970 + days / 365;
    while (dostime_days(year, 1, 1) > days) {
        --year;
    }
    while (dostime_days(year + 1, 1, 1) <= days) {
        ++year;
    }
    int32_t of_year = days - dostime_days(year, 1, 1);
    int32_t month = of_year / 31 + 1;
    if (dostime_days(year, month + 1, 1) <= days) {
        ++month;
    }
    int32_t weekday = (days + 3) % 7; // 1 January 1970 was a Thursday, Monday is 0
    mp_obj_t tuple[9] = {
        MP_OBJ_NEW_SMALL_INT(year),
        MP_OBJ_NEW_SMALL_INT(month),
        MP_OBJ_NEW_SMALL_INT(days - dostime_days(year, month, 1) + 1),
        MP_OBJ_NEW_SMALL_INT(second / 3600),
        MP_OBJ_NEW_SMALL_INT(second / 60 % 60),
        MP_OBJ_NEW_SMALL_INT(second % 60),
        MP_OBJ_NEW_SMALL_INT(weekday < 0 ? weekday + 7 : weekday),
        MP_OBJ_NEW_SMALL_INT(of_year + 1),
        MP_OBJ_NEW_SMALL_INT(0), // no summer time is known
    };
    return mp_obj_new_tuple(MP_ARRAY_SIZE(tuple), tuple);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(time_fields_obj, 0, 1, time_fields);

static mp_obj_t dos_time_mktime(mp_obj_t tuple) {
    size_t len;
    mp_obj_t *elem;
    mp_obj_get_array(tuple, &len, &elem);
    // localtime() of most ports gives 8 fields, CPython's and this one 9.
    if (len < 8 || len > 9) {
        mp_raise_TypeError(MP_ERROR_TEXT("mktime needs a tuple of length 8 or 9"));
    }
    mp_int_t fields[6];
    for (size_t i = 0; i < MP_ARRAY_SIZE(fields); ++i) {
        fields[i] = mp_obj_get_int(elem[i]);
    }
    // Months and days may be out of their range, as for CPython, but not so far that the sum overflows.
    const mp_int_t limit = 4000000;
    for (size_t i = 0; i < 3; ++i) {
        if (fields[i] < -limit || fields[i] > limit) {
            mp_raise_msg(&mp_type_OverflowError, MP_ERROR_TEXT("mktime argument out of range"));
        }
    }
    return mp_obj_new_int_from_ll(dostime_from_fields(fields[0], fields[1], fields[2], fields[3], fields[4], fields[5]));
}
static MP_DEFINE_CONST_FUN_OBJ_1(dos_time_mktime_obj, dos_time_mktime);

#define MICROPY_PY_TIME_EXTRA_GLOBALS \
    { MP_ROM_QSTR(MP_QSTR_gmtime), MP_ROM_PTR(&time_fields_obj) }, \
    { MP_ROM_QSTR(MP_QSTR_localtime), MP_ROM_PTR(&time_fields_obj) }, \
    { MP_ROM_QSTR(MP_QSTR_mktime), MP_ROM_PTR(&dos_time_mktime_obj) },
