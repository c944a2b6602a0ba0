"""Channels as streams of asyncio."""

import asyncio
from asyncio import core

import _ssh

from ssh.aio import pump

# What _ssh.Channel.ready is made of.
_STDOUT, _STDERR, _EXIT = 1, 2, 16
_PIECE = 16384
_ALL = 63


class Reader(pump.Lines):
    """One output of a channel, to be read as a stream of asyncio."""

    def __init__(self, conn, native, ready, mask):
        self.conn = conn
        self.native = native
        self._ready = ready  # what tells the flags of the channel
        self._mask = mask
        self.rest = b""  # read from the channel, but not by the program
        self._queue = core.TaskQueue()

    async def _fill(self, n=_PIECE):
        """The next bytes, b"" at the end."""
        # A stream that always has something must not keep others from theirs.
        await core.sleep_ms(0)
        while True:
            try:
                return self.native.recv(n)
            except OSError as e:
                if not pump.is_again(e):
                    raise
            finally:
                self.conn.pump.after()
            if self.conn.pump.error is not None:
                raise self.conn.pump.error
            if self.conn.session.wait_ms == 0:
                await core.sleep_ms(0)
            elif not self._ready() & self._mask:
                await pump.wait_in(self._queue)

    async def read(self, n=-1):
        """What is there, at most n bytes and at least one; b"" at the end. n < 0: all of it."""
        if n == 0:
            return b""
        if n < 0:
            pieces = []
            try:
                while True:
                    data = await self._take(_PIECE)
                    if not data:
                        return b"".join(pieces)
                    pieces.append(data)
            except BaseException:
                self.rest = b"".join(pieces) + self.rest
                raise
        return await self._take(n)

    async def _take(self, n):
        if self.rest:
            data, self.rest = self.rest[:n], self.rest[n:]
            return data
        return await self._fill(n)

    async def readinto(self, buf):
        """What is there, into buf: the number of bytes, 0 at the end."""
        data = await self.read(len(buf))
        buf[: len(data)] = data
        return len(data)

    async def readexactly(self, n):
        """n bytes. EOFError if the end comes before; read() then gives what there is."""
        while len(self.rest) < n:
            data = await self._fill()
            if not data:
                raise EOFError
            self.rest += data
        data, self.rest = self.rest[:n], self.rest[n:]
        return data

    async def readuntil(self, separator=b"\n"):
        """All up to the separator and with it. EOFError if the end comes before."""
        at = -1
        while (at := self.rest.find(separator)) < 0:
            data = await self._fill()
            if not data:
                raise EOFError
            self.rest += data
        return await self._take(at + len(separator))

    async def readline(self):
        """A line with its end; b"" at the end."""
        try:
            return await self.readuntil()
        except EOFError:
            data, self.rest = self.rest, b""
            return data

    def moved(self, ready):
        """Called when bytes have moved: wakes its readers if one of its flags is there."""
        if ready & self._mask:
            pump.wake(self._queue)


class Channel(Reader):
    """A session, or a connection through the server: stdout is read, stdin written.

    native: the channel of `_ssh`. stdin and stdout are the channel itself, stderr is a Reader.
    """

    def __init__(self, conn, native):
        super().__init__(conn, native, self.flags, _STDOUT)
        self.stderr = Reader(conn, native.stderr, self.flags, _STDERR)
        self.stdin = self.stdout = self
        self._lock = asyncio.Lock()
        self._command = None
        self._out = []  # what write() has taken and the channel has not
        self._eof = False  # it follows
        self._closing = False  # so does the end
        self._closed = False
        self._error = None  # why nothing more can be written
        self._pushing = False
        self._watch = (0, None)
        self._drained = core.TaskQueue()
        self._exit = core.TaskQueue()
        conn.pump.channels.append(self)

    def __repr__(self):
        return f"<aio.Channel {self.native.kind}{' closed' if self._closed else ''}>"

    def flags(self):
        """What would not have to wait, as `_ssh.Channel.ready` says it; all once it is closed."""
        return _ALL if self._closed else self.native.ready

    # ------------------------------------------------------------ called by the pump

    def moved(self, dead=False):
        """Bytes have moved: on with what waits for that."""
        try:
            if self._out or self._eof or self._closing:
                self._push()
            ready = _ALL if dead else self.flags()
        except OSError:
            ready = _ALL  # whoever waits gets the error by a call of its own
        super().moved(ready)
        self.stderr.moved(ready)
        if ready & _EXIT:
            pump.wake(self._exit)
        if dead or not self._out:
            pump.wake(self._drained)
        mask, queue = self._watch
        if ready & mask:
            pump.wake(queue)

    def watch(self, mask, queue):
        """Have a queue woken when bytes have moved and one of these flags is there."""
        self._watch = (mask, queue)

    # ------------------------------------------------------------ requests

    async def _ask(self, function, *args, **more):
        return await self.conn.pump.ask(self._lock, self.native, function, *args, **more)

    async def exec(self, command):
        """Run a command."""
        self._command = command
        await self._ask(self.native.exec, command)

    async def shell(self):
        """Run the user's shell."""
        await self._ask(self.native.shell)

    async def subsystem(self, name):
        """Run a subsystem, such as "sftp"."""
        await self._ask(self.native.subsystem, name)

    async def request_pty(self, *args, **more):
        """A terminal for what will run; arguments as of _ssh.Channel.request_pty()."""
        await self._ask(self.native.request_pty, *args, **more)

    async def setenv(self, name, value):
        """Set a variable for what will run.

        SSHError if the server refuses: most take few names.
        """
        await self._ask(self.native.setenv, name, value)

    async def signal(self, name):
        """Send a signal: "TERM", "INT"..."""
        await self._ask(self.native.signal, name)

    async def window_change(self, *args, **more):
        """The terminal has another size; arguments as of _ssh.Channel.window_change()."""
        await self._ask(self.native.window_change, *args, **more)

    async def send_break(self, ms=0):
        """Send a break of so many milliseconds (RFC 4335), as a serial line has it."""
        await self._ask(self.native.send_break, ms)

    async def request_agent(self):
        """Have the agent forwarded: its channels come out of Connection.accept()."""
        await self._ask(self.native.request_agent)

    async def request_x11(self, *args, **more):
        """The same for X11; arguments as of _ssh.Channel.request_x11()."""
        await self._ask(self.native.request_x11, *args, **more)

    # ------------------------------------------------------------ writing

    def write(self, data):
        """Take bytes (or text) to be sent: now or as the other side takes them; see drain()."""
        if self._error is not None:
            raise self._error
        if self._eof or self._closing or self._closed:
            raise _closed()
        if isinstance(data, str):
            data = data.encode()
        view = memoryview(data)
        if not self._out:
            view = view[self._send(view) :]
        if len(view):
            self._out.append(view if isinstance(data, bytes) else memoryview(bytes(view)))

    def writelines(self, pieces):
        """write() each of some bytes or texts."""
        for piece in pieces:
            self.write(piece)

    def write_eof(self):
        """No more will be written: the other side hears so after all that was."""
        self._eof = True
        self._push()

    def can_write_eof(self):
        """True: write_eof() ends the input alone."""
        return True

    async def drain(self):
        """Until all that was written has been sent."""
        await core.sleep_ms(0)
        while self._out and self._error is None:
            if self.conn.pump.error is not None:
                raise self.conn.pump.error
            await pump.wait_in(self._drained)
        if self._error is not None:
            raise self._error

    def _send(self, view):
        """How much of it went out."""
        done = 0
        try:
            while done < len(view):
                n = self.native.write(view[done:])
                if not n:
                    break
                done += n
        except OSError as e:
            if not pump.is_again(e):
                self._error = e
                self._out = []
                done = len(view)
        finally:
            self.conn.pump.after()
        return done

    def _push(self):
        """Send what waits for that, then the end of it."""
        if self._closed or self._pushing:
            return
        self._pushing = True
        try:
            self._push_all()
        finally:
            self._pushing = False

    def _push_all(self):
        while self._out and self._error is None:
            view = self._out[0]
            n = self._send(view)
            if self._error is not None:
                break
            if n < len(view):
                self._out[0] = view[n:]
                return
            self._out.pop(0)
        if self._eof is True:
            try:
                self.native.eof()
                self._eof = None
            except OSError as e:
                if pump.is_again(e):
                    return
                self._eof = None
        if self._closing:
            self.abort()

    # ------------------------------------------------------------ the end

    async def wait(self, check=False):
        """Until the program has ended: its exit status, None if a signal or nothing told it.

        check: ProcessError of ssh unless the status is 0. What it has written and nobody reads may
        keep it from ending.
        """
        while True:
            try:
                status = self.native.wait()
                break
            except OSError as e:
                if not pump.is_again(e):
                    raise
            finally:
                self.conn.pump.after()
            if self.conn.pump.error is not None:
                raise self.conn.pump.error
            if not self.flags() & _EXIT:
                await pump.wait_in(self._exit)
        if check:
            self._completed().check_returncode()
        return status

    def _completed(self):
        from ssh.running import CompletedProcess

        return CompletedProcess(self._command, b"", b"", self.exit_status, self.exit_signal)

    @property
    def exit_status(self):
        """None before it is known."""
        status = self.native.exit_status
        self.conn.pump.after()
        return status

    @property
    def exit_signal(self):
        """The signal that ended the program, as "TERM", or None."""
        signal = self.native.exit_signal
        self.conn.pump.after()
        return signal

    @property
    def returncode(self):
        """The exit status; below 0 after a signal; None as long as it runs."""
        done = self._completed()
        return None if self.exit_status is None and self.exit_signal is None else done.returncode

    async def communicate(self, input=None):
        """Send input and its end, read both outputs to their end: (stdout, stderr)."""
        if input:
            self.write(input)
        self.write_eof()
        errors = core.create_task(self.stderr.read())
        try:
            output = await self.read()
            return output, await errors
        except BaseException:
            # What it has read is kept, as by read().
            errors.cancel()
            try:
                await errors
            except (core.CancelledError, Exception):
                pass
            raise

    def send_signal(self, name):
        """Send a signal without waiting until it has gone out."""
        try:
            self.native.signal(name)
        except OSError as e:
            if not pump.is_again(e):
                raise
            self.conn.create_task(self.signal(name))
        self.conn.pump.after()

    def terminate(self):
        """Send the signal TERM; servers need not pass signals on."""
        self.send_signal("TERM")

    def kill(self):
        """Send the signal KILL."""
        self.send_signal("KILL")

    def get_extra_info(self, name, default=None):
        """peername: where a connection leads to; sockname: where it comes from."""
        if name == "peername":
            return self.native.destination
        if name == "sockname":
            return self.native.origin
        return default

    def is_closing(self):
        """Whether close() or abort() has been called."""
        return self._closing or self._closed

    def close(self):
        """Close after all that was written has been sent; see wait_closed() and abort()."""
        self._closing = True
        self._push()

    def abort(self):
        """Close now."""
        if not self._closed:
            self._closed = True
            self._out = []
            if self in self.conn.pump.channels:
                self.conn.pump.channels.remove(self)
            try:
                self.native.close()
            finally:
                self.moved()
                self.conn.pump.after()

    async def wait_closed(self):
        """Until close() is done."""
        while not self._closed:
            if self.conn.pump.error is not None or self.conn.pump.closed:
                self.abort()
                return
            await pump.wait_in(self._drained)

    async def __aenter__(self):
        return self

    async def __aexit__(self, kind, *exc):
        if kind is None:
            self.close()
            await self.wait_closed()
        else:
            self.abort()


def _closed():
    return _ssh.SSHError(_ssh.ERR_CHANNEL_CLOSED, "the channel is closed, or its input ended")
