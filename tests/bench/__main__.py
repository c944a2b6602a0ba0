"""Compares `_ssh` on the unix interpreter with other SSH clients: scripts/bench, see --help."""

import argparse
import contextlib
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from harness.mpy import MICROPYTHON
from harness.servers import CHACHA, Site, Sshd

from bench.clients import CHANNEL_BYTES, CHANNELS, CLIENTS, CTR, GCM, Call
from bench.latency import show_latency
from bench.memory import show_memory
from bench.package import show_package
from bench.tools import show_tools

MIB = 1 << 20
SMALL_FILES = 1000
SMALL_SIZE = 4096
SUITES = {
    # Those of the first lines bring their own MAC; the name is not used.
    "chacha": (CHACHA, "hmac-sha2-256"),
    "gcm": (GCM, "hmac-sha2-256"),
    "gcm256": ("aes256-gcm@openssh.com", "hmac-sha2-256"),
    "ctr-etm": (CTR, "hmac-sha2-256-etm@openssh.com"),
    "ctr": (CTR, "hmac-sha2-256"),
    "ctr192": ("aes192-ctr", "hmac-sha2-512-etm@openssh.com"),
    "ctr256": ("aes256-ctr", "hmac-sha2-512"),
}
# With these all operations are measured, with the others sftp-get, unless --only names them.
MAIN_SUITES = ["chacha", "gcm", "ctr-etm"]
OPERATIONS = {
    "connect": 'log in and exec "true"',
    "exec": 'exec "cat FILE", read into a buffer and dropped',
    "sftp_get": "SFTP get of FILE to /dev/null here",
    "sftp_put": "SFTP put of FILE from here to /dev/null there",
    "scp_get": "SCP of FILE to /dev/null here",
    "scp_put": "SCP of FILE from here to a file there, in memory where there is /dev/shm",
    "small_get": f"SFTP get of {SMALL_FILES} files of {SMALL_SIZE} bytes",
    "small_put": f"SFTP put of {SMALL_FILES} files of {SMALL_SIZE} bytes",
    "channels": f"{CHANNELS} channels at once, {CHANNEL_BYTES // 1024} KiB from each",
}
OTHERS = ["callgrind", "latency", "memory", "programs", "package"]
# How long one run may take, in seconds: under callgrind everything is 50 times slower.
LIMIT = 300


class RunError(Exception):
    """A client that failed; the text says how."""


class Run:
    """One run of a client: wall and cpu, in seconds, and what it printed."""

    def __init__(self, line, silent=False):
        with tempfile.TemporaryFile() as errors:
            begin = time.monotonic()
            process = subprocess.Popen(
                line,
                stdin=subprocess.DEVNULL,
                # Output that is not looked at must not be slowed down by a pipe.
                stdout=subprocess.DEVNULL if silent else subprocess.PIPE,
                stderr=errors,
            )
            watchdog = threading.Timer(LIMIT, process.kill)
            watchdog.start()
            try:
                printed = "" if silent else process.stdout.read().decode(errors="replace")
                # The process and the children that it has waited for: sftp and scp run ssh.
                _, status, usage = os.wait4(process.pid, 0)
                end = time.monotonic()
                process.returncode = os.waitstatus_to_exitcode(status)
            finally:
                watchdog.cancel()
                if not silent:
                    process.stdout.close()
                if process.returncode is None:
                    process.kill()
                    process.wait()
            errors.seek(0)
            self.errors = errors.read().decode(errors="replace")
        if process.returncode != 0:
            last = (self.errors.strip() or printed.strip() or "no output").splitlines()[-1]
            raise RunError(f"exit status {process.returncode}: {last}")
        self.wall = end - begin
        self.cpu = usage.ru_utime + usage.ru_stime
        self.count = None
        for words in map(str.split, printed.splitlines()):
            if words[:1] == ["start"]:
                self.wall = end - float(words[1])
                self.cpu -= float(words[2])
            elif words[:1] == ["done"]:
                self.count = int(words[1])


def run_client(client, call, size):
    copy = Path(call.remote if call.operation == "small_put" else call.local, "copy")
    if call.operation.startswith("small"):
        shutil.rmtree(copy, ignore_errors=True)
    run = Run(client.line(call), client.silent)
    size = {
        "connect": 0,
        "channels": CHANNELS * CHANNEL_BYTES,
        "small_get": SMALL_FILES * SMALL_SIZE,
        "small_put": SMALL_FILES * SMALL_SIZE,
    }.get(call.operation, size)
    if not client.silent and run.count != size:
        raise RunError(f"{run.count} bytes instead of {size}")
    if call.operation.startswith("small") and len(os.listdir(copy)) != SMALL_FILES:
        raise RunError(f"{len(os.listdir(copy))} files instead of {SMALL_FILES}")
    return run


def measure(clients, call, rounds, size):
    """{client: [Run, ...] or RunError}, the clients taking turns."""
    results = {client: [] for client in clients}
    for number in range(rounds + 1):
        for client in clients:
            if isinstance(results[client], RunError):
                continue
            try:
                run = run_client(client, call, size)
            except RunError as error:
                results[client] = error
                continue
            # The first turn only warms up: page cache, byte code.
            if number > 0:
                results[client].append(run)
            progress(f"  round {number}/{rounds} {client.name}")
    progress("")
    return results


def progress(text):
    """A line that the next one overwrites, where somebody looks."""
    if sys.stderr.isatty():
        print(f"\r{text:<40}\r", end="", file=sys.stderr, flush=True)


def show(results, per_gib):
    """A table of medians; the ratios are to the first client. True if none has failed."""
    unit = "CPU s/GiB" if per_gib else "CPU ms"
    print(f"  {'client':<12}{'wall s':>9}{'min':>9}{'ratio':>8}{unit:>13}{'ratio':>8}")
    ours = None
    for number, (client, runs) in enumerate(results.items()):
        if isinstance(runs, RunError):
            print(f"  {client.name:<12}  failed: {runs}")
            continue
        wall = statistics.median(run.wall for run in runs)
        cpu = statistics.median(run.cpu for run in runs)
        if number == 0:
            ours = (wall, cpu)
        scale = 1 / per_gib if per_gib else 1000
        ratios = ["-", "-"]
        if ours:
            ratios = [f"{value / base:.2f}" for value, base in zip((wall, cpu), ours)]
        print(
            f"  {client.name:<12}{wall:>9.3f}{min(run.wall for run in runs):>9.3f}{ratios[0]:>8}"
            f"{cpu * scale:>13.2f}{ratios[1]:>8}"
        )
    print(flush=True)
    return not any(isinstance(runs, RunError) for runs in results.values())


def count_instructions(client, call):
    """Instructions of connect + exec, in millions."""
    with tempfile.TemporaryDirectory() as folder:
        line = [
            "valgrind",
            "--tool=callgrind",
            "--trace-children=no",
            f"--callgrind-out-file={folder}/out",
            *client.line(call),
        ]
        run = Run(line, client.silent)
    return int(re.search(r"Collected\s*:\s*(\d+)", run.errors)[1]) / 1e6


def show_instructions(clients, suites, server):
    """As show(), for the instructions of connect."""
    good = True
    print("connect: instructions that callgrind counts, in millions, all of the process")
    for suite in suites:
        call = Call(server, *SUITES[suite], "connect", "", "")
        ours = None
        for client in clients:
            if not client.can(call) or not client.quick:
                continue
            try:
                millions = count_instructions(client, call)
            except RunError as error:
                print(f"  {suite:<10}{client.name:<12} failed: {error}")
                good = False
                continue
            if client is clients[0]:
                ours = millions
            ratio = f"{millions / ours:.2f}" if ours else "-"
            print(f"  {suite:<10}{client.name:<12}{millions:>10.1f}{ratio:>8}", flush=True)
    print()
    return good


def make_file(path, size):
    block = os.urandom(MIB)
    with path.open("wb") as file:
        for start in range(0, size, MIB):
            file.write(block[: size - start])


def make_small_files(folder):
    """folder/small with the files, and a folder into which they are copied."""
    for name in ("small", "into"):
        (folder / name).mkdir()
        (folder / name).chmod(0o777)
    fill(folder / "small")


def fill(folder):
    for number in range(SMALL_FILES):
        (folder / f"file{number:04d}").write_bytes(os.urandom(SMALL_SIZE))


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", add_help=False)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--window", type=int)
    parser.add_argument("--clients", default=",".join(client.name for client in CLIENTS))
    args = parser.parse_args()
    if args.rounds < 1 or args.size < 1:
        parser.error("--rounds and --size are at least 1")
    words = {word for only in args.only for word in only.replace("-", "_").split(",")}
    suites = {name.replace("-", "_"): name for name in SUITES}
    unknown = words - set(OPERATIONS) - set(suites) - set(OTHERS)
    if unknown:
        parser.error(f"--only: there is no {', '.join(sorted(unknown))}")
    operations = [*OPERATIONS, *OTHERS]
    args.operations = [name for name in operations if name in words] or operations
    args.suites = [suites[name] for name in suites if name in words]
    names = args.clients.split(",")
    args.clients = [client for client in CLIENTS if client.name in names]
    if len(args.clients) != len(names):
        parser.error(f"--clients: known are {', '.join(client.name for client in CLIENTS)}")
    CLIENTS[0].window = args.window and args.window * 1024
    return args


def main():
    args = arguments()
    # As for ctrl-C: what was started is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    site = Site()
    server = None
    good = True
    folder = contextlib.ExitStack()
    try:
        sink = folder.enter_context(memory_folder()) / "sink"
        server = Sshd(site)
        size = args.size * MIB
        source = site.folder / "data"
        make_file(source, size)
        source.chmod(0o644)
        make_small_files(sink.parent)
        print(
            f"Server: {server.ident}, on loopback. FILE has {args.size} MiB.\n"
            f"Medians of {args.rounds} rounds, the clients taking turns. A ratio above 1: slower\n"
            "than _ssh, or costs more. Wall and CPU are of the whole client process, for\n"
            "asyncssh and paramiko without the start of Python and its imports.\n"
        )
        for client in args.clients:
            print(f"  {client.name:<12}{client.version()}")
        print(flush=True)
        for operation in args.operations:
            if operation == "callgrind":
                good &= show_instructions(args.clients, args.suites or MAIN_SUITES, server)
                continue
            if operation in OTHERS:
                show_other(operation, server, sink.parent, args.rounds)
                continue
            for suite in args.suites or (SUITES if operation == "sftp_get" else MAIN_SUITES):
                call = Call(server, *SUITES[suite], operation, *ends(operation, source, sink))
                able = [client for client in args.clients if client.can(call)]
                print(f"{operation}, {call.protection()}: {OPERATIONS[operation]}", flush=True)
                results = measure(able, call, args.rounds, size)
                moved = 0 if operation in ("connect", "small_get", "small_put") else args.size
                good &= show(results, (25 if operation == "channels" else moved) / 1024)
    finally:
        if server:
            server.close()
        folder.close()
        site.close()
    return 0 if good else 1


def show_other(operation, server, folder, rounds):
    """What is no comparison of all the clients."""
    if operation == "memory":
        show_memory(server)
    elif operation == "latency":
        show_latency(server, MICROPYTHON, folder)
    elif operation == "programs":
        show_tools(lambda line: Run(line, silent=True), server, folder, rounds, fill)
    else:
        show_package(rounds)


def ends(operation, source, sink):
    """The remote and the local file of an operation."""
    if operation.startswith("small"):
        small, into = sink.parent / "small", sink.parent / "into"
        return (small, into) if operation == "small_get" else (into, small)
    if operation == "scp_put":
        return sink, source  # _ssh sets the mode too, which only the owner of a file can
    return ("/dev/null", source) if operation == "sftp_put" else (source, "/dev/null")


@contextlib.contextmanager
def memory_folder():
    """A folder in which everyone may write, in memory if possible."""
    shm = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shm if os.access(shm, os.W_OK) else None) as name:
        Path(name).chmod(0o777)
        yield Path(name)


if __name__ == "__main__":
    sys.exit(main())
