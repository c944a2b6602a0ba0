"""The programs on a machine: this one (unix) or FreeDOS in QEMU (dos), from one source."""

import os
import shutil
import subprocess
from pathlib import Path

from harness.dos import GUEST_HOST
from harness.mpy import MICROPYTHON, REPO
from terminals import Terminal

MODULES = REPO / "micropython" / "modules"


class Done:
    """What a program left: returncode, stdout (bytes), stderr (str)."""

    def __init__(self, returncode, stdout, stderr):
        self.returncode = returncode
        self.stdout = stdout
        self.stderr = stderr

    def ok(self):
        assert self.returncode == 0, (self.returncode, self.stdout[-2000:], self.stderr[-2000:])
        return self

    def failed(self, status, *texts):
        """One sentence, no traceback, this exit status."""
        assert self.returncode == status, (self.returncode, self.stdout, self.stderr)
        assert "Traceback" not in self.stderr, self.stderr
        for text in texts:
            assert text in self.stderr, self.stderr
        return self


class Machine:
    """Where the programs run. Names of files are those that DOS can hold."""

    def login(self, server):
        """Options that log in with the test key."""
        return ["-i", self.key, *self.port(server)]

    def port(self, server):
        return ["-o", f"Port={server if isinstance(server, int) else server.port}"]

    def target(self, server):
        return f"{server.user}@{self.host}"

    def trust(self, *servers):
        """The known-hosts file has these servers, and nothing else."""
        self.set_known("".join(f"[{self.host}]:{each.port} {each.public}\n" for each in servers))

    def ssh(self, server, *args, **more):
        return self.run("ssh", *self.login(server), self.target(server), *args, **more)


class Unix(Machine):
    kind = "unix"
    host = "127.0.0.1"

    def __init__(self, folder, site):
        self.folder = folder
        self.sshdir = folder / "sshdir"
        self.sshdir.mkdir()
        self.known_file = str(self.sshdir / "known_hosts")
        # That of the whole machine may ask for something else.
        self.config_file = str(self.sshdir / "config")
        self.set_config("HashKnownHosts no\n")
        self.key = str(site.key)

    def path(self, name):
        return str(self.folder / name)

    def put(self, name, data):
        Path(self.path(name)).write_bytes(data)

    def get(self, name):
        return Path(self.path(name)).read_bytes()

    def exists(self, name):
        return Path(self.path(name)).exists()

    def set_config(self, text):
        Path(self.config_file).write_text(text)

    def set_known(self, text):
        Path(self.known_file).write_text(text)

    def known(self):
        path = Path(self.known_file)
        return path.read_text() if path.exists() else ""

    def add_key(self, name, path):
        """A private key as a file of the machine."""
        shutil.copy(path, self.folder / name)
        return self.path(name)

    def environ(self, env=None):
        path = f"{MODULES}:.frozen"
        # An agent of who runs the tests would log in where nobody is meant to.
        own = {"MICROPYPATH": path, "SSHDIR": str(self.sshdir), "SSH_AUTH_SOCK": ""}
        return {**os.environ, **own, **(env or {})}

    def line(self, program, args, heapsize=None):
        line = [MICROPYTHON, *(["-X", f"heapsize={heapsize}"] if heapsize else [])]
        return [*line, "-m", program, *map(str, args)]

    def run(self, program, *args, stdin=b"", timeout=30, heapsize=None, env=None):
        done = subprocess.run(
            self.line(program, args, heapsize),
            input=stdin,
            capture_output=True,
            timeout=timeout,
            check=False,
            cwd=self.folder,
            env=self.environ(env),
            start_new_session=True,
        )
        return Done(done.returncode, done.stdout, done.stderr.decode(errors="replace"))

    def beside(self, program, args):
        """The program beside the test: a Popen whose outputs are the test's to read."""
        return subprocess.Popen(
            self.line(program, args),
            cwd=self.folder,
            env=self.environ(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def script(self, text):
        """A program of MicroPython that imports `ssh`."""
        self.put("job.py", text.encode())
        return self.run("job")

    def terminal(self, program, *args, **more):
        """The program at a terminal of its own."""
        return Terminal(self.line(program, args), cwd=self.folder, env=self.environ(), **more)


class Dos(Machine):
    kind = "dos"
    host = GUEST_HOST
    folder = "C:\\W"
    known_file = "C:\\SSH\\KNOWN.HST"
    config_file = "C:\\SSH\\SSH.CFG"

    def __init__(self, guest, site):
        self.guest = guest
        for folder in (self.folder, "C:\\SSH"):
            if not guest.exists(folder):
                guest.mkdir(folder)
        self.key = self.add_key("ID", site.key)
        guest.remove(self.known_file)
        guest.remove(self.config_file)

    def path(self, name):
        return f"{self.folder}\\{name.upper()}"

    def put(self, name, data):
        self.guest.put(self.path(name), data)

    def get(self, name):
        return self.guest.get(self.path(name))

    def exists(self, name):
        return self.guest.exists(self.path(name))

    def set_config(self, text):
        self.guest.put(self.config_file, text.encode())

    def set_known(self, text):
        self.guest.put(self.known_file, text.encode())

    def known(self):
        exists = self.guest.exists(self.known_file)
        return self.guest.get(self.known_file).decode() if exists else ""

    def add_key(self, name, path):
        self.put(name, Path(path).read_bytes())
        return self.path(name)

    def run(self, program, *args, stdin=b"", timeout=90, heapsize=None, env=None):
        env = {"SSHDIR": "C:\\SSH", **(env or {})}
        done = self.guest.run(["-m", program, *args], stdin=stdin, timeout=timeout, env=env)
        return Done(done.returncode, done.raw, done.stderr)

    def script(self, text):
        done = self.guest.run(text, env={"SSHDIR": "C:\\SSH"}, timeout=60)
        return Done(done.returncode, done.raw, done.stderr)

    def clear(self):
        """An empty screen, so that nothing old is taken for something new."""
        self.guest.begin_exe("A:\\COMMAND.COM /C CLS")
        self.guest.end()

    def begin(self, program, *args):
        """The program on the screen, its keys from the keyboard."""
        self.guest.begin(["-m", program, *args], env={"SSHDIR": "C:\\SSH"})
