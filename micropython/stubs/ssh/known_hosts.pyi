"""Known-hosts files in OpenSSH's format (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT)."""

from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias

OK: Literal["ok"]
NEW: Literal["new"]
CHANGED: Literal["changed"]
REVOKED: Literal["revoked"]

# For type checkers only.
State: TypeAlias = Literal["ok", "new", "changed", "revoked"]

class Entry:
    marker: str
    hosts: str
    kind: str
    blob: bytes
    file: str
    line: int

    def __init__(
        self, marker: str, hosts: str, kind: str, blob: bytes, file: str, line: int
    ) -> None: ...

def host_name(host: str, port: int = 22) -> str: ...
def match(name: str, pattern: str) -> bool: ...
def hashed_name(name: str, salt: bytes | None = None) -> str: ...
def match_hosts(name: str, hosts: str) -> bool: ...
def fingerprint_of(blob: bytes) -> str: ...
def fields(line: bytes) -> tuple[str, str, str] | None: ...
def public_key(text: str) -> tuple[str, bytes] | None: ...
def types_of(algorithms: Iterable[str]) -> list[str]: ...

class KnownHosts:
    host: str
    name: str
    files: Sequence[str]
    entries: list[Entry]
    ca_types: Sequence[str] | None

    def __init__(
        self,
        host: str,
        port: int = 22,
        files: Sequence[str] | None = None,
        global_files: Sequence[str] | None = None,
        revoked: str | None = None,
    ) -> None: ...
    def prefer(self, kinds: Iterable[str]) -> list[str]: ...
    def check(self, blob: bytes) -> tuple[State, Entry | None]: ...
    def authorities(self) -> list[bytes]: ...
    def revokes(self, fingerprint: str) -> Entry | None: ...
    def line(self, blob: bytes, hashed: bool = False) -> bytes: ...
    def add(self, blob: bytes, hashed: bool = False) -> None: ...
    def update(
        self, keys: Sequence[bytes], hashed: bool = False
    ) -> tuple[list[bytes], list[bytes]]: ...
