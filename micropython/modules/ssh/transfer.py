"""Files over SFTP, for scp and sftp: what goes where, names, progress, leftovers."""

import errno
import os

from ssh import errors, paths, progress
from ssh.dialogue import say
from ssh.errors import EPIPE, Failure, why
from ssh.known_hosts import match
from ssh.paths import safe_name

_TYPE = 0o170000
_DIR = 0o040000


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
    return attrs is not None and attrs[0] & _TYPE == _DIR


class Transfer:
    """Copies between here and the server; counts what failed instead of giving up."""

    def __init__(
        self, program, session, sftp, quiet=False, recursive=False, preserve=False, resume=False
    ):
        self.program = program
        self.session = session
        self.sftp = sftp
        self.quiet = quiet
        self.recursive = recursive
        self.preserve = preserve
        self.resume = resume
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

    # ------------------------------------------------------------ from the server

    def expand(self, pattern):
        """The remote files that a name with * or ? in its last part means."""
        folder, slash, last = pattern.rpartition("/")
        if not any(c in last for c in "*?"):
            return [pattern]
        hidden = last.startswith(".")
        names = [
            name
            for name in self.sftp.listdir(folder + slash or ".")
            if match(name, last) and (hidden or not name.startswith("."))
        ]
        if not names:
            raise Failure(f"{pattern}: no such file on the server", 1)
        return [folder + slash + name for name in sorted(names)]

    def get(self, remote, local):
        """A file or, if asked for, a folder. local: its name here."""
        try:
            attrs = self.sftp.stat(remote)
            if attrs[0] & _TYPE != _DIR:
                self._get_file(remote, local, attrs)
            elif self.recursive:
                self._get_folder(remote, local)
            else:
                self.complain(remote, "a folder (-r copies folders)")
        except OSError as e:
            self.complain(remote, e)

    def _get_folder(self, remote, local):
        if not paths.is_dir(local):
            os.mkdir(local)
        for name in sorted(self.sftp.listdir(remote)):
            if safe_name(name):
                self.get(remote_join(remote, name), paths.join(local, name))
            else:
                self.complain(remote_join(remote, name), "left out: not a name for here")

    def _get_file(self, remote, local, attrs):
        shown = progress.Progress(base_name(remote), not self.quiet)
        size = os.stat(local)[6] if self.resume and paths.exists(local) else None
        offset = self.offset(size, attrs[1], local)
        if offset is None:
            return
        # The local file first: a name that cannot be ends this before anything is fetched.
        try:
            file = open(local, "ab" if offset else "wb")
        except (OSError, ValueError) as e:
            self.complain(local, e)
            return
        try:
            with file:
                self.sftp.get(remote, file, shown, offset=offset)
        except BaseException:
            shown.end()
            there = os.stat(local)[6]
            whole = attrs[1]
            say(
                f"{self.program}: {local} is incomplete: it has the first {there} of {whole} bytes"
            )
            raise
        shown.end()
        if self.preserve:
            self._keep_local(local, attrs)

    def _keep_local(self, local, attrs):
        """Time of a local file, where the port can set it."""
        if not paths.set_time(local, attrs[3]) and self.preserve is True:
            say(f"{self.program}: times of local files cannot be set here (-p)")
            self.preserve = "told"

    # ------------------------------------------------------------ to the server

    def put(self, local, remote):
        """A file or, if asked for, a folder. remote: its name there."""
        try:
            if not paths.is_dir(local):
                self._put_file(local, remote)
            elif self.recursive:
                self._put_folder(local, remote)
            else:
                self.complain(local, "a folder (-r copies folders)")
        except OSError as e:
            self.complain(local, e)

    def _put_folder(self, local, remote):
        if not is_remote_dir(self.sftp, remote):
            self.sftp.mkdir(remote)
        for name in sorted(os.listdir(local)):
            self.put(paths.join(local, name), remote_join(remote, name))

    def _put_file(self, local, remote):
        shown = progress.Progress(paths.split(local)[1], not self.quiet)
        with open(local, "rb") as file:
            attrs = remote_stat(self.sftp, remote) if self.resume else None
            offset = self.offset(attrs and attrs[1], os.stat(local)[6], remote)
            if offset is None:
                return
            file.seek(offset)
            try:
                self.sftp.put(file, remote, shown, offset=offset)
            except BaseException:
                shown.end()
                say(
                    f"{self.program}: {errors.printable(remote)} on the server is incomplete: "
                    f"{shown.done} bytes were sent"
                )
                raise
        shown.end()
        if self.preserve:
            mode, _, _, _, _, _, size, atime, mtime, _ = os.stat(local)
            self.sftp.setstat(remote, mode=mode & 0o777, atime=atime, mtime=mtime)
