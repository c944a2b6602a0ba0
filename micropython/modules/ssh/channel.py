"""paramiko's Channel: a channel that behaves like a socket, and is a stream of MicroPython."""

import binascii
import errno
import io
import os
import select
import time

import _ssh

from ssh.channel_file import ChannelFile, ChannelStderrFile, ChannelStdinFile
from ssh.errors import EPIPE, SSHError, is_again

_CHUNK = 16384
_POLL = 3  # requests of MicroPython's stream protocol
_CLOSE = 4
_STDOUT, _STDERR = 0, 1


class Channel(io.IOBase):
    """Made by Transport.open_session(), open_channel() and accept().

    There are no threads: whatever waits on a channel takes in what has arrived for the others too.
    So that one output never holds up the other, or the exit status, what a program has not read
    is kept in memory: up to `keep` bytes of what has been read past (paramiko's window has this
    size), and without a limit while recv_exit_status() waits.

    A timeout raises OSError(ETIMEDOUT), a non-blocking channel that can do nothing
    OSError(EAGAIN): MicroPython has no socket.timeout.
    """

    keep = 2 << 20

    def __init__(self, transport, native):
        self.transport = transport
        self.native = native  # the channel of `_ssh`
        self.chanid = transport.next_number()
        self.name = str(self.chanid)
        self.origin_addr = native.origin
        self.closed = False
        self.ended = False  # the end of both outputs has come
        self.eof_received = False  # and been read, or is feigned
        self.eof_sent = False
        self.combine_stderr = False
        self.timeout = None
        self.kept = ([], [])  # pieces of each output that were read before anybody asked for them
        self.held = 0  # bytes in there
        self.poller = None
        # Requests of a non-blocking channel wait as long as the session says.
        native.settimeout(0)

    def __repr__(self):
        text = f"<ssh.Channel {self.chanid}"
        if self.closed:
            text += " (closed)"
        else:
            text += " (EOF received)" if self.eof_received else ""
            text += " (EOF sent)" if self.eof_sent else ""
            text += " (open)"
            text += f" in-buffer={self.held}" if self.held else ""
        return f"{text} -> {self.transport!r}>"

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    # ------------------------------------------------------------ requests

    def _request(self, function, *args):
        """One that the server answers. A refusal closes the channel."""
        self._check_open()
        try:
            function(*args)
        except SSHError as e:
            if e.args[0] == _ssh.ERR_REQUEST_REFUSED:
                self.close()
            raise

    def _check_open(self):
        if self.closed or self.eof_received or self.eof_sent or self.transport.session.closed:
            raise SSHError(_ssh.ERR_CHANNEL_CLOSED, "Channel is not open")

    def get_pty(self, term="vt100", width=80, height=24, width_pixels=0, height_pixels=0):
        """Ask for a terminal on the server, before invoke_shell() or exec_command()."""
        function = self.native.request_pty
        self._request(function, term, width, height, width_pixels, height_pixels)

    def resize_pty(self, width=80, height=24, width_pixels=0, height_pixels=0):
        """Tell the server that the terminal has another size."""
        self._request(self.native.window_change, width, height, width_pixels, height_pixels)

    def invoke_shell(self):
        """The user's shell on this channel."""
        self._request(self.native.shell)

    def exec_command(self, command):
        """A command on this channel (str or bytes)."""
        self._request(self.native.exec, command)

    def invoke_subsystem(self, subsystem):
        """A subsystem, such as "sftp", on this channel."""
        self._request(self.native.subsystem, subsystem)

    def set_environment_variable(self, name, value):
        """Most servers take few variables; those that they do not take are silently left out."""
        self._check_open()
        try:
            self.native.setenv(name, value)
        except SSHError as e:
            if e.args[0] != _ssh.ERR_REQUEST_REFUSED:
                raise

    def update_environment(self, environment):
        """set_environment_variable() for each name of a dict."""
        for name, value in environment.items():
            self.set_environment_variable(name, value)

    def request_x11(
        self,
        screen_number=0,
        auth_protocol=None,
        auth_cookie=None,
        single_connection=False,
        handler=None,
    ):
        """Have X11 connections of this channel's programs forwarded; the cookie that is used.

        handler(channel, (address, port)) is called for each, whenever something of this Transport
        waits; without one they come out of Transport.accept(). auth_cookie: text in hexadecimal;
        None: a random one, which is not that of a local display: replace it in what comes.
        """
        if auth_cookie is None:
            auth_cookie = binascii.hexlify(os.urandom(16))
        text = auth_cookie if isinstance(auth_cookie, str) else auth_cookie.decode()
        protocol = auth_protocol or "MIT-MAGIC-COOKIE-1"
        self._request(self.native.request_x11, text, protocol, screen_number, single_connection)
        self.transport.set_handler("x11", handler)
        return auth_cookie

    def request_forward_agent(self, handler):
        """Have the agent forwarded: handler(channel) is called for each connection to it.

        As for request_x11(); with None they come out of Transport.accept().
        """
        self._request(self.native.request_agent)
        self.transport.set_handler("auth-agent", handler)
        return True

    # ------------------------------------------------------------ names

    def get_transport(self):
        """The Transport that it belongs to."""
        return self.transport

    def set_name(self, name):
        """A name for the log."""
        self.name = name

    def get_name(self):
        """The name of set_name(), or the number as text."""
        return self.name

    def get_id(self):
        """A number that no other channel of the Transport has had."""
        return self.chanid

    def getpeername(self):
        """The address of the Transport's other side."""
        return self.transport.getpeername()

    def fileno(self):
        """The descriptor of the connection, where the port has such things.

        It has something to read when anything comes for any channel, and not for what has been
        taken in already. select.poll() on the channel itself is exact, on every port.
        """
        return self.transport.sock.fileno()

    # ------------------------------------------------------------ timeouts

    def settimeout(self, timeout):
        """Seconds that a read or write may wait: None for ever, 0 not at all."""
        if timeout is not None and timeout < 0:
            raise ValueError("timeout must not be negative")
        self.timeout = timeout

    def gettimeout(self):
        """The seconds of settimeout(), None for ever."""
        return self.timeout

    def setblocking(self, blocking):
        """settimeout(None) if true, or else settimeout(0)."""
        self.settimeout(None if blocking else 0.0)

    def _deadline(self):
        if self.timeout is None:
            return None
        return time.ticks_add(time.ticks_ms(), int(self.timeout * 1000))

    def _left(self, deadline):
        """Milliseconds until then; raises when it is over."""
        if deadline is None:
            return -1
        left = time.ticks_diff(deadline, time.ticks_ms())
        if left <= 0:
            raise OSError(errno.ETIMEDOUT if self.timeout else errno.EAGAIN)
        return left

    # ------------------------------------------------------------ reading

    def recv(self, nbytes):
        """What there is of the output, at most nbytes, at least one; b"" at the end."""
        return self._recv(_STDOUT, nbytes)

    def recv_stderr(self, nbytes):
        """The same of the error output."""
        return self._recv(_STDERR, nbytes)

    def recv_ready(self):
        """Whether recv() has a byte to give now. (At the end it has none.)"""
        self._look(self.keep)
        return bool(self.kept[_STDOUT])

    def recv_stderr_ready(self):
        """Whether recv_stderr() has a byte to give now."""
        self._look(self.keep)
        return bool(self.kept[_STDERR])

    def _recv(self, stream, nbytes):
        kept = self.kept[stream]
        if nbytes <= 0:
            return b""
        while not kept:
            if self.closed or self.eof_received or self.ended:
                self.eof_received = True
                return b""
            came, data = self._wait_for_any(stream, max(nbytes, _CHUNK))
            if not data:
                self.ended = True
            elif came == stream and len(data) <= nbytes:
                return data
            else:
                self._put(came, data)
        data = kept.pop(0)
        self.held -= len(data)
        if len(data) > nbytes:
            self._unread(stream, data[nbytes:])
            data = data[:nbytes]
        return data

    def _put(self, stream, data):
        kept = self.kept[stream]
        if kept and len(kept[-1]) + len(data) <= _CHUNK:
            kept[-1] = kept[-1] + data  # few large pieces
        else:
            kept.append(data)
        self.held += len(data)

    def _unread(self, stream, data):
        self.kept[stream].insert(0, data)
        self.held += len(data)

    def _wait_for_any(self, stream, nbytes):
        """(stream, data) of the next bytes; what is not for now may be for the other stream."""
        native = self.native
        if self.transport.handlers:
            self.transport.wait_for(self)
        native.settimeout(self.timeout)
        try:
            if self.held > self.keep and not self.combine_stderr:
                # As at the end of paramiko's window: the program has to read the other one.
                return stream, (native if stream == _STDOUT else native.stderr).recv(nbytes)
            came, data = native.recv_any(nbytes)
        finally:
            native.settimeout(0)
        return _STDOUT if self.combine_stderr else came, data

    def _take_in(self, most):
        """Read what has arrived, without waiting. True: something came."""
        moved = False
        while self.held < most and not (self.closed or self.ended):
            try:
                came, data = self.native.recv_any(_CHUNK)
            except OSError as e:
                if not is_again(e):
                    raise
                break
            if not data:
                self.ended = True
                break
            if not self.eof_received:
                self._put(_STDOUT if self.combine_stderr else came, data)
            moved = True
        if self.transport.handlers:
            self.transport.dispatch()
        return moved

    def _look(self, most):
        """_take_in(), where a lost connection is for recv() to tell."""
        try:
            return self._take_in(most)
        except OSError:
            if not self.transport.session.closed:
                raise
            return False

    def set_combine_stderr(self, combine):
        """Whether the error output comes out of recv() too. The setting that it had before."""
        before = self.combine_stderr
        if combine and not before:
            self._take_in(1 << 30)
            self.kept[_STDOUT].extend(self.kept[_STDERR])
            self.kept[_STDERR].clear()
        self.combine_stderr = bool(combine)
        return before

    # ------------------------------------------------------------ writing

    def send_ready(self):
        """Whether send() would return at once."""
        return self.closed or self.eof_sent or bool(self._poll(select.POLLOUT))

    def send(self, s):
        """Send data (bytes or str): how many bytes of it went, 0 when shut down for writing."""
        if self.closed:
            raise OSError(EPIPE, "Socket is closed")
        if self.eof_sent:
            return 0
        if isinstance(s, str):
            s = s.encode()
        deadline = self._deadline()
        while True:
            sent = self.native.write(s)
            if sent or not len(s):
                return sent or 0
            self._wait_for_room(self._left(deadline))

    def sendall(self, s):
        """Send all of it."""
        if isinstance(s, str):
            s = s.encode()
        sent = self.send(s)
        if sent < len(s):
            s = memoryview(s)
            while sent < len(s):
                n = self.send(s[sent:])
                if not n:
                    raise OSError(EPIPE, "Socket is shut down for writing")
                sent += n

    def _wait_for_room(self, ms):
        """Wait for the server to take more. It may wait for us to read its output meanwhile."""
        if not self._take_in(self.keep):
            ms = 20 if ms < 0 else min(ms, 20)
            if self._poll(select.POLLOUT, ms) == select.POLLHUP:
                time.sleep_ms(min(ms, 5))  # its output has ended; it may still take input

    def _poll(self, flags, ms=0):
        """The events of these flags that the channel has."""
        if self.poller is None:
            self.poller = select.poll()
        poller = self.poller
        poller.register(self.native, flags)
        if flags & select.POLLIN:
            poller.register(self.native.stderr, select.POLLIN)
        try:
            found = 0
            for item in poller.poll(ms):
                found |= item[1]
            return found
        finally:
            poller.unregister(self.native)
            if flags & select.POLLIN:
                poller.unregister(self.native.stderr)

    # ------------------------------------------------------------ the exit

    def exit_status_ready(self):
        """Whether recv_exit_status() would return at once."""
        self._look(1 << 30)
        return self._has_exited(0)

    def _has_exited(self, seconds):
        """Wait for the exit as long as there is room for output. True also when none will come."""
        if self.closed or self.transport.session.closed:
            return True
        try:
            self.native.settimeout(seconds)
            self.native.wait()
            return True
        except OSError as e:
            waits = e.args[0] in (errno.ETIMEDOUT, errno.EAGAIN)
            if waits and not self.transport.session.closed:
                return False
            if not isinstance(e, SSHError):
                raise
            return True
        finally:
            self.native.settimeout(0)

    def recv_exit_status(self):
        """Wait for the end of the command: its exit status, -1 when the server gives none.

        Output that nobody has read is kept in memory meanwhile, all of it, however much: where
        that may be too much (MemoryError), read it before.
        """
        pause = 0.005
        while not self._has_exited(pause):
            pause = 0.005 if self._look(1 << 30) else min(pause * 2, 0.05)
        return self.exit_status

    @property
    def exit_status(self):
        """The exit status, -1 while there is none."""
        status = self.native.exit_status
        return -1 if status is None else status

    @property
    def exit_signal(self):
        """The signal that ended the command, as "TERM", or None. (paramiko does not tell it.)"""
        return self.native.exit_signal

    # ------------------------------------------------------------ the end

    def shutdown(self, how):
        """0: no more reading, 1: no more writing (the server sees the end of input), 2: both."""
        if how in (0, 2):
            self.eof_received = True
        if how in (1, 2) and not (self.eof_sent or self.closed):
            self.eof_sent = True
            try:
                self.native.eof()
            except SSHError as e:
                if e.args[0] != _ssh.ERR_CHANNEL_CLOSED:
                    raise

    def shutdown_read(self):
        """shutdown(0): what comes from now on is thrown away."""
        self.shutdown(0)

    def shutdown_write(self):
        """shutdown(1): the server sees the end of input."""
        self.shutdown(1)

    def close(self):
        """Close both ways. What has arrived can still be read."""
        if self.closed:
            return
        try:
            if not self.transport.session.closed:
                self._take_in(self.keep)
        except OSError:
            pass  # the connection is gone, which the next call of something else tells
        self.closed = True
        self.native.close()

    # ------------------------------------------------------------ files and streams

    def makefile(self, mode="r", bufsize=-1):
        """A file of the output (to read) and the input (to write)."""
        return ChannelFile(self, mode, bufsize)

    def makefile_stderr(self, mode="r", bufsize=-1):
        """A file of the error output."""
        return ChannelStderrFile(self, mode, bufsize)

    def makefile_stdin(self, mode="r", bufsize=-1):
        """A file of the input; closing it is the end of input."""
        return ChannelStdinFile(self, mode, bufsize)

    def read(self, n=-1):
        """n bytes or all up to the end: a stream's read, where recv() gives what there is."""
        return ChannelFile(self, "rb").read(n)

    def readline(self):
        """A line of the output, as bytes."""
        line = b""
        while line[-1:] != b"\n":
            data = self.recv(_CHUNK)
            if not data:
                break
            end = data.find(b"\n") + 1
            if end and end < len(data):
                self._unread(_STDOUT, data[end:])
                data = data[:end]
            line += data
        return line

    def readinto(self, buf):
        """For MicroPython's streams: what there is; None when it would block."""
        try:
            data = self.recv(len(buf))
        except OSError as e:
            if e.args[0] != errno.EAGAIN:
                raise
            return None
        buf[: len(data)] = data
        return len(data)

    def write(self, buf):
        """For MicroPython's streams: how many bytes went; None when it would block."""
        try:
            return self.send(buf)
        except OSError as e:
            if e.args[0] != errno.EAGAIN:
                raise
            return None

    def ioctl(self, request, arg):
        """For MicroPython's select.poll and close()."""
        if request == _POLL:
            return self._ready(arg)
        if request == _CLOSE:
            self.close()
            return 0
        return -errno.EINVAL

    def _ready(self, flags):
        """What select.poll() is told."""
        if self.closed or self.transport.session.closed:
            return flags & (select.POLLIN | select.POLLOUT) | select.POLLHUP
        ready = flags & select.POLLIN if self.held or self.eof_received else 0
        return ready | self._poll(flags)
