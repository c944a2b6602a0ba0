// The C face of the SSH core: everything that the glue (or any C program) may call.
//
// The library never waits, never allocates and never calls anything but the four functions of
// ssh_io_t. Every call that needs the network returns SSH_AGAIN when it cannot go on: wait until the
// stream is ready as ssh_want() says (or ssh_wait_ms() has passed) and make the SAME call again with the
// same arguments. Memory belongs to the caller and must not move while in use.
//
// One session must not be entered twice at once: the caller keeps a busy flag.

#ifndef SSH_FFI_H
#define SSH_FFI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// ---------------------------------------------------------------- results

// Every int or ptrdiff_t result below is one of these, or a count or an id >= 0.
#define SSH_OK (0)
#define SSH_AGAIN (-1)     // not done yet: wait, then make the same call again
#define SSH_EXCEPTION (-2) // a callback returned SSH_IO_EXCEPTION; the session is as it was before
#define SSH_ERRNO (-3)     // the stream failed: ssh_last_error()'s code is the errno; the session is dead
#define SSH_ERROR (-4)     // see ssh_last_error(); `fatal` there says whether the session is dead

// What a callback may return besides a count.
#define SSH_IO_AGAIN (-1)       // recv, send: nothing now
#define SSH_IO_EXCEPTION (-2)   // the callback caught a language exception and keeps it
#define SSH_IO_ERRNO(e) (-1000 - (e))

// ---------------------------------------------------------------- callbacks

typedef struct _ssh_io_t {
    void *ctx;
    // One short call of the stream's own read: a count, 0 for end of file, SSH_IO_AGAIN, ...
    ptrdiff_t (*recv)(void *ctx, uint8_t *buf, size_t len);
    // One short call of the stream's own write: a count >= 1, SSH_IO_AGAIN, ...
    ptrdiff_t (*send)(void *ctx, const uint8_t *buf, size_t len);
    // Fill buf with len bytes of entropy: 0, SSH_IO_EXCEPTION or SSH_IO_ERRNO(e).
    ptrdiff_t (*random)(void *ctx, uint8_t *buf, size_t len);
    // A millisecond counter that may wrap at 2^32.
    uint32_t (*ticks_ms)(void *ctx);
} ssh_io_t;

// ---------------------------------------------------------------- session

typedef struct _ssh_session_t ssh_session_t;

// All sizes in bytes. ssh_config_init() fills in the target's defaults.
typedef struct _ssh_config_t {
    uint32_t rx_size;         // receive buffer: at least the largest packet we accept, plus 64
    uint32_t tx_size;         // send buffer
    uint32_t max_packet;      // largest channel data packet we ask the peer to send
    uint32_t max_channels;    // channels open at once
    uint32_t rekey_bytes;     // in KiB: new keys after this much in one direction; 0: never by bytes
    uint32_t rekey_packets;   // new keys after this many packets in one direction, at most 2^31
    uint32_t rekey_seconds;   // new keys after this time; 0: never by time
    uint32_t kex_timeout_ms;  // a rekey that takes longer ends the session; 0: never
    uint32_t host_certs;      // not 0: ask for certificates of the host keys first, see ssh_cert_check_host()
    // Comma-separated names in order of preference, or NULL for all that this build has.
    const char *kex;
    const char *host_keys;
    const char *ciphers;
    const char *macs;
} ssh_config_t;

void ssh_config_init(ssh_config_t *config);
// Size and alignment of the block that ssh_session_init() takes. 0: the configuration is not usable.
size_t ssh_session_size(const ssh_config_t *config);
size_t ssh_session_align(void);
// Set up a client session in mem. Draws entropy. SSH_OK, SSH_EXCEPTION, or SSH_ERROR with *code set
// (an unknown algorithm name in config, for example).
int ssh_session_init(ssh_session_t *mem, const ssh_config_t *config, const ssh_io_t *io, uint32_t *code);
// Wipe all secrets and forget everything. Makes no callback. Safe on a zeroed block and more than once.
void ssh_session_wipe(ssh_session_t *s);

// Ident exchange and key exchange. SSH_HOSTKEY when the host has proved that it owns the key that
// ssh_host_key() gives: decide, call ssh_host_key_accept(), and go on calling until SSH_OK.
#define SSH_HOSTKEY (1)
int ssh_handshake(ssh_session_t *s);
const uint8_t *ssh_host_key(const ssh_session_t *s, size_t *len); // blob; len 0 before the key exchange
void ssh_host_key_accept(ssh_session_t *s);

// Names and texts that came from the peer (UTF-8, made printable) or were negotiated (ASCII).
typedef enum _ssh_text_t {
    SSH_TEXT_REMOTE_IDENT = 0, // "SSH-2.0-..."
    SSH_TEXT_BANNER = 1,       // last USERAUTH_BANNER
    SSH_TEXT_AUTH_METHODS = 2, // methods that can continue, comma-separated, from the last failure
    SSH_TEXT_KEX = 3,
    SSH_TEXT_HOST_KEY_ALG = 4,
    SSH_TEXT_CIPHER_OUT = 5,   // client to server
    SSH_TEXT_CIPHER_IN = 6,
    SSH_TEXT_MAC_OUT = 7,      // "<implicit>" with an AEAD cipher
    SSH_TEXT_MAC_IN = 8,
    SSH_TEXT_SERVER_SIG_ALGS = 9,
    SSH_TEXT_LOCAL_IDENT = 10,
} ssh_text_t;
const char *ssh_text(const ssh_session_t *s, int which, size_t *len);

typedef struct _ssh_stats_t {
    uint64_t bytes_in, bytes_out;   // on the wire
    uint32_t rekeys;                // completed key exchanges after the first
    uint32_t channels;              // slots in use
} ssh_stats_t;
void ssh_stats(const ssh_session_t *s, ssh_stats_t *stats);

// What the last SSH_AGAIN waits for.
#define SSH_WANT_READ (1)
#define SSH_WANT_WRITE (2)
int ssh_want(const ssh_session_t *s);
// What the stream must be ready for so that the session gets on, also between calls: for a loop that calls
// ssh_pump() for several that wait.
int ssh_interest(ssh_session_t *s);
// Milliseconds after which the core wants to be called even if nothing arrives; UINT32_MAX: never; 0: the last call
// that gave SSH_AGAIN stopped while there was more to do.
uint32_t ssh_wait_ms(const ssh_session_t *s);

// The caller gives up on the operation that returned SSH_AGAIN (its deadline has passed, or an exception
// came), of channel id or, with id < 0, the login or a global request: a late answer will not be taken for
// another one's.
#define SSH_ABANDON_LOGIN (-1)
#define SSH_ABANDON_GLOBAL (-3)
void ssh_abandon(ssh_session_t *s, int id);

// Send what is queued and take in what has arrived, without waiting. SSH_OK or an error.
int ssh_pump(ssh_session_t *s);
// Start a key exchange now, or when logged in; SSH_OK at once (ssh_pump() and every other call carry it on).
int ssh_rekey(ssh_session_t *s);
// IGNORE message with len bytes of our choosing, or a keepalive@openssh.com request with reply wanted:
// SSH_AGAIN until the message is queued.
int ssh_ignore(ssh_session_t *s, const uint8_t *data, size_t len);
int ssh_keepalive(ssh_session_t *s);
// Queue DISCONNECT (reason: RFC 4253 section 11.1), try once to send it, and end the session.
void ssh_disconnect(ssh_session_t *s, uint32_t reason, const char *text);

// ---------------------------------------------------------------- errors

typedef struct _ssh_error_t {
    uint32_t code;          // SSH_E_... (1000 and up), or an errno after SSH_ERRNO
    bool fatal;             // the session is dead and gives the same error again
    uint32_t reason;        // DISCONNECT reason that came or was sent, channel open failure reason, ...
    const char *text;       // a sentence: what was expected, what came, what to do. Not 0-terminated.
    size_t text_len;
    const char *ours;       // what we offer, where that says something (no algorithm in common)
    size_t ours_len;
    const char *theirs;     // what came: the peer's offer, its text, its first line
    size_t theirs_len;
} ssh_error_t;
// The session's last error. s may be NULL for the sentence of a bare code set in err->code by the caller.
void ssh_last_error(const ssh_session_t *s, ssh_error_t *err);

// Codes that the glue treats specially; rust-ssh/src/error.rs has all of them.
#define SSH_E_MISUSE (1001)           // wrong call or argument
#define SSH_E_CLOSED (1002)           // the session was closed on our side
#define SSH_E_EOF (1003)              // the peer closed the connection without a word
#define SSH_E_DISCONNECTED (1004)     // the peer sent DISCONNECT
#define SSH_E_HOST_KEY_REJECTED (1005)
#define SSH_E_AUTH_FAILED (1006)      // refused; SSH_TEXT_AUTH_METHODS says what may be tried
#define SSH_E_OPEN_REFUSED (1007)     // the peer refused the channel; reason and theirs
#define SSH_E_REQUEST_REFUSED (1008)  // the peer refused a channel request
#define SSH_E_CHANNEL_CLOSED (1009)   // the channel is closed or at its end
#define SSH_E_NO_SLOT (1010)          // max_channels are in use
#define SSH_E_TOO_LONG (1011)         // a name, path or command does not fit the send buffer
#define SSH_E_UNKNOWN_ALGORITHM (1012)
#define SSH_E_CONFIG (1013)           // buffers too small for what was configured
#define SSH_E_KEX_TIMEOUT (1014)      // a rekey took longer than kex_timeout_ms
#define SSH_E_PASSWORD_EXPIRED (1120) // the server wants a new password, and there is none that it takes
#define SSH_E_TOO_MANY_FACTORS (1121) // the server accepts proof after proof and always wants another one
#define SSH_E_TOO_MANY_PROMPTS (1122) // it asks more or longer questions than anybody would answer
#define SSH_E_NO_FORWARD (1140)       // as many forwards are on as there is room for
#define SSH_E_AGENT_GONE (1123)       // the agent has gone, or is out of step
#define SSH_E_AGENT_REFUSED (1124)    // it says no
#define SSH_E_AGENT_PROTOCOL (1125)   // what came is no answer of an agent
#define SSH_E_AGENT_SIGNATURE (1126)  // a signature that is not one by the key that was asked for
#define SSH_E_AGENT_EMPTY (1127)      // it has no keys
#define SSH_E_LEFT_OUT (1142)         // a build without the feature `forward`
#define SSH_E_SILENT (1141)           // nothing came after ssh_set_keepalive()'s questions
// Key files: also results of ssh_key_parse()
#define SSH_E_KEY_FORMAT (1020)       // not an OpenSSH private key file
#define SSH_E_KEY_TYPE (1021)         // a key type that this build leaves out
#define SSH_E_KEY_CIPHER (1022)       // encrypted with a cipher that this build leaves out
#define SSH_E_KEY_PASSPHRASE_NEEDED (1023)
#define SSH_E_KEY_PASSPHRASE_WRONG (1024)
#define SSH_E_KEY_BROKEN (1025)       // truncated, or its halves disagree
#define SSH_E_KEY_MISMATCH (1026)     // the public key given is not this private key's
#define SSH_E_KEY_KDF (1027)          // bcrypt rounds over the limit, or an unknown KDF
#define SSH_E_KEY_IS_PUBLIC (1028)    // this is a public key file
#define SSH_E_NO_MEMORY (1029)        // scratch memory given is too small
#define SSH_E_KEY_TOO_SHORT (1030)    // RSA of under 2048 bits
#define SSH_E_KEY_TOO_LONG (1031)     // RSA of more bits than this build computes with
#define SSH_E_KEY_NEEDS_NISTP256 (1032) // a type that this build leaves out, and the feature that has it
#define SSH_E_KEY_NEEDS_NISTP384 (1033)
#define SSH_E_KEY_NEEDS_NISTP521 (1034)
#define SSH_E_KEY_NEEDS_RSA (1035)
#define SSH_E_KEY_NEEDS_PEM (1036)
#define SSH_E_KEY_NEEDS_CERTS (1037)
#define SSH_E_KEY_CERT_KIND (1038)    // a host's certificate for a login
#define SSH_E_KEY_NEEDS_KEYGEN (1150) // a build without the feature that makes and writes keys
#define SSH_E_KEY_SIZE (1151)         // keys of that type have other sizes
// The peer speaks something else: 1040 + Incompatible of rust-ssh/src/error.rs
#define SSH_E_NOT_SSH (1040)
#define SSH_E_SSH1 (1041)
#define SSH_E_NO_KEX (1042)           // no algorithm in common; ours and theirs say more
#define SSH_E_NO_HOST_KEY (1043)
#define SSH_E_NO_CIPHER (1044)
#define SSH_E_NO_MAC (1046)
#define SSH_E_COMPRESSION (1048)
#define SSH_E_SERVICE (1049)
// The peer broke the protocol: SSH_E_PROTOCOL + PeerError of rust-ssh/src/error.rs
#define SSH_E_PROTOCOL (1060)
#define SSH_E_MAC (1062)              // data was damaged or forged
#define SSH_E_STRICT_KEX (1065)       // somebody may be tampering with the connection
#define SSH_E_SIGNATURE (1067)        // the host does not own the key that it shows
#define SSH_E_HOST_KEY_CHANGED (1068) // another one at a rekey
#define SSH_E_PROTOCOL_END (1079)

// The host's key or certificate is not to be trusted
#define SSH_E_HOST_KEY_TOO_SHORT (1100)
#define SSH_E_CERT_FORMAT (1101)
#define SSH_E_CERT_EXPIRED (1102)
#define SSH_E_CERT_NOT_YET_VALID (1103)
#define SSH_E_CERT_PRINCIPAL (1104)   // it is for other hosts
#define SSH_E_CERT_AUTHORITY (1105)   // signed by none that the caller trusts
#define SSH_E_CERT_KIND (1106)        // a user's
#define SSH_E_CERT_OPTION (1107)      // a critical option that is not known
#define SSH_E_CERT_SIGNATURE (1108)

// ---------------------------------------------------------------- keys

typedef struct _ssh_key_t ssh_key_t;
size_t ssh_key_size(void); // a key may be moved and copied as bytes
size_t ssh_key_align(void);
// Parse a private key file (OpenSSH's format; with the feature pem, PKCS#8 and PEM) into mem. scratch: at least
// text_len + 64 bytes, wiped on return but for the file's comment, to which *comment points then (NULL: not wanted).
// SSH_OK or an SSH_E_KEY_... code. passphrase NULL: none was given.
int ssh_key_parse(ssh_key_t *mem, const uint8_t *text, size_t text_len, const uint8_t *passphrase,
    size_t passphrase_len, uint8_t *scratch, size_t scratch_len, const uint8_t **comment, size_t *comment_len);
// The public blob into out: its length, or 0 when out is too small. 51 bytes for ed25519, 104, 136 and 172 for
// ECDSA on P-256, P-384 and P-521, up to 544 for RSA of 4096 bits; never longer than the text of the private key.
size_t ssh_key_public(const ssh_key_t *key, uint8_t *out, size_t out_len);
// Public key or certificate from an OpenSSH public key line ("ssh-ed25519 AAAA... comment") or a blob, as a blob
// in out: its length, or minus an SSH_E_KEY_... code.
ptrdiff_t ssh_key_parse_public(const uint8_t *text, size_t text_len, uint8_t *out, size_t out_len);
// The same for a key of any type, also one that this build cannot use itself: its length, or 0 when it is none.
size_t ssh_key_decode_public(const uint8_t *text, size_t text_len, uint8_t *out, size_t out_len);
void ssh_key_wipe(ssh_key_t *key);
// Certificates (OpenSSH PROTOCOL.certkeys). The key blob of the authority that one names, inside the blob; len 0:
// blob is no certificate.
const uint8_t *ssh_cert_authority(const uint8_t *blob, size_t len, size_t *authority_len);
// Whether the certificate that a host has proved to own makes it the host `name`: SSH_OK or an SSH_E_CERT_...
// code. trusted: whether the caller trusts the authority. now: seconds since 1970.
int ssh_cert_check_host(const uint8_t *blob, size_t len, bool trusted, const char *name, size_t name_len, uint64_t now);
// Whether it is a user's certificate of this private key: SSH_OK or an SSH_E_KEY_... code.
int ssh_cert_check_user(const ssh_key_t *key, const uint8_t *blob, size_t len);
// "SHA256:..." of a public key blob (of a certificate: of the key in it), 50 characters and no 0 at the end; the key's type name.
#define SSH_FINGERPRINT_LEN (50)
#define SSH_MD5_LEN (16)
void ssh_fingerprint(const uint8_t *blob, size_t len, char out[SSH_FINGERPRINT_LEN]);
const char *ssh_key_type(const uint8_t *blob, size_t len, size_t *type_len);
// The MD5 of it: SSH_OK or SSH_E_KEY_NEEDS_KEYGEN.
int ssh_fingerprint_md5(const uint8_t *blob, size_t len, uint8_t out[SSH_MD5_LEN]);

size_t ssh_key_bits(const ssh_key_t *key);
// Sign: the length of the signature blob, at most ssh_key_max_signature(); 0: alg is none for this key, or a fault.
// alg_len 0: the first of the key's type.
size_t ssh_key_sign(const ssh_key_t *key, const char *alg, size_t alg_len, const uint8_t *data, size_t data_len,
    uint8_t *out, size_t out_len);
size_t ssh_key_max_signature(void);
size_t ssh_key_public_room(void); // for ssh_key_public()
// Check a signature blob by any algorithm that is offered by default: SSH_OK, SSH_E_SIGNATURE, SSH_E_KEY_...
int ssh_key_verify(const uint8_t *blob, size_t len, const uint8_t *data, size_t data_len,
    const uint8_t *signature, size_t signature_len);
// Make a key. seed: entropy, wiped on return. bits 0: the usual number.
#define SSH_SEED_LEN (32)
int ssh_key_generate(ssh_key_t *mem, const char *type, size_t type_len, uint32_t bits, uint8_t seed[SSH_SEED_LEN]);
// Write a private key file in OpenSSH's format into out, encrypted unless the passphrase is empty. scratch (wiped on
// return) and out each have room for ssh_key_write_room() bytes. seed as above.
typedef struct _ssh_key_file_t {
    const uint8_t *passphrase;
    size_t passphrase_len;
    uint32_t rounds;              // of bcrypt, 1 to 1024
    const uint8_t *comment;
    size_t comment_len;
} ssh_key_file_t;
size_t ssh_key_write_room(size_t comment_len);
int ssh_key_write(const ssh_key_t *key, const ssh_key_file_t *file, uint8_t seed[SSH_SEED_LEN], uint8_t *scratch,
    uint8_t *out, size_t room, size_t *len);

// ---------------------------------------------------------------- authentication

// SSH_OK: logged in. SSH_AUTH_PARTIAL: accepted, more is asked for (SSH_TEXT_AUTH_METHODS).
// SSH_AUTH_ASKED: the server asks back, for which see each function; another login in place of an answer is
// right too (or ssh_abandon() when none follows, so that the session does not keep the question).
// SSH_ERROR with SSH_E_AUTH_FAILED, not fatal: refused, another try may follow.
#define SSH_AUTH_PARTIAL (1)
#define SSH_AUTH_ASKED (2)
// Whether a login can be asked for now (1), or is under way (0), so that any of the functions below looks for its
// answer: for a caller to whom it is expensive to have its key at hand.
int ssh_auth_ready(ssh_session_t *s);
int ssh_auth_none(ssh_session_t *s, const char *user, size_t user_len);
// cert: the key's certificate, or NULL. It is borrowed until the call is done, like the key.
int ssh_auth_publickey(ssh_session_t *s, const char *user, size_t user_len, const ssh_key_t *key,
    const uint8_t *cert, size_t cert_len);
// SSH_AUTH_ASKED: the password has expired, and the server's text (SSH_PROMPT_NEW_PASSWORD) asks for a new one.
int ssh_auth_password(ssh_session_t *s, const char *user, size_t user_len, const uint8_t *password, size_t password_len);
// Only after that. SSH_AUTH_ASKED: the server does not like the new one, and says why.
int ssh_auth_new_password(ssh_session_t *s, const char *user, size_t user_len,
    const uint8_t *password, size_t password_len, const uint8_t *new_password, size_t new_password_len);
// keyboard-interactive (RFC 4256); submethods: comma-separated, or empty. SSH_AUTH_ASKED: show the prompts,
// answer them with ssh_auth_answer(), which may lead to more of them.
int ssh_auth_keyboard(ssh_session_t *s, const char *user, size_t user_len, const char *submethods, size_t submethods_len);
// Prompts asked now; -1: none are awaited.
int ssh_auth_prompts(const ssh_session_t *s);
// Text of a prompt and whether its answer may be seen, or one of the texts beside them. As it came: show it only
// through ssh_printable(). NULL when there is no such prompt.
#define SSH_PROMPT_NEW_PASSWORD (-3)
#define SSH_PROMPT_NAME (-2)
#define SSH_PROMPT_INSTRUCTION (-1)
const uint8_t *ssh_auth_prompt(const ssh_session_t *s, int index, size_t *len, bool *echo);
// One answer for each prompt, each as a uint32 (big-endian) with its length, and its bytes. SSH_E_MISUSE for
// another number of them.
int ssh_auth_answer(ssh_session_t *s, const uint8_t *answers, size_t len);
// Text that came from elsewhere, without what a terminal would obey, as UTF-8: its length in out, which needs
// len bytes.
size_t ssh_printable(const uint8_t *text, size_t len, char *out);

// A key whose private half is somewhere else (an agent, a token), of any type. SSH_AUTH_ASKED from
// ssh_auth_query(): the server would take it. Then have what ssh_auth_to_sign() gives signed, by the algorithm
// that ssh_auth_algorithm() says, and send the signature blob. SSH_E_AGENT_SIGNATURE when it is not one.
int ssh_auth_query(ssh_session_t *s, const char *user, size_t user_len, const uint8_t *blob, size_t blob_len);
// flags: what an agent must be told for it. Length 0: blob is no key.
const char *ssh_auth_algorithm(const ssh_session_t *s, const uint8_t *blob, size_t blob_len, size_t *len, uint32_t *flags);
// Its length in out, or 0 when out is too small: 256 bytes more than user and blob are enough.
size_t ssh_auth_to_sign(const ssh_session_t *s, const char *user, size_t user_len, const uint8_t *blob, size_t blob_len,
    uint8_t *out, size_t out_len);
int ssh_auth_signed(ssh_session_t *s, const char *user, size_t user_len, const uint8_t *blob, size_t blob_len,
    const uint8_t *signature, size_t signature_len);
bool ssh_is_authenticated(const ssh_session_t *s);

// ---------------------------------------------------------------- SSH agents

// Requests to an agent (draft-ietf-sshm-ssh-agent), whole, into out: the length, or 0 when out is too small. The
// caller moves the bytes and reads the answer: four bytes with its length, then that many.
size_t ssh_agent_ask_keys(uint8_t *out, size_t out_len);
size_t ssh_agent_ask_signature(const uint8_t *blob, size_t blob_len, const uint8_t *data, size_t data_len,
    uint32_t flags, uint8_t *out, size_t out_len); // needs 17 bytes more than blob and data
// The length of the answer that begins with these four bytes; 0 when no answer of an agent does.
size_t ssh_agent_reply_len(const uint8_t head[4]);
// Both give SSH_OK or an SSH_E_AGENT_... code.
int ssh_agent_signature(const uint8_t *reply, size_t len, const uint8_t **signature, size_t *signature_len);
typedef struct _ssh_agent_key_t {
    const uint8_t *blob;
    size_t blob_len;
    const uint8_t *comment; // as it came: show it only through ssh_printable()
    size_t comment_len;
} ssh_agent_key_t;
int ssh_agent_keys(const uint8_t *reply, size_t len, size_t *count);
// Key `index` of an answer that ssh_agent_keys() has taken; false: there is none.
bool ssh_agent_key(const uint8_t *reply, size_t len, size_t index, ssh_agent_key_t *key);

// ---------------------------------------------------------------- channels

// Take a slot for a channel whose window is all of ring[0..len). The ring stays borrowed until
// ssh_channel_is_free(). Id >= 0, or SSH_ERROR (SSH_E_NO_SLOT).
int ssh_channel_new(ssh_session_t *s, uint8_t *ring, size_t len);
// Open it as a "session" channel (ssh_ffi_forward.h has the others): SSH_OK when the peer has confirmed it.
// SSH_E_OPEN_REFUSED frees the slot.
int ssh_channel_open(ssh_session_t *s, int id);
// Requests that want an answer: SSH_OK, SSH_AGAIN, or SSH_ERROR with SSH_E_REQUEST_REFUSED (not fatal).
int ssh_channel_exec(ssh_session_t *s, int id, const uint8_t *command, size_t len);
int ssh_channel_shell(ssh_session_t *s, int id);
int ssh_channel_subsystem(ssh_session_t *s, int id, const uint8_t *name, size_t len);
int ssh_channel_pty(ssh_session_t *s, int id, const char *term, size_t term_len,
    uint32_t width, uint32_t height, uint32_t width_px, uint32_t height_px, const uint8_t *modes, size_t modes_len);
int ssh_channel_env(ssh_session_t *s, int id, const uint8_t *name, size_t name_len, const uint8_t *value, size_t value_len);
// Requests without an answer: SSH_AGAIN until queued.
int ssh_channel_signal(ssh_session_t *s, int id, const char *name, size_t len); // "TERM", without SIG
int ssh_channel_window_change(ssh_session_t *s, int id, uint32_t width, uint32_t height, uint32_t width_px, uint32_t height_px);
// Bytes of one output stream: a count, 0 at its end. SSH_E_CHANNEL_CLOSED after our close.
#define SSH_STDOUT (0)
#define SSH_STDERR (1)
ptrdiff_t ssh_channel_read(ssh_session_t *s, int id, int stream, uint8_t *buf, size_t len);
// As ssh_channel_read() but of either stream, whichever has bytes (in no order between the two):
// *stream says which.
ptrdiff_t ssh_channel_read_any(ssh_session_t *s, int id, int *stream, uint8_t *buf, size_t len);
// Bytes to the peer's stdin: a count >= 1 (0 only for len 0), possibly less than len.
ptrdiff_t ssh_channel_write(ssh_session_t *s, int id, const uint8_t *buf, size_t len);
// SSH_OK once all that was written has been given to the stream.
int ssh_flush(ssh_session_t *s);
int ssh_channel_eof(ssh_session_t *s, int id);
// Send CLOSE (once). SSH_OK when it is queued; the slot is freed when the peer's CLOSE comes.
int ssh_channel_close(ssh_session_t *s, int id);
// For a finaliser: makes no callback, only marks; the next call on the session closes the channel.
void ssh_channel_drop(ssh_session_t *s, int id);
bool ssh_channel_is_free(const ssh_session_t *s, int id);
// Pump once without waiting, then flags.
#define SSH_POLL_STDOUT (1)   // read of stdout would not wait (bytes or end)
#define SSH_POLL_STDERR (2)
#define SSH_POLL_WRITE (4)    // at least one byte can be written now
#define SSH_POLL_EOF (8)      // both outputs are at their end
#define SSH_POLL_EXIT (16)    // exit status or signal has come, or never will
#define SSH_POLL_CLOSED (32)  // the peer has closed the channel
int ssh_channel_poll(ssh_session_t *s, int id);
// As ssh_channel_poll, without touching the network.
int ssh_channel_flags(const ssh_session_t *s, int id);

typedef struct _ssh_exit_t {
    bool has_status, has_signal, core_dumped;
    uint32_t status;
    const char *signal;      // "TERM", without SIG; not 0-terminated
    size_t signal_len;
    const char *message;
    size_t message_len;
} ssh_exit_t;
// SSH_OK when the exit status or signal is known or can no longer come.
int ssh_channel_wait_exit(ssh_session_t *s, int id);
void ssh_channel_exit(const ssh_session_t *s, int id, ssh_exit_t *exit);

// ---------------------------------------------------------------- the library

const char *ssh_version(size_t *len);
const char *ssh_crypto_name(size_t *len);
uint32_t ssh_crypto_number(void);
#if defined(__i386__)
// A build for processors before the Pentium 4 asks none what it has. The caller may: true once it knows that SSE2
// is there and that the system has enabled it. For sessions set up after that.
void ssh_use_sse2(bool usable);
#endif
// The names this build offers by default: 0 kex, 1 host keys, 2 ciphers, 3 MACs; comma-separated.
const char *ssh_algorithms(int which, size_t *len);
// Whether it has this one, also if it is offered only when named.
bool ssh_has_algorithm(int which, const char *name, size_t len);

#include "ssh_ffi_forward.h"
#include "ssh_ffi_sftp.h"

#endif // SSH_FFI_H
