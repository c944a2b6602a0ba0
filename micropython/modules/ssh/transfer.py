"""Files over SFTP, for scp and sftp: what goes where, names, progress, leftovers."""

import errno
import io
import os
import time

from ssh import errors, glob, paths, progress
from ssh.dialogue import say
from ssh.errors import EPIPE, Failure, why
from ssh.paths import safe_name

FOLDER = 0o040000
_TYPE, _FILE, _LINK = 0o170000, 0o100000, 0o120000
_DEEPEST = 64  # folders in folders: links may go round in circles


def is_lost(session, error):
    """Whether the session can do nothing more after this error, or nobody answers."""
    return session.closed or error.args[0] == errno.ETIMEDOUT


class about:
    """Context manager: errors of the server become sentences about this path."""

    def __init__(self, session, path):
        self.session = session
        self.path = path

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if not isinstance(error, OSError):
            return
        if is_lost(self.session, error):
            raise Failure(f"connection lost: {why(error)}")
        if error.args[0] != EPIPE:
            raise Failure(f"{errors.printable(self.path or '.')}: {why(error)}", 1)


def base_name(path):
    return path.rstrip("/").rsplit("/", 1)[-1]


def local_name(path, target):
    """What a remote file is called here when it goes to target, which may be a folder."""
    if not paths.is_dir(target):
        return target
    name = base_name(path)
    if not safe_name(name):
        raise Failure(f"{errors.printable(path)}: give a local name for it", 1)
    return paths.join(target, name)


def remote_join(folder, name):
    if not folder:
        return name
    return folder + name if folder.endswith("/") else folder + "/" + name


def remote_stat(sftp, path):
    """The attributes, or None if there is nothing of this name."""
    try:
        return sftp.stat(path)
    except OSError as e:
        if e.args[0] != 2:
            raise
        return None


def is_remote_dir(sftp, path):
    attrs = remote_stat(sftp, path or ".")
    return attrs is not None and attrs[0] & _TYPE == FOLDER


def is_link(attrs):
    return attrs[0] & _TYPE == _LINK


def entries(sftp, path, dots=False):
    """(name, attrs) of all in a folder, in order; names that are no text are bytes."""
    with sftp.opendir(path) as folder:
        found = [item for item in folder if item[0] and (dots or item[0] not in (".", ".."))]
    found.sort(key=lambda item: item[0] if isinstance(item[0], bytes) else item[0].encode())
    return found


class Limit:
    """Holds transfers back to so many Kbit in a second, all together."""

    def __init__(self, kbits):
        self.rate = kbits * 1000 // 8
        self.start = None
        self.sent = 0

    def count(self, n):
        now = time.ticks_ms()
        if self.start is None:
            self.start = now
        self.sent += n
        early = self.sent * 1000 // self.rate - time.ticks_diff(now, self.start)
        if early > 0:
            time.sleep_ms(early)
        elif early < -1000:
            self.start = None  # after a pause: what was not used is not made up for
            self.sent = 0


def read_limit(value):
    """What -l gives."""
    kbits = int(value)
    if not 0 < kbits <= 100 * 1024 * 1024:
        raise ValueError
    return Limit(kbits)


class _Slow(io.IOBase):
    """A local stream within a limit."""

    def __init__(self, stream, limit):
        self.stream = stream
        self.limit = limit

    def readinto(self, buf):
        n = self.stream.readinto(buf)
        self.limit.count(n or 0)
        return n

    def write(self, data):
        self.limit.count(len(data))
        return self.stream.write(data)


class Late(io.IOBase):
    """A local file that is made when there is something to write: until then the old one stays."""

    def __init__(self, name, mode="wb"):
        self.name = name
        self.mode = mode
        self.file = None

    def open(self):
        if self.file is None:
            self.file = open(self.name, self.mode)
        return self.file

    def write(self, data):
        return self.open().write(data)

    def flush(self):
        self.open().flush()

    def close(self):
        if self.file:
            self.file.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


def _times(info):
    """(atime, mtime) since 1970 of what os.stat() gives."""
    return info[7] + paths.EPOCH, info[8] + paths.EPOCH


def _whose(error, local, remote):
    """The file that an error is about: those of the server come with its text."""
    return local if len(error.args) < 2 else remote


class Transfer:
    """Copies between here and the server; counts what failed instead of giving up.

    links: whether symbolic links in folders are followed. tell: called with a sentence about
    each file and folder. limit: Kbit in a second. sync: wait until files are on their disk.
    """

    resume = sync = False
    links = True
    tell = limit = None

    def __init__(self, program, session, sftp, quiet=False, recursive=False, preserve=False):
        self.program = program
        self.session = session
        self.sftp = sftp
        self.quiet = quiet
        self.recursive = recursive
        self.preserve = preserve
        self.failed = 0

    def complain(self, name, problem):
        """One file could not be copied; others may."""
        if isinstance(problem, OSError) and is_lost(self.session, problem):
            raise problem
        text = problem if isinstance(problem, str) else why(problem)
        say(f"{self.program}: {errors.printable(name)}: {text}")
        self.failed += 1

    def offset(self, there, whole, name):
        """Where a transfer goes on: behind the bytes that are there. None: it cannot."""
        if not self.resume or there is None:
            return 0
        if there > whole:
            self.complain(name, f"has {there} bytes, more than the {whole} of its source")
            return None
        return there

    def stream(self, file):
        return _Slow(file, self.limit) if self.limit else file

    def kind(self, attrs, name, depth):
        """FOLDER or _FILE if it is to be copied, else 0 after a complaint."""
        kind = attrs[0] & _TYPE
        if kind == FOLDER:
            if self.recursive and depth < _DEEPEST:
                return kind
            self.complain(name, "too deep" if depth else "a folder (-r copies folders)")
            return 0
        if kind in (0, _FILE):
            return _FILE
        self.complain(name, "left out: neither a file nor a folder")
        return 0

    # ------------------------------------------------------------ from the server

    def expand(self, pattern):
        """The remote files that a name with * ? [...] means; itself if it means none."""
        name = glob.unescape(pattern)
        if glob.is_plain(pattern):
            return [name]
        found = glob.remote(self.sftp, pattern, lambda e: is_lost(self.session, e))
        if not found and remote_stat(self.sftp, name) is None:
            raise Failure(f"{errors.printable(name)}: no such file on the server", 1)
        return found or [name]

    def get(self, remote, local, attrs=None, depth=0):
        """A file or, if asked for, a folder. local: its name here."""
        try:
            if attrs is None or (self.links and is_link(attrs)):
                attrs = self.sftp.stat(remote)
            kind = self.kind(attrs, remote, depth)
            if kind == FOLDER:
                self._get_folder(remote, local, attrs, depth)
            elif kind:
                self._get_file(remote, local, attrs)
        except OSError as e:
            self.complain(_whose(e, local, remote), e)

    def _get_folder(self, remote, local, attrs, depth):
        if self.tell:
            self.tell(f"Retrieving {errors.printable(remote)}")
        made = not paths.is_dir(local)
        if made:
            os.mkdir(local)
        for name, each in entries(self.sftp, remote):
            if safe_name(name):
                self.get(remote_join(remote, name), paths.join(local, name), each, depth + 1)
            else:
                self.complain(f"{remote}/{name}", "left out: not a name for here")
        self._keep_local(local, attrs, made)

    def _get_file(self, remote, local, attrs):
        shown = progress.Progress(base_name(remote), not self.quiet)
        there = paths.exists(local)
        offset = self.offset(os.stat(local)[6] if self.resume and there else None, attrs[1], local)
        if offset is None:
            return
        # A new file is made first: a name that cannot be ends this before anything is fetched.
        # An old one stays until the server sends something in its place.
        try:
            file = Late(local, "ab" if offset else "wb")
            if not there:
                file.open()
        except (OSError, ValueError) as e:
            self.complain(local, e)
            return
        try:
            with file:
                target = self.stream(file if there else file.file)
                self.sftp.get(remote, target, shown, offset=offset)
                file.open()
                if self.sync:
                    file.flush()
        except BaseException:
            shown.end()
            self._leave(local, file, there, attrs[1])
            raise
        shown.end()
        self._keep_local(local, attrs, not there)

    def _leave(self, local, file, there, whole):
        """What to do with the part of a file that came."""
        size = os.stat(local)[6] if file.file else 0
        if not size and not there:
            os.remove(local)
        elif file.file:
            say(f"{self.program}: {local} is incomplete: it has the first {size} of {whole} bytes")

    def _keep_local(self, local, attrs, made):
        """Mode and times of a local file or folder, where the port can set them."""
        if made:
            paths.copy_mode(local, attrs[0], self.preserve)
        if self.preserve and not paths.set_time(local, attrs[3], attrs[2]):
            if self.preserve is True and not paths.DOS:
                say(f"{self.program}: times of local files cannot be set here (-p)")
            self.preserve = "told"

    # ------------------------------------------------------------ to the server

    def put(self, local, remote, depth=0):
        """A file or, if asked for, a folder. remote: its name there."""
        try:
            attrs = os.stat(local)
            kind = self.kind(attrs, local, depth)
            if kind == FOLDER:
                self._put_folder(local, remote, attrs, depth)
            elif kind:
                self._put_file(local, remote, attrs)
        except OSError as e:
            self.complain(_whose(e, local, remote), e)

    def _put_folder(self, local, remote, attrs, depth):
        if self.tell:
            self.tell(f"Entering {local}")
        self.make_folder(remote, attrs[0])
        for name in sorted(os.listdir(local)):
            self.put(paths.join(local, name), remote_join(remote, name), depth + 1)
        self.keep_remote(remote, attrs[0], _times(attrs))

    def _put_file(self, local, remote, info):
        shown = progress.Progress(paths.split(local)[1], not self.quiet)
        with open(local, "rb") as file:
            attrs = remote_stat(self.sftp, remote) if self.resume else None
            offset = self.offset(attrs and attrs[1], info[6], remote)
            if offset is None:
                return
            file.seek(offset)
            try:
                perm = info[0] & 0o777 or 0o666
                self.sftp.put(self.stream(file), remote, shown, offset=offset, perm=perm)
            except BaseException:
                shown.end()
                if file.tell() > offset:  # else the server has not even opened it
                    say(
                        f"{self.program}: {errors.printable(remote)} on the server is incomplete: "
                        f"{shown.done} bytes were sent"
                    )
                raise
        shown.end()
        if self.sync:
            with self.sftp.open(remote, "r+") as written:
                written.sync()
        self.keep_remote(remote, info[0], _times(info))

    def make_folder(self, remote, mode):
        """On the server, unless it is there."""
        try:
            self.sftp.mkdir(remote, (mode & 0o777 or 0o777) | 0o300)
        except OSError:
            # Servers have no common answer for what is there already.
            if not is_remote_dir(self.sftp, remote):
                raise

    def keep_remote(self, remote, mode, times):
        """Mode and times (since 1970) of a remote file or folder."""
        if self.preserve:
            mode = mode & 0o777 or None  # on boards files have none
            self.sftp.setstat(remote, mode=mode, atime=times[0], mtime=times[1])
