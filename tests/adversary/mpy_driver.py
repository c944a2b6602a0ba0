# Run by the built MicroPython: driver.py port plan.json start. For each case of the plan it runs
# the client's statements and prints one line, "@" and JSON.
import gc
import json
import socket
import sys
import time

import _ssh

PORT = int(sys.argv[1])
CODES = {getattr(_ssh, name): name for name in dir(_ssh) if name.startswith("ERR_")}
# The group PeerError of rust-ssh/src/error.rs, of which most have no constant.
GROUP = (
    "PACKET_LENGTH PADDING MAC MESSAGE UNEXPECTED STRICT_KEX KEX_VALUE SIGNATURE HOST_KEY_CHANGED "
    "HOST_KEY_FORMAT SEQUENCE_WRAP IDENT CHANNEL WINDOW WINDOW_OVERFLOW FLOOD NAME_LIST"
)
for i, name in enumerate(GROUP.split()):
    CODES[_ssh.ERR_PROTOCOL + i] = "ERR_" + name
USER, PASSWORD = "tester", "hunter2-is-secret"


def tcp(number):
    sock = socket.socket()
    source = f"127.1.{number >> 8}.{number & 255}"
    sock.bind(socket.getaddrinfo(source, 0)[0][-1])
    sock.setsockopt(6, 1, 1)  # TCP_NODELAY: thousands of handshakes without waiting for ACKs
    sock.connect(socket.getaddrinfo("127.0.0.1", PORT)[0][-1])
    return sock


class Chopped:
    """A socket in Python whose recv ends at given offsets of the stream.

    cuts: sorted offsets; step: most bytes per call; end: offset where end of file is pretended;
    error: what is raised there instead; flip: offset of a byte to change, with mask.
    """

    def __init__(self, sock, cuts=(), step=0, end=None, error=None, flip=None, mask=1):
        self.sock, self.cuts, self.step, self.end = sock, list(cuts), step, end
        self.error, self.flip, self.mask, self.at = error, flip, mask, 0

    def recv(self, n):
        if self.end is not None:
            n = min(n, self.end - self.at)
            if n <= 0:
                if self.error:
                    raise self.error
                return b""
        if self.step:
            n = min(n, self.step)
        while self.cuts and self.cuts[0] <= self.at:
            self.cuts.pop(0)
        if self.cuts:
            n = min(n, self.cuts[0] - self.at)
        data = self.sock.recv(n)
        if self.flip is not None and self.at <= self.flip < self.at + len(data):
            data = bytearray(data)
            data[self.flip - self.at] ^= self.mask
            data = bytes(data)
        self.at += len(data)
        return data

    def send(self, data):
        return self.sock.send(data)

    def close(self):
        self.sock.close()

    def settimeout(self, seconds):
        self.sock.settimeout(seconds)


class Env:
    """What a case's statements see."""

    def __init__(self, number, timeout):
        self.number, self.timeout, self.socks = number, timeout, []
        self.names = {
            "_ssh": _ssh,
            "gc": gc,
            "time": time,
            "socket": socket,
            "USER": USER,
            "PASSWORD": PASSWORD,
            "tcp": self.tcp,
            "connect": self.connect,
            "login": self.login,
            "Chopped": Chopped,
            "wrong": wrong,
            "want": want,
            "rss": rss,
        }

    def tcp(self):
        sock = tcp(self.number)
        self.socks.append(sock)
        return sock

    def connect(self, sock=None, **kw):
        kw.setdefault("timeout", self.timeout)
        kw.setdefault("hostkey", lambda blob, kind, fingerprint: True)
        return _ssh.Session(sock or self.tcp(), **kw)

    def login(self, sock=None, **kw):
        s = self.connect(sock, **kw)
        s.userauth_password(USER, PASSWORD)
        return s


def wrong(call, *args, **kw):
    """The error of a call as [class, code, text], or None."""
    try:
        call(*args, **kw)
    except Exception as e:  # noqa: BLE001 any error is a result
        return describe(e)


def rss():
    """KiB of this process in memory."""
    with open("/proc/self/status") as f:
        for line in f:
            if line.startswith("VmRSS"):
                return int(line.split()[1])


def want(value, expected):
    if value != expected:
        raise AssertionError(f"{value!r} is not {expected!r}")


def describe(e):
    args = [a if isinstance(a, (int, str)) else repr(a) for a in e.args] + [None, None]
    return [type(e).__name__, CODES.get(args[0], args[0]), args[1], isinstance(e, OSError)]


def main():
    with open(sys.argv[2]) as f:
        plan = json.load(f)
    for i in range(int(sys.argv[3]), len(plan)):
        code, timeout = plan[i]
        env = Env(i, timeout)
        row = {"i": i, "ok": True, "result": None, "error": None}
        began = time.ticks_ms()
        try:
            exec(code, env.names)  # noqa: S102 the plan is ours
            row["result"] = env.names.get("result")
        except Exception as e:  # noqa: BLE001 any error is a result
            row["ok"] = False
            row["error"] = describe(e)
            if "result" in env.names:
                row["result"] = env.names["result"]
        row["ms"] = time.ticks_diff(time.ticks_ms(), began)
        for name in ("c", "ch", "f", "s"):
            if hasattr(env.names.get(name), "close"):
                wrong(env.names[name].close)
        for sock in env.socks:
            sock.close()
        del env
        print("@" + json.dumps(row))
    sys.exit(0)


main()
