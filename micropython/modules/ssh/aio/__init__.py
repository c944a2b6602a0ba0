"""SSH under asyncio: any number of connections, channels and files in one loop.

    from ssh import aio

    async with aio.connect("10.0.2.2", username="me", password="secret") as conn:
        done = await conn.run("uname -a", check=True)
        async with conn.create_process("sort") as process:
            process.stdin.write(b"b\\na\\n")
            process.stdin.write_eof()
            print(await process.stdout.read())

Names are those of AsyncSSH where it has the same thing. Nothing waits but coroutines; of those
each can be cancelled or given a time with asyncio.wait_for(), and the connection goes on.
"""

from ssh.aio.channel import Channel
from ssh.aio.connection import Connection, connect

__all__ = ("Channel", "Connection", "connect")
