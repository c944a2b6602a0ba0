"""A folder of the server as a file system of MicroPython.

    with ssh.connect("host", username="me") as conn:
        ssh.mount(conn, "/remote", root="/srv/data")
        print(open("/remote/notes.txt").read())

open(), os.listdir(), os.stat() and import work under the mount point; vfs.umount() ends it. Paths
cannot leave the root: ".." is resolved here, by its text, before anything is sent. Symbolic links
are the server's: they lead to where it lets them lead.
"""

import errno

import _ssh

from ssh import paths
from ssh.sftp import native_session
from ssh.sftp_file import RemoteFile

_TYPE, _DIR = 0o170000, 0o040000
_ENOTDIR, _EROFS, _ENOTEMPTY = 20, 30, 39


class TextFile(RemoteFile):
    """A file that is read as text (UTF-8). What seek() and tell() count are bytes."""

    def read(self, size=-1):
        """size characters, fewer at the end; all without a size."""
        if size is None or size < 0:
            return str(self.native.read(), "utf-8")
        return self._text(self.native.read(size), size)

    def _text(self, data, size):
        """Text of size characters that begins with data, which may end within one."""
        while True:
            starts = [i for i, c in enumerate(data) if c & 0xC0 != 0x80]
            lacking = size - len(starts)
            if starts and not lacking:
                lacking = starts[-1] + _length(data[starts[-1]]) - len(data)
            more = self.native.read(lacking) if lacking > 0 else b""
            if not more:
                return str(data, "utf-8")
            data += more

    def readline(self, size=-1):
        """A line with its end, of size characters at most."""
        if size is None or size < 0:
            return str(self.native.readline(), "utf-8")
        text = ""
        while len(text) < size and text[-1:] != "\n":
            char = self.read(1)
            if not char:
                break
            text += char
        return text

    def write(self, data):
        """Write text: the number of its bytes."""
        return self.native.write(data)


def _length(first):
    """Bytes of a character that begins with this one."""
    return 1 if first < 0xC0 else 2 if first < 0xE0 else 3 if first < 0xF0 else 4


class RemoteFileSystem:
    """What os.mount() takes. source: a Connection, Transport, SFTPClient, _ssh.Session or SFTP."""

    def __init__(self, source, root=".", readonly=False):
        source = getattr(source, "native", source)
        # An SFTP that is given stays the caller's to close.
        self.own = None if isinstance(source, _ssh.SFTP) else native_session(source).sftp()
        self.sftp = self.own or source
        self.readonly = readonly
        self.cwd = "/"
        try:
            self.root = self.sftp.realpath(root)
            if self.sftp.stat(self.root)[0] & _TYPE != _DIR:
                raise OSError(_ENOTDIR)
        except BaseException:
            self.umount()
            raise

    def mount(self, readonly, mkfs):
        """Called by vfs.mount(). OSError(EPERM) for mkfs."""
        if mkfs:
            raise OSError(errno.EPERM)
        self.readonly = self.readonly or readonly
        self.cwd = "/"

    def umount(self):
        """Called by vfs.umount(): closes its SFTP session."""
        if self.own:
            self.own.close()

    # ------------------------------------------------------------ paths

    def _inside(self, path):
        """The path from the root: "/", or "/a/b" without dots."""
        if isinstance(path, bytes):
            path = path.decode()
        parts = []
        for part in (path if path[:1] == "/" else self.cwd + "/" + path).split("/"):
            if part == "..":
                if parts:
                    parts.pop()
            elif part and part != ".":
                parts.append(part)
        return "/" + "/".join(parts)

    def _at(self, path):
        """Where it is on the server."""
        path = self._inside(path)
        if path == "/":
            return self.root
        return self.root + path if self.root != "/" else path

    def _change(self, path):
        if self.readonly:
            raise OSError(_EROFS)
        return self._at(path)

    def _mode(self, path):
        """Of what has this name, without following links; 0 if nothing has."""
        try:
            return self.sftp.lstat(path)[0]
        except OSError:
            return 0

    def chdir(self, path):
        """From now on paths count from there."""
        if self.sftp.stat(self._at(path))[0] & _TYPE != _DIR:
            raise OSError(_ENOTDIR)
        self.cwd = self._inside(path)

    def getcwd(self):
        """The current folder, from the root."""
        return self.cwd

    # ------------------------------------------------------------ looking

    def stat(self, path):
        """As os.stat() of local files, in the time of this port."""
        mode, size, atime, mtime, uid, gid = self.sftp.stat(self._at(path))
        atime -= paths.EPOCH
        mtime -= paths.EPOCH
        return (mode, 0, 0, 0, uid, gid, size, atime, mtime, mtime)

    def statvfs(self, path):
        """As os.statvfs(); OSError(EOPNOTSUPP) if the server does not tell."""
        return self.sftp.statvfs(self._at(path))

    def ilistdir(self, path="."):
        """(name, type, 0, size) of each; a link has its own type, 0xA000."""
        as_bytes = isinstance(path, bytes)
        return _entries(self.sftp.opendir(self._at(path)), as_bytes)

    # ------------------------------------------------------------ changing

    def open(self, path, mode):
        """A file: bytes with a "b" in its mode, or else a TextFile."""
        if mode[:1] not in ("r", "w", "a", "x"):
            mode = "r" + mode
        flags = mode[0] + ("+" if "+" in mode else "")
        at = self._at(path) if flags == "r" else self._change(path)
        try:
            file = self.sftp.open(at, flags)
        except OSError as e:
            raise self._because(e, at, _DIR, errno.EISDIR, errno.EEXIST if flags[0] == "x" else 0)
        return file if "b" in mode else TextFile(file)

    def mkdir(self, path):
        """Make a folder. OSError(EEXIST) if something has that name."""
        at = self._change(path)
        try:
            self.sftp.mkdir(at, 0o777)
        except OSError as e:
            raise self._because(e, at, 0, 0, errno.EEXIST)

    def rmdir(self, path):
        """Remove a folder. OSError(ENOTEMPTY) if it is not empty."""
        at = self._change(path)
        try:
            self.sftp.rmdir(at)
        except OSError as e:
            raise self._because(e, at, _DIR, _ENOTEMPTY, _ENOTDIR)

    def remove(self, path):
        """Delete a file or a link. OSError(EISDIR) for a folder."""
        at = self._change(path)
        try:
            self.sftp.unlink(at)
        except OSError as e:
            raise self._because(e, at, _DIR, errno.EISDIR, 0)

    def rename(self, old, new):
        """A file at new is replaced: in one step where the server has OpenSSH's extension."""
        old, new = self._change(old), self._change(new)
        if "posix-rename@openssh.com" in self.sftp.extensions:
            self.sftp.posix_rename(old, new)
            return
        try:
            self.sftp.rename(old, new)
        except OSError:
            if not self._mode(old) or self._mode(new) & _TYPE in (0, _DIR):
                raise
            self.sftp.unlink(new)
            self.sftp.rename(old, new)

    def _because(self, error, at, kind, of_kind, of_others):
        """The error that says more than "failure", which is all that many a server says."""
        vague = error.args[0] in (errno.EIO, errno.ENOENT)
        mode = self._mode(at) & _TYPE if vague else 0
        code = of_kind if mode == kind else of_others
        return OSError(code) if mode and code else error


def _entries(folder, as_bytes):
    with folder:
        for name, attrs in folder:
            if name in (".", ".."):
                continue
            if as_bytes and isinstance(name, str):
                name = name.encode()
            kind = attrs[0] & _TYPE
            yield (name, kind, 0, 0 if kind == _DIR else attrs[1])


def mount(source, mount_point="/remote", root=".", readonly=False):
    """Mount a folder of the server: the RemoteFileSystem. vfs.umount(mount_point) ends it."""
    from vfs import mount as mount_vfs

    made = RemoteFileSystem(source, root, readonly)
    try:
        mount_vfs(made, mount_point, readonly=readonly)
    except BaseException:
        made.umount()
        raise
    return made
