// Hardware abstraction of the DOS port.
#ifndef MICROPY_INCLUDED_DOS_MPHALPORT_H
#define MICROPY_INCLUDED_DOS_MPHALPORT_H

#include <errno.h>
#include <stdbool.h>

#include "py/misc.h"
#include "shared/readline/readline.h"
#include "shared/runtime/interrupt_char.h"

// Takes packets in and looks for Ctrl-C, which it schedules as KeyboardInterrupt. Cheap, and never waits.
void dos_poll(void);
// Polls until something may have happened, at most ms milliseconds; the processor rests meanwhile.
void dos_wait(uint32_t ms);
#define MICROPY_INTERNAL_WFE(TIMEOUT_MS) dos_wait(TIMEOUT_MS)
#define MICROPY_INTERNAL_EVENT_HOOK dos_poll()

void mp_hal_stdio_mode_raw(void);
void mp_hal_stdio_mode_orig(void);

// input() edits its line as the prompt does.
#define mp_hal_readline mp_hal_readline
static inline int mp_hal_readline(vstr_t *vstr, const char *prompt) {
    mp_hal_stdio_mode_raw();
    int ret = readline(vstr, prompt);
    mp_hal_stdio_mode_orig();
    return ret;
}

// DOS calls are never interrupted, but waiting for a key may be, by Ctrl-C.
#define MP_HAL_RETRY_SYSCALL(ret, syscall, raise) { \
        while ((ret = (syscall)) == -1) { \
            int err = errno; \
            if (err != EINTR) { \
                raise; \
                break; \
            } \
            mp_handle_pending(true); \
        } \
}

#endif // MICROPY_INCLUDED_DOS_MPHALPORT_H
