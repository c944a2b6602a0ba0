"""The SSH agent of this machine, on ports whose sockets know AF_UNIX."""

import os

import _ssh

from ssh import sockets
from ssh.errors import bytes_of, key_type

# What an agent must be told for an RSA key to sign with these.
FLAGS = {"rsa-sha2-256": 2, "rsa-sha2-512": 4}


def available(path=None):
    """Whether there is an agent to connect to, as far as path or the environment says."""
    return hasattr(_ssh, "Agent") and sockets.has_unix() and bool(path or default_path())


def default_path():
    """Where the environment says that the agent is, or None."""
    return os.getenv("SSH_AUTH_SOCK") if hasattr(os, "getenv") else None


def open_socket(path=None):
    """A socket that is connected to the agent at path, or to the one of SSH_AUTH_SOCK."""
    path = path or default_path()
    if not path:
        raise ValueError("no SSH agent: SSH_AUTH_SOCK is not set")
    return sockets.connect_unix(path)


def connect(path=None, **options):
    """An `_ssh.Agent`; its `stream` is the socket, to be closed by who has asked for it."""
    return _ssh.Agent(open_socket(path), **options)


# ---------------------------------------------------------------- paramiko's names


class Agent:
    """The keys in the agent of SSH_AUTH_SOCK; none if there is no agent."""

    def __init__(self):
        self._native = connect() if available() else None
        self._keys = ()
        if self._native is not None:
            self._keys = tuple([AgentKey(self, *key) for key in self._native.keys()])

    def get_keys(self):
        """A tuple of AgentKey."""
        return self._keys

    def close(self):
        """Close the connection to the agent: its keys sign no more."""
        if self._native is not None:
            self._native.stream.close()
            self._native = None


class AgentKey:
    """A key in an agent: to be given to Transport.auth_publickey() and the like."""

    def __init__(self, agent, blob, comment=""):
        self.agent = agent
        self.blob = blob
        self.comment = comment

    def asbytes(self):
        """The public key as a blob."""
        return self.blob

    def get_name(self):
        """The type, as "ssh-ed25519"."""
        return key_type(self.blob)

    @property
    def fingerprint(self):
        """ "SHA256:...", as OpenSSH shows it."""
        return _ssh.fingerprint(self.blob)

    def can_sign(self):
        """True: the agent does."""
        return True

    def sign_ssh_data(self, data, algorithm=None):
        """A signature blob. RSA keys sign with SHA-1 unless algorithm says otherwise."""
        return self.agent._native.sign(self.blob, data, FLAGS.get(algorithm, 0))


def proof(key):
    """What `userauth_publickey()` of `_ssh.Session` takes for a key of any kind."""
    if hasattr(key, "login_arguments"):
        return key.login_arguments()
    if not hasattr(key, "sign_ssh_data"):
        return (key,)

    def sign(data, algorithm):
        return bytes_of(key.sign_ssh_data(data, algorithm))

    return sign, key.asbytes()
