"""Files on another machine.

    sftp [user@]host[:folder]                       commands, as sftp(1) has them; help lists them
    sftp -b FILE [user@]host                        the same from a file (- is standard input)
    sftp [user@]host:/path/file [LOCAL]             fetch it

or one thing at a time:

    sftp get [-afrp] [user@]host:/path [LOCAL]      sftp mkdir [user@]host:/path
    sftp put [-afrp] LOCAL [user@]host:[/path]      sftp rmdir [user@]host:/path
    sftp ls [-la] [user@]host:[/path]               sftp rm [user@]host:/path
    sftp cat [user@]host:/path                      sftp stat [user@]host:/path
    sftp mv [user@]host:/old /new

-a: go on with a transfer that was interrupted; ls: names that start with a dot too.
"""

import sys
import time

from ssh import dialogue, errors, options, paths, settings, terminal, transfer
from ssh.errors import Failure
from ssh.sftp_attr import mode_text

USAGE = """\
usage: sftp [-46Cafpqrv] [-b batch_file] [-c cipher] [-F config_file] [-i key_file]
            [-J host] [-l kbits] [-o option=value] [-P port] [user@]host[:path] [LOCAL]
       sftp ... get [user@]host:path [LOCAL] | put LOCAL [user@]host:[path] |
            ls|cat|stat|mkdir|rmdir|rm [user@]host:path | mv [user@]host:old new"""


def _date(seconds):
    t = time.localtime(seconds - paths.EPOCH)
    return f"{t[0]:04d}-{t[1]:02d}-{t[2]:02d} {t[3]:02d}:{t[4]:02d}"


def _shown(name):
    """Names as they are for programs, harmless for terminals."""
    return errors.printable(name) if terminal.isatty(1) else name


def _long(name, attrs):
    mode, size, _, mtime, uid, gid = attrs
    return f"{mode_text(mode)} {uid:5d} {gid:5d} {size:10d} {_date(mtime)} {_shown(name)}"


def _ls(session, sftp, opts, path):
    attrs = sftp.stat(path or ".")
    if attrs[0] & 0o170000 != 0o040000:
        print(_long(path, attrs) if "l" in opts.flags else _shown(path))
        return 0
    for name, attrs in transfer.entries(sftp, path or ".", dots=True):
        if "a" not in opts.flags and name[0] in (".", 46):
            continue
        print(_long(name, attrs) if "l" in opts.flags else _shown(name))
    return 0


def _stat(session, sftp, opts, path):
    mode, size, atime, mtime, uid, gid = sftp.stat(path or ".")
    print(f"mode {mode_text(mode)} ({mode & 0o7777:04o})\nsize {size}\nuid {uid}\ngid {gid}")
    print(f"modified {_date(mtime)}\naccessed {_date(atime)}")
    return 0


def _cat(session, sftp, opts, path):
    sftp.get(path, terminal.stdout())
    return 0


def _rm(session, sftp, opts, path):
    for name in transfer.Transfer("sftp", session, sftp).expand(path):
        sftp.unlink(name)
    return 0


def _mkdir(session, sftp, opts, path):
    sftp.mkdir(path)
    return 0


def _rmdir(session, sftp, opts, path):
    sftp.rmdir(path)
    return 0


def _mv(session, sftp, opts, old, new):
    if transfer.is_remote_dir(sftp, new):
        new = transfer.remote_join(new, transfer.base_name(old))
    sftp.rename(old, new)
    return 0


def _transfer(session, sftp, opts):
    flags = opts.flags
    copier = transfer.Transfer("sftp", session, sftp, opts.quiet, "r" in flags, "p" in flags)
    copier.resume = "a" in flags
    copier.sync = "f" in flags
    copier.limit = opts.own.get("l")
    return copier


def _get(session, sftp, opts, path, local="."):
    copier = _transfer(session, sftp, opts)
    names = copier.expand(path)
    if len(names) > 1 and not paths.is_dir(local):
        raise Failure(f"{local}: several files need a folder", 1)
    for name in names:
        copier.get(name, transfer.local_name(name, local))
    return int(copier.failed > 0)


def _put(session, sftp, opts, path, local):
    copier = _transfer(session, sftp, opts)
    if not paths.exists(local):
        raise Failure(f"{local}: no such file or directory", 1)
    if not path or transfer.is_remote_dir(sftp, path):
        path = transfer.remote_join(path, paths.split(local.rstrip("/\\"))[1])
    copier.put(local, path)
    return int(copier.failed > 0)


# Verb: function, fewest and most operands, which of them is the remote one, whether its path may
# be empty (the home).
_VERBS = {
    "get": (_get, 1, 2, 0, False),
    "put": (_put, 2, 2, 1, True),
    "ls": (_ls, 1, 1, 0, True),
    "dir": (_ls, 1, 1, 0, True),
    "cat": (_cat, 1, 1, 0, False),
    "stat": (_stat, 1, 1, 0, True),
    "mkdir": (_mkdir, 1, 1, 0, False),
    "rmdir": (_rmdir, 1, 1, 0, False),
    "rm": (_rm, 1, 1, 0, False),
    "mv": (_mv, 2, 2, 0, False),
}


def main(args):
    return dialogue.run("sftp", _main, args)


# Letters that mean something else to ssh. Those about requests and buffers change nothing here.
_OWN = {
    "B": settings.number,
    "R": settings.number,
    "X": settings.text,
    "b": settings.text,
    "l": transfer.read_limit,
}


def _main(args):
    # ls has an option -l of its own.
    listing = "ls" in args[:-1] or "dir" in args[:-1]
    flags = "46ACNalpqrv" if listing else "46ACNafpqrv"
    opts, operands = options.parse("sftp", args, flags, "FJPcio", USAGE, own=_OWN)
    if operands and operands[0] in _VERBS:
        return _one(opts, operands)
    if not 0 < len(operands) < 3:
        raise Failure(f"which host?\n{USAGE}", 2)
    from ssh import sftp_shell

    return sftp_shell.run(opts, *operands)


def _one(opts, operands):
    function, least, most, at, empty = _VERBS[operands.pop(0)]
    if not least <= len(operands) <= most:
        raise Failure(f"wrong number of arguments\n{USAGE}", 2)
    path = opts.remote(operands.pop(at))
    if not path and not empty:
        raise Failure(f"which file on {opts.host}?", 2)
    with dialogue.connect(opts) as conn:
        # Closing the connection ends SFTP too, also when the server does not answer any more.
        session = conn.session
        with transfer.about(session, path):
            return function(session, session.sftp(), opts, path, *operands)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
