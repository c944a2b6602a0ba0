"""DOSBox: the part of a Guest that needs no network, no keyboard and no boot floppy."""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from harness import dos_image
from harness.dos import (
    FOLDER,
    MPYTHON,
    DosResult,
    GuestError,
    GuestHung,
    die_with_parent,
    job_words,
    run_request,
)

CONFIG = """
[sdl]
output=surface
[dosbox]
memsize={memory}
[cpu]
core={core}
cputype={cpu}
cycles=max
[mixer]
nosound=true
[autoexec]
@echo off
mount c "{folder}"
c:
set TEMP=C:\\T
C:\\AGENT.COM FILE
exit
"""


class DosBox:
    """C: is a folder of the host; each program starts a DOSBox of its own.

    cpu: DOSBox's cputype, such as "386_slow", which knows no instruction of later processors.
    """

    def __init__(self, memory=32, files=None, exe=MPYTHON, cpu="auto"):
        self.memory = memory
        self.cpu = cpu
        self.folder = Path(tempfile.mkdtemp(prefix="dosbox-"))
        self.disk = self.folder / "c"
        (self.disk / "T").mkdir(parents=True)
        self.put("AGENT.COM", dos_image.agent().read_bytes())
        if exe is not None and Path(exe).is_file():
            shutil.copy(exe, self.disk / "MPYTHON.EXE")
        for name, data in (files or {}).items():
            self.put(name, data.read_bytes() if isinstance(data, Path) else data)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def ready(self):
        """As Guest.ready(): nothing stays running between programs."""

    def _path(self, name):
        return self.disk / dos_image.dos_path(name)[3:].replace("\\", "/").upper()

    def put(self, name, data):
        path = self._path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def get(self, name):
        try:
            return self._path(name).read_bytes()
        except FileNotFoundError:
            raise GuestError(f"get {name}", 2) from None

    def exists(self, name):
        return self._path(name).exists()

    def remove(self, name):
        self._path(name).unlink(missing_ok=True)

    def mkdir(self, name):
        self._path(name).mkdir()

    def listdir(self, name="C:"):
        return {path.name: path.stat().st_size for path in self._path(name).iterdir()}

    def run(self, script, *args, stdin=b"", timeout=60, check=False, console=False, env=None):
        """As Guest.run()."""
        done = self.exe(job_words(self, script, args), stdin, timeout, console, env)
        if check:
            assert done.returncode == 0 and done.kind == 0, (
                f"exit status {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
            )
        return done

    def exe(self, line, stdin=b"", timeout=60, console=False, env=None):
        """As Guest.exe()."""
        self.put(FOLDER + "\\REQUEST.BIN", run_request(line, console, env))
        self.put(FOLDER + "\\IN.TXT", stdin)
        self.remove(FOLDER + "\\ANSWER.BIN")
        config = self.folder / "dosbox.conf"
        # Only the interpreter asks which processor it is.
        core = "auto" if self.cpu == "auto" else "normal"
        text = CONFIG.format(memory=self.memory, folder=self.disk, cpu=self.cpu, core=core)
        config.write_text(text)
        started = time.monotonic()
        with (self.folder / "log").open("wb") as log:
            process = subprocess.Popen(
                ["dosbox", "-conf", config],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy"},
                preexec_fn=die_with_parent,
            )
            try:
                process.wait(timeout)
            except subprocess.TimeoutExpired:
                raise GuestHung(f"{line}: not done after {timeout} s in DOSBox") from None
            finally:
                process.kill()
                process.wait()
        if not self.exists(FOLDER + "\\ANSWER.BIN"):
            said = (self.folder / "log").read_text(errors="replace")
            raise GuestHung(f"{line}: DOSBox ended\n{said[-2000:]}")
        answer = self.get(FOLDER + "\\ANSWER.BIN")
        if answer[:2] != b"\0\0":
            raise GuestError(line, int.from_bytes(answer[:2], "little"))
        outputs = (self.get(f"{FOLDER}\\{x}.TXT") for x in ("OUT", "ERR"))
        stdout, stderr = (b"", b"") if console else outputs
        return DosResult(answer[2:], stdout, stderr, time.monotonic() - started)
