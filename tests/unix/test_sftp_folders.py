"""SFTP: folders, attributes, names, and what servers refuse."""

import os
import stat
import subprocess
from functools import partial

import pytest
from harness.mpy import run_in_folder

pytestmark = pytest.mark.usefixtures("micropython")
mpy = partial(run_in_folder, before="sftp = s.sftp()\n")


def test_folders_and_attributes(server, folder):
    (folder / "file").write_bytes(b"12345")
    os.utime(folder / "file", (1000000000, 1100000000))
    (folder / "file").chmod(0o640)
    (folder / "link").symlink_to("file")
    got = mpy(
        """
        out(sftp.stat(D + "/file"))
        out(sftp.stat(D + "/link") == sftp.stat(D + "/file"))
        out(sftp.lstat(D + "/link")[0])
        out(sftp.readlink(D + "/link"))
        sftp.symlink("target", D + "/made")
        out(sftp.readlink(D + "/made"))
        sftp.mkdir(D + "/sub")
        sftp.mkdir(D + "/private", 0o700)
        out(sorted(sftp.listdir(D)))
        with sftp.opendir(D) as d:
            out(sorted(name for name, attrs in d))
        d = sftp.opendir(D)
        found = {}
        while True:
            entry = d.read()
            if entry is None:
                break
            found[entry[0]] = entry[1]
        out((d.read(), found["file"] == sftp.stat(D + "/file")))
        d.close()
        sftp.rename(D + "/file", D + "/renamed")
        sftp.rmdir(D + "/sub")
        sftp.unlink(D + "/link")
        out(sorted(sftp.listdir(D)))
        out(sftp.realpath(D + "/private/.."))
        out(sftp.realpath(".")[0])
        """,
        server,
        folder,
    )
    info = (folder / "renamed").stat()
    assert got[0] == (info.st_mode, 5, 1000000000, 1100000000, info.st_uid, info.st_gid)
    assert got[1] is True
    assert stat.S_ISLNK(got[2])
    assert got[3:5] == ["file", "target"]
    assert got[5] == ["file", "link", "made", "private", "sub"]
    assert sorted(set(got[6]) - {".", ".."}) == got[5]
    assert got[7] == (None, True)
    assert got[8] == ["made", "private", "renamed"]
    assert got[9:] == [str(folder), "/"]
    assert (folder / "private").stat().st_mode & 0o777 == 0o700


def test_setstat_and_truncate(server, folder):
    path = folder / "file"
    path.write_bytes(b"0123456789")
    path.chmod(0o666)
    if server.name in ("openssh", "dropbear"):
        server.site.account.give(path)
    got = mpy(
        """
        p = D + "/file"
        sftp.setstat(p, mode=0o600)
        sftp.setstat(p, atime=1000000000, mtime=1200000000)
        out(sftp.stat(p)[:4])
        sftp.setstat(p, size=4)
        out(sftp.stat(p)[1])
        with sftp.open(p, "r+") as f:
            f.truncate(2)
            out(f.stat()[1])
            f.seek(1)
            f.truncate()
            out(f.stat()[1])
        """,
        server,
        folder,
    )
    assert got == [(0o100600, 10, 1000000000, 1200000000), 4, 2, 1]
    assert path.read_bytes() == b"0"


EXTENSIONS = """
out(sftp.extensions)
out(outcome(lambda: sftp.hardlink(D + "/a", D + "/b")))
out(outcome(lambda: sftp.hardlink(D + "/none", D + "/c")))
out(outcome(lambda: sftp.statvfs(D)))
sftp.symlink("none", D + "/link")
out(outcome(lambda: sftp.setstat(D + "/link", atime=5, mtime=6, follow=False)))
out(sftp.lstat(D + "/link")[2:4])
out(outcome(lambda: sftp.expand_path("~/x")))
with sftp.open(D + "/a") as a, sftp.open(D + "/copy", "w") as c:
    out(outcome(lambda: a.copy_data(c, 2, 5, to_offset=1)))
    c.seek(8)
    c.write("tail")
    out(outcome(c.sync))
    if "fsync@openssh.com" in sftp.extensions:
        out(c.stat()[1])
"""


def test_extensions_of_openssh(server, folder):
    """Each does what it says where the server has it, and is EOPNOTSUPP where it has not."""
    (folder / "a").write_bytes(b"0123456789")
    (folder / "a").chmod(0o666)  # Linux lets nobody link what he may not write
    got = mpy(OUTCOME + EXTENSIONS, server, folder)
    has, rest = got[0], iter(got[1:])

    def check(name, test):
        result = next(rest)
        if name in has:
            assert test(result), (name, result)
        else:
            assert result == ("OSError", 95), (name, result)

    check("hardlink@openssh.com", lambda r: r is None and os.stat(folder / "b").st_nlink == 2)
    check("hardlink@openssh.com", lambda r: r == ("OSError", 2))
    own = os.statvfs(folder)
    check("statvfs@openssh.com", lambda r: (r[0], r[2], r[9]) == (own[0], own[2], own[9]))
    check("lsetstat@openssh.com", lambda r: r is None)
    times = next(rest)
    assert "lsetstat@openssh.com" not in has or times == (5, 6)
    check("expand-path@openssh.com", lambda r: r[0] == "/" and r.endswith("/x") and "~" not in r)
    copied = b"\0" + b"23456" if "copy-data" in has else b"\0" * 6
    check("copy-data", lambda r: r is None)
    check("fsync@openssh.com", lambda r: r is None)
    if "fsync@openssh.com" in has:
        assert next(rest) == 12
    assert (folder / "copy").read_bytes() == copied + b"\0\0tail"


OUTCOME = """
def outcome(f):
    try:
        return f()
    except Exception as e:
        return type(e).__name__, e.args[0]
"""


def test_copy_data_arguments(sshd, folder):
    (folder / "a").write_bytes(b"0123456789")
    got = mpy(
        OUTCOME
        + """
a, b = sftp.open(D + "/a"), sftp.open(D + "/b", "w+")
out(outcome(lambda: a.copy_data(1))[0])
out(outcome(lambda: a.copy_data(b, -1))[0])
out(outcome(lambda: a.copy_data(s.sftp().open(D + "/a")))[0])
b.write("xyz")
b.seek(0)
out(b.read(1))
a.copy_data(b)
out(b.read())
b.close()
out(outcome(lambda: a.copy_data(b)))
a.close()
out(outcome(lambda: a.copy_data(b)))
out(outcome(a.sync))
""",
        sshd,
        folder,
    )
    assert got[:3] == ["TypeError", "ValueError", "ValueError"]
    assert got[3:5] == [b"x", b"123456789"]
    assert got[5:] == [("OSError", 9)] * 3


def test_rename_over_an_existing_file(server, folder):
    got = mpy(
        """
        for name in ("a", "b"):
            with sftp.open(D + "/" + name, "w") as f:
                f.write(name)
        kind, code, _ = err(sftp.rename, D + "/a", D + "/b")
        out(kind)
        sftp.posix_rename(D + "/a", D + "/b")
        with sftp.open(D + "/b") as f:
            out(f.read())
        out(sftp.listdir(D))
        """,
        server,
        folder,
    )
    assert got == ["OSError", b"a", ["b"]]


def test_large_folder(server, folder):
    sub = folder / "many"
    sub.mkdir()
    for i in range(1000):
        (sub / f"a file with a rather long name, number {i:04}").touch()
    got = mpy(
        """
        count, names = 0, set()
        d = sftp.opendir(D + "/many")
        while True:
            entry = d.read()
            if entry is None:
                break
            if entry[0] not in (".", ".."):
                names.add(entry[0])
                count += 1
        d.close()
        out((count, len(names)))
        out(len(sftp.listdir(D + "/many")))
        d = sftp.opendir(D + "/many")
        d.read()
        d.close()
        out(err(d.read)[0])
        """,
        server,
        folder,
    )
    assert got[:2] == [(1000, 1000), 1000]
    assert got[2] in ("OSError", "SSHError", "ValueError")


NAMES = [
    "a b",
    "quo'te",
    'dou"ble',
    "$HOME `id` \\ *",
    "\u00fcml\u00e4ut",
    "-rf",
    "new\nline",
    "x" * 250,
]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_names(sshd, folder, name):
    got = mpy(
        """
        path = D + "/" + P["name"]
        with sftp.open(path, "w") as f:
            f.write(b"content")
        out(sftp.listdir(D) == [P["name"]])
        out(sftp.stat(path)[1])
        out(sftp.realpath(path) == path)
        """,
        sshd,
        folder,
        name=name,
    )
    assert got == [True, 7, True]
    assert (folder / name).read_bytes() == b"content"


def test_names_of_foreign_bytes(sshd, folder):
    """A name that is no UTF-8 must not break the listing of the others."""
    os.close(os.open(os.fsencode(folder) + b"/bad\xff\xfe", os.O_CREAT | os.O_WRONLY))
    (folder / "good").touch()
    got = mpy(
        """
        names = sftp.listdir(D)
        out((len(names), "good" in names))
        """,
        sshd,
        folder,
    )
    assert got == [(2, True)]


def test_missing_files(server, folder):
    got = mpy(
        """
        m = D + "/missing"
        for call in ("sftp.open(m)", "sftp.stat(m)", "sftp.lstat(m)", "sftp.opendir(m)",
                     "sftp.listdir(m)", "sftp.unlink(m)", "sftp.rmdir(m)", "sftp.readlink(m)",
                     "sftp.rename(m, m + '2')", "sftp.get(m, Sink())", "sftp.mkdir(m + '/sub')",
                     "sftp.put(io.BytesIO(b'x'), m + '/sub')", "sftp.setstat(m, mode=0o600)"):
            out(err(eval, call))
        out(s.exec("echo still here"))
        """,
        server,
        folder,
    )
    for kind, code, text in got[:-1]:
        assert (kind, code) == ("OSError", 2), got
        assert text
    assert got[-1] == b"still here\n"


def test_permission_refused(sshd, folder):
    """By OpenSSH, as a user who may not; asyncssh and paramiko run as whoever runs the tests."""
    if not sshd.site.account.temporary and os.geteuid() == 0:
        pytest.skip("root may do everything")
    locked = folder / "locked"
    locked.mkdir()
    (locked / "file").write_bytes(b"secret")
    locked.chmod(0o000)
    readonly = folder / "readonly"
    readonly.write_bytes(b"text")
    readonly.chmod(0o444)
    got = mpy(
        """
        for call in ("sftp.open(D + '/locked/file')", "sftp.listdir(D + '/locked')",
                     "sftp.open(D + '/readonly', 'w')", "sftp.open(D + '/readonly', 'a')",
                     "sftp.mkdir(D + '/locked/x')",
                     "sftp.get(D + '/locked/file', Sink())",
                     "sftp.put(io.BytesIO(b'x'), D + '/readonly')"):
            out(err(eval, call))
        out(s.exec("echo still here"))
        """,
        sshd,
        folder,
    )
    locked.chmod(0o755)
    for kind, code, text in got[:-1]:
        assert (kind, code) == ("OSError", 13), got
        assert "ermission" in text
    assert got[-1] == b"still here\n"
    assert readonly.read_bytes() == b"text"


def test_other_refusals(server, folder):
    (folder / "file").touch()
    (folder / "full").mkdir()
    (folder / "full" / "x").touch()
    got = mpy(
        """
        for call in ("sftp.mkdir(D + '/full')", "sftp.rmdir(D + '/full')",
                     "sftp.rmdir(D + '/file')",
                     "sftp.unlink(D + '/full')", "sftp.open(D + '/full', 'w')",
                     "sftp.opendir(D + '/file')"):
            out(err(eval, call)[:2])
        out(s.exec("echo still here"))
        """,
        server,
        folder,
    )
    assert all(kind == "OSError" for kind, _ in got[:-1]), got
    assert got[-1] == b"still here\n"


def test_full_disk(server, folder):
    """/dev/full: an error of a write behind comes with the next write, flush or close."""
    got = mpy(
        """
        f = sftp.open("/dev/full", "r+")
        def fill():
            for i in range(100):
                f.write(b"x" * 30000)
            f.flush()
        out(err(fill))
        err(f.close)
        f = sftp.open("/dev/full", "r+")
        f.write(b"little")
        out(err(f.close))
        f = sftp.open("/dev/full", "r+")
        f.write(b"little")
        out(err(f.flush))
        err(f.close)
        out(err(sftp.put, Source(1000000), "/dev/full"))
        def block():
            with sftp.open("/dev/full", "r+") as f:
                f.write(b"x")
        out(err(block))
        out(s.exec("echo still here"))
        with sftp.open(D + "/ok", "w") as f:
            f.write(b"fine")
        out(sftp.stat(D + "/ok")[1])
        """,
        server,
        folder,
    )
    for kind, code, text in got[:5]:
        assert kind == "OSError" and code in (5, 28), got
        assert text
    assert got[5:] == [b"still here\n", 4]


def test_small_disk(sshd, site, folder):
    """A real file system that fills up in the middle of a put."""
    if os.geteuid() != 0:
        pytest.skip("takes root to mount a small disk")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m,mode=777", "tmpfs", folder], check=False
    )
    if mounted.returncode:
        pytest.skip("no right to mount here")
    try:
        got = mpy(
            """
            out(err(sftp.put, Source(4000000), D + "/big"))
            sftp.unlink(D + "/big")
            out(sftp.put(Source(400000), D + "/small"))
            """,
            sshd,
            folder,
        )
    finally:
        subprocess.run(["umount", folder], check=True)
    assert got[0][0] == "OSError" and got[0][1] in (5, 28)
    assert got[1] == 400000


def test_forgotten_folders_make_room_at_once(server, folder):
    """More are opened than there is room for; the forgotten ones are closed without a wait."""
    for name in "abc":
        (folder / name).touch()
    got = mpy(
        """
        start = time.ticks_ms()
        for i in range(100):
            d = sftp.opendir(D)
            for n in range(i % 6):
                d.read()
            d = None
        out(time.ticks_diff(time.ticks_ms(), start) < 20000)
        out(len(sftp.listdir(D)))
        """,
        server,
        folder,
        options={"timeout": 40},
        timeout=60,
    )
    assert got == [True, 3]
