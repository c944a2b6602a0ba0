"""ATTACKS.md 55, 56: windows and packet sizes of channels (RFC 4254 section 5.2)."""

import errno

import sshwire as w
from adv_run import Case
from peer import Chan, Peer
from test_channels import WORK


class Confirm(Peer):
    """Confirms a channel with this window and packet size; then `adjust`."""

    window, packet, adjust = 1 << 20, 1 << 15, ()

    def confirm(self, chan):
        super().confirm(chan, self.window, self.packet)
        for n in self.adjust:
            chan.message(w.WINDOW_ADJUST, w.u32(n))
            chan.given += n


def test_55_window_and_packet_sizes(play):
    """55: 0, 1, 2^32-1; overflow of the window is an error."""
    read = "s = login(); result = s.exec('echo hello').decode()"
    write = (
        "s = login(); c = s.open_session(); c.exec('cat'); c.settimeout(1); "
        "c.write(b'x' * 2000); c.eof()\n"
    )
    write += "result = len(c.read())"
    cases = {
        "max packet 0, read": ({"packet": 0}, read, "either"),
        "max packet 0, write": ({"packet": 0}, write, "refused"),
        "max packet 1, write": ({"packet": 1}, write, 2000),
        "max packet 2^32-1, write": ({"packet": 0xFFFFFFFF}, write, 2000),
        "window 0, read": ({"window": 0}, read, "hello\n"),
        "window 0, write": ({"window": 0}, write, "timeout"),
        "window 0 and adjusts of 1": ({"window": 0, "adjust": [1] * 2000}, write, 2000),
        "window 2^32-1": ({"window": 0xFFFFFFFF}, write, 2000),
        "overflow by 1": ({"window": 0xFFFFFFFF, "adjust": [1]}, write, "overflow"),
        "overflow by all": ({"window": 1, "adjust": [0xFFFFFFFF]}, write, "overflow"),
        "up to the top": ({"window": 0, "adjust": [0xFFFFFFFF]}, write, 2000),
        "adjusts of 0": ({"adjust": [0] * 2000}, write, 2000),
    }
    ran = play([Case(name, row[0], row[1], Confirm) for name, row in cases.items()])
    for case, (_, _, want) in zip(ran, cases.values()):
        if want == "overflow":
            case.refused("ERR_WINDOW_OVERFLOW", secrets=True)
        elif want == "timeout":
            case.refused(errno.ETIMEDOUT, secrets=True)
        elif want == "refused":
            case.refused(secrets=True)
        elif want == "either":
            case.either()
        else:
            case.carried_on(want)


def test_55_write_honours_window_and_packet(play):
    """55: the client keeps to windows and packet sizes; the peer counts every byte."""

    class Small(Confirm):
        def on_data(self, chan, data):
            if len(data) > self.packet or len(data) > chan.given:
                raise ValueError(
                    f"data of {len(data)} past window {chan.given} or packet {self.packet}"
                )
            chan.given -= len(data)
            chan.inbox += data
            if not chan.given:
                chan.message(w.WINDOW_ADJUST, w.u32(self.window))
                chan.given += self.window

    client = "s = login(); r = s.run('cat', stdin=b'x' * 50000); result = [len(r[0]), r[2]]"
    sizes = [(100, 7), (1000, 32768), (1, 1), (4096, 100), (65536, 0x7FFFFFFF)]
    cases = [
        Case("{} {}".format(*s), {"window": s[0], "packet": s[1]}, client, Small, 19)
        for s in sizes
        if s[0] > 1
    ]
    for case in play(cases):
        case.carried_on([50000, 0])


def test_56_data_past_the_window(play):
    """56: one byte too much is refused; data of both kinds count."""

    class Greedy(Peer):
        over, extended = 1, None

        def on_exec(self, chan, command):
            left = chan.window + self.over
            while left:
                part = min(left, chan.packet)
                left -= part
                if self.extended is None:
                    chan.message(w.CHANNEL_DATA, w.string(bytes(part)))
                else:
                    chan.message(w.EXTENDED_DATA, w.u32(self.extended) + w.string(bytes(part)))
            chan.finish()

    # The program reads nothing, so nothing is given back.
    client = (
        "s = login(window=65536); c = s.open_session(); c.exec('x'); c.wait(); "
        "result = len(c.read()) + len(c.stderr.read())"
    )
    cases = [
        Case(f"over {over}, type {kind}", {"over": over, "extended": kind}, client, Greedy, 2)
        for over in (0, 1, 100_000)
        for kind in (None, 1)
    ]
    for case in play(cases):
        if case.last.over:
            case.refused("ERR_WINDOW", secrets=True)
        else:
            case.carried_on(65536)


def test_56_one_packet_past_the_window(play):
    """56: a single packet larger than the window, of every kind of data."""

    class Large(Peer):
        kind = None

        def on_exec(self, chan, command):
            head = w.u32(self.kind) if self.kind is not None else b""
            number = w.CHANNEL_DATA if self.kind is None else w.EXTENDED_DATA
            chan.message(number, head + w.string(bytes(chan.window + 1)))
            chan.finish()

    client = "s = login(window=1000); s.exec('x')"
    for case in play([Case(f"type {k}", {"kind": k}, client, Large) for k in (None, 0, 1, 2, 7)]):
        case.refused("ERR_WINDOW", secrets=True)


def test_56_unknown_extended_data(play):
    """56: data of a type that nobody reads gives its window back."""

    class Odd(Peer):
        def on_exec(self, chan, command):
            for code in (0, 2, 7, 0xFFFFFFFF):
                chan.write(bytes(3 << 20), code)
            super().on_exec(chan, command)

    (case,) = play([Case("odd types", {}, WORK, Odd, 10)])
    case.carried_on()


def test_both_streams_and_window(play):
    """Right peer, small windows: nothing is lost, whatever the order of reads."""
    client = """
s = login(window=SIZE)
r = s.run('both 60000')
want((len(r[0]), len(r[1]), r[2]), (60000, 60000, 0))
c = s.open_session()
c.exec('both 60000')
total = [0, 0]
while True:
    stream, data = c.recv_any(777)
    if not data:
        break
    total[stream] += len(data)
result = total
"""
    sizes = (1024, 4096, 50_000, Chan.WINDOW)
    cases = [Case(f"window {n}", {}, client.replace("SIZE", str(n)), timeout=10) for n in sizes]
    for case in play(cases, heap="16M"):
        case.carried_on([60000, 60000])
