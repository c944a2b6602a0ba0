"""Connections through channels: local and remote forwarding against real servers."""

import contextlib
import errno
import hashlib
import os
import socket
import threading

import pytest
from harness.mpy import Running
from harness.net import Scripted, echo, free_port
from harness.servers import fingerprint, keygen
from test_channel import mpy

pytestmark = pytest.mark.usefixtures("micropython")


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


def connected(where):
    if isinstance(where, int):
        return socket.create_connection(("127.0.0.1", where), timeout=20)
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(20)
    sock.connect(where)
    return sock


def ask(port, data):
    """Connect to a port or path that the server listens on for us; what comes back."""
    with connected(port) as sock:
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
import sys
sys.stdin.readline()  # the server may still be writing: it ends with the connection
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


FORWARD_UNIX = """
s = connect()
s.request_unix_forward(P["path"])
out(True)
c = s.accept()
out((c.kind, c.destination == P["path"], c.origin))
while True:
    data = c.recv(50000)
    if not data:
        break
    c.write(data)
c.close()
s.cancel_unix_forward(P["path"])
out(err(s.request_unix_forward, "/nowhere/at/all")[:2])
import sys
sys.stdin.readline()  # the server may still be writing: it ends with the connection
"""


@pytest.mark.parametrize("which", ["sshd", "asyncssh"])
def test_forwarded_unix(request, which, folder):
    server = request.getfixturevalue(which)
    path, data = str(folder / "listen"), os.urandom(100_000)
    with Running(FORWARD_UNIX, path=path, **server.params()) as program:
        assert program.value() is True
        assert ask(path, data) == data
        assert program.value() == ("forwarded-streamlocal", True, None)
        assert program.value() == ("SSHError", 1008)
        assert program.wait() == 0


def test_forward_refused(server):
    """A port that is in use (dropbear: that only root may have): ERR_REQUEST_REFUSED, at once."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        got = mpy(
            """
            out(err(s.request_forward, "127.0.0.1", P["taken"])[:2])
            out(s.accept(0))
            out(s.exec("echo on"))
            """,
            server,
            taken=1 if server.name == "dropbear" else taken.getsockname()[1],
        )
    assert got == [("SSHError", 1008), None, b"on\n"]


def test_arguments(sshd):
    got = mpy(
        """
        for call in (
            lambda: s.open_tcp("127.0.0.1", 65536),
            lambda: s.open_tcp("127.0.0.1", -1),
            lambda: s.open_tcp("127.0.0.1", 22, ("a",)),
            lambda: s.open_tcp(5, 22),
            lambda: s.request_forward("127.0.0.1", 70000),
            lambda: s.request_unix_forward("x" * 200),
            lambda: s.accept(-1),
            lambda: s.ping(b"x" * 100),
            lambda: s.global_request("x" * 100000),
        ):
            out(err(call)[:2])
        out(s.exec("echo on"))
        s.close()
        out(err(s.accept, 0)[:2])
        out(err(s.open_tcp, "127.0.0.1", 22)[:2])
        """,
        sshd,
    )
    assert [kind for kind, _ in got[:5]] == ["ValueError"] * 2 + [
        "ValueError",
        "TypeError",
        "ValueError",
    ]
    assert got[5:] == [
        ("SSHError", 1011),
        ("ValueError", "timeout must not be negative"),
        ("SSHError", 1008),
        ("SSHError", 1011),
        b"on\n",
        ("SSHError", 1002),
        ("SSHError", 1002),
    ]


def test_poll_of_the_session(sshd):
    """poll() tells that a channel waits; many wait and are taken one by one."""
    script = """
    s = connect()
    port = s.request_forward("127.0.0.1", 0)
    out((port, _ssh.ERR_NO_FORWARD))
    poll = select.poll()
    poll.register(s, select.POLLIN)
    got = []
    while len(got) < 10:
        (which, flags), = [event[:2] for event in poll.ipoll(20000)]
        assert which is s and flags == select.POLLIN
        got.append(s.accept(0))
        assert got[-1] is not None
    assert s.accept(0) is None
    for n, c in enumerate(got):
        c.write(str(n))
        c.close()
    out(sorted(c.origin[1] for c in got))
    poll.unregister(s)
    sys.stdin.readline()
    s.close()
    out([event[1] for event in poll.ipoll(0)])
    """
    with Running(script, **sshd.params()) as program:
        port, _ = program.value()
        socks = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(10)]
        said = sorted(sock.recv(10) for sock in socks)
        assert said == [b"%d" % n for n in range(10)]
        assert program.value() == sorted(sock.getsockname()[1] for sock in socks)
        for sock in socks:
            sock.close()
        program.process.stdin.write(b"\n")
        program.process.stdin.flush()
        assert program.value() == []
        assert program.wait() == 0


@pytest.mark.parametrize("which", ["sshd", "asyncssh"])
def test_x11(request, which):
    """A program on the server connects to its display and gets what we send there."""
    server = request.getfixturevalue(which)
    client = (
        "import os, socket; host, port = os.environ['DISPLAY'].split('.')[0].rsplit(':', 1); "
        "s = socket.create_connection((host or 'localhost', 6000 + int(port))) if host else None; "
        "s.sendall(b'l' + bytes(11)); print(s.recv(100))"
    )
    got = mpy(
        """
        c = s.open_session()
        c.request_x11("0123456789abcdef0123456789abcdef")
        c.exec(P["command"])
        x = s.accept(20)
        out((x.kind, x.destination, x.origin[0] in ("127.0.0.1", "::1")))
        out(x.recv(100))
        x.write(b"from the display")
        x.close()
        out((c.read(), c.wait()))  # (xauth may have something to say on stderr)
        c.close()
        while s.stats()[3]:
            s.accept(0.01)
        """,
        server,
        command=f'python3 -c "{client}"',
    )
    assert got[0] == ("x11", None, True)
    assert got[1][:1] == b"l"
    assert got[2] == (b"b'from the display'\n", 0)


@pytest.mark.parametrize("which", ["sshd", "asyncssh"])
def test_agent_channel(request, which):
    """A program on the server asks for our agent: a channel, and both directions carry bytes."""
    server = request.getfixturevalue(which)
    client = (
        "import os, socket; s = socket.socket(socket.AF_UNIX); "
        "s.connect(os.environ['SSH_AUTH_SOCK']); s.sendall(b'ask'); print(s.recv(100))"
    )
    got = mpy(
        """
        c = s.open_session()
        c.request_agent()
        c.exec(P["command"])
        a = s.accept(20)
        out((a.kind, a.destination, a.origin))
        out(a.recv(100))
        a.write(b"answer")
        out((c.read(), c.stderr.read(), c.wait()))
        a.close()
        c.close()
        """,
        server,
        command=f'python3 -c "{client}"',
    )
    assert got == [("auth-agent", None, None), b"ask", (b"b'answer'\n", b"", 0)]


# Through one connection: a tunnel that nobody reads (its window fills), a command whose output
# nobody reads, and beside them a tunnel with traffic both ways.
LOAD = (
    PASS
    + """
stalled = s.open_tcp("127.0.0.1", P["flood"])
silent = s.open_tcp("127.0.0.1", P["deaf"])
silent.setblocking(False)
while silent.write(bytes(20000)):  # until its window is full
    pass
loud = s.open_session()
loud.exec("head -c 1000 /dev/zero; cat; exit 3")
lost = s.open_session()
lost.exec("head -c 100000000 /dev/zero")
out(passes(s.open_tcp("127.0.0.1", P["echo"]), 20_000_000))
loud.eof()
out(loud.wait())
out(s.exec("echo on"))
total = 0
while total < 1_000_000:
    total += len(stalled.recv(50000))
out(total >= 1_000_000)
lost.close()
out(loud.read() == bytes(1000))
"""
)


def test_stalled_neighbours(server):
    """A stalled, a deaf and an unread channel hold up nobody, and no exit status."""
    flood, deaf = Scripted(flooding), Scripted(not_reading)
    peer = Scripted(echo)
    got = mpy(LOAD, server, timeout=60, flood=flood.port, deaf=deaf.port, echo=peer.port)
    for each in (flood, deaf, peer):
        each.close()
    assert got == [(True, 20_000_000), 3, b"on\n", True, True]


def flooding(conn):
    while True:
        conn.sendall(bytes(65536))


def not_reading(conn):
    threading.Event().wait(60)


def test_100_channels(sshd, echo_port):
    """100 tunnels and commands at once on one connection, each with its own data."""
    got = mpy(
        """
        tunnels = [s.open_tcp("127.0.0.1", P["echo"]) for _ in range(60)]
        commands = [s.open_session() for _ in range(40)]
        for n, c in enumerate(commands):
            c.exec("cat; exit %d" % n)
        everyone = tunnels + commands
        for step in range(20):
            for n, c in enumerate(everyone):
                c.write(bytes([n, step]) * 500)
        for n, c in enumerate(everyone):
            c.eof()
        good = 0
        for n, c in reversed(list(enumerate(everyone))):
            good += c.read() == b"".join(bytes([n, step]) * 500 for step in range(20))
        out(good)
        out([c.wait() for c in commands] == list(range(40)))
        out(err(s.open_session)[1] == _ssh.ERR_NO_SLOT)
        """,
        sshd,
        heapsize="16M",
        options={"channels": 100, "window": 32768},
        echo=echo_port,
    )
    assert got == [100, True, True]


def test_global_requests(server):
    got = mpy(
        """
        out(err(s.global_request, "nonsense@example.com", b"data")[:2])
        out(s.global_request("nonsense@example.com", want_reply=False))
        for _ in range(3):
            s.keepalive()
        out(err(s.global_request, "nonsense@example.com")[:2])
        out(err(s.ping, b"x")[0])
        out(s.exec("echo on"))
        out(s.no_more_sessions())
        """,
        server,
    )
    refused = ("SSHError", 1008)
    assert got[:3] == [refused, None, refused]
    assert got[3] in ("none", "SSHError")
    assert got[4:] == [b"on\n", None]


def test_host_keys(sshd_with, site):
    """OpenSSH names its keys after the login, and proves those whose type we have."""
    more = keygen(site.new_folder() / "more")
    server = sshd_with(f"HostKey {more}")
    both = [server.fingerprint, fingerprint(f"{more}.pub")]
    got = mpy(
        """
        s.exec("true")
        keys = s.host_keys()
        out((keys[0] == s.hostkey, [_ssh.fingerprint(key) for key in keys]))
        out(s.host_keys() == keys)
        """,
        server,
        options={"hostkey": both},
    )
    assert got[0][0] and sorted(got[0][1]) == sorted(both)
    assert got[1]


def test_host_keys_not_named(paramiko):
    got = mpy('s.exec("true")\nout(s.host_keys() == (s.hostkey,))', paramiko)
    assert got == [True]


def test_keepalive(sshd, proxy):
    """A server that says nothing any more: OSError(ETIMEDOUT), well before the timeout."""
    passing = proxy(sshd.port)
    params = {**sshd.params(), "port": passing.port}
    script = """
    s = connect(timeout=60)
    out((s.keepalive_interval, s.keepalive_max))
    s.keepalive_interval, s.keepalive_max = 0.5, 10
    out((s.keepalive_interval, s.keepalive_max))
    c = s.open_session()
    c.exec("sleep 1; echo on; sleep 100")
    out(c.read(3))  # the server is silent, but it answers
    out("stop")
    sys.stdin.readline()
    start = time.ticks_ms()
    out(err(c.recv, 1)[:2])
    out(time.ticks_diff(time.ticks_ms(), start) < 20000)
    out(err(s.exec, "true")[:2])
    out(s.closed)
    """
    with Running(script, **params) as program:
        assert program.value() == (None, 3)
        assert program.value() == (0.5, 10)
        assert program.value() == b"on\n"
        assert program.value() == "stop"
        passing.hold.set()
        program.process.stdin.write(b"\n")
        program.process.stdin.flush()
        dead = ("OSError", errno.ETIMEDOUT)
        assert program.value() == dead
        assert program.value() is True
        assert program.value() == dead
        assert program.value() is True


def test_break(paramiko, asyncssh):
    """Answered either way (RFC 4335 section 3)."""
    script = """
    c = s.open_session()
    c.exec("sleep 1; echo on")
    out(err(c.send_break, 100)[:2])
    out(c.read())
    out((c.exit_signal, c.exit_message, c.exit_core_dumped, c.xon_xoff))
    """
    for server in (paramiko, asyncssh):
        answer, text, rest = mpy(script, server)
        assert answer in [("none", "None"), ("SSHError", 1008)]
        assert (text, rest) == (b"on\n", (None, None, False, None))
