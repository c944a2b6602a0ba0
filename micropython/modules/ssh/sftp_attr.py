"""Attributes of files on the server, and how they are shown."""

import time

from ssh import paths


class SFTPAttributes:
    """What the server tells about a file. What it does not tell is 0."""

    def __init__(self):
        self.st_size = self.st_uid = self.st_gid = None
        self.st_mode = self.st_atime = self.st_mtime = None
        self.attr = {}

    @classmethod
    def from_stat(cls, obj, filename=None):
        """From what os.stat() gives."""
        made = cls()
        made.st_mode, _, _, _, made.st_uid, made.st_gid, made.st_size = obj[:7]
        made.st_atime, made.st_mtime = obj[7:9]
        if filename is not None:
            made.filename = filename
        return made

    @classmethod
    def _of(cls, attrs, filename=None, longname=None):
        """From the tuple of `_ssh`."""
        made = cls()
        made.st_mode, made.st_size, made.st_atime, made.st_mtime, made.st_uid, made.st_gid = attrs
        if filename is not None:
            made.filename = filename
            made.longname = longname
        return made

    def __repr__(self):
        text = ""
        for name, more in (("size", ()), ("uid", ("gid",)), ("mode", ()), ("atime", ("mtime",))):
            names = (name,) + more
            values = [getattr(self, "st_" + each) for each in names]
            if None not in values:
                shown = oct if name == "mode" else str
                text += "".join(f"{n}={shown(v)} " for n, v in zip(names, values))
        return f"<SFTPAttributes: [ {text}]>"

    def __str__(self):
        numbers = (self.st_uid or 0, self.st_gid or 0, self.st_size or 0)
        uid, gid, size = numbers
        name = getattr(self, "filename", "?")
        if isinstance(name, (bytes, bytearray)):
            name = repr(name)
        return (
            f"{mode_text(self.st_mode)}   1 {uid:<8d} {gid:<8d} {size:8d} "
            f"{date_text(self.st_mtime):<12s} {name}"
        )

    def asbytes(self):
        """The line of str() as bytes."""
        return str(self).encode()


MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"
_KINDS = {1: "p", 2: "c", 4: "d", 6: "b", 8: "-", 10: "l", 12: "s"}


def mode_text(mode):
    """drwxr-xr-x and so on."""
    if mode is None:
        return "?---------"
    text = _KINDS.get(mode >> 12 & 15, "?")
    for shift, special in ((6, "Ss"), (3, "Ss"), (0, "Tt")):
        bits = mode >> shift
        text += ("r" if bits & 4 else "-") + ("w" if bits & 2 else "-")
        if mode >> (9 + shift // 3) & 1:  # setuid, setgid, sticky
            text += special[bits & 1]
        else:
            text += "x" if bits & 1 else "-"
    return text


def now():
    """Seconds since 1970."""
    return int(time.time()) + paths.EPOCH


def date_text(seconds):
    """The day and the time of it, or for what is half a year away the year."""
    if seconds is None or seconds == 0xFFFFFFFF:
        return "(unknown date)"
    t = time.localtime(seconds - paths.EPOCH)
    month = MONTHS[t[1] * 3 - 3 : t[1] * 3]
    if abs(now() - seconds) > 15552000:
        return f"{t[2]:02d} {month} {t[0]}"
    return f"{t[2]:02d} {month} {t[3]:02d}:{t[4]:02d}"
