"""What the tests of tunnels share: the start of their programs, and clients."""

import hashlib
import socket
import threading

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


def echo(conn):
    while data := conn.recv(65536):
        conn.sendall(data)


def dial(port):
    return socket.create_connection((LOOPBACK, port), timeout=20)


def exchange(sock, size, seed=1):
    """Send size bytes and read them back at the same time; then the end, both ways."""
    data = (hashlib.sha256(str(seed).encode()).digest() * (size // 32 + 1))[:size]
    back = hashlib.sha256()

    def read():
        while got := sock.recv(65536):
            back.update(got)

    reader = threading.Thread(target=read)
    reader.start()
    sock.sendall(data)
    sock.shutdown(socket.SHUT_WR)
    reader.join(timeout=25)
    assert not reader.is_alive(), "no end"
    assert back.digest() == hashlib.sha256(data).digest()


def take(sock, size):
    """So many bytes, or fewer at the end."""
    data = b""
    while len(data) < size and (got := sock.recv(size - len(data))):
        data += got
    return data
