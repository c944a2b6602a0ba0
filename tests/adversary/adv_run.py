"""Serves the scripted peer on loopback and runs client snippets in the built interpreter."""

import json
import os
import socket
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from peer import Peer

ROOT = Path(__file__).resolve().parents[2]
DRIVER = Path(__file__).with_name("mpy_driver.py")
LAST = 0xFFFF  # the number of the connection that ends a run
PEER_TIMEOUT = 20  # seconds that a peer waits for the client before it gives up


def interpreter():
    path = Path(os.environ.get("MICROPYTHON", ROOT / "build" / "unix" / "micropython"))
    return path


class PeerServer:
    """Accepts connections on a loopback port and gives each one to a Peer of its own.

    factory(sock, number) makes the peer; number is what the client's source address says
    (127.1.x.y), so that each connection finds its script whatever happened to others.
    """

    def __init__(self, factory=None, **options):
        self.factory = factory or (lambda sock, number: Peer(sock, **options))
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.peers, self.threads, self.drained = [], [], threading.Event()
        self.acceptor = threading.Thread(target=self.accept, daemon=True)

    def __enter__(self):
        self.acceptor.start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        while True:
            try:
                sock, address = self.listener.accept()
            except OSError:
                return
            sock.settimeout(PEER_TIMEOUT)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            part = [int(x) for x in address[0].split(".")]
            number = part[2] * 256 + part[3]
            if number == LAST:
                self.drained.set()
                continue
            peer = self.factory(sock, number)
            thread = threading.Thread(target=peer.run, daemon=True)
            thread.start()
            self.peers.append(peer)
            self.threads.append(thread)

    def all(self, timeout=PEER_TIMEOUT + 5):
        """The peers of all connections, each at its end."""
        # Connections are accepted in their order: when this one is, no earlier one is left.
        self.drained.clear()
        with socket.socket() as sock:
            sock.bind((f"127.1.{LAST >> 8}.{LAST & 255}", 0))
            sock.connect(("127.0.0.1", self.port))
            assert self.drained.wait(timeout)
        for thread in list(self.threads):
            thread.join(timeout)
            assert not thread.is_alive(), "the peer still runs"
        return list(self.peers)

    def one(self):
        peers = self.all()
        assert len(peers) == 1, f"{len(peers)} connections"
        return peers[0]


@dataclass
class Case:
    """One connection (or more): a peer and what the client does.

    client: MicroPython statements; `connect(**kw)`, `login(**kw)`, `want`, ... as in
    mpy_driver.py; what it leaves in `result` comes back.
    """

    name: str
    peer: dict = field(default_factory=dict)  # options of the peer
    client: str = "s = login(); result = s.exec('echo hello').decode()"
    kind: type = Peer
    timeout: float = 3.0
    check: object = None  # the test's own
    # Results
    ok: bool = None
    result: object = None
    error: tuple = None  # (class name, errno or name of the code, text, whether an OSError)
    ms: int = None
    peers: list = field(default_factory=list)
    died: str = None

    @property
    def last(self):
        assert self.peers, f"{self.name}: the client never connected ({self.error!r})"
        return self.peers[-1]

    @property
    def code(self):
        """ "ERR_..." or an errno."""
        return self.error and self.error[1]

    def alive(self):
        """Neither crashed nor hung: the limit is two deadlines and a second for slow machines."""
        assert self.died is None, self
        assert self.ok is not None, f"{self} never ran"
        assert self.ms < self.timeout * 2000 + 1000, f"too slow: {self}"

    def carried_on(self, result="hello\n"):
        """The client did its work and broke no rule."""
        self.alive()
        assert self.ok, self
        assert self.result == result, self
        for peer in self.peers:
            assert peer.fault is None, self

    def refused(self, *codes, secrets=False):
        """The client raised a clear error, one of codes if given, and gave no secret away."""
        self.alive()
        assert self.ok is False, self
        kind, code, text, is_oserror = self.error
        assert is_oserror and kind in ("SSHError", "OSError"), self
        if kind == "SSHError":
            assert isinstance(code, str) and text and len(text) > 10, self
        if codes:
            assert code in codes, self
        for peer in self.peers:
            assert peer.fault is None, self
            assert secrets or not peer.secrets(), f"{self}: {peer.secrets()!r}"

    def either(self, result="hello\n", secrets=True):
        """A clear error, or the right result."""
        if self.ok:
            self.carried_on(result)
        else:
            self.refused(secrets=secrets)

    def __str__(self):
        faults = [(p.fault, p.error) for p in self.peers]
        return (
            f"{self.name}: ok={self.ok} result={self.result!r} error={self.error!r} "
            f"ms={self.ms} died={self.died} peer={faults!r}"
        )


def run_cases(cases, tmp_path, deadline=60, heap=None):
    """Runs all cases in as few interpreters as possible; a crash or hang costs one case."""

    def make(sock, number):
        case = cases[number]
        peer = case.kind(sock, **case.peer)
        case.peers.append(peer)
        return peer

    with PeerServer(make) as server:
        plan = tmp_path / "plan.json"
        plan.write_text(json.dumps([[c.client, c.timeout] for c in cases]))
        at = 0
        while at < len(cases):
            at = run_some(cases, server.port, plan, at, deadline, heap)
        server.all()
    return cases


def run_some(cases, port, plan, at, deadline, heap):
    """One interpreter from case `at` on; returns where the next has to start."""
    command = [str(interpreter())] + (["-X", "heapsize=" + heap] if heap else [])
    command += [str(DRIVER), str(port), str(plan), str(at)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    err = []
    drain = threading.Thread(target=lambda: err.append(process.stderr.read()), daemon=True)
    drain.start()
    timer = threading.Timer(deadline, process.kill)
    timer.start()
    began = time.monotonic()
    try:
        for line in process.stdout:
            if not line.startswith(b"@"):
                continue
            row = json.loads(line[1:].decode(errors="replace"))
            case = cases[row["i"]]
            case.ok, case.result = row["ok"], row["result"]
            case.error, case.ms = row["error"] and tuple(row["error"]), row["ms"]
            at = row["i"] + 1
        code = process.wait()
    finally:
        timer.cancel()
        if process.poll() is None:
            process.kill()
            process.wait()
        drain.join()
    if at == len(cases) and code == 0:
        return at
    at = min(at, len(cases) - 1)
    hung = time.monotonic() - began >= deadline
    cases[at].died = "{}, exit code {}: {}".format(
        "past the deadline" if hung else "ended", code, err[0].decode(errors="replace")[-400:]
    )
    return at + 1
