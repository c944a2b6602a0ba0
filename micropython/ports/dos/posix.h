// What the files of the POSIX-like calls share.
#ifndef MICROPY_INCLUDED_DOS_POSIX_H
#define MICROPY_INCLUDED_DOS_POSIX_H

#include <sys/stat.h>
#include <sys/types.h>

#include "int21.h"

// The longest path that DOS takes, with its NUL: "C:\", 63 of directories, "\", a name. Long names: 260.
#define SHORT_PATH_MAX (80)
#define DOS_PATH_MAX (260)

// Places in the transfer buffer.
#define LOW_PATH (0)
#define LOW_PATH2 (512)
#define LOW_DATA (1024)

// A path as DOS takes it: with drive, from the root, in DOS's own characters.
struct dos_path {
    uint8_t drive; // 0 is A
    bool lfn; // the drive has long names
    bool device; // text is the name of a character device, and nothing else
    char text[DOS_PATH_MAX];
};

// dosname.c. All give 0 or an errno.
int dos_path_resolve(const char *path, struct dos_path *out);
int dos_path_cwd(unsigned drive, struct dos_path *out);
bool dos_path_is_root(const struct dos_path *path);
// Of the path's text, for telling whether two paths are one file.
uint32_t dos_path_hash(const struct dos_path *path);
unsigned dos_current_drive(void);

// posix_name.c: between UTF-8 and the characters of DOS's code page.
void dos_to_utf8(const char *text, char *out, size_t size);
// One character: its code in DOS, or -1. *s is advanced.
int dos_from_utf8(const char **s);

// Puts text into the transfer buffer; its offset there is returned.
unsigned dos_low_text(unsigned offset, const char *text);

// posix_stat.c
struct dos_find {
    uint16_t handle; // of a search for long names
    bool lfn;
    uint8_t dta[43]; // of a search for short ones: how DOS goes on
    // What was found.
    uint8_t attr;
    uint16_t time;
    uint16_t date;
    uint32_t size;
    char name[DOS_PATH_MAX];
};
#define DOS_ATTR_READONLY (0x01)
#define DOS_ATTR_DIR (0x10)
int dos_find_first(const char *pattern, bool lfn, struct dos_find *f);
int dos_find_next(struct dos_find *f);
void dos_find_close(struct dos_find *f);
time_t dos_time(uint16_t date, uint16_t time);
int dos_path_stat(const struct dos_path *path, struct stat *st);

// Sets the time of the last change; DOS has even seconds from 1980 on.
int utime(const char *path, time_t mtime);
// dos.utime(path, seconds since 1970).
extern const struct _mp_obj_fun_builtin_fixed_t dos_utime_obj;

// posix.c: close() for C code. close() itself raises when the last data of a file cannot be written, because
// vfs_posix does not look at what it returns.
int posix_close(int fd);
// Whether a file that this program has open for writing is the one.
bool dos_is_being_written(const struct dos_path *path);

// Sets errno to error and returns -1; 0 for 0.
int posix_return(int error);

#endif // MICROPY_INCLUDED_DOS_POSIX_H
