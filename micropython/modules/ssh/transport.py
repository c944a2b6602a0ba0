"""paramiko's Transport: one connection, its login, its channels. The client's part."""

import os
import select
import time

import _ssh

from ssh import util
from ssh.agent import proof
from ssh.channel import Channel
from ssh.errors import (
    AuthenticationException,
    BadAuthenticationType,
    ChannelException,
    SSHError,
    key_type,
    named,
    printable,
    why,
)
from ssh.message import Message
from ssh.security import LISTS, Dump, SecurityOptions

_WINDOW_MAX = 1 << 20  # a window is memory here: larger wishes get this much
_PENDING = "No existing session"


class Transport:
    """A connection to a server.

    sock: a connected socket; any object with send, recv, close, settimeout; a Channel of another
    Transport; a ProxyCommand; a tuple (host, port); or text "host:port".

    There are no threads: the connection is looked after whenever any of its objects waits, or
    pump() is called. Handlers (of request_port_forward and so on) are called from there.
    """

    def __init__(
        self,
        sock,
        default_window_size=None,
        default_max_packet_size=None,
        disabled_algorithms=None,
        server_sig_algs=True,
        strict_kex=True,
        packetizer_class=None,
    ):
        """disabled_algorithms: {"ciphers": [...], "kex", "macs", "keys"}: names to leave out.

        default_max_packet_size, server_sig_algs, strict_kex and packetizer_class change nothing:
        strict key exchange is always offered.
        """
        self.hostname = None
        self.peer = ("unknown", 0)
        if isinstance(sock, str):
            host, _, port = sock.partition(":")
            sock = (host, int(port or 22))
        if isinstance(sock, tuple):
            sock = self._dial(*sock)
        self.sock = sock
        self.session = None
        self.window = default_window_size
        self.preferred = {}
        for option, names, _, disabled, _ in LISTS:
            out = (disabled_algorithms or {}).get(disabled, ())
            self.preferred[option] = tuple(
                [name for name in _ssh.algorithms()[names] if name not in out]
            )
        self.banner_timeout = self.handshake_timeout = 30
        self.auth_timeout = 30
        self.channel_timeout = 3600
        self.saved_exception = None
        self.handlers = {}  # kind of channel: function
        self.waiting = []  # Channels that the server has opened, for accept()
        self.channels = 0
        self.username = None
        self.host_key = None
        self.log_name = "paramiko.transport"
        self.hexdump = False
        self.keepalive = None

    def _dial(self, host, port):
        from ssh import connection

        self.hostname = host
        self.peer = (host, port)
        try:
            return connection.open_socket(host, port)
        except OSError as e:
            raise SSHError(_ssh.ERR_EOF, f"Unable to connect to {host}: {why(e)}")

    def __repr__(self):
        text = f"<ssh.Transport at {hex(id(self))}"
        session = self.session
        if session is None or session.closed:
            return text + " (unconnected)>"
        text += f" (cipher {session.algorithms['cipher_out']})"
        if not session.authenticated:
            return text + " (connected; awaiting auth)>"
        return text + f" (active; {session.stats()[3]} open channel(s))>"

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    # ------------------------------------------------------------ start and end

    def get_security_options(self):
        """The algorithms that it may use: a SecurityOptions, to be set before start_client()."""
        return SecurityOptions(self)

    def use_compression(self, compress=True):
        """There is no compression: changes nothing."""

    def start_client(self, event=None, timeout=None):
        """Exchange keys. The host is NOT checked: look at get_remote_server_key() before a login.

        With an event this waits all the same, and sets it; is_active() and get_exception() then
        tell how it went.
        """
        if event is None:
            self._start(timeout)
            return
        try:
            self._start(timeout)
        except (OSError, ValueError) as e:
            self.saved_exception = e
        event.set()

    def _start(self, timeout):
        options = {}
        for option, _, argument, _, _ in LISTS:
            options[argument] = self.preferred[option]
        if self.window:
            options["window"] = min(self.window, _WINDOW_MAX)
        sock = self.sock
        if isinstance(sock, Channel):
            sock = sock.native
        elif self.hexdump:
            sock = Dump(sock, self)
        elif hasattr(sock, "failure"):  # a ProxyCommand
            sock = sock.stream
        self._log(util.DEBUG, "starting")
        try:
            self.session = _ssh.Session(
                sock, hostkey=self._meet, timeout=timeout or self.banner_timeout, **options
            )
        except OSError as e:
            if hasattr(self.sock, "failure"):
                e = self.sock.failure(e)
            self._log(util.ERROR, f"negotiation failed: {why(e)}")
            raise named(e)
        self.session.timeout = self.auth_timeout
        self._apply_keepalive()
        chosen = self.session.algorithms
        self._log(util.INFO, f"connected ({self.session.remote_version}), {chosen}")

    def _meet(self, blob, kind, fingerprint):
        """Whoever asked for a Transport decides afterwards, and before any login."""
        self.host_key = blob
        return True

    def connect(self, hostkey=None, username="", password=None, pkey=None):
        """start_client(), the check of the host's key if one is given, and a login if need be."""
        if hostkey is not None:
            kind = hostkey.get_name()
            kinds = ("rsa-sha2-512", "rsa-sha2-256") if kind == "ssh-rsa" else (kind,)
            self.preferred["key_types"] = kinds
        self.start_client()
        if hostkey is not None and hostkey.asbytes() != self.host_key:
            self.close()
            raise SSHError(_ssh.ERR_HOST_KEY_REJECTED, "Bad host key from server")
        if pkey is not None:
            self.auth_publickey(username, pkey)
        elif password is not None:
            self.auth_password(username, password)

    def close(self):
        """End the session and everything in it."""
        if self.session is not None:
            self.session.close()
        self.sock.close()

    def stop_thread(self):
        """There is none: the same as close()."""
        self.close()

    def atfork(self):
        """Close the socket only, where another process goes on with the session."""
        self.sock.close()

    def is_active(self):
        """Whether the session is up. Looks at what has arrived."""
        if self.session is None or self.session.closed:
            return False
        try:
            self.pump()
        except OSError as e:
            if self.session.closed:
                self.saved_exception = e
        return not self.session.closed

    @property
    def active(self):
        """The same as is_active()."""
        return self.is_active()

    @property
    def authenticated(self):
        """The same as is_authenticated()."""
        return self.is_authenticated()

    @property
    def remote_version(self):
        """The line by which the server named itself, "" before the start."""
        return self.session.remote_version if self.session else ""

    def get_exception(self):
        """The last error that nobody has been told, once."""
        error, self.saved_exception = self.saved_exception, None
        return error

    async def call(self, function, *args):
        """A call that may have to wait. Here it does; see login.py."""
        return function(*args)

    def _need(self, text=_PENDING):
        if self.session is None or self.session.closed:
            raise SSHError(_ssh.ERR_CLOSED, text)
        return self.session

    def get_remote_server_key(self):
        """The host's public key, a PKey."""
        self._need()
        from ssh import keys

        return keys.PKey.from_type_string(key_type(self.host_key), self.host_key)

    def getpeername(self):
        """Where the connection leads; ("unknown", 0) if the socket does not tell."""
        ask = getattr(self.sock, "getpeername", None)
        return ask() if ask else self.peer

    # ------------------------------------------------------------ login

    def is_authenticated(self):
        """Whether the session is up and logged in."""
        return self.session is not None and not self.session.closed and self.session.authenticated

    def get_username(self):
        """Who has logged in by an auth_ method, or None."""
        return self.username if self.is_authenticated() else None

    def get_banner(self):
        """What the server said before the login, as bytes, or None."""
        banner = self.session.banner if self.session else None
        return banner.encode() if isinstance(banner, str) else banner

    def _auth(self, method, username, function, *args):
        """One try: the list of the kinds that are asked for next, empty when logged in."""
        session = self.session
        self._log(util.DEBUG, f"trying {method} as {username}")
        try:
            if function(username, *args):
                self.username = username
                self._log(util.INFO, f"logged in by {method}")
                return []
            return list(session.auth_methods)
        except SSHError as e:
            self._log(util.INFO, f"{method}: {why(e)}")
            if e.args[0] != _ssh.ERR_AUTH_FAILED:
                raise named(e)
            if method not in session.auth_methods:
                raise BadAuthenticationType("Bad authentication type", list(session.auth_methods))
            raise AuthenticationException(_ssh.ERR_AUTH_FAILED, "Authentication failed.")

    def _auth_event(self, event, method, username, function, *args):
        if event is None:
            return self._auth(method, username, function, *args)
        try:
            self._auth(method, username, function, *args)
        except OSError as e:
            self.saved_exception = e
        event.set()
        return []

    def auth_none(self, username):
        """Without any proof. BadAuthenticationType says what the server takes."""
        return self._auth("none", username, self._need().userauth_none)

    def auth_password(self, username, password, event=None, fallback=True):
        """By password; fallback: as the answer to the server's question if it takes none."""
        session = self._need()
        try:
            return self._auth_event(
                event, "password", username, session.userauth_password, password
            )
        except BadAuthenticationType as e:
            if not fallback or "keyboard-interactive" not in e.allowed_types:
                raise
            try:
                return self.auth_interactive(username, lambda *asked: _one_answer(asked, password))
            except SSHError:
                raise e

    def auth_publickey(self, username, key, event=None):
        """By a PKey, an AgentKey, another object with their methods asbytes and sign_ssh_data,
        a Key of `_ssh`, or the text of a private key.
        """
        session = self._need()
        args = proof(key)
        return self._auth_event(event, "publickey", username, session.userauth_publickey, *args)

    def auth_interactive(self, username, handler, submethods=""):
        """handler(title, instructions, [(prompt, echo), ...]) answers the server's questions."""
        function = self._need().userauth_keyboard_interactive
        return self._auth("keyboard-interactive", username, function, handler, submethods)

    def auth_interactive_dumb(self, username, handler=None, submethods=""):
        """auth_interactive() with questions to who sits in front of it."""
        return self.auth_interactive(username, handler or ask, submethods)

    # ------------------------------------------------------------ channels

    def next_number(self):
        """The id of a new Channel."""
        self.channels += 1
        return self.channels - 1

    def open_session(self, window_size=None, max_packet_size=None, timeout=None):
        """A Channel for a command, a shell or a subsystem; arguments as for open_channel()."""
        return self.open_channel("session", None, None, window_size, max_packet_size, timeout)

    def open_channel(
        self,
        kind,
        dest_addr=None,
        src_addr=None,
        window_size=None,
        max_packet_size=None,
        timeout=None,
    ):
        """A Channel of kind "session", or "direct-tcpip": a connection from there to dest_addr.

        window_size: memory of the channel, at most 1 MiB. Other kinds are a server's to open:
        ChannelException with the code of an unknown kind.
        """
        session = self._need("SSH session not active")
        window = min(window_size, _WINDOW_MAX) if window_size else None
        before = session.timeout
        session.timeout = self.channel_timeout if timeout is None else max(timeout, 0.001)
        try:
            if kind == "session":
                native = session.open_session(window=window)
            elif kind == "direct-tcpip":
                origin = src_addr or ("127.0.0.1", 0)
                native = session.open_tcp(*dest_addr, origin=origin, window=window)
            else:
                raise ChannelException(3, f"Unknown channel type {kind}")
        except SSHError as e:
            raise named(e)
        finally:
            session.timeout = before
        return Channel(self, native)

    def open_sftp_client(self):
        """An SFTPClient on a channel of its own."""
        from ssh.sftp import SFTPClient

        return SFTPClient.from_transport(self)

    def request_port_forward(self, address, port, handler=None):
        """Have the server listen there: the port, which it chooses for 0.

        handler(channel, (origin_address, origin_port), (server_address, server_port)) is called
        for each connection, whenever something of this Transport waits; without one they come out
        of accept(). It must not be a long one: nothing else goes on meanwhile.
        """
        session = self._need("SSH session not active")
        try:
            port = session.request_forward(address, int(port))
        except SSHError as e:
            if e.args[0] == _ssh.ERR_REQUEST_REFUSED:
                raise SSHError(e.args[0], "TCP forwarding request denied")
            raise
        self.set_handler("forwarded-tcpip", handler)
        return port

    def cancel_port_forward(self, address, port):
        """The server listens no more."""
        if self.session is None or self.session.closed:
            return
        self.handlers.pop("forwarded-tcpip", None)
        try:
            self.session.cancel_forward(address, port)
        except SSHError as e:
            if e.args[0] != _ssh.ERR_REQUEST_REFUSED:
                raise

    def accept(self, timeout=None):
        """The next Channel that the server opens and no handler takes; None after timeout s."""
        session = self._need()
        end = None if timeout is None else time.ticks_add(time.ticks_ms(), int(timeout * 1000))
        while not self.waiting:
            left = timeout
            if end is not None:
                left = max(0, time.ticks_diff(end, time.ticks_ms())) / 1000
            native = session.accept(left)
            if native is None:
                return None
            self._handle(Channel(self, native))
        return self.waiting.pop(0)

    # ------------------------------------------------------------ what goes on beside

    def set_handler(self, kind, handler):
        """Who gets the channels of a kind that the server opens: handler, or accept() for None."""
        if handler is None:
            self.handlers.pop(kind, None)
        else:
            self.handlers[kind] = handler

    def _handle(self, channel):
        """Give it to its handler, or to accept() if it has none."""
        native = channel.native
        handler = self.handlers.get(native.kind)
        if handler is None:
            self.waiting.append(channel)
        elif native.kind == "forwarded-tcpip":
            handler(channel, native.origin, native.destination)
        elif native.kind == "x11":
            handler(channel, native.origin)
        else:
            handler(channel)

    def pump(self):
        """Take in what has arrived, and call handlers. Programs that wait elsewhere call it."""
        self._need().pump()
        if self.handlers:
            self.dispatch()

    def dispatch(self):
        """Call the handlers of what the server has opened."""
        while self.handlers and not self.session.closed:
            native = self.session.accept(0)
            if native is None:
                break
            self._handle(Channel(self, native))

    def wait_for(self, channel):
        """Wait for output of a channel as its timeout says, and call handlers meanwhile."""
        native = channel.native
        poller = select.poll()
        for thing in (native, native.stderr, self.session):
            poller.register(thing, select.POLLIN)
        end = None
        if channel.timeout is not None:
            end = time.ticks_add(time.ticks_ms(), int(channel.timeout * 1000))
        while True:
            left = -1 if end is None else max(0, time.ticks_diff(end, time.ticks_ms()))
            found = [item[0] for item in poller.poll(left)]
            if not found or native in found or native.stderr in found:
                return  # the read that follows says what it is
            self.dispatch()

    # ------------------------------------------------------------ requests of the connection

    def global_request(self, kind, data=None, wait=True):
        """Any global request; data: a tuple of fields. A Message with the answer.

        None when it is refused, and without wait.
        """
        message = Message()
        if data is not None:
            message.add(*data)
        try:
            answer = self._need().global_request(kind, message.asbytes(), wait)
        except SSHError as e:
            if e.args[0] != _ssh.ERR_REQUEST_REFUSED:
                raise
            return None
        return Message(answer) if wait else None

    def renegotiate_keys(self):
        """New keys now."""
        self._need().rekey()

    def send_ignore(self, byte_count=None):
        """A message without meaning, of 10 to 41 random bytes by default."""
        if byte_count is None:
            byte_count = os.urandom(1)[0] % 32 + 10
        self._need().ignore(os.urandom(byte_count))

    def set_keepalive(self, interval):
        """Ask the server for a sign of life after so many seconds without one; 0: never.

        It is asked whenever something waits or pumps. After three questions without an answer the
        session ends with OSError(ETIMEDOUT); paramiko would not notice.
        """
        self.keepalive = interval or None
        self._apply_keepalive()

    def _apply_keepalive(self):
        if self.session is not None:
            self.session.keepalive_interval = self.keepalive

    # ------------------------------------------------------------ the log

    def _log(self, level, text):
        util.log(self.log_name, level, printable(text))

    def set_log_channel(self, name):
        """The name under which this logs (see `ssh.util`)."""
        self.log_name = name

    def get_log_channel(self):
        """The name under which this logs."""
        return self.log_name

    def set_hexdump(self, hexdump):
        """Log the bytes as they go over the wire: set it before the Transport starts.

        They are encrypted after the key exchange: what is in them the session does not show.
        """
        self.hexdump = bool(hexdump)

    def get_hexdump(self):
        """Whether set_hexdump() is on."""
        return self.hexdump


def _one_answer(asked, password):
    """A password as the answer to the one question of a round."""
    prompts = asked[2]
    if len(prompts) > 1:
        raise SSHError(_ssh.ERR_AUTH_FAILED, "Fallback authentication failed.")
    return [password] if prompts else []


def ask(title, instructions, prompts):
    """Answers to the server's questions from standard input."""
    for text in (title, instructions):
        if text:
            print(text.strip())
    return [input(prompt.strip() + " ") for prompt, _ in prompts]
