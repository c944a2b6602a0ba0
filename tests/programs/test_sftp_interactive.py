"""`sftp host`: commands from a batch, a pipe and a person; beside OpenSSH's sftp."""

import os
import re
import stat
import subprocess
import time

import pytest
from harness.net import Fault
from harness.servers import find

pytestmark = pytest.mark.unix_only("a terminal and a shell of unix are part of it")


class Batch:
    """Runs the same lines with OpenSSH's sftp and with ours, each with folders of its own."""

    def __init__(self, unix, server, folder):
        self.unix = unix
        self.server = server
        self.folder = folder
        unix.trust(server)

    def places(self, who):
        """A fresh folder there and one here."""
        there = self.folder / who
        there.mkdir()
        there.chmod(0o777)
        here = self.unix.folder / who
        here.mkdir()
        return there, here

    def theirs(self, text, cwd, *args, file="-"):
        known = ["-o", f"UserKnownHostsFile={self.unix.known_file}"]
        login = [*self.unix.login(self.server), *known]
        line = [find("sftp"), *login, "-b", file, *args, self.unix.target(self.server)]
        return subprocess.run(
            line, input=text.encode(), capture_output=True, cwd=cwd, timeout=30, check=False
        )

    def ours(self, text, cwd, *args, file="-", target=None):
        args = [*self.unix.login(self.server), "-b", file, *args]
        line = self.unix.line("sftp", [*args, target or self.unix.target(self.server)])
        return subprocess.run(
            line, input=text.encode(), capture_output=True, cwd=cwd, timeout=30, check=False,
            env=self.unix.environ(),
        )  # fmt: skip

    def both(self, text, prepare=None, compare_stdout=True):
        """The folders there and here that both have left, after what they printed was the same."""
        results = []
        for who, run in (("theirs", self.theirs), ("ours", self.ours)):
            there, here = self.places(who)
            if prepare:
                prepare(there, here)
            done = run(f"cd {there}\n{text}", here)
            shown = done.stdout.decode().replace(str(there), "THERE").replace(str(here), "HERE")
            shown = "\n".join(line.rstrip() for line in shown.splitlines())
            results.append((done, shown, tree(there), tree(here), there, here))
        one, two = results
        assert one[0].returncode == two[0].returncode, (one[0].stderr, two[0].stderr)
        assert "Traceback" not in two[0].stderr.decode()
        if compare_stdout:
            assert two[1] == one[1]
        assert two[2] == one[2]
        assert two[3] == one[3]
        return two


def tree(folder):
    """What is in a folder: kinds, modes, contents."""
    found = {}
    for path in sorted(folder.rglob("*")):
        info = path.lstat()
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = os.readlink(path)
        elif path.is_dir():
            found[name] = (oct(info.st_mode), None)
        else:
            found[name] = (oct(info.st_mode), path.read_bytes())
    return found


@pytest.fixture
def batch(unix, sshd, folder):
    return Batch(unix, sshd, folder)


# ---------------------------------------------------------------- beside OpenSSH's


def test_folders_and_names(batch):
    def prepare(there, here):
        for name, size in (("a.txt", 10), ("b.txt", 30), ("c c", 20), (".hidden", 1)):
            (there / name).write_bytes(bytes(size))
            os.utime(there / name, (1e9 + size, 1e9 + size))

    batch.both(
        """\
pwd
mkdir d
mkdir "with blank"
-mkdir d
cd d
pwd
cd ..
ls -1
ls
ls -a1
ls -1r
ls -1S *.txt
ls -1Sr *.txt
ls -1t *.txt
ls -1 *.txt
ls -1 [ac]*
ls -1 "c c"
ls -1 c\\ c
-ls nix
-ls *.nix
rename a.txt d/moved
ls -1 d
ls -1 d/moved
cd d
ls -1 ../*.txt
cd ..
rename b.txt d
""",
        prepare,
    )


def test_links_modes_deleting(batch):
    def prepare(there, here):
        for name in ("a", "b", "x1", "x2", "*"):
            (there / name).write_text(name)
            (there / name).chmod(0o666)
            os.chown(there / name, batch.server.site.account.uid, -1)
        (there / "empty").mkdir()
        os.chown(there / "empty", batch.server.site.account.uid, -1)

    batch.both(
        """\
ln -s a link
symlink no/where link2
ln a hard
chmod 600 a
chmod 4755 b
rm x*
-rm x*
rm "*"
rmdir empty
-rmdir empty
-chmod 600 nix
-chown 0 b
copy a copied
cp a copied2
ls -1
version
bye
ls
""",
        prepare,
    )


def test_transfers(batch):
    def prepare(there, here):
        (there / "one").write_bytes(b"1" * 1000)
        (there / "two two").write_bytes(b"2" * 70000)
        (there / "run").write_text("#!/bin/sh")
        (there / "run").chmod(0o755)
        (there / "part").write_bytes(bytes(range(200)))
        (here / "part").write_bytes(bytes(range(50)))
        (there / "tree" / "sub").mkdir(parents=True)
        (there / "tree" / "sub" / "leaf").write_text("leaf")
        (there / "tree" / "file").write_text("file")
        (here / "up" / "sub").mkdir(parents=True)
        (here / "up" / "sub" / "leaf").write_text("leaf")
        (here / "prog").write_text("x")
        (here / "prog").chmod(0o700)
        (here / "half").write_bytes(bytes(range(100)))

    batch.both(
        """\
get one
get "two two" renamed
get run
lmkdir into
get "two two" into
-get t* renamed
-get nix
-get tree
get -R tree
reget part
put prog
put -R up
-put up
-put nix
put renamed other
mkdir d
put re* d
put half d/half
lcd into
lpwd
lls
get one
!echo from the shell
-!exit 3
get -a one
""",
        prepare,
        compare_stdout=False,
    )


def test_what_is_kept(batch):
    """-p: modes and times, both ways."""

    def prepare(there, here):
        (there / "a").write_text("a")
        (there / "a").chmod(0o604)
        (there / "d").mkdir()
        (there / "d" / "b").write_text("b")
        (here / "c").write_text("c")
        (here / "c").chmod(0o640)
        for path in (there / "a", there / "d" / "b", here / "c"):
            os.utime(path, (1000000000, 1000000001))

    _, _, _, _, there, here = batch.both(
        "get -p a\nput -p c\nget -pR d\nget -p a ./a2\n", prepare, compare_stdout=False
    )
    for path in (here / "a", here / "a2", here / "d" / "b", there / "c"):
        assert path.stat().st_mtime == 1000000001, path  # reading them has changed the other
    assert stat.S_IMODE((there / "c").stat().st_mode) == 0o640
    assert stat.S_IMODE((here / "a").stat().st_mode) == 0o604


def test_a_batch_ends_at_its_first_error(batch):
    done = batch.both("mkdir one\nrmdir nix\nmkdir two\n")
    assert done[0].returncode == 1
    assert list(done[2]) == ["one"]
    assert b"nix" in done[0].stderr


@pytest.mark.parametrize(
    "line",
    ["nonsense", "ls -Z", "get", "put", "rename one", "cd a b", 'ls "a', "chmod 9x a", "lcd nix"],
)
def test_wrong_lines(batch, line):
    """An error as any other."""
    done = batch.both(f"-{line}\nmkdir after\n{line}\nmkdir never\n")
    assert done[0].returncode == 1
    assert list(done[2]) == ["after"]
    assert done[0].stderr.count(b"\n") == 2


def test_df(batch):
    """The numbers change while others write; their places do not."""
    there, here = batch.places("x")
    text = f"df {there}\ndf -h {there}\ndf -i {there}\ndf -hi {there}\n"
    shapes = [
        [re.sub(r"[0-9.]+", "N", re.sub(r" +", " ", line)) for line in shown.decode().splitlines()]
        for shown in (batch.theirs(text, here).stdout, batch.ours(text, here).stdout)
    ]
    units = re.compile("N[KMGT]B")
    assert [[units.sub("NU", line) for line in shape] for shape in shapes][0] == [
        units.sub("NU", line) for line in shapes[1]
    ]


def test_long_lists(batch):
    """As OpenSSH's, with the names of user and group as the server tells them."""
    there, here = batch.places("x")
    for name, seconds in (("new", time.time() - 100), ("old", 1e9)):
        (there / name).write_bytes(bytes(5000))
        os.utime(there / name, (seconds, seconds))
    (there / "d").mkdir()
    (there / "d" / "in").write_text("in")
    os.chown(there / "old", batch.server.site.account.uid, 12345)
    text = f"cd {there}\nls -l\nls -lh\nls -l old\nls -l [on]*\nls -la d\nls -l d\n"
    theirs, ours = (run(text, here).stdout.decode() for run in (batch.theirs, batch.ours))
    assert ours == theirs
    numbers = batch.ours(f"cd {there}\nls -n old\n", here).stdout.decode()
    assert numbers.splitlines()[-1].split()[2:4] == [str(batch.server.site.account.uid), "12345"]


# ---------------------------------------------------------------- ways to say what to do


def test_a_file_and_a_pipe(batch):
    there, here = batch.places("x")
    (here / "todo").write_text(f"# first\n\ncd {there}\nmkdir a\n")
    done = batch.ours("", here, file="todo")
    assert done.returncode == 0 and (there / "a").is_dir()
    # Without -b the same from a pipe: errors do not end it.
    unix, server = batch.unix, batch.server
    done = unix.run(
        "sftp", *unix.login(server), unix.target(server),
        stdin=f"cd {there}\nrmdir nix\nmkdir b".encode(),
    ).ok()  # fmt: skip
    assert "nix" in done.stderr and (there / "b").is_dir()
    assert "Connected to" in done.stderr


def test_a_folder_or_a_file_of_the_command_line(batch):
    there, here = batch.places("x")
    (there / "file.txt").write_text("text")
    target = f"{batch.unix.target(batch.server)}:{there}"
    done = batch.ours("pwd\n", here, target=target)
    assert f"Remote working directory: {there}\n" in done.stdout.decode()
    done = batch.ours("", here, target=target + "/file.txt")
    assert done.returncode == 0 and (here / "file.txt").read_text() == "text"
    done = batch.ours("", here, target=target + "/nix")
    assert done.returncode == 1 and b"nix" in done.stderr
    port = batch.server.port
    url = f"sftp://{batch.unix.target(batch.server)}:{port}/{there}/file.txt"
    done = batch.unix.run("sftp", "-i", batch.unix.key, url, batch.unix.path("new.txt")).ok()
    assert batch.unix.get("new.txt") == b"text"


def test_status(batch, sshd_with):
    """Nobody there, no SFTP there, a batch that is not there."""
    there, here = batch.places("x")
    done = batch.unix.run("sftp", "-o", "Port=1", batch.unix.target(batch.server))
    done.failed(255, "cannot connect")
    done = batch.ours("", here, file="nix")
    assert done.returncode == 255 and b"nix" in done.stderr
    none = sshd_with("ForceCommand /bin/false")
    batch.unix.trust(none)
    done = batch.unix.run("sftp", *batch.unix.login(none), batch.unix.target(none))
    done.failed(255, "no SFTP")


def test_mkdir_with_parents(batch):
    there, here = batch.places("x")
    assert batch.ours(f"cd {there}\nmkdir -p a/b/c\nmkdir -p a/b\n", here).returncode == 0
    assert (there / "a" / "b" / "c").is_dir()


def test_links_in_folders(batch):
    """sftp copies none; a link that goes round in circles does no harm."""
    there, here = batch.places("x")
    (there / "t").mkdir()
    (there / "t" / "file").write_text("x")
    (there / "t" / "link").symlink_to("file")
    (there / "t" / "round").symlink_to(".")
    done = batch.ours(f"cd {there}\nget -R t\n", here)
    assert done.returncode == 1
    assert done.stderr.count(b"left out") == 2
    assert [x.name for x in (here / "t").iterdir()] == ["file"]


# ---------------------------------------------------------------- a person at a terminal


@pytest.fixture
def person(unix, sshd):
    unix.trust(sshd)

    def start(*args, target=None, **more):
        return unix.terminal("sftp", *unix.login(sshd), *args, target or unix.target(sshd), **more)

    return start


def test_at_a_terminal(person, unix, folder):
    (folder / "file").write_bytes(b"x" * 100000)
    (folder / "esc\x1b[31mape").write_text("")
    with person() as t:
        before = t.modes()
        t.expect("Connected to .*sftp> ")
        t.type(f"cd {folder}\n")
        t.expect("sftp> ")
        t.type("lsx\x7f\n")
        shown = t.expect("sftp> ").string
        assert "esc?[31mape" in shown and "\x1b" not in shown
        t.type("get file\n")
        t.expect("Fetching .*/file to file\r\n.*100%.*sftp> ")
        t.type("bogus\n")
        t.expect("no such command.*sftp> ")
        t.type("lpwd \x15pwd\n")
        t.expect(f"directory: {folder}\r\nsftp> ")
        t.type("half a line\x03")
        t.expect("sftp> ")
        assert t.modes() == before
        t.type("\x04")
        assert t.wait() == 0
    assert unix.get("file") == b"x" * 100000


@pytest.mark.parametrize("way", ["get", "put"])
def test_ctrl_c_in_a_transfer(person, unix, folder, way):
    """Back to the prompt, and the session goes on."""
    folder.chmod(0o777)
    big = folder / "big" if way == "get" else unix.folder / "big"
    with open(big, "wb") as file:
        file.truncate(20 << 30)
    (folder / "small").write_text("small")
    with person() as t:
        t.expect("sftp> ")
        t.type(f"cd {folder}\n")
        t.expect("sftp> ")
        t.type(f"{way} big part\n")
        t.expect(r"big +\d+% +\d.*big ")
        t.type("\x03")
        t.expect("incomplete.*interrupted.*sftp> ")
        t.type("get small\n")
        t.expect("100%.*sftp> ")
        t.type("exit\n")
        assert t.wait() == 0
    part = unix.folder / "part" if way == "get" else folder / "part"
    assert 0 < part.stat().st_size < 20 << 30
    assert unix.get("small") == b"small"
    part.unlink()
    big.unlink()


def test_a_server_that_dies(unix, sshd, proxy, folder):
    between = proxy(sshd.port, lambda n: Fault())
    unix.set_known(f"[{unix.host}]:{between.port} {sshd.public}\n")
    with unix.terminal("sftp", "-i", unix.key, *unix.port(between), unix.target(sshd)) as t:
        t.expect("sftp> ")
        between.close()
        t.type("ls\n")
        t.expect("connection lost")
        assert t.wait() == 255
