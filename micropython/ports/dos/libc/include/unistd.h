#ifndef DOS_LIBC_UNISTD_H
#define DOS_LIBC_UNISTD_H

#include <sys/types.h>

#define STDIN_FILENO (0)
#define STDOUT_FILENO (1)
#define STDERR_FILENO (2)

#ifndef SEEK_SET
#define SEEK_SET (0)
#define SEEK_CUR (1)
#define SEEK_END (2)
#endif

#define F_OK (0)
#define X_OK (1)
#define W_OK (2)
#define R_OK (4)

ssize_t read(int fd, void *buf, size_t n);
ssize_t write(int fd, const void *buf, size_t n);
off_t lseek(int fd, off_t offset, int whence);
int close(int fd);
int fsync(int fd);
int ftruncate(int fd, off_t length);
int isatty(int fd);

int access(const char *path, int mode);
int unlink(const char *path);
int rename(const char *from, const char *to);
int rmdir(const char *path);
int chdir(const char *path);
char *getcwd(char *buf, size_t size);

#endif // DOS_LIBC_UNISTD_H
