"""SSH for programs, on top of the native module `_ssh`.

    import ssh

    with ssh.connect("10.0.2.2", hostkey="SHA256:...") as conn:
        conn.session.userauth_password("me", "secret")
        print(conn.session.run("uname -a").stdout)

`python -m ssh`, `-m scp` and `-m sftp` of this folder are programs that use it.
"""

import socket
import time

import _ssh


class Connection:
    """A session and the socket that it runs over. Closes both."""

    def __init__(self, session, sock, host, port):
        self.session = session
        self.sock = sock
        self.host = host
        self.port = port

    def close(self):
        try:
            self.session.close()
        finally:
            self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


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


def _connect_one(kind, address, timeout):
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
            return _connect_one(kind, address, left)
        except OSError as e:
            error = e
    raise error


def connect(host, port=22, *, hostkey=None, timeout=30, family=0, **options):
    """Connect and exchange keys: a Connection that is not logged in yet.

    hostkey: what `_ssh.Session` takes: a key, a fingerprint, a list of them, a function. Without
    it, the host has to be in the known-hosts file. Other options go to `_ssh.Session`.
    """
    if hostkey is None:
        from ssh import known_hosts

        hosts = known_hosts.KnownHosts(host, port)
        hostkey = hosts.trusts
        options.setdefault("hostkeys", hosts.prefer(_ssh.algorithms()["host_keys"]))
    sock = open_socket(host, port, timeout=timeout, family=family)
    try:
        session = _ssh.Session(sock, hostkey=hostkey, timeout=timeout, **options)
    except BaseException:
        sock.close()
        raise
    return Connection(session, sock, host, port)
