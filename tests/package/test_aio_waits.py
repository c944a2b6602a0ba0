"""Many at once under asyncio; and what becomes of a connection when a wait is given up."""

import textwrap

import pytest
from harness.mpy import Running, run_mpy
from harness.net import Fault
from test_aio import HEAD, aio, plain

pytestmark = [
    pytest.mark.usefixtures("micropython"),
    pytest.mark.unix_only("nothing in it depends on the system"),
]

# TICKS: how late a task that wants to run every 5 ms has come, in ms.
TIMER = """
TICKS = []
async def timer():
    while True:
        before = time.ticks_us()
        await asyncio.sleep_ms(5)
        TICKS.append(time.ticks_diff(time.ticks_us(), before) / 1000 - 5)
"""


def test_twenty_at_once(sshd_with):
    """A timer beside 20 sessions is late by no more than some steps of handshakes."""
    script = (
        HEAD
        + TIMER
        + """
async def one(i):
    async with dialled() as conn:
        data = bytes([65 + i]) * 50000
        done = await asyncio.gather(
            conn.run("cat", input=data), conn.run(f"echo {i}"), conn.run(f"exit {i}")
        )
        return done[0].stdout == data, done[1].stdout, done[2].returncode
async def main():
    # What one handshake takes of the processor, with nothing else in the loop.
    begin = time.ticks_us()
    _ssh.Session(dial(), hostkey=P["fingerprint"]).close()
    shake = time.ticks_diff(time.ticks_us(), begin) / 1000
    task = asyncio.create_task(timer())
    got = await asyncio.gather(*[one(i) for i in range(20)])
    task.cancel()
    out(got == [(True, b"%d\\n" % i, i) for i in range(20)])
    out((shake, max(TICKS), len(TICKS)))
asyncio.run(main())
"""
    )
    server = sshd_with("MaxStartups 100", "MaxSessions 100")
    done = run_mpy(script, heapsize="32m", timeout=60, **server.params())
    assert done.out[0] is True
    shake, late, ticks = done.out[1]
    # All 20 may have a step of their handshake to make in the same turn of the loop.
    assert late < 20 * shake, (shake, late, ticks)
    assert ticks > 3


def test_a_channel_that_nobody_reads(sshd):
    """It holds up neither others of its connection nor the loop."""
    got = aio(
        """
        dead = await conn.create_process("yes")
        await dead.read(1)
        full = await conn.create_process("sleep 60")
        full.write(b"x" * 3000000)
        waits = asyncio.create_task(full.drain())
        data = bytes(range(256)) * 400
        for _ in range(3):
            out((await conn.run("cat", input=data)).stdout == data)
        async with conn.open_sftp() as sftp:
            out((await sftp.stat("/")).st_mode & 0o170000 == 0o040000)
        out((await dead.read(10), waits.done()))
        waits.cancel()
        full.abort()
        out(await caught(full.drain()))
        dead.close()
        await dead.wait_closed()
        """,
        sshd,
        heapsize="16m",
    )
    assert got[:4] == [True] * 4
    assert len(got[4][0]) > 0 and got[4][1] is False


WAITS = {
    "read": ("p = await conn.create_process('sleep 60')", "p.read(1)"),
    "readline": ("p = await conn.create_process('printf part; sleep 60')", "p.readline()"),
    "read all": ("p = await conn.create_process('printf part; sleep 60')", "p.read()"),
    "stderr": ("p = await conn.create_process('sleep 60')", "p.stderr.read(1)"),
    "wait": ("p = await conn.create_process('sleep 60')", "p.wait()"),
    "drain": (
        "p = await conn.create_process('sleep 60')\np.write(bytes(3000000))",
        "p.drain()",
    ),
    "run": ("pass", "conn.run('sleep 60')"),
    "accept": ("pass", "conn.accept()"),
    "wait_closed": ("pass", "conn.wait_closed()"),
}


@pytest.mark.parametrize("name", WAITS)
def test_a_wait_that_is_given_up(name, sshd):
    """By wait_for() and by cancel(): the connection goes on, and nothing that was read is lost."""
    before, wait = WAITS[name]
    got = aio(
        f"""
        {before.replace(chr(10), chr(10) + " " * 8)}
        out((await caught(asyncio.wait_for({wait}, 0.05)))[0])
        task = asyncio.create_task({wait})
        await asyncio.sleep_ms(30)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            out("cancelled")
        out((await conn.run("echo on")).stdout)
        {"out(await p.read(100))" if "part" in before else ""}
        """,
        sshd,
        heapsize="16m",
    )
    assert got[:3] == ["TimeoutError", "cancelled", b"on\n"]
    assert got[3:] == ([b"part"] if "part" in before else [])


REQUESTS = {
    "open": "conn.open_session()",
    "exec": "p.exec('sleep 1')",
    "connect": "conn.open_tcp(HOST, P['port'])",
    "refused": "conn.open_tcp(HOST, 1)",
    "global": "conn.global_request('no@such')",
    "forward": "conn.forward_remote(0, (HOST, 1))",
    "rekey": "conn.rekey()",
    "stat": "sftp.stat('/')",
    "opendir": "sftp.listdir('/')",
    "open file": "sftp.open(P['key'])",
    "read file": "f.read()",
    "write file": "w.write(bytes(200000))",
    "flush": "w.flush()",
    "sftp": "conn.start_sftp_client()",
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_that_is_given_up(name, request, folder):
    """At every moment of it. A late answer is not taken for that to the next one."""
    # AsyncSSH's server drops the connection when an SFTP channel is closed before INIT comes.
    server = request.getfixturevalue("sshd" if name == "sftp" else "asyncssh")
    (folder / "long").write_bytes(bytes(100000))
    got = aio(
        f"""
        sftp = await conn.start_sftp_client()
        for turns in range(0, 60, 3):
            p = await conn.open_session()
            f = await sftp.open(P["folder"] + "/long")
            w = await sftp.open(P["folder"] + "/new", "w")
            async def work():
                return await {REQUESTS[name]}
            task = asyncio.create_task(work())
            for _ in range(turns):
                await asyncio.sleep_ms(0)
            ended = task.done()
            task.cancel()
            try:
                made = await task
            except (Exception, asyncio.CancelledError) as e:
                made = None
            if hasattr(made, "abort"):
                made.abort()
            elif hasattr(made, "close") and not ended:
                r = made.close()
                if r:
                    await r
            p.abort()
            await f.close()
            await w.close()
            assert (await sftp.stat(P["folder"] + "/long")).st_size == 100000
            assert (await conn.run("echo on")).stdout == b"on\\n"
            if made is not None and ended:
                break
        out("well")
        """,
        server,
        folder=str(folder),
        heapsize="32m",
    )
    assert got == ["well"]


def test_connect_given_up(proxy, sshd):
    """A server that stalls at any byte: connect() ends in time, and leaves nothing open."""
    stalls = iter([0, 10, 100, 700, 1000, 1200, 1400])
    line = proxy(sshd.port, lambda n: Fault(down=next(stalls, None), how="stall"))
    got = plain(
        """
        import errno
        for _ in range(7):
            out(await caught(dialled(timeout=0.2)) == ("OSError", errno.ETIMEDOUT))
        conn = await dialled()
        out((await conn.run("echo on")).stdout)
        conn.close()
        """,
        sshd,
        port=line.port,
    )
    assert got == [True] * 7 + [b"on\n"]


DEAD = """
async def main():
    conn = await dialled()
    p = await conn.create_process("echo up; cat")
    out(await p.readline())
    sftp = await conn.start_sftp_client()
    listener = await conn.forward_local(0, (HOST, P["port"]))
    async def one(awaitable):
        out((await caught(awaitable))[0])
    tasks = [asyncio.create_task(one(a)) for a in (
        p.read(), p.wait(), p.stderr.read(1), conn.accept(), conn.run("sleep 60"),
        conn.wait_closed())]
    await asyncio.sleep_ms(50)
    out("all wait")
    for task in tasks:
        await task
    await one(conn.run("id"))
    await one(sftp.stat("/"))
    out((await caught(listener.wait_closed()))[0])
    conn.close()
    out((await caught(conn.run("id")))[1] == _ssh.ERR_CLOSED)
asyncio.run(main())
"""


@pytest.mark.parametrize("how", ["reset", "fin", "silent"])
def test_a_server_that_dies(how, proxy, sshd):
    """All that wait hear of it, with the same error, and what comes later too."""
    line = proxy(sshd.port)
    script = HEAD + DEAD
    if how == "silent":
        script = script.replace(
            "    p = await", "    conn.set_keepalive(0.1, 2)\n    p = await", 1
        )
    with Running(script, **{**sshd.params(), "port": line.port}) as run:
        assert run.value() == b"up\n"
        assert run.value() == "all wait"
        if how == "silent":
            line.hold.set()
        else:
            for conn in line.server.connections:
                if how == "reset":
                    conn.setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")  # SO_LINGER: close() resets
                conn.shutdown(2) if how == "fin" else conn.close()
        kinds = [run.value() for _ in range(6)]
        kind = "SSHError" if how == "fin" else "OSError"
        assert sorted(kinds) == [kind] * 5 + ["none"]
        assert [run.value() for _ in range(4)][2:] == ["none", True]
        assert run.wait() == 0


def test_one_that_never_ends_does_not_keep_others_from_running(sshd):
    """A stream that always has something: others have their turn."""
    got = aio(
        TIMER.replace("\n", "\n        ")
        + """
        task = asyncio.create_task(timer())
        p = await conn.create_process("yes")
        begin = time.ticks_ms()
        size = 0
        while time.ticks_diff(time.ticks_ms(), begin) < 500:
            size += len(await p.read(20000))
        task.cancel()
        p.abort()
        out((size > 1000000, len(TICKS) > 10))
        """,
        sshd,
    )
    assert got == [(True, True)]


def test_nothing_spins(sshd):
    """Two idle connections, with a reader each: no processor time."""
    script = HEAD + textwrap.dedent(
        """
        async def main():
            async with dialled() as a, dialled() as b:
                p = await a.create_process("cat")
                q = await b.create_process("cat")
                tasks = [asyncio.create_task(p.read(1)), asyncio.create_task(q.read(1))]
                await asyncio.sleep_ms(100)
                out("idle")
                await asyncio.StreamReader(sys.stdin.buffer).readline()
                for task in tasks:
                    task.cancel()
        asyncio.run(main())
        """
    )
    import time

    with Running(script, **sshd.params()) as run:
        assert run.value() == "idle"
        before = run.cpu_seconds()
        time.sleep(2)
        assert run.cpu_seconds() - before < 0.1
        run.process.stdin.write(b"\n")
        run.process.stdin.flush()
        assert run.wait() == 0
