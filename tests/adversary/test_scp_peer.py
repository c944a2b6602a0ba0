"""ATTACKS.md 61: SCP lines that a server should not send."""

from adv_run import Case
from peer import Peer


class Scp(Peer):
    """Answers `scp -f` with these pieces, reading one byte after each."""

    scp_script = ()


def scp(
    name, *script, client="s = login(); result = s.scp_recv('/dir/hello').decode()", timeout=2
):
    return Case(name, {"scp_script": list(script)}, client, Scp, timeout)


def test_61_names_nobody_asked_for(play):
    """61: a name with a path, empty, with NUL, or just another one is refused."""
    odd = [
        b"../hello",
        b"/hello",
        b"/etc/passwd",
        b".",
        b"..",
        b"",
        b"a\0b",
        b"other",
        b"dir/hello",
        b"hello/",
        b"hello/../x",
        b"\x1b[31mhello",
        b"x" * 5000,
    ]
    cases = [scp(repr(name[:30]), b"C0644 6 " + name + b"\n", b"hello\n\0") for name in odd]
    for case in play(cases):
        case.refused(secrets=True)
        assert case.error[2].isprintable(), case


def test_61_right_lines(play):
    """61: what a real scp sends is taken: times first, setuid bits, an empty file."""
    file = (b"C0644 6 hello\n", b"hello\n\0")
    cases = [
        scp("plain", *file),
        scp("with times", b"T1700000000 0 1700000000 0\n", *file),
        scp("setuid", b"C6755 6 hello\n", b"hello\n\0"),
        scp("empty", b"C0644 0 hello\n", b"\0"),
    ]
    for case in play(cases):
        case.carried_on("" if case.name == "empty" else "hello\n")


def test_61_wrong_lines(play):
    """61: folders, wild sizes and modes, endless lines, error lines, a file cut short."""
    lines = [
        b"D0755 0 hello\n",
        b"E\n",
        b"X0644 6 hello\n",
        b"C0644 -6 hello\n",
        b"C0644 6\n",
        b"C0644  hello\n",
        b"Cabcd 6 hello\n",
        b"C9999 6 hello\n",
        b"C0644 99999999999999999999999 hello\n",
        b"C0644 18446744073709551615 hello\n",
        b"C0644 9223372036854775807 hello\n",
        b"C0644 0x6 hello\n",
        b"C06446hello\n",
        b"C0644 6 hello",
        b"T1 2\n",
        b"\n",
        b"C" * 100_000 + b"\n",
        b"\0",
        b"C777777777777777777777 6 hello\n",
        b"hello: no such command\n",
    ]
    cases = [scp(repr(line[:40]), line, b"hello\n\0", timeout=1) for line in lines]
    cases += [scp("times twice", *[b"T1700000000 0 1700000000 0\n"] * 2, b"E\n", timeout=1)]
    cases += [
        scp("cut", b"C0644 100 hello\n", b"hello\n"),
        scp("no end mark", b"C0644 6 hello\n", b"hello\n"),
    ]
    cases += [scp("error after the data", b"C0644 6 hello\n", b"hello\n\1disk error\n")]
    for case in play(cases):
        case.alive()
        if case.error and case.error[0] == "MemoryError":  # a true word about 2^63 bytes
            assert "9223372036854775807" in case.name or "18446744073709551615" in case.name, case
        else:
            case.refused(secrets=True)


def test_61_error_lines(play):
    """61: the server's own text comes out, printable."""
    cases = [
        scp("warning", b"\1scp: /dir/hello: No such file or directory\n"),
        scp("fatal", b"\2scp: protocol error\n"),
        scp("escape", b"\1scp: \x1b[2J\xe2\x80\xae no\n"),
        scp("endless", b"\1" + b"x" * 100_000 + b"\n"),
        scp("without end", b"\1scp: no", timeout=1),
    ]
    for case in play(cases):
        case.refused(secrets=True)
        assert case.error[2] is None or (
            case.error[2].isprintable() and len(case.error[2]) < 3000
        ), case
    assert "No such file" in cases[0].error[2]


def test_61_scp_send_refused(play):
    """61: an upload that the server refuses at each step."""

    class Sink(Peer):
        answers = ()

        def on_exec(self, chan, command):
            for answer, n in self.answers:
                chan.write(answer)
                chan.read(n)
            chan.finish(1)

    line = len("C0644 6 hello\n")
    scripts = {
        "at once": [(b"\1scp: permission denied\n", 0)],
        "after the line": [(b"\0", line), (b"\1scp: hello: read-only\n", 0)],
        "after the data": [
            (b"\0", line),
            (b"\0", 7),
            (b"\1scp: hello: No space left on device\n", 0),
        ],
        "odd": [(b"what?\n", 0)],
        "closed": [],
        "closed later": [(b"\0", line)],
        "closed at the end": [(b"\0", line), (b"\0", 7)],
    }
    client = "s = login(); result = s.scp_send('/dir/hello', 0o644, b'hello\\n')"
    for case in play(
        [Case(name, {"answers": script}, client, Sink, 2) for name, script in scripts.items()]
    ):
        case.refused(secrets=True)
