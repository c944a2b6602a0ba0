"""Small TCP servers that run in threads of the test: scripted peers and a proxy that cuts."""

import contextlib
import hashlib
import selectors
import socket
import struct
import threading
import time

LOOPBACK = "127.0.0.1"


def free_port():
    """A port that nobody listens on right now."""
    with socket.socket() as sock:
        sock.bind((LOOPBACK, 0))
        return sock.getsockname()[1]


def read_ident(port, timeout=5):
    """Connect and return the first line that starts with SSH-, or raise OSError."""
    with (
        socket.create_connection((LOOPBACK, port), timeout=timeout) as sock,
        sock.makefile("rb") as lines,
    ):
        for line in lines:
            if line.startswith(b"SSH-"):
                return line.strip().decode()
    raise ConnectionError("closed without an identification line")


def wait_until(condition, describe=str, timeout=10):
    """Look until condition() is true; past timeout seconds fail with describe()'s text."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, describe()[-4000:]
        time.sleep(0.01)


def reset(sock):
    """Close with RST instead of FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


class Scripted:
    """Calls handler(connection) in a thread for each client that connects."""

    def __init__(self, handler):
        self.handler = handler
        self.listener = socket.create_server((LOOPBACK, 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.connections = []
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self):
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(conn)
            threading.Thread(target=self._serve, args=(conn,), daemon=True).start()

    def _serve(self, conn):
        with contextlib.suppress(OSError), conn:
            self.handler(conn)

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for conn in self.connections:
            with contextlib.suppress(OSError):
                conn.shutdown(socket.SHUT_RDWR)


def echo(conn):
    """Sends back what comes, until the other side has ended."""
    while data := conn.recv(65536):
        conn.sendall(data)


def exchange(sock, size, seed=1):
    """Send size bytes and read them back at the same time; then the end, both ways."""
    data = (hashlib.sha256(str(seed).encode()).digest() * (size // 32 + 1))[:size]
    back = hashlib.sha256()

    def read():
        while got := sock.recv(65536):
            back.update(got)

    reader = threading.Thread(target=read)
    reader.start()
    sock.sendall(data)
    sock.shutdown(socket.SHUT_WR)
    reader.join(timeout=25)
    assert not reader.is_alive(), "no end"
    assert back.digest() == hashlib.sha256(data).digest()


class Fault:
    """What happens to one proxied connection.

    up, down: bytes that pass from and to the client before the fault; None: all.
    how: "fin" closes both ends, "reset" sends RST, "stall" passes nothing more.
    chunk: most bytes that one send carries; flip: (direction, offset) of a byte to change.
    """

    def __init__(self, up=None, down=None, how="fin", chunk=65536, flip=None):
        self.left = {"up": up, "down": down}
        self.how = how
        self.chunk = chunk
        self.flip = flip


class Proxy:
    """A TCP proxy in front of port. Connection number n suffers fault(n), a Fault or None.

    passed[n] = {"up": bytearray, "down": bytearray}, all that passed.
    """

    def __init__(self, port, fault=lambda n: None):
        self.target = port
        self.fault = fault
        self.passed = []
        self.hold = threading.Event()
        self.server = Scripted(self._serve)
        self.port = self.server.port
        self.lock = threading.Lock()

    def close(self):
        self.server.close()

    def _serve(self, client):
        with self.lock:
            number = len(self.passed)
            passed = {"up": bytearray(), "down": bytearray()}
            self.passed.append(passed)
        fault = self.fault(number) or Fault()
        with socket.create_connection((LOOPBACK, self.target)) as server:
            for sock in (client, server):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._copy(client, server, fault, passed)

    def _copy(self, client, server, fault, passed):
        pairs = {client: (server, "up"), server: (client, "down")}
        with selectors.DefaultSelector() as selector:
            for sock in pairs:
                selector.register(sock, selectors.EVENT_READ)
            while selector.get_map():
                for key, _ in selector.select():
                    target, way = pairs[key.fileobj]
                    data = key.fileobj.recv(fault.chunk)
                    if self.hold.is_set():
                        continue
                    if not data:
                        # Half of the connection has ended; the other half goes on.
                        selector.unregister(key.fileobj)
                        with contextlib.suppress(OSError):
                            target.shutdown(socket.SHUT_WR)
                        continue
                    left = fault.left[way]
                    if left is not None:
                        data, cut = data[:left], len(data) >= left
                        fault.left[way] = left - len(data)
                    else:
                        cut = False
                    data = self._flipped(data, fault, way, len(passed[way]))
                    passed[way] += data
                    target.sendall(data)
                    if cut:
                        self._cut(client, server, fault.how)
                        return

    @staticmethod
    def _flipped(data, fault, way, start):
        if fault.flip is None or fault.flip[0] != way:
            return data
        at = fault.flip[1] - start
        if not 0 <= at < len(data):
            return data
        return data[:at] + bytes([data[at] ^ 0x01]) + data[at + 1 :]

    @staticmethod
    def _cut(client, server, how):
        if how == "reset":
            reset(client)
        elif how == "stall":
            # Nothing more passes; the client alone can end it.
            with contextlib.suppress(OSError):
                while client.recv(65536):
                    pass
