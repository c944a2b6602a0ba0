"""What the tests of noise say of good and of broken sources."""

import ctypes
import math
import random
import struct

import pytest

CLAIM = 192  # 3/4 bit for each sample, in 1/256 bit
MORE, FULL, ALARM = range(3)


def beat(step, n=100_000):
    """Two clocks: how many ticks of the one fall into a fixed time of the other."""
    return [int((i + 1) * step) - int(i * step) for i in range(n)]


def congruential(n=100_000, period_bits=8):
    x, found = 1, []
    for _ in range(n):
        x = (x * 5 + 3) % (1 << period_bits)
        found.append(x)
    return found


BROKEN = {
    "constant": [37] * 5000,
    "zero": [0] * 5000,
    "alternating": [37, 38] * 2500,
    "of three": [5, 9, 200] * 1700,
    "counting": list(range(5000)),
    "counting by seven": list(range(0, 35000, 7)),
    "counting slowly": [i // 8 for i in range(40000)],
    "counting very slowly": [i // 100 for i in range(100_000)],
    "counting every 19 samples": [i // 19 for i in range(100_000)],
    "counting down": list(range(5000, 0, -1)),
    "speeding up": [i * i // 2 for i in range(5000)],
    "saw tooth": [i % 61 for i in range(5000)],
    "long period": congruential(period_bits=8),
    "period of 450": [random.Random(4).randrange(256) for _ in range(450)] * 100,
    "beat of the golden mean": beat((1 + math.sqrt(5)) / 2),
    "beat of pi": beat(10 + math.pi),
    "beat of e, slow": beat(100 + math.e / 100),
    "beat of the square root of 2": beat(119.41421356),
    "now and then another": [200 if i % 100 == 99 else 7 for i in range(5000)],
    "stuck after a good time": [random.Random(5).randrange(256) for _ in range(900)] + [1] * 9000,
    "one value in 20 random": [
        random.Random(i).randrange(256) if random.Random(-i).random() < 0.04 else 9
        for i in range(20000)
    ],
}


def deltas(values):
    return (ctypes.c_uint32 * len(values))(*[v & 0xFFFF for v in values])


def gather(source, values, ms=5000):
    """(pool ready, blocks, credited, alarms, entropy of the last)"""
    given = deltas(values)
    source.host_deltas(given, len(values))
    ready = source.jitter_gather(ms)
    report = (ctypes.c_uint32 * 4)()
    source.host_report(report)
    return ready, *report


def samples(values):
    return bytes(v & 255 for v in values)


@pytest.mark.parametrize("name", BROKEN)
def test_broken_source_gives_nothing(source, name):
    ready, blocks, credited, alarms, _ = gather(source, BROKEN[name])
    assert not ready
    assert not source.pool_ready()
    assert credited == 0, (blocks, alarms)
    assert source.pool_bits() == 0
    assert not source.pool_output(ctypes.create_string_buffer(32), 32)
    # It has been looked at long enough.
    assert blocks >= 2 or alarms >= 16


@pytest.mark.parametrize(
    "noise",
    [
        lambda r: r.randrange(256),
        lambda r: 100 + r.randrange(4),
        lambda r: 119 + (r.random() < 0.4) + (r.random() < 0.2) * 5,
        lambda r: int(r.gauss(200, 3)),
    ],
)
def test_noise_is_believed_in_part(source, noise):
    chance = random.Random(7)
    ready, blocks, credited, alarms, entropy = gather(
        source, [noise(chance) for _ in range(60_000)]
    )
    assert ready and alarms == 0
    # The first block is the start-up test and earns nothing; at most 1/8 bit of a sample counts.
    assert credited <= blocks - 1
    assert source.host_samples() >= 1024 + 256 * 8
    assert entropy >= CLAIM


@pytest.mark.parametrize("p", [0.5, 0.7, 0.8])
def test_entropy_is_not_overrated(source, p):
    """Of independent samples with a known most frequent value."""
    chance = random.Random(8)
    for _ in range(20):
        block = [0 if chance.random() < p else 1 + chance.randrange(200) for _ in range(1024)]
        assert source.health_entropy(samples(block), 1024) <= -math.log2(p) * 256 * 1.1


def test_entropy_of_a_beat_with_little_noise(source):
    """The pattern that varies and can be guessed counts for nothing, the noise on it does."""
    chance = random.Random(9)
    pattern = beat(10 + math.pi, 1024)
    noisy = [v + (chance.random() < 0.02) for v in pattern]
    assert source.health_entropy(samples(pattern), 1024) < 16
    assert source.health_entropy(samples(noisy), 1024) < CLAIM


def test_repetition_and_proportion(source):
    state = ctypes.create_string_buffer(source.host_health_size())
    source.health_reset(state)
    results = [source.health_sample(state, 7) for _ in range(41)]
    assert results == [MORE] * 40 + [ALARM]
    # Never more than a few in a row, but far too many of one: 19 of 20.
    values = [9 if i % 20 else 1 + i % 200 for i in range(1, 600)]
    results = [source.health_sample(state, v) for v in values]
    assert ALARM in results[: 371 + 30]
    # After an alarm the start-up test begins again.
    source.health_reset(state)
    chance = random.Random(1)
    results = [source.health_sample(state, chance.randrange(256)) for _ in range(1024)]
    assert results == [MORE] * 1023 + [FULL]


def test_an_alarm_takes_back_what_was_not_credited(source):
    chance = random.Random(10)
    # A good start, then stuck, over and over, before a second block is full.
    values = ([chance.randrange(256) for _ in range(1500)] + [3] * 150) * 50
    ready, _, credited, alarms, _ = gather(source, values, ms=10**6)
    assert (ready, credited) == (False, 0) and alarms >= 16


def words(values):
    return struct.pack(f"<{len(values)}I", *values)


def test_words_of_the_processor(source):
    chance = random.Random(11)
    good = [chance.randrange(1, 2**32 - 1) for _ in range(64)]
    assert source.health_words(words(good), 64)
    assert not source.health_words(words([0xFFFFFFFF] * 64), 64)
    assert not source.health_words(words([0] * 64), 64)
    assert not source.health_words(words([0x12345678] * 64), 64)
    assert not source.health_words(words(good[:40] + [0xFFFFFFFF] + good[41:]), 64)
    assert not source.health_words(words(good[:40] + [good[39]] + good[41:]), 64)
    assert not source.health_words(words(range(1, 65)), 64)
    assert not source.health_words(words([0x12345678, 0x9ABCDEF0] * 32), 64)
    # Too few to tell.
    assert not source.health_words(words(good[:15]), 15)


def test_bytes_of_a_seed(source):
    chance = random.Random(12)
    for n in (32, 64, 512):
        for _ in range(200):
            assert source.health_bytes(chance.randbytes(n), n)
        assert not source.health_bytes(bytes(n), n)
        assert not source.health_bytes(
            (b"The quick brown fox jumps over the lazy dog. " * 20)[:n], n
        )
        assert not source.health_bytes(chance.randbytes(n // 2).hex().encode(), n)
    assert not source.health_bytes(chance.randbytes(31), 31)
