"""The benchmarks' asyncssh client: PORT USER KEYFILE HOSTKEY CIPHER MAC OPERATION REMOTE LOCAL"""

import asyncio
import sys
import time
from pathlib import Path

import asyncssh

port, user, keyfile, hostkey, cipher, mac, operation, remote, local = sys.argv[1:]


class Counter(asyncssh.SSHClientSession):
    """The way with the least work: no stream, data is only counted."""

    def __init__(self):
        self.total = 0

    def data_received(self, data, datatype):
        self.total += len(data)


async def do_exec(connection):
    channel, counter = await connection.create_session(Counter, "cat " + remote, encoding=None)
    await channel.wait_closed()
    return counter.total


async def do_connect(connection):
    await connection.run("true", check=True)
    return 0


async def do_channels(connection):
    command = f"head -c {256 * 1024} {remote}"
    opened = [await connection.create_session(Counter, command, encoding=None) for _ in range(100)]
    for channel, _ in opened:
        await channel.wait_closed()
    return sum(counter.total for _, counter in opened)


async def do_small_get(connection):
    async with connection.start_sftp_client() as sftp:
        await sftp.get(remote, f"{local}/copy", recurse=True)
    return sum(path.stat().st_size for path in Path(local, "copy").iterdir())


async def do_small_put(connection):
    async with connection.start_sftp_client() as sftp:
        await sftp.put(local, f"{remote}/copy", recurse=True)
    return sum(path.stat().st_size for path in Path(local).iterdir())


async def do_sftp_get(connection):
    total = 0

    def progress(_source, _target, done, _size):
        nonlocal total
        total = done

    async with connection.start_sftp_client() as sftp:
        await sftp.get(remote, local, progress_handler=progress)
    return total


async def do_sftp_put(connection):
    async with connection.start_sftp_client() as sftp:
        await sftp.put(local, remote)
    return Path(local).stat().st_size


async def do_scp_get(connection):
    total = 0

    def progress(_source, _target, done, _size):
        nonlocal total
        total = done

    await asyncssh.scp((connection, remote), local, progress_handler=progress)
    return total


async def do_scp_put(connection):
    await asyncssh.scp(local, (connection, remote))
    return Path(local).stat().st_size


async def main():
    async with asyncssh.connect(
        "127.0.0.1",
        int(port),
        username=user,
        client_keys=[keyfile],
        known_hosts=([asyncssh.import_public_key(hostkey)], [], []),
        config=None,
        agent_path=None,
        kex_algs=["curve25519-sha256"],
        encryption_algs=[cipher],
        mac_algs=[mac],
        compression_algs=None,
    ) as connection:
        print("done", await globals()["do_" + operation](connection))


print("start", time.monotonic(), time.process_time(), flush=True)
asyncio.run(main())
