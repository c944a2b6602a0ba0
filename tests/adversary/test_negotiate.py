"""ATTACKS.md 17, 20, 22, 26, 30: what KEXINIT and the kex reply say."""

import sshcrypto
import sshwire as w
from adv_run import Case
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from peer import HOST_KEY, KEXINIT_FIELDS, OFFER, Peer, key_blob

LOGIN = "s = login()"
NONE_IN_COMMON = {
    "kex": "ERR_NO_KEX",
    "host_keys": "ERR_NO_HOST_KEY",
    "c2s": "ERR_NO_CIPHER",
    "s2c": "ERR_NO_CIPHER",
    "mac_c2s": "ERR_NO_MAC",
    "mac_s2c": "ERR_NO_MAC",
    "comp_c2s": "ERR_COMPRESSION",
    "comp_s2c": "ERR_COMPRESSION",
}
AES = {"c2s": ["aes128-ctr"], "s2c": ["aes128-ctr"]}
CHACHA = {"c2s": ["chacha20-poly1305@openssh.com"], "s2c": ["chacha20-poly1305@openssh.com"]}


def test_no_algorithm_in_common(play):
    """The message lists both sides' offers; nothing is sent after it but DISCONNECT."""
    cases = [
        Case(name, {**AES, name: ["nonsense@example.com", "more-nonsense"]}, LOGIN)
        for name in NONE_IN_COMMON
    ]
    for case, code in zip(play(cases), NONE_IN_COMMON.values()):
        case.refused()
        assert case.code == code, case
        assert "nonsense@example.com" in case.error[2], case
        if case.name[:4] != "comp":
            assert OFFER[case.name][0] in case.error[2], case
        assert case.last.numbers() in ([w.KEXINIT], [w.KEXINIT, w.DISCONNECT]), case


def test_17_cipher_without_mac(play):
    """17: "none" is never agreed on, neither as cipher nor as MAC."""
    kinds = [{"mac_c2s": ["none"]}, {"mac_s2c": ["none"]}, {"mac_c2s": []}, {"mac_s2c": []}]
    cases = [Case(str(kind), {**AES, **kind}, LOGIN) for kind in kinds]
    cases += [Case(name, {name: ["none"]}, LOGIN) for name in ("c2s", "s2c")]
    for case in play(cases):
        case.refused()


def test_17_aead_with_disjoint_macs(play):
    """17: with an AEAD cipher the MAC lists do not count, in each direction by itself."""
    no = ["umac-64@openssh.com"]
    kinds = [
        {**CHACHA, "mac_c2s": no, "mac_s2c": no},
        {**CHACHA, "mac_c2s": [], "mac_s2c": []},
        {"c2s": CHACHA["c2s"], "s2c": AES["s2c"], "mac_c2s": no},
        {"c2s": AES["c2s"], "s2c": CHACHA["s2c"], "mac_s2c": no},
    ]
    client = "s = login(); result = s.exec('echo hello').decode()"
    for case in play([Case(str(kind), kind, client) for kind in kinds]):
        case.carried_on()


def test_20_only_none_offered(play):
    """20: no compression in what we offer, and our lists are the contract's."""
    (case,) = play([Case("lists")])
    case.carried_on()
    lists = case.last.client_lists
    assert lists["comp_c2s"] == lists["comp_s2c"] == ["none"]
    assert set(lists["c2s"]) == set(lists["s2c"]) == set(sshcrypto.CIPHERS)
    assert set(lists["mac_c2s"]) == set(lists["mac_s2c"]) == set(sshcrypto.MACS)
    assert "ssh-ed25519" in lists["host_keys"]
    kex = [
        name for name in lists["kex"] if name not in ("ext-info-c", "kex-strict-c-v00@openssh.com")
    ]
    assert kex[:2] == ["mlkem768x25519-sha256", "curve25519-sha256"]
    assert not any("sha1" in name for name in kex)
    for name in KEXINIT_FIELDS:
        assert all(0 < len(one) <= 64 and one.isascii() for one in lists[name]), name


def test_every_suite_and_mixed_directions(play):
    """The client agrees with the peer on every cipher and MAC, each direction its own."""
    cases = []
    for cipher in ("aes128-ctr", "aes192-ctr", "aes256-ctr"):
        for mac in sshcrypto.MACS:
            cases.append(Case(cipher + " " + mac, {"c2s": [cipher], "mac_c2s": [mac]}))
            cases.append(Case(cipher + " " + mac, {"s2c": [cipher], "mac_s2c": [mac]}))
    cases.append(Case("libssh name", {"kex": ["curve25519-sha256@libssh.org"]}))
    client = (
        "s = login(); s.rekey(); want(len(s.exec('zero 200000')), 200000); "
        "result = s.exec('echo hello').decode()"
    )
    for case in cases:
        case.client = client
    for case in play(cases):
        case.carried_on()


def test_22_ten_thousand_names(play):
    """22: RFC 4253 section 6.1: 32,768 bytes of payload have to be accepted; 100 KiB never."""
    many = ["ab"] * 10_000
    cases = [Case(name, {name: many + OFFER[name]}) for name in KEXINIT_FIELDS]
    cases += [Case("distinct", {"kex": [f"n{i}" for i in range(5000)] + OFFER["kex"]})]
    too_big = [Case("too big", {"kex": ["abcdefghij"] * 10_000 + OFFER["kex"]}, LOGIN)]
    too_big += [Case("enormous", {"kex": ["abcdefghij"] * 90_000 + OFFER["kex"]}, LOGIN)]
    play(cases + too_big)
    for case in cases:
        case.carried_on()
    too_big[0].either(None)
    too_big[1].refused("ERR_PACKET_LENGTH")


def test_22_odd_name_lists(play):
    """22: commas at odd places, bad characters, long names, reserved field, trailing bytes."""
    right = b"curve25519-sha256"
    odd = [
        right + b",",
        b"," + right,
        right + b",,x",
        b",",
        b",,,",
        b"\0",
        right + b",\0",
        right + b",\xff",
        right + b", x",
        b"x" * 65 + b"," + right,
        b"x" * 20_000 + b"," + right,
        right + b"\0",
    ]
    cases = [Case(repr(text[:40]), {"kex": w.string(text), "strict": False}) for text in odd]
    cases += [Case("languages", {"lang_c2s": ["en", "de"], "lang_s2c": ["x" * 3000]})]
    cases += [Case("reserved", {"reserved": 1}), Case("trailing", {"trailing": b"more"})]
    for case in play(cases):
        case.either()
        if not case.ok:
            assert not case.last.secrets()
    assert cases[len(odd)].ok
    for case in cases[: len(odd)]:
        if right not in case.peers[0].offer["kex"][4:].split(b","):
            assert not case.ok, case


def test_22_empty_lists(play):
    """22: an empty list has nothing in common with ours."""
    cases = [Case(name, {**AES, name: []}, LOGIN) for name in KEXINIT_FIELDS[:8]]
    for case in play(cases):
        case.refused(NONE_IN_COMMON[case.name])


def test_22_kexinit_cut(play):
    """22: KEXINIT that ends anywhere, lengths that point past its end."""

    class Cut(Peer):
        keep, lie = 0, None

        def kexinit_payload(self):
            whole = super().kexinit_payload()
            if self.lie is not None:
                return whole[:17] + w.u32(self.lie) + whole[21:]
            return whole[: self.keep]

    size = len(Peer(None).kexinit_payload())
    cuts = [*range(1, 24), *range(24, size, 5), *range(size - 8, size)]
    cases = [Case(f"cut at {at}", {"keep": at}, LOGIN, Cut) for at in cuts]
    cases += [
        Case(f"length {n}", {"lie": n}, LOGIN, Cut)
        for n in (0, 1, size, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
    ]
    for case in play(cases):
        case.refused()


class Reply(Peer):
    """Overrides parts of the kex reply: `pub` (X25519 value), `host_blob`, `sig`, `tail`."""

    pub = host_blob = sig = None
    tail = b""

    def make_secret(self):
        super().make_secret()
        if self.pub is not None:
            self.public = self.pub
            if self.k_for_pub is not None:
                self.k = self.k_for_pub
        if self.host_blob is not None:
            self.blob = self.host_blob

    k_for_pub = None

    def sign(self, data):
        return super().sign(data) if self.sig is None else self.sig(super().sign(data))

    def reply_payload(self):
        return super().reply_payload() + self.tail


P = 2**255 - 19
SMALL = [
    0,
    1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
    P - 1,
    P,
    P + 1,
]


def test_26_x25519_values(play):
    """26: lengths other than 32 and points of small order, which give an all-zero secret."""
    values = [b"x" * n for n in (0, 1, 31, 33, 64, 1000)]
    values += [n.to_bytes(32, "little") for n in SMALL]
    values += [(n + 2**255).to_bytes(32, "little") for n in SMALL if n + 2**255 < 2**256]
    cases = [Case(v.hex()[:80], {"pub": v, "k_for_pub": bytes(32)}, LOGIN, Reply) for v in values]
    for case in play(cases):
        case.refused("ERR_KEX_VALUE")


class ChosenSecret(Peer):
    """Searches an ephemeral key for which K starts as `test` says."""

    test = None

    def make_secret(self):
        client = X25519PublicKey.from_public_bytes(self.client_public)
        while True:
            secret = X25519PrivateKey.generate()
            self.k = secret.exchange(client)
            if self.test(self.k):
                break
        self.public = secret.public_key().public_bytes_raw()


def test_35_secret_as_mpint(play):
    """26, 35: K enters the hash as an mpint: sign bit set, leading zero bytes."""
    tests = {
        "sign bit": lambda k: k[0] >= 0x80,
        "none": lambda k: 0 < k[0] < 0x80,
        "a zero byte": lambda k: k[0] == 0 and 0 < k[1] < 0x80,
        "a zero byte and then the sign bit": lambda k: k[0] == 0 and k[1] >= 0x80,
    }
    cases = [
        Case(name, {"test": test}, kind=ChosenSecret, timeout=19) for name, test in tests.items()
    ]
    for case in play(cases):
        case.carried_on()


L = 2**252 + 27742317777372353535851937790883648493


def test_30_signatures(play):
    """30: S >= L, every byte flipped, small-order R, wrong type, lengths; a key of small order."""

    def raw(change):
        return lambda sig: w.string("ssh-ed25519") + w.string(change(sig[-64:]))

    def s_plus(n):
        def change(sig):
            s = int.from_bytes(sig[32:], "little") + n * L
            return sig[:32] + s.to_bytes(32, "little")

        return raw(change)

    def flip(i):
        return raw(lambda sig: sig[:i] + bytes([sig[i] ^ 1]) + sig[i + 1 :])

    good = key_blob(HOST_KEY)
    cases = [Case(f"S + {n} L", {"sig": s_plus(n)}, LOGIN, Reply) for n in range(1, 8)]
    cases += [Case(f"flip {i}", {"sig": flip(i)}, LOGIN, Reply) for i in range(64)]
    changes = [
        lambda s: bytes(64),
        lambda s: s[:32] + bytes(32),
        lambda s: bytes(32) + s[32:],
        lambda s: b"\1" + bytes(63),
        lambda s: b"\1" + bytes(31) + s[32:],
        lambda s: s[:63],
        lambda s: s + b"\0",
        lambda s: b"",
        lambda s: b"\xff" * 64,
    ]
    cases += [Case(f"change {i}", {"sig": raw(c)}, LOGIN, Reply) for i, c in enumerate(changes)]
    blobs = [
        lambda s: b"",
        lambda s: s + b"\0",
        lambda s: s[:-1],
        lambda s: s[4:],
        lambda s: s[-64:],
        lambda s: w.string("ssh-rsa") + s[15:],
        lambda s: w.string("ssh-ed448") + s[15:],
        lambda s: w.string("") + s[15:],
        lambda s: w.u32(0xFFFFFFFF) + s[4:],
    ]
    cases += [Case(f"blob {i}", {"sig": b}, LOGIN, Reply) for i, b in enumerate(blobs)]
    for case in play(cases):
        case.refused("ERR_SIGNATURE", "ERR_MESSAGE")
    small = [
        bytes(32),
        b"\1" + bytes(31),
        (P - 1).to_bytes(32, "little"),
        P.to_bytes(32, "little"),
        (P + 1).to_bytes(32, "little"),
        b"\xff" * 32,
        bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
        bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    ]
    forged = [raw(lambda s: b"\1" + bytes(63)), raw(lambda s: bytes(64)), raw(lambda s: s)]
    cases = [
        Case(
            f"A {a.hex()}, forgery {i}",
            {"host_blob": w.string("ssh-ed25519") + w.string(a), "sig": f},
            LOGIN,
            Reply,
        )
        for a in small
        for i, f in enumerate(forged)
    ]
    for case in play(cases):
        case.refused("ERR_SIGNATURE", "ERR_HOST_KEY_FORMAT")
    bodies = [
        b"",
        good[:-1],
        good + b"\0",
        good[4:],
        w.string("ssh-rsa") + good[15:],
        w.string("ssh-ed25519"),
        w.string("ssh-ed25519") + w.string(good[-32:] + b"\0"),
        w.string("ssh-ed25519") + w.string(b""),
        w.string("ssh-rsa") + w.string(b"\1\0\1") + w.string(b"\0" + b"\xff" * 256),
        w.u32(0xFFFFFFFF) + good[4:],
        b"x" * 20_000,
    ]
    cases = [Case(f"body {i}", {"host_blob": b}, LOGIN, Reply) for i, b in enumerate(bodies)]
    cases.append(Case("trailing bytes in the reply", {"tail": b"x"}, LOGIN, Reply))
    for case in play(cases):
        case.refused()


def test_reply_cut(play):
    """The kex reply cut at every byte, lengths past its end."""

    class CutReply(Peer):
        keep = 0

        def reply_payload(self):
            return super().reply_payload()[: self.keep]

    cases = [
        Case(f"keep {n}", {"keep": n}, LOGIN, CutReply) for n in range(1, 1 + 4 + 51 + 36 + 4 + 83)
    ]
    for case in play(cases):
        case.refused()


def test_35_signature_over_another_hash(play):
    """A signature over an exchange hash that differs in one input."""

    class OtherHash(Peer):
        what = ""

        def hash(self):
            saved = getattr(self, self.what)
            changed = bytes([saved[-1] ^ 1])
            setattr(self, self.what, saved[:-1] + changed)
            h = super().hash()
            setattr(self, self.what, saved)
            return h

    parts = (
        "client_ident",
        "client_kexinit",
        "kexinit_sent",
        "blob",
        "client_public",
        "public",
        "k",
    )
    for case in play([Case(part, {"what": part}, LOGIN, OtherHash) for part in parts]):
        case.refused("ERR_SIGNATURE")
