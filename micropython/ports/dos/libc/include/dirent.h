#ifndef DOS_LIBC_DIRENT_H
#define DOS_LIBC_DIRENT_H

#define DT_UNKNOWN (0)
#define DT_DIR (4)
#define DT_REG (8)
#define DTTOIF(type) ((type) << 12)

struct dirent {
    unsigned d_ino; // always 0
    unsigned char d_type;
    char d_name[256 * 3]; // UTF-8
};

typedef struct dos_dir DIR;

DIR *opendir(const char *path);
// What is returned lasts until the next readdir() of any directory.
struct dirent *readdir(DIR *dir);
void rewinddir(DIR *dir);
int closedir(DIR *dir);

#endif // DOS_LIBC_DIRENT_H
