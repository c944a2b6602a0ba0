"""SSH on DOS, in QEMU: time, speed beside plain TCP, size of the executable by part, memory.

python -m bench.dos [--rounds N] [--size MIB] [--elf FILE]; scripts/bench dos does it.
"""

import argparse
import re
import statistics
import sys
import textwrap
from pathlib import Path

from harness.dos import GUEST_HOST, MPYTHON, Guest
from harness.mpy import REPO
from harness.net import Scripted
from harness.servers import Site, Sshd

BLOCK = 65536
PARTS = (
    ("_ssh: Rust core", ("/ssh/",)),
    ("_ssh: glue in C", ("/mpy-glue/",)),
    ("lwIP", ("/lwip/",)),
    ("frozen modules", ("/frozen_content",)),
    ("MicroPython", ("/py/", "/extmod/", "/shared/", "/lib/")),
    ("the port: network", ("/net/",)),
    ("the port: C library", ("/libc/",)),
    ("the port", ("",)),
)

HEAD = """
import gc, socket, time, dos, dosnet
def dial(port):
    sock = socket.socket()
    sock.connect(socket.getaddrinfo(HOST, port)[0][-1])
    return sock
def used():
    gc.collect()
    return gc.mem_alloc(), dos.memory()
def login():
    sock = dial(PORT)
    s = _ssh.Session(sock, hostkey=FINGERPRINT, timeout=600)
    s.userauth_publickey(USER, KEY)
    return s
def timed(what, work):
    gc.collect()
    start = time.ticks_ms()
    work()
    print(what, time.ticks_diff(time.ticks_ms(), start))
"""

MEMORY = """
print("start", used())
dosnet.up()
print("net", used())
import _ssh
KEY = open("C:/KEY", "rb").read()
print("import", used())
sessions = []
for n in range(4):
    sessions.append(login())
    print("session", used())
c = sessions[0].open_session()
print("channel", used())
sftp = sessions[1].sftp()
f = sftp.open(FILE)
f.read(1)
print("sftp", used())
"""

SPEED = """
import _ssh, io
dosnet.up()
KEY = open("C:/KEY", "rb").read()
buf = bytearray(32768)
class Out(io.IOBase):
    def __init__(self):
        self.size = 0
    def write(self, data):
        self.size += len(data)
        return len(data)
class In(io.IOBase):
    def __init__(self):
        self.left = SIZE
    def readinto(self, b):
        n = min(len(b), self.left)
        self.left -= n
        return n
def tcp_get():
    sock = dial(SOURCE)
    left = SIZE
    while left:
        n = sock.readinto(buf)
        assert n
        left -= n
    sock.close()
def tcp_put():
    sock = dial(SINK)
    left = SIZE
    while left:
        left -= sock.write(memoryview(buf)[:min(left, len(buf))])
    assert sock.read(1) == b"."
    sock.close()
def sftp_get(sftp):
    assert sftp.get(FILE, Out()) == SIZE
def sftp_put(sftp):
    assert sftp.put(In(), "/dev/null") == SIZE
def sftp_get_disk(sftp):
    with open("C:/BIG.BIN", "wb") as file:
        assert sftp.get(FILE, file) == SIZE
for n in range(ROUNDS):
    timed("login", lambda: login().close())
for n in range(ROUNDS):
    timed("tcp_get", tcp_get)
    timed("tcp_put", tcp_put)
    with login() as s, s.sftp() as sftp:
        timed("sftp_get", lambda: sftp_get(sftp))
        timed("sftp_put", lambda: sftp_put(sftp))
with login() as s, s.sftp() as sftp:
    timed("sftp_get_disk", lambda: sftp_get_disk(sftp))
"""


def source(size):
    """A handler that sends size bytes."""

    def send(conn):
        block = bytes(BLOCK)
        left = size
        while left:
            left -= conn.send(block[:left])

    return send


def sink(size):
    """A handler that takes size bytes and says so."""

    def take(conn):
        left = size
        while left:
            left -= len(conn.recv(BLOCK))
        conn.sendall(b".")

    return take


def program(names, text):
    head = "".join(f"{name} = {value!r}\n" for name, value in names.items())
    return head + textwrap.dedent(HEAD) + text


def speeds(guest, names, rounds, size):
    names = {**names, "ROUNDS": rounds, "SIZE": size}
    with_servers = Scripted(source(size)), Scripted(sink(size))
    try:
        names |= {"SOURCE": with_servers[0].port, "SINK": with_servers[1].port}
        done = guest.run(program(names, SPEED), timeout=1200, check=True)
    finally:
        for server in with_servers:
            server.close()
    found = {}
    for line in done.stdout.splitlines():
        what, _, milliseconds = line.partition(" ")
        found.setdefault(what, []).append(int(milliseconds) / 1000)
    return {what: statistics.median(times) for what, times in found.items()}


def print_speeds(times, size):
    print(f"login (connect to authenticated)  {times['login']:8.3f} s")
    rate = {what: size / 1024 / seconds for what, seconds in times.items() if what != "login"}
    for way in ("get", "put"):
        tcp, sftp = rate[f"tcp_{way}"], rate[f"sftp_{way}"]
        print(f"{way}: plain TCP {tcp:8.0f} KiB/s, SFTP {sftp:8.0f} KiB/s, ratio {sftp / tcp:.2f}")
    print(f"get to a file on C:               {rate['sftp_get_disk']:8.0f} KiB/s")


def memory(guest, names):
    done = guest.run(program(names, MEMORY), timeout=300, check=True)
    last = None
    print("\nmemory in bytes: heap in use, free conventional, largest free extended")
    for line in done.stdout.splitlines():
        what, _, rest = line.partition(" ")
        heap, low, high = map(int, re.findall(r"-?\d+", rest))
        more = f"  (+{heap - last[0]}, {low - last[1]:+}, {high - last[2]:+})" if last else ""
        print(f"{what:8} {heap:9} {low:9} {high:10}{more}")
        last = heap, low, high
    print(f"conventional memory before the program: {done.free[0] * 16}")


def sizes(elf_map):
    """{part: bytes of what is loaded} from the linker's map."""
    found = {}
    pattern = re.compile(r"^ (\.\S+|COMMON)(?:\n|) +0x([0-9a-f]+) +0x([0-9a-f]+) (\S+)$", re.M)
    for section, address, size, path in pattern.findall(Path(elf_map).read_text()):
        kind = "bss" if section.startswith((".bss", "COMMON")) else "file"
        if not int(address, 16) or not section.startswith(
            (".text", ".rodata", ".data", ".bss", "COMMON")
        ):
            continue
        inside = path[path.rfind("build/dos") :] if "build/dos" in path else path
        part = next(name for name, keys in PARTS if any(key in inside for key in keys))
        count = found.setdefault(part, {"file": 0, "bss": 0})
        count[kind] += int(size, 16)
    return found


def print_sizes(elf_map, exe, stub):
    found = sizes(elf_map)
    total = exe.stat().st_size
    print(f"\n{exe.name}: {total} bytes")
    loaded = 0
    for name, _ in PARTS:
        if name in found:
            print(f"{name:22} {found[name]['file']:8}   bss {found[name]['bss']:8}")
            loaded += found[name]["file"]
    print(f"{'the extender':22} {stub:8}")
    print(f"{'header, relocations':22} {total - loaded - stub:8}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, default=10, metavar="MIB", help="of a transfer (10)")
    parser.add_argument("--memory", type=int, default=32, metavar="MB")
    parser.add_argument("--cpu", help="as QEMU calls it")
    parser.add_argument("--nic", default="ne2000")
    parser.add_argument("--accel", default="tcg", choices=("tcg", "kvm"))
    parser.add_argument("--map", type=Path, default=REPO / "build/dos/mpython.elf.map")
    parser.add_argument("--stub", type=int, default=11520, help="bytes of the extender")
    args = parser.parse_args()
    size = args.size << 20
    site = Site()
    server = None
    try:
        server = Sshd(site)
        (server.folder / "big").write_bytes(bytes(size))
        names = {
            "HOST": GUEST_HOST, "PORT": server.port, "USER": server.user,
            "FINGERPRINT": server.fingerprint, "FILE": str(server.folder / "big"),
        }  # fmt: skip
        options = {"memory": args.memory, "cpu": args.cpu, "nic": args.nic, "accel": args.accel}
        with Guest(files={"KEY": site.key}, **options) as guest:
            print(
                f"FreeDOS in QEMU (TCG), {args.memory} MB, {args.nic}, {args.size} MiB, ", end=""
            )
            print(f"median of {args.rounds}; boot {guest.boot_seconds:.1f} s")
            start = [guest.run(["-c", "pass"], timeout=300).seconds for _ in range(args.rounds)]
            print(f"start and end of MPYTHON          {statistics.median(start):8.3f} s")
            print_speeds(speeds(guest, names, args.rounds, size), size)
            memory(guest, names)
    finally:
        if server:
            server.close()
        site.close()
    print_sizes(args.map, MPYTHON, args.stub)


if __name__ == "__main__":
    sys.exit(main())
