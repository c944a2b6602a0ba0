"""Commands that are run to their end, and what they leave."""

from collections.abc import Mapping
from typing import Any, AnyStr, Generic

from _ssh import Data, Readable, Session

class CompletedProcess(Generic[AnyStr]):
    command: str | bytes
    stdout: AnyStr
    stderr: AnyStr
    returncode: int  # minus the number of a signal
    signal: str | None  # "TERM"

    def __init__(
        self,
        command: Data,
        stdout: AnyStr,
        stderr: AnyStr,
        status: int | None,
        signal: str | None,
    ) -> None: ...
    def check_returncode(self) -> None:
        """ProcessError unless the command has ended well."""

class ProcessError(Exception):
    command: str | bytes
    stdout: Any  # bytes, or str if run() had an encoding
    stderr: Any
    returncode: int
    signal: str | None

    def __init__(self, done: CompletedProcess[Any]) -> None: ...

class TimeoutExpired(OSError):
    command: str | bytes
    timeout: float  # seconds
    stdout: bytes  # what came until then
    stderr: bytes

    def __init__(self, command: Data, timeout: float, stdout: bytes, stderr: bytes) -> None: ...

class Run:
    def __init__(
        self,
        session: Session,
        command: Data,
        data: Data | Readable | None,
        timeout: float | None,
        env: Mapping[str, Data],
    ) -> None: ...
    def run(self) -> tuple[bytes, bytes, int | None, str | None]: ...
    def wait(self) -> int | None: ...
    def left(self, ms: int) -> float: ...
    def feed(self) -> bool: ...
