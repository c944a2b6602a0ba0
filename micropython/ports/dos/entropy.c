// Where unpredictable data comes from, and how much of it is believed.
//
//   RDSEED         half of its bits, if no word is a stuck one
//   RDRAND         a quarter, likewise (it may be a generator that was seeded once)
//   timer jitter   an eighth of what the tests leave, at most 1/8 bit for each sample (jitter.c)
//   keys           at most four bits for each, by how uneven the times between them are
//   seed file      256 bits, once it has been replaced on the disk (seedfile.c)
//   the program    what it gives, all of it
//   clocks, memory nothing, but they part machines that are equal otherwise
//
// With 256 bits the generator is seeded (entropy_pool.c). Without, there are no numbers.

#include <stdio.h>
#include <string.h>

#include "py/mphal.h"
#include "py/objstr.h"
#include "py/runtime.h"

#include "console.h"
#include "cpu.h"
#include "dostime.h"
#include "dpmi.h"
#include "entropy.h"
#include "entropy_health.h"
#include "entropy_pool.h"
#include "jitter.h"
#include "seedfile.h"

#define GATHER_MS (5000)
#define HARDWARE_WORDS (64)
#define HARDWARE_TRIES (64)
#define RDSEED_CREDIT (16 * CREDIT_BIT)
#define RDRAND_CREDIT (8 * CREDIT_BIT)
#define KEY_MOST (4)
#define BIOS_DATA (0x400)
#define BIOS_DATA_SIZE (256)

extern mp_obj_str_t mp_sys_executable_obj;

enum hardware_state { HARDWARE_NONE, HARDWARE_BROKEN, HARDWARE_GOOD };
static const char *const hardware_names[] = { "none", "broken", "good" };
static const char *const seedfile_names[] = { "unread", "none", "poor", "not replaceable", "used" };

static struct {
    bool started;
    bool busy;
    bool seed_left;
    enum hardware_state rdseed, rdrand;
    uint32_t keys;
    uint64_t key_time;
    int32_t key_step, key_step2;
} e;

// ---------------------------------------------------------------- what jitter.c and seedfile.c ask for

uint32_t jitter_clock(void) {
    return cpu.tsc ? (uint32_t)cpu_tsc() : -(uint32_t)dostime_counter();
}

uint32_t jitter_clock_mask(void) {
    return cpu.tsc ? 0xffffffff : 0xffff;
}

uint32_t jitter_ms(void) {
    return mp_hal_ticks_ms();
}

// Ctrl-C ends it too: the exception comes when the interpreter goes on.
bool jitter_pause(void) {
    dos_poll();
    return MP_STATE_THREAD(mp_pending_exception) != MP_OBJ_NULL;
}

// ---------------------------------------------------------------- sources

// What is different from one moment to the next.
struct moment {
    uint64_t us;
    uint32_t clock;
    uint16_t counter;
    uint16_t zero;
};

static void take_moment(struct moment *m) {
    m->us = dostime_us();
    m->clock = jitter_clock();
    m->counter = dostime_counter();
    m->zero = 0;
}

static void add_clocks(void) {
    struct moment m;
    struct dos_clock clock;
    memset(&clock, 0, sizeof(clock));
    dostime_get_clock(&clock);
    take_moment(&m);
    pool_add(POOL_CLOCK, &clock, sizeof(clock), 0);
    pool_add(POOL_CLOCK, &m, sizeof(m), 0);
    pool_add(POOL_CLOCK, &cpu, sizeof(cpu), 0);
    uint8_t bios[BIOS_DATA_SIZE];
    for (unsigned i = 0; i < BIOS_DATA_SIZE; ++i) {
        bios[i] = low8(BIOS_DATA + i);
    }
    pool_add(POOL_CLOCK, bios, sizeof(bios), 0);
}

static enum hardware_state add_hardware(bool (*draw)(uint32_t *), uint32_t credit) {
    uint32_t words[HARDWARE_WORDS];
    unsigned n = 0;
    for (unsigned tries = 0; n < HARDWARE_WORDS && tries < HARDWARE_WORDS * HARDWARE_TRIES; ++tries) {
        n += draw(&words[n]);
    }
    // Words that came all ones, or all equal, are known of processors that have slept.
    bool good = health_words(words, n);
    pool_add(POOL_HARDWARE, words, n * sizeof(words[0]), good ? n * credit : 0);
    wipe(words, sizeof(words));
    return good ? HARDWARE_GOOD : HARDWARE_BROKEN;
}

static void add_processor(void) {
    if (cpu.rdseed && e.rdseed != HARDWARE_BROKEN) {
        e.rdseed = add_hardware(cpu_rdseed, RDSEED_CREDIT);
    }
    if (cpu.rdrand && e.rdrand != HARDWARE_BROKEN) {
        e.rdrand = add_hardware(cpu_rdrand, RDRAND_CREDIT);
    }
}

static uint32_t distance(int32_t a) {
    return a < 0 ? -(uint32_t)a : (uint32_t)a;
}

// A key held down, or one typed by a machine, comes evenly: only what three differences leave counts.
void entropy_key_event(void) {
    struct moment m;
    take_moment(&m);
    uint64_t us = m.us - e.key_time;
    int32_t step = us < 0x1fffffff ? us : 0x1fffffff;
    int32_t step2 = step - e.key_step;
    uint32_t uneven = MIN(distance(step), MIN(distance(step2), distance(step2 - e.key_step2)));
    e.key_time = m.us;
    e.key_step = step;
    e.key_step2 = step2;
    // A bit for each doubling from two milliseconds on, though the clock is a thousand times finer.
    uint32_t bits = 0;
    while (bits < KEY_MOST && uneven >= 2048u << bits) {
        ++bits;
    }
    ++e.keys;
    pool_add(POOL_KEY, &m, sizeof(m), bits * CREDIT_BIT);
}

void entropy_add(const void *data, size_t n) {
    pool_add(POOL_PROGRAM, data, n, 0);
}

// ---------------------------------------------------------------- numbers

static void leave(void) {
    if (e.started) {
        seedfile_leave();
    }
    pool_wipe();
}

static void first_use(void) {
    e.started = true;
    dos_at_exit(leave);
    add_clocks();
    size_t len;
    const char *executable = mp_obj_str_get_data(MP_OBJ_FROM_PTR(&mp_sys_executable_obj), &len);
    seedfile_take(len == 0 ? "" : executable);
    // The disk has taken its time, and no two times the same.
    add_clocks();
    add_processor();
}

// Whether the generator is seeded, after trying to.
static bool gather(void) {
    if (e.busy) {
        return pool_ready(); // called by what runs while it gathers
    }
    e.busy = true;
    if (!e.started) {
        first_use();
    }
    if (!pool_ready()) {
        add_processor();
    }
    if (!pool_ready()) {
        jitter_gather(GATHER_MS);
    }
    if (pool_ready() && !e.seed_left) {
        jitter_stir();
        seedfile_leave();
        e.seed_left = true;
    }
    e.busy = false;
    return pool_ready();
}

bool entropy_get(void *buf, size_t n) {
    if (!gather()) {
        return false;
    }
    struct moment m;
    take_moment(&m);
    pool_stir(&m, sizeof(m));
    return pool_output(buf, n);
}

void entropy_nonsecret(void *buf, size_t n) {
    static uint32_t state = 2463534242u;
    if (pool_output(buf, n)) {
        return;
    }
    uint8_t *p = buf;
    for (size_t i = 0; i < n; ++i) {
        state ^= jitter_clock() * 2654435761u ^ low32(BIOS_DATA + 0x6c);
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        p[i] = state >> 8;
    }
}

static const char *seedfile_says(void) {
    switch (seedfile_state) {
        case SEEDFILE_POOR:
            return "is not random";
        case SEEDFILE_FIXED:
            return "cannot be replaced on its disk";
        default:
            return "is not there";
    }
}

const char *entropy_sentence(void) {
    static char text[400];
    const char *instruction = cpu.rdseed || cpu.rdrand ? "the processor's random numbers are stuck"
        : "this processor makes no random numbers";
    snprintf(text, sizeof(text),
        "not enough randomness for secrets: %s, the timer's jitter was too regular "
        "(%u blocks of samples, %u good, %u alarms), the seed file %s %s. Type some: dos.gather_entropy(), or give "
        "32 random bytes: dos.add_entropy(b), or put 64 into that file",
        instruction, (unsigned)jitter_report.blocks, (unsigned)jitter_report.credited,
        (unsigned)jitter_report.alarms, seedfile_path(), seedfile_says());
    return text;
}

// ---------------------------------------------------------------- for programs

static mp_obj_t dos_add_entropy(mp_obj_t data) {
    mp_buffer_info_t buf;
    if (mp_obj_is_str(data)) {
        // Text is hardly ever random in all its bits.
        mp_raise_TypeError(MP_ERROR_TEXT("random bytes are wanted, not a str"));
    }
    mp_get_buffer_raise(data, &buf, MP_BUFFER_READ);
    uint32_t bits = buf.len < POOL_NEED_BITS / 8 ? buf.len * 8 : POOL_NEED_BITS;
    pool_add(POOL_PROGRAM, buf.buf, buf.len, bits * CREDIT_BIT);
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_1(dos_add_entropy_obj, dos_add_entropy);

static mp_obj_t dos_gather_entropy(void) {
    if (gather()) {
        return mp_const_none;
    }
    mp_printf(&mp_plat_print, "Type keys as they come, no one held down, until it says enough:\n");
    uint32_t bits = 0;
    while (!pool_ready()) {
        mp_event_wait_ms(1000);
        while (console_input_ready()) {
            if (console_read_byte() == CHAR_CTRL_C) {
                mp_sched_keyboard_interrupt();
            }
        }
        mp_handle_pending(true);
        // A dot for each four bits.
        for (; bits + 4 <= pool_bits(); bits += 4) {
            mp_printf(&mp_plat_print, ".");
        }
    }
    mp_printf(&mp_plat_print, " enough.\n");
    gather();
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_0(dos_gather_entropy_obj, dos_gather_entropy);

static void report(mp_obj_t dict, qstr name, mp_obj_t value) {
    mp_obj_dict_store(dict, MP_OBJ_NEW_QSTR(name), value);
}

static void report_text(mp_obj_t dict, qstr name, const char *text) {
    report(dict, name, mp_obj_new_str_from_cstr(text));
}

static mp_obj_t dos_entropy(void) {
    mp_obj_t dict = mp_obj_new_dict(0);
    report(dict, MP_QSTR_ready, mp_obj_new_bool(pool_ready()));
    report(dict, MP_QSTR_bits, MP_OBJ_NEW_SMALL_INT(pool_bits()));
    report_text(dict, MP_QSTR_rdseed, hardware_names[e.rdseed]);
    report_text(dict, MP_QSTR_rdrand, hardware_names[e.rdrand]);
    // Blocks of 1024 samples, those that counted, alarms, thousandths of a bit for each sample of the last block.
    mp_obj_t jitter[4] = {
        MP_OBJ_NEW_SMALL_INT(jitter_report.blocks),
        MP_OBJ_NEW_SMALL_INT(jitter_report.credited),
        MP_OBJ_NEW_SMALL_INT(jitter_report.alarms),
        MP_OBJ_NEW_SMALL_INT(jitter_report.entropy * 1000 / CREDIT_BIT),
    };
    report(dict, MP_QSTR_jitter, mp_obj_new_tuple(MP_ARRAY_SIZE(jitter), jitter));
    report(dict, MP_QSTR_keys, MP_OBJ_NEW_SMALL_INT(e.keys));
    report_text(dict, MP_QSTR_seedfile, seedfile_names[seedfile_state]);
    return dict;
}
MP_DEFINE_CONST_FUN_OBJ_0(dos_entropy_obj, dos_entropy);
