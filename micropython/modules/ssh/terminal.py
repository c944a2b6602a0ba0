"""The local terminal: prompts without echo, raw mode, size, and reading what has been typed.

Three kinds: Unix (termios), DOS (module `dos`), and boards, whose REPL is the terminal.
"""

import select
import sys

import _ssh

from ssh import paths
from ssh.errors import Failure

try:
    import termios
except ImportError:
    termios = None
try:
    import dos
except ImportError:
    dos = None

_ECHO = 8  # c_lflag, the same on Linux, BSD and macOS
_FLUSH = 2  # TCSAFLUSH


def stdin():
    return getattr(sys.stdin, "buffer", sys.stdin)


def stdout():
    return getattr(sys.stdout, "buffer", sys.stdout)


def isatty(fd):
    if termios:
        try:
            termios.tcgetattr(fd)
            return True
        except OSError:
            return False
    return dos.isatty(fd) if dos else True


def term_name():
    """TERM for the remote side."""
    return paths.getenv("TERM") or ("xterm" if dos else "vt100")


# ---------------------------------------------------------------- size

_DEFAULT_SIZE = (80, 24)


def _number(text):
    return int(text) if text and text.isdigit() else 0


def size():
    """(columns, rows) of the terminal."""
    columns = rows = 0
    if dos:
        columns, rows = dos.size()
    elif hasattr(_ssh, "unix"):
        for fd in range(3):
            try:
                columns, rows = _ssh.unix.terminal_size(fd)
                break
            except OSError:
                pass  # not a terminal
    columns = columns or _number(paths.getenv("COLUMNS")) or _DEFAULT_SIZE[0]
    return columns, rows or _number(paths.getenv("LINES")) or _DEFAULT_SIZE[1]


# ---------------------------------------------------------------- modes


def pty_modes():
    """The modes of the terminal here, for one there: which key erases, and the like."""
    return _ssh.unix.pty_modes(0) if termios and isatty(0) else b""


def _put_back(fd, modes):
    try:
        _ssh.unix.terminal_modes(fd, modes)
    except OSError:
        pass  # a terminal that is gone


class Raw:
    """Raw mode of standard input as a context manager: every key is a byte for the program."""

    now = False

    def __enter__(self):
        Raw.now = True
        if termios:
            self.saved = _ssh.unix.terminal_modes(0)
            termios.setraw(0)
        else:
            self.saved = set_keys_raw(True)
        return self

    def __exit__(self, *exc):
        Raw.now = False
        if termios:
            _put_back(0, self.saved)
        else:
            set_keys_raw(self.saved)
            if dos:
                dos.reset()  # whatever the remote side has left on: colours, modes


def set_keys_raw(flag):
    """Where there is no termios: whether ctrl-C is a key like others. Returns what it was."""
    if dos:
        return dos.raw(flag)
    import micropython

    micropython.kbd_intr(-1 if flag else 3)
    return False


class LineEditor:
    """Makes lines of keys, where no operating system does it."""

    def __init__(self, echo=True, out=None):
        self.echo = echo
        self.out = out or sys.stderr
        self.line = bytearray()
        self.ended = False

    def key(self, c):
        """Take a byte: True when the line is complete (or, with `ended`, at the end of input)."""
        if c in (13, 10):
            self.out.write("\r\n")
            return True
        if c == 3:
            raise KeyboardInterrupt
        if c in (4, 26):
            self.ended = not self.line
            return self.ended
        if c in (8, 127):
            self._erase()
        elif c == 21:
            while self.line:
                self._erase()
        elif c >= 32:
            self.line.append(c)
            if c < 128:
                self._show(chr(c))
            elif self.echo:
                self._show_multibyte()
        return False

    def _show(self, text):
        if self.echo:
            self.out.write(text)

    def _last_character(self):
        """Where the last character starts, which may be of several bytes."""
        at = len(self.line) - 1
        while at > 0 and self.line[at] & 0xC0 == 0x80:
            at -= 1
        return at

    def _show_multibyte(self):
        try:
            self._show(bytes(self.line[self._last_character() :]).decode())
        except UnicodeError:
            pass  # more of it is to come

    def _erase(self):
        if self.line:
            self.line = self.line[: self._last_character()]
            self._show("\b \b")


# ---------------------------------------------------------------- prompts


class _UnixTerminal:
    """The terminal itself, also when standard input and output are somewhere else."""

    def __init__(self):
        self.file = open("/dev/tty", "r+b")

    def ask(self, prompt, echo):
        fd = self.file.fileno()
        saved = _ssh.unix.terminal_modes(fd)
        if not echo:
            quiet = termios.tcgetattr(fd)
            quiet[3] &= ~_ECHO
            termios.tcsetattr(fd, _FLUSH, quiet)
        try:
            self.file.write(prompt)
            return self._line()
        finally:
            _put_back(fd, saved)
            if not echo:
                self.file.write("\n")

    def _line(self):
        """One byte at a time: no copies of a password are left behind."""
        line = bytearray()
        one = bytearray(1)
        while self.file.readinto(one):
            if one[0] in (10, 13):
                return line
            line.append(one[0])
        return None

    def close(self):
        self.file.close()


class _KeyTerminal:
    """Keyboard and screen of DOS, or the REPL's line of a board."""

    def __init__(self):
        # On DOS there is always a keyboard, but nobody at it when all is redirected.
        if not isatty(0) and not isatty(2):
            raise OSError(25)
        self.file = dos.console if dos else None
        self.input = self.file or stdin()

    def ask(self, prompt, echo):
        out = self.file or sys.stderr
        editor = LineEditor(echo, out)
        out.write(prompt)
        one = bytearray(1)
        saved = set_keys_raw(True)
        try:
            while True:
                if not self.input.readinto(one) or editor.key(one[0]):
                    break
        finally:
            set_keys_raw(saved)
        return None if editor.ended else editor.line

    def close(self):
        pass


def _open():
    try:
        return _UnixTerminal() if termios else _KeyTerminal()
    except OSError:
        return None


def can_ask():
    """Whether there is a person to ask."""
    terminal = _open()
    if terminal:
        terminal.close()
    return terminal is not None


def _ask(prompt, echo):
    terminal = _open()
    if terminal is None:
        raise Failure("there is no terminal to ask at")
    try:
        line = terminal.ask(prompt, echo)
    finally:
        terminal.close()
    if line is None:
        raise Failure("no answer")
    return line


def ask(prompt):
    """The answer of the person at the terminal. Failure if there is none."""
    try:
        return bytes(_ask(prompt, True)).decode()
    except UnicodeError:
        return ""


def ask_secret(prompt):
    """The same without echo: a bytearray, for the caller to wipe."""
    return _ask(prompt, False)


def read_line(prompt):
    """A line of who sits at standard input, edited as the terminal does it; None at the end."""
    if termios:
        sys.stdout.write(prompt)
        line = stdin().readline()
    else:
        keys = _KeyTerminal()
        line = keys.ask(prompt, True)
        if line is not None:
            line.append(10)
    return text_of(line) if line else None


def text_of(line):
    """UTF-8, or else each byte a character."""
    try:
        return bytes(line).decode()
    except UnicodeError:
        return "".join([chr(c) for c in line])


def wipe(secret):
    for i in range(len(secret)):
        secret[i] = 0


# ---------------------------------------------------------------- standard input


class Input:
    """Standard input in pieces of what is there. read_into() returns 0 at the end."""

    def __init__(self):
        self.stream = stdin()
        self.poller = select.poll()
        self.poller.register(self.stream, select.POLLIN)
        self.one = bytearray(1)
        # Without read_some() a read waits until it is full: one byte at a time, but of files.
        self.whole = not isatty(0) and (dos is not None or _is_file())

    def _ready(self):
        for _ in self.poller.ipoll(0):
            return True
        return False

    def read_into(self, buf):
        """Read at least one byte, which is there (or about to be). None: nothing after all."""
        try:
            if hasattr(_ssh, "unix"):
                return _ssh.unix.read_some(self.stream, buf)
            if self.whole:
                return self.stream.readinto(buf)
            n = 0
            while n < len(buf) and (n == 0 or self._ready()):
                got = self.stream.readinto(self.one)
                if not got:
                    return n or got
                buf[n] = self.one[0]
                n += 1
            return n
        except OSError:
            return 0  # a terminal that is gone, or a closed descriptor


def _is_file():
    return paths.mode("/dev/stdin") & 0o170000 == 0o100000


class LineInput(Input):
    """The keyboard, line by line with echo, where no operating system does that."""

    def __init__(self):
        super().__init__()
        self.editor = LineEditor()
        self.saved = set_keys_raw(True)

    def read_into(self, buf):
        n = 0
        while n == 0 and self._ready():
            if super().read_into(self.one) and self.editor.key(self.one[0]):
                if self.editor.ended:
                    return 0
                self.editor.line.append(10)
                n = min(len(buf), len(self.editor.line))
                buf[:n] = self.editor.line[:n]
                self.editor.line = self.editor.line[n:]
        return n or None

    def close(self):
        set_keys_raw(self.saved)
