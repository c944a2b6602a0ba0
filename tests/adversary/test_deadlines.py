"""Deadlines under load: a peer that keeps talking without answering must not keep us for ever.

Belongs to ATTACKS.md 9, 21, 24, 58, 60 and 75: "never a hang past the deadline".
"""

import errno
import select

import pytest
import sshwire as w
from adv_run import Case
from peer import Closed, Peer
from test_kex import NOISE

WORK = (
    "s = login(); c = s.open_session(); c.exec('echo hello'); c.settimeout(1); "
    "result = c.read().decode()"
)


def chatter(payload):
    """A hook that sends payload every 10 ms until the client has left."""

    def hook(peer):
        while True:
            peer.send(payload)
            if select.select([peer.sock], [], [], 0.01)[0]:
                peer.read(
                    1
                )  # in the middle of a packet: this peer will not understand the client again

    return hook


STATES = (
    "before reply",
    "before service",
    "before auth",
    "before open",
    "before request",
    "after request",
)


@pytest.mark.parametrize("name", ["ignore", "debug", "unimplemented"])
def test_harmless_messages_do_not_move_the_deadline(play, name):
    """Each step ends at its deadline, however many messages come that answer nothing."""
    cases = [
        Case(point, {"hooks": {point: chatter(NOISE[name])}, "strict": False}, WORK, timeout=0.6)
        for point in STATES
    ]
    for case in play(cases):
        case.refused(errno.ETIMEDOUT, secrets=True)
        assert case.ms < 2500, case


def test_requests_do_not_move_the_deadline(play):
    """The same with messages that want an answer, banners, and data of another channel's kind."""
    messages = {
        "before auth": w.byte(w.USERAUTH_BANNER) + w.string("wait") + w.string(""),
        "before open": w.byte(w.GLOBAL_REQUEST) + w.string("x@example.com") + b"\1",
        "before request": w.byte(w.CHANNEL_REQUEST) + w.u32(0) + w.string("x@example.com") + b"\1",
        "after request": w.byte(w.WINDOW_ADJUST) + w.u32(0) + w.u32(0),
    }
    cases = [
        Case(point, {"hooks": {point: chatter(payload)}}, WORK, timeout=0.6)
        for point, payload in messages.items()
    ]
    for case in play(cases):
        case.refused(errno.ETIMEDOUT, secrets=True)
        assert case.ms < 2500, case


def test_rekeying_without_end(play):
    """A peer that starts one key exchange after the other and never answers."""

    def forever(peer):
        while True:
            peer.rekey()

    points = ("before service", "before auth", "before open", "before request")
    for case in play([Case(p, {"hooks": {p: forever}}, WORK, timeout=0.8) for p in points]):
        case.refused(errno.ETIMEDOUT, secrets=True)
        assert case.ms < 3000, case


class Deaf(Peer):
    """Stops reading once a command runs."""

    def on_exec(self, chan, command):
        if command == b"deaf":
            select.select([], [], [], 2.5)
            raise Closed("the client should have left")
        super().on_exec(chan, command)


def test_a_peer_that_does_not_read(play):
    """write() ends at its deadline, close() does not wait at all, with megabytes unsent."""
    client = """
s = login()
c = s.open_session()
c.exec('deaf')
c.settimeout(0.5)
data = bytes(100000)
a = time.ticks_ms()
try:
    while True:
        c.write(data)
except OSError as e:
    result = [e.args[0]]
b = time.ticks_ms()
s.close()
d = time.ticks_ms()
result += [time.ticks_diff(b, a) < 2000, time.ticks_diff(d, b) < 300]
"""

    class Wide(Deaf):
        def confirm(self, chan):
            super().confirm(chan, 1 << 30)

    (case,) = play([Case("deaf", {}, client, Wide)])
    case.alive()
    assert case.result == [errno.ETIMEDOUT, True, True], case


def test_close_on_a_silent_peer(play):
    """close() in every state returns at once and says DISCONNECT."""
    states = ("s = connect()", "s = login()", "s = login(); c = s.open_session(); c.exec('deaf')")
    tail = "\na = time.ticks_ms(); s.close(); result = time.ticks_diff(time.ticks_ms(), a) < 300"
    for case in play([Case(state, {}, state + tail, Deaf) for state in states]):
        case.carried_on(True)


@pytest.mark.parametrize(
    "kw", ["rekey_packets=1", "rekey_packets=2", "rekey_bytes=1", "rekey_bytes=1024"]
)
def test_rekey_limits_that_are_too_small(play, kw):
    """Limits that leave hardly a packet between key exchanges: work, or ValueError; no storm
    for ever.
    """
    client = (
        f"s = login({kw}); "
        f"result = s.exec('echo hello').decode() + str(len(s.exec('zero 100000')))"
    )
    (case,) = play([Case(kw, {}, client, timeout=5)])
    case.alive()
    if case.ok:
        case.carried_on("hello\n100000")
    else:
        assert case.error[0] in ("ValueError", "OSError", "SSHError"), case


def test_rekey_by_time(play):
    """rekey_seconds works while a command is silent, and while nobody calls us not at all."""
    client = """
s = login(rekey_seconds=1)
c = s.open_session()
c.exec('cat')
c.settimeout(1.3)
want(wrong(c.recv, 1)[1], 110)
c.write(b'x')
c.eof()
want(c.read(), b'x')
result = s.stats()[2] >= 1
"""
    (case,) = play([Case("time", {}, client, timeout=5)])
    case.carried_on(True)


def test_failed_handshakes_leave_nothing(play):
    """1,500 sessions that fail in eight ways: the process does not grow, and a good one still
    works.
    """
    ways = [
        {"ident": b"SSH-1.5-x\r\n"},
        {"kex": ["nonsense"]},
        {"hooks": {"before reply": lambda peer: peer.send(NOISE["ignore"])}},
        {"hooks": {"after newkeys": lambda peer: peer.send(b"\x1e")}},
        {"hooks": {"before auth": lambda peer: peer.send(w.byte(30))}},
        {"hooks": {"before auth": lambda peer: peer.sock.close()}},
        {"hooks": {"before request": lambda peer: peer.send(w.byte(50))}},
        {"hooks": {"before success": lambda peer: peer.send(NOISE["unknown"], length=3)}},
    ]
    cases = [
        Case(f"{i}", ways[i % len(ways)], "result = wrong(lambda: login().exec('x')) and rss()")
        for i in range(1500)
    ]
    cases.append(Case("good"))
    play(cases)
    for case in cases[:-1]:
        case.alive()
        assert isinstance(case.result, int), case
    cases[-1].carried_on()
    assert cases[-2].result - cases[200].result < 2048, (cases[200].result, cases[-2].result)
