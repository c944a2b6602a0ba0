"""network.LAN and dosnet: card, addresses, names, and what is said when something is missing."""

import contextlib
import socket
import struct
import threading

import pytest
from harness.dos import Guest
from harness.net import LOOPBACK
from net_peers import begin_net, net_guest, run_net

DRIVERS = ("ne2000", "packet")
# A card whose cable ends in an empty hub: nobody there answers.
ALONE = ("-netdev", "hubport,id=h,hubid=1", "-device", "ne2k_isa,iobase=0x300,irq=9,netdev=h")
DHCP = ("10.0.2.15", "255.255.255.0", "10.0.2.2", "10.0.2.3")


@pytest.fixture(scope="module", params=DRIVERS)
def shared(request, freedos):
    with net_guest(request.param) as made:
        made.driver = request.param
        yield made


@pytest.fixture(scope="module")
def bare_shared(freedos):
    with Guest(nic=None) as made:
        yield made


@pytest.fixture
def bare(bare_shared):
    bare_shared.ready()
    return bare_shared


# ------------------------------------------------------------ up and down


def test_dhcp(machine):
    done = run_net(machine, "import network; out(network.LAN().ifconfig())", check=True)
    assert done.one == DHCP


def test_static_address(machine):
    script = """
        import network
        lan = network.LAN()
        out(lan.ifconfig())
        out((lan.ipconfig("addr4"), lan.ipconfig("gw4"), lan.ipconfig("dhcp4")))
        out(socket.getaddrinfo("10.0.2.2", 22)[0][-1])
    """
    env = {"MPNET": "10.0.2.77/16,10.0.2.2,10.0.2.3"}
    done = run_net(machine, script, env=env, check=True)
    assert done.out == [
        ("10.0.2.77", "255.255.0.0", "10.0.2.2", "10.0.2.3"),
        (("10.0.2.77", "255.255.0.0"), "10.0.2.2", False),
        ("10.0.2.2", 22),
    ]


def test_up_twice_and_down(machine):
    script = """
        import network
        lan = dosnet.up()
        out(dosnet.up() is lan is network.LAN())
        out((lan.active(), lan.isconnected(), lan.status()))
        dosnet.down()
        out((lan.active(), lan.isconnected(), lan.status()))
        out(tried(dial, 1)[0] == errno.EHOSTUNREACH)
        dosnet.up()
        out(lan.ifconfig())
    """
    done = run_net(machine, script, check=True)
    assert done.out == [True, (True, True, 3), (False, False, 0), True, DHCP]


def test_configuration(machine):
    script = """
        import network
        lan = network.LAN()
        out((bytes(lan.config("mac")), lan.config("driver"), lan.config("io")))
        out((network.hostname(), lan.config("hostname")))
        lan.config(window=8760)
        out(lan.config("window"))
        def wrong(f, *args, **kwargs):
            try:
                f(*args, **kwargs)
            except ValueError as exc:
                out(exc.args[0])
        wrong(lan.config, window=1)
        wrong(lan.config, mac=b"123456")
        wrong(lan.config, "nothing")
        wrong(network.LAN, 1)
        wrong(network.LAN, 0, driver="other")
        wrong(network.LAN, 0, io=5)
        wrong(network.LAN, 0, driver="packet", irq=5)
        wrong(network.LAN, 0, driver="ne2000", io=0x320)
    """
    done = run_net(machine, script, env={"MPHOST": "oldpc"}, check=True)
    where = 0x300 if machine.driver == "ne2000" else 0x60
    assert done.out[0] == (b"\x52\x54\x00\x12\x34\x56", machine.driver, where)
    assert done.out[1:3] == [("oldpc", "oldpc"), 8760]
    assert len(done.out) == 11
    assert done.out[-1] == "the LAN is active: active(False) comes first"


@pytest.mark.parametrize(
    "nic, where",
    [("auto", 0x300), ("ne2000:300", 0x300), ("ne2000:300,9", 0x300), ("NE2000", 0x300)],
)
def test_where_the_card_is(guest, nic, where):
    script = "import network; out(network.LAN().config('io'))"
    assert run_net(guest, script, env={"MPNIC": nic}, check=True).one == where


@pytest.mark.parametrize(
    "nic, io", [("ne2k_isa,iobase=0x340,irq=10", 0x340), ("ne2k_pci", None)], ids=["340h", "pci"]
)
def test_other_cards(freedos, nic, io):
    with Guest(nic=nic) as guest:
        script = "import network; out((network.LAN().config('io'), network.LAN().ifconfig()))"
        found, address = run_net(guest, script, check=True).one
    assert address == DHCP
    assert found == io or (io is None and found > 0x400)


# ------------------------------------------------------------ what is missing


def sentence(guest, env=None, timeout=30, call="dosnet.up(2)"):
    """What OSError says, and its number's name."""
    script = f"""
        try:
            {call}
        except OSError as exc:
            out((errno.errorcode.get(exc.args[0]), exc.args[1]))
    """
    return run_net(guest, script, up=False, env=env, timeout=timeout, check=True).one


@pytest.mark.parametrize(
    "nic, words",
    [
        (
            "auto",
            ("no NE2000 at 300h", "no packet driver at INT 60h to 80h", "load a packet driver"),
        ),
        ("ne2000", ("no NE2000 at 300h, 280h",)),
        ("ne2000:320", ("no NE2000 at 320h",)),
        ("packet", ("no packet driver at INT 60h to 80h",)),
        ("packet:65", ("no packet driver at INT 65h",)),
    ],
)
def test_no_card(bare, nic, words):
    name, text = sentence(bare, {"MPNIC": nic})
    assert name == "ENODEV"
    assert all(word in text for word in words), text


@pytest.mark.parametrize(
    "env, words",
    [
        ({"MPNET": "10.0.2/24"}, "'10.0.2' is not an address"),
        ({"MPNET": "10.0.2.300"}, "'10.0.2.300' is not an address"),
        ({"MPNET": "10.0.2.15/33"}, "it is dhcp or ADDRESS/PREFIX"),
        ({"MPNET": "10.0.2.15/x"}, "it is dhcp or ADDRESS/PREFIX"),
        ({"MPNET": "10.0.2.15/24,gate"}, "'gate' is not an address"),
        ({"MPNIC": "3c509"}, "it is auto, ne2000"),
        ({"MPNIC": "ne2000:xyz"}, "MPNIC=ne2000:xyz"),
        ({"MPNIC": "ne2000:301"}, "multiple of 20h"),
        ({"MPNIC": "packet:50"}, "0x60 to 0x80"),
        ({"MPHOST": "h" * 40}, "at most 32 characters"),
    ],
)
def test_wrong_environment(bare, env, words):
    name, text = sentence(bare, env)
    assert name == "EINVAL"
    assert words in text


def test_no_dhcp_server(freedos):
    with Guest(nic=None, extra=ALONE) as guest:
        name, text = sentence(guest)
        assert name == "ETIMEDOUT"
        assert "no DHCP server has answered in 2 s" in text and "SET MPNET=" in text
        # An address of its own, then: the network is up although nobody is there.
        script = "out(tried(dial, 1, '10.0.2.2', 3)[0] == errno.ETIMEDOUT)"
        env = {"MPNET": "10.0.2.15/24,10.0.2.2"}
        assert run_net(guest, script, env=env, check=True).one is True


def test_lan_without_dhcp_server(freedos):
    with Guest(nic=None, extra=ALONE) as guest:
        call = "import network; l = network.LAN(); l.active(True); l.ifconfig('dhcp')"
        name, text = sentence(guest, call=call, timeout=60)
        assert name == "ETIMEDOUT" and "no DHCP server has answered" in text


def test_inactive(bare):
    script = """
        import network
        lan = network.LAN()
        out((lan.active(), lan.isconnected(), lan.status(), lan.ifconfig()[0]))
        lan.active(False)
        for call in (lambda: lan.ifconfig("dhcp"), lambda: lan.config("mac"),
                     lambda: lan.ipconfig(dhcp4=True)):
            out(tried(call)[1])
        s = socket.socket()
        out(tried(s.connect, ("10.0.2.2", 22))[0] == errno.EHOSTUNREACH)
    """
    done = run_net(bare, script, up=False, check=True)
    assert done.out[0] == (False, False, 0, "0.0.0.0")
    assert done.out[1:4] == ["the LAN is not active: active(True) comes first"] * 3
    assert done.out[4] is True


# ------------------------------------------------------------ names


class NameServer:
    """A DNS server at port 53 of the loopback, which is 10.0.2.2 in the guest."""

    def __init__(self, names):
        self.names = names
        self.asked = []
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((LOOPBACK, 53))
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def close(self):
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)  # wakes the thread, although it fails
        self.thread.join()
        self.sock.close()

    def _run(self):
        while True:
            query, peer = self.sock.recvfrom(512)
            if not query:
                return
            labels, at = [], 12
            while query[at]:
                labels.append(query[at + 1 : at + 1 + query[at]].decode())
                at += query[at] + 1
            name = ".".join(labels)
            self.asked.append((name, struct.unpack_from(">H", query)[0], peer[1]))
            address = self.names.get(name)
            if address == "silence":
                continue
            flags = 0x8180 if address else 0x8183
            head = query[:2] + struct.pack(">HHHHH", flags, 1, bool(address), 0, 0)
            answer = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4)
            answer += socket.inet_aton(address) if address else b""
            self.sock.sendto(head + query[12 : at + 5] + (answer if address else b""), peer)


@pytest.fixture
def name_server():
    try:
        server = NameServer(
            {"host.test": "10.0.2.2", "other.test": "192.0.2.7", "mute": "silence"}
        )
    except OSError as exc:
        pytest.skip(f"port 53 of the loopback cannot be had: {exc}")
    yield server
    server.close()


STATIC = {"MPNET": "10.0.2.15/24,10.0.2.2,10.0.2.2"}


def test_names(machine, name_server):
    script = """
        for name in ("host.test", "other.test", "10.0.2.9", "localhost", "host.test"):
            out(socket.getaddrinfo(name, 80)[0][-1])
        for name in ("missing.test", "mute", "x" * 300, ""):
            out(tried(socket.getaddrinfo, name, 80))
    """
    done = run_net(machine, script, env=STATIC, check=True, timeout=60)
    assert done.out[:5] == [
        ("10.0.2.2", 80),
        ("192.0.2.7", 80),
        ("10.0.2.9", 80),
        ("127.0.0.1", 80),
        ("10.0.2.2", 80),
    ]
    assert done.out[5] == (-2, "no name server knows 'missing.test' or answers")
    assert done.out[6] == (-2, "no name server knows 'mute' or answers")
    assert [each[0] for each in done.out[7:]] == [-2, -2]
    # Numbers and ports of questions are not one after the other.
    numbers = [each[1] for each in name_server.asked]
    assert len({b - a for a, b in zip(numbers, numbers[1:])} - {0, 1}) >= 2


def test_names_without_network(bare):
    script = """
        out(tried(socket.getaddrinfo, "host.test", 80))
        out(socket.getaddrinfo("127.0.0.1", 80)[0][-1])
    """
    done = run_net(bare, script, up=False, check=True)
    assert "the network is not up" in done.out[0][1]
    assert done.out[1] == ("127.0.0.1", 80)


def test_names_without_server(guest):
    script = "out(tried(socket.getaddrinfo, 'host.test', 80))"
    done = run_net(guest, script, env={"MPNET": "10.0.2.15/24,10.0.2.2"}, check=True)
    assert "no name server is known" in done.one[1]


def test_interrupted_question_leaves_nothing_behind(guest, name_server):
    """The answer comes after the exception; it must not be written to a frame that is gone."""
    script = """
        for i in range(3):
            try:
                print("asking", i)
                socket.getaddrinfo("mute", 80)
            except KeyboardInterrupt:
                print("stopped", i)
            name = [b"frame"] * 50
            time.sleep(1)
            assert name == [b"frame"] * 50
        out(socket.getaddrinfo("other.test", 80)[0][-1])
    """
    begin_net(guest, script, env=STATIC)
    for i in range(3):
        guest.wait_screen(f"asking {i}")
        guest.key("ctrl-c")
        guest.wait_screen(f"stopped {i}")
    assert guest.end().returncode == 0
    assert guest.wait_screen("OUT ('192.0.2.7', 80)")
