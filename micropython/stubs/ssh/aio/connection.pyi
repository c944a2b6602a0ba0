"""Connections under asyncio."""

from asyncio import Task
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Literal, TypeVar, Unpack, overload

import _ssh
from _ssh import AgentLike, Data, KeyboardHandler

from ..connection import Files, HostKey, PrivateKey, SessionOptions
from ..running import CompletedProcess
from ..tunnel import Bind, Target
from .channel import Channel
from .forward import Incoming, Local, Remote
from .pump import ChannelLine, Once, Pump, SocketLine
from .sftp import SFTPClient

_T = TypeVar("_T")

class ConnectOptions(SessionOptions, total=False):
    """Arguments of connect(). timeout: seconds for all of it."""

    timeout: float | None
    username: str | None
    password: Data | None
    key: PrivateKey | Sequence[PrivateKey] | None
    pkey: PrivateKey | Sequence[PrivateKey] | None
    key_filename: Files | None
    passphrase: Data | None
    agent: AgentLike | Literal[False] | None
    interactive: KeyboardHandler | None
    hostkey: HostKey | None
    known_hosts: Files | None
    sock: Any
    tunnel: str | Connection | None
    proxy_jump: str | Connection | None
    keepalive: float | None

def connect(host: str, port: int = 22, **options: Unpack[ConnectOptions]) -> Once[Connection]: ...
async def connected(target: Target) -> Any: ...

class Connection:
    session: _ssh.Session
    host: str
    port: int
    via: Connection | None
    owned: Connection | None
    pump: Pump

    def __init__(
        self,
        session: _ssh.Session,
        line: SocketLine | ChannelLine,
        host: str,
        port: int,
        via: Connection | None = None,
    ) -> None: ...
    async def call(self, function: Callable[..., _T], *args: Any, **more: Any) -> _T:
        """Any method of the session."""

    def create_task(self, coroutine: Coroutine[Any, Any, Any]) -> Task[Any]: ...
    def open_session(self, window: int | None = None) -> Once[Channel]: ...
    def open_tcp(
        self,
        host: str,
        port: int,
        origin: tuple[str, int] = ("127.0.0.1", 0),
        window: int | None = None,
    ) -> Once[Channel]: ...
    def open_unix(self, path: str, window: int | None = None) -> Once[Channel]: ...
    async def open_connection(self, host: str, port: int) -> tuple[Channel, Channel]: ...
    async def open_unix_connection(self, path: str) -> tuple[Channel, Channel]: ...
    def create_process(
        self,
        command: Data | None = None,
        *,
        env: Mapping[str, Data] | None = None,
        term: str | None = None,
        size: tuple[int, int] = (80, 24),
        subsystem: Data | None = None,
        window: int | None = None,
    ) -> Once[Channel]: ...
    @overload
    async def run(
        self,
        command: Data,
        *,
        check: bool = False,
        input: Data | None = None,
        timeout: float | None = None,
        encoding: str,
        env: Mapping[str, Data] | None = None,
    ) -> CompletedProcess[str]: ...
    @overload
    async def run(
        self,
        command: Data,
        *,
        check: bool = False,
        input: Data | None = None,
        timeout: float | None = None,
        encoding: None = None,
        env: Mapping[str, Data] | None = None,
    ) -> CompletedProcess[bytes]: ...
    def start_sftp_client(self) -> Once[SFTPClient]: ...
    open_sftp = start_sftp_client
    async def forward_local(self, bind: Bind, target: Target) -> Local: ...
    async def forward_remote(self, bind: Bind, target: Target) -> Remote: ...
    async def forward_dynamic(self, bind: Bind) -> Local: ...
    async def forward_local_port(
        self, listen_host: str, listen_port: int, dest_host: str, dest_port: int
    ) -> Local: ...
    async def forward_remote_port(
        self, listen_host: str, listen_port: int, dest_host: str, dest_port: int
    ) -> Remote: ...
    async def forward_local_path(self, listen_path: str, dest_path: str) -> Local: ...
    async def forward_remote_path(self, listen_path: str, dest_path: str) -> Remote: ...
    async def forward_socks(self, listen_host: str, listen_port: int) -> Local: ...
    @property
    def incoming(self) -> Incoming: ...
    async def accept(self) -> Channel: ...
    async def global_request(
        self, name: Data, data: Data = b"", want_reply: bool = True
    ) -> bytes | None: ...
    async def host_keys(self) -> tuple[bytes, ...]: ...
    async def ping(self, data: Data = b"") -> None: ...
    async def rekey(self) -> None: ...
    def set_keepalive(self, interval: float | None = None, count_max: int = 3) -> None: ...
    def get_extra_info(self, name: str, default: Any = None) -> Any: ...
    @property
    def closed(self) -> bool: ...
    def is_closed(self) -> bool: ...
    def close(self) -> None: ...
    async def wait_closed(self) -> None: ...
    async def __aenter__(self) -> Connection: ...
    async def __aexit__(self, *exc: object) -> None: ...
