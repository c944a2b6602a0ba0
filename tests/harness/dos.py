"""FreeDOS in QEMU: boots once, then runs programs, moves files, presses keys, reads the screen."""

import ast
import contextlib
import ctypes
import os
import selectors
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import textwrap
import time
from pathlib import Path

from harness import dos_image
from harness.dos_image import REPO, dos_path
from harness.mpy import Result
from harness.qmp import Qmp, keys_named, keys_of

MPYTHON = Path(os.environ.get("MPYTHON_EXE", REPO / "build/dos/MPYTHON.EXE"))
GUEST_HOST = "10.0.2.2"  # what the host's loopback is called in a guest
QEMU = "qemu-system-i386"
START = 0xA5
MAILBOX_MOST = (dos_image.MAILBOX_SECTORS - 1) * dos_image.SECTOR
TAIL_MOST = 126
FOLDER = "C:\\T"  # of the files of a job


class GuestError(Exception):
    """DOS or the agent refused a request."""

    def __init__(self, what, code):
        known = {2: "no such file", 3: "no such path", 4: "no handles", 5: "access denied"}
        known |= {8: "no memory", 0xFF13: "mailbox", 0xFF14: "disk full", 0xFF15: "line too long"}
        super().__init__(f"{what}: DOS error {code} ({known.get(code, 'see RBIL')})")
        self.code = code


class GuestHung(AssertionError):
    """What was asked was not done in time; the text shows the guest's screen."""


class DosResult(Result):
    """A Result, and: kind of exit (0: by itself, 1: Ctrl-C, 2: critical error), seconds, free
    (paragraphs in the largest free block before and after), vectors that differ afterwards
    {number: (before, after)}, and stdout as raw bytes.
    """

    def __init__(self, answer, stdout, stderr, seconds):
        status, self.ticks, before, after = struct.unpack_from("<HIHH", answer)
        changed = [struct.unpack_from("<BII", answer, at) for at in range(10, len(answer) - 8, 9)]
        self.kind = status >> 8
        self.free = before, after
        # DOS itself gives each program 22h to 24h and puts them back.
        self.vectors = {n: (old, new) for n, old, new in changed if not 0x22 <= n <= 0x24}
        self.seconds = seconds
        self.raw = stdout
        super().__init__(status & 0xFF, plain(stdout), plain(stderr))


def plain(data):
    return data.decode(errors="replace").replace("\r\n", "\n")


def quoted(arg):
    """As the command line of a C program takes it."""
    arg = str(arg)
    if arg and not any(x in arg for x in ' \t"'):
        return arg
    return '"' + arg.replace('"', '\\"') + '"'


def job_words(machine, script, args):
    """The arguments of MPYTHON for program text or a list; machine.put() takes the text."""
    if isinstance(script, str):
        machine.put(FOLDER + "\\JOB.PY", textwrap.dedent(script).lstrip("\n").encode())
        script = [FOLDER + "\\JOB.PY"]
    line = " ".join(map(quoted, [*script, *args]))
    if len(line.encode()) >= TAIL_MOST:
        machine.put(FOLDER + "\\ARGS.TXT", line.encode())
        line = f"@{FOLDER}\\ARGS.TXT"
    return f"C:\\MPYTHON.EXE {line}".rstrip()


def run_request(line, console, env, merge=False):
    """What the agent takes to run "PROGRAM.EXE arguments". merge: stderr goes to stdout."""
    program, _, tail = line.partition(" ")
    tail = " " + tail if tail else ""
    if len(tail.encode("cp437")) > TAIL_MOST:
        raise ValueError(f"DOS takes {TAIL_MOST} characters, not {len(tail)}: {tail}")
    files = ["", "", ""] if console else [f"{FOLDER}\\{x}.TXT" for x in ("IN", "OUT", "ERR")]
    if merge:
        files[2] = "&"
    fields = [dos_path(program), tail, *files]
    fields += [f"{name}={value}" for name, value in (env or {}).items()]
    return b"".join(x.encode("cp437") + b"\0" for x in fields)


def die_with_parent():
    """In the child before it becomes QEMU: it ends when the tests end, however they do."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Guest:
    """A DOS machine, started when it is first used or entered.

    memory: MiB; cpu: as QEMU calls it, None: its default; nic: "ne2000", another QEMU device
    with its options, or None; netdev: more options of -netdev user (hostfwd=…, restrict=on);
    files: {name on C:: bytes or host Path}; env: {name: value}; config_sys, autoexec: more
    lines; floppy_b: a host Path, or "" for a drive without a disk; extra: more QEMU arguments;
    accel: "tcg" or "kvm"; display: as QEMU's -display.
    """

    def __init__(
        self,
        memory=32,
        cpu=None,
        nic="ne2000",
        files=None,
        disk_mb=64,
        netdev="",
        env=None,
        config_sys=(),
        autoexec=(),
        floppy_b=None,
        floppy_b_readonly=False,
        extra=(),
        accel="tcg",
        display="none",
        exe=MPYTHON,
        boot_timeout=60,
    ):
        self.options = dict(locals())
        del self.options["self"]
        self.floppy = dos_image.floppy()
        if self.floppy is None:
            raise RuntimeError(dos_image.MISSING)
        self.folder = Path(tempfile.mkdtemp(prefix="dosguest-"))
        self.process = self.serial = self.qmp = self.running = None
        self.boots = 0

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        self.close()

    # ------------------------------------------------------------ start and end

    def prepare(self, agent=True, last=("C:", "C:\\AGENT.COM")):
        """Fresh disks. last: what AUTOEXEC.BAT ends with."""
        options = self.options
        config = ["SWITCHES=/N", "DOS=HIGH", "FILES=40", "BUFFERS=20", *options["config_sys"]]
        autoexec = ["@ECHO OFF", "PATH C:\\;A:\\", "SET TEMP=C:\\T"]
        autoexec += [f"SET {name}={value}" for name, value in (options["env"] or {}).items()]
        autoexec += [*options["autoexec"], *last]
        shell = ["SHELL=A:\\COMMAND.COM A:\\ /E:1024 /P"]
        dos_image.boot_floppy(self.floppy, self.folder / "a.img", config + shell, autoexec)
        self.disk = self.folder / "c.img"
        dos_image.hard_disk(self.disk, options["disk_mb"])
        files = {"AGENT.COM": dos_image.agent()} if agent else {}
        files["T/README.TXT"] = b"files of jobs\r\n"
        if options["exe"] is not None and Path(options["exe"]).is_file():
            files["MPYTHON.EXE"] = Path(options["exe"])
        dos_image.put_files(self.disk, {**files, **(options["files"] or {})})
        dos_image.mailbox(self.folder / "mailbox.img")

    def command(self, agent=True):
        """QEMU's command line."""
        options = self.options
        line = [QEMU, "-nodefaults", "-vga", "std", "-boot", "a", "-no-reboot", "-rtc", "base=utc"]
        line += ["-m", str(options["memory"]), "-display", options["display"]]
        line += ["-accel", options["accel"]]
        if options["cpu"]:
            line += ["-cpu", options["cpu"]]
        drive = f"file={self.folder}/%s,format=raw,cache=unsafe,if=%s,index=%d"
        line += ["-drive", drive % ("a.img", "floppy", 0), "-drive", drive % ("c.img", "ide", 0)]
        line += ["-drive", drive % ("mailbox.img", "ide", 1)]
        if options["floppy_b"] is not None:
            second = "if=floppy,index=1"
            if options["floppy_b"]:
                second += f",format=raw,file={options['floppy_b']}"
            line += ["-drive", second + (",readonly=on" if options["floppy_b_readonly"] else "")]
        if agent:
            line += ["-chardev", f"socket,id=agent,path={self.folder}/agent"]
            line += ["-serial", "chardev:agent", "-qmp", f"unix:{self.folder}/qmp"]
        if options["nic"]:
            device = options["nic"]
            if device == "ne2000":
                device = "ne2k_isa,iobase=0x300,irq=9"
            more = "," + options["netdev"] if options["netdev"] else ""
            line += ["-netdev", f"user,id=n{more}", "-device", f"{device},netdev=n"]
        return line + list(options["extra"])

    def start(self):
        if self.process is not None:
            return
        started = time.monotonic()
        deadline = started + self.options["boot_timeout"]
        self.prepare()
        self.log = (self.folder / "qemu.log").open("ab")
        with contextlib.ExitStack() as stack:
            listeners = [stack.enter_context(self._listen(name)) for name in ("agent", "qmp")]
            self.process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=self.log,
                stderr=self.log,
                preexec_fn=die_with_parent,
            )
            self.serial, monitor = (self._accept(each, deadline) for each in listeners)
        self.qmp = Qmp(monitor)
        self.buffer = b""
        with self._limit("booting FreeDOS"):
            kind, payload = self._frame(deadline)
        assert kind == b"H", kind
        self.free = struct.unpack("<H", payload)[0]
        self.boots += 1
        self.boot_seconds = time.monotonic() - started

    def _listen(self, name):
        path = self.folder / name
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen(1)
        return listener

    def _accept(self, listener, deadline):
        with selectors.DefaultSelector() as selector:
            selector.register(listener, selectors.EVENT_READ)
            while not selector.select(0.2):
                if self.process.poll() is not None or time.monotonic() > deadline:
                    said = (self.folder / "qemu.log").read_text(errors="replace")
                    self.kill()
                    raise RuntimeError(f"{QEMU} does not start:\n{said[-2000:]}")
        return listener.accept()[0]

    def kill(self):
        """Power off. The next use boots again, with fresh disks."""
        if self.process is None:
            return
        self.process.kill()
        self.process.wait()
        self.process = None
        for sock in (self.serial, self.qmp and self.qmp.sock):
            if sock:
                sock.close()
        self.serial = self.qmp = self.running = None
        self.log.close()

    def reboot(self):
        self.kill()
        self.start()

    def ready(self):
        """For the next test: running, and without a job that the last one left behind."""
        if self.running is not None:
            self.kill()
        self.start()

    def close(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    # ------------------------------------------------------------ the agent

    @contextlib.contextmanager
    def _limit(self, what):
        """A request past its time or without an agent: power off, and show the screen. So does
        a test that is told to end in between (pytest's own limit): the machine is still at it.
        """
        try:
            yield
        except (TimeoutError, OSError) as e:
            shown = "no screen"
            with contextlib.suppress(Exception):
                shown = "\n".join(self.screen())
            ended = self.process.poll() is not None
            said = (self.folder / "qemu.log").read_text(errors="replace")[-500:]
            self.kill()
            how = "the machine ended or reset" if ended else f"not done in time ({e})"
            raise GuestHung(f"{what}: {how}\n{said}---- screen\n{shown}\n----") from None
        except BaseException:
            self.kill()
            raise

    def _read(self, count, deadline):
        while len(self.buffer) < count:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("time is over")
            self.serial.settimeout(left)
            data = self.serial.recv(65536)
            if not data:
                raise ConnectionError("QEMU has ended")
            self.buffer += data
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def _frame(self, deadline):
        while self._read(1, deadline)[0] != START:
            pass
        head = self._read(3, deadline)
        payload = self._read(head[1] | head[2] << 8, deadline)
        wanted = struct.unpack("<H", self._read(2, deadline))[0]
        if (sum(head) + sum(payload)) & 0xFFFF != wanted:
            raise ConnectionError(f"a frame with a wrong sum: {head + payload!r}")
        return head[:1], payload

    def _send(self, kind, payload):
        self.start()
        body = kind + struct.pack("<H", len(payload)) + payload
        self.serial.settimeout(30)
        self.serial.sendall(bytes([START]) + body + struct.pack("<H", sum(body) & 0xFFFF))

    def _answer(self, kind, payload, timeout, what):
        deadline = time.monotonic() + timeout
        with self._limit(what):
            answer, data = self._frame(deadline)
            while answer == b"!":
                self._send(kind, payload)
                answer, data = self._frame(deadline)
        assert answer == kind, (answer, kind)
        error = struct.unpack_from("<H", data)[0]
        if error:
            raise GuestError(what, error)
        return data[2:]

    def _ask(self, kind, payload, what, timeout=60):
        assert self.process is None or self.running is None, "a job is running"
        with self._limit(what):
            self._send(kind, payload)
        return self._answer(kind, payload, timeout, what)

    def int21(self, ax, bx=0, cx=0, dx=0, si=0, di=0, data=b""):
        """A call of DOS; data is what DS:DX points to. Returns (ax, bx, cx, dx, flags, data)."""
        payload = struct.pack("<6H", ax, bx, cx, dx, si, di) + data
        answer = self._ask(b"I", payload, f"INT 21h AX={ax:04X}")
        return (*struct.unpack_from("<5H", answer), answer[10:])

    # ------------------------------------------------------------ files

    def put(self, name, data):
        """Write a file."""
        self.start()
        append = 0
        path = dos_path(name).encode("cp437")
        while True:
            piece, data = data[:MAILBOX_MOST], data[MAILBOX_MOST:]
            with (self.folder / "mailbox.img").open("r+b") as box:
                box.seek(dos_image.SECTOR)
                box.write(piece)
            self._ask(b"P", struct.pack("<IB", len(piece), append) + path, f"put {name}")
            append = 1
            if not data:
                return

    def get(self, name):
        """Contents of a file; GuestError when there is none."""
        found = b""
        path = dos_path(name).encode("cp437")
        while True:
            head = struct.pack("<II", len(found), MAILBOX_MOST)
            size = struct.unpack("<I", self._ask(b"G", head + path, f"get {name}"))[0]
            with (self.folder / "mailbox.img").open("rb") as box:
                box.seek(dos_image.SECTOR)
                found += box.read(size)
            if size < MAILBOX_MOST:
                return found

    def exists(self, name):
        return not self.int21(0x4300, data=dos_path(name).encode("cp437") + b"\0")[4] & 1

    def remove(self, name):
        self.int21(0x4100, data=dos_path(name).encode("cp437") + b"\0")

    def mkdir(self, name):
        self.int21(0x3900, data=dos_path(name).encode("cp437") + b"\0")

    def listdir(self, name="C:"):
        """{name: size} of what is in a folder, hidden files and folders too."""
        segment = self.int21(0x6200)[1]
        pattern = (dos_path(name).rstrip("\\") + "\\*.*").encode("cp437") + b"\0"
        found = {}
        flags = self.int21(0x4E00, cx=0x16, data=pattern)[4]
        while not flags & 1:
            entry = self.memory(segment * 16 + 0x80, 43)
            found[entry[30:].split(b"\0")[0].decode("cp437")] = struct.unpack_from(
                "<I", entry, 26
            )[0]
            flags = self.int21(0x4F00)[4]
        return found

    # ------------------------------------------------------------ programs

    def run(
        self,
        script,
        *args,
        stdin=b"",
        timeout=30,
        check=False,
        console=False,
        env=None,
        merge=False,
    ):
        """Run program text, or a list of arguments, with MPYTHON; wait for its end."""
        self.begin(script, *args, stdin=stdin, console=console, env=env, merge=merge)
        done = self.end(timeout)
        if check:
            assert done.returncode == 0 and done.kind == 0, (
                f"exit status {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
            )
        return done

    def exe(self, line, stdin=b"", timeout=30, console=False, env=None):
        """Run "PROGRAM.EXE arguments", wait for its end."""
        self.begin_exe(line, stdin, console, env)
        return self.end(timeout)

    def begin(self, script, *args, stdin=b"", console=True, env=None, merge=False):
        """Start as run() does, but do not wait: type(), wait_screen(), then end()."""
        self.begin_exe(job_words(self, script, args), stdin, console, env, merge)

    def begin_exe(self, line, stdin=b"", console=True, env=None, merge=False):
        payload = run_request(line, console, env, merge)
        if not console:
            self.put(FOLDER + "\\IN.TXT", stdin)
        with self._limit("run"):
            assert self.process is None or self.running is None, "a job is running"
            self._send(b"R", payload)
        self.running = line, payload, console, merge, time.monotonic()

    def end(self, timeout=30):
        """Wait for the end of the program; past timeout seconds the test fails."""
        line, payload, console, merge, started = self.running
        try:
            answer = self._answer(b"R", payload, timeout, line)
        finally:
            self.running = None
        seconds = time.monotonic() - started
        stdout = b"" if console else self.get(FOLDER + "\\OUT.TXT")
        stderr = b"" if console or merge else self.get(FOLDER + "\\ERR.TXT")
        return DosResult(answer, stdout, stderr, seconds)

    # ------------------------------------------------------------ keyboard, screen, monitor

    def monitor(self, line):
        """A line of QEMU's monitor, such as "set_link n off"; returns what it says."""
        self.start()
        return self.qmp.monitor(line)

    def memory(self, address, size):
        """Physical memory."""
        self.start()
        path = self.folder / "memory"
        self.qmp("pmemsave", val=address, size=size, filename=str(path))
        return path.read_bytes()

    def _cells(self):
        bios = self.memory(0x400, 0x100)
        columns = struct.unpack_from("<H", bios, 0x4A)[0] or 80
        page = struct.unpack_from("<H", bios, 0x4E)[0]
        rows = bios[0x84] + 1 if bios[0x84] else 25
        cells = self.memory(0xB8000 + page, columns * rows * 2)
        return [cells[at : at + 2 * columns] for at in range(0, len(cells), 2 * columns)]

    def screen(self):
        """The text on the screen, a list of lines without spaces at their ends."""
        return [row[::2].replace(b"\0", b" ").decode("cp437").rstrip() for row in self._cells()]

    def attributes(self):
        """The attribute bytes of the screen, a list of bytes for each line."""
        return [row[1::2] for row in self._cells()]

    def cursor(self):
        """(column, row) of the cursor, from 0."""
        return tuple(self.memory(0x450, 2))

    def wait_screen(self, condition, timeout=20):
        """The screen, as soon as condition(lines) is true or its text is on it."""
        wanted = condition
        if isinstance(condition, str):

            def wanted(lines):
                return any(condition in line for line in lines)

        end = time.monotonic() + timeout
        while True:
            lines = self.screen()
            if wanted(lines):
                return lines
            if time.monotonic() > end:
                raise AssertionError("not on the screen in time:\n" + "\n".join(lines))
            time.sleep(0.02)

    def key(self, name):
        """Press a key, or several: "ctrl-c", "alt-f4", "up", "ctrl-break", "f1"."""
        self.start()
        self._press(keys_named(name))

    def _press(self, keys):
        """Keys that come faster than the BIOS takes them are lost: in QEMU's queue of 16 bytes, in
        the BIOS's of 15 keys. The next one is pressed when this one is there.
        """
        before = self._key_ring(lambda head, tail: (tail - head) % 32 <= 20)[1]
        self.qmp.press(keys)
        if keys[-1] != "pause":  # Break starts the BIOS's buffer anew
            self._key_ring(lambda head, tail: tail != before, must=False)

    def hold_key(self, name):
        """The same, held down until a program has read it: the BIOS does not keep with a key
        whether Shift was down, a program asks for that later.
        """
        self.start()
        keys = keys_named(name)
        before = self._key_ring(lambda head, tail: head == tail)[1]
        self.qmp.keys([(key, True) for key in keys])
        self._key_ring(lambda head, tail: head == tail != before)
        self.qmp.keys([(key, False) for key in reversed(keys)])

    def type(self, text):
        """Type text on a US keyboard, as fast as the BIOS takes it."""
        for character in text:
            self._press(keys_of(character))

    def _key_ring(self, condition, timeout=20, must=True):
        """Wait for a state of the BIOS's keyboard buffer; a program may use another."""
        end = time.monotonic() + timeout
        while True:
            head, tail = struct.unpack("<HH", self.memory(0x41A, 4))
            if condition(head, tail):
                return head, tail
            if time.monotonic() > end:
                if must:
                    raise AssertionError("nobody reads the keys:\n" + "\n".join(self.screen()))
                return head, tail


def value_lines(lines):
    """The values of out() on a screen."""
    return [ast.literal_eval(line[4:]) for line in lines if line.startswith("OUT ")]
