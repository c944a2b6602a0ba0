// Descriptors that are the console, and waiting for any.

#include <errno.h>
#include <poll.h>

#include "py/mphal.h"
#include "py/mpstate.h"

#include "console.h"
#include "posix.h"
#include "posix_console.h"

static bool is_interrupted(void) {
    return MP_STATE_THREAD(mp_pending_exception) != MP_OBJ_NULL;
}

ssize_t posix_console_write(const char *buf, size_t n) {
    console_write(buf, n);
    return n;
}

ssize_t posix_console_read(char *buf, size_t n) {
    if (n == 0) {
        return 0;
    }
    size_t got = console_read(buf, n);
    return got == 0 && is_interrupted() ? posix_return(EINTR) : (ssize_t)got;
}

// What is ready of what is asked for.
static short poll_one(int fd, short events) {
    struct real_regs r = { .ebx = fd };
    short ready = 0;
    switch (posix_kind(fd)) {
        case POSIX_CLOSED:
            return POLLNVAL;
        case POSIX_CONSOLE:
            return events & (POLLOUT | (console_read_ready() ? POLLIN : 0));
        case POSIX_FILE:
            return events & (POLLIN | POLLOUT);
        default:
            r.eax = 0x4406;
            if ((events & POLLIN) && dos_int21(&r) == 0 && (r.eax & 0xff) == 0xff) {
                ready |= POLLIN;
            }
            r.eax = 0x4407;
            if ((events & POLLOUT) && dos_int21(&r) == 0 && (r.eax & 0xff) == 0xff) {
                ready |= POLLOUT;
            }
            return ready;
    }
}

int poll(struct pollfd *fds, nfds_t count, int timeout) {
    mp_uint_t start = mp_hal_ticks_ms();
    for (;;) {
        int ready = 0;
        for (nfds_t i = 0; i < count; ++i) {
            fds[i].revents = fds[i].fd < 0 ? 0 : poll_one(fds[i].fd, fds[i].events);
            ready += fds[i].revents != 0;
        }
        mp_uint_t gone = mp_hal_ticks_ms() - start;
        if (ready != 0 || (timeout >= 0 && gone >= (mp_uint_t)timeout)) {
            return ready;
        }
        if (is_interrupted()) {
            return posix_return(EINTR);
        }
        dos_wait(timeout >= 0 ? timeout - gone : 1000);
    }
}
