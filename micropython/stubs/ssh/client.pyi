"""paramiko's SSHClient, and what it does with hosts that it does not know."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from _ssh import Data

from .channel import Channel
from .channel_file import ChannelFile, ChannelStderrFile, ChannelStdinFile
from .connection import Files, PrivateKey
from .hostkeys import HostKeys
from .keys import PKey
from .sftp import SFTPClient
from .transport import Transport

class MissingHostKeyPolicy:
    def missing_host_key(self, client: SSHClient, hostname: str, key: PKey) -> None:
        """Return to accept the key, raise an exception to reject it."""

class AutoAddPolicy(MissingHostKeyPolicy):
    def missing_host_key(self, client: SSHClient, hostname: str, key: PKey) -> None: ...

class RejectPolicy(MissingHostKeyPolicy):
    def missing_host_key(self, client: SSHClient, hostname: str, key: PKey) -> None: ...

class WarningPolicy(MissingHostKeyPolicy):
    def missing_host_key(self, client: SSHClient, hostname: str, key: PKey) -> None: ...

class SSHClient:
    def __init__(self) -> None: ...
    def __enter__(self) -> SSHClient: ...
    def __exit__(self, *exc: object) -> None: ...
    def load_system_host_keys(self, filename: str | None = None) -> None: ...
    def load_host_keys(self, filename: str) -> None: ...
    def save_host_keys(self, filename: str) -> None: ...
    def get_host_keys(self) -> HostKeys: ...
    def set_missing_host_key_policy(
        self, policy: MissingHostKeyPolicy | type[MissingHostKeyPolicy]
    ) -> None: ...
    def set_log_channel(self, name: str) -> None: ...
    def connect(
        self,
        hostname: str,
        port: int = 22,
        username: str | None = None,
        password: Data | None = None,
        pkey: PrivateKey | Sequence[PrivateKey] | None = None,
        key_filename: Files | None = None,
        timeout: float | None = None,
        allow_agent: bool = True,
        look_for_keys: bool = True,
        compress: bool = False,
        sock: Any = None,
        banner_timeout: float | None = None,
        auth_timeout: float | None = None,
        channel_timeout: float | None = None,
        passphrase: Data | None = None,
        disabled_algorithms: Mapping[str, Sequence[str]] | None = None,
        transport_factory: Callable[..., Transport] | None = None,
        auth_strategy: Any = None,
    ) -> Any:
        """Connect, check the host, log in. Times are in seconds."""

    def close(self) -> None: ...
    def exec_command(
        self,
        command: Data,
        bufsize: int = -1,
        timeout: float | None = None,
        get_pty: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> tuple[ChannelStdinFile, ChannelFile, ChannelStderrFile]:
        """(stdin, stdout, stderr)"""

    def invoke_shell(
        self,
        term: str = "vt100",
        width: int = 80,
        height: int = 24,
        width_pixels: int = 0,
        height_pixels: int = 0,
        environment: Mapping[str, str] | None = None,
    ) -> Channel: ...
    def open_sftp(self) -> SFTPClient: ...
    def get_transport(self) -> Transport | Any:
        """The Transport; None when not connected."""
