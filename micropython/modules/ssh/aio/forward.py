"""Forwards under asyncio: each connection is served by tasks of its own."""

import asyncio
from asyncio import core

from ssh import sockets, socks
from ssh.aio import connection, pump

# Bytes on their way through one connection, of which there may be many.
WINDOW = 32768
_PIECE = 8192


class Listener:
    """What listens, here or there. port: at which, also if 0 was asked for; served: how often."""

    def __init__(self, conn, bind):
        self.conn = conn
        self.bind = bind
        self.port = None if isinstance(bind, str) else bind[1]
        self.served = 0
        self.closed = False

    def get_port(self):
        """At which port it listens, also if 0 was asked for; None for a path."""
        return self.port

    def serve(self, work):
        """Count a connection, and serve it by a task of the Connection."""
        self.served += 1
        self.conn.create_task(work)

    def close(self):
        """No new connections; those that are there go on."""
        self.closed = True

    async def wait_closed(self):
        """Until close() is done."""

    async def __aenter__(self):
        return self

    async def __aexit__(self, *exc):
        self.close()
        await self.wait_closed()


# ---------------------------------------------------------------- listening here


class Local(Listener):
    """A forward whose connections come in here. target: (host, port) or path; None: SOCKS."""

    def __init__(self, conn, bind, target):
        bind = sockets.place(bind)
        super().__init__(conn, bind)
        self.target = target
        if isinstance(bind, str):
            self._socks = [sockets.listen_unix(bind)]
        else:
            self._socks = sockets.listen(*bind)
            self.port = self.port or sockets.port_of(self._socks[0])
        self._tasks = [core.create_task(self._listen(sock)) for sock in self._socks]
        conn._tasks.update(self._tasks)

    async def _listen(self, listener):
        try:
            while not self.closed:
                await pump.readable(listener)
                while client := sockets.accept(listener):
                    self.serve(self._client(*client))
        finally:
            listener.close()

    async def _client(self, sock, address):
        try:
            if self.target is None:
                channel = await self._proxied(sock, address)
            else:
                channel = await self._open(self.target, address)
            await relay(channel, sock)
        finally:
            sock.close()

    async def _open(self, target, address):
        if isinstance(target, str):
            return await self.conn.open_unix(target, WINDOW)
        origin = sockets.origin(address)
        return await self.conn.open_tcp(target[0], target[1], origin, WINDOW)

    async def _proxied(self, sock, address):
        """The greeting of a SOCKS client, and what it wants to be connected to."""
        greeting = socks.Greeting()
        buf = bytearray(512)
        try:
            while True:
                n = await _receive(sock, buf)
                if not n:
                    raise socks.Refused
                answer, target = greeting.feed(memoryview(buf)[:n])
                await _send(sock, memoryview(answer))
                if target:
                    break
        except socks.Refused as e:
            await _send(sock, memoryview(e.reply))
            raise
        try:
            channel = await self._open(target, address)
        except OSError:
            await _send(sock, memoryview(greeting.answer(5)))
            raise
        await _send(sock, memoryview(greeting.answer(0)))
        if greeting.data:
            channel.write(greeting.data)
        return channel

    def close(self):
        """No new connections; those that are there go on."""
        super().close()
        for task in self._tasks:
            self.conn._tasks.discard(task)
            if task is not core.cur_task:
                task.cancel()

    async def wait_closed(self):
        """Until it does not listen any more."""
        for task in self._tasks:
            try:
                await task
            except asyncio.CancelledError:
                pass


# ---------------------------------------------------------------- listening there


async def remote(conn, bind, target):
    """Ask the server to listen at bind for what is to come to target here."""
    bind = sockets.place(bind)
    listener = Remote(conn, bind, target)
    incoming = conn.incoming
    session = conn.session
    if isinstance(bind, str):
        await conn.call(session.request_unix_forward, bind)
    else:
        listener.port = await conn.call(session.request_forward, bind[0], bind[1])
    incoming.forwards.append(listener)
    return listener


class Remote(Listener):
    """A forward whose connections come in there."""

    def __init__(self, conn, bind, target):
        super().__init__(conn, bind)
        self.target = sockets.place(target)
        self._cancelled = False

    def takes(self, native):
        """How well a channel that the server has opened fits: 0 not at all."""
        return sockets.fits(native, self.bind, self.port)

    async def client(self, channel):
        """Serve one connection: a channel that the server has opened for this forward."""
        try:
            sock = await connection.connected(self.target)
        except BaseException:
            channel.abort()
            raise
        try:
            await relay(channel, sock)
        finally:
            sock.close()

    async def wait_closed(self):
        """Until the server does not listen any more."""
        if self._cancelled:
            return
        self._cancelled = True
        if self in self.conn.incoming.forwards:
            self.conn.incoming.forwards.remove(self)
        session = self.conn.session
        if self.conn.closed:
            return
        if self.port is None:
            await self.conn.call(session.cancel_unix_forward, self.bind)
        else:
            await self.conn.call(session.cancel_forward, self.bind[0], self.port)

    def close(self):
        """Have the server listen no more; wait_closed() waits until it says so."""
        if not self.closed:
            super().close()
            self.conn.create_task(self.wait_closed())


class Incoming:
    """A task that takes the channels that the server opens, and gives each to its forward."""

    def __init__(self, conn):
        self.conn = conn
        self.forwards = []
        self._waiting = []  # those of no forward: they are the program's
        self._queue = core.TaskQueue()
        conn.create_task(self._run())

    async def _run(self):
        conn = self.conn
        try:
            while True:
                native = None
                try:
                    native = conn.session.accept(0, WINDOW)
                except OSError as e:
                    if not pump.is_again(e):
                        raise
                more_moved = conn.pump.after()
                if native is not None:
                    self._give(native)
                elif more_moved:
                    await core.sleep_ms(0)
                else:
                    await conn.pump.wait()
        finally:
            pump.wake(self._queue)

    def _give(self, native):
        best = None
        for forward in self.forwards:
            if forward.takes(native) > (best.takes(native) if best else 0):
                best = forward
        channel = connection.Channel(self.conn, native)
        if best:
            best.serve(best.client(channel))
        else:
            self._waiting.append(channel)
            pump.wake(self._queue)

    async def take(self):
        """The next Channel that belongs to no forward."""
        while not self._waiting:
            if self.conn.pump.error is not None:
                raise self.conn.pump.error
            self.conn.session.want  # raises when it is closed
            await pump.wait_in(self._queue)
        return self._waiting.pop(0)


# ---------------------------------------------------------------- bytes


async def _receive(sock, buf):
    """What a socket has: the number of bytes, 0 at its end."""
    while True:
        n = sock.readinto(buf)
        if n is not None:
            return n
        await pump.readable(sock)


async def _send(sock, view):
    while len(view):
        n = sock.write(view)
        if n:
            view = view[n:]
        else:
            await pump.writable(sock)


async def relay(channel, sock):
    """Copy between a channel and a socket in both directions, until both have ended."""
    back = core.create_task(_to_socket(channel, sock))
    try:
        try:
            await _to_channel(sock, channel)
        except OSError:
            pass  # the socket has broken, or nobody there reads any more: the other way may go on
        await back
    finally:
        if not back.done():
            back.cancel()
        try:
            await back
        except (asyncio.CancelledError, Exception):
            pass
        channel.abort()


async def _to_channel(sock, channel):
    buf = bytearray(_PIECE)
    view = memoryview(buf)
    try:
        while n := await _receive(sock, buf):
            channel.write(view[:n])
            await channel.drain()
    finally:
        channel.write_eof()


async def _to_socket(channel, sock):
    while data := await channel.read(_PIECE):
        await _send(sock, memoryview(data))
    sockets.shut(sock)
