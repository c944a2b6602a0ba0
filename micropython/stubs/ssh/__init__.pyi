"""Types of the package `ssh`, for editors and type checkers. Reference: docs/ssh.md."""

from . import (
    agent as agent,
)
from . import (
    aio as aio,
)
from . import (
    channel as channel,
)
from . import (
    client as client,
)
from . import (
    connection as connection,
)
from . import (
    errors as errors,
)
from . import (
    hostkeys as hostkeys,
)
from . import (
    keys as keys,
)
from . import (
    known_hosts as known_hosts,
)
from . import (
    message as message,
)
from . import (
    proxy as proxy,
)
from . import (
    running as running,
)
from . import (
    sftp as sftp,
)
from . import (
    sockets as sockets,
)
from . import (
    sshconfig as sshconfig,
)
from . import (
    transport as transport,
)
from . import (
    tunnel as tunnel,
)
from . import (
    util as util,
)
from . import (
    vfs as vfs,
)
from .agent import Agent as Agent
from .agent import AgentKey as AgentKey
from .channel import (
    Channel as Channel,
)
from .channel import (
    ChannelFile as ChannelFile,
)
from .channel import (
    ChannelStderrFile as ChannelStderrFile,
)
from .channel import (
    ChannelStdinFile as ChannelStdinFile,
)
from .client import (
    AutoAddPolicy as AutoAddPolicy,
)
from .client import (
    MissingHostKeyPolicy as MissingHostKeyPolicy,
)
from .client import (
    RejectPolicy as RejectPolicy,
)
from .client import (
    SSHClient as SSHClient,
)
from .client import (
    WarningPolicy as WarningPolicy,
)
from .connection import (
    Connection as Connection,
)
from .connection import (
    connect as connect,
)
from .connection import (
    open_socket as open_socket,
)
from .errors import (
    AuthenticationException as AuthenticationException,
)
from .errors import (
    BadAuthenticationType as BadAuthenticationType,
)
from .errors import (
    BadHostKeyException as BadHostKeyException,
)
from .errors import (
    ChannelException as ChannelException,
)
from .errors import (
    ConfigParseError as ConfigParseError,
)
from .errors import (
    CouldNotCanonicalize as CouldNotCanonicalize,
)
from .errors import (
    HostKeyError as HostKeyError,
)
from .errors import (
    IncompatiblePeer as IncompatiblePeer,
)
from .errors import (
    MessageOrderError as MessageOrderError,
)
from .errors import (
    NoValidConnectionsError as NoValidConnectionsError,
)
from .errors import (
    PartialAuthentication as PartialAuthentication,
)
from .errors import (
    PasswordRequiredException as PasswordRequiredException,
)
from .errors import (
    ProxyCommandFailure as ProxyCommandFailure,
)
from .errors import (
    SSHError as SSHError,
)
from .errors import (
    SSHException as SSHException,
)
from .errors import (
    UnableToAuthenticate as UnableToAuthenticate,
)
from .hostkeys import (
    HostKeyEntry as HostKeyEntry,
)
from .hostkeys import (
    HostKeys as HostKeys,
)
from .hostkeys import (
    InvalidHostKey as InvalidHostKey,
)
from .keys import (
    ECDSAKey as ECDSAKey,
)
from .keys import (
    Ed25519Key as Ed25519Key,
)
from .keys import (
    PKey as PKey,
)
from .keys import (
    PublicBlob as PublicBlob,
)
from .keys import (
    RSAKey as RSAKey,
)
from .keys import (
    UnknownKeyType as UnknownKeyType,
)
from .message import Message as Message
from .proxy import ProxyCommand as ProxyCommand
from .running import (
    CompletedProcess as CompletedProcess,
)
from .running import (
    ProcessError as ProcessError,
)
from .running import (
    TimeoutExpired as TimeoutExpired,
)
from .sftp import (
    SFTP as SFTP,
)
from .sftp import (
    SFTPAttributes as SFTPAttributes,
)
from .sftp import (
    SFTPClient as SFTPClient,
)
from .sftp import (
    SFTPError as SFTPError,
)
from .sftp import (
    SFTPFile as SFTPFile,
)
from .sshconfig import SSHConfig as SSHConfig
from .sshconfig import SSHConfigDict as SSHConfigDict
from .transport import SecurityOptions as SecurityOptions
from .transport import Transport as Transport
from .tunnel import Tunnel as Tunnel
from .tunnel import Tunnels as Tunnels
from .vfs import mount as mount

ssh_exception = errors  # paramiko's name of the module
