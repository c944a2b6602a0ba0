"""Known-hosts files as ssh-keygen looks through them and rewrites them (-F, -R, -H).

Lines that are not understood stay as they are.
"""

import os

from ssh import paths
from ssh.known_hosts import fields, hashed_name, match_hosts


class Found:
    """A line that speaks of a host: its number, itself (bytes, as in the file), and its parts."""

    def __init__(self, number, raw, marker, hosts, key):
        self.number = number
        self.raw = raw
        self.marker = marker  # "", "@revoked" or "@cert-authority"
        self.hosts = hosts
        self.key = key  # type, base64 and comment


def find(path, name):
    """Each line that speaks of a host, in order. name: as in the file, `host` or `[host]:port`."""
    with open(path, "rb") as file:
        number = 0
        for raw in file:
            number += 1
            found = fields(raw)
            if found and match_hosts(name.lower(), found[1]):
                yield Found(number, raw, *found)


def remove(path, name):
    """Take a host out: the numbers of the lines that are gone.

    Lines with a marker stay, as with ssh-keygen -R. The file as it was is kept beside it (see
    old_name()).
    """
    gone = [found.number for found in find(path, name) if not found.marker]
    if gone:
        drop(path, gone)
    return gone


def drop(path, numbers):
    """Take lines out."""

    def change(number, raw):
        return b"" if number in numbers else raw

    _rewrite(path, change)


def hash_names(path):
    """Hash every name: (number of lines that were changed, numbers of those with patterns).

    Patterns cannot be hashed, and lines with a marker are not: both stay.
    """
    count = 0
    patterns = []

    def change(number, raw):
        nonlocal count
        found = fields(raw)
        if not found or found[0] or found[1][0] == "|":
            return raw
        if any(c in found[1] for c in "*?!"):
            patterns.append(number)
            return raw
        count += 1
        # Each name has a salt, and so a line, of its own.
        end = b"\r\n" if raw[-2:] == b"\r\n" else b"\n"
        lines = [
            f"{hashed_name(name.lower())} {found[2]}".encode() + end
            for name in found[1].split(",")
            if name
        ]
        return b"".join(lines)

    def needed(number, raw):
        found = fields(raw)
        return found and not found[0] and found[1][0] != "|"

    if _any_line(path, needed):
        _rewrite(path, change)
    return count, patterns


def _any_line(path, test):
    with open(path, "rb") as file:
        number = 0
        for raw in file:
            number += 1
            if test(number, raw):
                return True
    return False


def old_name(path):
    """Where the file as it was is kept. DOS has three letters after the dot."""
    return path.rpartition(".")[0] + ".OLD" if paths.DOS else path + ".old"


def _temporary_name(path):
    return path.rpartition(".")[0] + ".NEW" if paths.DOS else path + ".new"


def _is_link(path):
    folder, name = paths.split(path)
    for entry in os.ilistdir(folder or "."):
        if entry[0] == name:
            return entry[1] == 0o120000
    return False


def _copy(source, target, change=None):
    with open(source, "rb") as file, open(target, "wb") as out:
        number = 0
        for raw in file:
            number += 1
            out.write(change(number, raw) if change else raw)


def _rewrite(path, change):
    """Put change(number, line) in the place of every line, by way of a second file: whatever
    happens, the old file or the new one is there as a whole.
    """
    bits = paths.mode(path) & 0o777
    new = _temporary_name(path)
    old = old_name(path)
    try:
        _copy(path, new, change)
        _copy(path, old)
        for name in (new, old):
            paths.copy_mode(name, bits, True)
        if _is_link(path):
            # The file it leads to is meant, and it cannot be told where that is.
            _copy(new, path)
            os.unlink(new)
            return
        if paths.DOS:
            os.unlink(path)  # a name that is there is not given again
        os.rename(new, path)
    except OSError:
        try:
            os.unlink(new)
        except OSError:
            pass
        raise
