"""Random damage with right MACs: ATTACKS.md 22, 37, 54-63 once more, by a seeded generator.

Each case changes a few bytes of one message that the peer sends; the client has to end with a
clear error or to carry on. Nothing here knows what is right: test_matrix.py and others do.
"""

import random

import pytest
import sftp_peer as sp
import sshwire as w
from adv_run import Case
from peer import Peer

NUMBERS = (0, 1, 2, 3, 4, 0x7F, 0x80, 0xFF)
LENGTHS = (0, 1, 4, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFF8, 40_000)


def damage(rand, data):
    """data with one to four changes: bytes, lengths, cuts, insertions, repetitions."""
    data = bytearray(data)
    for _ in range(rand.randrange(1, 5)):
        at = rand.randrange(len(data)) if data else 0
        way = rand.randrange(7)
        if way == 0 and data:
            data[at] ^= 1 << rand.randrange(8)
        elif way == 1 and data:
            data[at] = rand.choice(NUMBERS)
        elif way == 2:
            data[at : at + 4] = w.u32(rand.choice(LENGTHS))
        elif way == 3:
            del data[at:]
        elif way == 4:
            del data[at : at + rand.randrange(1, 9)]
        elif way == 5:
            data[at:at] = rand.randbytes(rand.randrange(1, 40))
        else:
            data[at:at] = data[at : at + rand.randrange(1, 60)]
    return bytes(data) or b"\0"


class Mutated(Peer):
    """Damages message number `which` that it sends (counted from 0)."""

    seed, which, count = 0, 0, 0

    def pack(self, payload, **lies):
        if self.count == self.which:
            payload = damage(random.Random(self.seed), payload)
        self.count += 1
        return super().pack(payload, **lies)


class MutatedSftp(Peer):
    """Damages SFTP reply number `which`; its length field is made right."""

    seed, which, count = 0, 0, 0

    def on_subsystem(self, chan, name):
        outer = self

        class Server(sp.Sftp):
            def packet(self, payload):
                if outer.count == outer.which:
                    payload = damage(random.Random(outer.seed), payload)
                outer.count += 1
                super().packet(payload)

        Server(chan)


def fair(case):
    """Alive, and an error of ours if any. (A peer that has told nonsense may see what it
    calls a fault.)
    """
    case.alive()
    if not case.ok:
        assert case.error[0] in ("SSHError", "OSError", "MemoryError", "AssertionError"), case
        assert case.error[3] or case.error[0] != "SSHError", case


CLIENT = """
s = login()
c = s.open_session()
c.settimeout(0.3)
c.exec('both 2000')
out = c.read()
err = c.stderr.read()
result = [len(out), len(err), c.wait()]
"""


@pytest.mark.parametrize("seed", range(4))
def test_mutated_messages(play, seed):
    """Every message from KEXINIT to CLOSE, damaged in 60 ways."""
    cases = [
        Case(
            f"seed {seed} message {which} try {i}",
            {"seed": f"{seed} {which} {i}", "which": which, "strict": bool(i & 1)},
            CLIENT,
            Mutated,
            0.3,
        )
        for which in range(16)
        for i in range(15)
    ]
    for case in play(cases, heap="4M"):
        fair(case)
        if case.last.which < 2:
            assert not case.ok or case.result == [2000, 2000, 0], case
            assert case.ok or not case.last.secrets(), case


SFTP = """
s = login(timeout=0.3)
f = s.sftp()
names = f.listdir('/')
size = f.stat('/mid')[1]
data = f.open('/mid').read()
f.mkdir('/new')
path = f.realpath('.')
result = [len(names), size, len(data), path]
"""


@pytest.mark.parametrize("seed", range(4))
def test_mutated_sftp(play, seed):
    """Every SFTP reply of a small session, damaged in 60 ways."""
    cases = [
        Case(
            f"seed {seed} reply {which} try {i}",
            {"seed": f"{seed} {which} {i}", "which": which},
            SFTP,
            MutatedSftp,
            0.3,
        )
        for which in range(14)
        for i in range(15)
    ]
    for case in play(cases, heap="4M"):
        fair(case)
