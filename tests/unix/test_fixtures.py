"""The servers themselves, seen by other clients: a failure here is none of ours."""

import subprocess

import pytest

SSH = (
    "-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes",
    "-o", "IdentitiesOnly=yes",
)  # fmt: skip


def options(server):
    known = server.folder / "known_hosts"
    known.write_text(f"[127.0.0.1]:{server.port} {server.public}\n")
    return [*SSH, "-i", str(server.site.key), "-o", f"UserKnownHostsFile={known}"]


def test_exec(server):
    done = subprocess.run(
        ["ssh", *options(server), "-p", str(server.port), f"{server.user}@127.0.0.1",
         "cat; echo out; echo err >&2; exit 7"],
        input=b"in\n", capture_output=True, timeout=20, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr, done.returncode) == (b"in\nout\n", b"err\n", 7)


def test_sftp(server, folder):
    source = folder / "a b"
    source.write_bytes(bytes(range(256)) * 2000)
    batch = f'get "{source}" "{folder}/got"\nput "{folder}/got" "{folder}/put"\n'
    subprocess.run(
        ["sftp", *options(server), "-P", str(server.port), "-b", "-",
         f"{server.user}@127.0.0.1"],
        input=batch.encode(), capture_output=True, timeout=20, check=True,
    )  # fmt: skip
    assert (folder / "put").read_bytes() == source.read_bytes()


@pytest.mark.parametrize("cipher", ["chacha20-poly1305@openssh.com", "aes192-ctr"])
def test_offers(server, cipher):
    done = subprocess.run(
        ["ssh", *options(server), "-c", cipher, "-p", str(server.port),
         f"{server.user}@127.0.0.1", "true"],
        capture_output=True, timeout=20, check=False,
    )  # fmt: skip
    assert (done.returncode == 0) == (cipher in server.ciphers)


def test_password(server):
    if server.password is None:
        pytest.skip("no password without a temporary account, which takes root")
    askpass = server.folder / "askpass"
    askpass.write_text(f"#!/bin/sh\necho {server.password}\n")
    askpass.chmod(0o700)
    options(server)
    done = subprocess.run(
        ["ssh", "-F", "none", "-o", f"UserKnownHostsFile={server.folder}/known_hosts",
         "-o", "PreferredAuthentications=password", "-p", str(server.port),
         f"{server.user}@127.0.0.1", "echo in"],
        env={"SSH_ASKPASS": str(askpass), "SSH_ASKPASS_REQUIRE": "force", "PATH": "/usr/bin:/bin"},
        stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False,
    )  # fmt: skip
    assert (done.stdout, done.returncode) == (b"in\n", 0)
