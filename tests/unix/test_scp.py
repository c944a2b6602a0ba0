"""SCP both ways, by bytes and by stream."""

import hashlib
import os

import pytest
from harness.mpy import run_in_folder as mpy
from harness.mpy import run_mpy

pytestmark = pytest.mark.usefixtures("micropython")


@pytest.mark.parametrize("size", [0, 1, 32768, 1000003])
def test_bytes(server, folder, size):
    data = os.urandom(size)
    (folder / "a").write_bytes(data)
    got = mpy(
        """
        data = s.scp_recv(D + "/a")
        out((len(data), sha(data)))
        out(s.scp_send(D + "/b", 0o640, data))
        out(s.stats()[3])
        """,
        server,
        folder,
        heapsize="8M",
    )
    assert got == [(size, hashlib.sha256(data).hexdigest()), size, 0]
    assert (folder / "b").read_bytes() == data
    if server.name != "asyncssh":
        # Its scp keeps modes only when asked to by -p, which would take times along.
        assert (folder / "b").stat().st_mode & 0o777 == 0o640


def test_streams_larger_than_the_heap(server, folder):
    size = 16 * 1024 * 1024
    got = mpy(
        f"""
        last = [0]
        def progress(done, total):
            assert done >= last[0]
            last[:] = done, total
        source = Source({size})
        out(s.scp_send(D + "/big", 0o644, source, {size}, progress))
        out(tuple(last))
        sink = Sink()
        last[:] = [0]
        out(s.scp_recv(D + "/big", sink, progress=progress))
        out(tuple(last))
        out((sink.size, hexed(sink.digest) == hexed(source.digest)))
        """,
        server,
        folder,
        heapsize="512K",
        timeout=90,
    )
    assert got == [size, (size, size), size, (size, size), (size, True)]
    assert (folder / "big").stat().st_size == size


NAMES = [
    "a b",
    "quo'te",
    'dou"ble',
    "$HOME `id` \\ *",
    "\u00fcml\u00e4ut",
    "-rf",
    "x" * 200,
    "a;b&c|d",
]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_quoting_of_paths(sshd, folder, name):
    got = mpy(
        """
        path = D + "/" + P["name"]
        out(s.scp_send(path, 0o600, b"content"))
        out(s.scp_recv(path))
        """,
        sshd,
        folder,
        name=name,
    )
    assert got == [7, b"content"]
    assert os.listdir(folder) == [name]
    assert (folder / name).read_bytes() == b"content"


def test_relative_names_that_look_like_options(sshd, folder):
    account = sshd.site.account
    if not account.temporary:
        pytest.skip("writes to the home of a temporary account only, which takes root")
    got = mpy(
        """
        out(s.scp_send("-rf", 0o600, b"content"))
        out(s.scp_recv("-rf"))
        out(s.exec("rm -- -rf; ls"))
        """,
        sshd,
        folder,
    )
    assert got == [7, b"content", b""]


def test_into_a_folder(sshd, folder):
    """A folder as target: a clear error or a file in it, never a hang."""
    got = mpy("out(err(s.scp_send, D, 0o600, b'x')[0]); out(s.exec('echo in'))", sshd, folder)
    assert got[0] in ("OSError", "SSHError", "none") and got[1] == b"in\n"


def test_errors(server, folder):
    (folder / "sub").mkdir()
    got = mpy(
        """
        out(err(s.scp_recv, D + "/missing"))
        out(err(s.scp_recv, D + "/sub"))
        out(err(s.scp_send, D + "/missing/x", 0o600, b"x"))
        out(err(s.scp_send, D + "/missing/x", 0o600, Source(3000000), 3000000))
        out(err(s.scp_send, "/dev/full", 0o600, b"x" * 100000))
        out(err(s.scp_recv, "")[0])
        out(s.exec("echo still here"))
        out(s.stats()[3])
        """,
        server,
        folder,
    )
    for i, (kind, _, text) in enumerate(got[:5]):
        assert kind in ("OSError", "SSHError"), (i, got[i])
        assert text, i
    assert got[0][1] == 2 or "o such file" in got[0][2]
    if server.name != "asyncssh":
        # asyncssh's own scp does not say so.
        assert got[4][1] == 28 or "space" in got[4][2] or got[4][1] == 5
    assert got[6:] == [b"still here\n", 0]


def test_permission_refused(sshd, folder):
    path = folder / "locked"
    path.write_bytes(b"text")
    path.chmod(0o000)
    if sshd.site.account.name == "root":
        pytest.skip("root may do everything")
    kind, code, text = mpy("out(err(s.scp_recv, D + '/locked'))", sshd, folder)[0]
    path.chmod(0o600)
    assert kind in ("OSError", "SSHError")
    assert code == 13 or "ermission denied" in text


def test_source_that_ends_early(sshd, folder):
    """A stream with fewer bytes than size: an error, no hang, the session lives."""
    got = mpy(
        """
        kind, code, text = err(s.scp_send, D + "/short", 0o600, Source(1000), 5000)
        out((kind, bool(text)))
        out(s.exec("echo still here"))
        """,
        sshd,
        folder,
    )
    assert got[0][0] in ("OSError", "SSHError", "ValueError") and got[0][1]
    assert got[1] == b"still here\n"


def test_streams_that_raise(sshd, folder):
    (folder / "a").write_bytes(bytes(500000))
    got = mpy(
        """
        class Bad(io.IOBase):
            def write(self, buf):
                raise KeyError("enough")
            def readinto(self, buf):
                raise KeyError("enough")
        out(err(s.scp_recv, D + "/a", Bad())[:2])
        out(err(s.scp_send, D + "/b", 0o600, Bad(), 100000)[:2])
        def progress(done, total):
            raise RuntimeError("stop")
        out(err(s.scp_recv, D + "/a", Sink(), progress)[:2])
        out(err(s.scp_send, D + "/b", 0o600, Source(500000), 500000, progress)[:2])
        out(s.exec("echo still here"))
        out(s.stats()[3])
        """,
        sshd,
        folder,
    )
    assert got == [("KeyError", "enough")] * 2 + [("RuntimeError", "stop")] * 2 + [
        b"still here\n",
        0,
    ]


def test_no_scp_at_the_server(sshd_with):
    server = sshd_with("ForceCommand exit 127")
    got = run_mpy(
        """
        s = connect()
        out(err(s.scp_recv, "/etc/motd"))
        out(err(s.scp_send, "/tmp/nothing", 0o600, b"x"))
        """,
        **server.params(),
    ).out
    for kind, _, text in got:
        assert kind in ("OSError", "SSHError") and text


FAKES = {
    "path in the name": r"printf 'C0644 5 ../evil\n'; cat",
    "absolute name": r"printf 'C0644 5 /tmp/evil\n'; cat",
    "dot": r"printf 'C0644 5 .\n'; cat",
    "dots": r"printf 'C0644 5 ..\n'; cat",
    "folder": r"printf 'D0755 0 sub\n'; cat",
    "huge size": r"printf 'C0644 99999999999999999999 a\n'; cat",
    "negative size": r"printf 'C0644 -5 a\n'; cat",
    "no size": r"printf 'C0644\n'; cat",
    "noise": r"printf 'Welcome!\n'; cat",
    "endless line": r"head -c 1000000 /dev/zero | tr '\0' x; cat",
    "error": r"printf '\002scp: it does not work \033[31m\n'; exit 1",
    "warning": r"printf '\001scp: it does not work\n'; exit 1",
    "silence": "exit 0",
    "cut": r"printf 'C0644 500 a\n'; head -c 100 /dev/zero; exit 0",
}


@pytest.mark.parametrize("fake", FAKES)
def test_lying_servers(sshd_with, fake):
    """ATTACKS 61: refused, or at least nothing written anywhere but to the caller."""
    server = sshd_with(f"ForceCommand {FAKES[fake]}")
    got = run_mpy(
        """
        s = connect(timeout=3)
        start = time.ticks_ms()
        kind, code, text = err(s.scp_recv, "/some/a")
        out((kind, code, text, time.ticks_diff(time.ticks_ms(), start) < 8000))
        """,
        **server.params(),
    ).one
    assert got[0] in ("SSHError", "OSError", "MemoryError"), got
    assert got[3] and "\x1b" not in got[2]
    if fake in ("error", "warning"):
        assert "it does not work" in got[2]
