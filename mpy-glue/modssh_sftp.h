// What the SFTP and SCP files of the C layer share.

#ifndef MICROPY_INCLUDED_MODSSH_SFTP_H
#define MICROPY_INCLUDED_MODSSH_SFTP_H

#include "py/objstr.h"

#include "modssh.h"

// Bytes of read-ahead of a file that is opened for reading.
#ifndef MICROPY_PY_SSH_SFTP_BUFFER
#if UINTPTR_MAX > 0xffffffff
#define MICROPY_PY_SSH_SFTP_BUFFER (256 * 1024)
#elif defined(__i386__)
#define MICROPY_PY_SSH_SFTP_BUFFER (32 * 1024)
#else
#define MICROPY_PY_SSH_SFTP_BUFFER (1024)
#endif
#endif

// The same for get(), which reads whole files; more than a window or two of a channel brings nothing. Half, a
// quarter... where there is no memory for it.
#ifndef MICROPY_PY_SSH_SFTP_GET_BUFFER
#if UINTPTR_MAX > 0xffffffff
#define MICROPY_PY_SSH_SFTP_GET_BUFFER MICROPY_PY_SSH_SFTP_BUFFER
#else
#define MICROPY_PY_SSH_SFTP_GET_BUFFER (2 * MICROPY_PY_SSH_SFTP_BUFFER)
#endif
#endif

// Bytes for entries of a directory that were not taken yet.
#ifndef MICROPY_PY_SSH_SFTP_DIR_BUFFER
#if UINTPTR_MAX > 0xffffffff || defined(__i386__)
#define MICROPY_PY_SSH_SFTP_DIR_BUFFER (16 * 1024)
#else
#define MICROPY_PY_SSH_SFTP_DIR_BUFFER (1024)
#endif
#endif

// One entry per file of the engine. It keeps the file's buffer alive, because the engine has only a raw
// pointer to it.
typedef struct _modssh_sftp_slot_t {
    byte *buf;       // GC block lent to the engine; NULL: the slot is free
    size_t len;
    bool dropped;    // its object is gone: close it at the next entry
} modssh_sftp_slot_t;

typedef struct _mp_obj_ssh_sftp_t {
    mp_obj_base_t base;
    mp_obj_ssh_session_t *session;
    mp_obj_ssh_channel_t *channel;
    ssh_sftp_config_t config;
    void *mem;             // GC block that holds the engine
    ssh_sftp_t *core;      // NULL after close
    mp_obj_t extensions;   // dict
    mp_obj_t failure;      // where nothing waits: what close() raises when it is done, or MP_OBJ_NULL
    uint8_t stage;         // of its opening
    bool given_up;         // the request under way is not wanted any more
    uint16_t n_slots;
    modssh_sftp_slot_t slots[];
} mp_obj_ssh_sftp_t;

// What it takes to open one.
typedef struct _modssh_sftp_opening_t {
    mp_obj_t path;
    byte *buf;             // the engine's once the request is out
    size_t len;
    uint32_t flags;        // SSH_SFTP_READ ...; 0: a directory
    uint32_t perm;
    int id;                // set once the request is out
} modssh_sftp_opening_t;

// An open file or directory.
typedef struct _mp_obj_ssh_sftp_file_t {
    mp_obj_base_t base;
    mp_obj_ssh_sftp_t *sftp;
    int32_t id;            // -1: the server has not answered yet
    uint32_t flags;        // as opened: SSH_SFTP_READ ...
    modssh_sftp_opening_t opening;
    bool is_opening;       // where nothing waits: opened() has not been successful yet
    bool closed;
    bool failed;           // what comes next is the end, not a second error
} mp_obj_ssh_sftp_file_t;

// ---------------------------------------------------------------- operations (ssh_sftp.c)

// Begin an operation on an SFTP object, or on a file: modssh_enter() and what the engine needs. What is still being
// opened is opened first.
void modssh_sftp_enter(modssh_op_t *op, mp_obj_ssh_sftp_t *self);
void modssh_sftp_enter_file(modssh_op_t *op, mp_obj_ssh_sftp_file_t *self);
// Close files whose objects are gone, free the buffers of those that are closed.
void modssh_sftp_reap(mp_obj_ssh_sftp_t *self);
// Raise if r is an error. Within an operation.
ptrdiff_t modssh_sftp_check(modssh_op_t *op, mp_obj_ssh_sftp_t *self, ptrdiff_t r);
// True: call again. Makes room for a listing that is in the way; waits.
bool modssh_sftp_again(modssh_op_t *op, mp_obj_ssh_sftp_t *self, ptrdiff_t r);
// The same, and the deadline starts again whenever bytes have moved: for transfers that may be slow.
bool modssh_sftp_again_slow(modssh_op_t *op, mp_obj_ssh_sftp_t *self, ptrdiff_t r, uint64_t *mark);

#define MODSSH_SFTP_RUN(op, self, r, call) \
    do { \
        (r) = (call); \
    } while (modssh_sftp_again(op, self, r))

#define MODSSH_SFTP_RUN_SLOW(op, self, r, call) \
    do { \
        uint64_t mark_ = 0; \
        do { \
            (r) = (call); \
        } while (modssh_sftp_again_slow(op, self, r, &mark_)); \
    } while (0)

// A buffer of *len bytes or, where there is no memory for that, half, a quarter...; and extra bytes. *len is then
// all of it.
byte *modssh_sftp_new_buffer(size_t *len, size_t extra);
// Open a file within an operation: its number. flags: SSH_SFTP_READ ...; buffer: bytes of read-ahead.
int modssh_sftp_open(modssh_op_t *op, mp_obj_ssh_sftp_t *self, mp_obj_t path, uint32_t flags, uint32_t perm, size_t buffer);
// Make an object for it and open that. Where nothing waits, the server may not have answered yet.
mp_obj_t modssh_sftp_open_file(const mp_obj_type_t *type, mp_obj_ssh_sftp_t *self, mp_obj_t path, uint32_t flags, uint32_t perm, size_t buffer);
// Go on with that within an operation: SSH_OK; SSH_AGAIN only where nothing waits; raises.
int modssh_sftp_open_on(modssh_op_t *op, mp_obj_ssh_sftp_file_t *file);
// It is not wanted any more.
void modssh_sftp_open_give_up(mp_obj_ssh_sftp_file_t *file);
// A file that is closed if the operation ends by an exception. Pop it with nlr_pop_jump_callback(false).
typedef struct _modssh_sftp_guard_t {
    nlr_jump_callback_node_t node;
    modssh_sftp_slot_t *slot;
} modssh_sftp_guard_t;
void modssh_sftp_guard(modssh_sftp_guard_t *guard, mp_obj_ssh_sftp_t *self, int file);

void modssh_sftp_attrs_get(modssh_op_t *op, mp_obj_ssh_sftp_t *self, int request, int file, mp_obj_t path, ssh_sftp_attrs_t *attrs);
mp_obj_t modssh_sftp_attrs_obj(const ssh_sftp_attrs_t *attrs);
// Six rows of a table of arguments: what setstat() can set.
#define MODSSH_SFTP_ATTR_ARG(name) { MP_QSTR_##name, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} }
#define MODSSH_SFTP_ATTR_ARGS \
    MODSSH_SFTP_ATTR_ARG(mode), MODSSH_SFTP_ATTR_ARG(size), MODSSH_SFTP_ATTR_ARG(atime), \
    MODSSH_SFTP_ATTR_ARG(mtime), MODSSH_SFTP_ATTR_ARG(uid), MODSSH_SFTP_ATTR_ARG(gid)
void modssh_sftp_attrs_parse(const mp_arg_val_t *args, ssh_sftp_attrs_t *attrs);
// A name from the server: a str, or bytes where it is not UTF-8.
mp_obj_t modssh_sftp_name_obj(const uint8_t *name, size_t len);
uint64_t modssh_get_u64(mp_obj_t obj);

// Whether text has part in it, in upper or lower case. text may be NULL when len is 0.
bool modssh_text_has(const char *text, size_t len, const char *part);
// The errno that a text from the server is about, or dflt.
int modssh_text_errno(const char *text, size_t len, int dflt);

// ssh_sftp_request.c
MP_DECLARE_CONST_FUN_OBJ_2(modssh_sftp_stat_obj);
MP_DECLARE_CONST_FUN_OBJ_2(modssh_sftp_lstat_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(modssh_sftp_setstat_obj);
MP_DECLARE_CONST_FUN_OBJ_2(modssh_sftp_statvfs_obj);
MP_DECLARE_CONST_FUN_OBJ_2(modssh_sftp_realpath_obj);
MP_DECLARE_CONST_FUN_OBJ_2(modssh_sftp_expand_path_obj);
MP_DECLARE_CONST_FUN_OBJ_2(modssh_sftp_readlink_obj);
MP_DECLARE_CONST_FUN_OBJ_3(modssh_sftp_symlink_obj);
MP_DECLARE_CONST_FUN_OBJ_3(modssh_sftp_hardlink_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(modssh_sftp_mkdir_obj);
MP_DECLARE_CONST_FUN_OBJ_2(modssh_sftp_rmdir_obj);
MP_DECLARE_CONST_FUN_OBJ_2(modssh_sftp_unlink_obj);
MP_DECLARE_CONST_FUN_OBJ_3(modssh_sftp_rename_obj);
MP_DECLARE_CONST_FUN_OBJ_3(modssh_sftp_posix_rename_obj);

MP_DECLARE_CONST_FUN_OBJ_KW(modssh_sftp_open_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(modssh_sftp_get_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(modssh_sftp_put_obj);
MP_DECLARE_CONST_FUN_OBJ_1(modssh_sftp_file_opened_obj);
MP_DECLARE_CONST_FUN_OBJ_1(modssh_sftp_file_close_obj);
MP_DECLARE_CONST_FUN_OBJ_1(modssh_sftp_file___del___obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(modssh_sftp_file___exit___obj);
MP_DECLARE_CONST_FUN_OBJ_2(modssh_sftp_opendir_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(modssh_sftp_listdir_obj);

// ---------------------------------------------------------------- local streams (ssh_sftp_copy.c)

// A stream of the program, at the other end of a transfer.
typedef struct _modssh_local_t {
    mp_obj_t obj;
    const mp_stream_p_t *stream_p; // NULL: Python code, used through its methods
    mp_obj_t piece;                // a bytearray for its readinto or write, or MP_OBJ_NULL
    byte *memory;                  // of piece
    modssh_op_t *op;
} modssh_local_t;

// flags: MP_STREAM_OP_READ or MP_STREAM_OP_WRITE. Raises OSError if obj cannot do that.
void modssh_local_init(modssh_local_t *self, modssh_op_t *op, mp_obj_t obj, int flags);
// Read up to len bytes: a count, 0 at the end.
size_t modssh_local_read(modssh_local_t *self, byte *buf, size_t len);
// Write all.
void modssh_local_write(modssh_local_t *self, const byte *buf, size_t len);
// Bytes from here to the end, or -1 if that cannot be told.
int64_t modssh_local_left(modssh_local_t *self);
// Call progress(done, total) unless it is None; total below 0: None.
void modssh_progress(mp_obj_t progress, uint64_t done, int64_t total);

#endif // MICROPY_INCLUDED_MODSSH_SFTP_H
