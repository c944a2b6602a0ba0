"""ATTACKS.md 21: the identification exchange (RFC 4253 section 4.2)."""

import errno
import select

import pytest
from adv_run import Case
from peer import Closed, Peer

GOOD = b"SSH-2.0-Adversary_1.0\r\n"
LOGIN = "s = login()"


def exact(length):
    """An ident line of length bytes, CR LF counted."""
    return b"SSH-2.0-" + b"x" * (length - 10) + b"\r\n"


ACCEPTED = {
    "one line before": b"Welcome\r\n" + GOOD,
    "ten lines before": b"Welcome to this host, it is all right\r\n" * 10 + GOOD,
    "line before without CR": b"Welcome\n" + GOOD,
    "empty line before": b"\r\n" + GOOD,
    "no CR": b"SSH-2.0-NoCr\n",
    "SSH-1.99": b"SSH-1.99-Both\r\n",
    "comments": b"SSH-2.0-Name with some comments\r\n",
    "255 bytes": exact(255),
}
REFUSED = {
    "256 bytes": (exact(256), "ERR_IDENT"),
    "a long line": (b"SSH-2.0-" + b"x" * 5000 + b"\r\n", "ERR_IDENT"),
    "NUL": (b"SSH-2.0-a\0b\r\n", "ERR_IDENT"),
    "SSH 1": (b"SSH-1.5-Old\r\n", "ERR_SSH1"),
    "SSH 3": (b"SSH-3.0-New\r\n",),
    "HTTP": (b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n", "ERR_NOT_SSH"),
    "SMTP": (b"220 mail.example.com ESMTP\r\n", "ERR_NOT_SSH"),
    "TLS alert": (b"\x15\x03\x01\x00\x02\x02\x46", "ERR_NOT_SSH"),
    "nothing": (b"",),
    "cut": (b"SSH-2.0-Adv",),
    "no software version": (b"SSH-2.0\r\n",),
    "line too long before": (b"x" * 100_000 + b"\r\n" + GOOD,),
    "no line end at all": (b"x" * 1_000_000,),
    "flood of lines": (b"spam\r\n" * 200_000 + GOOD,),
    "flood of empty lines": (b"\n" * 500_000 + GOOD,),
}
LENIENT = {
    "small letters": b"ssh-2.0-Adversary\r\n",
    "empty software version": b"SSH-2.0-\r\n",
    "no ASCII": b"SSH-2.0-\xff\xfe\r\n",
    "control characters": b"SSH-2.0-a\x1b[31mb\r\n",
    "CR inside": b"SSH-2.0-a\rb\r\n",
    "SSH inside a line before": b"xSSH-2.0-a\r\n" + GOOD,
    "NUL in a line before": b"a\0b\r\n" + GOOD,
}


class JustIdent(Peer):
    """Sends its ident bytes and closes its side."""

    def exchange_idents(self):
        self.raw(self.ident)
        raise Closed("ident sent")


def test_21_accepted(play):
    """21: what RFC 4253 section 4.2 lets a server do, and what clients have to bear."""
    for case in play([Case(name, {"ident": ident}) for name, ident in ACCEPTED.items()]):
        case.carried_on()


def test_21_remote_version(play):
    client = "s = connect(); result = s.remote_version"
    (case,) = play([Case("text", {"ident": b"hi\r\nSSH-2.0-Name with some comments\r\n"}, client)])
    case.carried_on("SSH-2.0-Name with some comments")


def test_21_refused(play):
    """21: an error that says what came, at once, although more may follow."""
    cases = [Case(name, {"ident": row[0]}, LOGIN, JustIdent) for name, row in REFUSED.items()]
    for case, row in zip(play(cases), REFUSED.values()):
        case.refused(*row[1:])


def test_21_in_doubt(play):
    """21: may be refused or borne; what is kept of it is printable."""
    client = "s = login(); s.exec('echo hello'); result = s.remote_version"
    cases = [Case(name, {"ident": ident}, client) for name, ident in LENIENT.items()]
    for case in play(cases):
        case.alive()
        if case.ok:
            assert case.result.isprintable(), case
        else:
            case.refused()


class Slow(Peer):
    """Sends `unit` every 20 ms until the client leaves."""

    unit = b"x"

    def exchange_idents(self):
        while True:
            self.raw(self.unit)
            if select.select([self.sock], [], [], 0.02)[0]:
                self.read(1)


@pytest.mark.parametrize("unit", [b"", b"x", b"a line\r\n"])
def test_21_partial_line_for_ever(play, unit):
    """21: silence, a line that never ends, lines that never end: the deadline comes."""
    (case,) = play([Case("slow", {"unit": unit}, LOGIN, Slow, timeout=0.7)])
    case.refused(errno.ETIMEDOUT, "ERR_IDENT")
    if not unit:
        assert case.code == errno.ETIMEDOUT and case.ms >= 600
