"""What a person is asked about the keys of a host, beyond its first one."""

from pathlib import Path

import pytest
from harness.mpy import DOS
from harness.servers import fingerprint, keygen

pytestmark = pytest.mark.skipif(DOS, reason="unix only: at a pseudo-terminal")


@pytest.mark.parametrize("answer", ["yes", "no"])
def test_update_host_keys_asks(unix, sshd_with, site, answer):
    more = keygen(site.new_folder() / "more", kind="ecdsa-256")
    server = sshd_with(f"HostKey {more}")
    unix.trust(server)
    before = unix.known()
    public = " ".join(Path(f"{more}.pub").read_text().split()[:2])
    args = ["-o", "UpdateHostKeys=ask", *unix.login(server), unix.target(server), "echo in"]
    with unix.terminal("ssh", *args) as terminal:
        found = terminal.expect(r"also its own:\r\nECDSA (SHA256:\S+)\r\n.*\? $")
        assert found[1] == fingerprint(f"{more}.pub")
        terminal.type(answer + "\n")
        terminal.expect("in\r\n")
        assert terminal.wait() == 0
    added = f"[{unix.host}]:{server.port} {public}\n" if answer == "yes" else ""
    assert unix.known() == before + added
    # With nobody to ask it does nothing; with nothing new it does not ask.
    assert unix.run("ssh", *args).ok().stdout == b"in\n"
    assert unix.known() == before + added
    if added:
        with unix.terminal("ssh", *args) as terminal:
            terminal.expect("^in\r\n")
            assert terminal.wait() == 0
