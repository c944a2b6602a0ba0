"""One connection through a session: a channel and a socket, and the bytes between them."""

import select

import _ssh

from ssh import forwards, sockets, socks
from ssh.errors import is_again, printable, why

# With more links than this, each moves less at a time, so that what waits fits the memory.
_FEW = 8
_SMALL_PIECE = 4096
_CLOSED = 32  # of Channel.ready: the server has closed it


class Link:
    """Copies both ways until both have ended. The end of one way is passed on; the other goes on.

    What one end does not take yet waits here, at most one piece each way; meanwhile nothing more
    is read from the other end, and the window of the channel, or the buffer of the socket, holds
    up who writes.
    """

    def __init__(self, tunnels, tunnel, channel=None, sock=None):
        self.tunnels = tunnels
        self.tunnel = tunnel
        self.channel = channel
        self.sock = sock
        self.target = tunnel.target
        self.origin = ("127.0.0.1", 0)
        self.connector = None
        self.greeting = None
        self.local = sock is not None  # the client is here
        self.to_sock = b""
        self.to_channel = b""
        self.up_ended = False  # nothing more comes from the socket
        self.eof_sent = False
        self.down_ended = False  # nothing more comes from the channel
        self.deaf = False  # the socket takes nothing more: what comes for it is dropped
        self.readable = False  # the poll has said so
        self.closed = False
        self.step = None

    def __str__(self):
        if self.tunnel.kind in "AX":
            return str(self.tunnel)
        way = "->" if self.local else "<-"
        # The server says where a connection comes from: whatever it likes.
        return printable(f"{forwards.shown(self.origin)} {way} {forwards.shown(self.target)}")

    def begin(self):
        if self.channel:
            self.channel.setblocking(False)
            self.origin = self.channel.origin or self.origin
        if self.target is None:
            self.greeting = socks.Greeting()
            self.step = self._greet
        else:
            self.step = self._reach
        self.move()

    def ready(self, flags):
        """What the poll says about the socket."""
        self.readable = self.readable or bool(flags & ~select.POLLOUT)
        self.tunnels.activate(self)

    def move(self):
        """Move what can be moved now, at most a piece each way. True: something has moved."""
        if self.closed:
            return False
        moved = True
        try:
            moved = self.step()
        except (OSError, MemoryError) as e:
            self._fail(e)
        if not self.closed:
            self._watch()
        return moved

    def _fail(self, error):
        if self.tunnels.session.closed:
            self.close()
            raise error
        self.tunnels.log(f"{self}: {why(error)}")
        if self.greeting and self.step != self._copy:
            self._answer(self.greeting.answer(5 if self.target else 1))
        self.close()

    def _watch(self):
        if not self.sock:
            return
        flags = 0
        if self.to_sock or self.step == self._connect:
            flags = select.POLLOUT
        if self.step == self._greet or (
            self.step == self._copy and not self.up_ended and not self.to_channel
        ):
            flags |= select.POLLIN
        self.tunnels.watch(self.sock, flags, self)

    # ------------------------------------------------------------ the beginning

    def _greet(self):
        """SOCKS: the client says where to."""
        if self.local and not self.readable:
            return False
        n = (self.sock if self.local else self.channel).readinto(self.tunnels.buf[:512])
        self.readable = False
        if n is None:
            return False
        if n == 0:
            self.close()
            return True
        try:
            reply, target = self.greeting.feed(self.tunnels.buf[:n])
        except socks.Refused as e:
            self._answer(e.reply)
            self.close()
            return True
        self._answer(reply)
        if target:
            self.target = target
            self.step = self._reach
            self.move()
        return True

    def _answer(self, reply):
        """Say something to the client of SOCKS."""
        if not reply:
            return
        if self.local:
            self._write_sock(self.to_sock + reply)
        else:
            self._write_channel(self.to_channel + reply)

    def _reach(self):
        """Begin to connect the other end."""
        if not self.local:
            self.connector = sockets.Connector(self.target)
            self.step = self._connect
            return self._connect()
        if self.channel is None:
            self.channel = self.tunnels.open(self.target, self.origin)
            if self.channel is None:
                return False  # there will be another try
            self.channel.setblocking(False)
        self.step = self._opened
        return self._opened()

    def _opened(self):
        """The server's answer."""
        if not self.tunnels.opened(self.channel):
            return False
        self._linked()
        return True

    def _connect(self):
        done = False
        try:
            done = self.connector.done()
        finally:
            if self.connector.sock is not self.sock:  # the next address, or none
                if self.sock:
                    self.tunnels.unwatch(self.sock)
                self.sock = self.connector.sock
        if not done:
            return False
        self.connector = None
        self._linked()
        return True

    def _linked(self):
        """Both ends are there."""
        self.step = self._copy
        if self.greeting:
            self._answer(self.greeting.answer(0))
            rest = self.greeting.data
            if self.local:
                self.to_channel = rest
            else:
                self.to_sock = rest
        self.readable = self.local
        self.tunnels.activate(self)

    # ------------------------------------------------------------ the bytes

    def _copy(self):
        moved = self._down()
        if self._up():
            moved = True
        # Of what nobody reads, the end need not be waited for.
        if self.eof_sent and (self.deaf or (self.down_ended and not self.to_sock)):
            self.close()
        return moved

    def _piece(self):
        return (
            self.tunnels.buf
            if len(self.tunnels.links) <= _FEW
            else self.tunnels.buf[:_SMALL_PIECE]
        )

    def _down(self):
        """From the channel to the socket."""
        moved = bool(self.to_sock) and self._write_sock(self.to_sock)
        if self.to_sock:
            return moved
        if self.down_ended:
            self._look_for_close()
            return moved
        piece = self._piece()
        n = self.channel.readinto(piece)
        if n:
            if not self.deaf:
                self._write_sock(piece[:n])
            return True
        if n == 0:
            self.down_ended = moved = True
            if not self.deaf and not sockets.shut(self.sock):
                # Where half a connection cannot be closed: all of it, or a reader waits for ever.
                self.up_ended = self.eof_sent = True
        return moved

    def _write_sock(self, data):
        try:
            n = self.sock.write(data) or 0
        except OSError:
            self.deaf = True
            n = len(data)
        self.to_sock = bytes(data[n:])
        return n > 0

    def _look_for_close(self):
        """After the end of output the server may close the rest, too."""
        if not self.eof_sent and self.channel.ready & _CLOSED:
            self._stop_up()

    def _up(self):
        """From the socket to the channel."""
        moved = bool(self.to_channel) and self._write_channel(self.to_channel)
        if self.to_channel:
            return moved
        if not self.up_ended and self.readable:
            moved = self._read_sock() or moved
        if self.up_ended and not self.eof_sent and not self.to_channel:
            moved = self._send_eof() or moved
        return moved

    def _read_sock(self):
        piece = self._piece()
        try:
            n = self.sock.readinto(piece)
        except OSError:
            n = 0  # a broken connection is at its end
        if n is None or n < len(piece):
            self.readable = False
        if n is None:
            return False
        if n == 0:
            self.up_ended = True
        else:
            self._write_channel(piece[:n])
        return True

    def _write_channel(self, data):
        try:
            n = self.channel.write(data) or 0
        except OSError as e:
            if is_again(e):
                n = 0
            elif e.args[0] == _ssh.ERR_CHANNEL_CLOSED:
                self._stop_up()
                return True
            else:
                raise
        self.to_channel = bytes(data[n:])
        return n > 0

    def _stop_up(self):
        """The server takes nothing more."""
        self.to_channel = b""
        self.up_ended = self.eof_sent = True

    def _send_eof(self):
        try:
            self.channel.eof()
        except OSError as e:
            if is_again(e):
                return False
            if e.args[0] != _ssh.ERR_CHANNEL_CLOSED:
                raise
        self.eof_sent = True
        return True

    def close(self):
        """End both ways now."""
        if self.closed:
            return
        self.closed = True
        if self.sock:
            self.tunnels.unwatch(self.sock)
            self.sock.close()
        elif self.connector:
            self.connector.close()
        if self.channel:
            try:
                self.channel.close()
            except OSError:
                pass  # the session has ended
        self.tunnels.ended(self)
