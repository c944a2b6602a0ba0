"""Errors as one sentence for people, exceptions by paramiko's names, texts fit to show."""

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


def bytes_of(thing):
    """A key, signature or message of paramiko's kind as bytes; bytes and text as they are."""
    return thing.asbytes() if hasattr(thing, "asbytes") else thing


def key_type(blob):
    """The name of the key's type, as the key itself says it; "" if it does not."""
    n = int.from_bytes(blob[:4], "big")
    if len(blob) < 4 or not 0 < n <= len(blob) - 4:
        return ""
    return bytes(blob[4 : 4 + n]).decode()


# ---------------------------------------------------------------- exceptions

# All have the args (code, sentence) of SSHError, so that str() is a sentence and code (`errno`)
# one of the ERR_ of `_ssh`, beside the attributes that paramiko gives them.
SSHException = SSHError = _ssh.SSHError


class AuthenticationException(SSHError):
    """The login was refused. Another try, with something else, may follow."""


class PasswordRequiredException(AuthenticationException):
    """A private key is encrypted, and no passphrase was given."""


class UnableToAuthenticate(AuthenticationException):
    """No way to log in has led anywhere."""


class BadAuthenticationType(AuthenticationException):
    """The server does not take this way to log in; allowed_types are those that it takes."""

    def __init__(self, explanation, types):
        super().__init__(_ssh.ERR_AUTH_FAILED, f"{explanation}; allowed types: {types}")
        self.explanation = explanation
        self.allowed_types = types


class PartialAuthentication(AuthenticationException):
    """Accepted, but the server asks for more: one of allowed_types."""

    def __init__(self, types):
        super().__init__(_ssh.ERR_AUTH_FAILED, f"Partial authentication; allowed types: {types}")
        self.allowed_types = types


class HostKeyError(SSHError):
    """The host is not trusted: it is unknown, has another key, or a revoked one.

    hostname; key (its blob); kind (its type); fingerprint; state: "new", "changed" or "revoked".
    """

    def __init__(self, text, hostname, key, state):
        super().__init__(_ssh.ERR_HOST_KEY_REJECTED, text)
        self.hostname = hostname
        self.key = key
        self.kind = key_type(key)
        self.fingerprint = _ssh.fingerprint(key)
        self.state = state


class BadHostKeyException(HostKeyError):
    """The host has another key than the one that is known: expected_key."""

    def __init__(self, hostname, got_key, expected_key, text=None):
        got, expected = [bytes_of(key) for key in (got_key, expected_key)]
        text = text or (
            f"Host key for server '{hostname}' does not match: "
            f"got {_ssh.fingerprint(got)}, expected {_ssh.fingerprint(expected)}"
        )
        super().__init__(text, hostname, got, "changed")
        self.key = got_key
        self.expected_key = expected_key


class ChannelException(SSHError):
    """The server does not open a channel: code is its reason (RFC 4254 section 5.1)."""

    def __init__(self, code, text, sentence=None):
        super().__init__(_ssh.ERR_OPEN_REFUSED, sentence or text, code)
        self.code = code
        self.text = text


# RFC 4254 section 5.1, in paramiko's words.
_OPEN_REASONS = {
    1: "Administratively prohibited",
    2: "Connect failed",
    3: "Unknown channel type",
    4: "Resource shortage",
}


class IncompatiblePeer(SSHError):
    """No algorithm that both sides have."""


class MessageOrderError(SSHError):
    """Messages out of order during a strict key exchange: an attack, or a broken server."""


class ProxyCommandFailure(SSHError):
    """The ProxyCommand ended."""

    def __init__(self, command, error):
        super().__init__(_ssh.ERR_EOF, f'ProxyCommand("{command}") failed: {error}')
        self.command = command
        self.error = error


class ConfigParseError(SSHError):
    """A configuration file that cannot be understood."""


class CouldNotCanonicalize(SSHError):
    """Not raised here: names of hosts are not canonicalised."""


class NoValidConnectionsError(OSError):
    """No address of the host can be connected to. errors: {address: exception}."""

    def __init__(self, errors):
        port = list(errors)[0][1]
        where = " or ".join(sorted([address[0] for address in errors]))
        # The number of the last failure, where paramiko has None.
        code = list(errors.values())[-1].args[0]
        super().__init__(code, f"Unable to connect to port {port} on {where}")
        self.errors = errors

    def __str__(self):
        return self.args[1]


_KINDS = (
    (AuthenticationException, "AUTH_FAILED PASSWORD_EXPIRED TOO_MANY_FACTORS TOO_MANY_PROMPTS"),
    (AuthenticationException, "AGENT_EMPTY AGENT_REFUSED AGENT_SIGNATURE"),
    (IncompatiblePeer, "NO_CIPHER NO_HOST_KEY NO_KEX NO_MAC"),
    (MessageOrderError, "STRICT_KEX"),
)


def named(error):
    """An error of `_ssh` as the exception that paramiko's name for it has; others as they are."""
    if type(error) is SSHError:
        for kind, names in _KINDS:
            if error.args[0] in [getattr(_ssh, "ERR_" + name) for name in names.split()]:
                return kind(*error.args)
        if error.args[0] == _ssh.ERR_OPEN_REFUSED:
            # 2, "connect failed", is what is meant where the server's reason is not told.
            code = error.args[2] if len(error.args) > 2 else 2
            text = _OPEN_REASONS.get(code, "(unknown code)")
            return ChannelException(code, text, f"{error.args[1]} ({text})")
    return error
