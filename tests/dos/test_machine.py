"""The module machine on the guest."""

import datetime
import time

import pytest

REFUSED = "date or time that DOS cannot hold"


def values(guest, script, timeout=30):
    """What a program prints, one Python value for each line."""
    done = guest.run(script, timeout=timeout, check=True)
    return [eval(line) for line in done.stdout.splitlines()]


def test_rtc_reads_doss_clock(guest):
    set_to = datetime.datetime(2031, 7, 9, 16, 45, 30)
    guest.int21(0x2B00, cx=set_to.year, dx=set_to.month << 8 | set_to.day)
    guest.int21(0x2D00, cx=set_to.hour << 8 | set_to.minute, dx=set_to.second << 8)
    at = values(guest, "import machine; print(machine.RTC().datetime())")[0]
    assert at[3] == set_to.weekday() and 0 <= at[7] < 1000000
    read = datetime.datetime(*at[:3], *at[4:7])
    assert datetime.timedelta(seconds=-1) <= read - set_to < datetime.timedelta(seconds=60)


@pytest.mark.freedos("DOSBox has no clock that can be set")
def test_rtc_sets_doss_clock(guest):
    script = """
        import machine
        rtc = machine.RTC()
        rtc.datetime((1999, 2, 28, 3, 23, 58, 10, 500000))
        print(rtc.datetime())
        rtc.datetime([2096, 2, 29, None, 1, 2, 30, 0])
    """
    at = values(guest, script)[0]
    assert at[:3] == (1999, 2, 28) and at[3] == 6
    assert 23 * 3600 + 58 * 60 + 10 <= at[4] * 3600 + at[5] * 60 + at[6] <= 86399
    date = guest.int21(0x2A00)
    assert (date[2], date[3] >> 8, date[3] & 255) == (2096, 2, 29)
    hour_minute = guest.int21(0x2C00)[2]
    assert hour_minute >> 8 == 1 and hour_minute & 255 >= 2


@pytest.mark.freedos("DOSBox has no clock that can be set")
def test_rtc_refuses_what_dos_cannot_hold(guest):
    bad = [
        (1979, 12, 31, 0, 0, 0, 0, 0),
        (2100, 1, 1, 0, 0, 0, 0, 0),
        (2023, 2, 29, 0, 0, 0, 0, 0),
        (2024, 2, 30, 0, 0, 0, 0, 0),
        (2024, 0, 1, 0, 0, 0, 0, 0),
        (2024, 13, 1, 0, 0, 0, 0, 0),
        (2024, 257, 1, 0, 0, 0, 0, 0),
        (2024, 1, 0, 0, 0, 0, 0, 0),
        (2024, 1, 1, 0, 24, 0, 0, 0),
        (2024, 1, 1, 0, 0, 60, 0, 0),
        (2024, 1, 1, 0, 0, 0, 60, 0),
        (2024, 1, 1, 0, 0, 0, -1, 0),
        (2024, 1, 1, 0, 0, 0, 0, 1000000),
        (2024, 1, 1, 0, 0, 0, 0, -1),
    ]
    script = f"""
        import machine
        rtc = machine.RTC()
        rtc.datetime((2025, 5, 5, 0, 5, 5, 5, 0))
        for t in {bad}:
            try:
                rtc.datetime(t)
                print((t, rtc.datetime()))
            except ValueError as e:
                print(repr(str(e)))
        print(rtc.datetime()[:6])
        for t in ((1, 2, 3), 5, "x" * 8):
            try:
                rtc.datetime(t)
            except (ValueError, TypeError):
                print(True)
    """
    found = values(guest, script)
    assert found[: len(bad)] == [REFUSED] * len(bad)
    assert found[len(bad)] == (2025, 5, 5, 0, 5, 5)
    assert found[len(bad) + 1 :] == [True] * 3


@pytest.mark.freedos("DOSBox has no BIOS date, and its memory cannot be seen from outside")
def test_memory(guest):
    script = """
        from machine import mem8, mem16, mem32
        print(mem8[0x449])
        mem32[0x4f0] = 0x12345678
        print((mem8[0x4f0], mem8[0x4f3], mem16[0x4f2], mem32[0x4f0]))
        mem8[0x4f1] = 0xff
        mem16[0x4f2] = 0xabcd
        print(mem32[0x4f0] & 0xffffffff)  # MicroPython gives it signed where ints have 32 bits
        try:
            mem32[0x4f1]
        except ValueError as e:
            print(repr(str(e)))
        # The BIOS's date, where every PC has it.
        print(bytes(mem8[0xffff5 + i] for i in range(8)))
    """
    mode, parts, whole, refused, date = values(guest, script)
    assert mode == 3
    assert parts == (0x78, 0x12, 0x1234, 0x12345678)
    assert whole == 0xABCDFF78
    assert "not aligned" in refused
    assert date[2:3] == date[5:6] == b"/"
    assert guest.memory(0x4F0, 4) == bytes([0x78, 0xFF, 0xCD, 0xAB])


def test_idle_ends_with_the_next_interrupt(guest):
    script = """
        import machine, time
        longest = 0
        for i in range(20):
            a = time.ticks_ms()
            machine.idle()
            longest = max(longest, time.ticks_diff(time.ticks_ms(), a))
        print(longest)
    """
    # A tick is 55 ms; the host is shared.
    assert values(guest, script)[0] < 1000


def test_what_is_there(guest):
    script = """
        import machine
        print(sorted(x for x in dir(machine) if x[0] != "_"))
    """
    found = values(guest, script)[0]
    for name in ("RTC", "idle", "mem16", "mem32", "mem8", "reset"):
        assert name in found
    for name in ("freq", "unique_id", "lightsleep", "deepsleep", "reset_cause"):
        assert name not in found


def test_reset_boots_the_machine(guest):
    """QEMU, told not to reboot, ends at a reset. What was written before is on the disk."""
    guest.begin("""
        import machine
        with open("C:/T/KEPT.TXT", "w") as f:
            f.write("kept")
        machine.reset()
        print("still here")
    """)
    deadline = time.monotonic() + 30
    while guest.process.poll() is None:
        assert time.monotonic() < deadline, "\n".join(guest.screen())
        time.sleep(0.02)
    assert guest.process.returncode == 0
    disk = guest.disk.read_bytes()
    guest.kill()
    assert b"KEPT    TXT" in disk
