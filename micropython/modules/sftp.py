"""Files on another machine, one thing at a time:

    sftp get [-arp] [user@]host:/path [LOCAL]       sftp mkdir [user@]host:/path
    sftp put [-arp] LOCAL [user@]host:[/path]       sftp rmdir [user@]host:/path
    sftp ls [-la] [user@]host:[/path]               sftp rm [user@]host:/path
    sftp cat [user@]host:/path                      sftp stat [user@]host:/path
    sftp mv [user@]host:/old /new

-a: go on with a transfer that was interrupted; ls: names that start with a dot too.
Options as those of ssh: -P port -i key_file -l user -o option=value -q -v -4 -B (never ask).
"""

import sys
import time

from ssh import dialogue, errors, options, paths, terminal, transfer
from ssh.errors import Failure

USAGE = """\
usage: sftp [-4Bapqrv] [-P port] [-i key_file] [-l user] [-o option=value]
            get [user@]host:path [LOCAL] | put LOCAL [user@]host:[path] |
            ls|cat|stat|mkdir|rmdir|rm [user@]host:path | mv [user@]host:old new"""


def _date(seconds):
    t = time.localtime(seconds)
    return f"{t[0]:04d}-{t[1]:02d}-{t[2]:02d} {t[3]:02d}:{t[4]:02d}"


def _mode(mode):
    kinds = {0o04: "d", 0o12: "l", 0o02: "c", 0o06: "b", 0o01: "p", 0o14: "s"}
    text = kinds.get(mode >> 12, "-")
    for i in range(9):
        text += "rwxrwxrwx"[i] if mode & (0o400 >> i) else "-"
    return text


def _shown(name):
    """Names as they are for programs, harmless for terminals."""
    return errors.printable(name) if terminal.isatty(1) else name


def _long(name, attrs):
    mode, size, _, mtime, uid, gid = attrs
    return f"{_mode(mode)} {uid:5d} {gid:5d} {size:10d} {_date(mtime)} {_shown(name)}"


def _ls(session, sftp, opts, path):
    attrs = sftp.stat(path or ".")
    if attrs[0] & 0o170000 != 0o040000:
        print(_long(path, attrs) if "l" in opts.flags else _shown(path))
        return 0
    with sftp.opendir(path or ".") as folder:
        found = [item for item in folder if "a" in opts.flags or not item[0].startswith(".")]
    for name, attrs in sorted(found):
        print(_long(name, attrs) if "l" in opts.flags else _shown(name))
    return 0


def _stat(session, sftp, opts, path):
    mode, size, atime, mtime, uid, gid = sftp.stat(path or ".")
    print(f"mode {_mode(mode)} ({mode & 0o7777:04o})\nsize {size}\nuid {uid}\ngid {gid}")
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
    return transfer.Transfer(
        "sftp", session, sftp, opts.quiet, "r" in flags, "p" in flags, "a" in flags
    )


def _get(session, sftp, opts, path, local="."):
    copier = _transfer(session, sftp, opts)
    into = paths.is_dir(local)
    names = copier.expand(path)
    if len(names) > 1 and not into:
        raise Failure(f"{local}: several files need a folder", 1)
    for name in names:
        last = transfer.base_name(name)
        if into and not transfer.safe_name(last):
            raise Failure(f"{name}: give a local name for it", 1)
        copier.get(name, paths.join(local, last) if into else local)
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


def _main(args):
    opts, operands = options.parse("sftp", args, "4Balpqrv", "Pio", USAGE)
    if not operands or operands[0] not in _VERBS:
        raise Failure(f"what is to be done? one of {', '.join(sorted(_VERBS))}\n{USAGE}")
    function, least, most, at, empty = _VERBS[operands.pop(0)]
    if not least <= len(operands) <= most:
        raise Failure(f"wrong number of arguments\n{USAGE}")
    path = opts.remote(operands.pop(at))
    if not path and not empty:
        raise Failure(f"which file on {opts.host}?")
    with dialogue.connect(opts) as conn:
        # Closing the connection ends SFTP too, also when the server does not answer any more.
        session = conn.session
        with transfer.about(session, path):
            return function(session, session.sftp(), opts, path, *operands)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
