"""Channel requests byte for byte, and what the server tells of a channel (RFC 4254 section 6)."""

import sshwire as w
from adv_run import Case
from peer import Peer


class Grants(Peer):
    """Grants every request and keeps it."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.asked = []

    def on_request(self, chan, kind, want, r):
        if kind in (b"exec", b"shell"):
            super().on_request(chan, kind, want, r)
            return
        self.asked.append((kind, want, r.rest()))
        if want:
            chan.message(w.CHANNEL_SUCCESS)


def test_requests_on_the_wire(play):
    client = (
        "s = login(); c = s.open_session(); c.send_break(500); c.request_agent()\n"
        "c.request_x11('00ff', screen=2, single=True); c.request_x11(b'aa', 'OTHER')\n"
        "c.exec('echo hello'); result = c.read().decode()"
    )
    (case,) = play([Case("requests", {}, client, Grants)])
    case.carried_on()
    cookie = w.string("MIT-MAGIC-COOKIE-1")
    assert case.last.asked == [
        (b"break", True, w.u32(500)),
        (b"auth-agent-req@openssh.com", True, b""),
        (b"x11-req", True, b"\1" + cookie + w.string("00ff") + w.u32(2)),
        (b"x11-req", True, b"\0" + w.string("OTHER") + w.string("aa") + w.u32(0)),
    ]


class Tells(Peer):
    """Tells something about the channel before it ends."""

    told = ()

    def on_exec(self, chan, command):
        for name, rest in self.told:
            chan.message(w.CHANNEL_REQUEST, w.string(name) + b"\0" + rest)
        chan.eof()
        chan.close()


def test_what_the_server_tells(play):
    """59: exit-signal with its details, made printable; xon-xoff; each at any time."""
    text = "dumped \x1b[2J" + "x" * 100
    signal = w.string("SEGV") + b"\1" + w.string(text) + w.string("en")
    rows = {
        "signal": ((("exit-signal", signal),), ["SEGV", "dumped ?[2J" + "x" * 53, True, None]),
        "xon": ((("xon-xoff", b"\1"),), [None, None, False, True]),
        "xoff": ((("xon-xoff", b"\1"), ("xon-xoff", b"\0")), [None, None, False, False]),
        "none": ((), [None, None, False, None]),
    }
    client = (
        "s = login(); c = s.open_session(); c.exec('x'); c.read()\n"
        "result = [c.exit_signal, c.exit_message, c.exit_core_dumped, c.xon_xoff]"
    )
    cases = [
        Case(name, {}, client, type("P", (Tells,), {"told": told}))
        for name, (told, _) in rows.items()
    ]
    for case in play(cases):
        case.carried_on(rows[case.name][1])
    cut = [("xon-xoff", b""), ("xon-xoff", b"\1\0"), ("eow@openssh.com", b"x")]
    odd = [Case(repr(told), {}, client, type("P", (Tells,), {"told": (told,)})) for told in cut]
    for case in play(odd):
        case.refused("ERR_MESSAGE", secrets=True)


def test_eow_stops_the_input_only(play):
    """eow@openssh.com: writes fail at once instead of filling a window; output still comes."""

    class Reads(Peer):
        def on_exec(self, chan, command):
            chan.message(w.CHANNEL_REQUEST, w.string("eow@openssh.com") + b"\0")
            chan.write(b"first\n")
            while not chan.eof_in:
                self.turn()
            chan.write(b"last\n")
            chan.finish(4)

    client = (
        "s = login(); c = s.open_session(); c.exec('x'); want(c.recv(6), b'first\\n')\n"
        "e = wrong(c.write, 'more'); c.eof()\n"
        "result = [e[1], c.read().decode(), c.wait()]"
    )
    (case,) = play([Case("eow", {}, client, Reads)])
    case.carried_on(["ERR_CHANNEL_CLOSED", "last\n", 4])
