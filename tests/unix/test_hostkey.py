"""The host's key: expected keys, fingerprints and functions; ATTACKS 47 to 49."""

import pytest
from harness.mpy import run_mpy
from harness.servers import fingerprint

pytestmark = pytest.mark.usefixtures("micropython")

ACCEPTED = {
    "fingerprint": "P['fingerprint']",
    "line": "P['public']",
    "line with a comment": "P['public'] + ' root@host'",
    "blob": "binascii.a2b_base64(P['public'].split()[1])",
    "bytearray": "bytearray(binascii.a2b_base64(P['public'].split()[1]))",
    "list": "[P['other'], P['fingerprint']]",
    "tuple of forms": "(P['other'], P['public'])",
    "function": "lambda blob, kind, fp: True",
    "function that looks": "lambda blob, kind, fp: (fp == P['fingerprint'] == "
    "_ssh.fingerprint(blob) and kind == 'ssh-ed25519')",
    "no check": "None",
}

REJECTED = {
    "fingerprint": "P['other']",
    "line": "P['other_line']",
    "blob": "binascii.a2b_base64(P['other_line'].split()[1])",
    "cut blob": "binascii.a2b_base64(P['public'].split()[1])[:-1]",
    "list": "[P['other'], P['other_line']]",
    "empty list": "[]",
    "False": "lambda *a: False",
    "None": "lambda *a: None",
    "number": "lambda *a: 1",
    "text": "lambda *a: 'yes'",
}


@pytest.mark.parametrize("form", ACCEPTED)
def test_accepted(sshd, site, form):
    got = run_mpy(
        f"""
        s = _ssh.Session(dial(), hostkey={ACCEPTED[form]})
        s.userauth_publickey(P["user"], load(P["key"]))
        out(s.exec("echo in"))
        """,
        public=sshd.public,
        other=fingerprint(f"{site.key}.pub"),
        **sshd.params(),
    ).one
    assert got == b"in\n"


@pytest.mark.parametrize("form", REJECTED)
def test_rejected_before_any_secret(sshd, site, proxy, form):
    """The error names both fingerprints; the connection never got as far as authentication."""
    line = (site.folder / "id.pub").read_text()
    other = fingerprint(f"{site.key}.pub")
    log = len(sshd.log())
    got = run_mpy(
        f"""
        try:
            _ssh.Session(dial(), hostkey={REJECTED[form]})
            out("taken")
        except ValueError as e:
            out(("ValueError", None, str(e)))
        except _ssh.SSHError as e:
            out((type(e).__name__, e.args[0] == _ssh.ERR_HOST_KEY_REJECTED, e.args[1]))
        """,
        public=sshd.public,
        other=other,
        other_line=" ".join(line.split()[:2]),
        **sshd.params(),
    ).one
    if form == "cut blob":
        assert got[0] in ("ValueError", "SSHError")
        return
    assert got[:2] == ("SSHError", True), got
    assert sshd.fingerprint in got[2]
    if form in ("fingerprint", "line", "blob", "list"):
        assert other in got[2]
    assert "Accepted" not in sshd.log()[log:]


def test_function_that_raises(sshd):
    """Its own exception arrives; ATTACKS 47 and 48."""
    got = run_mpy(
        """
        def decide(*args):
            raise KeyError("who is this")
        out(err(_ssh.Session, dial(), hostkey=decide))
        def exhaust(*args):
            return bytearray(1 << 40)
        out(err(_ssh.Session, dial(), hostkey=exhaust)[0])
        def stop(*args):
            raise KeyboardInterrupt
        try:
            _ssh.Session(dial(), hostkey=stop)
            out("taken")
        except KeyboardInterrupt:
            out("stopped")
        def leave(*args):
            sys.exit(9)
        try:
            _ssh.Session(dial(), hostkey=leave)
        except SystemExit as e:
            out(e.args)
        """,
        **sshd.params(),
    ).out
    assert got[0][:2] == ("KeyError", "who is this")
    assert got[1] in ("MemoryError", "OverflowError")
    assert got[2:] == ["stopped", (9,)]


def test_function_is_called_once_and_not_at_rekey(sshd):
    got = run_mpy(
        """
        calls = []
        def decide(blob, kind, fp):
            calls.append((len(blob), kind, fp))
            return True
        s = _ssh.Session(dial(), hostkey=decide)
        s.userauth_publickey(P["user"], load(P["key"]))
        s.rekey()
        s.exec("true")
        out(s.stats()[2])
        out(calls)
        """,
        **sshd.params(),
    ).out
    assert got == [1, [(51, "ssh-ed25519", sshd.fingerprint)]]


def test_key_of_another_type_is_a_mismatch_not_new(sshd_with, sshd):
    """ATTACKS 49: an ed25519 key is expected, the host has only another type."""
    ecdsa = sshd_with(kind="ecdsa")
    got = run_mpy(
        """
        out(err(_ssh.Session, dial(), hostkey=P["expected"]))
        out(err(_ssh.Session, dial(), hostkeys="ssh-ed25519"))
        """,
        expected=sshd.public,
        **ecdsa.params(),
    ).out
    assert [kind for kind, _, _ in got] == ["SSHError"] * 2
    (_, _, mismatch), (_, _, nothing_in_common) = got
    assert "ecdsa-sha2-nistp256 " + ecdsa.fingerprint in mismatch
    assert sshd.fingerprint in mismatch
    assert "ssh-ed25519" in nothing_in_common and "ecdsa-sha2-nistp256" in nothing_in_common


def test_reentry_from_the_function(sshd):
    """The half-made session cannot be used before the decision; ATTACKS 67."""
    got = run_mpy(
        """
        seen = []
        def decide(*args):
            gc.collect()
            seen.append(connect().exec("echo another session is fine"))
            return True
        s = _ssh.Session(dial(), hostkey=decide)
        out(seen)
        s.userauth_publickey(P["user"], load(P["key"]))
        out(s.exec("echo first"))
        """,
        **sshd.params(),
    ).out
    assert got == [[b"another session is fine\n"], b"first\n"]
