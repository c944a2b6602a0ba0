"""Packet protection of one direction, for the scripted peer (crypto: the `cryptography` package).

Every class has seal(seq, length, body) and open(seq, read). `length` is the packet_length to
write, which may be a lie; `body` is padding_length, payload and padding.
"""

import hashlib
import hmac
import struct

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import poly1305
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

LIMIT = 1 << 20


class BadPacket(Exception):
    """The client sent a packet that breaks RFC 4253 section 6."""


def checked(length):
    if not 5 <= length <= LIMIT:
        raise BadPacket(f"packet_length {length}")
    return length


class Plain:
    block, padded_from, tag_len = 8, 4, 0

    def seal(self, seq, length, body):
        return struct.pack(">I", length) + body

    def open(self, seq, read):
        return read(checked(struct.unpack(">I", read(4))[0]))


class ChaChaPoly:
    """chacha20-poly1305@openssh.com (OpenSSH PROTOCOL.chacha20poly1305)."""

    block, padded_from, tag_len = 8, 0, 16
    key_len, iv_len = 64, 0

    def __init__(self, key, iv, mac):
        self.body_key, self.length_key = key[:32], key[32:]

    @staticmethod
    def stream(key, seq, counter, data):
        nonce = struct.pack("<Q", counter) + struct.pack(">Q", seq)
        return Cipher(algorithms.ChaCha20(key, nonce), None).encryptor().update(data)

    def tag(self, seq, data):
        return poly1305.Poly1305.generate_tag(self.stream(self.body_key, seq, 0, bytes(32)), data)

    def seal(self, seq, length, body):
        wire = self.stream(self.length_key, seq, 0, struct.pack(">I", length))
        wire += self.stream(self.body_key, seq, 1, body)
        return wire + self.tag(seq, wire)

    def open(self, seq, read):
        head = read(4)
        length = checked(struct.unpack(">I", self.stream(self.length_key, seq, 0, head))[0])
        wire = read(length)
        if not hmac.compare_digest(read(16), self.tag(seq, head + wire)):
            raise BadPacket("tag")
        return self.stream(self.body_key, seq, 1, wire)


class AesGcm:
    """aesN-gcm@openssh.com (RFC 5647): the length in the clear, a nonce that counts packets."""

    block, padded_from, tag_len, iv_len = 16, 0, 16, 12

    def __init__(self, key, iv, mac):
        self.cipher, self.fixed = AESGCM(key), iv[:4]
        self.count = int.from_bytes(iv[4:], "big")

    def nonce(self):
        nonce = self.fixed + struct.pack(">Q", self.count)
        self.count = (self.count + 1) % (1 << 64)
        return nonce

    def seal(self, seq, length, body):
        head = struct.pack(">I", length)
        return head + self.cipher.encrypt(self.nonce(), body, head)

    def open(self, seq, read):
        head = read(4)
        wire = read(checked(struct.unpack(">I", head)[0]) + 16)
        if len(wire) % 16:
            raise BadPacket(f"packet_length {len(wire) - 16} is no multiple of the block")
        try:
            return self.cipher.decrypt(self.nonce(), wire, head)
        except InvalidTag as err:
            raise BadPacket("tag") from err


class Aes128Gcm(AesGcm):
    key_len = 16


class Aes256Gcm(AesGcm):
    key_len = 32


class Mac:
    def __init__(self, name, key):
        self.hash, _, self.tag_len, self.etm = MACS[name]
        self.key = key

    def tag(self, seq, data):
        return hmac.new(self.key, struct.pack(">I", seq) + data, self.hash).digest()

    def check(self, seq, data, tag):
        if not hmac.compare_digest(tag, self.tag(seq, data)):
            raise BadPacket("MAC")


class AesCtr:
    """aesN-ctr with a MAC, encrypt-and-MAC or encrypt-then-MAC."""

    block, iv_len = 16, 16

    def __init__(self, key, iv, mac):
        context = Cipher(algorithms.AES(key), modes.CTR(iv)).encryptor()
        self.crypt, self.mac, self.tag_len = context.update, mac, mac.tag_len
        self.padded_from = 0 if mac.etm else 4

    def seal(self, seq, length, body):
        head = struct.pack(">I", length)
        if self.mac.etm:
            wire = head + self.crypt(body)
            return wire + self.mac.tag(seq, wire)
        return self.crypt(head + body) + self.mac.tag(seq, head + body)

    def open(self, seq, read):
        if self.mac.etm:
            head = read(4)
            wire = read(checked(struct.unpack(">I", head)[0]))
            self.mac.check(seq, head + wire, read(self.mac.tag_len))
            return self.crypt(wire)
        plain = self.crypt(read(16))
        length = checked(struct.unpack(">I", plain[:4])[0])
        if (length + 4) % 16:
            raise BadPacket(f"packet_length {length} is no multiple of the block")
        plain += self.crypt(read(length + 4 - 16))
        self.mac.check(seq, plain, read(self.mac.tag_len))
        return plain[4:]


class Aes128Ctr(AesCtr):
    key_len = 16


class Aes192Ctr(AesCtr):
    key_len = 24


class Aes256Ctr(AesCtr):
    key_len = 32


CIPHERS = {
    "chacha20-poly1305@openssh.com": ChaChaPoly,
    "aes128-gcm@openssh.com": Aes128Gcm,
    "aes256-gcm@openssh.com": Aes256Gcm,
    "aes128-ctr": Aes128Ctr,
    "aes192-ctr": Aes192Ctr,
    "aes256-ctr": Aes256Ctr,
}
# name: hash, key length, tag length, encrypt-then-MAC
MACS = {
    "hmac-sha2-256-etm@openssh.com": (hashlib.sha256, 32, 32, True),
    "hmac-sha2-512-etm@openssh.com": (hashlib.sha512, 64, 64, True),
    "hmac-sha2-256": (hashlib.sha256, 32, 32, False),
    "hmac-sha2-512": (hashlib.sha512, 64, 64, False),
    "hmac-sha1": (hashlib.sha1, 20, 20, False),
}


def derive(k, h, letter, session_id, length):
    """RFC 4253 section 7.2; k is K as it enters the hash."""
    out = hashlib.sha256(k + h + letter + session_id).digest()
    while len(out) < length:
        out += hashlib.sha256(k + h + out).digest()
    return out[:length]


def protection(cipher, mac, k, h, session_id, letters):
    """letters: those of IV, key and MAC key, such as b"ACE" for client to server."""
    kind = CIPHERS[cipher]
    iv = derive(k, h, letters[0:1], session_id, kind.iv_len)
    key = derive(k, h, letters[1:2], session_id, kind.key_len)
    if kind is ChaChaPoly or issubclass(kind, AesGcm):
        return kind(key, iv, None)
    mac_key = derive(k, h, letters[2:3], session_id, MACS[mac][1])
    return kind(key, iv, Mac(mac, mac_key))


def verify(public, signature, data):
    try:
        public.verify(signature, data)
    except InvalidSignature:
        return False
    return True
