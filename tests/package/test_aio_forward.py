"""Forwards under asyncio, with real traffic."""

import contextlib
import hashlib
import os
import socket
import threading

import pytest
from harness.mpy import Running
from harness.net import free_port, wait_until
from test_aio import HEAD, aio
from tunneling import dial

pytestmark = [
    pytest.mark.usefixtures("micropython"),
    pytest.mark.unix_only("nothing in it depends on the system"),
]


SERVE = """
async def main():
    async with dialled() as conn:
        listener = await {}
        out(listener.port)
        await asyncio.StreamReader(sys.stdin.buffer).readline()
        out(listener.served)
asyncio.run(main())
"""


@contextlib.contextmanager
def serving(what, server, **more):
    """A program with a forward; its port. Ends well, or the test fails."""
    script = HEAD + SERVE.replace("{}", what)
    with Running(script, heapsize="8m", **server.params(), **more) as run:
        yield run.value(), run
        run.process.stdin.write(b"\n")
        run.process.stdin.flush()
        run.served = run.value()
        assert run.wait() == 0


def through(sock, size=300000, ends=True):
    """Send much and read it back at the same time."""
    data = os.urandom(size)
    digest = hashlib.sha256()

    def send():
        sock.sendall(data)
        if ends:
            sock.shutdown(socket.SHUT_WR)

    sender = threading.Thread(target=send)
    sender.start()
    got = 0
    sock.settimeout(20)
    while got < size and (piece := sock.recv(65536)):
        digest.update(piece)
        got += len(piece)
    sender.join()
    assert (got, digest.digest()) == (size, hashlib.sha256(data).digest())
    if ends:
        assert sock.recv(1) == b""


@pytest.mark.parametrize("kind", ["sshd", "asyncssh"])
def test_local(kind, request, echo_port):
    """Several at once, each with its own end; one that nobody reads holds up no other."""
    server = request.getfixturevalue(kind)
    what = "conn.forward_local(0, (HOST, P['echo']))"
    with serving(what, server, echo=echo_port) as (port, run):
        idle = dial(port)
        idle.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                idle.send(bytes(65536))  # nobody reads what comes back
        threads = []
        for _ in range(4):
            sock = dial(port)
            threads.append(threading.Thread(target=through, args=(sock,)))
            threads[-1].start()
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive()
        with dial(port) as sock:
            through(sock, 10)
        idle.close()
    assert run.served == 6


def test_local_from_a_path_to_a_path(sshd, echo_path, folder):
    bind = str(folder / "here")
    what = "conn.forward_local_path(P['bind'], P['echo'])"
    with serving(what, sshd, bind=bind, echo=echo_path) as (port, _):
        assert port is None
        with dial(bind) as sock:
            through(sock)


def test_local_to_nowhere(sshd):
    """A target that is not there ends that connection and nothing else."""
    what = "conn.forward_local_port('127.0.0.1', 0, HOST, 1)"
    with serving(what, sshd) as (port, run):
        for _ in range(2):
            with dial(port) as sock:
                assert sock.recv(1) == b""
    assert run.served == 2


@pytest.mark.parametrize("kind", ["sshd", "asyncssh"])
def test_remote(kind, request, echo_port):
    server = request.getfixturevalue(kind)
    what = "conn.forward_remote(('127.0.0.1', 0), (HOST, P['echo']))"
    with serving(what, server, echo=echo_port) as (port, run):
        for _ in range(2):
            with dial(port) as sock:
                through(sock)
    assert run.served == 2


def test_remote_to_nowhere_and_its_end(sshd):
    got = aio(
        """
        listener = await conn.forward_remote_port("127.0.0.1", 0, HOST, 1)
        sock = dial(listener.get_port())
        while not listener.served:
            await asyncio.sleep_ms(10)
        sock.setblocking(False)
        stream = asyncio.StreamReader(sock)
        out(await stream.read(1))
        listener.close()
        await listener.wait_closed()
        out((await caught(conn.forward_remote_port("127.0.0.1", 0, HOST, 1)))[0])
        out((await conn.run("echo on")).stdout)
        """,
        sshd,
    )
    assert got == [b"", "none", b"on\n"]


def test_accept(sshd):
    """Channels that belong to no forward are the program's."""
    got = aio(
        """
        port = await conn.call(conn.session.request_forward, "127.0.0.1", 0)
        sock = dial(port)
        sock.write(b"from outside")
        channel = await conn.accept()
        out((channel.native.kind, await channel.read(100)))
        out(channel.get_extra_info("peername")[1] == port)
        out((await caught(asyncio.wait_for(conn.accept(), 0.05)))[0])
        """,
        sshd,
    )
    assert got == [("forwarded-tcpip", b"from outside"), True, "TimeoutError"]


@pytest.mark.parametrize("version", [4, 5])
def test_dynamic(sshd, echo_port, version):
    with serving("conn.forward_socks('127.0.0.1', 0)", sshd) as (port, _):
        with dial(port) as sock:
            if version == 5:
                sock.sendall(b"\5\1\0")
                assert sock.recv(2) == b"\5\0"
                head = b"\5\1\0\1\x7f\0\0\1" + echo_port.to_bytes(2, "big")
                size = 10
            else:
                head = b"\4\1" + echo_port.to_bytes(2, "big") + b"\x7f\0\0\1me\0"
                size = 8
            # What comes right behind the greeting is for the target.
            sock.sendall(head + b"early")
            answer = b""
            while len(answer) < size + 5:
                answer += sock.recv(100)
            assert answer[1] in (0, 90) and answer[size:] == b"early"
            through(sock)
        with dial(port) as sock:
            sock.sendall(b"\5\1\0\5\1\0\1\x7f\0\0\1\0\1")
            answer = b""
            while piece := sock.recv(100):
                answer += piece
            assert answer[:4] == b"\5\0\5\5"
        with dial(port) as sock:
            sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert sock.recv(1) == b""


def test_connections_as_streams(sshd, echo_port, echo_path):
    got = aio(
        """
        reader, writer = await conn.open_connection(HOST, P["echo"])
        writer.write(b"there and back\\n")
        await writer.drain()
        out(await reader.readline())
        writer.write_eof()
        out(await reader.read())
        writer.close()
        await writer.wait_closed()
        reader, writer = await conn.open_unix_connection(P["path"])
        writer.write(b"x" * 100000)
        out(len(await reader.readexactly(100000)))
        writer.close()
        out((await caught(conn.open_tcp(HOST, 1)))[1] == _ssh.ERR_OPEN_REFUSED)
        """,
        sshd,
        echo=echo_port,
        path=echo_path,
    )
    assert got == [b"there and back\n", b"", 100000, True]


def test_the_end_of_a_connection_ends_its_forwards(sshd, echo_port):
    port = free_port()
    script = HEAD + (
        """
async def main():
    async with dialled() as conn:
        await conn.forward_local(P["bind"], (HOST, P["echo"]))
        out("on")
        await asyncio.StreamReader(sys.stdin.buffer).readline()
    out("off")
    sys.stdin.readline()
asyncio.run(main())
"""
    )
    with Running(script, **sshd.params(), bind=port, echo=echo_port) as run:
        assert run.value() == "on"
        sock = dial(port)
        through(sock, 100, ends=False)
        run.process.stdin.write(b"\n")
        run.process.stdin.flush()
        assert run.value() == "off"
        assert sock.recv(1) == b""
        wait_until(lambda: refused(port))
        run.process.stdin.write(b"\n")
        run.process.stdin.flush()
        assert run.wait() == 0


def refused(port):
    try:
        dial(port).close()
    except ConnectionRefusedError:
        return True
    return False
