"""A file on the server: SFTPFile, with the names of paramiko."""

import errno

from ssh.sftp_attr import SFTPAttributes, now
from ssh.stream import Stream


class RemoteFile(Stream):
    """What works on the `_ssh.SFTPFile` as it is."""

    def __init__(self, native):
        self.native = native

    def readinto(self, buff):
        """Fill a buffer: the number of bytes, fewer than fit only at the end."""
        return self.native.readinto(buff)

    def seek(self, offset, whence=0):
        """Go to offset from the start, from here (1) or from the end (2): where that is."""
        return self.native.seek(offset, whence)

    def tell(self):
        """Where the next byte is read or written."""
        return self.native.tell()

    def flush(self):
        """Wait until the server has taken all that was written."""
        self.native.flush()

    def close(self):
        """Close; what a write behind has met is raised here."""
        if not self.closed:
            self.closed = True
            self.native.close()

    def ioctl(self, request, arg):
        """For MicroPython's streams."""
        if request == 1:
            self.flush()
        elif request == 3:
            return arg & 5  # readable and writable as files always are
        elif request == 4:
            self.close()
        else:
            return -errno.EINVAL
        return 0


class SFTPFile(RemoteFile):
    """An open file on the server, as SFTPClient.open() gives it; a MicroPython stream.

    read() gives bytes in any mode; lines are str unless the mode has a "b", as in paramiko.
    """

    SEEK_SET, SEEK_CUR, SEEK_END = 0, 1, 2
    MAX_REQUEST_SIZE = 32768

    def __init__(self, client, native, mode, bufsize=-1):
        super().__init__(native)
        self.sftp = client
        self.pipelined = False
        self.newlines = None
        self._mode = mode
        self._text = "b" not in mode
        self._any_newline = "U" in mode
        self._bufsize = max(bufsize, 0)

    def readable(self):
        """Whether the mode allows to read."""
        return "r" in self._mode or "+" in self._mode

    def writable(self):
        """Whether the mode allows to write."""
        return any(c in self._mode for c in "wa+")

    def seekable(self):
        """True: it can seek()."""
        return True

    # ------------------------------------------------------------ reading

    def read(self, size=None):
        """size bytes, fewer at the end; all up to the end without a size."""
        return self.native.read(-1 if size is None else size)

    def readline(self, size=None):
        """A line with its end, at most size bytes of it."""
        line = self.native.readline(-1 if size is None else size)
        if self._any_newline:
            line = self._with_newline(line)
        return str(line, "utf-8") if self._text else line

    def _with_newline(self, line):
        """Mode "U": a carriage return ends a line too, and every end is a newline."""
        at = line.find(b"\r")
        if at < 0:
            return line
        if line[at:] == b"\r" and self.native.read(1) not in (b"\n", b""):
            self.native.seek(-1, 1)
        elif line[at + 1 :] not in (b"", b"\n"):
            self.native.seek(at + 1 - len(line), 1)
        return line[:at] + b"\n"

    def prefetch(self, file_size=None, max_concurrent_requests=None):
        """Files are read ahead anyway, within the buffer that open() was given."""

    def readv(self, chunks, max_concurrent_prefetch_requests=None):
        """A generator of what stands at each (offset, length) of chunks."""
        for offset, length in chunks:
            self.native.seek(offset)
            yield self.native.read(length)

    # ------------------------------------------------------------ writing

    def write(self, data):
        """Write bytes or text: their number.

        Without a buffer (bufsize of open()) and set_pipelined(), the server has taken them, or an
        exception says why not, when this returns.
        """
        n = self.native.write(data)
        if not self.pipelined and (
            self._bufsize == 0 or (self._bufsize == 1 and b"\n" in _bytes(data))
        ):
            self.native.flush()
        return n

    def set_pipelined(self, pipelined=True):
        """Whether writes run on without the server's answer: a later call raises their errors."""
        self.pipelined = pipelined

    def fsync(self):
        """Wait until it is on the server's disk."""
        self.native.sync()

    def copy_data(self, to, offset=0, length=0, to_offset=0):
        """The server copies length bytes (0: up to the end) to another open file of its own."""
        return self.native.copy_data(getattr(to, "native", to), offset, length, to_offset)

    def truncate(self, size=None):
        """Cut or extend the file to size, by default to where it stands."""
        return self.native.truncate(size)

    # ------------------------------------------------------------ attributes

    def stat(self):
        """SFTPAttributes of the open file."""
        return SFTPAttributes._of(self.native.stat())

    def chmod(self, mode):
        """Set the mode."""
        self.native.setstat(mode=mode)

    def chown(self, uid, gid):
        """Set owner and group, which are numbers."""
        self.native.setstat(uid=uid, gid=gid)

    def utime(self, times):
        """times: (atime, mtime), None for now."""
        atime, mtime = times or (now(), now())
        self.native.setstat(atime=int(atime), mtime=int(mtime))

    def check(self, hash_algorithm, offset=0, length=0, block_size=0):
        """A hash made by the server (check-file): not there, no server of ours has it."""
        raise OSError(errno.EOPNOTSUPP, "hashes by the server (check-file) are not supported")

    # ------------------------------------------------------------ waiting

    def settimeout(self, timeout):
        """Seconds for each step of an operation: of the whole session."""
        self.sftp.sock.settimeout(timeout)

    def gettimeout(self):
        """Seconds for each step of an operation, or None."""
        return self.sftp.sock.gettimeout()

    def setblocking(self, blocking):
        """True: wait for ever. SFTP cannot be without waiting."""
        self.sftp.sock.setblocking(blocking)


def _bytes(data):
    return data.encode() if isinstance(data, str) else data
