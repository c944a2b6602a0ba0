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


def dial(port):
    return socket.create_connection((LOOPBACK, port), timeout=20)


def take(sock, size):
    """So many bytes, or fewer at the end."""
    data = b""
    while len(data) < size and (got := sock.recv(size - len(data))):
        data += got
    return data
