"""The part of the paramiko server that forwards TCP connections."""

import contextlib
import socket
import threading

import paramiko


def copy(read, write, done):
    with contextlib.suppress(OSError, EOFError):
        while data := read(32768):
            write(data)
    with contextlib.suppress(OSError, EOFError):
        done()


def join(channel, sock):
    """Copy both ways until both have ended."""

    def end_sock():
        sock.shutdown(socket.SHUT_WR)

    back = threading.Thread(
        target=copy, args=(sock.recv, channel.sendall, channel.shutdown_write), daemon=True
    )
    back.start()
    copy(channel.recv, sock.sendall, end_sock)
    back.join()
    channel.close()
    sock.close()


class Tunnels:
    """Mixed into a paramiko.ServerInterface."""

    def __init__(self, transport):
        self.transport = transport
        self.listeners = {}
        self.targets = {}
        self.queue = transport._queue_incoming_channel
        transport._queue_incoming_channel = self.opened

    def check_channel_direct_tcpip_request(self, chanid, origin, destination):
        try:
            sock = socket.create_connection(destination, timeout=10)
        except OSError:
            return paramiko.OPEN_FAILED_CONNECT_FAILED
        sock.settimeout(None)
        self.targets[chanid] = sock
        return paramiko.OPEN_SUCCEEDED

    def opened(self, channel):
        """A channel is confirmed."""
        self.queue(channel)  # which keeps it alive
        sock = self.targets.pop(channel.get_id(), None)
        if sock:
            threading.Thread(target=join, args=(channel, sock), daemon=True).start()

    def check_port_forward_request(self, address, port):
        try:
            listener = socket.create_server((address or "127.0.0.1", port))
        except OSError:
            return False
        bound = listener.getsockname()[1]
        self.listeners[address, bound] = listener
        threading.Thread(
            target=self.serve_forward, args=(listener, address, bound), daemon=True
        ).start()
        return bound

    def cancel_port_forward_request(self, address, port):
        listener = self.listeners.pop((address, port))
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()

    def serve_forward(self, listener, address, port):
        with contextlib.suppress(OSError):
            while True:
                sock, origin = listener.accept()
                threading.Thread(
                    target=self.forward, args=(sock, origin, (address, port)), daemon=True
                ).start()

    def forward(self, sock, origin, destination):
        with sock, contextlib.suppress(paramiko.SSHException, EOFError):
            channel = self.transport.open_channel("forwarded-tcpip", destination, origin)
            join(channel, sock)
