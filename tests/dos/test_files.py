"""Files and folders on DOS: what they hold, where they are, on floppy and hard disk."""

import calendar
import hashlib
import os
import time

import pytest
from files_programs import PRELUDE, floppy_image, pattern, read_floppy, run
from harness.dos import Guest

HOST_FILES = {"EMPTY.DAT": b"", "HOST.BIN": pattern(300_001, 3), "CRLF.TXT": b"a\r\nb\n\x1ac\r"}


@pytest.fixture(scope="module")
def shared(freedos, tmp_path_factory):
    folder = tmp_path_factory.mktemp("disks")
    floppy = floppy_image(folder / "b.img", HOST_FILES)
    files = {**HOST_FILES, "SUB/DEEP/X.TXT": b"deep"}
    with Guest(nic=None, floppy_b=floppy, files=files, config_sys=["FILES=60"]) as made:
        made.floppy_b = floppy
        yield made


both = pytest.mark.parametrize("drive", ["B:", "C:"])


@both
def test_written_and_read(machine, drive):
    got = run(
        machine,
        """
        D = sys.argv[1]
        for size in (0, 1, 511, 512, 513, 32767, 32768, 32769, 65535, 65536, 65537, 200000):
            data = pattern(size, 1)
            assert save(D + "/W.BIN", data) == size
            assert load(D + "/W.BIN") == data
            assert os.stat(D + "/W.BIN")[6] == size
        save(D + "/W.BIN", b"12", "ab")
        save(D + "/W.BIN", "34", "a")
        out((os.stat(D + "/W.BIN")[6], load(D + "/W.BIN")[-5:] == data[-1:] + b"1234"))
        save(D + "/LEFT.BIN", pattern(250001, 9))
        os.remove(D + "/W.BIN")
        out(err(os.stat, D + "/W.BIN") == errno.ENOENT)
        """,
        drive,
    )
    assert got == [(200004, True), True]
    found = machine.get(f"{drive}/LEFT.BIN")
    assert found == pattern(250001, 9)
    if drive == "B:":
        assert read_floppy(machine.floppy_b, "LEFT.BIN") == found
    machine.remove(f"{drive}/LEFT.BIN")


@both
def test_what_the_host_wrote(machine, drive):
    got = run(
        machine,
        """
        for name in ("EMPTY.DAT", "HOST.BIN", "CRLF.TXT"):
            out(sha_of(sys.argv[1] + "/" + name))
        out(load(sys.argv[1] + "/CRLF.TXT"))
        with open(sys.argv[1] + "/crlf.txt") as f:
            out([f.readline(), f.read(), f.read()])
        """,
        drive,
    )
    assert got[:3] == [hashlib.sha256(data).hexdigest() for data in HOST_FILES.values()]
    assert got[3:] == [HOST_FILES["CRLF.TXT"], ["a\r\n", "b\n\x1ac\r", ""]]


@pytest.mark.timeout(600)
def test_ten_megabytes_both_ways(machine):
    data = os.urandom(1 << 20) * 10 + b"end"
    machine.put("C:/BIG.BIN", data)
    got = run(
        machine,
        """
        out(sha_of("C:/BIG.BIN"))
        with open("C:/BIG.BIN", "rb") as a, open("C:/COPY.BIN", "wb") as b:
            buf = bytearray(100003)
            while n := a.readinto(buf):
                assert b.write(memoryview(buf)[:n]) == n
        out(sha_of("C:/COPY.BIN", 4096))
        """,
        timeout=500,
    )
    assert got == [hashlib.sha256(data).hexdigest()] * 2
    assert machine.get("C:/COPY.BIN") == data
    machine.remove("C:/COPY.BIN")
    machine.remove("C:/BIG.BIN")


@both
def test_modes_and_seek(machine, drive):
    got = run(
        machine,
        """
        N = sys.argv[1] + "/S.BIN"
        save(N, b"0123456789")
        with open(N, "r+b") as f:
            out((f.seek(3), f.write(b"abc"), f.tell(), f.read(2)))
            out((f.seek(-2, 2), f.read(), f.seek(-100000, 2) if 0 else None))
            out((f.seek(0), f.seek(4, 1), f.seek(-1, 1), f.read(1)))
            out([err(f.seek, *a) for a in ((-1,), (-11, 2), (-20, 1), (0, 7))])
            out(f.tell())
            out(f.seek(20))
            out(f.read())
            f.write(b"Z")
        out(load(N))
        with open(N, "w+b") as f:
            f.write(b"new")
            f.seek(0)
            out(f.read())
        with open(N, "rb") as f:
            out(err(f.write, b"x"))
        with open(N, "ab") as f:
            f.seek(0)
            f.write(b"!")
        with open(N, "wb") as f:
            f.seek(100000)
            f.write(b"end")
        out((os.stat(N)[6], load(N) == bytes(100000) + b"end"))
        os.remove(N)
        f = open(N, "wb")
        f.close()
        f.close()
        try:
            f.read()
        except ValueError as e:
            out(str(e))
        os.remove(N)
        """,
        drive,
    )
    assert got[:3] == [(3, 3, 6, b"67"), (8, b"89", None), (0, 4, 3, b"a")]
    assert got[3:7] == [[22, 22, 22, 22], 4, 20, b""]
    assert got[7] == b"012abc6789" + bytes(10) + b"Z"
    assert got[8:] == [b"new", 9, (100003, True), "I/O operation on closed file"]


def test_gap_has_no_old_data(machine):
    """DOS leaves in a gap what the disk had: another file's contents."""
    machine.put("C:/SECRET.TXT", b"secret!" * 30000)
    machine.remove("C:/SECRET.TXT")
    got = run(
        machine,
        """
        with open("C:/GAP.BIN", "wb") as f:
            f.seek(150000)
            f.write(b"x")
        out(b"secret" in load("C:/GAP.BIN"))
        os.remove("C:/GAP.BIN")
        """,
    )
    assert got == [False]


def test_errors_of_open(machine):
    got = run(
        machine,
        """
        os.mkdir("C:/DIR1")
        for args in (("C:/NONE.TXT",), ("C:/NODIR/X.TXT", "w"), ("C:/DIR1",), ("C:/DIR1", "w"),
                     ("C:/",), ("",), ("Q:/X.TXT",), ("1:/X.TXT",), ("CC:/X.TXT", "w"),
                     ("C:/HOST.BIN/X",), ("C:/DIR1/../NONE",)):
            out(err(open, *args))
        os.rmdir("C:/DIR1")
        """,
    )
    assert got == [2, 2, 21, 21, 21, 2, 19, 22, 22, 2, 2]


def test_read_only_file(machine):
    machine.put("C:/RO.TXT", b"keep")
    machine.int21(0x4301, cx=1, data=b"C:\\RO.TXT\0")
    got = run(
        machine,
        """
        out(oct(os.stat("C:/RO.TXT")[0]))
        out([err(open, "C:/RO.TXT", m) for m in ("w", "a", "r+")])
        out(err(os.remove, "C:/RO.TXT"))
        out(load("C:/RO.TXT"))
        """,
    )
    assert got == ["0o100444", [13, 13, 13], 13, b"keep"]
    machine.int21(0x4301, cx=0, data=b"C:\\RO.TXT\0")
    machine.remove("C:/RO.TXT")


@both
def test_folders(machine, drive):
    got = run(
        machine,
        """
        D = sys.argv[1]
        os.mkdir(D + "/ONE")
        out([err(os.mkdir, D + x) for x in ("/ONE", "/", "/NONE/X", "/HOST.BIN")])
        for i in range(30):
            save(D + "/ONE/F%d.TXT" % i, "x" * i)
        os.mkdir(D + "/ONE/TWO")
        found = sorted(os.ilistdir(D + "/ONE"))
        out((len(found), found[0], found[-1]))
        # one listing inside another, and files opened between
        names = []
        for name, kind, ino in os.ilistdir(D + "/ONE"):
            inner = os.listdir(D + "\\\\ONE\\\\")
            if kind == 0x8000:
                load(D + "/ONE/" + name)
            names.append((name, len(inner)))
        out(sorted(names) == sorted((x[0], 31) for x in found))
        out([err(os.rmdir, D + x) for x in ("/ONE", "/NONE", "/HOST.BIN", "/")])
        out([err(os.listdir, D + x) for x in ("/NONE", "/HOST.BIN")])
        out([err(os.remove, D + x) for x in ("/ONE", "/ONE/NONE.TXT", "/NONE/X")])
        os.rename(D + "/ONE/F1.TXT", D + "/ONE/TWO/G.TXT")
        out((load(D + "/ONE/TWO/G.TXT"), os.listdir(D + "/ONE/TWO")))
        for name, kind, ino in os.ilistdir(D + "/ONE"):
            if kind == 0x8000:
                os.remove(D + "/ONE/" + name)
        os.remove(D + "/ONE/TWO/G.TXT")
        os.rmdir(D + "/ONE/TWO")
        out(os.listdir(D + "/ONE"))
        os.rmdir(D + "/ONE")
        out("ONE" in os.listdir(D + "/"))
        """,
        drive,
        timeout=120,
    )
    assert got[0] == [17, 17, 2, 17]
    assert got[1] == (31, ("F0.TXT", 0x8000, 0), ("TWO", 0x4000, 0))
    assert got[2] is True
    assert got[3:6] == [[39, 2, 20, 16], [2, 20], [21, 2, 2]]
    assert got[6:] == [(b"x", ["G.TXT"]), [], False]


def test_many_listings_at_once(machine):
    got = run(
        machine,
        """
        its = [os.ilistdir("C:/") for i in range(10)]
        counts = [0] * 10
        for n, it in enumerate(its * 3):
            if next(it, None):
                counts[n % 10] += 1
        out(counts)
        del its, it
        # given up half way: the garbage collector closes them
        for i in range(100):
            next(os.ilistdir("C:/"))
        out(len(os.listdir("C:/")) > 3)
        """,
    )
    assert got == [[3] * 10, True]


def test_rename(machine):
    got = run(
        machine,
        """
        os.chdir("C:/")
        save("A.TXT", "a")
        save("B.TXT", "b")
        os.mkdir("D1")
        os.rename("A.TXT", "B.TXT")
        out((load("B.TXT"), err(os.stat, "A.TXT")))
        os.rename("B.TXT", "b.txt")
        out(load("B.TXT"))
        out([err(os.rename, a, b) for a, b in (("NONE", "X"), ("B.TXT", "D1"), ("D1", "B.TXT"),
            ("D1", "D1/X"), ("B.TXT", "NODIR/X"), ("B.TXT", "B:/B.TXT"))])
        os.rename("D1", "D2")
        os.rename("B.TXT", "D2/B.TXT")
        out(os.listdir("D2"))
        os.remove("D2/B.TXT")
        os.rmdir("D2")
        """,
    )
    assert got == [(b"a", 2), b"a", [2, 21, 20, 22, 2, 18], ["B.TXT"]]


def test_paths_and_current_folders(machine):
    got = run(
        machine,
        """
        os.chdir("C:/SUB")
        out(os.getcwd())
        for path in ("DEEP/X.TXT", "DEEP\\\\X.TXT", "C:DEEP/X.TXT", "./DEEP//X.TXT",
                "../SUB/DEEP/X.TXT", "/SUB/DEEP/../DEEP/X.TXT", "c:/../sub/deep/x.txt"):
            assert load(path) == b"deep", path
        os.chdir("DEEP")
        out((os.getcwd(), os.listdir(), os.listdir("."), os.stat(".")[0] == os.stat("..")[0]))
        os.chdir("B:")
        out((os.getcwd(), "HOST.BIN" in os.listdir(), load("C:X.TXT")))
        os.mkdir("BSUB")
        os.chdir("BSUB")
        out((os.getcwd(), os.listdir("/") == os.listdir("B:/")))
        os.chdir("C:")
        out((os.getcwd(), os.listdir("B:")))
        out([err(os.chdir, x) for x in ("NONE", "X.TXT", "Q:/", "")])
        out(err(os.rmdir, "B:/BSUB"))
        os.chdir("B:/")
        os.rmdir("BSUB")
        os.chdir("/")
        out(os.getcwd())
        os.chdir("C:..")
        open(os.getcwd() + "/T.TXT", "w").close()
        out((os.getcwd(), os.listdir()))
        os.remove("T.TXT")
        """,
    )
    assert got[:2] == ["C:/SUB", ("C:/SUB/DEEP", ["X.TXT"], ["X.TXT"], True)]
    assert got[2] == ("B:/", True, b"deep")
    assert got[3:6] == [("B:/BSUB", True), ("C:/SUB/DEEP", []), [2, 20, 19, 2]]
    # MicroPython calls the root of what is mounted at "/" so.
    assert got[6:] == [16, "/", ("C:/SUB", ["DEEP", "T.TXT"])]
    # DOS's own are put back.
    assert machine.int21(0x1900)[0] & 0xFF == 2
    assert run(machine, 'out([os.getcwd(), len(os.listdir("C:")) > 3])') == [["C:/", True]]


def test_stat(machine):
    machine.put("C:/NOW.TXT", b"12345")
    # 2031-12-31 23:58:58 and 1996-02-29 12:00:02
    for name, date, dos_time in ((b"NOW.TXT", 0x679F, 0xBF5D), (b"HOST.BIN", 0x205D, 0x6001)):
        handle = machine.int21(0x3D02, data=b"C:\\" + name + b"\0")[0]
        machine.int21(0x5701, bx=handle, cx=dos_time, dx=date)
        machine.int21(0x3E00, bx=handle)
    got = run(
        machine,
        """
        out((os.stat("C:/NOW.TXT"), os.stat("c:\\\\host.bin")[8]))
        for path in ("C:/", "C:/SUB", "C:\\\\SUB\\\\", "/SUB", "B:/", "NUL"):
            st = os.stat(path)
            out((oct(st[0]), st[6]))
        save("C:/T.TXT", "x")
        out(abs(os.stat("C:/T.TXT")[8] - time.time()) <= 3)
        os.remove("C:/T.TXT")
        """,
    )
    late = calendar.timegm(time.strptime("2031-12-31 23:58:58", "%Y-%m-%d %H:%M:%S"))
    leap = calendar.timegm(time.strptime("1996-02-29 12:00:02", "%Y-%m-%d %H:%M:%S"))
    assert got[0] == ((0o100666, 0, 2, 1, 0, 0, 5, late, late, late), leap)
    assert got[1:] == [("0o40777", 0)] * 5 + [("0o20666", 0)] + [True]
    machine.remove("C:/NOW.TXT")


def test_utime(machine):
    got = run(
        machine,
        """
        import dos
        save("C:/T.TXT", "x")
        for when in (315532800, 951827696, 1700000000, 2999999998):
            dos.utime("C:/T.TXT", when)
            out(os.stat("C:/T.TXT")[8] - when)
        out([err(dos.utime, "C:/T.TXT", x) for x in (0, 4000000000)])
        out(err(dos.utime, "C:/NONE", 1700000000))
        out(load("C:/T.TXT"))
        os.remove("C:/T.TXT")
        """,
    )
    assert got == [0, 0, 0, 0, [22, 22], 2, b"x"]


def test_statvfs(machine):
    got = run(
        machine,
        """
        for drive in ("B:/", "C:/"):
            save(drive + "FREE.BIN", b"")
            before = os.statvfs(drive)
            save(drive + "FREE.BIN", bytes(before[0] * 10))
            used = before[3] - os.statvfs(drive)[3]
            out((before[0], before[1], before[2] * before[1], used, before[9]))
            os.remove(drive + "FREE.BIN")
        out(err(os.statvfs, "Q:/"))
        """,
    )
    assert got[0][:2] == (512, 512) and got[0][3:] == (10, 12)
    assert got[0][2] == 2847 * 512
    assert got[1][3:] == (10, 12) and 60_000_000 < got[1][2] < 70_000_000
    assert got[2] == 19


def test_forty_files(machine):
    got = run(
        machine,
        """
        os.mkdir("C:/MANY")
        files = [open("C:/MANY/F%d" % i, "w+b") for i in range(40)]
        for i, f in enumerate(files):
            f.write(b"file %d" % i)
        for i, f in enumerate(files):
            f.seek(0)
            assert f.read() == b"file %d" % i
        code = None
        more = []
        while code is None and len(more) < 300:
            try:
                more.append(open("C:/HOST.BIN", "rb"))
            except OSError as e:
                code = e.errno
        out((code, len(more)))
        for f in files + more:
            f.close()
        out([load("C:/MANY/F%d" % i) == b"file %d" % i for i in range(40)] == [True] * 40)
        for i in range(40):
            os.remove("C:/MANY/F%d" % i)
        os.rmdir("C:/MANY")
        # files that nobody closed do not use the handles up
        for i in range(500):
            open("C:/HOST.BIN", "rb").read(3)
        out("end")
        """,
        timeout=60,
    )
    assert got[0][0] == 24
    assert 40 <= 40 + got[0][1] <= 60
    assert got[1:] == [True, "end"]


def test_two_writers(machine):
    got = run(
        machine,
        """
        def two():
            a = open("C:/TWO.TXT", "w")
            a.write("first")
            out(load("C:/TWO.TXT"))
            out([err(open, "C:/TWO.TXT", m) for m in ("w", "a", "r+")])
            out([err(os.remove, "C:/two.txt"), err(os.rename, "C:/TWO.TXT", "C:/X.TXT")])
            a.close()
            b = open("C:/TWO.TXT")
            c = open("C:/TWO.TXT", "a")
            c.write("!")
            c.close()
            out(b.read(5))
            b.close()
            out(load("C:/TWO.TXT"))
        two()
        os.remove("C:/TWO.TXT")
        """,
    )
    assert got == [b"first", [16, 16, 16], [16, 16], "first", b"first!"]


def test_flushed_and_left_open(machine):
    """What is written is on the disk after the end, whether the file was closed or not."""
    done = machine.run(
        PRELUDE
        + """
f = open("C:/OPEN.TXT", "w")
f.write("one")
f.flush()
g = open("C:/EXIT.TXT", "w")
g.write("x" * 100000)
sys.exit(3)
"""
    )
    assert done.returncode == 3
    assert machine.get("C:/OPEN.TXT") == b"one"
    assert machine.get("C:/EXIT.TXT") == b"x" * 100000
    assert done.free[0] == done.free[1]
    # No handle stays with DOS: as many can be opened as before.
    for _ in range(5):
        machine.run(PRELUDE + 'f = [open("C:/HOST.BIN", "rb") for i in range(40)]', check=True)


def test_imports_and_main_from_folders(machine):
    machine.put("C:/SUB/MODA.PY", b"X = 41\r\ndef f():\r\n    return X + 1\r\n")
    got = run(
        machine,
        """
        sys.path.append("C:/SUB")
        import moda
        out((moda.f(), moda.__file__))
        for name in ("no_such_module_at_all", "con", "nul"):
            try:
                __import__(name)
            except ImportError as e:
                out(str(e))
        """,
    )
    assert got[0][0] == 42
    assert got[1:] == [f"no module named '{x}'" for x in ("no_such_module_at_all", "con", "nul")]
