"""paramiko's SSHClient, and what it does with hosts that it does not know."""

import errno
import sys

import _ssh

from ssh import connection, login, paths, util
from ssh.errors import (
    AuthenticationException,
    BadAuthenticationType,
    BadHostKeyException,
    HostKeyError,
    NoValidConnectionsError,
    PasswordRequiredException,
    SSHError,
    printable,
    why,
)
from ssh.hostkeys import HostKeys
from ssh.transport import Transport, ask


class MissingHostKeyPolicy:
    """What is to be done about a host without a known key: to be derived from."""

    def missing_host_key(self, client, hostname, key):
        """Return to accept the key, raise an exception to reject it."""


class AutoAddPolicy(MissingHostKeyPolicy):
    """Accepts the key, and saves it in the file of load_host_keys()."""

    def missing_host_key(self, client, hostname, key):
        """Add it."""
        client.get_host_keys().add(hostname, key.get_name(), key)
        if client._host_keys_filename is not None:
            client.save_host_keys(client._host_keys_filename)
        client._log(util.DEBUG, f"adding the {key.get_name()} host key of {hostname}")


class RejectPolicy(MissingHostKeyPolicy):
    """Rejects the host: the default."""

    def missing_host_key(self, client, hostname, key):
        """HostKeyError, which says what to do."""
        fingerprint = _ssh.fingerprint(key.asbytes())
        raise HostKeyError(
            f"Server '{hostname}' not found in known_hosts: its {key.get_name()} key has the "
            f"fingerprint {fingerprint}. If that is the right one, have it in a file for "
            "load_host_keys() or load_system_host_keys(), or set another policy "
            "(set_missing_host_key_policy)",
            hostname,
            key.asbytes(),
            "new",
        )


class WarningPolicy(MissingHostKeyPolicy):
    """Accepts the key with a warning on standard error."""

    def missing_host_key(self, client, hostname, key):
        """Say so."""
        fingerprint = _ssh.fingerprint(key.asbytes())
        sys.stderr.write(f"Warning: unknown {key.get_name()} host key for {hostname}: ")
        sys.stderr.write(fingerprint + "\n")


class SSHClient:
    """A connection with a check of the host, a login, and what is usually done with it."""

    def __init__(self):
        self._system_host_keys = HostKeys()
        self._host_keys = HostKeys()
        self._host_keys_filename = None
        self._policy = RejectPolicy()
        self._transport = None
        self._log_channel = None

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def _log(self, level, text):
        self._transport._log(level, text)

    # ------------------------------------------------------------ known hosts

    def load_system_host_keys(self, filename=None):
        """Keys of hosts that are never saved. Without a name: the user's, if it can be read."""
        if filename is not None:
            self._system_host_keys.load(filename)
            return
        try:
            self._system_host_keys.load(paths.known_hosts())
        except OSError:
            pass  # as documented: there need not be such a file

    def load_host_keys(self, filename):
        """Keys of hosts; AutoAddPolicy saves new ones in this file."""
        self._host_keys_filename = filename
        self._host_keys.load(filename)

    def save_host_keys(self, filename):
        """Write the keys of load_host_keys(), and those that were added, to a file."""
        if self._host_keys_filename is not None:
            self.load_host_keys(self._host_keys_filename)  # others may have added something
        self._host_keys.save(filename)

    def get_host_keys(self):
        """The HostKeys of load_host_keys(), to look at or to change."""
        return self._host_keys

    def set_missing_host_key_policy(self, policy):
        """policy: a MissingHostKeyPolicy, or its class."""
        self._policy = policy() if isinstance(policy, type) else policy

    def set_log_channel(self, name):
        """The name under which its Transport logs."""
        self._log_channel = name

    # ------------------------------------------------------------ connecting

    def connect(
        self, hostname, port=22, username=None, password=None, pkey=None, key_filename=None,
        timeout=None, allow_agent=True, look_for_keys=True, compress=False, sock=None,
        banner_timeout=None, auth_timeout=None, channel_timeout=None, passphrase=None,
        disabled_algorithms=None, transport_factory=None, auth_strategy=None
    ):  # fmt: skip
        """Connect, check the host, and log in.

        By pkey, key_filename (a path or a list, also of certificates: "...-cert.pub"), the keys
        of an agent, those in the usual files, and password, in this order; password also opens
        encrypted keys if there is no passphrase. There is no compression.
        """
        if sock is None:
            sock = _dial(hostname, port, timeout)
        t = self._transport = (transport_factory or Transport)(
            sock, disabled_algorithms=disabled_algorithms
        )
        t.peer = (hostname, port)
        if self._log_channel is not None:
            t.set_log_channel(self._log_channel)
        if banner_timeout is not None:
            t.banner_timeout = banner_timeout
        if auth_timeout is not None:
            t.auth_timeout = auth_timeout
        if channel_timeout is not None:
            t.channel_timeout = channel_timeout
        name = hostname if port == 22 else f"[{hostname}]:{port}"
        known = self._system_host_keys.lookup(name) or self._host_keys.lookup(name)
        if known:
            _prefer(t.get_security_options(), known.keys())
        t.start_client(timeout=timeout)
        self._check(hostname, name, known)
        if auth_strategy is not None:
            return auth_strategy.authenticate(transport=t)
        if username is None:
            username = connection.user_name()
        keys = connection.listed(pkey, ()) + connection.listed(key_filename, ())
        way = _Ways(username, password, keys, passphrase or password, allow_agent, look_for_keys)
        way.transport = t
        login.run(way.login(t))
        t.username = username

    def _check(self, hostname, name, known):
        """Whether the key that came is the right one."""
        key = self._transport.get_remote_server_key()
        for keys in (self._system_host_keys, self._host_keys):
            if keys.is_revoked(name, key):
                raise HostKeyError(
                    f"the host key {_ssh.fingerprint(key.asbytes())} of {name} is marked as "
                    "revoked: do not trust this host",
                    name,
                    key.asbytes(),
                    "revoked",
                )
        if not known:
            self._policy.missing_host_key(self, name, key)
            return
        expected = known.get(key.get_name())
        if expected is None or expected.asbytes() != key.asbytes():
            if expected is None:
                expected = known[known.keys()[0]]
            raise BadHostKeyException(hostname, key, expected)

    def close(self):
        """End the connection."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    # ------------------------------------------------------------ what it is for

    def exec_command(
        self, command, bufsize=-1, timeout=None, get_pty=False, environment=None
    ):  # fmt: skip
        """Run a command: (stdin, stdout, stderr), files of its channel.

        Its exit status: stdout.channel.recv_exit_status().
        """
        channel = self._transport.open_session(timeout=timeout)
        if get_pty:
            channel.get_pty()
        channel.settimeout(timeout)
        if environment:
            channel.update_environment(environment)
        channel.exec_command(command)
        return (
            channel.makefile_stdin("wb", bufsize),
            channel.makefile("r", bufsize),
            channel.makefile_stderr("r", bufsize),
        )

    def invoke_shell(
        self, term="vt100", width=80, height=24, width_pixels=0, height_pixels=0, environment=None
    ):  # fmt: skip
        """A shell with a terminal: its Channel."""
        channel = self._transport.open_session()
        channel.get_pty(term, width, height, width_pixels, height_pixels)
        if environment:
            channel.update_environment(environment)
        channel.invoke_shell()
        return channel

    def open_sftp(self):
        """An SFTPClient."""
        return self._transport.open_sftp_client()

    def get_transport(self):
        """Its Transport; None when not connected."""
        return self._transport


def _dial(host, port, timeout):
    """A socket that is connected to one of the addresses of a host."""
    connection.network_up()
    errors = {}
    for kind, address in connection.addresses(host, port):
        try:
            return connection.connect_one(kind, address, timeout)
        except OSError as e:
            if e.args[0] not in (errno.ECONNREFUSED, errno.EHOSTUNREACH):
                raise
            errors[(host, port)] = e
    raise NoValidConnectionsError(errors)


def _prefer(options, kinds):
    """Ask for keys of these kinds first."""
    names = []
    for kind in kinds:
        names += ["rsa-sha2-512", "rsa-sha2-256"] if kind == "ssh-rsa" else [kind]
    first = [name for name in options.key_types if name in names]
    options.key_types = first + [name for name in options.key_types if name not in names]


class _Ways(login.Login):
    """paramiko's order of the ways to log in, and its exceptions."""

    def __init__(self, user, password, keys, passphrase, allow_agent, look_for_keys):
        keys = [_without_suffix(key) for key in keys]
        agent = None if allow_agent else False
        super().__init__(user, password, keys, None, passphrase, agent)
        self.look_for_keys = look_for_keys
        self.looking = False  # for keys that were not named
        self.partial = False
        self.tried = False
        self.saved = None

    def debug(self, text):
        self.transport._log(util.DEBUG, text)

    def ways(self):
        return (self.by_keys, self.by_agent, self.by_found, self.by_keyboard, self.by_password)

    async def by_found(self, conn):
        """By the keys in the usual files."""
        self.looking = self.look_for_keys
        try:
            return await self.by_keys(conn) if self.looking else None
        finally:
            self.looking = False

    def identities(self):
        if self.looking:
            return [(path, None) for path in paths.identities() if paths.exists(path)]
        return [(key, None) if login.is_path(key) else ("given", key) for key in self.keys]

    async def by_key(self, conn, name, key):
        self.tried = True
        done = await super().by_key(conn, name, key)
        if done is False:
            self.partial = True
        return done

    def unusable(self, name, error):
        if isinstance(error, ValueError):
            if "passphrase" in why(error) and self.passphrase is None:
                text = f"Private key file is encrypted: {name}"
                self.saved = PasswordRequiredException(_ssh.ERR_AUTH_FAILED, text)
            else:
                text = f"cannot use the key {name}: {why(error)}"
                self.saved = SSHError(_ssh.ERR_AUTH_FAILED, text)
        elif not self.looking:
            raise OSError(error.args[0], f"cannot read the key {name}: {why(error)}")

    def can_answer(self, session):
        if self.password is None and self.partial:
            self.interactive = ask  # the second factor, which somebody in front of it may know
        return super().can_answer(session)

    def refused(self, session):
        methods = list(session.auth_methods)
        if self.password is not None:
            wanted = "password"
        elif self.saved is not None:
            return self.saved
        elif self.tried:
            wanted = "publickey"
        else:
            takes = ", ".join([printable(method) for method in methods])
            text = f"No authentication methods available (the server takes: {takes})"
            return SSHError(_ssh.ERR_AUTH_FAILED, text)
        if wanted not in methods and not self.partial:
            return BadAuthenticationType("Bad authentication type", methods)
        return AuthenticationException(_ssh.ERR_AUTH_FAILED, "Authentication failed.")


def _without_suffix(key):
    """The file of a key, also when that of its certificate is named."""
    if login.is_path(key) and key.endswith("-cert.pub"):
        return key[: -len("-cert.pub")]
    return key
