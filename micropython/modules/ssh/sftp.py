"""Files on the server: SFTPClient, SFTPFile and SFTPAttributes, with the names of paramiko.

with conn.open_sftp() as sftp:
    sftp.get("/etc/motd", "motd.txt", progress=print)
"""

import errno
import os

import _ssh

from ssh import paths
from ssh.sftp_attr import SFTPAttributes, now
from ssh.sftp_file import SFTPFile

_TYPE, _DIR = 0o170000, 0o040000
_ENOTDIR = 20
_CHUNK = 32768


class SFTPError(OSError):
    """What SFTP as such cannot do."""


# ---------------------------------------------------------------- the client


class _Sock:
    """What get_channel() gives: the timeout and the end of an SFTP session."""

    def __init__(self, client, session, transport):
        self._client = client
        self._session = session
        self._transport = transport

    def settimeout(self, timeout):
        self._session.timeout = timeout

    def gettimeout(self):
        return self._session.timeout

    def setblocking(self, blocking):
        """Only blocking: an SFTP call waits for its answer, for as long as the timeout says."""
        if not blocking:
            raise OSError(errno.EOPNOTSUPP, "SFTP waits for answers: use settimeout()")
        self._session.timeout = None

    def get_transport(self):
        return self._transport

    @property
    def closed(self):
        return self._client.closed or self._session.closed

    def close(self):
        self._client.close()


def native_session(source):
    """The _ssh.Session of a Connection, Transport, Channel or Session."""
    if hasattr(source, "get_transport"):
        source = source.get_transport()
    return getattr(source, "session", source)


class SFTPClient:
    """Files on the server. Names and arguments are paramiko's; get and put take more.

    sock: a Transport or Connection that is logged in, or an _ssh.Session or _ssh.SFTP. For a
    Channel one of its own is opened on the same connection.
    """

    def __init__(self, sock):
        self.closed = False
        self._cwd = None
        if isinstance(sock, _ssh.SFTP):
            self.native = sock
            self.sock = None
            return
        session = native_session(sock)
        self.native = session.sftp()
        transport = sock.get_transport() if hasattr(sock, "get_transport") else sock
        self.sock = _Sock(self, session, transport)

    @classmethod
    def from_transport(cls, t, window_size=None, max_packet_size=None):
        """A client on a Transport. Window and packet sizes are those of the session."""
        return cls(t)

    def close(self):
        """Close the files that are still open, and the channel."""
        if not self.closed:
            self.closed = True
            self.native.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def get_channel(self):
        """An object with settimeout(), gettimeout(), get_transport(), closed, close()."""
        return self.sock

    def _at(self, path):
        if self._cwd is None or path[:1] in ("/", b"/"):
            return path
        folder = self._cwd if self._cwd[-1] == "/" else self._cwd + "/"
        return folder + path if isinstance(path, str) else folder.encode() + path

    # ------------------------------------------------------------ folders

    def listdir(self, path="."):
        """Names, without "." and "..", in no order."""
        return self.native.listdir(self._at(path))

    def listdir_attr(self, path="."):
        """SFTPAttributes of all in a folder, each with its filename and the server's longname."""
        return list(self.listdir_iter(path))

    def listdir_iter(self, path=".", read_aheads=50):
        """The same as a generator, for folders that are large."""
        with self.native.opendir(self._at(path)) as folder:
            while True:
                found = folder.read(True)
                if found is None:
                    return
                if found[0] not in (".", ".."):
                    yield SFTPAttributes._of(found[1], found[0], found[2])

    def mkdir(self, path, mode=0o777):
        """Make a folder; the server takes its mask from the mode."""
        self.native.mkdir(self._at(path), mode)

    def rmdir(self, path):
        """Remove a folder, which has to be empty."""
        self.native.rmdir(self._at(path))

    def chdir(self, path=None):
        """From now on paths count from there; None: from the server's home again."""
        if path is None:
            self._cwd = None
            return
        if self.native.stat(self._at(path))[0] & _TYPE != _DIR:
            raise SFTPError(_ENOTDIR, f"not a directory: {path}")
        self._cwd = self.normalize(path)

    def getcwd(self):
        """What chdir() has set, or None."""
        return self._cwd

    def normalize(self, path):
        """The whole path, without links and dots, as the server sees it."""
        return self.native.realpath(self._at(path))

    # ------------------------------------------------------------ names

    def remove(self, path):
        """Delete a file or a link; also unlink()."""
        self.native.unlink(self._at(path))

    unlink = remove

    def rename(self, oldpath, newpath):
        """newpath must not be there yet."""
        self.native.rename(self._at(oldpath), self._at(newpath))

    def posix_rename(self, oldpath, newpath):
        """What is at newpath is replaced, in one step."""
        self.native.posix_rename(self._at(oldpath), self._at(newpath))

    def symlink(self, source, dest):
        """Make the link dest, which holds the text source."""
        self.native.symlink(source, self._at(dest))

    def hardlink(self, source, dest):
        """A second name for a file (OpenSSH's extension)."""
        self.native.hardlink(self._at(source), self._at(dest))

    def readlink(self, path):
        """The text that a link holds."""
        return self.native.readlink(self._at(path))

    # ------------------------------------------------------------ attributes

    def stat(self, path):
        """SFTPAttributes of a file or folder, of what a link leads to."""
        return SFTPAttributes._of(self.native.stat(self._at(path)))

    def lstat(self, path):
        """Of a link itself."""
        return SFTPAttributes._of(self.native.lstat(self._at(path)))

    def chmod(self, path, mode, *, follow=True):
        """Set the mode. follow=False: of a link itself (OpenSSH's extension), here and below."""
        self.native.setstat(self._at(path), mode=mode, follow=follow)

    def chown(self, path, uid, gid, *, follow=True):
        """Set owner and group, which are numbers; both are needed."""
        self.native.setstat(self._at(path), uid=uid, gid=gid, follow=follow)

    def utime(self, path, times, *, follow=True):
        """times: (atime, mtime) in seconds since 1970, None for now."""
        atime, mtime = times or (now(), now())
        self.native.setstat(self._at(path), atime=int(atime), mtime=int(mtime), follow=follow)

    def truncate(self, path, size):
        """Cut or extend a file to size bytes."""
        self.native.setstat(self._at(path), size=size)

    def statvfs(self, path="."):
        """As os.statvfs() (OpenSSH's extension)."""
        return self.native.statvfs(self._at(path))

    # ------------------------------------------------------------ files

    def open(self, filename, mode="r", bufsize=-1):
        """An SFTPFile. bufsize 0 or less: writes wait for the server; 1: those that end a line."""
        kind = "r"
        for letter in "awx":
            if letter in mode:
                kind = letter
        if "+" in mode:
            kind += "+"
        more = {"buffer": bufsize} if bufsize > 1 and (kind[0] == "r" or "+" in mode) else {}
        return SFTPFile(self, self.native.open(self._at(filename), kind, **more), mode, bufsize)

    file = open

    def getfo(
        self,
        remotepath,
        fl,
        callback=None,
        prefetch=True,
        max_concurrent_prefetch_requests=None,
        *,
        progress=None,
    ):
        """Write a remote file to a stream: the number of bytes.

        callback or progress is called with (bytes so far, size of the file). prefetch=False asks
        for a piece of 32 KB at a time, a maximum of requests for as many.
        """
        told = callback or progress
        if prefetch and max_concurrent_prefetch_requests is None:
            return self.native.get(self._at(remotepath), fl, told)
        most = max_concurrent_prefetch_requests if prefetch else 1
        done = 0
        piece = bytearray(_CHUNK)
        with self.native.open(self._at(remotepath), "r", buffer=_CHUNK * most) as file:
            size = file.stat()[1]
            while True:
                n = file.readinto(piece)
                if not n:
                    return done
                fl.write(bytes(memoryview(piece)[:n]))
                done += n
                if told:
                    told(done, size)

    def get(
        self,
        remotepath,
        localpath,
        callback=None,
        prefetch=True,
        max_concurrent_prefetch_requests=None,
        *,
        progress=None,
        recursive=False,
        preserve=False,
    ):
        """Fetch a remote file; recursive: or a folder. A local file is made or replaced.

        preserve: with the time of the original, where this port can set it (DOS).
        """
        rest = (callback or progress, prefetch, max_concurrent_prefetch_requests)
        attrs = self.native.stat(self._at(remotepath))
        if attrs[0] & _TYPE == _DIR:
            if not recursive:
                raise OSError(errno.EISDIR, f"a folder: {remotepath}")
            if not paths.is_dir(localpath):
                os.mkdir(localpath)
            for name in self.native.listdir(self._at(remotepath)):
                if not paths.safe_name(name):
                    raise OSError(errno.EINVAL, f"not a name for here: {name!r}")
                self.get(
                    remotepath.rstrip("/") + "/" + name,
                    paths.join(localpath, name),
                    *rest,
                    recursive=True,
                    preserve=preserve,
                )
            return
        with open(localpath, "wb") as fl:
            size = self.getfo(remotepath, fl, *rest)
        if os.stat(localpath)[6] != size and paths.mode(localpath) & _TYPE == 0o100000:
            raise OSError(errno.EIO, f"{localpath} has not the {size} bytes that were read")
        if preserve:
            paths.set_time(localpath, attrs[3])

    def putfo(self, fl, remotepath, file_size=0, callback=None, confirm=True, *, progress=None):
        """Write what a stream gives to a remote file: its SFTPAttributes (see put)."""
        told = callback or progress

        def count(done, total):
            told(done, file_size or total or 0)

        size = self.native.put(fl, self._at(remotepath), told and count)
        if not confirm:
            return SFTPAttributes()
        attrs = self.stat(remotepath)
        if attrs.st_size != size:
            raise OSError(errno.EIO, f"size mismatch in put: {attrs.st_size}, not {size}")
        return attrs

    def put(
        self,
        localpath,
        remotepath,
        callback=None,
        confirm=True,
        *,
        progress=None,
        recursive=False,
        preserve=False,
    ):
        """Send a local file; recursive: or a folder. The SFTPAttributes of what is there then.

        confirm: ask the server for them, and raise OSError if the size is not that of the local
        file; else they are empty. preserve: with the mode and the times of the original.
        """
        told = callback or progress
        if recursive and paths.is_dir(localpath):
            self._make_folder(remotepath)
            for name in sorted(os.listdir(localpath)):
                self.put(
                    paths.join(localpath, name),
                    remotepath.rstrip("/") + "/" + name,
                    told,
                    confirm,
                    recursive=True,
                    preserve=preserve,
                )
            return self.stat(remotepath)
        info = os.stat(localpath)
        with open(localpath, "rb") as fl:
            attrs = self.putfo(fl, remotepath, info[6], told, confirm)
        if preserve:
            self.native.setstat(
                self._at(remotepath),
                mode=info[0] & 0o777 or None,  # on boards files have none
                atime=info[7] + paths.EPOCH,
                mtime=info[8] + paths.EPOCH,
            )
        return attrs

    def _make_folder(self, path):
        try:
            self.mkdir(path)
        except OSError:
            # Servers have no common answer for what is there already.
            if self.stat(path).st_mode & _TYPE != _DIR:
                raise


SFTP = SFTPClient
