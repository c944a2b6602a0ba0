"""The scripted peer, left alone, is a correct SSH server: OpenSSH and asyncssh say so.

Without this, a test that ends in an error would prove nothing about the client.
"""

import asyncio
import os
import shutil
import subprocess

import pytest
import sshcrypto
from adv_run import PeerServer
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from peer import PASSWORD, USER, key_blob

SUITES = [("chacha20-poly1305@openssh.com", None)]
SUITES += [("aes128-gcm@openssh.com", None), ("aes256-gcm@openssh.com", None)]
SUITES += [("aes128-ctr", mac) for mac in sshcrypto.MACS]
SUITES += [("aes192-ctr", "hmac-sha2-256"), ("aes256-ctr", "hmac-sha2-512-etm@openssh.com")]


@pytest.fixture(scope="module")
def user_key(tmp_path_factory):
    key = Ed25519PrivateKey.generate()
    path = tmp_path_factory.mktemp("key") / "id"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.OpenSSH,
            serialization.NoEncryption(),
        )
    )
    path.chmod(0o600)
    return path, key_blob(key)


def openssh(program, port, tail, extra=(), **kw):
    if not shutil.which(program):
        pytest.fail(program + " is not installed")
    flag = "-P" if program == "sftp" else "-p"
    command = [
        program,
        flag,
        str(port),
        "-F",
        "none",
        "-oStrictHostKeyChecking=no",
        "-oUserKnownHostsFile=/dev/null",
        "-oLogLevel=ERROR",
        *extra,
        *tail,
    ]
    return subprocess.run(command, capture_output=True, timeout=30, check=False, **kw)


def clean(peer):
    assert peer.fault is None, peer.fault
    assert peer.authenticated


@pytest.mark.parametrize("cipher,mac", SUITES)
@pytest.mark.parametrize("strict", [True, False])
def test_openssh_every_suite(cipher, mac, strict, user_key):
    path, blob = user_key
    with PeerServer(strict=strict, user_keys=(blob,)) as server:
        extra = ["-i", str(path), "-c", cipher] + (["-m", mac] if mac else [])
        done = openssh("ssh", server.port, [USER + "@127.0.0.1", "echo hello"], extra)
        assert (done.returncode, done.stdout) == (0, b"hello\n"), done
        peer = server.one()
    clean(peer)
    assert peer.strict_on == strict
    assert peer.chosen["s2c"] == cipher


def test_openssh_password_and_exit_status(tmp_path):
    ask = tmp_path / "ask"
    ask.write_text(f"#!/bin/sh\necho {PASSWORD}\n")
    ask.chmod(0o755)
    env = dict(os.environ, SSH_ASKPASS=str(ask), SSH_ASKPASS_REQUIRE="force")
    with PeerServer(banner="careful") as server:
        extra = ["-oPubkeyAuthentication=no"]
        done = openssh("ssh", server.port, [USER + "@127.0.0.1", "exit 7"], extra, env=env)
        assert done.returncode == 7, done
        clean(server.one())


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(
    "command,limit", [("rekey", "none"), ("zero 4000000", "1M"), ("cat", "100K")]
)
def test_openssh_rekey_from_either_side(command, limit, strict, user_key):
    path, blob = user_key
    with PeerServer(strict=strict, user_keys=(blob,)) as server:
        extra = [
            "-i",
            str(path),
            "-oRekeyLimit=" + ("default " + limit if limit == "none" else limit),
        ]
        stdin = bytes(range(256)) * 1600
        tail = [USER + "@127.0.0.1", command]
        done = openssh("ssh", server.port, tail, extra, input=stdin)
        want = {"rekey": b"rekeyed\n", "zero 4000000": bytes(4000000), "cat": stdin}[command]
        assert done.returncode == 0 and done.stdout == want, done.stderr
        peer = server.one()
    clean(peer)
    assert peer.exchanges >= 2


def test_openssh_sftp(user_key, tmp_path):
    path, blob = user_key
    local = tmp_path / "up"
    local.write_bytes(os.urandom(100_000))
    batch = (
        "ls /\nget /big %s\nput %s /up\nrename /up /new\nget /new %s\nrm /new\nmkdir "
        "/d\nrmdir /d\n"
    )
    batch %= (tmp_path / "big", local, tmp_path / "down")
    with PeerServer(user_keys=(blob,)) as server:
        tail = ["-b", "-", USER + "@127.0.0.1"]
        done = openssh("sftp", server.port, tail, ["-i", str(path)], input=batch.encode())
        assert done.returncode == 0, done.stderr
        clean(server.one())
    assert (tmp_path / "down").read_bytes() == local.read_bytes()
    assert (tmp_path / "big").read_bytes() == bytes(range(256)) * 1024


@pytest.mark.parametrize("way", ["from", "to"])
def test_openssh_scp(way, user_key, tmp_path):
    path, blob = user_key
    local = tmp_path / "hello"
    remote = USER + "@127.0.0.1:hello"
    tail = [remote, str(local)]
    if way == "to":
        local.write_bytes(b"upload")
        tail.reverse()
    with PeerServer(user_keys=(blob,)) as server:
        done = openssh("ssh", server.port, [USER + "@127.0.0.1", "true"], ["-i", str(path)])
        assert done.returncode == 0
        command = [
            "scp",
            "-O",
            "-P",
            str(server.port),
            "-F",
            "none",
            "-i",
            str(path),
            "-oStrictHostKeyChecking=no",
            "-oUserKnownHostsFile=/dev/null",
            *tail,
        ]
        done = subprocess.run(command, capture_output=True, timeout=30, check=False)
        assert done.returncode == 0, done.stderr
        peer = server.all()[-1]
    clean(peer)
    assert local.read_bytes() == b"hello\n" if way == "from" else peer.scp_got[1] == b"upload"


@pytest.mark.parametrize("cipher,mac", SUITES)
def test_asyncssh(cipher, mac, user_key):
    import asyncssh

    async def use(port):
        kw = {"encryption_algs": [cipher]}
        if mac:
            kw["mac_algs"] = [mac]
        async with asyncssh.connect(
            "127.0.0.1",
            port,
            known_hosts=None,
            config=None,
            username=USER,
            password=PASSWORD,
            client_keys=[],
            rekey_bytes=50_000,
            **kw,
        ) as conn:
            big = await conn.run("zero 300000", encoding=None)
            both = await conn.run("both 20000")
            echo = await conn.run("cat", input=bytes(range(256)) * 800, encoding=None)
            assert echo.stdout == bytes(range(256)) * 800
            code = await conn.run("exit 3")
            async with conn.start_sftp_client() as sftp, sftp.open("/hello", "rb") as file:
                return big.stdout, both, code.exit_status, await file.read()

    with PeerServer() as server:
        big, both, code, hello = asyncio.run(use(server.port))
        peer = server.one()
    clean(peer)
    assert big == bytes(300_000)
    assert (both.stdout, both.stderr) == ("o" * 20000, "e" * 20000)
    assert (code, hello) == (3, b"hello\n")
    assert peer.exchanges > 3
