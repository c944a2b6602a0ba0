"""SFTPClient and SFTPFile: what paramiko has not, other servers, servers that lie."""

import os

import pytest
from harness.mpy import run_mpy
from sftp_snippets import mpy

pytestmark = [
    pytest.mark.usefixtures("micropython"),
    pytest.mark.unix_only("nothing in it depends on the system"),
]


def test_ways_to_get_one(sshd, folder, tmp_path):
    """Of a Transport, an SSHClient, a Connection; and the short form of the guide."""
    (folder / "motd").write_text("hello")
    got = mpy(
        """
        sftp.close()
        import ssh
        host = ("127.0.0.1", P["port"])
        transport = ssh.Transport(host)
        transport.connect(username=P["user"], pkey=ssh.Ed25519Key.from_private_key_file(P["key"]))
        for sftp in (transport.open_sftp_client(), ssh.SFTPClient.from_transport(transport)):
            of_it = sftp.get_channel().get_transport() is transport
            out((type(sftp).__name__, sftp.listdir(D), of_it))
            sftp.close()
        transport.close()
        with ssh.connect(
            *host, username=P["user"], key_filename=P["key"], hostkey=P["fingerprint"], agent=False
        ) as conn:
            with conn.open_sftp() as sftp:
                sftp.get(D + "/motd", L + "/motd.txt", progress=print)
        """,
        sshd,
        folder,
        tmp_path,
    )
    assert got == [("SFTPClient", ["motd"], True)] * 2
    assert (tmp_path / "motd.txt").read_text() == "hello"


def test_with_other_servers(server, folder, tmp_path):
    if not server.has_sftp:
        pytest.skip("no SFTP there")
    folder.chmod(0o777)
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "leaf").write_bytes(b"leaf" * 20000)
    got = mpy(
        """
        sftp.mkdir(D + "/d")
        sftp.chdir(D + "/d")
        out(sftp.getcwd() == D + "/d")
        with sftp.open("a", "w") as f:
            f.write("one\\ntwo\\n")
            f.chmod(0o640)
            f.utime((1000000000, 1000000001))
        s = sftp.stat("a")
        out((oct(s.st_mode), s.st_size, s.st_mtime))
        with sftp.open("a", "r+") as f:
            out(f.readlines())
            f.truncate(4)
        sftp.truncate("a", 3)
        out([(a.filename, a.st_size) for a in sftp.listdir_attr()])
        sftp.put(L + "/tree", "tree", recursive=True, preserve=True)
        sftp.get("tree", L + "/back", recursive=True)
        sftp.rename("a", "b")
        sftp.symlink("b", "l")
        out((sftp.readlink("l"), sftp.lstat("l").st_mode >> 12, fails(sftp.stat, "nix")))
        sftp.remove("tree/leaf")
        sftp.rmdir("tree")
        out(sorted(sftp.listdir()))
        """,
        server,
        folder,
        tmp_path,
    )
    assert got == [
        True, ("0o100640", 8, 1000000001), ["one\n", "two\n"], [("a", 3)], ("b", 10, 2),
        ["b", "l"],
    ]  # fmt: skip
    assert (tmp_path / "back" / "leaf").read_bytes() == b"leaf" * 20000


def test_folders_as_a_whole(sshd, folder, tmp_path):
    (folder / "tree" / "sub").mkdir(parents=True)
    (folder / "tree" / "one").write_bytes(b"1")
    (folder / "tree" / "sub" / "two").write_bytes(b"2" * 70000)
    got = mpy(
        """
        seen = []
        out(fails(sftp.get, D + "/tree", L + "/tree"))
        out(sftp.get(D + "/tree", L + "/tree", recursive=True, progress=lambda *a: seen.append(a)))
        out(seen[-1])
        os.system("chmod 640 " + L + "/tree/one; touch -d @1000000000 " + L + "/tree/one")
        s = sftp.put(L + "/tree", D + "/back", recursive=True, preserve=True)
        out(oct(s.st_mode)[:4])
        s = sftp.stat(D + "/back/one")
        out((oct(s.st_mode), s.st_mtime))
        sftp.put(L + "/tree", D + "/back", recursive=True)
        """,
        sshd,
        folder,
        tmp_path,
    )
    assert got == ["OSError", None, (70000, 70000), "0o40", ("0o100640", 1000000000)]
    assert (tmp_path / "tree" / "sub" / "two").read_bytes() == b"2" * 70000
    assert (folder / "back" / "sub" / "two").read_bytes() == b"2" * 70000


def test_a_missing_file_harms_no_local_one(sshd, folder, tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    assert mpy('out(fails(sftp.get, D + "/nix", L + "/a"))', sshd, folder, tmp_path) == [2]
    assert (tmp_path / "a").read_bytes() == b"old"


def test_errors_of_writes_behind(sshd, folder, tmp_path):
    got = mpy(
        """
        f = sftp.open("/dev/full", "w")
        f.set_pipelined()
        f.write(b"x")
        out((fails(f.close), f.closed, fails(f.close)))
        f = sftp.open("/dev/full", "w", 1000)
        f.write(b"x")
        out(fails(f.flush))
        out(fails(sftp.putfo, io.BytesIO(b"x"), "/dev/full"))
        """,
        sshd,
        folder,
        tmp_path,
    )
    assert got == [("OSError", True, None), "OSError", "OSError"]


def test_extensions(sshd, folder, tmp_path):
    (folder / "a").write_bytes(b"0123456789")
    folder.chmod(0o777)
    got = mpy(
        """
        out(len(sftp.statvfs(D)))
        sftp.symlink("a", D + "/l")
        sftp.utime(D + "/l", (1000000000, 1000000000), follow=False)
        out((sftp.lstat(D + "/l").st_mtime, sftp.stat(D + "/l").st_mtime > 1700000000))
        with sftp.open(D + "/b", "w") as f:
            f.write(b"x")
            f.fsync()
        sftp.hardlink(D + "/b", D + "/c")
        out(sftp.stat(D + "/c").st_size)
        with sftp.open(D + "/a") as source, sftp.open(D + "/d", "w") as target:
            source.copy_data(target, 2, 3)
        out(sftp.stat(D + "/d").st_size)
        """,
        sshd,
        folder,
        tmp_path,
    )
    assert got == [10, (1000000000, True), 1, 3]


def test_a_stream_of_micropython(sshd, folder, tmp_path):
    """What takes any stream takes an SFTPFile."""
    (folder / "a.json").write_text('{"a": [1, 2]}')
    got = mpy(
        """
        import json, select
        with sftp.open(D + "/a.json") as f:
            out(json.load(f))
        with sftp.open(D + "/b.json", "w") as f:
            json.dump([1, "x"], f)
            print("and", 2, file=f)
            p = select.poll()
            p.register(f)
            out([event for _, event in p.poll(0)])
        with sftp.open(D + "/b.json") as f:
            out(f.read())
        """,
        sshd,
        folder,
        tmp_path,
    )
    assert got == [{"a": [1, 2]}, [5], b'[1, "x"]and 2\n']


def test_names_that_lead_elsewhere(micropython):
    program = """
        from ssh.paths import safe_name
        out([n for n in ("a", "a.b", "-x", "...") if not safe_name(n)])
        out([n for n in ("", ".", "..", "../x", "/x", "a/b", "a\\0b", b"a") if safe_name(n)])
        """
    assert run_mpy(program).out == [[], []]


def test_full_local_disk(sshd, folder, tmp_path):
    (folder / "a").write_bytes(bytes(100000))
    assert os.path.exists("/dev/full")
    got = mpy(
        """
        try:
            sftp.get(D + "/a", "/dev/full")
        except OSError as e:
            out(e.args[0])
        out(sftp.stat(D + "/a").st_size)
        """,
        sshd,
        folder,
        tmp_path,
    )
    assert got == [28, 100000]


LIAR = """
import os
from ssh import transfer
from ssh.sftp import SFTPClient
class Liar:
    closed = False
    names = ["ok", P["name"]]
    def sftp(self):
        return self
    def stat(self, path):
        return (0o40755 if path == "/d" else 0o100644, 1, 0, 0, 0, 0)
    def listdir(self, path):
        return self.names
    def opendir(self, path):
        return self
    def __enter__(self):
        return iter([(name, (0o100644, 1, 0, 0, 0, 0)) for name in self.names])
    def __exit__(self, *exc):
        pass
    def get(self, path, stream, *args, **more):
        stream.write(b"x")
        return 1
os.mkdir(P["local"] + "/in")
os.chdir(P["local"] + "/in")
"""


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "..", ".", "", "a/b", "a\0b", b"\xff"])
def test_a_server_that_lies(tmp_path, name):
    """Names from a folder's list that would lead out of the target: nothing is written there."""
    got = run_mpy(
        LIAR
        + """
try:
    SFTPClient(Liar()).get("/d", "one", recursive=True)
except OSError as e:
    out(e.args[0])
copier = transfer.Transfer("scp", Liar(), Liar(), True, True)
copier.get("/d", "two")
out(copier.failed)
""",
        name=name,
        local=str(tmp_path),
    ).out
    skipped = name in (".", "..", "")  # every folder has the first two
    assert got == [22, 0 if skipped else 1]
    found = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*"))
    assert [f for f in found if f not in ("in", "in/one", "in/one/ok")] == ["in/two", "in/two/ok"]
