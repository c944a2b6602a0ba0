"""Logging in, and being refused."""

import subprocess
import textwrap

import pytest
from harness.mpy import run_mpy
from harness.servers import keygen

pytestmark = pytest.mark.usefixtures("micropython")


def needs_password(server):
    if server.password is None:
        pytest.skip("no password without a temporary account, which takes root")


FRESH = """
s = _ssh.Session(dial(), hostkey=P["fingerprint"])
def refused(f, *args, **kw):
    kind, code, text = err(f, *args, **kw)
    return (kind, code == _ssh.ERR_AUTH_FAILED, text)
def login():
    return s.userauth_publickey(P["user"], load(P["key"]))
"""


def mpy(script, server, **more):
    return run_mpy(FRESH + textwrap.dedent(script), **server.params(), **more)


def test_public_key(server):
    assert mpy("out((login(), s.authenticated, s.exec('echo in')))", server).one == (
        True,
        True,
        b"in\n",
    )


@pytest.mark.parametrize("form", ["bytes", "bytearray", "memoryview"])
def test_key_and_password_forms(asyncssh, form):
    got = mpy(
        f"""
        out(s.userauth_publickey(P["user"], {form}(load(P["key"])), {form}(load(P["key"]+".pub"))))
        s = _ssh.Session(dial())
        out(s.userauth_password(P["user"], {form}(P["password"].encode())))
        s = _ssh.Session(dial())
        out(s.userauth_publickey(P["user"], load(P["key"]).decode()))
        s = _ssh.Session(dial())
        out(s.userauth_publickey(P["user"], load(P["key"]), load(P["key"]+".pub").decode()))
        """,
        asyncssh,
    )
    assert got.out == [True, True, True, True]


def test_password(server):
    needs_password(server)
    got = mpy(
        """
        out(s.userauth_password(P["user"], P["password"]))
        out((s.authenticated, s.exec("echo in")))
        """,
        server,
    ).out
    assert got == [True, (True, b"in\n")]


def test_wrong_password_then_right(server):
    needs_password(server)
    got = mpy(
        """
        out(refused(s.userauth_password, P["user"], "wrong"))
        out((s.authenticated, s.closed, s.auth_methods))
        out(refused(s.userauth_password, P["user"], ""))
        out(s.userauth_password(P["user"], P["password"]))
        out(s.exec("echo in"))
        """,
        server,
    ).out
    assert got[0][:2] == ("SSHError", True)
    assert "password" in got[0][2]
    assert got[1][:2] == (False, False) and "publickey" in got[1][2]
    assert got[2][:2] == ("SSHError", True)
    assert got[3:] == [True, b"in\n"]


def test_refused_key_then_right(server):
    got = mpy(
        """
        out(refused(s.userauth_publickey, P["user"], load(P["other"])))
        out((s.authenticated, s.closed, "publickey" in s.auth_methods))
        out(login())
        out(s.exec("echo in"))
        """,
        server,
        other=str(server.site.key2),
    ).out
    assert got[0][:2] == ("SSHError", True)
    assert got[1:] == [(False, False, True), True, b"in\n"]


def test_none(server):
    got = mpy(
        """
        out(refused(s.userauth_none, P["user"])[:2])
        out(s.auth_methods)
        out(login())
        """,
        server,
    ).out
    assert got[0] == ("SSHError", True)
    assert "publickey" in got[1] and all(isinstance(x, str) for x in got[1])
    assert got[2] is True


def test_nothing_works_before_login(server):
    got = mpy(
        """
        for call in (lambda: s.exec("id"), lambda: s.run("id"), s.open_session, s.sftp,
                     lambda: s.scp_recv("/etc/passwd")):
            out(err(call)[0])
        out((login(), s.exec("echo in")))
        """,
        server,
    ).out
    assert got[:5] == ["SSHError"] * 5
    assert got[5] == (True, b"in\n")


def test_calls_before_login_use_nothing_up(asyncssh):
    """More of them than there are channels, and none of them waits."""
    got = mpy(
        """
        start = time.ticks_ms()
        out({err(s.open_session)[:2] for i in range(50)} == {err(s.exec, "id")[:2]})
        out(time.ticks_diff(time.ticks_ms(), start) < 1000)
        out((s.stats()[3], login(), s.exec("echo in")))
        """,
        asyncssh,
    ).out
    assert got == [True, True, (0, True, b"in\n")]


def test_unknown_user(server):
    """The same answer as for a wrong key (asyncssh and paramiko take any name)."""
    if server.name in ("asyncssh", "paramiko"):
        pytest.skip("takes any user name")
    got = mpy(
        """
        out(refused(s.userauth_publickey, "nobody-of-that-name", load(P["key"]))[:2])
        """,
        server,
    ).one
    assert got == ("SSHError", True)


@pytest.mark.parametrize("user", ["", "a" * 5000, "a\x00b", "line\nline", "-oProxy", "\u00fc"])
def test_strange_user_names(asyncssh, user):
    """ATTACKS 42: no crash, and the session is usable or cleanly dead afterwards."""
    got = mpy(
        """
        out(err(s.userauth_password, P["name"], "wrong")[0])
        out(s.closed)
        """,
        asyncssh,
        name=user,
    ).out
    assert got[0] in ("SSHError", "ValueError")


CIPHERS = ["aes256-ctr", "aes128-ctr", "aes192-ctr"]


@pytest.mark.parametrize("cipher", CIPHERS)
def test_encrypted_key(sshd, folder, cipher):
    """Encrypted copies of the login key."""
    path = folder / "id"
    path.write_bytes(sshd.site.key.read_bytes())
    path.chmod(0o600)
    subprocess.run(
        ["ssh-keygen", "-q", "-p", "-f", path, "-N", "p\u00e4ss phrase", "-P", "", "-Z", cipher],
        check=True,
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )
    got = mpy(
        """
        text = load(P["path"])
        out(err(s.userauth_publickey, P["user"], text))
        out(err(s.userauth_publickey, P["user"], text, passphrase="wrong"))
        out(err(s.userauth_publickey, P["user"], text, passphrase=""))
        out(s.authenticated)
        out(s.userauth_publickey(P["user"], text, None, "p\u00e4ss phrase"))
        s = _ssh.Session(dial())
        out(s.userauth_publickey(P["user"], text, passphrase="p\u00e4ss phrase".encode()))
        """,
        sshd,
        path=str(path),
    ).out
    for answer in got[:3]:
        assert answer[0] == "ValueError" and "passphrase" in answer[2]
    assert got[1][2] != got[0][2]
    assert got[3:] == [False, True, True]


def test_key_cipher_of_no_build(sshd, folder):
    """A cipher that ssh-keygen knows and this build leaves out: the message says so."""
    path = keygen(folder / "id", "-Z", "aes256-cbc", passphrase="secret")
    got = mpy(
        """out(err(s.userauth_publickey, P["user"], load(P["path"]), passphrase="secret"))""",
        sshd,
        path=str(path),
    ).one
    # A build that has the cipher is refused by the server instead: the key is not authorised.
    assert got[0] in ("ValueError", "SSHError")
    if got[0] == "ValueError":
        assert "cipher" in got[2] or "aes256-cbc" in got[2]


def test_broken_and_foreign_keys(sshd, folder):
    """Each is a ValueError with a text of its own, and the session stays usable."""
    good = sshd.site.key.read_text()
    lines = good.splitlines()
    short = keygen(folder / "short", "-b", "1024", kind="rsa").read_text()
    pem = keygen(folder / "pem", "-m", "PEM", "-b", "1024", kind="rsa").read_text()
    keys = {
        "empty": "",
        "text": "hello, world",
        "public": (sshd.site.folder / "id.pub").read_text(),
        "short": short,
        "pem": pem,
        "half": "\n".join(lines[: len(lines) // 2]),
        "no end": "\n".join(lines[:-1]),
        "no body": lines[0] + "\n" + lines[-1],
        "bad base64": good.replace(lines[2], "!" * len(lines[2])),
        "bytes flipped": good.replace(lines[3][:4], lines[3][:4].swapcase()),
        "binary": "\x00\x01\x02" * 100,
        "nul": good + "\x00",
        "long": lines[0] + "\n" + "A" * 100000 + "\n" + lines[-1],
    }
    got = mpy(
        """
        for name in P["keys"]:
            out((name,) + err(s.userauth_publickey, P["user"], P["keys"][name]))
        out(err(s.userauth_publickey, P["user"], load(P["key"]), load(P["other"])))
        out(err(s.userauth_publickey, P["user"], load(P["key"]), b"nonsense"))
        out(login())
        """,
        sshd,
        keys=keys,
        other=str(sshd.site.folder / "id2.pub"),
    ).out
    for name, kind, _, text in got[: len(keys)]:
        if name == "nul":
            continue
        assert kind == "ValueError", (name, kind, text)
        assert text, name
    texts = {name: text for name, _, _, text in got[: len(keys)]}
    assert "public" in texts["public"]
    assert "key too short" in texts["short"] and "key too short" in texts["pem"]
    assert got[-3][0] == "ValueError" and got[-2][0] == "ValueError"
    assert got[-1] is True


def test_windows_line_ends(sshd):
    got = mpy(
        """out(s.userauth_publickey(P["user"], load(P["key"]).replace(b"\\n", b"\\r\\n")))""",
        sshd,
    ).one
    assert got is True


def test_partial_success(sshd_with):
    server = sshd_with("AuthenticationMethods publickey,password")
    needs_password(server)
    got = mpy(
        """
        out(refused(s.userauth_password, P["user"], P["password"])[:2])
        out(s.auth_methods)
        out(login())
        out((s.authenticated, s.auth_methods))
        out(err(s.exec, "id")[0])
        out(refused(s.userauth_password, P["user"], "wrong")[:2])
        out(s.userauth_password(P["user"], P["password"]))
        out((s.authenticated, s.exec("echo in")))
        """,
        server,
    ).out
    assert got == [
        ("SSHError", True),
        ("publickey",),
        False,
        (False, ("password",)),
        "SSHError",
        ("SSHError", True),
        True,
        (True, b"in\n"),
    ]


def test_banner(sshd_with, folder, site):
    banner = site.folder / "banner"
    banner.write_text("Welcome, \u00e4ll!\nSecond line \x1b[31mred\n")
    server = sshd_with(f"Banner {banner}")
    got = mpy("login(); out(s.banner); out(s.exec('echo in'))", server).out
    assert got[0].startswith("Welcome, \u00e4ll!\nSecond line")
    assert "\x1b" not in got[0]
    assert got[1] == b"in\n"


def test_huge_banner(sshd_with, site):
    """ATTACKS 51: capped, made printable."""
    banner = site.folder / "huge"
    banner.write_text(("x" * 99 + "\n") * 300)
    server = sshd_with(f"Banner {banner}")
    got = mpy("login(); out(len(s.banner)); out(s.exec('echo in'))", server).out
    assert 0 < got[0] <= 30000
    assert got[1] == b"in\n"


def test_too_many_tries(sshd_with):
    """The server hangs up after its limit: a clear error, the session is dead."""
    server = sshd_with("MaxAuthTries 2")
    got = mpy(
        """
        for i in range(6):
            out(err(s.userauth_publickey, P["user"], load(P["other"])))
        out(s.closed)
        """,
        server,
        other=str(server.site.key2),
    ).out
    assert all(answer[0] == "SSHError" for answer in got[:6])
    assert "oo many" in "".join(answer[2] for answer in got[:6])
    assert got[5] == got[4]


def test_login_twice(sshd):
    got = mpy("""out(login()); out(err(login)[0]); out(s.exec("echo in"))""", sshd).out
    assert got[0] is True and got[1] in ("none", "SSHError", "OSError", "ValueError")
    assert got[2] == b"in\n"


def test_password_is_not_sent_plain(asyncssh, proxy):
    """Nothing that passes the wire holds the password."""
    through = proxy(asyncssh.port)
    params = {**asyncssh.params(), "port": through.port}
    assert run_mpy(FRESH + """out(s.userauth_password(P["user"], P["password"]))""", **params).one
    passed = through.passed[0]
    assert len(passed["up"]) > 500 and len(passed["down"]) > 500
    assert asyncssh.password.encode() not in passed["up"]
