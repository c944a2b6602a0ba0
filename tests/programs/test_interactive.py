"""The interactive `ssh` as a person sees it: screens beside those of OpenSSH, pastes, its end."""

import contextlib
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import termios
import time

import pyte
import pytest
from harness.net import LOOPBACK, Fault, free_port, wait_until
from terminals import Terminal

PROMPT = r"\$ $"
MIB = 1 << 20


class Screen(Terminal):
    """A terminal whose screen can be looked at, as a person does."""

    def __init__(self, *args, size=(80, 24), **more):
        self.screen = pyte.Screen(*size)
        self.stream = pyte.ByteStream(self.screen)
        super().__init__(*args, size=size, **more)

    def take(self, data):
        self.stream.feed(data)

    def resize(self, columns, rows):
        super().resize(columns, rows)
        self.screen.resize(rows, columns)

    def shown(self):
        return "\n".join(line.rstrip() for line in self.screen.display)

    def until(self, pattern, timeout=20):
        """Wait until the screen has it."""
        end = time.monotonic() + timeout
        while not re.search(pattern, self.shown()):
            assert time.monotonic() < end, f"no {pattern!r} on the screen:\n{self.shown()}"
            assert self._read(0.2) or re.search(pattern, self.shown()), self.shown()

    def settled(self, quiet=0.4, timeout=20):
        """The screen when nothing has changed for a while."""
        end = time.monotonic() + timeout
        last = None
        while last != self.shown() and time.monotonic() < end:
            last = self.shown()
            until = time.monotonic() + quiet
            while time.monotonic() < until:
                self._read(0.05)
        return last

    def all_modes(self):
        return termios.tcgetattr(self.fd)


def tool(*names):
    for name in names:
        if shutil.which(name):
            return name
    pytest.skip(f"no {names[0]} on this machine")


@pytest.fixture
def ours(unix, sshd):
    """ours(*words): the interactive program of MicroPython."""

    def start(*words, options=(), server=sshd, **more):
        unix.trust(server)
        line = unix.line("ssh", [*unix.login(server), *options, unix.target(server), *words])
        return Screen(line, cwd=unix.folder, env=unix.environ(), **more)

    return start


@pytest.fixture
def openssh(unix, sshd):
    """The same with OpenSSH's client."""

    def start(*words, options=(), **more):
        unix.trust(sshd)
        line = ["/usr/bin/env", "ssh", "-F", "none", "-i", unix.key, "-p", sshd.port]
        line += [f"-oUserKnownHostsFile={unix.known_file}", *options, unix.target(sshd), *words]
        return Screen(line, cwd=unix.folder, env=unix.environ(), **more)

    return start


# ---------------------------------------------------------------- programs that use the screen


def edit(terminal, path, size):
    """A person edits a file, and changes the size of the window meanwhile."""
    screens = []
    terminal.until("line 1\n")
    screens.append(terminal.settled())
    terminal.type("3Goh\u00e9llo w\u00f6rld \u2713\x1b")
    terminal.until("h\u00e9llo w\u00f6rld \u2713")
    screens.append(terminal.settled())
    terminal.resize(*size)
    screens.append(terminal.settled())
    terminal.type("G")
    terminal.until("line 200")
    screens.append(terminal.settled())
    terminal.type(":wq\r")
    assert terminal.wait() == 0
    return screens, path.read_text()


def test_vi_beside_openssh(ours, openssh, folder):
    """The same keys give the same screens and the same file, with a resize in the middle."""
    editor = tool("vim.tiny", "vi")
    path = folder / "text"
    results = []
    for client in (ours, openssh):
        path.write_text("".join(f"line {n}\n" for n in range(1, 201)))
        path.chmod(0o666)
        command = f"LC_ALL=C.UTF-8 {editor} -u NONE -N -n {path}"
        with client(command, options=["-t"], term="vt100") as terminal:
            results.append(edit(terminal, path, (100, 40)))
    assert results[0] == results[1]
    assert len(results[0][0][2].split("\n")) == 40 and "h\u00e9llo" in results[0][1]


def test_less_beside_openssh(ours, openssh, folder):
    tool("less")
    path = folder / "text"
    path.write_text("".join(f"line {n} {'=' * (n % 60)}\n" for n in range(1, 2001)))
    results = []
    for client in (ours, openssh):
        screens = []
        with client(f"less {path}", options=["-t"]) as terminal:
            terminal.until("line 23 ")
            for keys, then in (
                (" ", "line 40 "),
                ("G", "line 2000 "),
                ("?line 777\r", "line 777 "),
                ("kk", "line 775 "),
            ):
                terminal.type(keys)
                terminal.until(then)
                screens.append(terminal.settled())
            terminal.resize(60, 15)
            screens.append(terminal.settled())
            terminal.type("q")
            assert terminal.wait() == 0
        results.append(screens)
    assert results[0] == results[1]


def test_top(ours):
    """It draws anew by itself, fills a window that has grown without a key, and ends at a q."""
    tool("top")
    with ours("top -d 0.3", options=["-t"]) as terminal:
        before = terminal.all_modes()
        terminal.until(r"PID +USER")
        first = terminal.shown()
        terminal.until("(?s)top - .*load average")
        wait_until(lambda: terminal._read(0.2) and terminal.shown() != first)
        terminal.resize(120, 40)
        wait_until(
            lambda: (
                terminal._read(0.2) and any(line.strip() for line in terminal.screen.display[30:])
            ),
            terminal.shown,
        )
        terminal.type("q")
        assert terminal.wait() == 0
        assert before[3] & termios.ECHO == 0 or before == terminal.all_modes()


def test_tmux(ours):
    """A terminal in the terminal: its status line, a split, and the way back."""
    tool("tmux")
    with ours("tmux -f /dev/null -L mpy$$ new 'sh'", options=["-t"], term="xterm") as terminal:
        terminal.until(r"\[0\] 0:sh")
        terminal.until(
            r"(?m)^\S*[#$] *$"
        )  # what is typed before the prompt moves the answer behind it
        terminal.type("echo $((6*7))\r")
        terminal.until("(?m)^42$")
        terminal.type("\x02%")
        terminal.until("\u2502|\\|x|x")
        terminal.resize(100, 30)
        terminal.type("stty size\r")
        terminal.until(r"\d+ \d+")
        terminal.type("exit\r")
        terminal.settled()
        terminal.type("exit\r")
        terminal.expect(r"\[exited\]")
        assert terminal.wait() == 0


def test_resize_without_a_key(ours):
    command = "trap 'stty size' WINCH; echo ready; while :; do sleep 0.1; done"
    with ours(command, options=["-t"]) as terminal:
        terminal.expect("ready")
        for columns, rows in ((100, 40), (300, 70), (20, 5)):
            terminal.resize(columns, rows)
            terminal.expect(f"{rows} {columns}\r\n", timeout=5)
        terminal.type("~.")
        assert terminal.wait() == 255


# ---------------------------------------------------------------- keys


def test_modes_of_the_terminal_beside_openssh(ours, openssh):
    """The terminal there has the keys and modes of the one here, odd ones as well."""
    results = []
    for client in (ours, openssh):
        with client(options=["-tt"]) as terminal:
            shown = []
            terminal.expect(PROMPT)
            terminal.type("stty -a; exit\r")
            shown = terminal.expect(r"speed.*?-?extproc|speed.*echoke[^\r]*")[0]
            assert terminal.wait() == 0
        results.append(re.sub(r"line = \d+", "", shown).split())
    assert results[0] == results[1]


def test_an_odd_terminal(unix, sshd):
    """Another key that erases, and no UTF-8."""
    unix.trust(sshd)
    line = " ".join(map(str, unix.line("ssh", ["-tt", *unix.login(sshd), unix.target(sshd)])))
    for set_up, wanted in (
        ("stty erase ^H -iutf8 intr ^X", ["erase = ^H;", "-iutf8", "intr = ^X;"]),
        ("stty iutf8 kill undef", ["erase = ^?;", " iutf8", "kill = <undef>;"]),
    ):
        script = ["/bin/sh", "-c", f"{set_up}; {line} stty -a"]
        with Screen(script, cwd=unix.folder, env=unix.environ()) as terminal:
            shown = terminal.rest()
            assert all(each in shown for each in wanted), shown


def test_jobs_of_the_remote_shell(ours):
    """Ctrl-Z and Ctrl-C are the remote shell's."""
    with ours() as terminal:
        terminal.expect(PROMPT)
        terminal.type("sh -c 'echo u''p; exec sleep 1000'\r")
        terminal.expect("up\r\n")
        terminal.type("\x1a")
        terminal.expect(r"(Stopped|suspended).*\$ $")
        terminal.type("jobs\r")
        terminal.expect("sleep 1000.*\\$ $")
        terminal.type("fg\r")
        terminal.expect("sleep 1000.?\r\n")
        terminal.settled()
        terminal.type("\x03")
        terminal.expect(PROMPT)
        terminal.type("exit 6\r")
        assert terminal.wait() == 6


def test_eight_bits(ours):
    """Every byte but those of the escape, there and back."""
    every = bytes(n for n in range(256) if n != ord("~"))
    command = "stty raw -echo; echo ready; head -c 255 | od -An -v -tx1 | tr -d ' \\n'; echo"
    with ours(command, options=["-t"]) as terminal:
        terminal.expect("ready")
        terminal.send(every)
        terminal.expect(every.hex())
        assert terminal.wait() == 0
    with ours(
        "stty raw; printf '\\344\\200\\377 \\303\\244\\342\\202\\254'", options=["-t"]
    ) as terminal:
        seen = b""
        terminal.take = lambda data: chunks.append(data)
        chunks = []
        terminal.wait()
        seen = b"".join(chunks)
        assert b"\xe4\x80\xff \xc3\xa4\xe2\x82\xac" in seen


@pytest.mark.parametrize("client", ["ours", "openssh"])
def test_a_pasted_megabyte(request, client):
    """There it arrives whole, and what it echoes here too."""
    start = request.getfixturevalue(client)
    text = b"".join(hashlib.sha256(b"%d" % n).hexdigest().encode() for n in range(MIB // 64))
    count = f"head -c {MIB} | tee /dev/stderr | sha256sum"
    command = f"stty raw -echo; echo ready; {count}; echo the end"
    chunks = []
    with start(command, options=["-t"]) as terminal:
        terminal.expect("ready\n")
        terminal.take = chunks.append
        terminal.send(text)
        terminal.expect("the end", timeout=40)
        assert terminal.wait() == 0
    back = b"".join(chunks)
    assert text in back
    assert hashlib.sha256(text).hexdigest().encode() in back


def test_a_megabyte_from_a_pipe(unix, sshd):
    """Input from a pipe is read in pieces: many megabytes in a moment."""
    unix.trust(sshd)
    data = os.urandom(16 * MIB)
    begin = time.monotonic()
    done = unix.ssh(sshd, "sha256sum", stdin=data).ok()
    assert done.stdout.split()[0].decode() == hashlib.sha256(data).hexdigest()
    assert time.monotonic() - begin < 12  # byte by byte it took 16 seconds


# ---------------------------------------------------------------- escapes


def test_forwards_that_are_begun_later(ours, echo_port):
    port = free_port()
    with ours() as terminal:
        terminal.expect(PROMPT)
        terminal.type("~#")
        terminal.expect("no forwards")
        terminal.type("~C")
        terminal.expect("ssh> $")
        terminal.type(f"-L {port}:127.0.0.1:{echo_port}x\x7f\r")
        terminal.expect(f"forwarding -L localhost:{port}")
        with socket.create_connection((LOOPBACK, port), timeout=20) as sock:
            sock.sendall(b"hello")
            assert sock.recv(10) == b"hello"
            terminal.type("~#")
            there = rf"-L localhost:{port} -> 127.0.0.1:{echo_port}"
            terminal.expect(rf"{there}\r\n +127.0.0.1:\d+ -> ")
            for line, answer in (
                ("-KL 1", "there is no forward"),
                ("-L nonsense", "not of the form"),
                (f"-L {port}:127.0.0.1:1", "the address is in use"),
                ("-Z", "-L -R -D with"),
                (f"-KL {port}", "ended -L"),
            ):
                terminal.type("~C")
                terminal.expect("ssh> $")
                terminal.type(line + "\r")
                terminal.expect(answer)
            sock.sendall(b"on")
            assert sock.recv(10) == b"on"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((LOOPBACK, port))
        terminal.type("~C")
        terminal.expect("ssh> $")
        terminal.type("\x03")
        terminal.type("~R")
        terminal.type("\recho $((6*7))\r")
        terminal.expect("42\r\n")
        terminal.type("exit\r")
        assert terminal.wait() == 0


def test_break(ours):
    """OpenSSH's server makes a break of it; it does not hurt."""
    with ours() as terminal:
        terminal.expect(PROMPT)
        terminal.type("~B")
        terminal.settled()
        terminal.type("\recho $((6*7))\r")
        terminal.expect("42\r\n")
        terminal.type("exit 3\r")
        assert terminal.wait() == 3


def test_stopped_and_continued(unix, sshd):
    """~^Z: the shell of this machine has the terminal, as it was; fg brings everything back."""
    bash = shutil.which("bash")
    if not bash:
        pytest.skip("no bash on this machine")
    unix.trust(sshd)
    line = " ".join(map(str, unix.line("ssh", [*unix.login(sshd), unix.target(sshd)])))
    env = {**unix.environ(), "PS1": "here> "}
    with Screen([bash, "--norc", "--noediting", "-i"], cwd=unix.folder, env=env) as terminal:
        terminal.expect("here> $")
        before = terminal.all_modes()
        terminal.type(line + "\n")
        terminal.expect(PROMPT)
        raw = terminal.all_modes()
        assert raw != before
        terminal.type("~\x1a")
        terminal.expect("Stopped.*here> $")
        assert terminal.all_modes() == before
        terminal.resize(90, 30)
        terminal.type("fg\n")
        wait_until(lambda: terminal.all_modes() == raw)
        terminal.type("\r")
        terminal.expect(PROMPT)
        terminal.type("stty size; exit 4\r")
        terminal.expect("30 90\r\n.*closed.*here> $")
        assert terminal.all_modes() == before
        terminal.type("echo status $?; exit\n")
        terminal.expect("status 4")


# ---------------------------------------------------------------- the end


@pytest.mark.parametrize("how", ["exit", "escape", "TERM", "HUP", "server", "reset", "silence"])
def test_the_terminal_is_as_it_was(unix, sshd, proxy, how):
    """All of it, whatever ends the program; and its status says how."""
    faults = {"reset": "reset", "silence": "stall"}
    between = proxy(sshd.port, lambda n: Fault(down=60000, how=faults.get(how, "fin")))
    unix.set_known(f"[{unix.host}]:{between.port} {sshd.public}\n")
    options = ["-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=1", "-i", unix.key]
    line = unix.line("ssh", [*options, *unix.port(between), unix.target(sshd)])
    with Screen(line, cwd=unix.folder, env=unix.environ()) as terminal:
        before = terminal.all_modes()
        terminal.expect(PROMPT)
        assert terminal.all_modes() != before
        if how in ("TERM", "HUP"):
            os.kill(terminal.pid, getattr(signal, f"SIG{how}"))
            terminal.expect("ended by a signal")
        elif how == "server":
            terminal.type("kill -9 $PPID\r")
            terminal.expect("lost")
        elif how in faults:
            terminal.type("seq 100000\r")
            terminal.expect("lost: ", timeout=30)
        else:
            terminal.type({"exit": "exit 7\r", "escape": "~."}[how])
            terminal.expect("closed.")
        assert terminal.all_modes() == before
        assert terminal.wait() == {"exit": 7, "TERM": 143, "HUP": 129}.get(how, 255)


def test_stty_says_so_too(unix, sshd):
    """stty -a before and after, as a person would look."""
    unix.trust(sshd)
    ssh = " ".join(map(str, unix.line("ssh", ["-tt", *unix.login(sshd), unix.target(sshd)])))
    script = f"stty -a >before; {ssh} 'stty size; exit 5'; echo status $?; stty -a >after"
    with Screen(["/bin/sh", "-c", script], cwd=unix.folder, env=unix.environ()) as terminal:
        terminal.expect("24 80.*status 5")
        terminal.wait()
    assert unix.get("before").decode() == unix.get("after").decode() != ""


def test_a_terminal_that_goes(ours, sshd):
    """The window is closed: the program ends, and leaves nothing behind."""
    terminal = ours()
    with contextlib.suppress(OSError), terminal:
        terminal.expect(PROMPT)
        pid = terminal.pid
        os.close(terminal.fd)
        ended = []
        wait_until(lambda: ended or ended.extend(p for p in os.waitpid(pid, os.WNOHANG) if p))
        terminal.status = 0
        assert ended[0] == pid


def test_output_that_nobody_reads(unix, sshd):
    """ssh ... | head: it ends at once, with the status of a broken pipe."""
    unix.trust(sshd)
    args = [*unix.login(sshd), unix.target(sshd), "seq 100000000"]
    with unix.beside("ssh", args) as process:
        assert process.stdout.readline() == b"1\n"
        process.stdout.close()
        assert process.wait(timeout=20) == 141
        assert b"Traceback" not in process.stderr.read()


def test_a_key_is_seen_at_once(unix, sshd, tmp_path):
    """Beside OpenSSH's client: no wait is hidden anywhere on the way of a key."""
    from bench import latency

    unix.trust(sshd)
    clients = latency.clients_of(sshd, unix.line("x", [])[0], unix.known_file, str(unix.sshdir))
    env = unix.environ()
    for _, own in clients.values():
        own["MICROPYPATH"] = env["MICROPYPATH"]
    times = latency.measure(clients, keys=90, rounds=3)
    medians = {name: sorted(each)[len(each) // 2] for name, each in times.items()}
    assert medians["ssh.py"] < 4 * medians["OpenSSH"] + 0.002, medians


@pytest.mark.parametrize(
    ("command", "closed", "printed"),
    [
        ("cat; echo hi; exit 3", "<&-", b"hi\n"),
        ("echo hi; exit 3", ">&-", b""),
        ("echo hi >&2; echo on; exit 3", "2>&-", b"on\n"),
        ("cat; exit 3", "<&- >&- 2>&-", b""),
    ],
)
def test_closed_standard_streams(unix, sshd, command, closed, printed):
    """The place of a stream that is closed is not taken by the connection."""
    unix.trust(sshd)
    line = " ".join(map(str, unix.line("ssh", [*unix.login(sshd), unix.target(sshd)])))
    done = subprocess.run(
        ["/bin/sh", "-c", f"{line} '{command}' {closed}"],
        cwd=unix.folder,
        env=unix.environ(),
        stdout=subprocess.PIPE,
        timeout=20,
        check=False,
    )
    assert (done.stdout, done.returncode) == (printed, 3)


def test_what_came_before_a_cut_is_written(unix, sshd, proxy, folder):
    """The connection ends while the program cannot look: all that had come is written out."""
    between = proxy(sshd.port, lambda n: Fault(down=60000))
    unix.set_known(f"[{unix.host}]:{between.port} {sshd.public}\n")
    ready, go = folder / "ready", folder / "go"
    command = f"touch {ready}; until [ -e {go} ]; do sleep 0.05; done; seq 100000"
    args = ["-i", unix.key, *unix.port(between), unix.target(sshd), command]
    with unix.beside("ssh", args) as process:
        wait_until(ready.exists)
        process.send_signal(signal.SIGSTOP)
        go.touch()
        wait_until(lambda: len(between.passed[0]["down"]) >= 60000)
        process.send_signal(signal.SIGCONT)
        text, said = process.communicate(timeout=20)
    assert process.returncode == 255 and b"lost" in said
    whole = b"".join(b"%d\n" % n for n in range(1, 100001))
    assert whole.startswith(text) and len(text) > 30000, len(text)
