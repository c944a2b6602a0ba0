"""Sockets that do not wait, of ports with descriptors and without; polls that hold channels."""

import errno
import os
import select
import socket
import sys

import _ssh

from ssh.connection import addresses

# Not all of them have a name in the module `errno`.
_LATER = (errno.EAGAIN, errno.EINPROGRESS, errno.EALREADY)
_ISCONN = (106, 56)  # Linux (and MicroPython), BSD
_REUSEADDR = 4 if sys.platform == "darwin" else 2
_V6ONLY = (41, 27 if sys.platform == "darwin" else 26)
BACKLOG = 128


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


def unix_address(path):
    """What MicroPython's socket takes for a path: the bytes of a sockaddr_un."""
    if isinstance(path, str):
        path = path.encode()
    if len(path) > 103:
        raise OSError(errno.EINVAL, "the path of a Unix socket is too long")
    family = socket.AF_UNIX
    if sys.platform == "darwin":  # and the other BSDs: length and family, a byte each
        return bytes((len(path) + 3, family)) + path + b"\0"
    return family.to_bytes(2, sys.byteorder) + path + b"\0"


def has_unix():
    """Whether this system has Unix sockets."""
    return hasattr(socket, "AF_UNIX")


def need_unix():
    """OSError(EOPNOTSUPP) if it has none."""
    if not has_unix():
        raise OSError(errno.EOPNOTSUPP, "this system has no Unix sockets")


def connect_unix(path):
    """A socket that is connected to a path. This waits for nothing but a full queue there."""
    need_unix()
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.connect(unix_address(path))
    except BaseException:
        sock.close()
        raise
    return sock


# ---------------------------------------------------------------- listening


def place(bind):
    """Where to listen, (host, port) or a path: a port alone is one of localhost."""
    return ("localhost", bind) if isinstance(bind, int) else bind


def fits(channel, bind, port):
    """How well a channel that the server has opened fits what it was asked to listen at: 0 not at
    all. port: which the server has chosen; None for a path.
    """
    if port is None:
        return int(channel.kind == "forwarded-streamlocal" and channel.destination == bind)
    if channel.kind != "forwarded-tcpip" or channel.destination[1] != port:
        return 0
    return 2 if channel.destination[0] == bind[0] else 1


def listen_unix(path):
    """A socket that listens at a path."""
    need_unix()
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    return _listening(sock, unix_address(path))


def remove(path):
    """The name of a Unix socket stays when it is closed: take it away, so that it can be used."""
    try:
        os.remove(path)
    except OSError:
        pass


def listen(host, port):
    """Sockets that listen at a port: of host "" all addresses, of localhost its own two.

    A port that the system chooses (0) is that of one address.
    """
    hosts = {"": ("0.0.0.0", "::"), "localhost": ("127.0.0.1", "::1")}.get(host, (host,))
    if not port:
        hosts = hosts[:1]
    made = []
    for name in hosts:
        try:
            made.append(_listen_at(name, port))
        except OSError:
            # A system need not have the newer protocol.
            if not made or name is hosts[0]:
                close_all(made)
                raise
    return made


def _listen_at(name, port):
    found = socket.getaddrinfo(name, port, 0, socket.SOCK_STREAM)[0]
    sock = socket.socket(found[0], socket.SOCK_STREAM)
    try:
        sock.setsockopt(_level(), getattr(socket, "SO_REUSEADDR", _REUSEADDR), 1)
        if ":" in name:
            sock.setsockopt(*_V6ONLY, 1)
    except OSError:
        pass
    return _listening(sock, found[-1])


def _level():
    return getattr(socket, "SOL_SOCKET", 0xFFFF if sys.platform == "darwin" else 1)


def _listening(sock, address):
    try:
        sock.bind(address)
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def port_of(sock):
    """The port at which it listens, 0 where the system does not tell."""
    return _ssh.unix.port(sock) if hasattr(_ssh, "unix") else 0


def close_all(socks):
    """Close each of some sockets."""
    for sock in socks:
        sock.close()


def accept(listener):
    """(socket, address) of the next client, or None."""
    try:
        sock, address = listener.accept()
    except OSError as e:
        # A client that has gone away again is none, and no reason to stop.
        if e.args[0] in _LATER or e.args[0] in (errno.ETIMEDOUT, errno.ECONNABORTED):
            return None
        raise
    sock.setblocking(False)
    return sock, address


def origin(address):
    """(host, port) of a client's address, as far as it can be told."""
    try:
        if isinstance(address, tuple):
            return address[0], address[1]
        parts = socket.sockaddr(address)
        return socket.inet_ntop(parts[0], parts[1]), parts[2]
    except (AttributeError, OSError, ValueError, IndexError):
        return "127.0.0.1", 0


# ---------------------------------------------------------------- connecting


class Connector:
    """A connection to (host, port) or to the path of a Unix socket, that is made bit by bit."""

    def __init__(self, target):
        self.sock = None
        self.left = [(0, target)] if isinstance(target, str) else addresses(*target)
        self._next()

    def _next(self):
        """Begin with the next address. Raises what the last one did."""
        while True:
            family, self.address = self.left.pop(0)
            try:
                if isinstance(self.address, str):
                    self.sock = connect_unix(self.address)
                    self.sock.setblocking(False)
                    self.address = None
                    return
                self.sock = socket.socket(family, socket.SOCK_STREAM)
                self.sock.setblocking(False)
                if self._try():
                    self.address = None
                return
            except OSError:
                self.close()
                if not self.left:
                    raise

    def _try(self):
        try:
            self.sock.connect(self.address)
        except OSError as e:
            if e.args[0] in _ISCONN:
                return True
            if e.args[0] in _LATER:
                return False
            raise
        return True

    def done(self):
        """Call it when the socket can be written: whether it is connected. OSError: it cannot be.

        The socket may be another one afterwards.
        """
        if self.address is None:
            return True
        try:
            if self._try():
                self.address = None
                return True
            return False
        except OSError:
            self.close()
            if not self.left:
                raise
        self._next()
        return self.address is None

    def close(self):
        """Give it up: closes the socket, if it has one."""
        if self.sock is not None:
            self.sock.close()
            self.sock = None


def shut(sock):
    """No more will be written to the socket. False: this system cannot tell that to its peer."""
    try:
        if hasattr(sock, "shutdown"):
            sock.shutdown(1)
        elif hasattr(_ssh, "unix"):
            _ssh.unix.shutdown(sock)
        else:
            return False
    except OSError:
        pass  # the peer has gone: reading will tell
    return True
