"""ATTACKS.md 42, 51, 53 and the order of the login (RFC 4252), as the client lives it."""

import sshwire as w
from adv_run import Case
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from peer import PASSWORD, USER, Peer, key_blob

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
KEY_FILE = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
)
NASTY = {
    "256 KiB": "x" * (256 << 10),
    "escape codes": "\x1b]0;title\x07\x1b[2J\x1b[31mred\x9b2J",
    "bidirectional": "a\u202eb\u2066c\u2069d\u200e\u061c",
    "bad UTF-8": b"a\xff\xfe\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80b",
    "NUL": "a\0b",
    "newlines": "line one\r\nline two\tTab\n",
    "cut UTF-8": b"abc\xe2\x82",
    "long UTF-8": "\u20ac" * 30_000,
    "line separators": "a\u2028b\u2029c\x85d\ufeffe",
}


def printable(text):
    """Letters, spaces and line ends only."""
    bad = [c for c in text if not (c.isprintable() or c in "\n\r\t")]
    assert not bad, bad[:20]
    assert len(text) < 10_000
    assert "\u202e" not in text and "\x1b" not in text


def fits(text):
    """Small enough for one packet."""
    data = text.encode() if isinstance(text, str) else text
    return len(data) < 30_000


def test_51_banner(play):
    """51: any banner is capped and made printable; the login goes on."""
    client = "s = login(); result = [s.exec('echo hello').decode(), s.banner]"
    for case in play([Case(name, {"banner": text}, client) for name, text in NASTY.items()]):
        if not fits(NASTY[case.name]) and not case.ok:
            case.refused("ERR_PACKET_LENGTH", secrets=True)
            continue
        case.alive()
        assert case.ok and case.result[0] == "hello\n", case
        printable(case.result[1])


def test_51_thousand_banners(play):
    """51: as many banners as a server likes; the last stays."""

    def many(peer):
        for i in range(3000):
            peer.send(w.byte(w.USERAUTH_BANNER) + w.string(f"banner {i}") + w.string(""))

    client = (
        "gc.collect(); b = rss(); s = login(); "
        "result = [s.exec('echo hello').decode(), s.banner, rss() - b < 4096]"
    )
    (case,) = play([Case("many", {"hooks": {"before auth": many}}, client)])
    case.either(["hello\n", "banner 2999", True])


def test_51_disconnect_texts(play):
    """51: texts of DISCONNECT, of refused channels, of failed logins, in error messages."""

    def leave(text):
        def hook(peer):
            peer.send(w.byte(w.DISCONNECT) + w.u32(2) + w.string(text) + w.string("en"))

        return hook

    class NoChannel(Peer):
        text = b""

        def confirm(self, chan):
            chan.message(w.OPEN_FAILURE, w.u32(4) + w.string(self.text) + w.string(""))

    cases = [
        Case(name + " disconnect", {"hooks": {"before auth": leave(text)}})
        for name, text in NASTY.items()
    ]
    cases += [Case(name + " open", {"text": text}, kind=NoChannel) for name, text in NASTY.items()]
    cases += [
        Case(
            name + " methods",
            {"methods": text},
            "s = connect()\ntry:\n s.userauth_password(USER, 'x')\nfinally:\n result = "
            "s.auth_methods",
        )
        for name, text in NASTY.items()
    ]
    for case in play(cases):
        case.refused(secrets=True)
        printable(case.error[2])
        for method in case.result or []:
            printable(method)


def test_53_after_success(play):
    """53: banner, failure, success, prompt after SUCCESS: ignored or refused, never acted on."""
    messages = {
        "banner": w.byte(w.USERAUTH_BANNER) + w.string("enter your password:") + w.string(""),
        "failure": w.byte(w.USERAUTH_FAILURE) + w.string("password") + b"\0",
        "success": w.byte(w.USERAUTH_SUCCESS),
        "prompt": w.byte(w.USERAUTH_60) + w.string("Password: ") + w.string(""),
        "service accept": w.byte(w.SERVICE_ACCEPT) + w.string("ssh-userauth"),
    }
    client = "s = login(); result = s.exec('echo hello').decode(); want(s.authenticated, True)"
    cases = [
        Case(f"{name} {point}", {"hooks": {point: lambda peer, p=payload: peer.send(p)}}, client)
        for name, payload in messages.items()
        for point in ("after success", "after open", "after request")
    ]
    for case in play(cases):
        case.either()
        assert case.last.logins == [(USER, b"password")], case


def test_42_odd_names_and_passwords(play):
    """42: what the program gives is what the server gets, or an error says no."""
    odd = [
        "",
        "-",
        "-oProxyCommand=x",
        "a\0b",
        "a\nb",
        "\u20ac",
        "x" * 1000,
        "x" * (1 << 20),
        "a,b",
        "%s%n",
    ]

    class Any(Peer):
        def on_auth(self, user, service, method, r, payload):
            r.bool()
            self.heard = user, r.string().decode()
            self.auth_answer(False)

    text = "s = connect(timeout=3)\nname = %r * %s\nresult = wrong(s.userauth_password, %s)\n"
    cases = []
    for value in odd:
        many = len(value) if value[:2] == "xx" else 1
        unit = "x" if many > 1 else value
        cases.append(Case(value, {}, text % (unit, many, "name, 'pw'"), Any))
        cases.append(Case(value, {}, text % (unit, many, "'user', name"), Any))
    for i, case in enumerate(play(cases, heap="16M")):
        case.alive()
        assert case.last.fault is None, case
        assert case.result, case
        heard = getattr(case.last, "heard", None)
        if heard:
            assert heard[i % 2] == case.name, case
            assert case.result[1] == "ERR_AUTH_FAILED", case
        else:
            assert len(case.name) >= 1000 or "\0" in case.name or not case.name, case
            assert case.result[0] in ("SSHError", "ValueError"), case


def test_login_ways(play):
    """Right and wrong, in any order, partial success; wrong service accept; PK_OK for another
    key.
    """
    client = f"""
s = connect()
result = []
for secret in ('', 'wrong', PASSWORD + 'x', PASSWORD[:-1]):
    result.append(wrong(s.userauth_password, USER, secret)[1])
result.append(s.auth_methods)
result.append(wrong(s.userauth_none, USER)[1])
result.append(wrong(s.userauth_publickey, USER, {KEY_FILE!r})[1])
result.append(s.authenticated)
result.append(s.userauth_password(USER, PASSWORD))
result.append(s.exec('echo hello').decode())
"""
    (case,) = play([Case("many tries", {}, client)])
    failed = "ERR_AUTH_FAILED"
    case.carried_on(
        [failed] * 4 + [["publickey", "password"], failed, failed, False, True, "hello\n"]
    )
    client = (
        f"s = connect(); "
        f"result = [s.userauth_publickey(USER, {KEY_FILE!r}), s.exec('echo hello').decode()]"
    )
    (case,) = play([Case("key", {"user_keys": (key_blob(KEY),)}, client)])
    case.carried_on([True, "hello\n"])
    client = (
        "s = connect(); "
        "result = [s.userauth_password(USER, PASSWORD), s.authenticated, "
        "list(s.auth_methods)]"
    )
    (case,) = play([Case("partial", {"partial": True, "methods": "publickey"}, client)])
    case.carried_on([False, False, ["publickey"]])


def test_service_accept(play):
    """SERVICE_ACCEPT of another service, cut, with more bytes: no login follows."""

    class Other(Peer):
        accept = b""

        def on_service(self, name):
            self.send(w.byte(w.SERVICE_ACCEPT) + self.accept)

    bodies = [
        w.string("ssh-connection"),
        w.string(""),
        w.string("ssh-userauth\0"),
        b"",
        b"\0\0",
        w.string("ssh-userauth") + b"x",
        w.u32(0xFFFFFFFF),
    ]
    for case in play([Case(repr(body), {"accept": body}, kind=Other) for body in bodies]):
        case.refused(secrets=True)
        if w.USERAUTH_REQUEST in case.last.numbers():
            assert PASSWORD.encode() not in b"".join(case.last.got), case


def test_pk_ok_for_another_key(play):
    """The client signs with its own key only, whatever PK_OK names; a wrong PK_OK signs
    nothing.
    """

    class Other(Peer):
        def on_publickey(self, user, r, payload):
            if r.bool():
                self.signed = True
                self.auth_answer(False)
                return
            self.queried = True
            self.send(w.byte(w.USERAUTH_60) + w.string("ssh-ed25519") + w.string(b"another key"))

    client = f"s = connect(); s.userauth_publickey(USER, {KEY_FILE!r})"
    (case,) = play([Case("other", {}, client, Other)])
    case.refused(secrets=True)
    if getattr(case.last, "queried", False):
        assert not getattr(case.last, "signed", False)


def test_auth_answers_cut(play):
    """FAILURE, SUCCESS and BANNER cut or with bytes after their end."""
    bodies = [
        w.byte(51),
        w.byte(51) + w.string("password"),
        w.byte(51) + w.u32(0xFFFFFFFF),
        w.byte(51) + w.string("password") + b"\0\0",
        w.byte(52) + b"\0",
        w.byte(53),
        w.byte(53) + w.string("x"),
        w.byte(53) + w.u32(0x7FFFFFFF) + b"x",
    ]

    class Cut(Peer):
        answer = b""

        def auth_answer(self, good, partial=False):
            self.send(self.answer)
            super().auth_answer(good, partial)

    for case in play([Case(repr(body), {"answer": body}, kind=Cut) for body in bodies]):
        case.either()
        if case.name not in (repr(w.byte(53) + w.string("x")),):
            assert not case.ok, case
