"""The C layer under fire: what goes wrong inside its callbacks.

ATTACKS 64, 65, 67, 68, 69, 70. Exceptions, re-entry, collections, memory failures. Everything here
runs over sockets written in Python, because their code runs in the middle of the core's calls.
"""

import textwrap

import pytest
from harness.mpy import Running, run_mpy

pytestmark = pytest.mark.usefixtures("micropython")

# Two kinds of Python socket. hook(kind) runs at each recv ("r") and send ("s").
SOCKETS = """
def hook(kind):
    pass

class Plain:
    def __init__(self, sock):
        self.sock = sock
    def recv(self, n):
        hook("r")
        return self.sock.recv(n)
    def send(self, data):
        hook("s")
        return self.sock.send(data)
    def settimeout(self, seconds):
        self.sock.settimeout(seconds)
    def close(self):
        self.sock.close()

class Stream(io.IOBase):
    def __init__(self, sock):
        self.sock = sock
        sock.setblocking(False)
    def readinto(self, buf):
        hook("r")
        return self.sock.readinto(buf)
    def write(self, buf):
        hook("s")
        return self.sock.write(buf)
    def ioctl(self, request, arg):
        return 0

def open_session(kind):
    raw = dial()
    sock = {"Plain": Plain, "Stream": Stream}[kind](raw)
    session = _ssh.Session(sock, hostkey=P["fingerprint"])
    session.userauth_publickey(P["user"], key)
    return session, raw

def work(s):
    # Each kind of operation once.
    assert s.exec("echo hello") == b"hello\\n"
    done = s.run("cat; echo e >&2; exit 3", stdin=b"x" * 3000)
    assert (len(done.stdout), done.stderr, done.status) == (3000, b"e\\n", 3)
    with s.open_session() as c:
        c.setenv("MPY_X", "1")
        c.exec("read a; echo $a; echo end")
        c.write(b"line\\n")
        c.eof()
        buf = bytearray(5)
        assert c.readinto(buf) == 5 and buf == b"line\\n"
        assert c.recv(4) and c.read() is not None and c.wait() == 0
    s.keepalive()
    s.rekey()
    with s.sftp() as sftp:
        with sftp.open(P["folder"] + "/f", "w") as f:
            f.write(b"y" * 3000)
        with sftp.open(P["folder"] + "/f") as f:
            assert f.read() == b"y" * 3000
        assert "f" in sftp.listdir(P["folder"])
    assert s.scp_send(P["folder"] + "/g", 0o644, b"z" * 100) == 100
    assert s.scp_recv(P["folder"] + "/g") == b"z" * 100

key = load(P["key"])
"""


def glue(script, server, **more):
    """Run script after SOCKETS; the values it gave to out()."""
    return run_mpy(SOCKETS + textwrap.dedent(script), **server.params(), **more).out


EXCEPTIONS = [
    "Odd(1, 2)",
    "KeyboardInterrupt()",
    "MemoryError()",
    "OSError(5)",
    "SystemExit(3)",
    "StopIteration(4)",
]


@pytest.mark.parametrize("kind", ["Plain", "Stream"])
@pytest.mark.parametrize("exception", EXCEPTIONS)
def test_exception_at_every_callback(sshd, folder, kind, exception):
    """At the Nth call for all N: the very object arrives; the session is usable or gone."""
    got = glue(
        f"""
        class Odd(Exception):
            pass
        calls = 0
        limit = 0
        def hook(kind):
            global calls, raised
            calls += 1
            if calls == limit:
                raised = {exception}
                raise raised
        def attempt():
            global calls, raised, limit
            calls, raised, s, raw = 0, None, None, None
            try:
                s, raw = open_session("{kind}")
                work(s)
                return "done"
            except BaseException as e:
                if e is not raised:
                    sys.print_exception(e)
                    return "other exception"
                if s is None:
                    return "no session"
                limit = 0
                return s.exec("echo again")
            finally:
                end(s, raw)
        def end(s, raw):
            try:
                if s:
                    s.close()
            except BaseException as e:
                # close() passes on what is no Exception (ctrl-C), and has closed all the same.
                assert e is raised and not isinstance(e, Exception)
                assert s.closed
            if raw:
                raw.close()
        counts = {{}}
        assert attempt() == "done"
        whole = calls
        n = 1
        while n < whole + 20:
            limit = n
            result = attempt()
            counts[result] = counts.get(result, 0) + 1
            n += P["step"]
        out((whole, counts))
        """,
        sshd,
        folder=str(folder),
        # Each call for one exception, every ninth for the others: they differ only in their type.
        step=1 if exception == EXCEPTIONS[0] else 9,
        timeout=240,
    )
    (whole, counts) = got[0]
    assert whole > 60
    assert set(counts) <= {"no session", b"again\n", "done"}, counts
    assert counts[b"again\n"] > 3 and counts["no session"] > 0


@pytest.mark.parametrize("kind", ["Plain", "Stream"])
def test_reentry_from_every_callback(sshd, folder, kind):
    """Every method, called from inside recv and send: EBUSY, and nothing is disturbed."""
    got = glue(
        f"""
        inside = False
        seen = set()
        def hook(kind):
            global inside
            if inside or not calls:
                return
            inside = True
            for name, call in calls.items():
                try:
                    call()
                    seen.add((name, "worked"))
                except OSError as e:
                    seen.add((name, e.errno))
            inside = False
        calls = {{}}
        s, raw = open_session("{kind}")
        c = s.open_session()
        c.exec("cat")
        sftp = s.sftp()
        f = sftp.open("/etc/passwd")
        calls = {{
            "exec": lambda: s.exec("true"), "run": lambda: s.run("true"), "pump": s.pump,
            "close": s.close, "disconnect": s.disconnect, "rekey": s.rekey,
            "keepalive": s.keepalive, "stats": s.stats,
            "ignore": lambda: s.ignore(b"x"), "open_session": s.open_session, "sftp": s.sftp,
            "hostkey": lambda: s.hostkey, "algorithms": lambda: s.algorithms,
            "password": lambda: s.userauth_password("u", "p"),
            "publickey": lambda: s.userauth_publickey("u", key),
            "scp_recv": lambda: s.scp_recv("/etc/passwd"),
            "scp_send": lambda: s.scp_send("/x", 0o644, b""),
            "read": lambda: c.read(1), "recv": lambda: c.recv(1), "write": lambda: c.write(b"x"),
            "stderr": lambda: c.stderr.read(1), "channel close": c.close, "eof": c.eof,
            "wait": c.wait,
            "exit_status": lambda: c.exit_status, "recv_any": lambda: c.recv_any(1),
            "file": lambda: f.read(1), "seek": lambda: f.seek(0), "stat": lambda: sftp.stat("/"),
            "listdir": lambda: sftp.listdir("/"),
        }}
        out(s.exec("echo hello"))
        c.write(b"ping\\n")
        out(c.readline())
        out(f.read(5) != b"")
        calls = {{}}
        out(sorted(seen))
        work(s)
        out("end")
        """,
        sshd,
        folder=str(folder),
        timeout=60,
    )
    assert got[:3] == [b"hello\n", b"ping\n", True]
    harmless = {("seek", "worked")}  # moves a position, asks nobody
    assert {entry for entry in got[3] if entry[1] != 16} <= harmless
    assert len(got[3]) >= 30
    assert got[4] == "end"


def test_reentry_from_the_hostkey_function(sshd):
    got = glue(
        """
        class Grab(Plain):
            pass
        seen = []
        def decide(blob, kind, fingerprint):
            gc.collect()
            return True
        s = _ssh.Session(dial(), hostkey=decide)
        out(s.hostkey_fingerprint == P["fingerprint"])
        def angry(blob, kind, fingerprint):
            raise KeyError(fingerprint)
        out(err(_ssh.Session, dial(), hostkey=angry)[:2])
        """,
        sshd,
    )
    assert got == [True, ("KeyError", sshd.params()["fingerprint"])]


def test_reentry_from_a_scheduled_callback_and_a_thread(sshd):
    """Both run while exec() waits: they get EBUSY, or their turn when it is over."""
    got = glue(
        """
        import _thread, micropython
        s = connect()
        seen = []
        def call(_):
            seen.append(err(s.exec, "true")[:2])
        def thread():
            for i in range(5):
                time.sleep_ms(40)
                call(None)
                micropython.schedule(call, None)
            seen.append("end")
        _thread.start_new_thread(thread, ())
        out(s.exec("sleep 0.4; echo one"))
        while "end" not in seen:
            time.sleep_ms(1)
        out(set(seen[:6]))
        out(s.exec("echo two"))
        """,
        sshd,
    )
    assert got[0] == b"one\n" and got[2] == b"two\n"
    assert ("OSError", 16) in got[1]
    assert got[1] <= {("OSError", 16), ("none", "b''"), "end"}


@pytest.mark.parametrize("kind", ["Plain", "Stream"])
def test_collection_at_every_callback(sshd, folder, kind):
    got = glue(
        f"""
        def hook(kind):
            gc.collect()
            # What a collection freed by mistake is overwritten at once.
            [bytearray(size) for size in (16, 32, 64, 128, 512, 2048)]
        s, raw = open_session("{kind}")
        work(s)
        # Channels without an owner, closed by the collector in the middle of other calls.
        for i in range(20):
            s.open_session().exec("cat")
        out(s.exec("echo end"))
        """,
        sshd,
        folder=str(folder),
        timeout=90,
    )
    assert got == [b"end\n"]


@pytest.mark.parametrize("kind", ["Plain", "Stream"])
def test_heap_locked_at_every_callback(sshd, folder, kind):
    """From the Nth callback on every allocation fails, until the MemoryError arrives."""
    got = glue(
        f"""
        import micropython
        calls = 0
        limit = 0
        locked = False
        def hook(kind):
            global calls, locked
            calls += 1
            if calls == limit:
                locked = True
                micropython.heap_lock()
        def unlock():
            global locked
            if locked:
                locked = False
                micropython.heap_unlock()
        def attempt(n):
            global calls, limit
            calls, s, raw = 0, None, None
            limit = n
            result = "done"
            try:
                s, raw = open_session("{kind}")
                work(s)
            except MemoryError:
                unlock()
                limit = 0
                result = s.exec("echo again") if s else "no session"
            unlock()
            limit = 0
            if s:
                s.close()
            if raw:
                raw.close()
            return result
        counts = {{}}
        assert attempt(0) == "done"
        whole = calls
        for n in range(1, whole, 3):
            result = attempt(n)
            counts[result] = counts.get(result, 0) + 1
        out(counts)
        """,
        sshd,
        folder=str(folder),
        timeout=240,
    )
    assert set(got[0]) <= {"no session", b"again\n", "done"}, got
    assert got[0][b"again\n"] > 10


RESIZE = """
        canaries = [bytearray(b"c" * 64) for _ in range(200)]
        target = None
        def hook(kind):
            global target
            if target is None or len(target) > 20000:
                return
            {how}
            # Reuse what the resize gave back.
            for i in range(0, 200, 2):
                canaries[i] = bytearray(b"c" * 64)
        def intact():
            return all(x == b"c" * 64 for x in canaries)
"""
RESIZES = {
    "grow": "target.extend(b'g' * 999)",
    "shrink": "target[:] = b''",
    "both": "target.extend(b'g' * 5000); target[3:] = b''",
}


@pytest.mark.parametrize("kind", ["Plain", "Stream"])
@pytest.mark.parametrize("how", RESIZES)
def test_buffer_resized_while_borrowed(sshd, kind, how):
    """A bytearray that is read into or written from changes its size in the middle of the call."""
    got = glue(
        textwrap.dedent(RESIZE).format(how=RESIZES[how])
        + textwrap.dedent(
            f"""
            s, raw = open_session("{kind}")
            def channel(command):
                c = s.open_session()
                c.exec(command)
                return c
            def use(make, run):
                global target
                c = make()
                buf = bytearray(b"w" * 3000)
                target = buf
                try:
                    n = run(c, buf)
                finally:
                    target = None
                c.close()
                gc.collect()
                assert intact()
                return n
            reader = lambda: channel("head -c 20000 /dev/zero; head -c 20000 /dev/zero >&2")
            writer = lambda: channel("cat >/dev/null")
            for i in range(3):
                assert 0 <= use(reader, lambda c, b: c.readinto(b)) <= 20000
                assert 0 <= use(reader, lambda c, b: c.recv_into(b)) <= 20000
                assert 0 <= use(reader, lambda c, b: c.stderr.readinto(b)) <= 20000
                assert 0 <= use(writer, lambda c, b: c.write(b)) <= 3000
                use(writer, lambda c, b: s.ignore(b) or 0)
                use(writer, lambda c, b: len(s.run("cat", stdin=b).stdout))
                use(writer, lambda c, b: s.exec(b) and 0)
                use(writer, lambda c, b: err(s.userauth_password, "u", b) and 0)
            out(s.exec("echo end"))
            """
        ),
        sshd,
        timeout=60,
    )
    assert got == [b"end\n"]


def test_view_of_a_buffer_kept_by_a_python_stream(sshd):
    """A stream keeps a memoryview of what readinto() and write() were given, and scribbles."""
    got = glue(
        """
        class Keeper(Stream):
            kept = []
            def readinto(self, buf):
                n = self.sock.readinto(buf)
                self.kept.append(memoryview(buf))
                return n
            def write(self, buf):
                n = self.sock.write(buf)
                self.kept.append(memoryview(buf))
                return n
        def scribble():
            while Keeper.kept:
                view = Keeper.kept.pop()
                for i in range(0, len(view), 7):
                    view[i] = 0xA5
            gc.collect()
        s = _ssh.Session(Keeper(dial()), hostkey=P["fingerprint"])
        scribble()
        s.userauth_publickey(P["user"], key)
        for i in range(20):
            scribble()
            assert s.exec("echo {}".format(i)) == b"%d\\n" % i
        out("end")
        """,
        sshd,
    )
    assert got == ["end"]


def test_empty_buffers(sshd):
    """Length 0, with whatever pointer: ATTACKS 69."""
    got = glue(
        """
        s = connect()
        c = s.open_session()
        c.exec("cat")
        for empty in (b"", "", bytearray(), memoryview(b""), memoryview(bytearray(4))[4:]):
            assert c.write(empty) == 0
            s.ignore(empty)
            assert s.run("cat", stdin=empty).stdout == b""
            assert err(_ssh.fingerprint, empty)[0] == "ValueError"
            assert err(s.userauth_publickey, "u", empty)[0] == "ValueError"
            assert err(s.userauth_publickey, "u", key, empty)[0] == "ValueError"
            err(s.exec, empty)
            err(c.setenv, empty, empty)
            err(c.subsystem, empty)
        for empty in (bytearray(), memoryview(bytearray(4))[4:]):
            assert c.readinto(empty) == 0
            assert c.recv_into(empty) == 0
        assert c.read(0) == b"" and c.recv(0) == b""
        c.write(b"still\\n")
        out(c.readline())
        fresh = _ssh.Session(dial(), hostkey=P["fingerprint"])
        for empty in (b"", "", bytearray()):
            out(err(fresh.userauth_password, empty, empty)[0])
        """,
        sshd,
    )
    assert got[0] == b"still\n"
    assert set(got[1:]) <= {"SSHError", "OSError"}


def test_password_copies_are_wiped(sshd):
    """A bytearray is copied for the time of the call; afterwards the heap does not hold it."""
    got = glue(
        """
        from memory import held
        half = bytearray(b"fIsH+cHiPs/")
        inverse = bytes(x ^ 255 for x in half)
        secret = half + half
        s = _ssh.Session(dial(), hostkey=P["fingerprint"])
        out(err(s.userauth_password, "nobody", secret)[0])
        for i in range(len(secret)):
            secret[i] = 0
        out(held(half, inverse))
        secret = half + half
        out(held(half, inverse) > 0)
        """,
        sshd,
        timeout=60,
        heapsize="4M",
    )
    assert got == ["SSHError", 0, True]


def test_no_random_source(sshd):
    """os.urandom missing or failing: no session, and a text that says so."""
    got = glue(
        """
        import os
        real = os.urandom
        class Fake:
            pass
        def run(urandom):
            fake = Fake()
            if urandom:
                fake.urandom = urandom
            sys.modules["os"] = fake
            try:
                return err(_ssh.Session, dial())
            finally:
                del sys.modules["os"]
        out(run(None))
        def bad(n):
            raise KeyError("dry")
        out(run(bad)[:2])
        out(run(lambda n: b"short")[0])
        out(run(lambda n: None)[0])
        out(err(_ssh.Session, dial())[0])
        """,
        sshd,
    )
    assert got[0][0] == "OSError" and "random source" in got[0][2]
    assert got[1] == ("KeyError", "dry")
    assert got[2] == "ValueError" and got[3] == "TypeError"
    assert got[4] == "none"


def test_keyboard_interrupt_inside_a_callback(sshd):
    """Ctrl-C while the socket's own Python code runs; the session goes on."""
    import signal

    with Running(
        SOCKETS
        + textwrap.dedent(
            """
            armed = False
            def hook(kind):
                global armed
                if armed:
                    armed = False
                    out("inside")
                    while True:
                        time.sleep_ms(1)
            s, raw = open_session("Plain")
            for i in range(5):
                armed = True
                try:
                    s.exec("echo lost")
                    out("went on")
                except KeyboardInterrupt:
                    out("interrupted")
                out(s.exec("echo still here"))
            """
        ),
        **sshd.params(),
    ) as program:
        for _ in range(5):
            assert program.value() == "inside"
            program.process.send_signal(signal.SIGINT)
            assert program.value() == "interrupted"
            assert program.value() == b"still here\n"
        assert program.wait() == 0
