"""What goes wrong on the way: peers that end or reset, cables, floods, the program's end."""

import contextlib
import socket

import pytest
from harness.net import LOOPBACK, free_port, wait_until
from net_peers import begin_net, digest, net_guest, pattern, run_net

MUCH = 3_000_000
GUEST_PORT = 9999


@pytest.fixture(scope="module", params=("ne2000", "packet"))
def shared(request, freedos):
    port = free_port()
    forward = f"hostfwd=udp:{LOOPBACK}:{port}-10.0.2.15:{GUEST_PORT}"
    with net_guest(request.param, netdev=forward) as made:
        made.port = port
        yield made


@pytest.fixture
def machine(shared):
    shared.ready()
    yield shared
    if shared.process is not None:
        shared.monitor("set_link n on")


def test_nobody_listens(machine):
    script = f"""
        out(tried(dial, {free_port()})[0] in (errno.ECONNRESET, errno.ECONNREFUSED))
        out(tried(dial, 80, "10.0.2.200", 2)[0] in (errno.ETIMEDOUT, errno.EHOSTUNREACH))
    """
    assert run_net(machine, script, check=True).out == [True, True]


def test_peer_ends(machine, peer):
    script = f"""
        s = dial({peer.port})
        s.write(b"get 5000\\n")
        got = b""
        while part := s.recv(1000):
            got += part
        out(len(got))
        out((s.recv(1), s.read(), s.recv(1)))
        s.close()
    """
    done = run_net(machine, script, check=True)
    assert done.out == [5000, (b"", b"", b"")]


@pytest.mark.parametrize("size", [0, 1, 100_000])
def test_peer_resets(machine, peer, size):
    script = f"""
        s = dial({peer.port})
        s.write(b"reset {size}\\n")
        got = 0
        while got < {size}:
            got += len(s.read({size} - got))
        s.write(b"go on\\n")
        out(errno.errorcode[tried(s.recv, 1)[0]])
        for f in (lambda: s.write(b"x"), lambda: s.recv(1)):
            out(type(tried(f)) is tuple)
        s.close()
    """
    assert run_net(machine, script, check=True).out == ["ECONNRESET", True, True]


def test_cable_out_and_in(machine, peer):
    """Out in mid-transfer: a timeout; in again: nothing of the stream is lost."""
    script = f"""
        s = dial({peer.port}, timeout=2)
        s.write(b"get {MUCH}\\n")
        h, n = hashlib.sha256(), 0
        said = False
        while n < {MUCH}:
            try:
                part = s.recv(4096)  # read() and readinto() lose what they have at a timeout
            except OSError as exc:
                assert exc.args[0] == errno.ETIMEDOUT
                if not said:
                    print("timeout")
                    said = True
                continue
            assert part
            h.update(part)
            n += len(part)
            if n - len(part) < 400000 <= n:
                print("started")
                time.sleep(1)
        print("OUT", "".join("%02x" % b for b in h.digest()))
    """
    begin_net(machine, script)
    machine.wait_screen("started")
    machine.monitor("set_link n off")
    machine.wait_screen("timeout")
    machine.monitor("set_link n on")
    machine.wait_screen(f"OUT {digest(pattern(MUCH))}"[:79], timeout=60)
    assert machine.end().returncode == 0


def test_cable_out_when_writing(machine, peer):
    script = f"""
        s = dial({peer.port}, timeout=2)
        s.write(b"put {MUCH}\\n")
        s.write(bytes(100000))
        print("started")
        try:
            while True:
                s.write(bytes(10000))
        except OSError as exc:
            print("OUT", errno.errorcode[exc.args[0]])
        s.close()
        out(tried(dial, {peer.port}, HOST, 2)[0] == errno.ETIMEDOUT)
    """
    begin_net(machine, script)
    machine.wait_screen("started")
    machine.monitor("set_link n off")
    machine.wait_screen("OUT ETIMEDOUT")
    assert machine.end(timeout=60).returncode == 0


def test_cable_out_before_dhcp(machine):
    machine.monitor("set_link n off")
    done = run_net(machine, "out(tried(dosnet.up, 2)[1])", up=False, check=True)
    assert "no DHCP server has answered" in done.one
    machine.monitor("set_link n on")
    assert run_net(machine, "out(dosnet.up().isconnected())", check=True).one is True


@pytest.mark.parametrize(
    "busy",
    [
        "s.recv(1)",
        "s.read()",
        "[s.write(bytes(10000)) for _ in range(1000)]",
        "dial(80, '10.0.2.200')",
        "l = socket.socket(); l.bind(('', 99)); l.listen(1); l.accept()",
        "p = select.poll(); p.register(s, 1); p.poll()",
        "import asyncio; asyncio.run(asyncio.StreamReader(s).read(1))",
    ],
)
def test_ctrl_c(machine, peer, busy):
    script = f"""
        s = dial({peer.port})
        s.write(b"mute\\n")
        print("busy")
        try:
            {busy.replace("; ", chr(10) + " " * 12)}
        except KeyboardInterrupt:
            print("stopped")
        t = dial({peer.port})
        t.write(b"get 10\\n")
        out(len(t.read(10)))
    """
    peer.slow = True
    begin_net(machine, script)
    machine.wait_screen("busy")
    machine.key("ctrl-c")
    machine.wait_screen("stopped")
    machine.wait_screen("OUT 10")
    assert machine.end().returncode == 0


def test_data_left_at_the_end(machine, peer):
    """What was written before close() reaches the peer although the program has ended."""
    script = f"""
        s = dial({peer.port})
        s.write(b"put 200000\\n")
        s.write(b"x" * 200000)
        s.close()
    """
    run_net(machine, script, check=True)
    wait_until(lambda: peer.received, lambda: "nothing came")
    assert peer.received == [b"x" * 200_000]


def test_sockets_left_open(machine):
    """The peer hears that the program has ended."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        port = listener.getsockname()[1]
        run_net(machine, f"s = dial({port}); s.write(b'hello'); out(1)", check=True)
        conn, _ = listener.accept()
        conn.settimeout(10)
        with conn, contextlib.suppress(ConnectionResetError):
            assert conn.recv(10) == b"hello"
            assert conn.recv(10) == b""


def test_flood(machine, peer):
    """Packets by the thousand while nobody polls and while the program reads."""
    script = f"""
        s = dial({peer.port})
        print("busy")
        data = bytes(2000000)
        h = hashlib.sha256()
        for _ in range(5):
            h.update(data)
        s.write(b"get {MUCH}\\n")
        h, n, buf = hashlib.sha256(), 0, bytearray(8192)
        while k := s.readinto(buf):
            h.update(memoryview(buf)[:k])
            n += k
        print("OUT", "".join("%02x" % b for b in h.digest()))
    """
    begin_net(machine, script)
    machine.wait_screen("busy")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for _ in range(3000):
            sock.sendto(bytes(1200), (LOOPBACK, machine.port))
    machine.wait_screen(f"OUT {digest(pattern(MUCH))}"[:79], timeout=90)
    assert machine.end().returncode == 0
