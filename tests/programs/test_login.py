"""Who may log in, and which hosts are trusted, without anybody to ask."""

import os
import pwd
import subprocess

import pytest
from harness.agents import RealAgent
from harness.servers import fingerprint, keygen


def fresh_key(folder, **more):
    return keygen(folder / "fresh", **more)


# ---------------------------------------------------------------- the host


def other_key(folder):
    return " ".join(fresh_key(folder).with_suffix(".pub").read_text().split()[:2])


def refused(machine, server, *texts, options=()):
    done = machine.run("ssh", *options, *machine.login(server), machine.target(server), "echo in")
    assert done.stdout == b""
    return done.failed(255, *texts)


def test_an_unknown_host(machine, sshd):
    """Nobody can be asked: refused, and nothing is written."""
    machine.set_known("")
    refused(machine, sshd, sshd.fingerprint, "not known", "no terminal")
    assert machine.known() == ""


def test_an_unknown_host_with_strict_checking(machine, sshd):
    machine.set_known("")
    options = ["-o", "StrictHostKeyChecking=yes"]
    refused(machine, sshd, sshd.fingerprint, "not known", options=options)


def test_an_unknown_host_in_a_batch(machine, sshd):
    machine.set_known("")
    refused(machine, sshd, "not known", options=["-o", "BatchMode=yes"])


def test_accept_new(machine, sshd):
    machine.set_known("# mine\nother.example ssh-ed25519 AAAA")
    args = ["-o", "StrictHostKeyChecking=accept-new", *machine.login(sshd), machine.target(sshd)]
    done = machine.run("ssh", *args, "echo in").ok()
    assert machine.known_file in done.stderr
    line = f"[{machine.host}]:{sshd.port} {sshd.public}"
    assert machine.known() == f"# mine\nother.example ssh-ed25519 AAAA\n{line}\n"
    machine.ssh(sshd, "true").ok()


@pytest.mark.parametrize("checking", ["ask", "yes", "accept-new"])
def test_a_changed_key(machine, sshd, folder, checking):
    """Loud, with both fingerprints, file and line; never accepted, never written."""
    name = f"[{machine.host}]:{sshd.port}"
    known = f"# one\n\n{name} {other_key(folder)}\n"
    machine.set_known(known)
    options = ["-o", f"StrictHostKeyChecking={checking}"]
    texts = ["WARNING", machine.known_file, "line 3", sshd.fingerprint]
    texts.append(fingerprint(folder / "fresh.pub"))
    done = refused(machine, sshd, *texts, options=options)
    assert "has changed" in done.stderr
    assert machine.known() == known


def test_a_changed_key_without_checking(machine, sshd, folder):
    """As OpenSSH: a warning, and no password for such a host."""
    machine.set_known(f"[{machine.host}]:{sshd.port} {other_key(folder)}\n")
    args = ["-o", "StrictHostKeyChecking=no", *machine.login(sshd), machine.target(sshd)]
    done = machine.run("ssh", *args, "echo in").ok()
    assert done.stdout == b"in\n" and "WARNING" in done.stderr


def test_known_by_another_type_of_key(machine, sshd):
    """ATTACKS 49: not a new host, the key contradicts what is known."""
    blob = "AAAAB3NzaC1yc2EAAAADAQABAAAAgQC7"
    machine.set_known(f"[{machine.host}]:{sshd.port} ssh-rsa {blob}\n")
    options = ["-o", "StrictHostKeyChecking=accept-new"]
    refused(machine, sshd, "WARNING", "RSA", "line 1", options=options)


def test_the_known_one_of_several_keys_is_asked_for(machine, sshd_with, folder):
    """RSA, whose algorithms have other names than its keys."""
    rsa = keygen(folder / "rsa", kind="rsa-2048")
    server = sshd_with(f"HostKey {rsa}")
    known = " ".join((folder / "rsa.pub").read_text().split()[:2])
    machine.set_known(f"[{machine.host}]:{server.port} {known}\n")
    args = [*machine.login(server), machine.target(server)]
    assert machine.run("ssh", *args, "echo in").ok().stdout == b"in\n"


def test_a_revoked_key(machine, sshd):
    """ATTACKS 50, with the lines below: revoked, hashed, [host]:port, unknown markers."""
    name = f"[{machine.host}]:{sshd.port}"
    machine.set_known(f"{name} {sshd.public}\n@revoked * {sshd.public}\n")
    for checking in ("yes", "no", "accept-new"):
        options = ["-o", f"StrictHostKeyChecking={checking}"]
        refused(machine, sshd, "revoked", "line 2", options=options)


@pytest.mark.parametrize(
    "line",
    [
        "[{host}]:{port} {key}",
        "[{host}]:{port} {key} a comment",
        "  [{host}]:{port}\t{key}\r",
        "a.example,[{host}]:{port},b.example {key}",
        "[{first}.*]:{port} {key}",
        "[{first}.?*]:* {key}",
        "!a.example,* {key}",
    ],
)
def test_lines_that_make_it_known(machine, sshd, line):
    first = machine.host.split(".")[0]
    line = line.format(host=machine.host, first=first, port=sshd.port, key=sshd.public)
    machine.set_known(f"# first\nnonsense\n{line}\n")
    machine.ssh(sshd, "true").ok()


@pytest.mark.parametrize(
    "line",
    [
        "{host} {key}",
        "[{host}]:1 {key}",
        "# [{host}]:{port} {key}",
        "!*,[{host}]:{port} {key}",
        "*,![{host}]:{port} {key}",
        "@cert-authority * {key}",
        "@unknown * {key}",
        "[{host}]:{port} {type}",
        "[{host}]:{port} ssh-rsa {blob}",
        "[{host}]:{port} {type} {blob}x=",
        "|1|AAAA|BBBB {key}",
        "|1| {key}",
        "|2|x|y {key}",
    ],
)
def test_lines_that_do_not(machine, sshd, line):
    kind, blob = sshd.public.split()
    line = line.format(host=machine.host, port=sshd.port, key=sshd.public, type=kind, blob=blob)
    machine.set_known(line + "\n")
    refused(machine, sshd, "not known")


def test_hashed_lines(machine, sshd, folder):
    file = folder / "hashed"
    file.write_text(f"other.example {sshd.public}\n[{machine.host}]:{sshd.port} {sshd.public}\n")
    subprocess.run(["ssh-keygen", "-H", "-f", file], check=True, capture_output=True)
    text = file.read_text()
    assert machine.host not in text and text.startswith("|1|")
    machine.set_known(text)
    machine.ssh(sshd, "true").ok()
    machine.set_known(text.splitlines()[0] + "\n")
    refused(machine, sshd, "not known")


def test_several_keys_of_one_host(machine, sshd, folder):
    name = f"[{machine.host}]:{sshd.port}"
    machine.set_known(f"{name} {other_key(folder)}\n{name} {sshd.public}\n")
    machine.ssh(sshd, "true").ok()


def test_another_file(machine, sshd):
    machine.set_known("")
    machine.put("hosts.txt", f"[{machine.host}]:{sshd.port} {sshd.public}\n".encode())
    option = ["-o", f"UserKnownHostsFile={machine.path('hosts.txt')}"]
    machine.run("ssh", *option, *machine.login(sshd), machine.target(sshd), "true").ok()


def test_another_name_for_the_key(machine, sshd):
    machine.set_known(f"real.example {sshd.public}\n")
    option = ["-o", "HostKeyAlias=real.example"]
    machine.run("ssh", *option, *machine.login(sshd), machine.target(sshd), "true").ok()


def test_connect_for_programs(machine, sshd):
    """ssh.connect() checks known hosts by itself."""
    key = machine.key.replace("\\", "/")
    text = (
        "import ssh\n"
        f"options = dict(username={sshd.user!r}, key_filename={key!r})\n"
        f"with ssh.connect({machine.host!r}, {sshd.port}, **options) as conn:\n"
        "    print(conn.session.run('echo in').stdout)\n"
    )
    machine.trust(sshd)
    assert b"b'in\\n'" in machine.script(text).ok().stdout
    machine.set_known("")
    done = machine.script(text)
    assert done.returncode == 1
    assert "is not a known host" in done.stderr and sshd.fingerprint in done.stderr


# ---------------------------------------------------------------- the user


def test_a_key_that_is_not_authorized(machine, sshd, folder):
    machine.trust(sshd)
    key = machine.add_key("wrong", fresh_key(folder))
    args = ["-i", key, *machine.port(sshd), machine.target(sshd), "true"]
    machine.run("ssh", *args).failed(255, "permission denied", "publickey")


def test_the_second_of_two_keys(machine, sshd, folder):
    machine.trust(sshd)
    key = machine.add_key("wrong", fresh_key(folder))
    machine.run("ssh", "-i", key, *machine.login(sshd), machine.target(sshd), "true").ok()


def test_a_key_that_is_not_there(machine, sshd):
    machine.trust(sshd)
    args = ["-i", machine.path("nix"), *machine.port(sshd), machine.target(sshd), "true"]
    machine.run("ssh", *args).failed(255, "no such file", "permission denied")


def test_a_file_that_is_no_key(machine, sshd):
    machine.trust(sshd)
    machine.put("text", b"this is no key\n")
    args = ["-i", machine.path("text"), *machine.port(sshd), machine.target(sshd), "true"]
    machine.run("ssh", *args).failed(255, "not an OpenSSH private key", "permission denied")


def test_a_passphrase_that_nobody_can_give(machine, sshd, folder):
    machine.trust(sshd)
    key = machine.add_key("locked", fresh_key(folder, passphrase="secret"))
    args = ["-i", key, *machine.port(sshd), machine.target(sshd), "true"]
    machine.run("ssh", *args).failed(255, "passphrase", "permission denied")


def test_the_usual_key(machine, sshd, site):
    """Without -i, the key in the folder of the user's files."""
    machine.trust(sshd)
    name = "ID_ED255" if machine.kind == "dos" else "id_ed25519"
    data = site.key.read_bytes()
    if machine.kind == "dos":
        machine.guest.put(f"C:\\SSH\\{name}", data)
    else:
        (machine.sshdir / name).write_bytes(data)
    try:
        machine.run("ssh", *machine.port(sshd), machine.target(sshd), "true").ok()
    finally:
        if machine.kind == "dos":
            machine.guest.remove(f"C:\\SSH\\{name}")


def test_no_key_and_nobody_to_ask(machine, sshd, asyncssh):
    machine.trust(sshd, asyncssh)
    for server in (sshd, asyncssh):
        done = machine.run("ssh", *machine.port(server), machine.target(server), "true")
        done.failed(255, "permission denied", "password")


def test_without_public_keys(machine, sshd):
    machine.trust(sshd)
    option = ["-o", "PubkeyAuthentication=no"]
    done = machine.run("ssh", *option, *machine.login(sshd), machine.target(sshd), "true")
    done.failed(255, "permission denied")


def test_no_user_named(machine, sshd):
    machine.trust(sshd)
    none = {"USER": "", "LOGNAME": "", "USERNAME": ""}
    done = machine.run("ssh", *machine.login(sshd), machine.host, "id -un", env=none)
    if machine.kind == "dos":
        done.failed(255, "user")
    else:
        # As OpenSSH: who the system says we are.
        who = pwd.getpwuid(os.geteuid()).pw_name
        assert done.stdout == f"{who}\n".encode() or f"{who}@" in done.stderr
    named = [*machine.login(sshd), "-l", sshd.user, machine.host, "true"]
    machine.run("ssh", *named, env=none).ok()
    if machine.kind == "dos":
        env = {"USER": sshd.user}
        machine.run("ssh", *machine.login(sshd), machine.host, "true", env=env).ok()


def test_a_banner_is_shown(machine, sshd_with, folder):
    (folder / "banner").write_bytes(b"Be \x1b[31mgood\n")
    server = sshd_with(f"Banner {folder}/banner")
    machine.trust(server)
    done = machine.ssh(server, "true").ok()
    assert "Be ?[31mgood" in done.stderr or "Be [31mgood" in done.stderr
    assert "\x1b" not in done.stderr
    done = machine.run("ssh", "-q", *machine.login(server), machine.target(server), "true").ok()
    assert done.stderr == ""


@pytest.mark.unix_only("agents are on unix sockets")
def test_an_agent(machine, sshd_with, site, folder):
    """Its keys are tried, unless only files are wanted; one that is not there is no error."""
    key = fresh_key(folder)
    path = site.folder / "agent_only"
    path.write_text(key.with_suffix(".pub").read_text())
    server = sshd_with(f"AuthorizedKeysFile {path}")
    machine.trust(server)
    args = [*machine.port(server), machine.target(server), "echo in"]
    agent = RealAgent(site)
    try:
        agent.add("-q", str(key))
        env = {"SSH_AUTH_SOCK": agent.path}
        assert machine.run("ssh", *args, env=env).ok().stdout == b"in\n"
        done = machine.run("ssh", "-o", "IdentitiesOnly=yes", *args, env=env)
        done.failed(255, "permission denied")
    finally:
        agent.close()
    machine.run("ssh", "-v", *args, env=env).failed(255, "SSH agent", "permission denied")


@pytest.mark.unix_only("the names of the files are too long for DOS")
def test_certificates(machine, sshd_with, folder):
    """Beside the key, or named; the key alone would not do."""
    ca = keygen(folder / "ca")
    key = keygen(folder / "user")
    server = sshd_with(f"TrustedUserCAKeys {ca}.pub", "AuthorizedKeysFile none")
    machine.trust(server)
    line = ["ssh-keygen", "-q", "-s", ca, "-I", "test", "-n", server.user, f"{key}.pub"]
    subprocess.run(line, check=True)
    args = ["-i", key, *machine.port(server), machine.target(server), "echo in"]
    assert machine.run("ssh", *args).ok().stdout == b"in\n"
    certificate = folder / "elsewhere"
    (key.parent / f"{key.name}-cert.pub").rename(certificate)
    machine.run("ssh", *args).failed(255, "permission denied")
    option = ["-o", f"CertificateFile={certificate}"]
    assert machine.run("ssh", *option, *args).ok().stdout == b"in\n"
