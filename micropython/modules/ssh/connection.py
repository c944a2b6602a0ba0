"""A logged-in connection to a host, and what programs do with it."""

import socket
import time

import _ssh


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
    """A session and the socket that it runs over. Closes both."""

    def __init__(self, session, sock, host, port):
        self.session = session
        self.sock = sock
        self.host = host
        self.port = port

    async def call(self, function, *args):
        """A call that may have to wait. Here it does; see login.py."""
        return function(*args)

    def close(self):
        try:
            self.session.close()
        finally:
            self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


def handshake(host, port=22, *, sock=None, timeout=30, family=0, **options):
    """A Connection that is not logged in yet: the host has been checked by `hostkey`.

    sock: a stream that is connected to the host, in place of a TCP connection. Other options go to
    `_ssh.Session`.
    """
    if options.get("hostkey") is None:
        raise ValueError("hostkey: what decides about the key of the host is needed")
    if sock is None:
        sock = open_socket(host, port, timeout=timeout, family=family)
    try:
        session = _ssh.Session(sock, timeout=timeout, **options)
    except BaseException:
        sock.close()
        raise
    return Connection(session, sock, host, port)


def connect(
    host, port=22, *, username=None, password=None, key=None, key_filename=None, passphrase=None,
    agent=None, interactive=None, hostkey=None, known_hosts=None, sock=None, timeout=30, family=0,
    **options
):  # fmt: skip
    """Connect and log in: a Connection.

    username: by default that of the environment. password; key: a private key (the contents of
    a file, or a PKey), or a list of them; key_filename: a path, or a list; passphrase: of these
    keys. Without keys those of the agent and the usual files are tried. agent: False for none, or
    an Agent. interactive: answers the server's questions (see
    `_ssh.Session.userauth_keyboard_interactive`).

    hostkey: what `_ssh.Session` takes: a key, a fingerprint, a list of them, a function. Without
    it the host has to be in the known-hosts files; known_hosts names others (a path, or a list).

    sock: a stream that is connected to the host already. Other options (kex, ciphers, macs,
    hostkeys, window...) go to `_ssh.Session`.
    """
    from ssh import login

    judge = None
    if hostkey is None:
        judge = login.Host(host, port, listed(known_hosts))
        for name, value in judge.options().items():
            options.setdefault(name, value)
    else:
        options["hostkey"] = hostkey
    way = login.Login(
        username or user_name(),
        password,
        listed(key, ()) + listed(key_filename, ()),
        None,
        passphrase,
        agent,
    )
    way.interactive = interactive
    conn = handshake(host, port, sock=sock, timeout=timeout, family=family, **options)
    try:
        if judge:
            judge.checked(conn.session)
        login.run(way.login(conn))
    except BaseException:
        conn.close()
        raise
    return conn


def listed(value, default=None):
    """One of something, or several: a tuple."""
    if value is None:
        return default
    return tuple(value) if isinstance(value, (list, tuple)) else (value,)


def user_name():
    """Who runs this program."""
    from ssh import paths

    for name in ("USER", "LOGNAME", "USERNAME"):
        if paths.getenv(name):
            return paths.getenv(name)
    raise ValueError("username: which one? The environment does not tell")
