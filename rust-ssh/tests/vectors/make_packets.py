#!/usr/bin/env python3
"""Write packets.txt: protected SSH packets made with Python's `cryptography`, which shares no code
with the core.

One packet a line: cipher, MAC (or -), key, IV, MAC key, sequence number, plain packet, sealed
packet; bytes in hexadecimal, - for none. Lines of the same keys follow one another: the cipher's
state runs on from one to the next. The plain bytes are a fixed pattern, so the file is always the
same.
"""

import hashlib
import hmac
import pathlib

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.poly1305 import Poly1305

CIPHERS = {
    "aes128-ctr": 16,
    "aes192-ctr": 24,
    "aes256-ctr": 32,
    "aes128-cbc": 16,
    "aes256-cbc": 32,
}
GCM = {"aes128-gcm@openssh.com": 16, "aes256-gcm@openssh.com": 32}
MACS = {"hmac-sha2-256": "sha256", "hmac-sha2-512": "sha512", "hmac-sha1": "sha1"}
ETM = "-etm@openssh.com"
SEQUENCE = [0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]
SIZES = [8, 24, 56, 248, 1000]


def pattern(label, size):
    """Bytes that look random."""
    return hashlib.shake_128(label.encode()).digest(size)


def packet(label, size):
    """A length and a body of that size."""
    return size.to_bytes(4, "big") + pattern(label, size)


def chacha(key, seq, data, block):
    """ChaCha20 with 64-bit counter and 64-bit nonce."""
    nonce = block.to_bytes(8, "little") + seq.to_bytes(8, "big")
    return Cipher(algorithms.ChaCha20(key, nonce), None).encryptor().update(data)


def seal_chachapoly(key, seq, plain):
    """OpenSSH's PROTOCOL.chacha20poly1305."""
    k2, k1 = key[:32], key[32:]
    sealed = chacha(k1, seq, plain[:4], 0) + chacha(k2, seq, plain[4:], 1)
    return sealed + Poly1305.generate_tag(chacha(k2, seq, bytes(32), 0), sealed)


def row(*fields):
    """One line of the file."""
    return " ".join((f.hex() or "-") if isinstance(f, bytes) else str(f) for f in fields)


def rows_chachapoly():
    """Packets of the AEAD cipher."""
    name = "chacha20-poly1305@openssh.com"
    key = pattern(name, 64)
    for seq, size in zip(SEQUENCE, SIZES, strict=True):
        plain = packet(f"{name} {seq}", size)
        yield row(name, "-", key, b"", b"", seq, plain, seal_chachapoly(key, seq, plain))


def rows_gcm(name):
    """RFC 5647: the invocation counter is the last eight bytes of the nonce. It starts near its
    end here, to be seen to wrap.
    """
    key, fixed = pattern(name + " key", GCM[name]), pattern(name + " iv", 4)
    first = (1 << 64) - 2
    iv = fixed + first.to_bytes(8, "big")
    for count, (seq, size) in enumerate(zip(SEQUENCE, SIZES, strict=True)):
        plain = packet(f"{name} {seq}", size + 8)
        nonce = fixed + ((first + count) % (1 << 64)).to_bytes(8, "big")
        sealed = plain[:4] + AESGCM(key).encrypt(nonce, plain[4:], plain[:4])
        yield row(name, "-", key, iv, b"", seq, plain, sealed)


def rows_mac(cipher, mac):
    """Packets of a cipher with a MAC beside it: encrypt-and-MAC or encrypt-then-MAC."""
    etm = mac.endswith(ETM)
    digest = MACS[mac.removesuffix(ETM)]
    label = f"{cipher} {mac}"
    key, iv = pattern(label + " key", CIPHERS[cipher]), pattern(label + " iv", 16)
    mac_key = pattern(label + " mac", hashlib.new(digest).digest_size)
    mode = modes.CTR(iv) if cipher.endswith("ctr") else modes.CBC(iv)
    stream = Cipher(algorithms.AES(key), mode).encryptor()
    for seq, size in zip(SEQUENCE, SIZES, strict=True):
        plain = packet(f"{label} {seq}", size + 8 if etm else size + 4)
        sealed = plain[:4] + stream.update(plain[4:]) if etm else stream.update(plain)
        signed = seq.to_bytes(4, "big") + (sealed if etm else plain)
        tag = hmac.new(mac_key, signed, digest).digest()
        yield row(cipher, mac, key, iv, mac_key, seq, plain, sealed + tag)


def main():
    """Write the file beside this program."""
    lines = list(rows_chachapoly())
    for cipher in GCM:
        lines += rows_gcm(cipher)
    for cipher in CIPHERS:
        for mac in MACS:
            lines += rows_mac(cipher, mac)
            if mac != "hmac-sha1":
                lines += rows_mac(cipher, mac + ETM)
    path = pathlib.Path(__file__).with_name("packets.txt")
    path.write_text("\n".join(lines) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
