"""A logged-in connection to a host, and what programs do with it."""

import socket
import time

import _ssh

from ssh.errors import SSHError, named


def network_up():
    """Bring the network up on ports where a program has to. OSError if it cannot."""
    try:
        import dosnet
    except ImportError:
        return
    dosnet.up()


def addresses(host, port, family=0):
    """Where to connect to, in order of preference: (family, address)."""
    try:
        found = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)
    except OSError as e:
        raise OSError(e.args[0], f"cannot find the address of {host}")
    found = [(info[0], info[-1]) for info in found if not family or info[0] == family]
    if not found:
        raise OSError(-1, f"{host} has no address of the kind asked for")
    return found


def connect_one(kind, address, timeout=None):
    """A socket of this family that is connected to the address."""
    sock = socket.socket(kind)
    try:
        sock.settimeout(timeout)
        sock.connect(address)
        return sock
    except BaseException:
        sock.close()
        raise


def open_socket(host, port=22, *, timeout=None, family=0):
    """A connected TCP socket; each address of the host gets its try."""
    network_up()
    error = None
    end = None if timeout is None else time.ticks_add(time.ticks_ms(), int(timeout * 1000))
    for kind, address in addresses(host, port, family):
        left = timeout
        if end is not None:
            left = max(0.1, time.ticks_diff(end, time.ticks_ms()) / 1000)
        try:
            return connect_one(kind, address, left)
        except OSError as e:
            error = e
    raise error


class Connection:
    """A logged-in session and the socket that it runs over: `session` (of `_ssh`), `sock`.

    via: the Connection that this one runs through, or None.
    """

    def __init__(self, session, sock, host, port, via=None):
        self.session = session
        self.sock = sock
        self.host = host
        self.port = port
        self.via = via
        self.owns_via = False  # made for this one, and closed with it
        self.proxy = None  # the ProxyCommand that sock belongs to
        self._tunnels = None

    def __repr__(self):
        state = " closed" if self.session.closed else ""
        return f"<ssh.Connection to {self.host}:{self.port}{state}>"

    async def call(self, function, *args):
        """A call that may have to wait. Here it does; see login.py."""
        return function(*args)

    # ------------------------------------------------------------ what it is for

    def run(
        self,
        command,
        input=None,
        *,
        stdin=None,
        check=False,
        timeout=None,
        encoding=None,
        env=None,
    ):
        """Run a command to its end: a CompletedProcess.

        input (or stdin): bytes, str, or a stream that is read to its end. check: ProcessError
        unless the exit status is 0. timeout: seconds for the whole, then TimeoutExpired. encoding:
        "utf-8" makes stdout and stderr str. env: dict of variables, which the server may refuse
        (SSHError). Both outputs are kept in memory: for much output use open_session().
        """
        from ssh.running import CompletedProcess, Run

        if input is None:
            input = stdin
        if timeout is None and not env:
            done = self.session.run(command, input)
        else:
            done = Run(self.session, command, input, timeout, env or {}).run()
        out, err, status, signal = done
        if encoding is not None:
            out, err = str(out, encoding), str(err, encoding)
        done = CompletedProcess(command, out, err, status, signal)
        if check:
            done.check_returncode()
        return done

    def open_session(self, **options):
        """A channel of `_ssh`: a stream, with exec(), shell() and so on."""
        return self.session.open_session(**options)

    def open_tcp(self, host, port, **options):
        """A connection from the server to a TCP port: a channel of `_ssh`.

        ChannelException if the server refuses it.
        """
        try:
            return self.session.open_tcp(host, port, **options)
        except SSHError as e:
            raise named(e)

    def open_sftp(self):
        """Files on the server: an SFTPClient."""
        from ssh.sftp import SFTPClient

        return SFTPClient(self)

    @property
    def tunnels(self):
        """All forwards of this connection. They move as long as its poll(seconds) is called."""
        if self._tunnels is None:
            from ssh import tunnel

            self._tunnels = tunnel.Tunnels(self)
        return self._tunnels

    def forward_local(self, bind, target):
        """Connections to bind (a port, (host, port) or a path), here, go on to target, there."""
        return self.tunnels.local(bind, target)

    def forward_remote(self, bind, target=None):
        """Connections to bind, there, go on to target, here; its `port` tells a chosen one."""
        return self.tunnels.remote(bind, target)

    def forward_dynamic(self, bind):
        """A SOCKS proxy at bind, here, for targets there."""
        return self.tunnels.dynamic(bind)

    # ------------------------------------------------------------ the end

    @property
    def closed(self):
        """Whether the session is over."""
        return self.session.closed

    def close(self):
        """End the session and close its socket; never waits."""
        try:
            self.session.close()
        finally:
            (self.proxy or self.sock).close()
            if self.owns_via:
                self.via.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


def handshake(host, port=22, *, sock=None, via=None, timeout=30, family=0, **options):
    """A Connection that is not logged in yet: the host has been checked by `hostkey`.

    sock: a stream that is connected to the host, or a ProxyCommand, in place of a TCP connection;
    via: a Connection to make it through. Other options go to `_ssh.Session`.
    """
    if options.get("hostkey") is None:
        raise ValueError("hostkey: what decides about the key of the host is needed")
    if sock is None and via is not None:
        sock = via.open_tcp(host, port)
    elif sock is None:
        sock = open_socket(host, port, timeout=timeout, family=family)
    proxy = sock if hasattr(sock, "failure") else None
    stream = proxy.stream if proxy else sock
    try:
        session = _ssh.Session(stream, timeout=timeout, **options)
    except OSError as e:
        if proxy:
            e = proxy.failure(e)
        sock.close()
        raise named(e)
    except BaseException:
        sock.close()
        raise
    conn = Connection(session, stream, host, port, via)
    conn.proxy = proxy
    return conn


def connect(
    host, port=22, *, username=None, password=None, key=None, pkey=None, key_filename=None,
    passphrase=None, agent=None, interactive=None, hostkey=None, known_hosts=None, sock=None,
    proxy_jump=None, timeout=30, **options
):  # fmt: skip
    """Connect and log in: a Connection.

    username: by default that of the environment. password; key (or pkey): a private key (the
    contents of a file, a PKey, a Key of `_ssh`), or a list of them; key_filename: a path, or a
    list; passphrase: of these keys. Without keys those of the agent and the usual files are tried.
    agent: False for none, or an Agent. interactive: answers the server's questions (see
    `_ssh.Session.userauth_keyboard_interactive`).

    hostkey: what `_ssh.Session` takes: a key, a fingerprint, a list of them, a function. Without
    it the host has to be in the known-hosts files; known_hosts names others (a path, or a list).

    sock: a stream that is connected to the host already, or a ProxyCommand. proxy_jump:
    "[user@]host[:port]", several with commas, or a Connection: the way goes through them. Those
    named are logged in to with the same keys, but never with the password. timeout: seconds for
    each step. Other options (kex, ciphers, macs, hostkeys, window...) go to `_ssh.Session`, family
    to open_socket().
    """
    from ssh import login

    keys = listed(key, ()) + listed(pkey, ()) + listed(key_filename, ())
    files = listed(known_hosts)
    way = login.Login(username or user_name(), password, keys, None, passphrase, agent)
    way.interactive = interactive
    judge = login.judge(host, port, hostkey, files, options)
    via = proxy_jump
    if isinstance(proxy_jump, str):
        shared = {"key": keys, "passphrase": passphrase, "agent": agent, "known_hosts": files}
        via = _jump(proxy_jump, username, interactive=interactive, timeout=timeout, **shared)
    owns_via = via is not proxy_jump
    try:
        conn = handshake(host, port, sock=sock, via=via, timeout=timeout, **options)
    except BaseException:
        if owns_via:
            via.close()
        raise
    conn.owns_via = owns_via
    try:
        if judge:
            judge.checked(conn.session)
        login.run(way.login(conn))
    except BaseException:
        conn.close()
        raise
    return conn


def _jump(text, username, **shared):
    """A Connection to the last of some hosts, each through the one before."""
    via = None
    for user, host, port in hops(text, username):
        try:
            conn = connect(host, port, username=user, proxy_jump=via, **shared)
        except BaseException:
            if via:
                via.close()
            raise
        conn.owns_via = via is not None
        via = conn
    return via


def hops(text, username):
    """(user, host, port) of each of "[user@]host[:port],...".

    Without a user who runs this program, or username where that is not known.
    """
    for hop in text.split(","):
        user, _, host = hop.strip().rpartition("@")
        host, port = host_port(host)
        try:
            user = user or user_name()
        except ValueError:
            user = username
        yield user, host, port or 22


def host_port(text):
    """host, host:port, [address] or [address]:port: (host, port or None)."""
    host, colon, port = text.rpartition(":")
    if not colon or "]" in port or (":" in host and "]" not in host):
        host, port = text, ""
    return host.strip("[]"), int(port) if port else None


def listed(value, default=None):
    """One of something, or several: a tuple."""
    if value is None:
        return default
    return tuple(value) if isinstance(value, (list, tuple)) else (value,)


def user_name():
    """Who runs this program."""
    from ssh import paths

    name = paths.user()
    if not name:
        raise ValueError("username: which one? The environment does not tell")
    return name
