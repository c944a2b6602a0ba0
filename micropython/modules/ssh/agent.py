"""The SSH agent of this machine, on ports whose sockets know AF_UNIX."""

import os
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


def available():
    """Whether there is an agent to connect to, as far as the environment says."""
    return hasattr(_ssh, "Agent") and hasattr(socket, "AF_UNIX") and bool(_path())


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
