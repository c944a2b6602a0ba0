"""Random numbers on the guest: from each source, and none without one."""

import os
import random
import subprocess
import time

import pytest
from harness.dos import Guest
from harness.dosbox import DosBox

# Time there is the count of instructions: no noise from anywhere.
CLOCKWORK = ["-icount", "shift=3,sleep=off"]
# A second floppy drive.
NO_DISK = ["-drive", "if=floppy,index=1"]

ASK = """
    import os, dos
    try:
        print(repr(os.urandom(32)))
    except OSError as e:
        print(repr(str(e)))
    print(dos.entropy())
"""


def ask(guest, script=ASK, **more):
    """(bytes or why not, what the sources gave)"""
    done = guest.run(script, timeout=60, check=True, **more)
    return [eval(line) for line in done.stdout.splitlines()]


@pytest.fixture
def clockwork(freedos):
    with Guest(cpu="486", extra=CLOCKWORK) as made:
        yield made


def test_instructions_of_the_processor(freedos):
    with Guest(cpu="max") as guest:
        drawn, said = ask(guest)
        assert len(drawn) == 32
        assert said["ready"] and "good" in (said["rdrand"], said["rdseed"])
        assert "broken" not in (said["rdrand"], said["rdseed"])
        # No time was spent on the timer.
        assert said["jitter"][0] == 0


def test_jitter_without_them(freedos):
    """The host is the noise of a 486 in an emulator; it is judged and believed in part."""
    seen = set()
    for _ in range(2):
        with Guest(cpu="486") as guest:
            drawn, said = ask(guest)
        blocks, credited, _, per_sample = said["jitter"]
        assert said["rdrand"] == said["rdseed"] == "none" and said["seedfile"] == "none"
        if not said["ready"]:
            # A host as even as a clockwork is a reason to refuse.
            assert "not enough randomness" in drawn
            continue
        # Two blocks at the least, after one that only starts; at most 1/8 bit of each sample.
        assert len(drawn) == 32 and credited >= 2 and blocks > credited
        assert per_sample >= 750
        assert drawn not in seen
        seen.add(drawn)


def test_a_clockwork_gets_a_sentence(clockwork):
    for _ in range(2):
        drawn, said = ask(clockwork)
        assert drawn.startswith("not enough randomness for secrets: ")
        for how in ("dos.gather_entropy()", "dos.add_entropy(b)", "MPSEED.BIN"):
            assert how in drawn
        assert not said["ready"] and said["bits"] == 0
        assert said["jitter"][0] > 0 and said["jitter"][1] == 0
    # Nothing is left for the next run that could look like a seed.
    assert not clockwork.exists("C:/MPSEED.BIN")


@pytest.mark.parametrize("cpu", ["486", "pentium"])
@pytest.mark.parametrize("shift", [0, 6])
def test_clockworks_of_other_speeds(freedos, cpu, shift):
    with Guest(cpu=cpu, extra=["-icount", f"shift={shift},sleep=off"]) as guest:
        drawn, said = ask(guest)
        assert isinstance(drawn, str) and not said["ready"], said


def test_dosbox_is_a_clockwork():
    """Its timer counts the instructions that it runs."""
    with DosBox() as box:
        drawn, said = ask(box)
        assert isinstance(drawn, str) and not said["ready"], said


def test_ssh_refuses_without(clockwork):
    script = """
        import _ssh, dos
        class Stream:
            def send(self, data):
                return len(data)
            def recv(self, n):
                return b""
        try:
            _ssh.Session(Stream())
            print(None)
        except OSError as e:
            print(repr(str(e)))
        dos.add_entropy(bytes(range(32)))
        try:
            _ssh.Session(Stream())
            print(True)
        except _ssh.SSHError:
            print(True)  # nobody answers
        except OSError as e:
            print(repr(str(e)))
    """
    refused, went_on = ask(clockwork, script)
    assert "not enough randomness" in refused
    assert went_on is True


def test_entropy_of_the_program(clockwork):
    script = """
        import os, dos
        dos.add_entropy(bytes(range(31)))
        try:
            os.urandom(1)
            print(True)
        except OSError:
            print(False)
        print(dos.entropy()["bits"])
        dos.add_entropy(bytearray(b"x"))
        print((os.urandom(8), os.urandom(8), len(os.urandom(1000)), os.urandom(0)))
        for bad in (5, "x" * 32, None):
            try:
                dos.add_entropy(bad)
                print(bad)
            except TypeError:
                print(None)
    """
    early, bits, (a, b, n, nothing), *bad = ask(clockwork, script)
    assert (early, bits) == (False, 248)
    assert a != b and n == 1000 and nothing == b""
    assert bad == [None] * 3


def test_seed_is_never_used_twice(clockwork):
    seed = os.urandom(64)
    clockwork.put("C:/MPSEED.BIN", seed)
    seen = {seed}
    drawn = set()
    for _ in range(3):
        numbers, said = ask(clockwork)
        assert said["seedfile"] == "used" and said["ready"]
        left = clockwork.get("C:/MPSEED.BIN")
        assert len(left) == 64
        seen.add(left)
        drawn.add(numbers)
    assert len(seen) == 4 and len(drawn) == 3


def test_seed_is_replaced_before_numbers_come_of_it(clockwork):
    """Power fails right after the first number: what is on the disk is another seed."""
    seed = os.urandom(64)
    clockwork.put("C:/MPSEED.BIN", seed)
    clockwork.begin(
        """
        import os, machine
        os.urandom(1)
        print("drawn")
        while True:
            pass
        """
    )
    clockwork.wait_screen("drawn")
    disk = clockwork.disk.read_bytes()
    clockwork.kill()
    assert seed not in disk


def test_equal_seeds_of_copied_disks_do_not_give_equal_numbers(freedos):
    """At another time, that is: the clocks are mixed in."""
    seed = os.urandom(64)
    drawn = set()
    for minute in (1, 2):
        with Guest(cpu="486", extra=[*CLOCKWORK], files={"MPSEED.BIN": seed}) as guest:
            guest.int21(0x2D00, cx=12 << 8 | minute)
            numbers, said = ask(guest)
            assert said["seedfile"] == "used"
            drawn.add(numbers)
    assert len(drawn) == 2


def test_poor_seed(clockwork):
    for poor in (bytes(64), b"all work and no play makes Jack a dull boy, he said", b"short"):
        clockwork.put("C:/MPSEED.BIN", poor)
        drawn, said = ask(clockwork)
        assert said["seedfile"] == "poor" and not said["ready"]
        assert "MPSEED.BIN is not random" in drawn
        assert clockwork.get("C:/MPSEED.BIN") == poor


def test_seed_on_a_protected_disk(freedos, tmp_path):
    floppy = tmp_path / "b.img"
    floppy.write_bytes(freedos.read_bytes())
    command = ["mcopy", "-o", "-i", floppy, "-", "::MPSEED.BIN"]
    subprocess.run(command, input=os.urandom(64), check=True)
    options = {"cpu": "486", "extra": CLOCKWORK, "floppy_b": floppy}
    options["env"] = {"MPSEED": "B:\\MPSEED.BIN"}
    with Guest(floppy_b_readonly=True, **options) as guest:
        drawn, said = ask(guest)
        assert said["seedfile"] == "not replaceable" and not said["ready"]
        assert "B:\\MPSEED.BIN cannot be replaced on its disk" in drawn
    with Guest(**options) as guest:
        drawn, said = ask(guest)
        assert said["seedfile"] == "used" and len(drawn) == 32


def test_no_disk_in_the_drive(freedos):
    """Nobody is asked to put one in."""
    with Guest(cpu="max", extra=NO_DISK, env={"MPSEED": "B:\\MPSEED.BIN"}) as guest:
        drawn, said = ask(guest)
        assert said["seedfile"] == "none" and len(drawn) == 32


def test_keys_typed(clockwork):
    clockwork.begin("""
        import os, dos
        dos.gather_entropy()
        print(len(os.urandom(32)), dos.entropy()["keys"])
    """)
    clockwork.wait_screen("Type keys")
    chance = random.Random()
    deadline = time.monotonic() + 60
    while not any("enough." in line for line in clockwork.screen()):
        assert time.monotonic() < deadline, "\n".join(clockwork.screen())
        clockwork.key(chance.choice("abcdefghijklmnopqrstuvwxyz"))
        # A hand is not even.
        time.sleep(chance.uniform(0.01, 0.2))
    lines = clockwork.wait_screen(lambda lines: any(x.startswith("32 ") for x in lines))
    clockwork.end()
    keys = int(next(x for x in lines if x.startswith("32 ")).split()[1])
    assert keys >= 64


def test_ctrl_c_ends_the_typing(clockwork):
    clockwork.begin("import dos; dos.gather_entropy()")
    clockwork.wait_screen("Type keys")
    clockwork.key("ctrl-c")
    assert clockwork.end(10).returncode != 0


def test_random_module_needs_no_entropy(clockwork):
    """It is no source of secrets, and importing it waits for nothing."""
    script = """
        import random, time
        a = time.ticks_ms()
        print(random.getrandbits(30))
        print(time.ticks_diff(time.ticks_ms(), a))
    """
    _, ms = ask(clockwork, script)
    assert ms < 1000
