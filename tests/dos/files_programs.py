"""What the programs of the file tests have at hand, and how they are run."""

import subprocess
import textwrap

PRELUDE = """
import binascii, errno, gc, hashlib, os, sys, time

def out(value):
    print("OUT " + repr(value))

def err(function, *args):
    "The errno that function raises, None if it raises nothing."
    try:
        function(*args)
    except OSError as e:
        return e.errno

def load(path):
    with open(path, "rb") as file:
        return file.read()

def save(path, data, mode="wb"):
    with open(path, mode) as file:
        return file.write(data)

def pattern(size, seed=0):
    block = bytes((i * 7 + (i >> 8) * 13 + seed) & 0xFF for i in range(10007))
    return (block * (size // len(block) + 1))[:size]

def sha_of(path, chunk=65536):
    digest = hashlib.sha256()
    buf = bytearray(chunk)
    with open(path, "rb") as file:
        while n := file.readinto(buf):
            digest.update(memoryview(buf)[:n])
    return binascii.hexlify(digest.digest()).decode()

"""


def pattern(size, seed=0):
    """The same bytes as the program's pattern()."""
    block = bytes((i * 7 + (i >> 8) * 13 + seed) & 0xFF for i in range(10007))
    return (block * (size // len(block) + 1))[:size]


def run(guest, script, *args, **options):
    """Run a program with the above; it must end well. What it gave to out()."""
    script = PRELUDE + textwrap.dedent(script)
    return guest.run(script, *args, check=True, **options).out


def floppy_image(path, files=None, label="TEST"):
    """A 1.44 MB floppy with files {name: bytes}."""
    with path.open("wb") as image:
        image.truncate(1440 * 1024)
    mtools("mformat", "-i", path, "-f", "1440", "-v", label, "::")
    for name, data in (files or {}).items():
        mtools("mcopy", "-o", "-i", path, "-", f"::{name}", input=data)
    return path


def mtools(*line, **more):
    """What one of mtools prints."""
    done = subprocess.run([str(x) for x in line], check=False, capture_output=True, **more)
    assert done.returncode == 0, (line, done.stderr)
    return done.stdout


def read_floppy(path, name):
    """A file of a floppy image."""
    return mtools("mcopy", "-n", "-i", path, f"::{name}", "-")
