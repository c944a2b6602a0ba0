"""Names that DOS cannot hold, devices, characters of the code page."""

import pytest
from files_programs import run
from harness.dos import Guest

EINVAL, ENAMETOOLONG = 22, 36


@pytest.fixture(scope="module")
def shared(freedos):
    with Guest(nic=None, files={"T/DEEP.TXT": b"here", "PLAIN.TXT": b"plain"}) as made:
        yield made


REFUSED = {
    "A+B.TXT": EINVAL,
    "A,B": EINVAL,
    "A;B": EINVAL,
    "A=B": EINVAL,
    "A[B": EINVAL,
    "A]B": EINVAL,
    "A<B": EINVAL,
    "A>B": EINVAL,
    "A|B": EINVAL,
    'A"B': EINVAL,
    "A?B": EINVAL,
    "A*B": EINVAL,
    "*.*": EINVAL,
    "1:B": EINVAL,
    "AB:C": EINVAL,
    "A B": EINVAL,
    " A": EINVAL,
    "A ": EINVAL,
    "A\tB": EINVAL,
    "A\x01B": EINVAL,
    "A.": EINVAL,
    "A..": EINVAL,
    "A.B.C": EINVAL,
    ".PROFILE": EINVAL,
    "...": EINVAL,
    "A\N{SNOWMAN}": EINVAL,
    "NINECHARS": ENAMETOOLONG,
    "EIGHTCHRS.TXT": ENAMETOOLONG,
    "A.JSON": ENAMETOOLONG,
    "LONGDIR12/A.TXT": ENAMETOOLONG,
    "A" * 300: ENAMETOOLONG,
    "D/" * 60 + "A": ENAMETOOLONG,
    "CON.TXT": EINVAL,
    "con.txt": EINVAL,
    "NUL.": EINVAL,
    "AUX.PY": EINVAL,
    "PRN.DAT": EINVAL,
    "COM1.LOG": EINVAL,
    "LPT3.OUT": EINVAL,
    "CLOCK$.X": EINVAL,
    "C:/NUL": EINVAL,
    "C:/T/CON": EINVAL,
    "./CON": EINVAL,
    "T/PRN": EINVAL,
    "CON/X.TXT": EINVAL,
}


def test_refused_everywhere(machine):
    before = machine.listdir("C:/")
    machine.put("C:/NAMES.TXT", repr(list(REFUSED)).encode())
    got = run(
        machine,
        """
        for name in eval(open("C:/NAMES.TXT").read()):
            codes = [err(open, name, "w"), err(os.rename, "PLAIN.TXT", name)]
            for function in (open, os.mkdir, os.stat, os.remove, os.listdir, os.chdir, os.rmdir):
                codes.append(err(function, name))
            out((name, codes))
        """,
    )
    assert got == [(name, [code] * 9) for name, code in REFUSED.items()]
    machine.remove("C:/NAMES.TXT")
    assert machine.listdir("C:/") == before
    assert machine.get("C:/PLAIN.TXT") == b"plain"


def test_names_that_fit(machine):
    names = ["A", "EIGHTCHR.TXT", "x.y", "A-B_C~1.$$$", "!#%&'()@.^`{", "12345678.123", "CONS.TXT"]
    names += ["COM0", "COM10", "LPTX", "NULL", "AUXIL.PY"]
    got = run(
        machine,
        f"""
        names = {names!r}
        os.mkdir("C:/FIT")
        for name in names:
            save("C:/FIT/" + name, name)
        out(sorted(os.listdir("C:/FIT")))
        for name in names:
            assert load("C:/FIT/" + name.lower()) == name.encode()
            os.remove("C:/FIT/" + name)
        os.rmdir("C:/FIT")
        """,
    )
    assert got == [sorted(name.upper() for name in names)]


def test_letters_of_the_code_page(machine):
    got = run(
        machine,
        """
        save("C:/\\u00c4\\u00d6.\\u00dc", "umlaut")
        save("C:/\\u00d1\\u00df\\u03b1.TXT", "more")
        out([x for x in os.listdir("C:/") if any(ord(c) > 127 for c in x)])
        out((load("C:/\\u00c4\\u00d6.\\u00dc"), load("C:/\\u00d1\\u00df\\u03b1.TXT")))
        os.mkdir("C:/\\u00c9")
        os.chdir("C:/\\u00c9")
        out(os.getcwd())
        os.chdir("C:/")
        os.rmdir("\\u00c9")
        """,
    )
    assert got == [["ÄÖ.Ü", "ÑßΑ.TXT".replace("Α", "α")], (b"umlaut", b"more"), "C:/É"]
    assert machine.get("C:/ÄÖ.Ü") == b"umlaut"
    machine.remove("C:/ÄÖ.Ü")


def test_devices_that_are_meant(machine):
    got = run(
        machine,
        """
        with open("NUL", "wb") as f:
            out(f.write(bytes(100000)))
        with open("nul", "rb") as f:
            out((f.read(10), err(f.seek, 0)))
        out([oct(os.stat(x)[0]) for x in ("CON", "AUX", "PRN", "NUL", "COM1")])
        out([err(os.remove, "NUL"), err(os.rename, "NUL", "X"), err(os.mkdir, "PRN")])
        """,
    )
    assert got == [100000, (b"", 29), ["0o20666"] * 5, [13, 13, 17]]


def test_console_by_name(machine):
    """What is written to CON is on the screen although standard output goes to a file."""
    done = machine.run('print(open("CON", "w").write("to the screen\\n"))', check=True)
    assert done.stdout == "14\n"
    assert "to the screen" in machine.screen()


def test_device_of_a_driver(machine):
    """One that no list of names knows: DOS's own, found by asking what was opened."""
    got = run(
        machine, 'out([err(open, "CONFIG$"), err(open, "XMSXXXX0"), err(open, "T/DEEP.TXT")])'
    )
    assert got[0][1:] == [2, None]


def test_longest_path(machine):
    got = run(
        machine,
        """
        os.chdir("C:/")
        made = []
        for i in range(7):
            os.mkdir("ABCDEFGH")
            os.chdir("ABCDEFGH")
            made.append(os.getcwd())
        save("LONGNAME.TXT", "deep")
        path = os.getcwd() + "/LONGNAME.TXT"
        out((len(path), load(path)))
        os.chdir("/")
        out(load(path))
        out(err(os.mkdir, made[-1] + "/ABCDEFGH") in (2, 13, 36))
        out(err(open, made[-1] + "/B/LONGNAME.TXT", "w"))
        os.remove(path)
        for d in reversed(made):
            os.rmdir(d)
        out("ABCDEFGH" in os.listdir("C:/"))
        """,
    )
    assert got == [(78, b"deep"), b"deep", True, 36, False]
