// A seed that is carried from run to run.
//
// It must never serve twice, or two runs would have the same keys. So before a bit of it counts, its place
// on the disk has been taken by its successor (a hash of it and of the time), written through and read
// again. Where that cannot be done it is mixed in and counts for nothing.

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "lib/crypto-algorithms/sha256.h"

#include "entropy_health.h"
#include "entropy_pool.h"
#include "jitter.h"
#include "seedfile.h"

// Never raises an exception, as close() does when what was written is lost: this runs at the exit too.
int posix_close(int fd);

#define SEED_NAME "MPSEED.BIN"
#define SEED_SIZE (64)
#define SEED_READ (512) // so much of a file that somebody has made
#define PATH_SIZE (260)

enum seedfile_state seedfile_state;

static char path[PATH_SIZE];

static bool is_separator(char c) {
    return c == '\\' || c == '/';
}

// MPSEED, or the name beside the executable; whole, because the program may go to another directory.
static void find_path(const char *executable) {
    const char *name = getenv("MPSEED");
    size_t have = 0;
    if (name == NULL || name[0] == 0) {
        name = SEED_NAME;
        have = strlen(executable);
        while (have > 0 && !is_separator(executable[have - 1])) {
            --have;
        }
        if (have < PATH_SIZE) {
            memcpy(path, executable, have);
        }
    } else if (!is_separator(name[0]) && name[1] != ':' && getcwd(path, PATH_SIZE) != NULL) {
        have = strlen(path);
        if (have > 0 && !is_separator(path[have - 1]) && have < PATH_SIZE) {
            path[have++] = '/';
        }
    }
    size_t n = strlen(name);
    if (have + n + 1 > PATH_SIZE) {
        path[0] = 0;
        return;
    }
    memcpy(path + have, name, n + 1);
}

const char *seedfile_path(void) {
    return path;
}

static bool store(int fd, const uint8_t seed[SEED_SIZE]) {
    // In place: whatever happens meanwhile, either the old or the new one is there.
    return lseek(fd, 0, SEEK_SET) == 0
           && write(fd, seed, SEED_SIZE) == SEED_SIZE
           && ftruncate(fd, SEED_SIZE) == 0
           && fsync(fd) == 0;
}

static bool is_stored(const uint8_t seed[SEED_SIZE]) {
    uint8_t found[SEED_SIZE];
    int fd = open(path, O_RDONLY | O_BINARY);
    if (fd < 0) {
        return false;
    }
    bool same = read(fd, found, SEED_SIZE) == SEED_SIZE && memcmp(found, seed, SEED_SIZE) == 0;
    posix_close(fd);
    wipe(found, sizeof(found));
    return same;
}

// Cannot be found from what the old one gives to the pool, and does not give the old one away.
static void successor(const uint8_t *old, size_t n, uint8_t seed[SEED_SIZE]) {
    uint32_t now[2] = { jitter_clock(), jitter_ms() };
    for (uint8_t half = 0; half < SEED_SIZE / SHA256_BLOCK_SIZE; ++half) {
        CRYAL_SHA256_CTX hash;
        sha256_init(&hash);
        sha256_update(&hash, (const BYTE *)"MPSEED successor", 16);
        sha256_update(&hash, &half, sizeof(half));
        sha256_update(&hash, (const BYTE *)now, sizeof(now));
        sha256_update(&hash, old, n);
        sha256_final(&hash, seed + half * SHA256_BLOCK_SIZE);
        wipe(&hash, sizeof(hash));
    }
}

// The file, if it is one: it is left alone if it is too long to be a seed, and somebody's data.
static int open_old(bool *writable) {
    *writable = true;
    int fd = open(path, O_RDWR | O_BINARY);
    if (fd < 0) {
        *writable = false;
        fd = open(path, O_RDONLY | O_BINARY);
    }
    if (fd >= 0 && (isatty(fd) || lseek(fd, 0, SEEK_END) > SEED_READ || lseek(fd, 0, SEEK_SET) != 0)) {
        posix_close(fd);
        fd = -1;
        path[0] = 0;
    }
    return fd;
}

void seedfile_take(const char *executable) {
    uint8_t old[SEED_READ], seed[SEED_SIZE];
    bool replaced;
    find_path(executable);
    int fd = open_old(&replaced);
    if (fd < 0) {
        seedfile_state = SEEDFILE_NONE;
        return;
    }
    ssize_t n = read(fd, old, SEED_READ);
    n = n < 0 ? 0 : n;
    if (!health_bytes(old, n)) {
        // It keeps its place: its hash would look good to the next run.
        posix_close(fd);
        seedfile_state = SEEDFILE_POOR;
    } else {
        successor(old, n, seed);
        replaced = replaced && store(fd, seed);
        replaced = posix_close(fd) == 0 && replaced && is_stored(seed);
        seedfile_state = replaced ? SEEDFILE_USED : SEEDFILE_FIXED;
    }
    pool_add(POOL_SEED, old, n, seedfile_state == SEEDFILE_USED ? POOL_NEED_BITS * CREDIT_BIT : 0);
    wipe(old, sizeof(old));
    wipe(seed, sizeof(seed));
}

void seedfile_leave(void) {
    uint8_t seed[SEED_SIZE];
    if (path[0] == 0 || !pool_output(seed, sizeof(seed))) {
        return;
    }
    int fd = open(path, O_RDWR | O_BINARY);
    if (fd < 0) {
        fd = open(path, O_RDWR | O_CREAT | O_BINARY, 0600);
    }
    if (fd >= 0) {
        store(fd, seed);
        posix_close(fd);
    }
    wipe(seed, sizeof(seed));
}
