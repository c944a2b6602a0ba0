"""SSH for programs, on top of the native module `_ssh`.

    import ssh

    with ssh.connect("10.0.2.2", username="me", password="secret") as conn:
        print(conn.run("uname -a", check=True).stdout)

Every name below is loaded from its module when it is first used, so that a program pays for what
it uses. `python -m ssh`, `-m scp` and `-m sftp` are programs on top of the same modules.
"""

# Which module has which names. A tuple of constants takes no memory where it is frozen.
_NAMES = (
    ("connection", "connect Connection open_socket"),
    ("running", "CompletedProcess ProcessError TimeoutExpired"),
    ("client", "SSHClient MissingHostKeyPolicy RejectPolicy AutoAddPolicy WarningPolicy"),
    ("transport", "Transport SecurityOptions"),
    ("channel", "Channel ChannelFile ChannelStderrFile ChannelStdinFile"),
    ("message", "Message"),
    ("agent", "Agent AgentKey"),
    ("tunnel", "Tunnels Tunnel"),
    (
        "errors",
        "SSHError SSHException AuthenticationException BadAuthenticationType "
        "BadHostKeyException HostKeyError PasswordRequiredException ChannelException "
        "PartialAuthentication IncompatiblePeer NoValidConnectionsError ProxyCommandFailure "
        "ConfigParseError CouldNotCanonicalize MessageOrderError UnableToAuthenticate",
    ),
    ("sftp", "SFTPClient SFTPFile SFTPAttributes SFTPError SFTP"),
    ("keys", "PKey Ed25519Key ECDSAKey RSAKey PublicBlob UnknownKeyType"),
    ("vfs", "mount"),
    ("hostkeys", "HostKeys HostKeyEntry InvalidHostKey"),
    ("sshconfig", "SSHConfig SSHConfigDict"),
    ("proxy", "ProxyCommand"),
)


def __getattr__(name):
    if name[0] != "_":
        for module, names in _NAMES:
            if name in names.split():
                value = getattr(_submodule(module), name)
                globals()[name] = value
                return value
        if name == "ssh_exception":  # paramiko's name of the module
            name = "errors"
        try:
            return _submodule(name)
        except ImportError as e:
            # What is missing may also be something that the submodule needs.
            if f"'{__name__}.{name}'" not in str(e):
                raise
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def _submodule(name):
    return __import__(f"{__name__}.{name}", None, None, (name,))
