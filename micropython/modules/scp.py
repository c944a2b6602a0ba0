"""Copy files to or from another machine: scp [options] source... target

One side is remote: [user@]host:path or scp://[user@]host[:port]/path. Files go over SFTP, or over
the old SCP protocol when the server has no SFTP or -O asks for it.
"""

import os
import sys

import _ssh
from ssh import dialogue, options, paths, progress, transfer
from ssh.dialogue import say
from ssh.errors import Failure, why

USAGE = """\
usage: scp [-4BOpqrv] [-P port] [-i key_file] [-o option=value] source... target
       where one side is [user@]host:path"""


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


def _main(args):
    opts, operands = options.parse("scp", args, "4BOpqrv", "Pcio", USAGE)
    if len(operands) < 2:
        raise Failure(f"a source and a target are needed\n{USAGE}", 1)
    target = operands.pop()
    sources_remote = [is_remote(source) for source in operands]
    if is_remote(target):
        if any(sources_remote):
            raise Failure("one side has to be local", 1)
        return _upload(opts, operands, opts.remote(target))
    if not all(sources_remote):
        raise Failure("one side has to be [user@]host:path", 1)
    return _download(opts, operands, target)


def _hosts(opts, sources):
    """Remote sources, all on one host: their paths."""
    found = []
    seen = None
    for source in sources:
        path = opts.remote(source)
        if seen not in (None, (opts.user, opts.host)):
            raise Failure("all sources have to be on one host", 1)
        seen = (opts.user, opts.host)
        found.append(path)
    return found


def _open_sftp(opts, session):
    """None if there is no SFTP, or not wanted."""
    if "O" in opts.flags:
        return None
    try:
        return session.sftp()
    except _ssh.SSHError as e:
        if e.args[0] != _ssh.ERR_REQUEST_REFUSED and session.closed:
            raise
        if opts.verbose:
            say(f"debug1: no SFTP ({why(e)}): the old protocol is used")
        return None


def _transfer(opts, session, sftp):
    return transfer.Transfer(
        "scp", session, sftp, opts.quiet, "r" in opts.flags, "p" in opts.flags
    )


def _check_target(target, sources):
    if len(sources) > 1 and not paths.is_dir(target):
        raise Failure(f"{target}: several files need a folder", 1)


def _local_name(path, target):
    """What a remote file is called here."""
    if not paths.is_dir(target):
        return target
    name = transfer.base_name(path)
    if not transfer.safe_name(name):
        raise Failure(f"{path}: give a local name for it", 1)
    return paths.join(target, name)


def _download(opts, sources, target):
    found = _hosts(opts, sources)
    with dialogue.connect(opts) as conn:
        sftp = _open_sftp(opts, conn.session)
        if sftp is None:
            _check_target(target, found)
            with transfer.about(conn.session, found[0]):
                bad = [_old_get(opts, conn.session, path, target) for path in found]
            return int(any(bad))
        with transfer.about(conn.session, found[0]):
            copier = _transfer(opts, conn.session, sftp)
            names = []
            for path in found:
                names += copier.expand(path)
            _check_target(target, names)
            for name in names:
                copier.get(name or ".", _local_name(name or ".", target))
            return int(copier.failed > 0)


def _upload(opts, sources, path):
    missing = [source for source in sources if not paths.exists(source)]
    if missing:
        raise Failure(f"{missing[0]}: no such file or directory", 1)
    with dialogue.connect(opts) as conn:
        sftp = _open_sftp(opts, conn.session)
        if sftp is None:
            with transfer.about(conn.session, path):
                return (
                    sum([_old_put(opts, conn.session, source, path) for source in sources]) and 1
                )
        with transfer.about(conn.session, path):
            copier = _transfer(opts, conn.session, sftp)
            into = not path or transfer.is_remote_dir(sftp, path)
            if len(sources) > 1 and not into:
                raise Failure(f"{path}: several files need a folder on the server", 1)
            for source in sources:
                last = paths.split(source.rstrip("/\\" if paths.DOS else "/"))[1]
                copier.put(source, transfer.remote_join(path, last) if into else path)
            return int(copier.failed > 0)


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
    local = _local_name(path, target)

    def copy(shown):
        # The file is made when the first bytes come: a refusal leaves an old one alone.
        with _Late(local) as file:
            session.scp_recv(path, file, shown)
            file.open()

    return _old_copy(opts, session, transfer.base_name(path), path, copy)


class _Late:
    """A local file that is opened when there is something to write."""

    def __init__(self, name):
        self.name = name
        self.file = None

    def open(self):
        if self.file is None:
            self.file = open(self.name, "wb")

    def write(self, data):
        self.open()
        return self.file.write(data)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.file:
            self.file.close()


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
