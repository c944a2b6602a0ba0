"""ATTACKS.md 74-76: the stream in pieces, ended, reset, stalled and corrupted at every byte."""

import errno
import random
import socket
import struct

import pytest
from adv_run import Case
from peer import Closed
from test_packets import SUITES, options

WORK = "k = Chopped(tcp(), %s); s = login(k); result = s.exec('echo hello').decode()"
ENDS = ("ERR_EOF", errno.ECONNRESET, errno.EPIPE, "ERR_DISCONNECTED", errno.ENOTCONN)


@pytest.fixture
def sizes(play):
    """Bytes of the server's stream: up to its NEWKEYS, up to the login, and all of it."""
    client = (
        "k = Chopped(tcp()); s = connect(k); result = [k.at]; "
        "s.userauth_password(USER, PASSWORD)\n"
    )
    client += "result.append(k.at); want(s.exec('echo hello'), b'hello\\n'); result.append(k.at)"
    (case,) = play([Case("sizes", {}, client)])
    case.alive()
    assert case.ok, case
    return case.result


def test_74_one_byte_at_a_time(play):
    """74: pieces of 1, 2, 3, 7 bytes, in every suite; through a socket in Python."""
    cases = [
        Case(f"{suite} step {step}", options(suite), WORK % (f"step={step}"), timeout=10)
        for suite in SUITES
        for step in (1, 2, 3, 7, 16)
    ]
    for case in play(cases):
        case.carried_on()


def judge_end(case, sizes, *codes):
    """An error, but for the last bytes: all output and its EOF have come before CLOSE."""
    if case.ok and case.check > sizes[2] - 150:
        case.carried_on()
    else:
        case.refused(*codes, secrets=case.check >= sizes[0] - 40)


class Drip:
    """A socket whose sendall sends one byte per call."""

    def __init__(self, sock):
        self.sock = sock

    def sendall(self, data):
        for i in range(len(data)):
            self.sock.send(data[i : i + 1])

    def __getattr__(self, name):
        return getattr(self.sock, name)


class Lump:
    """A socket that sends all it has in one piece, when an answer is needed."""

    def __init__(self, sock):
        self.sock, self.kept = sock, b""

    def sendall(self, data):
        self.kept += data

    def recv(self, n):
        if self.kept:
            data, self.kept = self.kept, b""
            self.sock.sendall(data)
        return self.sock.recv(n)

    def __getattr__(self, name):
        return getattr(self.sock, name)


def test_74_drip_and_lump_on_a_native_socket(play):
    """74: 1-byte segments, and everything coalesced, in every suite."""
    cases = [
        Case(
            f"{suite} {wrap.__name__}", {"wrap": staticmethod(wrap), **options(suite)}, timeout=10
        )
        for suite in SUITES
        for wrap in (Drip, Lump)
    ]
    for case in play(cases):
        case.carried_on()


def test_74_every_split(play, sizes):
    """74: the server's whole stream (login and a command) in two pieces, at every byte."""
    for case in play([Case(f"split {at}", {}, WORK % (f"[{at}]")) for at in range(1, sizes[2])]):
        case.carried_on()


def test_74_pairs_of_splits(play, sizes):
    """74: 600 pairs of splits inside the handshake, and 200 random choppings of all of it."""
    rand = random.Random(74)
    pairs = [sorted(rand.sample(range(1, sizes[0] + 200), 2)) for _ in range(600)]
    pairs += [sorted(rand.sample(range(1, sizes[2]), rand.randrange(3, 200))) for _ in range(200)]
    for case in play([Case(f"pair {pair!r}", {}, WORK % pair) for pair in pairs]):
        case.carried_on()


def test_74_75_end_of_file_everywhere(play, sizes):
    """74, 75: the stream ends after every byte: an error, and nothing secret before the host
    is known.
    """
    cases = [Case(f"end {at}", {}, WORK % (f"end={at}"), check=at) for at in range(sizes[2])]
    for case in play(cases):
        judge_end(case, sizes, "ERR_EOF", "ERR_NOT_SSH")


def test_75_the_sockets_own_exception(play, sizes):
    """75: what a Python socket raises comes out as it is, at every state."""
    client = "k = Chopped(tcp(), end=%s, error=%s)\ntry:\n s = login(k); s.exec('echo hello')\n"
    client += "except BaseException as e:\n result = [type(e).__name__, list(e.args)]"
    errors = {
        "OSError(104)": ["OSError", [104]],
        "ValueError('own')": ["ValueError", ["own"]],
        "KeyboardInterrupt('own')": ["KeyboardInterrupt", ["own"]],
    }
    cases = [
        Case(f"{error} {at}", {}, client % (at, error), check=want)
        for error, want in errors.items()
        for at in range(0, sizes[2] - 40, 41)
    ]
    for case in play(cases):
        case.alive()
        assert case.result == case.check, case


class EndAfter:
    """A socket that ends after `left` bytes sent: by FIN, by RST, or by silence."""

    def __init__(self, sock, left, way):
        self.sock, self.left, self.way = sock, left, way

    def sendall(self, data):
        part = data[: self.left]
        self.left -= len(part)
        self.sock.sendall(part)
        if len(part) == len(data):
            return
        if self.way == "FIN":
            self.sock.shutdown(socket.SHUT_WR)
        elif self.way == "RST":
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise Closed("reset")
        # FIN and stall: wait until the client leaves, so that no unread data turns FIN into RST.
        while self.sock.recv(65536):
            pass
        raise Closed("the client left")

    def __getattr__(self, name):
        return getattr(self.sock, name)


def ended(way, at):
    return {"wrap": staticmethod(lambda sock: EndAfter(sock, at, way))}


@pytest.mark.parametrize("way,step", [("FIN", 3), ("RST", 3), ("stall", 47)])
def test_75_fin_reset_stall(play, sizes, way, step):
    """75: the same on a native socket, by FIN, by RST and by silence."""
    client = "s = login(); result = s.exec('echo hello').decode()"
    # The wait for a command's output has no deadline (docs/_ssh.md): stalls end before it.
    end = sizes[1] + 40 if way == "stall" else sizes[2]
    timeout = 0.15 if way == "stall" else 3
    cases = [
        Case(f"{way} {at}", ended(way, at), client, timeout=timeout, check=at)
        for at in range(0, end, step)
    ]
    for case in play(cases):
        judge_end(case, sizes, *((errno.ETIMEDOUT,) if way == "stall" else ENDS), "ERR_NOT_SSH")


def test_75_after_every_packet_of_a_long_transfer(play):
    """75: the connection cut in the middle of 100,000 bytes of output, of a get and of a put."""
    clients = [
        "s.exec('zero 100000')",
        "s.sftp().get('/big', io.BytesIO())",
        "s.sftp().put(io.BytesIO(bytes(100000)), '/up')",
        "s.scp_recv('hello')",
        "s.run('cat', stdin=bytes(100000))",
    ]
    cases = [
        Case(f"{call} {way} {at}", ended(way, at), "import io\ns = login(); " + call)
        for call in clients
        for way in ("FIN", "RST")
        for at in (1500, 1700, 1900, 2000, 2100, 5000, 40_000, 80_000)
    ]
    done = 0
    for case in play(cases):
        if case.ok:  # all was over before the cut
            done += 1
            continue
        case.refused(*ENDS, secrets=True)
    assert done < len(cases) // 2


def test_after_the_end_the_same_error(play):
    """A dead session gives the same error again, for every call, and close() is quiet."""
    client = """
s = connect()
result = [wrong(s.userauth_password, USER, PASSWORD)]
for call in (lambda: s.exec('x'), s.open_session, s.sftp, s.rekey, s.keepalive, s.pump,
             lambda: s.ignore(b'x'), lambda: s.userauth_none(USER)):
    result.append(wrong(call))
s.close()
s.close()
result.append(s.closed)
"""
    bad = {"hooks": {"before auth": lambda peer: peer.send(b"\x1e" + bytes(10))}}
    (case,) = play([Case("dead", bad, client)])
    case.alive()
    assert case.ok, case
    first = case.result[0]
    assert first and first[1] == "ERR_UNEXPECTED", case
    assert case.result == [first] * 9 + [True], case


# A changed length can mean more bytes to come, for ever: so each read has a deadline.
FLIP_WORK = """
s = login(Chopped(tcp(), flip=%s, mask=%s))
c = s.open_session()
c.settimeout(0.4)
c.exec('zero 3000')
want(c.read(), bytes(3000))
d = s.open_session()  # takes what came after the end of the output
d.settimeout(0.4)
d.exec('echo hello')
result = d.read().decode()
"""


@pytest.mark.parametrize("suite", SUITES)
def test_76_corrupted_bytes(play, suite):
    """76: one bit of the server's stream flipped, every 13th byte: 0 wrong bytes accepted."""
    client = (
        "k = Chopped(tcp()); s = connect(k); result = [k.at]; "
        "s.userauth_password(USER, PASSWORD)\n"
    )
    client += "want(len(s.exec('zero 3000')), 3000); result.append(k.at)"
    (case,) = play([Case("size", options(suite), client)])
    case.alive()
    assert case.ok, case
    newkeys, total = case.result
    masks = (1, 0x80)
    cases = [
        Case(f"flip {at}", options(suite), FLIP_WORK % (at, masks[at & 1]), timeout=0.4)
        for at in range(0, total, 13)
    ]
    accepted = []
    for case in play(cases):
        at = int(case.name[5:])
        if case.ok:
            accepted.append(at)
            assert case.result == "hello\n", case  # in the clear, only padding may change
        else:
            case.refused(secrets=True)
    assert all(at < newkeys for at in accepted), accepted
    assert len(accepted) <= 6, accepted


def test_76_peer_finds_no_fault(play):
    """76: what the client sends is right, byte by byte, in every suite: the peer checks all
    of it.
    """
    client = (
        "s = login(); "
        "want(s.run('cat', stdin=bytes(range(256)) * 700)[0], bytes(range(256)) * 700); "
        "result = s.exec('echo hello').decode()"
    )
    for case in play([Case(suite, options(suite), client, timeout=10) for suite in SUITES]):
        case.carried_on()
