"""Lines of ls and df."""

import time

from ssh import paths
from ssh.sftp_attr import MONTHS, mode_text, now


def scaled(n):
    """A size in a few letters: 512B, 1.5K, 20M."""
    if n < 1024:
        return f"{n}B"
    for unit in "KMGTPE":
        n /= 1024
        if n < 1023.5 or unit == "E":
            return f"{n:.1f}{unit}" if n < 99.95 else f"{n:.0f}{unit}"


def date(seconds):
    t = time.localtime(seconds - paths.EPOCH)
    day = f"{MONTHS[t[1] * 3 - 3 : t[1] * 3]} {t[2]:2d} "
    if 0 <= now() - seconds < 15724800:
        return day + f"{t[3]:02d}:{t[4]:02d}"
    return day + f" {t[0]:4d}"


def entry_line(name, attrs, human=False, user=None, group=None):
    """As ls -l; user and group are numbers unless their names are given."""
    mode, size, _, mtime, uid, gid = attrs
    size = scaled(size) if human else size
    user, group = user or str(uid), group or str(gid)
    return f"{mode_text(mode)}    ? {user:8} {group:8} {size:>8} {date(mtime)} {name}"


def owners(line):
    """The names of user and group in a server's line about a file: None, None in an odd one."""
    words = line.split() if isinstance(line, str) else ()
    if len(words) > 7 and len(words[0]) > 9 and words[4].isdigit():
        return words[2], words[3]
    return None, None


def in_order(entries, flags):
    """(name, attrs) sorted as the letters of ls ask for."""
    if "f" in flags:
        return entries
    entries = sorted(entries, key=lambda entry: entry[0])
    for letter, at in (("S", 1), ("t", 3)):
        if letter in flags:
            entries.sort(key=lambda entry: -entry[1][at])
    return list(reversed(entries)) if "r" in flags else entries


def columns(names, width):
    """Lines with as many names as fit, one below the other."""
    if not names:
        return
    longest = max(len(name) for name in names)
    count = max(width // (longest + 2), 1)
    room = width // count
    for i in range(0, len(names), count):
        yield "".join([name + " " * (room - len(name)) for name in names[i : i + count]])


def df_lines(info, human, inodes):
    """The head and the numbers of df, from what statvfs() gives."""
    _, unit, blocks, free, available, files, files_free, files_available, _, _ = info
    if inodes:
        names, width = ("Inodes", "Used", "Avail", "(root)"), 11
        total, rest, ours = files, files_free, files_available
    else:
        names, width = ("Size", "Used", "Avail", "(root)"), 8 if human else 12
        total, rest, ours = blocks * unit, free * unit, available * unit
    numbers = [total, total - rest, ours, rest]
    if human and not inodes:
        numbers = [scaled(n) + ("" if n < 1024 else "B") for n in numbers]
    elif not inodes:
        numbers = [n // 1024 for n in numbers]
    percent = (total - rest) * 100 // total if total else 0
    yield _right(names, width) + "    %Capacity"
    yield _right(numbers, width) + f" {percent:>11}%"


def _right(items, width):
    texts = [str(item) for item in items]
    return " ".join([" " * (width - len(text)) + text for text in texts])
