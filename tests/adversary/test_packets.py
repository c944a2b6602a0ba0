"""ATTACKS.md 14-16, 18, 19, 24: the binary packet protocol (RFC 4253 section 6)."""

import pytest
import sshcrypto
import sshwire as w
from adv_run import ROOT, Case
from peer import Closed, Peer
from test_kex import EXT, NOISE

LOGIN = "s = login()"
SUITES = {
    "chacha20-poly1305@openssh.com": ["chacha20-poly1305@openssh.com", None],
    "aes128-gcm@openssh.com": ["aes128-gcm@openssh.com", None],
    "aes128-ctr, EtM": ["aes128-ctr", "hmac-sha2-256-etm@openssh.com"],
    "aes256-ctr, encrypt and MAC": ["aes256-ctr", "hmac-sha2-512"],
    "aes192-ctr, hmac-sha1": ["aes192-ctr", "hmac-sha1"],
}
each_suite = pytest.mark.parametrize("suite", SUITES)


def options(suite):
    cipher, mac = SUITES[suite]
    only = {"c2s": [cipher], "s2c": [cipher]}
    return {**only, "mac_c2s": [mac], "mac_s2c": [mac]} if mac else only


def at_every_state(send):
    """Hooks that call send(peer) and then hold, for the encrypted states."""

    def hook(peer):
        send(peer)
        peer.hold()

    return [{point: hook} for point in ("after newkeys", "before auth", "after open")]


def lengths(block):
    bad = [
        0,
        1,
        2,
        3,
        4,
        5,
        7,
        1 << 20,
        (1 << 24) - 4,
        0x7FFFFFFC,
        1 << 31,
        0xFFFFFFFF,
        0xFFFFFFFC,
        0xFFFFFFF0,
    ]
    return [*bad, block * 3 + 1, block * 3 + 3, 35000 * 9]


@each_suite
def test_14_packet_length(play, suite):
    """14: lengths that no packet can have are refused as soon as they are known."""
    sizes = lengths(16)

    def sender(length):
        return lambda peer: peer.send(NOISE["ignore"] * 3, length=length)

    cases = [
        Case(
            f"length {length} {list(hooks)}",
            {"hooks": hooks, **options(suite)},
            kind=Peer,
            timeout=2,
        )
        for length in sizes
        for hooks in at_every_state(sender(length))
    ]
    for case in play(cases):
        case.refused("ERR_PACKET_LENGTH", "ERR_PADDING", secrets=True)
        assert case.ms < 1500, f"not refused at once: {case}"


def test_14_packet_length_in_the_clear(play):
    """14: the same before keys are on."""

    def sender(length):
        def hook(peer):
            peer.send(b"\x14" + bytes(60), length=length)
            peer.hold()

        return hook

    cases = [
        Case(f"length {length} {point}", {"hooks": {point: sender(length)}}, LOGIN, timeout=2)
        for length in lengths(8)
        for point in ("before kexinit", "before reply", "after reply")
    ]
    for case in play(cases):
        case.refused("ERR_PACKET_LENGTH", "ERR_PADDING")
        assert case.ms < 1500, f"not refused at once: {case}"


def test_14_largest_packets(play):
    """14: RFC 4253 section 6.1: a payload of 32,768 bytes is taken; around the limit nothing
    breaks.
    """

    def sender(size):
        return lambda peer: peer.send(w.byte(w.IGNORE) + w.string(bytes(size - 5)))

    for suite in SUITES:
        sizes = [32768, 34960, *range(34970, 35020, 7), 65536, 100_000, 262_144, 262_149, 300_000]
        cases = [
            Case(
                f"payload of {size}",
                {"hooks": {"before request": sender(size)}, **options(suite)},
            )
            for size in sizes
        ]
        play(cases)
        cases[0].carried_on()
        for case in cases:
            case.either()
        fits = [case.ok for case in cases]
        assert fits == sorted(fits, reverse=True), f"one limit: {fits!r}"


def test_14_data_packets_at_max_packet(play):
    """14: channel data of max_packet bytes is taken, one byte more is refused."""

    class Big(Peer):
        extra = 0

        def on_exec(self, chan, command):
            chan.message(w.CHANNEL_DATA, w.string(b"d" * (chan.packet + self.extra)))
            chan.finish()

    client = "s = login(%s); result = len(s.exec('x'))"
    cases = [
        Case(f"max_packet {kw} {extra:+d}", {"extra": extra}, client % kw, Big)
        for kw in ("", "max_packet=1024", "max_packet=32768")
        for extra in (-1, 0, 1)
    ]
    for case in play(cases):
        chan = next(iter(case.last.channels.values()))
        if case.name.endswith("+1"):
            case.refused("ERR_WINDOW", "ERR_PACKET_LENGTH", "ERR_CHANNEL", secrets=True)
        else:
            case.carried_on(chan.packet + case.last.extra)


def bad_bodies(total):
    """Bodies of `total` bytes (padding_length, payload, padding) whose padding_length is wrong."""

    def ignore(pad):
        return w.byte(pad) + w.byte(w.IGNORE) + w.string(bytes(total - 6 - pad)) + bytes(pad)

    return {
        "padding of 0": ignore(0),
        "padding of 3": ignore(3),
        "payload of 0": w.byte(total - 1) + bytes(total - 1),
        "one over": w.byte(total) + bytes(total - 1),
        "255": w.byte(255) + bytes(total - 1),
    }


@each_suite
def test_15_padding(play, suite):
    """15: padding under 4 or over the length, empty payload; with a right MAC."""
    _cipher, mac = SUITES[suite]
    head = 4 if mac and not mac.endswith("etm@openssh.com") else 0
    cases = []
    for total in (32 - head, 64 - head):
        for name, text in bad_bodies(total).items():
            for hooks in at_every_state(lambda peer, text=text: peer.send(b"", body=text)):
                title = f"{name} of {total} {list(hooks)}"
                cases.append(Case(title, {"hooks": hooks, **options(suite)}, timeout=2))
    for case in play(cases):
        case.refused("ERR_PADDING", "ERR_MESSAGE", "ERR_PACKET_LENGTH", secrets=True)
        assert case.ms < 1500, f"not refused at once: {case}"


@each_suite
def test_15_not_a_multiple_of_the_block(play, suite):
    """15: a whole packet, rightly MACed, whose length does not suit the cipher's block."""

    def sender(off):
        def send(peer):
            right = (
                -(peer.out.padded_from + 1 + len(NOISE["ignore"])) % peer.out.block
                + peer.out.block
            )
            peer.send(NOISE["ignore"], pad=right + off)

        return send

    cases = [
        Case(f"{off} off {list(hooks)}", {"hooks": hooks, **options(suite)}, timeout=2)
        for off in (1, 2, 4, 7)
        for hooks in at_every_state(sender(off))
    ]
    for case in play(cases):
        case.refused("ERR_PACKET_LENGTH", "ERR_PADDING", secrets=True)


def test_15_in_the_clear(play):
    """15: the same before keys are on."""

    def hook(text):
        def send(peer):
            peer.send(b"", body=text)
            peer.hold()

        return send

    texts = [text for total in (12, 60) for text in bad_bodies(total).values()]
    cases = [
        Case(f"text {i}", {"hooks": {point: hook(text)}}, LOGIN, timeout=2)
        for i, text in enumerate(texts)
        for point in ("before kexinit", "before reply", "after reply")
    ]
    for case in play(cases):
        case.refused()


@each_suite
def test_15_most_padding(play, suite):
    """15, 16: padding of up to 255 bytes, and the smallest packets that there can be."""

    class Padded(Peer):
        most = True

        def pack(self, payload, **lies):
            if not self.keys_on:
                return super().pack(payload, **lies)
            block = self.out.block
            pad = block - (self.out.padded_from + 1 + len(payload)) % block
            pad += block * (pad < 4)
            if self.most:
                pad += (255 - pad) // block * block
            return super().pack(payload, pad=pad)

    def tiny(peer):
        for _ in range(3):
            peer.send(w.byte(w.IGNORE) + w.string(""))
            peer.send(w.byte(w.UNIMPLEMENTED) + w.u32(0))

    hooks = {"hooks": {"after success": tiny, "after open": tiny}}
    cases = [
        Case(f"most {most}", {"most": most, **hooks, **options(suite)}, kind=Padded)
        for most in (True, False)
    ]
    for case in play(cases):
        case.carried_on()


class Flip(Peer):
    """Changes wire bytes of the first encrypted packet: at offset `where` (from its end if <
    0).
    """

    where = cut = None
    ext_info = False
    touched = False

    def pack(self, payload, **lies):
        wire = super().pack(payload, **lies)
        if self.keys_on and not self.touched:
            self.touched = True
            if self.where is not None:
                wire = bytearray(wire)
                wire[self.where] ^= self.mask
            if self.cut is not None:
                wire = wire[: self.cut]
        return bytes(wire)

    mask = 1

    def send(self, payload, **lies):
        was = self.touched
        super().send(payload, **lies)
        if self.touched and not was and self.cut is not None:
            raise Closed("cut")


@pytest.mark.parametrize("mask", [1, 0x80])
def test_18_every_byte_of_the_tag(play, mask):
    """18: a flip in any byte of MAC or tag is found, with every cipher and MAC."""
    suites = [("chacha20-poly1305@openssh.com", None, 16)]
    suites += [("aes256-gcm@openssh.com", None, 16)]
    suites += [("aes128-ctr", mac, row[2]) for mac, row in sshcrypto.MACS.items()]
    cases = []
    for cipher, mac, size in suites:
        kw = {"c2s": [cipher], "s2c": [cipher]}
        if mac:
            kw.update(mac_c2s=[mac], mac_s2c=[mac])
        cases += [
            Case(f"{cipher} {mac} byte {i}", {"where": i - size, "mask": mask, **kw}, LOGIN, Flip)
            for i in range(size)
        ]
    for case in play(cases):
        case.refused("ERR_MAC", secrets=True)
        assert w.USERAUTH_REQUEST not in case.last.numbers()
        assert case.last.disconnect is None or case.last.disconnect[0] in (2, 5)


@each_suite
def test_18_ciphertext_flipped_or_tag_cut(play, suite):
    """18: every byte of the packet before its tag; the tag cut short by the end of the stream."""
    kw = options(suite)
    cases = [
        Case(f"flip {at}", {"where": at, **kw}, LOGIN, Flip, timeout=1) for at in range(4, 32)
    ]
    cases += [
        Case(f"length {at}", {"where": at, **kw}, LOGIN, Flip, timeout=0.3) for at in range(4)
    ]
    cases += [
        Case(f"cut {cut}", {"cut": cut, **kw}, LOGIN, Flip, timeout=1)
        for cut in (-1, -2, -8, -15, -16, 5)
    ]
    for case in play(cases):
        case.refused(secrets=True)
        assert w.USERAUTH_REQUEST not in case.last.numbers()
        if case.name.startswith("flip"):
            assert case.code in ("ERR_MAC", "ERR_PACKET_LENGTH", "ERR_PADDING"), case
        if case.name.startswith("cut"):
            assert case.code == "ERR_EOF", case


def test_19_constant_time(built):
    """19: the crypto that compares tags uses subtle's comparison, and no == on them."""
    source = ROOT / "rust-ssh" / "src" / "crypto"
    texts = {
        path.name: path.read_text() for path in source.rglob("*.rs") if "test" not in path.name
    }
    users = [name for name, text in texts.items() if "ct_eq" in text or "ConstantTimeEq" in text]
    verifies = [name for name, text in texts.items() if "PeerError::Mac" in text and "fn " in text]
    assert users, "no constant-time comparison at all"
    for name in verifies:
        assert name in users or "verify" in texts[name], name
        for line in texts[name].split("#[cfg(test)]")[0].splitlines():
            code = line.split("//")[0]
            assert not ("==" in code or "!=" in code) or "tag" not in code.replace(
                "tag_len", ""
            ), (name, line)


def flood(payload, count, answers=0):
    """Sends count messages, then reads what came back for them."""

    def hook(peer):
        peer.raw(b"".join(peer.pack(payload) for _ in range(count)))

    return hook


FLOODS = {
    "ignore": NOISE["ignore"],
    "debug": NOISE["debug"],
    "unimplemented": NOISE["unimplemented"],
    "ping": NOISE["ping"],
    "unknown": NOISE["unknown"],
}


def test_24_floods(play):
    """24: 4,000 messages at once, logged in or not: at most one short answer each, and no
    growth.
    """
    client = "s = connect(); gc.collect(); before = rss(); s.userauth_password(USER, PASSWORD)\n"
    client += "want(s.exec('echo hello'), b'hello\\n'); result = rss() - before"
    cases = [
        Case(f"{name} {point}", {"hooks": {point: flood(payload, 4000)}}, client)
        for name, payload in FLOODS.items()
        for point in ("after newkeys", "before auth", "after success", "after open")
    ]
    for case in play(cases):
        case.alive()
        if case.ok:
            assert case.last.fault is None, case
            assert case.result < 4096, case
        else:
            case.refused(secrets=True)
        answers = case.last.pongs + len(case.last.unimplemented)
        assert answers <= (4000 if case.name.startswith(("ping", "unknown")) else 0), case
        if case.name.split()[0] in ("ignore", "debug", "unimplemented"):
            assert case.ok, case


EXTENSION_LISTS = {
    "count 0xFFFFFFFF": w.byte(w.EXT_INFO) + w.u32(0xFFFFFFFF) + EXT[5:],
    "count 2 for 1": w.byte(w.EXT_INFO) + w.u32(2) + EXT[5:],
    "count 0 for 1": w.byte(w.EXT_INFO) + w.u32(0) + EXT[5:],
    "cut": EXT[:-3],
    "no count": EXT[:3],
    "length past the end": w.byte(w.EXT_INFO) + w.u32(1) + w.u32(0xFFFFFFF0) + b"x",
}
GOOD_EXTENSIONS = {
    "count 0": w.byte(w.EXT_INFO) + w.u32(0),
    "one": EXT,
    "unknown, binary": w.byte(w.EXT_INFO)
    + w.u32(1)
    + w.string("x@example.com")
    + w.string(bytes(range(256))),
    "200 of them": w.byte(w.EXT_INFO)
    + w.u32(200)
    + (w.string("x@example.com") + w.string("y")) * 200,
    "same name twice": w.byte(w.EXT_INFO) + w.u32(2) + EXT[5:] * 2,
    "empty list": w.byte(w.EXT_INFO) + w.u32(1) + w.string("server-sig-algs") + w.string(""),
}


def test_23_ext_info(play):
    """23: after the first NEWKEYS or just before USERAUTH_SUCCESS (RFC 8308 section 2.4);
    never elsewhere.
    """

    def sender(payload, times=1):
        return lambda peer: [peer.send(payload) for _ in range(times)]

    quiet = {"ext_info": False}
    bad = [
        Case(name, {"hooks": {"after newkeys": sender(p)}, **quiet}, LOGIN)
        for name, p in EXTENSION_LISTS.items()
    ]
    good = [
        Case(f"{name} {point}", {"hooks": {point: sender(p)}, "ext_info": first})
        for name, p in GOOD_EXTENSIONS.items()
        for point, first in (
            ("after newkeys", False),
            ("before success", False),
            ("before success", True),
        )
    ]
    late = [
        Case(point, {"hooks": {point: sender(EXT, times)}})
        for point in (
            "after newkeys",
            "after service",
            "before auth",
            "after success",
            "after open",
        )
        for times in (1, 500)
    ]
    early = [
        Case("before NEWKEYS " + point, {"hooks": {point: sender(EXT)}, "strict": strict}, LOGIN)
        for point in ("before kexinit", "after kexinit", "before reply", "after reply")
        for strict in (True, False)
    ]
    play(bad + good + late + early)
    for case in bad:
        case.refused(secrets=True)
    for case in good:
        case.carried_on()
    for case in late:
        case.either()
    for case in early:
        case.refused()
