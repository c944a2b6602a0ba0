// `_ssh.unix`: what the package `ssh` needs of a system with descriptors and terminals, and MicroPython's unix
// port does not offer: a read that does not wait until its buffer is full, half-closed sockets, the size of a
// terminal, an end by signal that puts the terminal back, and a command whose input and output are one stream.

#include "modssh.h"

#if MICROPY_PY_SSH_UNIX

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

// read_some(stream, buf): one read of the stream; a count, 0 at the end, None when nothing is there.
static mp_obj_t unix_read_some(mp_obj_t stream, mp_obj_t buf_in) {
    const mp_stream_p_t *stream_p = mp_get_stream_raise(stream, MP_STREAM_OP_READ);
    mp_buffer_info_t info;
    mp_get_buffer_raise(buf_in, &info, MP_BUFFER_WRITE);
    int err = 0;
    mp_uint_t n = stream_p->read(stream, info.buf, info.len, &err);
    if (n != MP_STREAM_ERROR) {
        return mp_obj_new_int_from_uint(n);
    }
    if (mp_is_nonblocking_error(err)) {
        return mp_const_none;
    }
    mp_raise_OSError(err);
}
static MP_DEFINE_CONST_FUN_OBJ_2(unix_read_some_obj, unix_read_some);

static int get_fd(mp_obj_t sock) {
    const mp_stream_p_t *stream_p = mp_get_stream_raise(sock, MP_STREAM_OP_IOCTL);
    int err = 0;
    mp_uint_t fd = stream_p->ioctl(sock, MP_STREAM_GET_FILENO, 0, &err);
    if (fd == MP_STREAM_ERROR) {
        mp_raise_OSError(err);
    }
    return fd;
}

// shutdown(sock): nothing more will be written; reading goes on.
static mp_obj_t unix_shutdown(mp_obj_t sock) {
    if (shutdown(get_fd(sock), SHUT_WR) != 0) {
        mp_raise_OSError(errno);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(unix_shutdown_obj, unix_shutdown);

// port(sock): at which port it is, of a socket that was bound to one that the system chose.
static mp_obj_t unix_port(mp_obj_t sock) {
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);
    if (getsockname(get_fd(sock), (struct sockaddr *)&address, &len) != 0) {
        mp_raise_OSError(errno);
    }
    uint16_t port = 0;
    if (address.ss_family == AF_INET) {
        port = ((struct sockaddr_in *)&address)->sin_port;
    } else if (address.ss_family == AF_INET6) {
        port = ((struct sockaddr_in6 *)&address)->sin6_port;
    }
    return MP_OBJ_NEW_SMALL_INT(ntohs(port));
}
static MP_DEFINE_CONST_FUN_OBJ_1(unix_port_obj, unix_port);

// terminal_size(fd): (columns, rows) of a terminal, as far as it knows.
static mp_obj_t unix_terminal_size(mp_obj_t fd) {
    struct winsize size;
    if (ioctl(mp_obj_get_int(fd), TIOCGWINSZ, &size) != 0) {
        mp_raise_OSError(errno);
    }
    mp_obj_t items[2] = { MP_OBJ_NEW_SMALL_INT(size.ws_col), MP_OBJ_NEW_SMALL_INT(size.ws_row) };
    return mp_obj_new_tuple(2, items);
}
static MP_DEFINE_CONST_FUN_OBJ_1(unix_terminal_size_obj, unix_terminal_size);

// terminal_modes(fd): all modes of a terminal, as bytes that terminal_modes(fd, modes) sets again when its output
// is through. (What termios.tcsetattr() of MicroPython 1.25 sets is not all that tcgetattr() has read.)
static mp_obj_t unix_terminal_modes(size_t n_args, const mp_obj_t *args) {
    struct termios modes;
    if (n_args == 1) {
        if (tcgetattr(mp_obj_get_int(args[0]), &modes) != 0) {
            mp_raise_OSError(errno);
        }
        return mp_obj_new_bytes((const byte *)&modes, sizeof(modes));
    }
    mp_buffer_info_t info;
    mp_get_buffer_raise(args[1], &info, MP_BUFFER_READ);
    if (info.len != sizeof(modes)) {
        mp_raise_ValueError(NULL);
    }
    memcpy(&modes, info.buf, sizeof(modes));
    if (tcsetattr(mp_obj_get_int(args[0]), TCSADRAIN, &modes) != 0) {
        mp_raise_OSError(errno);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(unix_terminal_modes_obj, 1, 2, unix_terminal_modes);

// How terminals of other systems name the modes of ours: RFC 4254 section 8; IUTF8: RFC 8160.
static const struct {
    uint8_t code;
    uint8_t index;
} pty_chars[] = {
    { 1, VINTR }, { 2, VQUIT }, { 3, VERASE }, { 4, VKILL }, { 5, VEOF }, { 6, VEOL }, { 7, VEOL2 },
    { 8, VSTART }, { 9, VSTOP }, { 10, VSUSP }, { 12, VREPRINT }, { 13, VWERASE }, { 14, VLNEXT },
};
enum { INPUT, LOCAL, OUTPUT, CONTROL };
static const struct {
    uint8_t code;
    uint8_t word;
    tcflag_t flag;
} pty_flags[] = {
    { 30, INPUT, IGNPAR }, { 31, INPUT, PARMRK }, { 32, INPUT, INPCK }, { 33, INPUT, ISTRIP },
    { 34, INPUT, INLCR }, { 35, INPUT, IGNCR }, { 36, INPUT, ICRNL }, { 38, INPUT, IXON },
    { 39, INPUT, IXANY }, { 40, INPUT, IXOFF }, { 41, INPUT, IMAXBEL },
    #ifdef IUTF8
    { 42, INPUT, IUTF8 },
    #endif
    { 50, LOCAL, ISIG }, { 51, LOCAL, ICANON }, { 53, LOCAL, ECHO }, { 54, LOCAL, ECHOE }, { 55, LOCAL, ECHOK },
    { 56, LOCAL, ECHONL }, { 57, LOCAL, NOFLSH }, { 58, LOCAL, TOSTOP }, { 59, LOCAL, IEXTEN },
    { 60, LOCAL, ECHOCTL }, { 61, LOCAL, ECHOKE }, { 62, LOCAL, PENDIN },
    { 70, OUTPUT, OPOST }, { 72, OUTPUT, ONLCR }, { 73, OUTPUT, OCRNL }, { 74, OUTPUT, ONOCR }, { 75, OUTPUT, ONLRET },
    { 90, CONTROL, CS7 }, { 91, CONTROL, CS8 }, { 92, CONTROL, PARENB }, { 93, CONTROL, PARODD },
};

static void add_mode(vstr_t *vstr, uint8_t code, uint8_t value) {
    const char mode[] = { code, 0, 0, 0, value };
    vstr_add_strn(vstr, mode, sizeof(mode));
}

// pty_modes(fd): the modes of a terminal as request_pty() takes them.
static mp_obj_t unix_pty_modes(mp_obj_t fd) {
    struct termios modes;
    if (tcgetattr(mp_obj_get_int(fd), &modes) != 0) {
        mp_raise_OSError(errno);
    }
    vstr_t vstr;
    vstr_init(&vstr, 256);
    for (size_t i = 0; i < MP_ARRAY_SIZE(pty_chars); i++) {
        cc_t c = modes.c_cc[pty_chars[i].index];
        add_mode(&vstr, pty_chars[i].code, c == _POSIX_VDISABLE ? 255 : c); // 255: switched off
    }
    const tcflag_t words[] = { modes.c_iflag, modes.c_lflag, modes.c_oflag, modes.c_cflag };
    for (size_t i = 0; i < MP_ARRAY_SIZE(pty_flags); i++) {
        tcflag_t flag = pty_flags[i].flag;
        add_mode(&vstr, pty_flags[i].code, (words[pty_flags[i].word] & flag) == flag);
    }
    vstr_add_byte(&vstr, 0); // the end
    return mp_obj_new_bytes_from_vstr(&vstr);
}
static MP_DEFINE_CONST_FUN_OBJ_1(unix_pty_modes_obj, unix_pty_modes);

static volatile sig_atomic_t caught;

// The way of ctrl-C, which is held back where no exception may arise.
static void end_handler(int signum) {
    caught = signum;
    raise(SIGINT);
}

// catch_signals(): from now on SIGTERM and SIGHUP raise KeyboardInterrupt, as SIGINT does. The number of the
// last one that came, 0: none has.
static mp_obj_t unix_catch_signals(void) {
    static const int signals[] = { SIGTERM, SIGHUP };
    for (size_t i = 0; i < MP_ARRAY_SIZE(signals); i++) {
        struct sigaction action;
        if (sigaction(signals[i], NULL, &action) == 0 && action.sa_handler == SIG_DFL) { // else: nohup, or done
            action.sa_flags = 0;
            action.sa_handler = end_handler;
            sigemptyset(&action.sa_mask);
            sigaction(signals[i], &action, NULL);
        }
    }
    return MP_OBJ_NEW_SMALL_INT(caught);
}
static MP_DEFINE_CONST_FUN_OBJ_0(unix_catch_signals_obj, unix_catch_signals);

// In the child: the user's shell runs the command, with its end of the pair as input and output.
static void run_command(const char *command, int end) {
    for (int fd = 0; fd < 2; fd++) {
        if (end != fd) {
            dup2(end, fd);
        }
    }
    if (end > 1) {
        close(end);
    }
    signal(SIGPIPE, SIG_DFL); // which is ignored here
    const char *shell = getenv("SHELL");
    if (shell == NULL || *shell == 0) {
        shell = "/bin/sh";
    }
    execl(shell, shell, "-c", command, (char *)NULL);
    _exit(127);
}

// spawn(command): a shell runs it beside us; (descriptor, process), the former a connection to its input and
// output that does not wait.
static mp_obj_t unix_spawn(mp_obj_t command_in) {
    const char *command = mp_obj_str_get_str(command_in);
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) {
        mp_raise_OSError(errno);
    }
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        run_command(command, ends[1]);
    }
    int err = errno;
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        mp_raise_OSError(err);
    }
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[0], F_SETFL, fcntl(ends[0], F_GETFL) | O_NONBLOCK);
    mp_obj_t items[2] = { MP_OBJ_NEW_SMALL_INT(ends[0]), mp_obj_new_int(pid) };
    return mp_obj_new_tuple(2, items);
}
static MP_DEFINE_CONST_FUN_OBJ_1(unix_spawn_obj, unix_spawn);

// ended(process): its exit status, minus the number of the signal that ended it, None while it runs. May be
// told once.
static mp_obj_t unix_ended(mp_obj_t pid) {
    int status;
    pid_t got = waitpid(mp_obj_get_int(pid), &status, WNOHANG);
    if (got < 0) {
        mp_raise_OSError(errno);
    }
    if (got == 0) {
        return mp_const_none;
    }
    return MP_OBJ_NEW_SMALL_INT(WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
}
static MP_DEFINE_CONST_FUN_OBJ_1(unix_ended_obj, unix_ended);

// hang_up(process): tell it to end.
static mp_obj_t unix_hang_up(mp_obj_t pid) {
    if (kill(mp_obj_get_int(pid), SIGHUP) != 0) {
        mp_raise_OSError(errno);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(unix_hang_up_obj, unix_hang_up);

// chmod(path, mode)
static mp_obj_t unix_chmod(mp_obj_t path, mp_obj_t mode) {
    if (chmod(mp_obj_str_get_str(path), mp_obj_get_int(mode)) != 0) {
        mp_raise_OSError(errno);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(unix_chmod_obj, unix_chmod);

// utime(path, atime, mtime): in seconds.
static mp_obj_t unix_utime(mp_obj_t path, mp_obj_t atime, mp_obj_t mtime) {
    struct timeval times[2] = { { .tv_sec = mp_obj_get_int(atime) }, { .tv_sec = mp_obj_get_int(mtime) } };
    if (utimes(mp_obj_str_get_str(path), times) != 0) {
        mp_raise_OSError(errno);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_3(unix_utime_obj, unix_utime);

// umask(mask): the one before.
static mp_obj_t unix_umask(mp_obj_t mask) {
    return MP_OBJ_NEW_SMALL_INT(umask(mp_obj_get_int(mask)));
}
static MP_DEFINE_CONST_FUN_OBJ_1(unix_umask_obj, unix_umask);

static const mp_rom_map_elem_t unix_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_unix) },
    { MP_ROM_QSTR(MP_QSTR_read_some), MP_ROM_PTR(&unix_read_some_obj) },
    { MP_ROM_QSTR(MP_QSTR_shutdown), MP_ROM_PTR(&unix_shutdown_obj) },
    { MP_ROM_QSTR(MP_QSTR_port), MP_ROM_PTR(&unix_port_obj) },
    { MP_ROM_QSTR(MP_QSTR_terminal_size), MP_ROM_PTR(&unix_terminal_size_obj) },
    { MP_ROM_QSTR(MP_QSTR_terminal_modes), MP_ROM_PTR(&unix_terminal_modes_obj) },
    { MP_ROM_QSTR(MP_QSTR_pty_modes), MP_ROM_PTR(&unix_pty_modes_obj) },
    { MP_ROM_QSTR(MP_QSTR_catch_signals), MP_ROM_PTR(&unix_catch_signals_obj) },
    { MP_ROM_QSTR(MP_QSTR_chmod), MP_ROM_PTR(&unix_chmod_obj) },
    { MP_ROM_QSTR(MP_QSTR_utime), MP_ROM_PTR(&unix_utime_obj) },
    { MP_ROM_QSTR(MP_QSTR_umask), MP_ROM_PTR(&unix_umask_obj) },
    { MP_ROM_QSTR(MP_QSTR_spawn), MP_ROM_PTR(&unix_spawn_obj) },
    { MP_ROM_QSTR(MP_QSTR_ended), MP_ROM_PTR(&unix_ended_obj) },
    { MP_ROM_QSTR(MP_QSTR_hang_up), MP_ROM_PTR(&unix_hang_up_obj) },
};
static MP_DEFINE_CONST_DICT(unix_globals, unix_globals_table);

const mp_obj_module_t modssh_unix_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&unix_globals,
};

#endif // MICROPY_PY_SSH_UNIX
