"""The user's configuration file, on each kind of machine."""

import pytest


@pytest.fixture
def text(machine, sshd):
    machine.set_known(f"alias {sshd.public}\n")
    return (
        f"# mine\r\nHost me other\r\n  HostName {machine.host}\r\n  Port={sshd.port}\r\n"
        f"  User {sshd.user}\r\n  IdentityFile {machine.key}\r\n  HostKeyAlias alias\r\n"
        "Host *\r\n  Port 1\r\n  Compression yes\r\n"
    )


def test_a_host_by_its_name(machine, text):
    machine.set_config(text)
    assert machine.run("ssh", "me", "echo in").ok().stdout == b"in\n"
    machine.run("ssh", "-o", "HostKeyAlias=else", "me", "true").failed(255, "not known")
    machine.run("ssh", "-F", "none", "me", "true").failed(255, "me")
    machine.run("ssh", "nobody.invalid", "true").failed(255, "nobody.invalid")


def test_another_file(machine, text):
    machine.put("my.cfg", text.encode())
    path = machine.path("my.cfg")
    assert machine.run("ssh", "-F", path, "other", "echo in").ok().stdout == b"in\n"


def test_wrong_lines(machine, text):
    machine.set_config(text + "Nonsense 1\n")
    machine.run("ssh", "me", "true").failed(255, f"{machine.config_file} line 11", "nonsense")
    machine.set_config("Port x\n")
    machine.run("ssh", "me", "true").failed(255, f"{machine.config_file} line 1", "port")


def test_a_command_as_the_way(machine, text):
    """Not on DOS, which says so."""
    machine.set_config("ProxyCommand false\n" + text)
    said = "exit status 1" if machine.kind == "unix" else "not possible on this system"
    machine.run("ssh", "me", "true").failed(255, said)
