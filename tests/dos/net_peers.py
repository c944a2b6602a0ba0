"""What the network tests of a DOS guest talk to, and how they start a guest with either driver."""

import contextlib
import hashlib
import itertools
import random
import socket
import socketserver
import subprocess
import tempfile
import textwrap
import threading
from pathlib import Path

from harness.dos import Guest
from harness.net import LOOPBACK, reset

HERE = Path(__file__).resolve().parent
PACKET_INTERRUPT = 0x60
MARKS = itertools.count(1)
COUNTERS = ("open", "taken", "nobody", "full", "sent")

# What every program here begins with.
PRELUDE = """
import dosnet, errno, hashlib, os, select, socket, sys, time
HOST = "10.0.2.2"
def out(value):
    print("OUT", repr(value))
def dial(port, host=HOST, timeout=None):
    s = socket.socket()
    s.settimeout(timeout)
    s.connect((host, port))
    return s
def tried(f, *args):
    try:
        return f(*args)
    except OSError as exc:
        return exc.args
"""


def packet_driver(source="pktdrv.S", interrupt=PACKET_INTERRUPT, io=0x300, irq=9):
    """PKTDRV.COM, assembled for the card that QEMU has, or another program of its folder."""
    with tempfile.TemporaryDirectory() as folder:
        obj, com = Path(folder) / "p.o", Path(folder) / "p.com"
        symbols = f"-Wa,--defsym,INTERRUPT={interrupt},--defsym,IO={io},--defsym,IRQ={irq}"
        source = HERE / "pktdrv" / source
        subprocess.run(["gcc", "-m16", "-c", symbols, "-o", obj, source], check=True)
        link = ["ld", "-m", "elf_i386", "-Ttext", "0x100", "--oformat", "binary"]
        subprocess.run([*link, "-o", com, obj], check=True)
        return com.read_bytes()


def net_guest(driver="ne2000", **options):
    """A guest whose MPYTHON uses the driver."""
    env = {"MPNIC": driver, **options.pop("env", {})}
    if driver.startswith("packet"):
        options["files"] = {"PKTDRV.COM": packet_driver(), **options.pop("files", {})}
        options["autoexec"] = ["C:\\PKTDRV.COM", *options.pop("autoexec", ())]
    return Guest(env=env, **options)


def run_net(guest, script, *args, up=True, **options):
    """Run a program with PRELUDE, and with the network up."""
    text = PRELUDE + ("dosnet.up()\n" if up else "") + textwrap.dedent(script)
    return guest.run(text, *args, **options)


def begin_net(guest, script, **options):
    """Start a program with PRELUDE, the network up and an empty screen."""
    mark = f"#{next(MARKS)}#"
    clear = f"print('\\x1b[2J\\x1b[H{mark}')\n"
    guest.begin(PRELUDE + clear + "dosnet.up()\n" + textwrap.dedent(script), **options)
    guest.wait_screen(mark)


def counters(guest):
    """The counters of PKTDRV.COM."""
    vector = guest.memory(PACKET_INTERRUPT * 4, 4)
    offset, segment = (int.from_bytes(vector[at : at + 2], "little") for at in (0, 2))
    data = guest.memory(segment * 16 + offset, 12 + 2 * len(COUNTERS))
    assert data[3:11] == b"PKT DRVR", data
    return {
        name: int.from_bytes(data[12 + 2 * i : 14 + 2 * i], "little")
        for i, name in enumerate(COUNTERS)
    }


def pattern(size, seed=1):
    return random.Random(seed).randbytes(size)


def digest(data):
    return hashlib.sha256(data).hexdigest()


class Commands(socketserver.StreamRequestHandler):
    """The client's first line says what the connection is for."""

    def handle(self):
        words = self.rfile.readline().decode().split()
        if words:
            getattr(self, "do_" + words[0])(*map(int, words[1:]))

    def do_get(self, size):
        self.connection.sendall(pattern(size))

    def do_put(self, size):
        data = self.rfile.read(size)
        self.server.received.append(data)
        self.wfile.write(digest(data).encode())

    def do_echo(self):
        while data := self.rfile.read1(65536):
            self.connection.sendall(data)

    def do_reset(self, size):
        """RST after so many bytes."""
        self.connection.sendall(pattern(size))
        self.rfile.readline()  # the client has read them
        reset(self.connection)

    def do_mute(self):
        """Never sends or closes."""
        self.rfile.read()

    def do_endless(self):
        piece = pattern(65536)
        while True:
            self.connection.sendall(piece)


class Peer(socketserver.ThreadingTCPServer):
    """A TCP server on the host's loopback: self.port; received: what do_put got."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self):
        super().__init__((LOOPBACK, 0), Commands)
        self.port = self.server_address[1]
        self.received = []
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def handle_error(self, request, client_address):
        """Connections that end are what the tests are about."""


class UdpEcho:
    """Sends each datagram back."""

    def __init__(self):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((LOOPBACK, 0))
        self.port = self.sock.getsockname()[1]
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while (received := self.sock.recvfrom(65536))[1] is not None:
            self.sock.sendto(*received)

    def close(self):
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)  # wakes the thread, although it fails
        self.thread.join()
        self.sock.close()
