// Time: the BIOS's count of timer ticks, the counter of the timer chip between two ticks, DOS's clock.
//
// The BIOS counts timer interrupts (18.2 each second) at 046Ch, and starts at 0 again at midnight. The timer
// chip's channel 0 counts down from 65536 between them, at 105/88 MHz. Nothing is hooked. What is kept is
// the moment of the last look; each look adds what has gone since then, so no look needs a 64-bit division.
//
// A timer interrupt can be lost: interrupts off too long, or an emulator whose host is busy. Where there is
// a steady time stamp counter it tells how many ticks there were. It never tells less than whole ticks.

#include "py/mphal.h"
#include "py/runtime.h"

#include "cpu.h"
#include "dostime.h"
#include "dpmi.h"
#include "idle.h"
#include "network_dos.h"

#define BIOS_TICKS (0x46c)
#define TICKS_PER_DAY (0x1800b0u)
#define CLOCKS_PER_TICK (65536u)

#define PIT_COUNTER0 (0x40)
#define PIT_CONTROL (0x43)
#define PIT_LATCH0 (0x00)
#define PIT_MODE2 (0x34) // channel 0, low byte then high byte
#define PIT_MODE3 (0x36)
#define PIC_COMMAND (0x20)
#define PIC_READ_IRR (0x0a)

// Only a counter that began again this short a time ago can have an interrupt that waits.
#define JUST_RELOADED (4096u)
// A step back by less than this is an error of reading; by more, a tick that the BIOS has not counted yet.
#define READ_ERROR (2048u)
// Ticks whose clocks can be multiplied in 32 bits with all that is added.
#define TICKS_32BIT (700u)

// The time stamp counter is used without its low bits. Its rate is believed when two measures in a row agree:
// first of half a tick, too short to lose one, then of some ticks. A gap with more ticks than the most that
// such a rate can tell is left to the BIOS.
#define STAMP_SHIFT (8)
#define STAMP_SHORT (CLOCKS_PER_TICK / 2)
#define STAMP_LONG (8 * CLOCKS_PER_TICK)
#define STAMP_TICKS_ROUGH (4u)
#define STAMP_TICKS_FINE (64u)

// DOS is asked again after this time, and its answer taken if it is this far from ours: then somebody
// has set the clock. DOS's own steps are 55 ms.
#define ASK_DOS_US (1000000u)
#define CLOCK_WAS_SET_US (250000)

static struct {
    bool ready;
    uint32_t bios;    // 046Ch at the last look
    uint32_t clock;   // timer clocks since the last tick; beyond 65536 if the BIOS is late
    uint64_t us;      // microseconds since the start
    uint32_t us_part; // and 105ths
    uint32_t ms;      // the same in milliseconds, modulo 2^32
    uint32_t ms_part; // and microseconds
    int32_t lost;     // ticks that the BIOS has missed
} look;

static struct {
    uint32_t last;    // when ticks were last found to be right
    uint32_t gap;     // clocks since then
    uint32_t rate;    // for each tick; 0: not known
    bool agreed;      // measured twice
    bool fine;        // the second one was long
    uint32_t start;   // of the measure
    uint32_t clocks;  // since then
} stamp;

static struct {
    bool known;
    int64_t offset;   // DOS's time less dostime_us(), in microseconds
    uint64_t asked;   // dostime_us() when DOS was asked
    int32_t lost;     // look.lost when the offset was found
} wall;

static inline void interrupts_off(void) {
    __asm volatile ("cli" : : : "memory");
}

// Our code always runs with interrupts on. (Saving and loading the flags would not do: under some hosts
// a program that is not privileged loses its interrupts by that.)
static inline void interrupts_on(void) {
    __asm volatile ("sti" : : : "memory");
}

static inline uint16_t read_counter(void) {
    outb(PIT_CONTROL, PIT_LATCH0);
    uint8_t low = inb(PIT_COUNTER0);
    return low | inb(PIT_COUNTER0) << 8;
}

static void start_timer(uint8_t mode) {
    interrupts_off();
    outb(PIT_CONTROL, mode);
    outb(PIT_COUNTER0, 0);
    outb(PIT_COUNTER0, 0);
    interrupts_on();
}

static void put_back(void) {
    start_timer(PIT_MODE3);
}

uint16_t dostime_counter(void) {
    interrupts_off();
    uint16_t counter = read_counter();
    interrupts_on();
    return counter;
}

// The BIOS's ticks and the clocks since the last of them, of one moment, and that moment's stamp.
static uint32_t read_ticks(uint32_t *clock, uint32_t *now) {
    interrupts_off();
    *now = cpu.tsc_steady ? cpu_tsc() >> STAMP_SHIFT : 0;
    uint32_t gone = (CLOCKS_PER_TICK - read_counter()) & (CLOCKS_PER_TICK - 1);
    uint32_t ticks = low32(BIOS_TICKS);
    if (gone < JUST_RELOADED) {
        // The counter has begun again, but the interrupt may not have been taken: it is then in this register.
        outb(PIC_COMMAND, PIC_READ_IRR);
        if (inb(PIC_COMMAND) & 1) {
            gone += CLOCKS_PER_TICK;
        }
    }
    interrupts_on();
    *clock = gone;
    return ticks;
}

static uint32_t ticks_since(uint32_t then, uint32_t now) {
    if (now >= then) {
        return now - then;
    }
    // Less than before: midnight, or somebody has set the clock back.
    uint32_t over_midnight = now + TICKS_PER_DAY - then;
    return over_midnight < TICKS_PER_DAY / 2 ? over_midnight : 0;
}

static void add_us(uint32_t us) {
    look.us += us;
    us += look.ms_part;
    look.ms += us / 1000;
    look.ms_part = us % 1000;
}

static void add_clocks(uint32_t clocks) {
    uint32_t n = clocks * TIMER_MICROS + look.us_part;
    look.us_part = n % TIMER_CLOCKS;
    add_us(n / TIMER_CLOCKS);
}

static void measure_again(uint32_t now) {
    stamp.start = now;
    stamp.clocks = 0;
}

static void begin_gap(uint32_t now) {
    stamp.last = now;
    stamp.gap = 0;
}

void dostime_init(void) {
    if (look.ready) {
        return;
    }
    // The BIOS's mode 3 counts down by two and twice, which leaves open what half of a tick it is.
    start_timer(PIT_MODE2);
    dos_at_exit(put_back);
    look.bios = read_ticks(&look.clock, &stamp.last);
    begin_gap(stamp.last);
    measure_again(stamp.last);
    look.ready = true;
}

static void measure_stamps(uint32_t now, uint32_t clocks) {
    stamp.clocks += clocks;
    // Ticks may be missing in a gap that is not judged yet.
    if (stamp.gap != 0 || stamp.clocks < (stamp.agreed ? STAMP_LONG : STAMP_SHORT)) {
        return;
    }
    if (stamp.clocks <= STAMP_TICKS_FINE * CLOCKS_PER_TICK) {
        uint32_t rate = (uint64_t)(now - stamp.start) * CLOCKS_PER_TICK / stamp.clocks;
        uint32_t apart = rate > stamp.rate ? rate - stamp.rate : stamp.rate - rate;
        bool same = apart <= rate / 64;
        stamp.fine = same && stamp.agreed;
        stamp.agreed = same;
        // A measure may be a little wrong: the host can be away between the two readings.
        stamp.rate = stamp.fine ? stamp.rate - stamp.rate / 16 + rate / 16 : rate;
    }
    measure_again(now);
}

// How many more ticks there were than the timer's clocks of this gap have, by the time stamps.
static int32_t lost_ticks(uint32_t now) {
    uint32_t stamps = now - stamp.last;
    uint32_t most = stamp.fine ? STAMP_TICKS_FINE : STAMP_TICKS_ROUGH;
    // A tick can only be lost in a gap that has one.
    if (stamp.agreed && stamps < stamp.rate / 2) {
        return 0;
    }
    if (!stamp.agreed || stamp.gap > most * CLOCKS_PER_TICK || stamps / stamp.rate > most) {
        stamp.agreed = false;
        begin_gap(now);
        return 0;
    }
    int32_t more = (uint64_t)stamps * CLOCKS_PER_TICK / stamp.rate - stamp.gap;
    int32_t ticks = (more + (int32_t)CLOCKS_PER_TICK / 2) >> 16;
    int32_t rest = more - ticks * (int32_t)CLOCKS_PER_TICK;
    // Only whole ticks can be lost, or come after all. If it is not so, a longer gap will show what was.
    if (rest > (int32_t)CLOCKS_PER_TICK / 8 || rest < -(int32_t)CLOCKS_PER_TICK / 8 || ticks < -look.lost) {
        return 0;
    }
    begin_gap(now);
    return ticks;
}

static void add_gap(uint32_t clocks, uint32_t now) {
    if (cpu.tsc_steady) {
        stamp.gap += clocks;
        int32_t lost = lost_ticks(now);
        // What comes after all has been counted before; time does not go back for it, but stands still.
        if (lost < 0 && clocks < -lost * CLOCKS_PER_TICK) {
            look.lost -= clocks / CLOCKS_PER_TICK;
            clocks %= CLOCKS_PER_TICK;
        } else {
            look.lost += lost;
            clocks += lost * CLOCKS_PER_TICK;
        }
        measure_stamps(now, clocks);
    }
    add_clocks(clocks);
}

// A tick that the BIOS has not counted yet: an emulator's interrupt may come late, and the chip then does
// not even ask for it yet.
static uint32_t with_late_tick(uint32_t clock) {
    if (clock >= look.clock) {
        return clock;
    }
    if (look.clock - clock >= READ_ERROR) {
        clock += CLOCKS_PER_TICK;
    }
    return clock < look.clock ? look.clock : clock;
}

static void take_look(void) {
    if (!look.ready) {
        dostime_init();
    }
    uint32_t clock, stamp_now;
    uint32_t bios = read_ticks(&clock, &stamp_now);
    uint32_t ticks = ticks_since(look.bios, bios);
    if (ticks == 0) {
        clock = with_late_tick(clock);
    }
    // At most a day has gone, if nobody set the clock: in steps that 32 bits can hold.
    for (; ticks > TICKS_32BIT; ticks -= TICKS_32BIT) {
        add_clocks(TICKS_32BIT * CLOCKS_PER_TICK);
        stamp.agreed = false;
    }
    uint32_t now = ticks * CLOCKS_PER_TICK + clock;
    if (now > look.clock) {
        add_gap(now - look.clock, stamp_now);
        look.clock = clock;
    } else {
        // Not more than before: the last look was ahead of a tick that has come now, or is still to come.
        look.clock -= ticks * CLOCKS_PER_TICK;
    }
    look.bios = bios;
}

uint64_t dostime_us(void) {
    take_look();
    return look.us;
}

uint32_t dostime_ms_to_tick(void) {
    take_look();
    uint32_t left = CLOCKS_PER_TICK - look.clock % CLOCKS_PER_TICK;
    return (left * TIMER_MICROS / TIMER_CLOCKS + 999) / 1000;
}

mp_uint_t mp_hal_ticks_ms(void) {
    take_look();
    return look.ms;
}

mp_uint_t mp_hal_ticks_us(void) {
    take_look();
    return look.us;
}

mp_uint_t mp_hal_ticks_cpu(void) {
    return cpu.tsc ? (mp_uint_t)cpu_tsc() : mp_hal_ticks_us();
}

// Rests only where the timer's next interrupt, which ends the rest, comes in time. Ctrl-C gets out of here.
static void wait_until(uint64_t end) {
    for (uint64_t now; (now = dostime_us()) < end;) {
        mp_event_handle_nowait();
        if (now + dostime_ms_to_tick() * 1000 <= end && !network_dos_busy()) {
            dos_cpu_idle();
        }
    }
}

void mp_hal_delay_ms(mp_uint_t ms) {
    uint64_t end = dostime_us() + (uint64_t)ms * 1000;
    mp_event_handle_nowait();
    wait_until(end);
}

void mp_hal_delay_us(mp_uint_t us) {
    uint64_t end = dostime_us() + us;
    // A short one is often part of a protocol: exact, nothing else is done.
    if (us < 1000) {
        while (dostime_us() < end) {
        }
    } else {
        wait_until(end);
    }
}

static void get_date(struct dos_clock *clock) {
    struct real_regs r = { .eax = 0x2a00 };
    real_int(0x21, &r);
    clock->year = r.ecx;
    clock->month = r.edx >> 8;
    clock->day = r.edx;
    clock->weekday = r.eax;
}

void dostime_get_clock(struct dos_clock *clock) {
    uint8_t day;
    get_date(clock);
    do {
        day = clock->day;
        struct real_regs r = { .eax = 0x2c00 };
        real_int(0x21, &r);
        clock->hour = r.ecx >> 8;
        clock->minute = r.ecx;
        clock->second = r.edx >> 8;
        clock->hundredth = r.edx;
        // Another day now: the time may be of before midnight or of after it.
        get_date(clock);
    } while (clock->day != day);
}

static bool set_time(uint8_t hour, uint8_t minute, uint8_t second, uint8_t hundredth) {
    struct real_regs r = { .eax = 0x2d00, .ecx = hour << 8 | minute, .edx = second << 8 | hundredth };
    real_int(0x21, &r);
    return (uint8_t)r.eax == 0;
}

bool dostime_set_clock(const struct dos_clock *clock) {
    if (clock->year < 1980 || clock->year > 2099 || clock->month < 1 || clock->month > 12 || clock->day < 1
        || dostime_days(clock->year, clock->month, clock->day) >= dostime_days(clock->year, clock->month + 1, 1)
        || clock->hour > 23 || clock->minute > 59 || clock->second > 59 || clock->hundredth > 99) {
        return false;
    }
    take_look();
    // At noon, so that no midnight comes between the two.
    struct real_regs r = { .eax = 0x2b00, .ecx = clock->year, .edx = clock->month << 8 | clock->day };
    bool done = set_time(12, 0, 0, 0);
    if (done) {
        real_int(0x21, &r);
        done = set_time(clock->hour, clock->minute, clock->second, clock->hundredth) && (uint8_t)r.eax == 0;
    }
    // The BIOS's count has been set: of what has gone only the chip's counter knows.
    uint32_t gone;
    look.bios = read_ticks(&gone, &stamp.last);
    add_clocks((gone - look.clock) % CLOCKS_PER_TICK);
    look.clock = gone;
    begin_gap(stamp.last);
    measure_again(stamp.last);
    wall.known = false;
    return done;
}

int32_t dostime_days(int32_t year, int32_t month, int32_t day) {
    // Years that begin in March: the day that may be missing is their last.
    month -= 3;
    year += month / 12;
    month %= 12;
    if (month < 0) {
        month += 12;
        --year;
    }
    int32_t era = (year < 0 ? year - 399 : year) / 400;
    int32_t of_era = year - era * 400;
    int32_t of_year = (153 * month + 2) / 5;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year + day - 1 - 719468;
}

int64_t dostime_from_fields(int32_t year, int32_t month, int32_t day, int32_t hour, int32_t minute, int32_t second) {
    return dostime_days(year, month, day) * 86400LL + hour * 3600LL + minute * 60LL + second;
}

uint64_t mp_hal_time_ns(void) {
    uint64_t us = dostime_us();
    if (!wall.known || us - wall.asked >= ASK_DOS_US) {
        struct dos_clock c;
        dostime_get_clock(&c);
        int64_t dos = dostime_from_fields(c.year, c.month, c.day, c.hour, c.minute, c.second) * 1000000
            + c.hundredth * 10000;
        us = dostime_us();
        // DOS goes by the BIOS's ticks: what those have missed is no other setting of the clock.
        int64_t missed = (look.lost - wall.lost) * (int64_t)(CLOCKS_PER_TICK * TIMER_MICROS / TIMER_CLOCKS);
        int64_t off = dos + missed - (int64_t)us - wall.offset;
        if (!wall.known || off > CLOCK_WAS_SET_US || off < -CLOCK_WAS_SET_US) {
            wall.offset = dos - (int64_t)us;
            wall.lost = look.lost;
        }
        wall.known = true;
        wall.asked = us;
    }
    return (us + wall.offset) * 1000;
}
