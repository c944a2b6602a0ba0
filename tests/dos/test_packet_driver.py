"""The packet driver: what MPYTHON leaves of it behind, and traffic after the program's end."""

import socket

import pytest
from harness.dos import Guest
from harness.net import LOOPBACK, free_port, wait_until
from net_peers import begin_net, counters, digest, net_guest, packet_driver, pattern, run_net

# Prints "ready", waits for a key by INT 21h/08h and ends with it as its status.
WAITER = bytes.fromhex("ba0f01 b409 cd21 b408 cd21 b44c cd21") + b"ready\r\n$"
GUEST_PORT = 9999


@pytest.fixture(scope="module")
def shared(freedos):
    port = free_port()
    forward = f"hostfwd=udp:{LOOPBACK}:{port}-10.0.2.15:{GUEST_PORT}"
    with net_guest("packet", netdev=forward, files={"W.COM": WAITER}) as made:
        made.port = port
        yield made


def flood(guest, datagrams=200):
    """UDP to the guest, from QEMU, which still knows its station."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for _ in range(datagrams):
            sock.sendto(bytes(1000), (LOOPBACK, guest.port))


def check_traffic(guest):
    """Frames come to the driver and to nobody; DOS and the next MPYTHON work on."""
    assert counters(guest)["open"] == 0
    before = counters(guest)
    guest.begin_exe("W.COM")
    guest.wait_screen("ready")
    flood(guest)
    wait_until(
        lambda: (counters(guest)["nobody"] - before["nobody"]) & 0xFFFF >= 8,
        lambda: f"{before} {counters(guest)}",
    )
    guest.key("a")
    done = guest.end()
    assert (done.returncode, done.kind) == (ord("a"), 0)
    assert counters(guest)["taken"] == before["taken"]


ENDS = {
    "end": "pass",
    "down": "dosnet.down()",
    "exception": "raise ValueError('no')",
    "exit": "sys.exit(7)",
    "memory": "l = []\nwhile True:\n    l.append(bytes(1 << 20))",
    "open": "s = dial(PORT); s.write(b'mute\\n')",
    "reading": "s = dial(PORT); s.write(b'endless\\n'); s.read(100000); sys.exit(1)",
    "recursion": "def f():\n    f()\nf()",
}


@pytest.mark.parametrize("end", ENDS)
def test_released_at_every_end(machine, peer, end):
    script = ENDS[end].replace("PORT", str(peer.port))
    done = run_net(machine, f"out('up')\n{script}\n", timeout=60)
    assert done.out == ["up"]
    assert done.kind == 0
    assert done.free[0] == done.free[1]
    assert done.vectors == {}
    check_traffic(machine)


@pytest.mark.parametrize("key", ["ctrl-c", "ctrl-break"])
@pytest.mark.parametrize("busy", ["s.recv(1)", "time.sleep(60)", "while True: pass"])
def test_released_after_interrupt(machine, peer, key, busy):
    script = f"s = dial({peer.port})\ns.write(b'mute\\n')\nprint('busy')\n{busy}\n"
    begin_net(machine, script)
    machine.wait_screen("busy")
    assert counters(machine)["open"] == 2
    machine.key(key)
    machine.wait_screen("KeyboardInterrupt")
    assert machine.end().kind == 0
    check_traffic(machine)


def test_up_and_down(machine):
    script = """
        for _ in range(20):
            lan = dosnet.up()
            out(lan.isconnected())
            dosnet.down()
    """
    done = run_net(machine, script, up=False, check=True, timeout=60)
    assert done.out == [True] * 20
    assert counters(machine)["open"] == 0


def test_full_ring(machine, peer):
    """Packets that come while nobody polls fill the ring; the rest is lost, and all goes on."""
    script = f"""
        s = dial({peer.port})
        print("busy")
        data = bytes(3000000)
        h = hashlib.sha256()
        for _ in range(10):
            h.update(data)      # one long call: no poll
        s.write(b"get 100000\\n")
        got = b""
        while part := s.read(10000):
            got += part
        print("OUT", "".join("%02x" % b for b in hashlib.sha256(got).digest()))
    """
    begin_net(machine, script)
    machine.wait_screen("busy")
    wait_until(lambda: flood(machine, 20) or counters(machine)["full"] > 0, lambda: "not full", 60)
    wanted = digest(pattern(100_000))
    lines = machine.wait_screen(lambda lines: any(line.startswith("OUT") for line in lines), 60)
    assert any(line == f"OUT {wanted}" for line in lines), lines
    assert machine.end().returncode == 0
    check_traffic(machine)


def test_packets_of_another_program(freedos):
    files = {"HOLDER.COM": packet_driver("holder.S"), "PKTDRV.COM": packet_driver()}
    autoexec = ["C:\\PKTDRV.COM", "C:\\HOLDER.COM"]
    script = "out(tried(dosnet.up, 2)[1])"
    with Guest(files=files, autoexec=autoexec, env={"MPNIC": "packet"}) as guest:
        assert counters(guest)["open"] == 1
        done = run_net(guest, script, up=False, check=True)
        assert "the packet driver at INT 60h refuses: its IP packets belong to" in done.one
        assert counters(guest)["open"] == 1


def test_driver_at_another_interrupt(freedos):
    files = {"PKTDRV.COM": packet_driver(interrupt=0x7C)}
    script = "import network; lan = dosnet.up(); out((lan.config('driver'), lan.config('io')))"
    for nic in ("packet", "packet:7c"):
        with Guest(files=files, autoexec=["C:\\PKTDRV.COM"], env={"MPNIC": nic}) as guest:
            assert run_net(guest, script, check=True).one == ("packet", 0x7C)
