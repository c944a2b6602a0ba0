"""An agent here, used by programs on the other side."""

import textwrap

import pytest
from harness.agents import RealAgent, full_agent, make_keys
from harness.mpy import run_mpy
from harness.servers import find

pytestmark = [
    pytest.mark.usefixtures("micropython"),
    pytest.mark.unix_only("agents are on unix sockets"),
]

HEAD = """
from ssh.connection import Connection
from ssh.tunnel import Tunnels

def connected():
    sock = dial()
    session = _ssh.Session(sock, hostkey=P["fingerprint"])
    session.userauth_publickey(P["user"], load(P["key"]))
    return Connection(session, sock, HOST, P["port"])

def run(conn, command):
    # A command's output, while its connections to the agent are served.
    tunnels = Tunnels(conn, log=out)
    tunnel = tunnels.agent(P["path"])
    text = b""
    with conn.session.open_session() as channel:
        channel.request_agent()
        channel.exec(command)
        channel.setblocking(False)
        piece = bytearray(1000)
        while True:
            n = channel.readinto(piece)
            if n == 0:
                break
            if n:
                text += piece[:n]
            else:
                tunnels.poll(20)
        channel.settimeout(20)
        status = channel.wait()
    out(tunnel.served)
    tunnels.close()
    return text, status
"""


@pytest.fixture(scope="module")
def keys(site):
    return make_keys(site.new_folder())


@pytest.fixture(scope="module")
def agent(site, keys):
    with full_agent(site, keys) as made:
        yield made


def mpy(script, server, **more):
    return run_mpy(HEAD + textwrap.dedent(script), **server.params(), **more).out


def test_list_of_keys(sshd, agent):
    got = mpy(
        """
        conn = connected()
        out(run(conn, "ssh-add -l && ssh-add -l && ssh-add -l"))
        out(conn.session.exec("echo in"))
        """,
        sshd,
        path=agent.path,
    )
    listed = agent.add("-l").encode()
    assert got == [3, (listed * 3, 0), b"in\n"]


def test_dropbear(dropbear, agent):
    got = mpy("""out(run(connected(), "ssh-add -l"))""", dropbear, path=agent.path)
    assert got == [1, (agent.add("-l").encode(), 0)]


def test_a_hop(sshd, sshd_with, agent, site, keys):
    """ssh over there logs in to a third machine with a key that is only here."""
    path = site.folder / "hop_keys"
    path.write_text(keys["ecdsa"].with_suffix(".pub").read_text())
    other = sshd_with(f"AuthorizedKeysFile {path}")
    command = (
        f"{find('ssh')} -F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -q"
        f" -o BatchMode=yes -p {other.port} {other.user}@127.0.0.1 echo hopped"
    )
    got = mpy(
        """
        out(run(connected(), P["command"]))
        """,
        sshd,
        path=agent.path,
        command=command,
    )
    assert got[-1] == (b"hopped\n", 0)


def test_many_at_once(sshd, agent):
    got = mpy(
        """out(run(connected(), P["command"]))""",
        sshd,
        path=agent.path,
        command="for i in 1 2 3 4 5 6; do ssh-add -l >/dev/null && echo $i & done; wait",
    )
    text, status = got[-1]
    assert sorted(text.split()) == [b"1", b"2", b"3", b"4", b"5", b"6"] and status == 0


def test_an_agent_that_goes(sshd, site, keys):
    """The other side sees an agent that has gone; the session does not mind."""
    agent = RealAgent(site)
    agent.add("-q", str(keys["rsa"]))
    agent.close()
    got = mpy(
        """
        conn = connected()
        out(run(conn, "ssh-add -l; echo $?"))
        out(conn.session.exec("echo in"))
        """,
        sshd,
        path=agent.path,
    )
    said, served, (text, status), after = got
    assert "agent" in said and served == 1 and after == b"in\n"
    assert text.endswith((b"2\n", b"1\n"))


def test_nobody_asked(sshd):
    """ATTACKS 52: without a request there is no agent over there."""
    got = mpy("""out(connect().exec("echo ${SSH_AUTH_SOCK:-none}"))""", sshd, path="")
    assert got == [b"none\n"]
