"""How long a key takes to be seen: through the program `ssh` and through OpenSSH's client."""

import os
import pty
import select
import signal
import statistics
import time

KEYS = 400
# Fast typists and key repeat come to this.
PAUSE = 0.005
LIMIT = 20


class Typist:
    """A client at a pty, which runs `cat` on a terminal of the other side: that one echoes."""

    def __init__(self, line, env):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                os.execvpe(line[0], [str(word) for word in line], {**os.environ, **env})
            finally:
                os._exit(126)
        try:
            self._until(b"ready")
        except BaseException:
            self.close()
            raise

    def _until(self, text):
        """Read until text has come."""
        seen = b""
        end = time.monotonic() + LIMIT
        while text not in seen:
            ready, _, _ = select.select([self.fd], [], [], end - time.monotonic())
            if not ready:
                raise TimeoutError(f"no {text!r} in {seen[-1000:]!r}")
            seen += os.read(self.fd, 65536)

    def key(self):
        """Seconds from a key to its echo."""
        begin = time.perf_counter()
        os.write(self.fd, b"x")
        self._until(b"x")
        return time.perf_counter() - begin

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


COMMAND = "echo ready; exec cat >/dev/null"


def measure(clients, keys=KEYS, rounds=3):
    """{name: seconds of each key}. clients: {name: (command line without the command, env)}.

    The clients take turns; the first keys of each turn only warm up.
    """
    times = {name: [] for name in clients}
    for _ in range(rounds):
        for name, (line, env) in clients.items():
            typist = Typist([*line, COMMAND], env)
            try:
                for number in range(keys // rounds + 20):
                    took = typist.key()
                    if number >= 20:
                        times[name].append(took)
                    if number % 60 == 59:
                        os.write(typist.fd, b"\r")  # a line of a terminal is not endless
                        typist._until(b"\n")
                    time.sleep(PAUSE)
            finally:
                typist.close()
    return times


def clients_of(server, micropython, known_hosts, sshdir):
    """The program `ssh` of this interpreter, and OpenSSH's, to the same server."""
    where = ["-i", server.site.key, "-p", server.port]
    target = f"{server.user}@127.0.0.1"
    openssh = ["-F", "none", "-o", f"UserKnownHostsFile={known_hosts}"]
    return {
        "ssh.py": ([micropython, "-m", "ssh", "-tt", *where, target], {"SSHDIR": sshdir}),
        "OpenSSH": (["ssh", "-tt", *openssh, *where, target], {}),
    }


def show_latency(server, micropython, folder):
    """A table of medians. Returns the ratio of the medians."""
    known_hosts = folder / "known_hosts"
    known_hosts.write_text(f"[127.0.0.1]:{server.port} {server.public}\n")
    times = measure(clients_of(server, micropython, known_hosts, str(folder)))
    print(f"latency: from a key to its echo, {KEYS} keys each, milliseconds")
    print(f"  {'client':<12}{'median':>9}{'90 %':>9}{'99 %':>9}")
    medians = []
    for name, each in times.items():
        ranks = statistics.quantiles(each, n=100)
        medians.append(statistics.median(each))
        columns = [f"{1000 * value:>9.3f}" for value in (medians[-1], ranks[89], ranks[98])]
        print(f"  {name:<12}{''.join(columns)}")
    print(flush=True)
    return medians[0] / medians[1]
