"""Disks that are full, write-protected, without medium or shared by two letters."""

import pytest
from files_programs import floppy_image, pattern, read_floppy, run
from harness.dos import Guest

pytestmark = pytest.mark.timeout(400)

EIO, ENODEV, ENOSPC, EROFS = 5, 19, 28, 30


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("disks")


@pytest.fixture(scope="module")
def shared(freedos, folder):
    floppy = floppy_image(folder / "b.img", {"HAS.TXT": b"is there"})
    with Guest(nic=None, floppy_b=floppy, disk_mb=16) as made:
        made.floppy_b = floppy
        yield made


# What it finds is printed at the end: standard output goes to a file on C:.
FILL = """
D = sys.argv[1]
free = os.statvfs(D + "/")
free = free[0] * free[3]
f = open(D + "/FULL.BIN", "wb")
block = pattern(50000)
written = 0
found = [None]
try:
    while written < free + 1000000:
        n = f.write(block)
        written += n
        assert n == len(block)
except OSError as e:
    found[0] = e.errno
f.close()
size = os.stat(D + "/FULL.BIN")[6]
found.append((written <= size <= free, free - size < 65536))
with open(D + "/FULL.BIN", "rb") as f:
    found.append(all(f.read(50000) == block for i in range(written // 50000)))
found.append(err(save, D + "/MORE.BIN", bytes(200000)))
os.remove(D + "/FULL.BIN")
os.remove(D + "/MORE.BIN")
save(D + "/AFTER.BIN", block)
found.append(load(D + "/AFTER.BIN") == block)
os.remove(D + "/AFTER.BIN")
out(found)
"""


@pytest.mark.parametrize("drive", ["B:", "C:"])
def test_full(machine, drive):
    got = run(machine, FILL, drive, timeout=240)
    assert got == [[ENOSPC, (True, True), True, ENOSPC, True]]


def test_root_folder_full(machine):
    """A floppy's root directory has 224 places."""
    got = run(
        machine,
        """
        n = 0
        code = None
        try:
            while n < 300:
                open("B:/E%d" % n, "w").close()
                n += 1
        except OSError as e:
            code = e.errno
        out((n, code, err(os.mkdir, "B:/DIR")))
        for i in range(n):
            os.remove("B:/E%d" % i)
        """,
        timeout=120,
    )
    ((count, code, of_mkdir),) = got
    assert 200 < count < 224
    assert (code, of_mkdir) == (ENOSPC, ENOSPC)


def change_floppy(machine, image=None):
    """As fast as a person can: for two seconds after an access DOS takes a disk to be the same."""
    machine.monitor(f"change floppy1 {image} raw" if image else "eject -f floppy1")
    run(machine, "time.sleep_ms(2200)")


def test_other_floppy(machine, folder):
    """The disk is changed between two programs, and inside one."""
    other = floppy_image(folder / "other.img", {"OTHER.TXT": b"other disk"}, label="OTHER")
    assert run(machine, 'out(load("B:/HAS.TXT"))') == [b"is there"]
    change_floppy(machine, other)
    got = run(machine, 'out((load("B:/OTHER.TXT"), err(open, "B:/HAS.TXT")))')
    assert got == [(b"other disk", 2)]
    run(machine, 'save("B:/NEW.BIN", pattern(100000))')
    assert read_floppy(other, "NEW.BIN") == pattern(100000)
    change_floppy(machine, machine.floppy_b)
    assert run(machine, 'out(load("B:/HAS.TXT"))') == [b"is there"]


def test_no_medium(machine):
    change_floppy(machine)
    try:
        got = run(
            machine,
            """
            calls = [(x, "B:/") for x in (os.listdir, os.stat, os.statvfs, os.chdir)]
            calls += [(x, "B:/X.TXT") for x in (open, os.stat, os.mkdir, os.remove)]
            for function, *args in calls + [(open, "B:/X", "w"), (os.rename, "B:/X", "B:/Y")]:
                out(err(function, *args))
            out((os.getcwd(), len(os.listdir("C:/")) > 1))
            """,
            timeout=240,
        )
    finally:
        change_floppy(machine, machine.floppy_b)
    # "Drive not ready", or "general failure" when the BIOS has no better word for it.
    assert set(got[:10]) <= {ENODEV, EIO}
    assert got[10:] == [("C:/", True)]
    assert run(machine, 'out(load("B:/HAS.TXT"))') == [b"is there"]


def test_medium_taken_out_while_a_file_is_open(machine):
    machine.begin(
        """
import os
f = open("B:/GONE.BIN", "wb")
f.write(bytes(1000))
print("take it out")
input()
try:
    for i in range(40):
        f.write(bytes(20000))
    f.flush()
    print("NO ERROR")
except OSError as e:
    print("ERRNO", e.errno)
input("put it back")
"""
    )
    machine.wait_screen("take it out")
    machine.monitor("eject -f floppy1")
    machine.type("\n")
    try:
        machine.wait_screen("put it back", timeout=120)
        lines = machine.screen()
    finally:
        machine.monitor(f"change floppy1 {machine.floppy_b} raw")
    machine.type("\n")
    assert machine.end(timeout=120).kind == 0
    assert any(line in ("ERRNO 19", "ERRNO 5") for line in lines), lines


def test_write_protected(freedos, folder):
    floppy = floppy_image(folder / "ro.img", {"RO.TXT": b"read only", "DIR.DAT": b"x"})
    before = floppy.read_bytes()
    with Guest(nic=None, floppy_b=floppy, floppy_b_readonly=True, disk_mb=16) as machine:
        got = run(
            machine,
            """
            out(load("B:/RO.TXT"))
            for function, *args in ((save, "B:/X.TXT", b"x"), (save, "B:/RO.TXT", b"x"),
                    (os.mkdir, "B:/D"), (os.remove, "B:/RO.TXT"), (os.rename, "B:/RO.TXT", "B:/Y"),
                    (save, "B:/RO.TXT", b"x", "ab")):
                out(err(function, *args))
            out((load("B:/RO.TXT"), sorted(os.listdir("B:/"))))
            save("C:/X.TXT", b"x")
            out(load("C:/X.TXT"))
            """,
            timeout=240,
        )
    assert got[0] == b"read only"
    assert got[1:7] == [EROFS] * 6
    assert got[7:] == [(b"read only", ["DIR.DAT", "RO.TXT"]), b"x"]
    assert floppy.read_bytes() == before


def test_data_lost_on_close_is_told(freedos, folder):
    """What DOS notices only when it writes its buffers, the program must hear of."""
    floppy = floppy_image(folder / "late.img", {"RO.TXT": b"read only"})
    with Guest(nic=None, floppy_b=floppy, floppy_b_readonly=True, disk_mb=16) as machine:
        got = run(
            machine,
            """
            f = open("B:/RO.TXT", "ab")
            f.write(b"x")
            out((err(f.flush), err(f.close), err(f.write, b"y") is not None))
            g = open("C:/NEW.TXT", "w+b")
            f.close()
            del f
            gc.collect()
            g.write(b"still")
            g.seek(0)
            out(g.read())
            g.close()
            def inside():
                with open("B:/RO.TXT", "ab") as f:
                    f.write(b"x")
            out(err(inside))
            """,
            timeout=60,
        )
    assert got == [(EROFS, EROFS, True), b"still", EROFS]


def test_one_floppy_drive_has_two_letters(freedos):
    """DOS would ask for the other disk and wait for a key."""
    with Guest(nic=None, disk_mb=16) as machine:
        got = run(
            machine,
            """
            save("A:/ONE.TXT", b"one")
            out((load("B:/ONE.TXT"), load("A:/ONE.TXT"), "ONE.TXT" in os.listdir("B:/")))
            os.chdir("B:/")
            out((os.getcwd(), load("A:/ONE.TXT"), load("ONE.TXT")))
            """,
            timeout=60,
        )
        assert not any("nsert" in line or "any key" in line for line in machine.screen())
    assert got == [(b"one", b"one", True), ("B:/", b"one", b"one")]


def test_drives_that_are_not_there(machine):
    got = run(
        machine,
        """
        for drive in "DEQZ":
            D = drive + ":"
            out([err(open, D + "/X"), err(os.listdir, D + "/"), err(os.chdir, D)])
        """,
    )
    assert got[1:] == [[ENODEV] * 3] * 3
