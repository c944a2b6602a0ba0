"""Every row of the API table, old and new, once, against OpenSSH."""

import pytest
from harness import servers
from harness.mpy import run_mpy
from harness.net import wait_until

pytestmark = pytest.mark.usefixtures("micropython")


def test_module():
    got = run_mpy("""
        out(_ssh.version())
        out(_ssh.crypto_engine_name())
        out(_ssh.crypto_engine())
        out(issubclass(_ssh.SSHError, OSError))
        out(_ssh.algorithms())
        out([n for n in dir(_ssh) if n.startswith("ERR_")])
        out([getattr(_ssh, n) for n in dir(_ssh) if n.startswith("ERR_")])
    """).out
    version, engine, number, is_oserror, algorithms, names, codes = got
    assert isinstance(version, str) and version
    assert isinstance(engine, str) and engine
    assert isinstance(number, int)
    assert is_oserror
    assert algorithms["ciphers"] == servers.CIPHERS
    assert set(algorithms["macs"]) == set(servers.MACS)
    assert algorithms["kex"] == servers.KEX
    assert algorithms["host_keys"] == servers.HOST_KEYS
    assert {"ERR_HOST_KEY_REJECTED", "ERR_AUTH_FAILED", "ERR_REQUEST_REFUSED"} <= set(names)
    assert all(code >= 1000 for code in codes) and len(set(codes)) == len(codes)


def test_fingerprint(sshd):
    got = run_mpy(
        """
        line = P["public"]
        blob = binascii.a2b_base64(line.split()[1])
        out([_ssh.fingerprint(x) for x in (blob, bytearray(blob), line, line + " a comment\\n")])
        out(err(_ssh.fingerprint, "nonsense")[0])
        out(err(_ssh.fingerprint, b"")[0])
        out(err(_ssh.fingerprint, None)[0])
        """,
        public=sshd.public,
    ).out
    assert got == [[sshd.fingerprint] * 4, "ValueError", "ValueError", "TypeError"]


def test_session_attributes(sshd):
    got = run_mpy(
        """
        s = _ssh.Session(dial(), hostkey=P["fingerprint"])
        out((s.hostkey_type, s.hostkey_fingerprint, binascii.b2a_base64(s.hostkey).decode()))
        out(s.remote_version)
        out(s.algorithms)
        out((s.authenticated, s.closed, s.timeout, s.banner))
        s.timeout = 5
        out(s.timeout)
        s.userauth_publickey(P["user"], load(P["key"]))
        out((s.authenticated, s.closed))
        s.exec("true")
        stats = s.stats()
        out((stats[0] > 1000, stats[1] > 1000, stats[2:]))
        s.close()
        s.close()
        out(s.closed)
        """,
        **sshd.params(),
    ).out
    assert got[0][:2] == ("ssh-ed25519", sshd.fingerprint)
    assert got[0][2].strip() == sshd.public.split()[1]
    assert got[1] == sshd.ident
    assert got[2] == {
        "kex": "curve25519-sha256",
        "hostkey": "ssh-ed25519",
        "cipher_out": servers.CIPHERS[0],
        "cipher_in": servers.CIPHERS[0],
        "mac_out": "<implicit>",
        "mac_in": "<implicit>",
    }
    assert got[3] == (False, False, 30, None)
    assert got[4:] == [5, (True, False), (True, True, (0, 0)), True]


def test_context_manager_closes_and_leaves_the_socket(sshd):
    got = run_mpy(
        """
        sock = dial()
        with _ssh.Session(sock, hostkey=P["fingerprint"]) as s:
            s.userauth_publickey(P["user"], load(P["key"]))
            out(s.exec("echo hello"))
        out(s.closed)
        out(err(s.exec, "true")[0])
        out(err(s.exec, "true") == err(s.exec, "false"))
        out(sock.close())
        """,
        **sshd.params(),
    ).out
    assert got == [b"hello\n", True, "SSHError", True, None]


def test_older_program(sshd, folder):
    """A program for the older module, written as such programs are, runs unchanged."""
    got = run_mpy(
        """
        sock = socket.socket()
        sock.connect(socket.getaddrinfo(HOST, P["port"])[0][-1])
        sock.settimeout(0.1)
        s = _ssh.Session(sock)
        privkey = open(P["key"], "rb").read()
        pubkey = open(P["key"] + ".pub", "rb").read()
        s.userauth_publickey(P["user"], privkey, pubkey)
        out(s.exec("echo hello; echo lost >&2; sleep 0.5; exit 3"))
        out(s.scp_send(P["folder"] + "/sent", 0o640, b"x" * 100000))
        out(len(s.scp_recv(P["folder"] + "/sent")))
        sftp = s.sftp()
        out(sftp.realpath(P["folder"] + "/../" + P["folder"].split("/")[-1]))
        out(sftp.mkdir(P["folder"] + "/sub", 0o755))
        f = sftp.open(P["folder"] + "/sub/one", "w")
        out(f.write(b"first line\\nsecond line\\n"))
        f.close()
        f = sftp.open(P["folder"] + "/sub/one")
        out((f.read(5), f.read()))
        f.close()
        out(sftp.stat(P["folder"] + "/sub/one")[1])
        sftp.rename(P["folder"] + "/sub/one", P["folder"] + "/sub/two")
        d = sftp.opendir(P["folder"] + "/sub")
        names = []
        while True:
            entry = d.read()
            if entry is None:
                break
            name, attrs = entry
            assert len(attrs) == 6
            names.append((name, attrs[1] if name == "two" else 0))
        d.close()
        out(sorted(names))
        sftp.unlink(P["folder"] + "/sub/two")
        sftp.rmdir(P["folder"] + "/sub")
        sftp.close()
        s.close()
        sock.close()
        """,
        folder=str(folder),
        **sshd.params(),
    ).out
    assert got == [
        b"hello\n",
        100000,
        100000,
        str(folder),
        None,
        23,
        (b"first", b" line\nsecond line\n"),
        23,
        [(".", 0), ("..", 0), ("two", 23)],
    ]
    assert (folder / "sent").stat().st_mode & 0o777 == 0o640
    assert (folder / "sent").read_bytes() == b"x" * 100000
    assert not (folder / "sub").exists()


def test_older_program_with_a_password(server):
    if server.password is None:
        pytest.skip("no password without a temporary account, which takes root")
    got = run_mpy(
        """
        sock = dial()
        sock.settimeout(0.1)
        s = _ssh.Session(sock)
        s.userauth_password(P["user"], P["password"])
        out(s.exec("echo hello"))
        s.close()
        """,
        **server.params(),
    ).one
    assert got == b"hello\n"


@pytest.mark.parametrize(
    "options",
    [
        "ciphers='aes128-cbc-of-no-build'",
        "macs=['hmac-sha2-256', 'no-such-mac']",
        "kex=('no-such-kex',)",
        "hostkeys='no-such-key'",
    ],
)
def test_unknown_algorithm_is_named(sshd, options):
    kind, _, text = run_mpy(f"out(err(_ssh.Session, dial(), {options}))", **sshd.params()).one
    assert kind == "ValueError"
    assert "no" in text and any(x in text for x in ("no-build", "no-such"))


@pytest.mark.parametrize(
    "call",
    [
        "_ssh.Session()",
        "_ssh.Session(1)",
        "_ssh.Session(object())",
        "_ssh.Session(dial(), hostkey=1)",
        "_ssh.Session(dial(), hostkey='SHA256:short')",
        "_ssh.Session(dial(), hostkey=b'')",
        "_ssh.Session(dial(), timeout='x')",
        "_ssh.Session(dial(), timeout=-1)",
        "_ssh.Session(dial(), channels=-1)",
        "_ssh.Session(dial(), window=-1)",
        "_ssh.Session(dial(), max_packet=-1)",
        "_ssh.Session(dial(), rekey_bytes=-1)",
        "_ssh.Session(dial(), ciphers='')",
        "_ssh.Session(dial(), nonsense=1)",
    ],
)
def test_wrong_arguments(sshd, call):
    kind = run_mpy(f"out(err(lambda: {call})[0])", **sshd.params()).one
    assert kind in ("ValueError", "TypeError", "OverflowError", "OSError"), kind
    if "Session(1)" not in call and "object()" not in call:
        assert kind != "OSError"


def test_keepalive_ignore_pump_rekey_disconnect(server):
    got = run_mpy(
        """
        s = connect()
        s.keepalive()
        s.ignore(b"x" * 200)
        s.pump()
        s.rekey()
        out(s.exec("echo hello"))
        out(s.stats()[2])
        s.keepalive()
        s.disconnect(11, "done with it")
        out(s.closed)
        out(err(s.exec, "true")[0])
        """,
        **server.params(),
    ).out
    assert got == [b"hello\n", 1, True, "SSHError"]


def test_disconnect_reason_reaches_the_server(sshd):
    run_mpy("""connect().disconnect(11, "done with it")""", **sshd.params())
    wait_until(lambda: "done with it" in sshd.log(), sshd.log)
