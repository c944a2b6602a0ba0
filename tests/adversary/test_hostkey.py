"""ATTACKS.md 47-49: whom the client trusts, and when it decides."""

import base64
import hashlib

import sshwire as w
from adv_run import Case
from peer import HOST_KEY, OTHER_KEY, key_blob

BLOB, OTHER = key_blob(HOST_KEY), key_blob(OTHER_KEY)
ECDSA = w.string("ecdsa-sha2-nistp256") + w.string("nistp256") + w.string(b"\4" + bytes(range(64)))


def fingerprint(blob):
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def line(blob):
    return f"{blob[4:15].decode()} {base64.b64encode(blob).decode()} someone@somewhere"


def use(hostkey, before=""):
    return (
        before
        + f"s = connect(hostkey={hostkey}); s.userauth_password(USER, PASSWORD)\n"
        + ("result = s.exec('echo hello').decode()")
    )


def test_47_accepted(play):
    """47: each way to say which key is expected."""
    ways = [
        repr(BLOB),
        repr(line(BLOB)),
        repr(fingerprint(BLOB)),
        f"bytearray({BLOB!r})",
        repr([OTHER, BLOB]),
        repr((fingerprint(OTHER), line(BLOB))),
        "lambda b, t, f: True",
        "None",
        f"lambda b, t, f: (b, t, f) == ({BLOB!r}, 'ssh-ed25519', {fingerprint(BLOB)!r})",
    ]
    for case in play([Case(way[:60], client=use(way)) for way in ways]):
        case.carried_on()


def test_47_no_decision_is_no(play):
    """47: False, None, and whatever is not True rejects, before any login."""
    values = [
        "False",
        "None",
        "1",
        "0",
        "'yes'",
        "'True'",
        "[]",
        "[True]",
        "object()",
        "(True,)",
        "b''",
        "2.0",
    ]
    for case in play([Case(value, client=use("lambda b, t, f: " + value)) for value in values]):
        case.refused("ERR_HOST_KEY_REJECTED")


def test_47_the_function_raises(play):
    """47, 48: its own exception comes out, nothing is sent, the session is dead."""
    kinds = [
        "ValueError('mine')",
        "MemoryError('mine')",
        "KeyboardInterrupt('mine')",
        "OSError(5)",
        "SystemExit('mine')",
        "StopIteration('mine')",
        "_ssh.SSHError(1001, 'mine')",
    ]
    text = """
def decide(b, t, f):
    raise %s
sock = tcp()
try:
    connect(sock, hostkey=decide)
except BaseException as e:
    result = [type(e).__name__, str(e)]
"""
    for case in play([Case(kind, client=text % kind) for kind in kinds]):
        case.alive()
        name = case.name.split("(")[0].split(".")[-1]
        assert case.result[0] == name, case
        assert "mine" in case.result[1] or name == "OSError", case
        assert not case.last.secrets(), case


def test_47_mismatch(play):
    """47: a mismatch is told before authentication, with both fingerprints."""
    ways = [
        repr(OTHER),
        repr(line(OTHER)),
        repr(fingerprint(OTHER)),
        repr([OTHER, OTHER]),
        repr((fingerprint(OTHER),)),
    ]
    for case in play([Case(way[:60], client=use(way)) for way in ways]):
        case.refused("ERR_HOST_KEY_REJECTED")
        assert fingerprint(BLOB) in case.error[2] and fingerprint(OTHER) in case.error[2], case
        assert case.last.disconnect is None or case.last.disconnect[0] in (9, 11), (
            case.last.disconnect
        )


def test_47_nearly_the_key(play):
    """47: prefixes, extensions, an empty list, a fingerprint of another kind: never a match."""
    ways = [
        "[]",
        "()",
        "b''",
        "''",
        repr(BLOB[:-1]),
        repr(BLOB + b"\0"),
        repr(fingerprint(BLOB)[:-1]),
        repr(fingerprint(BLOB) + "="),
        repr(fingerprint(BLOB).lower()),
        repr("MD5:" + "00:" * 15 + "00"),
        repr(line(BLOB)[:-30]),
        repr(BLOB[:20]),
        "'SHA256:'",
        "True",
        "False",
        "0",
        "1",
        "[True]",
        "[None]",
        "['']",
        "[b'']",
        repr(BLOB.hex()),
    ]
    before = "sock = tcp()\n"
    cases = [
        Case(way[:60], client=before + use(way).replace("connect(", "connect(sock, "))
        for way in ways
    ]
    for case in play(cases):
        case.alive()
        if case.name == repr(fingerprint(BLOB) + "=")[:60]:
            assert case.ok or case.error[0] in ("SSHError", "ValueError"), (
                case
            )  # the same digest, padded
            continue
        assert case.ok is False, case
        assert case.error[0] in ("SSHError", "ValueError", "TypeError"), case
        assert not any(peer.secrets() for peer in case.peers), case


def test_48_failure_during_verification(play):
    """48: no memory while the host key is decided means no."""
    text = """
import micropython
sock = tcp()
def decide(b, t, f):
    micropython.heap_lock()
    try:
        return bytes(1000) and True
    finally:
        micropython.heap_unlock()
connect(sock, hostkey=decide)
"""
    (case,) = play([Case("heap locked", client=text)])
    case.alive()
    assert case.ok is False and case.error[0] == "MemoryError", case
    assert not case.last.secrets()


def test_48_the_heap_ends(play):
    """48: allocation failing at every place of a login: an exception, or no harm."""
    text = """
import micropython
sock = tcp()
result = s = None
hog = []
size = 1 << 16
while size >= 32:
    try:
        hog.append(bytearray(size))
    except MemoryError:
        size //= 2
for _ in range(%s):
    if hog:
        hog.pop()
try:
    s = _ssh.Session(sock, hostkey=%r, timeout=2)
    s.userauth_password(USER, PASSWORD)
    result = s.exec('echo hello').decode()
except MemoryError:
    result = 'memory'
hog = None
"""
    cases = [Case(f"pop {n}", client=text % (n, BLOB)) for n in range(0, 160, 4)]
    for case in play(cases, heap="400k"):
        case.alive()
        assert case.ok and case.result in ("memory", "hello\n"), case
    wrong = [Case(f"pop {n}", client=text % (n, OTHER)) for n in range(0, 160, 8)]
    for case in play(wrong, heap="400k"):
        case.alive()
        assert case.result == "memory" or case.code == "ERR_HOST_KEY_REJECTED", case
        assert not case.last.secrets(), case


def test_49_known_with_another_type(play):
    """49: a key of another type is expected: that is a mismatch, not a new host."""
    ecdsa = "ecdsa-sha2-nistp256 " + base64.b64encode(ECDSA).decode()
    ways = [
        repr(ECDSA),
        repr(ecdsa),
        repr([ECDSA]),
        repr(fingerprint(ECDSA)),
        repr((ecdsa, fingerprint(ECDSA))),
    ]
    cases = [
        Case(way[:60], client="sock = tcp()\n" + use(way).replace("connect(", "connect(sock, "))
        for way in ways
    ]
    for case in play(cases):
        case.alive()
        assert case.ok is False, case
        assert case.code == "ERR_HOST_KEY_REJECTED" or case.error[0] == "ValueError", case
        assert not any(peer.secrets() for peer in case.peers), case


def test_47_what_the_session_says(play):
    """The key and its fingerprint, known before any secret is sent."""
    client = (
        "s = connect(); "
        "result = [s.hostkey.hex(), s.hostkey_type, s.hostkey_fingerprint, s.authenticated]"
    )
    (case,) = play([Case("attributes", client=client)])
    case.carried_on([BLOB.hex(), "ssh-ed25519", fingerprint(BLOB), False])
    assert not case.last.secrets()
