"""Message, the exceptions, and what Connection.run() gives, beside paramiko's and asyncssh's."""

import asyncio

import asyncssh as reference
import pytest
from sides import both, ours

pytestmark = [
    pytest.mark.usefixtures("micropython"),
    pytest.mark.unix_only("nothing in it depends on the system"),
]


def test_message(sshd):
    snippet = """
    m = paramiko.Message()
    m.add_byte(b"a")
    m.add_boolean(True)
    m.add_boolean(False)
    m.add_int(4000000000)
    m.add_int64(1 << 40)
    numbers = (1, 127, 128, 255, 256, 1 << 200, -1, -129, -(1 << 199))
    for n in numbers:
        m.add_mpint(n)
    m.add_adaptive_int(5)
    m.add_adaptive_int(0xFF000000)
    m.add_string("text")
    m.add_string(b"bytes")
    m.add_list(["one", "two"])
    m.add_bytes(b"xyz")
    out(m.asbytes())
    m = paramiko.Message(m.asbytes())
    out([m.get_byte(), m.get_boolean(), m.get_boolean(), m.get_int(), m.get_int64()])
    out([m.get_mpint() for n in numbers] == list(numbers))
    out([m.get_adaptive_int(), m.get_adaptive_int()])
    out([m.get_string(), m.get_text(), m.get_list()])
    out([m.get_remainder(), len(m.get_so_far())])
    out([m.get_bytes(2), m.get_bytes(5), m.get_byte(), m.get_int()])
    m.rewind()
    out(m.get_byte())
    m = paramiko.Message()
    m.add("text", b"bytes", 7, True, ["a", "b"])
    out(m.asbytes())
    """
    both(snippet, sshd)


def test_zero_has_no_bytes(sshd):
    """RFC 4251 section 5; paramiko writes one."""
    snippet = """
    m = paramiko.Message()
    m.add_mpint(0)
    out([m.asbytes(), paramiko.Message(m.asbytes()).get_mpint()])
    """
    assert ours(snippet, sshd.params()) == [[bytes(4), 0]]


def test_a_message_that_is_cut_short(sshd):
    """A length that is not true takes no memory."""
    snippet = """
    m = paramiko.Message(b"\\xff\\xff\\xff\\xffabc")
    out(len(m.get_string()) < 10)
    out(paramiko.Message(b"").get_int())
    """
    assert ours(snippet, sshd.params()) == [True, 0]


def test_exceptions(sshd):
    snippet = """
    kinds = ["AuthenticationException", "BadAuthenticationType", "BadHostKeyException",
        "PasswordRequiredException", "ChannelException", "PartialAuthentication",
        "IncompatiblePeer", "ProxyCommandFailure", "ConfigParseError", "CouldNotCanonicalize",
        "MessageOrderError", "UnableToAuthenticate"]
    for name in kinds:
        kind = getattr(paramiko.ssh_exception, name)
        out([name, issubclass(kind, paramiko.SSHException),
            issubclass(kind, paramiko.AuthenticationException)])
    out(str(paramiko.SSHException("a text")))
    out(str(paramiko.AuthenticationException("a text")))
    e = paramiko.BadAuthenticationType("why", ["a", "b"])
    out([str(e), e.explanation, e.allowed_types])
    e = paramiko.ssh_exception.PartialAuthentication(["a"])
    out([str(e), e.allowed_types])
    e = paramiko.ChannelException(4, "text")
    out([e.code, e.text])
    e = paramiko.ssh_exception.ProxyCommandFailure("cmd", "why")
    out([e.command, e.error])
    e = paramiko.BadHostKeyException("host", key(), key(P["other"]))
    out([e.hostname, e.key == key(), e.expected_key == key(P["other"])])
    errors = {("h", 22): OSError(1), ("i", 22): OSError(2)}
    e = paramiko.ssh_exception.NoValidConnectionsError(errors)
    out([str(e).split("] ")[-1], len(e.errors), isinstance(e, OSError)])
    """
    both(snippet, sshd, other=str(sshd.site.key2))


COMMANDS = ("echo out; echo err >&2", "exit 3", "kill -TERM $$", "kill -KILL $$", "cat")


def test_run_beside_asyncssh(sshd):
    async def theirs():
        async with reference.connect(
            "127.0.0.1",
            sshd.port,
            username=sshd.user,
            client_keys=[str(sshd.site.key)],
            known_hosts=None,
            config=[],
        ) as conn:
            found = []
            for command in COMMANDS:
                done = await conn.run(command, input="in" if command == "cat" else None)
                signal = done.exit_signal[0] if done.exit_signal else None
                found.append((done.stdout, done.stderr, done.returncode, signal))
            try:
                await conn.run("echo some; exit 4", check=True)
            except reference.ProcessError as e:
                found.append((e.stdout, e.returncode))
            try:
                await conn.run("echo some; sleep 9", timeout=1)
            except reference.TimeoutError as e:
                found.append((type(e).__name__, e.stdout))
            return found

    snippet = """
    conn = ssh.connect(HOST, P["port"], username=P["user"], key_filename=P["key"],
        hostkey=P["fingerprint"])
    for command in P["commands"]:
        done = conn.run(command, "in" if command == "cat" else None, encoding="utf-8")
        out((done.stdout, done.stderr, done.returncode, done.signal))
    try:
        conn.run("echo some; exit 4", check=True, encoding="utf-8")
    except ssh.ProcessError as e:
        out((e.stdout, e.returncode))
    try:
        conn.run("echo some; sleep 9", timeout=1)
    except ssh.TimeoutExpired as e:
        out(("TimeoutError", e.stdout.decode()))
    """
    expected = asyncio.run(theirs())
    assert ours(snippet, {**sshd.params(), "commands": COMMANDS}) == expected
