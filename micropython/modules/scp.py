"""Copy files to or from another machine: scp [options] source... target

Remote ones are [user@]host:path or scp://[user@]host[:port]/path. Files go over SFTP, or over the
old SCP protocol when the server has no SFTP or -O asks for it. Between two remote hosts they go
through here.
"""

import os
import sys

import _ssh
from ssh import dialogue, glob, options, paths, progress, settings, transfer
from ssh.dialogue import say
from ssh.errors import Failure, why

USAGE = """\
usage: scp [-346ABCOpqrsTv] [-c cipher] [-F config_file] [-i key_file] [-J host] [-l kbits]
           [-o option=value] [-P port] source... target
       where source or target is [user@]host:path"""


def is_remote(text):
    """A colon before any slash; on DOS a single letter before it is a drive."""
    if text.startswith("scp://"):
        return True
    colon = options.colon_of(text)
    if colon <= 0 or (paths.DOS and colon == 1):
        return False
    return not any(c in text[:colon] for c in ("/\\" if paths.DOS else "/"))


def main(args):
    return dialogue.run("scp", _main, args)


def _parse(args):
    own = {"l": transfer.read_limit, "X": settings.text}
    return options.parse("scp", args, "346ABCOTpqrsv", "FJPcio", USAGE, own=own)


def _main(args):
    opts, operands = _parse(args)
    if len(operands) < 2:
        raise Failure(f"a source and a target are needed\n{USAGE}", 2)
    target = operands.pop()
    if paths.DOS:
        operands = _expanded(operands)  # there no shell does
    for source in operands:
        if is_remote(source):
            _parse(args)[0].remote(source)  # wrong ones are found before anything is copied
        elif not is_remote(target):
            raise Failure("one side has to be [user@]host:path", 1)
        elif not paths.exists(source):
            raise Failure(f"{source}: no such file or directory", 1)
    with _Sides(args, opts) as sides:
        several = len(operands) > 1
        for source in operands:
            if not is_remote(target):
                _download(sides, source, target, several)
            elif is_remote(source):
                _across(sides, source, target, several)
            else:
                _upload(sides, source, target, several)
        return int(sides.failed())


def _expanded(sources):
    found = []
    for source in sources:
        found += [source] if is_remote(source) else glob.local(source) or [source]
    return found


class _Side:
    """A connection, and what copies over it."""

    def __init__(self, opts, limit):
        self.opts = opts
        self.conn = dialogue.connect(opts)
        self.session = self.conn.session
        self.failed = 0
        self.is_folder = {}
        self.sftp = self._open()
        self.copier = transfer.Transfer(
            "scp", self.session, self.sftp, opts.quiet, "r" in opts.flags, "p" in opts.flags
        )
        self.copier.limit = limit

    def _open(self):
        """None if there is no SFTP, or not wanted."""
        if "O" in self.opts.flags:
            return None
        try:
            return self.session.sftp()
        except _ssh.SSHError as e:
            if self.session.closed or "s" in self.opts.flags:
                raise
            if e.args[0] not in (_ssh.ERR_REQUEST_REFUSED, _ssh.ERR_CHANNEL_CLOSED, _ssh.ERR_SFTP):
                raise
            if self.opts.verbose:
                say(f"debug1: no SFTP ({why(e)}): the old protocol is used")
            return None

    def target(self, path, name, several):
        """Where a file of this name goes."""
        if path not in self.is_folder:
            self.is_folder[path] = not path or transfer.is_remote_dir(self.sftp, path)
        if self.is_folder[path]:
            return transfer.remote_join(path, name)
        if several:
            raise Failure(f"{path}: several files need a folder on the server", 1)
        return path


class _Sides:
    """The hosts of a command line, each with one connection."""

    def __init__(self, args, opts):
        self.args = args
        self.limit = opts.own.get("l")
        self.open = {}

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        for side in self.open.values():
            side.conn.close()

    def failed(self):
        return any(side.failed or side.copier.failed for side in self.open.values())

    def at(self, text, role=""):
        """The side and the path of user@host:path. role: of two that may be on one host."""
        opts = _parse(self.args)[0]
        path = opts.remote(text)
        name = (opts.target_user, opts.host, opts.port, role)
        if name not in self.open:
            self.open[name] = _Side(opts, self.limit)
        return self.open[name], path


def _download(sides, source, target, several):
    side, path = sides.at(source)
    with transfer.about(side.session, path):
        found = side.copier.expand(path) if side.sftp else [path]
        if (several or len(found) > 1) and not paths.is_dir(target):
            raise Failure(f"{target}: several files need a folder", 1)
        for name in found:
            if side.sftp:
                side.copier.get(name or ".", transfer.local_name(name or ".", target))
            else:
                side.failed += _old_get(side.opts, side.session, name, target)


def _upload(sides, source, target, several):
    side, path = sides.at(target)
    with transfer.about(side.session, path):
        if not side.sftp:
            side.failed += _old_put(side.opts, side.session, source, path)
            return
        name = paths.split(source.rstrip("/\\" if paths.DOS else "/"))[1]
        side.copier.put(source, side.target(path, name, several))


# ---------------------------------------------------------------- between two hosts


def _across(sides, source, target, several):
    side, path = sides.at(source)
    other, there = sides.at(target, "target")
    if not side.sftp or not other.sftp:
        raise Failure("copies between two hosts need SFTP on both", 1)
    with transfer.about(side.session, path), transfer.about(other.session, there):
        found = side.copier.expand(path)
        for name in found:
            last = transfer.base_name(name)
            into = other.target(there, last, several or len(found) > 1)
            _Relay(side, other).copy(name or ".", into)


class _Relay:
    """Copies from one server to another."""

    def __init__(self, side, other):
        self.side = side
        self.other = other

    def copy(self, path, target, attrs=None, depth=0):
        copier = self.side.copier
        try:
            if attrs is None or transfer.is_link(attrs):
                attrs = self.side.sftp.stat(path)
            kind = copier.kind(attrs, path, depth)
            if kind == transfer.FOLDER:
                self._folder(path, target, attrs, depth)
            elif kind:
                self._file(path, target, attrs)
        except OSError as e:
            if transfer.is_lost(self.other.session, e):
                raise
            copier.complain(f"{path} to {target}", e)

    def _folder(self, path, target, attrs, depth):
        self.other.copier.make_folder(target, attrs[0])
        for name, each in transfer.entries(self.side.sftp, path):
            if paths.safe_name(name):
                joined = transfer.remote_join(target, name)
                self.copy(transfer.remote_join(path, name), joined, each, depth + 1)
            else:
                self.side.copier.complain(f"{path}/{name}", "left out: not a usual name")
        self.other.copier.keep_remote(target, attrs[0], attrs[2:4])

    def _file(self, path, target, attrs):
        shown = progress.Progress(transfer.base_name(path), not self.side.opts.quiet)
        perm = attrs[0] & 0o777 or 0o666
        try:
            with self.other.sftp.open(target, "w", perm=perm) as file:
                self.side.sftp.get(path, self.side.copier.stream(file), shown)
        finally:
            shown.end()
        self.other.copier.keep_remote(target, attrs[0], attrs[2:4])


# ---------------------------------------------------------------- the old protocol


def _refuse_folders(opts):
    if "r" in opts.flags:
        raise Failure("-r needs SFTP, which this server has not (or -O forbids)", 1)


def _old_copy(opts, session, name, what, copy):
    """One file, by copy(progress). 0, or 1 after a complaint about what."""
    shown = progress.Progress(name, not opts.quiet)
    try:
        copy(shown)
    except OSError as e:
        shown.end()
        if transfer.is_lost(session, e):
            raise
        say(f"scp: {what}: {why(e)}")
        return 1
    shown.end()
    return 0


def _old_get(opts, session, path, target):
    _refuse_folders(opts)
    local = transfer.local_name(path, target)

    def copy(shown):
        # The file is made when the first bytes come: a refusal leaves an old one alone.
        with transfer.Late(local) as file:
            session.scp_recv(path, file, shown)
            file.open()

    return _old_copy(opts, session, transfer.base_name(path), path, copy)


def _is_remote_dir(session, path):
    quoted = path.replace("'", "'\\''")
    return path.endswith("/") or session.run(f"test -d '{quoted}'").status == 0


def _old_put(opts, session, local, path):
    _refuse_folders(opts)
    name = paths.split(local)[1]
    if not path or _is_remote_dir(session, path):
        path = transfer.remote_join(path or ".", name)
    info = os.stat(local)

    def copy(shown):
        with open(local, "rb") as file:
            session.scp_send(path, info[0] & 0o777, file, info[6], shown)

    return _old_copy(opts, session, name, local, copy)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
