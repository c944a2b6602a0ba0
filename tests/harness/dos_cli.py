"""scripts/dos: one program in a DOS machine, its output, files and exit status brought back."""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from harness import dos_image
from harness.dos import (
    FOLDER,
    MPYTHON,
    Guest,
    GuestError,
    GuestHung,
    job_words,
)
from harness.dosbox import DosBox

LATE = 124  # as timeout(1) says it
INTERRUPTED = 130


def options():
    parser = argparse.ArgumentParser(
        prog="scripts/dos",
        usage="scripts/dos [OPTIONS] SCRIPT.PY|-c CODE|-m MODULE|PROGRAM.EXE [ARGUMENTS...]\n"
        "       scripts/dos --release",
        description="Run a program on FreeDOS in QEMU, without a window: a SCRIPT.PY of this "
        "machine, MicroPython code or a module with build/dos/MPYTHON.EXE, or a DOS program. "
        "Standard input goes to it, its output comes back, its exit status becomes ours. The "
        "machine has a hard disk C: (with MPYTHON.EXE) and the boot floppy A:, an NE2000 network "
        "card at 300h, IRQ 9, and 10.0.2.2 is the loopback of this machine. --release builds "
        "build/dos/release and the FreeDOS package build/dos/MPYTHON.ZIP instead.",
        epilog="Environment: FREEDOS_IMG, a bootable FreeDOS floppy image (default: "
        "../shared/freedos/freedos-1.44M.img beside the repository); MPYTHON_EXE, another "
        f"executable. Exit status {LATE}: not done in time, the screen is shown.",
    )
    add = parser.add_argument
    add(
        "--file",
        action="append",
        default=[],
        metavar="F[=NAME]",
        help="put F on C:, as NAME (8.3, may have folders)",
    )
    add("--get", action="append", default=[], metavar="NAME", help="bring this file of C: back")
    add("--into", default=".", metavar="DIR", help="where files of --get go (here)")
    add("--timeout", type=float, default=60, metavar="S", help="seconds for the program (60)")
    add("--memory", type=int, default=32, metavar="MB", help="memory of the machine (32)")
    add("--disk", type=int, default=64, metavar="MB", help="size of C: (64)")
    add("--cpu", metavar="NAME", help="processor, as QEMU calls it: 486, pentium, max, …")
    add("--no-net", action="store_true", help="a machine without a network card")
    add("--nic", default="ne2000", metavar="DEVICE", help="another QEMU network device")
    add(
        "--hostfwd",
        action="append",
        default=[],
        metavar="RULE",
        help="a port of this machine to one of the guest: tcp::5555-:22",
    )
    add(
        "--packet",
        metavar="'DRIVER ARGS'",
        help="load a packet driver at boot: a DOS program of this machine and its arguments",
    )
    add(
        "--env",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a variable of the environment",
    )
    add("--config", action="append", default=[], metavar="LINE", help="a line for CONFIG.SYS")
    add("--autoexec", action="append", default=[], metavar="LINE", help="one for AUTOEXEC.BAT")
    add("--accel", choices=("tcg", "kvm"), default="tcg", help="how QEMU runs the processor")
    add(
        "--gui",
        action="store_true",
        help="for people: with a screen (a window if QEMU has one, else the terminal: leave it "
        "with Alt-2, quit), starts the program or the prompt and stays until it is closed",
    )
    add("--dosbox", action="store_true", help="DOSBox instead of FreeDOS in QEMU: no network")
    return parser  # fmt: skip


def parse(argv):
    """The options, and as .command the words from the program on, which are not ours."""
    parser = options()
    flags = {"-h", "--help", "--gui", "--dosbox", "--no-net"}
    at = 0
    while at < len(argv) and argv[at].startswith("--") or argv[at : at + 1] == ["-h"]:
        at += 1 if argv[at] in flags or "=" in argv[at] else 2
    args = parser.parse_args(argv[:at])
    args.command = argv[at:]
    return args


def short_name(path):
    """The name of a file of the host on C:."""
    stem, _, suffix = Path(path).name.partition(".")
    if not stem or len(stem) > 8 or len(suffix) > 3 or "." in suffix:
        sys.exit(f"scripts/dos: {path} has no name that DOS takes: --file {path}=NAME.EXT")
    return Path(path).name.upper()


def given_files(args):
    found = {}
    for item in args.file:
        path, _, name = item.partition("=")
        if not Path(path).is_file():
            sys.exit(f"scripts/dos: no file {path}")
        found[name or short_name(path)] = Path(path)
    return found


def parse_command(args, files):
    """A list of arguments for MPYTHON, or the line of a DOS program. Fills in files."""
    words = args.command
    if not words and not args.gui:
        sys.exit("scripts/dos: nothing to run; see --help")
    if not words:
        return None
    first = words[0]
    if first.startswith("-"):
        return words
    if first.lower().endswith((".exe", ".com", ".bat")):
        if Path(first).is_file() and ":" not in first:
            files[short_name(first)] = Path(first)
            first = short_name(first)
        return " ".join([first, *words[1:]])
    if not Path(first).is_file():
        sys.exit(f"scripts/dos: no file {first}")
    files[FOLDER + "\\JOB.PY"] = Path(first)
    return [FOLDER + "\\JOB.PY", *words[1:]]


def machine_options(args, files):
    autoexec = list(args.autoexec)
    if args.packet:
        driver, _, rest = args.packet.partition(" ")
        if not Path(driver).is_file():
            sys.exit(f"scripts/dos: no packet driver {driver}")
        files[short_name(driver)] = Path(driver)
        autoexec.insert(0, f"C:\\{short_name(driver)} {rest}")
    return {
        "memory": args.memory,
        "cpu": args.cpu,
        "nic": None if args.no_net else args.nic,
        "netdev": ",".join(f"hostfwd={rule}" for rule in args.hostfwd),
        "disk_mb": args.disk,
        "files": files,
        "env": dict(item.partition("=")[::2] for item in args.env),
        "config_sys": args.config,
        "autoexec": autoexec,
        "accel": args.accel,
    }


def save(args, get):
    """The files of --get; True if all were there."""
    missing = False
    for name in args.get:
        try:
            data = get(name)
        except GuestError:
            data = None
        if data is None:
            print(f"scripts/dos: there is no {name} on C:", file=sys.stderr)
            missing = True
        else:
            short = name.replace("\\", "/").rpartition("/")[2].rpartition(":")[2]
            (Path(args.into) / short).write_bytes(data)
    return not missing


def run(args, machine, command):
    """In a Guest or a DosBox; the exit status."""
    stdin = b"" if sys.stdin is None or sys.stdin.isatty() else sys.stdin.buffer.read()
    line = command if isinstance(command, str) else job_words(machine, command, ())
    done = machine.exe(line, stdin=stdin, timeout=args.timeout)
    sys.stdout.buffer.write(done.raw)
    sys.stdout.flush()
    sys.stderr.write(done.stderr)
    if not save(args, machine.get):
        return done.returncode or 1
    return INTERRUPTED if done.kind == 1 else done.returncode


def has_window():
    """QEMU's display for people: a window when it has one and there is a screen for it."""
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        told = subprocess.run(
            ["qemu-system-i386", "-display", "help"], capture_output=True, text=True, check=False
        ).stdout
        for display in ("gtk", "sdl"):
            if display in told.split():
                return display
    return "curses"


def gui(args, more, command):
    """A machine for people. It stays until it is closed, or the program of curses is quit."""
    machine = Guest(**more, display=has_window())
    try:
        line = command
        if isinstance(command, list):
            line = "C:\\MPYTHON.EXE " + " ".join(command)
        lines = ["C:", "CD \\", *([line] if line else ["ECHO MPYTHON starts MicroPython."])]
        machine.prepare(agent=False, last=lines)
        subprocess.run(machine.command(agent=False), check=False)
        return 0 if save(args, lambda name: dos_image.get_file(machine.disk, name)) else 1
    finally:
        machine.close()


def main():
    args = parse(sys.argv[1:])
    files = given_files(args)
    command = parse_command(args, files)
    if isinstance(command, list) and not MPYTHON.is_file():
        sys.exit(f"scripts/dos: no {MPYTHON}: scripts/build dos makes it")
    if not args.dosbox and dos_image.floppy() is None:
        sys.exit(f"scripts/dos: {dos_image.MISSING}; or use --dosbox")
    for program in ("dosbox",) if args.dosbox else ("qemu-system-i386", "mcopy"):
        if shutil.which(program) is None:
            sys.exit(f"scripts/dos: {program} is not installed")
    more = machine_options(args, files)
    try:
        if args.gui and not args.dosbox:
            return gui(args, more, command)
        if args.dosbox:
            with DosBox(memory=args.memory, files=files) as box:
                return run(args, box, command)
        with Guest(**more) as guest:
            return run(args, guest, command)
    except GuestHung as late:
        print(f"scripts/dos: {late}", file=sys.stderr)
        return LATE
    except (GuestError, RuntimeError, ValueError) as e:
        print(f"scripts/dos: {e}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
