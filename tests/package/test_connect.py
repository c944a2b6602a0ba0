"""ssh.connect() and Connection."""

import subprocess
from pathlib import Path

import pytest
from harness import servers
from harness.agents import RealAgent
from harness.mpy import run_mpy

pytestmark = [
    pytest.mark.usefixtures("micropython"),
    pytest.mark.unix_only("files of the client are here; tests/programs has this on DOS too"),
]

HEAD = """
import ssh
def go(**more):
    options = dict(username=P["user"], key_filename=P["key"], hostkey=P["fingerprint"])
    options.update(more)
    return ssh.connect(HOST, P["port"], **options)
def caught(function, *args, **more):
    try:
        function(*args, **more)
    except Exception as e:
        return e
"""


def mpy(script, server, **params):
    import textwrap

    return run_mpy(HEAD + textwrap.dedent(script), **{**server.params(), **params}).out


@pytest.fixture
def known(tmp_path):
    """known(text): the path of a known-hosts file."""

    def write(text):
        path = tmp_path / "known"
        path.write_text(text)
        return str(path)

    return write


# ---------------------------------------------------------------- commands


def test_run(server):
    got = mpy(
        """
        with go() as conn:
            done = conn.run("echo out; echo err >&2; exit 3")
            out((done.stdout, done.stderr, done.returncode, done.signal))
            out(conn.run("cat", b"in").stdout)
            out(conn.run("cat", "text", encoding="utf-8").stdout)
            out(conn.run("cat", stdin=io.BytesIO(bytes(50000))).stdout == bytes(50000))
            out(conn.closed)
        out(conn.closed)
        conn.close()
        """,
        server,
    )
    assert got == [(b"out\n", b"err\n", 3, None), b"in", "text", True, False, True]


def test_run_with_check(sshd):
    got = mpy(
        """
        conn = go()
        out(conn.run("true", check=True).returncode)
        e = caught(conn.run, "echo some; echo 'not so' >&2; exit 4", check=True)
        out([type(e) is ssh.ProcessError, isinstance(e, OSError)])
        out([e.stdout, e.stderr, e.returncode])
        out(str(e))
        e = caught(conn.run, "kill -TERM $$", check=True)
        out((e.returncode, e.signal))
        out("TERM" in str(e))
        done = conn.run("kill -KILL $$")
        out((done.returncode, done.signal))
        out(type(caught(done.check_returncode)) is ssh.ProcessError)
        """,
        sshd,
    )
    assert got[1:3] == [[True, False], [b"some\n", b"not so\n", 4]]
    assert "exit status 4" in got[3] and "not so" in got[3]
    assert got[4:] == [(-15, "TERM"), True, (-9, "KILL"), True]


def test_run_with_a_timeout(server):
    """What came until then is kept; the connection goes on; input and output flow meanwhile."""
    got = mpy(
        """
        conn = go()
        done = conn.run("cat; echo err >&2; exit 5", bytes(300000), timeout=20)
        out([len(done.stdout), done.stderr, done.returncode])
        done = conn.run("cat", io.BytesIO(bytes(300000)), timeout=20)
        out([len(done.stdout), done.returncode])
        done = conn.run("echo text", timeout=20, encoding="utf-8")
        out(done.stdout)
        begin = time.ticks_ms()
        e = caught(conn.run, "echo early; echo err >&2; sleep 10", timeout=1)
        out(time.ticks_diff(time.ticks_ms(), begin) < 5000)
        out([type(e) is ssh.TimeoutExpired, e.args[0] == errno.ETIMEDOUT, e.stdout, e.stderr])
        done = conn.run("true < /dev/null; exit 2", b"nobody reads this" * 9999, timeout=20)
        out(done.returncode)
        out(conn.run("echo still").stdout)
        """,
        server,
    )
    assert got[0] == [300000, b"err\n", 5] and got[1] == [300000, 0] and got[2] == "text\n"
    assert got[3:] == [True, [True, True, b"early\n", b"err\n"], 2, b"still\n"]


def test_run_with_variables(sshd):
    got = mpy(
        """
        conn = go()
        out(conn.run("echo $MPY_A", env={"MPY_A": "value"}).stdout)
        e = caught(conn.run, "true", env={"NOT_TAKEN": "value"})
        out(e.args[0] == _ssh.ERR_REQUEST_REFUSED)
        """,
        sshd,
    )
    assert got == [b"value\n", True]


def test_what_else_it_opens(sshd, scripted, folder):
    port = scripted(lambda connection: connection.send(b"hello"))
    got = mpy(
        """
        conn = go()
        with conn.open_session() as channel:
            channel.exec("echo in a channel")
            out(channel.read())
        with conn.open_tcp(HOST, P["there"]) as channel:
            out(channel.recv(5))
        with conn.open_sftp() as sftp:
            with sftp.open(P["folder"] + "/file", "w") as file:
                file.write("text")
            out(sftp.stat(P["folder"] + "/file").st_size)
        tunnel = conn.forward_remote(0, (HOST, P["there"]))
        out(tunnel.port > 0)
        e = caught(conn.open_tcp, HOST, 1)
        out([type(e) is ssh.ChannelException, e.code, e.args[0] == _ssh.ERR_OPEN_REFUSED])
        out(repr(conn).startswith("<ssh.Connection to"))
        """,
        sshd,
        there=port,
        folder=str(folder),
    )
    assert got == [b"in a channel\n", b"hello", 4, True, [True, 2, True], True]


# ---------------------------------------------------------------- the host


def test_a_known_host(sshd, known):
    file = known(f"[127.0.0.1]:{sshd.port} {sshd.public}\n")
    got = mpy(
        "out(go(hostkey=None, known_hosts=P['known']).run('echo in').stdout)", sshd, known=file
    )
    assert got == [b"in\n"]


def test_an_unknown_host(sshd, known):
    """The text shows the fingerprint, and how to accept it."""
    file = known("other.example ssh-ed25519 AAAA\n")
    got = mpy(
        """
        e = caught(go, hostkey=None, known_hosts=P["known"])
        out([type(e) is ssh.HostKeyError, isinstance(e, ssh.SSHException), e.state, e.hostname])
        out([e.fingerprint == P["fingerprint"], e.kind])
        out(str(e))
        """,
        sshd,
        known=file,
    )
    name = f"[127.0.0.1]:{sshd.port}"
    assert got[:2] == [[True, True, "new", name], [True, "ssh-ed25519"]]
    for part in (sshd.fingerprint, "not a known host", "hostkey=", file):
        assert part in got[2]


def test_a_changed_host(sshd, known, folder):
    other = servers.keygen(folder / "other")
    public = Path(f"{other}.pub").read_text()
    file = known(f"# a comment\n[127.0.0.1]:{sshd.port} {public}")
    got = mpy(
        """
        e = caught(go, hostkey=None, known_hosts=[P["known"]])
        out([type(e) is ssh.BadHostKeyException, e.state])
        out(str(e))
        """,
        sshd,
        known=file,
    )
    assert got[0] == [True, "changed"]
    for part in (sshd.fingerprint, servers.fingerprint(f"{other}.pub"), file, "line 2", "CHANGED"):
        assert part in got[1]


def test_a_revoked_host(sshd, known):
    line = f"[127.0.0.1]:{sshd.port} {sshd.public}\n"
    got = mpy(
        """
        e = caught(go, hostkey=None, known_hosts=P["known"])
        out([type(e) is ssh.HostKeyError, e.state])
        out(str(e))
        """,
        sshd,
        known=known(f"{line}@revoked {line}"),
    )
    assert got[0] == [True, "revoked"] and "line 2" in got[1] and "revoked" in got[1]


def test_another_key_than_the_expected(sshd):
    got = mpy(
        """
        e = caught(go, hostkey="SHA256:" + 43 * "A")
        out([e.args[0] == _ssh.ERR_HOST_KEY_REJECTED, P["fingerprint"] in str(e)])
        asked = []
        conn = go(hostkey=lambda blob, kind, fingerprint: asked.append(fingerprint) or True)
        out(asked == [P["fingerprint"]])
        """,
        sshd,
    )
    assert got == [[True, True], True]


# ---------------------------------------------------------------- the user


def test_by_password(sshd, asyncssh):
    for server in (sshd, asyncssh):
        if not server.password:
            continue
        got = mpy(
            """
            conn = go(key_filename=None, password=P["password"], agent=False)
            out(conn.run("echo in").stdout)
            e = caught(go, key_filename=None, password="wrong", agent=False)
            out(type(e) is ssh.AuthenticationException)
            out([P["user"] in str(e), "password" in str(e)])
            """,
            server,
        )
        assert got == [b"in\n", True, [True, True]]


def test_keys_of_all_forms(sshd, site):
    got = mpy(
        """
        text = open(P["key"]).read()
        for key in (text, text.encode(), P["key"], _ssh.Key(text), [P["wrong"], text]):
            out(go(key_filename=None, key=key).session.authenticated)
        out(go(key_filename=[P["wrong"], P["key"]]).session.authenticated)
        out(go(key_filename=None, pkey=_ssh.Key(text)).session.authenticated)
        """,
        sshd,
        wrong=str(site.key2),
    )
    assert got == [True] * 7


def test_an_encrypted_key(sshd_with, folder):
    key = servers.keygen(folder / "locked", passphrase="secret")
    server = sshd_with(f"AuthorizedKeysFile {key}.pub")
    got = mpy(
        """
        out(go(key_filename=P["locked"], passphrase="secret").session.authenticated)
        e = caught(go, key_filename=P["locked"])
        out([type(e) is ssh.PasswordRequiredException, P["locked"] in str(e)])
        e = caught(go, key_filename=P["locked"], passphrase="wrong")
        out([type(e) is ValueError, P["locked"] in str(e)])
        e = caught(go, key_filename="/nowhere")
        out([type(e) is OSError, e.args[0] == errno.ENOENT, "/nowhere" in str(e)])
        """,
        server,
        locked=str(key),
    )
    assert got == [True, [True, True], [True, True], [True, True, True]]


def test_a_certificate_beside_the_key(sshd_with, folder):
    ca = servers.keygen(folder / "ca")
    key = servers.keygen(folder / "user")
    server = sshd_with(f"TrustedUserCAKeys {ca}.pub")
    line = ["ssh-keygen", "-q", "-s", ca, "-I", "test", "-n", server.user, f"{key}.pub"]
    subprocess.run(line, check=True)
    got = mpy(
        """
        out(go(key_filename=P["mine"], agent=False).session.authenticated)
        os.remove(P["mine"] + "-cert.pub")
        out(type(caught(go, key_filename=P["mine"], agent=False)) is ssh.AuthenticationException)
        """,
        server,
        mine=str(key),
    )
    assert got == [True, True]


def test_an_agent(sshd, site):
    agent = RealAgent(site)
    try:
        agent.add("-q", str(site.key))
        got = mpy(
            """
            from ssh import agent
            a = agent.connect(P["agent"])
            out(go(key_filename=None, agent=a).session.authenticated)
            out(type(caught(go, key_filename=P["wrong"], agent=False)) is not None)
            """,
            sshd,
            agent=agent.path,
            wrong=str(site.key2),
        )
        assert got == [True, True]
    finally:
        agent.close()


def test_questions(logins):
    got = mpy(
        """
        def answers(name, instruction, prompts):
            return [P["password"] for _ in prompts]
        conn = go(username="ask", key_filename=None, agent=False, interactive=answers)
        out(conn.session.authenticated)
        """,
        logins,
    )
    assert got == [True]


def test_several_factors(sshd_with):
    server = sshd_with("AuthenticationMethods publickey,password")
    if not server.password:
        pytest.skip("takes a temporary account")
    got = mpy(
        """
        out(go(password=P["password"]).session.authenticated)
        e = caught(go)
        out([type(e) is ssh.AuthenticationException, "password" in str(e)])
        """,
        server,
    )
    assert got == [True, [True, True]]


def test_options_of_the_session(sshd):
    got = mpy(
        """
        conn = go(ciphers="aes192-ctr", kex=["ecdh-sha2-nistp384"], macs="hmac-sha2-512")
        chosen = conn.session.algorithms
        out([chosen["cipher_out"], chosen["kex"], chosen["mac_in"]])
        out(type(caught(go, ciphers="nonsense")) is ValueError)
        """,
        sshd,
    )
    assert got == [["aes192-ctr", "ecdh-sha2-nistp384", "hmac-sha2-512"], True]


def test_no_common_algorithm(sshd_with):
    server = sshd_with("Ciphers aes256-ctr")
    got = mpy(
        """
        e = caught(go, ciphers="aes128-ctr")
        out([type(e) is ssh.IncompatiblePeer, e.args[0] == _ssh.ERR_NO_CIPHER])
        out("aes256-ctr" in str(e))
        """,
        server,
    )
    assert got == [[True, True], True]


# ---------------------------------------------------------------- the way


def test_nobody_listens(sshd):
    got = mpy(
        """
        e = caught(ssh.connect, HOST, 1, username="me", hostkey=P["fingerprint"])
        out([type(e) is OSError, e.args[0] == errno.ECONNREFUSED])
        e = caught(ssh.connect, "no.such.host.example", username="me", hostkey=P["fingerprint"])
        out([isinstance(e, OSError), "no.such.host.example" in str(e)])
        """,
        sshd,
    )
    assert got == [[True, True], [True, True]]


def test_a_socket_of_the_program(sshd):
    got = mpy(
        "out(ssh.connect('name', sock=dial(), username=P['user'], key=P['key'],"
        "    hostkey=P['fingerprint']).run('echo in').stdout)",
        sshd,
    )
    assert got == [b"in\n"]


def test_jumps(sshd, asyncssh, known):
    """One, and two, by name; the host at the end is the one whose key is checked last."""
    file = known("".join(f"[127.0.0.1]:{s.port} {s.public}\n" for s in (sshd, asyncssh)))
    got = mpy(
        """
        one = P["user"] + "@127.0.0.1:%d" % P["port"]
        two = one + ",tester@127.0.0.1:%d" % P["second"]
        files = dict(hostkey=None, known_hosts=P["known"])
        for jump in (one, two):
            with go(proxy_jump=jump, **files) as conn:
                out(conn.run("echo far").stdout)
                out(len(conn.run("head -c 1000000 /dev/zero").stdout))
                out(conn.via.closed)
                via = conn.via
            out(via.closed)
        outer = go()
        with go(proxy_jump=outer) as conn:
            out(conn.run("echo far").stdout)
        out(outer.run("echo near").stdout)
        """,
        sshd,
        second=asyncssh.port,
        known=file,
        heapsize="8M",
    )
    assert got == [b"far\n", 1000000, False, True] * 2 + [b"far\n", b"near\n"]


def test_a_jump_that_fails(sshd, asyncssh, known):
    file = known(f"[127.0.0.1]:{sshd.port} {sshd.public}\n")
    got = mpy(
        """
        files = dict(hostkey=None, known_hosts=P["known"])
        one = P["user"] + "@127.0.0.1:%d" % P["port"]
        e = caught(go, proxy_jump="tester@127.0.0.1:%d" % P["second"], **files)
        out([type(e) is ssh.HostKeyError, e.hostname])
        e = caught(ssh.connect, HOST, 1, proxy_jump=one, username="x", key=P["key"], **files)
        out(e.args[0] == _ssh.ERR_OPEN_REFUSED)
        """,
        sshd,
        second=asyncssh.port,
        known=file,
    )
    assert got == [[True, f"[127.0.0.1]:{asyncssh.port}"], True]


# ---------------------------------------------------------------- the package


def test_importing_it_loads_little(sshd):
    got = mpy(
        """
        out(sorted(name for name in sys.modules if name.startswith("ssh")))
        ssh.SSHException
        out(sorted(name for name in sys.modules if name.startswith("ssh")))
        out(hasattr(ssh, "nonsense"))
        out(hasattr(ssh, "_private"))
        from ssh import agent, Connection
        out([agent is ssh.agent, Connection is ssh.Connection])
        e = caught(lambda: ssh.nonsense)
        out([type(e) is AttributeError, "nonsense" in str(e)])
        """,
        sshd,
    )
    assert got[0] == ["ssh"] and got[1] == ["ssh", "ssh.errors"]
    assert got[2:] == [False, False, [True, True], [True, True]]


def test_every_name_is_there(sshd):
    got = mpy(
        """
        missing = []
        for module, names in ssh._NAMES:
            for name in names.split():
                if not hasattr(ssh, name):
                    missing.append(name)
        out(missing)
        """,
        sshd,
    )
    assert got == [[]]
