"""Where keys and known hosts are kept, and names of files, on systems of each kind."""

import os
import sys
import time

DOS = sys.platform == "dos"
_SEPARATORS = "/\\" if DOS else "/"


# What clocks and files of this port count from, in seconds since 1970: some count from 2000.
EPOCH = 946684800 if time.gmtime(0)[0] == 2000 else 0


def getenv(name):
    get = getattr(os, "getenv", None)
    return get(name) if get else None


def user():
    """Who runs this as far as the environment tells, or ""."""
    return getenv("USER") or getenv("LOGNAME") or getenv("USERNAME") or ""


def join(folder, name):
    if not folder or folder[-1] in _SEPARATORS or (DOS and folder[-1] == ":"):
        return folder + name
    return folder + ("\\" if DOS and "\\" in folder else "/") + name


def split(path):
    """(folder, name) of a local path; the folder keeps what separates it from the name."""
    at = max(path.rfind(c) for c in _SEPARATORS + (":" if DOS else ""))
    return path[: at + 1], path[at + 1 :]


def folder():
    """The folder of the user's SSH files: SSHDIR, or ~/.ssh, or on DOS HOME or the program's."""
    named = getenv("SSHDIR")
    if named:
        return named
    home = getenv("HOME")
    if DOS:
        return home or split(getattr(sys, "executable", None) or "")[0]
    return join(home or "/", ".ssh")


def known_hosts():
    """The file that new hosts are written to."""
    return join(folder(), "KNOWN.HST" if DOS else "known_hosts")


def global_known_hosts():
    """Files of the whole machine."""
    if sys.platform in ("linux", "darwin"):
        return ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"]
    return []


def config():
    """The user's configuration file (ssh_config(5))."""
    return join(folder(), "SSH.CFG" if DOS else "config")


def global_config():
    """That of the whole machine, None if there can be none."""
    return "/etc/ssh/ssh_config" if sys.platform in ("linux", "darwin") else None


def identities():
    """Key files that are tried without being asked for. DOS has eight letters for a name."""
    names = ("ID_ED255", "ID_ECDSA", "ID_RSA") if DOS else ("id_ed25519", "id_ecdsa", "id_rsa")
    return [join(folder(), name) for name in names]


def expand(path):
    """~/x as people write it in options. ~/.ssh is the folder of the user's SSH files."""
    if path.startswith("~/.ssh/") and getenv("SSHDIR"):
        return join(getenv("SSHDIR"), path[7:])
    if path.startswith("~/") and getenv("HOME"):
        return join(getenv("HOME"), path[2:])
    return path


def mode(path):
    """The file's mode, 0 if there is none."""
    try:
        return os.stat(path)[0]
    except OSError:
        return 0


def is_dir(path):
    return mode(path) & 0o170000 == 0o040000


def exists(path):
    return mode(path) != 0


def make_folder(path):
    """Make the folder that holds path, if it is missing and its parent is there."""
    folder = split(path)[0].rstrip(_SEPARATORS)
    if folder and not exists(folder) and folder[-1] != ":":
        os.mkdir(folder)
        copy_mode(folder, 0o700, True)


def safe_name(name):
    """Whether a name that a server gives may become a local file. It may not lead elsewhere."""
    if not isinstance(name, str) or name in ("", ".", "..") or "/" in name or "\0" in name:
        return False
    return not DOS or not any(c in name for c in '\\:*?"<>|')


def set_time(path, seconds, accessed=None):
    """The times of a local file, where the port can set them. Whether it could."""
    if DOS:
        from dos import utime

        utime(path, seconds)
        return True
    import _ssh

    if not hasattr(_ssh, "unix"):
        return False
    _ssh.unix.utime(path, seconds if accessed is None else accessed, seconds)
    return True


def copy_mode(path, mode, exactly=False):
    """The rights of a file that has just been made here, where there are such: without what the
    user's mask forbids, or exactly. Never setuid and the like.
    """
    import _ssh

    if hasattr(_ssh, "unix") and mode:
        mode &= 0o777
        if not exactly:
            mask = _ssh.unix.umask(0o22)
            _ssh.unix.umask(mask)
            mode = (mode | 0o200) & ~mask
        _ssh.unix.chmod(path, mode)
