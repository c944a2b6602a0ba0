"""Names with *, ? and [...], on the server and here. A backslash takes their meaning away."""

import os

from ssh import paths


def is_plain(text):
    """Whether no character has a meaning that no backslash takes away."""
    skip = False
    for c in text:
        if not skip and c in "*?[":
            return False
        skip = c == "\\" and not skip
    return True


def escape(text):
    """A pattern that only this text matches."""
    return "".join(["\\" + c if c in "*?[]\\" else c for c in text])


def unescape(text):
    """Without the backslashes that take meanings away."""
    at = text.find("\\")
    while 0 <= at < len(text) - 1:
        text = text[:at] + text[at + 1 :]
        at = text.find("\\", at + 1)
    return text


def match(name, pattern):
    """Whether pattern matches all of name."""
    while pattern and pattern[0] != "*":
        if not name:
            return False
        fits, pattern = _one(name[0], pattern)
        if not fits:
            return False
        name = name[1:]
    if not pattern:
        return not name
    rest = pattern.lstrip("*")
    return any(match(name[i:], rest) for i in range(len(name) + 1))


def _one(char, pattern):
    """Whether char fits the first element of pattern; and the rest of the pattern."""
    first = pattern[0]
    if first == "?":
        return True, pattern[1:]
    end = pattern.find("]", 3 if pattern[1:2] in ("!", "^") else 2)
    if first == "[" and end > 0:
        wanted = pattern[1:end]
        negated = wanted[0] in "!^"
        return _in_set(char, wanted[1:] if negated else wanted) != negated, pattern[end + 1 :]
    if first == "\\" and len(pattern) > 1:
        pattern = pattern[1:]
    return char == pattern[0], pattern[1:]


def _in_set(char, wanted):
    i = 0
    while i < len(wanted):
        last = i + 2 if wanted[i + 1 : i + 2] == "-" and i + 2 < len(wanted) else i
        if wanted[i] <= char <= wanted[last]:
            return True
        i = last + 1
    return False


def expand(pattern, listdir, exists):
    """The sorted names that a pattern stands for, none if there are none.

    listdir(folder): names in it, none if it is no folder. exists(name). Names that start with a
    dot need a pattern that does.
    """
    found = ["/" if pattern[:1] == "/" else ""]
    checked = True
    parts = [part for part in pattern.split("/") if part]
    for i, part in enumerate(parts):
        last = i == len(parts) - 1
        if is_plain(part):
            found = [folder + unescape(part) + ("" if last else "/") for folder in found]
            checked = False
            continue
        more = []
        for folder in found:
            for name in listdir(folder or "."):
                # A name with a slash is one that the server had better not give.
                if not isinstance(name, str) or not name or "/" in name:
                    continue
                if (part[0] == "." or name[0] != ".") and match(name, part):
                    more.append(folder + name + ("" if last else "/"))
        found = more
        checked = True
    if not checked:
        found = [name for name in found if exists(name)]
    if pattern[-1:] == "/" and parts:
        found = [name + "/" for name in found if exists(name + "/.")]
    return sorted(found)


def remote(sftp, pattern, is_lost):
    """Names on the server. is_lost(error): whether an error is the end of it all."""

    def quiet(function, path, nothing):
        try:
            return function(path)
        except OSError as e:
            if is_lost(e):
                raise
            return nothing

    def listdir(folder):
        return quiet(sftp.listdir, folder, ())

    def exists(name):
        return quiet(sftp.lstat, name, None) is not None

    return expand(pattern, listdir, exists)


def local(pattern):
    """Names here. On DOS an escaped backslash separates as a slash does."""
    if paths.DOS:
        return _dos(pattern.replace("\\\\", "/"))

    def listdir(folder):
        return os.listdir(folder) if paths.is_dir(folder) else ()

    return expand(pattern, listdir, paths.exists)


def _dos(pattern):
    drive, colon, rest = pattern.rpartition(":")

    def listdir(folder):
        folder = drive + colon + folder
        return [n.lower() for n in os.listdir(folder)] if paths.is_dir(folder) else ()

    def exists(name):
        return paths.exists(drive + colon + name)

    return [drive + colon + name for name in expand(rest.lower(), listdir, exists)]
