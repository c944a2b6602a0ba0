"""The clients that are compared: what each can do, and its command line."""

import re
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from harness.mpy import MICROPYTHON
from harness.servers import CHACHA, Server

PROGRAMS = Path(__file__).resolve().parent / "programs"
CTR = "aes128-ctr"
GCM = "aes128-gcm@openssh.com"
# Bytes that each of so many channels reads at once.
CHANNELS = 100
CHANNEL_BYTES = 256 * 1024


@dataclass
class Call:
    """One operation with one cipher and MAC: moves the file `remote` to `local` or back."""

    server: Server
    cipher: str
    mac: str
    operation: str
    remote: str
    local: str

    def protection(self):
        aead = self.cipher == CHACHA or "gcm" in self.cipher
        return self.cipher if aead else f"{self.cipher} {self.mac}"

    def values(self):
        server = self.server
        return [
            str(value)
            for value in (
                *(server.port, server.user, server.site.key, server.public, self.cipher, self.mac),
                *(self.operation, self.remote, self.local),
            )
        ]


@dataclass(eq=False)
class Client:
    """What can be run. silent: prints nothing of use, or data. quick: callgrind is no pain."""

    name: str
    silent: bool = False
    quick: bool = True
    lacks: list = field(default_factory=list)

    def can(self, call):
        return not any(word in (call.cipher, call.operation) for word in self.lacks)


def first_line(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip().splitlines()[0]


class Ours(Client):
    window = None  # in bytes; None: the default of _ssh

    def line(self, call):
        window = 32768 if call.operation == "channels" else self.window
        more = [str(window)] if window else []
        return [MICROPYTHON, "-X", "heapsize=16m", str(PROGRAMS / "mpy.py"), *call.values(), *more]

    def version(self):
        program = "import _ssh as m, sys; print(m.version(), m.crypto_engine_name(), sys.version)"
        return first_line(MICROPYTHON, "-c", program)


class OpenSSH(Client):
    """ssh, sftp and scp, without any configuration of this machine."""

    def line(self, call):
        server = call.server
        known = server.folder / "known_hosts"
        known.write_text(f"[127.0.0.1]:{server.port} {server.public}\n")
        options = [
            *("-F", "none", "-i", str(server.site.key), "-q"),
            *(f"-oUserKnownHostsFile={known}", "-oGlobalKnownHostsFile=none"),
            *("-oStrictHostKeyChecking=yes", "-oIdentitiesOnly=yes", "-oBatchMode=yes"),
            *("-oKexAlgorithms=curve25519-sha256", "-oCompression=no"),
            *(f"-oCiphers={call.cipher}", f"-oMACs={call.mac}"),
        ]
        where = f"{server.user}@127.0.0.1"
        remote = f"{where}:{call.remote}"
        port = str(server.port)
        if call.operation in ("connect", "exec"):
            command = "true" if call.operation == "connect" else f"cat {call.remote}"
            return ["ssh", *options, "-T", "-p", port, where, command]
        if call.operation == "channels":
            return self.channels([*options, "-T", "-p", port, where], call.remote, server.folder)
        if call.operation == "small_get":
            return ["sftp", *options, "-P", port, "-r", remote, f"{call.local}/copy"]
        if call.operation == "small_put":
            batch = server.folder / "batch"
            batch.write_text(f"put -r {call.local} {call.remote}/copy\n")
            return ["sftp", *options, "-P", port, "-b", str(batch), where]
        if call.operation == "sftp_get":
            return ["sftp", *options, "-P", port, remote, str(call.local)]
        if call.operation == "sftp_put":
            batch = server.folder / "batch"
            batch.write_text(f"put {call.local} {call.remote}\n")
            return ["sftp", *options, "-P", port, "-b", str(batch), where]
        ends = [remote, str(call.local)]
        if call.operation == "scp_put":
            ends.reverse()
        return ["scp", *self.scp_protocol(), *options, "-P", port, *ends]

    @staticmethod
    def channels(words, remote, folder):
        """One connection, and a client on it for each channel: there is no other way."""
        ssh = f"ssh -S {folder}/master {shlex.join(words)}"
        return [
            "sh",
            "-c",
            f"""
            {ssh} -M -N & master=$!
            until ssh -S {folder}/master -O check {words[-1]} 2>/dev/null; do sleep 0.005; done
            for n in $(seq {CHANNELS}); do
                {ssh} 'head -c {CHANNEL_BYTES} {remote}' >/dev/null & all="$all $!"
            done
            wait $all
            ssh -S {folder}/master -O exit {words[-1]} 2>/dev/null
            wait $master
            true""",
        ]

    def scp_protocol(self):
        """Since 8.7 scp knows -O, and since 9.0 it speaks SFTP without it."""
        major, minor = re.search(r"OpenSSH_(\d+)\.(\d+)", self.version()).groups()
        return ["-O"] if (int(major), int(minor)) >= (8, 7) else []

    def version(self):
        return first_line("ssh", "-V")


class Python(Client):
    def line(self, call):
        return [sys.executable, str(PROGRAMS / f"{self.name}_client.py"), *call.values()]

    def version(self):
        show = "print(m.__version__, 'Python', sys.version.split()[0])"
        program = f"import {self.name} as m, sys; {show}"
        return first_line(sys.executable, "-W", "ignore", "-c", program)


CLIENTS = [
    Ours("_ssh"),
    OpenSSH("openssh", silent=True),
    Python("asyncssh", quick=False),
    Python(
        "paramiko",
        quick=False,
        lacks=[CHACHA, "scp_get", "scp_put", "small_get", "small_put", "channels"],
    ),
]
