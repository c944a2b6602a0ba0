// The emulator and the keyboard's table on the host, steered through standard input:
//   S cols rows base flags   a new screen (flags: 1 monochrome, 2 bit 7 blinks, 4 "\n" goes to column 0)
//   W n, then n bytes        writes them
//   D                        "cols rows x y wrap visible alternate app_cursor bells replies dirty", the
//                            replies and the cells
//   C                        forgets what is dirty
//   R                        vt100_soft_reset()
//   K key flags app_cursor   the key's bytes as numbers
//   U code                   cell and width of a character
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cp437.h"
#include "keyboard.h"
#include "vt100.h"

static vt100_t vt;
static char replies[4096];
static size_t replies_len;
static unsigned bells;

static void reply(const char *s, size_t n) {
    if (n <= sizeof(replies) - replies_len) {
        memcpy(replies + replies_len, s, n);
        replies_len += n;
    }
}

static void bell(void) {
    ++bells;
}

static void start(unsigned cols, unsigned rows, unsigned base, unsigned flags) {
    memset(&vt, 0, sizeof(vt));
    vt.base = base;
    vt.mono = flags & 1;
    vt.blinks = flags & 2;
    vt.onlcr = flags & 4;
    vt.reply = reply;
    vt.bell = bell;
    vt100_init(&vt, cols, rows);
    replies_len = bells = 0;
}

static void write_bytes(size_t n) {
    // Of this size exactly, so that reading on is seen.
    char *bytes = malloc(n);
    if (fread(bytes, 1, n, stdin) == n) {
        vt100_write(&vt, bytes, n);
    }
    free(bytes);
}

static void dump(void) {
    unsigned dirty = 0;
    for (unsigned y = 0; y < vt.rows; ++y) {
        dirty += vt.dirty_to[y] > vt.dirty_from[y] ? vt.dirty_to[y] - vt.dirty_from[y] : 0;
    }
    printf("%u %u %u %u %u %u %u %u %u %zu %u\n", vt.cols, vt.rows, vt.cur.x, vt.cur.y, vt.cur.wrap, vt.visible,
        vt.alternate, vt.app_cursor, bells, replies_len, dirty);
    fwrite(replies, 1, replies_len, stdout);
    for (unsigned y = 0; y < vt.rows; ++y) {
        fwrite(vt100_row(&vt, y), sizeof(uint16_t), vt.cols, stdout);
    }
    replies_len = bells = 0;
}

static void clean(void) {
    for (unsigned y = 0; y < vt.rows; ++y) {
        vt.dirty_from[y] = vt.cols;
        vt.dirty_to[y] = 0;
    }
}

static void key(unsigned code, unsigned flags, unsigned app_cursor) {
    char out[KEYBOARD_BYTES_MAX];
    size_t n = keyboard_bytes(code, flags, app_cursor, out);
    for (size_t i = 0; i < n; ++i) {
        printf("%u ", (unsigned char)out[i]);
    }
    printf("\n");
}

int main(void) {
    char line[80];
    unsigned a = 0, b = 0, c = 0, d = 0;
    while (fgets(line, sizeof(line), stdin) != NULL) {
        sscanf(line + 1, "%u %u %u %u", &a, &b, &c, &d);
        switch (line[0]) {
            case 'S':
                start(a, b, c, d);
                break;
            case 'W':
                write_bytes(a);
                break;
            case 'D':
                dump();
                break;
            case 'C':
                clean();
                break;
            case 'R':
                vt100_soft_reset(&vt);
                break;
            case 'K':
                key(a, b, c);
                break;
            case 'U':
                printf("%u %u\n", cp437_from_unicode(a), cp437_width(a));
                break;
        }
        fflush(stdout);
    }
    return 0;
}
