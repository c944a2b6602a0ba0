"""The pool and its generator, the seed file."""

import ctypes
import hashlib
import os
import resource
import struct

import pytest

CREDIT_BIT = 256
PROGRAM = 6
UNREAD, NONE, POOR, FIXED, USED = range(5)


def sha(use, key, more=b""):
    return hashlib.sha256(struct.pack("<I", use) + key + more).digest()


def output(source, n):
    found = ctypes.create_string_buffer(n)
    return found.raw if source.pool_output(found, n) else None


def test_output_is_the_hash_chain_that_is_meant(source):
    data = bytes(range(32))
    pool = struct.pack("<II", PROGRAM, 32) + data
    source.pool_add(PROGRAM, data, 32, 256 * CREDIT_BIT)
    key = sha(2, bytes(32), hashlib.sha256(pool).digest())
    for n in (1, 32, 33, 100):
        blocks = b"".join(sha(0, key, struct.pack("<I", i)) for i in range(4))
        assert output(source, n) == blocks[:n]
        key = sha(1, key)
    source.pool_stir(b"moment", 6)
    key = sha(3, key, b"moment")
    assert output(source, 32) == sha(0, key, bytes(4))


def test_nothing_before_it_is_seeded(source):
    for i in range(255):
        source.pool_add(PROGRAM, bytes([i]), 1, CREDIT_BIT)
        assert not source.pool_ready() and output(source, 8) is None
        source.pool_stir(b"x", 1)
    source.pool_add(PROGRAM, b"y", 1, 0)
    assert source.pool_bits() == 255 and output(source, 8) is None
    source.pool_add(PROGRAM, b"z", 1, CREDIT_BIT)
    assert source.pool_ready() and len(output(source, 8)) == 8
    assert source.pool_bits() == 0


def test_seeded_again_all_at_once(source):
    """What comes later changes the key only when it is enough, so that nobody can follow."""
    source.pool_add(PROGRAM, bytes(32), 32, 256 * CREDIT_BIT)
    pool = hashlib.sha256(struct.pack("<II", PROGRAM, 32) + bytes(32)).digest()
    key = sha(2, bytes(32), pool)
    source.pool_add(PROGRAM, b"little", 6, 48 * CREDIT_BIT)
    assert output(source, 32) == sha(0, key, bytes(4))
    source.pool_add(PROGRAM, b"more", 4, 0xFFFFFFFF)
    assert output(source, 32) != sha(0, sha(1, key), bytes(4))


def test_wiped(source):
    source.pool_add(PROGRAM, bytes(32), 32, 256 * CREDIT_BIT)
    source.pool_wipe()
    assert not source.pool_ready() and output(source, 8) is None


@pytest.fixture
def folder(tmp_path, monkeypatch, source):
    monkeypatch.delenv("MPSEED", raising=False)
    given = (ctypes.c_uint32 * 4)(11, 17, 3, 29)
    source.host_deltas(given, 4)
    source.given = given
    return tmp_path


def take(source, folder):
    source.seedfile_take(str(folder / "MPYTHON.EXE").encode())
    return source.host_seedfile()


def test_seed_is_replaced_before_it_counts(source, folder):
    seed = os.urandom(64)
    file = folder / "MPSEED.BIN"
    file.write_bytes(seed)
    assert take(source, folder) == USED
    assert source.pool_ready()
    after = file.read_bytes()
    assert len(after) == 64 and after != seed
    source.seedfile_leave()
    left = file.read_bytes()
    assert len(left) == 64 and left not in (seed, after)


def test_seed_of_another_size(source, folder):
    file = folder / "MPSEED.BIN"
    file.write_bytes(os.urandom(512))
    assert take(source, folder) == USED
    assert file.stat().st_size == 64


def test_no_seed(source, folder):
    assert take(source, folder) == NONE
    assert not source.pool_ready()
    source.seedfile_leave()
    assert not (folder / "MPSEED.BIN").exists()
    source.pool_add(PROGRAM, os.urandom(32), 32, 256 * CREDIT_BIT)
    source.seedfile_leave()
    assert (folder / "MPSEED.BIN").stat().st_size == 64


@pytest.mark.parametrize(
    "content",
    [b"", bytes(range(31)), bytes(64), b"words that somebody has typed, more than 32"],
    ids=["empty", "short", "zeros", "words"],
)
def test_poor_seed_is_never_made_to_look_good(source, folder, content):
    file = folder / "MPSEED.BIN"
    file.write_bytes(content)
    assert take(source, folder) == POOR
    assert not source.pool_ready() and source.pool_bits() == 0
    assert file.read_bytes() == content


def test_somebody_elses_file_is_left_alone(source, folder):
    file = folder / "MPSEED.BIN"
    data = os.urandom(5000)
    file.write_bytes(data)
    assert take(source, folder) == NONE
    source.pool_add(PROGRAM, os.urandom(32), 32, 256 * CREDIT_BIT)
    source.seedfile_leave()
    assert file.read_bytes() == data


def test_named_by_the_environment(source, folder, monkeypatch):
    """Also by a relative name, after which the program goes elsewhere."""
    (folder / "a").mkdir()
    (folder / "b").mkdir()
    monkeypatch.setenv("MPSEED", "seed.bin")
    monkeypatch.chdir(folder / "a")
    # Python's environment is the C library's.
    seed = os.urandom(64)
    (folder / "a/seed.bin").write_bytes(seed)
    assert take(source, folder) == USED
    monkeypatch.chdir(folder / "b")
    now = (folder / "a/seed.bin").read_bytes()
    source.seedfile_leave()
    assert (folder / "a/seed.bin").read_bytes() not in (seed, now)
    assert not list((folder / "b").iterdir())


def test_seed_that_cannot_be_replaced_counts_for_nothing(source, folder):
    file = folder / "MPSEED.BIN"
    seed = os.urandom(64)
    file.write_bytes(seed)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        state = take(source, folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert state == FIXED and file.read_bytes() == seed
    assert not source.pool_ready() and source.pool_bits() == 0
