// The C face of the SFTP and SCP engines. Included by ssh_ffi.h, whose rules hold here too: SSH_AGAIN means
// wait and make the same call again; nothing here waits or allocates; memory must not move while in use.

#ifndef SSH_FFI_SFTP_H
#define SSH_FFI_SFTP_H

// ---------------------------------------------------------------- results

// Results besides those of ssh_ffi.h.
#define SSH_SFTP_ERROR (-5) // ssh_sftp_last_error() or ssh_scp_last_error() says what; the session lives on
#define SSH_SFTP_STUCK (-6) // a listing that nobody reads is in the way: ssh_sftp_stuck(), then call again

// Codes of ssh_ffi.h's kind, for a server that breaks the protocol.
#define SSH_E_SFTP (1015)
#define SSH_E_SCP (1016)

typedef enum _ssh_sftp_fail_t {
    SSH_SFTP_FAIL_STATUS = 0,   // the server refused: code and text
    SSH_SFTP_FAIL_FAULT = 1,    // the server broke the protocol; the engine is dead. text: a sentence
    SSH_SFTP_FAIL_MISUSE = 2,   // a path with a NUL (SCP: or a line feed), a file that is not open
    SSH_SFTP_FAIL_TOO_LONG = 3, // a path that does not fit the memory for requests, or an answer that for replies
    SSH_SFTP_FAIL_NO_SLOT = 4,  // as many files are open as there is room for
    SSH_SFTP_FAIL_ENDED = 5,    // the server has ended the subsystem, or ended before the file did
} ssh_sftp_fail_t;

typedef struct _ssh_sftp_error_t {
    int kind;            // ssh_sftp_fail_t
    uint32_t code;       // STATUS: SSH_FX_... of the draft; SCP: 0
    const char *text;    // printable UTF-8, not 0-terminated
    size_t text_len;
} ssh_sftp_error_t;

// ---------------------------------------------------------------- setting up

typedef struct _ssh_sftp_t ssh_sftp_t;

typedef struct _ssh_sftp_config_t {
    uint32_t output;     // bytes for requests on their way out; half of it bounds a WRITE, at least 512
    uint32_t reply;      // bytes for one answer other than data and listings: two paths fit
    uint16_t requests;   // outstanding at once, at least 4
    uint16_t files;      // files and directories open at once
} ssh_sftp_config_t;

void ssh_sftp_config_init(ssh_sftp_config_t *config); // the target's defaults
size_t ssh_sftp_size(const ssh_sftp_config_t *config);
size_t ssh_sftp_align(void);
// An engine in mem over an open channel whose subsystem "sftp" has been started. The session's block must
// outlive it, or it must not be used any more. SSH_OK, or SSH_ERROR: the configuration is not usable.
int ssh_sftp_init(ssh_sftp_t *mem, const ssh_sftp_config_t *config, ssh_session_t *session, int channel);
// INIT and VERSION. After SSH_OK ssh_sftp_extension() gives the server's extensions, until the next call that
// may return SSH_AGAIN.
int ssh_sftp_start(ssh_sftp_t *s);
bool ssh_sftp_extension(const ssh_sftp_t *s, size_t index, const uint8_t **name, size_t *name_len,
    const uint8_t **data, size_t *data_len);
// What the server lets us do, as asked for by SSH_SFTP_LIMITS: packet, read, write (bytes), open handles.
void ssh_sftp_limits(const ssh_sftp_t *s, uint64_t limits[4]);
// Bytes that came from the server so far: tells whether a slow transfer makes progress.
uint64_t ssh_sftp_received(const ssh_sftp_t *s);
// What the last SSH_SFTP_ERROR was.
void ssh_sftp_last_error(const ssh_sftp_t *s, ssh_sftp_error_t *err);
// Begin an operation: if the last one was given up (an exception, a deadline), its late answer will be dropped.
void ssh_sftp_begin(ssh_sftp_t *s);

// ---------------------------------------------------------------- requests

#define SSH_SFTP_SIZE (1)
#define SSH_SFTP_UIDGID (2)
#define SSH_SFTP_MODE (4)
#define SSH_SFTP_TIMES (8)

typedef struct _ssh_sftp_attrs_t {
    uint64_t size;
    uint32_t flags;      // which fields are there, SSH_SFTP_...; the others are 0
    uint32_t uid, gid;
    uint32_t mode;       // POSIX st_mode
    uint32_t atime, mtime; // seconds since 1970
} ssh_sftp_attrs_t;

// Numbers of the draft where it has one.
#define SSH_SFTP_LSTAT (7)         // a, attrs out
#define SSH_SFTP_FSTAT (8)         // file, attrs out
#define SSH_SFTP_SETSTAT (9)       // a, attrs in
#define SSH_SFTP_FSETSTAT (10)     // file, attrs in
#define SSH_SFTP_REMOVE (13)       // a
#define SSH_SFTP_MKDIR (14)        // a, attrs in
#define SSH_SFTP_RMDIR (15)        // a
#define SSH_SFTP_REALPATH (16)     // a; ssh_sftp_name() has the answer
#define SSH_SFTP_STAT (17)         // a, attrs out
#define SSH_SFTP_RENAME (18)       // a: old, b: new
#define SSH_SFTP_READLINK (19)     // a; ssh_sftp_name()
#define SSH_SFTP_SYMLINK (20)      // a: target, b: the link that is made
#define SSH_SFTP_POSIX_RENAME (200) // a: old, b: new; posix-rename@openssh.com
#define SSH_SFTP_LIMITS (201)      // limits@openssh.com; does nothing where the server does not offer it
#define SSH_SFTP_HARDLINK (202)    // a: old, b: new; hardlink@openssh.com
#define SSH_SFTP_FSYNC (203)       // file; fsync@openssh.com
#define SSH_SFTP_STATVFS (204)     // a; statvfs@openssh.com; ssh_sftp_statvfs() has the answer
#define SSH_SFTP_LSETSTAT (205)    // a, attrs in; lsetstat@openssh.com
#define SSH_SFTP_EXPAND_PATH (206) // a; expand-path@openssh.com; ssh_sftp_name()

int ssh_sftp_request(ssh_sftp_t *s, int op, int file, const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len,
    ssh_sftp_attrs_t *attrs);
// A path, until the next call on the engine.
const uint8_t *ssh_sftp_name(const ssh_sftp_t *s, size_t *len);
// f_bsize, f_frsize, f_blocks, f_bfree, f_bavail, f_files, f_ffree, f_favail, f_fsid, f_flag, f_namemax, before the
// next call on the engine. False: the server sent something else.
bool ssh_sftp_statvfs(const ssh_sftp_t *s, uint64_t fields[11]);
// The server copies len bytes (0: up to the end) between two open files: copy-data.
int ssh_sftp_copy_data(ssh_sftp_t *s, int from, uint64_t offset, uint64_t len, int to, uint64_t to_offset);

// ---------------------------------------------------------------- files

// Bytes that a file's buffer must have besides those for its data.
#define SSH_SFTP_BUF_EXTRA (256)

#define SSH_SFTP_READ (0x01)
#define SSH_SFTP_WRITE (0x02)
#define SSH_SFTP_APPEND (0x04)
#define SSH_SFTP_CREAT (0x08)
#define SSH_SFTP_TRUNC (0x10)
#define SSH_SFTP_EXCL (0x20)

// SSH_OK: the file is open. *file is set (from -1) as soon as the request is out; buf is the engine's from
// then on until ssh_sftp_is_free().
int ssh_sftp_open(ssh_sftp_t *s, const uint8_t *path, size_t len, uint32_t flags, uint32_t perm,
    uint8_t *buf, size_t buf_len, int *file);
int ssh_sftp_opendir(ssh_sftp_t *s, const uint8_t *path, size_t len, uint8_t *buf, size_t buf_len, int *dir);
// SSH_OK when the first entries have come. Some servers tell only then that there is no such directory.
int ssh_sftp_first(ssh_sftp_t *s, int dir);
// The next entry of a directory: 1, or 0 at the end. The name, and the server's own line about the entry, stay
// until the next call on the engine.
int ssh_sftp_next(ssh_sftp_t *s, int dir, const uint8_t **name, size_t *len, ssh_sftp_attrs_t *attrs,
    const uint8_t **line, size_t *line_len);
// The next bytes of the file at its position: a count, 0 at the end. They stay until ssh_sftp_consume(), which
// moves the position.
ptrdiff_t ssh_sftp_peek(ssh_sftp_t *s, int file, const uint8_t **data);
void ssh_sftp_consume(ssh_sftp_t *s, int file, size_t n);
// Room for bytes to write at the file's position: a count >= 1. ssh_sftp_wrote() says how many were filled in.
ptrdiff_t ssh_sftp_space(ssh_sftp_t *s, int file, uint8_t **space);
void ssh_sftp_wrote(ssh_sftp_t *s, int file, size_t n);
// SSH_OK once the server has answered every write. SSH_SFTP_ERROR: the first that was refused.
int ssh_sftp_flush(ssh_sftp_t *s, int file);
// SSH_OK: closed. SSH_SFTP_ERROR with SSH_SFTP_FAIL_STATUS: closed too, but something written was refused.
int ssh_sftp_close(ssh_sftp_t *s, int file);
uint64_t ssh_sftp_tell(const ssh_sftp_t *s, int file);
void ssh_sftp_seek(ssh_sftp_t *s, int file, uint64_t pos);
// The size is known and all of it will be read.
void ssh_sftp_expect_size(ssh_sftp_t *s, int file, uint64_t size);
// Ask for the first bytes without waiting, so that the question goes out with the next request.
void ssh_sftp_prefetch(ssh_sftp_t *s, int file);
// Forget what was read ahead: the file was changed by other means than its own writes.
void ssh_sftp_forget(ssh_sftp_t *s, int file);
// For a finaliser: makes no callback, only marks; the next call closes the file.
void ssh_sftp_drop(ssh_sftp_t *s, int file);
bool ssh_sftp_is_free(const ssh_sftp_t *s, int file);

// After SSH_SFTP_STUCK: the directory whose buffer is full, and the size that a buffer for it should have.
int ssh_sftp_stuck(const ssh_sftp_t *s, size_t *len);
// Give it that buffer (the old one is free then), or with NULL give up the rest of that listing.
void ssh_sftp_grow(ssh_sftp_t *s, int dir, uint8_t *buf, size_t len);

// ---------------------------------------------------------------- SCP

// One file over a channel on which the command of ssh_scp_command() was started.
typedef struct _ssh_scp_t ssh_scp_t;
size_t ssh_scp_size(void);
size_t ssh_scp_align(void);
// The command for the remote side into out: its length, or SSH_SFTP_ERROR: a path that SCP cannot carry.
ptrdiff_t ssh_scp_command(bool send, const uint8_t *path, size_t len, uint8_t *out, size_t out_len);
// path must stay as long as the transfer.
int ssh_scp_init_recv(ssh_scp_t *mem, ssh_session_t *session, int channel, const uint8_t *path, size_t len);
int ssh_scp_init_send(ssh_scp_t *mem, ssh_session_t *session, int channel, const uint8_t *path, size_t len,
    uint32_t mode, uint64_t size);
void ssh_scp_last_error(const ssh_scp_t *s, ssh_sftp_error_t *err);
// SSH_OK: the other side has said what it sends, or is ready to take the file.
int ssh_scp_start(ssh_scp_t *s);
uint64_t ssh_scp_left(const ssh_scp_t *s); // bytes of the file still to come or to give
// Bytes of the file: a count, 0 when all of it came and the other side said so.
ptrdiff_t ssh_scp_read(ssh_scp_t *s, uint8_t *buf, size_t len);
// A count >= 1, possibly less than len. No more than ssh_scp_left() in all.
ptrdiff_t ssh_scp_write(ssh_scp_t *s, const uint8_t *buf, size_t len);
// SSH_OK: the other side has written all of the file.
int ssh_scp_finish(ssh_scp_t *s);

#endif // SSH_FFI_SFTP_H
