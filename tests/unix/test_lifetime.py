"""Many sessions: one after the other, at once, dropped; nothing grows, nothing leaks."""

import pytest
from harness.mpy import run_mpy
from harness.net import wait_until

pytestmark = pytest.mark.usefixtures("micropython")

USE = """
def rss():
    for line in open("/proc/self/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1])
def files():
    return len(os.listdir("/proc/self/fd"))
"""


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_1000_connections_in_a_row(asyncssh):
    """With a command each; no growth of memory or open files after the first fifty."""
    got = run_mpy(
        USE
        + """
def once(i):
    sock = dial()
    with _ssh.Session(sock, hostkey=P["fingerprint"]) as s:
        s.userauth_publickey(P["user"], key)
        assert s.exec("echo {}".format(i)) == b"%d\\n" % i
    sock.close()
key = load(P["key"])
for i in range(50):
    once(i)
gc.collect()
out((gc.mem_alloc(), rss(), files()))
for i in range(950):
    once(i)
gc.collect()
out((gc.mem_alloc(), rss(), files()))
""",
        timeout=220,
        **asyncssh.params(),
    ).out
    (heap, memory, descriptors), (heap2, memory2, descriptors2) = got
    assert descriptors2 == descriptors
    assert heap2 <= heap + 2000
    assert memory2 <= memory + 500


def test_failed_logins_and_handshakes_leak_nothing(asyncssh, scripted):
    got = run_mpy(
        USE
        + """
def once():
    sock = dial()
    err(_ssh.Session, sock, hostkey="SHA256:" + "A" * 43)
    sock.close()
    sock = dial()
    s = _ssh.Session(sock)
    err(s.userauth_publickey, P["user"], load(P["other"]))
    err(s.userauth_publickey, P["user"], b"no key")
    sock.close()
    sock = dial(P["bad"])
    err(_ssh.Session, sock)
    sock.close()
for i in range(20):
    once()
gc.collect()
out((gc.mem_alloc(), rss(), files()))
for i in range(100):
    once()
gc.collect()
out((gc.mem_alloc(), rss(), files()))
""",
        timeout=60,
        bad=scripted(lambda conn: conn.sendall(b"HTTP/1.0 400 no\r\n\r\n")),
        other=str(asyncssh.site.key2),
        **asyncssh.params(),
    ).out
    (heap, memory, descriptors), (heap2, memory2, descriptors2) = got
    assert descriptors2 == descriptors
    assert heap2 <= heap + 2000
    assert memory2 <= memory + 500


def test_many_sessions_at_once(server):
    """Opened, used and closed in any order."""
    got = run_mpy(
        """
        sessions = [connect() for i in range(8)]
        channels = [s.open_session() for s in sessions]
        for i, c in enumerate(channels):
            c.exec("read x; echo {} $x".format(i))
        for i in (5, 0, 7, 3, 1, 6, 2, 4):
            channels[i].write(b"hello\\n")
            assert channels[i].readline() == b"%d hello\\n" % i
        for i in (3, 6, 0):
            sessions[i].close()
        for i in (7, 1, 2, 4, 5):
            assert sessions[i].exec("echo {}".format(i)) == b"%d\\n" % i
            if i == 2:
                sessions.append(connect())
        for s in sessions:
            s.close()
        out("end")
        """,
        heapsize="16M",
        timeout=60,
        **server.params(),
    ).one
    assert got == "end"


def test_dropped_session_is_freed(server):
    """Sessions, channels, SFTP and files without a close(): far more than the heap holds."""
    got = run_mpy(
        """
        def use(n):
            sock = dial()
            s = _ssh.Session(sock, hostkey=P["fingerprint"])
            s.userauth_publickey(P["user"], key)
            c = s.open_session()
            c.exec("cat")
            sftp = s.sftp()
            f = sftp.open("/etc/passwd")
            f.read(1)
            sockets.append(sock)
        key = load(P["key"])
        sockets = []
        for i in range(60):
            use(i)
            if i % 5 == 4:
                gc.collect()
                while sockets:
                    sockets.pop().close()
        gc.collect()
        gc.collect()
        out(gc.mem_alloc() < 300000)
        """,
        heapsize="4M",
        timeout=60,
        **server.params(),
    ).one
    assert got is True


def test_objects_keep_what_they_need(sshd):
    """Only the innermost object is held."""
    got = run_mpy(
        """
        def make():
            return connect().sftp().open("/etc/passwd")
        def listing():
            return connect().sftp().opendir("/etc")
        def stderr():
            c = connect().open_session()
            c.exec("sleep 0.2; echo e >&2")
            return c.stderr
        f, d, e = make(), listing(), stderr()
        for i in range(10):
            gc.collect()
            [bytearray(2000) for _ in range(200)]
        out(f.readline())
        out(len(list(d)) > 5)
        out(e.read())
        """,
        heapsize="8M",
        **sshd.params(),
    ).out
    assert got[0].startswith(b"root:")
    assert got[1:] == [True, b"e\n"]


def test_collection_during_everything(sshd, folder):
    """A collection at nearly every allocation; ATTACKS 70."""
    got = run_mpy(
        """
        gc.threshold(512)
        s = connect()
        out(s.run("cat", stdin=Source(100000)).status)
        with s.sftp() as sftp:
            source, sink = Source(300000), Sink()
            path = P["folder"] + "/x"
            sftp.put(source, path)
            sftp.get(path, sink)
            out(hexed(source.digest) == hexed(sink.digest))
            out(len(sftp.listdir("/etc")) > 5)
        out(err(s.scp_recv, "/missing")[0] != "none")
        s.close()
        """,
        timeout=60,
        folder=str(folder),
        **sshd.params(),
    ).out
    assert got == [0, True, True, True]


def test_heap_of_every_size(sshd):
    """Too small for a session: MemoryError, never a half-open session or a crash; ATTACKS 70."""
    seen = []
    for kib in [*range(16, 160, 4), 200, 300, 400, 600]:
        got = run_mpy(
            """
            try:
                s = None
                sock = dial()
                s = connect()
                s.exec("echo hello")
                sftp = s.sftp()
                f = sftp.open("/etc/passwd")
                f.read(10)
                print("OUT 'good'")
            except MemoryError:
                f = sftp = s = None
                print("OUT 'memory'")
            """,
            heapsize=f"{kib}K",
            check=False,
            **sshd.params(),
        )
        # The smallest ones cannot even load the test's own module.
        assert got.returncode >= 0, (kib, got.stderr)
        if not got.out:
            assert "MemoryError" in got.stderr + got.stdout, (kib, got.stderr, got.stdout)
            continue
        seen.append(got.one)
    assert "good" in seen
    assert seen == sorted(seen, reverse=True), "a larger heap fails where a smaller one did not"


def test_allocation_failure_at_every_call(asyncssh):
    """The heap is full but for n blocks, for many n: MemoryError or success; ATTACKS 70."""
    got = run_mpy(
        """
        key = load(P["key"])
        def attempt(session, name):
            try:
                if name == "exec":
                    return session.exec("echo hello") == b"hello\\n"
                if name == "run":
                    return session.run("cat", stdin=b"hello").stdout == b"hello"
                with session.sftp() as sftp:
                    return len(sftp.listdir("/")) > 3
            except MemoryError:
                return None
        counts = {}
        for name in ("exec", "run", "sftp"):
            s = connect()
            for size in range(0, 120000, 1009):
                gc.collect()
                hog = None
                ballast = bytearray(size)
                hog = []
                step = 1 << 20
                while step >= 32:
                    try:
                        hog.append(bytearray(step))
                    except MemoryError:
                        step >>= 1
                ballast = None
                result = attempt(s, name)
                hog = None
                counts[(name, result)] = counts.get((name, result), 0) + 1
            gc.collect()
            assert s.exec("echo after") == b"after\\n"
            s.close()
            s = None
            gc.collect()
        out(counts)
        """,
        heapsize="1M",
        timeout=90,
        **asyncssh.params(),
    ).one
    assert all(result in (True, None) for _, result in got), got


def test_server_sees_a_clean_end(sshd):
    start = len(sshd.log())
    run_mpy("connect().close()", **sshd.params())
    wait_until(lambda: "disconnect" in sshd.log()[start:].lower(), sshd.log)
    assert "Received disconnect" in sshd.log()[start:]
    assert ":11:" in sshd.log()[start:]


@pytest.mark.slow
def test_200_channels_in_a_row(server):
    got = run_mpy(
        """
        s = connect()
        s.exec("true")
        gc.collect()
        before = gc.mem_alloc()
        for i in range(P["count"]):
            assert s.exec("echo {}".format(i)) == b"%d\\n" % i
        gc.collect()
        out((gc.mem_alloc() - before, s.stats()[3]))
        """,
        timeout=100,
        count=200,
        **server.params(),
    ).one
    assert got[0] < 2000 and got[1] == 0
