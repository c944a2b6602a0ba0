"""The same text under AsyncSSH and under ssh.aio: where names are alike, both do the same."""

import asyncio
import textwrap

import asyncssh as theirs
import pytest
from test_aio import aio

pytestmark = [
    pytest.mark.usefixtures("micropython"),
    pytest.mark.unix_only("nothing in it depends on the system"),
]

OURS = """
binary = {}
"""


async def their_side(snippet, server, names):
    """What the snippet gives to out() with a connection of AsyncSSH."""
    found = []
    text = "async def work(conn, out, P, binary, asyncio):\n" + textwrap.indent(snippet, "    ")
    space = {}
    exec(text, space)
    async with theirs.connect(
        "127.0.0.1",
        server.port,
        username=server.user,
        client_keys=[str(server.site.key)],
        known_hosts=None,
        agent_path=None,
    ) as conn:
        await space["work"](conn, found.append, names, {"encoding": None}, asyncio)
    return found


@pytest.fixture
def both(sshd, folder):
    def run(snippet, **names):
        snippet = textwrap.dedent(snippet)
        sides = []
        for side in ("theirs", "ours"):
            place = folder / side
            place.mkdir(mode=0o777)
            place.chmod(0o777)
            mine = {**names, "folder": str(place)}
            if side == "theirs":
                sides.append(asyncio.run(their_side(snippet, sshd, mine)))
            else:
                sides.append(aio(OURS + snippet, sshd, **mine))
        assert sides[1] == sides[0]
        assert sides[0]

    return run


def test_processes(both):
    both(
        """
        done = await conn.run("echo out; echo err >&2; exit 3", **binary)
        out((done.stdout, done.stderr, done.returncode))
        done = await conn.run("cat", input=b"in", **binary)
        out((done.stdout, done.stderr, done.returncode))
        async with conn.create_process("cat; exit 5", **binary) as p:
            out((p.exit_status, p.exit_signal, p.returncode))
            p.stdin.write(b"one\\ntwo three\\nfour")
            await p.stdin.drain()
            out(await p.stdout.readline())
            out(await p.stdout.readuntil(b" "))
            out(await p.stdout.readexactly(4))
            out(p.stdin.can_write_eof())
            p.stdin.write_eof()
            out(await p.stdout.read(3))
            out(await p.stdout.read())
            out(await p.stdout.read())
            out(await p.stdout.readline())
            await p.wait()
            out((p.exit_status, p.returncode))
        async with conn.create_process("cat >/dev/null; echo e >&2", **binary) as p:
            out(await p.communicate(b"text"))
        async with conn.create_process("printf 'a\\\\nb\\\\nc'", **binary) as p:
            lines = []
            async for line in p.stdout:
                lines.append(line)
            out(lines)
        async with conn.create_process("echo up; exec sleep 60", **binary) as p:
            await p.stdout.readline()
            p.terminate()
            await p.wait()
            out((p.exit_signal and p.exit_signal[0:1] != "", p.returncode))
        async with conn.create_process("kill -KILL $$", **binary) as p:
            await p.wait()
            out(p.returncode)
        """
    )


def test_errors(both):
    both(
        """
        async def kind(awaitable):
            try:
                await awaitable
            except asyncio.TimeoutError:
                return "TimeoutError"
            except OSError as e:
                return "OSError"
            except Exception as e:
                return type(e).__name__
            return "none"
        out(await kind(conn.run("exit 1", check=True)))
        out(await kind(asyncio.wait_for(conn.run("sleep 60"), 0.2)))
        conn.close()
        await conn.wait_closed()
        out(conn.is_closed())
        """
    )


def test_files(both):
    both(
        """
        D = P["folder"]
        async with conn.start_sftp_client() as sftp:
            async with sftp.open(D + "/a", "wb") as f:
                out(await f.write(b"0123456789"))
                out(await f.tell())
                out(await f.write(b"x", 3))
                out(await f.tell())
                out(await f.seek(0))
            async with sftp.open(D + "/a", "rb") as f:
                out(await f.read(4))
                out(await f.read(3, 5))
                out(await f.tell())
                out(await f.seek(-2, 2))
                out(await f.read())
                out(await f.read())
            async with sftp.open(D + "/a", "ab") as f:
                await f.write(b"end")
            async with sftp.open(D + "/a", "r+b") as f:
                await f.truncate(12)
            out(await sftp.getsize(D + "/a"))
            for n in ("/a", "/b", "/"):
                out(await sftp.exists(D + n))
                out(await sftp.isdir(D + n))
                out(await sftp.isfile(D + n))
            await sftp.makedirs(D + "/x/y/z")
            await sftp.makedirs(D + "/x/y/z", exist_ok=True)
            out(await sftp.isdir(D + "/x/y/z"))
            await sftp.chdir(D + "/x")
            out((await sftp.getcwd())[len(D):])
            out((await sftp.realpath("y/.."))[len(D):])
            await sftp.rename(D + "/a", "b")
            await sftp.symlink("b", "l")
            out(await sftp.readlink("l"))
            await sftp.link("b", "c")
            await sftp.posix_rename("c", "d")
            await sftp.chmod("d", 0o600)
            await sftp.utime("d", (1000, 2000))
            await sftp.truncate("d", 2)
            out(await sftp.getsize("b"))
            out(sorted(n for n in await sftp.listdir() if n[:1] != "."))
            await sftp.remove("b")
            await sftp.unlink("d")
            await sftp.rmdir("y/z")
            out(await sftp.exists("y/z"))
        """
    )


def test_connections(both, echo_port):
    both(
        """
        reader, writer = await conn.open_connection("127.0.0.1", P["echo"])
        writer.write(b"there and back")
        out(await reader.readexactly(14))
        writer.write_eof()
        out(await reader.read())
        writer.close()
        await writer.wait_closed()
        out(writer.is_closing())
        listener = await conn.forward_local_port("127.0.0.1", 0, "127.0.0.1", P["echo"])
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.get_port())
        writer.write(b"local")
        await writer.drain()
        out(await reader.readexactly(5))
        writer.close()
        listener.close()
        await listener.wait_closed()
        listener = await conn.forward_remote_port("127.0.0.1", 0, "127.0.0.1", P["echo"])
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.get_port())
        writer.write(b"remote")
        await writer.drain()
        out(await reader.readexactly(6))
        writer.close()
        listener.close()
        await listener.wait_closed()
        """,
        echo=echo_port,
    )
