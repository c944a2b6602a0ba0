"""ATTACKS.md 52, 54-58, 60 for what a program has asked for: forwards, X11, agent, host keys."""

import sshwire as w
from adv_run import Case
from peer import HOST_KEY, OTHER_KEY, Chan, Peer, key_blob
from test_channels import opening

HOST, PORT = "10.1.2.3", 4022
PROHIBITED, SHORTAGE = 1, 4


def tcp(host=HOST, port=PORT, origin="192.0.2.9", **numbers):
    rest = w.string(host) + w.u32(port) + w.string(origin) + w.u32(999)
    return opening("forwarded-tcpip", rest, **numbers)


class Forwarder(Peer):
    """Grants each forward; `opens` are sent after the first one and `after` then."""

    opens, after = (), ()
    answer = None

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.taken = []

    def on_global(self, name, want, rest):
        self.globals.append((name, want))
        if not want:
            return
        port = w.u32(PORT) if rest.endswith(w.u32(0)) else b""
        self.send(w.byte(w.REQUEST_SUCCESS) + port if self.answer is None else self.answer)
        if name in (b"tcpip-forward", b"cancel-tcpip-forward"):
            todo, self.opens, self.after = self.opens, self.after, ()
            self.raw(b"".join(self.pack(each) for each in todo))

    def dispatch(self, payload):
        if payload[0] != w.OPEN_CONFIRMATION:
            super().dispatch(payload)
            return
        r = w.Reader(payload, 1)
        chan = Chan(self, r.u32(), r.u32(), r.u32(), r.u32())
        r.end()
        self.channels[chan.id] = chan
        self.taken.append(chan)
        self.on_taken(chan)

    def on_taken(self, chan):
        chan.write(b"hello\n")

    def refusals(self):
        readers = [w.Reader(reply, 1) for reply in self.replies if reply[0] == w.OPEN_FAILURE]
        return [(r.u32(), r.u32()) for r in readers]


ASK = f"s = login(); want(s.request_forward({HOST!r}, {PORT}), {PORT})\n"
TAKE = "c = s.accept(); want(c.kind, 'forwarded-tcpip'); result = c.recv(6).decode()\n"


def test_52_only_what_matches(play):
    """52: with a forward on, openings for another address, port or kind are still refused."""
    wrong = {
        "port": tcp(port=PORT + 1),
        "port 0": tcp(port=0),
        "port + 2^16": tcp(port=PORT + 65536),
        "host": tcp(host="10.1.2.4"),
        "empty host": tcp(host=""),
        "host and more": tcp(host=HOST + "\0"),
        "path": opening("forwarded-streamlocal@openssh.com", w.string(HOST) + w.string("")),
        "x11": opening("x11", w.string("127.0.0.1") + w.u32(6000)),
        "agent": opening("auth-agent@openssh.com"),
        "session": opening("session"),
        "direct": opening("direct-tcpip", w.string(HOST) + w.u32(PORT) + w.string("") + w.u32(0)),
    }
    client = ASK + TAKE
    cases = [
        Case(name, {}, client, type("P", (Forwarder,), {"opens": (bad, tcp())}))
        for name, bad in wrong.items()
    ]
    for case in play(cases):
        case.carried_on("hello\n")
        assert case.last.refusals() == [(33, PROHIBITED)], case
        assert len(case.last.taken) == 1, case


def test_52_after_the_cancel(play):
    """52: once the program has cancelled, a server that goes on opening gets refusals only."""

    class Stubborn(Forwarder):
        after = (tcp(),)

    client = ASK + f"s.cancel_forward({HOST!r}, {PORT}); want(s.accept(0.3), None)\n"
    client += "result = s.exec('echo hello').decode()"
    (case,) = play([Case("stubborn", {}, client, Stubborn)])
    case.carried_on()
    assert case.last.refusals() == [(33, PROHIBITED)], case


def test_52_malformed(play):
    """52: an opening for our forward with a body that is cut or goes on: the end."""
    whole = tcp()
    bad = {f"cut to {n}": whole[:n] for n in range(len(whole) - 40, len(whole), 3)}
    bad["and more"] = whole + b"x"
    bad["packets of no bytes"] = tcp(packet=0)
    cases = [
        Case(name, {}, ASK + TAKE, type("P", (Forwarder,), {"opens": (each,)}))
        for name, each in bad.items()
    ]
    for case in play(cases):
        case.refused(secrets=True)
        assert case.code in ("ERR_MESSAGE", "ERR_WINDOW"), case


def test_55_extreme_windows(play):
    """55: window 0 and 2^32-1, packets of one byte and 2^32-1, highest and equal numbers."""

    class Odd(Forwarder):
        opens = (
            tcp(window=0, packet=1),
            tcp(window=0xFFFFFFFF, packet=0xFFFFFFFF, remote=0xFFFFFFFF),
        )

        def on_taken(self, chan):
            if len(self.taken) == 1:
                chan.message(w.WINDOW_ADJUST, w.u32(5))
            chan.write(b"hello\n")

    client = ASK + (
        "a = s.accept(); b = s.accept(); want(b.write('x' * 9), 9); want(a.write('y' * 5), 5)\n"
        "result = (a.recv(6) + b.recv(6)).decode()"
    )
    (case,) = play([Case("odd", {}, client, Odd)])
    case.carried_on("hello\nhello\n")


def test_56_more_than_the_window(play):
    """56: data past the window of a channel that the peer opened."""

    class Greedy(Forwarder):
        opens = (tcp(),)

        def on_taken(self, chan):
            chan.message(w.CHANNEL_DATA, w.string(bytes(1001)))

    client = ASK + "c = s.accept(window=1000); c.recv(1); c.recv(1000); s.pump()"
    (case,) = play([Case("greedy", {}, client, Greedy)])
    case.refused("ERR_WINDOW", secrets=True)


def test_58_flood_of_openings(play):
    """58: 4,000 openings for our forward: a few wait, the others are refused; memory stays."""

    class Flood(Forwarder):
        opens = (tcp(),) * 4000

        def on_taken(self, chan):
            chan.write(b"hello\n")

    client = (
        "s = login(channels=4); gc.collect(); b = rss()\n"
        f"s.request_forward({HOST!r}, {PORT})\n"
        "for _ in range(20): s.pump()\n"
        "result = []\n"
        "for _ in range(16):\n"
        "    c = s.accept(1); result.append(c.recv(6)[:1].decode()); c.close()\n"
        "want(rss() - b < 4096, True); result = ''.join(result)"
    )
    (case,) = play([Case("flood", {}, client, Flood)])
    if case.ok:
        case.carried_on("h" * 16)
        assert {reason for _, reason in case.last.refusals()} == {SHORTAGE}, case
    else:
        case.refused("ERR_FLOOD", secrets=True)


def test_57_forged_answers(play):
    """57: answers to forwards that are too short, too long, or one too many."""
    port0 = f"s = login(); s.request_forward({HOST!r}, 0); s.pump(); result = 'hello\\n'"
    success = w.byte(w.REQUEST_SUCCESS)
    bad = {
        "no port": success,
        "half a port": success + b"\0\0",
        "port and more": success + w.u32(5) + b"x",
        "failure and more": w.byte(w.REQUEST_FAILURE) + b"x",
    }
    cases = [
        Case(name, {}, port0, type("P", (Forwarder,), {"answer": each}))
        for name, each in bad.items()
    ]
    twice = type("P", (Forwarder,), {"opens": (success,)})
    cases.append(Case("twice", {}, ASK + "s.pump(); s.exec('echo hello')", twice))
    for case in play(cases):
        case.refused(secrets=True)
        assert case.code in ("ERR_MESSAGE", "ERR_UNEXPECTED"), case


def test_57_answers_in_order(play):
    """57: the answer to a request that was given up is not taken for the next one's."""

    class Late(Forwarder):
        held = 0

        def on_global(self, name, want, rest):
            self.held += 1
            if self.held == 2:
                self.send(w.byte(w.REQUEST_SUCCESS) + b"first")
                self.send(w.byte(w.REQUEST_SUCCESS) + b"second")

    client = (
        "s = login(); s.timeout = 0.3; e = wrong(s.global_request, 'first'); s.timeout = 3\n"
        "result = [e[1] == 110, s.global_request('second').decode()]"
    )
    (case,) = play([Case("late", {}, client, Late)])
    case.carried_on([True, "second"])


def test_54_channels_that_wait(play):
    """54: messages for a channel that the program has not taken yet."""
    cases = []
    for number in (93, 94, 96, 97, 98, 99):
        tail = {93: w.u32(1), 94: w.string("x"), 98: w.string("x") + b"\1"}.get(number, b"")
        early = w.byte(number) + w.u32(0) + tail
        kind = type("P", (Forwarder,), {"opens": (tcp(), early)})
        cases.append(Case(str(number), {}, ASK + "s.pump(); s.accept(); s.pump()", kind))
    for case in play(cases):
        case.refused(secrets=True)


class Asked(Forwarder):
    """Grants agent and X11 requests, then opens such channels."""

    wanted = ()

    def on_request(self, chan, kind, want, r):
        if kind not in (b"auth-agent-req@openssh.com", b"x11-req"):
            super().on_request(chan, kind, want, r)
            return
        r.rest()
        chan.message(w.CHANNEL_SUCCESS)
        for each in self.wanted:
            self.send(each)


X11 = opening("x11", w.string("127.0.0.1") + w.u32(6000))
AGENT = opening("auth-agent@openssh.com")


def test_52_display_and_agent(play):
    """52: each only when it was asked for, X11 with single once, and both no longer than the
    channel lives.
    """
    take = "a = s.accept(); want(a.recv(6), b'hello\\n'); a.close(); want(s.accept(0.2), None)\n"
    begin = "s = login(); c = s.open_session(); "
    done = "result = s.exec('echo hello').decode()"
    x11 = "c.request_x11('00', single=True)\n"
    agent = "c.request_agent()\n"
    gone = "c.close()\nfor _ in range(3): want(s.accept(0.1), None)\n"
    rows = {
        "display once": (x11, (X11, X11, AGENT), take, 2),
        "agent": (agent, (X11, AGENT), take, 1),
        "agent of a closed channel": (agent, (), gone, 0),
    }
    cases = [
        Case(name, {}, begin + ask + then + done, type("P", (Asked,), {"wanted": opens}))
        for name, (ask, opens, then, _) in rows.items()
    ]
    for case in play(cases):
        case.carried_on()
        assert case.last.refusals() == [(33, PROHIBITED)] * rows[case.name][3], case


class Keys(Peer):
    """Names host keys after the login, and proves them in some way."""

    proof = staticmethod(lambda name, session_id, blob, key: name + session_id + blob)
    named = (OTHER_KEY,)
    more = b""

    def auth_answer(self, good, partial=False):
        super().auth_answer(good, partial)
        blobs = b"".join(w.string(key_blob(key)) for key in self.named)
        name = w.string("hostkeys-00@openssh.com")
        self.send(w.byte(w.GLOBAL_REQUEST) + name + b"\0" + blobs)

    def on_global(self, name, want, rest):
        if name != b"hostkeys-prove-00@openssh.com":
            super().on_global(name, want, rest)
            return
        r, answer = w.Reader(rest), b""
        for key in self.named:
            blob = r.string()
            parts = w.string(name), w.string(self.session_id), w.string(blob)
            signature = key.sign(self.proof(*parts, key))
            answer += w.string(w.string("ssh-ed25519") + w.string(signature))
        self.send(w.byte(w.REQUEST_SUCCESS) + answer + self.more)


def test_host_keys_that_are_not_proved(play):
    """A key of another host, or a proof from another connection, never reaches the program."""
    client = (
        "s = login(); s.exec('echo x'); e = wrong(s.host_keys)\n"
        "want(s.exec('echo hello'), b'hello\\n')\n"
        "result = [e and e[1], e is None and len(s.host_keys())]"
    )

    def stolen(name, session_id, blob, key):
        return name + w.string(bytes(32)) + blob

    def other_text(name, session_id, blob, key):
        return session_id + blob

    rows = {
        "right": ({}, [None, 2]),
        "its own key again": ({"named": (HOST_KEY, OTHER_KEY)}, [None, 2]),
        "other session": ({"proof": staticmethod(stolen)}, ["ERR_SIGNATURE", False]),
        "other text": ({"proof": staticmethod(other_text)}, ["ERR_SIGNATURE", False]),
        "too many proofs": ({"more": w.string("x")}, ["ERR_MESSAGE", False]),
    }
    cases = [
        Case(name, {}, client, type("P", (Keys,), options)) for name, (options, _) in rows.items()
    ]
    for case in play(cases):
        case.carried_on(rows[case.name][1])


def test_60_floods_of_host_keys(play):
    """60: 1,000 lists of 500 keys each: memory stays, and the session works on."""

    class Many(Keys):
        def auth_answer(self, good, partial=False):
            Peer.auth_answer(self, good, partial)
            blobs = w.string(key_blob(OTHER_KEY)) * 500
            name = w.string("hostkeys-00@openssh.com")
            one = w.byte(w.GLOBAL_REQUEST) + name + b"\0" + blobs
            self.raw(b"".join(self.pack(one) for _ in range(1000)))

    client = "s = login(); gc.collect(); b = rss(); result = s.exec('echo hello').decode()\n"
    client += "want(rss() - b < 4096, True)"
    (case,) = play([Case("many", {}, client, Many, 10)])
    case.carried_on()
