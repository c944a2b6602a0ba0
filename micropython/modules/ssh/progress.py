"""The line that tells how far a transfer is: percent, bytes, rate, time left."""

import sys
import time

from ssh import errors, terminal

_STEP_MS = 250
_width = 0  # of the terminal; to find it out takes a while on unix


def amount(n):
    """A number of bytes in five places."""
    if n < 10000:
        return f"{n:4d}B"
    for unit in "KMG":
        n /= 1024
        if n < 1000 or unit == "G":
            return f"{n:5.1f}{unit}" if n < 100 else f"{n:5.0f}{unit}"


def clock(seconds):
    seconds = int(seconds)
    if seconds >= 3600:
        return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{seconds // 60:02d}:{seconds % 60:02d}"


def line(name, done, total, ms, width, finished=False):
    """The text for one moment. total None: not known."""
    rate = done * 1000 / max(ms, 1)
    percent = "    "
    left = "--:-- ETA"
    if finished:
        percent = "100%" if total is None or done >= total else f"{done * 100 // total:3d}%"
        left = clock(ms / 1000)
    elif total:
        percent = f"{min(done * 100 // total, 100):3d}%"
        if rate:
            left = clock(min((total - done) / rate, 359999)) + " ETA"
    numbers = f" {percent} {amount(done)} {amount(int(rate))}/s {left:>9}"
    room = max(width - len(numbers) - 1, 8)
    name = errors.printable(name)
    if len(name) > room:
        name = name[: room - 3] + "..."
    return name + " " * (room - len(name)) + numbers


class Progress:
    """Called with (done, total) during a transfer; shows it where a person can see it."""

    def __init__(self, name, show=True):
        global _width
        self.name = name
        self.show = show and terminal.isatty(2)
        self.start = time.ticks_ms()
        self.last = self.start
        self.done = 0
        self.total = None
        if self.show and not _width:
            _width = terminal.size()[0]

    def __call__(self, done, total):
        self.done = done
        self.total = total
        if not self.show:
            return
        now = time.ticks_ms()
        if time.ticks_diff(now, self.last) >= _STEP_MS or self.last == self.start:
            self._draw(now)
            self.last = now

    def _draw(self, now, finished=False):
        ms = time.ticks_diff(now, self.start)
        sys.stderr.write("\r" + line(self.name, self.done, self.total, ms, _width, finished))

    def end(self):
        """Leave the line with its last numbers."""
        if self.show:
            self._draw(time.ticks_ms(), True)
            sys.stderr.write("\n")
