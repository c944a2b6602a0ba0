"""Channels as streams."""

import os
import pathlib
import textwrap
import uuid

import pytest
from harness.mpy import run_mpy

pytestmark = pytest.mark.usefixtures("micropython")


def mpy(script, server, timeout=30, heapsize=None, **more):
    return run_mpy(
        "s = connect(**P.get('options', {}))\n" + textwrap.dedent(script),
        timeout=timeout,
        heapsize=heapsize,
        **server.params(),
        **more,
    ).out


def test_read_write_and_status(server):
    got = mpy(
        """
        with s.open_session() as c:
            out((c.exit_status, c.exit_signal))
            c.exec("cat; echo err >&2; exit 5")
            out(c.write(b"first line\\nsecond "))
            out(c.write("line\\n"))
            out(c.readline())
            c.eof()
            out(c.read())
            out(c.read())
            out(c.read(1))
            out(c.stderr.read())
            out(c.wait())
            out((c.exit_status, c.exit_signal))
        out(s.stats()[3])
        """,
        server,
    )
    assert got == [
        (None, None),
        18,
        5,
        b"first line\n",
        b"second line\n",
        b"",
        b"",
        b"err\n",
        5,
        (5, None),
        0,
    ]


def test_signal(server):
    got = mpy(
        """
        c = s.open_session()
        c.exec("kill -TERM $$")
        out((c.read(), c.wait(), c.exit_status, c.exit_signal))
        """,
        server,
    )
    assert got == [(b"", None, None, "TERM")]


def test_stream_calls(server):
    got = mpy(
        """
        c = s.open_session()
        c.exec("printf 'one\\\\ntwo\\\\n\\\\nfour\\\\nrest'; printf 'e1\\\\ne2\\\\n' >&2")
        buf = bytearray(6)
        out((c.readinto(buf), bytes(buf)))
        out((c.readinto(buf, 2), bytes(buf)))
        out(c.readline())
        out(c.readlines())
        out((c.readinto(buf), c.recv(5), c.recv_into(buf)))
        out(c.stderr.readline())
        out((c.stderr.readinto(buf, 2), bytes(buf[:2])))
        out(c.stderr.recv(100))
        out(c.stderr.recv(100))
        """,
        server,
    )
    assert got == [
        (6, b"one\ntw"),
        (2, b"o\ne\ntw"),
        b"\n",
        [b"four\n", b"rest"],
        (0, b"", 0),
        b"e1\n",
        (2, b"e2"),
        b"\n",
        b"",
    ]


def test_read_waits_for_all_recv_does_not(server):
    got = mpy(
        """
        c = s.open_session()
        c.exec("read x; echo a$x; read x; sleep 0.2; echo b$x")
        c.write(b"1\\n")
        out(c.recv(100))
        c.write(b"2\\n")
        out(c.read(3))
        buf = bytearray(100)
        out((c.recv_into(buf), c.recv(100)))
        """,
        server,
    )
    assert got == [b"a1\n", b"b2\n", (0, b"")]


def test_recv_any(server):
    got = mpy(
        """
        c = s.open_session()
        c.exec("read x; echo out; read x; echo err >&2; read x; echo more")
        for i in range(3):
            c.write(b"\\n")
            out(c.recv_any(100))
        out(c.recv_any(100))
        out(c.recv_any(100))
        out(c.wait())
        """,
        server,
    )
    assert got == [(0, b"out\n"), (1, b"err\n"), (0, b"more\n"), (0, b""), (0, b""), 0]


def test_poll(server):
    got = mpy(
        """
        c = s.open_session()
        c.exec("read x; echo got $x; read x; echo err >&2; read x")
        p = select.poll()
        p.register(c, select.POLLIN)
        out(p.poll(50))
        p.modify(c, select.POLLOUT)
        out(p.poll(2000)[0][1] & select.POLLOUT != 0)
        p.modify(c, select.POLLIN)
        c.write(b"it\\n")
        out([flags & select.POLLIN != 0 for _, flags in p.poll(5000)])
        out(c.recv(100))
        out(p.poll(50))
        e = select.poll()
        e.register(c.stderr, select.POLLIN)
        out(e.poll(50))
        c.write(b"\\n")
        out([flags & select.POLLIN != 0 for _, flags in e.poll(5000)])
        out(c.stderr.recv(100))
        c.write(b"\\n")
        p.register(c, select.POLLIN | select.POLLHUP)
        out(bool(p.poll(5000)))
        out(c.recv(100))
        """,
        server,
    )
    assert got == [[], True, [True], b"got it\n", [], [], [True], b"err\n", True, b""]


def test_poll_of_many_channels(server):
    got = mpy(
        """
        p = select.poll()
        channels = []
        for i in range(4):
            c = s.open_session()
            c.exec("read x; echo {} $x".format(i))
            channels.append(c)
            p.register(c, select.POLLIN)
        out(p.poll(20))
        for i in (2, 0, 3, 1):
            channels[i].write(b"hello\\n")
            ready = p.poll(5000)
            out([channels.index(c) for c, _ in ready])
            out(channels[i].readline())
            p.unregister(channels[i])
        """,
        server,
        options={"channels": 4},
    )
    assert got[0] == []
    assert got[1:] == [x for i in (2, 0, 3, 1) for x in ([i], b"%d hello\n" % i)]


def test_one_full_channel_does_not_stall_another(server):
    got = mpy(
        """
        full = s.open_session()
        full.exec("head -c 4000000 /dev/zero; echo end")
        other = s.open_session()
        other.exec("cat")
        for i in range(50):
            other.write(b"x" * 1000)
            assert other.read(1000) == b"x" * 1000
        other.eof()
        out((other.read(), other.wait()))
        total = 0
        while True:
            piece = full.recv(10000)
            if not piece:
                break
            total += len(piece)
        out((total, full.wait()))
        """,
        server,
        options={"channels": 2},
    )
    assert got == [(b"", 0), (4000004, 0)]


def test_unread_stderr_does_not_stall_stdout_within_the_window(server):
    got = mpy(
        """
        c = s.open_session()
        c.exec("head -c 5000 /dev/zero >&2; head -c 3000000 /dev/zero")
        total = 0
        while True:
            piece = c.recv(65536)
            if not piece:
                break
            total += len(piece)
        out((total, len(c.stderr.read()), c.wait()))
        """,
        server,
    )
    assert got == [(3000000, 5000, 0)]


def test_no_slot(server):
    got = mpy(
        """
        a = s.open_session()
        b = s.open_session()
        out(err(s.open_session)[0])
        out(err(s.exec, "true")[0])
        a.close()
        out(s.exec("echo in"))
        del b
        for i in range(3):
            [None] * 50
            gc.collect()
        c = s.open_session()
        out(c.close())
        """,
        server,
        options={"channels": 2},
    )
    assert got == ["SSHError", "SSHError", b"in\n", None]


def test_closed_channel(server):
    got = mpy(
        """
        c = s.open_session()
        c.exec("cat")
        c.close()
        c.close()
        for call in ("c.read()", "c.write(b'x')", "c.recv(1)", "c.exec('true')",
                     "c.stderr.read()"):
            out(err(eval, call)[0])
        out(s.exec("echo in"))
        """,
        server,
    )
    assert all(kind in ("SSHError", "OSError", "ValueError") for kind in got[:-1]), got
    assert got[-1] == b"in\n"


def test_write_after_eof_and_to_a_dead_process(server):
    got = mpy(
        """
        c = s.open_session()
        c.exec("cat")
        c.eof()
        out(err(c.write, b"x")[0])
        out((c.read(), c.wait()))
        c = s.open_session()
        c.exec("exit 3")
        out(c.wait())
        def flood():
            for i in range(1000):
                c.write(b"x" * 10000)
        out(err(flood)[0])
        out(s.exec("echo in"))
        """,
        server,
    )
    assert got[0] in ("SSHError", "OSError")
    assert got[1:3] == [(b"", 0), 3]
    assert got[3] in ("SSHError", "OSError")
    assert got[4] == b"in\n"


def test_shell(server):
    got = mpy(
        """
        c = s.open_session()
        c.shell()
        c.write(b"echo from a shell; exit 6\\n")
        out((c.read(), c.wait()))
        """,
        server,
    )
    assert got == [(b"from a shell\n", 6)]


def test_subsystem(server):
    got = mpy(
        """
        c = s.open_session()
        c.subsystem("sftp")
        c.write(b"\\x00\\x00\\x00\\x05\\x01\\x00\\x00\\x00\\x03")
        head = c.read(5)
        out(head[4])
        c.close()
        c = s.open_session()
        kind, code, _ = err(c.subsystem, "no-such-subsystem")
        out((kind, code == _ssh.ERR_REQUEST_REFUSED))
        out(s.exec("echo in"))
        """,
        server,
    )
    # asyncssh takes any name and hands it to the function that runs commands.
    refused = ("none", False) if server.name == "asyncssh" else ("SSHError", True)
    assert got == [2, refused, b"in\n"]


def test_refused_request_leaves_the_channel_open(sshd_with):
    server = sshd_with("PermitTTY no")
    got = mpy(
        """
        c = s.open_session()
        kind, code, text = err(c.request_pty)
        out((kind, code == _ssh.ERR_REQUEST_REFUSED))
        c.exec("echo in")
        out((c.read(), c.wait()))
        """,
        server,
    )
    assert got == [("SSHError", True), (b"in\n", 0)]


def test_pty(server):
    if server.name in ("asyncssh", "paramiko"):
        pytest.skip("its test server has no terminals")
    if os.geteuid() != 0:
        pytest.skip("sshd gives a terminal to its user, which takes root")
    got = mpy(
        """
        c = s.open_session()
        c.request_pty("xterm-256color", 91, 37)
        c.exec("tty >/dev/null && stty size && echo $TERM; read x; stty size")
        out((c.readline(), c.readline()))
        c.window_change(120, 50)
        c.write(b"\\n")
        lines = c.read().replace(b"\\r\\n", b"\\n").split(b"\\n")
        out(lines)
        out(c.wait())
        """,
        server,
    )
    assert got[0] == (b"37 91\r\n", b"xterm-256color\r\n")
    assert b"50 120" in got[1]
    assert got[2] == 0


def test_setenv(sshd):
    got = mpy(
        """
        c = s.open_session()
        c.setenv("MPY_ONE", "a value; $HOME")
        kind, code, _ = err(c.setenv, "OTHER", "x")
        out((kind, code == _ssh.ERR_REQUEST_REFUSED))
        c.exec('printf %s "$MPY_ONE$OTHER"')
        out(c.read())
        """,
        sshd,
    )
    assert got == [("SSHError", True), b"a value; $HOME"]


def test_send_signal(sshd):
    """OpenSSH and asyncssh act on signal requests."""
    got = mpy(
        """
        c = s.open_session()
        c.exec("trap 'echo trapped; exit 9' USR1; echo ready; while :; do sleep 0.05; done")
        out(c.readline())
        c.signal("USR1")
        out((c.readline(), c.wait()))
        """,
        sshd,
    )
    assert got == [b"ready\n", (b"trapped\n", 9)]


def test_exec_twice_on_one_channel(sshd):
    """RFC 4254 section 6.5: only one of them per channel."""
    got = mpy(
        """
        c = s.open_session()
        c.exec("cat")
        out(err(c.exec, "true")[0])
        c.close()
        out(s.exec("echo in"))
        """,
        sshd,
    )
    assert got == ["SSHError", b"in\n"]


def test_timeouts_and_blocking(server):
    got = mpy(
        """
        c = s.open_session()
        out(c.gettimeout())
        c.exec("read x; echo $x")
        c.setblocking(False)
        out(c.gettimeout())
        kind, code, _ = err(c.recv, 10)
        out((kind, code == errno.EAGAIN))
        out(c.read(10))
        buf = bytearray(4)
        out(c.readinto(buf))
        c.settimeout(0.2)
        out(c.gettimeout())
        start = time.ticks_ms()
        kind, code, _ = err(c.recv, 10)
        out((kind, code == errno.ETIMEDOUT, time.ticks_diff(time.ticks_ms(), start) >= 190))
        c.setblocking(True)
        out(c.gettimeout())
        c.write(b"late\\n")
        out(c.recv(10))
        c.settimeout(0)
        out(c.gettimeout())
        """,
        server,
    )
    assert got[1:] == [
        0,
        ("OSError", True),
        None,
        None,
        0.2,
        ("OSError", True, True),
        None,
        b"late\n",
        0,
    ]


def test_nonblocking_write_stops_at_the_window(server):
    """The remote program reads nothing until the window was full. How much servers and pipes hold
    until then differs: megabytes.
    """
    flag = f"/tmp/mpssh-flag-{uuid.uuid4().hex}"
    script = """
        c = s.open_session()
        c.exec("until [ -e FLAG ]; do sleep 0.05; done; cat | wc -c")
        c.setblocking(False)
        total = 0
        p = select.poll()
        p.register(c, select.POLLOUT)
        seen_full = False
        data = b"x" * 50000
        size = 40000000
        while total < size:
            n = c.write(memoryview(data)[: size - total])
            if n is None:
                if not seen_full:
                    seen_full = True
                    size = total + 1000000
                    s.exec("touch FLAG")
                p.poll(5000)
            else:
                total += n
        c.setblocking(True)
        c.write(b"\\n")
        c.eof()
        out(int(c.read()) - size)
        out(seen_full)
        """
    try:
        got = mpy(script.replace("FLAG", flag), server, timeout=60)
    finally:
        pathlib.Path(flag).unlink(missing_ok=True)
    assert got == [1, True]


def test_print_to_a_channel(server):
    got = mpy(
        """
        c = s.open_session()
        c.exec("cat")
        print("hello", 1, file=c)
        out(c.readline())
        """,
        server,
    )
    assert got == [b"hello 1\n"]


def test_channel_outlives_its_variables(server):
    """A channel keeps its session and socket alive."""
    got = mpy(
        """
        def start():
            c = connect().open_session()
            c.exec("read x; echo $x")
            return c
        c = start()
        del s
        for i in range(5):
            gc.collect()
            [bytearray(1000) for _ in range(100)]
        c.write(b"alive\\n")
        out(c.readline())
        """,
        server,
    )
    assert got == [b"alive\n"]


def test_channel_after_session_close(server):
    got = mpy(
        """
        c = s.open_session()
        c.exec("cat")
        s.close()
        calls = ("c.read()", "c.write(b'x')", "c.wait()", "s.open_session()")
        out([err(eval, x)[0] for x in calls])
        c.close()
        c.stderr.close() if hasattr(c.stderr, "close") else None
        out("end")
        """,
        server,
    )
    assert got == [["SSHError"] * 4, "end"]


def test_window_and_max_packet_options(server):
    got = mpy(
        """
        c = s.open_session(window=9000)
        c.exec("head -c 1000000 /dev/zero | tr '\\\\0' a; echo err >&2")
        total = 0
        while True:
            data = c.recv(100000)
            if not data:
                break
            assert data == b"a" * len(data)
            total += len(data)
        out((total, c.stderr.read(), c.wait()))
        out(len(s.exec("head -c 300000 /dev/zero")))
        """,
        server,
        options={"window": 40000, "max_packet": 4096},
    )
    assert got == [(1000000, b"err\n", 0), 300000]
