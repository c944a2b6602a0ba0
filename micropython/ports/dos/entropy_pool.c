// The pool and the generator.
//
// The pool is a running SHA-256 of all that was put in. Only when its credit is enough does it change
// the generator's key: little by little would let somebody who knows the key follow by guessing.
// The generator hashes its key and a count for output, and then replaces the key by its hash.

#include <string.h>

#include "lib/crypto-algorithms/sha256.h"

#include "entropy_pool.h"

enum { KEY_OUTPUT, KEY_NEXT, KEY_SEED, KEY_STIR };

static struct {
    bool started;
    bool ready;
    uint32_t credit;
    CRYAL_SHA256_CTX pool;
    uint8_t key[SHA256_BLOCK_SIZE];
} state;

void wipe(void *data, size_t n) {
    volatile uint8_t *p = data;
    while (n-- > 0) {
        *p++ = 0;
    }
}

// SHA-256 of a word that says what for, the key, and more.
static void hash_key(uint32_t use, const void *more, size_t n, uint8_t out[SHA256_BLOCK_SIZE]) {
    CRYAL_SHA256_CTX hash;
    sha256_init(&hash);
    sha256_update(&hash, (const BYTE *)&use, sizeof(use));
    sha256_update(&hash, state.key, sizeof(state.key));
    sha256_update(&hash, more, n);
    sha256_final(&hash, out);
    wipe(&hash, sizeof(hash));
}

static void seed(void) {
    uint8_t digest[SHA256_BLOCK_SIZE];
    sha256_final(&state.pool, digest);
    hash_key(KEY_SEED, digest, sizeof(digest), state.key);
    wipe(digest, sizeof(digest));
    sha256_init(&state.pool);
    state.credit = 0;
    state.ready = true;
}

void pool_add(uint8_t source, const void *data, size_t n, uint32_t credit) {
    if (!state.started) {
        sha256_init(&state.pool);
        state.started = true;
    }
    uint32_t head[2] = { source, n };
    sha256_update(&state.pool, (const BYTE *)head, sizeof(head));
    sha256_update(&state.pool, data, n);
    // A pool holds no more than 256 bits, and the sum stays far from overflow.
    state.credit += credit < POOL_NEED_BITS * CREDIT_BIT ? credit : POOL_NEED_BITS * CREDIT_BIT;
    if (state.credit >= POOL_NEED_BITS * CREDIT_BIT) {
        seed();
    }
}

uint32_t pool_bits(void) {
    return state.credit / CREDIT_BIT;
}

bool pool_ready(void) {
    return state.ready;
}

void pool_stir(const void *data, size_t n) {
    if (state.ready) {
        hash_key(KEY_STIR, data, n, state.key);
    }
}

bool pool_output(uint8_t *buf, size_t n) {
    if (!state.ready) {
        return false;
    }
    uint8_t block[SHA256_BLOCK_SIZE];
    for (uint32_t count = 0; n > 0; ++count) {
        size_t part = n < sizeof(block) ? n : sizeof(block);
        hash_key(KEY_OUTPUT, &count, sizeof(count), block);
        memcpy(buf, block, part);
        buf += part;
        n -= part;
    }
    wipe(block, sizeof(block));
    hash_key(KEY_NEXT, NULL, 0, state.key);
    return true;
}

void pool_wipe(void) {
    wipe(&state, sizeof(state));
}
