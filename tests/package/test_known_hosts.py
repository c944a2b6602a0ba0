"""Known-hosts files: what they make of a host, how they are written, beside OpenSSH's tools."""

import os
import subprocess
from pathlib import Path

import pytest
from harness import servers
from harness.mpy import DOS, MICROPYTHON, environ, run_mpy
from harness.servers import keygen

pytestmark = [
    pytest.mark.usefixtures("micropython"),
    pytest.mark.skipif(DOS, reason="unix only: OpenSSH's tools work on the same files"),
]


def public(path):
    return " ".join(Path(f"{path}.pub").read_text().split()[:2])


@pytest.fixture(scope="session")
def keys(site):
    """Public keys that no server has."""
    folder = site.new_folder()
    return [public(keygen(folder / f"k{i}", kind=k)) for i, k in enumerate(servers.KINDS)]


@pytest.fixture
def file(tmp_path):
    return tmp_path / "known_hosts"


def tool(*args, check=True, **more):
    done = subprocess.run(
        [str(a) for a in args], capture_output=True, text=True, check=False, **more
    )
    if check:
        assert done.returncode == 0, (args, done.stdout, done.stderr)
    return done


def their_ssh(server, file, *options, host="127.0.0.1"):
    """OpenSSH's client, asking nobody."""
    return tool(
        *("ssh", "-F", "none", "-i", server.site.key, "-o", "IdentityAgent=none"),
        *("-o", f"UserKnownHostsFile={file}", "-o", "GlobalKnownHostsFile=none"),
        *("-o", "BatchMode=yes", *options, "-p", server.port, f"{server.user}@{host}", "echo in"),
        check=False,
    )


def our_ssh(server, file, *options, host="127.0.0.1"):
    done = subprocess.run(
        [MICROPYTHON, "-m", "ssh", "-F", "none", "-i", str(server.site.key)]
        + ["-o", "IdentityAgent=none", "-o", f"UserKnownHostsFile={file}"]
        + ["-o", "GlobalKnownHostsFile=none", "-o", "BatchMode=yes", *options]
        + ["-p", str(server.port), f"{server.user}@{host}", "echo in"],
        capture_output=True,
        text=True,
        check=False,
        env=environ(),
        timeout=30,
        stdin=subprocess.DEVNULL,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def check(*files, name="host", port=22, key, more=()):
    """(outcome, file, line) that KnownHosts gives for a public key."""
    return run_mpy(
        """
        import binascii
        from ssh.known_hosts import KnownHosts
        hosts = KnownHosts(P["name"], P["at"], P["files"], P["more"])
        state, entry = hosts.check(binascii.a2b_base64(P["key"].split()[1]))
        out((state, entry and entry.file, entry and entry.line))
        """,
        files=[str(f) for f in files],
        more=[str(f) for f in more],
        name=name,
        at=port,
        key=key,
    ).one


def write(method, file, name="host", port=22):
    """Let KnownHosts or hosts_file change a file."""
    return run_mpy(
        f"""
        import binascii
        from ssh import hosts_file
        from ssh.known_hosts import KnownHosts
        def blob(key):
            return binascii.a2b_base64(key.split()[1])
        hosts = KnownHosts(P["name"], P["at"], [P["file"]], [])
        out({method})
        """,
        file=str(file),
        name=name,
        at=port,
    ).one


# ---------------------------------------------------------------- outcomes


def test_outcomes(file, tmp_path, keys):
    """Each with file and line; revoked wins, then a key that fits, wherever they stand."""
    ours, other, third = keys[0], keys[1], keys[2]
    second = tmp_path / "second"
    file.write_text(f"# one\nhost {other}\nelse {ours}\n")
    second.write_text(f"\nhost {ours}\n")
    assert check(file, key=ours) == ("changed", str(file), 2)
    assert check(file, second, key=ours) == ("ok", str(second), 2)
    assert check(file, more=[second], key=ours) == ("ok", str(second), 2)
    assert check(second, key=third) == ("changed", str(second), 2)
    assert check(file, name="nowhere", key=ours) == ("new", None, None)
    assert check(tmp_path / "none", key=ours) == ("new", None, None)
    assert check(file / "none", key=ours) == ("new", None, None)
    second.write_text(f"@revoked h?st,!x {ours}\n@cert-authority * {third}\n")
    assert check(file, second, key=ours) == ("revoked", str(second), 1)
    # An authority's key is not the key of a host.
    assert check(second, key=third) == ("new", None, None)


def test_the_line_of_the_same_type_is_shown(file, keys):
    ed25519, p256 = keys[0], keys[1]
    more = keygen(file.parent / "more")
    file.write_text(f"host {p256}\nhost {ed25519}\n")
    assert check(file, key=public(more)) == ("changed", str(file), 2)


@pytest.mark.parametrize("name", ["host", "HOST", "10.0.0.1", "fe80::1", "a-b.example.com"])
@pytest.mark.parametrize("port", [22, 2222])
def test_names_as_ssh_keygen_finds_them(file, keys, name, port):
    shown = name if port == 22 else f"[{name}]:{port}"
    lines = [
        shown,
        shown.lower(),
        f"other,{shown.lower()}",
        f"{shown.lower()[:-1]}?",
        f"*,!{shown.lower()}",
        f"!x,{shown.lower()[0]}*",
        "*",
        "nothost",
        shown.lower()[:-1],
        name.lower(),
    ]
    for line in lines:
        file.write_text(f"{line} {keys[0]}\n")
        theirs = tool("ssh-keygen", "-F", shown, "-f", file, check=False).returncode == 0
        assert (check(file, name=name, port=port, key=keys[0])[0] == "ok") is theirs, line


def test_unreadable(file, keys):
    """Who cannot see whom to trust says so, with the name, and never calls a host unknown."""
    (file).mkdir()
    got = run_mpy(
        """
        from ssh.known_hosts import KnownHosts
        out(err(KnownHosts, "host", 22, [P["file"]], []))
        """,
        file=str(file),
    ).one
    assert got[0] == "OSError" and str(file) in got[2]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_not_permitted(file, keys):
    file.write_text(f"host {keys[0]}\n")
    file.chmod(0)
    got = run_mpy(
        """
        from ssh.known_hosts import KnownHosts
        out(err(KnownHosts, "host", 22, [P["file"]], []))
        """,
        file=str(file),
    ).one
    assert got[0] == "OSError" and str(file) in got[2] and "permission" in got[2]


# ---------------------------------------------------------------- OpenSSH writes, we read


def test_written_by_openssh(sshd, file):
    """ssh itself, ssh-keyscan and ssh-keygen -H, plain and hashed."""
    where = {"name": "127.0.0.1", "port": sshd.port, "key": sshd.public}
    for hashed in ("no", "yes"):
        file.write_text("")
        option = [f"-oHashKnownHosts={hashed}", "-oStrictHostKeyChecking=accept-new"]
        assert their_ssh(sshd, file, *option).stdout == "in\n"
        assert file.read_text().startswith("|1|") is (hashed == "yes")
        assert check(file, **where) == ("ok", str(file), 1)
        assert our_ssh(sshd, file, "-oStrictHostKeyChecking=yes").stdout == "in\n"
        scan = ["ssh-keyscan", *(["-H"] if hashed == "yes" else []), "-t", "ed25519"]
        file.write_text(tool(*scan, "-p", sshd.port, "127.0.0.1").stdout)
        assert check(file, **where)[0] == "ok"
    file.write_text(f"x,[127.0.0.1]:{sshd.port},y {sshd.public} why\n")
    tool("ssh-keygen", "-H", "-f", file)
    assert check(file, **where) == ("ok", str(file), 2)
    assert check(file, **{**where, "name": "y"})[0] == "new"


# ---------------------------------------------------------------- we write, OpenSSH reads


@pytest.mark.parametrize("hashed", ["no", "yes"])
def test_written_by_us(sshd, file, hashed):
    name = f"[127.0.0.1]:{sshd.port}"
    options = [f"-oHashKnownHosts={hashed}", "-oStrictHostKeyChecking=accept-new"]
    done = our_ssh(sshd, file, *options)
    assert done.stdout == "in\n" and str(file) in done.stderr
    text = file.read_text()
    assert text.startswith("|1|" if hashed == "yes" else name + " ") and text.endswith("\n")
    assert (name in text) is (hashed == "no")
    assert their_ssh(sshd, file, "-oStrictHostKeyChecking=yes").stdout == "in\n"
    assert sshd.public in tool("ssh-keygen", "-F", name, "-f", file).stdout
    # A second time there is nothing to write, and a second salt would be another line.
    assert our_ssh(sshd, file, *options).stderr == ""
    assert file.read_text() == text


WHOLE = "# mine\n\nnonsense\nother.example ssh-ed25519 AAAA"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, "{line}\n"),
        ("", "{line}\n"),
        ("\n", "\n{line}\n"),
        (WHOLE + "\n", WHOLE + "\n{line}\n"),
        (WHOLE, WHOLE + "\n{line}\n"),
        ("a b c\r\n", "a b c\r\n{line}\r\n"),
        ("a b c\r\nx", "a b c\r\nx\n{line}\n"),
        ("caf\xe9 \x00\n", "caf\xe9 \x00\n{line}\n"),
        ("x" * 40000, "x" * 40000 + "\n{line}\n"),
    ],
)
def test_appending_keeps_what_is_there(file, keys, before, after):
    if before is not None:
        file.write_bytes(before.encode("latin-1"))
    assert write(f"hosts.add(blob({keys[0]!r}))", file) is None
    whole = after.format(line=f"host {keys[0]}").encode("latin-1")
    assert file.read_bytes() == whole
    assert check(file, key=keys[0])[0] == "ok"


def test_a_missing_folder_is_made(tmp_path, keys):
    file = tmp_path / "it's new" / "known_hosts"
    write(f"hosts.add(blob({keys[0]!r}))", file)
    assert file.read_text() == f"host {keys[0]}\n"
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_a_link_stays_one(file, tmp_path, keys):
    real = tmp_path / "real"
    real.write_text(f"a {keys[1]}\n")
    file.symlink_to(real)
    write(f"hosts.add(blob({keys[0]!r}))", file)
    assert file.is_symlink() and real.read_text() == f"a {keys[1]}\nhost {keys[0]}\n"
    assert write("hosts_file.remove(P['file'], 'a')", file) == [1]
    assert file.is_symlink() and real.read_text() == f"host {keys[0]}\n"


def test_a_file_that_cannot_be_written(sshd):
    """The login goes on, this time only, and a sentence says so."""
    file = "/proc/version"
    for run in (our_ssh, their_ssh):
        done = run(sshd, file, "-oStrictHostKeyChecking=accept-new")
        assert done.stdout == "in\n" and file in done.stderr
        assert done.returncode == 0


# ---------------------------------------------------------------- as ssh-keygen -F -R -H


def tricky(keys):
    return (
        f"# a comment, host\n\n  host {keys[0]} of ours\nhost,b.example {keys[1]}\n"
        f"@revoked host {keys[2]}\n@cert-authority *.example {keys[3]}\n[host]:2222 {keys[0]}\n"
        f"h*,!x {keys[1]}\nHOST\t{keys[2]}\nother {keys[0]}\r\nlast {keys[1]}"
    )


@pytest.mark.parametrize("name", ["host", "Host", "[host]:2222", "b.example", "nowhere", "last"])
def test_find_and_remove(file, tmp_path, keys, name):
    text = tricky(keys)
    theirs = tmp_path / "theirs"
    file.write_bytes(text.encode())
    file.chmod(0o600)
    theirs.write_bytes(text.encode())
    tool("ssh-keygen", "-H", "-f", theirs)
    # In a hashed file ssh-keygen does not find what is not asked for in small letters.
    for each in (text, theirs.read_text())[: 1 if name == "Host" else 2]:
        file.write_bytes(each.encode())
        theirs.write_bytes(each.encode())
        shown = tool("ssh-keygen", "-F", name, "-f", theirs, check=False).stdout
        at = [int(x.split("line ")[1].split()[0]) for x in shown.splitlines() if x[:6] == "# Host"]
        found = write(f"[f.number for f in hosts_file.find(P['file'], {name!r})]", file)
        assert found == at
        done = tool("ssh-keygen", "-R", name, "-f", theirs, check=False)
        gone = write(f"hosts_file.remove(P['file'], {name!r})", file)
        assert bool(gone) is ("updated" in done.stdout)
        # ssh-keygen ends lines anew.
        assert file.read_text().split() == theirs.read_text().split()
        assert file.stat().st_mode & 0o777 == 0o600
        if gone:
            old = Path(f"{file}.old")
            assert old.read_bytes() == each.encode() and old.stat().st_mode & 0o777 == 0o600
        assert sorted(p.name for p in tmp_path.iterdir() if p.name.endswith(".new")) == []


def test_lines_that_are_not_understood_stay(file, keys):
    text = f"nonsense\n@unknown host {keys[0]}\nhost {keys[0]}\n\xff\xfe host\nhost\n"
    file.write_bytes(text.encode("latin-1"))
    assert write("hosts_file.remove(P['file'], 'host')", file) == [3]
    assert file.read_bytes() == text.replace(f"host {keys[0]}\nÿ", "ÿ").encode("latin-1")


def test_hash(file, tmp_path, keys):
    """Every name with a salt of its own, found by ssh-keygen; patterns and markers stay."""
    file.write_text(tricky(keys))
    count, patterns = write("hosts_file.hash_names(P['file'])", file)
    theirs = tmp_path / "theirs"
    theirs.write_text(tricky(keys))
    warned = tool("ssh-keygen", "-H", "-f", theirs).stderr
    assert len(patterns) == 1 and f":{patterns[0]}: ignoring host name with wildcard" in warned
    assert count == 6
    ours = [line.split() for line in file.read_text().splitlines()]
    for mine, line in zip(ours, theirs.read_text().splitlines(), strict=True):
        other = line.split()
        assert mine[1:] == other[1:]
        assert mine[:1] == other[:1] or mine[0][:3] == other[0][:3] == "|1|"
    assert len({line[0] for line in ours if line and line[0][:3] == "|1|"}) == 7
    for name in ("host", "b.example", "[host]:2222", "other", "last"):
        lines = []
        for each in (file, theirs):
            shown = tool("ssh-keygen", "-F", name, "-f", each).stdout.splitlines()
            lines.append([x for x in shown if x[:6] == "# Host"])
        assert lines[0] == lines[1]
    before = file.read_text()
    assert write("hosts_file.hash_names(P['file'])", file)[0] == 0
    assert file.read_text() == before


# ---------------------------------------------------------------- authorities


@pytest.fixture(scope="session")
def authority(site):
    return keygen(site.new_folder() / "ca")


@pytest.fixture(scope="session")
def certified(site, start_server, authority):
    """sshd with a host certificate for 127.0.0.1."""
    folder = site.new_folder()
    key = keygen(folder / "host")
    tool("ssh-keygen", "-q", "-s", authority, "-I", "id", "-h", "-n", "127.0.0.1", f"{key}.pub")
    lines = (f"HostKey {key}", f"HostCertificate {key}-cert.pub")
    server = start_server(servers.Sshd, options=lines)
    server.certified = public(key)
    return server


def both(server, file, *options):
    """What both clients say: (went on, standard error of ours)."""
    theirs = their_ssh(server, file, *options)
    ours = our_ssh(server, file, *options)
    assert (ours.stdout == "in\n") is (theirs.stdout == "in\n"), (ours.stderr, theirs.stderr)
    if ours.stdout != "in\n":
        assert ours.returncode == theirs.returncode == 255
    return ours.stdout == "in\n", ours.stderr


def test_authorities(certified, authority, file, keys):
    """A host that no line names is known by its authority's certificate."""
    ca = public(authority)
    strict = "-oStrictHostKeyChecking=yes"
    name = f"[127.0.0.1]:{certified.port}"
    file.write_text(f"@cert-authority {name},*.example {ca}\n")
    before = file.read_text()
    assert both(certified, file, strict) == (True, "")
    assert file.read_text() == before
    file.write_text(f"@cert-authority [127.0.0.*]:* {keys[1]}\n@cert-authority * {ca}\n")
    assert both(certified, file, strict)[0]
    # For others it means nothing.
    file.write_text(f"@cert-authority *.example {ca}\n")
    assert not both(certified, file, strict)[0]


def test_certificates_without_an_authority(certified, file):
    """Are not asked for: the key in one may be known."""
    name = f"[127.0.0.1]:{certified.port}"
    strict = "-oStrictHostKeyChecking=yes"
    file.write_text(f"{name} {certified.certified}\n")
    for algorithms in (
        "ssh-ed25519-cert-v01@openssh.com,ssh-ed25519",
        "ssh-ed25519-cert-v01@openssh.com",
        "^ssh-ed25519-cert-v01@openssh.com",
    ):
        assert both(certified, file, strict, f"-oHostKeyAlgorithms={algorithms}")[0]
    file.write_text("")
    accept = "-oStrictHostKeyChecking=accept-new"
    algorithms = "-oHostKeyAlgorithms=ssh-ed25519-cert-v01@openssh.com"
    assert our_ssh(certified, file, accept, algorithms).stdout == "in\n"
    assert file.read_text() == f"{name} {certified.certified}\n"


def test_revoked_authority(certified, authority, file):
    ca = public(authority)
    strict = "-oStrictHostKeyChecking=yes"
    file.write_text(f"@cert-authority * {ca}\n@revoked * {ca}\n")
    assert not both(certified, file, strict)[0]


def test_revoked_key_with_a_certificate(certified, authority, file):
    ca = public(authority)
    sk = "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29t"
    file.write_text(f"@cert-authority * {ca}\n@revoked * {certified.certified}\n@revoked * {sk}\n")
    # With StrictHostKeyChecking=no OpenSSH's client would only warn.
    good, text = both(certified, file)
    assert not good and "revoked" in text and "line 2" in text


def test_ssh_connect_knows_authorities(certified, authority, file):
    """So does ssh.connect(), for the rest of a program."""
    ca = public(authority)
    script = """
        import ssh
        try:
            with ssh.connect(HOST, P["port"], username=P["user"], key_filename=P["key"],
                             known_hosts=P["file"]) as conn:
                out(conn.session.hostkey_type)
        except OSError as e:
            out(str(e.args[1]))
        """
    params = {**certified.params(), "file": str(file)}
    file.write_text(f"@cert-authority * {ca}\n")
    assert run_mpy(script, **params).one == "ssh-ed25519-cert-v01@openssh.com"
    file.write_text(f"@cert-authority * {ca}\n@revoked * {certified.certified}\n")
    text = run_mpy(script, **params).one
    assert "revoked" in text and "line 2" in text


def test_revoked_host_keys(sshd, file, tmp_path, keys):
    """RevokedHostKeys: a list of keys that no host may have."""
    file.write_text(f"[127.0.0.1]:{sshd.port} {sshd.public}\n")
    revoked = tmp_path / "revoked"
    option = f"-oRevokedHostKeys={revoked}"
    revoked.write_text(f"{keys[0]}\n")
    assert both(sshd, file, option)[0]
    revoked.write_text(f"# x\n{keys[0]}\n{sshd.public}\n")
    good, text = both(sshd, file, option)
    assert not good and str(revoked) in text and "line 3" in text
    revoked.unlink()
    good, text = both(sshd, file, option)
    assert not good and str(revoked) in text
    tool("ssh-keygen", "-k", "-f", revoked, f"{sshd.site.key}.pub")
    done = our_ssh(sshd, file, option)
    assert done.returncode == 255 and "KRL" in done.stderr


# ---------------------------------------------------------------- UpdateHostKeys


@pytest.fixture(scope="session")
def two_keys(site, start_server):
    """sshd with a second host key."""
    key = keygen(site.new_folder() / "second", kind="ecdsa-256")
    server = start_server(servers.Sshd, options=(f"HostKey {key}",))
    server.second = public(key)
    return server


def test_update(two_keys, file, keys):
    """What the host has proved is learned, what it no longer has goes, others stay."""
    server = two_keys
    name = f"[127.0.0.1]:{server.port}"
    start = f"# mine\n{name} {server.public}\n{name} {keys[4]}\nother {keys[0]}\n"
    after = f"# mine\n{name} {server.public}\nother {keys[0]}\n{name} {server.second}\n"
    file.write_text(start)
    assert our_ssh(server, file).stdout == "in\n"
    assert file.read_text() == start
    done = our_ssh(server, file, "-oUpdateHostKeys=yes", "-v")
    assert done.stdout == "in\n"
    assert "learned the ECDSA key" in done.stderr and "removed the RSA key" in done.stderr
    assert file.read_text() == after
    assert our_ssh(server, file, "-oUpdateHostKeys=yes").stdout == "in\n"
    assert file.read_text() == after
    assert Path(f"{file}.old").read_text() == start


def test_update_leaves_shared_lines(two_keys, file):
    for names in ("a,{}", "*", "!x,{}"):
        text = f"{names.format(f'[127.0.0.1]:{two_keys.port}')} {two_keys.public}\n"
        file.write_text(text)
        assert our_ssh(two_keys, file, "-oUpdateHostKeys=yes").stdout == "in\n"
        assert file.read_text() == text


def test_types_of_authorities(certified, authority, file):
    """CASignatureAlgorithms."""
    file.write_text(f"@cert-authority * {public(authority)}\n")
    strict = "-oStrictHostKeyChecking=yes"
    for algorithms, good in (
        ("ssh-ed25519", True),
        ("rsa-sha2-512,ssh-ed25519", True),
        ("-rsa-*", True),
        ("rsa-sha2-512", False),
        ("-ssh-ed25519", False),
    ):
        assert both(certified, file, strict, f"-oCASignatureAlgorithms={algorithms}")[0] is good
