"""Memory of a client process: with a session, with channels on it."""

import subprocess
import time

from harness.mpy import MICROPYTHON

from bench.clients import CHANNELS, PROGRAMS, Call, OpenSSH


def _kib(pid, field):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field))


def _ours(server):
    """KiB of the process and bytes of its heap: interpreter, with a session, with channels."""
    values = [str(server.port), server.user, str(server.site.key), server.public]
    line = [MICROPYTHON, "-X", "heapsize=64m", str(PROGRAMS / "memory.py"), *values]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    return [[int(word) for word in row.split()] for row in done.stdout.splitlines()]


def _openssh(server):
    """KiB of the client with one session, and of the process that each further one is."""
    client = OpenSSH("openssh")
    words = client.line(Call(server, "aes128-ctr", "hmac-sha2-256", "exec", "/dev/null", ""))
    words = [word for word in words[:-1] if word != "-q"] + ["cat"]
    master = server.folder / "memory"
    first = [words[0], "-M", "-S", str(master), *words[1:]]
    with subprocess.Popen(first, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as one:
        while not master.exists() and one.poll() is None:
            time.sleep(0.01)
        more = [words[0], "-S", str(master), *words[1:]]
        with subprocess.Popen(more, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as two:
            two.stdin.write(b"x")
            two.stdin.flush()
            two.stdout.read(1)
            result = _kib(one.pid, "VmRSS"), _kib(two.pid, "VmRSS")
            two.stdin.close()
            two.wait()
        one.stdin.close()
        one.wait()
    return result


def show_memory(server):
    """Print it."""
    (base, base_heap), (session, session_heap), (all_, all_heap) = _ours(server)
    per_session = session_heap - base_heap
    per_channel = (all_heap - session_heap) // CHANNELS
    print("memory: resident KiB of the client process, and bytes of the interpreter's heap")
    print(f"  _ssh        interpreter {base} KiB")
    print(f"              with a session {session} KiB, {per_session} bytes of heap for it")
    print(
        f"              with {CHANNELS} channels {all_} KiB, {per_channel} bytes of heap for each"
    )
    one, two = _openssh(server)
    print(
        f"  openssh     with a session {one} KiB; each further one {two} KiB (a process)\n",
        flush=True,
    )
