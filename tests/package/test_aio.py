"""ssh.aio: each verb against real servers."""

import hashlib
import textwrap

import pytest
from harness import agents
from harness.mpy import run_mpy

pytestmark = [
    pytest.mark.usefixtures("micropython"),
    pytest.mark.unix_only("nothing in it depends on the system"),
]

HEAD = """
import asyncio
from ssh import aio
import ssh
def dialled(**more):
    more.setdefault("hostkey", P["fingerprint"])
    more.setdefault("key_filename", P["key"])
    more.setdefault("port", P["port"])
    more.setdefault("username", P["user"])
    return aio.connect(HOST, agent=False, **more)
async def lines(stream):
    found = []
    async for line in stream:
        found.append(line)
    return found
async def caught(awaitable):
    try:
        return ("none", await awaitable)
    except Exception as e:
        return (type(e).__name__, e.args[0] if e.args else None)
"""


def aio(script, server, timeout=30, **more):
    """What a script leaves that runs in a coroutine with a connection `conn`."""
    body = textwrap.indent(textwrap.dedent(script), "        ")
    text = HEAD + "async def main():\n    async with dialled() as conn:\n" + body
    return run_mpy(
        text + "\nasyncio.run(main())\n", timeout=timeout, **{**server.params(), **more}
    ).out


def plain(script, server, timeout=30, **more):
    """The same without a connection."""
    text = HEAD + "async def main():\n" + textwrap.indent(textwrap.dedent(script), "    ")
    return run_mpy(
        text + "\nasyncio.run(main())\n", timeout=timeout, **{**server.params(), **more}
    ).out


def test_run(server):
    got = aio(
        """
        done = await conn.run("echo out; echo err >&2; exit 3")
        out((done.stdout, done.stderr, done.returncode, done.signal))
        done = await conn.run("cat", input="some text", encoding="utf-8", check=True)
        out(done.stdout)
        out((await caught(conn.run("exit 4", check=True)))[0])
        data = bytes(range(256)) * 1000
        out((await conn.run("cat", input=data)).stdout == data)
        """,
        server,
    )
    assert got == [(b"out\n", b"err\n", 3, None), "some text", "ProcessError", True]


def test_process(server):
    got = aio(
        """
        async with conn.create_process("cat; echo err >&2; exit 5") as p:
            out((p.exit_status, p.returncode))
            p.stdin.write(b"one\\ntwo ")
            p.stdin.write("three\\n")
            p.stdin.writelines([b"fo", b"ur"])
            await p.stdin.drain()
            out(await p.stdout.readline())
            out(await p.stdout.readexactly(3))
            out(await p.stdout.readuntil(b"ee\\n"))
            p.stdin.write_eof()
            out(await p.stdout.read(2))
            out((await p.stdout.read(), await p.stdout.read(), await p.stdout.readline()))
            out((await p.stderr.read(), await p.wait(), p.exit_status, p.returncode))
        out(p.is_closing())
        async with conn.create_process("printf 'a\\\\nb\\\\nc'") as p:
            out(await lines(p.stdout))
        async with conn.create_process("printf abc") as p:
            out(await caught(p.stdout.readexactly(5)))
            buf = bytearray(5)
            out((await p.stdout.readinto(buf), bytes(buf), await p.stdout.readinto(buf)))
        p = await conn.create_process("cat; cat >&2 /dev/null; exit 1")
        out(await p.communicate(b"x" * 10))
        out(await p.wait())
        out((await caught(p.wait(check=True)))[0])
        p.close()
        await p.wait_closed()
        out(conn.session.stats()[3])
        """,
        server,
    )
    assert got[:6] == [
        (None, None),
        b"one\n",
        b"two",
        b" three\n",
        b"fo",
        (b"ur", b"", b""),
    ]
    assert got[6:9] == [(b"err\n", 5, 5, 5), True, [b"a\n", b"b\n", b"c"]]
    assert got[9:12] == [("EOFError", None), (3, b"abc\0\0", 0), (b"x" * 10, b"")]
    assert got[12:14] == [1, "ProcessError"]


def test_terminal_environment_and_signals(sshd_with):
    got = aio(
        """
        async with conn.create_process(term="vt100", size=(70, 20)) as p:
            await p.window_change(100, 30)
            p.write("stty size; exit 7\\n")
            out(b"30 100" in await p.read())
            out(await p.wait())
        out((await caught(conn.run("id", env={"NOT_TAKEN": "1"})))[1] == _ssh.ERR_REQUEST_REFUSED)
        out((await conn.run("echo $LC_X", env={"LC_X": "given"})).stdout)
        async with conn.create_process("echo up; exec sleep 60") as p:
            out(await p.readline())
            p.terminate()
            out((await p.wait(), p.exit_signal, p.returncode))
        async with conn.create_process(subsystem="sftp") as p:
            p.write(bytes([0, 0, 0, 5, 1, 0, 0, 0, 3]))
            out((await p.readexactly(9))[4:])
        """,
        sshd_with("AcceptEnv LC_*"),
    )
    assert got == [True, 7, True, b"given\n", b"up\n", (None, "TERM", -15), b"\2\0\0\0\3"]


def test_the_rest_of_a_connection(sshd):
    got = aio(
        """
        out(repr(conn) == f"<aio.Connection to {HOST}:{P['port']}>")
        out((await caught(conn.global_request("no@such")))[1] == _ssh.ERR_REQUEST_REFUSED)
        await conn.rekey()
        out(conn.session.stats()[2])
        out(conn.get_extra_info("hostkey_fingerprint") == P["fingerprint"])
        out(len(await conn.host_keys()) > 0)
        await caught(conn.ping(b"x"))
        out(conn.is_closed())
        conn.close()
        await conn.wait_closed()
        out((conn.is_closed(), (await caught(conn.run("id")))[1] == _ssh.ERR_CLOSED))
        """,
        sshd,
    )
    assert got == [True, True, 1, True, True, False, (True, True)]


def test_connect(sshd, folder):
    """The host is checked; what goes wrong is what ssh.connect() raises."""
    known = folder / "known_hosts"
    got = plain(
        """
        import errno
        out((await caught(dialled(hostkey=None, known_hosts="/none")))[0])
        out((await caught(dialled(hostkey="SHA256:" + "A" * 43)))[1] == _ssh.ERR_HOST_KEY_REJECTED)
        out((await caught(dialled(key_filename=None, password="wrong")))[0])
        out(await caught(dialled(port=1)) == ("OSError", errno.ECONNREFUSED))
        conn = await dialled(hostkey=None, known_hosts=P["known"])
        out((await conn.run("echo in")).stdout)
        key = ssh.PKey(data=conn.session.hostkey)
        conn.close()
        async with dialled(hostkey=key) as other:
            out((await other.run("echo in")).stdout)
        async with dialled(key_filename=None, key=load(P["key"]).decode(), timeout=None) as conn:
            out((await conn.run("echo in")).stdout)
        """,
        sshd,
        known=str(write_known(known, sshd)),
    )
    assert got == [
        "HostKeyError",
        True,
        "AuthenticationException",
        True,
        b"in\n",
        b"in\n",
        b"in\n",
    ]


def write_known(path, server):
    path.write_text(f"[127.0.0.1]:{server.port} {server.public}\n")
    return path


def test_other_logins(logins):
    got = plain(
        """
        async def login(user, **more):
            conn = await aio.connect(
                HOST, P["port"], username=user, hostkey=P["fingerprint"], agent=False, **more
            )
            out((await conn.run("id")).stdout)
            conn.close()
        await login("ask", interactive=lambda name, text, prompts: [P["password"]])
        await login("any", password=P["password"])
        """,
        logins,
    )
    assert got == [b"in\n", b"in\n"]


def test_an_agent(sshd):
    with agents.full_agent(sshd.site, {"id": sshd.site.key}) as agent:
        got = plain(
            """
            from ssh import agent
            keys = agent.connect(P["agent"])
            conn = await aio.connect(HOST, P["port"], username=P["user"],
                hostkey=P["fingerprint"], agent=keys, known_hosts=())
            out((await conn.run("echo in")).stdout)
            conn.close()
            """,
            sshd,
            agent=str(agent.path),
        )
    assert got == [b"in\n"]


def test_through_another_host(sshd, asyncssh):
    """One connection runs through a channel of another; both are used at once."""
    got = aio(
        """
        async with dialled(port=P["inner"], hostkey=P["innerkey"], username=P["inneruser"],
            tunnel=conn) as inner:
            data = bytes(range(256)) * 500
            both = await asyncio.gather(
                inner.run("cat", input=data), conn.run("cat", input=data), inner.run("echo 1")
            )
            out([done.stdout == data for done in both[:2]])
            out(both[2].stdout)
        out((await conn.run("echo still")).stdout)
        """,
        asyncssh,
        inner=sshd.port,
        innerkey=sshd.fingerprint,
        inneruser=sshd.user,
    )
    assert got == [[True, True], b"1\n", b"still\n"]


def test_jumps_by_name(sshd, asyncssh, tmp_path):
    """One host on the way, and two, with users of their own; they are closed along."""
    file = tmp_path / "known"
    file.write_text("".join(f"[127.0.0.1]:{s.port} {s.public}\n" for s in (sshd, asyncssh)))
    got = plain(
        """
        one = P["user"] + "@127.0.0.1:%d" % P["port"]
        for jump in (one, one + ",tester@127.0.0.1:%d" % P["second"]):
            async with aio.connect(HOST, P["port"], username=P["user"], key_filename=P["key"],
                    known_hosts=P["known"], agent=False, proxy_jump=jump) as conn:
                out((await conn.run("echo far")).stdout)
                via = conn.via
            await via.wait_closed()
            out(via.closed)
        """,
        sshd,
        second=asyncssh.port,
        known=str(file),
        heapsize="16m",
    )
    assert got == [b"far\n", True] * 2


def test_sftp(server, folder):
    got = aio(
        """
        import errno
        D = P["folder"]
        async with conn.start_sftp_client() as sftp:
            data = bytes(range(256)) * 400
            async with sftp.open(D + "/a", "w") as f:
                out((await f.write(data), await f.tell()))
            async with sftp.open(D + "/a") as f:
                out(await f.read() == data)
                out((await f.read(3, 10), await f.tell(), await f.seek(-2, 2), await f.read()))
                out((await f.stat()).st_size)
                buf = bytearray(4)
                await f.seek(5)
                out((await f.readinto(buf), bytes(buf)))
            out((await sftp.stat(D + "/a")).st_size)
            out((await caught(sftp.stat(D + "/no")), (await caught(sftp.open(D + "/no")))))
            await sftp.mkdir(D + "/dir")
            await sftp.makedirs(D + "/dir/x/y")
            await sftp.makedirs(D + "/dir/x", exist_ok=True)
            out((await sftp.isdir(D + "/dir/x/y"), await sftp.isfile(D + "/a"),
                await sftp.exists(D + "/no")))
            await sftp.rename(D + "/a", D + "/b")
            await sftp.symlink(D + "/b", D + "/l")
            out((await sftp.readlink(D + "/l") == D + "/b", sorted(await sftp.listdir(D))))
            await sftp.truncate(D + "/b", 100)
            await sftp.chmod(D + "/b", 0o600)
            await sftp.utime(D + "/b", (1000, 2000))
            a = await sftp.stat(D + "/b")
            out((a.st_size, a.st_mode & 0o777, a.st_mtime))
            await sftp.chdir(D)
            out((await sftp.getcwd() == await sftp.realpath("."), (await sftp.stat("b")).st_size))
            async with sftp.open("lines", "w") as f:
                await f.write("one\\ntwo\\nthree")
            async with sftp.open("lines") as f:
                out(await lines(f))
            async with sftp.open("lines", "a") as f:
                await f.write("!")
                await f.flush()
            async with sftp.open("lines", "r+") as f:
                await f.seek(3)
                out((await f.truncate(), await f.read()))
            await sftp.remove("lines")
            await sftp.unlink("l")
            await sftp.rmdir("dir/x/y")
            out(sorted(await sftp.listdir()))
        """,
        server,
        folder=str(folder),
    )
    size = 102400
    assert got[:4] == [
        (size, size),
        True,
        (b"\n\x0b\x0c", 13, size - 2, b"\xfe\xff"),
        size,
    ]
    assert got[4:7] == [(4, b"\5\6\7\x08"), size, (("OSError", 2), ("OSError", 2))]
    assert got[7:10] == [(True, True, False), (True, ["b", "dir", "l"]), (100, 0o600, 2000)]
    assert got[10:] == [(True, 100), [b"one\n", b"two\n", b"three"], (3, b""), ["b", "dir"]]


def test_sftp_files(sshd, folder, tmp_path):
    """Many at once over one SFTP channel, and from and to local files."""
    (folder / "big").write_bytes(bytes(range(256)) * 2000)
    got = aio(
        """
        D, L = P["folder"], P["local"]
        async with conn.open_sftp() as sftp:
            steps = []
            out(await sftp.get(D + "/big", L + "/big", lambda done, size: steps.append(size)))
            out((len(steps) > 3, set(steps)))
            out(await sftp.put(L + "/big", D + "/back"))
            async def copy(i):
                sink = Sink()
                n = await sftp.getfo(D + "/big", sink)
                async with sftp.open(f"{D}/w{i}", "w") as f:
                    for _ in range(20):
                        await f.write(bytes([65 + i]) * 3000)
                return n, hexed(sink.digest), (await sftp.stat(f"{D}/w{i}")).st_size
            out(set(await asyncio.gather(*[copy(i) for i in range(8)])))
            names = 0
            async for name, attrs in sftp.scandir(D):
                names += attrs.st_size > 0
            async with sftp.scandir(D) as found:
                async for name, attrs in found:
                    break
            out(names)
        """,
        sshd,
        folder=str(folder),
        local=str(tmp_path),
        heapsize="8m",  # each file that is read has a buffer of 256 KiB
    )
    size = 512000
    digest = hashlib.sha256((folder / "big").read_bytes()).hexdigest()
    assert got == [size, (True, {size}), size, {(size, digest, 60000)}, 10]
    assert (folder / "back").read_bytes() == (folder / "big").read_bytes()
    assert (folder / "w3").read_bytes() == b"D" * 60000
