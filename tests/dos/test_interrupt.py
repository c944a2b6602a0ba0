"""Ctrl-C at the keyboard of DOS in the waits of `_ssh`: KeyboardInterrupt, and nothing lost."""

import hashlib
import itertools
import random

import pytest
from harness.dos import Guest, value_lines
from harness.net import wait_until
from harness.servers import Sshd
from net_peers import PRELUDE

CONNECT = """
import _ssh, micropython
def connect(**options):
    session = _ssh.Session(dial({port}), hostkey={fingerprint!r}, **options)
    session.userauth_password({user!r}, {password!r})
    return session
"""
TURNS = itertools.count()
# Expressions with a session s, an open channel c and an SFTP session.
WAITS = {
    "read": "c.read(1)",
    "readinto": "c.readinto(bytearray(10))",
    "exec": "s.exec('sleep 100')",
    "run": "s.run('sleep 100')",
    "wait": "c.wait()",
    "poll": "poller.poll()",
    "sleep": "time.sleep(100)",
}


@pytest.fixture(scope="module")
def shared(freedos):
    with Guest() as made:
        yield made


@pytest.fixture(scope="module")
def server(start_server):
    return start_server(Sshd)


def begin(machine, text, server=None):
    """Start a program with the network up, its outputs on the screen, until it says "waits"."""
    # What an earlier program left on the screen does not count.
    mark = f"waits {next(TURNS)}."
    text = text.replace('"waits"', repr(mark)).replace("'waits'", repr(mark))
    head = PRELUDE + "print('\\x1b[2J\\x1b[H', end='')\ndosnet.up()\n"
    if server:
        head += CONNECT.format(**server.params())
    machine.begin(head + text)
    machine.wait_screen(f"OUT '{mark}'", timeout=60)


def asleep(machine):
    """Whether the processor is halted: the program waits for an interrupt."""
    return "HLT=1" in machine.monitor("info registers")


def press_when_asleep(machine, keys="ctrl-c"):
    wait_until(lambda: asleep(machine))
    machine.key(keys)


def end(machine, timeout=60):
    """The program's values, all on the screen."""
    done = machine.end(timeout)
    assert (done.returncode, done.kind) == (0, 0), "\n".join(machine.screen())
    assert done.vectors == {}
    return value_lines(machine.screen())[1:]


@pytest.mark.parametrize("keys", ["ctrl-c", "ctrl-break"])
@pytest.mark.parametrize("wait", WAITS)
def test_waits(machine, server, wait, keys):
    """In a wait without end; the session is usable afterwards, the channel has its bytes."""
    text = f"""
s = connect(channels=4)
c = s.open_session()
c.exec("cat")
poller = select.poll()
poller.register(c, select.POLLIN)
s.timeout = None
out("waits")
try:
    {WAITS[wait]}
    out("went on")
except KeyboardInterrupt:
    out("interrupted")
s.timeout = 10
out(s.exec("echo still here"))
c.write(b"all of it")
c.eof()
out(c.read())
s.close()
"""
    begin(machine, text, server)
    press_when_asleep(machine, keys)
    assert end(machine) == ["interrupted", b"still here\n", b"all of it"]


def test_handshake(machine, scripted):
    """With a server that says nothing at all."""
    port = scripted(lambda conn: conn.recv(65536) and conn.recv(65536) and conn.recv(65536))
    text = f"""
import _ssh
sock = dial({port})
out("waits")
try:
    _ssh.Session(sock)
except KeyboardInterrupt:
    out("interrupted")
sock.close()
"""
    begin(machine, text)
    press_when_asleep(machine)
    assert end(machine) == ["interrupted"]


def test_nobody_catches_it(machine, scripted):
    port = scripted(lambda conn: conn.recv(65536) and conn.recv(65536) and conn.recv(65536))
    begin(machine, f"import _ssh\nsock = dial({port})\nout('waits')\n_ssh.Session(sock)\n")
    press_when_asleep(machine)
    done = machine.end()
    assert (done.returncode, done.kind, done.vectors) == (1, 0, {})
    assert "KeyboardInterrupt" in "\n".join(machine.screen())


def test_get_is_interrupted(machine, server):
    """The transfer ends, the session goes on; the next transfer is whole."""
    data = random.Random(1).randbytes(3_000_001)
    path = server.folder / "data"
    path.write_bytes(data)
    text = f"""
s = connect()
class Sink:
    def __init__(self):
        self.hash = hashlib.sha256()
    def write(self, data):
        self.hash.update(data)
        return len(data)
said = 0
def progress(done, total):
    global said
    if not said:
        said = 1
        out("waits")
with s.sftp() as sftp:
    for turn in range(2):
        sink = Sink()
        try:
            while True:
                sftp.get({str(path)!r}, sink, progress=progress)
                if said != 1:
                    break
        except KeyboardInterrupt:
            out("interrupted")
            said = 2
d = sink.hash.digest()
out(d[:16])
out(d[16:])
s.close()
"""
    begin(machine, text, server)
    machine.key("ctrl-c")
    values = end(machine, 120)
    assert values[0] == "interrupted"
    assert values[1] + values[2] == hashlib.sha256(data).digest()


# Move the next piece; then `total` is what has been moved for certain.
MOVES = {
    "read": "b = f.read(20000)",
    "recv": "b = c.recv(20000)",
    "write": "b = block[:2500000 - total]; f.write(b)",
}
OPENS = {
    "read": "f = s.sftp().open({path!r})",
    "recv": "c = s.open_session(); c.exec('cat {path}')",
    "write": "f = s.sftp().open({path!r}, 'wb')",
}


@pytest.mark.parametrize("way", MOVES)
def test_storm(machine, server, way):
    """Ctrl-C again and again while data moves: what was moved is what arrives, in order."""
    block = bytes(range(256)) * 40
    data = (random.Random(2).randbytes(65536) if way != "write" else block * 7) * 40
    data = data[:2_500_000]
    path = server.folder / "storm"
    path.write_bytes(data if way != "write" else b"")
    path.chmod(0o666)
    text = f"""
s = connect()
{OPENS[way].format(path=str(path))}
h = hashlib.sha256()
block = bytes(range(256)) * 40
total = n = 0
out("waits")
while True:
    try:
        while True:
            {MOVES[way]}
            if not b:
                break
            h.update(b)
            total += len(b)
        micropython.kbd_intr(-1)
        break
    except KeyboardInterrupt:
        n += 1
        out(n)
        if {way != "recv"}:
            f.seek(total)
{"c" if way == "recv" else "f"}.close()
out("total")
out(total)
d = h.digest()
out(d[:16])
out(d[16:])
s.close()
"""
    begin(machine, text, server)
    for turn in range(1, 11):
        machine.key("ctrl-c")
        machine.wait_screen(lambda lines, turn=turn: {turn, "total"} & set(value_lines(lines)))
    values = end(machine, 120)
    last = values.index("total")
    assert last >= 3, "too few interrupts came during the transfer"
    assert values[last + 1] == len(data)
    assert values[last + 2] + values[last + 3] == hashlib.sha256(data).digest()
    assert way != "write" or path.read_bytes() == data
