"""DOS machines behind a program that looks like an interpreter of this machine.

    python -m harness.dos_pool --guests 2 --tree FOLDER [--path FOLDER...] -- COMMAND...

runs COMMAND with MICROPY_MICROPYTHON set to a program that takes the arguments of micropython
and has one of the machines run them. FOLDER, the tests of MicroPython, is on the machines too,
as far as DOS can hold its names; a program with a longer name is called T.PY there.
"""

import argparse
import json
import os
import queue
import re
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from harness.dos import Guest, GuestError, GuestHung

ROOT = "C:\\U"
LIBRARY = ROOT + "\\LIB"
SHORT = re.compile(r"[A-Za-z0-9_-]{1,8}(\.[A-Za-z0-9_]{0,3})?$")
TIMEOUT = 60

CLIENT = """#!{python} -SE
import json, os, socket, sys
if "repl_" in sys.argv[-1] or sys.stdin.isatty():
    # The prompt wants a terminal; tests/dos has tests of it by keyboard and screen.
    print("\\nSKIP")
    sys.exit(0)
with socket.socket(socket.AF_UNIX) as sock:
    sock.connect({path!r})
    request = json.dumps([os.getcwd(), sys.argv[1:]]).encode()
    sock.sendall(len(request).to_bytes(4, "big") + request)
    with sock.makefile("rb") as answer:
        status = answer.read(1)
        data = answer.read()
sys.stdout.buffer.write(data)
sys.stdout.flush()
os._exit(status[0] if status else 1)
"""


def short_files(tree):
    """{name on C:: Path} of what DOS can hold of the files that tests use."""
    found = {}
    for folder in ("import", "io", "unicode/data"):
        for path in sorted((tree / folder).rglob("*")):
            parts = path.relative_to(tree).parts
            if path.is_file() and path.suffix != ".exp" and all(SHORT.match(x) for x in parts):
                found["\\".join(["U", *parts]).upper()] = path
    return found


def library(paths):
    return {
        f"U\\LIB\\{path.name.upper()}": path
        for folder in paths
        for path in sorted(Path(folder).glob("*.py"))
        if SHORT.match(path.name)
    }


class Pool:
    """Threads with a guest each; they take jobs from one queue."""

    def __init__(self, count, tree, paths):
        self.tree = tree
        self.files = {**short_files(tree), **library(paths)}
        self.jobs = queue.Queue()
        self.folder = Path(tempfile.mkdtemp(prefix="dospool-"))
        self.threads = [threading.Thread(target=self.work) for _ in range(count)]
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.folder / "socket"))
        self.listener.listen(64)
        self.client = self.folder / "micropython"
        self.client.write_text(
            CLIENT.format(python=sys.executable, path=str(self.folder / "socket"))
        )
        self.client.chmod(self.client.stat().st_mode | stat.S_IXUSR)

    def start(self):
        for thread in self.threads:
            thread.start()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                self.jobs.put(self.listener.accept()[0])
            except OSError:
                return

    def close(self):
        for _ in self.threads:
            self.jobs.put(None)
        for thread in self.threads:
            thread.join()
        self.listener.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def work(self):
        """One guest. It ends with this thread, which therefore starts it."""
        with Guest(memory=64, nic=None, files=self.files, disk_mb=128) as guest:
            while (conn := self.jobs.get()) is not None:
                with conn, conn.makefile("rb") as stream:
                    size = int.from_bytes(stream.read(4), "big")
                    folder, args = json.loads(stream.read(size))
                    try:
                        status, output = self.run(guest, folder, args)
                        conn.sendall(bytes([status]) + output)
                    except OSError:
                        pass  # run-tests.py has given up

    def run(self, guest, folder, args):
        """(exit status, output) of micropython with these arguments in folder."""
        guest.ready()
        where = self.place(Path(folder))
        words, names = [], {}
        for arg in args:
            path = Path(folder, arg)
            if arg.startswith("-") or not path.is_file():
                words.append(arg)
                continue
            name = path.name if SHORT.match(path.name) else "T.PY"
            where = self.place(path.parent)
            self.make(guest, where)
            guest.put(f"{where}\\{name}", path.read_bytes())
            words.append(f"{where}\\{name}".upper().replace("\\", "/"))
            names = {words[-1]: arg, words[-1].rpartition("/")[0]: os.path.dirname(arg)}
        self.make(guest, where)
        guest.int21(0x3B00, data=where.encode() + b"\0")
        try:
            done = guest.run(
                words, timeout=TIMEOUT, merge=True, env={"MICROPYPATH": f".frozen;{LIBRARY}"}
            )
        except GuestHung as e:
            print(f"{' '.join(words)}: {e}", file=sys.stderr)
            return 1, b"HUNG"
        except GuestError as e:
            return 1, str(e).encode()
        # What the two machines call the same file.
        output = done.raw
        for theirs, ours in names.items():
            output = output.replace(theirs.encode(), ours.encode())
        return done.returncode, output

    def place(self, folder):
        """The folder of C: for a folder of the tests."""
        try:
            parts = folder.resolve().relative_to(self.tree).parts
        except ValueError:
            return ROOT
        return "\\".join([ROOT, *(part[:8] for part in parts)]).upper()

    @staticmethod
    def make(guest, where):
        parts = where.split("\\")
        for depth in range(2, len(parts) + 1):
            guest.mkdir("\\".join(parts[:depth]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--guests", type=int, default=2)
    parser.add_argument("--tree", type=Path, required=True)
    parser.add_argument("--path", action="append", default=[])
    parser.add_argument("command", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    command = args.command[1:] if args.command[:1] == ["--"] else args.command
    pool = Pool(args.guests, args.tree.resolve(), args.path)
    pool.start()
    try:
        environment = {**os.environ, "MICROPY_MICROPYTHON": str(pool.client)}
        return subprocess.run(command, env=environment, check=False).returncode
    finally:
        pool.close()


if __name__ == "__main__":
    sys.exit(main())
