"""Exceptions by paramiko's names, errors as one sentence for people."""

from collections.abc import Mapping
from typing import Any, Literal

from _ssh import SSHError as SSHError

from .keys import PKey

EPIPE: int

class Failure(Exception):
    text: str
    status: int

    def __init__(self, text: str, status: int = 255) -> None: ...

def why(error: BaseException) -> str: ...
def is_again(error: OSError) -> bool: ...
def bytes_of(thing: Any) -> Any: ...
def key_type(blob: bytes) -> str: ...
def printable(text: str | bytes | bytearray, lines: bool = False) -> str: ...

SSHException = SSHError

class AuthenticationException(SSHError): ...
class PasswordRequiredException(AuthenticationException): ...
class UnableToAuthenticate(AuthenticationException): ...

class BadAuthenticationType(AuthenticationException):
    explanation: str
    allowed_types: list[str]

    def __init__(self, explanation: str, types: list[str]) -> None: ...

class PartialAuthentication(AuthenticationException):
    allowed_types: list[str]

    def __init__(self, types: list[str]) -> None: ...

class HostKeyError(SSHError):
    hostname: str
    key: bytes | Any  # the blob; of a BadHostKeyException it may be a PKey
    kind: str  # the type of the key
    fingerprint: str
    state: Literal["new", "changed", "revoked"]

    def __init__(self, text: str, hostname: str, key: bytes, state: str) -> None: ...

class BadHostKeyException(HostKeyError):
    expected_key: Any

    def __init__(
        self,
        hostname: str,
        got_key: PKey | bytes,
        expected_key: PKey | bytes,
        text: str | None = None,
    ) -> None: ...

class ChannelException(SSHError):
    code: int  # RFC 4254 section 5.1
    text: str

    def __init__(self, code: int, text: str, sentence: str | None = None) -> None: ...

class IncompatiblePeer(SSHError): ...
class MessageOrderError(SSHError): ...

class ProxyCommandFailure(SSHError):
    command: str
    error: str

    def __init__(self, command: str, error: str) -> None: ...

class ConfigParseError(SSHError): ...
class CouldNotCanonicalize(SSHError): ...

class NoValidConnectionsError(OSError):
    errors: Mapping[tuple[str, int], OSError]

    def __init__(self, errors: Mapping[tuple[str, int], OSError]) -> None: ...

def named(error: OSError) -> OSError: ...
