"""The SOCKS servers of ssh.tunnel, here and there: versions 4, 4a and 5."""

import contextlib
import socket
import struct
import time

import pytest
from harness.net import LOOPBACK, exchange, free_port
from tunneling import dial, take

pytestmark = [
    pytest.mark.usefixtures("micropython"),
    pytest.mark.unix_only("on DOS nobody can connect to the machine in the emulator"),
]


def socks5(sock, kind, address, port, method=0, command=1):
    sock.sendall(b"\x05\x01" + bytes([method]))
    answer = take(sock, 2)
    if answer != b"\x05\x00":
        return answer
    sock.sendall(bytes([5, command, 0, kind]) + address + struct.pack(">H", port))
    return take(sock, 10)


def name(text):
    return bytes([len(text)]) + text.encode()


GOOD = b"\x05\x00\x00\x01" + bytes(6)


@pytest.fixture
def dynamic(tunnels):
    """Ports of a SOCKS server here, and of one there."""
    port = free_port()
    running = tunnels('tunnels.dynamic(P["here"])\nout(tunnels.remote(0).port)', here=port)
    return {"local": port, "remote": running.given[0]}


@pytest.mark.parametrize("where", ["local", "remote"])
def test_socks(dynamic, echo_port, where):
    for kind, address in (
        (1, socket.inet_aton(LOOPBACK)),
        (3, name("localhost")),
        (3, name(LOOPBACK)),
    ):
        with dial(dynamic[where]) as sock:
            assert socks5(sock, kind, address, echo_port) == GOOD
            exchange(sock, 300_000)
    # Version 4, and 4a, which has the name behind the user's; data may come along.
    start = b"\x04\x01" + struct.pack(">H", echo_port)
    for end in (socket.inet_aton(LOOPBACK) + b"me\0", b"\0\0\0\x01me\0localhost\0"):
        with dial(dynamic[where]) as sock:
            sock.sendall(start + end + b"hello")
            assert take(sock, 8) == b"\0\x5a" + bytes(6)
            assert take(sock, 5) == b"hello"
            exchange(sock, 100_000)


def test_socks_byte_by_byte(dynamic, echo_port):
    request = b"\x05\x02\x02\x00\x05\x01\x00\x03" + name("localhost")
    with dial(dynamic["local"]) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request + struct.pack(">H", echo_port):
            sock.sendall(bytes([byte]))
            time.sleep(0.002)
        assert take(sock, 12) == b"\x05\x00" + GOOD
        exchange(sock, 1000)


@pytest.mark.parametrize("where", ["local", "remote"])
def test_socks_refusals(dynamic, echo_port, where):
    """Each with its answer (RFC 1928 section 6), and the next client is served."""
    port = dynamic[where]
    local = socket.inet_aton(LOOPBACK)
    closed = free_port()
    with dial(port) as sock:
        assert socks5(sock, 1, local, closed)[:2] == b"\x05\x05" and sock.recv(1) == b""
    with dial(port) as sock:
        assert socks5(sock, 1, local, 80, method=2) == b"\x05\xff" and sock.recv(1) == b""
    with dial(port) as sock:  # BIND
        assert socks5(sock, 1, local, 80, command=2)[:2] == b"\x05\x07" and sock.recv(1) == b""
    with dial(port) as sock:
        assert socks5(sock, 9, local, 80)[:2] == b"\x05\x08" and sock.recv(1) == b""
    with dial(port) as sock:
        sock.sendall(b"\x04\x01" + struct.pack(">H", closed) + local + b"\0")
        assert take(sock, 8)[:2] == b"\0\x5b" and sock.recv(1) == b""
    for nonsense in (b"GET / HTTP/1.1\r\n\r\n", b"\x04\x01\0\x50\x7f\0\0\x01" + b"u" * 2000):
        with dial(port) as sock, contextlib.suppress(ConnectionError):
            sock.sendall(nonsense)
            while sock.recv(100):
                pass
    with dial(port):  # gone without a word
        pass
    with dial(port) as sock:
        assert socks5(sock, 1, local, echo_port) == GOOD
        exchange(sock, 1000)
