"""SSHClient and its policies, beside paramiko's."""

import sys
from pathlib import Path

import pytest
from harness import servers
from harness.agents import RealAgent
from sides import both, ours

pytestmark = [
    pytest.mark.usefixtures("micropython"),
    pytest.mark.unix_only("files of the client are here"),
]

# go() connects with a client that knows the host, or with another one.
HEAD = """
def client(known=True):
    c = paramiko.SSHClient()
    if known:
        c.load_host_keys(P["known"])
    return c
def go(c=None, **more):
    c = c or client()
    options = dict(username=P["user"], key_filename=P["key"], allow_agent=False)
    options["look_for_keys"] = False
    options.update(more)
    c.connect(HOST, P["port"], **options)
    return c
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """run(snippet, server): what both sides give to out(); P["known"] knows the server."""
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("SSH_AUTH_SOCK", "")

    def start(snippet, server, side=both, **more):
        known = tmp_path / "known"
        known.write_text(f"[127.0.0.1]:{server.port} {server.public}\n")
        params = {"known": str(known), "tmp": str(tmp_path), **more}
        if side is ours:
            return ours(HEAD + _flat(snippet), {**server.params(), **params})
        return both(HEAD + _flat(snippet), server, **params)

    return start


def _flat(snippet):
    import textwrap

    return textwrap.dedent(snippet)


# ---------------------------------------------------------------- what it is for


def test_exec_command(run, server):
    snippet = """
    with go() as c:
        stdin, stdout, stderr = c.exec_command("cat; echo err >&2; exit 3")
        stdin.write("in")
        stdin.close()
        out([stdout.read(), stderr.read(), stdout.channel.recv_exit_status()])
        stdin, stdout, stderr = c.exec_command("seq 1 3")
        out(list(stdout))
        out([stdout.closed, c.get_transport().is_active(), c.get_transport().is_authenticated()])
    out(c.get_transport())
    """
    password = {"password": server.password} if server.password else {}
    found = run(snippet, server, **password)
    assert found[0] == [b"in", b"err\n", 3]


def test_arguments_of_exec_command(run, sshd):
    snippet = """
    c = go()
    stdin, stdout, stderr = c.exec_command("echo $MPY_X; tty >/dev/null && echo tty",
        bufsize=100, timeout=20, get_pty=True, environment={"MPY_X": "set"})
    out(stdout.read())
    stdin, stdout, stderr = c.exec_command("sleep 5", timeout=0.2)
    out(fails(stdout.read))
    out(stdout.channel.gettimeout())
    c.close()
    """
    assert run(snippet, sshd)[:2] == [b"set\r\ntty\r\n", "timeout"]


def test_invoke_shell(run, sshd):
    snippet = """
    c = go()
    s = c.invoke_shell("xterm", 90, 30)
    s.sendall("stty size; echo $TERM; exit 3\\n")
    text = read(s)
    out([b"30 90" in text, b"xterm" in text, s.recv_exit_status()])
    """
    assert run(snippet, sshd) == [[True, True, 3]]


def test_open_sftp(run, sshd, folder):
    snippet = """
    c = go()
    with c.open_sftp() as sftp:
        with sftp.open(P["folder"] + "/f", "w") as f:
            f.write("text")
        out(sftp.listdir(P["folder"]))
        out(sftp.stat(P["folder"] + "/f").st_size)
        sftp.remove(P["folder"] + "/f")
    """
    assert run(snippet, sshd, folder=str(folder)) == [["f"], 4]


# ---------------------------------------------------------------- the host


def test_an_unknown_host(run, sshd):
    snippet = """
    out(fails(go, client(False)))
    c = paramiko.SSHClient()
    c.set_missing_host_key_policy(paramiko.RejectPolicy())
    out(fails(go, c))
    """
    assert run(snippet, sshd) == ["SSHException"] * 2


def test_the_text_about_an_unknown_host(run, sshd):
    snippet = """
    try:
        go(client(False))
    except paramiko.SSHException as e:
        out(str(e))
    """
    (text,) = run(snippet, sshd, ours)
    assert sshd.fingerprint in text and "not found in known_hosts" in text


def test_a_changed_host(run, sshd, folder):
    other = servers.keygen(folder / "other")
    line = Path(f"{other}.pub").read_text()
    (folder / "changed").write_text(f"[127.0.0.1]:{sshd.port} {line}")
    snippet = """
    c = client(False)
    c.load_system_host_keys(P["changed"])
    c.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    try:
        go(c)
    except paramiko.BadHostKeyException as e:
        out([e.hostname, e.key.get_name(), e.expected_key.get_base64() in P["line"]])
        out(e.key.get_base64() in P["public"])
        out(isinstance(e, paramiko.SSHException))
    """
    more = {"changed": str(folder / "changed"), "line": line, "public": sshd.public}
    assert run(snippet, sshd, **more) == [["127.0.0.1", "ssh-ed25519", True], True, True]


def test_a_revoked_host(run, sshd, folder):
    line = f"[127.0.0.1]:{sshd.port} {sshd.public}\n"
    (folder / "revoked").write_text(f"@revoked {line}")
    snippet = """
    c = client(False)
    c.load_host_keys(P["revoked"])
    c.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    out(fails(go, c))
    """
    assert run(snippet, sshd, ours, revoked=str(folder / "revoked")) == ["SSHException"]


def test_policies(run, sshd):
    snippet = """
    name = "[127.0.0.1]:%d" % P["port"]
    file = P["tmp"] + "/new" + paramiko.__name__
    with open(file, "w") as f:
        f.write("other.example ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIo9qlXCtzyDYrXRFaqzvbFSrOdkQhC"
            "KS+4m4PYFJdQx\\n")
    c = client(False)
    c.load_host_keys(file)
    c.set_missing_host_key_policy(paramiko.AutoAddPolicy)
    go(c).close()
    out([name in c.get_host_keys(), len(c.get_host_keys())])
    out(sorted(line.split()[0] for line in open(file)) == sorted([name, "other.example"]))
    c = client(False)
    c.load_host_keys(file)
    go(c).close()
    seen = []
    class Mine(paramiko.MissingHostKeyPolicy):
        def missing_host_key(self, client, hostname, key):
            seen.append([hostname == name, key.get_name()])
            if len(seen) > 1:
                raise ValueError("no")
    c = client(False)
    c.set_missing_host_key_policy(Mine())
    out(go(c).get_transport().is_authenticated())
    out(fails(go, c))
    out(seen)
    """
    found = run(snippet, sshd)
    assert found[1:4] == [True, True, "ValueError"]


def test_a_warning(run, sshd):
    from harness.mpy import run_mpy
    from sides import HEAD as SIDES
    from sides import OURS

    text = """
c = client(False)
c.set_missing_host_key_policy(paramiko.WarningPolicy)
go(c)
out(c.get_transport().is_authenticated())
"""
    done = run_mpy(OURS + SIDES + HEAD + text, **sshd.params())
    assert done.one is True and sshd.fingerprint in done.stderr


def test_host_keys(run, sshd):
    snippet = """
    c = client()
    name = "[127.0.0.1]:%d" % P["port"]
    keys = c.get_host_keys()
    out([list(keys.keys()) == [name], list(keys[name].keys())])
    file = P["tmp"] + "/saved"
    c.save_host_keys(file)
    out(open(file).read() == open(P["known"]).read())
    out(fails(c.load_host_keys, P["tmp"] + "/nothing"))
    out(fails(c.load_system_host_keys, P["tmp"] + "/nothing"))
    out(c.load_system_host_keys())
    c = client(False)
    c.load_system_host_keys(P["known"])
    go(c).close()
    out(len(c.get_host_keys()))
    """
    assert run(snippet, sshd)[0] == [True, ["ssh-ed25519"]]


def test_the_known_kind_of_key_is_asked_for(run, start_server, site, sshd, folder):
    """The server has two; the one that is known is not our first choice."""
    rsa = servers.keygen(folder / "rsa", kind="rsa-2048")
    server = start_server(servers.Sshd, options=(f"HostKey {rsa}",))
    public = " ".join(Path(f"{rsa}.pub").read_text().split()[:2])
    (folder / "rsa_known").write_text(f"[127.0.0.1]:{server.port} {public}\n")
    snippet = """
    c = client(False)
    c.load_host_keys(P["rsa_known"])
    go(c)
    out(c.get_transport().get_remote_server_key().get_name())
    """
    assert run(snippet, server, rsa_known=str(folder / "rsa_known")) == ["ssh-rsa"]


# ---------------------------------------------------------------- the user


def test_passwords(run, sshd):
    if not sshd.password:
        pytest.skip("takes a temporary account")
    snippet = """
    out(go(key_filename=None, password=P["password"]).get_transport().get_username() == P["user"])
    out(fails(go, key_filename=None, password="wrong"))
    out(fails(go, key_filename=None))
    """
    assert run(snippet, sshd) == [True, "AuthenticationException", "SSHException"]


def test_a_password_where_none_is_taken(run, sshd_with):
    server = sshd_with("PasswordAuthentication no", "KbdInteractiveAuthentication no")
    snippet = """
    out(fails(go, key_filename=None, password="x"))
    """
    assert run(snippet, server) == ["BadAuthenticationType"]


def test_keys(run, sshd, site):
    snippet = """
    out(go(key_filename=[P["wrong"], P["key"]]).get_transport().is_authenticated())
    out(go(key_filename=None, pkey=key()).get_transport().is_authenticated())
    out(fails(go, key_filename=P["wrong"]))
    out(fails(go, key_filename=None, pkey=key(P["wrong"])))
    out(fails(go, key_filename=P["tmp"] + "/nothing"))
    out(go(key_filename=P["rsa"]).get_transport().is_authenticated())
    out(go(key_filename=P["ecdsa"]).get_transport().is_authenticated())
    """
    keys = {"rsa": str(site.keys["rsa-2048"]), "ecdsa": str(site.keys["ecdsa-256"])}
    found = run(snippet, sshd, wrong=str(site.key2), **keys)
    refused = "AuthenticationException"
    assert found == [True, True, refused, refused, "OSError", True, True]


def test_encrypted_keys(run, sshd_with, folder):
    key = servers.keygen(folder / "locked", passphrase="secret")
    server = sshd_with(f"AuthorizedKeysFile {key}.pub")
    snippet = """
    out(go(key_filename=P["locked"], passphrase="secret").get_transport().is_authenticated())
    out(go(key_filename=P["locked"], password="secret").get_transport().is_authenticated())
    out(fails(go, key_filename=P["locked"]))
    out(fails(go, key_filename=P["locked"], passphrase="wrong"))
    """
    found = run(snippet, server, locked=str(key))
    assert found == [True, True, "PasswordRequiredException", "SSHException"]


def test_an_open_key_and_a_password(run, sshd):
    """The password is taken for a passphrase too, and the key needs none."""
    snippet = """
    out(go(password="something").get_transport().is_authenticated())
    """
    assert run(snippet, sshd) == [True]


def test_keys_that_are_found(run, sshd, site, tmp_path):
    (tmp_path / "home/.ssh/id_ed25519").write_bytes(site.key.read_bytes())
    snippet = """
    out(go(key_filename=None, look_for_keys=True).get_transport().is_authenticated())
    out(fails(go, key_filename=None, look_for_keys=False))
    """
    assert run(snippet, sshd) == [True, "SSHException"]


def test_an_agent(run, sshd, site, monkeypatch):
    agent = RealAgent(site)
    try:
        agent.add("-q", str(site.key))
        monkeypatch.setenv("SSH_AUTH_SOCK", agent.path)
        # The fixture has been before this: what it set is replaced.
        snippet = """
        out(go(key_filename=None, allow_agent=True).get_transport().is_authenticated())
        out(fails(go, key_filename=None))
        """
        assert run(snippet, sshd) == [True, "SSHException"]
    finally:
        agent.close()


def test_certificates(run, sshd_with, folder):
    import subprocess

    ca = servers.keygen(folder / "ca")
    key = servers.keygen(folder / "user")
    server = sshd_with(f"TrustedUserCAKeys {ca}.pub")
    line = ["ssh-keygen", "-q", "-s", ca, "-I", "test", "-n", server.user, f"{key}.pub"]
    subprocess.run(line, check=True)
    snippet = """
    out(go(key_filename=P["mine"]).get_transport().is_authenticated())
    out(go(key_filename=P["mine"] + "-cert.pub").get_transport().is_authenticated())
    """
    assert run(snippet, server, mine=str(key)) == [True, True]


def test_two_factors(run, sshd_with):
    server = sshd_with("AuthenticationMethods publickey,password")
    if not server.password:
        pytest.skip("takes a temporary account")
    snippet = """
    out(go(password=P["password"]).get_transport().is_authenticated())
    out(fails(go, password="wrong"))
    """
    assert run(snippet, server) == [True, "AuthenticationException"]


# ---------------------------------------------------------------- the way


def test_nobody_listens(run, sshd):
    snippet = """
    c = client()
    try:
        c.connect(HOST, 1, username="x")
    except paramiko.ssh_exception.NoValidConnectionsError as e:
        out([list(e.errors), isinstance(e, OSError), "Unable to connect to port 1" in str(e)])
    out(fails(c.connect, "no.such.host.example", username="x"))
    """
    found = run(snippet, sshd)
    assert found[0] == [[("127.0.0.1", 1)], True, True]


def test_other_arguments(run, sshd):
    snippet = """
    made = []
    def factory(sock, **more):
        made.append(sorted(more))
        return paramiko.Transport(sock, **more)
    class Strategy:
        def authenticate(self, transport):
            transport.auth_publickey(P["user"], key())
            return "by a strategy"
    c = go(sock=dial(), timeout=20, banner_timeout=20, auth_timeout=20, channel_timeout=20,
        transport_factory=factory)
    out([made[0], c.get_transport().auth_timeout, c.get_transport().channel_timeout])
    c.close()
    c = client()
    out(c.connect(HOST, P["port"], auth_strategy=Strategy()))
    c = client()
    c.set_log_channel("mine")
    go(c, disabled_algorithms={"ciphers": ["aes128-ctr"]})
    out(c.get_transport().get_log_channel())
    """
    assert run(snippet, sshd)[1:] == ["by a strategy", "mine"]


def test_through_another_one(run, sshd):
    """A jump: sock is a channel."""
    snippet = """
    outer = go()
    c = outer.get_transport().open_channel("direct-tcpip", (HOST, P["port"]), ("127.0.0.1", 0))
    inner = go(sock=c)
    out(inner.exec_command("echo far")[1].read())
    inner.close()
    outer.close()
    """
    assert run(snippet, sshd) == [b"far\n"]


def test_through_a_command(run, sshd, tmp_path):
    """A ProxyCommand as socket; one that fails is what the exception names."""
    script = tmp_path / "relay.py"
    script.write_text(
        "import select, socket, os\n"
        f"s = socket.create_connection(('127.0.0.1', {sshd.port}))\n"
        "while True:\n"
        "    for ready in select.select([0, s], [], [])[0]:\n"
        "        data = os.read(0, 65536) if ready == 0 else s.recv(65536)\n"
        "        if not data:\n"
        "            raise SystemExit\n"
        "        s.sendall(data) if ready == 0 else os.write(1, data)\n"
    )
    snippet = """
    c = go(sock=paramiko.ProxyCommand(P["command"]))
    out(c.exec_command("echo far")[1].read())
    c.close()
    c = client()
    out(fails(c.connect, HOST, P["port"], sock=paramiko.ProxyCommand("exit 3"), username="x"))
    """
    command = f"{sys.executable} {script}"
    found = run(snippet, sshd, ours, command=command)
    assert found == [b"far\n", "ProxyCommandFailure"]
