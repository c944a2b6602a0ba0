"""OpenSSH's own agent, for tests."""

import contextlib
import os
import subprocess
import tempfile
import time
from pathlib import Path

from harness.servers import keygen

KINDS = {"ed25519": (), "ecdsa": ("-b", "256"), "rsa": ("-b", "2048")}


class RealAgent:
    """ssh-agent on a unix socket, run by the account that the servers know.

    askpass: what it asks whether a key may be used (ssh-add -c), as a shell command.
    """

    def __init__(self, site, askpass="true"):
        self.site = site
        # A socket's path has room for a hundred bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="ag"))
        self.folder.chmod(0o777)
        self.path = str(self.folder / "s")
        self.script("askpass", askpass)
        user = site.account.uid if site.account.temporary else None
        self.process = subprocess.Popen(
            ["ssh-agent", "-D", "-a", self.path],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=self.environment("askpass"),
            user=user,
        )
        end = time.monotonic() + 20
        while not os.path.exists(self.path):
            assert time.monotonic() < end and self.process.poll() is None, (
                "ssh-agent does not start"
            )
            time.sleep(0.01)

    def script(self, name, command):
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{command}\n")
        path.chmod(0o755)

    def environment(self, askpass):
        more = {"SSH_ASKPASS": str(self.folder / askpass), "SSH_ASKPASS_REQUIRE": "force"}
        return {**os.environ, **more, "SSH_AUTH_SOCK": self.path, "DISPLAY": ":0"}

    def add(self, *args):
        """ssh-add."""
        done = subprocess.run(
            ["ssh-add", *args],
            env=self.environment("passphrase"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def lock(self, how="-x"):
        """ssh-add -x, or -X."""
        self.script("passphrase", "echo secret")
        self.add(how)

    def close(self):
        self.process.terminate()
        self.process.wait(10)
        with contextlib.suppress(OSError):
            for path in self.folder.iterdir():
                path.unlink()
            self.folder.rmdir()


@contextlib.contextmanager
def full_agent(site, keys):
    """An agent with all of the keys in it, in the order of their names."""
    agent = RealAgent(site)
    try:
        for kind in sorted(keys):
            agent.add("-q", str(keys[kind]))
        yield agent
    finally:
        agent.close()


def make_keys(folder):
    """A key of each kind: {kind: path}."""
    return {kind: keygen(folder / kind, *more, kind=kind) for kind, more in KINDS.items()}
