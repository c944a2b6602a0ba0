// Open files: POSIX's calls on DOS's handles. A file descriptor is the DOS handle.

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "py/gc.h"
#include "py/runtime.h"

#include "posix.h"
#include "posix_console.h"

#define HANDLE_MAX (128)
#define CHUNK_MAX (LOW_BUF_SIZE)

// DOS's open modes: the handle is not for child programs; others may read, and write what we only read.
#define OPEN_PRIVATE (0x80)
#define OPEN_DENY_WRITE (0x20)
#define OPEN_DENY_NONE (0x40)

// What functions 6C00h and 716Ch do.
#define ACTION_FAIL_IF_THERE (0x00)
#define ACTION_OPEN (0x01)
#define ACTION_TRUNCATE (0x02)
#define ACTION_CREATE (0x10)

enum {
    FILE_OPEN = 1,
    FILE_WRITER = 2,
    FILE_APPEND = 4,
    FILE_DEVICE = 8,
    FILE_CONSOLE = 16,
    FILE_PAST_END = 32, // a seek went past the end: the gap is to be filled before a write
};

static struct {
    uint8_t flags;
    uint32_t hash; // of its path
} files[HANDLE_MAX];

static bool ready;

static int handle_call(uint16_t function, int fd) {
    struct real_regs r = { .eax = function, .ebx = fd };
    return dos_int21(&r);
}

// Flags of an open handle: a device, the console? Devices are switched to passing every byte on as it is.
static unsigned device_flags(int fd) {
    struct real_regs r = { .eax = 0x4400, .ebx = fd };
    if (dos_int21(&r) != 0 || !(r.edx & 0x80)) {
        return 0;
    }
    if (r.edx & 0x03) {
        return FILE_DEVICE | FILE_CONSOLE;
    }
    r = (struct real_regs) { .eax = 0x4401, .ebx = fd, .edx = (r.edx & 0xff) | 0x20 };
    dos_int21(&r);
    return FILE_DEVICE;
}

static void close_all(void) {
    for (int fd = 3; fd < HANDLE_MAX; ++fd) {
        if (files[fd].flags & FILE_OPEN) {
            files[fd].flags = 0;
            handle_call(0x3e00, fd);
        }
    }
}

static void init(void) {
    ready = true;
    // A program starts with 20 handles. How many files may really be open, FILES in CONFIG.SYS says.
    struct real_regs r = { .eax = 0x6700, .ebx = HANDLE_MAX };
    dos_int21(&r);
    for (int fd = 0; fd < 5; ++fd) {
        r = (struct real_regs) { .eax = 0x4400, .ebx = fd };
        if (dos_int21(&r) == 0) {
            files[fd].flags = FILE_OPEN | FILE_WRITER;
            // Input and output of the program, but not those of AUX and PRN, which it never asked for.
            if (r.edx & 0x80) {
                files[fd].flags |= fd < 3 ? device_flags(fd) : FILE_DEVICE;
            }
        }
    }
    dos_at_exit(close_all);
}

// The flags of a descriptor; 0 and errno when there is no such file open.
static unsigned flags_of(int fd) {
    if (!ready) {
        init();
    }
    if (fd < 0 || fd >= HANDLE_MAX || !(files[fd].flags & FILE_OPEN)) {
        errno = EBADF;
        return 0;
    }
    return files[fd].flags;
}

// --- open and close ---

// Moves the file's position; *position: where to, then where it is.
static int seek(int fd, unsigned whence, uint32_t *position) {
    struct real_regs r = { .eax = 0x4200 | whence, .ebx = fd, .ecx = *position >> 16, .edx = *position & 0xffff };
    int error = dos_int21(&r);
    *position = (r.edx & 0xffff) << 16 | (r.eax & 0xffff);
    return error;
}

// Opens with one of the functions that can do all of it at once; DOS 3 has none.
static int open_call(const struct dos_path *path, unsigned mode, unsigned action, int *fd) {
    struct real_regs r = { .eax = path->lfn ? 0x716c : 0x6c00, .ebx = mode, .edx = action, .ds = low_buf_seg };
    r.esi = dos_low_text(LOW_PATH, path->text);
    int error = dos_int21(&r);
    if (error == EINVAL && !path->lfn) {
        // 3Dh opens what is there, 5Bh creates what is not, 3Ch does both and truncates.
        unsigned function = (action & ACTION_OPEN) ? 0x3d : (action & ACTION_TRUNCATE) && (action & ACTION_CREATE) ? 0x3c : 0x5b;
        r = (struct real_regs) { .eax = function << 8 | (function == 0x3d ? mode & 0xff : 0), .ds = low_buf_seg, .edx = LOW_PATH };
        error = dos_int21(&r);
        if (error == ENOENT && function == 0x3d && (action & ACTION_CREATE)) {
            r = (struct real_regs) { .eax = 0x5b00, .ds = low_buf_seg, .edx = LOW_PATH };
            error = dos_int21(&r);
        }
    }
    *fd = r.eax & 0xffff;
    if (error != 0 && !(r.flags & REAL_CARRY)) {
        handle_call(0x3e00, *fd); // a critical error came, but a handle as well
    }
    return error;
}

bool dos_is_being_written(const struct dos_path *path) {
    uint32_t hash = dos_path_hash(path);
    for (unsigned tries = 0; tries < 2; ++tries) {
        bool found = false;
        for (int fd = 3; fd < HANDLE_MAX && !found; ++fd) {
            found = (files[fd].flags & (FILE_OPEN | FILE_WRITER)) == (FILE_OPEN | FILE_WRITER) && files[fd].hash == hash;
        }
        if (!found) {
            return false;
        }
        if (tries == 0) {
            gc_collect(); // perhaps nobody holds it any more
        }
    }
    return true;
}

// DOS tells others the size of a file that is being written only when it is closed or committed.
static void commit_writer(uint32_t hash) {
    for (int fd = 3; fd < HANDLE_MAX; ++fd) {
        if ((files[fd].flags & FILE_WRITER) && files[fd].hash == hash) {
            handle_call(0x6800, fd);
        }
    }
}

// Whether DOS has a handle left. FreeDOS says "too many open files" of a root directory without room, too.
static bool has_handle(void) {
    struct real_regs r = { .eax = 0x3d00, .ds = low_buf_seg };
    r.edx = dos_low_text(LOW_PATH, "NUL");
    if (dos_int21(&r) != 0) {
        return false;
    }
    handle_call(0x3e00, r.eax & 0xffff);
    return true;
}

static int open_resolved(const struct dos_path *path, int flags, int *fd) {
    bool writer = (flags & O_ACCMODE) != O_RDONLY;
    if (writer && !path->device && dos_is_being_written(path)) {
        return EBUSY; // without SHARE, DOS lets two writers destroy each other's clusters
    }
    commit_writer(dos_path_hash(path));
    unsigned mode = (flags & O_ACCMODE) | OPEN_PRIVATE | (writer ? OPEN_DENY_WRITE : OPEN_DENY_NONE);
    unsigned action = (flags & O_EXCL) ? ACTION_FAIL_IF_THERE : (flags & O_TRUNC) ? ACTION_TRUNCATE : ACTION_OPEN;
    if (flags & O_CREAT) {
        action |= ACTION_CREATE;
    }
    if (path->device) {
        action = ACTION_OPEN;
    }
    int error = open_call(path, mode, action, fd);
    if (error == EMFILE) {
        gc_collect(); // files that were forgotten are closed when their object is collected
        error = open_call(path, mode, action, fd);
    }
    if (error == EMFILE && (flags & O_CREAT) && has_handle()) {
        error = ENOSPC;
    }
    struct stat st;
    if (error == EACCES && dos_path_stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        error = EISDIR;
    }
    return error;
}

int open(const char *name, int flags, ...) {
    struct dos_path path;
    int fd;
    if (!ready) {
        init();
    }
    int error = dos_path_resolve(name, &path);
    if (error == 0 && dos_path_is_root(&path)) {
        error = EISDIR;
    }
    if (error == 0) {
        error = open_resolved(&path, flags, &fd);
    }
    if (error == 0 && fd >= HANDLE_MAX) {
        handle_call(0x3e00, fd);
        error = EMFILE;
    }
    if (error != 0) {
        return posix_return(error);
    }
    unsigned device = device_flags(fd);
    if (device != 0 && !path.device) {
        // A driver's device, whose name no list can know.
        handle_call(0x3e00, fd);
        return posix_return(EINVAL);
    }
    files[fd].flags = FILE_OPEN | device | ((flags & O_ACCMODE) != O_RDONLY ? FILE_WRITER : 0);
    if (flags & O_APPEND) {
        files[fd].flags |= FILE_APPEND;
    }
    files[fd].hash = dos_path_hash(&path);
    return fd;
}

// What a file could not be closed for: its last data. vfs_posix does not look at what close() returns and
// would lose that silently, so it is raised here. The file object has its descriptor still and will close it
// again; until then nobody else gets that number.
static NORETURN void raise_on_close(int fd, int error) {
    struct real_regs r = { .eax = 0x4400, .ebx = fd };
    if (dos_int21(&r) != 0) {
        r = (struct real_regs) { .eax = 0x3d00, .ds = low_buf_seg };
        r.edx = dos_low_text(LOW_PATH, "NUL");
        int nul = dos_int21(&r) == 0 ? (int)(r.eax & 0xffff) : fd;
        if (nul != fd) {
            r = (struct real_regs) { .eax = 0x4600, .ebx = nul, .ecx = fd };
            dos_int21(&r);
            handle_call(0x3e00, nul);
        }
    }
    files[fd].flags = FILE_OPEN | FILE_DEVICE;
    mp_raise_OSError(error);
}

int posix_close(int fd) {
    if (flags_of(fd) == 0) {
        return -1;
    }
    files[fd].flags = 0;
    return posix_return(handle_call(0x3e00, fd));
}

int close(int fd) {
    unsigned flags = flags_of(fd);
    int ret = posix_close(fd);
    if (ret != 0 && (flags & FILE_WRITER) && !(flags & FILE_DEVICE) && MP_STATE_THREAD(nlr_top) != NULL) {
        raise_on_close(fd, errno);
    }
    return ret;
}

int fsync(int fd) {
    unsigned flags = flags_of(fd);
    if (flags == 0) {
        return -1;
    }
    return (flags & FILE_DEVICE) ? 0 : posix_return(handle_call(0x6800, fd));
}

// --- reading and writing ---

ssize_t read(int fd, void *buf, size_t n) {
    unsigned flags = flags_of(fd);
    if (flags == 0) {
        return -1;
    }
    if (flags & FILE_CONSOLE) {
        return posix_console_read(buf, n);
    }
    size_t done = 0;
    while (done < n) {
        size_t chunk = n - done < CHUNK_MAX ? n - done : CHUNK_MAX;
        struct real_regs r = { .eax = 0x3f00, .ebx = fd, .ecx = chunk, .ds = low_buf_seg };
        int error = dos_int21(&r);
        if (error != 0) {
            return done > 0 ? (ssize_t)done : posix_return(error);
        }
        size_t got = r.eax & 0xffff;
        memcpy((char *)buf + done, low_buf, got);
        done += got;
        if (got < chunk || (flags & FILE_DEVICE)) {
            break;
        }
    }
    return done;
}

// One write of DOS. 0 bytes would cut the file off at its position, so that has a function of its own.
static int write_chunk(int fd, size_t chunk, size_t *written) {
    struct real_regs r = { .eax = 0x4000, .ebx = fd, .ecx = chunk, .ds = low_buf_seg };
    int error = dos_int21(&r);
    *written = error == 0 ? r.eax & 0xffff : 0;
    if (error == 0 && *written == 0) {
        error = (files[fd].flags & FILE_DEVICE) ? EIO : ENOSPC;
    }
    return error;
}

// Writes zeros from the end of the file to position. DOS would leave there what the disk had.
static int fill(int fd, uint32_t position) {
    uint32_t end = 0;
    int error = seek(fd, SEEK_END, &end);
    while (error == 0 && end < position) {
        size_t chunk = position - end < CHUNK_MAX ? position - end : CHUNK_MAX;
        size_t written;
        memset(low_buf, 0, chunk);
        error = write_chunk(fd, chunk, &written);
        end += written;
    }
    if (error == 0) {
        error = seek(fd, SEEK_SET, &position);
    }
    return error;
}

static int before_write(int fd, unsigned flags) {
    uint32_t position = 0;
    if (flags & FILE_APPEND) {
        files[fd].flags &= ~FILE_PAST_END;
        return seek(fd, SEEK_END, &position);
    }
    int error = 0;
    if (flags & FILE_PAST_END) {
        error = seek(fd, SEEK_CUR, &position);
        if (error == 0) {
            error = fill(fd, position);
        }
        if (error == 0) {
            files[fd].flags &= ~FILE_PAST_END;
        }
    }
    return error;
}

ssize_t write(int fd, const void *buf, size_t n) {
    unsigned flags = flags_of(fd);
    if (flags == 0) {
        return -1;
    }
    if (flags & FILE_CONSOLE) {
        return posix_console_write(buf, n);
    }
    if (!(flags & FILE_WRITER)) {
        return posix_return(EBADF);
    }
    int error = n > 0 && !(flags & FILE_DEVICE) ? before_write(fd, flags) : 0;
    size_t done = 0;
    while (error == 0 && done < n) {
        size_t chunk = n - done < CHUNK_MAX ? n - done : CHUNK_MAX;
        size_t written;
        memcpy(low_buf, (const char *)buf + done, chunk);
        error = write_chunk(fd, chunk, &written);
        done += written;
        if (written < chunk) {
            break; // the next write says why
        }
    }
    return done > 0 ? (ssize_t)done : posix_return(error);
}

off_t lseek(int fd, off_t offset, int whence) {
    unsigned flags = flags_of(fd);
    if (flags == 0) {
        return -1;
    }
    if (flags & FILE_DEVICE) {
        return posix_return(ESPIPE);
    }
    if (whence < SEEK_SET || whence > SEEK_END) {
        return posix_return(EINVAL);
    }
    // DOS itself would go to before the beginning. So where the file is comes first.
    uint32_t position = 0;
    int error = whence == SEEK_SET ? 0 : seek(fd, SEEK_CUR, &position);
    if (error == 0 && whence == SEEK_CUR && offset == 0) {
        return position;
    }
    uint32_t base = whence == SEEK_CUR ? position : 0;
    if (error == 0 && whence == SEEK_END) {
        error = seek(fd, SEEK_END, &base);
    }
    int64_t target = (int64_t)base + offset;
    if (error == 0 && (target < 0 || target > INT32_MAX)) {
        if (whence == SEEK_END) {
            seek(fd, SEEK_SET, &position);
        }
        error = EINVAL;
    }
    position = target;
    if (error == 0) {
        error = seek(fd, SEEK_SET, &position);
    }
    if (error != 0) {
        return posix_return(error);
    }
    if ((flags & FILE_WRITER) && !(whence == SEEK_END && offset <= 0)) {
        files[fd].flags |= FILE_PAST_END; // perhaps: a write looks
    }
    return position;
}

int ftruncate(int fd, off_t length) {
    unsigned flags = flags_of(fd);
    if (flags == 0) {
        return -1;
    }
    if (length < 0 || (flags & FILE_DEVICE) || !(flags & FILE_WRITER)) {
        return posix_return(EINVAL);
    }
    uint32_t position = 0;
    uint32_t end = length;
    int error = seek(fd, SEEK_CUR, &position);
    if (error == 0) {
        error = fill(fd, end);
    }
    if (error == 0) {
        error = seek(fd, SEEK_SET, &end);
    }
    if (error == 0) {
        error = handle_call(0x4000, fd); // no bytes: the file ends here
    }
    if (error == 0) {
        error = seek(fd, SEEK_SET, &position);
    }
    files[fd].flags |= FILE_PAST_END;
    return posix_return(error);
}

int posix_kind(int fd) {
    unsigned flags = flags_of(fd);
    return flags == 0 ? POSIX_CLOSED : (flags & FILE_CONSOLE) ? POSIX_CONSOLE : (flags & FILE_DEVICE) ? POSIX_DEVICE : POSIX_FILE;
}

int isatty(int fd) {
    return posix_kind(fd) == POSIX_CONSOLE;
}

int fstat(int fd, struct stat *st) {
    unsigned flags = flags_of(fd);
    if (flags == 0) {
        return -1;
    }
    memset(st, 0, sizeof(*st));
    st->st_nlink = 1;
    if (flags & FILE_DEVICE) {
        st->st_mode = S_IFCHR | 0666;
        return 0;
    }
    st->st_mode = S_IFREG | ((flags & FILE_WRITER) ? 0666 : 0444);
    struct real_regs r = { .eax = 0x5700, .ebx = fd };
    uint32_t position = 0;
    uint32_t end = 0;
    int error = dos_int21(&r);
    if (error == 0) {
        error = seek(fd, SEEK_CUR, &position);
    }
    if (error == 0) {
        error = seek(fd, SEEK_END, &end);
    }
    if (error == 0) {
        error = seek(fd, SEEK_SET, &position);
    }
    st->st_size = end;
    st->st_atime = st->st_mtime = st->st_ctime = dos_time(r.edx, r.ecx);
    return posix_return(error);
}
