// What DOS says about files, drives and directories' entries.

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "py/runtime.h"
#include "shared/timeutils/timeutils.h"

#include "dostime.h"
#include "posix.h"

// Searches find hidden files, system files and directories besides the plain ones; not the volume's label.
#define FIND_ATTR (0x16)

// The time that directories without one have: the first that DOS can say, 1980-01-01.
#define DOS_EPOCH (315532800UL)

time_t dos_time(uint16_t date, uint16_t time) {
    unsigned month = date >> 5 & 15;
    unsigned day = date & 31;
    if (month < 1 || month > 12 || day < 1) {
        return DOS_EPOCH;
    }
    return dostime_from_fields(1980 + (date >> 9), month, day, time >> 11, time >> 5 & 63, (time & 31) * 2);
}

// A search for short names keeps its place in the disk transfer area. Each search has a copy of its own, so that
// one may be begun inside another; DOS's pointer to the area is left as it was.
static int find_short(struct real_regs *r, struct dos_find *f) {
    static struct real_regs area;
    if (area.es == 0) {
        area.eax = 0x2f00;
        dos_int21(&area);
    }
    struct real_regs set = { .eax = 0x1a00, .ds = low_buf_seg, .edx = LOW_DATA };
    dos_int21(&set);
    uint8_t *dta = low_buf + LOW_DATA;
    memcpy(dta, f->dta, sizeof(f->dta));
    int error = dos_int21(r);
    memcpy(f->dta, dta, sizeof(f->dta));
    set = (struct real_regs) { .eax = 0x1a00, .ds = area.es, .edx = area.ebx };
    dos_int21(&set);
    if (error == 0) {
        uint32_t at = (uint32_t)f->dta;
        f->attr = low8(at + 0x15);
        f->time = low16(at + 0x16);
        f->date = low16(at + 0x18);
        f->size = low32(at + 0x1a);
        memcpy(f->name, f->dta + 0x1e, 13);
    }
    return error;
}

static int find_long(struct real_regs *r, struct dos_find *f) {
    r->esi = 1; // times as DOS has them
    r->es = low_buf_seg;
    r->edi = LOW_DATA;
    int error = dos_int21(r);
    if (error == 0) {
        uint32_t at = (uint32_t)low_buf + LOW_DATA;
        f->attr = low8(at);
        f->time = low16(at + 0x14);
        f->date = low16(at + 0x16);
        f->size = low32(at + 0x20);
        memcpy(f->name, low_buf + LOW_DATA + 0x2c, DOS_PATH_MAX);
        f->name[DOS_PATH_MAX - 1] = '\0';
    }
    return error;
}

int dos_find_first(const char *pattern, bool lfn, struct dos_find *f) {
    f->lfn = lfn;
    struct real_regs r = { .eax = lfn ? 0x714e : 0x4e00, .ecx = FIND_ATTR, .ds = low_buf_seg };
    r.edx = dos_low_text(LOW_PATH, pattern);
    if (!lfn) {
        return find_short(&r, f);
    }
    int error = find_long(&r, f);
    f->handle = r.eax;
    return error;
}

int dos_find_next(struct dos_find *f) {
    struct real_regs r = { .eax = f->lfn ? 0x714f : 0x4f00, .ebx = f->handle };
    return f->lfn ? find_long(&r, f) : find_short(&r, f);
}

void dos_find_close(struct dos_find *f) {
    if (f->lfn) {
        struct real_regs r = { .eax = 0x71a1, .ebx = f->handle };
        dos_int21(&r);
    }
}

int dos_path_stat(const struct dos_path *path, struct stat *st) {
    memset(st, 0, sizeof(*st));
    st->st_nlink = 1;
    st->st_dev = path->drive;
    if (path->device) {
        st->st_mode = S_IFCHR | 0666;
        return 0;
    }
    struct dos_find f;
    if (dos_path_is_root(path)) {
        char all[] = { path->text[0], ':', '\\', '*', '.', '*', '\0' };
        int error = dos_find_first(all, path->lfn, &f);
        if (error != 0 && error != ENOENT) {
            return error;
        }
        if (error == 0) {
            dos_find_close(&f);
        }
        st->st_mode = S_IFDIR | 0777;
        st->st_atime = st->st_mtime = st->st_ctime = DOS_EPOCH;
        return 0;
    }
    int error = dos_find_first(path->text, path->lfn, &f);
    if (error != 0) {
        return error;
    }
    dos_find_close(&f);
    st->st_mode = (f.attr & DOS_ATTR_DIR) ? S_IFDIR | 0777 : S_IFREG | 0666;
    if (f.attr & DOS_ATTR_READONLY) {
        st->st_mode &= ~0222;
    }
    st->st_size = f.size;
    st->st_atime = st->st_mtime = st->st_ctime = dos_time(f.date, f.time);
    return 0;
}

int stat(const char *path, struct stat *st) {
    struct dos_path p;
    int error = dos_path_resolve(path, &p);
    return posix_return(error != 0 ? error : dos_path_stat(&p, st));
}

int access(const char *path, int mode) {
    struct stat st;
    if (stat(path, &st) != 0) {
        return -1;
    }
    return posix_return((mode & W_OK) && !(st.st_mode & 0222) ? EACCES : 0);
}

// Function 36h does not tell of more than 2 GiB. Where it says about that much, a newer one knows better.
#define SPACE_OLD_MAX (0x7ff00000)

static int space_old(const struct dos_path *path, struct statvfs *sv) {
    struct real_regs r = { .eax = 0x3600, .edx = path->drive + 1 };
    int error = dos_int21(&r);
    if (error == 0 && (r.eax & 0xffff) == 0xffff) {
        error = ENODEV;
    }
    sv->f_bsize = (r.eax & 0xffff) * (r.ecx & 0xffff);
    sv->f_bfree = r.ebx & 0xffff;
    sv->f_blocks = r.edx & 0xffff;
    return error;
}

static void space_fat32(const struct dos_path *path, struct statvfs *sv) {
    char root[] = { path->text[0], ':', '\\', '\0' };
    struct real_regs r = { .eax = 0x7303, .ecx = 0x2c, .es = low_buf_seg, .edi = LOW_DATA, .ds = low_buf_seg };
    r.edx = dos_low_text(LOW_PATH, root);
    memset(low_buf + LOW_DATA, 0, 0x2c);
    uint32_t at = (uint32_t)low_buf + LOW_DATA;
    if (dos_int21(&r) == 0 && (r.eax & 0xffff) != 0x7300 && low32(at + 8) != 0) {
        sv->f_bsize = low32(at + 4) * low32(at + 8);
        sv->f_bfree = low32(at + 0x0c);
        sv->f_blocks = low32(at + 0x10);
    }
}

int statvfs(const char *path, struct statvfs *sv) {
    struct dos_path p;
    struct stat st;
    int error = dos_path_resolve(path, &p);
    if (error == 0) {
        error = p.device ? ENOSYS : dos_path_stat(&p, &st);
    }
    memset(sv, 0, sizeof(*sv));
    if (error == 0) {
        error = space_old(&p, sv);
    }
    if (error == 0 && (uint64_t)sv->f_bsize * sv->f_blocks >= SPACE_OLD_MAX) {
        space_fat32(&p, sv);
    }
    sv->f_frsize = sv->f_bsize;
    sv->f_bavail = sv->f_bfree;
    sv->f_namemax = p.lfn ? 255 : 12;
    return posix_return(error);
}

// --- times ---

// MicroPython's calendar counts from 2000, 31 bits both ways.
#define EPOCH_2000 (946684800UL)
#define UTIME_MAX (EPOCH_2000 + INT32_MAX)

int utime(const char *path, time_t mtime) {
    timeutils_struct_time_t t;
    if (mtime < DOS_EPOCH || mtime > UTIME_MAX) {
        return posix_return(EINVAL);
    }
    timeutils_seconds_since_2000_to_struct_time(mtime - EPOCH_2000, &t);
    int fd = open(path, O_RDWR);
    if (fd < 0) {
        return -1;
    }
    struct real_regs r = { .eax = 0x5701, .ebx = fd };
    r.ecx = t.tm_hour << 11 | t.tm_min << 5 | t.tm_sec / 2;
    r.edx = (t.tm_year - 1980) << 9 | t.tm_mon << 5 | t.tm_mday;
    int error = dos_int21(&r);
    int closed = posix_close(fd);
    return error != 0 ? posix_return(error) : closed;
}

static mp_obj_t dos_utime(mp_obj_t path_in, mp_obj_t mtime_in) {
    if (utime(mp_obj_str_get_str(path_in), mp_obj_get_int_truncated(mtime_in)) != 0) {
        mp_raise_OSError(errno);
    }
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_2(dos_utime_obj, dos_utime);
