"""Long names, where DOS offers them: a driver of the tests answers these calls by the short ones.

It shows that each call is made with the right registers and read rightly. What is longer than
8.3 fails only inside DOS, not here.
"""

import subprocess

import pytest
from files_programs import run
from harness.dos import Guest
from harness.dos_image import REPO

SOURCE = REPO / "tests/dos/lfn/lfn.S"
CALLS = {0x39, 0x3A, 0x3B, 0x41, 0x47, 0x4E, 0x4F, 0x56, 0x6C, 0xA0, 0xA1}


@pytest.fixture(scope="module")
def machine(freedos, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lfn")
    subprocess.run(
        [
            "gcc", "-m16", "-nostdlib", "-static", "-Wl,-Ttext=0x100", "-Wl,--build-id=none",
            "-Wl,--oformat=binary", "-o", folder / "LFN.COM", SOURCE,
        ],
        check=True,
    )  # fmt: skip
    driver = folder / "LFN.COM"
    with Guest(nic=None, files={"LFN.COM": driver}, autoexec=["C:\\LFN.COM"]) as made:
        yield made


def test_calls_for_long_names(machine):
    assert machine.int21(0x71A0, data=b"C:\\\0")[1] & 0x4000
    got = run(
        machine,
        """
        os.chdir("C:/")
        os.mkdir("C:/LFNDIR")
        os.chdir("C:/LFNDIR")
        out(os.getcwd())
        save("a.txt", pattern(40000))
        out((load("A.TXT") == pattern(40000), os.stat("A.TXT")[6]))
        out(abs(os.stat("A.TXT")[8] - time.time()) <= 4)
        os.rename("A.TXT", "B.TXT")
        for i in range(12):
            save("F%d" % i, "x" * i)
        names = []
        for name, kind, ino in os.ilistdir("C:/LFNDIR"):
            names.append((name, kind, len(os.listdir("."))))
        out(sorted(names))
        for name in os.listdir("."):
            os.remove(name)
        os.chdir("..")
        os.rmdir("LFNDIR")
        out((os.getcwd(), os.statvfs("C:/")[9], os.statvfs("A:/")[9]))
        out([err(open, "C:/" + x, "w") for x in ("CON.TXT", "A.", "A?B", "x" * 256)])
        out([err(os.stat, "C:/" + x) for x in ("a b+c,d;e=f[g]", "two.dots.txt", ".profile")])
        """,
    )
    assert got[:3] == ["C:/LFNDIR", (True, 40000), True]
    names = sorted(["B.TXT", *(f"F{i}" for i in range(12))])
    assert got[3] == [(name, 0x8000, 13) for name in names]
    assert got[4] == ("C:/", 255, 12)
    assert got[5] == [22, 22, 22, 36]
    assert got[6] == [2, 2, 2]
    used = {n for n in range(0x39, 0xA2) if machine.int21(0x71FF, bx=n)[0]}
    assert used == CALLS
