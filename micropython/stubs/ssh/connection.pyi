"""A logged-in connection to a host, and what programs do with it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeAlias, TypedDict, TypeVar, Unpack, overload

import _ssh
from _ssh import AgentLike, Data, HostKeyDecision, KeyboardHandler, Names, Public, Readable

from .keys import PKey
from .proxy import ProxyCommand
from .running import CompletedProcess
from .sftp import SFTPClient
from .tunnel import Bind, Target, Tunnel, Tunnels

_T = TypeVar("_T")

# Of arguments; these names are for type checkers only.
HostKey: TypeAlias = Public | PKey | Sequence[Public | PKey] | HostKeyDecision
PrivateKey: TypeAlias = Data | PKey | _ssh.Key
Files: TypeAlias = str | Sequence[str]

class SessionOptions(TypedDict, total=False):
    """Of `_ssh.Session`."""

    hostkey_ca: Public | Sequence[Public] | None
    hostname: str | None
    now: float | None
    kex: Names | None
    hostkeys: Names | None
    ciphers: Names | None
    macs: Names | None
    rekey_bytes: int | None
    rekey_packets: int | None
    rekey_seconds: int | None
    window: int | None
    max_packet: int | None
    channels: int | None

class ConnectOptions(SessionOptions, total=False):
    family: int

class HandshakeOptions(SessionOptions):
    hostkey: Public | Sequence[Public] | HostKeyDecision

class SessionChannelOptions(TypedDict, total=False):
    window: int | None

class TCPChannelOptions(SessionChannelOptions, total=False):
    origin: tuple[str, int]

class Connection:
    session: _ssh.Session
    sock: Any
    host: str
    port: int
    via: Connection | None
    owns_via: bool
    proxy: ProxyCommand | None

    def __init__(
        self,
        session: _ssh.Session,
        sock: Any,
        host: str,
        port: int,
        via: Connection | None = None,
    ) -> None: ...
    async def call(self, function: Callable[..., _T], *args: Any) -> _T: ...
    @overload
    def run(
        self,
        command: Data,
        input: Data | Readable | None = None,
        *,
        stdin: Data | Readable | None = None,
        check: bool = False,
        timeout: float | None = None,
        encoding: str,
        env: Mapping[str, Data] | None = None,
    ) -> CompletedProcess[str]: ...
    @overload
    def run(
        self,
        command: Data,
        input: Data | Readable | None = None,
        *,
        stdin: Data | Readable | None = None,
        check: bool = False,
        timeout: float | None = None,
        encoding: None = None,
        env: Mapping[str, Data] | None = None,
    ) -> CompletedProcess[bytes]: ...
    def open_session(self, **options: Unpack[SessionChannelOptions]) -> _ssh.Channel: ...
    def open_tcp(
        self, host: str, port: int, **options: Unpack[TCPChannelOptions]
    ) -> _ssh.Channel: ...
    def open_sftp(self) -> SFTPClient: ...
    @property
    def tunnels(self) -> Tunnels: ...
    def forward_local(self, bind: Bind, target: Target) -> Tunnel: ...
    def forward_remote(self, bind: Bind, target: Target | None = None) -> Tunnel: ...
    def forward_dynamic(self, bind: Bind) -> Tunnel: ...
    @property
    def closed(self) -> bool: ...
    def close(self) -> None: ...
    def __enter__(self) -> Connection: ...
    def __exit__(self, *exc: object) -> None: ...

def connect(
    host: str,
    port: int = 22,
    *,
    username: str | None = None,
    password: Data | None = None,
    key: PrivateKey | Sequence[PrivateKey] | None = None,
    pkey: PrivateKey | Sequence[PrivateKey] | None = None,
    key_filename: Files | None = None,
    passphrase: Data | None = None,
    agent: AgentLike | Literal[False] | None = None,
    interactive: KeyboardHandler | None = None,
    hostkey: HostKey | None = None,
    known_hosts: Files | None = None,
    sock: Any = None,
    proxy_jump: str | Connection | None = None,
    timeout: float | None = 30,
    **options: Unpack[ConnectOptions],
) -> Connection:
    """Connect, check the host, log in. timeout: seconds for each step."""

def open_socket(
    host: str, port: int = 22, *, timeout: float | None = None, family: int = 0
) -> Any: ...

# Below connect().

def network_up() -> None: ...
def addresses(host: str, port: int, family: int = 0) -> list[tuple[int, Any]]: ...
def connect_one(kind: int, address: Any, timeout: float | None = None) -> Any: ...
def handshake(
    host: str,
    port: int = 22,
    *,
    sock: Any = None,
    via: Connection | None = None,
    timeout: float | None = 30,
    family: int = 0,
    **options: Unpack[HandshakeOptions],
) -> Connection:
    """A Connection that is not logged in yet."""

def hops(text: str, username: str | None) -> Iterator[tuple[str | None, str, int]]: ...
def host_port(text: str) -> tuple[str, int | None]: ...
def listed(value: Any, default: Any = None) -> Any: ...
def user_name() -> str: ...
