#ifndef DOS_LIBC_SYS_STAT_H
#define DOS_LIBC_SYS_STAT_H

#include <sys/types.h>

#define S_IFMT (0xf000)
#define S_IFCHR (0x2000)
#define S_IFDIR (0x4000)
#define S_IFREG (0x8000)
#define S_ISCHR(mode) (((mode) & S_IFMT) == S_IFCHR)
#define S_ISDIR(mode) (((mode) & S_IFMT) == S_IFDIR)
#define S_ISREG(mode) (((mode) & S_IFMT) == S_IFREG)

struct stat {
    mode_t st_mode;
    ino_t st_ino;
    dev_t st_dev;
    unsigned st_nlink;
    unsigned st_uid;
    unsigned st_gid;
    unsigned long st_size;
    time_t st_atime;
    time_t st_mtime;
    time_t st_ctime;
};

int stat(const char *path, struct stat *st);
int fstat(int fd, struct stat *st);
int mkdir(const char *path, mode_t mode);

#endif // DOS_LIBC_SYS_STAT_H
