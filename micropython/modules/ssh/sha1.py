"""HMAC-SHA1 for hashed names in known-hosts files. For nothing else: SHA-1 is broken."""

import hashlib
import struct


def _rotate(x, n):
    return ((x << n) | (x >> (32 - n))) & 0xFFFFFFFF


def _block(state, data):
    w = list(struct.unpack(">16I", data))
    for i in range(16, 80):
        w.append(_rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1))
    a, b, c, d, e = state
    for i in range(80):
        if i < 20:
            f, k = (b & c) | (~b & d), 0x5A827999
        elif i < 40:
            f, k = b ^ c ^ d, 0x6ED9EBA1
        elif i < 60:
            f, k = (b & c) | (b & d) | (c & d), 0x8F1BBCDC
        else:
            f, k = b ^ c ^ d, 0xCA62C1D6
        a, b, c, d, e = (_rotate(a, 5) + f + e + k + w[i]) & 0xFFFFFFFF, a, _rotate(b, 30), c, d
    return [(x + y) & 0xFFFFFFFF for x, y in zip(state, (a, b, c, d, e))]


def sha1(data):
    if hasattr(hashlib, "sha1"):
        return hashlib.sha1(data).digest()
    padded = data + b"\x80" + bytes((55 - len(data)) % 64) + struct.pack(">Q", len(data) * 8)
    state = [0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0]
    for at in range(0, len(padded), 64):
        state = _block(state, padded[at : at + 64])
    return struct.pack(">5I", *state)


def hmac(key, data):
    if len(key) > 64:
        key = sha1(key)
    key = key + bytes(64 - len(key))
    inner = sha1(bytes([c ^ 0x36 for c in key]) + data)
    return sha1(bytes([c ^ 0x5C for c in key]) + inner)
