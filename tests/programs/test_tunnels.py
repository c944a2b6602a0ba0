"""`ssh` with -L -R -D -J -N -W -A: real traffic through real servers."""

import contextlib
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import threading

import pytest
from harness.agents import full_agent, make_keys
from harness.net import LOOPBACK, exchange, free_port, wait_until

MIB = 1 << 20


class Background:
    """`ssh` beside the test; what it has said is in `said`."""

    def __init__(self, unix, args, env=None):
        self.process = subprocess.Popen(
            unix.line("ssh", args),
            cwd=unix.folder,
            env=unix.environ(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.said = b""
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stderr:
            self.said += line

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.kill()
        self.process.wait()
        self.reader.join()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()

    def wait_for(self, text):
        wait_until(lambda: text in self.said, lambda: repr(self.said), timeout=20)


@pytest.fixture
def run(unix, sshd):
    """run(*options): ssh in the background, connected to sshd, its forwards begun."""
    with contextlib.ExitStack() as stack:

        def start(*args, server=sshd, command=(), env=None, ready=b"debug1: forwarding "):
            unix.trust(server)
            line = ["-v", *unix.login(server), *args, unix.target(server), *command]
            made = stack.enter_context(Background(unix, line, env))
            made.wait_for(ready)
            return made

        yield start


def connect(port, timeout=20):
    """To a forward that is about to be there."""

    def dial():
        with contextlib.suppress(ConnectionRefusedError):
            socks.append(socket.create_connection((LOOPBACK, port), timeout=timeout))
        return socks

    socks = []
    wait_until(dial)
    return socks[0]


def ended(program, status):
    assert program.process.wait(timeout=20) == status, program.said
    program.reader.join(timeout=20)


# ---------------------------------------------------------------- -L -R -D


def test_local(run, echo_port):
    port = free_port()
    run("-N", "-L", f"{port}:127.0.0.1:{echo_port}")
    with connect(port) as sock:
        exchange(sock, 8 * MIB)


def test_remote(run, echo_port):
    port = free_port()
    run("-N", "-R", f"{port}:127.0.0.1:{echo_port}")
    with connect(port) as sock:
        exchange(sock, 8 * MIB)


def test_remote_with_a_port_of_the_servers_choice(run, echo_port):
    program = run("-N", "-R", f"0:localhost:{echo_port}", ready=b"Allocated port ")
    port = int(program.said.split(b"Allocated port ")[1].split()[0])
    with connect(port) as sock:
        exchange(sock, MIB)


def test_one_connection_with_much_in_each_direction(run, scripted):
    """32 MiB down, 16 MiB up, at the same time, by hash."""
    down, up = os.urandom(MIB) * 32, os.urandom(MIB) * 16
    got = []

    def peer(conn):
        sender = threading.Thread(target=conn.sendall, args=(down,))
        sender.start()
        digest = hashlib.sha256()
        while data := conn.recv(65536):
            digest.update(data)
        got.append(digest.digest())
        sender.join()

    port = free_port()
    run("-N", "-L", f"{port}:127.0.0.1:{scripted(peer)}")
    with connect(port) as sock:
        sender = threading.Thread(target=lambda: (sock.sendall(up), sock.shutdown(socket.SHUT_WR)))
        sender.start()
        digest = hashlib.sha256()
        while data := sock.recv(65536):
            digest.update(data)
        sender.join()
    assert digest.digest() == hashlib.sha256(down).digest()
    wait_until(lambda: got == [hashlib.sha256(up).digest()])


def test_a_hundred_at_once(run, echo_port):
    port = free_port()
    run("-N", "-L", f"{port}:127.0.0.1:{echo_port}")
    connect(port).close()
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(connect(port)) for _ in range(100)]
        for number, sock in enumerate(socks):
            sock.sendall(b"%d\n" % number)
        for number, sock in enumerate(socks):
            assert sock.recv(10) == b"%d\n" % number
        threads = [
            threading.Thread(target=exchange, args=(sock, 40_000, n))
            for n, sock in enumerate(socks)
        ]
        for each in threads:
            each.start()
        for each in threads:
            each.join(timeout=40)
        assert not any(each.is_alive() for each in threads)


def test_curl_through_socks(run, scripted):
    curl = shutil.which("curl")
    if not curl:
        pytest.skip("no curl on this machine")
    body = os.urandom(3 * MIB)

    def serve(conn):
        request = b""
        while b"\r\n\r\n" not in request:
            request += conn.recv(4096)
        conn.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    port, http = free_port(), scripted(serve)
    run("-N", "-D", str(port))
    for kind in ("socks4", "socks4a", "socks5", "socks5h"):
        done = subprocess.run(
            [curl, "-sS", "--noproxy", "", "-x", f"{kind}://127.0.0.1:{port}"]
            + [f"http://localhost:{http}/"],
            capture_output=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(body).digest()


def test_beside_a_command(run, echo_port):
    """A forward lives as long as the command; its connections may end after it."""
    port = free_port()
    program = run("-L", f"{port}:127.0.0.1:{echo_port}", command=["cat; exit 3"])
    with connect(port) as sock:
        sock.sendall(b"x")
        assert sock.recv(1) == b"x"
        program.process.stdin.write(b"hello")
        program.process.stdin.close()
        assert program.process.stdout.read(5) == b"hello"
        exchange(sock, MIB)
    ended(program, 3)
    program.process.stdin = open(os.devnull, "wb")


def test_a_reader_that_takes_its_time_holds_up_no_tunnel(run, echo_port):
    """Standard output is a full pipe: the command waits, the tunnel does not."""
    port = free_port()
    program = run("-L", f"{port}:127.0.0.1:{echo_port}", command=["seq 1000000"])
    for _ in range(3):
        with connect(port) as sock:
            exchange(sock, MIB)
    text = program.process.stdout.read()
    assert text == b"".join(b"%d\n" % n for n in range(1, 1000001))
    ended(program, 0)


def test_from_the_configuration_file(unix, sshd, echo_port, tmp_path, run):
    local, dynamic = free_port(), free_port()
    config = tmp_path / "config"
    config.write_text(
        f"Host *\n  LocalForward {local} 127.0.0.1:{echo_port}\n  DynamicForward {dynamic}\n"
    )
    program = run("-N", "-F", config)
    program.wait_for(b"-D ")
    with connect(local) as sock:
        exchange(sock, 1000)


def test_gateway_ports(run, echo_port):
    port = free_port()
    run("-gN", "-L", f"{port}:127.0.0.1:{echo_port}")
    connect(port).close()
    with socket.create_connection(("127.0.0.2", port), timeout=20) as sock:
        exchange(sock, 1000)


# ---------------------------------------------------------------- what goes wrong


def test_a_port_that_is_taken(unix, sshd, echo_port):
    """A warning, or with ExitOnForwardFailure the end; for both kinds."""
    unix.trust(sshd)
    for kind in ("-L", "-R"):
        args = [*unix.login(sshd), kind, f"127.0.0.1:{echo_port}:127.0.0.1:1"]
        done = unix.run("ssh", *args, unix.target(sshd), "echo on").ok()
        assert (
            done.stdout == b"on\n"
            and f"cannot forward {kind} 127.0.0.1:{echo_port}" in done.stderr
        )
        args += ["-o", "ExitOnForwardFailure=yes", unix.target(sshd), "echo on"]
        done = unix.run("ssh", *args).failed(255, f"cannot forward {kind} 127.0.0.1:{echo_port}")
        assert done.stdout == b""


def test_a_target_that_refuses(run, echo_port):
    bad, good = free_port(), free_port()
    program = run(
        "-N", "-L", f"{bad}:127.0.0.1:{free_port()}", "-L", f"{good}:127.0.0.1:{echo_port}"
    )
    with connect(bad) as sock:
        assert sock.recv(1) == b""
    program.wait_for(b"ssh: ")
    with connect(good) as sock:
        exchange(sock, 1000)


def test_wrong_texts(unix):
    for args in (
        ["-L", "80"],
        ["-L", "80:host"],
        ["-L", "99999:host:80"],
        ["-R", "x"],
        ["-D", "1:2:3"],
        ["-W", "host"],
    ):
        unix.run("ssh", *args, "u@h").failed(2, "not of the form", "usage")


def test_no_background(unix):
    unix.run("ssh", "-fN", "u@h").failed(255, "-f is not possible")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_ended_by_a_signal(run, echo_port, number):
    port = free_port()
    program = run("-N", "-L", f"{port}:127.0.0.1:{echo_port}")
    with connect(port) as sock:
        sock.sendall(b"x")
        assert sock.recv(1) == b"x"
        program.process.send_signal(number)
        ended(program, 128 + number)
        assert b"Traceback" not in program.said
        with contextlib.suppress(ConnectionError):
            assert sock.recv(1) == b""


def test_the_server_goes(run, sshd, proxy, unix, echo_port):
    """Who keeps tunnels open is told that they are gone."""
    between = proxy(sshd.port)
    unix.set_known(f"[{unix.host}]:{between.port} {sshd.public}\n")
    port = free_port()
    args = ["-i", unix.key, *unix.port(between), "-N", "-L", f"{port}:127.0.0.1:{echo_port}"]
    with Background(unix, [*args, "-v", unix.target(sshd)]) as program:
        program.wait_for(b"forwarding")
        connect(port).close()
        between.close()
        ended(program, 255)
        assert b"lost" in program.said


def test_an_idle_tunnel_costs_nothing(run, echo_port):
    port = free_port()
    program = run("-N", "-L", f"{port}:127.0.0.1:{echo_port}")
    with connect(port) as sock:
        sock.sendall(b"x")
        assert sock.recv(1) == b"x"

        def used():
            with open(f"/proc/{program.process.pid}/stat") as file:
                fields = file.read().rpartition(")")[2].split()
            return int(fields[11]) + int(fields[12])

        before = used()
        with contextlib.suppress(subprocess.TimeoutExpired):
            program.process.wait(timeout=2)
        assert used() - before <= 5  # hundredths of a second


# ---------------------------------------------------------------- -W -J -A


def test_stdio(unix, sshd, echo_port):
    unix.trust(sshd)
    data = os.urandom(2 * MIB)
    args = [*unix.login(sshd), "-W", f"127.0.0.1:{echo_port}", unix.target(sshd)]
    assert unix.run("ssh", *args, stdin=data).ok().stdout == data
    args[-2] = f"127.0.0.1:{free_port()}"
    unix.run("ssh", *args).failed(255, "cannot connect to 127.0.0.1")


def test_openssh_through_our_stdio(unix, sshd, sshd_with):
    """OpenSSH's client, with ours as its ProxyCommand."""
    other = sshd_with("LogLevel VERBOSE")
    unix.trust(sshd)
    line = " ".join(map(str, unix.line("ssh", [*unix.login(sshd), "-W", "%h:%p"])))
    env = unix.environ()
    proxy = f"env SSHDIR={env['SSHDIR']} MICROPYPATH={env['MICROPYPATH']} {line}"
    done = subprocess.run(
        ["ssh", "-F", "none", "-i", unix.key, "-p", str(other.port)]
        + ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
        + [
            "-o",
            f"ProxyCommand={proxy} {unix.target(sshd)}",
            f"{other.user}@127.0.0.1",
            "echo in",
        ],
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert done.stdout == b"in\n", done.stderr


@pytest.fixture
def chain(unix, sshd, sshd_with, asyncssh):
    """A configuration file that knows two hosts on the way and a last one."""
    last = sshd_with("LogLevel VERBOSE")
    unix.trust(sshd, asyncssh, last)
    config = unix.folder / "config"
    text = f"Host *\n  IdentityFile {unix.key}\n  StrictHostKeyChecking yes\n"
    for name, server in (("first", sshd), ("second", asyncssh), ("last", last)):
        text += f"Host {name}\n  HostName 127.0.0.1\n  Port {server.port}\n  User {server.user}\n"
    config.write_text(text)
    return config


@pytest.mark.parametrize("way", ["first", "first,second", "second,first"])
def test_jump(unix, chain, way):
    data = os.urandom(MIB)
    done = unix.run("ssh", "-F", chain, "-J", way, "last", "cat; exit 7", stdin=data, timeout=60)
    assert (done.returncode, done.stdout) == (7, data), done.stderr


def test_jump_from_the_configuration(unix, chain):
    with chain.open("a") as file:
        file.write("Host last\n  ProxyJump second\nHost second\n  ProxyJump first\n")
    done = unix.run("ssh", "-v", "-F", chain, "last", "echo in").ok()
    assert done.stdout == b"in\n" and done.stderr.count("debug1: logged in") == 3


def test_jump_with_a_tunnel(unix, chain, echo_port):
    """The pump waits on the socket of the first host."""
    port = free_port()
    args = ["-v", "-F", chain, "-J", "first", "-N", "-L", f"{port}:127.0.0.1:{echo_port}", "last"]
    with Background(unix, args) as program:
        program.wait_for(b"forwarding")
        with connect(port) as sock:
            exchange(sock, 4 * MIB)
        with connect(port) as sock:
            exchange(sock, 1000)


@pytest.mark.parametrize("way", ["first", "first,second"])
def test_jump_with_much_in_one_direction(unix, chain, scripted, way):
    """Nothing comes back that could set things moving again."""
    got = []

    def sink(conn):
        digest = hashlib.sha256()
        while data := conn.recv(65536):
            digest.update(data)
        got.append(digest.digest())

    port, data = free_port(), os.urandom(MIB) * 16
    forward = f"{port}:127.0.0.1:{scripted(sink)}"
    args = ["-v", "-F", chain, "-J", way, "-N", "-L", forward, "last"]
    with Background(unix, args) as program:
        program.wait_for(b"forwarding")
        with connect(port) as sock:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            wait_until(lambda: got == [hashlib.sha256(data).digest()], timeout=30)


def test_jump_that_leads_nowhere(unix, chain, sshd):
    unix.run("ssh", "-F", chain, "-J", "nosuch.invalid", "last", "true").failed(
        255, "cannot find the address of nosuch.invalid"
    )
    with chain.open("a") as file:
        file.write(f"Host closed\n  HostName 127.0.0.1\n  Port {free_port()}\n")
    unix.run("ssh", "-F", chain, "-J", "first", "closed", "true").failed(
        255, "cannot connect to 127.0.0.1 port"
    )
    with chain.open("a") as file:
        file.write("Host round\n  HostName 127.0.0.1\n  ProxyJump round\n")
    unix.run("ssh", "-F", chain, "round", "true").failed(255, "too many hosts")


def test_agent(unix, sshd, site):
    """-A: programs there see the keys here; without it they do not."""
    unix.trust(sshd)
    with full_agent(site, make_keys(site.new_folder())) as agent:
        args = [*unix.login(sshd), unix.target(sshd), "ssh-add -l; ssh-add -l"]
        env = {"SSH_AUTH_SOCK": agent.path}
        done = unix.run("ssh", "-A", *args, env=env).ok()
        assert done.stdout == agent.add("-l").encode() * 2
        done = unix.run("ssh", *args, env=env)
        assert done.returncode == 2 and done.stdout == b""
