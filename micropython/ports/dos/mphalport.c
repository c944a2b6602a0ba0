// Standard input and output, and what happens in every wait.

#include <string.h>
#include <unistd.h>

#include "py/mphal.h"
#include "py/runtime.h"

#include "console.h"
#include "dostime.h"
#include "dpmi.h"
#include "idle.h"
#include "network_dos.h"

void dos_poll(void) {
    static bool polling;
    if (polling) {
        return;
    }
    polling = true;
    // What is not an interrupt character is a key for the program.
    if (mp_interrupt_char >= 0) {
        // Ctrl-Break leaves a key behind too.
        bool pressed = dos_take_break();
        bool typed = (pressed || !console_is_raw()) && console_take_ctrl_c();
        if (pressed || typed) {
            mp_sched_keyboard_interrupt();
        }
    }
    console_poll();
    network_dos_poll();
    polling = false;
}

void dos_wait(uint32_t ms) {
    uint32_t start = mp_hal_ticks_ms();
    do {
        dos_poll();
        if (mp_sched_num_pending() != 0 || MP_STATE_THREAD(mp_pending_exception) != MP_OBJ_NULL) {
            return;
        }
        uint32_t gone = mp_hal_ticks_ms() - start;
        if (gone >= ms) {
            return;
        }
        // A rest may last until the next timer interrupt, so there is none with packets on the way, nor
        // when the wait ends before that.
        if (network_dos_busy()) {
            return;
        }
        if (ms - gone >= dostime_ms_to_tick()) {
            dos_cpu_idle();
            return;
        }
    } while (true);
}

void mp_hal_stdio_mode_raw(void) {
    console_raw(true);
}

void mp_hal_stdio_mode_orig(void) {
    console_raw(false);
}

int mp_hal_stdin_rx_chr(void) {
    unsigned char c;
    ssize_t ret;
    MP_HAL_RETRY_SYSCALL(ret, read(STDIN_FILENO, &c, 1), {});
    if (ret <= 0) {
        return CHAR_CTRL_D;
    }
    return c == '\n' ? '\r' : c;
}

mp_uint_t mp_hal_stdout_tx_strn(const char *str, size_t len) {
    ssize_t ret;
    MP_HAL_RETRY_SYSCALL(ret, write(STDOUT_FILENO, str, len), {});
    return ret < 0 ? 0 : ret;
}

// The console makes "\n" a new line by itself; a file gets what was written.
void mp_hal_stdout_tx_strn_cooked(const char *str, size_t len) {
    mp_hal_stdout_tx_strn(str, len);
}

void mp_hal_stdout_tx_str(const char *str) {
    mp_hal_stdout_tx_strn(str, strlen(str));
}
