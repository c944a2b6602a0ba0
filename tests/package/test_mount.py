"""ssh.mount: the folder of a server as a file system, also under MicroPython's own VFS tests."""

import ast
import os
import re
import textwrap
from pathlib import Path

import pytest
from harness.mpy import REPO, run_mpy

pytestmark = [
    pytest.mark.usefixtures("micropython"),
    pytest.mark.unix_only("MicroPython's tests are for file systems of Unix"),
]

MICROPYTHON_DIR = Path(os.environ.get("MICROPYTHON_DIR", REPO / "build/micropython-1.25.0"))

HEAD = """
import sys, vfs, ssh
s = connect(**P.get("options", {}))
D = P["folder"]
def code(function, *args):
    try:
        return ("fine", function(*args))
    except OSError as e:
        return e.errno
"""

# Stands in for the module `vfs`: every file system is a folder of the server.
SHIM = """
import sys, ssh.vfs
import vfs as real
s = connect()
D = P["folder"]
class Vfs(ssh.vfs.RemoteFileSystem):
    def __init__(self, where):
        os.system("chmod 777 " + self.place(where))
        super().__init__(s, self.place(where))
    @staticmethod
    def place(where):
        if isinstance(where, str):
            return where if where[0] == "/" else os.getcwd() + "/" + where
        return "%s/%d" % (D, id(where))
    made = []
    @staticmethod
    def mkfs(where):
        Vfs.made.append(id(where))
        os.system("rm -rf %s && mkdir -p -m 777 %s" % (Vfs.place(where), Vfs.place(where)))
class Shim:
    VfsPosix = VfsFat = VfsLfs1 = VfsLfs2 = Vfs
    umount = real.umount
    @staticmethod
    def mount(what, where, **more):
        if not isinstance(what, Vfs) and id(what) not in Vfs.made:
            raise OSError(19)
        real.mount(what if isinstance(what, Vfs) else Vfs(what), where, **more)
sys.modules["vfs"] = Shim
os.chdir(D)
"""


def mpy(snippet, server, folder, **more):
    folder.chmod(0o777)
    return run_mpy(
        HEAD + textwrap.dedent(snippet), folder=str(folder), **server.params(), **more
    ).out


def test_what_a_file_system_does(server, folder):
    if not server.has_sftp:
        pytest.skip("no SFTP there")
    (folder / "old").write_bytes("één\nzwei\n".encode())
    (folder / "sub").mkdir(mode=0o777)
    (folder / "sub").chmod(0o777)
    got = mpy(
        """
        fs = ssh.mount(s, "/far", root=D)
        out(open("/far/old").read())
        out(open("/far/old", "rb").read())
        out(open("/far/old", "rb").readlines())
        out(sorted(os.listdir("/far")))
        out(sorted(os.ilistdir(b"/far")))
        out(os.stat("/far/old")[6])
        out(os.stat("/far/sub")[0] & 0xF000)
        with open("/far/new", "w") as f:
            out(f.write("text"))
        os.rename("/far/new", "/far/sub/new")
        os.chdir("/far/sub")
        out((os.getcwd(), os.listdir(), open("new").read()))
        out(open("../old").readline())
        out(open("../../../old").readline())
        os.rename("/far/old", "new")
        out(open("new").readline())
        os.remove("new")
        os.mkdir("dir")
        os.rmdir("dir")
        os.chdir("..")
        out((os.getcwd(), os.listdir()))
        os.chdir("/")
        os.umount("/far")
        out(code(os.stat, "/far/old"))
        out(code(fs.stat, "/old") != 0)
        out(s.stats()[3])
        """,
        server,
        folder,
    )
    assert got == [
        "één\nzwei\n", "één\nzwei\n".encode(), ["één\n".encode(), b"zwei\n"], ["old", "sub"],
        [(b"old", 0x8000, 0, 11), (b"sub", 0x4000, 0, 0)], 11, 0x4000,
        4, ("/far/sub", ["new"], "text"), "één\n", "één\n", "één\n", ("/far", ["sub"]),
        2, True, 0,
    ]  # fmt: skip


def test_text(sshd, folder):
    (folder / "a").write_bytes("aé€𝄞\nzweite Zeile\nlast".encode())
    (folder / "a").chmod(0o666)
    got = mpy(
        """
        ssh.mount(s, "/far", D)
        with open("/far/a", "r") as f:
            out([f.read(n) for n in (1, 1, 1, 1, 0, 1)])
            out((f.readline(3), f.readline(100), f.readline(), f.readline(), f.read(5)))
            out(f.seek(0))
            out((f.read(3), f.tell(), f.read(100)))
            f.seek(0)
            out(list(f))
            f.seek(0)
            out(f.readlines())
            f.seek(0)
            out(f.readinto(bytearray(4)))
            buf = io.StringIO()
        with open("/far/a", "w+") as f:
            print("é", 5, file=f)
            f.flush()
            f.seek(0)
            out(f.read())
        with open("/far/a", "a") as f:
            f.write("more")
        out(open("/far/a").read())
        import json
        json.dump({"a": "é"}, open("/far/b", "w"))
        gc.collect()
        out(json.load(open("/far/b")))
        with open("/far/b", "wb") as f:
            f.write(b"\\xff")
        try:
            open("/far/b").read()
        except UnicodeError:
            out("UnicodeError")
        """,
        sshd,
        folder,
    )
    assert got == [
        ["a", "é", "€", "𝄞", "", "\n"],
        ("zwe", "ite Zeile\n", "last", "", ""),
        0,
        ("aé€", 6, "𝄞\nzweite Zeile\nlast"),
        ["aé€𝄞\n", "zweite Zeile\n", "last"],
        ["aé€𝄞\n", "zweite Zeile\n", "last"],
        4,
        "é 5\n",
        "é 5\nmore",
        {"a": "é"},
        "UnicodeError",
    ]


def test_import(sshd, folder):
    """Modules and packages come from the server, with errors where they are."""
    (folder / "far_one.py").write_text("import far_two\nx = far_two.y + 1\n")
    (folder / "far_two.py").write_text("y = 41\n# " + "long " * 20000)
    (folder / "far_pack").mkdir()
    (folder / "far_pack" / "__init__.py").write_text("from .inner import z\n")
    (folder / "far_pack" / "inner.py").write_text("z = __file__\n")
    (folder / "far_bad.py").write_text("x = 1\nraise ValueError(7)\n")
    got = mpy(
        """
        ssh.mount(s, "/far", D, readonly=True)
        sys.path.append("/far")
        import far_one, far_pack
        out((far_one.x, far_pack.z))
        try:
            import far_bad
        except ValueError as e:
            text = io.StringIO()
            sys.print_exception(e, text)
            out("/far/far_bad.py" in text.getvalue() and "line 2" in text.getvalue())
        try:
            import far_nix
        except ImportError:
            out("ImportError")
        """,
        sshd,
        folder,
    )
    assert got == [(42, "/far/far_pack/inner.py"), True, "ImportError"]


def test_errors(sshd, folder):
    (folder / "file").write_text("x")
    (folder / "dir").mkdir(mode=0o777)
    (folder / "dir").chmod(0o777)
    (folder / "dir" / "x").write_text("x")
    got = mpy(
        """
        fs = ssh.mount(s, "/far", D)
        out([code(open, "/far/nix"), code(open, "/far/no/x", "w"), code(open, "/far/file", "x")])
        out([code(open, "/far/dir", "w"), code(os.stat, "/far/nix"), code(os.listdir, "/far/nix")])
        out([code(os.mkdir, "/far/dir"), code(os.mkdir, "/far/file"), code(os.mkdir, "/far/a/b")])
        out([code(os.rmdir, "/far/dir"), code(os.rmdir, "/far/file"), code(os.rmdir, "/far/nix")])
        out([code(os.remove, "/far/dir"), code(os.remove, "/far/nix")])
        out([code(os.chdir, "/far/nix"), code(os.chdir, "/far/file")])
        out(code(os.rename, "/far/nix", "/far/x"))
        out(len(os.statvfs("/far")))
        try:
            fs.stat("/a\\0b")
        except ValueError:
            out("ValueError")
        out([code(ssh.mount, s, "/other", D + "/nix"), code(ssh.mount, s, "/other", D + "/file")])
        out(code(ssh.mount, s, "/far", D))
        out(s.stats()[3])
        """,
        sshd,
        folder,
    )
    assert got == [
        [2, 2, 17], [21, 2, 2], [17, 17, 2], [39, 20, 2], [21, 2], [2, 20], 2, 10, "ValueError",
        [2, 20], 1, 1,
    ]  # fmt: skip


def test_readonly(sshd, folder):
    (folder / "file").write_text("x")
    got = mpy(
        """
        for how in (lambda: ssh.mount(s, "/far", D, readonly=True),
                    lambda: vfs.mount(ssh.vfs.RemoteFileSystem(s, D), "/far", readonly=True)):
            how()
            import ssh.vfs
            out(open("/far/file").read())
            out([code(open, "/far/file", mode) for mode in ("w", "a", "x", "r+")])
            out([code(f, "/far/file") for f in (os.mkdir, os.rmdir, os.remove)])
            out(code(os.rename, "/far/file", "/far/x"))
            vfs.umount("/far")
        """,
        sshd,
        folder,
    )
    assert got == ["x", [30] * 4, [30] * 3, 30] * 2
    assert (folder / "file").read_text() == "x"


def test_no_way_out_of_the_root(sshd, folder):
    """Not by the text of a path; a link is followed by the server, and shown as a link."""
    (folder / "root").mkdir()
    (folder / "secret").write_text("secret")
    (folder / "root" / "in").write_text("in")
    (folder / "root" / "link").symlink_to("../secret")
    got = mpy(
        """
        fs = ssh.mount(s, "/far", D + "/root/../root")
        for path in ("/far/../secret", "/far/x/../../../secret", "/far/./..//../secret"):
            out(code(open, path))
        for path in ("../secret", "/../secret", "..", "/", "", ".", "a/../.."):
            out(fs._at(path)[len(D):])
        out(sorted(os.ilistdir("/far")))
        """,
        sshd,
        folder,
    )
    assert got[:3] == [2, 2, 2]
    assert got[3:10] == ["/root/secret"] * 2 + ["/root"] * 5
    assert got[10] == [("in", 0x8000, 0, 2), ("link", 0xA000, 0, 9)]


def test_times_of_ports_that_count_from_2000(sshd, folder):
    (folder / "a").write_text("x")
    os.utime(folder / "a", (1000000000, 1000000000))
    folder.chmod(0o777)
    got = mpy(
        """
        from ssh import paths, sftp_attr
        paths.EPOCH = 946684800
        fs = ssh.mount(s, "/far", D)
        out(os.stat("/far/a")[8])
        out(sftp_attr.date_text(1000000000 + 946684800))
        out(sftp_attr.now() - 946684800 - int(time.time()) in (0, 1))
        """,
        sshd,
        folder,
    )
    assert got == [1000000000 - 946684800, "09 Sep 2001", True]


def test_of_an_sftp_client(sshd, folder):
    """What the caller gave stays open."""
    (folder / "a").write_text("x")
    got = mpy(
        """
        for sftp in (s.sftp(), ssh.SFTPClient(s)):
            ssh.mount(sftp, "/far", D)
            out(open("/far/a").read())
            vfs.umount("/far")
            out(len(sftp.listdir(D)))
        """,
        sshd,
        folder,
    )
    assert got == ["x", 1, "x", 1]


# ---------------------------------------------------------------- MicroPython's own tests


# What these tests see of a file system that is no FAT: (line number, what it prints).
DIFFERENT = {
    # Errors of closed files are EBADF, as those of VfsPosix.
    "vfs_fat_fileio1": {1: "False", 2: "False", 3: "False"},
    # A folder that is not empty: ENOTEMPTY, as VfsPosix and littlefs say.
    "vfs_fat_fileio2": {4: "False"},
    # It is not mounted, and the process stays where it is: no module in its current folder.
    "vfs_posix_paths": {10: "no module named 'file'", 11: None},
}


def plain(text):
    """Without what names the class of a file; lists in one order."""
    lines = []
    for line in text.replace("\r", "").splitlines():
        line = re.sub(
            r"<(io\.)?(TextIOWrapper|FileIO|TextFile|SFTPFile)( object)?.*", "<file", line
        )
        line = re.sub(r"<class '\w*'>", "<class>", line) if line.startswith("test ") else line
        if line.startswith("["):
            line = repr(sorted(ast.literal_eval(line)))
        lines.append(line)
    return lines


@pytest.mark.parametrize(
    "name",
    [
        "vfs_fat_fileio1", "vfs_fat_fileio2", "vfs_lfs_file", "vfs_lfs_mount",
        "vfs_posix_paths", "vfs_posix_ilistdir_del", "vfs_posix_ilistdir_filter",
        "vfs_fat_ilistdir_del", "vfs_lfs_ilistdir_del",
    ],
)  # fmt: skip
def test_of_micropython(sshd, folder, name):
    """The file as it is, but for filling the disk, on folders of the server."""
    folder.chmod(0o777)
    text = (MICROPYTHON_DIR / f"tests/extmod/{name}.py").read_text()
    expected = plain((MICROPYTHON_DIR / f"tests/extmod/{name}.py.exp").read_text())
    text, full, _ = text.partition("# disk full")
    if full:
        expected = expected[:-1]
    for line, shown in DIFFERENT.get(name, {}).items():
        expected[line] = shown
    expected = [line for line in expected if line is not None]
    done = run_mpy(SHIM + text, folder=str(folder), **sshd.params())
    assert plain(done.stdout) == expected
