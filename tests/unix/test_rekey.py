"""New keys every 64 KiB in the middle of 32 MiB (8 on DOS) of everything, by either side."""

import hashlib
import textwrap

import pytest
from harness.mpy import DOS, run_mpy
from harness.servers import CHACHA

pytestmark = pytest.mark.usefixtures("micropython")

WHOLE = 32 * 1024 * 1024
# An emulated PC works for minutes on what a PC does in seconds.
SIZE = WHOLE // 4 if DOS else WHOLE
# The window bounds what comes between our wish for new keys and the peer's answer.
OURS = {"rekey_bytes": 65536, "window": 131072}
SUITES = [{"ciphers": CHACHA}, {"ciphers": "aes128-ctr", "macs": "hmac-sha2-256"}]
JOBS = {
    "sftp": """
        sftp = s.sftp()
        source, sink = Source(P["size"]), Sink()
        assert sftp.put(source, D + "/big") == P["size"]
        out(s.stats()[2])
        assert sftp.get(D + "/big", sink) == P["size"]
        out(s.stats()[2])
        out(hexed(sink.digest) == hexed(source.digest))
        """,
    "scp": """
        source, sink = Source(P["size"]), Sink()
        assert s.scp_send(D + "/big", 0o644, source, P["size"]) == P["size"]
        out(s.stats()[2])
        assert s.scp_recv(D + "/big", sink) == P["size"]
        out(s.stats()[2])
        out(hexed(sink.digest) == hexed(source.digest))
        """,
    "run": """
        source = Source(P["size"] // 4)
        done = s.run("{ tee /dev/fd/3 3>&1 1>&4 | cat >&2; } 4>&1", stdin=source)
        out(s.stats()[2])
        out(s.stats()[2] + (done.status or 0))
        out(sha(done.stdout) == sha(done.stderr) == hexed(source.digest))
        """,
}


def work(job, server, folder, size, **options):
    head = "s = connect(**P['options'])\nD = P['folder']\n"
    got = run_mpy(
        head + textwrap.dedent(JOBS[job]) + "out(s.exec('echo in'))\n",
        heapsize="1M" if job != "run" else "64M",
        timeout=110,
        size=size,
        options=options,
        folder=str(folder),
        **server.params(),
    ).out
    assert got[2:] == [True, b"in\n"]
    if job != "run":
        block = bytes((i * 7 + (i >> 8) * 13) & 0xFF for i in range(10007))
        digest = hashlib.sha256((block * (size // 10007 + 1))[:size]).digest()
        assert hashlib.sha256((folder / "big").read_bytes()).digest() == digest
    return got[:2]


def least(rekeys):
    """Of so many rekeys in 32 MiB, those in the size that is moved here."""
    return max(rekeys * SIZE // WHOLE, 1)


@pytest.mark.parametrize("suite", SUITES, ids=["chacha", "ctr"])
@pytest.mark.parametrize("job", JOBS)
def test_ours(sshd, folder, job, suite):
    """What is on its way to us when we ask for new keys still comes with the old ones."""
    first, both = work(job, sshd, folder, SIZE, **OURS, **suite)
    if job == "run":
        assert first >= least(100)
    else:
        assert first >= least(400) and both - first >= least(150)


@pytest.mark.parametrize("suite", SUITES, ids=["chacha", "ctr"])
@pytest.mark.parametrize("job", JOBS)
def test_theirs(sshd_with, folder, job, suite):
    """OpenSSH's least is 16 bytes, so 64 KiB is what it asks for; what is on its way meanwhile
    (up to the buffers of both sockets) still goes with the old keys.
    """
    server = sshd_with("RekeyLimit 64K")
    first, both = work(job, server, folder, SIZE, rekey_bytes=0, **suite)
    if job == "run":
        assert first >= least(30)
    else:
        assert first >= least(30) and both - first >= least(150)


def test_both_sides_at_once(sshd_with, folder):
    server = sshd_with("RekeyLimit 64K")
    first, second = work("sftp", server, folder, SIZE // 4, **OURS)
    assert second > first > least(50)


@pytest.mark.parametrize("job", JOBS)
def test_other_servers(server, folder, job):
    if server.name == "openssh":
        pytest.skip("has tests of its own")
    first, _ = work(job, server, folder, SIZE // 8, **OURS)
    # Servers in Python take milliseconds for their NEWKEYS; until it comes no other exchange can
    # begin, and meanwhile a whole window of data goes out with the new keys.
    assert first >= least(10 if server.name == "dropbear" else 2)


def test_by_packets(server):
    got = run_mpy(
        """
        s = connect(rekey_packets=20)
        for i in range(50):
            assert s.exec("echo {}".format(i)) == b"%d\\n" % i
        out(s.stats()[2])
        """,
        **server.params(),
    ).one
    assert 5 <= got <= 60


def test_by_time(sshd):
    got = run_mpy(
        """
        s = connect(rekey_seconds=1)
        c = s.open_session()
        c.exec("for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo $i; sleep 0.2; done")
        out(len(c.readlines()))
        out(s.stats()[2])
        """,
        **sshd.params(),
    ).out
    assert got[0] == 12 and 1 <= got[1] <= 4


def test_on_demand_again_and_again(server):
    got = run_mpy(
        """
        s = connect()
        c = s.open_session()
        c.exec("cat")
        for i in range(40):
            s.rekey()
            c.write(b"%d\\n" % i)
            assert c.readline() == b"%d\\n" % i
        out(s.stats()[2])
        """,
        **server.params(),
    ).one
    # A second request while the first is under way is the same request.
    assert 20 <= got <= 40


def test_before_login(server):
    """In the middle of authentication; OpenSSH takes no KEXINIT there, so that ours must wait."""
    got = run_mpy(
        """
        s = _ssh.Session(dial())
        s.rekey()
        err(s.userauth_none, P["user"])
        s.rekey()
        s.userauth_publickey(P["user"], load(P["key"]))
        out(s.exec("echo in"))
        """,
        **server.params(),
    ).one
    assert got == b"in\n"


def test_idle_session_answers_the_server(sshd_with):
    """pump() is enough for a rekey that the server starts by time."""
    server = sshd_with("RekeyLimit default 1s", "ClientAliveInterval 1", "ClientAliveCountMax 2")
    got = run_mpy(
        """
        s = connect()
        start = time.ticks_ms()
        while time.ticks_diff(time.ticks_ms(), start) < 4000:
            s.pump()
            time.sleep_ms(20)
        out(s.exec("echo in"))
        """,
        **server.params(),
    ).one
    assert got == b"in\n"
