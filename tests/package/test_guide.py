"""The programs in docs/guide.md, as they stand there, but for address, port, names, password."""

import getpass
import re
import socket

import pytest
from harness.mpy import REPO, run_mpy

pytestmark = [
    pytest.mark.usefixtures("micropython"),
    pytest.mark.unix_only("the page's file names are longer than DOS takes"),
]

GUIDE = (REPO / "docs" / "guide.md").read_text()
PROGRAMS = re.findall(r"^```python\n(.*?)^```", GUIDE, re.M | re.S)
HOST = socket.gethostname()
# What each prints, in the order of the page.
PRINTED = [
    ["b'Linux"],
    ["2 b", "/nowhere"],
    ["b'apple\\npear\\n'"],
    [f"b'{getpass.getuser()}"],
    ["got b'line 1\\n'", "got b'line 3\\n'", "status 0"],
    ["'hostname.copy'", HOST],
    [HOST],
    ["b'through the tunnel\\n'"],
    [f"b'{HOST}"],
]


def test_all_are_here():
    assert len(PROGRAMS) == len(PRINTED)


@pytest.mark.parametrize("number", range(len(PRINTED)))
def test_program(number, asyncssh, echo_port, tmp_path, monkeypatch):
    text = PROGRAMS[number]
    for old, new in (
        ('"127.0.0.1", 7)', f'"127.0.0.1", {echo_port})'),
        ('"192.0.2.1"', f'"127.0.0.1", {asyncssh.port}'),
        ('"me"', repr(asyncssh.user)),
        ('"secret"', repr(asyncssh.password)),
        ('"id_board"', repr(str(asyncssh.site.key))),
    ):
        text = text.replace(old, new)
    (tmp_path / "known_hosts").write_text(f"[127.0.0.1]:{asyncssh.port} {asyncssh.public}\n")
    (tmp_path / "guide.py").write_text(text)
    monkeypatch.setenv("SSHDIR", str(tmp_path))
    monkeypatch.setenv("SSH_AUTH_SOCK", "")
    monkeypatch.chdir(tmp_path)
    done = run_mpy(tmp_path / "guide.py")
    for words in PRINTED[number]:
        assert words in done.stdout, done.stdout
