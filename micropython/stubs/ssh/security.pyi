"""The algorithms of a Transport, and a look at its bytes."""

from collections.abc import Sequence
from typing import Any

from _ssh import Data

from .transport import Transport

LISTS: tuple[tuple[str, str, str, str, str], ...]

class SecurityOptions:
    """In order of preference, to be set before the Transport starts."""

    ciphers: Sequence[str]
    digests: Sequence[str]
    key_types: Sequence[str]
    kex: Sequence[str]

    def __init__(self, transport: Transport) -> None: ...
    @property
    def compression(self) -> Sequence[str]: ...
    @compression.setter
    def compression(self, value: Sequence[str]) -> None: ...

class Dump:
    def __init__(self, sock: Any, transport: Transport) -> None: ...
    def send(self, data: Data) -> int: ...
    def recv(self, size: int) -> bytes: ...
