"""Peers that are no SSH server, say nothing, or go away; connections cut at any moment."""

import socket
import time

import pytest
from harness.mpy import DOS, run_mpy
from harness.net import Fault, free_port, reset

pytestmark = pytest.mark.usefixtures("micropython")

CONNECT = """
# Where TCP is the program's own (lwIP), connect() itself meets a reset that came at once.
start = time.ticks_ms()
kind, code, text = err(lambda: _ssh.Session(dial(), timeout=P["limit"]))
out((kind, code, text, time.ticks_diff(time.ticks_ms(), start) / 1000))
"""


def attempt(port, timeout=2):
    """(class, code, text, seconds) of a connect with this deadline."""
    return run_mpy(CONNECT, port=port, limit=timeout).one


def test_connection_refused_by_nobody_listening():
    """Not ours to report, but the socket's own error must be what the program sees."""
    kind, code, _ = run_mpy("out(err(dial))", port=free_port()).one
    assert (kind, code) == ("OSError", 104 if DOS else 111)  # lwIP calls it a reset


@pytest.mark.parametrize("timeout", [0.3, 1])
def test_silent_server(scripted, timeout):
    """Accepts and never speaks: ETIMEDOUT near the deadline."""
    port = scripted(lambda conn: [conn.recv(65536) for _ in range(3)])
    kind, code, _, seconds = attempt(port, timeout)
    assert (kind, code) == ("OSError", 110)
    assert timeout * 0.9 <= seconds < timeout + 1


def test_server_that_stops_after_its_ident(scripted):
    def handler(conn):
        conn.sendall(b"SSH-2.0-stops\r\n")
        while conn.recv(65536):
            pass

    kind, code, _, seconds = attempt(scripted(handler), 0.5)
    assert (kind, code) == ("OSError", 110) and 0.4 < seconds < 2


def test_slow_drip(scripted):
    """One byte now and then does not move the deadline."""

    def handler(conn):
        conn.settimeout(0.05)
        conn.sendall(b"SSH-2.0-")
        while True:
            conn.sendall(b"x")
            try:
                if not conn.recv(65536):
                    return
            except TimeoutError:
                pass

    kind, code, _, seconds = attempt(scripted(handler), 1)
    assert kind in ("OSError", "SSHError") and seconds < 14
    if kind == "OSError":
        assert code == 110 and seconds < 2.5


GREETINGS = {
    "http": b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
    "smtp": b"220 mail.example ESMTP\r\n",
    "ftp": b"220 FTP ready\r\n",
    "telnet": b"\xff\xfd\x18\xff\xfd\x20\xff\xfd\x23\xff\xfd\x27",
    "tls": b"\x15\x03\x01\x00\x02\x02\x50",
    "nothing": b"",
    "half a line": b"SSH-2.0-half",
    "ssh 1": b"SSH-1.5-OpenSSH_1.2.3\n",
    "ssh 3": b"SSH-3.0-future\r\n",
    "no software": b"SSH-2.0\r\n",
    "nul": b"SSH-2.0-a\x00b\r\n",
    "too long": b"SSH-2.0-" + b"x" * 300 + b"\r\n",
    "one endless line": b"x" * 100000,
    "lines for ever": b"hello\r\n" * 20000,
    "binary": bytes(range(256)) * 10,
}


@pytest.mark.parametrize("greeting", GREETINGS)
def test_no_ssh_server(scripted, greeting):
    """Each a clear error that shows what came."""

    def handler(conn):
        conn.recv(65536)
        conn.sendall(GREETINGS[greeting])
        conn.shutdown(socket.SHUT_WR)
        while conn.recv(65536):
            pass

    kind, code, text, seconds = attempt(scripted(handler))
    assert seconds < 4
    assert kind == "SSHError" and code >= 1000, (kind, code, text)
    assert text and "\x1b" not in text and "\x00" not in text
    if greeting == "ssh 1":
        assert "SSH 1" in text
    if greeting in ("http", "smtp", "ftp"):
        assert GREETINGS[greeting].split(b"\r\n")[0].decode()[:7] in text


@pytest.mark.parametrize("prefix", [b"", b"Welcome\r\n", b"line\n" * 50, b"\r\n"])
@pytest.mark.parametrize("ident", [b"SSH-2.0-x y z\r\n", b"SSH-2.0-x\n", b"SSH-1.99-both\r\n"])
def test_lenient_idents(sshd, scripted, prefix, ident):
    """Lines before the identification, no CR, 1.99: RFC 4253 section 4.2. Gets to KEXINIT."""
    got = []

    def handler(conn):
        conn.sendall(prefix + ident)
        data = b""
        while len(data) < 300:
            more = conn.recv(65536)
            if not more:
                break
            data += more
        got.append(data)

    kind, _, _, _ = attempt(scripted(handler))
    assert kind in ("SSHError", "OSError")
    line, _, packet = got[0].partition(b"\r\n")
    assert line.startswith(b"SSH-2.0-") and packet[5] == 20


def test_closes_at_once(scripted):
    kind, _, text, seconds = attempt(scripted(lambda conn: None))
    assert kind in ("SSHError", "OSError") and text and seconds < 1


def test_resets_at_once(scripted):
    kind, _, text, seconds = attempt(scripted(reset))
    assert kind in ("SSHError", "OSError") and seconds < 1


def test_disconnect_instead_of_kexinit(scripted):
    """The server's own words arrive, made printable."""

    def handler(conn):
        text = b"Too many \x1b[31mconnections\xff"
        body = b"\x01\x00\x00\x00\x0c" + len(text).to_bytes(4, "big") + text + b"\x00" * 4
        pad = next(p for p in range(4, 20) if (5 + len(body) + p) % 8 == 0)
        packet = (1 + len(body) + pad).to_bytes(4, "big") + bytes([pad]) + body + bytes(pad)
        conn.sendall(b"SSH-2.0-busy\r\n" + packet)
        while conn.recv(65536):
            pass

    kind, code, text, _ = attempt(scripted(handler))
    assert kind == "SSHError"
    assert "Too many" in text and "connections" in text and "\x1b" not in text


# One whole session: login, exec, a file up and down. Runs once per connection of a proxy; each
# attempt must end with an exception of ours or complete, in time.
SESSION = """
def session():
    sock = dial()
    try:
        s = _ssh.Session(sock, hostkey=P["fingerprint"], timeout=P["limit"])
        s.userauth_publickey(P["user"], load(P["key"]))
        if P["runs"]:
            assert s.exec("echo hello") == b"hello\\n"
        with s.sftp() as sftp:
            path = P["folder"] + "/x"
            assert sftp.put(io.BytesIO(b"x" * 3000), path) == 3000
            sink = Sink()
            assert sftp.get(path, sink) == 3000
        s.close()
    finally:
        sock.close()
slowest = 0
for i in range(P["count"]):
    start = time.ticks_ms()
    out(err(session))
    slowest = max(slowest, time.ticks_diff(time.ticks_ms(), start))
    if i % 16 == 0:
        gc.collect()
out(slowest / 1000)
# On DOS a socket is no descriptor.
out(len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0)
"""


def run_sessions(server, port, folder, count, limit=5, timeout=100, runs=True):
    params = {**server.params(), "port": port, "runs": runs}
    return run_mpy(
        SESSION, timeout=timeout, folder=str(folder), count=count, limit=limit, **params
    ).out


def whole_session(server, proxy, folder, runs=True):
    """Bytes up and down of one undisturbed session."""
    through = proxy(server.port)
    got = run_sessions(server, through.port, folder, 1, runs=runs)
    assert got[0][0] == "none", got
    return {way: len(data) for way, data in through.passed[0].items()}


@pytest.mark.parametrize("how", ["fin", "reset"])
@pytest.mark.parametrize("way", ["up", "down"])
def test_cut(sshd, proxy, folder, way, how):
    """After every byte at the start, then after every 89th."""
    total = whole_session(sshd, proxy, folder)[way]
    points = [*range(0, 60, 7), *range(60, total - 200, 89)]
    through = proxy(sshd.port, lambda n: Fault(**{way: points[n]}, how=how))
    began = time.monotonic()
    *results, slowest, open_files = run_sessions(sshd, through.port, folder, len(points))
    assert len(through.passed) == len(points)
    for point, (kind, code, text) in zip(points, results, strict=True):
        assert kind in ("SSHError", "OSError"), (point, kind, code, text)
        assert not (kind == "OSError" and code == 110), (point, "waited for the deadline")
        assert text, point
    assert slowest < 3, f"{time.monotonic() - began} s in all"
    assert open_files < 12


@pytest.mark.slow
@pytest.mark.parametrize("way", ["up", "down"])
def test_stall(asyncssh, proxy, folder, way):
    """The network goes silent: ETIMEDOUT near the deadline, at each stage. Without a command,
    whose output is waited for as long as it takes.
    """
    total = whole_session(asyncssh, proxy, folder, runs=False)[way]
    points = range(5, total - 200, total // 12)
    through = proxy(asyncssh.port, lambda n: Fault(**{way: points[n]}, how="stall"))
    *results, slowest, _ = run_sessions(
        asyncssh, through.port, folder, len(points), 0.4, runs=False
    )
    assert {result[:2] for result in results} == {("OSError", 110)}, list(
        zip(points, results, strict=True)
    )
    assert slowest < 3


def test_one_byte_at_a_time(server, proxy, folder):
    """ATTACKS 74: a drip of single bytes, and odd pieces."""
    through = proxy(server.port, lambda n: Fault(chunk=(1, 2, 3, 7, 61, 1448)[n]))
    *results, _, _ = run_sessions(server, through.port, folder, 6, limit=20)
    assert [result[0] for result in results] == ["none"] * 6


def after_newkeys(data):
    """Where the first encrypted packet of what a server has sent begins."""
    at = data.index(b"\n") + 1
    while True:
        size = int.from_bytes(data[at : at + 4], "big")
        at += 4 + size
        if data[at - size + 1] == 21:
            return at


@pytest.mark.parametrize("suite", ["chacha", "etm", "mac"])
def test_flipped_byte(asyncssh, proxy, folder, suite):
    """A changed byte is never taken, wherever after the handshake it is."""
    options = {
        "chacha": {"ciphers": "chacha20-poly1305@openssh.com"},
        "etm": {"ciphers": "aes128-ctr", "macs": "hmac-sha2-256-etm@openssh.com"},
        "mac": {"ciphers": "aes128-ctr", "macs": "hmac-sha2-256"},
    }[suite]
    script = """
        def session():
            sock = dial()
            try:
                s = _ssh.Session(sock, timeout=2, **P["options"])
                s.userauth_publickey(P["user"], load(P["key"]))
                out_ = s.exec("printf %04000d 7")
                return (len(out_), out_.strip(b"0"))
            finally:
                sock.close()
        for i in range(P["count"]):
            out(err(session)[:2])
        """
    clean = proxy(asyncssh.port)
    params = {**asyncssh.params(), "port": clean.port, "options": options}
    assert run_mpy(script, count=1, **params).one == ("none", "(4000, b'7')")
    passed = clean.passed[0]["down"]
    first = after_newkeys(passed)
    points = range(first, len(passed) - 100, 61)
    through = proxy(asyncssh.port, lambda n: Fault(flip=("down", points[n])))
    params["port"] = through.port
    results = run_mpy(script, count=len(points), timeout=110, **params).out
    wrong = [
        (point, result)
        for point, result in zip(points, results, strict=True)
        if result[0] not in ("SSHError", "OSError")
    ]
    assert not wrong


def test_dead_session_gives_the_same_error_again(sshd, proxy):
    through = proxy(sshd.port)
    got = run_mpy(
        """
        s = connect()
        out(err(lambda: s.exec("kill -9 $PPID; sleep 5")))
        first = err(s.exec, "true")
        out(first)
        out([err(f) == first for f in (s.open_session, s.sftp, lambda: s.run("true"))])
        out(s.closed)
        s.close()
        """,
        **{**sshd.params(), "port": through.port},
    ).out
    assert got[1][0] in ("SSHError", "OSError") and got[1][2]
    assert got[2] == [True] * 3
    assert got[3] is True


def test_close_never_blocks_on_a_dead_peer(sshd, proxy):
    """The peer takes nothing any more: close() still returns at once."""
    through = proxy(sshd.port, lambda n: Fault(up=6000, how="stall"))
    got = run_mpy(
        """
        sock = dial()
        s = _ssh.Session(sock, timeout=0.5)
        s.userauth_publickey(P["user"], load(P["key"]))
        c = s.open_session()
        c.exec("cat")
        c.settimeout(0.5)
        def fill():
            while True:
                c.write(b"x" * 30000)
        kind, code, _ = err(fill)
        out((kind, code))
        start = time.ticks_ms()
        s.close()
        out(time.ticks_diff(time.ticks_ms(), start) < 200)
        """,
        **{**sshd.params(), "port": through.port},
    ).out
    assert got == [("OSError", 110), True]
