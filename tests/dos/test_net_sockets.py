"""Sockets of a DOS guest over both drivers: TCP and UDP, both ways, select and asyncio."""

import socket
from textwrap import dedent

import pytest
from harness.dos import Guest
from harness.net import LOOPBACK, free_port
from net_peers import UdpEcho, begin_net, digest, net_guest, pattern, run_net

MUCH = 10_000_000
GUEST_PORT = 7777

# Reads so many bytes, or to the end; gives their number and sha256.
DIGEST = """
def digest(s, size=1 << 30):
    h, buf, n = hashlib.sha256(), bytearray(32768), 0
    view = memoryview(buf)
    while n < size:
        k = s.readinto(view[:min(size - n, len(buf))])
        if not k:
            break
        h.update(view[:k])
        n += k
    return n, "".join("%02x" % b for b in h.digest())
"""


@pytest.fixture(scope="module", params=("ne2000", "packet"))
def shared(request, freedos):
    port = free_port()
    forwards = f"hostfwd=tcp:{LOOPBACK}:{port}-:{GUEST_PORT}"
    forwards += f",hostfwd=udp:{LOOPBACK}:{port}-:{GUEST_PORT}"
    with net_guest(request.param, netdev=forwards) as made:
        made.port = port
        yield made


def job(guest, script, **options):
    return run_net(guest, DIGEST + dedent(script), check=True, **options)


# ------------------------------------------------------------ TCP


def test_get(machine, peer, record_property):
    script = f"""
        s = dial({peer.port})
        s.write(b"get {MUCH}\\n")
        start = time.ticks_ms()
        out(digest(s))
        s.close()
        s = dial({peer.port})
        s.write(b"get {MUCH}\\n")
        buf = bytearray(32768)
        start = time.ticks_ms()
        while s.readinto(buf):
            pass
        out({MUCH} / 1.024 / time.ticks_diff(time.ticks_ms(), start))
    """
    done = job(machine, script, timeout=120)
    assert done.out[0] == (MUCH, digest(pattern(MUCH)))
    record_property("KiB/s", round(done.out[1]))


def test_put(machine, peer, record_property):
    script = f"""
        import random
        block = bytes(random.getrandbits(8) for _ in range(4096))
        s = dial({peer.port})
        s.write(b"put {MUCH}\\n")
        h, left = hashlib.sha256(), {MUCH}
        piece = block * 8
        while left:
            part = piece[:min(left, len(piece))]
            assert s.write(part) == len(part)
            left -= len(part)
            h.update(part)
        out(("".join("%02x" % b for b in h.digest()), s.read(64).decode()))
        s.close()
        s = dial({peer.port})
        s.write(b"put {MUCH}\\n")
        data = bytes(500000)
        start = time.ticks_ms()
        for _ in range({MUCH} // len(data)):
            s.write(data)
        s.read(64)
        out({MUCH} / 1.024 / time.ticks_diff(time.ticks_ms(), start))
    """
    done = job(machine, script, timeout=120)
    mine, theirs = done.out[0]
    assert mine == theirs
    record_property("KiB/s", round(done.out[1]))


def test_echo_of_all_sizes(machine, peer):
    script = f"""
        s = dial({peer.port})
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        s.write(b"echo\\n")
        for size in (1, 2, 59, 60, 61, 535, 1459, 1460, 1461, 2919, 2920, 2921, 4096, 20000):
            data = os.urandom(size)
            s.write(data)
            assert s.read(size) == data, size
        start = time.ticks_ms()
        for _ in range(100):
            s.write(b"x")
            assert s.read(1) == b"x"
        out(time.ticks_diff(time.ticks_ms(), start))
    """
    assert job(machine, script).one < 10000  # no 200 ms of Nagle or delayed ACK each


def test_timeouts_and_blocking(machine, peer):
    script = f"""
        s = dial({peer.port}, timeout=0.5)
        s.write(b"mute\\n")
        start = time.ticks_ms()
        out(tried(s.recv, 1)[0] == errno.ETIMEDOUT)
        out(400 <= time.ticks_diff(time.ticks_ms(), start) < 1500)
        s.setblocking(False)
        out(tried(s.recv, 1)[0] == errno.EAGAIN)
        out(s.read(1))
        n = 0
        while True:
            try:
                sent = s.write(bytes(20000))
                if sent is None:
                    break
                n += sent
            except OSError as exc:
                out(exc.args[0] == errno.EAGAIN)
                break
        out(n > 20000)
        s.close()
        s = socket.socket()
        s.setblocking(False)
        # It may be done already.
        out(tried(s.connect, (HOST, {peer.port})) in (None, (errno.EINPROGRESS,)))
        poll = select.poll()
        poll.register(s, select.POLLOUT)
        out(poll.poll(5000)[0][1] == select.POLLOUT)
        s.write(b"get 100\\n")
        poll.modify(s, select.POLLIN)
        out(poll.poll(5000)[0][1] == select.POLLIN)
        out(len(s.read(100)))
    """
    done = job(machine, script)
    out = [True if value is True else value for value in done.out]
    assert out[:4] == [True, True, True, None]
    assert set(out[4:-1]) == {True}
    assert out[-1] == 100


def test_select_of_several(machine, peer):
    script = f"""
        poll = select.poll()
        socks = [dial({peer.port}) for _ in range(10)]
        for i, s in enumerate(socks):
            s.write(b"echo\\n")
            poll.register(s, select.POLLIN)
        out(poll.poll(200))
        for i in (7, 3):
            socks[i].write(b"%d" % i)
        seen = {{}}
        while len(seen) < 2:
            for s, event in poll.poll(5000):
                seen[socks.index(s)] = s.recv(10)
        out(sorted(seen.items()))
    """
    done = job(machine, script)
    assert done.out == [[], [(3, b"3"), (7, b"7")]]


def test_asyncio(machine, peer):
    script = f"""
        import asyncio
        async def one(i):
            reader, writer = await asyncio.open_connection(HOST, {peer.port})
            writer.write(b"echo\\n")
            data = bytes([i]) * 50000
            async def send():
                writer.write(data)
                await writer.drain()
            task = asyncio.create_task(send())
            assert await reader.readexactly(50000) == data
            await task
            writer.close()
            await writer.wait_closed()
            return i
        async def main():
            return await asyncio.gather(*(one(i) for i in range(8)))
        out(asyncio.run(main()))
    """
    assert job(machine, script, timeout=60).one == list(range(8))


def test_server(machine):
    """The guest listens; the host connects through a port of QEMU."""
    script = f"""
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("0.0.0.0", {GUEST_PORT}))
        s.listen(5)
        print("listening")
        for _ in range(5):
            c, addr = s.accept()
            size = int(c.readline())
            c.write(digest(c, size)[1].encode())
            c.close()
    """
    begin_net(machine, DIGEST + dedent(script))
    machine.wait_screen("listening")
    for size in (0, 1, 1460, 100_000, 2_000_000):
        with socket.create_connection((LOOPBACK, machine.port), timeout=30) as conn:
            data = pattern(size, seed=size)
            conn.sendall(b"%d\n" % size + data)
            answer = conn.makefile("rb").read()
            assert answer.decode() == digest(data), size
    assert machine.end().returncode == 0


def test_asyncio_server(machine):
    script = f"""
        import asyncio
        served = []
        async def serve(reader, writer):
            line = await reader.readline()
            writer.write(line.upper())
            await writer.drain()
            writer.close()
            await writer.wait_closed()
            served.append(line)
        async def main():
            server = await asyncio.start_server(serve, "0.0.0.0", {GUEST_PORT})
            print("listening")
            while len(served) < 6:
                await asyncio.sleep_ms(10)
            server.close()
        asyncio.run(main())
    """
    begin_net(machine, script)
    machine.wait_screen("listening")
    conns = [socket.create_connection((LOOPBACK, machine.port), timeout=30) for _ in range(6)]
    for i in (5, 0, 3, 1, 4, 2):
        conns[i].sendall(b"line %d\n" % i)
        assert conns[i].makefile("rb").read() == b"LINE %d\n" % i
        conns[i].close()
    assert machine.end().returncode == 0


def test_many_connections(machine, peer):
    """200 in a row, closed by either side: none of them stays behind."""
    script = f"""
        import gc
        for i in range(200):
            s = dial({peer.port})
            s.write(b"get 100\\n")
            if i % 2:
                assert len(s.read(100)) == 100 and s.read(1) == b""
            s.close()
            if i == 20:
                gc.collect()
                before = gc.mem_alloc()
        gc.collect()
        out(gc.mem_alloc() - before)
        socks = []
        try:
            while len(socks) < 80:
                socks.append(dial({peer.port}))
        except OSError as exc:
            out(errno.errorcode[exc.args[0]])
        out(len(socks))
        for s in socks:
            s.close()
        start = time.ticks_ms()
        while type(s := tried(dial, {peer.port})) is tuple:
            assert time.ticks_diff(time.ticks_ms(), start) < 5000, s
        s.write(b"get 100\\n")
        out(len(s.read(100)))
    """
    done = job(machine, script, timeout=120)
    assert done.out[0] < 2000
    assert done.out[1] == "ENOMEM"
    assert 50 <= done.out[2] <= 64
    assert done.out[3] == 100


def test_loopback(freedos):
    """127.0.0.1, without a card."""
    script = """
        import asyncio
        async def serve(reader, writer):
            while data := await reader.read(4096):
                writer.write(data)
                await writer.drain()
            writer.close()
        async def main():
            server = await asyncio.start_server(serve, "127.0.0.1", 8000)
            reader, writer = await asyncio.open_connection("localhost", 8000)
            data = os.urandom(200000)
            async def send():
                writer.write(data)
                await writer.drain()
            task = asyncio.create_task(send())
            out(await reader.readexactly(len(data)) == data)
            await task
            writer.close()
        asyncio.run(main())
    """
    with Guest(nic=None) as guest:
        assert run_net(guest, script, up=False, check=True, timeout=60).one is True


# ------------------------------------------------------------ UDP


def test_udp(machine):
    echo = UdpEcho()
    script = f"""
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.settimeout(5)
        for size in (1, 17, 18, 19, 100, 1471, 1472, 1473, 4000, 9000):
            data = os.urandom(size)
            s.sendto(data, (HOST, {echo.port}))
            back, addr = s.recvfrom(10000)
            assert back == data and addr == (HOST, {echo.port}), size
        s.connect((HOST, {echo.port}))
        s.send(b"connected")
        out(s.recv(100))
        s.settimeout(0.2)
        out(tried(s.recv, 1)[0] == errno.ETIMEDOUT)
        s.setblocking(False)
        out(tried(s.recv, 1)[0] == errno.EAGAIN)
        poll = select.poll()
        poll.register(s, select.POLLIN)
        out(poll.poll(100))
        s.send(b"poll")
        out(poll.poll(5000)[0][1] == select.POLLIN)
    """
    try:
        done = job(machine, script)
    finally:
        echo.close()
    assert done.out == [b"connected", True, True, [], True]


def test_udp_server(machine):
    script = f"""
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind(("0.0.0.0", {GUEST_PORT}))
        print("bound")
        while True:
            data, addr = s.recvfrom(2000)
            s.sendto(data.upper(), addr)
            if data == b"end":
                break
        s.close()
    """
    begin_net(machine, script)
    machine.wait_screen("bound")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(10)
        for data in (b"hello", b"x" * 1400, b"end"):
            sock.sendto(data, (LOOPBACK, machine.port))
            assert sock.recv(2000) == data.upper()
    assert machine.end().returncode == 0
