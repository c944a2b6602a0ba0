"""Connections under asyncio."""

import asyncio
import errno
from asyncio import core

import _ssh

from ssh import connection as blocking
from ssh import sockets
from ssh.aio import pump
from ssh.aio.channel import Channel


def connect(host, port=22, **options):
    """Connect and log in: a Connection, to be awaited or for `async with`.

    Arguments are those of ssh.connect(): username, password, key, key_filename, passphrase, agent,
    interactive, hostkey, known_hosts, sock, timeout; the host is checked by the known-hosts files
    unless hostkey says who it is. tunnel (or proxy_jump): a Connection of this kind to go through,
    or its host as text. timeout: seconds that all of it may take (default 30, None: no limit).
    keepalive: seconds of silence after which the server is asked for a sign of life. Other options
    go to `_ssh.Session`.

    Finding the address of a host, and an agent's signature, are waited for by all of the program.
    """
    return pump.Once(_connect(host, port, **options))


async def _connect(host, port, *, timeout=30, **options):
    if timeout is None:
        return await _open(host, port, **options)
    try:
        return await asyncio.wait_for(_open(host, port, **options), timeout)
    except asyncio.TimeoutError:
        raise OSError(errno.ETIMEDOUT, f"no connection to {host} within {timeout} seconds")


async def _open(
    host, port, *, username=None, password=None, key=None, pkey=None, key_filename=None,
    passphrase=None, agent=None, interactive=None, hostkey=None, known_hosts=None, sock=None,
    tunnel=None, proxy_jump=None, keepalive=None, **options
):  # fmt: skip
    from ssh import login

    listed = blocking.listed
    keys = listed(key, ()) + listed(pkey, ()) + listed(key_filename, ())
    files = listed(known_hosts)
    way = login.Login(username or blocking.user_name(), password, keys, None, passphrase, agent)
    way.interactive = interactive
    judge = login.judge(host, port, hostkey, files, options)
    via = tunnel or proxy_jump
    owned = None
    if isinstance(via, str):
        more = {"key": keys, "passphrase": passphrase, "agent": agent, "known_hosts": files}
        via = owned = await _jump(via, username, interactive=interactive, **more)
    try:
        line = await _line(host, port, sock, via)
        return await _start(line, host, port, via, owned, judge, way, keepalive, options)
    except BaseException:
        if owned:
            owned.close()
        raise


async def _start(line, host, port, via, owned, judge, way, keepalive, options):
    try:
        session = _ssh.Session(line.sock, timeout=0, connect=False, **options)
    except BaseException:
        line.close()
        raise
    conn = Connection(session, line, host, port, via)
    try:
        await conn.call(session.handshake)
        if judge:
            judge.checked(session)
        await way.login(conn)
        if keepalive:
            conn.set_keepalive(keepalive)
    except BaseException:
        conn.close()
        raise
    conn.owned = owned
    return conn


async def _jump(text, username, **more):
    """A Connection to the last of some hosts, each through the one before."""
    via = None
    for user, host, port in blocking.hops(text, username):
        try:
            conn = await _open(host, port, username=user, tunnel=via, **more)
        except BaseException:
            if via:
                via.close()
            raise
        conn.owned = via
        via = conn
    return via


async def _line(host, port, sock, via):
    """What the session is to run over."""
    if via is not None:
        return pump.ChannelLine(await via.open_tcp(host, port))
    if isinstance(sock, Channel):
        return pump.ChannelLine(sock)
    if sock is None:
        blocking.network_up()
        sock = await connected((host, port))
    return pump.SocketLine(sock)


async def connected(target):
    """A socket that is connected to (host, port) (each address gets its try) or a path."""
    connector = sockets.Connector(target)
    try:
        while not connector.done():
            await pump.writable(connector.sock)
        sock, connector.sock = connector.sock, None
        return sock
    finally:
        connector.close()


class Connection:
    """A logged-in connection, from connect(). session: that of `_ssh`, which never waits."""

    def __init__(self, session, line, host, port, via=None):
        self.session = session
        self.host = host
        self.port = port
        self.via = via
        self.owned = None  # a Connection that was made for this one, and ends with it
        self.pump = pump.Pump(session, line, self._end_tasks)
        self._lock = asyncio.Lock()
        self._tasks = set()
        self._incoming = None

    def __repr__(self):
        return f"<aio.Connection to {self.host}:{self.port}{' closed' if self.closed else ''}>"

    # ------------------------------------------------------------ the basics

    async def call(self, function, *args, **more):
        """A call of a method of the session that may have to wait; see login.py."""
        return await self.pump.ask(self._lock, self.session, function, *args, **more)

    def create_task(self, coroutine):
        """A task that ends with the connection; its exceptions are nobody's."""
        task = core.create_task(self._guard(coroutine))
        self._tasks.add(task)
        return task

    async def _guard(self, coroutine):
        try:
            await coroutine
        except Exception:
            pass
        finally:
            self._tasks.discard(core.cur_task)

    async def _opened(self, function, *args, **more):
        """A Channel, once the server has opened it."""
        native = await self.pump.call(function, *args, **more)
        try:
            await self.pump.call(native.opened)
        except BaseException:
            native.close()
            self.pump.after()
            raise
        return Channel(self, native)

    # ------------------------------------------------------------ channels

    def open_session(self, window=None):
        """A Channel for a command or a shell."""
        return pump.Once(self._opened(self.session.open_session, window))

    def open_tcp(self, host, port, origin=("127.0.0.1", 0), window=None):
        """A Channel that is a connection from the server to a TCP port."""
        return pump.Once(self._opened(self.session.open_tcp, host, port, origin, window))

    def open_unix(self, path, window=None):
        """The same to a Unix socket there."""
        return pump.Once(self._opened(self.session.open_unix, path, window))

    async def open_connection(self, host, port):
        """(reader, writer) of open_tcp(): both are the Channel."""
        channel = await self.open_tcp(host, port)
        return channel, channel

    async def open_unix_connection(self, path):
        """(reader, writer) of open_unix(): both are the Channel."""
        channel = await self.open_unix(path)
        return channel, channel

    def create_process(
        self, command=None, *, env=None, term=None, size=(80, 24), subsystem=None, window=None
    ):
        """A Channel on which the command runs (None: the user's shell), or a subsystem.

        env: dict of variables, which the server may refuse (SSHError). term: the kind of a
        terminal to run it on, of this size (columns, lines).
        """
        return pump.Once(self._process(command, env or {}, term, size, subsystem, window))

    async def _process(self, command, env, term, size, subsystem, window):
        channel = await self.open_session(window)
        try:
            for name, value in env.items():
                await channel.setenv(name, value)
            if term:
                await channel.request_pty(term, size[0], size[1])
            if subsystem:
                await channel.subsystem(subsystem)
            elif command is None:
                await channel.shell()
            else:
                await channel.exec(command)
        except BaseException:
            channel.abort()
            raise
        return channel

    async def run(
        self, command, *, check=False, input=None, timeout=None, encoding=None, env=None
    ):
        """Run a command to its end: a CompletedProcess, as from ssh.Connection.run().

        check: ProcessError unless the exit status is 0. timeout: seconds, then TimeoutExpired
        (both of ssh). encoding: "utf-8" makes stdout and stderr str.
        """
        from ssh.running import CompletedProcess, TimeoutExpired

        channel = await self.create_process(command, env=env)
        # What was read until the time was over, or the task cancelled, is in the readers then.
        try:
            work = self._complete(channel, input)
            if timeout is None:
                out, err = await work
            else:
                out, err = await asyncio.wait_for(work, timeout)
        except asyncio.TimeoutError:
            raise TimeoutExpired(command, timeout, channel.rest, channel.stderr.rest)
        finally:
            channel.abort()
        if encoding is not None:
            out, err = str(out, encoding), str(err, encoding)
        native = channel.native
        done = CompletedProcess(command, out, err, native.exit_status, native.exit_signal)
        if check:
            done.check_returncode()
        return done

    async def _complete(self, channel, input):
        outputs = await channel.communicate(input)
        await channel.wait()
        return outputs

    # ------------------------------------------------------------ files, forwards

    def start_sftp_client(self):
        """Files on the server: an SFTPClient."""
        from ssh.aio.sftp import start

        return pump.Once(start(self))

    open_sftp = start_sftp_client

    async def forward_local(self, bind, target):
        """Connections to bind here (a port, (host, port) or a path) go on to target there.

        A Listener, which has the port, and close().
        """
        from ssh.aio import forward

        return forward.Local(self, bind, target)

    async def forward_remote(self, bind, target):
        """Connections to bind there go on to target here."""
        from ssh.aio import forward

        return await forward.remote(self, bind, target)

    async def forward_dynamic(self, bind):
        """A SOCKS proxy at bind, here, for targets there."""
        from ssh.aio import forward

        return forward.Local(self, bind, None)

    # AsyncSSH's names for these.

    async def forward_local_port(self, listen_host, listen_port, dest_host, dest_port):
        """forward_local() between ports."""
        return await self.forward_local((listen_host, listen_port), (dest_host, dest_port))

    async def forward_remote_port(self, listen_host, listen_port, dest_host, dest_port):
        """forward_remote() between ports; listen_port 0: the server chooses one."""
        return await self.forward_remote((listen_host, listen_port), (dest_host, dest_port))

    async def forward_local_path(self, listen_path, dest_path):
        """forward_local() between Unix sockets."""
        return await self.forward_local(listen_path, dest_path)

    async def forward_remote_path(self, listen_path, dest_path):
        """forward_remote() between Unix sockets."""
        return await self.forward_remote(listen_path, dest_path)

    async def forward_socks(self, listen_host, listen_port):
        """forward_dynamic() at a port."""
        return await self.forward_dynamic((listen_host, listen_port))

    @property
    def incoming(self):
        """What takes the channels that the server opens; see forward.Incoming."""
        if self._incoming is None:
            from ssh.aio.forward import Incoming

            self._incoming = Incoming(self)
        return self._incoming

    async def accept(self):
        """The next Channel that the server opens and that belongs to none of our forwards.

        It opens what was asked for only: see request_forward() of `_ssh.Session` (through call()),
        and Channel.request_agent() and request_x11().
        """
        return await self.incoming.take()

    # ------------------------------------------------------------ the connection

    async def global_request(self, name, data=b"", want_reply=True):
        """Any request of the connection: the data of the answer, None without want_reply.

        SSHError (ERR_REQUEST_REFUSED) when the server refuses it.
        """
        return await self.call(self.session.global_request, name, data, want_reply)

    async def host_keys(self):
        """Blobs of the keys that the host has proved to own."""
        return await self.call(self.session.host_keys)

    async def ping(self, data=b""):
        """Until the server has sent it back (OpenSSH 9.5 and newer)."""
        await self.call(self.session.ping, data)

    async def rekey(self):
        """Until new keys are in use."""
        await self.call(self.session.rekey)

    def set_keepalive(self, interval=None, count_max=3):
        """Ask for a sign of life after so many seconds of silence (None: never).

        After count_max questions without an answer the connection ends with OSError(ETIMEDOUT).
        """
        self.session.keepalive_max = count_max
        self.session.keepalive_interval = interval
        self.pump.set_clock()

    def get_extra_info(self, name, default=None):
        """algorithms, hostkey, remote_version, banner... of the session."""
        return getattr(self.session, name, default)

    # ------------------------------------------------------------ the end

    @property
    def closed(self):
        """Whether the connection is over."""
        return self.pump.closed or self.session.closed

    def is_closed(self):
        """The same as `closed`."""
        return self.closed

    def close(self):
        """End the connection, at once, with all that runs over it."""
        self._end_tasks()
        self.pump.close()
        if self.owned:
            self.owned.close()

    def _end_tasks(self):
        """Forwards and their connections end."""
        for task in tuple(self._tasks):
            if task is not core.cur_task:
                task.cancel()

    async def wait_closed(self):
        """Until the connection has ended, by either side, and what ran over it."""
        while not self.pump.closed and self.pump.error is None:
            await pump.wait_in(self.pump.queue)
        for task in tuple(self._tasks):
            try:
                if task is not core.cur_task:
                    await task
            except (Exception, core.CancelledError):
                if not task.done():
                    raise  # it is we who are to stop

    async def __aenter__(self):
        return self

    async def __aexit__(self, *exc):
        self.close()
        await self.wait_closed()
