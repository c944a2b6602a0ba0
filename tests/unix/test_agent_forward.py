"""An agent here, used by programs on the other side."""

import textwrap

import pytest
from harness.agents import RealAgent, full_agent, make_keys
from harness.mpy import REPO, run_mpy
from harness.servers import find

pytestmark = [
    pytest.mark.usefixtures("micropython"),
    pytest.mark.unix_only("agents are on unix sockets"),
]

HEAD = """
sys.path.append(P["modules"])
from ssh import agent as agents

def run(s, command):
    # A command's output, while its connections to the agent are served.
    links, text = [], b""
    poll = agents.make_poll()
    poll.register(s, select.POLLIN)
    with s.open_session() as channel:
        channel.request_agent()
        channel.exec(command)
        channel.setblocking(False)
        poll.register(channel, select.POLLIN)
        while True:
            assert poll.poll(20000), "nothing moves"
            new = s.accept(0)
            if new:
                out(new.kind)
                links.append(agents.Link(new, poll, P["path"]))
            links = [link for link in links if link.move()]
            try:
                data = channel.recv(1000)
                if not data:
                    break
                text += data
            except OSError as e:
                assert e.args[0] == errno.EAGAIN, e
        status = channel.exit_status
        poll.unregister(channel)
    for link in links:
        link.close()
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
    params = {**server.params(), "modules": str(REPO / "micropython/modules"), **more}
    return run_mpy(HEAD + textwrap.dedent(script), **params).out


def test_list_of_keys(sshd, agent):
    got = mpy(
        """
        s = connect()
        out(run(s, "ssh-add -l && ssh-add -l && ssh-add -l"))
        out(s.exec("echo in"))
        """,
        sshd,
        path=agent.path,
    )
    listed = agent.add("-l").encode()
    assert got == ["auth-agent"] * 3 + [(listed * 3, 0), b"in\n"]


def test_dropbear(dropbear, agent):
    got = mpy("""out(run(connect(), "ssh-add -l"))""", dropbear, path=agent.path)
    assert got == ["auth-agent", (agent.add("-l").encode(), 0)]


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
        out(run(connect(), P["command"]))
        """,
        sshd,
        path=agent.path,
        command=command,
    )
    assert got[-1] == (b"hopped\n", 0)


def test_many_at_once(sshd, agent):
    got = mpy(
        """out(run(connect(), P["command"]))""",
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
        s = connect()
        with s.open_session() as channel:
            channel.request_agent()
            channel.exec("ssh-add -l; echo $?")
            poll = agents.make_poll()
            new = s.accept(20)
            out(err(agents.Link, new, poll, P["path"])[0])
            out(channel.read())
        out(s.exec("echo in"))
        """,
        sshd,
        path=agent.path,
    )
    assert got[0] == "OSError" and got[1].endswith(b"1\n") and got[2] == b"in\n"


def test_nobody_asked(sshd):
    """ATTACKS 52: without a request there is no agent over there."""
    got = mpy("""out(connect().exec("echo ${SSH_AUTH_SOCK:-none}"))""", sshd, path="")
    assert got == [b"none\n"]
