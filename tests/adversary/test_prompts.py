"""Servers that ask back: keyboard-interactive, expired passwords, PK_OK, factor after factor.

ATTACKS.md 37, 39, 41, 51, 53 as the client lives them.
"""

import pytest
import sshwire as w
from adv_run import Case
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from peer import Peer, key_blob
from peer_transport import Fault

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
BLOB = key_blob(KEY)

KEYBOARD = """
s = connect()
calls = []
def handler(name, instruction, prompts):
    calls.append([name, instruction, prompts])
    return ['answer'] * len(prompts)
result = calls
ok = s.userauth_keyboard_interactive(USER, handler)
"""


def prompts(*texts, name="", instruction="", language="", count=None):
    """INFO_REQUEST."""
    head = w.byte(w.USERAUTH_60) + w.string(name) + w.string(instruction) + w.string(language)
    count = len(texts) if count is None else count
    return head + w.u32(count) + b"".join(w.string(text) + b"\0" for text in texts)


class Asker(Peer):
    """Sends `questions`, one after the other, and takes the answers; then it says yes."""

    questions = ()
    before = b""  # sent ahead of the first question
    after = ()  # sent behind the first question, without waiting for the answer

    def on_auth(self, user, service, method, r, payload):
        self.answers, self.left = [], list(self.questions)
        self.method = method
        if method == b"keyboard-interactive":
            r.string()
            r.string()
            r.end()
            if self.before:
                self.send(self.before)
            self.ask()
            for payload in self.after:
                self.send(payload)
        else:
            super().on_auth(user, service, method, r, payload)

    def ask(self):
        if self.left:
            self.send(self.left.pop(0))
        else:
            self.auth_answer(True)

    def dispatch(self, payload):
        if payload[0] != 61 or self.authenticated:
            super().dispatch(payload)
            return
        r = w.Reader(payload, 1)
        self.answers.append([r.string().decode() for _ in range(r.u32())])
        r.end()
        if self.method != b"keyboard-interactive":
            raise Fault("an answer to no question")
        self.ask()


def test_rounds(play):
    """One question, none, many; each is answered by as many strings."""
    questions = [prompts("Password: "), prompts(instruction="wait"), prompts(*"abc"), prompts()]
    client = (
        KEYBOARD + "result = [ok, [len(call[2]) for call in calls], s.exec('echo hello').decode()]"
    )
    (case,) = play([Case("rounds", {"questions": questions}, client, Asker)])
    case.carried_on([True, [1, 0, 3, 0], "hello\n"])
    assert case.last.answers == [["answer"], [], ["answer"] * 3, []]


def test_41_counts(play):
    """41: counts that cannot be true, or that nobody would answer; nothing is answered."""
    broken = {
        "0 and more": prompts(count=0) + b"x",
        "1 without a prompt": prompts(count=1),
        "2 for 1": prompts("one", count=2),
        "1 for 2": prompts("one", "two", count=1),
        "2^28": prompts("one", count=1 << 28),
        "2^28 in a long message": prompts(*["x"] * 1000, count=1 << 28),
        "2^31": prompts("one", count=1 << 31),
        "2^32-1": prompts("one", count=(1 << 32) - 1),
        "a huge prompt": prompts(count=1) + w.u32(0x7FFFFFFF) + b"x",
        "a huge name": w.byte(60) + w.u32(0xFFFFFFFF),
        "no echo flag": prompts("one")[:-1],
        "empty": w.byte(60),
    }
    whole = prompts("one", "two", name="name", instruction="words", language="en")
    broken |= {f"cut at {at}": whole[:at] for at in range(1, len(whole))}
    cases = [Case(name, {"questions": [body]}, KEYBOARD, Asker) for name, body in broken.items()]
    for case in play(cases):
        case.refused("ERR_MESSAGE", secrets=True)
        assert case.result == [] and case.last.answers == [], case
    too_much = {
        "33 prompts": prompts(*["x"] * 33),
        "5000 prompts": prompts(*["x"] * 5000),
        "a long prompt": prompts("x" * 1025),
        "a long name": prompts("x", name="x" * 1025),
        "a long instruction": prompts("x", instruction="x" * 8193),
    }
    cases = [Case(name, {"questions": [body]}, KEYBOARD, Asker) for name, body in too_much.items()]
    for case in play(cases):
        case.refused("ERR_TOO_MANY_PROMPTS", secrets=True)
        assert case.result == [] and case.last.answers == [], case


def test_41_most_that_is_allowed(play):
    most = prompts(*["x" * 1024] * 4, name="n" * 1024, instruction="i" * 8192)
    many = prompts(*["x"] * 32)
    (case,) = play([Case("most", {"questions": [most, many] * 16}, KEYBOARD, Asker)])
    case.alive()
    assert case.ok and len(case.result) == 32 and len(case.last.answers) == 32, case
    (case,) = play([Case("one more", {"questions": [prompts("x")] * 33}, KEYBOARD, Asker)])
    case.refused("ERR_TOO_MANY_PROMPTS", secrets=True)


def test_51_texts(play):
    """51: whatever the texts hold, what the handler gets can be shown."""
    nasty = [
        b"\x1b[2J\x07",
        "a\u202eb\u2066".encode(),
        b"\xff\xfe",
        b"a\0b",
        b"\xe2\x82",
        b"\r\n\t",
    ]
    questions = [prompts(text, name=text, instruction=text) for text in nasty]
    (case,) = play([Case("nasty", {"questions": questions}, KEYBOARD, Asker)])
    case.alive()
    assert case.ok, case
    for name, instruction, ((prompt, echo),) in case.result:
        assert name == instruction == prompt and echo is False
        assert all(c.isprintable() or c == "\n" for c in prompt), prompt


class Answers60(Peer):
    """Answers each request with `payload`."""

    payload = b""

    def on_auth(self, user, service, method, r, payload):
        self.send(self.payload)


REQUESTS = {
    "none": "s.userauth_none(USER)",
    "password": "s.userauth_password(USER, PASSWORD)",
    "keyboard": "s.userauth_keyboard_interactive(USER, lambda *a: calls.append(a))",
    "signer": f"s.userauth_publickey(USER, lambda *a: calls.append(a), {BLOB!r})",
}
MESSAGES = {
    "INFO_REQUEST": prompts("Password: "),
    "PASSWD_CHANGEREQ": w.byte(60) + w.string("Change it") + w.string("en"),
    "PK_OK": w.byte(60) + w.string("ssh-ed25519") + w.string(BLOB),
}
OWN = {"password": "PASSWD_CHANGEREQ", "keyboard": "INFO_REQUEST", "signer": "PK_OK"}


@pytest.mark.parametrize("request_name", REQUESTS)
def test_37_message_60_means_what_was_asked(play, request_name):
    """37: each of its three meanings as an answer to each request: only the one that belongs to
    it asks the program anything.
    """
    client = "s = connect(); calls = []; result = calls; " + REQUESTS[request_name]
    cases = [Case(name, {"payload": body}, client, Answers60) for name, body in MESSAGES.items()]
    for case in play(cases):
        if case.name == OWN.get(request_name):
            continue
        case.alive()
        assert case.ok is False and case.result == [], case
        # The fields of the two others are two strings, of which a password's text may be any.
        expected = (request_name, case.name) == ("password", "PK_OK")
        assert (case.code == "ERR_PASSWORD_EXPIRED") == expected, case


def test_39_pk_ok_for_another_key(play):
    """39: nothing is signed for a key, or by an algorithm, that was not asked about."""
    other = key_blob(Ed25519PrivateKey.from_private_bytes(b"o" * 32))
    bodies = {
        "another key": w.string("ssh-ed25519") + w.string(other),
        "another algorithm": w.string("ssh-rsa") + w.string(BLOB),
        "no key": w.string("ssh-ed25519") + w.string(b""),
        "more": w.string("ssh-ed25519") + w.string(BLOB) + b"x",
        "cut": w.string("ssh-ed25519") + w.string(BLOB)[:-1],
        "huge": w.string("ssh-ed25519") + w.u32(0xFFFFFFFF),
        "nothing": b"",
    }
    client = "s = connect(); calls = []; result = calls; " + REQUESTS["signer"]
    cases = [
        Case(name, {"payload": w.byte(60) + body}, client, Answers60)
        for name, body in bodies.items()
    ]
    for case in play(cases):
        case.refused("ERR_UNEXPECTED", "ERR_MESSAGE", secrets=True)
        assert case.result == [], case


def test_37_in_the_middle_of_the_questions(play):
    """37: every message number behind a question that waits for its answer."""
    cases = [
        Case(
            str(number),
            {"questions": [prompts("Password: ")], "after": [w.byte(number) + bytes(8)]},
            KEYBOARD + "result = s.exec('echo hello').decode()",
            Asker,
        )
        for number in range(256)
        if number not in (1, 20)
    ]
    # IGNORE, DEBUG and numbers that nobody has may come at any time.
    harmless = {2, 4} | set(range(128, 192)) | set(range(194, 256))
    for case in play(cases):
        number = int(case.name)
        case.either()
        assert case.ok or number not in harmless, case
        assert not case.ok or number not in (5, 6, 50, 51, 52, 60, 61, 90, 94, 98, 100), case


def test_success_before_the_answer(play):
    """A server may say yes without waiting; the answer is on its way to it."""
    client = KEYBOARD + "result = s.exec('echo hello').decode()"

    class Hasty(Asker):
        def dispatch(self, payload):
            if payload[0] != 61:
                super().dispatch(payload)

        def ask(self):
            super().ask()
            self.auth_answer(True)

    (case,) = play([Case("hasty", {"questions": [prompts("x")]}, client, Hasty)])
    case.either()


def test_factor_after_factor(play):
    """A server that accepts everything and always wants more: a program's loop has an end."""
    client = """
s = connect()
result = 0
while not s.userauth_password(USER, PASSWORD):
    result += 1
"""
    (case,) = play([Case("forever", {"partial": True, "methods": "password"}, client)])
    case.refused("ERR_TOO_MANY_FACTORS", secrets=True)
    assert case.result == 16 and len(case.last.logins) == 17


def test_change_forever(play):
    """A server that wants one new password after the other."""
    client = (
        "s = connect(); calls = []; result = calls; "
        "s.userauth_password(USER, PASSWORD, lambda text: calls.append(text) or 'new')"
    )
    payload = MESSAGES["PASSWD_CHANGEREQ"]
    (case,) = play([Case("forever", {"payload": payload}, client, Answers60)])
    case.refused("ERR_PASSWORD_EXPIRED", secrets=True)
    assert case.result == ["Change it"] * 5
    bodies = {"empty": b"", "cut": w.string("x") + b"\0\0", "more": w.string("x") * 2 + b"x"}
    cases = [
        Case(name, {"payload": w.byte(60) + body}, client, Answers60)
        for name, body in bodies.items()
    ]
    for case in play(cases):
        case.refused("ERR_MESSAGE", secrets=True)
        assert case.result == [], case


def test_42_what_is_sent(play):
    """42: odd user names, kinds and answers reach the server as they are."""
    odd = ["", "a\nb", "-x", "\u20ac", "x" * 2000]

    class Keeps(Asker):
        def on_auth(self, user, service, method, r, payload):
            at = r.at
            self.heard = user, r.string().decode(), r.string().decode()
            r.at = at
            super().on_auth(user, service, method, r, payload)

    client = "s = connect(); v = %r\ns.userauth_keyboard_interactive(v, lambda *a: [v], v)"
    cases = [Case(v, {"questions": [prompts("x")]}, client % v, Keeps) for v in odd]
    for case in play(cases):
        case.alive()
        assert case.ok, case
        assert case.last.heard == (case.name, "", case.name), case
        assert case.last.answers == [[case.name]], case
