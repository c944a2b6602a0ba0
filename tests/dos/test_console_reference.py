"""The DOS console's emulator and pyte: the same streams must give the same screens."""

import fcntl
import os
import pty
import random
import select
import shutil
import struct
import subprocess
import termios
import time

import pytest
from vt100 import emulator as vt
from vt100.reference import Reference, differences

SIZES = [(80, 25), (80, 50), (40, 25)]


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    made = vt.Emulator(vt.build(tmp_path_factory.mktemp("vt100"), "host"))
    yield made
    made.close()


class Both:
    """The emulator and the reference, fed with the same bytes."""

    def __init__(self, emulator, cols, rows):
        self.emulator = emulator
        self.emulator.start(cols, rows)
        self.reference = Reference(cols, rows)
        self.written = b""

    def write(self, data):
        self.written += data
        self.emulator.write(data)
        self.reference.write(data)

    def compare(self):
        found = differences(self.reference, self.emulator.state(), self.emulator.cell)
        assert not found, (found[:5], self.written[-120:])


# ---------------------------------------------------------------- Random streams


class Generator:
    """Random sequences for which pyte and xterm agree: the cursor stays in the scrolling region,
    and what follows a full line is what both know.
    """

    def __init__(self, seed, reference):
        self.random = random.Random(seed)
        self.reference = reference
        self.saved = False

    def number(self, most):
        return self.random.choice(["", self.random.randint(0, 4), self.random.randint(0, most)])

    def goto(self):
        top, bottom = self.reference.margins or (0, self.reference.lines - 1)
        origin = top if 6 << 5 in self.reference.mode else 0
        row = self.random.randint(top, bottom) - origin + 1
        column = self.random.randint(1, self.reference.columns)
        return f"\033[{row};{column}{self.random.choice('Hf')}"

    def text(self):
        letters = "".join(map(chr, range(32, 127))) + "éßäαΩ─│┼█░±½"
        most = self.random.choice([3, 10, 100])
        return "".join(self.random.choices(letters, k=self.random.randint(1, most)))

    def colours(self):
        codes = ["0", "1", "4", "5", "7", "22", "24", "25", "27", "39", "49", "38;5;9", "48;5;4"]
        codes += map(str, [*range(30, 38), *range(40, 48), *range(90, 98), *range(100, 108)])
        return f"\033[{';'.join(self.random.choices(codes, k=self.random.randint(1, 3)))}m"

    def region(self):
        if self.saved:
            return ""
        if self.random.random() < 0.4:
            return "\033[?6l\033[r"
        top = self.random.randint(1, self.reference.lines - 1)
        bottom = self.random.randint(top + 1, self.reference.lines)
        return f"\033[?6l\033[{top};{bottom}r" + self.random.choice(["\033[?6h", f"\033[{top};1H"])

    def save(self):
        if self.reference.cursor.x == self.reference.columns:
            return "\r"
        self.saved = not self.saved
        return "\0337" if self.saved else "\0338"

    def piece(self):
        if self.reference.cursor.x == self.reference.columns:
            # Where pyte forgets that the wrap waits, or does not.
            return self.random.choice([self.text, self.goto, lambda: "\r", lambda: "\b"])()
        n = self.number(200)
        # VPA could leave the region.
        move = self.random.choice("ABCDEFG`ae" + "d" * (self.reference.margins is None))
        return self.random.choice(
            [
                self.text,
                self.text,
                self.goto,
                self.colours,
                self.region,
                self.save,
                lambda: f"\033[{n}{move}",
                lambda: f"\033[{n}{self.random.choice('@PXLM')}",
                lambda: f"\033[{n}{self.random.choice('STZ')}",
                lambda: f"{self.text()}\033[{n}b",
                lambda: self.random.choice(["\033D", "\033M", "\033E", "\n", "\r", "\b", "\t"]),
                lambda: f"\033[{self.random.choice(['', 0, 1, 2])}{self.random.choice('JK')}",
                lambda: self.random.choice(["\033[4h", "\033[4l"]),
                # Which the reference saves with the cursor, and xterm does not.
                lambda: "" if self.saved else self.random.choice(["\033[?7h", "\033[?7l"]),
                lambda: self.random.choice(
                    ["\033(0", "\033(B", "\033)0", "\033)B", "\016", "\017"]
                ),
                lambda: self.random.choice(
                    ["\033H", "\033[g", "\033]0;x\a", "\033[?25l", "\033[?25h"]
                ),
            ]
        )()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("seed", range(12))
def test_random(process, seed, size):
    both = Both(process, *size)
    generator = Generator(seed, both.reference)
    for _ in range(300):
        both.write(generator.piece().encode())
        both.compare()


# ---------------------------------------------------------------- Real programs


class Session:
    """A program in a terminal of its own. What it writes goes to both."""

    def __init__(self, both, command, folder, term="xterm", **environment):
        if shutil.which(command[0]) is None:
            pytest.skip(f"{command[0]} is not installed")
        self.both = both
        master, slave = pty.openpty()
        size = struct.pack("HHHH", both.reference.lines, both.reference.columns, 0, 0)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, size)
        env = {"TERM": term, "PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"}
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=folder,
            env=env | environment,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        self.master = master

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.kill()
        self.process.wait()
        os.close(self.master)

    def read(self, deadline):
        """What comes next; False at the end."""
        ready, _, _ = select.select([self.master], [], [], max(0, deadline - time.monotonic()))
        assert ready, "\n".join(self.both.reference.display)
        try:
            data = os.read(self.master, 65536)
        except OSError:
            return False
        self.both.write(data)
        replies = self.both.emulator.state().replies
        if replies:
            os.write(self.master, replies)
        return bool(data)

    def until(self, *wanted, timeout=30):
        """Reads until all texts are on the screen (a function: until it is true for the lines);
        then both screens must be the same.
        """
        deadline = time.monotonic() + timeout

        def there(what, lines):
            return what(lines) if callable(what) else any(what in line for line in lines)

        while not all(there(x, self.both.reference.display) for x in wanted):
            assert self.read(deadline), "the program has ended"
        self.both.compare()

    def type(self, keys):
        os.write(self.master, keys.encode())

    def end(self, keys="", timeout=30):
        self.type(keys)
        deadline = time.monotonic() + timeout
        while self.read(deadline):
            pass
        self.process.wait()
        self.both.compare()


@pytest.fixture(params=SIZES[:2], ids=["25 lines", "50 lines"])
def both(process, request):
    return Both(process, *request.param)


@pytest.fixture
def folder(tmp_path):
    text = "".join(f"line {n} of the file, \tπ ≈ {n / 7:.3f}\n" for n in range(1, 400))
    (tmp_path / "file.txt").write_text(text)
    (tmp_path / "prog.py").write_text(
        '"""Text."""\n\n\ndef f(x):\n    return [x, "é", 12]  # why\n'
    )
    return tmp_path


@pytest.mark.parametrize("term", ["xterm", "linux", "vt100", "ansi"])
def test_vim(both, folder, term):
    command = [
        "vim",
        "-u",
        "NONE",
        "-N",
        "-n",
        "-i",
        "NONE",
        "-c",
        "set ruler nottyfast",
        "file.txt",
    ]
    with Session(both, command, folder, term) as vim:
        vim.until("line 1 of", "1,1")
        vim.type("Go" + "the end" + "\033")
        vim.until("the end", "400,7")
        vim.type("gg:set number\r10\x05")
        vim.until(" 11 line 11 of")
        vim.type("3ddi" + "inserted " * 12 + "\033")
        vim.until("inserted inserted line 14 of")
        vim.type(":split prog.py\r:syntax on\r")
        vim.until("def f(x):", "return")
        vim.type("\x17\x17\x04\x04\x15\x15")
        vim.type(":%s/of/OF/g | set list\r:nohl\r/line 77\r")
        vim.until("line 77 OF")
        vim.type("zt2\x19\x0b:echo 'rea' .. 'dy'\r")
        vim.until("ready")
        vim.end("\033:qa!\r")


def test_vim_with_colours(both, folder):
    with Session(both, ["vim", "-n", "-i", "NONE", "--clean", "prog.py"], folder, "xterm") as vim:
        vim.until("def f(x):", "return")
        vim.type("Vjj")
        vim.until("VISUAL LINE")
        vim.type("\033:set hlsearch cursorline background=dark | syntax on\r/x\r")
        vim.until("/x")
        vim.end(":q!\r")


@pytest.mark.parametrize("term", ["xterm", "linux", "vt100", "ansi"])
def test_less(both, folder, term):
    with Session(both, ["less", "-M", "file.txt"], folder, term) as less:
        less.until("line 1 of", "lines 1-")
        less.type(" ")
        less.until("line 30 of")
        less.type("b/line 77\r")
        less.until("line 77 of", "lines 77-")
        less.type("kkkk")
        less.until("line 73 of", "lines 73-")
        less.type("G")
        less.until("line 399 of", "(END)")
        less.type("g")
        less.until("line 1 of", "lines 1-")
        less.end("q")


@pytest.mark.parametrize("term", ["xterm", "linux", "vt100"])
def test_top(both, folder, term):
    with Session(both, ["top", "-d", "0.3"], folder, term) as top:
        top.until("PID", "load average")
        top.type("h")
        top.until("Help for Interactive Commands")
        top.type("\033")
        top.until("PID", "load average")
        top.type("z")
        clock = both.reference.display[0]
        top.until(lambda lines: lines[0] != clock)
        top.end("q")


def test_htop(both, folder):
    with Session(both, ["htop", "-d", "3"], folder) as htop:
        htop.until("PID", "F10", "Load average")
        htop.type("\033OP")
        htop.until("Released under")
        htop.type("x")
        htop.until("PID", "F10")
        htop.end("\033[21~")


@pytest.mark.parametrize("term", ["xterm", "linux"])
def test_mc(both, folder, term):
    with Session(both, ["mc", "-x", "--nosubshell"], folder, term, SHELL="/bin/sh") as mc:
        # What is typed before all of the first screen is there, mc takes for something else:
        # its menu comes and goes again. The command line is drawn last.
        mc.until("file.txt", "Quit", lambda lines: {"#", "$"} & {x.rstrip() for x in lines})
        mc.type(2 * ("\033OB" if both.emulator.state().app_cursor else "\033[B"))
        mc.type("\033[20~\r")
        mc.until("File listing")
        mc.type("\033\033")
        mc.until("Quit")
        mc.end("\033[21~\r")


def test_nano(both, folder):
    with Session(both, ["nano", "-I", "file.txt"], folder) as nano:
        nano.until("line 1 of", "Exit")
        nano.type("hello ")
        nano.until("hello line 1 of")
        nano.type("\x16\x16\x0b\x0b\x15\x15")
        nano.type("\x17line 300\r")
        nano.until("line 300 of")
        nano.end("\x18n")


def test_bash(both, folder):
    with Session(both, ["bash", "--norc", "-i"], folder, PS1="$ ", INPUTRC="/dev/null") as bash:
        bash.until("$ ")
        bash.type("echo " + "long " * 30 + "; : last")
        bash.until("last")
        bash.type("\x01\x06\x06\x0b\x19\x01" + "\033[C" * 3 + "XY\b\b" + "\x05 END")
        bash.until("END")
        bash.type("\r")
        bash.type("seq 60; printf 'a\\tb\\e[31mred\\e[0m\\n'; echo rea\"\"dy\r")
        bash.until("ready", lambda lines: "$" in [x.rstrip() for x in lines])
        bash.type("\033[A")
        bash.until("seq 60")
        bash.end("\x15exit\r")


def test_tmux(both, folder):
    command = [
        "tmux",
        "-u",
        "-f",
        "/dev/null",
        "-S",
        str(folder / "s"),
        "new",
        "PS1='$ ' bash --norc",
    ]
    with Session(both, command, folder) as tmux:
        try:
            tmux.until("$ ")
            tmux.type("seq 30\r")
            tmux.until("30")
            tmux.type('\x02"')
            tmux.until("─────")
            tmux.type("\x02%")
            tmux.until("│")
            tmux.type("less file.txt\r")
            tmux.until("line 3 of")
            tmux.type("G")
            tmux.until("(END)")
            tmux.end("\x02d")
        finally:
            kill = ["tmux", "-S", str(folder / "s"), "kill-server"]
            subprocess.run(kill, stderr=subprocess.DEVNULL)
