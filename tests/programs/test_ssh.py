"""`ssh` with a command: streams, status, options, what bad servers and lines get."""

import hashlib
import os

import pytest
from harness.net import Fault

BINARY = bytes(range(256)) + b"\r\n\x1a\x03\x04tail"


def test_streams_and_status(machine, server):
    machine.trust(server)
    done = machine.ssh(server, "echo out; echo err >&2; exit 3")
    assert (done.stdout, done.stderr, done.returncode) == (b"out\n", "err\n", 3)


def test_command_words_are_joined(machine, sshd):
    machine.trust(sshd)
    assert machine.ssh(sshd, "echo", "-n", "a  b").stdout == b"a b"


def test_no_output_and_status_255(machine, sshd):
    machine.trust(sshd)
    done = machine.ssh(sshd, "exit 255")
    assert (done.stdout, done.stderr, done.returncode) == (b"", "", 255)


def test_binary_both_ways(machine, sshd):
    machine.trust(sshd)
    assert machine.ssh(sshd, "cat", stdin=BINARY).ok().stdout == BINARY


def test_end_of_input_is_passed_on(machine, sshd):
    machine.trust(sshd)
    assert machine.ssh(sshd, "cat; echo end", stdin=b"").ok().stdout == b"end\n"


def test_much_input(machine, sshd, asyncssh):
    machine.trust(sshd, asyncssh)
    data = os.urandom(300000)
    for server in (sshd, asyncssh):
        done = machine.ssh(server, "sha256sum", stdin=data).ok()
        assert done.stdout.split()[0].decode() == hashlib.sha256(data).hexdigest()


def test_much_output_on_both_streams(machine, sshd):
    machine.trust(sshd)
    done = machine.ssh(sshd, "seq 20000 >&2 & seq 30000; wait").ok()
    assert done.stdout.split() == [b"%d" % n for n in range(1, 30001)]
    assert done.stderr.split() == [str(n) for n in range(1, 20001)]


def test_a_command_that_does_not_read_its_input(machine, sshd):
    machine.trust(sshd)
    done = machine.ssh(sshd, "exec <&-; echo done; exit 4", stdin=bytes(400000))
    assert (done.stdout, done.returncode) == (b"done\n", 4)


def test_no_input(machine, sshd):
    machine.trust(sshd)
    args = [*machine.login(sshd), "-n", machine.target(sshd), "cat"]
    assert machine.run("ssh", *args, stdin=b"not for the command").ok().stdout == b""


def test_a_shell_without_terminal(machine, sshd):
    machine.trust(sshd)
    done = machine.ssh(sshd, stdin=b"echo $((6*7))\nexit 5\n")
    assert (done.stdout, done.returncode) == (b"42\n", 5)


def test_ended_by_a_signal(machine, sshd):
    machine.trust(sshd)
    machine.ssh(sshd, "kill -9 $$").failed(255, "signal KILL")


def test_output_closed_before_the_end_of_the_command(machine, sshd):
    machine.trust(sshd)
    done = machine.ssh(sshd, "echo x; exec >&- 2>&-; sleep 0.3; exit 6")
    assert (done.stdout, done.returncode) == (b"x\n", 6)


def test_subsystem(machine, sshd_with):
    server = sshd_with("Subsystem upper tr a-z A-Z")
    machine.trust(server)
    args = ["-s", *machine.login(server), machine.target(server), "upper"]
    assert machine.run("ssh", *args, stdin=b"abc\n").ok().stdout == b"ABC\n"
    args[-1] = "nothing"
    machine.run("ssh", *args).failed(255, "refused")


def test_environment(machine, sshd):
    machine.trust(sshd)
    args = [*machine.login(sshd), '-oSetEnv=MPY_X="1 2" REFUSED=1']
    done = machine.run("ssh", *args, machine.target(sshd), "echo $MPY_X")
    assert done.ok().stdout == b"1 2\n"


def test_verbose_and_quiet(machine, sshd):
    machine.trust(sshd)
    done = machine.run("ssh", "-v", *machine.login(sshd), machine.target(sshd), "true").ok()
    assert sshd.fingerprint in done.stderr and "OpenSSH" in done.stderr
    done = machine.run("ssh", "-q", *machine.login(sshd), machine.target(sshd), "kill -9 $$")
    assert (done.stderr, done.returncode) == ("", 255)


def test_algorithms_can_be_chosen(machine, sshd):
    machine.trust(sshd)
    args = ["-v", "-caes256-ctr", "-m", "hmac-sha2-512", *machine.login(sshd)]
    done = machine.run("ssh", *args, machine.target(sshd), "true").ok()
    assert "cipher_out: aes256-ctr" in done.stderr and "mac_out: hmac-sha2-512" in done.stderr
    args = ["-o", "Ciphers=nonsense", *machine.login(sshd)]
    machine.run("ssh", *args, machine.target(sshd), "true").failed(255, "nonsense")


def test_version(machine):
    assert "MicroPython_ssh" in machine.run("ssh", "-V").ok().stderr


_USAGE = ("usage", "no option -Z", "-p needs a value")


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ([], "usage"),
        (["-Z", "h"], "no option -Z"),
        (["-p"], "-p needs a value"),
        (["-p", "99999", "h"], "not a port"),
        (["-o", "Nonsense=1", "h"], "there is no option nonsense"),
        (["-o", "StrictHostKeyChecking=perhaps", "h"], "perhaps"),
        (["-o", "ForwardX11=yes", "h"], "forwardx11 yes is not supported"),
        (["u@"], "not the name of a host"),
        (["u@a,b"], "not the name of a host"),
        (["u@*"], "not the name of a host"),
    ],
)
def test_wrong_arguments(machine, args, text):
    machine.run("ssh", *args).failed(2 if text in _USAGE else 255, text)


# ---------------------------------------------------------------- servers and lines that are bad


def test_nobody_listens(machine, scripted):
    port = scripted(lambda conn: None)
    args = [*machine.port(1 if port != 1 else 2), f"u@{machine.host}", "true"]
    machine.run("ssh", *args).failed(255, "cannot connect to")


def test_no_such_host(machine):
    machine.run("ssh", "u@nosuch.invalid", "true").failed(255, "cannot find the address")


def test_not_an_ssh_server(machine, scripted):
    port = scripted(lambda conn: conn.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    done = machine.run("ssh", *machine.port(port), f"u@{machine.host}", "true")
    done.failed(255, "cannot connect to")


def test_a_silent_server(machine, scripted):
    def take(conn):
        while conn.recv(4096):
            pass

    port = scripted(take)
    args = ["-o", "ConnectTimeout=1", *machine.port(port), f"u@{machine.host}", "true"]
    machine.run("ssh", *args).failed(255, "no answer in time")


@pytest.mark.parametrize("how", ["fin", "reset"])
def test_cut_in_the_middle(machine, sshd, proxy, how):
    between = proxy(sshd.port, lambda n: Fault(down=60000, how=how))
    machine.set_known(f"[{machine.host}]:{between.port} {sshd.public}\n")
    args = ["-i", machine.key, *machine.port(between), machine.target(sshd), "seq 1000000"]
    done = machine.run("ssh", *args).failed(255, "lost")
    # What a slow machine has not read when the reset comes is lost with it.
    whole = b"".join(b"%d\n" % n for n in range(1, 20000))
    assert whole.startswith(done.stdout) and (done.stdout or how == "reset")


def test_a_line_that_goes_dead(machine, sshd, proxy):
    between = proxy(sshd.port, lambda n: Fault(down=60000, how="stall"))
    machine.set_known(f"[{machine.host}]:{between.port} {sshd.public}\n")
    args = ["-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=1", "-i", machine.key]
    args += [*machine.port(between), machine.target(sshd), "seq 1000000"]
    machine.run("ssh", *args).failed(255, "has not answered")


def test_the_server_answers_signs_of_life(machine, sshd):
    machine.trust(sshd)
    args = ["-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=1", *machine.login(sshd)]
    assert (
        machine.run("ssh", *args, machine.target(sshd), "sleep 3.5; echo x").ok().stdout == b"x\n"
    )
