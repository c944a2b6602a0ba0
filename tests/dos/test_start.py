"""MPYTHON.EXE on FreeDOS: its command line, exit status, prompt, memory and end."""

import ast
import secrets

import pytest
from harness import dos_image
from harness.dos import MPYTHON, Guest

HELLO = "print('hello')\n"


def clean(done, status=0):
    """done, if it ended with status and left the machine as it was."""
    shown = f"{done.stdout}\n{done.stderr}"
    assert (done.returncode, done.kind) == (status, 0), shown
    assert done.vectors == {}
    assert done.free[0] == done.free[1]
    return done


def values(done):
    return [ast.literal_eval(line) for line in clean(done).stdout.splitlines()]


def test_command(guest):
    assert clean(guest.run(["-c", "print(6 * 7)"])).stdout == "42\n"


def test_script_and_arguments(guest):
    program = "import sys\nprint(sys.argv[1:])\nprint([sys.platform, sys.executable])\n"
    done = guest.run(program, "a", "b c", 'say "x"', "*.PY")
    assert values(done) == [["a", "b c", 'say "x"', "*.PY"], ["dos", "C:/MPYTHON.EXE"]]


def test_arguments_from_a_file(guest):
    long = "x" * 200
    assert values(guest.run("import sys\nprint(sys.argv[1:])\n", long, "y z")) == [[long, "y z"]]


def test_module(guest):
    guest.put("C:/MODDY.PY", b"import sys\nprint(__name__, sys.argv)\n")
    done = guest.run(["-m", "MODDY", "1"])
    assert clean(done).stdout == "__main__ ['MODDY', '1']\n"


def test_frozen_program_beats_a_folder_of_its_name(guest):
    guest.mkdir("C:/SCP")
    done = guest.run(["-m", "scp"])
    assert "usage" in done.stderr.lower(), done.stderr


@pytest.mark.parametrize(
    "ending, status",
    [
        ("", 0),
        ("raise SystemExit", 0),
        ("import sys\nsys.exit(7)", 7),
        ("import sys\nsys.exit(255)", 255),
        ("import sys\nsys.exit('text')", 1),
        ("1 / 0", 1),
        ("what is this", 1),
        ("import sys\nsys.atexit(lambda: print('bye'))\nsys.exit(3)", 3),
    ],
)
def test_exit_status(guest, ending, status):
    done = clean(guest.run(HELLO + ending), status)
    assert done.stdout.startswith("hello\n") or "SyntaxError" in done.stderr


def test_traceback_on_stderr(guest):
    done = clean(guest.run(HELLO + "def f():\n    1 / 0\nf()\n"), 1)
    assert done.stdout == "hello\n"
    assert 'JOB.PY", line 3, in f' in done.stderr
    assert "ZeroDivisionError: divide by zero" in done.stderr


def test_program_from_standard_input(guest):
    assert clean(guest.run([], stdin=b"print(3)\r\nprint(4)\r\n")).stdout == "3\n4\n"


def test_no_such_file(guest):
    done = clean(guest.run(["NOWHERE.PY"]), 2)
    assert "can't open file 'NOWHERE.PY': [Errno 2] ENOENT" in done.stderr


@pytest.mark.parametrize("line", [["-Z"], ["-X", "nothing"], ["-c"], ["-X"], ["-X", "heapsize=9"]])
def test_wrong_option(guest, line):
    assert "Use -h option for help" in clean(guest.run(line), 1).stderr


def test_help_and_version(guest):
    assert "usage: C:/MPYTHON.EXE" in clean(guest.run(["-h"])).stdout
    shown = clean(guest.run(["--version"])).stdout
    assert "MicroPython v1." in shown
    assert "PMODE/W 1.33 by Charles Scheffold and Thomas Pytel" in shown


def test_optimisation_and_native_code(guest):
    assert clean(guest.run(["-O2", "-c", "assert 0; print(__debug__)"])).stdout == "False\n"
    done = guest.run(["-X", "emit=native", "-c", "print(sum(i * i for i in range(10)))"])
    assert clean(done).stdout == "285\n"


def test_prompt(guest):
    """Several lines, an error, editing, history, completion, the value of an expression."""
    guest.begin([])
    guest.wait_screen(">>>")
    guest.type("x = 20\nx + 2\n")
    guest.wait_screen("22")
    guest.type("1 / 0\n")
    guest.wait_screen("ZeroDivisionError")
    guest.type("for i in range(3):\nprint('i', i * 111)\n\n\n\n")
    guest.wait_screen("i 222")
    guest.type("x + 33")
    guest.key("left")
    guest.key("backspace")
    guest.type("4\n")  # 3 3 -> 4 3
    guest.wait_screen("63")
    guest.key("up")
    guest.key("up")
    guest.key("home")
    guest.type("'again', \n")
    guest.wait_screen("again")
    guest.type("import sys\nsys.plat")
    guest.key("tab")
    guest.type("\n")
    guest.wait_screen("'dos'")
    guest.key("ctrl-d")
    clean(guest.end())


def test_prompt_after_a_program(guest):
    guest.begin(["-i", "-c", "y = 5"])
    guest.wait_screen(">>>")
    guest.type("y * 11\n")
    guest.wait_screen("55")
    guest.type("import sys; sys.exit(9)\n")
    clean(guest.end(), 9)


def test_prompt_is_interrupted(guest):
    guest.begin([])
    guest.wait_screen(">>>")
    guest.type("while True: pass\n\n")
    guest.key("ctrl-c")
    guest.wait_screen("KeyboardInterrupt")
    guest.type("import time; time.sleep(1000)\n")
    guest.key("ctrl-break")
    guest.wait_screen(lambda lines: sum("KeyboardInterrupt:" in x for x in lines) == 2)
    guest.type("print('still', 'here')\n")
    guest.wait_screen("still here")
    guest.key("ctrl-d")
    clean(guest.end())


@pytest.mark.parametrize("keys", ["ctrl-c", "ctrl-break"])
@pytest.mark.parametrize(
    "wait", ["while True: pass", "import time; time.sleep(1000)", "input()", "open('CON').read()"]
)
def test_interrupted_program(guest, wait, keys):
    # A word of its own: the screen still shows what was there before.
    word = f"waits {secrets.token_hex(4)}"
    guest.begin(f"print({word!r})\n{wait}\n")
    guest.wait_screen(word)
    guest.key(keys)
    done = guest.end()
    assert (done.returncode, done.kind, done.vectors) == (1, 0, {})
    lines = guest.screen()
    after = lines[lines.index(word) :]
    assert any("KeyboardInterrupt" in line for line in after)


def test_recursion_ends(guest):
    program = """
def f(n):
    return f(n + 1)
for i in range(3):
    try:
        f(0)
    except RuntimeError as error:
        print(repr(str(error)))
sorted([3, 1, 2], key=lambda x: x)
a = []
a.append(a)
try:
    repr(a) == 1
    b = eval("[" * 500 + "]" * 500)
    repr(b)
except RuntimeError as error:
    pass
print(True)
"""
    assert values(guest.run(program)) == ["maximum recursion depth exceeded"] * 3 + [True]


MEMORY = """
import gc
free = gc.mem_free() + gc.mem_alloc()

def fill():
    kept = []
    try:
        while True:
            kept.append(bytearray({piece}))
    except MemoryError:
        return len(kept)

print([free, fill() * {piece}, fill() * {piece}])
"""


@pytest.mark.parametrize(
    "megabytes, least, most", [(4, 1.0, 2), (8, 4, 7), (16, 11, 15), (64, 55, 63)]
)
def test_heap_takes_what_there_is(freedos, megabytes, least, most):
    """From 4 MB on; all of it can be used; after MemoryError all of it is there again."""
    with Guest(memory=megabytes) as machine:
        done = machine.run(MEMORY.format(piece=megabytes * 20_000), timeout=150)
        ((free, used, again),) = values(done)
        assert least * 2**20 < used < most * 2**20
        assert free < megabytes * 2**20
        assert again > 0.9 * used


def test_the_other_extender(freedos):
    """The same program behind DOS/32A: files, network, exit status."""
    exe = MPYTHON.parents[1] / "dos-dos32a" / MPYTHON.name
    with Guest(exe=exe) as machine:
        program = """
import dosnet, os, sys
dosnet.up()
with open("C:/X.BIN", "wb") as file:
    file.write(bytes(range(256)) * 1000)
print([os.stat("C:/X.BIN")[6], sys.platform])
sys.exit(5)
"""
        done = machine.run(program)
        assert (done.returncode, done.kind, done.vectors) == (5, 0, {})
        assert "[256000, 'dos']" in done.stdout
        assert machine.get("C:/X.BIN") == bytes(range(256)) * 1000


# What a boot floppy may hold: names of XMS managers, and of those that put DOS into V86 mode.
XMS_MANAGERS = ("HIMEMX.EXE", "HIMEM.EXE", "HIMEM.SYS", "XMGR.SYS", "FDXMS.SYS")
V86_MANAGERS = ("EMM386.EXE", "JEMM386.EXE", "JEMMEX.EXE")


def on_floppy(freedos, names):
    """The path on A: of the first of these files that the boot floppy holds, or None."""
    listed = dos_image.tool("mdir", "-/", "-b", "-i", freedos, "::").decode().upper().split()
    found = [line for name in names for line in listed if line.endswith("/" + name)]
    return "A:" + found[0].removeprefix("::").replace("/", "\\") if found else None


@pytest.mark.parametrize("kind", ["XMS", "V86"])
def test_memory_managers(freedos, kind):
    """With HIMEM, and with EMM386 on top: memory, files, network."""
    lines = [on_floppy(freedos, XMS_MANAGERS), on_floppy(freedos, V86_MANAGERS)]
    wanted = lines[: 1 if kind == "XMS" else 2]
    if None in wanted:
        names = XMS_MANAGERS if wanted[0] is None else V86_MANAGERS
        pytest.skip(f"the boot floppy has none of {', '.join(names)}")
    with Guest(config_sys=[f"DEVICE={path}" for path in wanted]) as machine:
        program = "import dosnet, gc\ndosnet.up()\nx = bytearray(5_000_000)\nprint(len(x))\n"
        assert values(machine.run(program)) == [5_000_000]


def test_too_little_memory(freedos):
    with Guest(memory=2) as machine:
        done = machine.run(["-c", "print(1)"])
        assert done.returncode != 0
        assert "memory" in (done.stdout + done.stderr).lower()


def test_fixed_heap(guest):
    done = guest.run(
        ["-X", "heapsize=300K", "-c", "import gc; print(gc.mem_free() + gc.mem_alloc())"]
    )
    assert 250_000 < values(done)[0] < 300 * 1024
    done = guest.run(["-X", "heapsize=100M", "-c", "print(1)"])
    assert done.returncode == 3
    assert "not enough memory" in done.stderr


def test_many_runs_leave_nothing(guest):
    first = clean(guest.run(HELLO)).free
    for _ in range(10):
        assert clean(guest.run(HELLO)).free == first
