"""pyte as a reference for the emulator, with what it lacks, and as xterm where both differ."""

import codecs
import copy
import re

import pyte
import pyte.modes

# What pyte's parser shows or takes for something else: device control strings, and sequences with
# the markers < = > or with intermediate characters, and most with ?.
UNKNOWN = re.compile(
    r"\033P.*?\033\\|\033\[[<=>][0-9;:]*.|\033\[[?0-9;]*[ !\"$'*].|\033\[\?[0-9;]*[^0-9;hlnJK]",
    re.DOTALL,
)
# The start of one, which the next piece may complete.
OPEN = re.compile(r"\033(P[^\033]*\033?|\[[^@-~]*)?$")

ALTERNATE = 1049 << 5


class Stream(pyte.Stream):
    csi = dict(pyte.Stream.csi, b="repeat", S="scroll_up", T="scroll_down", Z="back_tab", I="tabs")
    csi["`"] = "cursor_to_column"
    escape = dict(pyte.Stream.escape, E="next_line")
    events = pyte.Stream.events | set(csi.values()) | {"next_line"}


class Reference(pyte.Screen):
    def __init__(self, cols, rows):
        self.main = None
        super().__init__(cols, rows)
        self.stream = Stream(self)
        self.stream.use_utf8 = False  # Else it ignores character sets.
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.open = ""

    def write(self, data):
        text = UNKNOWN.sub("", self.open + self.decoder.decode(data))
        split = OPEN.search(text)
        self.open = text[split.start() :] if split else ""
        self.stream.feed(text[: len(text) - len(self.open)])

    # Rows that were never written are not there, which two of pyte's functions take for unchanged.
    def _rows(self):
        return [self.buffer[y] for y in range(self.lines)]

    def delete_lines(self, count=None):
        self._rows()
        super().delete_lines(count)

    def insert_lines(self, count=None):
        self._rows()
        super().insert_lines(count)

    def insert_characters(self, count=None):
        super().insert_characters(count)
        self.buffer[self.cursor.y].pop(self.columns, None)

    def draw(self, data):
        super().draw(data)
        if data:
            self.drawn = data[-1]

    # xterm erases the last column while the wrap waits, and what is erased has no attributes.
    def _erasing(self, erase, *args, **kwargs):
        waits = self.cursor.x == self.columns
        self.cursor.x -= waits
        kept = self.cursor.attrs
        self.cursor.attrs = self.default_char._replace(bg=kept.bg)
        erase(*args, **kwargs)
        self.cursor.attrs = kept

    def erase_in_line(self, how=0, private=False):
        self._erasing(super().erase_in_line, how)

    def erase_characters(self, count=None):
        self._erasing(super().erase_characters, count)

    def erase_in_display(self, how=0, *args, **kwargs):
        if how == 3:
            return
        self._rows()
        for row in self._rows():
            for x in range(self.columns):
                row[x] = row[x]
        self._erasing(super().erase_in_display, how)

    def delete_characters(self, count=None):
        self.cursor.x -= self.cursor.x == self.columns
        super().delete_characters(count)

    def set_mode(self, *modes, **kwargs):
        if kwargs.get("private") and 1049 in modes and self.main is None:
            self.main = copy.deepcopy(self.buffer), copy.copy(self.cursor), list(self.tabstops)
            self.buffer.clear()
        super().set_mode(*modes, **kwargs)

    def reset_mode(self, *modes, **kwargs):
        if kwargs.get("private") and 1049 in modes and self.main is not None:
            self.buffer, self.cursor, _ = self.main
            self.main = None
        super().reset_mode(*modes, **kwargs)

    def set_margins(self, top=None, bottom=None):
        super().set_margins(top, bottom)
        self.cursor_position()  # Also when there are no margins any more.

    def next_line(self):
        self.index()
        self.carriage_return()

    def repeat(self, count=None):
        self.draw(self.drawn * (count or 1))

    def _scroll(self, count, edge, move):
        kept = copy.copy(self.cursor)
        for _ in range(min(count or 1, self.lines)):
            top, bottom = self.margins or (0, self.lines - 1)
            self.cursor.y = (top, bottom)[edge]
            move()
        self.cursor = kept

    def scroll_up(self, count=None):
        self._scroll(count, 1, self.index)

    def scroll_down(self, count=None):
        self._scroll(count, 0, self.reverse_index)

    def tabs(self, count=None):
        for _ in range(min(count or 1, self.columns)):
            self.tab()

    def back_tab(self, count=None):
        for _ in range(min(count or 1, self.columns)):
            self.cursor.x = max([0, *(x for x in self.tabstops if x < self.cursor.x)])


COLOURS = ["black", "blue", "green", "cyan", "red", "magenta", "brown", "white"]
NAMES = {name: at for at, name in enumerate(COLOURS)}
NAMES |= {"bright" + name: at + 8 for at, name in enumerate(COLOURS)}
NAMES["bfightmagenta"] = NAMES["brightmagenta"]  # As pyte spells it.


def colour(name, default):
    """A colour of the sixteen; None for those that only are near one."""
    return default if name == "default" else NAMES.get(name)


def attribute(char):
    """The attribute that a cell of the reference should have, or None where it takes a choice."""
    fg, bg = colour(char.fg, 7), colour(char.bg, 0)
    if fg is None or bg is None:
        return None
    if char.underscore:
        fg = 3 if char.fg == "default" else fg | 8
    fg |= 8 * char.bold
    if char.reverse:
        fg, bg = bg, fg & 7
    bg &= 7
    if fg == bg and char.fg != char.bg:
        return None
    return char.blink << 7 | bg << 4 | fg


def differences(reference, state, cell):
    """What the emulator shows otherwise than the reference. cell(char): (code, width)."""
    found = []
    for y in range(reference.lines):
        row, codes, attrs = reference.buffer[y], state.codes(y), state.attrs(y)
        for x in range(reference.columns):
            char = row[x]
            # The second half of a wide character is empty.
            code = cell(char.data[0])[0] if char.data not in ("", "\xa0") else 0x20
            if codes[x] != code:
                found.append((x, y, "code", hex(codes[x]), char.data))
            elif char.data not in ("", " "):
                wanted = attribute(char)
                if wanted is not None and wanted != attrs[x]:
                    found.append((x, y, "attribute", hex(attrs[x]), hex(wanted), char))
    cursor = min(reference.cursor.x, reference.columns - 1), reference.cursor.y
    if cursor != (state.x, state.y):
        found.append(("cursor", (state.x, state.y), cursor))
    # The reference waits also when DECAWM is off, which only matters if it comes on again.
    if state.wrap and reference.cursor.x != reference.columns:
        found.append(("wrap", state.wrap))
    return found
