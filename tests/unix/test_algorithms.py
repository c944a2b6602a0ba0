"""Every cipher with every MAC, every key exchange, against each server; see test_matrix too."""

import pytest
from harness import servers
from harness.mpy import run_mpy
from harness.net import wait_until

pytestmark = pytest.mark.usefixtures("micropython")

PAIRS = [
    *((c, None) for c in (servers.CHACHA, *servers.GCM)),
    *((c, m) for c in servers.CTR for m in servers.MACS),
]

# Every size of a small packet in each direction, then many full ones, then new keys.
SCRIPT = """
s = connect(**P["options"])
out(s.algorithms)
block = Source(0).block
c = s.open_session()
c.exec("cat")
for size in list(range(1, 70)) + [4095, 4096, 4097, 32767, 32768, 32769]:
    data = (block * 4)[:size]
    c.write(data)
    assert c.read(size) == data, size
    if size % 8 == 0:
        s.ignore(data[: size % 40])
c.close()
source = Source(300000)
done = s.run("cat", stdin=source)
out(sha(done.stdout) == hexed(source.digest))
s.rekey()
done = s.run("sha256sum", stdin=b"after")
out(done.stdout == sha(b"after").encode() + b"  -\\n")
out(s.stats()[2])
"""


@pytest.mark.parametrize(("cipher", "mac"), PAIRS)
def test_cipher_and_mac(server, cipher, mac):
    options = {"ciphers": cipher}
    if mac:
        options["macs"] = mac
    if cipher not in server.ciphers or (mac and mac not in server.macs):
        got = run_mpy(
            "out(err(_ssh.Session, dial(), **P['options']))", options=options, **server.params()
        ).one
        assert got[0] == "SSHError" and (cipher in got[2] or mac in got[2])
        return
    algorithms, *same, rekeys = run_mpy(SCRIPT, options=options, timeout=60, **server.params()).out
    assert algorithms["cipher_out"] == algorithms["cipher_in"] == cipher
    assert algorithms["mac_out"] == algorithms["mac_in"] == (mac or "<implicit>")
    assert same == [True, True] and rekeys == 1


@pytest.mark.parametrize("kex", servers.KEX)
def test_kex(server, kex):
    if kex not in server.kex:
        got = run_mpy(
            "out(err(_ssh.Session, dial(), kex=P['kex']))", kex=kex, **server.params()
        ).one
        assert got[0] == "SSHError" and kex in got[2]
        return
    got = run_mpy(
        """
        s = connect(kex=P["kex"])
        out(s.algorithms["kex"])
        out(s.exec("echo in"))
        """,
        kex=kex,
        **server.params(),
    ).out
    assert got == [kex, b"in\n"]


@pytest.mark.parametrize("form", ["'{},{}'", "['{}', '{}']", "('{}', '{}')"])
def test_order_of_preference(sshd, form):
    first, second = "aes192-ctr", "aes128-ctr"
    got = run_mpy(
        f"""
        s = connect(ciphers={form.format(first, second)}, macs=("hmac-sha1", "hmac-sha2-512"))
        out((s.algorithms["cipher_in"], s.algorithms["mac_out"]))
        s = connect(ciphers={form.format(second, first)}, macs="hmac-sha2-512,hmac-sha1")
        out((s.algorithms["cipher_in"], s.algorithms["mac_out"]))
        """,
        **sshd.params(),
    ).out
    assert got == [(first, "hmac-sha1"), (second, "hmac-sha2-512")]


def test_cipher_with_disjoint_macs(sshd_with):
    """ATTACKS 17: no MAC in common does not matter to an AEAD cipher."""
    server = sshd_with("MACs umac-64-etm@openssh.com")
    got = run_mpy(
        """
        out(connect().exec("echo in"))
        out(err(_ssh.Session, dial(), ciphers="aes128-ctr"))
        """,
        **server.params(),
    ).out
    assert got[0] == b"in\n"
    assert got[1][0] == "SSHError"
    assert "hmac-sha2-256" in got[1][2] and "umac-64-etm@openssh.com" in got[1][2]


@pytest.mark.parametrize(
    ("option", "theirs", "ours"),
    [
        ("KexAlgorithms diffie-hellman-group18-sha512", "diffie-hellman-group18-sha512",
         "curve25519-sha256"),
        ("Ciphers aes128-cbc", "aes128-cbc", "aes128-ctr"),
        ("HostKeyAlgorithms ssh-rsa", "ssh-rsa", "ssh-ed25519"),
    ],
)  # fmt: skip
def test_nothing_in_common(sshd_with, option, theirs, ours):
    """The message lists both sides' offers."""
    more = {"kind": "rsa"} if "rsa" in option else {}
    server = sshd_with(option, **more)
    kind, code, text = run_mpy("out(err(_ssh.Session, dial()))", **server.params()).one
    assert kind == "SSHError" and code >= 1000
    assert theirs in text and ours in text


def test_server_sees_nothing_but_our_offer(scripted):
    """Our KEXINIT: what algorithms() says, two markers, no compression."""
    seen = []

    def handler(conn):
        conn.sendall(b"SSH-2.0-test\r\n")
        with conn.makefile("rb") as stream:
            ident = stream.readline()
            size = stream.read(4)
            seen.append((ident, stream.read(int.from_bytes(size, "big"))))

    port = scripted(handler)
    kind, _, _ = run_mpy("out(err(_ssh.Session, dial(), timeout=3))", port=port).one
    assert kind in ("SSHError", "OSError")
    wait_until(lambda: seen)
    ident, packet = seen[0]
    assert ident.startswith(b"SSH-2.0-") and len(ident) <= 255
    body = packet[1:]
    assert body[0] == 20
    at, lists = 17, []
    for _ in range(10):
        size = int.from_bytes(body[at : at + 4], "big")
        lists.append(body[at + 4 : at + 4 + size].decode())
        at += 4 + size
    assert lists[0].split(",") == [
        *servers.KEX, "ext-info-c", "kex-strict-c-v00@openssh.com",
    ]  # fmt: skip
    assert lists[1] == ",".join(servers.HOST_KEYS)
    assert lists[2] == lists[3] == ",".join(servers.CIPHERS)
    assert lists[4] == lists[5] and set(lists[4].split(",")) == set(servers.MACS)
    assert lists[6:] == ["none", "none", "", ""]
