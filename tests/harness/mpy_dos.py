"""What run_mpy() does when MPY_TARGET=dos: the same programs on MPYTHON.EXE in a FreeDOS guest.

Each worker of pytest has one guest, which boots at the first program. Files of the host that a
program gets by name (keys) are copied to it; a folder of the servers stays theirs.
"""

import textwrap
from pathlib import Path

from harness import dos_image
from harness.dos import FOLDER, GUEST_HOST, Guest

HERE = Path(__file__).resolve().parent
SLOWER = 4  # an emulated processor: how much longer a test may take
LIBRARY = "C:/TLIB"
LOOPBACK = "127.0.0.1"
HEAP_MOST = 56 << 20  # the BIOS tells of 63 MB at most where no XMS driver is loaded


class Worker:
    """The guest of this process, None before it is needed."""

    guest = None
    copied = {}


def guest():
    """A running guest with t.py, enough memory for every test."""
    if Worker.guest is None:
        files = {f"{LIBRARY}/T.PY": HERE / "mpy/t.py"}
        Worker.guest = Guest(memory=64, files=files, disk_mb=128)
        Worker.boots = 0
    Worker.guest.ready()
    if Worker.guest.boots != Worker.boots:
        Worker.boots, Worker.copied = Worker.guest.boots, {}
    return Worker.guest


def close():
    if Worker.guest is not None:
        Worker.guest.close()
        Worker.guest = None


def skip_reason():
    """Why nothing can run on DOS; None if it can."""
    return None if dos_image.floppy() else dos_image.MISSING


def give(machine, path):
    """The name in the guest of a copy of a file of the host, with its .pub beside it."""
    if path not in Worker.copied:
        Worker.copied[path] = f"{FOLDER}\\F{len(Worker.copied)}".replace("\\", "/")
    name = Worker.copied[path]
    machine.put(name, Path(path).read_bytes())
    if Path(f"{path}.pub").is_file():
        machine.put(f"{name}.PUB", Path(f"{path}.pub").read_bytes())
    return name


def localised(machine, value):
    """value as the guest must see it."""
    if isinstance(value, (str, Path)) and len(str(value)) < 256 and "\0" not in str(value):
        path = Path(value)
        if path.is_absolute() and path.is_file():
            return give(machine, str(value))
        if str(value) == LOOPBACK:
            return GUEST_HOST
    return value


def heap_bytes(text):
    unit = {"K": 1 << 10, "M": 1 << 20}[text[-1]]
    return min(int(text[:-1]) * unit, HEAP_MOST)


def run(script, args, heapsize, timeout, stdin, params):
    """A DosResult."""
    machine = guest()
    words = ["-X", f"heapsize={heap_bytes(heapsize)}"] if heapsize else []
    if isinstance(script, Path):
        program = script.read_text()
        prelude = "import dosnet; dosnet.up()\n" if "import socket" in program else ""
    else:
        program = textwrap.dedent(script).lstrip("\n")
        values = {name: localised(machine, value) for name, value in params.items()}
        prelude = (
            f"import sys; sys.path.insert(0, {LIBRARY!r}); from t import *; import _ssh; "
            f"P.update({values!r})\n"
        )
    name = f"{FOLDER}\\JOB.PY"
    machine.put(name, (prelude + program).encode())
    words += [name, *(localised(machine, arg) for arg in args)]
    return machine.run(words, stdin=stdin or b"", timeout=timeout * SLOWER)
