"""Time on the guest: ticks, sleeping, DOS's clock, rest for the processor."""

import datetime
import itertools
import struct
import textwrap
import time

import pytest
from harness.dos import Guest

# Sixteen bytes that the BIOS leaves to programs: what a program writes there the host sees.
SHARED = 0x4F0

# mov al,0e2h; out 43h,al; in al,40h; mov ah,4ch; int 21h: the timer's state as exit status.
TIMER_STATE = bytes.fromhex("b0e2 e643 e440 b44c cd21")
MODE = 0b1110
MODE_3 = 0b0110

# Seconds since 1970 around what goes wrong elsewhere, all in DOS's time.
MOMENTS = [
    0,
    1,
    951782399,
    951782400,  # 29 February 2000
    951868800,
    946684799,
    946684800,
    315532800,  # 1980, where DOS begins
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**32,
    4102444799,  # the last second of 2099
    4107542400,  # 1 March 2100, no leap year
    -1,
    -86400,
    -62135596800,
    253402300799,
]


def fields(seconds):
    """What gmtime() should give."""
    t = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
    return (*t.timetuple()[:6], t.weekday(), t.timetuple()[7], 0)


def values(guest, script, timeout=30):
    """What a program prints, one Python value for each line."""
    done = guest.run(script, timeout=timeout, check=True)
    return [eval(line) for line in done.stdout.splitlines()]


def test_ticks_never_go_back(guest):
    script = """
        import time
        for t in (time.ticks_us, time.ticks_ms):
            last = t()
            back = largest = steps = 0
            smallest = 1 << 29
            for i in range(100000):
                now = t()
                d = time.ticks_diff(now, last)
                if d < 0:
                    back += 1
                if d > 0:
                    steps += 1
                    smallest = min(d, smallest)
                largest = max(d, largest)
                last = now
            print((back, steps, smallest, largest))
        # Too fast for a comparison over a time in which the host was away.
        back = 0
        for i in range(10000):
            us, a, b = time.ticks_us(), time.ticks_cpu(), time.ticks_cpu()
            if time.ticks_diff(time.ticks_us(), us) < 50000:
                back += time.ticks_diff(b, a) < 0
        print(back)
    """
    us, ms, cpu = values(guest, script, timeout=100)
    assert us[0] == ms[0] == cpu == 0
    # Far finer than a millisecond, and no tick of 55 ms is seen in the milliseconds.
    assert us[1] > 1000 and us[2] < 100
    assert ms[1] > 100 and ms[2] == 1


def wait_counter(guest, condition, timeout=30):
    """The number that the program has written at SHARED, when condition says so."""
    deadline = time.monotonic() + timeout
    while not condition(now := struct.unpack("<I", guest.memory(SHARED, 4))[0]):
        assert time.monotonic() < deadline, now
        time.sleep(0.02)
    return now


marks = itertools.count(1_000_000_001)


def begin_until(guest, script):
    """Start a program; go on when it has come to the line MARK."""
    mark = next(marks)
    guest.begin(textwrap.dedent(script).replace("MARK", f"machine.mem32[{SHARED}] = {mark}"))
    wait_counter(guest, lambda now: now == mark)


@pytest.mark.slow
def test_ten_seconds_are_ten_seconds(guest):
    guest.begin(f"""
        import time, machine
        start = time.ticks_ms()
        gone = 0
        while gone < 15000:
            gone = time.ticks_diff(time.ticks_ms(), start)
            machine.mem32[{SHARED}] = gone
    """)

    def ahead(ms):
        """How far the guest's time is before the host's, after ms of it. Where the host is busy
        the guest's may be old when it is seen, but never too new: the best of a second counts.
        """
        seen = []
        while (now := wait_counter(guest, lambda now: ms <= now < 20000)) < ms + 1000:
            seen.append(now / 1000 - time.monotonic())
        return max(seen)

    gained = -ahead(1000) + ahead(11000)
    guest.end()
    assert gained == pytest.approx(0, abs=0.1)


def test_sleep_is_never_short_and_seldom_long(guest):
    script = """
        import time
        for ms in (1, 5, 10, 30, 54, 55, 56, 80, 110, 200):
            over = []
            for i in range(6):
                start = time.ticks_us()
                time.sleep_ms(ms)
                over.append(time.ticks_diff(time.ticks_us(), start) - ms * 1000)
            print(over)
        for us in (1, 50, 500, 1500):
            over = []
            for i in range(6):
                start = time.ticks_us()
                time.sleep_us(us)
                over.append(time.ticks_diff(time.ticks_us(), start) - us)
            print(over)
        start = time.ticks_us()
        time.sleep(0.25)
        time.sleep(0)
        print([time.ticks_diff(time.ticks_us(), start) - 250000])
    """
    found = values(guest, script)
    for over in found:
        assert min(over) >= 0
        # The host is shared: its worst cases are not ours.
        assert min(over) < 20000, found


@pytest.mark.freedos("the coprocessor of DOSBox takes a NaN for a number")
def test_sleep_refuses_what_is_no_time(guest):
    script = """
        import time
        for bad in (-1, -0.001, float("nan")):
            try:
                time.sleep(bad)
            except ValueError as e:
                print(repr(str(e)))
        time.sleep_ms(-5)
    """
    assert values(guest, script) == ["sleep length must be non-negative"] * 3


@pytest.mark.freedos("the coprocessor of DOSBox takes a NaN for a number")
def test_fields_of_all_times(guest):
    script = f"""
        import time
        for t in {MOMENTS}:
            print((time.gmtime(t), time.localtime(t), time.mktime(time.gmtime(t))))
        print(time.gmtime(1.9)[5])
        print(time.mktime((2023, 14, 31, 25, -1, 3600, 0, 0)))
        print(time.mktime((2000, 1, 0, 0, 0, 0, 0, 0, 0)))
        for bad in (1e12, -1e12, float("nan")):
            try:
                time.gmtime(bad)
            except OverflowError as e:
                print(repr(str(e)))
        try:
            time.mktime((2**30, 1, 1, 0, 0, 0, 0, 0))
        except OverflowError as e:
            print(repr(str(e)))
    """
    found = values(guest, script)
    for t, (gm, local, back) in zip(MOMENTS, found):
        assert (gm, local, back) == (fields(t), fields(t), t)
    found = found[len(MOMENTS) :]
    odd = datetime.datetime(2024, 2, 1) + datetime.timedelta(days=30, hours=25, minutes=59)
    assert found[0] == 1
    assert found[1] == (odd - datetime.datetime(1970, 1, 1)).total_seconds()
    assert found[2] == 946684800 - 86400
    assert found[3:] == ["timestamp out of range"] * 3 + ["mktime argument out of range"]


def test_every_day_of_two_centuries(guest):
    script = """
        import time
        day = 0
        for y in range(1970, 2110):
            leap = y % 4 == 0 and (y % 100 != 0 or y % 400 == 0)
            number = 0
            for m, n in enumerate((31, 28 + leap, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31), 1):
                for d in range(1, n + 1):
                    number += 1
                    if d in (1, 2, n):
                        at = (y, m, d, 23, 59, 59, (day + 3) % 7, number, 0)
                        t = day * 86400 + 86399
                        assert time.gmtime(t) == at, (t, at)
                        assert time.mktime(at) == t
                    day += 1
        print(day)
    """
    assert values(guest, script) == [(datetime.date(2110, 1, 1) - datetime.date(1970, 1, 1)).days]


def test_time_is_doss(guest):
    script = """
        import time, machine
        before = time.mktime(machine.RTC().datetime()[:3] + machine.RTC().datetime()[4:7] + (0, 0))
        t, ns = time.time(), time.time_ns()
        print((type(t) is float, -0.3 < t - before < 1.5, abs(ns // 1000 - int(t * 1e6)) < 100000))
        a = time.time_ns()
        time.sleep_ms(20)
        print(19 * 10**6 < time.time_ns() - a < 200 * 10**6)
        print(time.time())
    """
    first, second, now = values(guest, script)
    assert first == (True, True, True) and second is True
    assert abs(now - time.time()) < 60


# Sets the clock and watches all times until the fields are the second tuple.
WATCH = """
    import time, machine
    rtc = machine.RTC()
    rtc.datetime({start} + (0,))
    t0, w0 = time.ticks_us(), time.time()
    last, lastw = t0, w0
    back = worst = backw = 0
    while True:
        now = time.ticks_us()
        wall = time.time()
        d = time.ticks_diff(now, last)
        back += d < 0
        backw += wall < lastw
        last, lastw = now, wall
        worst = max(worst, abs((wall - w0) * 1000000 - time.ticks_diff(now, t0)))
        f = rtc.datetime()
        if f[:3] + f[4:7] >= {end}:
            break
        assert time.ticks_diff(now, t0) < 20000000, f
    print((back, backw, worst // 1000, time.ticks_diff(now, t0) // 1000, f[:7], time.localtime()))
"""


@pytest.mark.parametrize(
    "start, end",
    [
        ((2026, 12, 31, 0, 23, 59, 58), (2027, 1, 1, 0, 0, 1)),
        ((1999, 12, 31, 0, 23, 59, 58), (2000, 1, 1, 0, 0, 1)),
        ((2000, 2, 28, 0, 23, 59, 58), (2000, 2, 29, 0, 0, 1)),
        ((2038, 1, 19, 0, 3, 14, 6), (2038, 1, 19, 3, 14, 9)),
    ],
)
@pytest.mark.freedos("DOSBox has no clock that can be set")
def test_midnight_and_years(guest, start, end):
    """Ticks and time go on evenly where DOS's clock and the BIOS's count roll over."""
    found = values(guest, WATCH.format(start=start, end=end))[0]
    back, back_wall, worst_ms, gone_ms, at, local = found
    assert (back, back_wall) == (0, 0)
    assert worst_ms < 350  # DOS's own steps and their rounding
    assert 2500 < gone_ms < 6000
    assert at[:3] == end[:3] == local[:3]
    assert at[3] == datetime.date(*end[:3]).weekday() == local[6]


@pytest.mark.freedos("DOSBox has no clock that can be set")
def test_clock_set_while_it_runs(guest):
    """By this program or by another, to earlier or later: ticks do not care, time follows."""
    script = """
        import time, machine
        rtc = machine.RTC()
        rtc.datetime((2026, 6, 1, 0, 12, 0, 30, 0))
        time.time()
        steps = []
        def step(f):
            a = time.ticks_us()
            f()
            steps.append(time.ticks_diff(time.ticks_us(), a))
        step(lambda: rtc.datetime((2026, 6, 1, 0, 10, 0, 30, 0)))
        at = time.localtime()
        step(lambda: rtc.datetime((2030, 6, 1, 0, 14, 0, 30, 0)))
        print((at[:5], time.localtime()[:5]))
        # The BIOS's count, as another program would set it: two hours back.
        ticks = machine.mem32[0x46c]
        def back():
            machine.mem32[0x46c] = ticks - 131072
            time.ticks_us()
        step(back)
        time.sleep_ms(1100)
        print(time.localtime()[:4])
        print([0 <= s < 2000000 for s in steps])
    """
    both, back, steps = values(guest, script)
    assert both == ((2026, 6, 1, 10, 0), (2030, 6, 1, 14, 0))
    assert back == (2030, 6, 1, 12)
    assert all(steps)


def cpu_seconds(guest):
    """What QEMU has used of the host's processors."""
    with open(f"/proc/{guest.process.pid}/stat") as stat:
        user, system = stat.read().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / 100


def busy(guest, script, seconds=4):
    """The part of a processor that QEMU uses after the guest's program has come to MARK."""
    begin_until(guest, "import time, machine, sys\nMARK\n" + script)
    used, started = cpu_seconds(guest), time.monotonic()
    time.sleep(seconds)
    part = (cpu_seconds(guest) - used) / (time.monotonic() - started)
    guest.key("ctrl-c")
    guest.end()
    return part


@pytest.mark.slow
def test_rest_costs_the_host_little(guest):
    rest = {
        "sleep": busy(guest, "time.sleep(100)"),
        "input": busy(guest, "input()"),
        "idle": busy(guest, "while True: machine.idle()"),
        "asyncio": busy(guest, "import asyncio\nasyncio.run(asyncio.sleep(100))"),
    }
    assert all(part < 0.25 for part in rest.values()), rest


def test_ctrl_c_ends_a_sleep(guest):
    begin_until(
        guest,
        """
        import time, machine
        try:
            MARK
            time.sleep(1000)
        except KeyboardInterrupt:
            raise SystemExit(7)
        """,
    )
    guest.key("ctrl-c")
    assert guest.end(10).returncode == 7


def test_timer_is_put_back(guest):
    guest.put("C:/T/TIMER.COM", TIMER_STATE)
    assert guest.exe("C:\\T\\TIMER.COM").returncode & MODE == MODE_3
    guest.run("import time; print(time.ticks_us())", check=True)
    assert guest.exe("C:\\T\\TIMER.COM").returncode & MODE == MODE_3
    guest.run("import time; time.ticks_us(); 1/0")
    assert guest.exe("C:\\T\\TIMER.COM").returncode & MODE == MODE_3


@pytest.mark.parametrize("cpu", ["486", "max"])
def test_other_processors(freedos, cpu):
    """With and without a time stamp counter, and what else is newer than a 486."""
    with Guest(cpu=cpu) as other:
        test_sleep_is_never_short_and_seldom_long(other)
        script = """
            import time
            a = time.ticks_cpu()
            time.sleep_ms(50)
            print(time.ticks_diff(time.ticks_cpu(), a) > 0)
            print((1 / 3 * 2**54, 2**0.5 * 2**52))
        """
        assert values(other, script) == [True, (1 / 3 * 2**54, 2**0.5 * 2**52)]
