"""Attributes of files on the server, and how they are shown."""

from collections.abc import Sequence
from typing import Any

class SFTPAttributes:
    """Times are in seconds since 1970. What is not known is None in those made here."""

    st_size: int | Any
    st_uid: int | Any
    st_gid: int | Any
    st_mode: int | Any
    st_atime: int | Any
    st_mtime: int | Any
    attr: dict[str, str]
    filename: str | Any  # of listings only; bytes where it is no UTF-8
    longname: str | Any  # likewise: the server's line about it

    def __init__(self) -> None: ...
    @classmethod
    def from_stat(
        cls, obj: Sequence[int], filename: str | bytes | None = None
    ) -> SFTPAttributes: ...
    def asbytes(self) -> bytes: ...

def now() -> int: ...
def mode_text(mode: int | None) -> str: ...
def date_text(seconds: int | None) -> str: ...
