"""Every kind of socket; waiting; exceptions that come through."""

import os
import signal
import textwrap

import pytest
from harness.mpy import Running, run_mpy
from harness.net import wait_until

pytestmark = pytest.mark.usefixtures("micropython")

# A whole session over a socket made by make(sock).
WHOLE = """
def whole(sock):
    s = _ssh.Session(sock, hostkey=P["fingerprint"])
    s.userauth_publickey(P["user"], load(P["key"]))
    out(s.exec("echo hello; sleep 0.3"))
    source = Source(300000)
    done = s.run("cat", stdin=source)
    out((done.status, sha(done.stdout) == hexed(source.digest)))
    with s.sftp() as sftp:
        sink = Sink()
        source = Source(300000)
        path = P["folder"] + "/x"
        out((sftp.put(source, path), sftp.get(path, sink)))
        out(hexed(sink.digest) == hexed(source.digest))
    s.close()
"""
GOOD = [b"hello\n", (0, True), (300000, 300000), True]


def whole(script, server, folder, **more):
    return run_mpy(
        WHOLE + textwrap.dedent(script), folder=str(folder), **server.params(), **more
    ).out


@pytest.mark.parametrize(
    "mode",
    [
        "pass",
        "sock.settimeout(0.1)",
        "sock.settimeout(10)",
        "sock.settimeout(0)",
        "sock.setblocking(False)",
        "sock.setblocking(True)",
        "sock.settimeout(None)",
    ],
)
def test_modes(server, folder, mode):
    assert whole(f"sock = dial(); {mode}; whole(sock)", server, folder) == GOOD


def test_python_object(server, folder):
    """send, recv, settimeout, close, and nothing else."""
    got = whole("p = PySocket(dial()); whole(p); out(p.calls > 10)", server, folder)
    assert got == [*GOOD, True]


def test_python_object_of_short_calls(server, folder):
    got = whole(
        """
        class Short(PySocket):
            def send(self, data):
                return super().send(memoryview(data)[: 1 + self.calls * 7 % 900])
            def recv(self, n):
                return super().recv(min(n, 1 + self.calls * 7 % 900))
        whole(Short(dial()))
        """,
        server,
        folder,
    )
    assert got == GOOD


def test_python_stream(server, folder):
    """A stream made in Python: readinto, write and ioctl for poll."""
    got = whole(
        """
        class Stream(io.IOBase):
            def __init__(self, sock):
                self.sock = sock
                self.poller = select.poll()
                self.poller.register(sock, select.POLLIN | select.POLLOUT)
                sock.setblocking(False)
            def readinto(self, buf):
                return self.sock.readinto(buf)
            def write(self, buf):
                return self.sock.write(buf)
            def ioctl(self, request, arg):
                if request == 3:
                    self.poller.modify(self.sock, arg)
                    ready = self.poller.poll(0)
                    return ready[0][1] if ready else 0
                return 0
        whole(Stream(dial()))
        """,
        server,
        folder,
    )
    assert got == GOOD


def test_session_through_a_channel(sshd, folder):
    """A channel is a stream, so a session runs over it: the way of a jump host."""
    got = whole(
        """
        outer = connect()
        c = outer.open_session()
        c.exec("bash -c 'exec 3<>/dev/tcp/127.0.0.1/{}; cat <&3 & exec cat >&3'".format(P["port"]))
        whole(c)
        """,
        sshd,
        folder,
    )
    assert got == GOOD


FAULTS = {
    "KeyError('gone')": ("KeyError", "gone"),
    "OSError(104)": ("OSError", 104),
    "MemoryError()": ("MemoryError", None),
    "ValueError('odd', 2)": ("ValueError", "odd"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("call", ["recv", "send"])
def test_exception_of_a_python_object(sshd, call, fault):
    """Raised at the Nth call, for every N up to a whole session; ATTACKS 64."""
    got = run_mpy(
        f"""
        class Bad(PySocket):
            left = 0
            def {call}(self, arg):
                self.left -= 1
                if self.left == 0:
                    raise {fault}
                return self.sock.{call}(arg)
        def once(limit):
            bad = Bad(dial())
            bad.left = limit
            try:
                s = _ssh.Session(bad, hostkey=P["fingerprint"])
                s.userauth_publickey(P["user"], load(P["key"]))
                s.exec("echo hello")
                s.run("cat", stdin=b"x" * 1000)
            finally:
                bad.sock.close()
        limit = 1
        while True:
            kind, code, text = err(once, limit)
            if kind == "none":
                break
            out((kind, code))
            limit += 1
            gc.collect()
        """,
        timeout=60,
        **sshd.params(),
    ).out
    assert len(got) > 5
    assert set(got) == {FAULTS[fault]}


@pytest.mark.parametrize("value", ["None", "5", "'text'", "b'x' * 1000000"])
def test_nonsense_from_recv(sshd, value):
    """A Python object that returns the wrong thing gets an exception, not a crash."""
    got = run_mpy(
        f"""
        class Bad(PySocket):
            def recv(self, n):
                return {value}
        out(err(_ssh.Session, Bad(dial()), timeout=1)[0])
        """,
        **sshd.params(),
    ).one
    assert got != "none"


@pytest.mark.parametrize("value", ["'text'", "-5", "1000000", "2.5"])
def test_nonsense_from_send(sshd, value):
    got = run_mpy(
        f"""
        class Bad(PySocket):
            def send(self, data):
                return {value}
        out(err(_ssh.Session, Bad(dial()), timeout=1)[0])
        """,
        **sshd.params(),
    ).one
    assert got != "none"


def test_reentry(sshd):
    """The session used from inside its own socket's recv: EBUSY, and it goes on; ATTACKS 67."""
    got = run_mpy(
        """
        class Nosy(PySocket):
            session = None
            seen = ()
            def recv(self, n):
                if self.session and len(self.seen) < 6:
                    s = self.session
                    calls = (lambda: s.exec("true"), s.pump, s.close)
                    self.seen += tuple(err(f)[:2] for f in calls)
                return self.sock.recv(n)
        sock = Nosy(dial())
        s = _ssh.Session(sock, hostkey=P["fingerprint"])
        s.userauth_publickey(P["user"], load(P["key"]))
        sock.session = s
        out(s.exec("echo first"))
        out(sock.seen)
        sock.session = None
        out(s.exec("echo second"))
        """,
        **sshd.params(),
    ).out
    assert got[0] == b"first\n"
    # EBUSY.
    assert set(got[1]) == {("OSError", 16)}
    assert got[2] == b"second\n"


@pytest.mark.unix_only("asks the host about a process of its own")
def test_idle_wait_costs_no_cpu(server):
    """Two seconds of nothing, and the processor time of the whole program around it."""
    with Running(
        """
        s = connect()
        out("in")
        out(s.exec("sleep 2; echo awake"))
        out("done")
        sys.stdin.readline()
        """,
        **server.params(),
    ) as program:
        assert program.value() == "in"
        before = program.cpu_seconds()
        assert program.value() == b"awake\n"
        assert program.value() == "done"
        assert program.cpu_seconds() - before <= 0.05


@pytest.mark.unix_only("asks the host about a process of its own")
@pytest.mark.parametrize("kind", ["sock", "PySocket(sock)"])
def test_idle_wait_with_other_sockets(sshd, kind):
    with Running(
        f"""
        sock = dial()
        sock.settimeout(0.1)
        s = _ssh.Session({kind})
        s.userauth_publickey(P["user"], load(P["key"]))
        out("in")
        out(s.exec("sleep 2; echo awake"))
        sys.stdin.readline()
        """,
        **sshd.params(),
    ) as program:
        assert program.value() == "in"
        before = program.cpu_seconds()
        assert program.value() == b"awake\n"
        assert program.cpu_seconds() - before <= 0.1


WAITS = {
    "exec": "s.exec('sleep 60')",
    "run": "s.run('sleep 60')",
    "run with input": "s.run('sleep 60', stdin=Source(10000000))",
    "recv": "c.recv(1)",
    "read": "c.read()",
    "readline": "c.readline()",
    "stderr": "c.stderr.read()",
    "recv_any": "c.recv_any(1)",
    "wait": "c.wait()",
    "write": "[c.write(b'x' * 100000) for _ in range(1000)]",
    "sftp": "f.read()",
    "scp": "s.scp_send(P['fifo'], 0o600, b'x')",
}


@pytest.mark.unix_only("sends a signal; tests/dos/test_interrupt.py presses the keys")
@pytest.mark.parametrize("wait", WAITS)
def test_keyboard_interrupt(sshd, folder, wait):
    """Ctrl-C in a wait: KeyboardInterrupt, and the session is usable (or cleanly dead)."""
    fifo = folder / "fifo"
    os.mkfifo(fifo)
    fifo.chmod(0o666)
    with Running(
        f"""
        s = connect(channels=6)
        c = s.open_session()
        c.exec("echo start; sleep 60")
        c.readline()
        if P["wait"] == "sftp":
            sftp = s.sftp()
            # A fifo that nobody writes to: even open() waits.
            def wait():
                with sftp.open(P["fifo"]) as f:
                    f.read()
        else:
            def wait():
                {WAITS[wait]}
        s.timeout = None
        out("waits")
        try:
            wait()
            out("went on")
        except KeyboardInterrupt:
            out("interrupted")
        s.timeout = 10
        out(err(lambda: s.exec("echo still here")))
        c.close()
        s.close()
        """,
        wait=wait,
        fifo=str(fifo),
        **sshd.params(),
    ) as program:
        assert program.value() == "waits"
        # Asleep in the wait: the state of the process says so.
        stat = f"/proc/{program.process.pid}/stat"

        def asleep():
            with open(stat) as file:
                return file.read().rpartition(")")[2].split()[0] == "S"

        calm = []

        def quiet():
            used = program.cpu_seconds()
            calm.append((asleep(), used))
            return len(calm) > 20 and all(x == (True, used) for x in calm[-20:])

        wait_until(quiet)
        program.process.send_signal(signal.SIGINT)
        assert program.value() == "interrupted"
        kind, text, _ = program.value()
        assert (kind, text) == ("none", "b'still here\\n'")
        assert program.wait() == 0
    # What waits at the server for the other end of the fifo may end now.
    os.close(os.open(fifo, os.O_RDWR | os.O_NONBLOCK))


@pytest.mark.unix_only("sends a signal; tests/dos/test_interrupt.py presses the keys")
def test_keyboard_interrupt_in_the_handshake(scripted):
    port = scripted(lambda conn: conn.recv(65536) and conn.recv(65536) and conn.recv(65536))
    with Running(
        """
        sock = dial()
        out("waits")
        try:
            _ssh.Session(sock)
        except KeyboardInterrupt:
            out("interrupted")
        out("end")
        """,
        port=port,
    ) as program:
        assert program.value() == "waits"
        calm = []

        def quiet():
            calm.append(program.cpu_seconds())
            return len(calm) > 20 and len(set(calm[-20:])) == 1

        wait_until(quiet)
        program.process.send_signal(signal.SIGINT)
        assert program.value() == "interrupted"
        assert program.value() == "end"
        assert program.wait() == 0
