"""Sockets written in Python that break their own contract (ATTACKS.md 64 and 67, in part).

The rest of 64, 65 and 67 to 70 is in tests/unix/test_glue_faults.py.
"""

import errno

from adv_run import Case

PROGRAM = """
class K(Chopped):
    def recv(self, n):
        %s
    def send(self, d):
        %s
s = login(K(tcp()))
result = s.exec('echo hello').decode()
"""
RECV, SEND = "return Chopped.recv(self, n)", "return self.sock.send(d)"
GOOD = [
    ("return bytearray(Chopped.recv(self, n))", SEND),
    ("return memoryview(Chopped.recv(self, n))", SEND),
    (RECV, "return self.sock.send(bytes(d[:1]))"),
    (RECV, "return self.sock.send(bytes(d[:7]))"),
]
BAD = {
    ("return None", SEND): errno.ETIMEDOUT,
    ("raise OSError(11)", SEND): errno.ETIMEDOUT,
    ("return b''", SEND): "ERR_EOF",
    ("return 'x' * n", SEND): "ERR_NOT_SSH",
    ("return bytes(n * 4)", SEND): "ValueError",
    ("return bytes(n + 1)", SEND): "ValueError",
    ("return Chopped.recv(self, n) + bytes(5000)", SEND): "ValueError",
    ("return 5", SEND): "TypeError",
    ("return [1]", SEND): "TypeError",
    (RECV, "return None"): errno.ETIMEDOUT,
    (RECV, "return 0"): errno.ETIMEDOUT,
    (RECV, "raise OSError(11)"): errno.ETIMEDOUT,
    (RECV, "return -1"): "ValueError",
    (RECV, "return len(d) + 1"): "ValueError",
    (RECV, "return 1 << 62"): "ValueError",
    (RECV, "return 1 << 80"): "OverflowError",
    (RECV, "return 'x'"): "TypeError",
    (RECV, "return 2.5"): "TypeError",
}


def test_64_odd_but_right(play):
    """Any buffer from recv, any count from send."""
    cases = [Case(repr(way), {}, PROGRAM % way, timeout=10) for way in GOOD]
    for case in play(cases):
        case.carried_on()


def test_64_wrong_results(play):
    """Too much, nothing for ever, other types: an error each time, nothing past a buffer."""
    cases = [Case(repr(way), {}, PROGRAM % way, timeout=0.5, check=BAD[way]) for way in BAD]
    for case in play(cases):
        case.alive()
        assert case.ok is False, case
        assert case.check in (case.error[0], case.code), case


def test_64_sent_memory_stays(play):
    """What send was given may be kept: it is not memory of a session that is gone."""
    client = """
kept = []
class K(Chopped):
    def send(self, d):
        kept.append(d)
        return self.sock.send(d)
s = login(K(tcp()))
want(s.exec('echo hello'), b'hello\\n')
s.close()
s = None
gc.collect()
result = bytes(kept[0])[:8].decode()
"""
    (case,) = play([Case("kept", {}, client)])
    case.carried_on("SSH-2.0-")
