// The agent of the DOS tests: a .COM program that FreeDOS starts at boot. It takes requests from COM1, polled or
// waiting in HLT for the UART's interrupt, and runs programs, reads and writes files, and calls DOS for the host.
//
// A frame is 0xA5, a type, a 16-bit length, the payload, and the 16-bit sum of all bytes between 0xA5 and the sum.
// A request with a wrong sum is answered by a frame of type '!', and the host sends it again. Contents of files do
// not pass the UART: they go through the second hard disk (INT 13h, sector 1 and up), which is a file of the host.

#include <stdint.h>

#define PORT (0x3f8)
#define START (0xa5)
#define MAILBOX (0x81)
#define SECTOR (512)
#define BUFFER_SECTORS (16)
#define BUFFER_SIZE (BUFFER_SECTORS * SECTOR)
#define FRAME_MAX (1024)
#define RESIDENT (0x600) // paragraphs that we keep: code, data, stack
#define VECTORS (256)

struct regs {
    uint32_t eax, ebx, ecx, edx, esi, edi, ebp;
    uint16_t ds, es, flags;
} __attribute__((packed));

// Written in start.S
extern void call_int21(struct regs *r);
extern uint32_t call_int13(uint8_t function, uint16_t packet); // the flags; AH in the upper half
extern uint16_t exec(uint16_t path, uint16_t block);            // 0 or DOS's error
extern void install_break_handler(void);
extern void install_handlers(void);
extern void wait_for_byte(void);
extern uint16_t our_segment(void);

static uint8_t buffer[BUFFER_SIZE];
static uint8_t frame[FRAME_MAX + 2];
static uint8_t reply[FRAME_MAX + 2];
static uint16_t reply_length;
static uint32_t vectors[VECTORS];

// ---------------------------------------------------------------- small things

static inline uint8_t inb(uint16_t port) {
    uint8_t value;
    __asm__ volatile ("inb %1, %0" : "=a" (value) : "Nd" (port));
    return value;
}

static inline void outb(uint16_t port, uint8_t value) {
    __asm__ volatile ("outb %0, %1" : : "a" (value), "Nd" (port));
}

static uint8_t peek8(uint16_t segment, uint16_t offset) {
    uint8_t value;
    __asm__ volatile ("movw %1, %%fs; movb %%fs:(%2), %0" : "=q" (value) : "r" (segment), "r" ((uint32_t)offset));
    return value;
}

static uint32_t peek32(uint16_t segment, uint16_t offset) {
    uint32_t value;
    __asm__ volatile ("movw %1, %%fs; movl %%fs:(%2), %0" : "=r" (value) : "r" (segment), "r" ((uint32_t)offset));
    return value;
}

static void poke8(uint16_t segment, uint16_t offset, uint8_t value) {
    __asm__ volatile ("movw %0, %%fs; movb %1, %%fs:(%2)" : : "r" (segment), "q" (value), "r" ((uint32_t)offset));
}

void *memset(void *to, int value, unsigned n) {
    uint8_t *p = to;
    while (n--) {
        *p++ = value;
    }
    return to;
}

void *memcpy(void *to, const void *from, unsigned n) {
    uint8_t *p = to;
    const uint8_t *q = from;
    while (n--) {
        *p++ = *q++;
    }
    return to;
}

static unsigned length_of(const char *text) {
    unsigned n = 0;
    while (text[n]) {
        n++;
    }
    return n;
}

// Offsets within our segment: the program is linked for it.
static uint16_t near(const void *p) {
    return (uint16_t)(uint32_t)p;
}

// ---------------------------------------------------------------- frames

static uint8_t receive(void) {
    while (!(inb(PORT + 5) & 1)) {
        wait_for_byte();
    }
    return inb(PORT);
}

static void transmit(uint8_t byte) {
    while (!(inb(PORT + 5) & 0x20)) {
    }
    outb(PORT, byte);
}

static void put8(uint8_t value) {
    if (reply_length < FRAME_MAX) {
        reply[reply_length++] = value;
    }
}

static void put16(uint16_t value) {
    put8(value);
    put8(value >> 8);
}

static void put32(uint32_t value) {
    put16(value);
    put16(value >> 16);
}

static void send_reply(uint8_t type) {
    uint16_t sum = type + (reply_length & 0xff) + (reply_length >> 8);
    transmit(START);
    transmit(type);
    transmit(reply_length);
    transmit(reply_length >> 8);
    for (unsigned i = 0; i < reply_length; i++) {
        sum += reply[i];
        transmit(reply[i]);
    }
    transmit(sum);
    transmit(sum >> 8);
    reply_length = 0;
}

// The type of the next request; its payload is in frame.
static uint8_t take_request(uint16_t *length) {
    for (;;) {
        while (receive() != START) {
        }
        uint8_t type = receive();
        uint16_t n = receive();
        n |= receive() << 8;
        uint16_t sum = type + (n & 0xff) + (n >> 8);
        for (unsigned i = 0; i < n; i++) {
            uint8_t byte = receive();
            sum += byte;
            if (i < FRAME_MAX) {
                frame[i] = byte;
            }
        }
        uint16_t wanted = receive();
        wanted |= receive() << 8;
        if (sum == wanted && n <= FRAME_MAX) {
            frame[n] = 0;
            *length = n;
            return type;
        }
        reply_length = 0;
        send_reply('!');
    }
}

// ---------------------------------------------------------------- DOS

static uint16_t dos(struct regs *r) {
    r->ds = r->es = our_segment();
    call_int21(r);
    return r->flags & 1 ? (uint16_t)r->eax : 0;
}

// 0 or DOS's error; the handle in *handle. function: 3D00h (open to read), 3D01h (to write), 3C00h (create).
static uint16_t dos_open(uint16_t function, const char *path, uint16_t *handle) {
    struct regs r = { .eax = function, .edx = near(path) };
    uint16_t error = dos(&r);
    *handle = r.eax;
    return error;
}

static void dos_close(uint16_t handle) {
    struct regs r = { .eax = 0x3e00, .ebx = handle };
    dos(&r);
}

static uint16_t dos_seek(uint16_t handle, uint8_t whence, uint32_t *offset) {
    struct regs r = { .eax = 0x4200 | whence, .ebx = handle, .ecx = *offset >> 16, .edx = *offset & 0xffff };
    uint16_t error = dos(&r);
    *offset = (r.edx << 16) | (uint16_t)r.eax;
    return error;
}

// function: 3F00h reads into the buffer, 4000h writes from it.
static uint16_t dos_transfer(uint16_t function, uint16_t handle, uint16_t count, uint16_t *done) {
    struct regs r = { .eax = function, .ebx = handle, .ecx = count, .edx = near(buffer) };
    uint16_t error = dos(&r);
    *done = r.eax;
    return error;
}

static uint16_t largest_block(void) {
    struct regs r = { .eax = 0x4800, .ebx = 0xffff };
    dos(&r);
    return r.ebx;
}

// ---------------------------------------------------------------- the mailbox disk

struct packet {
    uint8_t size, zero;
    uint16_t sectors, offset, segment;
    uint32_t lba, lba_high;
};

// function: 42h reads sectors into the buffer, 43h writes them.
static uint16_t mailbox(uint8_t function, uint32_t lba, uint16_t sectors) {
    static struct packet packet;
    packet = (struct packet) { 16, 0, sectors, near(buffer), our_segment(), lba, 0 };
    return call_int13(function, near(&packet)) & 1 ? 0xff13 : 0;
}

static uint16_t sectors_for(uint16_t bytes) {
    return (bytes + SECTOR - 1) / SECTOR;
}

// ---------------------------------------------------------------- requests

// size:4 append:1 path. Mailbox to file.
static uint16_t request_put(void) {
    uint32_t left = *(uint32_t *)frame;
    uint16_t handle, done, error;
    const char *path = (char *)frame + 5;
    error = dos_open(frame[4] ? 0x3d01 : 0x3c00, path, &handle);
    if (error) {
        return error;
    }
    uint32_t end = 0;
    if (frame[4]) {
        error = dos_seek(handle, 2, &end);
    }
    for (uint32_t lba = 1; left && !error; lba += BUFFER_SECTORS) {
        uint16_t count = left < BUFFER_SIZE ? left : BUFFER_SIZE;
        error = mailbox(0x42, lba, sectors_for(count));
        if (!error) {
            error = dos_transfer(0x4000, handle, count, &done);
        }
        if (!error && done != count) {
            error = 0xff14; // the disk is full
        }
        left -= count;
    }
    dos_close(handle);
    return error;
}

// offset:4 most:4 path. File to mailbox; replies with the number of bytes.
static uint16_t request_get(void) {
    uint32_t offset = *(uint32_t *)frame;
    uint32_t left = *(uint32_t *)(frame + 4);
    uint32_t total = 0;
    uint16_t handle, done, error;
    error = dos_open(0x3d00, (char *)frame + 8, &handle);
    if (error) {
        return error;
    }
    error = dos_seek(handle, 0, &offset);
    for (uint32_t lba = 1; left && !error; lba += BUFFER_SECTORS) {
        uint16_t count = left < BUFFER_SIZE ? left : BUFFER_SIZE;
        error = dos_transfer(0x3f00, handle, count, &done);
        if (error || done == 0) {
            break;
        }
        error = mailbox(0x43, lba, sectors_for(done));
        total += done;
        left -= done;
        if (done < count) {
            break;
        }
    }
    dos_close(handle);
    put32(total);
    return error;
}

// Puts path in the place of a standard handle, "&": what stdout is. *saved is a copy of what was there, 0 when
// nothing was done.
static uint16_t redirect(uint16_t standard, const char *path, uint16_t *saved) {
    uint16_t handle, error;
    *saved = 0;
    if (!*path) {
        return 0;
    }
    struct regs r;
    if (*path == '&') {
        r = (struct regs) { .eax = 0x4500, .ebx = 1 };
        error = dos(&r);
        handle = r.eax;
    } else {
        error = dos_open(standard == 0 ? 0x3d00 : 0x3c00, path, &handle);
    }
    if (error) {
        return error;
    }
    r = (struct regs) { .eax = 0x4500, .ebx = standard };
    error = dos(&r);
    if (!error) {
        *saved = r.eax;
        r = (struct regs) { .eax = 0x4600, .ebx = handle, .ecx = standard };
        error = dos(&r);
    }
    dos_close(handle);
    return error;
}

static void restore(uint16_t standard, uint16_t saved) {
    if (saved) {
        struct regs r = { .eax = 0x4600, .ebx = saved, .ecx = standard };
        dos(&r);
        dos_close(saved);
    }
}

// A segment with more in front of our environment; 0 when there is no memory for it.
static uint16_t make_environment(const char *more, unsigned length) {
    uint16_t ours = peek32(our_segment(), 0x2c);
    unsigned size = 0;
    while (peek8(ours, size) || peek8(ours, size + 1)) {
        size++;
    }
    size += 2;
    struct regs r = { .eax = 0x4800, .ebx = (length + size + 15) / 16 + 1 };
    if (dos(&r)) {
        return 0;
    }
    uint16_t segment = r.eax;
    for (unsigned i = 0; i < length; i++) {
        poke8(segment, i, more[i]);
    }
    for (unsigned i = 0; i < size; i++) {
        poke8(segment, length + i, peek8(ours, i));
    }
    return segment;
}

// path NUL, tail NUL, paths of stdin, stdout and stderr, each NUL (empty: the console), then NAME=VALUE, each NUL.
// Replies: exit code and kind of exit, ticks, paragraphs free before and after, vectors that differ afterwards.
static uint16_t request_run(uint16_t length) {
    static struct {
        uint16_t environment, tail_offset, tail_segment, fcb[4];
    } block;
    static uint8_t tail[130], fcb[16];
    const char *path = (char *)frame;
    const char *text = path + length_of(path) + 1;
    const char *files[3];
    unsigned tail_length = length_of(text);
    files[0] = text + tail_length + 1;
    files[1] = files[0] + length_of(files[0]) + 1;
    files[2] = files[1] + length_of(files[1]) + 1;
    const char *more = files[2] + length_of(files[2]) + 1;
    if (tail_length > 126) {
        return 0xff15;
    }
    tail[0] = tail_length;
    memcpy(tail + 1, text, tail_length);
    tail[tail_length + 1] = '\r';
    uint16_t saved[3] = { 0, 0, 0 }, error = 0, before = largest_block();
    for (unsigned i = 0; i < VECTORS; i++) {
        vectors[i] = peek32(0, 4 * i);
    }
    uint16_t environment = 0;
    if (more < (char *)frame + length) {
        environment = make_environment(more, (char *)frame + length - more);
    }
    block.environment = environment;
    block.tail_offset = near(tail);
    block.fcb[0] = block.fcb[2] = near(fcb);
    block.tail_segment = block.fcb[1] = block.fcb[3] = our_segment();
    for (unsigned i = 0; i < 3 && !error; i++) {
        error = redirect(i, files[i], &saved[i]);
    }
    uint32_t started = peek32(0x40, 0x6c);
    if (!error) {
        error = exec(near(path), near(&block));
    }
    uint32_t ticks = peek32(0x40, 0x6c) - started;
    // DOS leaves us the disk transfer area of the program.
    struct regs transfer = { .eax = 0x1a00, .edx = 0x80 };
    dos(&transfer);
    for (unsigned i = 0; i < 3; i++) {
        restore(i, saved[i]);
    }
    if (environment) {
        struct regs r = { .eax = 0x4900 };
        r.ds = our_segment();
        r.es = environment;
        call_int21(&r);
    }
    if (error) {
        return error;
    }
    struct regs r = { .eax = 0x4d00 };
    dos(&r);
    put16(r.eax);
    put32(ticks);
    put16(before);
    put16(largest_block());
    for (unsigned i = 0; i < VECTORS; i++) {
        uint32_t now = peek32(0, 4 * i);
        if (now != vectors[i]) {
            put8(i);
            put32(vectors[i]);
            put32(now);
        }
    }
    return 0;
}

// ax bx cx dx si di: 2 bytes each, then what DS:DX points to. Replies with ax bx cx dx, the flags, and the same
// bytes as they are afterwards.
static uint16_t request_int21(uint16_t length) {
    const uint16_t *in = (uint16_t *)frame;
    uint8_t *data = frame + 12;
    struct regs r = { .eax = in[0], .ebx = in[1], .ecx = in[2], .edx = near(data), .esi = in[4], .edi = in[5] };
    if (length <= 12) {
        r.edx = in[3];
    }
    dos(&r);
    put16(r.eax);
    put16(r.ebx);
    put16(r.ecx);
    put16(r.edx);
    put16(r.flags);
    for (unsigned i = 12; i < length; i++) {
        put8(frame[i]);
    }
    return 0;
}

// One request of type R from a file, its answer to another: for a DOS without a UART of the host.
static void serve_file(void) {
    uint16_t handle, count = 0, error = dos_open(0x3d00, "C:\\T\\REQUEST.BIN", &handle);
    if (!error) {
        dos_transfer(0x3f00, handle, FRAME_MAX, &count);
        dos_close(handle);
        memcpy(frame, buffer, count);
        frame[count] = 0;
        put16(0);
        error = request_run(count);
    }
    reply[0] = error;
    reply[1] = error >> 8;
    memcpy(buffer, reply, reply_length);
    if (!dos_open(0x3c00, "C:\\T\\ANSWER.BIN", &handle)) {
        dos_transfer(0x4000, handle, reply_length, &count);
        dos_close(handle);
    }
}

int main(void) {
    struct regs r = { .eax = 0x4a00, .ebx = RESIDENT };
    dos(&r);
    if (peek8(our_segment(), 0x80) > 0) {
        install_break_handler();
        serve_file();
        return 0;
    }
    install_break_handler();
    install_handlers();
    put16(largest_block());
    send_reply('H');
    for (;;) {
        uint16_t length = 0, error = 0xff01;
        uint8_t type = take_request(&length);
        put16(0); // the place of the error
        switch (type) {
            case 'P':
                error = request_put();
                break;
            case 'G':
                error = request_get();
                break;
            case 'R':
                error = request_run(length);
                break;
            case 'I':
                error = request_int21(length);
                break;
            case 'Q':
                send_reply('Q');
                return 0;
        }
        reply[0] = error;
        reply[1] = error >> 8;
        send_reply(type);
    }
}
