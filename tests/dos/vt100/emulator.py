"""The DOS console's emulator on this machine: host.c with sanitizers, steered by a pipe."""

import struct
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
PORT = HERE.parents[2] / "micropython/ports/dos"
SANITIZE = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
WARN = ["-Wall", "-Wextra", "-Werror"]

MONO, BLINKS, ONLCR = 1, 2, 4


def build(folder, name):
    """Compiles host.c or fuzz.c with the emulator; the program's path."""
    program = folder / name
    sources = [HERE / f"{name}.c", *sorted(PORT.glob("vt100*.c"))]
    sources += [PORT / "cp437.c", PORT / "keyboard.c"]
    command = ["gcc", *SANITIZE, *WARN, "-I", PORT, "-o", program, *sources]
    subprocess.run(command, check=True)
    return program


class State:
    """What the emulator shows: bytes of code page 437, attributes, the cursor and modes."""

    def __init__(self, header, stream):
        numbers = list(map(int, header.split()))
        self.cols, self.rows, self.x, self.y = numbers[:4]
        self.wrap, self.visible, self.alternate, self.app_cursor = map(bool, numbers[4:8])
        self.bells, answered, self.dirty = numbers[8:]
        self.replies = stream.read(answered)
        cells = stream.read(self.cols * self.rows * 2)
        self.cells = struct.unpack(f"<{self.cols * self.rows}H", cells)

    def codes(self, y):
        return bytes(x & 0xFF for x in self.cells[y * self.cols : (y + 1) * self.cols])

    def attrs(self, y):
        return bytes(x >> 8 for x in self.cells[y * self.cols : (y + 1) * self.cols])

    @property
    def lines(self):
        """The text, without spaces at the ends of lines."""
        return [self.codes(y).decode("cp437").rstrip() for y in range(self.rows)]


class Emulator:
    def __init__(self, program, cols=80, rows=25, base=0x07, flags=BLINKS):
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([program], stdin=pipe, stdout=pipe)
        self.pages = {}
        self.start(cols, rows, base, flags)

    def send(self, text, payload=b""):
        self.process.stdin.write(text.encode() + b"\n" + payload)
        self.process.stdin.flush()

    def start(self, cols=80, rows=25, base=0x07, flags=BLINKS):
        self.send(f"S {cols} {rows} {base} {flags}")

    def write(self, data):
        if isinstance(data, str):
            data = data.encode()
        self.send(f"W {len(data)}", data)
        return self

    def state(self):
        self.send("D")
        return State(self.process.stdout.readline(), self.process.stdout)

    def clean(self):
        self.send("C")

    def soft_reset(self):
        self.send("R")

    def key(self, code, flags=0, app_cursor=False):
        self.send(f"K {code} {flags} {int(app_cursor)}")
        return bytes(map(int, self.process.stdout.readline().split()))

    def cell(self, char):
        """(code in the code page, width) of a character."""
        if char not in self.pages:
            self.send(f"U {ord(char)}")
            self.pages[char] = tuple(map(int, self.process.stdout.readline().split()))
        return self.pages[char]

    def close(self):
        """Ends the program; what a sanitizer found is a failure."""
        self.process.stdin.close()
        status = self.process.wait()
        self.process.stdout.close()
        assert status == 0
