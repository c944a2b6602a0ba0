"""SFTP: files as streams, folders, attributes, get and put."""

import hashlib
import os
from functools import partial

import pytest
from harness.mpy import run_in_folder, run_mpy
from harness.servers import Sshd

pytestmark = pytest.mark.usefixtures("micropython")


mpy = partial(run_in_folder, before="sftp = s.sftp()\n")


def pattern(size):
    """The same bytes as the program's Source(size)."""
    block = bytes((i * 7 + (i >> 8) * 13) & 0xFF for i in range(10007))
    return (block * (size // len(block) + 1))[:size]


def test_read(server, folder):
    text = b"one\ntwo\n\nfour " + b"x" * 3000 + b"\nrest"
    (folder / "a").write_bytes(text)
    got = mpy(
        """
        f = sftp.open(D + "/a")
        out((f.read(5), f.tell()))
        out(f.readline())
        out(f.readline())
        out(len(f.readline()))
        buf = bytearray(10)
        out((f.readinto(buf), bytes(buf[:4])))
        out((f.read(), f.read(), f.read(1), f.readline()))
        out((f.seek(4), f.read(3)))
        out((f.seek(2, 1), f.tell()))
        out((f.seek(-4, 2), f.read()))
        out((f.seek(0), sha(f.read())))
        out(f.stat()[1])
        f.close()
        f.close()
        out(err(f.read)[0])
        with sftp.open(D + "/a", "rb") as f:
            out([len(line) for line in f])
        """,
        server,
        folder,
    )
    assert got[:4] == [(b"one\nt", 5), b"wo\n", b"\n", 3006]
    assert got[4] == (4, b"rest")
    assert got[5] == (b"", b"", b"", b"")
    assert got[6:9] == [(4, b"two"), (9, 9), (len(text) - 4, b"rest")]
    assert got[9] == (0, hashlib.sha256(text).hexdigest())
    assert got[10] == len(text)
    assert got[11] in ("OSError", "ValueError", "SSHError")
    assert got[12] == [4, 4, 1, 3006, 4]


def test_modes(server, folder):
    (folder / "old").write_bytes(b"0123456789")
    (folder / "old").chmod(0o666)
    got = mpy(
        """
        def names():
            return sftp.listdir(D)
        with sftp.open(D + "/w", "w") as f:
            out(f.write(b"first"))
        with sftp.open(D + "/w", "wb") as f:
            f.write("sec")
            out(err(f.read)[0])
        with sftp.open(D + "/w", "a") as f:
            f.write(b"ond")
            f.seek(0)
            f.write(b"!")
        with sftp.open(D + "/x", "x") as f:
            f.write(b"new")
        kind, code, _ = err(sftp.open, D + "/x", "x")
        out((kind, code))
        with sftp.open(D + "/old", "r+") as f:
            f.seek(3)
            f.write(b"abc")
            out((f.tell(), f.read(2)))
            f.seek(0)
            out(f.read())
        with sftp.open(D + "/wp", "w+b") as f:
            f.write(b"hello")
            f.seek(1)
            out(f.read())
        with sftp.open(D + "/ap", "a+") as f:
            f.write(b"one")
            f.seek(0)
            out(f.read())
        with sftp.open(D + "/old") as f:
            out(err(f.write, b"x")[0])
        for mode in ("", "rw", "z", "r+w", "bb", 3):
            out(err(sftp.open, D + "/old", mode)[0])
        out(err(sftp.open, D + "/missing")[:2])
        out(err(sftp.open, D + "/missing", "r+")[:2])
        """,
        server,
        folder,
    )
    assert got[0] == 5
    assert got[1] in ("OSError", "SSHError", "ValueError")
    # The server's text tells EEXIST from other failures, where it says anything at all.
    assert got[2] in (("OSError", 17), ("OSError", 5))
    assert got[3:7] == [(6, b"67"), b"012abc6789", b"ello", b"one"]
    assert got[7] in ("OSError", "SSHError", "ValueError")
    assert got[8:14] == ["ValueError"] * 5 + ["TypeError"]
    assert got[14:] == [("OSError", 2)] * 2
    assert (folder / "w").read_bytes() == b"second!"
    assert (folder / "x").read_bytes() == b"new"
    assert (folder / "old").read_bytes() == b"012abc6789"


def test_interleaved_read_write_seek(server, folder):
    """The same random walk over a remote file and over bytes in memory."""
    got = mpy(
        """
        model = bytearray()
        state = 12345
        def rnd(n):
            global state
            state = (state * 1103515245 + 12345) & 0x7FFFFFFF
            return (state >> 8) % n
        f = sftp.open(D + "/walk", "w+")
        at = 0
        for step in range(400):
            what = rnd(4)
            if what == 0:
                at = rnd(len(model) + 1)
                assert f.seek(at) == at
            elif what == 1:
                data = bytes([step & 255]) * rnd(5000)
                f.write(data)
                if at + len(data) > len(model):
                    model.extend(bytes(at + len(data) - len(model)))
                model[at : at + len(data)] = data
                at += len(data)
            else:
                n = rnd(9000)
                data = f.read(n)
                assert data == model[at : at + n], (step, at, n, len(data))
                at += len(data)
            assert f.tell() == at, (step, f.tell(), at)
        f.close()
        out((len(model), sha(model)))
        """,
        server,
        folder,
        timeout=60,
    )
    data = (folder / "walk").read_bytes()
    assert got == [(len(data), hashlib.sha256(data).hexdigest())]


def test_get_and_put(server, folder):
    size = 3000001
    got = mpy(
        f"""
        calls = []
        source = Source({size})
        out(sftp.put(source, D + "/up", progress=lambda done, total: calls.append((done, total))))
        out((calls[-1][0], calls == sorted(calls)))
        calls = []
        sink = Sink()
        out(sftp.get(D + "/up", sink, progress=lambda done, total: calls.append((done, total))))
        out((calls[-1], calls == sorted(calls), len(calls) > 3))
        out((sink.size, hexed(sink.digest) == hexed(source.digest)))
        out(sftp.put(io.BytesIO(b""), D + "/empty"))
        sink = Sink()
        out((sftp.get(D + "/empty", sink), sink.size))
        """,
        server,
        folder,
    )
    assert got == [
        size,
        (size, True),
        size,
        ((size, size), True, True),
        (size, True),
        0,
        (0, 0),
    ]
    assert (folder / "up").read_bytes() == pattern(size)
    assert (folder / "empty").read_bytes() == b""


@pytest.mark.parametrize("most", [1, 700])
def test_get_and_put_with_streams_of_short_calls(sshd, folder, most):
    size = 5000 if most == 1 else 200000
    got = mpy(
        f"""
        source = Source({size}, {most})
        out(sftp.put(source, D + "/up"))
        sink = Sink({most})
        out(sftp.get(D + "/up", sink))
        out((sink.size, hexed(sink.digest) == hexed(source.digest)))
        """,
        sshd,
        folder,
    )
    assert got == [size, size, (size, True)]


@pytest.mark.unix_only("files of the client are here; tests/dos/test_ssh.py has files of DOS")
def test_get_and_put_between_local_files(server, folder):
    data = os.urandom(1000003)
    (folder / "local").write_bytes(data)
    got = mpy(
        """
        with open(D + "/local", "rb") as file:
            out(sftp.put(file, D + "/remote"))
        with open(D + "/back", "wb") as file:
            out(sftp.get(D + "/remote", file))
        """,
        server,
        folder,
    )
    assert got == [len(data), len(data)]
    assert (folder / "remote").read_bytes() == data
    assert (folder / "back").read_bytes() == data


@pytest.mark.parametrize("have", [1, 32768, 99_999, 100_000])
def test_get_and_put_go_on(server, folder, have):
    """With offset only the rest is moved; what is behind the new end in the remote file goes."""
    data = pattern(100_000)
    (folder / "a").write_bytes(data)
    (folder / "b").write_bytes(data[:have])
    (folder / "longer").write_bytes(data[:have] + b"x" * 200_000)
    for name in ("b", "longer"):
        (folder / name).chmod(0o666)
    got = mpy(
        """
        import io
        told = []
        into = io.BytesIO()
        out(sftp.get(D + "/a", into, lambda *n: told.append(n), offset=P["have"]))
        out(sha(into.getvalue()))
        out(told[-1])
        rest = into.getvalue()
        for name in "b", "longer":
            told.clear()
            stream = io.BytesIO(rest)
            out(sftp.put(stream, D + "/" + name, lambda *n: told.append(n), offset=P["have"]))
            out(told[-1])
        out(err(sftp.get, D + "/a", into, offset=100_001)[0])
        out(err(sftp.put, into, D + "/b", offset=100_001)[0])
        out(err(sftp.put, into, D + "/b", offset=-1)[0])
        """,
        server,
        folder,
        have=have,
    )
    left = len(data) - have
    assert got[:3] == [left, hashlib.sha256(data[have:]).hexdigest(), (len(data), len(data))]
    assert got[3:7] == [left, (len(data), len(data))] * 2
    assert got[7:] == ["ValueError"] * 3
    for name in ("a", "b", "longer"):
        assert (folder / name).read_bytes() == data


def test_files_larger_than_the_heap(server, folder):
    """16 MiB each way with a heap of 512 KiB."""
    # With few requests under way paramiko's server is slow: it leaves Nagle's delay on.
    size = (2 if server.name == "paramiko" else 16) * 1024 * 1024
    got = mpy(
        f"""
        source = Source({size})
        out(sftp.put(source, D + "/big"))
        sent = hexed(source.digest)
        sink = Sink()
        out(sftp.get(D + "/big", sink))
        out(hexed(sink.digest) == sent)
        # The same through a file object, in pieces.
        digest = hashlib.sha256()
        buf = bytearray(20000)
        with sftp.open(D + "/big") as f:
            while True:
                n = f.readinto(buf)
                if not n:
                    break
                digest.update(memoryview(buf)[:n])
        out(hexed(digest) == sent)
        """,
        server,
        folder,
        heapsize="512K",
        timeout=90,
    )
    assert got == [size, size, True, True]
    assert hashlib.sha256((folder / "big").read_bytes()).digest() == (
        hashlib.sha256(pattern(size)).digest()
    )


def test_stream_that_raises_in_get_and_put(server, folder):
    (folder / "a").write_bytes(bytes(500000))
    got = mpy(
        """
        class Bad(io.IOBase):
            def __init__(self):
                self.calls = 0
            def write(self, buf):
                self.calls += 1
                if self.calls > 2:
                    raise KeyError("enough")
                return len(buf)
            def readinto(self, buf):
                self.calls += 1
                if self.calls > 2:
                    raise KeyError("enough")
                return len(buf)
        out(err(sftp.get, D + "/a", Bad())[:2])
        out(err(sftp.put, Bad(), D + "/b")[:2])
        def progress(done, total):
            raise RuntimeError("stop")
        out(err(sftp.get, D + "/a", Sink(), progress)[:2])
        out(err(sftp.put, Source(500000), D + "/b", progress)[:2])
        sink = Sink()
        out((sftp.get(D + "/a", sink), sink.size))
        out(err(sftp.get, D + "/a", 3)[0])
        out(err(sftp.put, 3, D + "/b")[0])
        """,
        server,
        folder,
    )
    assert got[:2] == [("KeyError", "enough")] * 2
    assert got[2:4] == [("RuntimeError", "stop")] * 2
    assert got[4] == (500000, 500000)
    assert set(got[5:]) <= {"OSError", "TypeError", "ValueError"}


def test_a_write_under_way_and_other_files(server, folder):
    """What is written to one file waits for more; requests of other files may not come into it."""
    (folder / "b").write_bytes(b"0123456789")
    (folder / "c").write_bytes(b"c")
    got = mpy(
        """
        a, b, c = sftp.open(D + "/a", "w"), sftp.open(D + "/b"), sftp.open(D + "/c")
        a.write("one")
        out(b.read(3))
        a.write("two")
        c.close()
        a.write("three")
        del c
        with sftp.opendir(D) as d:
            a.write("four")
            out(len(list(d)) >= 3)
        b.seek(9)
        a.write("five")
        out(b.read())
        b.close()
        a.close()
        with sftp.open(D + "/a") as a:
            out(a.read())
        """,
        server,
        folder,
    )
    assert got == [b"012", True, b"9", b"onetwothreefourfive"]


def test_many_files_open(server, folder):
    got = mpy(
        """
        files = [sftp.open(D + "/" + str(i), "w") for i in range(20)]
        for n in range(5):
            for i, f in enumerate(files):
                f.write(b"%d %d\\n" % (i, n))
        for f in reversed(files):
            f.close()
        del files, f
        gc.collect()
        out(len(sftp.listdir(D)))
        """,
        server,
        folder,
        heapsize="16M",
    )
    assert got == [20]
    for i in range(20):
        assert (folder / str(i)).read_bytes() == b"".join(b"%d %d\n" % (i, n) for n in range(5))


def test_file_dropped_without_close(start_server, folder):
    """The handle is given back by the collector: the server may have few files open."""
    server = start_server(Sshd, wrap=("sh", "-c", 'ulimit -n 60; exec "$@"', "sh"))
    (folder / "a").write_bytes(b"text")
    got = mpy(
        """
        for i in range(300):
            f = sftp.open(D + "/a")
            assert f.read(2) == b"te"
            d = sftp.opendir(D)
            d.read()
            f = d = None
            if i % 10 == 9:
                gc.collect()
        out("end")
        """,
        server,
        folder,
        timeout=60,
    )
    assert got == ["end"]


def test_two_sftp_at_once_and_an_exec(server, folder):
    got = mpy(
        """
        other = s.sftp()
        a = sftp.open(D + "/a", "w")
        b = other.open(D + "/b", "w")
        for i in range(10):
            a.write(b"a" * 9000)
            b.write(b"b" * 9000)
            assert s.exec("echo in") == b"in\\n"
        other.close()
        a.close()
        out(err(b.write, b"x")[0])
        out(err(other.stat, ".")[0])
        out(sftp.stat(D + "/a")[1])
        sftp.close()
        sftp.close()
        out(err(sftp.stat, ".")[0])
        out(s.exec("echo in"))
        """,
        server,
        folder,
    )
    assert got[0] in ("OSError", "SSHError", "ValueError")
    assert got[1] in ("OSError", "SSHError", "ValueError")
    assert got[2] == 90000
    assert got[3] in ("OSError", "SSHError", "ValueError")
    assert got[4] == b"in\n"


def test_context_manager(sshd, folder):
    got = mpy(
        """
        with s.sftp() as t:
            out(t.realpath(D))
        out(err(t.realpath, D)[0])
        """,
        sshd,
        folder,
    )
    assert got[0] == str(folder) and got[1] in ("OSError", "SSHError", "ValueError")


def test_limits_and_extensions(server, folder):
    limits, extensions = mpy("out(sftp.limits); out(sftp.extensions)", server, folder)
    assert len(limits) == 4 and all(isinstance(x, int) for x in limits)
    assert limits[1] >= 1024 and limits[2] >= 1024
    assert isinstance(extensions, dict)
    if server.name in ("openssh", "dropbear"):
        assert extensions["posix-rename@openssh.com"] == "1"
        assert "limits@openssh.com" in extensions
    if server.name == "paramiko":
        assert limits[1] <= 32768 and limits[2] <= 32768


def test_no_sftp_at_the_server(sshd_with, folder):
    server = sshd_with("ForceCommand false")
    got = run_mpy(
        """
        s = connect()
        out(err(s.sftp)[0])
        out(s.run("anything").status)
        """,
        **server.params(),
    ).out
    assert got[0] in ("SSHError", "OSError") and got[1] == 1


def test_server_that_talks_before_sftp(sshd_with):
    """A login script that prints: a clear error, not a wild length."""
    server = sshd_with("ForceCommand echo Welcome to this machine; cat")
    kind, _, text = run_mpy("out(err(connect().sftp))", **server.params()).one
    assert kind in ("SSHError", "OSError") and text


def test_growing_and_shrinking_files(sshd, folder):
    """get() of a file whose stat says less or more than it has."""
    got = mpy(
        """
        sink = Sink()
        out((sftp.get("/proc/self/status", sink) == sink.size, sink.size > 100))
        with sftp.open("/proc/self/status") as f:
            out(len(f.read()) > 100)
        """,
        sshd,
        folder,
    )
    assert got == [(True, True), True]


def test_wrong_arguments(sshd, folder):
    got = mpy(
        """
        for call in ("sftp.open()", "sftp.open(1)", "sftp.stat(None)", "sftp.mkdir(D, 'x')",
                     "sftp.rename(D)", "sftp.get(D)", "sftp.open(D, buffer=-1)",
                     "sftp.open(D + '/a', 'w').seek(-1)", "sftp.open(D + '/a', 'w').seek(0, 9)",
                     "sftp.open(D + '/a', 'w').write(5)"):
            out(err(eval, call)[0])
        """,
        sshd,
        folder,
    )
    assert set(got) <= {"TypeError", "ValueError", "OSError"}


def test_buffer_option(sshd, folder):
    got = mpy(
        """
        for size in (0, 1, 100, 4096, 200000):
            with sftp.open(D + "/f", "w", buffer=size or None) as f:
                for i in range(300):
                    f.write(b"%06d\\n" % i)
            with sftp.open(D + "/f", buffer=size or None) as f:
                data = f.read()
            out((len(data), data[-7:]))
        """,
        sshd,
        folder,
        timeout=60,
    )
    assert got == [(2100, b"000299\n")] * 5


def test_perm(sshd, folder):
    mpy(
        """
        sftp.open(D + "/private", "w", perm=0o600).close()
        sftp.open(D + "/default", "w").close()
        """,
        sshd,
        folder,
    )
    assert (folder / "private").stat().st_mode & 0o777 == 0o600
    assert (folder / "default").stat().st_mode & 0o600 == 0o600


@pytest.mark.slow
def test_positions_past_4_gib(sshd, folder):
    """A sparse file: positions and sizes need 64 bits."""
    path = folder / "sparse"
    with path.open("wb") as file:
        file.truncate(5 * 2**30)
    path.chmod(0o666)
    got = mpy(
        """
        with sftp.open(D + "/sparse", "r+") as f:
            out(f.seek(0, 2))
            f.seek(4500000000)
            f.write(b"far away")
            out(f.tell())
            f.seek(-500000000, 1)
            f.seek(500000000 - 8, 1)
            out(f.read(8))
        out(sftp.stat(D + "/sparse")[1])
        """,
        sshd,
        folder,
    )
    assert got == [5 * 2**30, 4500000008, b"far away", 5 * 2**30]
