"""What the tests of tunnels share: the start of their programs, and clients."""

import socket

from harness.net import LOOPBACK

HEAD = """
from ssh.connection import Connection
from ssh.tunnel import Tunnels

def connected(**options):
    sock = dial()
    session = _ssh.Session(sock, hostkey=P["fingerprint"], **options)
    session.userauth_publickey(P["user"], load(P["key"]))
    return Connection(session, sock, HOST, P["port"])

def serve(tunnels, until=None):
    # Until the condition is true. A tunnel that waits for nothing would never come back.
    end = time.ticks_add(time.ticks_ms(), 25000)
    while until is None or not until():
        tunnels.poll(0.05 if until else None)
        assert until is None or time.ticks_diff(end, time.ticks_ms()) > 0, "not in time"

conn = connected(channels=P.get("channels", 16))
tunnels = Tunnels(conn, log=lambda text: out(("log", text)))
"""


def dial(target):
    """A connection to a port of this machine, or to the path of a Unix socket."""
    if isinstance(target, int):
        return socket.create_connection((LOOPBACK, target), timeout=20)
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(20)
    sock.connect(target)
    return sock


def take(sock, size):
    """So many bytes, or fewer at the end."""
    data = b""
    while len(data) < size and (got := sock.recv(size - len(data))):
        data += got
    return data
