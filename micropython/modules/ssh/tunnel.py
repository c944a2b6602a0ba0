"""Tunnels: connections through a session, any number of them, served by one pump.

    tunnels = Tunnels(conn)
    tunnels.local(8080, ("intern", 80))     # a connection to port 8080 here goes to intern:80
    tunnels.remote(2222, ("localhost", 22)) # one to port 2222 there comes to port 22 here
    tunnels.dynamic(1080)                   # a SOCKS server here, the connections go out there
    while True:
        tunnels.poll()

Nothing here waits but poll(), and only for descriptors: whether a channel has something is asked
when the session has heard something. So a slow or dead end holds up its own link only.
"""

import gc
import select
import sys

import _ssh

from ssh import forwards, sockets
from ssh.errors import is_again, why
from ssh.link import Link

# How long to wait at most in one piece.
_LONGEST_MS = 30000
# How many clients are taken at a time, so that those that are there have their turn.
_CLIENTS = 16
_QUICKACK = (6, 12, 1)  # of TCP, on Linux
# What the session gives a channel, if there is memory.
_USUAL_WINDOW = 131072
# Less than this is not worth a channel.
_LEAST_WINDOW = 4096


class Tunnel:
    """What listens here or there: kind L, R or D as options of ssh, A (agent) or X (X11).

    bind and target: (host, port), or the path of a Unix socket; a target None: SOCKS. port: at
    which it listens, also if 0 was asked for. served: how many connections came.
    """

    def __init__(self, tunnels, kind, bind, target):
        self.tunnels = tunnels
        self.kind = kind
        self.bind = bind
        self.target = target
        self.port = None if bind is None or isinstance(bind, str) else bind[1]
        self.listeners = []
        self.served = 0

    def __str__(self):
        if self.kind in "AX":
            return f"{'agent' if self.kind == 'A' else 'X11'} -> {forwards.shown(self.target)}"
        bind = self.bind if self.port is None else (self.bind[0], self.port)
        return f"-{self.kind} {forwards.shown(bind)} -> {forwards.shown(self.target)}"

    def takes(self, channel):
        """How well a channel that the server has opened fits: 0 not at all."""
        if self.kind in "AX":
            return int(channel.kind == ("auth-agent" if self.kind == "A" else "x11"))
        if self.kind != "R":
            return 0
        return sockets.fits(channel, self.bind, self.port)

    def ready(self, _flags):
        """Clients wait at a listener."""
        for listener in self.listeners:
            for _ in range(_CLIENTS):
                if not self.tunnels.take_client(self, listener):
                    break

    def close(self):
        """No new connections; those that are there go on."""
        for listener in self.listeners:
            self.tunnels.unwatch(listener)
            listener.close()
        if self.listeners and isinstance(self.bind, str):
            sockets.remove(self.bind)
        self.listeners = []
        if self in self.tunnels.list:
            self.tunnels.list.remove(self)
            if self.kind == "R" and not self.tunnels.session.closed:
                self._cancel()

    def _cancel(self):
        session = self.tunnels.session
        try:
            if self.port is None:
                session.cancel_unix_forward(self.bind)
            else:
                session.cancel_forward(self.bind[0], self.port)
        except _ssh.SSHError as e:
            if e.args[0] != _ssh.ERR_REQUEST_REFUSED:
                raise


class Tunnels:
    """All tunnels of a Connection. `list` has those that listen, `links` the connections."""

    def __init__(self, conn, log=None):
        """log: called with a sentence about what goes wrong with one connection."""
        self.session = conn.session
        self.log = log or (lambda text: None)
        self.list = []
        self.links = []
        self.buf = memoryview(bytearray(_piece()))
        self.full = False  # no more connections until one has ended
        self.gateway = False
        self._owners = {}
        self._active = set()
        self._heard = -1
        self._quick = False
        self._left = False  # the line has not taken all output
        # Of sessions that run through others only the first has a socket of this system.
        self._sessions = [conn.session]
        while getattr(conn, "via", None):
            conn = conn.via
            self._sessions.insert(0, conn.session)
        self._line = conn.sock
        has_descriptor = hasattr(self._line, "fileno")
        self._poll = select.poll() if has_descriptor else sockets.make_poll()
        self._line_flags = select.POLLIN
        self._poll.register(self._line, select.POLLIN)

    # ------------------------------------------------------------ what is to be forwarded

    def add(self, kind, text):
        """A tunnel as people write it after -L, -R or -D of ssh (kind: that letter)."""
        bind, target = forwards.parse(kind, text, self.gateway and kind != "R")
        return self.remote(bind, target) if kind == "R" else self._listen(kind, bind, target)

    def local(self, bind, target):
        """Connections to bind, here, go on to target, there. The Tunnel.

        bind: a port (of localhost), (host, port), or a path; host "": all addresses. target:
        (host, port) or a path. OSError if that cannot be.
        """
        return self._listen("L", sockets.place(bind), target)

    def dynamic(self, bind):
        """The same for targets that each client names (SOCKS)."""
        return self._listen("D", sockets.place(bind), None)

    def _listen(self, kind, bind, target):
        if isinstance(bind, str):
            listeners = [sockets.listen_unix(bind)]
        else:
            listeners = sockets.listen(*bind)
        tunnel = Tunnel(self, kind, bind, target)
        tunnel.listeners = listeners
        if tunnel.port == 0:
            tunnel.port = sockets.port_of(listeners[0])
        self.list.append(tunnel)
        self._watch_listeners(not self.full)
        return tunnel

    def remote(self, bind, target=None):
        """Connections to bind, there, come to target, here; without one to where they ask (SOCKS).

        The Tunnel, whose `port` is that of the server's choice for a bind with port 0. SSHError
        if the server refuses.
        """
        bind = sockets.place(bind)
        tunnel = Tunnel(self, "R", bind, target)
        if isinstance(bind, str):
            self.session.request_unix_forward(bind)
        else:
            tunnel.port = self.session.request_forward(bind[0], bind[1])
        self.list.append(tunnel)
        return tunnel

    def agent(self, path):
        """Serves what the server asks of an agent with the one here whose socket has this path.
        A channel has to ask for that: `request_agent()`."""
        return self._add(Tunnel(self, "A", None, path))

    def x11(self, target):
        """Passes X11 connections to this display: a path, or (host, port). A channel has to ask
        for that (`request_x11()`) with the cookie of the display."""
        return self._add(Tunnel(self, "X", None, target))

    def _add(self, tunnel):
        self.list.append(tunnel)
        return tunnel

    # ------------------------------------------------------------ the pump

    def poll(self, timeout=None):
        """Serve what moves; if nothing does, wait at most timeout seconds until something may.

        True: something has moved.
        """
        if self.step():
            self.wait(0)
            return True
        self.wait(None if timeout is None else int(timeout * 1000))
        return self.step()

    def step(self):
        """Move what can be moved without waiting. True: there may be more.

        An error of the session (it has ended) is raised.
        """
        self._pump()
        heard = self._bytes_heard()
        active, self._active = self._active, set()
        moved = heard != self._heard
        if moved:
            self._heard = heard
            self._accept()
            self._quick = bool(self.links) and sys.platform == "linux"
            active = self.links[:]
        for link in active:
            if link.move():
                moved = True
                self._active.add(link)
        return moved or self._bytes_heard() != heard

    def _bytes_heard(self):
        return sum([session.stats()[0] for session in self._sessions])

    def wait(self, ms):
        """Wait for descriptors, at most ms milliseconds (None: long)."""
        ms = _LONGEST_MS if ms is None else ms
        if ms:
            for session in self._sessions:
                left = session.wait_ms  # until it asks for a sign of life, or for new keys
                if left is not None:
                    ms = min(ms, left)
            if self._quick:
                self._acknowledge()
        ready = []
        for item in self._poll.ipoll(ms):
            owner = self._owners.get(id(item[0]))
            if owner:
                ready.append((owner[0], item[1]))
        for owner, flags in ready:
            owner.ready(flags)

    def _acknowledge(self):
        """Have the system acknowledge now what it has taken in. Servers send the rest of a window
        only then (Nagle's algorithm), and it would wait 40 ms in the hope of an answer to take
        along.
        """
        self._quick = False
        try:
            self._line.setsockopt(*_QUICKACK)
        except (AttributeError, OSError):
            pass  # not over TCP

    def _pump(self):
        left = [session.pump() for session in self._sessions][0]
        if len(self._sessions) > 1:
            left = self._sessions[0].pump()  # what the others have for the socket
        if self._left and not left:
            self._heard = -1  # there is room again for what waits in any link
        self._left = left
        flags = select.POLLIN | select.POLLOUT if left else select.POLLIN
        if flags != self._line_flags:
            self._line_flags = flags
            self._poll.modify(self._line, flags)

    def watch(self, stream, flags, owner):
        """Have owner.ready(flags) called when the stream is ready; flags 0: no more.

        A stream without flags is not looked at: it would be ready for ever at its end.
        """
        if not flags:
            self.unwatch(stream)
        elif self._owners.get(id(stream)) != (owner, flags):
            self._poll.register(stream, flags)
            self._owners[id(stream)] = (owner, flags)

    def unwatch(self, stream):
        """The stream is not waited for any more."""
        if self._owners.pop(id(stream), None):
            self._poll.unregister(stream)

    def activate(self, link):
        """The link has something to do in the next step()."""
        self._active.add(link)

    def _watch_listeners(self, wanted):
        for tunnel in self.list:
            for listener in tunnel.listeners:
                self.watch(listener, select.POLLIN if wanted else 0, tunnel)

    # ------------------------------------------------------------ connections

    def take_client(self, tunnel, listener):
        """A client that has come to a listener. False: there is none."""
        if self.full:
            return False
        try:
            found = sockets.accept(listener)
        except OSError as e:
            self.stop_taking(why(e))
            return False
        if found is None:
            return False
        tunnel.served += 1
        link = Link(self, tunnel, sock=found[0])
        if isinstance(tunnel.bind, tuple):
            link.origin = sockets.origin(found[1])
        self._start(link)
        return True

    def _accept(self):
        """Channels that the server has opened."""
        while not self.full and any(tunnel.kind in "RAX" for tunnel in self.list):
            try:
                channel = self.session.accept(0, self.window())
            except _ssh.SSHError as e:
                if e.args[0] != _ssh.ERR_NO_SLOT:
                    raise
                self.stop_taking(why(e))
                return
            except MemoryError as e:
                self.stop_taking(why(e))
                return
            if channel is None:
                return
            tunnel = max(self.list, key=lambda t: t.takes(channel))
            if tunnel.takes(channel):
                tunnel.served += 1
                self._start(Link(self, tunnel, channel=channel))
            else:
                channel.close()

    def _start(self, link):
        self.links.append(link)
        link.begin()

    def stop_taking(self, reason):
        """Clients wait, where they are, until a connection has ended."""
        if self.links:
            self.full = True
            self._watch_listeners(False)
        self.log(f"no more connections for now: {reason}")

    def ended(self, link):
        """A Link tells that it has: others may come now."""
        self.links.remove(link)
        self._active.discard(link)
        if self.full:
            self.full = False
            self._watch_listeners(True)
            self._heard = -1  # those that wait for a channel, here and there, have another try

    def window(self):
        """How much memory the next channel may take: all of them together leave a quarter."""
        free = gc.mem_free()
        total = free + gc.mem_alloc()
        if free < total // 2:
            gc.collect()
            free = gc.mem_free()
        fair = (free - total // 4) // 6
        if fair >= _USUAL_WINDOW:
            return None
        window = _USUAL_WINDOW // 2
        while window > _LEAST_WINDOW and window > fair:
            window //= 2
        return window

    def open(self, target, origin):
        """A channel to the target; opened() tells when it is open. None: there is none left."""
        try:
            if isinstance(target, str):
                return self._at_once(self.session.open_unix, target, self.window())
            return self._at_once(self.session.open_tcp, *target, origin, self.window())
        except _ssh.SSHError as e:
            if e.args[0] != _ssh.ERR_NO_SLOT or len(self.links) < 2:
                raise
            self.stop_taking(why(e))
        except OSError as e:
            if not is_again(e):
                raise  # else: for a moment, while the session makes room
        return None

    def opened(self, channel):
        """Whether the server has opened the channel. Raises its refusal."""
        try:
            self._at_once(channel.opened)
        except OSError as e:
            if not is_again(e):
                raise
            return False
        return True

    def _at_once(self, function, *args):
        """Call what would wait for the server, but do not wait."""
        timeout = self.session.gettimeout()
        self.session.settimeout(0)
        try:
            return function(*args)
        finally:
            self.session.settimeout(timeout)

    def close(self):
        """End all: what listens, and the connections."""
        for tunnel in self.list[:]:
            tunnel.close()
        for link in self.links[:]:
            link.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


def _piece():
    """The most that is moved at a time: a packet of a PC, a segment of smaller machines."""
    return 32768 if gc.mem_free() + gc.mem_alloc() > 1 << 20 else 2048
