"""Copies between the local standard streams and a channel, both ways, in one poll loop."""

import select
import sys
import time

import _ssh

from ssh import terminal
from ssh.errors import Failure, is_again

# How often things are looked at that nothing announces, as the size of the terminal.
_TICK_MS = 1000

_HELP = (
    "\r\n{0}.  disconnect\r\n{0}?  this list\r\n{0}{0}  the character itself\r\n"
    "(only at the start of a line)\r\n"
)


class Disconnect(Exception):
    """The person at the terminal has had enough."""


class Escape:
    """Finds the escape character at the start of lines."""

    def __init__(self, char):
        self.char = ord(char)
        self.line_start = True
        self.pending = False

    def filter(self, data):
        """What of the keys typed is for the remote side."""
        if not self.pending and self.char not in data:
            self.line_start = data[-1] in (10, 13)
            return data
        kept = bytearray()
        for c in data:
            if self.pending:
                self.pending = False
                self.line_start = self._command(c, kept)
            elif self.line_start and c == self.char:
                self.pending = True
            else:
                kept.append(c)
                self.line_start = c in (10, 13)
        return kept

    def _command(self, c, kept):
        """What follows the escape character. Whether another one may follow that."""
        if c == ord("."):
            raise Disconnect
        if c == ord("?"):
            sys.stderr.write(_HELP.format(chr(self.char)))
            return True
        if c != self.char:
            kept.append(self.char)
        kept.append(c)
        return c in (10, 13)


class Alive:
    """Asks the server for a sign of life after a silence, and ends the wait for a dead one."""

    def __init__(self, session, interval, count):
        self.session = session
        self.interval = interval * 1000
        self.count = max(count, 1)
        self.asked = 0
        self.heard = session.stats()[0]
        self.since = time.ticks_ms()

    def left(self):
        """Milliseconds until check() has something to do; None: it never has."""
        if not self.interval:
            return None
        return max(self.interval - time.ticks_diff(time.ticks_ms(), self.since), 0)

    def check(self):
        if not self.interval:
            return
        heard = self.session.stats()[0]
        if heard != self.heard:
            self.heard = heard
            self.asked = 0
            self.since = time.ticks_ms()
        elif self.left() == 0:
            if self.asked >= self.count:
                raise Failure("the server does not answer any more")
            self.asked += 1
            self.since = time.ticks_ms()
            self.session.keepalive()


class Relay:
    def __init__(self, conn, channel, source, alive, escape=None, size=None):
        """source: a terminal.Input, or None for no input. size: of the pty, to be kept so."""
        self.conn = conn
        self.channel = channel
        self.source = source
        self.alive = alive
        self.escape = Escape(escape) if escape else None
        self.size = size
        self.buf = bytearray(16384)
        self.view = memoryview(self.buf)
        self.streams = [(channel, terminal.stdout()), (channel.stderr, _stderr())]
        self.pending = None  # input that the channel has not taken yet
        self.poller = select.poll()
        self.poller.register(conn.sock, select.POLLIN)
        self.watched = False
        self.room_watched = False
        self.blocked = False
        self.looked = time.ticks_ms()
        channel.settimeout(0)

    def run(self):
        """Until the remote side has ended: its exit status, None if it gave none."""
        if self.source is None:
            self.channel.eof()
        while True:
            moved = self.output()
            if not self.streams and self.exited():
                return self.channel.exit_status
            moved = self.input() or moved
            self.alive.check()
            self.watch_size(moved)
            self.wait(0 if moved else _TICK_MS)

    # ------------------------------------------------------------ from the remote side

    def output(self):
        """Write what has come, at most one buffer of each stream. True: there may be more."""
        moved = False
        for pair in list(self.streams):
            n = pair[0].readinto(self.buf)
            if n:
                write_all(pair[1], self.view[:n])
                moved = True
            elif n == 0:
                self.streams.remove(pair)
                moved = True
        return moved

    def exited(self):
        """Whether the exit status is known, or none will come."""
        try:
            self.channel.wait()
            return True
        except OSError as e:
            if not is_again(e):
                raise
            return False

    # ------------------------------------------------------------ to the remote side

    def input(self):
        """Take what standard input has, pass on what the channel takes. True: something moved."""
        moved = False
        if self.pending is None and self.source and self.ready():
            n = self.source.read_into(self.buf)
            if n == 0:
                self.end_input()
                return True
            if n:
                data = bytes(self.view[:n])
                self.pending = self.escape.filter(data) if self.escape else data
                moved = True
        return self.send() or moved

    def ready(self):
        for item in self.poller.ipoll(0):
            if item[0] is self.source.stream:
                return True
        return False

    def send(self):
        self.blocked = False
        if not self.pending:
            self.pending = None
            return False
        try:
            n = self.channel.write(self.pending) or 0
        except _ssh.SSHError as e:
            if e.args[0] != _ssh.ERR_CHANNEL_CLOSED:
                raise
            n = len(self.pending)  # a command need not read its input to the end
            self.stop_input()
        except OSError as e:
            if not is_again(e):
                raise
            n = 0
        self.blocked = n < len(self.pending)
        self.pending = self.pending[n:] if self.blocked else None
        return n > 0

    def end_input(self):
        self.stop_input()
        try:
            self.channel.eof()
        except _ssh.SSHError as e:
            if e.args[0] != _ssh.ERR_CHANNEL_CLOSED:
                raise

    def stop_input(self):
        self.watch_input(False)
        self.source = None

    # ------------------------------------------------------------ waiting

    def watch_input(self, wanted):
        """Whether the poll looks at standard input: not while there is no room for more of it."""
        if wanted != self.watched:
            self.watched = wanted
            if wanted:
                self.poller.register(self.source.stream, select.POLLIN)
            else:
                self.poller.unregister(self.source.stream)

    def watch_room(self, wanted):
        """Whether the poll asks the channel for room. Not after the remote side's end of output,
        from when on the channel is always ready for something."""
        if wanted:
            self.poller.register(self.channel, select.POLLIN | select.POLLOUT)
        elif self.room_watched:
            self.poller.unregister(self.channel)
        self.room_watched = wanted

    def wait(self, ms):
        self.watch_input(self.source is not None and self.pending is None)
        self.watch_room(self.blocked and bool(self.streams))
        left = self.alive.left()
        if left is not None:
            ms = min(ms, left)
        if self.blocked:
            # The channel's poll may take standard error in, without a word about it.
            ms = min(ms, 20)
        for _ in self.poller.ipoll(ms):
            pass

    def watch_size(self, moved):
        now = time.ticks_ms()
        if self.size is None or not moved or time.ticks_diff(now, self.looked) < _TICK_MS:
            return
        self.looked = now
        size = terminal.new_size(self.size)
        if size:
            self.size = size
            self.channel.window_change(*size)


def write_all(stream, data):
    """Also to a stream that another program has made non-blocking."""
    while True:
        n = stream.write(data) or 0
        if n >= len(data):
            return
        data = data[n:]
        time.sleep_ms(5)


def _stderr():
    return getattr(sys.stderr, "buffer", sys.stderr)
