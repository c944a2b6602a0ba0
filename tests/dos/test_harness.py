"""The harness itself: the agent, files, keyboard and screen of a guest, without MPYTHON."""

import hashlib
import os

import pytest
from harness.dos import Guest, GuestError, GuestHung

COMMAND = "A:\\COMMAND.COM"

# Prints to both outputs, ends with status 7:  mov dx,text; mov ah,9; int 21h; mov ah,40h; ...
PRINTER = bytes.fromhex(
    "ba1a01 b409 cd21 b440 bb0200 b90500 ba1a01 cd21 b8074c cd21 90 68656c6c6f0d0a24"
)
# Prints "ready", waits for a key by INT 21h/08h and ends with it as its status; Ctrl-C may end it.
WAITER = bytes.fromhex("ba0f01 b409 cd21 b408 cd21 b44c cd21") + b"ready\r\n$"
# Ends, leaving INT 65h changed:  mov ax,2565h; int 21h; mov ax,4c00h; int 21h
HOOKER = bytes.fromhex("b86525 ba3412 cd21 b8004c cd21")
# cli; jmp $
HANGER = bytes.fromhex("fa ebfe")


@pytest.fixture(scope="module")
def shared(freedos):
    files = {"P.COM": PRINTER, "W.COM": WAITER, "V.COM": HOOKER, "H.COM": HANGER}
    with Guest(files=files, exe=None) as made:
        yield made


def test_files_of_all_sizes(machine):
    for size in (0, 1, 511, 512, 513, 8192, 8193, 70000, 3_000_001):
        data = os.urandom(size)
        machine.put("C:/T/X.BIN", data)
        assert hashlib.sha256(machine.get("C:/T/X.BIN")).digest() == hashlib.sha256(data).digest()
        assert machine.listdir("C:/T")["X.BIN"] == size
    machine.remove("C:/T/X.BIN")
    assert not machine.exists("C:/T/X.BIN")
    with pytest.raises(GuestError):
        machine.get("C:/T/X.BIN")


def test_program_with_both_outputs(machine):
    for _ in range(20):
        done = machine.exe("P.COM")
        assert (done.returncode, done.kind, done.raw) == (7, 0, b"hello\r\n")
        assert done.stderr == "hello"
        assert done.free[0] == done.free[1]
        assert done.vectors == {}
    assert {"P.COM", "AGENT.COM", "T"} <= set(machine.listdir())


def test_program_that_leaves_a_vector(machine):
    assert list(machine.exe("V.COM").vectors) == [0x65]


def test_environment(machine):
    done = machine.exe(f"{COMMAND} /C C:\\P.COM", env={"MPY": "1"})
    assert done.stdout == "hello\n"


def test_keyboard_and_screen(machine):
    machine.begin_exe(COMMAND)
    machine.wait_screen("C:\\>")
    machine.type("echo Hello, World! @#$^&*()_+{}[]:;'\\/?.,~`=-\n")
    machine.wait_screen(lambda lines: "Hello, World! @#$^&*()_+{}[]:;'\\/?.,~`=-" in lines)
    machine.type("exit\n")
    assert machine.end().returncode == 0


def test_keys_reach_a_program(machine):
    machine.begin_exe("W.COM")
    machine.wait_screen("ready")
    machine.type("x")
    assert machine.end().returncode == ord("x")
    machine.begin_exe("W.COM")
    machine.wait_screen(lambda lines: lines.count("ready") == 2)
    machine.key("ctrl-c")
    assert machine.end().kind == 1


def test_missing_program(machine):
    with pytest.raises(GuestError, match="no such file"):
        machine.exe("C:\\NOTHING.EXE")


def test_machine_that_hangs_is_booted_again(machine):
    boots = machine.boots
    with pytest.raises(GuestHung, match="not done in time"):
        machine.exe("H.COM", timeout=1)
    assert machine.exe("P.COM").returncode == 7
    assert machine.boots == boots + 1


def test_machine_that_a_test_leaves_at_work(machine, monkeypatch):
    """pytest's limit, Ctrl-C: nothing is asked of it before it has booted again."""

    def stopped(*_):
        raise KeyboardInterrupt

    boots = machine.boots
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(machine, "_frame", stopped)
        machine.exe("H.COM")
    machine.ready()
    assert machine.exe("P.COM").returncode == 7
    assert machine.boots == boots + 1
