"""Processors: nothing in the executable is newer than a 386 with a 387, and it runs on each."""

import re
import shutil
import sys

import pytest
from harness.dos import MPYTHON, REPO, Guest
from harness.dosbox import DosBox
from harness.mpy import run_mpy
from harness.servers import Sshd, fingerprint, keygen
from net_peers import run_net

sys.path.append(str(REPO / "micropython/ports/dos/tools"))

import check386

# Big numbers, division of 64-bit ones, floats of every size, text and hashes.
ARITHMETIC = """
import hashlib, math
out(pow(3, 1 << 12, 2 ** 521 - 1) % 1000003)
out([(-7) // 2, -7 % 3, 2 ** 63 // 7 ** 9, 10 ** 30 // 3 ** 20, (1 << 64) % 1000000007])
out([0.1 + 0.2, 1e23, 5e-324, 1.7976931348623157e308, 2 / 3, -0.0, 1e16 + 1, 123456789.123456789])
out([math.sin(1e5), math.exp(-700), math.atan2(-1, -1e-9), math.pow(2, 0.5), math.log(1e-300)])
out([math.exp(1) == math.e, math.exp(709.78), math.exp(-1000), math.exp(1 / 3)])
out([round(2.5), int(1e18), int(-2.9), float("1e-310"), 7.0 // 0.1, math.fmod(1e17, 3)])
out(hashlib.sha256(bytes(range(256)) * 100).digest())
"""
# DOSBox's 387 computes with doubles.
TINY = "import math\nout([math.exp(-745.1), math.exp(-720), math.sin(1e-310)])\n"
OUT = "def out(value):\n    print('OUT', repr(value))\n"
KEY = """
import _ssh
with open("KEY.PUB") as file:
    out(_ssh.fingerprint(file.read()))
"""
LOGIN = """
import _ssh
with _ssh.Session(dial({port}), hostkey={fingerprint!r}) as session, open("C:/KEY") as key:
    session.userauth_publickey({user!r}, key.read(), passphrase="secret")
    out(session.exec("echo $((6 * 7))"))
    with session.sftp() as sftp, open("C:/MPYTHON.EXE", "rb") as file:
        out(sftp.put(file, {path!r}))
"""


def test_no_instruction_is_newer_than_the_386():
    elf = MPYTHON.with_name("mpython.elf")
    assert any(
        line.endswith(check386.CODE_END) for line in check386.lines_of("objdump", "-t", elf)
    )
    found, count = check386.check(elf)
    assert found == []
    assert count > 100_000


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    """A key of which the passphrase costs little."""
    return keygen(tmp_path_factory.mktemp("key") / "key", "-a", "1", passphrase="secret")


@pytest.mark.skipif(not shutil.which("dosbox"), reason="there is no dosbox")
@pytest.mark.parametrize("cpu", ["386_slow", "486_slow", "pentium_slow"])
def test_dosbox(cpu, key, micropython):
    """DOSBox's 386 refuses what the real one did not know."""
    public = key.with_suffix(".pub")
    with DosBox(cpu=cpu, files={"KEY.PUB": public}) as box:
        assert box.run(OUT + ARITHMETIC, check=True).out == run_mpy(ARITHMETIC).out
        assert box.run(OUT + KEY, check=True).one == fingerprint(public)


@pytest.mark.parametrize("cpu", ["486", "pentium", "max"])
def test_login(cpu, key, site, start_server, freedos, micropython):
    server = start_server(Sshd)
    own = key.with_suffix(".pub").read_text()
    site.authorized.write_text(site.authorized.read_text() + own)
    path = server.folder / "copy"
    text = LOGIN.format(**server.params(), path=str(path))
    with Guest(cpu=cpu, files={"KEY": key}) as guest:
        numbers = ARITHMETIC + TINY
        assert guest.run(OUT + numbers, check=True).out == run_mpy(numbers).out
        assert run_net(guest, text, check=True).out[0] == b"42\n"
    assert path.read_bytes() == MPYTHON.read_bytes()


def sse_allowed(guest):
    """Whether CR4 lets programs use SSE (OSFXSR)."""
    found = re.search(r"CR4=([0-9a-f]+)", guest.monitor("info registers"))
    return bool(int(found[1], 16) & 0x200)


@pytest.mark.parametrize(("cpu", "has"), [("pentium2", False), ("n270", True)])
def test_sse2_is_allowed_while_the_program_runs(cpu, has, freedos):
    with Guest(cpu=cpu, nic=None) as guest:
        assert not sse_allowed(guest)
        guest.begin("input('ready')")
        guest.wait_screen("ready")
        assert sse_allowed(guest) == has
        guest.key("enter")
        assert guest.end().returncode == 0
        assert not sse_allowed(guest)
