"""Runs MicroPython programs on the interpreter under test."""

import ast
import os
import subprocess
import tempfile
import textwrap
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
MICROPYTHON = os.environ.get("MICROPYTHON", str(REPO / "build/unix/micropython"))
MPY_LIB = Path(__file__).resolve().parent / "mpy"
# The package as it is here, before the one that is frozen into the interpreter.
MODULES = f"{REPO / 'micropython/modules'}:.frozen"
DOS = os.environ.get("MPY_TARGET") == "dos"  # the interpreter under test is MPYTHON.EXE


class Result:
    """What a program left: returncode, stdout, stderr, and out, the values it gave to out()."""

    def __init__(self, returncode, stdout, stderr):
        self.returncode = returncode
        self.stdout = stdout
        self.stderr = stderr
        self.out = [
            ast.literal_eval(line[4:]) for line in stdout.splitlines() if line.startswith("OUT ")
        ]

    @property
    def one(self):
        """The only value that the program gave to out()."""
        assert len(self.out) == 1, self.out
        return self.out[0]


def command(script, args=(), heapsize=None, params=None):
    """The command line for script (a Path, or program text), and a file to remove afterwards."""
    line = [MICROPYTHON]
    if heapsize:
        line += ["-X", f"heapsize={heapsize}"]
    made = None
    if isinstance(script, Path):
        line.append(str(script))
    else:
        # All on one line, so that line numbers in a traceback are nearly those of the script.
        prelude = (
            f"import sys; sys.path.insert(0, {str(MPY_LIB)!r}); from t import *; import _ssh; "
            f"P.update({params or {}!r})\n"
        )
        handle, made = tempfile.mkstemp(suffix=".py", prefix="mpy-")
        with os.fdopen(handle, "w") as file:
            file.write(prelude + textwrap.dedent(script).lstrip("\n"))
        line.append(made)
    return line + [str(arg) for arg in args], made


def environ():
    """What programs under test find in their environment."""
    return {**os.environ, "MICROPYPATH": MODULES}


def run_mpy(script, *args, heapsize=None, timeout=30, check=True, stdin=None, **params):
    """Run script to its end. params arrive in the program as the dict P.

    check: fail the test unless it exits with status 0. A program that is not done after timeout
    seconds fails the test always.
    """
    if DOS:
        from harness import mpy_dos

        done = mpy_dos.run(script, args, heapsize, timeout, stdin, params)
        if check:
            assert done.returncode == 0, (
                f"exit status {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
            )
        return done
    line, made = command(script, args, heapsize, params)
    try:
        done = subprocess.run(
            line,
            input=stdin,
            capture_output=True,
            timeout=timeout,
            check=False,
            env=environ(),
        )
    except subprocess.TimeoutExpired as late:
        stdout = (late.stdout or b"").decode(errors="replace")
        stderr = (late.stderr or b"").decode(errors="replace")
        raise AssertionError(
            f"not done after {timeout} s\n{stdout[-4000:]}\n{stderr[-4000:]}"
        ) from None
    finally:
        if made:
            os.unlink(made)
    stdout = done.stdout.decode(errors="replace")
    stderr = done.stderr.decode(errors="replace")
    if check:
        assert done.returncode == 0, (
            f"exit status {done.returncode}\n{stdout[-4000:]}\n{stderr[-4000:]}"
        )
    return Result(done.returncode, stdout, stderr)


class Running:
    """A program that runs beside the test: read its lines, send it signals, wait for its end."""

    def __init__(self, script, *args, heapsize=None, **params):
        line, self.made = command(script, args, heapsize, params)
        self.process = subprocess.Popen(
            line,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environ(),
        )
        self.lines = []

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        os.unlink(self.made)

    def value(self):
        """The next value that the program gives to out()."""
        for raw in self.process.stdout:
            line = raw.decode(errors="replace").rstrip("\n")
            self.lines.append(line)
            if line.startswith("OUT "):
                return ast.literal_eval(line[4:])
        raise AssertionError("the program ended:\n" + "\n".join(self.lines))

    def cpu_seconds(self):
        """Processor time used so far, user and system."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def wait(self, timeout=20):
        """Exit status."""
        rest, _ = self.process.communicate(timeout=timeout)
        self.lines += rest.decode(errors="replace").splitlines()
        return self.process.returncode


def run_in_folder(script, server, folder, timeout=30, heapsize=None, before="", **more):
    """What a script prints that finds a session `s`, the folder `D` and what `before` made."""
    head = "s = connect(**P.get('options', {}))\nD = P['folder']\n" + before
    return run_mpy(
        head + textwrap.dedent(script),
        timeout=timeout,
        heapsize=heapsize,
        folder=str(folder),
        **server.params(),
        **more,
    ).out
