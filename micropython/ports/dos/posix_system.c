// system(): other programs, and COMMAND.COM.
//
// MS-DOS's COMMAND.COM does not pass on the exit code of what "/C" ran. So a program is started directly where
// that is all a command line asks for; the rest (internal commands, batch files, redirection) is for %COMSPEC%.

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "console.h"
#include "posix.h"
#include "posix_env.h"

// Places in the transfer buffer; the environment begins at a paragraph.
#define LOW_BLOCK (512)
#define LOW_TAIL (544)
#define LOW_FCB (704)
#define LOW_FCB_SIZE (40)
#define LOW_ENV (1024)

#define TAIL_MAX (126)
#define SPECIAL_CHARS "<>|%^&\""
// The exit code of what was ended by Ctrl-C or a critical error, as shells tell it.
#define EXIT_ABORTED (130)

static const char internal[] =
    "ALIAS\0BEEP\0BREAK\0CALL\0CD\0CDD\0CHCP\0CHDIR\0CLS\0COPY\0CTTY\0DATE\0DEL\0DIR\0DIRS\0DOSKEY\0ECHO\0ERASE\0"
    "EXIT\0FOR\0GOTO\0HISTORY\0IF\0LFNFOR\0LH\0LOADFIX\0LOADHIGH\0MD\0MEMORY\0MKDIR\0PATH\0PAUSE\0POPD\0PROMPT\0"
    "PUSHD\0RD\0REM\0REN\0RENAME\0RMDIR\0SET\0SHIFT\0TIME\0TRUENAME\0TYPE\0VER\0VERIFY\0VOL\0WHICH\0?\0";

enum kind { NOT_FOUND, PROGRAM, BATCH };

static bool equals(const char *a, const char *b) {
    while (*a != '\0' && toupper((uint8_t)*a) == toupper((uint8_t)*b)) {
        ++a;
        ++b;
    }
    return toupper((uint8_t)*a) == toupper((uint8_t)*b);
}

static bool has_any(const char *s, const char *chars) {
    return s[strcspn(s, chars)] != '\0';
}

static bool is_internal(const char *word) {
    for (const char *name = internal; *name != '\0'; name += strlen(name) + 1) {
        if (equals(word, name)) {
            return true;
        }
    }
    return false;
}

// Looks whether path names a program, as it stands or with one of the extensions that DOS tries, in its order.
// It is left in path.
static enum kind look(char *path, size_t size) {
    static const char extensions[][5] = { ".COM", ".EXE", ".BAT" };
    size_t n = strlen(path);
    const char *name = path + n;
    while (name > path && strchr("/\\:", name[-1]) == NULL) {
        --name;
    }
    const char *dot = strchr(name, '.');
    for (unsigned i = 0; i < 3; ++i) {
        if (dot != NULL && !equals(dot, extensions[i])) {
            continue;
        }
        if (dot == NULL) {
            if (n + sizeof(extensions[i]) > size) {
                break;
            }
            strcpy(path + n, extensions[i]);
        }
        struct stat st;
        if (stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
            return i < 2 ? PROGRAM : BATCH;
        }
        path[n] = '\0';
    }
    return NOT_FOUND;
}

// Finds the program of a command's first word: here, then in the directories of PATH.
static enum kind search(const char *word, char *path, size_t size) {
    strcpy(path, word);
    enum kind kind = look(path, size);
    if (kind != NOT_FOUND || has_any(word, "/\\:")) {
        return kind;
    }
    const char *dirs = getenv("PATH");
    while (dirs != NULL && *dirs != '\0') {
        size_t n = strcspn(dirs, ";");
        if (n > 0 && n + 1 + strlen(word) < size) {
            memcpy(path, dirs, n);
            path[n] = '\\';
            strcpy(path + n + 1, word);
            kind = look(path, size);
            if (kind != NOT_FOUND) {
                return kind;
            }
        }
        dirs += n + (dirs[n] == ';');
    }
    return NOT_FOUND;
}

static void put16(unsigned offset, uint16_t value) {
    memcpy(low_buf + offset, &value, sizeof(value));
}

// Runs a program with a command tail; *status is its exit code.
static int exec(const char *program, const char *tail, int *status) {
    struct dos_path path;
    int error = dos_path_resolve(program, &path);
    size_t n = strlen(tail);
    if (error == 0 && n > TAIL_MAX) {
        error = E2BIG;
    }
    if (error != 0) {
        return error;
    }
    size_t env_size;
    const char *env = posix_env_block(&env_size);
    memcpy(low_buf + LOW_ENV, env, env_size);
    low_buf[LOW_ENV + env_size] = '\0'; // an empty one ends with two
    low_buf[LOW_TAIL] = n;
    memcpy(low_buf + LOW_TAIL + 1, tail, n);
    low_buf[LOW_TAIL + 1 + n] = '\r';
    memset(low_buf + LOW_FCB, 0, LOW_FCB_SIZE);
    memset(low_buf + LOW_FCB + 1, ' ', 11);
    put16(LOW_BLOCK, low_buf_seg + LOW_ENV / 16);
    put16(LOW_BLOCK + 2, LOW_TAIL);
    put16(LOW_BLOCK + 4, low_buf_seg);
    put16(LOW_BLOCK + 6, LOW_FCB);
    put16(LOW_BLOCK + 8, low_buf_seg);
    put16(LOW_BLOCK + 10, LOW_FCB);
    put16(LOW_BLOCK + 12, low_buf_seg);
    struct real_regs r = { .eax = 0x4b00, .ebx = LOW_BLOCK, .ds = low_buf_seg, .es = low_buf_seg };
    r.edx = dos_low_text(LOW_PATH, path.text);
    error = dos_int21(&r);
    if (r.flags & REAL_CARRY) {
        return error;
    }
    // A critical error that came meanwhile was the program's.
    r = (struct real_regs) { .eax = 0x4d00 };
    dos_int21(&r);
    unsigned how = r.eax >> 8 & 0xff;
    *status = how == 1 || how == 2 ? EXIT_ABORTED : r.eax & 0xff;
    return 0;
}

static int run(const char *command, int *status) {
    char path[DOS_PATH_MAX * 3];
    char word[DOS_PATH_MAX];
    char tail[TAIL_MAX + 2];
    while (*command == ' ' || *command == '\t') {
        ++command;
    }
    size_t n = strcspn(command, " \t");
    if (strlen(command) > TAIL_MAX) {
        return E2BIG;
    }
    memcpy(word, command, n);
    word[n] = '\0';
    if (n > 0 && !has_any(command, SPECIAL_CHARS) && !is_internal(word)
        && search(word, path, sizeof(path)) == PROGRAM) {
        return exec(path, command + n, status);
    }
    const char *shell = getenv("COMSPEC");
    if (shell == NULL) {
        return ENOENT;
    }
    strcpy(tail, " /C ");
    if (strlen(tail) + strlen(command) > TAIL_MAX) {
        return E2BIG;
    }
    strcat(tail, command);
    return exec(shell, tail, status);
}

int system(const char *command) {
    int status = 0;
    // The screen and the keyboard are the other program's for a while, and so is Ctrl-C.
    console_suspend();
    dos_break_resume();
    int error = run(command, &status);
    dos_break_suspend();
    console_resume();
    dos_take_break();
    return error != 0 ? posix_return(error) : status;
}
