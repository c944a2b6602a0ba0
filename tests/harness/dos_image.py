"""Disk images for DOS guests: the boot floppy, a FAT16 hard disk, the agent's mailbox."""

import os
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
AGENT = REPO / "tests/dos/agent"
SECTOR = 512
HEADS, SECTORS = 16, 63  # the geometry that QEMU gives small disks
PARTITION = f"@@{SECTORS * SECTOR}"
MAILBOX_SECTORS = 4097
MISSING = (
    "no FreeDOS boot floppy: set FREEDOS_IMG to a bootable 1.44 MB FreeDOS image, "
    "or put one at ../shared/freedos/freedos-1.44M.img"
)


def floppy():
    """Path of the FreeDOS boot floppy, None if there is none."""
    given = os.environ.get("FREEDOS_IMG")
    path = Path(given) if given else REPO.parent / "shared/freedos/freedos-1.44M.img"
    return path if path.is_file() else None


def tool(*line, **more):
    """Run one of mtools, or a compiler; what it says is shown when it fails."""
    environment = {**os.environ, "MTOOLS_SKIP_CHECK": "1"}
    try:
        done = subprocess.run(
            [str(x) for x in line], check=False, capture_output=True, env=environment, **more
        )
    except FileNotFoundError:
        raise RuntimeError(f"{line[0]} is not installed") from None
    if done.returncode != 0:
        said = (done.stdout + done.stderr).decode(errors="replace")
        raise RuntimeError(f"{' '.join(map(str, line))}\n{said[-2000:]}")
    return done.stdout


def build_agent(folder):
    """AGENT.COM in folder."""
    elf = folder / "agent.elf"
    tool(
        "gcc", "-m16", "-march=i386", "-Os", "-ffreestanding", "-fno-pic", "-fno-stack-protector",
        "-fno-asynchronous-unwind-tables", "-nostdlib", "-static", "-Wall", "-Wextra", "-Werror",
        "-Wl,--build-id=none", "-Wl,--no-warn-rwx-segments", f"-Wl,-T,{AGENT / 'agent.ld'}",
        "-o", elf, AGENT / "start.S", AGENT / "agent.c",
    )  # fmt: skip
    tool("objcopy", "-O", "binary", elf, folder / "AGENT.COM")
    elf.unlink()
    return folder / "AGENT.COM"


def agent():
    """AGENT.COM, built once for each state of its source."""
    newest = max(path.stat().st_mtime for path in AGENT.iterdir())
    made = REPO / "build/dos-agent/AGENT.COM"
    if not made.is_file() or made.stat().st_mtime < newest:
        made.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=made.parent) as folder:
            os.replace(build_agent(Path(folder)), made)
    return made


def text(lines):
    """A text file of DOS."""
    return "".join(f"{line}\r\n" for line in lines).encode("cp437")


def boot_floppy(source, target, config, autoexec):
    """A copy of the floppy source which starts with these lines."""
    shutil.copyfile(source, target)
    target.chmod(0o600)
    for name, lines in (("CONFIG.SYS", config), ("AUTOEXEC.BAT", autoexec)):
        tool("mcopy", "-o", "-i", target, "-", f"::{name}", input=text(lines))


def hard_disk(target, megabytes):
    """An empty FAT16 partition that fills the disk."""
    cylinders = min(megabytes * 1024 * 1024 // (HEADS * SECTORS * SECTOR), 1023)
    total = cylinders * HEADS * SECTORS
    size = total - SECTORS
    end = cylinders - 1
    entry = struct.pack(
        "<BBBBBBBBII",
        0x80, 1, 1, 0,
        6 if size >= 65536 else 4,
        HEADS - 1, SECTORS | (end >> 8 << 6), end & 0xFF,
        SECTORS, size,
    )  # fmt: skip
    with target.open("wb") as image:
        image.truncate(total * SECTOR)
        image.write(bytes(446) + entry + bytes(48) + b"\x55\xaa")
    # Larger clusters than mformat's: DOS walks their chain at each seek of a loader.
    cluster = 16 if size >= 131072 else 4
    tool(
        "mformat", "-i", f"{target}{PARTITION}", "-h", HEADS, "-s", SECTORS, "-T", size,
        "-H", SECTORS, "-c", cluster, "-v", "MPY", "::",
    )  # fmt: skip


def mailbox(target):
    """A disk without partitions, through which contents of files go."""
    with target.open("wb") as image:
        image.truncate(MAILBOX_SECTORS * SECTOR)
        image.write(bytes(510) + b"\x55\xaa")


def dos_path(name):
    """C:\\DIR\\NAME of any of C:/DIR/NAME, DIR/NAME."""
    path = str(name).replace("/", "\\")
    return path if path[1:2] == ":" else "C:\\" + path.lstrip("\\")


def put_files(image, files):
    """files: {name on C: bytes or a host Path}."""
    where = f"{image}{PARTITION}"
    folders = set()
    for name, data in files.items():
        path = dos_path(name)[2:].replace("\\", "/")
        parts = path.strip("/").split("/")[:-1]
        for depth in range(1, len(parts) + 1):
            folder = "/".join(parts[:depth]).upper()
            if folder not in folders:
                folders.add(folder)
                tool("mmd", "-D", "s", "-i", where, f"::/{folder}")
        if isinstance(data, Path):
            tool("mcopy", "-o", "-i", where, data, f"::{path}")
        else:
            tool("mcopy", "-o", "-i", where, "-", f"::{path}", input=data)


def get_file(image, name):
    """Contents of a file on C: of a machine that is off; None if there is none."""
    path = dos_path(name)[2:].replace("\\", "/")
    try:
        return tool("mcopy", "-n", "-i", f"{image}{PARTITION}", f"::{path}", "-")
    except RuntimeError:
        return None
