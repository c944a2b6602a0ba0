"""The DOS console in a guest: prompt, line input, screen sizes, and what is left at the end."""

import pytest

COMMAND = "A:\\COMMAND.COM"

# Programs that set a mode by INT 10h, and the font of 8 x 8 (AX = 1112h).
ROWS_50 = bytes.fromhex("b80300 cd10 b81211 30db cd10 b8004c cd21")
ROWS_25 = bytes.fromhex("b80300 cd10 b8004c cd21")
MONO = bytes.fromhex("b80700 cd10 b8004c cd21")


def clear(guest):
    """Nothing is mistaken for what came before."""
    guest.exe(f"{COMMAND} /C CLS", console=True)


def begin(guest, program):
    clear(guest)
    guest.begin(program)


def prompt(guest):
    """Waits for an empty prompt on the cursor's line."""

    def waits(lines):
        x, y = guest.cursor()
        return y < len(lines) and lines[y] == ">>>" and x == 4

    return guest.wait_screen(waits)


@pytest.fixture
def repl(guest):
    begin(guest, [])
    prompt(guest)
    yield guest
    if guest.running:
        guest.type("\x04")
        assert guest.end().returncode == 0


def shows(*lines):
    """A condition: these lines are on the screen, one after the other."""
    wanted = list(lines)
    return lambda screen: any(
        screen[at : at + len(wanted)] == wanted for at in range(len(screen) - len(wanted) + 1)
    )


# ---------------------------------------------------------------- The prompt


def test_prompt_edits(repl):
    repl.type("prit(1 + 2)")
    for _ in range(8):
        repl.key("left")
    repl.type("n")
    repl.key("end")
    repl.key("left")
    repl.key("backspace")
    repl.type("40")
    repl.key("home")
    repl.key("delete")
    repl.type("p\n")
    repl.wait_screen(shows(">>> print(1 + 40)", "41", ">>>"))
    prompt(repl)
    repl.key("up")
    repl.type("\b\b + 2)\n")
    repl.wait_screen(shows(">>> print(1 + 4 + 2)", "7", ">>>"))


def test_prompt_completes(repl):
    repl.type("import sys\nsys.plat\t\n")
    repl.wait_screen(shows(">>> sys.platform", "'dos'"))
    repl.type("sys.st\t\t")
    repl.wait_screen(lambda lines: any("stdin" in x and "stdout" in x for x in lines))
    repl.type("din\n")
    prompt(repl)


def test_prompt_blocks_and_long_lines(repl):
    repl.type("for i in range(2):\nprint('i', i)\n\b\n")
    repl.wait_screen(shows(">>> for i in range(2):", "...     print('i', i)", "...", "i 0", "i 1"))
    prompt(repl)
    text = "x = '" + "0123456789" * 12 + "'"
    repl.type(text)
    repl.key("home")
    repl.key("end")
    repl.type("; print(len(x))\n")
    repl.wait_screen(lambda lines: "120" in lines)
    prompt(repl)


def test_ctrl_c_at_the_prompt_and_in_loops(repl):
    repl.type("abc")
    repl.key("ctrl-c")
    prompt(repl)
    repl.type("while True: pass\n\n")
    repl._key_ring(lambda head, tail: head == tail)
    repl.key("ctrl-c")
    repl.wait_screen("KeyboardInterrupt")
    prompt(repl)
    repl.type("import time; time.sleep(100)\n")
    repl._key_ring(lambda head, tail: head == tail)
    repl.key("ctrl-break")
    repl.wait_screen(lambda lines: sum("KeyboardInterrupt" in x for x in lines) == 2)
    prompt(repl)


def test_paste_mode_and_errors(repl):
    repl.type("\x05")
    repl.wait_screen("===")
    repl.type("if 1:\n  raise ValueError('e')\n\x04")
    repl.wait_screen("ValueError: e")
    prompt(repl)


# ---------------------------------------------------------------- Lines


def test_line_input(guest):
    begin(
        guest,
        """
        import sys
        print("ready")
        lines = []
        while lines[-1:] != [""]:
            lines.append(sys.stdin.readline())
        print("got", lines)
        """,
    )
    guest.wait_screen("ready")
    guest.type("hallo\b\b\b\bello\n")
    guest.type("forget\x15kept\n")
    guest.type("also\x1b\n")
    guest.type("a\x01\b\bb\n")
    guest.key("up")
    guest.key("f5")
    guest.type("x" * 85 + "\b" * 10 + "y\n")
    guest.type("no end\x1a\n")
    guest.type("\x1a")
    wanted = ["hello\n", "kept\n", "\n", "b\n", "x" * 75 + "y\n", "no end\n", ""]
    result = "got " + repr(wanted)
    lines = guest.wait_screen(lambda lines: result in "".join(x.ljust(80) for x in lines))
    assert shows("hello", "kept", "", "b", "x" * 75 + "y", "no end", "")(lines)
    assert guest.end().returncode == 0


def test_line_input_stops_for_ctrl_c(guest):
    begin(
        guest,
        """
        import sys
        print("ready")
        try:
            sys.stdin.readline()
        except KeyboardInterrupt:
            print("stopped")
        print("then", repr(sys.stdin.readline()))
        """,
    )
    guest.wait_screen("ready")
    guest.type("half a l")
    guest.wait_screen("half a l")
    guest.key("ctrl-c")
    guest.wait_screen(shows("half a l^C", "stopped"))
    guest.type("whole\n")
    guest.wait_screen("then 'whole\\n'")
    assert guest.end().returncode == 0


def test_line_is_ready_when_it_is_whole(guest):
    begin(
        guest,
        """
        import select, sys
        poll = select.poll()
        poll.register(sys.stdin, select.POLLIN)
        print("ready")
        polls = 0
        while not poll.poll(50):
            polls += 1
        print(polls > 0, repr(sys.stdin.readline()), poll.poll(0))
        """,
    )
    guest.wait_screen("ready")
    guest.type("a li")
    guest.wait_screen("a li")
    guest.type("ne\n")
    guest.wait_screen(shows("a line", "True 'a line\\n' []"))
    assert guest.end().returncode == 0


def test_input(guest):
    begin(guest, "print(repr(input('name? ')), repr(input()))")
    guest.wait_screen("name?")
    guest.type("Jim\n")
    guest.type("\n")
    guest.wait_screen("'Jim' ''")
    assert guest.end().returncode == 0


# ---------------------------------------------------------------- Raw


def test_raw(guest):
    begin(
        guest,
        """
        import dos, select, sys
        print("\\x1b[2J\\x1b[H", dos.raw(), dos.raw(True), dos.raw())
        poll = select.poll()
        poll.register(sys.stdin, select.POLLIN)
        print("none", poll.poll(0), end="\\r\\n")
        print("\\x1b[12;1H\\x1b[6n\\x1b[c", end="")
        print(sys.stdin.buffer.read(14), end="\\r\\n")
        print("ready", end="\\r\\n")
        poll.poll()
        print(sys.stdin.buffer.read(1), poll.poll(0) == [], end="\\r\\n")
        print("a\\nb", dos.raw(False), dos.raw())
        print("c", end="\\n")
        print(dos.console.write(b"d\\n"))
        """,
    )
    guest.wait_screen("ready")
    guest.key("ctrl-c")
    lines = guest.wait_screen(lambda lines: "2" in lines)
    assert guest.end().returncode == 0
    assert any("False False True" in x for x in lines) and any("none []" in x for x in lines)
    assert r"b'\x1b[12;1R\x1b[?1;2c'" in lines
    assert shows("b'\\x03' True", "a", "b True False", "c", "d", "2")(lines)


def test_raw_ctrl_c_during_calls_of_dos(guest):
    """DOS, when its BREAK is on, would take the key at any call and call INT 23h."""
    begin(
        guest,
        """
        import dos, machine, os, sys
        dos.raw(True)
        print("ready", end="\\r\\n")
        while machine.mem16[0x41A] == machine.mem16[0x41C]:
            pass
        os.stat("C:/T")
        print(sys.stdin.buffer.read(1), end="\\r\\n")
        """,
    )
    guest.wait_screen("ready")
    guest.key("ctrl-c")
    assert guest.end().returncode == 0
    assert shows("ready", r"b'\x03'")(guest.screen())


@pytest.mark.parametrize("flag", [0, 1])
def test_break_is_what_it_was(guest, flag):
    """Off while a program of ours runs, the user's in programs that it starts and at its end."""
    # INT 21h with AX=3300h; DL becomes the exit code.
    guest.put("C:/T/BREAK.COM", bytes.fromhex("b80033 cd21 88d0 b44c cd21"))
    before = guest.int21(0x3300)[3] & 1
    guest.int21(0x3301, dx=flag)
    done = guest.run("import os\nprint(os.system('C:\\\\T\\\\BREAK.COM'))", check=True)
    assert done.stdout == f"{flag}\n"
    assert guest.int21(0x3300)[3] & 1 == flag
    guest.int21(0x3301, dx=before)


def test_answers_are_not_typed_lines(guest):
    begin(guest, "import sys\nprint('\\x1b[6n\\x1b[cready')\nprint(repr(sys.stdin.readline()))")
    guest.wait_screen("ready")
    guest.type("x\n")
    guest.wait_screen("'x\\n'")
    assert guest.end().returncode == 0


# ---------------------------------------------------------------- The screen


def test_colours_and_characters(guest):
    begin(guest, "print('\\x1b[2J\\x1b[H\\x1b[1;31mred\\x1b[0m é─█€ \\x1b[44mblue\\x1b[K\\x1b[m')")
    assert guest.end().returncode == 0
    assert guest.screen()[0] == "red é─█ε blue"
    attrs = guest.attributes()[0]
    assert attrs[:3] == b"\x0c\x0c\x0c" and attrs[4] == 0x07 and set(attrs[9:]) == {0x17}
    assert set(guest.attributes()[2]) == {0x07}


def test_cursor_is_where_dos_goes_on(guest):
    begin(guest, "import sys\nprint('\\x1b[2J\\x1b[5;10Hhere', end='')")
    assert guest.end().returncode == 0
    assert guest.cursor() == (13, 4)
    place = 4 * 80 + 13
    assert crtc_cursor(guest) == place


def crtc_cursor(guest):
    """Where the adapter shows the cursor, in cells."""
    place = 0
    for register in (0x0E, 0x0F):
        guest.monitor(f"o/b 0x3d4 {register}")
        place = place << 8 | int(guest.monitor("i/b 0x3d5").split("=")[1], 16)
    return place


def test_what_a_program_leaves_behind_is_ended(guest):
    """Colours, a scrolling region, the alternate screen, a hidden cursor, raw mode."""
    modes = "\\x1b[?1049h\\x1b[2;4r\\x1b[31;44mother\\x1b[?25l\\x1b[?1h\\a"
    text = f"import dos\nprint('before')\nprint('{modes}')\ndos.raw(True)\n"
    guest.put("C:/T/LEAVE.PY", text.encode())
    clear(guest)
    guest.begin_exe(COMMAND)
    guest.wait_screen("C:\\>")
    guest.type("c:\\mpython c:\\t\\leave.py\n")
    guest.wait_screen(lambda lines: lines[guest.cursor()[1]] == "C:\\>" and "before" in lines)
    guest.type("echo hello\n")
    lines = guest.wait_screen(lambda lines: "hello" in lines)
    assert not any("other" in x for x in lines)
    assert set(b"".join(guest.attributes())) == {0x07}
    assert crtc_cursor(guest) == guest.cursor()[1] * 80 + guest.cursor()[0]
    assert int(guest.monitor("i/b 0x61").split("=")[1], 16) & 3 != 3
    guest.type("exit\n")
    assert guest.end().returncode == 0


def test_another_program_writes_between(guest):
    begin(
        guest,
        """
        import os
        print("\\x1b[2J\\x1b[H\\x1b[31mone")
        os.system("echo two")
        print("three", end="")
        os.system("cls")
        print("four\\x1b[m")
        """,
    )
    assert guest.end().returncode == 0
    # FreeDOS's COMMAND.COM goes to the next line after a command.
    assert [x for x in guest.screen() if x] == ["four"]
    # Colours stay what they were.
    assert guest.attributes()[guest.screen().index("four")][:4] == b"\x04" * 4
    # At the bottom of the screen, which then scrolls for both.
    begin(
        guest,
        """
        import os
        print("\\n" * 22)
        for i in range(3):
            os.system(f"echo {i}")
            print("py", i)
        """,
    )
    assert guest.end(60).returncode == 0
    lines = [x for x in guest.screen() if x]
    assert lines[-4:] == ["1", "py 1", "2", "py 2"]


def test_flood(guest):
    """Much output shows its end, and the screen follows while the program computes."""
    begin(
        guest,
        """
        for i in range(3000):
            print("line", i, "x" * (i % 100))
        print("end")
        n = 0
        while True:
            n += 1
        """,
    )
    lines = guest.wait_screen(lambda lines: "end" in lines)
    last = "line 2999 " + "x" * 99
    assert lines[lines.index("end") - 2 : lines.index("end")] == [last[:80], last[80:]]
    guest.key("ctrl-c")
    guest.wait_screen("KeyboardInterrupt")
    assert guest.end().returncode == 1


def test_fifty_rows(guest):
    begin(
        guest,
        """
        import dos
        print(dos.size(), dos.size(50))
        for i in range(60):
            print("row", i)
        print("\\x1b[50;70Hcorner\\x1b[HTOP")
        try:
            dos.size(33)
        except ValueError as e:
            print("33:", e)
        dos.raw(True)
        dos.console.read(1)
        """,
    )
    lines = guest.wait_screen(lambda lines: any("33:" in x for x in lines))
    assert len(lines) == 50
    assert lines[49].endswith("corner") and lines[0].startswith("TOP")
    assert "(80, 50)" in "".join(lines) or lines[48].startswith("row 59")
    guest.type("x")
    assert guest.end().returncode == 0
    assert len(guest.screen()) == 25


def test_fifty_rows_end_with_the_last_lines(guest):
    begin(
        guest,
        "import dos\ndos.size(50)\nprint('\\x1b[2J\\x1b[H')\nfor i in range(45): print('n', i)",
    )
    assert guest.end().returncode == 0
    lines = guest.screen()
    assert lines == [f"n {i}" for i in range(21, 45)] + [""] and guest.cursor() == (0, 24)


@pytest.fixture
def modes(guest):
    for name, data in {"R50.COM": ROWS_50, "R25.COM": ROWS_25, "MONO.COM": MONO}.items():
        guest.put("C:/T/" + name, data)
    yield guest
    guest.exe("C:\\T\\R25.COM", console=True)


def test_mode_is_kept(modes):
    assert modes.exe("C:\\T\\R50.COM", console=True).returncode == 0
    assert len(modes.screen()) == 50
    begin(modes, "import dos\nprint(dos.size())\nfor i in range(60): print(i)")
    assert modes.end().returncode == 0
    lines = modes.screen()
    assert len(lines) == 50 and "59" in lines[-3:] and "15" in lines


def test_monochrome(modes):
    assert modes.exe("C:\\T\\MONO.COM", console=True).returncode == 0
    assert modes.run("print(1)").stdout == "1\n"
    begin(modes, "print('\\x1b[2J\\x1b[H\\x1b[1mbold\\x1b[0;7mreverse\\x1b[m', end='')")
    assert modes.end().returncode == 0
    cells = modes.memory(0xB0000, 22)
    assert cells[::2] == b"boldreverse"
    assert cells[1::2] == b"\x0f" * 4 + b"\x70" * 7


@pytest.mark.freedos("the version is FreeDOS's")
def test_version(guest):
    done = guest.run(
        "import dos\nprint(dos.version(), dos.isatty(0), dos.isatty(1), dos.size(), dos.TERM)"
    )
    assert done.stdout == "(7, 10, 253) False False (80, 25) xterm\n"
    with_console = "import dos, sys\nprint(dos.isatty(0), dos.isatty(1), dos.isatty(2))"
    begin(guest, with_console)
    guest.wait_screen("True True True")
    assert guest.end().returncode == 0


def test_console_stream_when_all_is_redirected(guest):
    text = "import dos\ndos.console.write(b'name? ')\nprint('got', dos.console.readline())\n"
    guest.put("C:/T/ASK.PY", text.encode())
    clear(guest)
    guest.begin_exe(COMMAND)
    guest.wait_screen("C:\\>")
    guest.type("c:\\mpython c:\\t\\ask.py >c:\\t\\got.txt <nul\n")
    guest.wait_screen("name?")
    guest.type("Jim\n")
    guest.wait_screen(lambda lines: lines[guest.cursor()[1]] == "C:\\>")
    guest.type("exit\n")
    guest.end()
    assert guest.get("C:/T/GOT.TXT").split() == [b"got", b"b'Jim\\n'"]
