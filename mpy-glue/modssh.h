// What the C files of `_ssh` share: object structs, the operation (busy flag, deadline, waiting), errors.
//
// Every entry into the Rust library happens inside an operation:
//
//     modssh_op_t op;
//     modssh_enter(&op, session);            // raises EBUSY on re-entry, SSHError when closed
//     int r;
//     MODSSH_RUN(&op, r, ssh_auth_none(session->core, user, len));
//     modssh_leave(&op);                     // or modssh_finish(&op, r): leaves, and raises if r is an error
//
// An exception between enter and leave (from a wait, an allocation, a Python callback) runs the same
// clean-up as modssh_leave() through MicroPython's nlr jump callbacks: the busy flag is cleared and
// scratch memory wiped. The op must live on the C stack.

#ifndef MICROPY_INCLUDED_MODSSH_H
#define MICROPY_INCLUDED_MODSSH_H

#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/nlr.h"
#include "py/obj.h"
#include "py/runtime.h"
#include "py/stream.h"

#include "ssh_ffi.h"

// ---------------------------------------------------------------- defaults of a port

// Zero means the default that ssh_config_init() gives for the target.

// Bytes of receive window (and of memory) of each channel. A larger one pays on fast and on long lines, but
// several sessions have to fit the unix port's heap of 2 MiB.
#ifndef MICROPY_PY_SSH_WINDOW
#if UINTPTR_MAX > 0xffffffff
#define MICROPY_PY_SSH_WINDOW (128 * 1024)
#elif defined(__i386__)
#define MICROPY_PY_SSH_WINDOW (32 * 1024)
#else
#define MICROPY_PY_SSH_WINDOW (2 * 1024)
#endif
#endif

// Largest packet that the peer is asked to send in one piece.
#ifndef MICROPY_PY_SSH_MAX_PACKET
#define MICROPY_PY_SSH_MAX_PACKET (0)
#endif

// Bytes of a file in one WRITE request of SFTP, of which each SFTP has memory for two. Servers take up to 32 KiB.
#ifndef MICROPY_PY_SSH_SFTP_WRITE
#define MICROPY_PY_SSH_SFTP_WRITE (0)
#endif

// Channels open at once in one session.
#ifndef MICROPY_PY_SSH_CHANNELS
#define MICROPY_PY_SSH_CHANNELS (0)
#endif

// Milliseconds that each step may take when the program sets no timeout.
#ifndef MICROPY_PY_SSH_TIMEOUT_MS
#define MICROPY_PY_SSH_TIMEOUT_MS (30000)
#endif

// Largest piece that passes between the core and a socket written in Python.
#ifndef MICROPY_PY_SSH_BOUNCE
#if UINTPTR_MAX > 0xffffffff
#define MICROPY_PY_SSH_BOUNCE (4096)
#else
#define MICROPY_PY_SSH_BOUNCE (512)
#endif
#endif

// Whether there is a client of SSH agents. Chips have nobody to run one for them.
#ifndef MICROPY_PY_SSH_AGENT
#if UINTPTR_MAX > 0xffffffff || defined(__i386__)
#define MICROPY_PY_SSH_AGENT (1)
#else
#define MICROPY_PY_SSH_AGENT (0)
#endif
#endif

// Whether this is a system with descriptors and terminals, and MicroPython's unix port: see ssh_unix.c.
#ifndef MICROPY_PY_SSH_UNIX
#ifdef MICROPY_PY_TERMIOS
#define MICROPY_PY_SSH_UNIX (MICROPY_PY_TERMIOS)
#else
#define MICROPY_PY_SSH_UNIX (0)
#endif
#endif

// First size of a buffer that collects output of unknown length; it doubles as it grows.
#ifndef MICROPY_PY_SSH_COLLECT
#define MICROPY_PY_SSH_COLLECT (512)
#endif

#define MODSSH_NORETURN __attribute__((noreturn))

// Timeouts in milliseconds; these two are special.
#define MODSSH_FOREVER (-1)
#define MODSSH_DEFAULT (-2) // channels: the session's timeout, and no timeout for reads of output

// ---------------------------------------------------------------- objects

// One entry per channel of the core. It keeps the channel's ring alive, because the core has only a raw
// pointer to it.
typedef struct _modssh_slot_t {
    void *ring;      // GC block lent to the core; NULL: the slot is free
    size_t ring_len;
    uint16_t gen;    // tells an old channel object from the one that has the id now
    bool dropped;    // its object is gone: close it at the next entry
    bool closing;    // closed on our side: the slot becomes free when the peer's CLOSE comes
    bool waited;     // somebody has waited for that once already
} modssh_slot_t;

// A stream of the program's that the module reads, writes and waits for.
typedef struct _modssh_line_t {
    mp_obj_t sock;
    const mp_stream_p_t *stream_p; // NULL: sock is used through its methods recv and send
    mp_obj_t poll;                 // select.poll(), or MP_OBJ_NULL where there is no module select
    mp_obj_t exc;                  // exception caught by a callback, until C raises it again
    byte *bounce;                  // GC block that Python sockets read into; NULL for native ones
    uint32_t poll_mask;            // what sock is registered for; 0: it is not, wait in small steps
    uint32_t pause_ms;             // the next such step
    bool moved;                    // bytes have moved since the last wait
    bool python_sock;              // sock is an instance of a Python class
    bool direct;                   // no Python code can run inside the calls of sock
} modssh_line_t;

// Whom a program trusts to be the host.
typedef struct _modssh_trust_t {
    mp_obj_t hostkey;   // expected keys, a function, or None
    mp_obj_t authority; // keys that may sign the host's certificate, or None
    mp_obj_t hostname;  // the name that a certificate must be for
    mp_obj_t now;       // seconds since 1970, or None: the port's clock
} modssh_trust_t;

// A session is one GC block: this struct, the slots, and the core's own block (aligned by hand, because
// GC blocks are aligned to 4 words only). So the finaliser touches no other GC object, and one allocation
// decides whether there is enough memory.
typedef struct _mp_obj_ssh_session_t {
    mp_obj_base_t base;
    ssh_session_t *core;           // inside this block; NULL after close
    ssh_io_t io;
    modssh_line_t line;            // to the server
    modssh_trust_t trust;
    mp_int_t timeout_ms;           // of each step; MODSSH_FOREVER: none; 0: nothing waits, see modssh_never_waits()
    mp_int_t keepalive_ms;         // 0: never
    mp_int_t keepalive_max;
    uint32_t window;               // default ring size of a new channel
    uint32_t new_keys;             // where nothing waits: the number of the key exchange that rekey() asked for; 0: none
    uint32_t settle_start;         // ticks at which open_session() began to wait for channels to be closed
    uint16_t n_slots;
    uint8_t password_tries;        // where nothing waits: new passwords that this login has sent
    bool busy;
    bool up;                       // the core is initialised
    bool settling;                 // settle_start counts
    modssh_slot_t slots[];
} mp_obj_ssh_session_t;

// Kinds of channels. Those that the server opens come in the order of SSH_WAITING_...
typedef enum _modssh_kind_t {
    MODSSH_KIND_SESSION,
    MODSSH_KIND_TCP,
    MODSSH_KIND_UNIX,
    MODSSH_KIND_INCOMING,
} modssh_kind_t;

typedef struct _mp_obj_ssh_channel_t {
    mp_obj_base_t base;
    mp_obj_ssh_session_t *session;
    mp_int_t timeout_ms;           // MODSSH_DEFAULT, MODSSH_FOREVER, 0: non-blocking, or milliseconds
    mp_obj_t err_stream;           // the object of stderr, made when first asked for
    mp_obj_t exit_status;          // kept when the channel is closed, None before
    mp_obj_t exit_signal;
    mp_obj_t exit_message;         // of the signal, None before
    mp_obj_t destination;          // tuple or path, None for a session
    mp_obj_t origin;               // tuple or None
    int16_t id;
    uint16_t gen;
    bool closed;
    bool opening;                  // where nothing waits: the server has not answered yet
    bool core_dumped;
    uint8_t kind;                  // modssh_kind_t
} mp_obj_ssh_channel_t;

extern const mp_obj_type_t mp_type_ssh_session;
extern const mp_obj_type_t mp_type_ssh_channel;
extern const mp_obj_type_t mp_type_ssh_channel_stderr;
extern const mp_obj_type_t mp_type_ssh_agent;
extern const mp_obj_type_t mp_type_SSHError;

// Defined in ssh_sftp.c and ssh_scp.c; entries of Session's locals dict.
MP_DECLARE_CONST_FUN_OBJ_1(modssh_session_sftp_obj);        // sftp(self)
MP_DECLARE_CONST_FUN_OBJ_KW(modssh_session_scp_recv_obj);   // scp_recv(self, path, stream=None, progress=None)
MP_DECLARE_CONST_FUN_OBJ_KW(modssh_session_scp_send_obj);   // scp_send(self, path, mode, data, size=None, progress=None)
// Types defined there; entries of the module's globals.
extern const mp_obj_type_t mp_type_ssh_sftp;
extern const mp_obj_type_t mp_type_ssh_sftp_file;
extern const mp_obj_type_t mp_type_ssh_sftp_dir;

// ---------------------------------------------------------------- operations (ssh_io.c)

typedef struct _modssh_op_t {
    nlr_jump_callback_node_t node;
    mp_obj_ssh_session_t *session;
    mp_obj_ssh_channel_t *channel; // closed when the operation ends by an exception; NULL: none
    byte *chunk;                   // copy of what is written, where the object could move; NULL: none yet
    void *wipe[3];                 // scratch blocks, wiped when the operation ends
    size_t wipe_len[3];
    int abandon;                   // the request that the core is in the middle of; see MODSSH_REQUEST
    uint32_t start;                // ticks
    mp_int_t timeout_ms;           // deadline, counted from start
    bool done;
    bool was_held;                 // interrupts were held back before: an operation within another one
} modssh_op_t;

// Take the busy flag and start the session's default deadline.
// Raises OSError(EBUSY), or SSHError(ERR_CLOSED) after close().
void modssh_enter(modssh_op_t *op, mp_obj_ssh_session_t *session);
// Before what cannot be done in pieces: raise ValueError where nothing waits.
void modssh_must_wait(const mp_obj_ssh_session_t *session);
// A session whose operations never wait: OSError(EAGAIN) instead, and the same call goes on where it was. So no
// request is given up then, whose answer is still to come.
static inline bool modssh_never_waits(const mp_obj_ssh_session_t *session) {
    return session->timeout_ms == 0;
}
// Clear the busy flag, wipe scratch memory. Raises nothing.
void modssh_leave(modssh_op_t *op);
// Leave, then raise if r is an error (SSH_AGAIN: the deadline has passed). Returns r otherwise.
ptrdiff_t modssh_finish(modssh_op_t *op, ptrdiff_t r);
// The same for what nobody answers: first wait until all of it has been given to the stream (where nothing waits,
// the rest goes with later calls). Returns None.
mp_obj_t modssh_finish_sent(modssh_op_t *op, ptrdiff_t r);
// If r is an error: leave and raise; else go on within the operation.
ptrdiff_t modssh_check(modssh_op_t *op, ptrdiff_t r);
// Between two steps of an operation that hardly ever waits: let an interrupt that has come raise its exception.
void modssh_breathe(modssh_op_t *op);
// Hold back ctrl-C, or let it through (which may raise it); whether it was held back before. An operation holds it
// back and lets it through around calls of the program's own code: a stream, a progress function, a decision.
bool modssh_hold_interrupts(bool hold);
// Start the deadline again (the operation has made progress, or its next step begins).
void modssh_restart(modssh_op_t *op);
// Wait until the stream is ready as `want` says, the core wants to be called, or the deadline has passed.
// False: the deadline has passed (or the operation is non-blocking): give up. May raise KeyboardInterrupt
// and whatever scheduled callbacks raise.
bool modssh_wait_for(modssh_op_t *op, int want);
bool modssh_wait(modssh_op_t *op);
// Repeat a call until it is done or the deadline has passed; r is then SSH_AGAIN.
#define MODSSH_RUN(op, r, call) \
    do { \
        (r) = (call); \
    } while ((r) == SSH_AGAIN && modssh_wait(op))

// The same for a request of channel id (MODSSH_LOGIN, MODSSH_GLOBAL: for a login, a global request). If the program gives up on it, because of
// the deadline or an exception, the core is told, so that a late answer is not taken for another one's.
#define MODSSH_REQUEST(op, id, r, call) \
    do { \
        (op)->abandon = (id); \
        MODSSH_RUN(op, r, call); \
        if ((r) != SSH_AGAIN && (r) != SSH_EXCEPTION) { \
            (op)->abandon = MODSSH_NO_REQUEST; \
        } \
    } while (0)
#define MODSSH_LOGIN SSH_ABANDON_LOGIN
#define MODSSH_GLOBAL SSH_ABANDON_GLOBAL
#define MODSSH_NO_REQUEST (-2)

// Scratch memory that is wiped when the operation ends. At most three blocks per operation. align: a power of 2.
void *modssh_scratch(modssh_op_t *op, size_t len, size_t align);
// Wipe such a block now, so that the operation can have another one.
void modssh_scratch_done(modssh_op_t *op, const void *mem);
// Wipe memory in a way that the compiler keeps.
void modssh_wipe(void *mem, size_t len);

// Take a stream, or an object with methods recv and send, into use: it no longer blocks. May raise.
void modssh_line_init(modssh_line_t *line, mp_obj_t sock);
// One short call of the stream's own read or write, as ssh_io_t says; ctx is a line. They raise nothing: an
// exception is kept in the line.
ptrdiff_t modssh_line_recv(void *ctx, uint8_t *buf, size_t len);
ptrdiff_t modssh_line_send(void *ctx, const uint8_t *buf, size_t len);
// Raise the exception that is kept there, if there is one.
void modssh_line_raise(modssh_line_t *line);
// Wait until the line is ready as `want` says, or most_ms have passed. False: timeout_ms (counted from the ticks
// `start`) have passed. Interrupts are let through meanwhile; may raise.
bool modssh_line_wait(modssh_line_t *line, int want, uint32_t start, mp_int_t timeout_ms, uint32_t most_ms);

// Entropy from os.urandom of the interpreter, so that a port (or a program) that knows a better source can give
// it. Raises where there is none.
void modssh_random(uint8_t *buf, size_t len);
// The callbacks and the stream of a new session. May raise.
void modssh_io_init(mp_obj_ssh_session_t *self, mp_obj_t sock);

// ---------------------------------------------------------------- errors (mod_ssh.c)

// Raise what a result below 0 stands for. Must be called outside an operation.
MODSSH_NORETURN void modssh_raise(mp_obj_ssh_session_t *session, ptrdiff_t r);
// The exception for a bare code: ValueError for key codes, else SSHError. session may be NULL.
mp_obj_t modssh_exception(const mp_obj_ssh_session_t *session, uint32_t code);
MODSSH_NORETURN void modssh_raise_code(uint32_t code);
MODSSH_NORETURN void modssh_raise_errno_text(int err, const char *text, size_t len);
mp_obj_t modssh_new_sshexc(uint32_t code, const char *text, size_t len);
// The code of an SSHError; 0 for any other exception.
mp_int_t modssh_exc_code(mp_obj_t exc);
// The sentence of a bare code: err->text and err->text_len.
void modssh_code_text(uint32_t code, ssh_error_t *err);

// ---------------------------------------------------------------- arguments and values (mod_ssh.c)

// Bytes of a str or any buffer. Wrong types raise TypeError.
void modssh_get_data(mp_obj_t obj, mp_buffer_info_t *info);
// As above for the whole of an operation that waits: a str or bytes object is used where it is; the bytes of
// an object that can be resized are copied into memory that is wiped at the end of the operation.
// (Sockets written in Python and scheduled callbacks run while we wait.) Call it inside the operation.
void modssh_pin_data(modssh_op_t *op, mp_obj_t obj, mp_buffer_info_t *info);
// Seconds (int or float, None: forever) as milliseconds.
mp_int_t modssh_get_timeout(mp_obj_t obj);
mp_obj_t modssh_timeout_obj(mp_int_t ms);
// A count from an argument (ssh_session.c); None: value. Divided (rounded up) by unit.
uint32_t modssh_get_count(mp_obj_t obj, uint32_t value, uint32_t unit, uint32_t max);
// Comma-separated names as a tuple of str.
mp_obj_t modssh_split_names(const char *text, size_t len);
// Text that came from elsewhere as a str that can be shown.
mp_obj_t modssh_printable_obj(const uint8_t *text, size_t len);
// Call a function of the program's within an operation: interrupts are let through, and the time that it takes
// is not the server's.
mp_obj_t modssh_ask(modssh_op_t *op, mp_obj_t fun, size_t n_args, const mp_obj_t *args);
// "SHA256:..." of a public key blob.
mp_obj_t modssh_fingerprint_obj(const uint8_t *blob, size_t len);
// Its type's name.
mp_obj_t modssh_key_type_obj(const uint8_t *blob, size_t len);
// Public key (blob or line of a .pub file) as a blob in a new GC block: its length. Raises ValueError.
size_t modssh_public_blob(mp_obj_t key, uint8_t **blob);
// The same as a bytes object, and for a key of any type.
mp_obj_t modssh_any_public_obj(mp_obj_t key);
// A passphrase, or None: buf is NULL then, and never for an empty passphrase.
void modssh_get_passphrase(mp_obj_t obj, mp_buffer_info_t *info);

// ---------------------------------------------------------------- keys (ssh_key.c)

extern const mp_obj_type_t mp_type_ssh_key;
// The key of a Key, NULL for any other object. It can be wiped whenever Python code runs.
const ssh_key_t *modssh_key_get(mp_obj_t obj);
MP_DECLARE_CONST_FUN_OBJ_3(modssh_verify_obj); // verify(public, data, signature)

// ---------------------------------------------------------------- channels (ssh_channel.c)

// Make and open a channel within an operation; window 0: the default. Sets op->channel, so that the channel
// is closed if the operation ends by an exception; set op->channel to NULL to keep it.
mp_obj_ssh_channel_t *modssh_channel_open(modssh_op_t *op, size_t window);
// The steps of that, for channels of other kinds: an object that is not open yet; a slot and memory for it from
// `take` (ssh_channel_new() or ssh_channel_accept()); and the question to the server.
mp_obj_ssh_channel_t *modssh_channel_make(mp_obj_ssh_session_t *session, uint8_t kind);
typedef int (*modssh_take_t)(ssh_session_t *core, uint8_t *ring, size_t len);
void modssh_channel_start(modssh_op_t *op, mp_obj_ssh_channel_t *self, size_t window, modssh_take_t take);
// Raises; SSH_AGAIN (and op->channel is NULL) only where nothing waits.
int modssh_channel_ask(modssh_op_t *op, mp_obj_ssh_channel_t *self);
// Close a channel within an operation, without waiting for long; errors are ignored.
void modssh_channel_shut(modssh_op_t *op, mp_obj_ssh_channel_t *channel);
// Give the server a moment to close the channels that are closed on our side; none where nothing waits.
void modssh_channel_wait_closed(modssh_op_t *op);
// Keep the exit status and signal in the object.
void modssh_channel_keep_exit(mp_obj_ssh_channel_t *channel);
// Read what is there of one output stream into a buffer that cannot move, waiting for the first byte:
// a count, 0 at the end, or an error. Within an operation.
ptrdiff_t modssh_channel_recv(modssh_op_t *op, int id, int stream, byte *buf, size_t len);
// Write some of an object's bytes from offset on: one call of the core, see ssh_channel.c about the memory.
// A count, 0 past the object's end, SSH_AGAIN, or an error. Within an operation.
ptrdiff_t modssh_channel_write_obj(modssh_op_t *op, int id, mp_obj_t obj, size_t offset, size_t len);
// Room for at least `room` more bytes at the end of a collecting buffer, doubling it. May raise MemoryError.
void modssh_grow(vstr_t *vstr, size_t room);
// Free the rings of channels that the core has done with, close those whose objects are gone.
void modssh_channel_reap(mp_obj_ssh_session_t *session);

// Connections through channels: ssh_forward.c
MP_DECLARE_CONST_FUN_OBJ_KW(modssh_session_open_tcp_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(modssh_session_open_unix_obj);
MP_DECLARE_CONST_FUN_OBJ_3(modssh_session_request_forward_obj);
MP_DECLARE_CONST_FUN_OBJ_3(modssh_session_cancel_forward_obj);
MP_DECLARE_CONST_FUN_OBJ_2(modssh_session_request_unix_forward_obj);
MP_DECLARE_CONST_FUN_OBJ_2(modssh_session_cancel_unix_forward_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(modssh_session_accept_obj);
extern const mp_stream_p_t modssh_session_stream_p; // for poll: channels that wait for accept()

// Global requests and signs of life: ssh_global.c
MP_DECLARE_CONST_FUN_OBJ_KW(modssh_session_global_request_obj);
MP_DECLARE_CONST_FUN_OBJ_1(modssh_session_no_more_sessions_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(modssh_session_ping_obj);
MP_DECLARE_CONST_FUN_OBJ_1(modssh_session_keepalive_obj);
MP_DECLARE_CONST_FUN_OBJ_2(modssh_session_ignore_obj);
MP_DECLARE_CONST_FUN_OBJ_1(modssh_session_host_keys_obj);

// Sessions whose operations never wait: ssh_nowait.c
MP_DECLARE_CONST_FUN_OBJ_1(modssh_session_handshake_obj);
MP_DECLARE_CONST_FUN_OBJ_1(modssh_session_abandon_obj);
MP_DECLARE_CONST_FUN_OBJ_2(modssh_session_settimeout_obj);
MP_DECLARE_CONST_FUN_OBJ_2(modssh_session_setblocking_obj);
MP_DECLARE_CONST_FUN_OBJ_1(modssh_session_gettimeout_obj);
MP_DECLARE_CONST_FUN_OBJ_1(modssh_channel_opened_obj);
MP_DECLARE_CONST_FUN_OBJ_1(modssh_channel_abandon_obj);
// An attribute of a session, MP_OBJ_NULL: there is none of that name.
mp_obj_t modssh_session_wait_attr(mp_obj_ssh_session_t *self, qstr attr);
// What can be done with a channel at once.
mp_obj_t modssh_channel_ready(mp_obj_ssh_channel_t *self);
// Milliseconds in which open_session() wants to be called again; UINT32_MAX: it does not wait.
uint32_t modssh_channel_settle_ms(const mp_obj_ssh_session_t *session);

bool modssh_session_keepalive_store(mp_obj_ssh_session_t *self, qstr attr, mp_obj_t value);

// exec(command) and run(command, stdin=None): ssh_run.c
MP_DECLARE_CONST_FUN_OBJ_2(modssh_session_exec_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(modssh_session_run_obj);

#if MICROPY_PY_SSH_UNIX
// What MicroPython's unix port lacks: ssh_unix.c
extern const mp_obj_module_t modssh_unix_module;
#endif

#endif // MICROPY_INCLUDED_MODSSH_H
