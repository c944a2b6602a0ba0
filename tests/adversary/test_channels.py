"""ATTACKS.md 52, 54, 57-60: channels and global requests (RFC 4254)."""

import sshwire as w
from adv_run import Case
from peer import Peer

WORK = "s = login(); result = s.exec('echo hello').decode()"
GAIN = 4096  # KiB of growth that is noise


def send(*payloads):
    return lambda peer: [peer.send(payload) for payload in payloads]


def opening(kind, extra=b"", remote=33, window=32768, packet=32768):
    return (
        w.byte(w.CHANNEL_OPEN)
        + w.string(kind)
        + w.u32(remote)
        + w.u32(window)
        + w.u32(packet)
        + extra
    )


ADDRESS = w.string("127.0.0.1") + w.u32(22) + w.string("10.0.0.1") + w.u32(4000)
OPENINGS = {
    "forwarded-tcpip": opening("forwarded-tcpip", ADDRESS),
    "x11": opening("x11", w.string("127.0.0.1") + w.u32(6000)),
    "auth-agent": opening("auth-agent@openssh.com"),
    "session": opening("session"),
    "direct-tcpip": opening("direct-tcpip", ADDRESS),
    "streamlocal": opening("forwarded-streamlocal@openssh.com", w.string("/x") + w.string("")),
    "unknown": opening("x" * 1000),
    "no name": opening(""),
    "odd numbers": opening("forwarded-tcpip", ADDRESS, 0xFFFFFFFF, 0xFFFFFFFF, 0),
    "extra bytes": opening("x11", b"any" * 100),
}


def test_52_channels_nobody_asked_for(play):
    """52: each one refused with OPEN_FAILURE for the peer's id; the session works on."""
    cases = [
        Case(f"{name} {point}", {"hooks": {point: send(payload)}})
        for name, payload in OPENINGS.items()
        for point in ("after success", "after open", "before request", "after request")
    ]
    for case in play(cases):
        case.carried_on()
        (reply,) = case.last.replies
        r = w.Reader(reply)
        want = 0xFFFFFFFF if case.name.startswith("odd") else 33
        assert (r.byte(), r.u32()) == (w.OPEN_FAILURE, want), case
        assert r.u32() in (1, 2, 3, 4)
        assert (r.string(), r.string()) is not None
        r.end()


def test_52_flood_of_openings(play):
    """52: 4,000 of them: answered one by one or refused as a flood; memory stays."""
    client = (
        "s = login(); gc.collect(); b = rss(); result = s.exec('echo hello').decode(); "
        "want(rss() - b < 4096, True)"
    )
    hooks = {
        "after open": lambda peer: peer.raw(
            b"".join(peer.pack(OPENINGS["x11"]) for _ in range(4000))
        )
    }
    (case,) = play([Case("flood", {"hooks": hooks}, client)])
    case.either()
    assert len(case.last.replies) == 4000 or not case.ok


def test_52_opening_cut(play):
    """52: CHANNEL_OPEN that ends early."""
    whole = OPENINGS["forwarded-tcpip"]
    cuts = [whole[:n] for n in (1, 3, 5, 10, 19, 23, 27, 31)] + [
        whole[:1] + w.u32(0xFFFFFFFF) + whole[5:]
    ]
    for case in play([Case(repr(cut), {"hooks": {"after success": send(cut)}}) for cut in cuts]):
        case.refused(secrets=True)


def for_channel(number, chan):
    """A well-formed message `number` for a channel id."""
    tail = {
        93: w.u32(1),
        94: w.string("x"),
        95: w.u32(1) + w.string("x"),
        96: b"",
        97: b"",
        98: w.string("x@example.com") + b"\1",
        91: w.u32(0) + w.u32(9000) * 2,
        92: w.u32(1) + w.string("no") + w.string(""),
    }
    return w.byte(number) + w.u32(chan) + tail.get(number, b"")


def last(peer):
    return list(peer.channels.values())[-1]


def test_54_wrong_ids(play):
    """54: ids that are unknown, not yet confirmed, our own side's, or closed: an error each
    time.
    """
    cases = []
    for number in range(91, 101):
        for name, chan in (
            ("unknown", 5),
            ("huge", 0xFFFFFFFF),
            ("sign bit", 0x80000000),
            ("peer's own", 7),
        ):
            hook = {"before request": send(for_channel(number, chan))}
            cases.append(Case(f"{number} {name}", {"hooks": hook}))
        if number not in (91, 92):

            def unconfirmed(peer, number=number):
                peer.send(for_channel(number, last(peer).remote))

            cases.append(Case(f"{number} unconfirmed", {"hooks": {"before open": unconfirmed}}))
            none = {"after success": send(for_channel(number, 0))}
            cases.append(Case(f"{number} no channel", {"hooks": none}))
    for case in play(cases):
        case.refused(secrets=True)
        assert case.code in ("ERR_CHANNEL", "ERR_UNEXPECTED", "ERR_MESSAGE"), case


def test_54_closed_channel(play):
    """54: messages for a channel after both sides have closed it."""

    class After(Peer):
        number = 94

        def on_exec(self, chan, command):
            super().on_exec(chan, command)
            if command == b"echo first":
                chan.gone()
                self.send(for_channel(self.number, chan.remote))

    client = "s = login(); s.exec('echo first'); result = s.exec('echo hello').decode()"
    # (91 and 92 for a number that is used again cannot be told from the right answer.)
    for case in play([Case(str(n), {"number": n}, client, After) for n in range(93, 101)]):
        case.refused(secrets=True)


def test_54_after_our_close(play):
    """54: what the peer sends between our CLOSE and its own is taken and dropped."""

    class Late(Peer):
        def on_exec(self, chan, command):
            if command != b"late":
                super().on_exec(chan, command)

        def on_channel(self, number, r):
            if number == w.CHANNEL_CLOSE:
                chan = last(self)
                for n in (93, 94, 95, 98, 96):
                    self.send(for_channel(n, chan.remote))
            super().on_channel(number, r)

    client = (
        "s = login(); c = s.open_session(); c.exec('late'); c.close(); "
        "result = s.exec('echo hello').decode()"
    )
    (case,) = play([Case("late", {}, client, Late)])
    case.carried_on()


def test_57_answers_nobody_asked_for(play):
    """57: CHANNEL_SUCCESS and FAILURE, REQUEST_SUCCESS and FAILURE, one or 4,000 of them."""
    cases = []
    for count in (1, 4000):
        for number in (99, 100, 81, 82):

            def hook(peer, number=number, count=count):
                payload = w.byte(number) + (w.u32(0) if number > 90 else b"")
                peer.raw(b"".join(peer.pack(payload) for _ in range(count)))

            for point in ("after open", "after request"):
                cases.append(Case(f"{count} of {number} {point}", {"hooks": {point: hook}}))
    for case in play(cases):
        if case.ok:
            case.carried_on()
        else:
            case.refused(secrets=True)


def test_58_many_channels(play):
    """58: 3,000 channels refused, 1,000 opened and closed: ids come back, nothing grows."""

    class No(Peer):
        def confirm(self, chan):
            chan.message(w.OPEN_FAILURE, w.u32(4) + w.string("no") + w.string(""))

    refuse = """
s = login()
for i in range(3000):
    if i == 100:
        gc.collect(); b = rss()
    want(wrong(s.open_session)[1], 'ERR_OPEN_REFUSED')
gc.collect()
result = [rss() - b < 4096, s.stats()[3]]
"""
    use = """
s = login()
for i in range(1000):
    if i == 100:
        gc.collect(); b = rss()
    want(s.exec('echo %s' % i), b'%d\\n' % i)
gc.collect()
result = [rss() - b < 4096, s.stats()[3]]
"""
    cases = [Case("refused", {}, refuse, No, 15), Case("used", {}, use, Peer, 15)]
    for case in play(cases):
        case.carried_on([True, 0])


def test_58_more_than_there_are_slots(play):
    """58: the last slot but one: a clear error, and the others still work."""
    client = """
s = login(channels=3)
a = [s.open_session() for _ in range(3)]
result = [wrong(s.open_session)[1]]
a[1].exec('echo one'); result.append(a[1].read().decode())
a[1].close()
a.append(s.open_session()); a[3].exec('echo two'); result.append(a[3].read().decode())
"""
    (case,) = play([Case("slots", {}, client)])
    case.carried_on(["ERR_NO_SLOT", "one\n", "two\n"])


def test_58_eof_and_close_twice(play):
    """58: EOF or CLOSE twice, data or requests after them."""

    class Ends(Peer):
        order = ()

        def on_exec(self, chan, command):
            chan.message(w.CHANNEL_DATA, w.string("hello\n"))
            for number in self.order:
                self.send(for_channel(number, chan.remote))
            chan.closed_out = 97 in self.order
            chan.close()

    orders = [
        (96, 96),
        (97, 97),
        (96, 94),
        (96, 95),
        (97, 94),
        (97, 96),
        (97, 98),
        (97, 93),
        (96, 97, 94),
        (96, 98),
        (96, 93),
        (94,),
    ]
    client = "s = login(); result = s.exec('x').decode(); s.exec('x')"
    for case in play([Case(str(o), {"order": o}, client, Ends) for o in orders]):
        if case.name in ("(96, 98)", "(96, 93)"):  # requests and adjusts may follow EOF
            case.carried_on()
        elif case.name == "(94,)":
            case.carried_on("hello\nx")
        else:
            case.either()
            # Data after EOF and anything after CLOSE is never handed to the program.
            assert case.result in (None, "hello\n"), case


def test_58_confirm_twice(play):
    """58: a second answer to the same CHANNEL_OPEN."""

    class Twice(Peer):
        second = 91

        def confirm(self, chan):
            super().confirm(chan)
            self.send(for_channel(self.second, chan.remote))

    for case in play([Case(str(n), {"second": n}, kind=Twice) for n in (91, 92)]):
        case.refused(secrets=True)


def test_59_exit_requests(play):
    """59: exit-status and exit-signal cut short, with a wild body, twice; unknown requests."""

    class Exit(Peer):
        body = b""

        def on_exec(self, chan, command):
            chan.message(w.CHANNEL_REQUEST, self.body)
            chan.write(b"out")
            chan.eof()
            chan.close()

    def request(kind, rest, want=b"\0"):
        return w.string(kind) + want + rest

    signal = w.string("TERM") + b"\1" + w.string("message") + w.string("")
    good = {
        "status": (request("exit-status", w.u32(7)), [7, None]),
        "status 2^32-1": (request("exit-status", w.u32(0xFFFFFFFF)), None),
        "signal": (request("exit-signal", signal), [None, "TERM"]),
        "unknown": (request("x@example.com", b"\xff" * 100), [None, None]),
        "unknown, wants an answer": (request("x@example.com", b"", b"\1"), [None, None]),
        "xon-xoff": (request("xon-xoff", b"\1"), [None, None]),
        "eow": (request("eow@openssh.com", b""), [None, None]),
        "eof": (request("", b""), [None, None]),
    }
    bad = {
        "status cut": request("exit-status", b"\0\0\0"),
        "status empty": request("exit-status", b""),
        "status too long": request("exit-status", w.u32(7) + b"x"),
        "signal empty": request("exit-signal", b""),
        "signal cut": request("exit-signal", signal[:-1]),
        "signal cut short": request("exit-signal", w.string("TERM")),
        "signal length": request("exit-signal", w.u32(0xFFFFFFFF) + b"x"),
        "request cut": w.u32(400) + b"x",
        "no want": w.string("exit-status"),
        "signal of 20,000": request(
            "exit-signal", w.string("x" * 20_000) + b"\0" + w.string("m" * 8000) + w.string("")
        ),
        "signal escape": request(
            "exit-signal", w.string("\x1b[2J\u202e") + b"\0" + w.string("\x1b") + w.string("")
        ),
    }
    client = "s = login(); r = s.run('x'); want(r[0], b'out'); result = [r[2], r[3]]"
    cases = [Case(name, {"body": row[0]}, client, Exit) for name, row in good.items()]
    odd = [Case(name, {"body": body}, client, Exit) for name, body in bad.items()]
    play(cases + odd)
    for case in cases:
        want = good[case.name][1]
        case.carried_on(case.result if want is None else want)
    for case in odd:
        if case.ok:
            case.carried_on(case.result)
            status, signal = case.result
            assert status is None, case
            assert signal is None or (signal.isprintable() and len(signal) < 600), case
        else:
            case.refused(secrets=True)


def test_59_pty_modes(play):
    """59: 200 terminal modes arrive as they were given; odd ones do not hurt."""
    client = """
s = login()
result = []
many = b''.join(bytes([1 + i % 159, 0, 0, 0, i]) for i in range(200)) + b'\\0'
for modes in (b'', b'\\0', many, bytes(range(256))):
    c = s.open_session()
    result.append(wrong(c.request_pty, 'vt100', 132, 50, modes=modes))
    c.exec('echo x')
    want(c.read(), b'x\\n')
    c.close()
"""
    (case,) = play([Case("modes", {}, client)])
    case.carried_on([None] * 4)
    got = [chan.modes for chan in case.last.channels.values()]
    assert got[1] == b"\0" and len(got[2]) == 1001 and got[3] == bytes(range(256)), case
    assert got[0] in (b"", b"\0")


def test_60_global_requests(play):
    """60: one, and 4,000 at once; wanted answers come in order and number, others not at all."""
    names = ["keepalive@openssh.com", "tcpip-forward", "hostkeys-00@openssh.com", "x" * 3000, ""]
    cases = []
    for name in names:
        for want in (0, 1):
            for count in (1, 4000 if len(name) < 100 else 20):

                def hook(peer, name=name, want=want, count=count):
                    payload = w.byte(w.GLOBAL_REQUEST) + w.string(name) + bytes([want]) + b"rest"
                    peer.raw(b"".join(peer.pack(payload) for _ in range(count)))

                client = (
                    "s = login(); gc.collect(); b = rss(); "
                    "result = s.exec('echo hello').decode(); want(rss() - b < 4096, True)"
                )
                title = f"{name[:30]} want {want}, {count} times"
                cases.append(
                    Case(title, {"hooks": {"after open": hook}}, client, check=count * want)
                )
    for case in play(cases):
        if case.ok:
            case.carried_on()
            assert [p[0] for p in case.last.replies] == [w.REQUEST_FAILURE] * case.check, case
        else:
            assert case.check > 1, case
            case.refused(secrets=True)


def test_60_requests_cut(play):
    """60: a global request that ends early."""
    bodies = [b"", w.u32(5) + b"abc", w.string("x"), w.u32(0xFFFFFFFF) + b"x"]
    cases = [Case(repr(b), {"hooks": {"after open": send(w.byte(80) + b)}}) for b in bodies]
    for case in play(cases):
        case.refused(secrets=True)


def test_channel_messages_cut(play):
    """Every channel message cut at every byte: an error, never more or less data than was sent."""

    class Cut(Peer):
        text = b""

        def on_exec(self, chan, command):
            self.send(self.text)
            super().on_exec(chan, command)

    cases = []
    for number in (93, 94, 95, 96, 97, 98, 99, 100):
        whole = for_channel(number, 0)
        cases += [
            Case(f"{number} cut to {n}", {"text": whole[:n]}, WORK, Cut)
            for n in range(1, len(whole))
        ]
        cases.append(Case(f"{number} and more", {"text": whole + b"more"}, WORK, Cut))
    for case in play(cases):
        if case.name.startswith("98 and more") and case.ok:
            continue
        if case.name.startswith("98") and case.ok:
            raise AssertionError(str(case))
        case.refused(secrets=True)


def test_54_highest_ids(play):
    """54: the peer's numbers may be anything up to 2^32-1."""

    class High(Peer):
        def __init__(self, *args, **kw):
            super().__init__(*args, **kw)
            self.next_id = 0xFFFFFFFF

    (case,) = play([Case("high", kind=High)])
    case.carried_on()


def test_58_close_while_writing(play):
    """58: CLOSE while the program writes: ERR_CHANNEL_CLOSED; the session works on."""

    class Closes(Peer):
        def on_exec(self, chan, command):
            if command == b"leave":
                chan.close()
            else:
                super().on_exec(chan, command)

    client = """
s = login()
c = s.open_session()
c.exec('leave')
c.settimeout(2)
result = [wrong(lambda: [c.write(bytes(10000)) for _ in range(1000)])[1]]
result.append(s.exec('echo hello').decode())
"""
    (case,) = play([Case("leave", {}, client, Closes)])
    case.carried_on(["ERR_CHANNEL_CLOSED", "hello\n"])


def test_59_exit_status_after_close(play):
    """59: some servers send the exit status after their CLOSE: late, but no end of the session."""

    class Late(Peer):
        def on_exec(self, chan, command):
            chan.write(b"out")
            chan.eof()
            chan.close()
            chan.status(7)

    client = "s = login(); r = s.run('x'); want(r[0], b'out')\n"
    client += "result = s.run('x')[0].decode()"
    (case,) = play([Case("late", {}, client, Late)])
    case.carried_on("out")
