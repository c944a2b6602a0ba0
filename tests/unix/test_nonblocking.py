"""Sessions whose operations never wait: each call is repeated until it is done, with the socket
polled in between.
"""

import errno
import textwrap

import pytest
from harness import servers
from harness.mpy import Running, run_mpy
from harness.net import Fault
from harness.servers import keygen

pytestmark = pytest.mark.usefixtures("micropython")

# go(function, ...): repeats the call. WAITS: how often it had to.
HEAD = """
sock = dial()
line = select.poll()
line.register(sock)
WAITS = [0]
def rest(s):
    ms = s.wait_ms
    line.modify(sock, s.want)
    assert line.poll(10000 if ms is None else min(ms, 10000)) or ms is not None, "nothing comes"
def go(function, *args, **kwargs):
    while True:
        try:
            return function(*args, **kwargs)
        except OSError as e:
            if e.args[0] != errno.EAGAIN:
                raise
        WAITS[0] += 1
        rest(s)
def again(function, *args):
    return err(function, *args)[1] == errno.EAGAIN
def begin(function, *args):
    while not again(function, *args):
        pass  # the answer was quicker
"""
LOGIN = """
s = _ssh.Session(sock, hostkey=P["fingerprint"], timeout=0, connect=False)
go(s.handshake)
go(s.userauth_publickey, P["user"], load(P["key"]))
def opened(made):
    go(made.opened)
    return made
def session():
    return opened(go(s.open_session))
def read(stream, n=1000):
    got = b""
    while piece := go(stream.recv, n):
        got += piece
    return got
"""


def mpy(script, server, login=True, **more):
    head = HEAD + (LOGIN if login else "")
    return run_mpy(head + textwrap.dedent(script), **{**server.params(), **more}).out


def test_login(server):
    got = mpy(
        """
        seen = []
        def look(blob, kind, fingerprint):
            seen.append(fingerprint)
            return True
        s = _ssh.Session(sock, hostkey=look, timeout=0, connect=False)
        go(s.handshake)
        out((seen, s.hostkey_fingerprint, s.authenticated, s.gettimeout()))
        out(err(go, s.userauth_none, P["user"])[1] == _ssh.ERR_AUTH_FAILED)
        out(go(s.userauth_publickey, P["user"], load(P["key"])))
        go(s.handshake)
        out((s.authenticated, len(seen), WAITS[0] > 0))
        s.setblocking(True)
        out(s.exec("echo hi"))
        """,
        server,
        login=False,
    )
    mark = server.fingerprint
    assert got == [
        ([mark], mark, False, 0),
        True,
        True,
        (True, 1, True),
        b"hi\n",
    ]


def test_a_host_that_is_not_trusted(sshd):
    """An error ends the session; EAGAIN from the decision only puts it off."""
    got = mpy(
        """
        answers = [OSError(errno.EAGAIN), OSError(errno.EAGAIN), False]
        def look(*args):
            answer = answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        s = _ssh.Session(sock, hostkey=look, timeout=0, connect=False)
        while again(s.handshake) and len(answers) == 3:
            rest(s)
        out((again(s.handshake), s.closed))
        out((err(s.handshake)[1] == _ssh.ERR_HOST_KEY_REJECTED, s.closed))
        out(err(s.handshake)[1] == _ssh.ERR_CLOSED)
        """,
        sshd,
        login=False,
    )
    assert got == [(True, False), (True, True), True]


def test_a_handshake_with_time(sshd):
    """connect=False alone: handshake() waits."""
    got = mpy(
        """
        s = _ssh.Session(sock, hostkey=P["fingerprint"], connect=False)
        out(s.remote_version)
        s.handshake()
        out(s.userauth_publickey(P["user"], load(P["key"])))
        s.close()
        out(err(_ssh.Session, sock, timeout=0)[0])
        """,
        sshd,
        login=False,
    )
    assert got == ["", True, "ValueError"]


def test_passwords_and_questions(start_server):
    got = mpy(
        """
        s = _ssh.Session(sock, hostkey=P["fingerprint"], timeout=0, connect=False)
        go(s.handshake)
        asked = []
        def new(text):
            asked.append(text)
            return "short"
        word = P["password"]
        kind, code, text = err(go, s.userauth_password, "never", word, new)
        out((len(asked), code == _ssh.ERR_PASSWORD_EXPIRED))
        code = err(go, s.userauth_password, "never", word, "eightlong")[1]
        out(code == _ssh.ERR_PASSWORD_EXPIRED)
        rounds = []
        answers = [[word, "123456"], None, ["yes \\u00e4"]]
        def handler(name, instruction, prompts):
            rounds.append(len(prompts))
            return answers[len(rounds) - 1]
        out((go(s.userauth_keyboard_interactive, "rounds", handler), rounds, WAITS[0] > 0))
        """,
        start_server(servers.LoginServer),
        login=False,
    )
    assert got == [(5, True), True, (True, [2, 0, 1], True)]


def test_a_key_is_decrypted_only_when_it_is_needed(proxy, sshd, folder):
    """Each decryption takes its time: a login that is repeated often makes one, or a second."""
    key = keygen(folder / "id", passphrase="secret")
    line = proxy(sshd.port, lambda n: Fault(chunk=1))
    got = mpy(
        """
        s = _ssh.Session(sock, hostkey=P["fingerprint"], timeout=0, connect=False)
        go(s.handshake)
        text = load(P["locked"])
        begin = time.ticks_ms()
        err(_ssh.Session(dial(P["direct"])).userauth_publickey, P["user"], text, None, "secret")
        once = time.ticks_diff(time.ticks_ms(), begin)
        spent = 0
        while True:
            begin = time.ticks_ms()
            code = err(s.userauth_publickey, P["user"], text, None, "secret")[1]
            spent += time.ticks_diff(time.ticks_ms(), begin)
            if code != errno.EAGAIN:
                break
            rest(s)
        out((code == _ssh.ERR_AUTH_FAILED, spent < 5 * once))
        """,
        sshd,
        login=False,
        locked=str(key),
        port=line.port,
        direct=sshd.port,
    )
    assert got == [(True, True)]


def test_a_signer(sshd):
    """What signs may raise: the login is given up, and another one follows."""
    got = mpy(
        """
        s = _ssh.Session(sock, hostkey=P["fingerprint"], timeout=0, connect=False)
        go(s.handshake)
        def sign(data, algorithm):
            raise RuntimeError("no")
        pub = open(P["key"] + ".pub").read()
        out(err(go, s.userauth_publickey, P["user"], sign, pub)[0])
        out(go(s.userauth_publickey, P["user"], load(P["key"])))
        """,
        sshd,
        login=False,
    )
    assert got == ["RuntimeError", True]


def test_channel(server):
    got = mpy(
        """
        c = session()
        out(go(c.exec, "cat; echo err >&2; exit 5"))
        out((again(c.recv, 10), c.read(10), c.ready & 1))
        data = bytes(range(256)) * 400
        sent, back = 0, b""
        view = memoryview(data)
        while len(back) < len(data):
            moved = False
            if sent < len(data):
                n = c.write(view[sent:sent + 20000])
                moved = bool(n)
                sent += n or 0
            piece = c.read(20000)
            if piece:
                moved = True
                back += piece
            if not moved:
                rest(s)
        out(back == data)
        go(c.eof)
        out((read(c), read(c.stderr), go(c.wait), c.exit_status))
        out(c.ready)
        c.close()
        out(c.ready)
        c = session()
        go(c.exec, "echo second")
        out(go(c.recv_any, 100))
        """,
        server,
    )
    assert got[:4] == [None, (True, None, 0), True, (b"", b"err\n", 5, 5)]
    assert got[4] & 0b11011 == 0b11011
    assert got[5:] == [63, (0, b"second\n")]


def test_requests(sshd):
    got = mpy(
        """
        c = session()
        go(c.request_pty, "vt100", 70, 20)
        out(err(go, c.setenv, "NOT_TAKEN", "x")[1] == _ssh.ERR_REQUEST_REFUSED)
        go(c.shell)
        go(c.window_change, 100, 30)
        go(c.write, "stty size; exit\\n")
        out(b"30 100" in read(c))
        d = session()
        go(d.exec, "echo up; exec sleep 60")
        go(d.recv, 100)
        go(d.signal, "TERM")
        out(read(d))
        go(d.wait)
        out(d.exit_signal)
        go(s.keepalive)
        go(s.ignore, b"x" * 100)
        out(err(go, s.global_request, "no@such")[1] == _ssh.ERR_REQUEST_REFUSED)
        go(s.no_more_sessions)
        before = s.stats()[2]
        go(s.rekey)
        out(s.stats()[2] - before)
        out(len(go(s.host_keys)) >= 1)
        """,
        sshd,
    )
    assert got == [True, True, b"", "TERM", True, 1, True]


def test_connections(sshd, echo_port):
    got = mpy(
        """
        c = opened(go(s.open_tcp, HOST, P["echo"]))
        go(c.write, b"there and back")
        out(go(c.recv, 100))
        c.close()
        out(err(lambda: opened(go(s.open_tcp, HOST, 1)))[1] == _ssh.ERR_OPEN_REFUSED)
        out(err(lambda: opened(go(s.open_unix, "/no/such")))[1] == _ssh.ERR_OPEN_REFUSED)
        port = go(s.request_forward, "127.0.0.1", 0)
        out(s.accept())
        other = dial(port)
        other.send(b"from outside")
        while not (got := s.accept()):
            rest(s)
        out((got.kind, go(got.recv, 100)))
        go(s.cancel_forward, "127.0.0.1", port)
        """,
        sshd,
        echo=echo_port,
    )
    assert got == [b"there and back", True, True, None, ("forwarded-tcpip", b"from outside")]


def test_refused_open(proxy, asyncssh):
    """An object whose opening is refused says so, once; afterwards it is closed."""
    line = proxy(asyncssh.port, lambda n: Fault(chunk=100))
    got = mpy(
        """
        c = None
        while c is None:
            try:
                c = s.open_tcp(HOST, 1)
            except _ssh.SSHError:
                pass  # the answer was quicker
        out(err(go, c.recv, 1)[1] == _ssh.ERR_OPEN_REFUSED)
        out(err(go, c.opened)[1] == _ssh.ERR_CHANNEL_CLOSED)
        c.close()
        """,
        asyncssh,
        port=line.port,
    )
    assert got == [True, True]


SFTP = """
D = P["folder"]
sftp = opened(go(s.sftp))
def put(name, data):
    f = opened(go(sftp.open, D + "/" + name, "w"))
    at = 0
    while at < len(data):
        at += go(f.write, data[at:])
    go(f.close)
def get(name):
    f = opened(go(sftp.open, D + "/" + name))
    got = b""
    while piece := go(f.read, 100000):
        got += piece
    go(f.close)
    return got
"""


def test_sftp(server, folder):
    got = mpy(
        SFTP
        + textwrap.dedent("""
        data = bytes(range(256)) * 400
        put("a", data)
        out(get("a") == data)
        out(go(sftp.stat, D + "/a")[1])
        go(sftp.rename, D + "/a", D + "/b")
        go(sftp.mkdir, D + "/dir")
        out(err(go, sftp.stat, D + "/a")[1] == errno.ENOENT)
        out(err(lambda: opened(go(sftp.open, D + "/a")))[1] == errno.ENOENT)
        out(err(lambda: opened(go(sftp.opendir, D + "/a")))[1] == errno.ENOENT)
        d = opened(go(sftp.opendir, D))
        names = []
        while entry := go(d.read):
            names.append(entry[0])
        go(d.close)
        out(sorted(n for n in names if n[0] != "."))
        f = opened(go(sftp.open, D + "/b", "r+"))
        out(go(f.seek, 0, 2))
        go(f.truncate, 100)
        out(go(f.stat)[1])
        go(f.seek, 90)
        buf = bytearray(20)
        out(go(f.readinto, buf))
        go(f.flush)
        go(f.close)
        f = opened(go(sftp.open, D + "/b", "a"))
        out(f.tell())
        go(f.write, b"end")
        go(sftp.close)
        """),
        server,
        folder=str(folder),
    )
    assert got == [True, 102400, True, True, True, ["b", "dir"], 102400, 100, 10, 100]
    assert (folder / "b").read_bytes()[-5:] == bytes([98, 99]) + b"end"


def test_sftp_at_once(sshd, folder):
    """Objects may be used before they are open; many files at once."""
    got = mpy(
        """
        D = P["folder"]
        sftp = go(s.sftp)
        f = go(sftp.open, D + "/x", "w")
        go(f.write, b"early")
        go(f.close)
        out(go(sftp.stat, D + "/x")[1])
        go(go(sftp.open, D + "/x", "r").close)
        out(go(sftp.stat, D + "/x")[1])
        files = []
        for i in range(5):
            files.append(go(sftp.open, D + "/x"))
            go(files[-1].opened)
        out([go(f.read, 10) for f in files])
        del f, files
        gc.collect()
        out(err(sftp.listdir, D)[0])
        out(err(sftp.get, D + "/x", Sink())[0])
        out(err(s.run, "id")[0])
        go(sftp.close)
        """,
        sshd,
        folder=str(folder),
    )
    assert got == [5, 5, [b"early"] * 5, "ValueError", "ValueError", "ValueError"]


def test_abandon(sshd, folder):
    """What is given up is not taken for the answer to what comes next."""
    got = mpy(
        SFTP
        + textwrap.dedent("""
        put("one", b"1")
        put("three", b"333")
        begin(sftp.stat, D + "/one")
        sftp.abandon()
        out(go(sftp.stat, D + "/three")[1])
        f = sftp.open(D + "/one")
        sftp.abandon()
        out(go(sftp.stat, D + "/three")[1])
        begin(s.global_request, "no@such")
        s.abandon()
        out(go(s.request_forward, "127.0.0.1", 0) > 0)
        c = session()
        again(c.exec, "exit 3")
        c.abandon()
        go(c.wait)
        out(c.exit_status)
        d = s.open_session()
        d.close()
        del d
        out(err(lambda: opened(go(s.open_tcp, HOST, 1)))[1] == _ssh.ERR_OPEN_REFUSED)
        c = session()
        go(c.exec, "echo fine")
        out(read(c))
        """),
        sshd,
        folder=str(folder),
    )
    assert got == [3, 3, True, 3, True, b"fine\n"]


def test_abandoned_login(proxy, sshd):
    """The answer to a login that was given up is not taken for the next one's."""
    line = proxy(sshd.port, lambda n: Fault(chunk=1))
    got = mpy(
        """
        s = _ssh.Session(sock, hostkey=P["fingerprint"], timeout=0, connect=False)
        go(s.handshake)
        before = s.stats()[1]
        while s.stats()[1] == before:
            out(again(s.userauth_password, P["user"], "wrong"))
            rest(s)
        s.abandon()
        out(go(s.userauth_publickey, P["user"], load(P["key"])))
        """,
        sshd,
        login=False,
        port=line.port,
    )
    assert all(got) and len(got) > 1


def test_keepalive_by_wait_ms(proxy, sshd):
    """A loop that calls pump() when wait_ms has passed notices a server that is silent."""
    line = proxy(sshd.port)
    program = """
    s.keepalive_interval = 0.1
    s.keepalive_max = 2
    c = session()
    go(c.exec, "echo ready; cat")
    out(go(c.recv, 100))
    sys.stdin.readline()
    def quiet():
        while True:
            ms = s.wait_ms
            line.modify(sock, s.want)
            if not line.poll(ms):
                s.pump()
            elif again(c.recv, 1):
                pass
    out(err(quiet)[:2])
    out(s.closed)
    """
    params = {**sshd.params(), "port": line.port}
    with Running(HEAD + LOGIN + textwrap.dedent(program), **params) as run:
        assert run.value() == b"ready\n"
        line.hold.set()
        run.process.stdin.write(b"\n")
        run.process.stdin.flush()
        assert run.value() == ("OSError", errno.ETIMEDOUT)
        assert run.value() is True
        assert run.wait() == 0


def test_a_peer_that_stalls(proxy, sshd):
    """Nothing ever waits: not a call, not close()."""
    line = proxy(sshd.port, lambda n: Fault(down=600, how="stall"))
    got = mpy(
        """
        s = _ssh.Session(sock, hostkey=P["fingerprint"], timeout=0, connect=False)
        begin = time.ticks_ms()
        calls = 0
        while time.ticks_diff(time.ticks_ms(), begin) < 300:
            before = time.ticks_us()
            if not again(s.handshake):
                raise RuntimeError
            assert time.ticks_diff(time.ticks_us(), before) < 200000
            calls += 1
            line.modify(sock, s.want)
            line.poll(20)
        s.close()
        out(calls < 100)
        """,
        sshd,
        login=False,
        port=line.port,
    )
    assert got == [True]


def test_small_pieces(proxy, sshd, folder):
    """The answers come one byte at a time: nothing is lost between two calls."""
    line = proxy(sshd.port, lambda n: Fault(chunk=7))
    got = mpy(
        SFTP
        + textwrap.dedent("""
        put("f", b"0123456789" * 50)
        out(get("f") == b"0123456789" * 50)
        """),
        sshd,
        folder=str(folder),
        port=line.port,
    )
    assert got == [True]
