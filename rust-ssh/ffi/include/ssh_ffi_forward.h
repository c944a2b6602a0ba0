// Part of ssh_ffi.h: channels that carry connections, what lets the server open some, and global requests.

#ifndef SSH_FFI_FORWARD_H
#define SSH_FFI_FORWARD_H

// ---------------------------------------------------------------- channels that we open

// As ssh_channel_open(), after ssh_channel_new(): a connection from the server to a TCP port, or to a Unix
// socket there. origin: who asked for it; the server may log it.
int ssh_channel_open_tcp(ssh_session_t *s, int id, const uint8_t *host, size_t host_len, uint32_t port,
    const uint8_t *origin, size_t origin_len, uint32_t origin_port);
int ssh_channel_open_unix(ssh_session_t *s, int id, const uint8_t *path, size_t len);

// ---------------------------------------------------------------- channels that the server opens

// Ask the server to listen, or (cancel) to stop that: SSH_OK, SSH_AGAIN, or SSH_E_REQUEST_REFUSED. Port 0: the
// server chooses; *bound (may be NULL) is the port in any case. From the moment of a cancel its connections
// are refused.
int ssh_forward_tcp(ssh_session_t *s, const uint8_t *host, size_t len, uint32_t port, bool cancel, uint32_t *bound);
int ssh_forward_unix(ssh_session_t *s, const uint8_t *path, size_t len, bool cancel);
// Requests on a session channel: once granted, the server may open channels of that kind while the channel lives.
int ssh_channel_agent(ssh_session_t *s, int id);
int ssh_channel_x11(ssh_session_t *s, int id, bool single, const uint8_t *protocol, size_t protocol_len,
    const uint8_t *cookie, size_t cookie_len, uint32_t screen);

// The first channel that the server has opened and nobody has taken. The texts are UTF-8, made printable, and
// stand until the next call that can change the session.
#define SSH_WAITING_TCP (0)
#define SSH_WAITING_UNIX (1)
#define SSH_WAITING_X11 (2)
#define SSH_WAITING_AGENT (3)
typedef struct _ssh_waiting_t {
    int kind;
    uint32_t port;           // where the server listens: with address
    uint32_t origin_port;    // where the connection comes from: with origin
    const char *address;     // or the path
    size_t address_len;
    const char *origin;
    size_t origin_len;
} ssh_waiting_t;
// False: none. out may be NULL.
bool ssh_waiting(const ssh_session_t *s, ssh_waiting_t *out);
// SSH_OK when one waits.
int ssh_wait_waiting(ssh_session_t *s);
// Take it, with ring[0..len) as its window: its id >= 0, and the ring is borrowed as by ssh_channel_new().
// SSH_AGAIN and errors borrow nothing; SSH_E_NO_SLOT leaves it waiting.
int ssh_channel_accept(ssh_session_t *s, uint8_t *ring, size_t len);

// ---------------------------------------------------------------- other requests

// RFC 4335; ms 0: as long as the server thinks fit.
int ssh_channel_break(ssh_session_t *s, int id, uint32_t ms);
// xon-xoff (RFC 4254 section 6.8): 1 or 0 as the server has said, -1: it has not.
int ssh_channel_xon_xoff(const ssh_session_t *s, int id);

// A global request: SSH_OK, SSH_AGAIN, or SSH_E_REQUEST_REFUSED. Without want_reply: SSH_AGAIN until queued.
int ssh_global(ssh_session_t *s, const uint8_t *name, size_t name_len, const uint8_t *data, size_t data_len, bool want_reply);
// Data of the answer to the last ssh_global().
const uint8_t *ssh_global_reply(const ssh_session_t *s, size_t *len);

// After each interval_ms of silence (0: never) ask for a sign of life; after `most` questions without an answer
// the session ends with SSH_E_SILENT.
void ssh_set_keepalive(ssh_session_t *s, uint32_t interval_ms, uint32_t most);
// PING (OpenSSH): SSH_OK when the answer has come; SSH_E_REQUEST_REFUSED: the server does not know it.
int ssh_ping(ssh_session_t *s, const uint8_t *data, size_t len);
// Let the server prove that it owns the host keys that it has named besides the one in use: SSH_OK when all are
// proved, and then each by its index; NULL past the last one. A wrong proof: SSH_E_SIGNATURE, not fatal.
int ssh_prove_host_keys(ssh_session_t *s);
const uint8_t *ssh_proved_host_key(const ssh_session_t *s, size_t index, size_t *len);

#endif // SSH_FFI_FORWARD_H
