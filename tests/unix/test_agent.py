"""SSH agents: OpenSSH's own, and others that lie. And signatures that come from elsewhere."""

import base64
import errno
import struct
import subprocess
import textwrap

import pytest
from harness.agents import KINDS, RealAgent, full_agent, make_keys
from harness.mpy import REPO, run_mpy
from harness.servers import keygen

pytestmark = [
    pytest.mark.usefixtures("micropython"),
    pytest.mark.unix_only("agents are on unix sockets"),
]

HEAD = """
sys.path.append(P["modules"])
from ssh import agent as agents
def session(**more):
    return _ssh.Session(dial(), hostkey=P["fingerprint"], **more)
"""

LOGIN = """
s = session()
out(s.userauth_agent(P["user"], agents.connect(P["path"])))
out(s.exec("echo in"))
"""


@pytest.fixture(scope="session")
def keys(site):
    return make_keys(site.new_folder())


@pytest.fixture(scope="session")
def authorized(site, keys):
    path = site.folder / "agent_keys"
    path.write_text("".join(key.with_suffix(".pub").read_text() for key in keys.values()))
    path.chmod(0o644)
    return path


@pytest.fixture(scope="session")
def agent(site, keys):
    with full_agent(site, keys) as made:
        yield made


@pytest.fixture
def new_agent(site):
    made = []

    def start(**options):
        made.append(RealAgent(site, **options))
        return made[-1]

    yield start
    for each in made:
        each.close()


@pytest.fixture
def server(sshd_with, authorized):
    return sshd_with(f"AuthorizedKeysFile {authorized}")


def mpy(script, server=None, **more):
    params = {"modules": str(REPO / "micropython/modules"), **more}
    if server:
        params = {**server.params(), **params}
    return run_mpy(HEAD + textwrap.dedent(script), **params).out


def public(key):
    return key.with_suffix(".pub").read_text()


# ---------------------------------------------------------------- OpenSSH's agent


def test_keys(agent, keys):
    got = mpy(
        """
        for blob, comment in agents.connect(P["path"]).keys():
            out((_ssh.fingerprint(blob) if b"ssh-ed25519" in blob else None, comment))
        """,
        path=agent.path,
    )
    listed = agent.add("-l").splitlines()
    assert len(got) == len(listed) == len(KINDS)
    for (fingerprint, comment), line in zip(got, listed, strict=True):
        assert comment == "test" and fingerprint in (None, line.split()[1])


@pytest.mark.parametrize("kind", KINDS)
def test_login_with_one_key(agent, server, keys, kind):
    got = mpy(
        """
        s = session()
        out(s.userauth_agent(P["user"], agents.connect(P["path"]), P["public"]))
        out(s.exec("echo in"))
        """,
        server,
        path=agent.path,
        public=public(keys[kind]),
    )
    assert got == [True, b"in\n"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["asyncssh", "paramiko"])
def test_login_elsewhere(agent, site, keys, request, name, kind):
    """Any of these servers takes the one key that its list holds."""
    server = request.getfixturevalue(name)
    with open(site.authorized) as file:
        authorized = file.read()
    assert public(keys[kind]) not in authorized
    got = mpy(
        """
        s = session()
        kind, code, text = err(s.userauth_agent, P["user"], agents.connect(P["path"]), P["public"])
        out((kind, code == _ssh.ERR_AUTH_FAILED))
        out(s.userauth_publickey(P["user"], load(P["key"])))
        """,
        server,
        path=agent.path,
        public=public(keys[kind]),
    )
    assert got == [("SSHError", True), True]


def test_login_with_whichever_fits(agent, sshd_with, site, keys):
    """Keys that the server does not want are only asked about, not signed with."""
    path = site.folder / "only_rsa"
    path.write_text(public(keys["rsa"]))
    server = sshd_with(f"AuthorizedKeysFile {path}")
    got = mpy(
        LOGIN,
        server,
        path=agent.path,
    )
    assert got == [True, b"in\n"]
    assert "rsa-sha2-512" in server.log() or "Accepted publickey" in server.log()


def test_no_key_fits(agent, sshd):
    got = mpy(
        """
        s = session()
        kind, code, text = err(s.userauth_agent, P["user"], agents.connect(P["path"]))
        out((kind, code == _ssh.ERR_AUTH_FAILED, s.auth_methods))
        out(s.userauth_publickey(P["user"], load(P["key"])))
        """,
        sshd,
        path=agent.path,
    )
    assert got[0][:2] == ("SSHError", True) and "publickey" in got[0][2]
    assert got[1] is True


def test_certificates(new_agent, sshd_with, site, folder):
    """ssh-add loads a certificate beside its key; the agent signs for it."""
    authority = keygen(folder / "ca")
    for kind in ("ed25519", "rsa"):
        key = keygen(folder / kind, kind=kind)
        command = ["ssh-keygen", "-q", "-s", authority, "-I", "me", "-n", site.account.name, key]
        subprocess.run([*command[:-1], key.with_suffix(".pub")], check=True, capture_output=True)
    trusted = site.folder / "trusted"
    trusted.write_text(public(authority))
    server = sshd_with(f"TrustedUserCAKeys {trusted}", "AuthorizedKeysFile none")
    for kind in ("ed25519", "rsa"):
        agent = new_agent()
        agent.add("-q", str(folder / kind))
        got = mpy(
            LOGIN,
            server,
            path=agent.path,
        )
        assert got == [True, b"in\n"], kind


def test_several_factors(agent, sshd_with, authorized, keys):
    """Two keys, one after the other."""
    server = sshd_with(
        f"AuthorizedKeysFile {authorized}", "AuthenticationMethods publickey,publickey"
    )
    got = mpy(
        """
        s, agent = session(), agents.connect(P["path"])
        out(s.userauth_agent(P["user"], agent, P["one"]))
        out((s.authenticated, s.auth_methods))
        out(err(s.userauth_agent, P["user"], agent, P["one"])[1] == _ssh.ERR_AUTH_FAILED)
        out(s.userauth_agent(P["user"], agent, P["two"]))
        out(s.exec("echo in"))
        """,
        server,
        path=agent.path,
        one=public(keys["ed25519"]),
        two=public(keys["rsa"]),
    )
    assert got == [False, (False, ("publickey",)), True, True, b"in\n"]


def test_an_empty_and_a_locked_agent(new_agent, server, keys):
    agent = new_agent()
    script = """
        s, agent = session(), agents.connect(P["path"])
        out(agent.keys())
        kind, code, text = err(s.userauth_agent, P["user"], agent)
        out((kind, code == _ssh.ERR_AGENT_EMPTY, text))
        kind, code, text = err(s.userauth_agent, P["user"], agent, P["public"])
        out((kind, code == _ssh.ERR_AGENT_REFUSED, text))
        out(s.closed)
    """
    more = {"path": agent.path, "public": public(keys["rsa"])}
    got = mpy(script, server, **more)
    assert got[0] == [] and got[1][:2] == ("SSHError", True) and "no keys" in got[1][2]
    assert got[2][:2] == ("SSHError", True) and "refuses" in got[2][2]
    agent.add("-q", str(keys["rsa"]))
    agent.lock()
    assert mpy(script, server, **more) == [*got[:3], False]
    agent.lock("-X")
    got = mpy(
        """out(session().userauth_agent(P["user"], agents.connect(P["path"])))""", server, **more
    )
    assert got == [True]


def test_a_user_who_says_no(new_agent, server, keys):
    """The agent refuses one key, and the next is taken."""
    agent = new_agent(askpass="exit 1")
    agent.add("-q", "-c", str(keys["ed25519"]))
    refused = """
        s = session()
        kind, code, text = err(s.userauth_agent, P["user"], agents.connect(P["path"]))
        out((kind, code == _ssh.ERR_AGENT_REFUSED, s.closed))
    """
    assert mpy(refused, server, path=agent.path) == [("SSHError", True, False)]
    agent.add("-q", str(keys["rsa"]))
    got = mpy(
        """out(session().userauth_agent(P["user"], agents.connect(P["path"])))""",
        server,
        path=agent.path,
    )
    assert got == [True]


def test_an_agent_behind_another_session(agent, server, keys):
    """The stream is a channel to a unix socket over there."""
    got = mpy(
        """
        first = connect()
        agent = _ssh.Agent(first.open_unix(P["path"]))
        out(len(agent.keys()))
        s = session()
        out(s.userauth_agent(P["user"], agent))
        out((s.exec("echo in"), first.exec("echo first")))
        """,
        server,
        path=agent.path,
        key=str(keys["ed25519"]),
    )
    assert got == [3, True, (b"in\n", b"first\n")]


# ---------------------------------------------------------------- agents that lie, refuse, go


def frame(body):
    return struct.pack(">I", len(body)) + body


def string(data):
    return struct.pack(">I", len(data)) + data


def request(conn):
    """The next request that an agent gets: its number and fields."""
    head = conn.recv(4, 0x100)
    if len(head) < 4:
        return None
    body = b""
    while len(body) < struct.unpack(">I", head)[0]:
        body += conn.recv(65536)
    return body


ANSWERS = {
    "nothing": (b"", "ERR_AGENT_GONE"),
    "a cut head": (b"\0\0\0", "ERR_AGENT_GONE"),
    "a cut body": (b"\0\0\0\x09\x0c\0\0", "ERR_AGENT_GONE"),
    "length 0": (bytes(4), "ERR_AGENT_PROTOCOL"),
    "a huge length": (b"\xff\xff\xff\xff", "ERR_AGENT_PROTOCOL"),
    "over the limit": (b"\0\x04\0\x01", "ERR_AGENT_PROTOCOL"),
    "a long one that ends": (b"\0\x04\0\0" + bytes(100), "ERR_AGENT_GONE"),
    "another number": (frame(b"\x06"), "ERR_AGENT_PROTOCOL"),
    "failure": (frame(b"\x05"), "ERR_AGENT_REFUSED"),
    "failure and more": (frame(b"\x05x"), "ERR_AGENT_PROTOCOL"),
    "a huge count": (frame(b"\x0c\xff\xff\xff\xff"), "ERR_AGENT_PROTOCOL"),
    "more keys than there are": (
        frame(b"\x0c\0\0\0\x02" + string(b"a") * 2),
        "ERR_AGENT_PROTOCOL",
    ),
    "a huge key": (frame(b"\x0c\0\0\0\x01\xff\xff\xff\xffab"), "ERR_AGENT_PROTOCOL"),
    "bytes after the keys": (frame(b"\x0c\0\0\0\0x"), "ERR_AGENT_PROTOCOL"),
    "a signature for keys": (frame(b"\x0e" + string(b"x")), "ERR_AGENT_PROTOCOL"),
    "an SSH server": (b"SSH-2.0-x\r\n", "ERR_AGENT_PROTOCOL"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_wrong_answers(scripted, name):
    answer, code = ANSWERS[name]

    def handler(conn):
        if request(conn):
            conn.sendall(answer)

    got = mpy(
        """
        agent = _ssh.Agent(dial())
        kind, code, text = err(agent.keys)
        out((kind, code == getattr(_ssh, P["code"]), len(text) > 20))
        """,
        port=scripted(handler),
        code=code,
    )
    assert got == [("SSHError", True, True)]


def test_an_agent_that_says_nothing(scripted):
    """The deadline; and after that nothing of it is believed."""

    def handler(conn):
        request(conn)
        conn.recv(1)

    got = mpy(
        """
        agent = _ssh.Agent(dial(), timeout=0.3)
        out(err(agent.keys)[:2])
        out(err(agent.keys)[1] == _ssh.ERR_AGENT_GONE)
        """,
        port=scripted(handler),
    )
    assert got == [("OSError", errno.ETIMEDOUT), True]


def sign_with(site_key, answer):
    """A handler that lists one key and answers a request to sign with answer(blob, data)."""

    def handler(conn):
        while body := request(conn):
            if body[0] == 11:
                keys = string(site_key) + string(b"c\x1b[2Jomment")
                conn.sendall(frame(b"\x0c\0\0\0\x01" + keys))
            else:
                size = struct.unpack(">I", body[1:5])[0]
                reply = answer(body[5 : 5 + size], body[9 + size : -4])
                if reply is None:
                    return
                conn.sendall(frame(reply))

    return handler


def ed25519_signature(raw):
    return b"\x0e" + string(string(b"ssh-ed25519") + string(raw))


LIES = {
    "zeros": (lambda blob, data: ed25519_signature(bytes(64)), "ERR_AGENT_SIGNATURE"),
    "short": (lambda blob, data: ed25519_signature(bytes(63)), "ERR_AGENT_SIGNATURE"),
    "empty": (lambda blob, data: b"\x0e" + string(b""), "ERR_AGENT_SIGNATURE"),
    "another algorithm": (
        lambda blob, data: b"\x0e" + string(string(b"ssh-rsa") + string(bytes(64))),
        "ERR_AGENT_SIGNATURE",
    ),
    "bytes after it": (
        lambda blob, data: b"\x0e" + string(string(b"ssh-ed25519") + string(bytes(64)) + b"x"),
        "ERR_AGENT_SIGNATURE",
    ),
    "no signature": (lambda blob, data: b"\x0c\0\0\0\0", "ERR_AGENT_PROTOCOL"),
    "refusal": (lambda blob, data: b"\x05", "ERR_AGENT_REFUSED"),
    "gone": (lambda blob, data: None, "ERR_AGENT_GONE"),
}


@pytest.mark.parametrize("name", LIES)
def test_wrong_signatures(scripted, sshd, site, name):
    """The server never sees them, and another login may follow."""
    answer, code = LIES[name]
    blob = base64.b64decode(public(site.key).split()[1])
    got = mpy(
        """
        s, agent = session(), _ssh.Agent(dial(P["agent"]))
        out(agent.keys()[0][1])
        kind, code, text = err(s.userauth_agent, P["user"], agent)
        out((kind, code == getattr(_ssh, P["code"]), len(text) > 20))
        out(s.closed)
        out(s.userauth_publickey(P["user"], load(P["key"])))
        out(s.exec("echo in"))
        """,
        sshd,
        agent=scripted(sign_with(blob, answer)),
        code=code,
    )
    assert got == ["c?[2Jomment", ("SSHError", True, True), False, True, b"in\n"]


# ---------------------------------------------------------------- functions that sign


def test_a_function_that_signs(agent, server, keys):
    got = mpy(
        """
        agent = agents.connect(P["path"])
        def signer(data, algorithm):
            out((isinstance(data, bytes), algorithm, len(data) > 100))
            return agent.sign(P["public"], data, 4)
        s = session()
        out(s.userauth_publickey(P["user"], signer, pubkey=P["public"]))
        out(s.exec("echo in"))
        """,
        server,
        path=agent.path,
        public=public(keys["rsa"]),
    )
    assert got == [(True, "rsa-sha2-512", True), True, b"in\n"]


def test_functions_that_do_not(server, site, keys):
    got = mpy(
        """
        s = session()
        for signer in (lambda d, a: None, lambda d, a: b"", lambda d, a: b"x" * 100,
                       lambda d, a: {}["k"], lambda d: b"", lambda d, a: b"x" * 100000):
            out(err(s.userauth_publickey, P["user"], signer, P["public"])[0])
        out(err(s.userauth_publickey, P["user"], lambda d, a: b"")[0])
        out(err(s.userauth_publickey, P["user"], lambda d, a: b"", "nonsense")[0])
        out(s.closed)
        """,
        server,
        public=public(keys["ed25519"]),
    )
    assert got == [
        "TypeError",
        "SSHError",
        "SSHError",
        "KeyError",
        "TypeError",
        "SSHError",
        "TypeError",
        "ValueError",
        False,
    ]


def test_a_key_that_the_server_does_not_want_is_not_signed_with(sshd, keys):
    got = mpy(
        """
        s, calls = session(), []
        def signer(data, algorithm):
            calls.append(algorithm)
        kind, code, text = err(s.userauth_publickey, P["user"], signer, P["public"])
        out((kind, code == _ssh.ERR_AUTH_FAILED, calls))
        """,
        sshd,
        public=public(keys["ed25519"]),
    )
    assert got == [("SSHError", True, [])]
