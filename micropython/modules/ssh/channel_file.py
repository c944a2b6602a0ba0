"""The file objects of paramiko's Channel."""

import errno
import select

from ssh.stream import Stream

_CHUNK = 16384
_LINES = 64  # that are made at once
_POLL = 3  # requests of MicroPython's stream protocol
_CLOSE = 4


class ChannelFile(Stream):
    """A file of a channel: read() gives bytes, readline() and iteration str, unless mode has a b.

    bufsize: 0 or less writes at once, 1 at the end of each line, more when so many bytes wait.
    """

    def __init__(self, channel, mode="r", bufsize=-1):
        self.channel = channel
        self.binary = "b" in mode
        self.can_read = "r" in mode or "+" in mode
        self.can_write = "w" in mode or "a" in mode or "+" in mode
        self.bufsize = max(bufsize, 0)
        self.closed = False
        # Read, but not given away: lines without their ends, the last one first; then ahead, from
        # self.at on.
        self.lines = []
        self.ahead = b""
        self.at = 0
        self.waiting = b""  # written, but not sent

    def __repr__(self):
        return f"<ssh.ChannelFile from {self.channel!r}>"

    def readable(self):
        """Whether it was opened for reading."""
        return self.can_read

    def writable(self):
        """Whether it was opened for writing."""
        return self.can_write

    def seekable(self):
        """False: a channel only goes forward."""
        return False

    def _check(self, able, what):
        if self.closed:
            raise OSError(errno.EBADF, "File is closed")
        if not able:
            raise OSError(errno.EBADF, f"File is not open for {what}")

    # ------------------------------------------------------------ reading

    def _recv(self, size):
        return self.channel.recv(size)

    def _rest(self, size):
        """Up to size bytes of what was read ahead."""
        if self.lines:
            self.lines.reverse()
            self.lines.append(self.ahead[self.at :])
            self.ahead = b"\n".join(self.lines)
            self.lines, self.at = [], 0
        data = self.ahead[self.at : self.at + size]
        self.at += len(data)
        if self.at >= len(self.ahead):
            self.ahead, self.at = b"", 0
        return data

    def read(self, size=None):
        """size bytes (fewer at the end), or all up to the end: bytes."""
        self._check(self.can_read, "reading")
        left = 1 << 30 if size is None or size < 0 else size
        parts = []
        if self.ahead or self.lines:
            parts.append(self._rest(left))
            left -= len(parts[0])
        while left:
            data = self._recv(min(left, _CHUNK))
            if not data:
                break
            parts.append(data)
            left -= len(data)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def readinto(self, buf):
        """Fill the buffer, or as much as there is before the end."""
        self._check(self.can_read, "reading")
        data = self._rest(len(buf)) or self._recv(len(buf))
        done = len(data)
        buf[:done] = data
        while data and done < len(buf):
            data = self._recv(len(buf) - done)
            buf[done : done + len(data)] = data
            done += len(data)
        return done

    def readline(self, size=None):
        """A line with its end, of size bytes at most; "" at the end."""
        if self.lines and size is None and not self.closed:
            line = self.lines.pop() + b"\n"
        else:
            line = self._line(size)
        return line if self.binary else line.decode()

    def _line(self, size):
        self._check(self.can_read, "reading")
        if size is not None and size >= 0:
            return self._short_line(size)
        rest = self._rest(1 << 30)
        while b"\n" not in rest:
            data = self._recv(_CHUNK)
            if not data:
                return rest
            rest += data
        lines = rest.split(b"\n", _LINES)
        self.ahead = lines.pop()
        lines.reverse()
        self.lines = lines
        return lines.pop() + b"\n"

    def _short_line(self, size):
        line = self._rest(size)
        while True:
            end = line.find(b"\n") + 1
            if end or len(line) >= size:
                break
            data = self._recv(size - len(line))
            if not data:
                break
            line += data
        if end and end < len(line):
            self.ahead = line[end:] + self.ahead[self.at :]
            self.at = 0
            line = line[:end]
        return line

    # ------------------------------------------------------------ writing

    def write(self, data):
        """Send bytes or str. (The number of bytes, as streams of MicroPython do.)"""
        self._check(self.can_write, "writing")
        if isinstance(data, str):
            data = data.encode()
        if not self.bufsize:
            self.channel.sendall(data)
            return len(data)
        self.waiting += data
        if self.bufsize == 1:
            end = self.waiting.rfind(b"\n") + 1
        else:
            end = len(self.waiting) if len(self.waiting) >= self.bufsize else 0
        if end:
            self.channel.sendall(self.waiting[:end])
            self.waiting = self.waiting[end:]
        return len(data)

    def flush(self):
        """Send what waits."""
        if self.waiting:
            waiting, self.waiting = self.waiting, b""
            self.channel.sendall(waiting)

    def close(self):
        """Send what waits. The channel stays open."""
        if not self.closed:
            self.flush()
            self.closed = True

    def ioctl(self, request, arg):
        """For MicroPython's select.poll and close()."""
        if request == _POLL:
            here = arg & select.POLLIN if self.ahead or self.lines else 0
            return here | self.channel.ioctl(request, arg)
        if request == _CLOSE:
            self.close()
            return 0
        return -errno.EINVAL


class ChannelStderrFile(ChannelFile):
    """A file of the error output."""

    def _recv(self, size):
        return self.channel.recv_stderr(size)


class ChannelStdinFile(ChannelFile):
    """A file of the input."""

    def close(self):
        """Send what waits, and the end of input."""
        super().close()
        self.channel.shutdown_write()
