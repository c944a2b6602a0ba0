"""The programs on the DOS screen: keys from the keyboard, what is shown, and files of DOS."""

import hashlib
import os
import shutil

import pytest
from harness.dos import Guest
from harness.servers import keygen
from machines import Dos


@pytest.fixture
def password(sshd):
    """Who has a password here."""
    if sshd.password is None:
        pytest.skip("no account with a password: only as root")
    return sshd.password


@pytest.fixture
def screen(dos):
    """screen(program, *args): start it on the screen, which is empty before."""

    def start(program, *args):
        dos.clear()
        dos.begin(program, *args)
        return dos.guest

    return start


def tool(name):
    if not shutil.which(name):
        pytest.skip(f"no {name} on this machine")
    return name


def text(guest):
    return "\n".join(guest.screen())


# ---------------------------------------------------------------- prompts


def test_password(dos, sshd, password, screen):
    dos.trust(sshd)
    guest = screen("ssh", *dos.port(sshd), dos.target(sshd), "echo i''n; exit 4")
    guest.wait_screen("password:")
    guest.type("wrong\n")
    guest.wait_screen("try again")
    guest.wait_screen(lambda lines: sum("password:" in line for line in lines) == 2)
    guest.type(password + "x\b\n")
    done = guest.end(60)
    assert done.returncode == 4
    shown = text(guest)
    assert "\nin\n" in shown + "\n"
    assert "wrong" not in shown and password not in shown


def test_password_with_redirected_input(dos, sshd, password):
    """The question goes to the screen, the answer comes from the keyboard."""
    dos.trust(sshd)
    guest = dos.guest
    line = " ".join(["ssh", *dos.port(sshd), dos.target(sshd), "sha256sum"])
    guest.put("C:\\T\\DATA.BIN", bytes(range(256)) * 40)
    guest.put(
        "C:\\T\\GO.BAT", f"@C:\\MPYTHON -m {line} <C:\\T\\DATA.BIN >C:\\T\\SUM.TXT\r\n".encode()
    )
    dos.clear()
    guest.begin_exe("A:\\COMMAND.COM /C C:\\T\\GO.BAT", env={"SSHDIR": "C:\\SSH"})
    guest.wait_screen("password:")
    guest.type(password + "\n")
    guest.end(60)
    sum_ = guest.get("C:\\T\\SUM.TXT").split()[0].decode()
    assert sum_ == hashlib.sha256(bytes(range(256)) * 40).hexdigest()


def test_passphrase(dos, sshd, site, folder, screen):
    dos.trust(sshd)
    key = keygen(folder / "locked", passphrase="open sesame")
    with site.authorized.open("a") as authorized:
        authorized.write(key.with_suffix(".pub").read_text())
    name = dos.add_key("LOCKED", key)
    guest = screen("ssh", "-i", name, *dos.port(sshd), dos.target(sshd), "echo i''n")
    guest.wait_screen("Passphrase of the key")
    guest.type("open sesame\n")
    assert guest.end(120).returncode == 0
    assert "sesame" not in text(guest)


def test_an_unknown_host(dos, sshd, screen):
    guest = screen("ssh", *dos.login(sshd), dos.target(sshd), "echo i''n")
    guest.wait_screen("(yes/no")
    shown = text(guest)
    assert "ED25519" in shown and sshd.fingerprint in shown
    guest.type("yes\n")
    assert guest.end(60).returncode == 0
    assert dos.known() == f"[{dos.host}]:{sshd.port} {sshd.public}\n"


def test_an_unknown_host_is_refused(dos, sshd, screen):
    guest = screen("ssh", *dos.login(sshd), dos.target(sshd), "echo i''n")
    guest.wait_screen("(yes/no")
    guest.type("no\n")
    assert guest.end(60).returncode == 255
    assert "not accepted" in text(guest)
    assert dos.known() == ""


def test_a_changed_host(dos, sshd, folder, screen):
    other = keygen(folder / "other").with_suffix(".pub").read_text()
    known = f"[{dos.host}]:{sshd.port} {other}"
    dos.set_known(known)
    guest = screen("ssh", *dos.login(sshd), dos.target(sshd), "echo i''n")
    assert guest.end(60).returncode == 255
    shown = text(guest)
    assert "WARNING" in shown and dos.known_file in shown and "line 1" in shown
    assert dos.known() == known


def test_interrupt_at_a_prompt(dos, sshd, password, screen):
    dos.trust(sshd)
    guest = screen("ssh", *dos.port(sshd), dos.target(sshd), "true")
    guest.wait_screen("password:")
    guest.key("ctrl-c")
    assert guest.end(60).returncode == 130
    assert "interrupted" in text(guest)


# ---------------------------------------------------------------- the interactive ssh


def shell(dos, sshd, screen, *args):
    dos.trust(sshd)
    guest = screen("ssh", *dos.login(sshd), *args)
    guest.wait_screen(lambda lines: any(line == "$" for line in lines), 60)
    return guest


def test_a_shell(dos, sshd, screen):
    guest = shell(dos, sshd, screen, dos.target(sshd))
    guest.type("echo $TERM; stty size; exit 7\n")
    assert guest.end(60).returncode == 7
    shown = text(guest)
    assert "xterm\n25 80\n" in shown and "closed." in shown


def test_interrupt_is_for_the_remote_side(dos, sshd, screen):
    guest = shell(dos, sshd, screen, dos.target(sshd))
    guest.type("trap 'echo caught' INT; echo read''y; cat\n")
    guest.wait_screen("ready")
    guest.key("ctrl-c")
    guest.wait_screen("caught")
    guest.type("exit 3\n")
    assert guest.end(60).returncode == 3


def test_lines_for_a_command(dos, sshd, screen):
    """Without a remote terminal the keyboard gives lines, and Ctrl-Z ends them."""
    dos.trust(sshd)
    command = "echo read''y; while read x; do echo got:$x; done; exit 4"
    guest = screen("ssh", *dos.login(sshd), dos.target(sshd), command)
    guest.wait_screen("ready", 60)
    guest.type("hellp\bo\n")
    guest.wait_screen("got:hello")
    guest.key("ctrl-z")
    assert guest.end(60).returncode == 4


def test_interrupt_of_a_command(dos, sshd, screen):
    """Without a remote terminal, Ctrl-C ends the program here."""
    dos.trust(sshd)
    guest = screen("ssh", *dos.login(sshd), dos.target(sshd), "echo read''y; sleep 1000")
    guest.wait_screen("ready", 60)
    guest.key("ctrl-c")
    assert guest.end(60).returncode == 130
    assert "interrupted" in text(guest)


def test_escape_to_disconnect(dos, sshd, screen):
    guest = shell(dos, sshd, screen, dos.target(sshd))
    guest.type("~?")
    guest.wait_screen("disconnect")
    guest.type("~.")
    assert guest.end(60).returncode == 255
    assert "closed." in text(guest)


def test_the_screen_afterwards(dos, sshd, screen):
    """Colours and modes that the remote side leaves behind do not stay."""
    guest = shell(dos, sshd, screen, dos.target(sshd))
    guest.type("printf '\\033[31;44m\\033[?1049h\\033[?25l'; exit\n")
    assert guest.end(60).returncode == 0
    dos.clear()
    guest.begin(["-c", "print('plain')"])
    assert guest.end(60).returncode == 0
    row = next(i for i, line in enumerate(guest.screen()) if line == "plain")
    assert set(guest.attributes()[row]) == {7}


def test_fifty_lines(dos, sshd):
    """The size that the remote side sees is that of the screen."""
    dos.trust(sshd)
    args = [*dos.login(sshd), "-t", dos.target(sshd), "stty size; sleep 1; seq 60"]
    program = f"""
        import dos, sys
        from ssh.program import main
        dos.size(50)
        status = main({args!r})
        input()
        sys.exit(status)
    """
    guest = dos.guest
    dos.clear()
    guest.begin(program, env={"SSHDIR": "C:\\SSH"})
    lines = guest.wait_screen("60", 60)
    assert len(lines) == 50
    guest.type("\n")
    assert guest.end(30).returncode == 0


def test_vi(dos, sshd, folder, screen):
    tool("vi")
    (folder / "text").write_text("first\nlast\n")
    (folder / "text").chmod(0o666)
    dos.trust(sshd)
    guest = screen("ssh", *dos.login(sshd), "-t", dos.target(sshd), f"vi {folder}/text")
    guest.wait_screen(lambda lines: lines[:3] == ["first", "last", "~"], 60)
    guest.type("Go")
    guest.type("hello")
    guest.wait_screen(lambda lines: lines[2] == "hello")
    guest.key("esc")
    guest.type(":wq\n")
    assert guest.end(60).returncode == 0
    assert (folder / "text").read_text() == "first\nlast\nhello\n"


def test_less(dos, sshd, folder, screen):
    tool("less")
    (folder / "text").write_text("".join(f"line {n}\n" for n in range(1, 1001)))
    dos.trust(sshd)
    guest = screen("ssh", *dos.login(sshd), "-t", dos.target(sshd), f"less {folder}/text")
    guest.wait_screen(lambda lines: lines[:24] == [f"line {n}" for n in range(1, 25)], 60)
    guest.key("pgdn")
    guest.wait_screen(lambda lines: lines[:24] == [f"line {n}" for n in range(25, 49)])
    guest.type("G")
    guest.wait_screen(lambda lines: lines[:24] == [f"line {n}" for n in range(977, 1001)])
    guest.key("up")
    guest.wait_screen(lambda lines: lines[:24] == [f"line {n}" for n in range(976, 1000)])
    guest.type("q")
    assert guest.end(60).returncode == 0


def test_top(dos, sshd, screen):
    tool("top")
    dos.trust(sshd)
    guest = screen("ssh", *dos.login(sshd), "-t", dos.target(sshd), "top")
    lines = guest.wait_screen(lambda lines: any("PID USER" in line for line in lines), 60)
    assert lines[0].startswith("top - ")
    guest.type("q")
    assert guest.end(60).returncode == 0


# ---------------------------------------------------------------- files


def test_ten_megabytes_both_ways(dos, sshd, folder, screen):
    data = os.urandom(10_000_000)
    (folder / "big").write_bytes(data)
    dos.trust(sshd)
    source = f"{dos.target(sshd)}:{folder}/big"
    guest = screen("sftp", "get", *dos.login(sshd), source, dos.path("big.bin"))
    guest.wait_screen(lambda lines: any("% " in line and "ETA" in line for line in lines), 60)
    assert guest.end(300).returncode == 0
    assert "100%" in text(guest) and "9.5M" in text(guest)
    assert hashlib.sha256(dos.get("big.bin")).digest() == hashlib.sha256(data).digest()
    guest = screen("scp", *dos.login(sshd), dos.path("big.bin"), f"{source}2")
    assert guest.end(300).returncode == 0
    assert (folder / "big2").read_bytes() == data
    guest.remove(dos.path("big.bin"))


def test_interrupted_transfer(dos, sshd, folder, screen):
    (folder / "big").write_bytes(os.urandom(30_000_000))
    dos.trust(sshd)
    source = f"{dos.target(sshd)}:{folder}/big"
    guest = screen("sftp", "get", *dos.login(sshd), source, dos.path("part.bin"))
    guest.wait_screen(lambda lines: any("% " in line and "ETA" in line for line in lines), 60)
    guest.key("ctrl-c")
    assert guest.end(60).returncode == 130
    shown = " ".join(text(guest).split())
    part = dos.get("part.bin")
    assert f"it has the first {len(part)} of 30000000 bytes" in shown
    assert (folder / "big").read_bytes().startswith(part)
    guest.remove(dos.path("part.bin"))


def test_sftp_prompt(dos, sshd, folder, screen):
    """Commands at the keyboard, a pattern of DOS files, ctrl-C in a transfer."""
    folder.chmod(0o777)
    (folder / "one.txt").write_text("one")
    (folder / "big").write_bytes(os.urandom(30_000_000))
    dos.trust(sshd)
    dos.put("up1.dat", b"1")
    dos.put("up2.dat", b"2")
    guest = screen("sftp", *dos.login(sshd), f"{dos.target(sshd)}:{folder}")
    guest.wait_screen("sftp>", 60)
    guest.type("lcd c:\\w\nlsx\b\n")
    guest.wait_screen("one.txt")
    guest.type("get one.txt\n")
    guest.wait_screen("100%")
    guest.type("put up*.dat\n")
    guest.wait_screen(lambda lines: any("up2.dat" in x.lower() and "100%" in x for x in lines))
    guest.type("get big part.bin\n")
    guest.wait_screen(lambda lines: any("% " in line and "ETA" in line for line in lines), 60)
    guest.key("ctrl-c")
    guest.wait_screen("interrupted")
    guest.type("bogus\n")
    guest.wait_screen("no such command")
    guest.type("quit\n")
    assert guest.end(60).returncode == 0
    assert dos.get("one.txt") == b"one"
    found = {x.name.lower(): x.read_bytes() for x in folder.iterdir() if x.name != "big"}
    assert found == {"one.txt": b"one", "up1.dat": b"1", "up2.dat": b"2"}
    for name in ("one.txt", "up1.dat", "up2.dat", "part.bin"):
        guest.remove(dos.path(name))


def test_a_full_disk(sshd, site, folder, freedos):
    """The error says so, and what is there is whole otherwise."""
    data = os.urandom(12_000_000)
    (folder / "big").write_bytes(data)
    with Guest(disk_mb=8) as guest:
        dos = Dos(guest, site)
        dos.trust(sshd)
        source = f"{dos.target(sshd)}:{folder}/big"
        # On the screen: there is no room for a file with the output, either.
        dos.begin("sftp", "get", *dos.login(sshd), source, dos.path("big.bin"))
        assert guest.end(120).returncode == 1, text(guest)
        shown = "".join(line.ljust(80) for line in guest.screen())
        part = dos.get("big.bin")
        assert f"the first {len(part)} of 12000000 bytes" in shown
        assert "no space left on the disk" in shown
        assert data.startswith(part)
        guest.remove(dos.path("big.bin"))
        dos.ssh(sshd, "true").ok()


@pytest.mark.parametrize("name", ["longer than 8.3", "a.b.c", "aux", "a+b", "x?y"])
def test_names_that_dos_cannot_hold(dos, sshd, folder, name):
    """An error before anything is fetched, and no file under another name."""
    (folder / name).write_text("x")
    (folder / "good").write_text("y")
    dos.trust(sshd)
    before = set(dos.guest.listdir(dos.folder))
    done = dos.run(
        "scp", "-r", *dos.login(sshd), f"{dos.target(sshd)}:{folder}", dos.path("cannot")
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert name.split("?")[0] in done.stderr
    assert set(dos.guest.listdir(dos.path("cannot"))) - {".", ".."} == {"GOOD"}
    dos.guest.remove(dos.path("cannot") + "\\GOOD")
    dos.guest.int21(0x3A00, data=dos.path("cannot").encode() + b"\0")
    assert set(dos.guest.listdir(dos.folder)) == before


def test_keys_beside_the_executable(dos, sshd):
    """Without SSHDIR and HOME: the folder of MPYTHON.EXE."""
    guest = dos.guest
    guest.put("C:\\ID_ED255", dos.get("ID"))
    guest.put("C:\\KNOWN.HST", f"[{dos.host}]:{sshd.port} {sshd.public}\n".encode())
    try:
        args = ["-m", "ssh", *dos.port(sshd), dos.target(sshd), "echo in"]
        assert guest.run(args, timeout=60, check=True).raw == b"in\n"
    finally:
        guest.remove("C:\\ID_ED255")
        guest.remove("C:\\KNOWN.HST")
