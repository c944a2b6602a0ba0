"""QEMU's machine protocol: keys, screen, monitor of a guest."""

import json

SHIFTED = {
    "!": "1", "@": "2", "#": "3", "$": "4", "%": "5", "^": "6", "&": "7", "*": "8", "(": "9",
    ")": "0", "_": "minus", "+": "equal", "{": "bracket_left", "}": "bracket_right",
    ":": "semicolon", '"': "apostrophe", "~": "grave_accent", "|": "backslash", "<": "comma",
    ">": "dot", "?": "slash",
}  # fmt: skip
PLAIN = {
    "-": "minus", "=": "equal", "[": "bracket_left", "]": "bracket_right", ";": "semicolon",
    "'": "apostrophe", "`": "grave_accent", "\\": "backslash", ",": "comma", ".": "dot",
    "/": "slash", " ": "spc", "\n": "ret", "\t": "tab", "\b": "backspace", "\x1b": "esc",
}  # fmt: skip
NAMES = {
    "enter": "ret", "space": "spc", "escape": "esc", "del": "delete", "ins": "insert",
    "pageup": "pgup", "pagedown": "pgdn", "break": "pause",
}  # fmt: skip


def keys_of(character):
    """The keys of a US keyboard to hold together for character."""
    if character in SHIFTED:
        return ["shift", SHIFTED[character]]
    if character in PLAIN:
        return [PLAIN[character]]
    if character.isascii() and character.isalnum():
        return ["shift", character.lower()] if character.isupper() else [character]
    if "\x01" <= character <= "\x1a":
        return ["ctrl", chr(ord(character) + 96)]
    raise ValueError(f"no key for {character!r}")


def keys_named(name):
    """The keys of "ctrl-c", "alt-f4", "up", "ctrl-break", "a"."""
    parts = name.lower().split("-") if len(name) > 1 else [name]
    return [NAMES.get(x) or (keys_of(x)[0] if len(x) == 1 else x) for x in parts]


class Qmp:
    """The other end of -qmp unix:path."""

    def __init__(self, sock):
        self.sock = sock
        self.buffer = b""
        self._message()
        self("qmp_capabilities")

    def _message(self):
        while b"\n" not in self.buffer:
            data = self.sock.recv(65536)
            if not data:
                raise ConnectionError("QEMU has ended")
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\n")
        return json.loads(line)

    def __call__(self, command, **arguments):
        request = {"execute": command, "arguments": arguments}
        self.sock.settimeout(30)
        self.sock.sendall(json.dumps(request).encode() + b"\n")
        while True:
            message = self._message()
            if "return" in message:
                return message["return"]
            if "error" in message:
                raise RuntimeError(f"{command}: {message['error'].get('desc')}")

    def monitor(self, line):
        """A line of the human monitor; returns what it says."""
        return self("human-monitor-command", **{"command-line": line})

    def press(self, keys):
        """Press these keys together and release them."""
        self.keys([*((key, True) for key in keys), *((key, False) for key in reversed(keys))])

    def keys(self, moves):
        """Keys in this order, each with True for down or False for up."""
        self(
            "input-send-event",
            events=[
                {
                    "type": "key",
                    "data": {"down": down, "key": {"type": "qcode", "data": key}},
                }
                for key, down in moves
            ],
        )
