// Directories, and changes to their entries.

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "py/gc.h"

#include "posix.h"

#define DIR_MAX (16)
#define DRIVE_MAX (26)

struct dos_dir {
    bool used;
    bool first; // what dos_find_first() found is still to be given
    bool end;
    bool lfn;
    char path[DOS_PATH_MAX];
    struct dos_find find;
};

static struct dos_dir dirs[DIR_MAX];

// Each drive's directory as the program found it; an empty text where it was not changed.
static char old_cwd[DRIVE_MAX][SHORT_PATH_MAX];
static uint8_t old_drive;
static bool cwd_saved;

int posix_return(int error) {
    if (error == 0) {
        return 0;
    }
    errno = error;
    return -1;
}

// A call that takes a path in DS:DX and has a twin for long names.
static int path_call(uint8_t function, const struct dos_path *path) {
    struct real_regs r = { .eax = path->lfn ? 0x7100 | function : function << 8, .ds = low_buf_seg };
    r.edx = dos_low_text(LOW_PATH, path->text);
    return dos_int21(&r);
}

static int resolve_and_stat(const char *path, struct dos_path *p, struct stat *st) {
    int error = dos_path_resolve(path, p);
    return error != 0 ? error : dos_path_stat(p, st);
}

// --- listing ---

static struct dos_dir *free_dir(void) {
    for (unsigned tries = 0; tries < 2; ++tries) {
        for (unsigned i = 0; i < DIR_MAX; ++i) {
            if (!dirs[i].used) {
                return &dirs[i];
            }
        }
        // Listings that were given up are closed when their object is collected.
        gc_collect();
    }
    return NULL;
}

void rewinddir(DIR *dir) {
    if (!dir->end) {
        dos_find_close(&dir->find);
    }
    // An empty root directory has no entry at all.
    dir->end = dos_find_first(dir->path, dir->lfn, &dir->find) != 0;
    dir->first = !dir->end;
}

DIR *opendir(const char *path) {
    struct dos_path p;
    struct stat st;
    int error = resolve_and_stat(path, &p, &st);
    if (error == 0 && !S_ISDIR(st.st_mode)) {
        error = ENOTDIR;
    }
    size_t n = strlen(p.text);
    if (error == 0 && n + 4 >= sizeof(p.text)) {
        error = ENAMETOOLONG;
    }
    if (error != 0) {
        errno = error;
        return NULL;
    }
    struct dos_dir *dir = free_dir();
    if (dir == NULL) {
        errno = EMFILE;
        return NULL;
    }
    dir->lfn = p.lfn;
    strcpy(dir->path, p.text);
    strcpy(dir->path + n, dos_path_is_root(&p) ? "*.*" : "\\*.*");
    error = dos_find_first(dir->path, dir->lfn, &dir->find);
    if (error != 0 && error != ENOENT) {
        errno = error;
        return NULL;
    }
    dir->end = error != 0;
    dir->first = error == 0;
    dir->used = true;
    return dir;
}

struct dirent *readdir(DIR *dir) {
    static struct dirent entry;
    if (dir->end) {
        return NULL;
    }
    if (!dir->first && dos_find_next(&dir->find) != 0) {
        dos_find_close(&dir->find);
        dir->end = true;
        return NULL;
    }
    dir->first = false;
    entry.d_ino = 0;
    entry.d_type = (dir->find.attr & DOS_ATTR_DIR) ? DT_DIR : DT_REG;
    dos_to_utf8(dir->find.name, entry.d_name, sizeof(entry.d_name));
    return &entry;
}

int closedir(DIR *dir) {
    if (!dir->end) {
        dos_find_close(&dir->find);
    }
    dir->used = false;
    return 0;
}

// --- the current directory ---

static void restore_cwd(void) {
    for (unsigned i = 0; i < DRIVE_MAX; ++i) {
        if (old_cwd[i][0] != '\0') {
            struct real_regs r = { .eax = 0x3b00, .ds = low_buf_seg };
            r.edx = dos_low_text(LOW_PATH, old_cwd[i]);
            dos_int21(&r);
        }
    }
    struct real_regs r = { .eax = 0x0e00, .edx = old_drive };
    dos_int21(&r);
}

// The directories belong to all of DOS: whoever started us finds them as they were.
static void save_cwd(unsigned drive) {
    if (!cwd_saved) {
        cwd_saved = true;
        old_drive = dos_current_drive();
        dos_at_exit(restore_cwd);
    }
    if (drive < DRIVE_MAX && old_cwd[drive][0] == '\0') {
        struct real_regs r = { .eax = 0x4700, .edx = drive + 1, .ds = low_buf_seg, .esi = LOW_DATA };
        if (dos_int21(&r) == 0) {
            old_cwd[drive][0] = 'A' + drive;
            old_cwd[drive][1] = ':';
            old_cwd[drive][2] = '\\';
            strncpy(old_cwd[drive] + 3, (char *)low_buf + LOW_DATA, SHORT_PATH_MAX - 4);
        }
    }
}

int chdir(const char *path) {
    struct dos_path p;
    struct stat st;
    int error = resolve_and_stat(path, &p, &st);
    if (error == 0 && !S_ISDIR(st.st_mode)) {
        error = ENOTDIR;
    }
    if (error == 0) {
        save_cwd(p.drive);
        error = path_call(0x3b, &p);
    }
    if (error == 0) {
        struct real_regs r = { .eax = 0x0e00, .edx = p.drive };
        error = dos_int21(&r);
    }
    return posix_return(error);
}

char *getcwd(char *buf, size_t size) {
    struct dos_path p;
    int error = dos_path_cwd(dos_current_drive(), &p);
    if (error != 0) {
        errno = error;
        return NULL;
    }
    dos_to_utf8(p.text, buf, size);
    for (char *s = buf; *s != '\0'; ++s) {
        if (*s == '\\') {
            *s = '/';
        }
    }
    return buf;
}

// --- making and removing ---

int mkdir(const char *path, mode_t mode) {
    (void)mode;
    struct dos_path p;
    struct stat st;
    int error = dos_path_resolve(path, &p);
    if (error == 0 && p.device) {
        error = EEXIST;
    }
    if (error == 0) {
        error = path_call(0x39, &p);
        if (error != 0 && dos_path_stat(&p, &st) == 0) {
            error = EEXIST;
        } else if (error == EMFILE) {
            error = ENOSPC; // how FreeDOS says that the root directory has no room
        }
    }
    return posix_return(error);
}

static bool has_entries(const struct dos_path *path) {
    char pattern[DOS_PATH_MAX + 4];
    strcpy(pattern, path->text);
    strcat(pattern, "\\*.*");
    struct dos_find f;
    bool found = false;
    int error = strlen(pattern) < DOS_PATH_MAX ? dos_find_first(pattern, path->lfn, &f) : ENOENT;
    bool open = error == 0;
    while (error == 0 && !found) {
        found = strcmp(f.name, ".") != 0 && strcmp(f.name, "..") != 0;
        error = found ? 0 : dos_find_next(&f);
    }
    if (open) {
        dos_find_close(&f);
    }
    return found;
}

int rmdir(const char *path) {
    struct dos_path p;
    struct stat st;
    int error = resolve_and_stat(path, &p, &st);
    if (error == 0 && !S_ISDIR(st.st_mode)) {
        error = ENOTDIR;
    }
    if (error == 0 && dos_path_is_root(&p)) {
        error = EBUSY;
    }
    if (error == 0) {
        error = path_call(0x3a, &p);
        if (error == EACCES && has_entries(&p)) {
            error = ENOTEMPTY;
        }
    }
    return posix_return(error);
}

int unlink(const char *path) {
    struct dos_path p;
    struct stat st;
    int error = resolve_and_stat(path, &p, &st);
    if (error == 0 && S_ISDIR(st.st_mode)) {
        error = EISDIR;
    }
    if (error == 0 && p.device) {
        error = EACCES;
    }
    if (error == 0 && dos_is_being_written(&p)) {
        error = EBUSY; // its writer would go on writing into clusters that are free
    }
    if (error == 0) {
        // ESI 0: no wildcards, for the twin for long names.
        error = path_call(0x41, &p);
    }
    return posix_return(error);
}

// Whether path is below dir.
static bool is_below(const struct dos_path *path, const struct dos_path *dir) {
    size_t n = strlen(dir->text);
    return strncmp(path->text, dir->text, n) == 0 && path->text[n] == '\\';
}

static int rename_call(const struct dos_path *from, const struct dos_path *to) {
    struct real_regs r = { .eax = from->lfn ? 0x7156 : 0x5600, .ds = low_buf_seg, .es = low_buf_seg };
    r.edx = dos_low_text(LOW_PATH, from->text);
    r.edi = dos_low_text(LOW_PATH2, to->text);
    return dos_int21(&r);
}

static int rename_resolved(const struct dos_path *from, const struct dos_path *to) {
    struct stat st, st_to;
    int error = dos_path_stat(from, &st);
    if (error != 0) {
        return error;
    }
    if (from->device || to->device) {
        return EACCES;
    }
    if (from->drive != to->drive) {
        return EXDEV;
    }
    if (strcmp(from->text, to->text) == 0) {
        return 0;
    }
    if (is_below(to, from)) {
        return EINVAL;
    }
    if (dos_is_being_written(from) || dos_is_being_written(to)) {
        return EBUSY;
    }
    // DOS does not put one file in the place of another. The same name in other letters is no other file.
    if (dos_path_hash(from) != dos_path_hash(to) && dos_path_stat(to, &st_to) == 0) {
        if (S_ISDIR(st_to.st_mode)) {
            return S_ISDIR(st.st_mode) ? EEXIST : EISDIR;
        }
        if (S_ISDIR(st.st_mode)) {
            return ENOTDIR;
        }
        error = path_call(0x41, to);
        if (error != 0) {
            return error;
        }
    }
    return rename_call(from, to);
}

int rename(const char *from, const char *to) {
    struct dos_path p, p_to;
    int error = dos_path_resolve(from, &p);
    if (error == 0) {
        error = dos_path_resolve(to, &p_to);
    }
    return posix_return(error != 0 ? error : rename_resolved(&p, &p_to));
}
