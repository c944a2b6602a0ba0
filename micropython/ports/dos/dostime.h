// Time from the PC's timer and from DOS.
#ifndef MICROPY_INCLUDED_DOS_DOSTIME_H
#define MICROPY_INCLUDED_DOS_DOSTIME_H

#include <stdbool.h>
#include <stdint.h>

// The timer's clock, in MHz: 105 / 88, exactly. 65536 of its cycles are a tick (18.2 each second).
#define TIMER_CLOCKS (105)
#define TIMER_MICROS (88)

// The fields of DOS's calls 2Ah and 2Ch.
struct dos_clock {
    uint16_t year; // 1980 to 2099
    uint8_t month, day, weekday; // Sunday is 0
    uint8_t hour, minute, second, hundredth;
};

// Takes the timer for us; put back at exit. Must run before the first of the other calls.
void dostime_init(void);
// Microseconds since the start, never less than before.
uint64_t dostime_us(void);
// Milliseconds, rounded up, until the timer's next interrupt.
uint32_t dostime_ms_to_tick(void);
// The timer's counter as it is now: counts down by 105 in 88 us, from 65536. A new value each time, if it moved.
uint16_t dostime_counter(void);

// DOS's date and time, of one moment also at midnight.
void dostime_get_clock(struct dos_clock *clock);
// Sets both; false if DOS does not take the values. The time since the start goes on unharmed.
bool dostime_set_clock(const struct dos_clock *clock);

// Days and seconds since 1970. Months and the smaller fields may be out of their range.
int32_t dostime_days(int32_t year, int32_t month, int32_t day);
int64_t dostime_from_fields(int32_t year, int32_t month, int32_t day, int32_t hour, int32_t minute, int32_t second);

#endif // MICROPY_INCLUDED_DOS_DOSTIME_H
