"""Environment, other programs, random numbers: module os on DOS."""

import pytest
from files_programs import run
from harness.dos import Guest

# Ends with status 7; prints nothing:  mov ax,4c07h; int 21h
SEVEN = bytes.fromhex("b8074c cd21")
# Ends with the length of its command tail:  mov al,[80h]; mov ah,4ch; int 21h
LENGTH = bytes.fromhex("a08000 b44c cd21")
# Prints its command tail:  mov si,80h; xor ah,ah; lodsb; mov cx,ax; mov dx,si; mov bx,1; ...
TAIL = bytes.fromhex("be8000 30e4 ac 89c1 89f2 bb0100 b440 cd21 b8004c cd21")


@pytest.fixture(scope="module")
def shared(freedos):
    files = {
        "SEVEN.COM": SEVEN,
        "TOOLS/LENGTH.COM": LENGTH,
        "TOOLS/TAIL.COM": TAIL,
        "TOOLS/BAT.BAT": b"@ECHO OFF\r\nECHO batch %1 %MPY_SET%\r\nC:\\SEVEN.COM\r\n",
    }
    with Guest(nic=None, files=files) as made:
        yield made


def test_environment(machine):
    got = run(
        machine,
        """
        out((os.getenv("MPY_ONE"), os.getenv("mpy_one"), os.getenv("NONE"), os.getenv("NONE", 5)))
        os.putenv("MPY_TWO", "a=b c")
        os.putenv("mpy_one", "1")
        out((os.getenv("MPY_TWO"), os.getenv("MPY_ONE")))
        os.unsetenv("MPY_ONE")
        os.unsetenv("MPY_ONE")
        out(os.getenv("MPY_ONE"))
        out([err(os.putenv, "", "x"), err(os.putenv, "A=B", "x"), err(os.unsetenv, ""),
             err(os.putenv, "BIG", "x" * 40000)])
        for i in range(150):
            os.putenv("V%d" % i, "x" * i)
        for i in range(1, 150, 3):
            os.unsetenv("V%d" % i)
        out(all(os.getenv("V%d" % i) == "x" * i for i in range(0, 150, 3)))
        os.putenv("EMPTY", "")
        out((os.getenv("EMPTY"), os.getenv("PATH")))
        """,
        env={"MPY_ONE": "first"},
    )
    assert got[0] == ("first", "first", None, 5)
    assert got[1:4] == [("a=b c", "1"), None, [22, 22, 22, 12]]
    assert got[4] is True
    assert got[5][0] == "" and got[5][1]


def test_exit_codes(machine):
    got = run(
        machine,
        """
        os.putenv("PATH", "C:\\\\NONE;C:\\\\TOOLS;C:\\\\")
        os.chdir("C:/")
        for command in ("SEVEN", "seven.com", "C:\\\\SEVEN", "C:/SEVEN.COM", "SEVEN x y"):
            assert os.system(command) == 7, command
        os.chdir("C:/T")
        out([os.system(x) for x in ("SEVEN", "LENGTH a b", "  LENGTH", "LENGTH.COM /x")])
        out(os.system("REM nothing"))
        out((err(os.system, "SEVEN " + "x" * 130), os.system("SEVEN " + "x" * 120)))
        for i in range(30):
            assert os.system("SEVEN") == 7
        out(os.getcwd())
        """,
        timeout=60,
    )
    assert got == [[7, 4, 0, 3], 0, (7, 7), "C:/T"]


def test_output_of_a_program(machine):
    done = machine.run(
        """
import os, sys
print("one")
os.system("C:\\\\TOOLS\\\\TAIL.COM two\t")
print(" three")
""",
        check=True,
    )
    assert done.stdout.split() == ["one", "two", "three"]
    assert done.vectors == {}
    assert done.free[0] == done.free[1]


def test_shell(machine):
    """On the screen: this FreeCOM loses what its own commands print to a file of its parent."""
    done = machine.run(
        """
import os, sys
os.putenv("MPY_SET", "value")
print("one")
os.system("ECHO two %MPY_SET%")
os.system("C:\\\\TOOLS\\\\BAT four")
os.system("ECHO five> C:\\\\FIVE.TXT")
os.system("DIR C:\\\\NONE.XYZ")
print(open("C:/FIVE.TXT").read().strip())
print("end")
""",
        check=True,
        console=True,
    )
    lines = [x for x in machine.screen() if x]
    lines = lines[len(lines) - 1 - lines[::-1].index("one") :]
    assert [x for x in lines if "NONE" not in x and "ile" not in x and "olume" not in x] == [
        "one",
        "two value",
        "batch four value",
        "five",
        "end",
    ]
    assert done.vectors == {}
    assert done.free[0] == done.free[1]


def test_files_and_screen_around_a_program(machine):
    """Files stay open, the time goes on, the screen and the keyboard are ours again."""
    machine.begin(
        """
import os, time
f = open("C:/KEEP.TXT", "w+")
f.write("before ")
t = time.ticks_ms()
print("first")
os.system("ECHO second")
os.system("C:\\\\SEVEN")
f.write("after")
f.seek(0)
print("third", f.read(), time.ticks_diff(time.ticks_ms(), t) >= 0)
print(input("name? "))
"""
    )
    machine.wait_screen("name?")
    machine.type("me\n")
    lines = machine.wait_screen(lambda lines: "me" in lines)
    assert machine.end().returncode == 0
    at = lines.index("first")
    assert [x for x in lines[at:] if x][:5] == [
        "first",
        "second",
        "third before after True",
        "name? me",
        "me",
    ]


def test_no_shell(machine):
    got = run(
        machine,
        """
        os.putenv("COMSPEC", "C:\\\\NONE.COM")
        out(err(os.system, "ECHO x"))
        os.unsetenv("COMSPEC")
        out((err(os.system, "ECHO x"), os.system("C:\\\\SEVEN")))
        """,
    )
    assert got == [2, (2, 7)]


def test_errno_and_names(machine):
    got = run(
        machine,
        """
        try:
            os.stat("C:/NONE")
        except OSError as e:
            out((e.errno, errno.errorcode[e.errno], os.errno()))
        os.errno(0)
        out((os.errno(), os.sep, sys.platform))
        """,
    )
    assert got == [(2, "ENOENT", 2), (0, "/", "dos")]


def test_urandom(machine):
    """Bytes that nobody can guess, or an error that says how to give some."""
    done = machine.run(
        """
import os
try:
    print("OUT", (len(os.urandom(0)), len(os.urandom(33)), os.urandom(16) != os.urandom(16)))
except OSError as e:
    print("OUT", repr(str(e)))
try:
    os.urandom(-1)
except ValueError:
    print("OUT", 1)
""",
        timeout=90,
    )
    assert done.returncode == 0
    assert done.out[0] == (0, 33, True) or "entropy" in done.out[0]
    assert done.out[1] == 1
