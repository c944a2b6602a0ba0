"""ATTACKS.md 1-4, 6-13: the order of a key exchange."""

import errno
import socket

import pytest
import sshwire as w
from adv_run import Case
from peer import OTHER_KEY, STRICT_S, Closed, Peer

STRICT = ("ERR_STRICT_KEX", "ERR_UNEXPECTED")
EXT = w.byte(w.EXT_INFO) + w.u32(1) + w.string("server-sig-algs") + w.string("ssh-ed25519")
NOISE = {
    "ignore": w.byte(w.IGNORE) + w.string("noise"),
    "debug": w.byte(w.DEBUG) + b"\1" + w.string("noise") + w.string(""),
    "unimplemented": w.byte(w.UNIMPLEMENTED) + w.u32(0),
    "ext-info": EXT,
    "ping": w.byte(w.PING) + w.string("noise"),
    "unknown": w.byte(200) + b"noise",
}
KEX_POINTS = ("before kexinit", "after kexinit", "before reply", "after reply")
# The peer's first method is the client's too.
SAME_KEX = "kex='curve25519-sha256'"
REKEY = f"s = login({SAME_KEX}); result = s.exec('rekey').decode() + s.exec('echo hello').decode()"
REKEYED = "rekeyed\nhello\n"
OUR_REKEY = "s = login(); s.rekey(); result = s.exec('echo hello').decode()"
LOGIN = "s = login()"


def inject(payload, only=None):
    """A hook that sends payload, in key exchange number `only` or in all."""

    def hook(peer):
        if only is None or peer.exchanges == only:
            peer.send(payload)

    return hook


class NotReset(Peer):
    """Says strict, but goes on counting at key exchange number `at_exchange`."""

    at_exchange = 0

    def switch_out(self):
        seq = self.seq_out
        super().switch_out()
        if self.exchanges == self.at_exchange:
            self.seq_out = seq


def test_1_3_injected_under_strict_kex(play):
    """1, 3: any message between the four of the first key exchange ends it."""
    cases = [
        Case(f"{point} {name}", {"hooks": {point: inject(payload, 0)}})
        for point in KEX_POINTS
        for name, payload in NOISE.items()
    ]
    for case in play(cases):
        case.refused(*STRICT)


def test_1_injected_without_strict_kex(play):
    """1: RFC 4253 section 7.1 allows messages 1 to 4 (but 5 to 7 and others not) in a key
    exchange.
    """
    cases = [
        Case(f"{point} {name}", {"hooks": {point: inject(payload, 0)}, "strict": False})
        for point in KEX_POINTS
        for name, payload in NOISE.items()
    ]
    for case in play(cases):
        if case.name.endswith((" ignore", " debug", " unimplemented")):
            case.carried_on()
        elif case.name.endswith(" ext-info") or not case.ok:
            case.refused()
        else:
            assert case.result == "hello\n" and w.UNIMPLEMENTED in case.last.numbers(), case


@pytest.mark.parametrize("cipher", ["chacha20-poly1305@openssh.com", "aes128-ctr"])
def test_1_first_encrypted_packet_dropped(play, cipher):
    """1: Terrapin: one packet in, the first encrypted one out. Under strict kex it never works."""

    def drop(peer):
        peer.seq_out += 1
        peer.ext_info = False

    kw = {"s2c": [cipher], "c2s": [cipher]}
    cases = [
        Case("dropped, strict", {"hooks": {"after newkeys": drop}, **kw}, LOGIN),
        Case(
            "dropped, not strict", {"hooks": {"after newkeys": drop}, "strict": False, **kw}, LOGIN
        ),
        Case(
            "injected and dropped, strict",
            {"hooks": {"after newkeys": drop, "before reply": inject(NOISE["ignore"])}, **kw},
            LOGIN,
        ),
    ]
    for case in play(cases):
        case.refused("ERR_MAC", "ERR_PACKET_LENGTH", *STRICT, secrets=True)
        assert w.USERAUTH_REQUEST not in case.last.numbers()


def test_2_sequence_numbers_reset(play):
    """2: reset at each NEWKEYS under strict kex, at rekeys too; never otherwise."""
    # AES-GCM counts packets itself and would not notice.
    only = dict.fromkeys(("c2s", "s2c"), ["chacha20-poly1305@openssh.com"])
    marked = {"hooks": {"before kexinit": lambda peer: mark_rekey(peer)}, **only}
    cases = [
        Case("first not reset", only, LOGIN, kind=NotReset),
        Case("rekey not reset", {"at_exchange": 1, **only}, REKEY, kind=NotReset),
        Case("strict", only, REKEY),
        Case("not strict", {"strict": False, **only}, REKEY),
        Case("marker in a rekey only", {"strict": False, **marked}, REKEY),
        Case("marker in every KEXINIT", marked, REKEY),
        Case("our rekey, strict", only, OUR_REKEY),
        Case("our rekey, not strict", {"strict": False, **only}, OUR_REKEY),
    ]
    first, rekey, *good = play(cases)
    first.refused("ERR_MAC", "ERR_PACKET_LENGTH")
    rekey.refused("ERR_MAC", "ERR_PACKET_LENGTH", secrets=True)
    for case in good:
        case.carried_on("hello\n" if case.client == OUR_REKEY else REKEYED)
        assert case.last.exchanges == 2, case


def mark_rekey(peer):
    if peer.exchanges and STRICT_S not in peer.offer["kex"]:
        peer.offer["kex"] = [*peer.offer["kex"], STRICT_S]


@pytest.mark.parametrize("strict", [True, False])
def test_4_real_rekeys_work(play, strict):
    """4: rekeys by either side, after any harmless message, many times, both sides at once."""

    def noisy(peer):
        if peer.exchanges:
            for payload in (NOISE["ignore"], NOISE["debug"]):
                peer.send(payload)

    many = "s = login(); result = [s.exec('rekey').decode() for _ in range(20)]"
    ours = (
        "s = login()\nfor i in range(20):\n s.rekey()\n want(s.exec('echo %s' % i), b'%d\\n' "
        "% i)\nresult = s.stats()[2]"
    )
    both = "s = login(rekey_packets=4); result = [s.exec('rekey').decode() for _ in range(10)]"
    early = {
        "hooks": {"after service": lambda peer: peer.rekey() if peer.exchanges == 1 else None}
    }
    cases = [
        Case(
            "noise before KEXINIT", {"strict": strict, "hooks": {"before kexinit": noisy}}, REKEY
        ),
        Case("theirs", {"strict": strict}, many),
        Case("ours", {"strict": strict}, ours),
        Case("both", {"strict": strict}, both),
        Case("before login", {"strict": strict, **early}),
        Case(
            "by bytes",
            {"strict": strict},
            "s = login(rekey_bytes=65536, window=32768); result = len(s.exec('zero 400000'))",
        ),
    ]
    noise, theirs, by_us, mixed, before, by_bytes = play(cases)
    noise.carried_on(REKEYED)
    theirs.carried_on(["rekeyed\n"] * 20)
    by_us.carried_on(20)
    mixed.carried_on(["rekeyed\n"] * 10)
    before.carried_on()
    by_bytes.carried_on(400_000)
    assert by_bytes.last.exchanges > 3
    assert mixed.last.exchanges > 11


def test_6_newkeys_out_of_order(play):
    """6: NEWKEYS before KEXINIT, before the reply, twice, without a key exchange."""
    newkeys = w.byte(w.NEWKEYS)
    hooks = [
        {point: inject(newkeys, 0)}
        for point in ("before kexinit", "after kexinit", "before reply")
    ]
    hooks += [
        {point: inject(newkeys)}
        for point in ("after newkeys", "after kex", "after service", "after open")
    ]
    hooks += [
        {point: inject(newkeys, 1)} for point in ("after kexinit", "before reply", "after newkeys")
    ]
    cases = [
        Case(f"{hook}, strict {strict}", {"hooks": hook, "strict": strict}, REKEY)
        for hook in hooks
        for strict in (True, False)
    ]
    for case in play(cases):
        case.refused(secrets=case.last.keys_on)
    for case in cases[:6]:
        assert not case.last.secrets()


def test_7_kexinit_repeated_and_flooded(play):
    """7: a second KEXINIT in one exchange ends it, memory stays as it was."""

    def again(count, only):
        def hook(peer):
            if peer.exchanges == only:
                for _ in range(count):
                    peer.send(peer.kexinit_sent)

        return hook

    client = "gc.collect(); before = rss()\ntry:\n %s\nfinally:\n result = rss() - before"
    cases = [
        Case(
            f"{count} more in exchange {only}, strict {strict}",
            {"hooks": {"after kexinit": again(count, only)}, "strict": strict},
            client % (REKEY if only else LOGIN),
        )
        for count in (1, 2000)
        for only in (0, 1)
        for strict in (True, False)
    ]
    for case in play(cases):
        case.refused(secrets="exchange 1" in case.name)
        assert case.result < 8192, case


WRONG_GUESS = [
    {"kex": ["nonsense@example.com", "curve25519-sha256"]},
    {"host_keys": ["nonsense@example.com", "ssh-ed25519"]},
]
JUNK_REPLY = w.byte(w.ECDH_REPLY) + w.string("junk") * 3


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("number", [0, 1])
def test_8_first_kex_packet_follows(play, strict, number):
    """8: after a wrong guess exactly one packet is dropped, whatever it is; after a right one
    none.
    """

    def guess(payloads):
        def before(peer):
            peer.follows = peer.exchanges == number

        def after(peer):
            if peer.exchanges == number:
                for payload in payloads:
                    peer.send(payload)

        return {"before kexinit": before, "after kexinit": after}

    def case(name, payloads, offer):
        return Case(name, {"hooks": guess(payloads), "strict": strict, **offer}, REKEY, timeout=1)

    success = w.byte(w.USERAUTH_SUCCESS)
    good = [case(f"wrong guess {i}", [JUNK_REPLY], o) for i, o in enumerate(WRONG_GUESS)]
    # Another method's packet may have another number (RFC 4253 section 7: 30 to 49).
    good += [
        case(f"number {n}", [w.byte(n) + b"junk"], WRONG_GUESS[0]) for n in (30, 33, 34, 41, 49)
    ]
    good.append(case("right guess", [], {}))
    bad = [case("two packets", [JUNK_REPLY] * 2, WRONG_GUESS[0])]
    bad.append(case("right guess and a packet", [JUNK_REPLY], {}))
    bad.append(case("wrong guess, nothing to drop", [], WRONG_GUESS[0]))
    act = case("the packet is USERAUTH_SUCCESS", [success], WRONG_GUESS[0])
    act.client = (
        f"s = connect({SAME_KEX}); want(s.authenticated, False)\n"
        "s.userauth_password(USER, PASSWORD)\n"
    )
    act.client += "result = s.exec('rekey').decode() + s.exec('echo hello').decode()"
    play(good + bad + [act])
    for one in good:
        one.carried_on(REKEYED)
    for one in bad:
        one.refused(secrets=number == 1)
    act.either(REKEYED)


class NeverKex(Peer):
    """Does not answer the client's second KEXINIT, but sends `flood` in its place."""

    flood = ()

    def got_kexinit(self, payload):
        if self.exchanges == 0:
            super().got_kexinit(payload)
            return
        for one in self.flood:
            self.send(one)
        payload = self.recv()
        raise AssertionError(f"message {payload[0]} in a key exchange")

    def run(self):
        try:
            super().run()
        except AssertionError as err:
            self.fault = err


def test_9_rekey_never_answered(play):
    """9: the deadline fires, and what the peer sends meanwhile cannot fill our memory."""
    request = w.byte(w.GLOBAL_REQUEST) + w.string("noise@example.com") + b"\1"
    ping = w.byte(w.PING) + w.string("x" * 200)
    client = "s = login(); gc.collect(); before = rss()\ntry:\n s.rekey(); s.exec('echo hello')\n"
    client += "finally:\n result = rss() - before"
    cases = [
        Case("silence", {}, client, NeverKex, 1),
        Case("global requests", {"flood": [request] * 5000}, client, NeverKex, 1),
        Case("ignore", {"flood": [NOISE["ignore"]] * 5000}, client, NeverKex, 1),
        Case("ping", {"flood": [ping] * 5000}, client, NeverKex, 1),
        Case("unknown", {"flood": [NOISE["unknown"]] * 5000}, client, NeverKex, 1),
    ]
    for case in play(cases):
        case.refused(secrets=True)
        assert case.result is not None and case.result < 8192, case
    cases[0].refused(errno.ETIMEDOUT, "ERR_KEX_TIMEOUT", secrets=True)


def test_9_other_messages_in_a_rekey(play):
    """9: after its KEXINIT the peer may send nothing but 1 to 4 and 20 to 49 (RFC 4253
    section 7.1).
    """
    data = w.byte(w.CHANNEL_DATA) + w.u32(0) + w.string("evil")
    messages = [
        data,
        w.byte(w.USERAUTH_SUCCESS),
        w.byte(w.SERVICE_ACCEPT) + w.string("ssh-userauth"),
        w.byte(w.GLOBAL_REQUEST) + w.string("x@y") + b"\1",
    ]
    cases = [
        Case(f"{payload[0]} {point}", {"hooks": {point: inject(payload, 1)}}, REKEY)
        for payload in messages
        for point in ("after kexinit", "before reply", "after reply")
    ]
    allowed = [
        Case(name, {"hooks": {point: inject(NOISE[name], 1)}, "strict": strict}, REKEY)
        for name in ("ignore", "debug", "unimplemented")
        for point in ("after kexinit", "before reply", "after reply")
        for strict in (False,)
    ]
    play(cases + allowed)
    for case in cases:
        case.refused(secrets=True)
    for case in allowed:
        case.carried_on(REKEYED)


def test_9_data_in_flight_when_we_rekey(play):
    """9: what the peer had sent before it saw our KEXINIT still counts."""

    class Late(Peer):
        def send_kexinit(self):
            if self.exchanges:
                chan = list(self.channels.values())[-1]
                for _ in range(50):
                    chan.write(b"in flight\n")
            super().send_kexinit()

    client = (
        "s = login(); ch = s.open_session(); ch.exec('cat'); s.rekey(); ch.write('x'); ch.eof()\n"
    )
    client += "result = ch.read().decode()"
    for case in play([Case("late data", {}, client, Late)]):
        case.carried_on("in flight\n" * 50 + "x")


def test_10_host_key_changed_at_rekey(play):
    """10: another key, or another key's signature, at a rekey."""

    def change(peer):
        if peer.exchanges == 1:
            peer.host_key = OTHER_KEY

    class OldBlob(Peer):
        def reply_payload(self):
            if self.exchanges == 1:
                self.host_key = OTHER_KEY
            return super().reply_payload()

    cases = [
        Case(name, {"hooks": {"before kexinit": change}}, client)
        for name, client in (("theirs", REKEY), ("ours", OUR_REKEY))
    ]
    cases.append(Case("old blob, other signature", {}, REKEY, OldBlob))
    play(cases)
    cases[0].refused("ERR_HOST_KEY_CHANGED", secrets=True)
    cases[1].refused("ERR_HOST_KEY_CHANGED", secrets=True)
    cases[2].refused("ERR_SIGNATURE", secrets=True)


@pytest.mark.parametrize("strict", [True, False])
def test_11_role_confusion(play, strict):
    """11: what only a client may send."""
    messages = [
        w.byte(w.ECDH_INIT) + w.string(bytes(32)),
        w.byte(w.SERVICE_REQUEST) + w.string("ssh-userauth"),
        w.byte(w.USERAUTH_REQUEST)
        + w.string("root")
        + w.string("ssh-connection")
        + w.string("none"),
    ]
    points = (
        *KEX_POINTS,
        "after newkeys",
        "after kex",
        "before service",
        "after service",
        "before auth",
        "after success",
        "after open",
    )
    cases = [
        Case(f"{payload[0]} {point}", {"hooks": {point: inject(payload)}, "strict": strict})
        for payload in messages
        for point in points
    ]
    for case in play(cases):
        case.refused(secrets=case.last.keys_on)


class Skips(Peer):
    """Sends `instead` in place of reply (and of NEWKEYS), then `extra` in the clear or not."""

    instead, newkeys, encrypted, extra = (), True, False, ()

    def send_reply(self):
        for payload in self.instead:
            self.send(payload)

    def send_newkeys(self):
        if self.newkeys:
            super().send_newkeys()

    def switch_out(self):
        if self.encrypted:
            super().switch_out()

    def send_ext_info(self):
        for payload in self.extra:
            self.send(payload)
        self.hold()


class Replies(Skips):
    def send_reply(self):
        Peer.send_reply(self)


@pytest.mark.parametrize("strict", [True, False])
def test_12_reply_or_newkeys_skipped(play, strict):
    """12: nothing of the login is sent before keys are on and the host is verified."""
    accept = w.byte(w.SERVICE_ACCEPT) + w.string("ssh-userauth")
    success = w.byte(w.USERAUTH_SUCCESS)
    ways = [
        (Skips, {"extra": [accept, success]}),
        (Skips, {"extra": [accept, success], "encrypted": True}),
        (Skips, {"extra": [accept, success], "newkeys": False}),
        (Skips, {"instead": [accept]}),
        (Skips, {"instead": [success]}),
        (Skips, {"newkeys": False}),
        (Replies, {"newkeys": False, "extra": [accept, success]}),
        (Replies, {"newkeys": False, "encrypted": True, "extra": [accept, success]}),
        (Replies, {"encrypted": False, "extra": [accept, success]}),
        (Replies, {"newkeys": False}),
    ]
    cases = [
        Case(kind.__name__ + str(options), {"strict": strict, **options}, LOGIN, kind, timeout=0.7)
        for kind, options in ways
    ]
    for case in play(cases):
        case.refused()


def test_13_connection_layer_before_login(play):
    """13: rekeying before the login opens nothing: the client neither is logged in nor acts."""

    def rekey(peer):
        if peer.exchanges == 1:
            peer.rekey()

    def intrude(peer):
        if peer.exchanges == 2:
            peer.send(w.byte(w.CHANNEL_OPEN) + w.string("x11") + w.u32(0) + w.u32(1000) * 2)
            peer.send(w.byte(w.GLOBAL_REQUEST) + w.string("x@y") + b"\1")

    points = ("before service", "after service", "before auth")
    cases = [
        Case(point, {"hooks": {point: rekey, "after kex": intrude}}, LOGIN) for point in points
    ]
    for case in play(cases):
        case.refused("ERR_UNEXPECTED", secrets=True)
        answers = {w.OPEN_CONFIRMATION, w.OPEN_FAILURE, w.REQUEST_SUCCESS, w.REQUEST_FAILURE}
        assert not answers & set(case.last.numbers()), case


def test_goodbye_in_a_key_exchange(play):
    """DISCONNECT at each point is told with its reason and text."""
    bye = w.byte(w.DISCONNECT) + w.u32(12) + w.string("too many of you") + w.string("")

    def leave(peer):
        # Not a close at once: bytes that nobody has read would turn it into a reset, which
        # could overtake DISCONNECT.
        peer.send(bye)
        peer.sock.shutdown(socket.SHUT_WR)
        while peer.sock.recv(4096):
            pass
        raise Closed("left")

    points = (
        *KEX_POINTS,
        "after newkeys",
        "before service",
        "before auth",
        "after success",
        "after open",
        "before request",
        "after request",
    )
    for case in play([Case(point, {"hooks": {point: leave}}) for point in points]):
        case.refused("ERR_DISCONNECTED", secrets=True)
        assert "too many of you" in case.error[2], case


def test_9_rekey_answered_with_unimplemented(play):
    """9: a server that knows no rekeying says UNIMPLEMENTED: an error, at the deadline at most."""

    class Old(Peer):
        def got_kexinit(self, payload):
            if self.exchanges:
                self.send(w.byte(w.UNIMPLEMENTED) + w.u32(self.seq_in - 1))
                self.hold()
            super().got_kexinit(payload)

    for case in play([Case("old", {}, OUR_REKEY, Old, 1)]):
        case.refused(secrets=True)
