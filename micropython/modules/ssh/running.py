"""Commands that are run to their end: what they leave, and limits of their time."""

import errno
import time

import _ssh

from ssh.errors import printable


class CompletedProcess:
    """What a command left: command, stdout, stderr, returncode, signal.

    returncode: the exit status; below 0 when there is none, and minus its number for one of the
    usual signals, whose name is in signal ("TERM"), None without one.
    """

    def __init__(self, command, stdout, stderr, status, signal):
        self.command = command
        self.stdout = stdout
        self.stderr = stderr
        self.signal = signal
        if status is None:
            status = -_SIGNALS.get(signal, 1)
        self.returncode = status

    def __repr__(self):
        return f"CompletedProcess({self.command!r}, returncode={self.returncode})"

    def check_returncode(self):
        """ProcessError unless the command has ended well."""
        if self.returncode or self.signal:
            raise ProcessError(self)


_SIGNALS = {
    "HUP": 1,
    "INT": 2,
    "QUIT": 3,
    "ILL": 4,
    "ABRT": 6,
    "FPE": 8,
    "KILL": 9,
    "USR1": 10,
    "SEGV": 11,
    "USR2": 12,
    "PIPE": 13,
    "ALRM": 14,
    "TERM": 15,
}


class ProcessError(Exception):
    """A command has failed: command, stdout, stderr, returncode, signal of it."""

    def __init__(self, done):
        ended = f"signal {done.signal}" if done.signal else f"exit status {done.returncode}"
        super().__init__(f"the command {done.command!r} ended with {ended}{_last(done.stderr)}")
        self.command = done.command
        self.stdout = done.stdout
        self.stderr = done.stderr
        self.returncode = done.returncode
        self.signal = done.signal


class TimeoutExpired(OSError):
    """A command took too long: command, timeout; stdout, stderr: what came until then (bytes)."""

    def __init__(self, command, timeout, stdout, stderr):
        text = f"the command {command!r} has not ended after {timeout} seconds"
        super().__init__(errno.ETIMEDOUT, text)
        self.command = command
        self.timeout = timeout
        self.stdout = stdout
        self.stderr = stderr

    def __str__(self):
        return self.args[1]


def _last(stderr):
    """The last line of an error output, to be added to a sentence."""
    lines = stderr.strip().split("\n" if isinstance(stderr, str) else b"\n")
    return f": {printable(lines[-1])}" if lines[-1] else ""


class Run:
    """A command with a limit of its time, or with variables."""

    def __init__(self, session, command, data, timeout, env):
        self.command = command
        self.timeout = timeout
        self.input = True  # its end has not been sent
        self.stream = data if hasattr(data, "read") else None
        if isinstance(data, str):
            data = data.encode()
        self.piece = b"" if self.stream is not None or data is None else memoryview(data)
        self.outputs = ([], [])
        self.end = None
        if timeout is not None:
            self.end = time.ticks_add(time.ticks_ms(), int(timeout * 1000))
        self.channel = session.open_session()
        for name, value in env.items():
            self.channel.setenv(name, value)

    def run(self):
        """(stdout, stderr, status, signal)."""
        channel = self.channel
        with channel:
            channel.exec(self.command)
            while True:
                # While there is input, the wait for output is a short one.
                channel.settimeout(self.left(20 if self.feed() else 1000))
                try:
                    stream, data = channel.recv_any(8192)
                except OSError as e:
                    if e.args[0] != errno.ETIMEDOUT:
                        raise
                    continue
                if not data:
                    break
                self.outputs[stream].append(data)
            status = self.wait()
            out, err = [b"".join(pieces) for pieces in self.outputs]
            return out, err, status, channel.exit_signal

    def wait(self):
        """The exit status: it may come after the end of the output."""
        while True:
            self.channel.settimeout(self.left(1000))
            try:
                return self.channel.wait()
            except OSError as e:
                if e.args[0] != errno.ETIMEDOUT:
                    raise

    def left(self, ms):
        """Seconds to wait now; TimeoutExpired past the end."""
        if self.end is not None:
            ms = min(ms, time.ticks_diff(self.end, time.ticks_ms()))
            if ms <= 0:
                outputs = [b"".join(pieces) for pieces in self.outputs]
                raise TimeoutExpired(self.command, self.timeout, *outputs)
        return ms / 1000

    def feed(self):
        """Send input as far as the server takes it. Whether there is more."""
        channel = self.channel
        channel.settimeout(0)
        try:
            while self.input:
                if not len(self.piece) and self.stream is not None:
                    self.piece = self.stream.read(4096)
                    if self.piece is None:  # nothing now
                        self.piece = b""
                        return True
                if not len(self.piece):
                    self.input = False
                    channel.eof()
                    break
                self.piece = self.piece[channel.write(self.piece) or 0 :]
                if len(self.piece):
                    return True
        except _ssh.SSHError as e:
            if e.args[0] != _ssh.ERR_CHANNEL_CLOSED:
                raise
            self.input = False  # a command need not read its input
        return False
