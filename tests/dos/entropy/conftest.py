"""The DOS port's random source compiled for this machine."""

import ctypes
import os
import subprocess

import pytest
from harness.dos_image import REPO

PORT = REPO / "micropython/ports/dos"
HERE = REPO / "tests/dos/entropy"
PARTS = ["entropy_pool.c", "entropy_health.c", "jitter.c", "seedfile.c"]


def micropython_source():
    """As scripts/lib: MICROPYTHON_DIR, or what it has fetched."""
    given = os.environ.get("MICROPYTHON_DIR")
    found = [given] if given else sorted(map(str, (REPO / "build").glob("micropython-*/")))
    if not found:
        pytest.skip("no MicroPython source: MICROPYTHON_DIR is not set, and none is below build")
    return found[-1]


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    made = tmp_path_factory.mktemp("entropy") / "entropy.so"
    source = micropython_source()
    command = ["gcc", "-shared", "-fPIC", "-O1", "-g", "-Wall", "-Wextra", "-Werror"]
    command += ["-fsanitize=undefined", "-fno-sanitize-recover", "-static-libubsan"]
    command += [
        "-include",
        "string.h",
        "-include",
        "stdint.h",
        "-DO_BINARY=0",
        "-Dposix_close=close",
        f"-I{PORT}",
        f"-I{source}",
    ]
    command += ["-o", made, *(PORT / x for x in PARTS), HERE / "host.c"]
    subprocess.run([*command, f"{source}/lib/crypto-algorithms/sha256.c"], check=True)
    return made


@pytest.fixture
def source(library, tmp_path):
    """A fresh one: state of its own for each test."""
    own = tmp_path / "own.so"
    own.write_bytes(library.read_bytes())
    loaded = ctypes.CDLL(str(own))
    loaded.pool_ready.restype = loaded.pool_output.restype = ctypes.c_bool
    loaded.jitter_gather.restype = ctypes.c_bool
    loaded.health_words.restype = loaded.health_bytes.restype = ctypes.c_bool
    loaded.health_entropy.restype = ctypes.c_uint32
    loaded.host_samples.restype = loaded.pool_bits.restype = ctypes.c_uint32
    loaded.health_entropy.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
    loaded.health_bytes.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
    loaded.health_words.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
    loaded.pool_add.argtypes = [
        ctypes.c_uint8,
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_uint32,
    ]
    loaded.pool_output.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
    loaded.pool_stir.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
    loaded.seedfile_take.argtypes = [ctypes.c_char_p]
    return loaded
