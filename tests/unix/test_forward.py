"""Connections through channels: local and remote forwarding against real servers."""

import contextlib
import hashlib
import os
import socket
import socketserver
import threading

import pytest
from harness.mpy import Running
from harness.net import Scripted, free_port
from test_channel import mpy

pytestmark = pytest.mark.usefixtures("micropython")


def echo(conn):
    """Sends back what comes, until the other side has ended."""
    while data := conn.recv(65536):
        conn.sendall(data)


@pytest.fixture
def echo_port():
    peer = Scripted(echo)
    yield peer.port
    peer.close()


@pytest.fixture
def echo_path(folder):
    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            echo(self.request)

    class Server(socketserver.ThreadingUnixStreamServer):
        daemon_threads = True

    path = str(folder / "echo")
    with Server(path, Handler) as peer:
        os.chmod(path, 0o777)
        threading.Thread(target=peer.serve_forever, daemon=True).start()
        yield path
        peer.shutdown()


# Send SIZE bytes through c and read them back at the same time; the hashes of both.
PASS = """
def passes(c, size):
    c.setblocking(False)
    source, sink = Source(size), Sink()
    piece, rest = bytearray(20000), b""
    poll = select.poll()
    poll.register(c, select.POLLIN | select.POLLOUT)
    got, ended = bytearray(30000), False
    while True:
        (_, ready), = [event[:2] for event in poll.ipoll(20000)] or [(0, 0)]
        assert ready, "nothing moves"
        if ready & select.POLLOUT and not ended:
            if not rest:
                rest = bytes(piece[: source.readinto(piece)])
            n = c.write(rest) if rest else 0
            rest = rest[n or 0 :]
            if not rest and not source.left:
                c.eof()
                ended = True
                poll.modify(c, select.POLLIN)
        if ready & (select.POLLIN | select.POLLHUP):
            try:
                n = c.recv_into(got)
            except OSError as e:
                if e.errno != errno.EAGAIN:
                    raise
                continue
            if not n:
                return hexed(source.digest) == hexed(sink.digest), sink.size
            sink.write(memoryview(got)[:n])
"""


def test_open_tcp(server, echo_port):
    got = mpy(
        PASS
        + """
with s.open_tcp("127.0.0.1", P["echo"], ("192.0.2.7", 4321)) as c:
    out((c.kind, c.destination == ("127.0.0.1", P["echo"]), c.origin))
    c.write(b"hello\\n")
    out(c.readline())
    c.eof()
    out(c.read())
c = s.open_tcp("localhost", P["echo"])
out((c.origin, passes(c, 3_000_000)))
c.close()
with s.open_session() as c:
    out((c.kind, c.destination, c.origin))
    c.exec("echo on")
    out(c.read())
while s.stats()[3]:  # until the server has closed them too
    s.accept(0.01)
""",
        server,
        echo=echo_port,
    )
    assert got == [
        ("direct-tcpip", True, ("192.0.2.7", 4321)),
        b"hello\n",
        b"",
        (("127.0.0.1", 0), (True, 3_000_000)),
        ("session", None, None),
        b"on\n",
    ]


def test_target_refused(server):
    """The target of a tunnel does not answer: one clear error, and the session works on."""
    got = mpy(
        """
        out(err(s.open_tcp, "127.0.0.1", P["closed"]))
        out(_ssh.ERR_OPEN_REFUSED)
        out(s.exec("echo on"))
        out(s.stats()[3])
        """,
        server,
        closed=free_port(),
    )
    (kind, code, text), number, on, used = got
    assert (kind, code, on, used) == ("SSHError", number, b"on\n", 0)
    assert "target" in text


@pytest.mark.parametrize("which", ["sshd", "asyncssh"])
def test_open_unix(request, which, echo_path):
    server = request.getfixturevalue(which)
    got = mpy(
        PASS
        + """
c = s.open_unix(P["path"])
out((c.kind, c.destination == P["path"], c.origin))
out(passes(c, 2_000_000))
c.close()
out(err(s.open_unix, P["path"] + "x")[:2])
""",
        server,
        path=echo_path,
    )
    assert got == [
        ("direct-streamlocal", True, None),
        (True, 2_000_000),
        ("SSHError", 1007),
    ]


def ask(port, data):
    """Connect to a port that the server listens on for us; what comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as sock:
        sender = threading.Thread(target=lambda: (sock.sendall(data), sock.shutdown(1)))
        sender.start()
        got = b""
        while piece := sock.recv(65536):
            got += piece
        sender.join()
        return got


SERVE = """
s = connect()
port = s.request_forward("127.0.0.1", 0)
out(port)
c = s.accept()
out((c.kind, c.destination, c.origin[0], c.origin[1] > 0))
total = 0
while True:
    data = c.recv(50000)
    if not data:
        break
    total += len(data)
    c.write(data)
c.close()
out(total)
out(s.accept(0))
out(err(s.cancel_forward, "127.0.0.1", port)[:2])
out(s.accept(P["wait"]))
out(s.exec("echo on"))
"""


def test_forwarded(server):
    """Port 0: the server chooses; traffic both ways; after the cancel nobody answers there.

    (dropbear refuses each cancel, and goes on listening: its connections are then refused.)
    """
    data = os.urandom(300_000)
    stays = server.name == "dropbear"
    with Running(SERVE, wait=1 if stays else 0.05, **server.params()) as program:
        port = program.value()
        got = ask(port, data)
        assert hashlib.sha256(got).digest() == hashlib.sha256(data).digest()
        assert program.value() == ("forwarded-tcpip", ("127.0.0.1", port), "127.0.0.1", True)
        assert program.value() == len(data)
        assert program.value() is None
        if stays:
            assert program.value() == ("SSHError", 1008)
            assert ask(port, b"") == b""
        else:
            assert program.value() == ("none", "None")
            with pytest.raises(OSError), contextlib.closing(socket.socket()) as sock:
                sock.connect(("127.0.0.1", port))
        assert program.value() is None
        assert program.value() == b"on\n"
        assert program.wait() == 0
