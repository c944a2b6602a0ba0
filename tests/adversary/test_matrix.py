"""ATTACKS.md 37: every message number 0-255 from the server, in every state of the client.

What the RFCs allow acts as they say; the rest ends in a clear error or in UNIMPLEMENTED, after
which the session still works. Nothing ever logs in or opens a channel by itself.
"""

import pytest
import sshwire as w
from adv_run import Case
from peer import Peer

BODIES = {
    1: w.u32(11) + w.string("bye") + w.string(""),
    2: w.string("noise"),
    3: w.u32(0),
    4: b"\0" + w.string("noise") + w.string(""),
    5: w.string("ssh-userauth"),
    6: w.string("ssh-userauth"),
    7: w.u32(0),
    30: w.string(bytes(32)),
    31: w.string("key") + w.string(bytes(32)) + w.string("signature"),
    50: w.string("root") + w.string("ssh-connection") + w.string("none"),
    51: w.string("password,publickey") + b"\0",
    53: w.string("banner") + w.string(""),
    60: w.string("prompt") + w.string(""),
    61: w.u32(0),
    80: w.string("x@example.com") + b"\1",
    90: w.string("x11") + w.u32(0) + w.u32(32768) * 2 + w.string("127.0.0.1") + w.u32(6000),
    91: w.u32(0) + w.u32(0) + w.u32(32768) * 2,
    92: w.u32(0) + w.u32(1) + w.string("no") + w.string(""),
    93: w.u32(0) + w.u32(100),
    94: w.u32(0) + w.string("evil"),
    95: w.u32(0) + w.u32(1) + w.string("evil"),
    96: w.u32(0),
    97: w.u32(0),
    98: w.u32(0) + w.string("x@example.com") + b"\1",
    99: w.u32(0),
    100: w.u32(0),
    192: w.string("ping"),
    193: w.string("pong"),
}
ASSIGNED = {*BODIES, 0, 20, 21, 52, 81, 82}
ALWAYS = {2, 3, 4}

CLIENT = """
s = connect()
result = [s.authenticated, s.banner, None]
s.userauth_password(USER, PASSWORD)
result[2] = s.exec('echo hello').decode()
"""


class Matrix(Peer):
    """Sends message `number` once at `point`; at "reply to login" in place of an answer."""

    number, point, body, sent = 0, "", b"", False

    def inject(self):
        if not self.sent:
            self.sent, self.sequence = True, self.seq_out
            self.send(w.byte(self.number) + self.body)

    def at(self, point):
        if point == self.point:
            self.inject()
        super().at(point)


def cases_for(point, strict, bare):
    for number in range(256):
        body = b"" if bare else BODIES.get(number, b"" if number in ASSIGNED else b"any bytes")
        if bare and not BODIES.get(number):
            continue
        options = {"number": number, "point": point, "body": body, "strict": strict}
        yield Case(f"message {number}, bare {bare}", options, CLIENT, Matrix, timeout=1.5)


# For each point: numbers that have to be borne (the session goes on), numbers that may be.
STATES = {
    # before the peer's KEXINIT, between KEXINIT and reply, between reply and NEWKEYS
    "before kexinit": (ALWAYS, set()),
    "before reply": (ALWAYS, set()),
    "before newkeys": (ALWAYS, set()),
    # keys are on, no login yet; the client may have sent its SERVICE_REQUEST
    "after newkeys": (ALWAYS | {7}, {192, 193, 53}),
    # the service is accepted, the client's USERAUTH_REQUEST is on its way
    "before auth": (ALWAYS | {53}, {7, 192, 193}),
    # logged in: what a server may say without being asked
    "after success": (ALWAYS | {80, 90}, {7, 53, 192, 193}),
    # a channel is open (id of the client's side: 0), its request not yet answered
    "before request": (ALWAYS | {80, 90, 93, 94, 95, 98}, {7, 53, 96, 192, 193}),
}
NOT_STRICT = ("before kexinit", "before reply", "before newkeys")


def judge(case, must, may):
    number = case.last.number
    case.alive()
    assert case.last.fault is None, case
    if case.result:
        assert case.result[0] is False, case
    if number == 1:
        case.refused(*([] if "bare True" in case.name else ["ERR_DISCONNECTED"]), secrets=True)
    elif case.ok:
        # (An EOF ends the output, so all of it is nothing.)
        assert case.result[2] in ("hello\n", "evilhello\n", "" if number == 96 else None), case
        unimplemented = w.UNIMPLEMENTED in case.last.numbers()
        known = number in must or number in may
        if unimplemented:  # RFC 4253 section 11.4: the sequence number of the rejected message
            assert case.last.unimplemented == [case.last.sequence], case
        assert known or unimplemented, f"neither refused nor UNIMPLEMENTED: {case}"
    else:
        case.refused(secrets=True)
        assert number not in must or "bare True" in case.name, case
    if not case.last.keys_on:
        assert not case.last.secrets(), case


# Numbers which at these points are rightly the answer that the client waits for, or end it.
ANSWERS = {
    "after newkeys": {6, 20, 52},
    "before auth": {51, 52, 60, 20},
    "after success": {20, 91, 92},
    "before request": {20, 97, 99, 100},
}


@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("point", NOT_STRICT)
def test_37_in_the_first_key_exchange(play, point, strict, bare):
    """37: under strict kex nothing else at all; without it messages 1 to 4 only."""
    must, may = (set(), set()) if strict else STATES[point]
    for case in play(cases_for(point, strict, bare)):
        number = case.last.number
        is_answer = (point, number) in (
            ("before kexinit", 20),
            ("before reply", 31),
            ("before newkeys", 21),
        )
        if strict or is_answer:
            case.refused()
        else:
            judge(case, must, may)


@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize(
    "point", ["after newkeys", "before auth", "after success", "before request"]
)
def test_37_with_keys_on(play, point, bare):
    """37: keys on, in the login, logged in, with a channel."""
    must, may = STATES[point]
    for case in play(cases_for(point, True, bare)):
        if case.last.number in ANSWERS[point]:
            continue
        judge(case, must, may)


EARLY = """
s = connect()
e = wrong(s.userauth_password, USER, PASSWORD)
result = [e and e[1], s.authenticated, e and wrong(s.exec, 'echo hello')[1]]
"""


def test_37_early_answers(play):
    """37: an answer to what was not asked: SUCCESS before a request, PK_OK for a password."""
    success = w.byte(w.USERAUTH_SUCCESS)
    pk_ok = w.byte(w.USERAUTH_60) + w.string("ssh-ed25519") + w.string("blob")
    info = w.byte(w.USERAUTH_60) + w.string("") * 3 + w.u32(0)

    def first(payload, point):
        return {"hooks": {point: lambda peer: peer.send(payload)}}

    points = ("after newkeys", "after kex", "before service", "after service")
    early = [Case("SUCCESS " + point, first(success, point), EARLY) for point in points]
    other = [Case(f"60 {i}", first(p, "before auth"), EARLY) for i, p in enumerate((pk_ok, info))]
    twice = Case("SUCCESS twice", first(success, "after success"), CLIENT)
    play([*early, *other, twice])
    for case in early[:3]:  # the last may come when a request is out, and then is its answer
        if case.ok:
            case.carried_on(["ERR_UNEXPECTED", False, "ERR_UNEXPECTED"])
        else:  # it came so early that connect() has seen it
            case.refused("ERR_UNEXPECTED")
    for case in other:
        case.alive()
        assert case.ok and case.result[0] and case.result[1] is False, case
    twice.either([False, None, "hello\n"])


def test_37_kexinit_that_leads_nowhere(play):
    """37: KEXINIT of no sense in each state, and the peer's silence after a good one."""

    def half(peer):
        peer.send(w.byte(20) + bytes(16))

    points = (
        "after newkeys",
        "before service",
        "before auth",
        "after success",
        "after open",
        "before request",
    )
    for case in play([Case(point, {"hooks": {point: half}}) for point in points]):
        case.refused(secrets=True)
