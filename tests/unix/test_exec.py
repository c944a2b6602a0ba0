"""exec() and run(): output, input, status and signal."""

import hashlib
import textwrap

import pytest
from harness.mpy import run_mpy

pytestmark = pytest.mark.usefixtures("micropython")

MIB8 = 8 * 1024 * 1024


def mpy(script, server, **more):
    timeout = more.pop("timeout", 30)
    heapsize = more.pop("heapsize", None)
    return run_mpy(
        "s = connect(**P.get('options', {}))\n" + textwrap.dedent(script),
        timeout=timeout,
        heapsize=heapsize,
        **server.params(),
        **more,
    )


def test_run(server):
    got = mpy(
        """
        done = s.run("cat; echo err >&2; exit 7", stdin=b"in\\n")
        out((done.stdout, done.stderr, done.status, done.signal))
        out(tuple(done))
        out(tuple(s.run("true")))
        out(tuple(s.run("exit 255")))
        out(tuple(s.run("cat", stdin="text")))
        out(tuple(s.run("cat", stdin=b"")))
        out(tuple(s.run("cat", stdin=io.BytesIO(b"stream"))))
        out(tuple(s.run("wc -c", stdin=Source(100001))))
        """,
        server,
    ).out
    assert got[0] == got[1] == (b"in\n", b"err\n", 7, None)
    assert got[2:7] == [
        (b"", b"", 0, None),
        (b"", b"", 255, None),
        (b"text", b"", 0, None),
        (b"", b"", 0, None),
        (b"stream", b"", 0, None),
    ]
    assert got[7] == (b"100001\n", b"", 0, None)


def test_exec(server):
    got = mpy(
        """
        out(s.exec("echo out; echo err >&2; exit 3"))
        out(s.exec("true"))
        out(s.exec(b"printf '\\\\000\\\\377'"))
        for i in range(20):
            assert s.exec("echo " + str(i)) == b"%d\\n" % i
        out(s.stats()[3])
        """,
        server,
    ).out
    assert got == [b"out\n", b"", b"\x00\xff", 0]


def test_stdin_is_closed_without_input(server):
    """A command that reads stdin sees its end at once."""
    assert mpy("out((s.exec('cat; echo end'), s.run('cat; echo end').stdout))", server).one == (
        b"end\n",
        b"end\n",
    )


def test_killed_by_a_signal(server):
    got = mpy(
        """
        out(tuple(s.run("echo before; kill -TERM $$; echo after")))
        out(tuple(s.run("kill -KILL $$")))
        out(s.exec("kill -INT $$"))
        out(s.exec("echo still here"))
        """,
        server,
    ).out
    assert got == [
        (b"before\n", b"", None, "TERM"),
        (b"", b"", None, "KILL"),
        b"",
        b"still here\n",
    ]


def test_missing_command(server):
    done = mpy("out(tuple(s.run('no-such-command-here')))", server).one
    assert done[0] == b"" and b"not found" in done[1] and done[2:] == (127, None)


BOTH = (
    "exec 3>&1; "
    "(head -c 8388608 /dev/zero | tr '\\\\0' a) & "
    "(head -c 8388608 /dev/zero | tr '\\\\0' b) >&2; wait"
)


def test_both_streams_of_8_mib_at_once(server):
    got = mpy(
        f"""
        done = s.run("{BOTH}")
        out((len(done.stdout), sha(done.stdout), len(done.stderr), sha(done.stderr), done.status))
        """,
        server,
        heapsize="64M",
        timeout=60,
    ).one
    a, b = (hashlib.sha256(x * MIB8).hexdigest() for x in (b"a", b"b"))
    assert got == (MIB8, a, MIB8, b, 0)


def test_exec_throws_8_mib_of_stderr_away(server):
    got = mpy(
        f"""
        data = s.exec("{BOTH}")
        out((len(data), sha(data)))
        """,
        server,
        heapsize="48M",
        timeout=60,
    ).one
    assert got == (MIB8, hashlib.sha256(b"a" * MIB8).hexdigest())


def test_8_mib_in_and_out_at_once(server):
    """More input than any window, while as much output comes."""
    got = mpy(
        f"""
        source = Source({MIB8})
        done = s.run("{{ tee /dev/fd/3 3>&1 1>&4 | cat >&2; }} 4>&1", stdin=source)
        out((done.status, sha(done.stdout) == sha(done.stderr) == hexed(source.digest)))
        """,
        server,
        heapsize="64M",
        timeout=60,
    ).one
    assert got == (0, True)


def test_command_that_does_not_read_its_input(server):
    """The rest of the input is given up when the command has ended."""
    got = mpy(
        """
        done = s.run("head -c 10; exit 4", stdin=Source(20000000))
        out((len(done.stdout), done.status))
        out(s.exec("echo still here"))
        """,
        server,
        timeout=60,
    ).out
    assert got == [(10, 4), b"still here\n"]


def test_stdin_that_raises(server):
    got = mpy(
        """
        class Bad(io.IOBase):
            def readinto(self, buf):
                raise KeyError("no more")
        out(err(s.run, "cat", stdin=Bad())[:2])
        out(s.exec("echo still here"))
        out(err(s.run, "cat", stdin=5)[0])
        out(s.exec("echo still here"))
        out(s.stats()[3])
        """,
        server,
    ).out
    assert got[0] == ("KeyError", "no more")
    assert got[1] == b"still here\n"
    assert got[2] in ("TypeError", "ValueError", "OSError")
    assert got[3:] == [b"still here\n", 0]


def test_output_larger_than_the_heap(sshd):
    """MemoryError, and the session lives on."""
    got = mpy(
        """
        out(err(s.exec, "head -c 50000000 /dev/zero")[0])
        gc.collect()
        out(s.exec("echo still here"))
        """,
        sshd,
        heapsize="4M",
        timeout=60,
    ).out
    assert got == ["MemoryError", b"still here\n"]


@pytest.mark.parametrize("size", [1, 1000, 30000, 100000])
def test_long_commands(sshd, size):
    got = mpy(
        """
        kind, code, text = err(s.exec, "echo " + "x" * P["size"])
        out((kind, len(code) if kind == "none" else text))
        out(s.exec("echo still here"))
        """,
        sshd,
        size=size,
    ).out
    if size <= 30000:
        assert got[0][0] == "none"
    else:
        assert got[0][0] in ("none", "SSHError", "ValueError", "OSError")
    assert got[1] == b"still here\n"


def test_wrong_arguments(sshd):
    got = mpy(
        """
        for call in ("s.exec()", "s.exec(1)", "s.run()", "s.run(None)", "s.exec('a', 'b')"):
            out(err(eval, call)[0])
        out(s.exec("echo still here"))
        """,
        sshd,
    ).out
    assert set(got[:-1]) <= {"TypeError", "ValueError"}
    assert got[-1] == b"still here\n"


def test_one_command_past_the_timeout(server):
    """ETIMEDOUT from an operation leaves the session usable."""
    got = mpy(
        """
        s.timeout = 0.5
        c = s.open_session()
        c.settimeout(0.5)
        c.exec("sleep 60")
        start = time.ticks_ms()
        kind, code, _ = err(c.recv, 1)
        out((kind, code == errno.ETIMEDOUT, 300 < time.ticks_diff(time.ticks_ms(), start) < 3000))
        c.close()
        s.timeout = 10
        out(s.exec("echo still here"))
        """,
        server,
    ).out
    assert got == [("OSError", True, True), b"still here\n"]
