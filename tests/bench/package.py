"""The Python package: what an import takes, frozen and from files; its bytes when frozen."""

import re
import statistics
import subprocess

from harness.mpy import MICROPYTHON, REPO

MODULES = REPO / "micropython" / "modules"
OBJECT = REPO / "build" / "unix" / "frozen_content.o"
# What programs start with.
IMPORTS = {
    "ssh": "import ssh",
    "ssh.connect": "import ssh; ssh.connect",
    "ssh.Transport": "import ssh; ssh.Transport, ssh.Channel",
    "ssh.SSHClient": "import ssh; ssh.SSHClient",
    "ssh.SFTPClient": "import ssh; ssh.SFTPClient",
    "ssh.aio": "import ssh.aio",
    "ssh.program": "import ssh.program",
    "sftp": "import sftp",
}
PROGRAM = """
import gc, sys, time
sys.path[:] = sys.argv[1].split(":")
import _ssh, socket, select, os, io
gc.collect()
memory, start = gc.mem_alloc(), time.ticks_us()
exec(sys.argv[2])
took = time.ticks_diff(time.ticks_us(), start)
gc.collect()
print(took, gc.mem_alloc() - memory)
"""


def _import(path, statement):
    """Microseconds, and bytes of heap that stay in use."""
    line = [MICROPYTHON, "-c", PROGRAM, path, statement]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    return [int(word) for word in done.stdout.split()]


def frozen_bytes():
    """{module: bytes in the executable}, the shared names of objects not counted."""
    paths = [path.relative_to(MODULES).with_suffix("") for path in MODULES.rglob("*.py")]
    modules = {re.sub(r"\W", "_", str(path)): str(path) for path in paths}
    names = "|".join(sorted(modules, key=len, reverse=True))
    symbol = re.compile(rf"[0-9a-f]+ ([0-9a-f]+) \w [a-z_]+?_({names})_")
    found = dict.fromkeys(modules.values(), 0)
    done = subprocess.run(["nm", "-S", OBJECT], capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        if match := symbol.match(line + "_"):
            found[modules[match[2]]] += int(match[1], 16)
    return {name: size for name, size in found.items() if size}


def show_package(rounds):
    """Print it."""
    print("package: an import in a running interpreter, medians")
    print(f"  {'':<16}{'frozen ms':>10}{'heap':>8}{'from files ms':>15}{'heap':>8}")
    for name, statement in IMPORTS.items():
        cells = []
        for path in (".frozen", f"{MODULES}:.frozen"):
            runs = [_import(path, statement) for _ in range(rounds)]
            cells.append((statistics.median(run[0] for run in runs) / 1000, runs[0][1]))
        (frozen, heap), (files, more) = cells
        print(f"  {name:<16}{frozen:>10.2f}{heap:>8}{files:>15.2f}{more:>8}")
    sizes = frozen_bytes()
    print(f"  frozen code: {sum(sizes.values())} bytes in the executable")
    for name, size in sorted(sizes.items(), key=lambda item: -item[1]):
        print(f"    {name:<20}{size:>8}")
    print(flush=True)
