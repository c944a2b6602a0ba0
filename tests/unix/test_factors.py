"""Several proofs in a row, none at all, and too many tries."""

import pytest
from harness import servers
from test_auth import needs_password
from test_keyboard import mpy

pytestmark = pytest.mark.usefixtures("micropython")

KEY = """
def key(path):
    return s.userauth_publickey(P["user"], load(path))
"""


def test_key_then_questions(sshd_with):
    server = sshd_with(
        "UsePAM yes",
        "KbdInteractiveAuthentication yes",
        "AuthenticationMethods publickey,keyboard-interactive",
    )
    needs_password(server)
    got = mpy(
        KEY
        + """
result, seen = keyboard(P["user"], [[P["password"]]])
out((result[1] == _ssh.ERR_AUTH_FAILED, seen, s.auth_methods))
out((key(P["key"]), s.authenticated, s.auth_methods))
out(keyboard(P["user"], [["wrong"]])[0][1] == _ssh.ERR_AUTH_FAILED)
out(keyboard(P["user"], [[P["password"]], None])[0])
out(s.exec("echo in"))
""",
        server,
    )
    assert got[:2] == [(True, [], ("publickey",)), (False, False, ("keyboard-interactive",))]
    assert got[2:] == [True, True, b"in\n"]


def test_three(sshd_with):
    server = sshd_with(
        "UsePAM yes",
        "KbdInteractiveAuthentication yes",
        "AuthenticationMethods publickey,password,keyboard-interactive",
    )
    needs_password(server)
    got = mpy(
        KEY
        + """
out((key(P["key"]), s.auth_methods))
out((s.userauth_password(P["user"], P["password"]), s.auth_methods))
out((keyboard(P["user"], [[P["password"]], None])[0], s.authenticated))
out(s.exec("echo in"))
""",
        server,
    )
    assert got == [
        (False, ("password",)),
        (False, ("keyboard-interactive",)),
        (True, True),
        b"in\n",
    ]


def test_two_keys(sshd_with, site):
    path = site.folder / "two_keys"
    keys = (site.key, site.key2)
    path.write_text("".join(key.with_suffix(".pub").read_text() for key in keys))
    server = sshd_with(f"AuthorizedKeysFile {path}", "AuthenticationMethods publickey,publickey")
    got = mpy(
        KEY
        + """
out((key(P["key"]), s.authenticated, s.auth_methods))
out(err(key, P["key"])[1] == _ssh.ERR_AUTH_FAILED)
out((key(P["second"]), s.authenticated))
out(s.exec("echo in"))
""",
        server,
        second=str(site.key2),
    )
    assert got == [(False, False, ("publickey",)), True, (True, True), b"in\n"]


def test_paramiko(paramiko):
    got = mpy(
        KEY.replace('P["user"]', '"both"')
        + """
out((key(P["key"]), s.auth_methods))
out(keyboard("both", [["wrong", "wrong"]])[0][1] == _ssh.ERR_AUTH_FAILED)
out(keyboard("both", [["123456", P["password"]]]))
out(s.exec("echo in"))
""",
        paramiko,
    )
    prompts = [("Code: ", True), ("Password: ", False)]
    assert got == [
        (False, ("keyboard-interactive",)),
        True,
        (True, [("Second", "", prompts)]),
        b"in\n",
    ]


def test_none_is_enough(start_server):
    server = start_server(servers.LoginServer)
    got = mpy("""out((s.userauth_none("open"), s.authenticated, s.exec("id")))""", server)
    assert got == [(True, True, b"in\n")]


def test_too_many_questions_wrong(sshd_with):
    """The server hangs up after its limit: a clear error, and the session is dead."""
    server = sshd_with("UsePAM yes", "KbdInteractiveAuthentication yes", "MaxAuthTries 2")
    needs_password(server)
    got = mpy(
        """
        results = [keyboard(P["user"], [["wrong"]])[0] for _ in range(5)]
        out([result[2] for result in results])
        out((ends(), results[4] == results[3]))
        """,
        server,
        timeout=60,
    )
    assert "oo many" in got[0][-1], got
    assert got[1] == ((True, False), True)
