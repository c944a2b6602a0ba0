"""ATTACKS.md 63: SFTP replies that a server should not send."""

import errno

import sftp_peer as sp
import sshwire as w
from adv_run import Case
from peer import Peer
from sftp_peer import Sftp, status

HELLO = "s = login(); f = s.sftp(); result = f.open('/hello').read().decode()"


class SftpPeer(Peer):
    """Opens an SFTP server whose answers are overridden by `answers`."""

    answers = None
    version = None

    def on_subsystem(self, chan, name):
        server = Sftp(chan)
        server.answers = {**server.answers, **(self.answers or {})}


def with_answers(name, answers, client=HELLO, timeout=2.0):
    return Case(name, {"answers": answers}, client, SftpPeer, timeout)


def raw_answer(kind, make):
    """Answers of one kind go out as raw bytes of make(sftp, request, reader)."""

    def answer(sftp, request, r):
        sftp.chan.write(make(sftp, request, r))

    return {kind: answer}


def version(n, rest=b""):
    return lambda sftp, request, r: w.byte(sp.VERSION) + w.u32(n) + rest


def test_63_version(play):
    """63: versions other than 3, VERSION cut, extension lists that end early, silence, text."""
    bad = {
        "version 0": version(0),
        "version 2": version(2),
        "cut": lambda *a: w.byte(sp.VERSION) + b"\0\0",
        "other type": lambda *a: status(0, 4, b"no"),
        "empty": lambda *a: b"",
        "silence": lambda *a: None,
    }
    good = {
        "no extensions": version(3),
        "unknown ones": version(3, (w.string("x@example.com") + w.string(b"\xff\0")) * 50),
        "limits@ with another version": version(
            3, w.string("limits@openssh.com") + w.string("99")
        ),
    }
    odd = {
        "version 4": version(4),
        "version 2^32-1": version(0xFFFFFFFF),
        "extension cut": version(3, w.string("x@example.com")),
        "extension length": version(3, w.u32(0xFFFFFFFF) + b"x"),
    }
    client = "s = login(); f = s.sftp(); result = f.open('/hello').read().decode()"

    def cases_of(table):
        return [with_answers(name, {sp.INIT: a}, client, 1.5) for name, a in table.items()]

    wrong, right, either = cases_of(bad), cases_of(good), cases_of(odd)
    texts = [b"Welcome to the machine!\r\n", b"This account is currently not available.\n"]
    wrong += [
        with_answers("text", raw_answer(sp.INIT, lambda *a, t=t: t), client, 1.5) for t in texts
    ]
    play(wrong + right + either)
    for case in wrong:
        case.refused(secrets=True)
    for case in right:
        case.carried_on()
    for case in either:
        case.either()


def test_63_version_twice(play):
    """63: a second VERSION, a second answer, an answer to nobody's request."""

    def twice(sftp, request, r):
        reply = sftp.answer(sp.INIT, request, r)
        sftp.packet(reply)
        return reply

    def double(kind):
        def answer(sftp, request, r):
            reply = sftp.answer(kind, request, r)
            sftp.packet(reply)
            return reply

        return answer

    def other(change):
        def answer(sftp, request, r):
            return status(change(request), sp.FAILURE, b"for nobody")

        return answer

    more = "; f.stat('/hello'); f.stat('/hello'); result = f.open('/hello').read().decode()"
    cases = [with_answers("VERSION twice", {sp.INIT: twice}, HELLO + more)]
    cases += [
        with_answers(f"{kind} twice", {kind: double(kind)}, HELLO + more)
        for kind in (sp.STAT, sp.OPEN, sp.READ, sp.CLOSE)
    ]
    for case in play(cases):
        case.either()
    changes = [
        lambda i: i + 1,
        lambda i: i - 1 & 0xFFFFFFFF,
        lambda i: i + 1000,
        lambda i: i ^ 0x80000000,
    ]
    cases = [
        with_answers(f"id {i} {kind}", {kind: other(c)}, HELLO + more, 1)
        for i, c in enumerate(changes)
        for kind in (sp.STAT, sp.OPEN, sp.READ)
    ]
    for case in play(cases):
        case.refused(secrets=True)


def test_63_packet_lengths(play):
    """63: lengths that no reply has: refused at once, whatever is sent after."""
    sizes = [
        0,
        1,
        4,
        0x7FFFFFFC,
        0x7FFFFFFF,
        0x80000000,
        0xFFFFFFFF,
        0xFFFFFFFC,
        300_000_000,
        10_000_000,
    ]
    cases = [
        with_answers(
            f"{size} in {kind}",
            raw_answer(kind, lambda s, i, r, n=size: w.u32(n) + b"\x67" + w.u32(i)),
        )
        for size in sizes
        for kind in (sp.INIT, sp.OPEN, sp.READ)
    ]
    for case in play(cases):
        case.refused(secrets=True)
        assert case.ms < 1500, f"not at once: {case}"


REPLIES = {
    "empty": lambda i: b"",
    "type only": lambda i: b"\x65",
    "id cut": lambda i: b"\x65\0\0",
    "unknown type": lambda i: b"\x99" + w.u32(i),
    "a request": lambda i: w.byte(sp.OPEN) + w.u32(i) + w.string("/x") + w.u32(1) + w.u32(0),
    "status OK": lambda i: status(i, 0),
    "status cut": lambda i: w.byte(sp.STATUS) + w.u32(i) + b"\0\0",
    "status text cut": lambda i: w.byte(sp.STATUS) + w.u32(i) + w.u32(4) + w.u32(50) + b"x",
    "handle empty": lambda i: w.byte(sp.HANDLE) + w.u32(i) + w.string(""),
    "handle of 257": lambda i: w.byte(sp.HANDLE) + w.u32(i) + w.string("h" * 257),
    "handle of 30,000": lambda i: w.byte(sp.HANDLE) + w.u32(i) + w.string("h" * 30_000),
    "handle cut": lambda i: w.byte(sp.HANDLE) + w.u32(i) + w.u32(10) + b"x",
    "handle length": lambda i: w.byte(sp.HANDLE) + w.u32(i) + w.u32(0xFFFFFFFF) + b"x",
    "data empty": lambda i: sp.data(i, b""),
    "data too long": lambda i: sp.data(i, b"d" * 40_000),
    "data cut": lambda i: w.byte(sp.DATA) + w.u32(i) + w.u32(1000) + b"x",
    "data length": lambda i: w.byte(sp.DATA) + w.u32(i) + w.u32(0xFFFFFFFF) + b"x",
    "data and more": lambda i: sp.data(i, b"abc") + b"more",
    "name none": lambda i: sp.name(i, []),
    "name two": lambda i: sp.name(i, [(b"/a", b"", w.u32(0)), (b"/b", b"", w.u32(0))]),
    "name count": lambda i: (
        w.byte(sp.NAME) + w.u32(i) + w.u32(0xFFFFFFFF) + w.string("a") + w.string("a") + w.u32(0)
    ),
    "name cut": lambda i: w.byte(sp.NAME) + w.u32(i) + w.u32(1) + w.string("a"),
    "attrs cut": lambda i: w.byte(sp.ATTRS) + w.u32(i) + w.u32(0xF) + b"\0\0",
    "attrs unknown flags": lambda i: w.byte(sp.ATTRS) + w.u32(i) + w.u32(0x7FFFFFFF) + bytes(100),
    "attrs extended": lambda i: (
        w.byte(sp.ATTRS) + w.u32(i) + w.u32(0x80000000) + w.u32(0xFFFFFFFF) + w.string("a")
    ),
    "attrs none": lambda i: w.byte(sp.ATTRS) + w.u32(i) + w.u32(0),
    "extended": lambda i: w.byte(sp.EXTENDED_REPLY) + w.u32(i) + bytes(40),
}
CALLS = {
    sp.OPEN: "f.open('/hello').read()",
    sp.READ: "f.open('/hello').read(6)",
    sp.STAT: "f.stat('/hello')",
    sp.REALPATH: "f.realpath('.')",
    sp.OPENDIR: "f.listdir('/')",
    sp.READDIR: "f.listdir('/')",
    sp.MKDIR: "f.mkdir('/new')",
    sp.CLOSE: "f.listdir('/')",
    sp.READLINK: "f.readlink('/hello')",
    sp.WRITE: "g = f.open('/new', 'w'); g.write(b'x' * 100); g.close()",
}
# Replies that are right for a kind of request.
FITTING = {
    sp.OPEN: {"handle of 257"},
    sp.READ: {"data empty", "data too long", "data and more"},
    sp.STAT: {"attrs none", "attrs unknown flags"},
    sp.REALPATH: {"name two"},
    sp.OPENDIR: {"handle of 257"},
    sp.READDIR: {"name none", "name two"},
    sp.MKDIR: {"status OK"},
    sp.CLOSE: {"status OK"},
    sp.READLINK: {"name two"},
    sp.WRITE: {"status OK"},
}


def test_63_replies_of_every_kind(play):
    """63: each odd reply to each request: a clear error; only fitting ones may pass."""
    cases = []
    for kind, call in CALLS.items():
        for name, make in REPLIES.items():
            client = (
                f"s = login(); f = s.sftp(); result = repr({call})"
                if kind != sp.WRITE
                else (f"s = login(); f = s.sftp(); {call}; result = None")
            )
            once = {kind: lambda sftp, request, r, make=make: make(request)}
            case = with_answers(f"{name} to {kind}", once, client, 0.4)
            case.check = name in FITTING[kind] or (
                name.startswith("handle of 30") and kind in (sp.OPEN, sp.OPENDIR)
            )
            cases.append(case)
    for case in play(cases):
        case.alive()
        assert case.last.fault is None, case
        if case.ok:
            assert case.check, f"taken: {case}"
        else:
            case.refused(secrets=True)


def test_63_readdir_for_ever(play):
    """63: READDIR that gives no names, or the same ones, without end: bounded or the caller's
    loop.
    """
    client = (
        "s = login(); f = s.sftp(); d = f.opendir('/'); "
        "result = [d.read()[0] for _ in range(500)] and 'hello\\n'"
    )
    same = {sp.READDIR: lambda s, i, r: sp.name(i, [(b"n", b"long", sp.attrs())] * 3)}
    none = {sp.READDIR: lambda s, i, r: sp.name(i, [])}
    cases = [with_answers("same", same, client), with_answers("none", none, client, 1)]
    play(cases)
    cases[0].carried_on()
    cases[1].alive()
    assert not cases[1].ok


def test_63_listing_without_end(play):
    """63: a folder without end fills the heap, not the machine, and the session works on."""
    endless = {sp.READDIR: lambda s, i, r: sp.name(i, [(b"n", b"long", sp.attrs())] * 300)}
    client = "s = login(); f = s.sftp(); e = wrong(f.listdir, '/')\n"
    client += "result = [e[0], s.exec('echo hello').decode()]"
    (case,) = play([with_answers("endless", endless, client, 10)])
    case.carried_on(["MemoryError", "hello\n"])


def test_63_names(play):
    """63: names with slashes, NUL, bad UTF-8, of 10,000 bytes, from READDIR and REALPATH."""
    odd = [b"../up", b"/abs", b"a\0b", b"\xff\xfe", b"x" * 10_000, b"", b"a\nb", b"\x1b[31m"]

    def listing():
        asked = []

        def readdir(sftp, request, r):
            asked.append(1)
            if len(asked) > 1:
                return status(request, sp.EOF)
            return sp.name(request, [(n, b"x" * 3000 if n == b"" else n, sp.attrs()) for n in odd])

        return {sp.READDIR: readdir}

    client = (
        "s = login(); f = s.sftp(); n = f.listdir('/'); "
        "result = [len(n), '..' in n, f.stat('/hello')[1]]"
    )
    (case,) = play([with_answers("listing", listing(), client)])
    case.alive()
    if case.ok:
        assert case.result[0] <= len(odd) and case.result[1] is False and case.result[2] == 6, case
    else:
        assert case.error[0] in ("SSHError", "OSError", "UnicodeError"), case
    cases = [
        with_answers(
            repr(n[:20]),
            {sp.REALPATH: lambda s, i, r, n=n: sp.name(i, [(n, n, w.u32(0))])},
            "s = login(); f = s.sftp(); result = len(f.realpath('.'))",
        )
        for n in odd
    ]
    for case in play(cases):
        case.alive()
        assert case.ok or case.error[0] in ("SSHError", "OSError", "UnicodeError"), case


def test_63_reads(play):
    """63: short reads and reordered answers are put together rightly; data past the request
    never.
    """
    big = (
        "s = login(); f = s.sftp(); import io; o = io.BytesIO(); n = f.get('/big', o); "
        "result = [n, o.getvalue() == bytes(range(256)) * 1024]"
    )

    def short(n):
        def read(sftp, request, r):
            path, _ = sftp.handles[r.string()]
            offset, length = r.u64(), r.u32()
            part = sftp.files[path][offset : offset + min(length, n)]
            return sp.data(request, part) if part else status(request, sp.EOF)

        return {sp.READ: read}

    def late():
        """Answers two requests in the other order."""
        waiting = []

        def read(sftp, request, r):
            waiting.append(sftp.answer(sp.READ, request, r))
            if len(waiting) == 2 or sftp.chan.inbox == b"":
                for one in reversed(waiting):
                    sftp.packet(one)
                waiting.clear()

        return {sp.READ: read}

    cases = [with_answers(f"short {n}", short(n), big, 10) for n in (1000, 4096, 32767, 32768)]
    cases += [with_answers("reordered", late(), big, 5)]
    for case in play(cases, heap="16M"):
        case.carried_on([262144, True])
    grown = {sp.READ: lambda s, i, r: sp.data(i, b"x" * 200_000)}
    endless = {sp.READ: lambda s, i, r: sp.data(i, b"")}
    much, none = play(
        [with_answers("too much", grown, big), with_answers("nothing, for ever", endless, big, 1)],
        heap="16M",
    )
    much.refused(secrets=True)
    none.either([0, False])


def test_63_limits(play):
    """63: limits@openssh.com of 0, tiny, 2^64-1, cut: the client stays within its own memory."""
    big = (
        "s = login(); f = s.sftp(); import io; o = io.BytesIO(); n = f.get('/mid', o); result = n"
    )
    rows = [
        (0, 0, 0, 0),
        (1, 1, 1, 1),
        (2**64 - 1,) * 4,
        (262144, 100, 100, 0),
        (34000, 0, 0, 1),
        (2**32,) * 4,
        (10, 2**32, 2**32, 0),
    ]

    def limits(row):
        body = b"".join(w.u64(n) for n in row)
        return {sp.EXTENDED: lambda s, i, r: w.byte(sp.EXTENDED_REPLY) + w.u32(i) + body}

    cases = [with_answers(str(row), limits(row), big, 15) for row in rows]
    for case in play(cases, heap="16M"):
        case.either(5000)
    odd = {
        "cut": lambda s, i, r: w.byte(sp.EXTENDED_REPLY) + w.u32(i) + bytes(9),
        "refused": lambda s, i, r: status(i, 8),
        "status OK": lambda s, i, r: status(i, 0),
        "handle": lambda s, i, r: w.byte(sp.HANDLE) + w.u32(i) + w.string("h"),
    }
    for case in play([with_answers(name, {sp.EXTENDED: a}, big, 5) for name, a in odd.items()]):
        case.either(5000)
        if case.name == "refused":
            assert case.ok, case


def test_63_status_codes(play):
    """63: every status becomes its errno, odd codes and texts too; EOF where it makes no sense."""
    want = {
        2: errno.ENOENT,
        3: errno.EACCES,
        4: errno.EIO,
        8: errno.EOPNOTSUPP,
        6: errno.ENOTCONN,
        7: errno.ENOTCONN,
    }
    codes = [1, 2, 3, 4, 5, 6, 7, 8, 9, 31, 1000, 0xFFFFFFFF]
    client = (
        "s = login(); f = s.sftp(); result = wrong(f.stat, '/hello'); "
        "want(f.open('/hello').read(), b'hello\\n')"
    )
    cases = [
        with_answers(str(c), {sp.STAT: lambda s, i, r, c=c: status(i, c, b"the text")}, client)
        for c in codes
    ]
    for case in play(cases):
        case.alive()
        assert case.ok and case.result and case.result[3], case
        if int(case.name) in want:
            assert case.result[1] == want[int(case.name)] and "the text" in case.result[2], case
    texts = {
        b"No space left on device": errno.ENOSPC,
        b"Disk quota exceeded": errno.ENOSPC,
        b"File exists": errno.EEXIST,
        b"\x1b[2J\xe2\x80\xae": errno.EIO,
        b"x" * 25_000: errno.EIO,
        b"\xff\0": errno.EIO,
    }
    cases = [
        with_answers(repr(t[:20]), {sp.STAT: lambda s, i, r, t=t: status(i, 4, t)}, client)
        for t in texts
    ]
    for case, code in zip(play(cases), texts.values()):
        case.alive()
        assert case.ok and case.result[1] == code, case
        assert case.result[2] is None or case.result[2].isprintable(), case
    old = {
        sp.STAT: lambda s, i, r: w.byte(sp.STATUS) + w.u32(i) + w.u32(2)
    }  # version 2 had no text
    (case,) = play([with_answers("without text", old, client)])
    case.alive()
    assert case.ok and case.result[1] == errno.ENOENT or not case.ok, case


def test_63_channel_ends(play):
    """63: EOF, CLOSE and DISCONNECT in place of an answer; data after them."""

    def ending(kind, how):
        return {kind: lambda sftp, request, r: how(sftp.chan)}

    ways = {
        "eof": lambda c: c.eof(),
        "close": lambda c: c.close(),
        "finish": lambda c: c.finish(1),
    }
    cases = [
        with_answers(f"{name} in {kind}", ending(kind, how), HELLO, 1.5)
        for name, how in ways.items()
        for kind in (sp.INIT, sp.OPEN, sp.READ, sp.EXTENDED)
    ]
    for case in play(cases):
        case.refused(secrets=True)


def test_63_no_subsystem(play):
    """63: a server without SFTP says so; the session works on."""

    class No(Peer):
        def on_request(self, chan, kind, want, r):
            if kind == b"subsystem":
                r.string()
                chan.message(w.CHANNEL_FAILURE)
            else:
                super().on_request(chan, kind, want, r)

    client = "s = login(); e = wrong(s.sftp); result = [e[1], s.exec('echo hello').decode()]"
    (case,) = play([Case("no", {}, client, No)])
    case.carried_on(["ERR_REQUEST_REFUSED", "hello\n"])
