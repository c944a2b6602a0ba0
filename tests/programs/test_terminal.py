"""The programs at a terminal of unix: prompts, the interactive ssh, keys, size, leftovers."""

import os
import shutil
import time

import pytest
from harness import servers
from harness.net import Fault
from harness.servers import keygen

PROMPT = r"\$ $"


@pytest.fixture
def password(sshd):
    """Who has a password here."""
    if sshd.password is None:
        pytest.skip("no account with a password: only as root")
    return sshd.password


def ssh(unix, server, *args, **more):
    """The interactive ssh with the test key, at a terminal."""
    unix.trust(server)
    return unix.terminal("ssh", *unix.login(server), *args, **more)


def tool(name):
    if not shutil.which(name):
        pytest.skip(f"no {name} on this machine")
    return name


# ---------------------------------------------------------------- prompts


def test_password(unix, sshd, password):
    unix.trust(sshd)
    args = [*unix.port(sshd), unix.target(sshd), "echo in; exit 4"]
    with unix.terminal("ssh", *args) as terminal:
        before = terminal.modes()
        terminal.expect("password: $")
        assert not terminal.echoes()
        terminal.type(password + "\n")
        shown = terminal.expect("in\r\n")
        assert password not in shown.string
        assert terminal.modes() == before
        assert terminal.wait() == 4


def test_password_wrong_and_right(unix, sshd, password):
    unix.trust(sshd)
    with unix.terminal("ssh", *unix.port(sshd), unix.target(sshd), "echo in") as terminal:
        terminal.expect("password: $")
        terminal.type("wrong\n")
        terminal.expect("denied, please try again.*password: $")
        terminal.type(password + "\n")
        terminal.expect("in\r\n")
        assert terminal.wait() == 0


def test_password_wrong_three_times(unix, sshd, password):
    unix.trust(sshd)
    with unix.terminal("ssh", *unix.port(sshd), unix.target(sshd), "true") as terminal:
        for _ in range(3):
            terminal.expect("password: $")
            terminal.type("wrong\n")
        terminal.expect(r"permission denied \(the server takes: .*\)\r\n")
        assert terminal.wait() == 255


def test_password_with_asyncssh(unix, asyncssh):
    unix.trust(asyncssh)
    with unix.terminal(
        "sftp", "ls", *unix.port(asyncssh), f"{unix.target(asyncssh)}:/"
    ) as terminal:
        terminal.expect("Password:$")
        terminal.type(asyncssh.password + "\n")
        terminal.expect("etc\r\n")
        assert terminal.wait() == 0


@pytest.fixture
def logins(start_server):
    return start_server(servers.LoginServer)


def test_questions_of_the_server(unix, logins):
    """Rounds, with echo and without, and a message between them."""
    unix.trust(logins)
    user = f"rounds@{unix.host}"
    with unix.terminal("ssh", *unix.port(logins), user, "id") as terminal:
        terminal.expect(rf"Sign in\r\nTwo things, please.\r\n\({user}\) Password: $")
        assert not terminal.echoes()
        terminal.type(logins.password + "\n")
        terminal.expect(rf"\({user}\) Code: $")
        assert terminal.echoes()
        terminal.type("123456\n")
        terminal.expect(r"Both are right.\r\n.*Really\? $")
        terminal.type("yes \u00e4\n")
        shown = terminal.expect("in\r\n")
        assert logins.password not in shown.string
        assert terminal.wait() == 0


def test_questions_answered_wrong_and_right(unix, logins):
    unix.trust(logins)
    with unix.terminal("ssh", *unix.port(logins), f"ask@{unix.host}", "id") as terminal:
        for answer in ("wrong\n", logins.password + "\n"):
            terminal.expect("Password: $")
            terminal.type(answer)
        terminal.expect("in\r\n")
        assert terminal.wait() == 0


def test_texts_of_the_server_steer_nothing(unix, logins):
    """ATTACKS 51."""
    unix.trust(logins)
    with unix.terminal("ssh", *unix.port(logins), f"texts@{unix.host}", "id") as terminal:
        shown = terminal.expect(r"red. .left \S\?? ?$").string
        assert "\x1b" not in shown and "\u202e" not in shown
        terminal.type(logins.password + "\n")
        terminal.expect("in\r\n")
        assert terminal.wait() == 0


def test_expired_password(unix, logins):
    """The new one is asked for twice, and again while it is not what the server wants."""
    unix.trust(logins)
    option = ["-o", "KbdInteractiveAuthentication=no"]
    args = [*option, *unix.port(logins), f"expired@{unix.host}", "id"]
    with unix.terminal("ssh", *args) as terminal:
        terminal.expect("'s password: $")
        terminal.type(logins.password + "\n")
        for new, again, then in (
            ("eightlong", "eightlang", "not the same twice: please try again"),
            ("short", "short", "Eight letters at least\r\n"),
            ("eightlong", "eightlong", "in\r\n"),
        ):
            terminal.expect("New password: $")
            terminal.type(new + "\n")
            terminal.expect("again: $")
            terminal.type(again + "\n")
            terminal.expect(then)
        assert terminal.wait() == 0


def test_key_and_password(unix, sshd_with, password):
    """Two factors."""
    server = sshd_with("AuthenticationMethods publickey,password")
    unix.trust(server)
    with unix.terminal("ssh", *unix.login(server), unix.target(server), "echo in") as terminal:
        terminal.expect("password: $")
        terminal.type(password + "\n")
        terminal.expect("in\r\n")
        assert terminal.wait() == 0


@pytest.mark.parametrize("key", ["\x03", "\x04"])
def test_no_answer_to_the_prompt(unix, sshd, password, key):
    """Ctrl-C or the end of input: the terminal is as it was."""
    unix.trust(sshd)
    with unix.terminal("ssh", *unix.port(sshd), unix.target(sshd), "true") as terminal:
        before = terminal.modes()
        terminal.expect("password: $")
        terminal.type(key)
        terminal.expect("interrupted" if key == "\x03" else "no answer")
        assert terminal.modes() == before
        assert terminal.wait() == (130 if key == "\x03" else 255)


def test_passphrase(unix, sshd, site, folder):
    unix.trust(sshd)
    key = keygen(folder / "locked", passphrase="open sesame")
    with site.authorized.open("a") as authorized:
        authorized.write(key.with_suffix(".pub").read_text())
    args = ["-i", key, *unix.port(sshd), unix.target(sshd), "echo in"]
    with unix.terminal("ssh", *args) as terminal:
        terminal.expect(f"Passphrase of the key {key}: $")
        terminal.type("wrong\n")
        terminal.expect("does not open the key.*: $")
        terminal.type("open sesame\n")
        shown = terminal.expect("in\r\n")
        assert "sesame" not in shown.string
        assert terminal.wait() == 0


@pytest.mark.parametrize("answer", ["yes", "YES", "fingerprint"])
def test_an_unknown_host_is_accepted(unix, sshd, answer):
    unix.set_known("")
    with unix.terminal("ssh", *unix.login(sshd), unix.target(sshd), "echo in") as terminal:
        found = terminal.expect(r"(ED25519) key has the fingerprint\r\n(SHA256:\S+)\r\n.*\? $")
        assert found[2] == sshd.fingerprint
        terminal.type("perhaps\n")
        terminal.expect(r"Please type .*: $")
        terminal.type((sshd.fingerprint if answer == "fingerprint" else answer) + "\n")
        terminal.expect(f"is now in {unix.known_file}.*in\r\n")
        assert terminal.wait() == 0
    assert unix.known() == f"[{unix.host}]:{sshd.port} {sshd.public}\n"


@pytest.mark.parametrize("answer", ["no\n", "SHA256:else\nno\n", "\n\n\n\n\n", "\x04", "\x03"])
def test_an_unknown_host_is_refused(unix, sshd, answer):
    unix.set_known("")
    with unix.terminal("ssh", *unix.login(sshd), unix.target(sshd), "echo in") as terminal:
        terminal.expect(r"\(yes/no.*\? $")
        terminal.type(answer)
        assert terminal.wait() == (130 if answer == "\x03" else 255)
        assert "in\r\n" not in terminal.text.replace(answer, "")
    assert unix.known() == ""


def test_a_changed_host_is_not_asked_about(unix, sshd, folder):
    other = keygen(folder / "other").with_suffix(".pub").read_text()
    unix.set_known(f"[{unix.host}]:{sshd.port} {other}")
    with unix.terminal("ssh", *unix.login(sshd), unix.target(sshd), "echo in") as terminal:
        terminal.expect("WARNING.*line 1.*not connected")
        assert terminal.wait() == 255


# ---------------------------------------------------------------- the interactive ssh


@pytest.mark.parametrize("kind", ["sshd", "dropbear"])
def test_a_shell(unix, request, kind):
    server = request.getfixturevalue(kind)
    with ssh(unix, server, unix.target(server)) as terminal:
        before = terminal.modes()
        terminal.expect(PROMPT)
        terminal.type("echo $((6*7)); exit 7\r")
        terminal.expect("42\r\n.*Connection to .* closed.\r\n")
        assert terminal.modes() == before
        assert terminal.wait() == 7


def test_terminal_and_size(unix, sshd):
    with ssh(unix, sshd, unix.target(sshd), size=(300, 61), term="vt220") as terminal:
        terminal.expect(PROMPT)
        terminal.type("echo $TERM; stty size\r")
        terminal.expect("vt220\r\n61 300\r\n")
        terminal.type("exit\r")
        assert terminal.wait() == 0


def test_resize(unix, sshd):
    with ssh(unix, sshd, unix.target(sshd)) as terminal:
        terminal.expect(PROMPT)
        terminal.resize(100, 40)
        # The size is looked at when something moves, at most once a second.
        end = time.monotonic() + 20
        while True:
            terminal.type("stty size\r")
            found = terminal.expect(r"(\d+ \d+)\r\n.*\$ $")
            if found[1] == "40 100":
                break
            assert time.monotonic() < end, found[1]
        terminal.type("exit\r")
        assert terminal.wait() == 0


def test_a_command_with_a_terminal(unix, sshd):
    with ssh(unix, sshd, "-t", unix.target(sshd), "tty; stty size; exit 9") as terminal:
        terminal.expect("/dev/pts/[0-9]+\r\n24 80\r\n")
        assert terminal.wait() == 9
        assert "Connection" not in terminal.text


def test_no_terminal_wanted(unix, sshd):
    with ssh(unix, sshd, "-T", unix.target(sshd)) as terminal:
        terminal.type("tty; exit 3\n")
        terminal.expect("not a tty\r\n")
        assert terminal.wait() == 3


def test_a_terminal_that_is_insisted_on(unix, sshd):
    unix.trust(sshd)
    done = unix.run("ssh", "-tt", *unix.login(sshd), unix.target(sshd), "tty", stdin=b"").ok()
    assert done.stdout.startswith(b"/dev/pts/")
    done = unix.run("ssh", "-t", *unix.login(sshd), unix.target(sshd), "tty", stdin=b"")
    assert done.stdout == b"not a tty\n" and "-tt" in done.stderr


def test_keys_go_to_the_remote_side(unix, sshd):
    """Each control key, as a byte; none does anything here."""
    with ssh(unix, sshd, unix.target(sshd)) as terminal:
        terminal.expect(PROMPT)
        terminal.type("stty raw -echo; echo ready; head -c 31 | od -An -tu1 -w31; stty sane\r")
        terminal.expect(r"\nready")
        terminal.type("".join(map(chr, range(1, 32))))
        wanted = r" +".join(str(n) for n in range(1, 32))
        terminal.expect(wanted)
        terminal.expect(PROMPT)
        terminal.type("exit\r")
        assert terminal.wait() == 0


def test_interrupt_is_for_the_remote_side(unix, sshd):
    with ssh(unix, sshd, unix.target(sshd)) as terminal:
        terminal.expect(PROMPT)
        terminal.type("sh -c 'echo u''p; exec sleep 1000'; echo after\r")
        terminal.expect("up\r\n")  # now the key is for that, and no longer for the shell
        terminal.type("\x03")
        terminal.expect(PROMPT)
        terminal.type("exit 5\r")
        assert terminal.wait() == 5


def test_no_output_is_lost_at_the_end(unix, sshd):
    for _ in range(5):
        with ssh(unix, sshd, "-t", unix.target(sshd), "seq 20000; exit 2") as terminal:
            shown = terminal.rest(60)
            assert shown.split() == [str(n) for n in range(1, 20001)]
            assert terminal.wait() == 2


def test_escape_to_disconnect(unix, sshd):
    with ssh(unix, sshd, unix.target(sshd)) as terminal:
        before = terminal.modes()
        terminal.expect(PROMPT)
        terminal.type("~.")
        terminal.expect("closed.\r\n")
        assert terminal.modes() == before
        assert terminal.wait() == 255


def test_escape_only_at_the_start_of_a_line(unix, sshd):
    with ssh(unix, sshd, unix.target(sshd)) as terminal:
        terminal.expect(PROMPT)
        terminal.type("~?")
        terminal.expect("disconnect.*this list.*start of a line")
        terminal.type("~?")
        terminal.expect("disconnect.*this list.*start of a line")
        terminal.type("echo a~.b\r")
        terminal.expect("a~.b\r\n.*a~.b\r\n")
        terminal.type("~~x\r")
        terminal.expect("~x.*not found")
        terminal.type("exit 3\r")
        assert terminal.wait() == 3


def test_no_escape(unix, sshd):
    with ssh(unix, sshd, "-e", "none", unix.target(sshd)) as terminal:
        terminal.expect(PROMPT)
        terminal.type("~.\r")
        terminal.expect("~.*(not found|Permission denied|directory)")
        terminal.type("exit 3\r")
        assert terminal.wait() == 3


def test_the_server_dies(unix, sshd):
    with ssh(unix, sshd, unix.target(sshd)) as terminal:
        before = terminal.modes()
        terminal.expect(PROMPT)
        terminal.type("kill -9 $PPID\r")
        terminal.expect("lost: ")
        assert terminal.modes() == before
        assert terminal.wait() == 255


def test_interrupt_of_a_command(unix, sshd):
    """Without a remote terminal, ctrl-C ends the program here."""
    with ssh(unix, sshd, unix.target(sshd), "echo started; sleep 1000") as terminal:
        terminal.expect("started")
        terminal.type("\x03")
        terminal.expect("interrupted")
        assert terminal.wait() == 130


def test_nothing_but_the_connection(unix, sshd):
    with ssh(unix, sshd, "-v", "-N", unix.target(sshd)) as terminal:
        terminal.expect("logged in as")
        terminal.type("\x03")
        terminal.expect("interrupted")
        assert terminal.wait() == 130


# ---------------------------------------------------------------- programs that use the screen


def test_vi(unix, sshd, folder):
    tool("vi")
    (folder / "text").write_text("first\nlast\n")
    (folder / "text").chmod(0o666)
    with ssh(unix, sshd, "-t", unix.target(sshd), f"vi {folder}/text") as terminal:
        terminal.expect("first.*last")
        terminal.type("Gohello\x1b")
        terminal.expect("hello")
        terminal.type(":wq\r")
        assert terminal.wait() == 0
    assert (folder / "text").read_text() == "first\nlast\nhello\n"


def test_less(unix, sshd, folder):
    tool("less")
    (folder / "text").write_text("".join(f"line {n}\n" for n in range(1, 1001)))
    with ssh(unix, sshd, "-t", unix.target(sshd), f"less {folder}/text") as terminal:
        terminal.expect("line 23")
        terminal.type("G")
        terminal.expect("line 1000")
        terminal.type("q")
        assert terminal.wait() == 0


def test_top(unix, sshd):
    tool("top")
    with ssh(unix, sshd, "-t", unix.target(sshd), "top") as terminal:
        terminal.expect("PID.*USER")
        terminal.type("q")
        assert terminal.wait() == 0


# ---------------------------------------------------------------- progress


def test_progress(unix, sshd, folder):
    unix.trust(sshd)
    (folder / "big").write_bytes(os.urandom(3000000))
    source = f"{unix.target(sshd)}:{folder}/big"
    with unix.terminal("sftp", "get", *unix.login(sshd), source, "local") as terminal:
        terminal.expect(r"\rbig +100% +2\.9M +[0-9.]+[BKM]/s +00:0\d\r\n")
        assert terminal.wait() == 0
    assert unix.get("local") == (folder / "big").read_bytes()
    with unix.terminal("scp", *unix.login(sshd), "local", f"{source}2") as terminal:
        terminal.expect(r"\rlocal +100% +2\.9M +[0-9.]+[BKM]/s +00:0\d\r\n")
        assert terminal.wait() == 0
    assert (folder / "big2").read_bytes() == (folder / "big").read_bytes()
    with unix.terminal("scp", "-q", *unix.login(sshd), source, "local") as terminal:
        assert terminal.wait() == 0
        assert terminal.text == ""


def test_interrupted_transfer(unix, sshd, proxy, folder):
    """Ctrl-C: what has come is kept, and it is said how much."""
    (folder / "big").write_bytes(os.urandom(3000000))
    between = proxy(sshd.port, lambda n: Fault(down=1000000, how="stall"))
    unix.set_known(f"[{unix.host}]:{between.port} {sshd.public}\n")
    args = ["-i", unix.key, *unix.port(between), f"{unix.target(sshd)}:{folder}/big", "local"]
    with unix.terminal("sftp", "get", *args) as terminal:
        terminal.expect(r"\rbig +\d+% .*ETA")
        terminal.type("\x03")
        found = terminal.expect(
            r"local is incomplete: it has the first (\d+) of 3000000 bytes.*interrupted"
        )
        assert terminal.wait() == 130
    part = unix.get("local")
    assert len(part) == int(found[1]) and (folder / "big").read_bytes().startswith(part)


def test_names_are_harmless_on_a_terminal(unix, sshd, folder):
    (folder / "a\x1b[31mb").write_text("")
    unix.trust(sshd)
    args = ["ls", *unix.login(sshd), f"{unix.target(sshd)}:{folder}"]
    with unix.terminal("sftp", *args) as terminal:
        terminal.expect(r"a\?\[31mb\r\n")
        assert terminal.wait() == 0
    assert unix.run("sftp", *args).ok().stdout == b"a\x1b[31mb\n"
