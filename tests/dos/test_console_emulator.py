"""The DOS console's emulator, sequence by sequence, on this machine."""

import subprocess

import pytest
from vt100 import emulator as vt


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    made = vt.Emulator(vt.build(tmp_path_factory.mktemp("vt100"), "host"))
    yield made
    made.close()


@pytest.fixture
def screen(process):
    process.start(20, 6)
    return process


FILL = "".join(f"\033[{y};1H{y}" * (y < 7) for y in range(1, 7))

# What is written, the screen's lines, the cursor (column, row) from 0.
SEQUENCES = {
    "text": ("ab\r\ncd", ["ab", "cd"], (2, 1)),
    "line feed alone": ("ab\ncd", ["ab", "  cd"], (4, 1)),
    "new line mode": ("\033[20hab\ncd", ["ab", "cd"], (2, 1)),
    "vertical tab and form feed": ("a\vb\fc", ["a", " b", "  c"], (3, 2)),
    "backspace": ("abc\b\bX", ["aXc"], (2, 0)),
    "backspace at the edge": ("\b\bX", ["X"], (1, 0)),
    "wrap": ("x" * 21, ["x" * 20, "x"], (1, 1)),
    "wrap waits": ("x" * 20, ["x" * 20], (19, 0)),
    "wrap waits until after CR": ("x" * 20 + "\rY", ["Y" + "x" * 19], (1, 0)),
    "wrap waits, then goes up": (
        "\r\n" + "x" * 20 + "\033[AY",
        [" " * 19 + "Y", "x" * 20],
        (19, 0),
    ),
    "wrap waits, backspace": ("x" * 20 + "\bY", ["x" * 18 + "Yx"], (19, 0)),
    "wrap waits, SGR": ("x" * 20 + "\033[1mY", ["x" * 20, "Y"], (1, 1)),
    "wrap waits, saved": ("x" * 20 + "\0337\033[H\0338Y", ["x" * 20, "Y"], (1, 1)),
    "wrap waits, erased": ("x" * 20 + "\033[KY", ["x" * 19 + "Y"], (19, 0)),
    "wrap waits, tab": ("x" * 20 + "\tY", ["x" * 20, "Y"], (1, 1)),
    "no wrap": ("\033[?7l" + "x" * 20 + "yz", ["x" * 19 + "z"], (19, 0)),
    "wrap at the bottom": ("\033[6;20Hab", [""] * 4 + [" " * 19 + "a", "b"], (1, 5)),
    "CUP": ("\033[3;5HX", ["", "", "    X"], (5, 2)),
    "CUP alone": ("abc\033[HX", ["Xbc"], (1, 0)),
    "CUP beyond": ("\033[999;999HX", [""] * 5 + [" " * 19 + "X"], (19, 5)),
    "CUP empty row": ("\033[;4HX", ["   X"], (4, 0)),
    "HVP": ("\033[2;2fX", ["", " X"], (2, 1)),
    "CUU CUD CUF CUB": (
        "\033[3;3H\033[A1\033[2B2\033[3C3\033[4D4",
        ["", "  1", "", "   24  3"],
        (5, 3),
    ),
    "relative moves stop": (
        "\033[99A\033[99DX\033[99B\033[99CY",
        ["X"] + [""] * 4 + [" " * 19 + "Y"],
        (19, 5),
    ),
    "CNL CPL": ("abc\033[2EX\033[FY", ["abc", "Y", "X"], (1, 1)),
    "CHA HPA": ("\033[5GX\033[10`Y", ["    X    Y"], (10, 0)),
    "VPA": ("ab\033[4dX", ["ab", "", "", "  X"], (3, 3)),
    "HPR VPR": ("\033[3aX\033[2eY", ["   X", "", "    Y"], (5, 2)),
    "ED 0": (FILL + "\033[3;1H\033[J", ["1", "2"], (0, 2)),
    "ED 1": (FILL + "\033[3;1H\033[1J", ["", "", "", "4", "5", "6"], (0, 2)),
    "ED 2": (FILL + "\033[3;3H\033[2J", [], (2, 2)),
    "ED 3 is about scrolling back": (FILL + "\033[3J", ["1", "2", "3", "4", "5", "6"], (1, 5)),
    "EL 0": ("abcdef\033[3G\033[K", ["ab"], (2, 0)),
    "EL 1": ("abcdef\033[3G\033[1K", ["   def"], (2, 0)),
    "EL 2": ("abcdef\033[3G\033[2K", [], (2, 0)),
    "ECH": ("abcdef\033[2G\033[3X", ["a   ef"], (1, 0)),
    "ECH beyond": ("abcdef\033[2G\033[9999X", ["a"], (1, 0)),
    "ICH": ("abcdef\033[2G\033[2@", ["a  bcdef"], (1, 0)),
    "ICH beyond": ("abcdef\033[2G\033[9999@", ["a"], (1, 0)),
    "DCH": ("abcdef\033[2G\033[2P", ["adef"], (1, 0)),
    "DCH beyond": ("abcdef\033[2G\033[9999P", ["a"], (1, 0)),
    "IRM": ("abc\033[1G\033[4hXY\033[4lZ", ["XYZbc"], (3, 0)),
    "IRM at the edge": ("a" * 20 + "\033[1G\033[4hb", ["b" + "a" * 19], (1, 0)),
    "IL": (FILL + "\033[2;3H\033[2L", ["1", "", "", "2", "3", "4"], (0, 1)),
    "DL": (FILL + "\033[2;3H\033[2M", ["1", "4", "5", "6"], (0, 1)),
    "DL beyond": (FILL + "\033[2;3H\033[99M", ["1"], (0, 1)),
    "IL in a region": (
        "\033[2;4r" + FILL + "\033[3;1H\033[L",
        ["1", "2", "", "3", "5", "6"],
        (0, 2),
    ),
    "IL outside": ("\033[2;4r" + FILL + "\033[5;2H\033[L", ["1", "2", "3", "4", "5", "6"], (1, 4)),
    "SU": (FILL + "\033[2S", ["3", "4", "5", "6"], (1, 5)),
    "SD": (FILL + "\033[2T", ["", "", "1", "2", "3", "4"], (1, 5)),
    "SU in a region": ("\033[2;4r" + FILL + "\033[S", ["1", "3", "4", "", "5", "6"], (1, 5)),
    "not SD but the mouse": (FILL + "\033[1;2;3;4;5T", ["1", "2", "3", "4", "5", "6"], (1, 5)),
    "region": ("\033[2;4r" + FILL + "\033[4;1H\n\nX", ["1", "4", "", "X", "5", "6"], (1, 3)),
    "region goes home": ("\033[3;3H\033[2;4rX", ["X"], (1, 0)),
    "region of one row": ("\033[3;3H\033[4;4rX", ["", "", "  X"], (3, 2)),
    "region beyond": (
        "\033[2;99r" + FILL + "\033[6;1H\nX",
        ["1", "3", "4", "5", "6", "X"],
        (1, 5),
    ),
    "region ends": ("\033[2;4r\033[r" + FILL + "\n", ["2", "3", "4", "5", "6"], (1, 5)),
    "below the region": ("\033[2;4r" + FILL + "\n\nX", ["1", "2", "3", "4", "5", "6X"], (2, 5)),
    "up stops at the region": ("\033[2;4r\033[3;1H\033[9AX", ["", "X"], (1, 1)),
    "down stops at the region": ("\033[2;4r\033[3;1H\033[9BX", ["", "", "", "X"], (1, 3)),
    "from above the region": ("\033[3;4r\033[2;1H\033[9AX", ["X"], (1, 0)),
    "from below the region": ("\033[2;3r\033[5;1H\033[9BX", [""] * 5 + ["X"], (1, 5)),
    "origin": ("\033[2;4r\033[?6hX\033[2;2HY", ["", "X", " Y"], (2, 2)),
    "origin keeps inside": ("\033[2;4r\033[?6h\033[9;1HX", ["", "", "", "X"], (1, 3)),
    "origin ends": ("\033[2;4r\033[?6h\033[?6lX", ["X"], (1, 0)),
    "origin, VPA": ("\033[2;4r\033[?6h\033[3dX", ["", "", "", "X"], (1, 3)),
    "IND": ("ab\033DX", ["ab", "  X"], (3, 1)),
    "IND scrolls": (FILL + "\033DX", ["2", "3", "4", "5", "6", " X"], (2, 5)),
    "NEL": ("ab\033EX", ["ab", "X"], (1, 1)),
    "RI": ("ab\r\n\033MX", ["Xb"], (1, 0)),
    "RI scrolls": (FILL + "\033[H\033MX", ["X", "1", "2", "3", "4", "5"], (1, 0)),
    "DECSC DECRC": ("\033[2;3H\0337\033[HX\0338Y", ["X", "  Y"], (3, 1)),
    "CSI s u": ("\033[2;3H\033[s\033[HX\033[uY", ["X", "  Y"], (3, 1)),
    "not u but kitty": ("\033[2;3H\033[s\033[H\033[?u\033[>1u\033[<uX", ["X"], (1, 0)),
    "DECRC without DECSC": ("abc\0338X", ["Xbc"], (1, 0)),
    "tabs": ("a\tb\tc\td", ["a       b       c  d"], (19, 0)),
    "HTS": ("\033[4G\033H\r\tX", ["   X"], (4, 0)),
    "TBC": ("\033[9G\033[g\r\tX", [" " * 16 + "X"], (17, 0)),
    "TBC 3": ("\033[3g\tX", [" " * 19 + "X"], (19, 0)),
    "CHT CBT": ("\033[2IX\033[2ZY", [" " * 8 + "Y" + " " * 7 + "X"], (9, 0)),
    "REP": ("ab\033[3bX", ["abbbbX"], (6, 0)),
    "REP of nothing": ("\033[3bX", ["X"], (1, 0)),
    "line drawing": ("\033(0lqk\033(B\r\n\033)0\016x\017x", ["┌─┐", "│x"], (2, 1)),
    "line drawing, whole": (
        "\033(0`afg\r\njklmno\r\npqrstu\r\nvwxyz{\r\n|}~",
        ["\x04▒°±", "┘┐┌└┼─", "───_├┤", "┴┬│≤≥π", "#£·"],
        (3, 4),
    ),
    "charset saved": ("\033(0\0337\033(Bq\0338q", ["─"], (1, 0)),
    "DECALN": ("\033[2;3r\033#8", ["E" * 20] * 6, (0, 0)),
    "title with BEL": ("a\033]0;title\ab", ["ab"], (2, 0)),
    "title with ST": ("a\033]2;ti\xf6tle\033\\b", ["ab"], (2, 0)),
    "palette of Linux": ("a\033]P1aabbccb\033]Rc", ["abc"], (3, 0)),
    "DCS PM APC SOS": (
        "a\033P1$qm\033\\b\033^x\033\\c\033_y\033\\d\033Xz\033\\e",
        ["abcde"],
        (5, 0),
    ),
    "string ended by a sequence": ("a\033Pxyz\033[3GX", ["a X"], (3, 0)),
    "string ended by CAN": ("a\033]0;xyz\030b", ["ab"], (2, 0)),
    "string without end": ("a\033P" + "x" * 16384 + "b", ["ab"], (2, 0)),
    "CAN in a sequence": ("\033[3\030X\033[3\032Y", ["XY"], (2, 0)),
    "ESC in a sequence": ("\033[3\033[2GX", [" X"], (2, 0)),
    "control characters in a sequence": ("ab\033[\r2\n;3HX", ["ab", "  X"], (3, 1)),
    "unknown sequences": (
        '\033[5y\033[?5y\033[=5h\033[1$}\033[1"q\033[1 q\033%G\033 F\033kX',
        ["X"],
        (1, 0),
    ),
    "modes without effect": (
        "\033[?2004h\033[?1000;1006h\033[?12h\033[?2026hX\033[>4;2mY",
        ["XY"],
        (2, 0),
    ),
    "too many parameters": ("\033[" + "1;" * 40 + "5HX", ["X"], (1, 0)),
    "colons are for SGR": ("\033[2:3HX", ["X"], (1, 0)),
    "long numbers": ("\033[99999999999999999999;65537HX", [""] * 5 + [" " * 19 + "X"], (19, 5)),
    "marker too late": ("\033[2?3HX", ["X"], (1, 0)),
    "RIS": (FILL + "\033[2;4r\033[?6h\033[4h\033(0\033[31m\033cqq\033[GX", ["Xq"], (1, 0)),
    "DECSTR": ("a\033[2;4r\033[4h\033(0\033[!pqq\033[1GX", ["Xq"], (1, 0)),
    "DEL and NUL": ("a\177\0b", ["ab"], (2, 0)),
}


@pytest.mark.parametrize("name", SEQUENCES)
def test_sequence(screen, name):
    data, lines, cursor = SEQUENCES[name]
    state = screen.write(data).state()
    assert state.lines == lines + [""] * (6 - len(lines))
    assert (state.x, state.y) == cursor
    # The same in single bytes: every sequence may be cut anywhere.
    screen.start(20, 6)
    for byte in data.encode():
        screen.write(bytes([byte]))
    split = screen.state()
    assert (split.cells, split.x, split.y) == (state.cells, state.x, state.y)


TEXTS = {
    "code page": ("é½█≡☺", "é½█≡☺"),
    "lookalikes": ("Šłø“x”–…€→╭━┓✓", 'Slo"x"-.ε→┌─┐√'),
    "unknown": ("д\u0b83", "??"),
    "wide": ("a中b", "a? b"),
    "wide sign": ("✅b", "√ b"),
    "full width": ("Ａb", "A b"),
    "combined": ("e\u0301a\u030ax\u0301", "éåx"),
    "combining alone": ("\u0301x", "x"),
    "not a character": (b"a\xff\xc3b", "a??b"),
    "overlong": (b"\xc0\xafx\xe0\x80\xafy", "??x???y"),
    "surrogate": (b"\xed\xa0\x80x", "???x"),
    "beyond Unicode": (b"\xf4\x90\x80\x80x", "????x"),
    "cut short": (b"\xe2\x94x\xf0\x9f\x98\x1b[1Gy", "yx?"),
    "8-bit controls": (b"a\xc2\x9b1mb", "a1mb"),
    "sequence broken by text": (b"\x1b[1\xc3\xa9;5HX", "é;5HX"),
    "braille": ("\u2800\u2801\u28ff", " ·█"),
    "zero width": ("a\u200b\ufeff\ufe0fb", "ab"),
    "no-break space": ("a\u00a0b", "a\u00a0b"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_text(screen, name):
    data, shown = TEXTS[name]
    state = screen.write(data).state()
    low = str.maketrans({"☺": "\x01", "→": "\x1a"})
    assert state.lines[0] == shown.translate(low)


def test_wide_at_the_edge(screen):
    state = screen.write("x" * 19 + "中y").state()
    assert state.lines[:2] == ["x" * 19, "? y"]


ATTRIBUTES = {
    "": 0x07,
    "1": 0x0F,
    "2": 0x08,
    "4": 0x03,
    "1;4": 0x0B,
    "5": 0x87,
    "7": 0x70,
    "1;7": 0x70,
    "8": 0x00,
    "31": 0x04,
    "1;31": 0x0C,
    "34;43": 0x61,
    "37;44": 0x17,
    "7;31;44": 0x41,
    "91;104": 0x1C,
    "4;31": 0x0C,
    "33;39": 0x07,
    "44;49": 0x07,
    "47": 0x70,
    "37;47": 0x77,
    "1;22": 0x07,
    "4;24": 0x07,
    "4:3": 0x03,
    "4:0": 0x07,
    "5;25": 0x07,
    "7;27": 0x07,
    "8;28": 0x07,
    "1;3;9;53;0": 0x07,
    "1;;32": 0x02,
    "38;5;9": 0x0C,
    "38;5;196": 0x04,
    "38;5;22;1": 0x0A,
    "38;5;231": 0x0F,
    "38;5;240": 0x08,
    "48;5;17": 0x17,
    "38:5:2": 0x02,
    "38;2;250;250;80": 0x0E,
    "38:2:250:250:80": 0x0E,
    "38:2::250:250:80;1": 0x0E,
    "48;2;0;0;170;31": 0x14,
    "38;5": 0x07,
    "38;2;1;2": 0x07,
    "38;7;31": 0x07,
    "38;5;300;31": 0x04,
}


@pytest.mark.parametrize("codes", ATTRIBUTES)
def test_attribute(screen, codes):
    assert screen.write(f"\033[{codes}mX").state().attrs(0)[0] == ATTRIBUTES[codes]


def test_colours_of_dos(screen):
    """Without SGR, and after its end, text has the colours that were there before."""
    screen.start(20, 6, 0x1E)
    state = screen.write("a\033[31mb\033[42mc\033[0md\033[7me\033[K").state()
    assert state.attrs(0)[:6] == bytes([0x1E, 0x14, 0x24, 0x1E, 0x61, 0x1E])


def test_bright_backgrounds(screen):
    screen.start(20, 6, 0x07, 0)
    assert screen.write("\033[30;101mX").state().attrs(0)[0] == 0xC0


def test_monochrome(screen):
    screen.start(20, 6, 0x07, vt.MONO | vt.BLINKS)
    state = screen.write("a\033[1mb\033[0;4mc\033[0;7md\033[0;5me\033[0;31;44mf\033[0;8mg").state()
    assert state.attrs(0)[:7] == bytes([0x07, 0x0F, 0x01, 0x70, 0x87, 0x70, 0x00])


def test_erasing_takes_the_background(screen):
    state = screen.write("\033[44;1;7m\033[2J\033[0m\033[2;1H\033[41m\033[Kx\033[3L").state()
    assert set(state.attrs(0)) == {0x17}
    assert set(state.attrs(1)) == {0x47}


def test_alternate_screen(screen):
    screen.write("main\033[2;2H\033[31m\033[?1049h")
    state = screen.state()
    assert state.alternate and state.lines == [""] * 6
    state = screen.write("\033[32m\033[5;5Hother\0337\033[?1049h\033[?1049lX").state()
    assert not state.alternate
    assert state.lines == ["main", " X"] + [""] * 4
    assert state.attrs(1)[1] == 0x04
    state = screen.write("\033[?1049l\033[?47h\033[?47lY").state()
    assert state.lines[1] == " XY"


def test_answers(screen):
    asked = (
        "\033[5n\033[3;4H\033[6n\033[?6n\033[c\033[0c\033Z\033[>c\033[18t\033[?15n\033[9c\033[=c"
    )
    replies = screen.write(asked).state().replies
    identity = b"\033[?1;2c"
    assert replies == (b"\033[0n\033[3;4R\033[?3;4R" + identity * 3 + b"\033[>0;10;0c\033[8;6;20t")
    replies = screen.write("\033[2;5r\033[?6h\033[2;3H\033[6n").state().replies
    assert replies == b"\033[2;3R"


def test_modes_that_others_see(screen):
    state = screen.write("\033[?25l\033[?1h\a\a").state()
    assert (state.visible, state.app_cursor, state.bells) == (False, True, 2)
    state = screen.write("\033[?25h\033[?1l").state()
    assert (state.visible, state.app_cursor, state.bells) == (True, False, 0)


def test_soft_reset(screen):
    screen.write(
        "main\r\n\033[?1049h\033[2;4r\033[?25l\033[?1h\033[4h\033(0\033[31mother\033]0;half"
    )
    screen.soft_reset()
    state = screen.write("q\033[6;1H\nX").state()
    assert state.visible and not state.app_cursor and not state.alternate
    assert state.lines == ["q", "", "", "", "", "X"]
    assert state.attrs(0)[0] == 0x07


def test_new_lines_as_a_terminal_makes_them(screen):
    screen.start(20, 6, 0x07, vt.ONLCR)
    assert screen.write("ab\ncd\033Dx").state().lines[:3] == ["ab", "cd", "  x"]


def test_only_what_changed_is_shown_anew(screen):
    screen.clean()
    assert screen.write("\033[2;3Habc").state().dirty == 3
    screen.clean()
    assert screen.write("\033[4;1H\033[2;4r\033[31m\033[?7h").state().dirty == 0


@pytest.mark.parametrize("first", [1, 1001, 2001])
def test_fuzz(tmp_path_factory, first):
    program = vt.build(tmp_path_factory.mktemp("fuzz"), "fuzz")
    done = subprocess.run([program, str(first), "300"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
