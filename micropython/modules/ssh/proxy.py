"""ProxyCommand: a program whose input and output are the connection to a host (unix)."""

import errno
import select
import time

import _ssh

from ssh.errors import ProxyCommandFailure

# Processes that were told to end, and have not been seen to.
_ending = []


def _reap():
    for process in list(_ending):
        try:
            if _ssh.unix.ended(process) is None:
                continue
        except OSError:
            pass
        _ending.remove(process)


class ProxyCommand:
    """A connection to a command that is run by the user's shell.

    `stream` is a MicroPython stream that never waits, for `_ssh.Session`. For programs that know
    paramiko's there are send, recv and settimeout, which wait.
    """

    def __init__(self, command_line):
        unix = getattr(_ssh, "unix", None)
        if not hasattr(unix, "spawn"):
            raise OSError(errno.EINVAL, "a ProxyCommand is not possible on this system")
        _reap()
        self.command = command_line
        self.timeout = None
        self.status = None  # once it has ended
        # The shell gives way to the command, so that it is the one that is told to end.
        fd, self.process = unix.spawn("exec " + command_line)
        self.stream = open(fd, "r+b")
        self._poll = select.poll()
        self._poll.register(self.stream, select.POLLIN)

    # ------------------------------------------------------------ as paramiko has it

    @property
    def cmd(self):
        """The words of the command."""
        from ssh import settings

        return settings.words(self.command)

    @property
    def closed(self):
        """Whether close() has been called."""
        return self.stream is None

    def settimeout(self, timeout):
        """Seconds that send and recv wait, None: for ever."""
        self.timeout = timeout

    def _wait(self, what):
        self._poll.modify(self.stream, what)
        if not self._poll.poll(-1 if self.timeout is None else int(self.timeout * 1000)):
            raise OSError(errno.ETIMEDOUT)

    def send(self, content):
        """Send all of it; its length. ProxyCommandFailure when the command has ended."""
        view = memoryview(content)
        while len(view):
            try:
                count = self.stream.write(view)
            except OSError as e:
                raise self.failure(e)
            if count is None:
                self._wait(select.POLLOUT)
            else:
                view = view[count:]
        return len(content)

    def recv(self, size):
        """At least one byte, b"" at the end; OSError(ETIMEDOUT) past the timeout."""
        data = bytearray(size)
        while True:
            self._wait(select.POLLIN)
            count = _ssh.unix.read_some(self.stream, data)
            if count is not None:
                return bytes(memoryview(data)[:count])

    # ------------------------------------------------------------ its end

    def ended(self, timeout=0):
        """The exit status of the command (minus a signal's number), None if it runs on after so
        many seconds.
        """
        end = time.ticks_add(time.ticks_ms(), int(timeout * 1000))
        while self.status is None:
            self.status = _ssh.unix.ended(self.process)
            if self.status is None:
                if time.ticks_diff(end, time.ticks_ms()) <= 0:
                    break
                time.sleep_ms(10)
        return self.status

    def failure(self, error):
        """What to raise for an error of the connection: the command may be to blame."""
        # The end of its output comes a little before its own.
        late = error.args and error.args[0] == errno.ETIMEDOUT
        status = None if late or self.stream is None else self.ended(1)
        if status is None:
            return error
        if status < 0:
            said = f"it was ended by signal {-status}"
        elif status == 127:
            said = "the shell did not find it (exit status 127)"
        else:
            said = f"it ended with exit status {status}"
        return ProxyCommandFailure(self.command, said)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        """End the connection, and the command with it (SIGHUP)."""
        if self.stream is None:
            return
        self._poll.unregister(self.stream)
        self.stream.close()
        self.stream = None
        if self.ended() is None:
            try:
                _ssh.unix.hang_up(self.process)
            except OSError:
                pass
            if self.ended() is None:
                _ending.append(self.process)
