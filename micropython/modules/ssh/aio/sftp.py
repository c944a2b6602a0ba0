"""Files on the server under asyncio."""

import asyncio
import errno
import os

from ssh.aio import pump
from ssh.sftp_attr import SFTPAttributes

_PIECE = 32768
_TYPE, _DIR, _FILE = 0o170000, 0o040000, 0o100000


async def start(conn):
    """An SFTPClient on a channel of its own."""
    native = await conn.pump.call(conn.session.sftp)
    try:
        await conn.pump.call(native.opened)
    except BaseException:
        try:
            native.close()
        except OSError:
            pass  # it was being closed when the answer came
        conn.pump.after()
        raise
    return SFTPClient(conn, native)


class SFTPClient(pump.Closing):
    """Files on the server: `conn.start_sftp_client()` gives it, to be awaited or in `async with`.

    Paths are str or bytes. One question at a time is under way, but files are read and written
    beside it, any number at once. Errors of the server are OSError, as of ssh.SFTPClient.
    """

    def __init__(self, conn, native):
        self.conn = conn
        self.native = native  # the SFTP of `_ssh`
        self.closed = False
        self._lock = asyncio.Lock()
        self._cwd = None

    async def ask(self, function, *args, **more):
        """A call of `_ssh.SFTP` that waits its turn."""
        return await self.conn.pump.ask(self._lock, self.native, function, *args, **more)

    def _at(self, path):
        if self._cwd is None or path[:1] in ("/", b"/"):
            return path
        folder = self._cwd.rstrip("/") + "/"
        return folder + path if isinstance(path, str) else folder.encode() + path

    # ------------------------------------------------------------ attributes

    async def stat(self, path, *, follow_symlinks=True):
        """SFTPAttributes of ssh: st_mode, st_size, st_mtime..."""
        if not follow_symlinks:
            return await self.lstat(path)
        return SFTPAttributes._of(await self.ask(self.native.stat, self._at(path)))

    async def lstat(self, path):
        """Of a link itself."""
        return SFTPAttributes._of(await self.ask(self.native.lstat, self._at(path)))

    async def setstat(self, path, **attrs):
        """mode, size, atime and mtime, uid and gid; follow=False for a link itself."""
        await self.ask(self.native.setstat, self._at(path), **attrs)

    async def chmod(self, path, mode, *, follow_symlinks=True):
        """Set the mode.

        follow_symlinks=False: of a link itself (OpenSSH's extension), here and below.
        """
        await self.setstat(path, mode=mode, follow=follow_symlinks)

    async def chown(self, path, uid, gid, *, follow_symlinks=True):
        """Set owner and group, which are numbers."""
        await self.setstat(path, uid=uid, gid=gid, follow=follow_symlinks)

    async def utime(self, path, times, *, follow_symlinks=True):
        """times: (atime, mtime) in seconds since 1970."""
        atime, mtime = times
        await self.setstat(path, atime=int(atime), mtime=int(mtime), follow=follow_symlinks)

    async def truncate(self, path, size):
        """Cut or extend a file to size bytes."""
        await self.setstat(path, size=size)

    async def statvfs(self, path="."):
        """As os.statvfs()."""
        return await self.ask(self.native.statvfs, self._at(path))

    async def exists(self, path):
        """Whether something has this name; False also for a link that leads nowhere."""
        return await self._type(path) is not None

    async def isdir(self, path):
        """Whether it is a folder, or a link to one."""
        return await self._type(path) == _DIR

    async def isfile(self, path):
        """Whether it is a file, or a link to one."""
        return await self._type(path) == _FILE

    async def getsize(self, path):
        """The size of a file in bytes."""
        return (await self.stat(path)).st_size

    async def _type(self, path):
        try:
            return (await self.stat(path)).st_mode & _TYPE
        except OSError as e:
            if e.args[0] != errno.ENOENT:
                raise
            return None

    # ------------------------------------------------------------ folders

    def scandir(self, path="."):
        """(name, SFTPAttributes) of all in a folder: `async for name, attrs in ...`."""
        return Folder(self, self._at(path))

    async def readdir(self, path="."):
        """A list of SFTPAttributes, each with its filename."""
        found = []
        async for name, attrs in self.scandir(path):
            attrs.filename = name
            found.append(attrs)
        return found

    async def listdir(self, path="."):
        """Names, without "." and "..", in no order."""
        return [attrs.filename for attrs in await self.readdir(path)]

    async def mkdir(self, path, mode=0o777):
        """Make a folder; the server takes its mask from the mode."""
        await self.ask(self.native.mkdir, self._at(path), mode)

    async def makedirs(self, path, mode=0o777, exist_ok=False):
        """A folder with those that it lies in."""
        made = "/" if path[:1] == "/" else ""
        names = [name for name in path.split("/") if name]
        for i, name in enumerate(names):
            made += name
            try:
                await self.mkdir(made, mode)
            except OSError:
                last = i == len(names) - 1
                if not await self.isdir(made) or (last and not exist_ok):
                    raise
            made += "/"

    async def rmdir(self, path):
        """Remove a folder, which has to be empty."""
        await self.ask(self.native.rmdir, self._at(path))

    async def chdir(self, path):
        """From now on paths count from there."""
        path = await self.realpath(path)
        if not await self.isdir(path):
            raise OSError(20, f"not a directory: {path}")
        self._cwd = path

    async def getcwd(self):
        """Where paths count from: what chdir() has set, or else the server's home."""
        return self._cwd or await self.realpath(".")

    async def realpath(self, path):
        """The whole path, without links and dots, as the server sees it."""
        return await self.ask(self.native.realpath, self._at(path))

    # ------------------------------------------------------------ names

    async def remove(self, path):
        """Delete a file or a link; also unlink()."""
        await self.ask(self.native.unlink, self._at(path))

    unlink = remove

    async def rename(self, oldpath, newpath):
        """newpath must not be there yet."""
        await self.ask(self.native.rename, self._at(oldpath), self._at(newpath))

    async def posix_rename(self, oldpath, newpath):
        """What is at newpath is replaced, in one step."""
        await self.ask(self.native.posix_rename, self._at(oldpath), self._at(newpath))

    async def symlink(self, oldpath, newpath):
        """Make the link newpath, which holds the text oldpath."""
        await self.ask(self.native.symlink, oldpath, self._at(newpath))

    async def link(self, oldpath, newpath):
        """A second name for a file."""
        await self.ask(self.native.hardlink, self._at(oldpath), self._at(newpath))

    async def readlink(self, path):
        """The text that a link holds."""
        return await self.ask(self.native.readlink, self._at(path))

    # ------------------------------------------------------------ files

    def open(self, path, mode="r", *, buffer=None, perm=0o666):
        """An SFTPFile, to be awaited or for `async with`. Bytes, whatever the mode says."""
        return pump.Once(self._open(self._at(path), mode, buffer, perm))

    async def _open(self, path, mode, buffer, perm):
        open = self.native.open
        native = await self.opened(open, path, mode, buffer=buffer, perm=perm)
        return SFTPFile(self, native)

    async def opened(self, function, *args, **more):
        """A file or folder of `_ssh`, once the server has opened it."""
        native = None
        await self._lock.acquire()
        try:
            native = await self.conn.pump.call(function, *args, **more)
            await self.conn.pump.call(native.opened)
            return native
        except asyncio.CancelledError:
            self.native.abandon()
            if native is not None:
                try:
                    native.close()
                except OSError:
                    pass
            raise
        finally:
            self._lock.release()

    async def get(self, remotepath, localpath, progress=None):
        """Fetch a file: the number of bytes. progress(done, size) is called on the way.

        What is read and written here is waited for by all of the program.
        """
        with open(localpath, "wb") as local:
            return await self.getfo(remotepath, local, progress)

    async def getfo(self, remotepath, stream, progress=None):
        """The same into a stream that is open for writing."""
        async with self.open(remotepath) as file:
            size = (await file.stat()).st_size
            buf = bytearray(_PIECE)
            view = memoryview(buf)
            done = 0
            while True:
                n = await file.readinto(buf)
                if not n:
                    return done
                stream.write(view[:n])
                done += n
                if progress:
                    progress(done, size)

    async def put(self, localpath, remotepath, progress=None):
        """Send a file: the number of bytes."""
        with open(localpath, "rb") as local:
            return await self.putfo(local, remotepath, progress, os.stat(localpath)[6])

    async def putfo(self, stream, remotepath, progress=None, size=None):
        """The same from a stream that is open for reading."""
        async with self.open(remotepath, "w") as file:
            buf = bytearray(_PIECE)
            view = memoryview(buf)
            done = 0
            while True:
                n = stream.readinto(buf)
                if not n:
                    return done
                await file.write(view[:n])
                done += n
                if progress:
                    progress(done, size)

    # ------------------------------------------------------------ the end

    async def close(self):
        """Close the files that are still open, and the channel."""
        if not self.closed:
            self.closed = True
            async with self._lock:
                await self.conn.pump.call(self.native.close)

    exit = close

    async def wait_closed(self):
        """The same as close()."""
        await self.close()


class Folder:
    """A folder that is read entry by entry. `async with` or close() if not to its end."""

    def __init__(self, sftp, path):
        self.sftp = sftp
        self.path = path
        self.native = None

    def __aiter__(self):
        return self

    async def __anext__(self):
        sftp = self.sftp
        if self.native is None:
            self.native = await sftp.opened(sftp.native.opendir, self.path)
        while True:
            entry = await sftp.conn.pump.call(self.native.read)
            if entry is None:
                await self.close()
                raise StopAsyncIteration
            if entry[0] not in (".", ".."):
                return entry[0], SFTPAttributes._of(entry[1])

    async def close(self):
        """Close it on the server."""
        if self.native is not None:
            await self.sftp.conn.pump.call(self.native.close)

    async def __aenter__(self):
        return self

    async def __aexit__(self, *exc):
        await self.close()


class SFTPFile(pump.Lines, pump.Closing):
    """An open file on the server. Reads run ahead, writes behind (flush() and close() wait)."""

    def __init__(self, sftp, native):
        self.sftp = sftp
        self.native = native  # the SFTPFile of `_ssh`
        self._lock = asyncio.Lock()  # one call at a time
        self._rest = b""  # read, but given back because the reader was cancelled

    async def _call(self, function, *args):
        return await self.sftp.conn.pump.call(function, *args)

    async def _at(self, offset):
        if offset is not None:
            await self._seek(offset, 0)

    async def read(self, size=-1, offset=None):
        """size bytes (from offset on), fewer at the end; all up to the end without a size."""
        async with self._lock:
            await self._at(offset)
            pieces = [self._rest]
            left = size - len(self._rest)
            self._rest = b""
            try:
                while size < 0 or left > 0:
                    data = await self._call(self.native.read, _PIECE if size < 0 else left)
                    if not data:
                        break
                    pieces.append(data)
                    left -= len(data)
            except BaseException:
                self._rest = b"".join(pieces)
                raise
            data = b"".join(pieces)
            if 0 <= size < len(data):
                data, self._rest = data[:size], data[size:]
            return data

    async def readinto(self, buf):
        """What comes next, into buf: the number of bytes, 0 at the end."""
        async with self._lock:
            if self._rest:
                n = min(len(buf), len(self._rest))
                buf[:n], self._rest = self._rest[:n], self._rest[n:]
                return n
            return await self._call(self.native.readinto, buf)

    async def readline(self):
        """A line with its end; b"" at the end of the file."""
        async with self._lock:
            line, self._rest = self._rest, b""
            try:
                while b"\n" not in line:
                    data = await self._call(self.native.readline)
                    if not data:
                        return line
                    line += data
            except BaseException:
                self._rest = line
                raise
            at = line.find(b"\n") + 1
            self._rest = line[at:]
            return line[:at]

    async def write(self, data, offset=None):
        """Write all (at offset): the number of bytes."""
        if isinstance(data, str):
            data = data.encode()
        async with self._lock:
            await self._at(offset)
            if self._rest:
                await self._seek(0, 1)
            view = memoryview(data)
            done = 0
            while done < len(view):
                done += await self._call(self.native.write, view[done:])
            return done

    async def _seek(self, offset, whence):
        if whence == 1:
            offset -= len(self._rest)
        self._rest = b""
        if whence == 2:
            return await self.sftp.ask(self.native.seek, offset, whence)
        return self.native.seek(offset, whence)

    async def seek(self, offset, whence=0):
        """Go to offset from the start, from here (1) or from the end (2): where that is."""
        async with self._lock:
            return await self._seek(offset, whence)

    async def tell(self):
        """Where the next byte is read or written."""
        return self.native.tell() - len(self._rest)

    async def stat(self):
        """SFTPAttributes."""
        async with self._lock:
            return SFTPAttributes._of(await self.sftp.ask(self.native.stat))

    async def setstat(self, **attrs):
        """mode, size, atime and mtime, uid and gid."""
        async with self._lock:
            await self.sftp.ask(self.native.setstat, **attrs)

    async def truncate(self, size=None):
        """Cut or extend the file to size, by default to where it stands."""
        async with self._lock:
            if size is None:
                size = self.native.tell() - len(self._rest)
            return await self.sftp.ask(self.native.truncate, size)

    async def flush(self):
        """Until the server has taken all that was written."""
        async with self._lock:
            await self._call(self.native.flush)

    async def fsync(self):
        """Until it is on the server's disk."""
        async with self._lock:
            await self.sftp.ask(self.native.sync)

    async def copy_data(self, to, offset=0, length=0, to_offset=0):
        """The server copies length bytes (0: up to the end) to another open file of its own."""
        async with self._lock:
            await self.sftp.ask(self.native.copy_data, to.native, offset, length, to_offset)

    async def close(self):
        """Close; what a write behind has met is raised here."""
        async with self._lock:
            await self._call(self.native.close)
