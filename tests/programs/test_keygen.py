"""The program keygen, with ssh-keygen beside it."""

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from harness.mpy import DOS
from harness.servers import CURVES, keygen

unix_only = pytest.mark.skipif(DOS, reason="there is no terminal or file mode of this kind on DOS")
SECRET = "correct horse"


def openssh(*args, cwd=None, stdin=""):
    """What ssh-keygen leaves: exit status, standard output, standard error."""
    done = subprocess.run(
        ["ssh-keygen", *map(str, args)],
        capture_output=True,
        text=True,
        input=stdin,
        cwd=cwd,
        check=False,
        start_new_session=True,
    )
    return done.returncode, done.stdout, done.stderr


def public_name(name):
    return name + (".PUB" if DOS else ".pub")


def fetch(machine, tmp_path, name):
    """A copy of a key pair of the machine that ssh-keygen looks at."""
    path = tmp_path / "copy"
    path.unlink(missing_ok=True)
    path.write_bytes(machine.get(name))
    path.chmod(0o600)
    Path(f"{path}.pub").write_bytes(machine.get(public_name(name)))
    return path


# ---------------------------------------------------------------- new keys


# A 486 takes half an hour for an RSA key.
NEW = [("ed25519", None), *(("ecdsa", bits) for bits in CURVES)] + (
    [] if DOS else [("rsa", "2048")]
)


@pytest.mark.parametrize(("kind", "bits"), NEW)
def test_new_key(machine, tmp_path, kind, bits):
    options = ["-t", kind, *(["-b", bits] if bits else []), "-C", "me@here"]
    name = f"NEW{kind[:2]}{bits or ''}".upper()
    done = machine.run(
        "keygen", *options, "-f", machine.path(name), "-N", SECRET, timeout=120
    ).ok()
    path = fetch(machine, tmp_path, name)
    status, line, _ = openssh("-y", "-P", SECRET, "-f", path)
    assert status == 0
    assert line.split() == Path(f"{path}.pub").read_text().split()
    assert line.split()[2:] == ["me@here"]
    told = openssh("-l", "-f", path)[1].split()
    assert told[0] == (bits or "256")
    assert told[1] in done.stdout.decode()
    assert openssh("-y", "-P", "wrong", "-f", path)[0] == 255


@unix_only
def test_defaults(unix):
    """ed25519, and 3072 bits for RSA; what is quiet; who may read it."""
    done = unix.run("keygen", "-q", "-f", "plain", "-N", "", env={"USER": "me"}).ok()
    assert (done.stdout, done.stderr) == (b"", "")
    assert unix.get("plain.pub").startswith(b"ssh-ed25519 ")
    assert unix.get("plain.pub").split()[2].startswith(b"me@")
    unix.run("keygen", "-qf", "big", "-trsa", "-N", "").ok()
    assert openssh("-l", "-f", unix.path("big"))[1].startswith("3072 ")
    assert openssh("-y", "-f", unix.path("plain"))[0] == 0
    assert stat.S_IMODE(os.stat(unix.path("plain")).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(unix.path("plain.pub")).st_mode) & 0o044 == 0o044


@unix_only
def test_folder_is_made(unix):
    shutil.rmtree(unix.sshdir)
    with unix.terminal("keygen", "-N", "", "-C", "x") as terminal:
        terminal.expect(r"File of the key \((.*)\): ")
        terminal.type("\n")
        assert terminal.wait() == 0
    assert stat.S_IMODE(unix.sshdir.stat().st_mode) == 0o700
    assert openssh("-y", "-f", unix.sshdir / "id_ed25519")[0] == 0


def test_wrong_options(machine):
    for args in (["-x"], ["-t"], ["operand"], ["-p", "-l"], ["-F", "h", "-R", "h"]):
        machine.run("keygen", *args).failed(2, "usage: keygen")


def test_wrong_values(machine):
    for args, text in (
        (["-t", "dsa"], "ed25519, ecdsa and rsa"),
        (["-t", "ecdsa", "-b", "255"], "256, 384 or 521"),
        (["-t", "rsa", "-b", "1024"], "2048 to 4096"),
        (["-b", "x"], "a number"),
        (["-l", "-E", "sha1"], "md5 and sha256"),
        (["-a", "0"], "1 to 1024"),
        (["-f", "NONE/NEW"], "NONE"),
        (["-y", "-f", "NONE"], "NONE: no such file"),
        (["-l", "-f", "NONE"], "NONE: no such file"),
        (["-F", "host", "-f", "NONE"], "NONE: no such file"),
    ):
        more = [] if "-f" in args else ["-f", machine.path("BAD")]
        machine.run("keygen", *args, *more, "-N", SECRET).failed(255, text)
    assert not machine.exists("BAD")


# ---------------------------------------------------------------- questions


@unix_only
def test_questions(unix):
    with unix.terminal("keygen", "-C", "asked") as terminal:
        usual = terminal.expect(r"File of the key \((.*)\): ").group(1)
        assert usual == str(unix.sshdir / "id_ed25519")
        terminal.type("\n")
        for first, second in ((SECRET, "other"), (SECRET, SECRET)):
            terminal.expect(r"\(empty: none\): $")
            assert not terminal.echoes()
            terminal.type(first + "\n")
            terminal.expect(r"again: $")
            assert not terminal.echoes()
            terminal.type(second + "\n")
        shown = terminal.rest()
        assert SECRET not in shown
        assert terminal.wait() == 0
    assert openssh("-y", "-P", SECRET, "-f", usual)[1].split()[2] == "asked"
    # The same name again: a no changes nothing, a yes makes another key.
    before = Path(usual).read_bytes()
    for answer, status in (("no", 1), ("", 1), ("y", 0)):
        with unix.terminal("keygen", "-f", usual, "-N", "") as terminal:
            terminal.expect(r"Overwrite it \(y/n\)\? $")
            assert Path(usual).read_bytes() == before
            terminal.type(answer + "\n")
            assert terminal.wait() == status
        assert (Path(usual).read_bytes() == before) == (status == 1)


@unix_only
def test_nobody_to_ask(unix):
    unix.put("there", b"x")
    unix.run("keygen", "-N", "", "-f", "there").failed(1, "is there already")
    assert unix.get("there") == b"x"
    unix.run("keygen", "-f", "new").failed(255, "no terminal")
    assert not unix.exists("new")
    unix.run("keygen", "-N", "").failed(255, "no terminal")


@unix_only
def test_passphrase_is_asked_for(unix):
    key = keygen(Path(unix.path("sealed")), passphrase=SECRET)
    for given, status in ((SECRET, 0), ("wrong", 255)):
        with unix.terminal("keygen", "-y", "-f", key) as terminal:
            terminal.expect("Passphrase of .*sealed: $")
            assert not terminal.echoes()
            terminal.type(given + "\n")
            text = terminal.rest()
            assert given not in text
            assert ("ssh-ed25519 AAAA" in text) == (status == 0)
            assert ("does not open this key" in text) == (status != 0)
            assert terminal.wait() == status


# ---------------------------------------------------------------- keys that are there


def kinds(tmp_path):
    """Private keys of ssh-keygen of every type, plain and sealed, and in PEM form."""
    found = []
    for kind in ("ed25519", *(f"ecdsa-{bits}" for bits in CURVES), "rsa-2048"):
        found.append((keygen(tmp_path / kind, kind=kind), ""))
        found.append(
            (keygen(tmp_path / f"{kind}-s", "-a", "4", kind=kind, passphrase=SECRET), SECRET)
        )
    found.append((keygen(tmp_path / "pem", "-m", "PEM", kind="rsa-2048"), ""))
    return found


def test_public_half(machine, tmp_path):
    for path, secret in kinds(tmp_path):
        old = machine.add_key("OLD", path)
        done = machine.run("keygen", "-y", "-P", secret or "unused", "-f", old).ok()
        expected = openssh("-y", "-P", secret, "-f", path)[1]
        assert done.stdout.decode().split() == expected.split()


def test_new_passphrase(machine, tmp_path):
    """Off and on; the comment stays; an old form becomes OpenSSH's."""
    for path, secret in kinds(tmp_path):
        old = machine.add_key("OLD", path)
        machine.put(public_name("OLD"), Path(f"{path}.pub").read_bytes())
        options = ["-p", "-a", "2", "-f", old, "-P", secret or "unused"]
        machine.run("keygen", *options, "-N", "new").ok()
        copy = fetch(machine, tmp_path, "OLD")
        status, line, _ = openssh("-y", "-P", "new", "-f", copy)
        assert status == 0
        whole = 2 if path.name == "pem" else 3
        assert line.split() == Path(f"{path}.pub").read_text().split()[:whole]
        machine.run("keygen", "-p", "-f", old, "-P", "wrong", "-N", "x").failed(
            255, "does not open"
        )
        assert machine.get("OLD") == copy.read_bytes()


def test_new_comment(machine, tmp_path):
    """It stays encrypted as it was."""
    key = keygen(tmp_path / "k", passphrase=SECRET)
    old = machine.add_key("OLD", key)
    done = machine.run("keygen", "-c", "-C", "new one", "-f", old, "-P", SECRET).ok()
    assert b"Old comment: test" in done.stdout
    copy = fetch(machine, tmp_path, "OLD")
    line = openssh("-y", "-P", SECRET, "-f", copy)[1]
    assert line.split()[2:] == ["new", "one"]
    assert line.split() == Path(f"{copy}.pub").read_text().split()
    assert openssh("-y", "-P", "", "-f", copy)[0] == 255


# ---------------------------------------------------------------- fingerprints


@unix_only
def test_fingerprints(unix, tmp_path):
    """Of private and public keys, certificates, known hosts, authorized keys."""
    keys = [path for path, _ in kinds(tmp_path)]
    lines = [Path(f"{path}.pub").read_text() for path in keys]
    known = "".join(f"host{i},[h]:2222 {line}" for i, line in enumerate(lines))
    bare = "".join(f"host{i} {' '.join(line.split()[:2])}\n" for i, line in enumerate(lines))
    (tmp_path / "known").write_text("# a comment\n\n" + known + bare + "nonsense here too\n")
    options = 'from="1.2.3.4",no-pty '
    (tmp_path / "authorized").write_text("".join(options + line for line in lines))
    openssh("-q", "-s", keys[0], "-I", "me", f"{keys[2]}.pub")
    keygen(tmp_path / "dsa", kind="dsa")
    sk = "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIEX/dQ0v4127"
    sk += "bEo8eeG1EV0ApO2lWbSnN6RWusn/NjqIAAAABHNzaDo= me"
    (tmp_path / "sk.pub").write_text(sk + "\n")
    files = [*keys, *(f"{key}.pub" for key in keys), f"{keys[2]}-cert.pub"]
    files += [tmp_path / name for name in ("known", "authorized", "dsa.pub", "sk.pub")]
    for path in files:
        for kind in ([], ["-E", "md5"], ["-E", "sha256"]):
            done = unix.run("keygen", "-l", *kind, "-f", path).ok()
            assert done.stdout.decode() == openssh("-l", *kind, "-f", path)[1], (path, kind)


@unix_only
def test_fingerprints_of_private_keys_alone(unix, tmp_path):
    """OpenSSH's format tells the public half without the passphrase; PEM does not."""
    key = keygen(tmp_path / "k", "-C", "mine", passphrase=SECRET)
    plain = keygen(tmp_path / "p", "-C", "mine")
    pem = keygen(tmp_path / "pem", "-m", "PEM", kind="rsa-2048", passphrase=SECRET)
    for path in (key, plain, pem):
        Path(f"{path}.pub").unlink()
    for path in (key, plain):
        done = unix.run("keygen", "-l", "-f", path).ok()
        assert done.stdout.decode() == openssh("-l", "-f", path)[1]
    unix.run("keygen", "-l", "-f", pem).failed(255, "encrypted")
    for text in ("", "nothing\n"):
        (tmp_path / "none").write_text(text)
        unix.run("keygen", "-l", "-f", tmp_path / "none").failed(255, "no key in it")


# ---------------------------------------------------------------- known hosts


def hosts(site):
    lines = [Path(f"{path}.pub").read_text() for path in (site.key, *site.keys.values())]
    known = f"host,other {lines[0]}[host]:2222 {lines[1]}# comment\n\nhost {lines[2]}"
    return known + f"*.x,!a.x {lines[0]}@revoked * {lines[1]}@cert-authority *.y {lines[0]}"


@unix_only
@pytest.mark.parametrize("name", ["host", "other", "[host]:2222", "a.x", "b.x", "c.y", "nobody"])
@pytest.mark.parametrize("hashed", [False, True])
def test_find(unix, site, tmp_path, name, hashed):
    path = tmp_path / "hosts"
    path.write_text(hosts(site))
    if hashed:
        openssh("-H", "-f", path)
    for more in ([], ["-l"], ["-l", "-E", "md5"]):
        done = unix.run("keygen", "-F", name, *more, "-f", path)
        status, text, _ = openssh("-F", name, *more, "-f", path)
        # It ends some lines with a space.
        ours = [line.rstrip() for line in done.stdout.decode().splitlines()]
        assert (done.returncode, ours) == (status, [line.rstrip() for line in text.splitlines()])


@unix_only
def test_remove(unix, site, tmp_path):
    for name in ("host", "nobody", "[host]:2222", "c.y"):
        both = []
        for which in ("ours", "theirs"):
            folder = tmp_path / which
            folder.mkdir(exist_ok=True)
            (folder / "hosts").write_text(hosts(site))
            both.append(folder / "hosts")
        done = unix.run("keygen", "-R", name, "-f", both[0]).ok()
        status, text, _ = openssh("-R", name, "-f", both[1])
        assert status == 0
        assert both[0].read_text() == both[1].read_text()
        found = re.findall("# Host .* found: line [0-9]+", text)
        assert re.findall("# Host .* found: line [0-9]+", done.stdout.decode()) == found


def test_remove_and_hash(machine, site):
    """On every machine: the file in use, when none is named."""
    known = hosts(site).partition("*")[0]
    machine.set_known(known)
    found = machine.run("keygen", "-F", "other").ok()
    assert found.stdout.startswith(b"# Host other found: line 1 ")
    machine.run("keygen", "-R", "other").ok()
    machine.run("keygen", "-F", "other").failed(1)
    assert machine.known() != known
    machine.run("keygen", "-H").ok()
    assert "[host]:2222" not in machine.known()
    machine.run("keygen", "-F", "[host]:2222").ok()


def test_logs_in(machine, sshd, site, tmp_path):
    """With a key that it has made."""
    mine = machine.path("MINE")
    machine.run("keygen", "-q", "-f", mine, "-N", SECRET, "-C", "mine", "-a", "1").ok()
    machine.run("keygen", "-q", "-p", "-f", mine, "-P", SECRET, "-N", "x", "-a", "1").ok()
    before = site.authorized.read_text()
    line = machine.get(public_name("MINE")).decode().replace("\r", "")
    site.authorized.write_text(before + line)
    try:
        copy = fetch(machine, tmp_path, "MINE")
        assert openssh("-p", "-P", "x", "-N", "", "-f", copy)[0] == 0
        machine.trust(sshd)
        bare = machine.add_key("BARE", copy)
        options = ["-i", bare, *machine.port(sshd), machine.target(sshd)]
        assert machine.run("ssh", *options, "echo in").ok().stdout == b"in\n"
    finally:
        site.authorized.write_text(before)
