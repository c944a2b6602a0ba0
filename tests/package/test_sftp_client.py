"""SFTPClient and SFTPFile: one text runs under paramiko and MicroPython, and both see the same."""

import ast
import textwrap

import paramiko
import pytest
from harness.mpy import run_mpy
from sftp_snippets import MPY_HEAD

pytestmark = [
    pytest.mark.usefixtures("micropython"),
    pytest.mark.unix_only("nothing in it depends on the system"),
]


@pytest.fixture
def both(sshd, folder, tmp_path):
    """both(snippet): what it gives to out() under MicroPython: the same as under paramiko."""
    transport = paramiko.Transport(("127.0.0.1", sshd.port))
    transport.connect(
        username=sshd.user, pkey=paramiko.Ed25519Key.from_private_key_file(str(sshd.site.key))
    )

    def fails(function, *args, **more):
        try:
            function(*args, **more)
        except paramiko.SFTPError:
            return "OSError"
        except OSError as e:
            return e.errno if e.errno in (2, 13) else "OSError"
        except ValueError:
            return "ValueError"
        return None

    def run(snippet):
        snippet = textwrap.dedent(snippet)
        theirs = []
        places = []
        for name in ("theirs", "ours"):
            (folder / name).mkdir(mode=0o777)
            (folder / name).chmod(0o777)
            (tmp_path / name).mkdir()
            places.append((str(folder / name), str(tmp_path / name)))
        with paramiko.SFTPClient.from_transport(transport) as sftp:
            names = {"paramiko": paramiko, "sftp": sftp, "t": transport, "out": theirs.append}
            names.update(D=places[0][0], L=places[0][1], fails=fails)
            exec(snippet, names)
        ours = run_mpy(
            MPY_HEAD + snippet, folder=places[1][0], local=places[1][1], **sshd.params()
        ).out
        plain = [
            ast.literal_eval(repr(value).replace(places[0][0], places[1][0])) for value in theirs
        ]
        assert ours == plain
        return ours

    yield run
    transport.close()


def test_reading(both):
    got = both(
        """
        with sftp.open(D + "/a", "w") as f:
            f.write("one\\ntwo\\r\\n\\nfour " + "x" * 40000 + "\\nr\\u00e9st")
        f = sftp.open(D + "/a")
        out((f.read(5), f.tell(), f.readable(), f.writable(), f.seekable(), f.closed))
        out(f.readline())
        out([f.readline(3), f.readline(), f.readline(0), len(f.readline())])
        out(f.readline())
        out((f.readline(), f.read(), f.read(3)))
        f.seek(4)
        out(f.read(3))
        f.seek(2, f.SEEK_CUR)
        out(f.tell())
        f.seek(-5, f.SEEK_END)
        buf = bytearray(3)
        out((f.readinto(buf), bytes(buf)))
        f.seek(0)
        out([len(line) for line in f])
        f.seek(0)
        out([len(line) for line in f.readlines()])
        f.seek(0)
        out([len(line) for line in f.readlines(8)])
        f.seek(0)
        out(len(f.read()))
        out([len(block) for block in f.readv([(0, 3), (39999, 10), (5, 0), (40010, 100)])])
        f.prefetch()
        f.seek(0)
        out(len(f.read()))
        f.prefetch(100, max_concurrent_requests=2)
        f.close()
        f.close()
        out((f.closed, fails(f.read)))
        out(fails(iter, f))
        with sftp.file(D + "/a", "rb") as f:
            out([next(f), f.readline(2), f.xreadlines() is f, next(iter(f))])
        with sftp.open(D + "/a", "r", 100) as f:
            out((f.read(2), f.readline(), len(f.read())))
        """
    )
    assert got[0][0] == b"one\nt"


def test_any_newline(both):
    both(
        r"""
        with sftp.open(D + "/a", "wb") as f:
            f.write(b"one\r\ntwo\rthree\n\rfour\r\r\nfive\r")
        with sftp.open(D + "/a", "rU") as f:
            out(list(f))
        with sftp.open(D + "/a", "rbU") as f:
            out(f.readlines())
        """
    )


def test_writing(both):
    both(
        """
        def content(name="a"):
            with sftp.open(D + "/" + name) as f:
                return f.read()
        with sftp.open(D + "/a", "w") as f:
            f.write("t\\u00e9xt")
            f.write(b"bytes")
            out((content(), f.tell(), f.readable(), f.writable()))
            out(fails(f.read))
            f.writelines(["1", b"2", "3"])
        out(content())
        with sftp.open(D + "/a", "a") as f:
            out(f.tell())
            f.write(b"!")
            out(f.tell())
        out(content())
        with sftp.open(D + "/a", "r+") as f:
            f.write(b"T")
            out(f.read(3))
            f.seek(2)
            f.write(b"X")
            out(f.tell())
            f.truncate(5)
            out(f.stat().st_size)
        out(content())
        with sftp.open(D + "/a", "w+") as f:
            out(f.stat().st_size)
            f.write(b"new")
            f.seek(0)
            out(f.read())
        with sftp.open(D + "/a", "a+") as f:
            f.write(b"er")
            f.seek(0)
            out(f.read())
        with sftp.open(D + "/b", "wx") as f:
            f.write(b"x")
        out(fails(sftp.open, D + "/b", "wx"))
        with sftp.open(D + "/b", "r") as f:
            out(fails(f.write, b"x"))
        with sftp.open(D + "/b", "w", 100) as f:
            f.write(b"in the buffer")
            f.flush()
            out(content("b"))
        with sftp.open(D + "/b", "w", 1) as f:
            f.write(b"line\\n")
            out(content("b"))
        with sftp.open(D + "/b", "w") as f:
            f.set_pipelined(True)
            for i in range(300):
                f.write(b"%03d" % i)
        out(len(content("b")))
        f = sftp.open("/dev/full", "w")
        out(fails(f.write, b"x" * 10))
        out(fails(sftp.open, D + "/no/where", "w"))
        out(fails(sftp.open, D + "/nix"))
        """
    )


def test_open_files_have_attributes(both):
    both(
        """
        with sftp.open(D + "/a", "w") as f:
            f.write(b"0123456789")
            f.chmod(0o640)
            f.utime((1000000000, 1000000001.5))
            s = f.stat()
            out((oct(s.st_mode), s.st_size, s.st_atime, s.st_mtime))
            f.chown(s.st_uid, s.st_gid)
            out(f.stat().st_uid == s.st_uid)
            f.utime(None)
            out(f.stat().st_mtime > 1700000000)
            out(fails(f.check, "sha1"))
            out(f.gettimeout() is None or f.gettimeout() > 0)
            f.settimeout(20)
            out(f.gettimeout())
            f.setblocking(True)
            out(f.gettimeout())
        out(sftp.stat(D + "/a").st_size)
        """
    )


def test_folders(both):
    both(
        """
        out(sftp.mkdir(D + "/d"))
        out(oct(sftp.stat(D + "/d").st_mode))
        sftp.mkdir(D + "/e", 0o700)
        out(oct(sftp.stat(D + "/e").st_mode))
        for name in ("one", "two", "\\u00fc"):
            sftp.open(D + "/d/" + name, "w").close()
        out(sorted(sftp.listdir(D + "/d")))
        found = sftp.listdir_attr(D + "/d")
        out(sorted((a.filename, a.st_size, oct(a.st_mode)) for a in found))
        out(sorted(a.longname.split()[:5] + a.longname.split()[8:] for a in found))
        out(sorted(a.filename for a in sftp.listdir_iter(D + "/d")))
        out(sorted(a.filename for a in sftp.listdir_iter(D + "/d", read_aheads=2)))
        out(fails(sftp.listdir, D + "/nix"))
        out(fails(sftp.listdir_attr, D + "/nix"))
        out(fails(sftp.rmdir, D + "/d"))
        out(fails(sftp.mkdir, D + "/d"))
        out(fails(sftp.mkdir, D + "/no/d"))
        out(sftp.rmdir(D + "/e"))
        out(fails(sftp.rmdir, D + "/e"))
        out(sftp.getcwd())
        out(sftp.chdir(D + "/d"))
        out(sftp.getcwd())
        out(sorted(sftp.listdir()))
        out(sftp.normalize("one"))
        out(sftp.stat("one").st_size)
        out(sftp.normalize("/"))
        sftp.chdir("..")
        out(sorted(sftp.listdir(".")))
        out(fails(sftp.chdir, "nix"))
        out(fails(sftp.chdir, "d/one"))
        out(sftp.getcwd())
        sftp.rename("d/one", "d/three")
        out(sorted(sftp.listdir(b"d")))
        sftp.chdir(None)
        out(sftp.getcwd())
        sftp.chdir("/")
        out("etc" in sftp.listdir() and sftp.stat("etc").st_size > 0)
        """
    )


def test_names_and_links(both):
    both(
        """
        for name in ("a", "b"):
            with sftp.open(D + "/" + name, "w") as f:
                f.write(name)
        out(sftp.rename(D + "/a", D + "/c"))
        out(fails(sftp.rename, D + "/b", D + "/c"))
        out(fails(sftp.rename, D + "/nix", D + "/x"))
        out(sftp.posix_rename(D + "/b", D + "/c"))
        out(sorted(sftp.listdir(D)))
        out(sftp.symlink("c", D + "/link"))
        out(sftp.readlink(D + "/link"))
        out(oct(sftp.lstat(D + "/link").st_mode)[:4])
        out(sftp.stat(D + "/link").st_size)
        out(sftp.normalize(D + "/link"))
        out(fails(sftp.readlink, D + "/c"))
        out(fails(sftp.readlink, D + "/nix"))
        out(fails(sftp.stat, D + "/nix"))
        out(fails(sftp.lstat, D + "/nix"))
        out(sftp.remove(D + "/link"))
        out(sftp.unlink(D + "/c"))
        out(fails(sftp.remove, D + "/c"))
        out(fails(sftp.remove, D))
        out(sftp.listdir(D))
        out(fails(sftp.open, "/etc/shadow"))
        """
    )


def test_attributes(both):
    both(
        """
        sftp.open(D + "/a", "w").close()
        out(sftp.chmod(D + "/a", 0o4751))
        out(sftp.truncate(D + "/a", 1000))
        out(sftp.utime(D + "/a", (1000000000, 1000000001)))
        s = sftp.stat(D + "/a")
        out((oct(s.st_mode), s.st_size, s.st_atime, s.st_mtime))
        out(sftp.chown(D + "/a", s.st_uid, s.st_gid))
        sftp.chmod(D + "/a", 0o4751)
        s = sftp.lstat(D + "/a")
        s.filename = "a"
        s.st_uid = 7
        s.st_gid = 70000
        out(str(s))
        out(s.asbytes() == str(s).encode())
        out(repr(s))
        sftp.chmod(D + "/a", 0o1642)
        s = sftp.stat(D + "/a")
        s.filename = "a"
        s.st_uid = s.st_gid = 1
        out(str(s))
        sftp.utime(D + "/a", None)
        out(sftp.stat(D + "/a").st_mtime > 1700000000)
        empty = paramiko.SFTPAttributes()
        out((str(empty), repr(empty), empty.st_size, empty.attr))
        empty.st_size = 5
        out(repr(empty))
        out(fails(sftp.chmod, D + "/nix", 0o600))
        out(fails(sftp.utime, D + "/nix", None))
        out(fails(sftp.truncate, D + "/nix", 1))
        out(fails(sftp.chown, D + "/nix", 1, 1))
        """
    )


def test_get_and_put(both):
    both(
        """
        import io
        data = bytes(range(256)) * 500
        with open(L + "/a", "wb") as f:
            f.write(data)
        seen = []
        back = lambda done, total: seen.append((done, total))
        attrs = sftp.put(L + "/a", D + "/a", back)
        out((type(attrs).__name__, attrs.st_size, seen[-1]))
        out(sftp.put(L + "/a", D + "/b", confirm=False).st_size)
        del seen[:]
        out(sftp.get(D + "/a", L + "/b", back))
        out(seen[-1])
        out(open(L + "/b", "rb").read() == data)
        out(sftp.get(D + "/a", L + "/c", None, False))
        out(open(L + "/c", "rb").read() == data)
        out(sftp.get(D + "/a", L + "/c", max_concurrent_prefetch_requests=2))
        into = io.BytesIO()
        out(sftp.getfo(D + "/a", into))
        out(into.getvalue() == data)
        into = io.BytesIO()
        del seen[:]
        out(sftp.getfo(D + "/a", into, back, prefetch=False))
        out(seen[-1])
        out(into.getvalue() == data)
        del seen[:]
        attrs = sftp.putfo(io.BytesIO(data[:70000]), D + "/c", 70000, back)
        out((attrs.st_size, seen[-1]))
        out(sftp.putfo(io.BytesIO(b""), D + "/d").st_size)
        out(sftp.putfo(io.BytesIO(b"x"), D + "/d", confirm=False).st_size)
        out(fails(sftp.put, L + "/nix", D + "/x"))
        out(fails(sftp.put, L + "/a", D + "/no/x"))
        out(fails(sftp.get, D + "/nix", L + "/x"))
        out(fails(sftp.get, D + "/a", L + "/no/x"))
        out(fails(sftp.getfo, D + "/nix", io.BytesIO()))
        out(sorted(sftp.listdir(D)))
        """
    )


def test_life(both):
    both(
        """
        out(sftp.get_channel().gettimeout() is None or sftp.get_channel().gettimeout() > 0)
        sftp.get_channel().settimeout(17)
        out(sftp.get_channel().gettimeout())
        out(sftp.get_channel().get_transport() is t)
        out(sftp.sock is sftp.get_channel())
        sizes = {"window_size": 1 << 20, "max_packet_size": 1 << 15}
        with paramiko.SFTPClient.from_transport(t, **sizes) as two:
            f = two.open(D + "/a", "w")
            f.write(b"abc")
        out(fails(two.stat, "."))
        two.close()
        out(two.get_channel().closed)
        out(sftp.stat(D + "/a").st_size)
        f = sftp.open(D + "/a")
        sftp.close()
        out(fails(sftp.listdir))
        out(fails(f.read))
        """
    )
