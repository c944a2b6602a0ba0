"""The DOS console's keyboard: the table on this machine, and keys pressed in a guest."""

import ast

import pytest
from vt100 import emulator as vt

SHIFT, CTRL, ALT = 0x01, 0x04, 0x08


@pytest.fixture(scope="module")
def keyboard(tmp_path_factory):
    made = vt.Emulator(vt.build(tmp_path_factory.mktemp("vt100"), "host"))
    yield made
    made.close()


# The BIOS's code of a key, shift flags, the bytes; with the cursor keys in application mode.
KEYS = {
    "a": (0x1E61, 0, b"a"),
    "A": (0x1E41, SHIFT, b"A"),
    "Ctrl-A": (0x1E01, CTRL, b"\x01"),
    "Ctrl-C": (0x2E03, CTRL, b"\x03"),
    "Ctrl-H": (0x2308, CTRL, b"\x08"),
    "Backspace": (0x0E08, 0, b"\x7f"),
    "Ctrl-Backspace": (0x0E7F, CTRL, b"\x08"),
    "Alt-Backspace": (0x0E00, ALT, b"\x1b\x7f"),
    "Tab": (0x0F09, 0, b"\t"),
    "Shift-Tab": (0x0F00, SHIFT, b"\x1b[Z"),
    "Ctrl-Tab": (0x9400, CTRL, b"\t"),
    "Enter": (0x1C0D, 0, b"\r"),
    "Ctrl-Enter": (0x1C0A, CTRL, b"\n"),
    "keypad Enter": (0xE00D, 0, b"\r"),
    "keypad /": (0xE02F, 0, b"/"),
    "Esc": (0x011B, 0, b"\x1b"),
    "Space": (0x3920, 0, b" "),
    "Ctrl-Space": (0x3920, CTRL, b"\0"),
    "Alt-Space": (0x3920, ALT, b"\x1b "),
    "Ctrl-2": (0x0300, CTRL, b"\0"),
    "Ctrl-\\": (0x2B1C, CTRL, b"\x1c"),
    "Ctrl-]": (0x1B1D, CTRL, b"\x1d"),
    "Ctrl-_": (0x0C1F, CTRL, b"\x1f"),
    "Alt-a": (0x1E00, ALT, b"\x1ba"),
    "Alt-Shift-a": (0x1E00, ALT | SHIFT, b"\x1bA"),
    "Alt-z": (0x2C00, ALT, b"\x1bz"),
    "Alt-1": (0x7800, ALT, b"\x1b1"),
    "Alt-0": (0x8100, ALT, b"\x1b0"),
    "Alt-.": (0x3400, ALT, b"\x1b."),
    "Alt-Enter": (0x1C00, ALT, b"\x1b\r"),
    "Alt-Esc": (0x01F0, ALT, b"\x1b\x1b"),
    "up": (0x48E0, 0, b"\x1b[A"),
    "keypad up": (0x4800, 0, b"\x1b[A"),
    "Shift and keypad up": (0x4800, SHIFT, b"\x1b[A"),
    "Shift-up": (0x48E0, SHIFT, b"\x1b[1;2A"),
    "Ctrl-right": (0x74E0, CTRL, b"\x1b[1;5C"),
    "Ctrl-Shift-left": (0x73E0, CTRL | SHIFT, b"\x1b[1;6D"),
    "Alt-down": (0xA000, ALT, b"\x1b[1;3B"),
    "Home": (0x47E0, 0, b"\x1b[H"),
    "End": (0x4FE0, 0, b"\x1b[F"),
    "Ctrl-Home": (0x77E0, CTRL, b"\x1b[1;5H"),
    "Ins": (0x52E0, 0, b"\x1b[2~"),
    "Del": (0x53E0, 0, b"\x1b[3~"),
    "Ctrl-Del": (0x93E0, CTRL, b"\x1b[3;5~"),
    "PgUp": (0x49E0, 0, b"\x1b[5~"),
    "PgDn": (0x51E0, 0, b"\x1b[6~"),
    "Ctrl-PgUp": (0x84E0, CTRL, b"\x1b[5;5~"),
    "F1": (0x3B00, 0, b"\x1bOP"),
    "F4": (0x3E00, 0, b"\x1bOS"),
    "F5": (0x3F00, 0, b"\x1b[15~"),
    "F10": (0x4400, 0, b"\x1b[21~"),
    "F11": (0x8500, 0, b"\x1b[23~"),
    "F12": (0x8600, 0, b"\x1b[24~"),
    "Shift-F1": (0x5400, SHIFT, b"\x1b[1;2P"),
    "Ctrl-F5": (0x6200, CTRL, b"\x1b[15;5~"),
    "Alt-F10": (0x7100, ALT, b"\x1b[21;3~"),
    "Ctrl-F12": (0x8A00, CTRL, b"\x1b[24;5~"),
    "é": (0x0082, 0, "é".encode()),
    "é on a French keyboard": (0x0382, 0, "é".encode()),
    "α, typed by its number": (0x00E0, 0, "α".encode()),
    "≡, typed by its number": (0x00F0, 0, "≡".encode()),
    "Ctrl-Break": (0x0000, CTRL, b""),
    "no key of ours": (0x7200, CTRL, b""),
}

APPLICATION = {"up": b"\x1bOA", "Home": b"\x1bOH", "End": b"\x1bOF", "Del": b"\x1b[3~"}
APPLICATION |= {"Ctrl-right": b"\x1b[1;5C", "F5": b"\x1b[15~", "Shift-Tab": b"\x1b[Z"}


@pytest.mark.parametrize("name", KEYS)
def test_table(keyboard, name):
    code, flags, wanted = KEYS[name]
    assert keyboard.key(code, flags) == wanted
    assert keyboard.key(code, flags, app_cursor=True) == APPLICATION.get(name, wanted) or (
        name == "keypad up" or name == "Shift and keypad up"
    )


def test_every_code_is_harmless(keyboard):
    """None is longer than the buffer (the sanitizers see it), and text is always UTF-8."""
    for scan in range(256):
        for low in (0, 1, 0x1B, 0x41, 0x7F, 0x80, 0xE0, 0xF0, 0xFF):
            for flags in (0, SHIFT, CTRL | ALT):
                keyboard.key(scan << 8 | low, flags, app_cursor=bool(flags)).decode()


# ---------------------------------------------------------------- In a guest

READER = """
    import dos, sys
    dos.raw(True)
    n = 0
    keys = [0]
    while keys:
        keys = []
        if n == 0:
            print("ready 0", end="\\r\\n")
        while not keys or keys[-1] != 113:
            keys.append(sys.stdin.buffer.read(1)[0])
        keys.pop()
        n += 1
        print("\\x1b[2J\\x1b[H", n, bytes(keys), "end", end="\\r\\n")
"""

PRESSED = {
    "a": b"a", "shift-a": b"A", "ctrl-a": b"\x01", "ctrl-c": b"\x03", "ctrl-z": b"\x1a",
    "ctrl-s": b"\x13",
    "up": b"\x1b[A", "down": b"\x1b[B", "left": b"\x1b[D", "right": b"\x1b[C", "home": b"\x1b[H",
    "end": b"\x1b[F", "pgup": b"\x1b[5~", "pgdn": b"\x1b[6~", "insert": b"\x1b[2~",
    "delete": b"\x1b[3~", "f1": b"\x1bOP", "f5": b"\x1b[15~", "f10": b"\x1b[21~",
    "f11": b"\x1b[23~",
    "f12": b"\x1b[24~", "alt-x": b"\x1bx", "alt-f4": b"\x1b[1;3S", "ctrl-f2": b"\x1b[1;5Q",
    "shift-f3": b"\x1b[1;2R", "ctrl-left": b"\x1b[1;5D", "ctrl-right": b"\x1b[1;5C",
    "backspace": b"\x7f", "enter": b"\r", "tab": b"\t", "shift-tab": b"\x1b[Z", "escape": b"\x1b",
    "alt-up": b"\x1b[1;3A", "ctrl-home": b"\x1b[1;5H", "ctrl-2": b"\0",
    "shift-left": b"\x1b[1;2D", "ctrl-shift-right": b"\x1b[1;6C", "alt-shift-a": b"\x1bA",
}  # fmt: skip


def pressed(guest, number):
    """The bytes of what was pressed before a "q"."""
    guest.type("q")
    head, end = f" {number} ", " end"  # nobody reads a line that is not all there yet

    def shown(lines):
        return [x for x in lines if x.startswith(head) and x.endswith(end)]

    line = shown(guest.wait_screen(shown))[0]
    return ast.literal_eval(line.removeprefix(head).removesuffix(end))


def test_keys(guest):
    guest.begin(READER)
    guest.wait_screen("ready 0")
    got = {}
    for number, name in enumerate(PRESSED, 1):
        guest.hold_key(name)
        got[name] = pressed(guest, number)
    guest.type("q")
    assert guest.end().returncode == 0
    assert got == PRESSED
