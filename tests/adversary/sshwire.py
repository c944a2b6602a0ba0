"""RFC 4251 data types and message numbers, for the scripted peer. Shares nothing with the
product.
"""

import struct

DISCONNECT, IGNORE, UNIMPLEMENTED, DEBUG = 1, 2, 3, 4
SERVICE_REQUEST, SERVICE_ACCEPT, EXT_INFO = 5, 6, 7
KEXINIT, NEWKEYS, ECDH_INIT, ECDH_REPLY = 20, 21, 30, 31
USERAUTH_REQUEST, USERAUTH_FAILURE, USERAUTH_SUCCESS, USERAUTH_BANNER = 50, 51, 52, 53
USERAUTH_60 = 60
GLOBAL_REQUEST, REQUEST_SUCCESS, REQUEST_FAILURE = 80, 81, 82
CHANNEL_OPEN, OPEN_CONFIRMATION, OPEN_FAILURE, WINDOW_ADJUST = 90, 91, 92, 93
CHANNEL_DATA, EXTENDED_DATA, CHANNEL_EOF, CHANNEL_CLOSE = 94, 95, 96, 97
CHANNEL_REQUEST, CHANNEL_SUCCESS, CHANNEL_FAILURE = 98, 99, 100
PING, PONG = 192, 193


def byte(n):
    return bytes([n])


def boolean(value):
    return b"\x01" if value else b"\x00"


def u32(n):
    return struct.pack(">I", n)


def u64(n):
    return struct.pack(">Q", n)


def string(data):
    if isinstance(data, str):
        data = data.encode()
    return u32(len(data)) + data


def names(items):
    return string(",".join(items))


def mpint(data):
    """An mpint from unsigned big-endian bytes."""
    data = data.lstrip(b"\0")
    if data and data[0] & 0x80:
        data = b"\0" + data
    return string(data)


class Reader:
    """Reads RFC 4251 types; raises ValueError past the end."""

    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def take(self, n):
        if self.at + n > len(self.data):
            raise ValueError("message too short")
        part = self.data[self.at : self.at + n]
        self.at += n
        return part

    def byte(self):
        return self.take(1)[0]

    def bool(self):
        return self.byte() != 0

    def u32(self):
        return struct.unpack(">I", self.take(4))[0]

    def u64(self):
        return struct.unpack(">Q", self.take(8))[0]

    def string(self):
        return self.take(self.u32())

    def names(self):
        text = self.string().decode("ascii")
        return text.split(",") if text else []

    def rest(self):
        return self.take(len(self.data) - self.at)

    def end(self):
        if self.at != len(self.data):
            raise ValueError("bytes after the last field")
