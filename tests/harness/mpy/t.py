# What every test program has at hand. Runs on MicroPython.
# ruff: noqa: F401, BLE001

import binascii
import errno
import gc
import hashlib
import io
import os
import select
import socket
import sys
import time

import _ssh

P = {}  # what the test passed to run_mpy()
HOST = "127.0.0.1"  # where the servers are
if sys.platform == "dos":
    import dosnet

    HOST = "10.0.2.2"
    dosnet.up()


def out(value):
    print("OUT " + repr(value))


def dial(port=None):
    sock = socket.socket()
    sock.connect(socket.getaddrinfo(HOST, port or P["port"])[0][-1])
    return sock


def load(path):
    with open(path, "rb") as file:
        return file.read()


def connect(**options):
    """A session that is logged in with the test key, its host checked."""
    options.setdefault("hostkey", P["fingerprint"])
    session = _ssh.Session(dial(), **options)
    assert session.userauth_publickey(P["user"], load(P["key"])) is True
    return session


def err(function, *args, **kwargs):
    """(class name, first argument, text) of what function raises, or ("none", result, "")."""
    try:
        result = function(*args, **kwargs)
    except Exception as e:
        code = e.args[0] if e.args else None
        text = str(e.args[1]) if len(e.args) > 1 else str(e)
        return (type(e).__name__, code, text)
    return ("none", repr(result), "")


def sha(data):
    return hexed(hashlib.sha256(data))


def hexed(digest):
    return binascii.hexlify(digest.digest()).decode()


class Sink(io.IOBase):
    """A stream that counts and hashes what is written to it."""

    def __init__(self, most=None):
        self.digest = hashlib.sha256()
        self.size = 0
        self.most = most  # takes at most this many bytes in one call

    def write(self, buf):
        taken = len(buf) if self.most is None else min(self.most, len(buf))
        self.digest.update(memoryview(buf)[:taken])
        self.size += taken
        return taken


class Source(io.IOBase):
    """A stream of size bytes that look random but are the same each time; hashes what was read."""

    def __init__(self, size, most=None):
        self.left = size
        self.most = most
        self.digest = hashlib.sha256()
        # A length that is no power of two, so that misplaced blocks show.
        self.block = bytes((i * 7 + (i >> 8) * 13) & 0xFF for i in range(10007))
        self.at = 0

    def readinto(self, buf):
        count = min(len(buf), self.left, len(self.block) - self.at)
        if self.most is not None:
            count = min(count, self.most)
        piece = memoryview(self.block)[self.at : self.at + count]
        buf[:count] = piece
        self.digest.update(piece)
        self.at = (self.at + count) % len(self.block)
        self.left -= count
        return count


class PySocket:
    """A socket as a plain Python object: send, recv, settimeout, close and nothing else."""

    def __init__(self, sock):
        self.sock = sock
        self.calls = 0

    def send(self, data):
        self.calls += 1
        return self.sock.send(data)

    def recv(self, n):
        self.calls += 1
        return self.sock.recv(n)

    def settimeout(self, seconds):
        self.sock.settimeout(seconds)

    def close(self):
        self.sock.close()
