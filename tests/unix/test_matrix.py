"""The full product of key exchange, cipher and MAC that `_ssh` and each server have, every cell
with new keys in the middle; and what is offered only when named.
"""

import pytest
from harness import servers
from harness.mpy import run_mpy

pytestmark = pytest.mark.usefixtures("micropython")

# One interpreter for all the cells of a method; it goes on to the next if one fails.
SCRIPT = """
for cipher, mac in P["suites"]:
    try:
        options = {"kex": P["kex"], "ciphers": cipher}
        if mac:
            options["macs"] = mac
        with connect(**options) as s:
            c = s.open_session()
            c.exec("cat")
            c.write(b"before")
            assert c.read(6) == b"before"
            s.rekey()
            for i in range(50):
                c.write(b"after")
                assert c.read(5) == b"after"
                if s.stats()[2]:
                    break
            assert s.stats()[2] == 1, s.stats()
            got = s.algorithms
            assert (got["kex"], got["cipher_in"], got["cipher_out"]) == (P["kex"], cipher, cipher)
            assert got["mac_in"] == got["mac_out"] == (mac or "<implicit>")
    except Exception as e:
        out((cipher, mac, repr(e)))
out("end")
"""


def suites(server):
    """Each cipher with each MAC, where it takes one."""
    aead = (servers.CHACHA, *servers.GCM)
    return [
        (cipher, mac)
        for cipher in server.ciphers
        for mac in ((None,) if cipher in aead else server.macs)
    ]


@pytest.mark.parametrize("kex", servers.KEX)
def test_every_cell(server, kex):
    if kex not in server.kex:
        kind, _, text = run_mpy(
            "out(err(_ssh.Session, dial(), kex=P['kex']))", kex=kex, **server.params()
        ).one
        assert kind == "SSHError" and kex in text
        return
    failed = run_mpy(SCRIPT, timeout=100, kex=kex, suites=suites(server), **server.params()).out
    assert failed == ["end"]


@pytest.mark.slow
def test_27_hybrid_handshakes_in_a_row(asyncssh):
    """ATTACKS 27: K enters the hash as a string. As an mpint it would gain a zero in every second
    handshake, and lose one in 512.
    """
    done = run_mpy(
        """
        start = time.ticks_ms()
        for count in range(1, 1501):
            s = _ssh.Session(dial(), kex=P["kex"])
            assert s.algorithms["kex"] == P["kex"]
            s.close()
            gc.collect()
        out(count)
        """,
        timeout=110,
        kex=servers.MLKEM,
        **asyncssh.params(),
    ).one
    assert done == 1500


def test_what_is_only_named(sshd_with):
    """A build with the feature legacy has the weak algorithms, but offers none unless it is named;
    other builds refuse the names.
    """
    weak = (
        ("kex", "diffie-hellman-group14-sha1"),
        ("ciphers", "aes128-cbc"),
        ("ciphers", "aes256-cbc"),
    )
    server = sshd_with(
        "KexAlgorithms +diffie-hellman-group14-sha1", "Ciphers aes128-cbc,aes256-cbc,aes128-ctr"
    )
    got = run_mpy(
        """
        offered = _ssh.algorithms()
        for kind, name in P["weak"]:
            assert name not in offered[kind]
            try:
                s = connect(**{kind: name})
                s.rekey()
                out(s.exec("echo in"))
            except ValueError as e:
                out(name in str(e))
        out(connect().algorithms["cipher_in"])
        """,
        weak=weak,
        **server.params(),
    ).out
    assert got in ([True] * 3 + ["aes128-ctr"], [b"in\n"] * 3 + ["aes128-ctr"])
