"""The SSH agent of this machine, on ports whose sockets know AF_UNIX."""

import os

import _ssh

from ssh import sockets


def available(path=None):
    """Whether there is an agent to connect to, as far as path or the environment says."""
    return hasattr(_ssh, "Agent") and sockets.has_unix() and bool(path or default_path())


def default_path():
    return os.getenv("SSH_AUTH_SOCK") if hasattr(os, "getenv") else None


def open_socket(path=None):
    """A socket that is connected to the agent at path, or to the one of SSH_AUTH_SOCK."""
    path = path or default_path()
    if not path:
        raise ValueError("no SSH agent: SSH_AUTH_SOCK is not set")
    return sockets.connect_unix(path)


def connect(path=None, **options):
    """An `_ssh.Agent`; its `stream` is the socket, to be closed by who has asked for it."""
    return _ssh.Agent(open_socket(path), **options)
