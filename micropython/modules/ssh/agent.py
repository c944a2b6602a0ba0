"""The SSH agent of this machine, on ports whose sockets know AF_UNIX."""

import errno
import os
import select
import socket
import sys

import _ssh


def address(path):
    """What MicroPython's socket takes for a path: the bytes of a sockaddr_un."""
    if isinstance(path, str):
        path = path.encode()
    family = socket.AF_UNIX
    if sys.platform == "darwin":  # and the other BSDs: length and family, a byte each
        return bytes((len(path) + 3, family)) + path + b"\0"
    return family.to_bytes(2, sys.byteorder) + path + b"\0"


def available(path=None):
    """Whether there is an agent to connect to, as far as path or the environment says."""
    return hasattr(_ssh, "Agent") and hasattr(socket, "AF_UNIX") and bool(path or _path())


def _path():
    return os.getenv("SSH_AUTH_SOCK") if hasattr(os, "getenv") else None


def open_socket(path=None):
    """A socket that is connected to the agent at path, or to the one of SSH_AUTH_SOCK."""
    path = path or _path()
    if not path:
        raise ValueError("no SSH agent: SSH_AUTH_SOCK is not set")
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.connect(address(path))
    except BaseException:
        sock.close()
        raise
    return sock


def connect(path=None, **options):
    """An `_ssh.Agent`; its `stream` is the socket, to be closed by who has asked for it."""
    return _ssh.Agent(open_socket(path), **options)


def make_poll(sockets=64):
    """A `select.poll` with room for so many sockets.

    MicroPython's (1.25) must not grow while it watches channels: it then takes their entries,
    which have no descriptor, for some that have one, and crashes.
    """
    poll = select.poll()
    try:
        for number in range(sockets):
            poll.register(number, 0)
    except (OSError, TypeError, ValueError):
        return select.poll()  # a port that knows no descriptors, and has no such table
    for number in range(sockets):
        poll.unregister(number)
    return poll


class Link:
    """One connection from the other side to an agent here: a channel of kind "auth-agent".

    Both ends are registered in poll, which is of make_poll(). Call move() when it has something
    for either of them.
    """

    def __init__(self, channel, poll, path=None):
        self.channel = channel
        self.poll = poll
        try:
            self.sock = open_socket(path)
        except BaseException:
            channel.close()
            raise
        self.ways = [[channel, self.sock, b""], [self.sock, channel, b""]]
        for end in (channel, self.sock):
            end.setblocking(False)
            poll.register(end, select.POLLIN)

    def move(self):
        """Copy what there is; False, and both ends closed, when one of them has ended."""
        try:
            for way in self.ways:
                if not self._copy(way):
                    self.close()
                    return False
        except OSError:
            self.close()
            return False
        self._watch()
        return True

    def _copy(self, way):
        source, sink, data = way
        while True:
            if not data:
                try:
                    data = source.recv(4096)
                except OSError as e:
                    if e.args[0] != errno.EAGAIN:
                        raise
                    return True
                if not data:
                    return False
            sent = sink.write(data) or 0
            data = way[2] = data[sent:]
            if not sent:
                return True

    def _watch(self):
        """Bytes that wait for one end hold up reading from the other."""
        (_, _, to_sock), (_, _, to_channel) = self.ways
        for end, waiting, taken in (
            (self.sock, to_sock, to_channel),
            (self.channel, to_channel, to_sock),
        ):
            flags = select.POLLOUT if waiting else 0
            self.poll.modify(end, flags if taken else flags | select.POLLIN)

    def close(self):
        for end in (self.channel, self.sock):
            self.poll.unregister(end)
            end.close()
