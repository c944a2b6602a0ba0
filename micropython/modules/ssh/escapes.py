"""What a person may say to `ssh` itself, at the start of a line, behind the escape character."""

import os
import sys

import _ssh

from ssh import terminal
from ssh.errors import why

_HELP = (
    ("{0}.", "disconnect"),
    ("{0}B", "send a break"),
    ("{0}C", "a command: a forward to begin (-L, -R, -D) or to end (-KL, -KR, -KD)"),
    ("{0}R", "new keys"),
    ("{0}^Z", "stop this program, until it is brought to the foreground again"),
    ("{0}#", "the forwards and their connections"),
    ("{0}?", "this list"),
    ("{0}{0}", "the character itself"),
)
_COMMANDS = "-L -R -D with a forward, or -KL -KR -KD with its [address:]port"


class Disconnect(Exception):
    """The person at the terminal has had enough."""


def say(text):
    """To a terminal in raw mode."""
    sys.stderr.write(text.replace("\n", "\r\n") + "\r\n")


class Escape:
    """Finds the escape character at the start of lines, and does what is asked for."""

    def __init__(self, char, relay, raw=None):
        self.char = ord(char)
        self.relay = relay
        self.tunnels = relay.tunnels
        self.raw = raw
        self.line_start = True
        self.pending = False
        self.editor = None  # while a command line is typed

    def filter(self, data):
        """What of the keys typed is for the remote side."""
        if not self.pending and not self.editor and self.char not in data:
            self.line_start = data[-1] in (10, 13)
            return data
        kept = bytearray()
        for c in data:
            if self.editor:
                self._edit(c)
            elif self.pending:
                self.pending = False
                self.line_start = self._command(c, kept)
            elif self.line_start and c == self.char:
                self.pending = True
            else:
                kept.append(c)
                self.line_start = c in (10, 13)
        return kept

    def _command(self, c, kept):
        """What follows the escape character. Whether another one may follow that."""
        does = {
            ord("."): self._disconnect,
            ord("?"): self._help,
            ord("#"): self._list,
            ord("C"): self._begin_line,
            ord("B"): self._break,
            ord("R"): self._rekey,
            26: self._stop,
        }.get(c)
        if does and (c != 26 or (self.raw and terminal.termios)):
            does()
            return True
        if c != self.char:
            kept.append(self.char)
        kept.append(c)
        return c in (10, 13)

    def _disconnect(self):
        raise Disconnect

    def _help(self):
        char = chr(self.char)
        lines = [f"{key.format(char)}  {text}" for key, text in _HELP]
        say("\n" + "\n".join(lines) + "\n(only at the start of a line)")

    def _list(self):
        shown = [str(tunnel) for tunnel in self.tunnels.list]
        shown += [f"  {link}" for link in self.tunnels.links]
        say("\n" + ("\n".join(shown) or "no forwards"))

    def _break(self):
        self._asked(self.relay.channel.send_break, 1000)

    def _rekey(self):
        self._asked(self.tunnels.session.rekey)

    def _asked(self, function, *args):
        """A request that the server may refuse."""
        try:
            function(*args)
        except _ssh.SSHError as e:
            if self.tunnels.session.closed:
                raise
            say(f"\n{why(e)}")

    def _stop(self):
        """As ctrl-Z does with other programs: the shell of this machine has the terminal."""
        self.raw.__exit__()
        try:
            os.system("kill -TSTP $PPID")  # the shell that system() starts is our child
        finally:
            self.raw.__enter__()
        self.relay.look_at_size()

    # ------------------------------------------------------------ a command line

    def _begin_line(self):
        sys.stderr.write("\r\nssh> ")
        self.editor = terminal.LineEditor()

    def _edit(self, c):
        try:
            if not self.editor.key(c):
                return
            line = bytes(self.editor.line).decode()
        except (KeyboardInterrupt, UnicodeError):
            line = ""
            say("")
        self.editor = None
        self.line_start = True
        try:
            self._run(line.strip())
        except (OSError, ValueError) as e:
            if self.tunnels.session.closed:
                raise
            say(f"{why(e)}")

    def _run(self, line):
        if not line:
            return
        word = line.lstrip("-")
        end = word[:1] == "K"
        word = word[1:] if end else word
        kind, text = word[:1], word[1:].strip()
        if kind not in ("L", "R", "D") or not text or line[0] != "-":
            say(_COMMANDS)
        elif end:
            self._end(kind, text)
        else:
            say(f"forwarding {self.tunnels.add(kind, text)}")

    def _end(self, kind, text):
        for tunnel in self.tunnels.list:
            # The listening part is what a person knows of it: at least its port.
            bind = str(tunnel).split(" ")[1]
            if tunnel.kind == kind and text in (bind, bind.rpartition(":")[2]):
                tunnel.close()
                say(f"ended {tunnel}")
                return
        say(f"there is no forward -{kind} {text}")
