"""A program at a terminal: what it shows, keys for it, the terminal's size and modes."""

import codecs
import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time


class Terminal:
    """A child at a pty. Everything that it has shown is kept."""

    def __init__(self, line, cwd, env, size=(80, 24), term="xterm"):
        self.text = ""
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.status = None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                self._size(0, size)
                os.chdir(cwd)
                os.execve(line[0], [str(x) for x in line], {**env, "TERM": term})
            finally:
                os._exit(126)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.status is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)

    @staticmethod
    def _size(fd, size):
        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))

    def resize(self, columns, rows):
        self._size(self.fd, (columns, rows))

    def type(self, text):
        os.write(self.fd, text.encode())

    def echoes(self):
        return bool(termios.tcgetattr(self.fd)[3] & termios.ECHO)

    def modes(self):
        return termios.tcgetattr(self.fd)[:4]

    def _read(self, timeout):
        """Take in what comes. False at the end."""
        ready, _, _ = select.select([self.fd], [], [], timeout)
        if not ready:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # the child has ended and nobody else has the terminal open
            return False
        self.text += self.decoder.decode(data)
        self.take(data)
        return bool(data)

    def take(self, data):
        """More has been shown."""

    def send(self, data):
        """Type much: what is shown meanwhile is taken in."""
        os.set_blocking(self.fd, False)
        try:
            while data:
                ready = select.select([self.fd], [self.fd], [], 20)
                assert ready[0] or ready[1], f"no key is taken:\n{self.text[-3000:]}"
                if ready[0]:
                    self._read(0)
                if ready[1]:
                    data = data[os.write(self.fd, data[:4096]) :]
        finally:
            os.set_blocking(self.fd, True)

    def expect(self, pattern, timeout=20):
        """Wait until pattern matches what has been shown since the last match; the match."""
        deadline = time.monotonic() + timeout
        going = True
        while True:
            found = re.search(pattern, self.text, re.DOTALL)
            if found:
                self.text = self.text[found.end() :]
                return found
            assert going, f"ended without {pattern!r}:\n{self.text[-3000:]}"
            left = deadline - time.monotonic()
            assert left > 0, f"no {pattern!r} in time:\n{self.text[-3000:]}"
            going = self._read(left)

    def rest(self, timeout=20):
        """All that is shown until the end."""
        deadline = time.monotonic() + timeout
        while self._read(max(deadline - time.monotonic(), 0)):
            assert time.monotonic() < deadline, f"not at its end:\n{self.text[-3000:]}"
        return self.text

    def wait(self, timeout=20):
        """Exit status, negative for a signal."""
        self.rest(timeout)
        self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.status
