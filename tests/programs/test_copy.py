"""`sftp` and `scp`: files both ways, folders, names, what goes wrong."""

import os
import time

import pytest
from harness.net import Fault


@pytest.fixture
def remote(folder):
    """A folder on the server's side, and its path."""
    return folder


def sftp(machine, server, verb, *args, options=(), **more):
    return machine.run("sftp", verb, *machine.login(server), *options, *args, **more)


def scp(machine, server, *args, options=(), **more):
    return machine.run("scp", *machine.login(server), *options, *args, **more)


def there(machine, server, path):
    return f"{machine.target(server)}:{path}"


@pytest.fixture(params=["sftp", "scp", "scp -O"])
def copier(request):
    """copier(machine, server).get(path, name) and .put(name, path): each way to copy a file."""

    class Copier:
        def __init__(self, machine, server):
            machine.trust(server)
            self.at = machine, server

        def run(self, words, source, target):
            if request.param == "sftp":
                return sftp(*self.at, words, source, target)
            return scp(*self.at, source, target, options=request.param.split()[1:])

        def get(self, path, name):
            return self.run("get", there(*self.at, path), name)

        def put(self, name, path):
            return self.run("put", name, there(*self.at, path))

    return Copier


@pytest.mark.parametrize("size", [0, 1, 300000])
def test_get_and_put(machine, sshd, copier, remote, size):
    data = os.urandom(size)
    (remote / "a").write_bytes(data)
    copy = copier(machine, sshd)
    assert copy.get(remote / "a", machine.path("local.bin")).ok().stderr == ""
    assert machine.get("local.bin") == data
    copy.put(machine.path("local.bin"), remote / "b").ok()
    assert (remote / "b").read_bytes() == data


def test_with_other_servers(machine, server, remote):
    """Also with those that have no SFTP."""
    machine.trust(server)
    data = os.urandom(100000)
    (remote / "a").write_bytes(data)
    scp(machine, server, there(machine, server, remote / "a"), machine.path("x.bin")).ok()
    assert machine.get("x.bin") == data
    scp(machine, server, machine.path("x.bin"), there(machine, server, remote / "b")).ok()
    assert (remote / "b").read_bytes() == data


def test_into_folders(machine, sshd, copier, remote):
    """A target that is a folder: the file keeps its name."""
    (remote / "name.txt").write_bytes(b"abc")
    (remote / "d").mkdir()
    (remote / "d").chmod(0o777)
    copy = copier(machine, sshd)
    copy.get(remote / "name.txt", machine.folder).ok()
    assert machine.get("name.txt") == b"abc"
    copy.put(machine.path("name.txt"), remote / "d").ok()
    found = [x.name.lower() for x in (remote / "d").iterdir()]
    assert found == ["name.txt"]


def test_what_is_not_there(machine, sshd, copier, remote):
    copy = copier(machine, sshd)
    machine.put("old.txt", b"old")
    copy.get(remote / "nix", machine.path("old.txt")).failed(1, "nix", "o such file")
    assert machine.get("old.txt") == b"old"
    copy.put(machine.path("nix.txt"), remote / "x").failed(1, "no such file")
    assert not (remote / "x").exists()
    machine.put("a.txt", b"a")
    copy.put(machine.path("a.txt"), remote / "no" / "x").failed(1, "o such file")


def test_what_must_not_be_written(machine, sshd, copier, remote):
    if not sshd.site.account.temporary:
        pytest.skip("the account could write everywhere")
    remote.chmod(0o755)
    copy = copier(machine, sshd)
    machine.put("a.txt", b"a")
    copy.put(machine.path("a.txt"), remote / "x").failed(1, "ermission denied")


def test_a_folder_is_no_file(machine, sshd, copier, remote):
    machine.put("a.txt", b"a")
    copy = copier(machine, sshd)
    done = copy.get(remote, machine.path("a.txt"))
    assert done.returncode == 1 and done.stderr
    assert machine.get("a.txt") == b"a"


@pytest.mark.parametrize("how", ["fin", "reset"])
def test_cut_in_the_middle(machine, sshd, proxy, remote, how):
    """What has come is kept, and it is said how much."""
    data = os.urandom(2000000)
    (remote / "a").write_bytes(data)
    between = proxy(sshd.port, lambda n: Fault(down=700000, how=how))
    machine.set_known(f"[{machine.host}]:{between.port} {sshd.public}\n")
    args = ["-i", machine.key, *machine.port(between)]
    name = machine.path("part.bin")
    done = machine.run("sftp", "get", *args, there(machine, sshd, remote / "a"), name)
    done.failed(255, "incomplete", "of 2000000 bytes", "connection lost")
    part = machine.get("part.bin")
    assert 0 < len(part) < len(data) and data.startswith(part)
    assert f"the first {len(part)} of" in done.stderr


def test_go_on_after_a_cut(machine, sshd, remote):
    """-a fetches and sends the rest only; a longer target is left as it is."""
    machine.trust(sshd)
    data = os.urandom(200000)
    (remote / "d").mkdir(mode=0o777)
    (remote / "d").chmod(0o777)
    (remote / "d" / "whole").write_bytes(data)
    # The first half is of another file, so that it shows what was fetched and what was there.
    half = bytes(100000)
    machine.put("half.bin", half)
    (remote / "d" / "part").write_bytes(half)
    (remote / "d" / "part").chmod(0o666)
    at = machine.path("half.bin")
    sftp(machine, sshd, "get", "-a", there(machine, sshd, remote / "d" / "whole"), at).ok()
    assert machine.get("half.bin") == half + data[100000:]
    done = sftp(machine, sshd, "get", "-a", there(machine, sshd, remote / "d" / "part"), at)
    done.failed(1, "has 200000 bytes, more than the 100000 of its source")
    assert machine.get("half.bin") == half + data[100000:]
    up = sftp(machine, sshd, "put", "-a", at, there(machine, sshd, remote / "d" / "part")).ok()
    assert up.stderr == "" and (remote / "d" / "part").read_bytes() == half + data[100000:]


@pytest.mark.parametrize("options", [[], ["-O"]])
@pytest.mark.parametrize("how", ["fin", "reset"])
def test_cut_while_sending(machine, sshd, proxy, remote, how, options):
    machine.put("a.bin", bytes(2000000))
    between = proxy(sshd.port, lambda n: Fault(up=500000, how=how))
    machine.set_known(f"[{machine.host}]:{between.port} {sshd.public}\n")
    args = [*options, "-i", machine.key, *machine.port(between)]
    target = there(machine, sshd, remote / "a")
    done = machine.run("scp", *args, machine.path("a.bin"), target)
    done.failed(255, "connection lost")


def test_cut_between_many_files(machine, sshd, proxy, remote):
    """One sentence about the connection, not one for each file that is left."""
    for n in range(30):
        (remote / f"f{n}").write_bytes(bytes(100000))
    between = proxy(sshd.port, lambda n: Fault(down=700000, how="reset"))
    machine.set_known(f"[{machine.host}]:{between.port} {sshd.public}\n")
    args = ["-i", machine.key, *machine.port(between), there(machine, sshd, remote / "f*")]
    done = machine.run("scp", *args, machine.folder).failed(255, "connection lost")
    assert len(done.stderr.splitlines()) <= 2, done.stderr


# ---------------------------------------------------------------- sftp's verbs


def test_verbs(machine, sshd, remote):
    machine.trust(sshd)

    def do(verb, path, *args, options=()):
        done = sftp(machine, sshd, verb, there(machine, sshd, path), *args, options=options)
        return done.ok().stdout.decode().replace("\r\n", "\n")

    do("mkdir", remote / "d")
    assert (remote / "d").is_dir()
    (remote / "f").write_bytes(b"text\n")
    (remote / ".hidden").write_bytes(b"")
    assert do("ls", remote) == "d\nf\n"
    assert do("ls", remote, options=["-a"]).split() == [".", "..", ".hidden", "d", "f"]
    long = do("ls", remote, options=["-l"]).splitlines()
    assert long[0].startswith("drwx") and long[1].startswith("-rw") and long[1].endswith(" f")
    assert " 5 " in long[1]
    assert "size 5\n" in do("stat", remote / "f")
    assert do("cat", remote / "f") == "text\n"
    do("mv", remote / "f", remote / "g")
    assert (remote / "g").exists() and not (remote / "f").exists()
    do("mv", remote / "g", remote / "d")
    assert (remote / "d" / "g").exists()
    do("rm", remote / "d" / "g")
    do("rmdir", remote / "d")
    assert not (remote / "d").exists()


def test_cat_is_binary_clean(machine, sshd, remote):
    machine.trust(sshd)
    data = bytes(range(256)) * 300
    (remote / "f").write_bytes(data)
    assert sftp(machine, sshd, "cat", there(machine, sshd, remote / "f")).ok().stdout == data


@pytest.mark.parametrize("verb", ["cat", "rm", "rmdir", "stat", "ls"])
def test_verbs_on_nothing(machine, sshd, remote, verb):
    machine.trust(sshd)
    sftp(machine, sshd, verb, there(machine, sshd, remote / "nix")).failed(1, "nix", "o such file")


def test_home(machine, sshd):
    """A path that does not start with a slash, and none."""
    machine.trust(sshd)
    if not sshd.site.account.temporary:
        pytest.skip("the home is not ours to write to")
    machine.put("home.txt", b"x")
    target = there(machine, sshd, "")
    sftp(machine, sshd, "put", machine.path("home.txt"), target).ok()
    listed = sftp(machine, sshd, "ls", target).ok().stdout.decode().lower()
    assert "home.txt" in listed
    name = next(x for x in listed.split() if x == "home.txt")
    if machine.kind == "dos":
        name = name.upper()
    sftp(machine, sshd, "rm", there(machine, sshd, f"~/{name}")).ok()


@pytest.mark.parametrize(
    ("program", "args", "status", "text"),
    [
        ("sftp", [], 2, "usage"),
        ("sftp", ["dance", "u@h:x"], 2, "what is to be done"),
        ("sftp", ["get"], 2, "wrong number"),
        ("sftp", ["get", "nohost"], 255, "not of the form"),
        ("sftp", ["get", "u@h:"], 2, "which file"),
        ("sftp", ["rm", "u@h:"], 2, "which file"),
        ("sftp", ["-y", "u@h"], 2, "usage"),
        ("sftp", ["-l", "0", "u@h"], 255, "not a value for -l"),
        ("sftp", ["-b", "nix.txt", "u@h"], 255, "no such file"),
        ("scp", ["one"], 2, "usage"),
        ("scp", ["-y", "a", "u@h:"], 2, "usage"),
        ("scp", ["-l", "x", "a", "u@h:"], 255, "not a value for -l"),
        ("scp", ["one", "two"], 1, "one side"),
        ("scp", ["nix.txt", "u@h:"], 1, "no such file"),
    ],
)
def test_wrong_arguments(machine, program, args, status, text):
    machine.run(program, *args).failed(status, text)


# ---------------------------------------------------------------- several files, folders


def test_patterns(machine, sshd, remote):
    machine.trust(sshd)
    for name in ("a.txt", "b.txt", "c.bin", ".d.txt"):
        (remote / name).write_text(name)
    scp(machine, sshd, there(machine, sshd, remote / "*.txt"), machine.folder).ok()
    assert machine.get("a.txt") == b"a.txt" and machine.get("b.txt") == b"b.txt"
    assert not machine.exists("c.bin")
    done = scp(machine, sshd, there(machine, sshd, remote / "*.nix"), machine.folder)
    done.failed(1, "o such file")
    done = scp(machine, sshd, there(machine, sshd, remote / "*.txt"), machine.path("one.txt"))
    done.failed(1, "need a folder")


def test_folders(machine, sshd, remote):
    machine.trust(sshd)
    (remote / "tree" / "sub").mkdir(parents=True)
    (remote / "tree" / "one").write_bytes(b"1")
    (remote / "tree" / "sub" / "two").write_bytes(b"2" * 70000)
    scp(machine, sshd, there(machine, sshd, remote / "tree"), machine.folder).failed(1, "-r")
    scp(machine, sshd, "-r", there(machine, sshd, remote / "tree"), machine.folder).ok()
    remote.chmod(0o777)
    scp(machine, sshd, "-r", machine.path("tree"), there(machine, sshd, remote / "back")).ok()
    back = {x.name.lower(): x for x in (remote / "back").iterdir()}
    assert back["one"].read_bytes() == b"1"
    assert [x.read_bytes() for x in back["sub"].iterdir()] == [b"2" * 70000]


def test_one_of_several_fails(machine, sshd, remote):
    """The others are copied; the status says that not all went well."""
    machine.trust(sshd)
    for name in ("a", "c"):
        (remote / name).write_text(name)
    (remote / "b").mkdir()
    scp(machine, sshd, there(machine, sshd, remote / "*"), machine.folder).failed(
        1, "/b: a folder"
    )
    assert machine.get("a") == b"a" and machine.get("c") == b"c"


def test_times_and_modes_are_kept(machine, sshd, remote):
    machine.trust(sshd)
    (remote / "a").write_text("x")
    os.utime(remote / "a", (1000000000, 1000000000))
    scp(machine, sshd, "-p", there(machine, sshd, remote / "a"), machine.path("a.txt"))
    scp(machine, sshd, "-p", machine.path("a.txt"), there(machine, sshd, remote / "b")).ok()
    if machine.kind == "unix":
        os.chmod(machine.path("a.txt"), 0o640)
        os.utime(machine.path("a.txt"), (1000000001, 1000000001))
        scp(machine, sshd, "-p", machine.path("a.txt"), there(machine, sshd, remote / "b")).ok()
        assert (remote / "b").stat().st_mode & 0o777 == 0o640
        assert (remote / "b").stat().st_mtime == 1000000001
    else:
        assert (remote / "b").stat().st_mtime == 1000000000


def test_patterns_in_folders(machine, sshd, remote):
    """In any part of a name; what matches nothing may be the name itself."""
    machine.trust(sshd)
    for name in ("d1/a.txt", "d1/b.bin", "d2/c.txt", "e/x.txt", "d1/[1].dat"):
        (remote / name).parent.mkdir(exist_ok=True)
        (remote / name).write_text(name)
    scp(machine, sshd, there(machine, sshd, remote / "d[0-9]/*.txt"), machine.folder).ok()
    assert machine.get("a.txt") == b"d1/a.txt" and machine.get("c.txt") == b"d2/c.txt"
    assert not machine.exists("x.txt")
    target = machine.path("one.dat")
    scp(machine, sshd, there(machine, sshd, remote / "d1/[1].dat"), target).ok()
    assert machine.get("one.dat") == b"d1/[1].dat"


def test_several_hosts(machine, sshd, asyncssh, remote):
    machine.trust(sshd, asyncssh)
    (remote / "a.txt").write_text("a")
    (remote / "b.txt").write_text("b")
    one = f"scp://{machine.target(sshd)}:{sshd.port}/{remote}/a.txt"
    two = f"scp://{machine.target(asyncssh)}:{asyncssh.port}/{remote}/b.txt"
    machine.run("scp", "-i", machine.key, one, two, machine.folder).ok()
    assert machine.get("a.txt") == b"a" and machine.get("b.txt") == b"b"


@pytest.mark.parametrize("options", [[], ["-3"]])
def test_between_two_hosts(machine, sshd, asyncssh, remote, options):
    """Through here: the two need not know each other."""
    machine.trust(sshd, asyncssh)
    data = os.urandom(200000)
    (remote / "a").write_bytes(data)
    (remote / "tree" / "sub").mkdir(parents=True)
    (remote / "tree" / "sub" / "leaf").write_text("leaf")
    (remote / "run").write_text("x")
    (remote / "run").chmod(0o755)
    os.utime(remote / "run", (1000000000, 1000000000))
    (remote / "to").mkdir()
    (remote / "to").chmod(0o777)

    def at(server, path):
        return f"scp://{machine.target(server)}:{server.port}/{path}"

    def copy(*args):
        return machine.run("scp", "-i", machine.key, *options, *args)

    copy(at(sshd, remote / "a"), at(asyncssh, remote / "to" / "b")).ok()
    assert (remote / "to" / "b").read_bytes() == data
    copy("-rp", at(sshd, remote / "[rt][ru]*"), at(asyncssh, remote / "to")).ok()
    assert (remote / "to" / "tree" / "sub" / "leaf").read_text() == "leaf"
    info = (remote / "to" / "run").stat()
    assert info.st_mode & 0o777 == 0o755 and info.st_mtime == 1000000000
    done = copy(at(sshd, remote / "nix"), at(asyncssh, remote / "to" / "c"))
    done.failed(1, "o such file")
    assert not (remote / "to" / "c").exists()
    done = copy(at(asyncssh, remote / "a"), at(sshd, remote / "no" / "where"))
    done.failed(1, "o such file")


def test_limit(machine, sshd, remote):
    """-l: kilobits in a second."""
    machine.trust(sshd)
    data = os.urandom(200000)
    (remote / "a").write_bytes(data)
    start = time.monotonic()
    source = there(machine, sshd, remote / "a")
    scp(machine, sshd, source, machine.path("x.bin"), options=["-l", "800"]).ok()
    assert time.monotonic() - start > 1.7
    assert machine.get("x.bin") == data
    start = time.monotonic()
    target = there(machine, sshd, remote / "b")
    scp(machine, sshd, machine.path("x.bin"), target, options=["-l", "800"]).ok()
    assert time.monotonic() - start > 1.7
    assert (remote / "b").read_bytes() == data


def test_what_fails_leaves_the_old_file(machine, sshd, remote):
    """A refusal harms no file that is there, and leaves none that was not."""
    if not sshd.site.account.temporary:
        pytest.skip("the account could read everything")
    machine.trust(sshd)
    (remote / "a").write_text("secret")
    (remote / "a").chmod(0o600)
    machine.put("old.txt", b"old")
    source = there(machine, sshd, remote / "a")
    done = scp(machine, sshd, source, machine.path("old.txt")).failed(1, "ermission denied")
    assert "incomplete" not in done.stderr
    assert machine.get("old.txt") == b"old"
    scp(machine, sshd, source, machine.path("new.txt")).failed(1, "ermission denied")
    assert not machine.exists("new.txt")
    (remote / "b").write_text("b")
    done = scp(machine, sshd, machine.path("old.txt"), there(machine, sshd, remote / "b"))
    done.failed(1, "ermission denied")
    assert "incomplete" not in done.stderr
    assert (remote / "b").read_text() == "b"


# ---------------------------------------------------------------- unix


@pytest.mark.unix_only("there is no /dev/full; test_dos_programs.py fills a disk")
def test_a_full_disk(unix, sshd, remote):
    unix.trust(sshd)
    (remote / "a").write_bytes(bytes(100000))
    done = sftp(unix, sshd, "get", there(unix, sshd, remote / "a"), "/dev/full")
    done.failed(1, "no space left", "incomplete")


@pytest.mark.parametrize("how", ["-J", "config"])
def test_over_a_jump_host(machine, sshd, asyncssh, remote, how):
    """-J and ProxyJump; the host on the way has its own login, from the configuration file."""
    seen = "127.0.0.1"  # the target, from where the jump host is
    known = ((machine.host, sshd), (seen, asyncssh))
    machine.set_known("".join(f"[{host}]:{x.port} {x.public}\n" for host, x in known))
    (remote / "a").write_text("over there")
    jump = f"{sshd.user}@{machine.host}:{sshd.port}"
    lines = f"Host *\nIdentityFile {machine.key}\n"
    if how == "config":
        lines = f"Host target\nHostName {seen}\nProxyJump {jump}\n" + lines
    machine.put("conf", lines.encode())
    options = ["-F", machine.path("conf"), "-P", str(asyncssh.port)]
    host = f"{asyncssh.user}@target" if how == "config" else f"{asyncssh.user}@{seen}"
    if how == "-J":
        options += ["-J", jump]
    before = sshd.log().count("Accepted publickey")
    machine.run("scp", *options, f"{host}:{remote}/a", machine.path("b")).ok()
    assert machine.get("b") == b"over there"
    machine.run("sftp", *options, f"{host}:{remote}/a", machine.path("c")).ok()
    assert machine.get("c") == b"over there"
    assert sshd.log().count("Accepted publickey") == before + 2


@pytest.mark.unix_only("modes are of unix, as the call that sets times")
def test_modes_here(unix, sshd, remote):
    """New files have the mode of the original, but for the mask; -p makes it all the same."""
    unix.trust(sshd)
    for name, mode in (("run", 0o755), ("own", 0o600), ("suid", 0o4755), ("read", 0o444)):
        (remote / name).write_text(name)
        (remote / name).chmod(mode)
        os.utime(remote / name, (1000000000, 1000000007))
    (remote / "own").chmod(0o606)
    (remote / "d").mkdir()
    (remote / "d").chmod(0o715)
    (remote / "d" / "in").write_text("in")
    os.utime(remote / "d", (1000000000, 1000000007))
    names = [there(unix, sshd, remote / name) for name in ("run", "own", "suid", "read", "d")]
    mask = os.umask(0o027)
    try:
        (unix.folder / "1").mkdir()
        (unix.folder / "2").mkdir()
        scp(unix, sshd, *names, unix.path("1"), options=["-r"]).ok()
        scp(unix, sshd, *names, unix.path("2"), options=["-rp"]).ok()
    finally:
        os.umask(mask)

    def modes(folder):
        return [
            (unix.folder / folder / name).stat().st_mode & 0o7777
            for name in ("run", "own", "suid", "read", "d")
        ]

    assert modes("1") == [0o750, 0o600, 0o750, 0o640, 0o710]
    assert modes("2") == [0o755, 0o606, 0o755, 0o444, 0o715]
    times = {(unix.folder / "2" / name).stat().st_mtime for name in ("run", "read", "d")}
    assert times == {1000000007}


@pytest.mark.unix_only("DOS has one program at a time")
def test_nobody_reads_the_output(unix, sshd, remote):
    """As a program that a signal for a broken pipe ends."""
    unix.trust(sshd)
    (remote / "a").write_bytes(bytes(3000000))
    args = ["cat", *unix.login(sshd), there(unix, sshd, remote / "a")]
    with unix.beside("sftp", args) as process:
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(20) == 141


@pytest.mark.unix_only("the heap of DOS is what the machine has")
def test_small_heap(unix, sshd, remote):
    """Files of any size with little memory: here the programs are compiled, too."""
    unix.trust(sshd)
    data = os.urandom(3000000)
    (remote / "a").write_bytes(data)
    source = there(unix, sshd, remote / "a")
    sftp(unix, sshd, "get", source, unix.path("x"), heapsize="1500K").ok()
    assert unix.get("x") == data
    unix.ssh(sshd, "cat", stdin=data, heapsize="1500K").ok()


@pytest.mark.unix_only("nothing in it depends on the system")
def test_names_that_lead_elsewhere(unix):
    """What a server may call a file."""
    program = (
        "from ssh.transfer import safe_name\n"
        "for name in ('a', 'a.b', '-x', '...'): assert safe_name(name), name\n"
        "for name in ('', '.', '..', '../x', '/x', 'a/b', 'a\\0b'):\n"
        "    assert not safe_name(name), name\n"
    )
    unix.put("t.py", program.encode())
    unix.run("t").ok()


@pytest.mark.unix_only("all the other tests do that there")
def test_frozen(unix):
    """The programs are in the interpreter."""
    unix.run("ssh", "-V", env={"MICROPYPATH": ".frozen"}).ok()
