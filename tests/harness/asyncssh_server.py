"""asyncssh server for tests: PORT HOSTKEY AUTHORIZED_KEYS PASSWORD.

Runs commands with the shell, has SFTP and SCP.
"""

import asyncio
import contextlib
import logging
import signal
import sys

import asyncssh

PORT, HOSTKEY, AUTHORIZED, PASSWORD = sys.argv[1:5]
ENCRYPTION = ["chacha20-poly1305@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr"]
MACS = [
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
    "hmac-sha1",
]


class Server(asyncssh.SSHServer):
    def password_auth_supported(self):
        return True

    def validate_password(self, username, password):
        return password == PASSWORD


async def copy(reader, writer):
    """Until the end, or until the other end takes no more."""
    with contextlib.suppress(OSError, asyncssh.Error):
        while data := await reader.read(32768):
            writer.write(data)
            await writer.drain()


async def feed(process, child):
    """The client's input."""
    await copy(process.stdin, child.stdin)
    child.stdin.close()


async def run(process):
    """One exec or shell request."""
    if process.subsystem:
        process.exit(1)
        return
    child = await asyncio.create_subprocess_shell(
        process.command or "exec sh",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    feeding = asyncio.create_task(feed(process, child))
    try:
        # Whatever the pipes hold goes out before the status.
        await asyncio.gather(
            copy(child.stdout, process.stdout), copy(child.stderr, process.stderr)
        )
        status = await child.wait()
    finally:
        feeding.cancel()
        if child.returncode is None:
            child.kill()
    if status < 0:
        process.exit_with_signal(signal.Signals(-status).name[3:])
    else:
        process.exit(status)


async def main():
    logging.basicConfig(level=logging.INFO)
    await asyncssh.listen(
        "127.0.0.1",
        int(PORT),
        server_factory=Server,
        server_host_keys=[HOSTKEY],
        authorized_client_keys=AUTHORIZED,
        process_factory=run,
        sftp_factory=asyncssh.SFTPServer,
        allow_scp=True,
        encoding=None,
        kex_algs=["curve25519-sha256", "curve25519-sha256@libssh.org"],
        encryption_algs=ENCRYPTION,
        mac_algs=MACS,
        compression_algs=["none"],
    )
    await asyncio.get_running_loop().create_future()


asyncio.run(main())
