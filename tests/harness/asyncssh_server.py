"""asyncssh server for tests: PORT HOSTKEY AUTHORIZED_KEYS PASSWORD.

Runs commands with the shell, has SFTP and SCP, forwards connections, X11 and the agent.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys

import asyncssh

PORT, HOSTKEY, AUTHORIZED, PASSWORD = sys.argv[1:5]
KEX = [
    "mlkem768x25519-sha256",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group14-sha256",
]
ENCRYPTION = [
    "chacha20-poly1305@openssh.com",
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
]
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

    def connection_requested(self, dest_host, dest_port, orig_host, orig_port):
        return True

    def server_requested(self, listen_host, listen_port):
        return listen_host != "refused"

    def unix_connection_requested(self, dest_path):
        return True

    def unix_server_requested(self, listen_path):
        return True


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


def forwarded(process):
    """What tells a program where the forwarded display and agent are."""
    found = {"SSH_AUTH_SOCK": process.channel.get_agent_path()}
    found["DISPLAY"] = process.channel.get_x11_display()
    return {name: value for name, value in found.items() if value}


async def run(process):
    """One exec or shell request."""
    if process.subsystem:
        process.exit(1)
        return
    child = await asyncio.create_subprocess_shell(
        process.command or "exec sh",
        env={**os.environ, **forwarded(process)},
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
        agent_forwarding=True,
        x11_forwarding=True,
        encoding=None,
        kex_algs=KEX,
        encryption_algs=ENCRYPTION,
        mac_algs=MACS,
        compression_algs=["none"],
    )
    await asyncio.get_running_loop().create_future()


asyncio.run(main())
