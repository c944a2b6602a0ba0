"""Errors as one sentence for people, and text of servers made fit to show."""

import errno

import _ssh

_SENTENCES = {
    "EACCES": "permission denied",
    "EADDRINUSE": "the address is in use",
    "ECONNABORTED": "the connection was given up",
    "ECONNREFUSED": "connection refused: no server listens at this address and port",
    "ECONNRESET": "the other side broke the connection",
    "EEXIST": "it is there already",
    "EHOSTUNREACH": "no route to this host",
    "EINVAL": "this name or value is not possible here",
    "EIO": "input/output error",
    "EISDIR": "it is a directory",
    "ENODEV": "no such device",
    "ENOENT": "no such file or directory",
    "ENOMEM": "out of memory",
    "ENOTCONN": "not connected",
    "EOPNOTSUPP": "the server does not support this",
    "EPERM": "not permitted",
    "ETIMEDOUT": "no answer in time",
}
# Those without a name in the module `errno`, by their numbers in Linux, which MicroPython uses.
EPIPE = 32
_NUMBERS = {
    20: "a part of the name is not a directory",
    28: "no space left on the disk",
    30: "the disk is write-protected",
    36: "the name is too long (DOS without long names: eight letters, a dot, three letters)",
    EPIPE: "nobody reads this output any more",
    39: "the directory is not empty",
    101: "the network cannot be reached",
}


class Failure(Exception):
    """What a program says on its standard error before it ends with this status."""

    def __init__(self, text, status=255):
        super().__init__(text)
        self.text = text
        self.status = status


def why(error):
    """One sentence (without a full stop) about an exception."""
    if isinstance(error, MemoryError):
        return "out of memory"
    args = getattr(error, "args", ())
    if len(args) > 1 and isinstance(args[1], str) and args[1]:
        return printable(args[1])
    if isinstance(error, OSError) and args and isinstance(args[0], int):
        name = errno.errorcode.get(args[0])
        return _SENTENCES.get(name) or _NUMBERS.get(args[0]) or name or f"error {args[0]}"
    return printable(str(args[0])) if args else type(error).__name__


def is_again(error):
    """A call on something non-blocking that can do nothing now."""
    return not isinstance(error, _ssh.SSHError) and error.args[0] in (
        errno.EAGAIN,
        errno.ETIMEDOUT,
    )


def printable(text, lines=False):
    """Text from elsewhere, without what could steer a terminal or turn lines around."""
    if isinstance(text, (bytes, bytearray)):
        try:
            text = str(text, "utf-8")
        except UnicodeError:
            text = "".join(chr(c) if c < 127 else "?" for c in text)
    return "".join([_shown(c, lines) for c in text])


def _shown(char, lines):
    code = ord(char)
    if code < 32:
        return char if lines and char in "\n\t" else "?"
    # 7F-9F: controls. 200B-200F, 2028-202E, 2060-206F: marks without width, and of direction.
    if 0x7F <= code < 0xA0 or 0x200B <= code < 0x2010 or 0x2028 <= code < 0x202F:
        return "?"
    if 0x2060 <= code < 0x2070 or code == 0xFEFF:
        return "?"
    return char
