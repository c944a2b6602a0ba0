"""Snippets that run twice: under CPython with paramiko, and under MicroPython with `ssh`.

The same text, with `paramiko` being one or the other; what it gives to out() has to be the same.
"""

import binascii
import errno
import select
import socket
import textwrap
import threading
import time

import paramiko
from harness.mpy import run_mpy

HEAD = """
def start(port=None, **options):
    t = paramiko.Transport((HOST, port or P["port"]), **options)
    t.start_client(timeout=20)
    return t

def key(name=None):
    return paramiko.Ed25519Key.from_private_key_file(name or P["key"])

def login(**options):
    t = start(**options)
    t.auth_publickey(P["user"], key())
    return t

def session():
    return login().open_session(timeout=20)

def fails(function, *args, **more):
    '''What the exception is called that it raises, or None.'''
    try:
        function(*args, **more)
    except Exception as e:
        return name_of(e)
    return None

def until(condition):
    for _ in range(2000):
        if condition():
            return True
        time.sleep(0.01)
    return False

def read(channel, size=1 << 30, stderr=False):
    recv = channel.recv_stderr if stderr else channel.recv
    data = b""
    while len(data) < size:
        piece = recv(min(65536, size - len(data)))
        if not piece:
            break
        data += piece
    return data
"""

OURS = """
import ssh
import ssh as paramiko
class Event:
    done = False
    def set(self):
        self.done = True
    def wait(self, timeout=None):
        return self.done
    def is_set(self):
        return self.done
def name_of(e):
    if type(e) is OSError:
        return "timeout" if e.args[0] in (errno.ETIMEDOUT, errno.EAGAIN) else "OSError"
    if type(e) in (ssh.SSHException, ssh.HostKeyError):
        return "SSHException"
    return type(e).__name__
"""


def _name_of(e):
    if isinstance(e, TimeoutError):
        return "timeout"
    return "OSError" if isinstance(e, OSError) else type(e).__name__


def theirs(snippet, params):
    """What a snippet gives to out() under paramiko."""
    values = []

    def load(path):
        with open(path, "rb") as file:
            return file.read()

    names = {
        "paramiko": paramiko,
        "Event": threading.Event,
        "name_of": _name_of,
        "P": params,
        "HOST": "127.0.0.1",
        "out": values.append,
        "load": load,
        "time": time,
        "socket": socket,
        "select": select,
        "binascii": binascii,
        "errno": errno,
        "dial": lambda port=None: socket.create_connection(("127.0.0.1", port or params["port"])),
    }
    exec(HEAD + textwrap.dedent(snippet), names)
    for value in names.values():
        if isinstance(value, paramiko.Transport):
            value.close()
    return values


def ours(snippet, params, **more):
    """What it gives to out() under MicroPython."""
    more.setdefault("heapsize", "8M")
    return run_mpy(OURS + HEAD + textwrap.dedent(snippet), **params, **more).out


def both(snippet, server, **more):
    """What both give to out(), which has to be the same."""
    params = {**server.params(), **more}
    expected = theirs(snippet, params)
    assert ours(snippet, params) == expected
    return expected
