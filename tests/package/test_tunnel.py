"""ssh.tunnel: connections through a session, both ways, many at once."""

import contextlib
import socket
import textwrap
import threading
import time

import pytest
from harness.mpy import Running, run_mpy
from harness.net import LOOPBACK, exchange, free_port, reset, wait_until
from tunneling import HEAD, dial

pytestmark = [
    pytest.mark.usefixtures("micropython"),
    pytest.mark.unix_only("on DOS nobody can connect to the machine in the emulator"),
]

# ---------------------------------------------------------------- local


def test_local(tunnels, server, echo_port):
    port = free_port()
    tunnels(
        'tunnels.local(P["here"], ("127.0.0.1", P["echo"]))',
        server=server,
        here=port,
        echo=echo_port,
    )
    for _ in range(3):
        with dial(port) as sock:
            exchange(sock, 3_000_000)


def test_local_to_a_name_and_from_all_addresses(tunnels, echo_port):
    port = free_port()
    tunnels('tunnels.local(("", P["here"]), ("localhost", P["echo"]))', here=port, echo=echo_port)
    for host in ("127.0.0.2", "::1"):
        with socket.create_connection((host, port), timeout=20) as sock:
            exchange(sock, 100_000)


def test_half_closed(tunnels, scripted):
    """The end of one way is passed on, and the other goes on."""

    def count(conn):
        size = 0
        while data := conn.recv(65536):
            size += len(data)
        conn.sendall(b"%d" % size)

    def end_first(conn):
        conn.sendall(b"bye")
        conn.shutdown(socket.SHUT_WR)
        conn.settimeout(20)
        ends.append(conn.recv(100))

    ends = []
    first, second = free_port(), free_port()
    tunnels(
        """
        tunnels.local(P["first"], ("127.0.0.1", P["count"]))
        tunnels.local(P["second"], ("127.0.0.1", P["end"]))
        """,
        first=first,
        second=second,
        count=scripted(count),
        end=scripted(end_first),
    )
    with dial(first) as sock:
        sock.sendall(bytes(500_000))
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(100) == b"500000" and sock.recv(100) == b""
    with dial(second) as sock:
        assert sock.recv(100) == b"bye" and sock.recv(100) == b""
        sock.sendall(b"still")
        wait_until(lambda: ends == [b"still"])


def test_refused_target(tunnels, echo_port):
    """Only its own client is told."""
    good, bad = free_port(), free_port()
    running = tunnels(
        """
        tunnels.local(P["bad"], ("127.0.0.1", P["closed"]))
        tunnels.local(P["good"], ("127.0.0.1", P["echo"]))
        """,
        good=good,
        bad=bad,
        closed=free_port(),
        echo=echo_port,
    )
    with dial(good) as sock:
        sock.sendall(b"a")
        assert sock.recv(1) == b"a"
        with dial(bad) as other:
            assert other.recv(1) == b""
        assert running.value()[0] == "log"
        exchange(sock, 100_000)


def test_unix_sockets(tunnels, echo_path, tmp_path):
    here = str(tmp_path / "here")
    tunnels('tunnels.local(P["here"], P["path"])', here=here, path=echo_path)
    with dial(here) as sock:
        exchange(sock, 1_000_000)


def test_the_name_of_a_unix_socket_is_free_again(sshd, tmp_path):
    got = run_mpy(
        HEAD
        + textwrap.dedent("""
            for _ in range(2):
                tunnels.local(P["here"], ("127.0.0.1", 1)).close()
            tunnels.local(P["here"], ("127.0.0.1", 1))
            out(err(tunnels.local, P["here"], ("127.0.0.1", 1))[:2])
            tunnels.close()
            out(err(os.stat, P["here"])[:2])
        """),
        here=str(tmp_path / "here"),
        **sshd.params(),
    ).out
    assert got == [("OSError", 98), ("OSError", 2)]


def test_many_at_once(tunnels, echo_port):
    """More clients than the session has channels: all are served."""
    port = free_port()
    tunnels('tunnels.local(P["here"], ("127.0.0.1", P["echo"]))', here=port, echo=echo_port)
    failed = []

    def client(number):
        try:
            with dial(port) as sock:
                exchange(sock, 20_000, number)
        except (OSError, AssertionError) as e:
            failed.append(repr(e))

    clients = [threading.Thread(target=client, args=(n,)) for n in range(60)]
    for each in clients:
        each.start()
    for each in clients:
        each.join(timeout=30)
    assert not failed and not any(each.is_alive() for each in clients)


def test_a_hundred_open_connections(tunnels, echo_port):
    port = free_port()
    tunnels(
        'tunnels.local(P["here"], ("127.0.0.1", P["echo"]))',
        here=port,
        echo=echo_port,
        channels=101,
    )
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(dial(port)) for _ in range(100)]
        for number, sock in enumerate(socks):
            sock.sendall(b"%d" % number)
        for number, sock in enumerate(socks):
            assert sock.recv(10) == b"%d" % number
        for number, sock in enumerate(socks):
            exchange(sock, 10_000, number)


def test_dead_clients_hold_up_nobody(tunnels, echo_port, scripted):
    """Clients that read nothing, write nothing, or break off, beside one that works."""
    port, flood = free_port(), free_port()

    def pour(conn):
        while True:
            conn.sendall(bytes(65536))

    tunnels(
        """
        tunnels.local(P["here"], ("127.0.0.1", P["echo"]))
        tunnels.local(P["flood"], ("127.0.0.1", P["pour"]))
        """,
        here=port,
        flood=flood,
        echo=echo_port,
        pour=scripted(pour),
    )
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(dial(flood))  # reads nothing
            sock = stack.enter_context(dial(port))  # sends, and reads nothing of the echo
            sock.settimeout(0.5)
            with contextlib.suppress(TimeoutError):
                sock.sendall(bytes(30_000_000))
        for _ in range(3):
            sock = dial(flood)
            sock.recv(1000)
            reset(sock)
        with dial(port) as sock:
            exchange(sock, 2_000_000)


def test_idle_tunnels_cost_nothing(tunnels, echo_port):
    port = free_port()
    running = tunnels(
        'tunnels.local(P["here"], ("127.0.0.1", P["echo"]))\ntunnels.remote(0, ("127.0.0.1", 1))',
        here=port,
        echo=echo_port,
    )
    with contextlib.ExitStack() as stack:
        # Idle, at half their end, and gone.
        for number in range(9):
            sock = stack.enter_context(dial(port))
            sock.sendall(b"x")
            assert sock.recv(1) == b"x"
            if number % 3 == 1:
                sock.shutdown(socket.SHUT_WR)
                assert sock.recv(1) == b""
            if number % 3 == 2:
                reset(sock.dup())
        before = running.cpu_seconds()
        time.sleep(1.5)  # what is measured is that nothing happens
        assert running.cpu_seconds() - before < 0.05


# ---------------------------------------------------------------- remote


def test_remote(tunnels, server, echo_port):
    running = tunnels(
        'out(tunnels.remote(("127.0.0.1", 0), ("127.0.0.1", P["echo"])).port)',
        server=server,
        echo=echo_port,
    )
    (port,) = running.given
    for _ in range(2):
        with dial(port) as sock:
            exchange(sock, 2_000_000)


def test_remote_target_refuses(tunnels, echo_port):
    running = tunnels(
        """
        out(tunnels.remote(0, ("127.0.0.1", P["closed"])).port)
        out(tunnels.remote(0, ("localhost", P["echo"])).port)
        """,
        closed=free_port(),
        echo=echo_port,
    )
    bad, good = running.given
    with dial(bad) as sock:
        assert sock.recv(1) == b""
    assert "connection refused" in running.value()[1]
    with dial(good) as sock:
        exchange(sock, 100_000)


def test_remote_unix(tunnels, folder, echo_port):
    path = str(folder / "there")
    tunnels('tunnels.remote(P["path"], ("127.0.0.1", P["echo"]))', path=path, echo=echo_port)
    with dial(path) as sock:
        exchange(sock, 500_000)


def test_a_target_that_does_not_answer_holds_up_nobody(tunnels, echo_port):
    """Connections to targets here and there that take no more clients: the others go on."""
    with socket.socket() as silent, contextlib.ExitStack() as stack:
        silent.bind((LOOPBACK, 0))
        silent.listen(0)
        port = silent.getsockname()[1]
        for _ in range(4):  # its queue is full: the next ones wait for an answer
            sock = stack.enter_context(socket.socket())
            sock.setblocking(False)
            sock.connect_ex((LOOPBACK, port))
        here = free_port()
        running = tunnels(
            """
            out(tunnels.remote(0, ("127.0.0.1", P["silent"])).port)
            out(tunnels.remote(0, ("127.0.0.1", P["echo"])).port)
            tunnels.local(P["here"], ("127.0.0.1", P["silent"]))
            """,
            here=here,
            silent=port,
            echo=echo_port,
        )
        dead, good = running.given
        with dial(dead), dial(dead), dial(here), dial(here), dial(good) as sock:
            exchange(sock, 1_000_000)


def test_closed_tunnels_take_nobody(sshd, echo_port):
    """A closed tunnel refuses; connections that it has made go on."""
    here = free_port()
    with Running(
        HEAD
        + textwrap.dedent("""
            a = tunnels.local(P["here"], ("127.0.0.1", P["echo"]))
            b = tunnels.remote(0, ("127.0.0.1", P["echo"]))
            out(b.port)
            out([str(t) for t in tunnels.list])
            serve(tunnels, lambda: a.served and b.served and len(tunnels.links) == 2)
            a.close()
            b.close()
            out(tunnels.list)
            serve(tunnels, lambda: not tunnels.links)
            tunnels.close()
        """),
        **sshd.params(),
        here=here,
        echo=echo_port,
    ) as running:
        port = running.value()
        assert running.value() == [
            f"-L localhost:{here} -> 127.0.0.1:{echo_port}",
            f"-R localhost:{port} -> 127.0.0.1:{echo_port}",
        ]
        with dial(here) as first, dial(port) as second:
            assert running.value() == []
            for closed in (here, port):
                with pytest.raises(OSError):
                    dial(closed)
            for sock in (first, second):
                exchange(sock, 100_000)
        assert running.wait() == 0, running.lines


# ---------------------------------------------------------------- arguments


def test_arguments(sshd):
    got = run_mpy(
        HEAD
        + textwrap.dedent("""
            from ssh import forwards
            for kind, text in P["texts"]:
                out(err(forwards.parse, kind, text)[:2])
            for text in ("h:1", "[::1]:2", "h", ":1", "h:0", "h:x"):
                out(err(forwards.host_port, text)[:2])
            out(err(tunnels.local, P["port"], ("h", 1))[:2])
            out(err(tunnels.local, "/nowhere/at/all", ("h", 1))[0])
            out(err(tunnels.local, "/" + "x" * 200, ("h", 1))[2])
            out(tunnels.list)
            p = tunnels.remote(0, ("h", 1)).port
            out(err(tunnels.remote, p, ("h", 1))[:2] == ("SSHError", _ssh.ERR_REQUEST_REFUSED))
            tunnels.close()
            conn.close()
        """),
        **sshd.params(),
        texts=[
            ("L", "80:h:81"),
            ("L", "*:80:[::1]:81"),
            ("L", "[fe80::1]:80:/path"),
            ("L", "/a:/b"),
            ("R", "0:h:81"),
            ("R", ":9:h:81"),
            ("R", "9"),
            ("D", "h:9"),
            ("D", "/a"),
            ("L", "80"),
            ("L", "0:h:80"),
            ("L", "80:h:0"),
            ("L", "80:h:65536"),
            ("L", "[::1:80:h:80"),
            ("L", "a:b:c:d:e"),
            ("D", "1:h:2"),
            ("R", ""),
        ],
    ).out

    def value(it):
        return ("none", repr(it))

    bad = "ValueError"
    assert got[:9] == [
        value((("localhost", 80), ("h", 81))),
        value((("", 80), ("::1", 81))),
        value((("fe80::1", 80), "/path")),
        value(("/a", "/b")),
        value((("localhost", 0), ("h", 81))),
        value((("", 9), ("h", 81))),
        value((("localhost", 9), None)),
        value((("h", 9), None)),
        (bad, "not of the form [address:]port: /a"),
    ]
    assert {kind for kind, _ in got[9:17]} == {bad}
    assert got[17:23] == [
        value(("h", 1)),
        value(("::1", 2)),
        *[(bad, f"not of the form host:port: {text}") for text in ("h", ":1", "h:0", "h:x")],
    ]
    assert got[23:] == [
        ("OSError", 98),
        "OSError",
        "the path of a Unix socket is too long",
        [],
        True,
    ]


# ---------------------------------------------------------------- what a command asks for


def test_x11(sshd, scripted):
    """A program there connects to its display, which is here."""

    def display(conn):
        conn.sendall(b"display got %d" % len(conn.recv(100)))

    client = (
        "import os, socket; host, port = os.environ['DISPLAY'].split('.')[0].rsplit(':', 1); "
        "s = socket.create_connection((host, 6000 + int(port))); "
        "s.sendall(b'l' + bytes(11)); print(s.recv(100))"
    )
    got = run_mpy(
        HEAD
        + textwrap.dedent("""
            tunnel = tunnels.x11(("127.0.0.1", P["display"]))
            with conn.session.open_session() as c:
                c.request_x11("0123456789abcdef0123456789abcdef")
                c.exec(P["command"])
                c.setblocking(False)
                text, piece = b"", bytearray(100)
                while (n := c.readinto(piece)) != 0:
                    if n:
                        text += piece[:n]
                    else:
                        tunnels.poll(20)
            out((text, tunnel.served, str(tunnel)))
            tunnels.close()
        """),
        display=(port := scripted(display)),
        command=f'python3 -c "{client}"',
        **sshd.params(),
    ).one
    assert got == (b"b'display got 12'\n", 1, f"X11 -> 127.0.0.1:{port}")


def test_names_from_the_server_steer_nothing(sshd):
    """ATTACKS 51: where a connection comes from is the server's word."""
    got = run_mpy(
        HEAD
        + textwrap.dedent("""
            from ssh.link import Link
            link = Link(tunnels, tunnels.remote(0, ("h", 1)), channel=conn.session.open_session())
            link.origin = ("\\x1b]0;x\\x07\\u202e", 5)
            out(str(link))
        """),
        **sshd.params(),
    ).one
    assert got == "?]0;x??:5 <- h:1"


def test_through_a_connection(sshd, echo_port):
    """The short names of a Connection; the program that serves the tunnels also uses them."""
    got = run_mpy(
        HEAD
        + textwrap.dedent("""
            import ssh
            from ssh import sockets

            login = {"username": P["user"], "key_filename": P["key"], "hostkey": P["fingerprint"]}
            with ssh.connect(HOST, P["port"], **login) as c:
                local = c.forward_local(0, ("127.0.0.1", P["echo"]))
                remote = c.forward_remote(0, ("127.0.0.1", P["echo"]))
                for port in (local.port, remote.port):
                    client = sockets.Connector(("127.0.0.1", port))
                    serve(c.tunnels, client.done)
                    client.sock.write(b"hello")
                    text = bytearray(10)
                    serve(c.tunnels, lambda: client.sock.readinto(text))
                    client.close()
                    out(bytes(text[:5]))
        """),
        here=free_port(),
        echo=echo_port,
        **sshd.params(),
    ).out
    assert got == [b"hello"] * 2
