"""Copies between the local standard streams and a channel, both ways, beside the tunnels."""

import select
import sys
import time

import _ssh

from ssh import terminal
from ssh.errors import is_again

# How often things are looked at that nothing announces, as the size of the terminal.
_TICK_MS = 250
# What a pipe takes without waiting for its reader, once it takes anything (a terminal: less).
_PIPE_PIECE = 4096
_TERMINAL_PIECE = 1024


class Output:
    """From one output of the channel to a stream here."""

    def __init__(self, relay, source, sink, fd):
        self.relay = relay
        self.source = source
        self.sink = sink
        self.piece = _TERMINAL_PIECE if terminal.isatty(fd) else _PIPE_PIECE
        self.left = b""
        self.ended = False

    def move(self):
        """At most one buffer. True: there may be more."""
        if self.left:
            return False  # the poll tells when it can be written
        n = self.source.readinto(self.relay.buf)
        if n is None:
            return False
        if n == 0:
            self.ended = True
        elif self.relay.alone() or not self.wait_for_room(n):
            write_all(self.sink, self.relay.buf[:n])
        return True

    def wait_for_room(self, n):
        """A reader that takes its time must not hold up the tunnels. False: this stream has no way
        to tell when it can be written.
        """
        try:
            self.relay.tunnels.watch(self.sink, select.POLLOUT, self)
        except OSError:
            return False
        self.left = bytes(self.relay.buf[:n])
        return True

    def ready(self, _flags):
        n = self.sink.write(self.left[: self.piece]) or 0
        self.left = self.left[n:]
        if not self.left:
            self.relay.tunnels.unwatch(self.sink)


class Relay:
    def __init__(self, tunnels, channel, source, size=None):
        """source: a terminal.Input, or None for no input. size: of the pty, to be kept so."""
        self.tunnels = tunnels
        self.channel = channel
        self.source = source
        self.escape = None  # an escapes.Escape
        self.size = size
        self.buf = memoryview(bytearray(16384))
        self.outputs = [Output(self, channel, terminal.stdout(), 1)]
        if channel.kind == "session":
            self.outputs.append(Output(self, channel.stderr, _stderr(), 2))
        self.pending = None  # input that the channel has not taken yet
        self.readable = False
        self.looked = time.ticks_ms()
        channel.settimeout(0)

    def alone(self):
        """Whether there are no tunnels that could be held up."""
        return not self.tunnels.list and not self.tunnels.links

    def run(self):
        """Until the remote side has ended: its exit status, None if it gave none."""
        try:
            return self._run()
        except OSError:
            if self.tunnels.session.closed:
                self.drain()
            raise

    def _run(self):
        if self.source is None:
            self.channel.eof()
        while True:
            moved = self.input()
            moved = self.output() or moved
            if not self.outputs and self.exited():
                self.stop_input()
                return self.channel.exit_status
            moved = self.tunnels.step() or moved
            self.watch_size()
            self.watch_input()
            self.tunnels.wait(0 if moved else _TICK_MS)

    # ------------------------------------------------------------ from the remote side

    def output(self):
        moved = False
        for output in self.outputs[:]:
            moved = output.move() or moved
            if output.ended and not output.left:
                self.outputs.remove(output)
        return moved

    def drain(self):
        """The connection has ended. What has come before is written out."""
        for output in self.outputs:
            write_all(output.sink, output.left)
            output.left = b""
            try:
                while n := output.source.readinto(self.buf):
                    write_all(output.sink, self.buf[:n])
            except OSError:
                pass  # no more

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

    def ready(self, _flags):
        self.readable = True

    def input(self):
        """Take what standard input has, pass on what the channel takes. True: something moved."""
        moved = False
        if self.pending is None and self.source and self.readable:
            self.readable = False
            n = self.source.read_into(self.buf)
            if n == 0:
                self.end_input()
                return True
            if n:
                data = bytes(self.buf[:n])
                self.pending = self.escape.filter(data) if self.escape else data
                moved = True
        return self.send() or moved

    def send(self):
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
        self.pending = self.pending[n:] if n < len(self.pending) else None
        return n > 0

    def end_input(self):
        self.stop_input()
        try:
            self.channel.eof()
        except _ssh.SSHError as e:
            if e.args[0] != _ssh.ERR_CHANNEL_CLOSED:
                raise

    def stop_input(self):
        if self.source:
            self.tunnels.unwatch(self.source.stream)
        self.source = None

    def watch_input(self):
        """The poll looks at standard input, but not while there is no room for more of it."""
        if self.source:
            flags = select.POLLIN if self.pending is None else 0
            self.tunnels.watch(self.source.stream, flags, self)

    def watch_size(self):
        now = time.ticks_ms()
        if time.ticks_diff(now, self.looked) >= _TICK_MS:
            self.looked = now
            self.look_at_size()

    def look_at_size(self):
        size = self.size and terminal.size()
        if size != self.size:
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
