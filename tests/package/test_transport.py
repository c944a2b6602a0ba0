"""Transport and SecurityOptions, beside paramiko's."""

import pytest
from harness.agents import RealAgent
from sides import both, ours, theirs

pytestmark = [
    pytest.mark.usefixtures("micropython"),
    pytest.mark.unix_only("nothing in it depends on the system"),
]


# ---------------------------------------------------------------- what it is made of


@pytest.mark.parametrize(
    "sock",
    ["(HOST, P['port'])", "HOST + ':' + str(P['port'])", "dial()"],
)
def test_what_it_is_made_of(sshd, sock):
    snippet = f"""
    t = paramiko.Transport({sock})
    out(t.is_active())
    t.start_client(timeout=20)
    out([t.is_active(), t.is_authenticated(), t.get_username()])
    t.auth_publickey(P["user"], key())
    out([t.is_active(), t.is_authenticated(), t.get_username() == P["user"]])
    t.close()
    out([t.is_active(), t.is_authenticated(), t.get_username()])
    """
    assert both(snippet, sshd)[0] is False


def test_an_object_of_python(sshd):
    """With send, recv, close and settimeout, and nothing else."""
    snippet = """
    class Sock:
        _closed = False  # paramiko looks at it
        def __init__(self, sock):
            self.sock = sock
            self.calls = 0
        def send(self, data):
            self.calls += 1
            return self.sock.send(data)
        def recv(self, n):
            return self.sock.recv(n)
        def settimeout(self, t):
            self.sock.settimeout(t)
        def close(self):
            self.sock.close()
    sock = Sock(dial())
    with paramiko.Transport(sock) as t:
        t.start_client(timeout=20)
        t.auth_publickey(P["user"], key())
        c = t.open_session()
        c.exec_command("echo hello")
        out(read(c))
        out(t.getpeername())
    out(sock.calls > 5)
    """
    assert both(snippet, sshd) == [b"hello\n", ("unknown", 0), True]


def test_nobody_listens(site):
    snippet = """
    out(fails(paramiko.Transport, (HOST, 1)))
    """
    assert theirs(snippet, {}) == ours(snippet, {}) == ["SSHException"]


def test_no_ssh_there(scripted, sshd):
    port = scripted(lambda connection: connection.send(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 300))
    snippet = """
    t = paramiko.Transport((HOST, P["bad"]))
    t.banner_timeout = 5
    out(fails(t.start_client))
    out(t.is_active())
    out(fails(t.open_session))
    out(fails(t.auth_password, "a", "b"))
    out(fails(t.get_remote_server_key))
    """
    assert both(snippet, sshd, bad=port) == ["SSHException", False] + 3 * ["SSHException"]


def test_with_an_event(sshd, scripted):
    port = scripted(lambda connection: connection.send(b"no\r\n" * 300))
    snippet = """
    e = Event()
    t = paramiko.Transport(dial())
    t.start_client(e)
    e.wait(20)
    out([t.is_active(), t.get_exception()])
    e = Event()
    out(t.auth_password(P["user"], "wrong", e))
    e.wait(20)
    out([e.is_set(), t.is_authenticated()])
    t.get_exception()
    out(t.get_exception())
    e = Event()
    out(t.auth_publickey(P["user"], key(), e))
    e.wait(20)
    out(t.is_authenticated())
    t.close()
    e = Event()
    t = paramiko.Transport(dial(P["bad"]))
    t.start_client(e)
    e.wait(20)
    out(t.is_active())
    out(name_of(t.get_exception()))
    out(t.get_exception())
    """
    both(snippet, sshd, bad=port)
    snippet = """
    t = start()
    t.auth_password(P["user"], "wrong", Event())
    out(name_of(t.get_exception()))
    out(t.get_exception())
    """
    # paramiko does not tell after an event.
    assert ours(snippet, sshd.params()) == ["AuthenticationException", None]


# ---------------------------------------------------------------- the host's key


def test_the_key_of_the_host(sshd):
    snippet = """
    t = start()
    k = t.get_remote_server_key()
    out([k.get_name(), k.get_base64() in P["public"], k.get_bits()])
    t.close()
    out(fails(t.get_remote_server_key))
    """
    assert both(snippet, sshd, public=sshd.public)[0] == ["ssh-ed25519", True, 256]


def test_connect(sshd, asyncssh):
    snippet = """
    t = start()
    right = t.get_remote_server_key()
    t.close()
    t = paramiko.Transport((HOST, P["other"]))
    out(fails(t.connect, hostkey=right, username=P["user"], pkey=key()))
    out(t.is_authenticated())
    t.close()
    t = paramiko.Transport((HOST, P["port"]))
    out(t.connect(hostkey=right, username=P["user"], pkey=key()))
    out(t.is_authenticated())
    t.close()
    t = paramiko.Transport((HOST, P["port"]))
    t.connect(right)
    out([t.is_active(), t.is_authenticated()])
    t.close()
    t = paramiko.Transport((HOST, P["port"]))
    out(fails(t.connect, username=P["user"], password="wrong"))
    """
    found = both(snippet, sshd, other=asyncssh.port)
    assert found[0] == "SSHException" and found[-1] == "AuthenticationException"


# ---------------------------------------------------------------- the login


def test_auth_none(sshd):
    snippet = """
    t = start()
    try:
        t.auth_none(P["user"])
    except paramiko.BadAuthenticationType as e:
        out(["publickey" in e.allowed_types, "none" in e.allowed_types])
        out(isinstance(e, paramiko.AuthenticationException))
        out("allowed types" in str(e))
    """
    assert both(snippet, sshd)[0] == [True, False]


def test_auth_password(sshd):
    if not sshd.password:
        pytest.skip("takes a temporary account")
    snippet = """
    t = start()
    out(fails(t.auth_password, P["user"], "wrong"))
    out(t.is_authenticated())
    out(t.auth_password(P["user"], P["password"]))
    out(t.is_authenticated())
    """
    assert both(snippet, sshd) == ["AuthenticationException", False, [], True]


def test_a_method_that_the_server_does_not_take(sshd_with):
    server = sshd_with("PasswordAuthentication no", "KbdInteractiveAuthentication no")
    snippet = """
    t = start()
    try:
        t.auth_password(P["user"], "x")
    except paramiko.BadAuthenticationType as e:
        out(e.allowed_types)
    out(fails(t.auth_interactive, P["user"], lambda *a: []))
    out(t.auth_publickey(P["user"], key()))
    """
    assert both(snippet, server) == [["publickey"], "BadAuthenticationType", []]


def test_auth_publickey_refused(sshd, site):
    snippet = """
    t = start()
    out(fails(t.auth_publickey, P["user"], key(P["other"])))
    out(t.auth_publickey(P["user"], key()))
    """
    found = both(snippet, sshd, other=str(site.key2))
    assert found == ["AuthenticationException", []]


def test_keys_of_an_agent(sshd, site, monkeypatch):
    agent = RealAgent(site)
    try:
        agent.add("-q", str(site.keys["rsa-2048"]))
        agent.add("-q", str(site.key))
        monkeypatch.setenv("SSH_AUTH_SOCK", agent.path)
        snippet = """
        a = paramiko.Agent()
        keys = a.get_keys()
        out([(k.get_name(), len(k.asbytes())) for k in keys])
        for k in keys:
            t = start()
            out(t.auth_publickey(P["user"], k))
            t.close()
        a.close()
        """
        assert both(snippet, sshd)[1:] == [[], []]
    finally:
        agent.close()
    monkeypatch.setenv("SSH_AUTH_SOCK", "")
    assert both("out(paramiko.Agent().get_keys())", sshd) == [()]


def test_a_key_that_signs_elsewhere(sshd):
    snippet = """
    class Token:
        def asbytes(self):
            return key().asbytes()
        def sign_ssh_data(self, data, algorithm=None):
            return key().sign_ssh_data(data, algorithm)
    t = start()
    out(t.auth_publickey(P["user"], Token()))
    """
    assert ours(snippet, sshd.params()) == [[]]


def test_several_factors(sshd_with):
    server = sshd_with("AuthenticationMethods publickey,password")
    if not server.password:
        pytest.skip("takes a temporary account")
    snippet = """
    t = start()
    out(t.auth_publickey(P["user"], key()))
    out(t.is_authenticated())
    out(t.auth_password(P["user"], P["password"]))
    out(t.is_authenticated())
    """
    assert both(snippet, server) == [["password"], False, [], True]


def test_auth_interactive(logins):
    snippet = """
    seen = []
    def answers(title, instructions, prompts):
        seen.append((title, instructions, list(prompts)))
        return [P["password"] for _ in prompts]
    t = start()
    out(t.auth_interactive("ask", answers))
    out(seen)
    out(t.is_authenticated())
    t.close()
    t = start()
    out(fails(t.auth_interactive, "ask", lambda title, text, prompts: ["no"] * len(prompts)))
    """
    both(snippet, logins)


def test_auth_interactive_in_place_of_a_password(sshd_with, site):
    if not site.account.password:
        pytest.skip("takes a temporary account")
    server = sshd_with(
        "UsePAM yes", "KbdInteractiveAuthentication yes", "PasswordAuthentication no"
    )
    snippet = """
    t = start()
    out(fails(t.auth_password, P["user"], P["password"], fallback=False))
    out(t.auth_password(P["user"], P["password"]))
    out(t.is_authenticated())
    """
    assert both(snippet, server) == ["BadAuthenticationType", [], True]


def test_a_banner(sshd_with, folder):
    (folder / "banner").write_text("Be good\n")
    server = sshd_with(f"Banner {folder}/banner")
    snippet = """
    t = start()
    fails(t.auth_none, P["user"])
    out(t.get_banner())
    """
    assert both(snippet, server) == [b"Be good\n"]


# ---------------------------------------------------------------- options


def test_security_options(sshd):
    snippet = """
    t = paramiko.Transport(dial())
    o = t.get_security_options()
    out([type(x) is tuple for x in (o.ciphers, o.digests, o.key_types, o.kex, o.compression)])
    o.ciphers = ["aes256-ctr", "aes128-ctr"]
    o.digests = ("hmac-sha2-512",)
    o.key_types = ("ssh-ed25519",)
    o.kex = ["ecdh-sha2-nistp256"]
    out([o.ciphers, o.digests, o.key_types, o.kex])
    def put(name, value):
        setattr(o, name, value)
    for name in ("ciphers", "digests", "key_types", "kex"):
        out(fails(put, name, ("nonsense",)))
        out(fails(put, name, "aes128-ctr"))
    t.start_client(timeout=20)
    t.auth_publickey(P["user"], key())
    out(t.is_authenticated())
    t.close()
    """
    found = both(snippet, sshd)
    assert found[2:4] == ["ValueError", "TypeError"]


def test_security_options_count(sshd):
    snippet = """
    t = paramiko.Transport(dial())
    o = t.get_security_options()
    o.ciphers, o.digests, o.kex = ["aes192-ctr"], ["hmac-sha2-512"], ["ecdh-sha2-nistp521"]
    t.start_client(timeout=20)
    chosen = t.session.algorithms
    out([chosen["cipher_out"], chosen["mac_in"], chosen["kex"]])
    out("aes192-ctr" in repr(t))
    """
    chosen = ["aes192-ctr", "hmac-sha2-512", "ecdh-sha2-nistp521"]
    assert ours(snippet, sshd.params()) == [chosen, True]


def test_disabled_algorithms(sshd_with):
    server = sshd_with("Ciphers aes128-ctr")
    snippet = """
    t = paramiko.Transport(dial(), disabled_algorithms={"ciphers": ["aes128-ctr"]})
    out(fails(t.start_client))
    off = {"kex": ["ecdh-sha2-nistp256"], "macs": ["hmac-sha2-256"], "keys": ["rsa-sha2-512"]}
    t = paramiko.Transport(dial(), disabled_algorithms=off)
    t.start_client(timeout=20)
    out(t.is_active())
    """
    assert both(snippet, server) == ["IncompatiblePeer", True]


def test_no_common_algorithm(sshd_with):
    server = sshd_with("Ciphers aes256-ctr")
    snippet = """
    t = paramiko.Transport(dial())
    t.get_security_options().ciphers = ["aes128-ctr"]
    out(fails(t.start_client))
    """
    assert both(snippet, server) == ["IncompatiblePeer"]


# ---------------------------------------------------------------- channels


def test_open_channel(sshd, echo_port):
    snippet = """
    t = login()
    c = t.open_channel("session")
    c.exec_command("echo in")
    out(read(c))
    out([c.get_id(), t.open_session().get_id(), c.get_transport() is t])
    c = t.open_channel("direct-tcpip", (HOST, P["echo"]), ("127.0.0.1", 999))
    c.sendall(b"across")
    out(read(c, 6))
    c.close()
    try:
        t.open_channel("direct-tcpip", (HOST, 1), ("127.0.0.1", 999))
    except paramiko.ChannelException as e:
        out([e.code, isinstance(e, paramiko.SSHException)])
    c = t.open_session(window_size=2147483647, max_packet_size=65536, timeout=10)
    c.exec_command("exit 3")
    out(c.recv_exit_status())
    t.close()
    out(fails(t.open_session))
    """
    found = both(snippet, sshd, echo=echo_port)
    assert found[1] == [0, 1, True] and found[3] == [2, True]


def test_why_a_channel_is_not_opened(sshd_with):
    """The server's reason, and its words."""
    server = sshd_with("AllowTcpForwarding no", "MaxSessions 1")
    snippet = """
    t = login()
    def code(*args):
        try:
            t.open_channel(*args)
        except paramiko.ChannelException as e:
            return [e.code, e.text, "prohibited" in str(e).lower()]
    out(code("direct-tcpip", (HOST, P["port"]), ("127.0.0.1", 1)))
    c = t.open_session()
    out(code("session")[:2])
    """
    both(snippet, server)
    snippet = """
    t = login()
    try:
        t.open_channel("x11", None, ("127.0.0.1", 1))
    except paramiko.ChannelException as e:
        out([e.code, e.args[2], e.text])
    """
    assert ours(snippet, server.params()) == [[3, 3, "Unknown channel type x11"]]


def test_before_the_login(sshd):
    snippet = """
    t = start()
    out(fails(t.open_session, timeout=5))
    """
    assert ours(snippet, sshd.params()) == ["SSHException"]


def test_forwards_to_accept(sshd):
    snippet = """
    t = login()
    port = t.request_port_forward("127.0.0.1", 0)
    out(port > 0)
    out(t.accept(0.1))
    out(fails(t.request_port_forward, "127.0.0.1", P["port"]))
    s = dial(port)
    c = t.accept(20)
    s.send(b"hello")
    out(read(c, 5))
    out(c.origin_addr[0])
    c.sendall(b"there")
    out(s.recv(5))
    c.close()
    out(s.recv(5))
    s.close()
    out(t.cancel_port_forward("127.0.0.1", port))
    out(fails(dial, port))
    """
    found = both(snippet, sshd)
    assert found[1:4] == [None, "SSHException", b"hello"]


def test_forwards_to_a_handler(sshd):
    """It is called while something else of the Transport waits."""
    snippet = """
    t = login()
    seen = []
    def handler(channel, origin, server):
        channel.sendall(b"hi")
        channel.close()
        seen.append((origin[0], server))
    port = t.request_port_forward("127.0.0.1", 0, handler)
    c = t.open_session()
    c.exec_command("sleep 1; echo done")
    s = dial(port)
    out(read(c))
    out(s.recv(10))
    out([seen[0][0], seen[0][1] == ("127.0.0.1", port)])
    """
    assert both(snippet, sshd) == [b"done\n", b"hi", ["127.0.0.1", True]]


def test_a_handler_beside_accept(sshd):
    """What has no handler waits for accept(), also while something else is waited for."""
    snippet = """
    t = login()
    c = t.open_session()
    agents = []
    c.request_forward_agent(agents.append)
    port = t.request_port_forward("127.0.0.1", 0)
    c.exec_command("sleep 1; echo done")
    s = dial(port)
    out(read(c))
    f = t.accept(20)
    s.send(b"x")
    out(f.recv(1))
    out(agents)
    """
    assert both(snippet, sshd) == [b"done\n", b"x", []]


# ---------------------------------------------------------------- the rest


def test_global_requests(sshd):
    snippet = """
    t = login()
    out(t.global_request("nonsense@example.com", ("text", 7, True)))
    out(t.global_request("nonsense@example.com", wait=False))
    m = t.global_request("tcpip-forward", ("127.0.0.1", 0))
    out(m.get_int() > 0)
    """
    assert both(snippet, sshd) == [None, None, True]


def test_small_things(sshd):
    snippet = """
    t = login()
    out(t.send_ignore())
    out(t.send_ignore(100))
    out(t.set_keepalive(30))
    out(t.set_keepalive(0))
    out(t.renegotiate_keys())
    c = t.open_session()
    c.exec_command("echo still here")
    out(read(c))
    out([t.get_hexdump(), t.get_log_channel()])
    t.set_log_channel("mine")
    out(t.get_log_channel())
    out(t.use_compression(False))
    out([t.remote_version.startswith("SSH-2.0-"), "active" in repr(t), t.active])
    t.stop_thread()
    out([t.is_active(), "unconnected" in repr(t)])
    """
    both(snippet, sshd)


def test_keepalive_counts(sshd):
    snippet = """
    t = login()
    t.set_keepalive(0.2)
    before = t.session.stats()[0]
    c = t.open_session()
    c.exec_command("sleep 2")
    c.recv_exit_status()
    out(t.session.stats()[0] - before > 300)
    """
    assert ours(snippet, sshd.params()) == [True]


def test_log_to_a_file(sshd, tmp_path):
    snippet = """
    paramiko.util.log_to_file(P["log"], 10)
    t = paramiko.Transport(dial())
    t.set_log_channel("mine")
    t.set_hexdump(True)
    t.start_client(timeout=20)
    fails(t.auth_password, P["user"], "wrong")
    t.auth_publickey(P["user"], key())
    t.close()
    """
    log = tmp_path / "log"
    ours(snippet, {**sshd.params(), "log": str(log)})
    text = log.read_text()
    for part in ("mine: connected", "password: ", "logged in by publickey", "OUT: 0000: 53 53 48"):
        assert part in text


def test_the_server_goes_away(sshd):
    """is_active() sees it, and what was waited for fails."""
    snippet = """
    t = login()
    c = t.open_session()
    c.exec_command("kill -9 $PPID")
    out(until(lambda: not t.is_active()))
    out(fails(t.open_session))
    """
    assert both(snippet, sshd)[0] is True
