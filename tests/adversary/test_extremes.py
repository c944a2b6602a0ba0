"""Arguments at and past their limits, against a right peer: an exception or the right result.

Companion of ATTACKS.md 14, 42, 55 and 69 for what the program itself passes down.
"""

import pytest
from adv_run import Case

SIZES = [0, 1, 2, 7, 1000, 1 << 16, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32, (1 << 63) - 1,
         1 << 63, 1 << 64, -1, -(1 << 31)]  # fmt: skip
ERRORS = ("ValueError", "TypeError", "MemoryError", "OverflowError", "OSError", "SSHError")
WORK = """
s = login(%s)
result = [s.exec('echo hello').decode(), len(s.exec('zero 3000')), s.sftp().open('/hello').read()]
result[2] = result[2].decode()
"""
RIGHT = ["hello\n", 3000, "hello\n"]


def right_or_error(case, result):
    if case.ok:
        case.carried_on(result)
    else:
        case.alive()
        assert case.error[0] in ERRORS, case
        for peer in case.peers:
            assert peer.fault is None, case


@pytest.mark.parametrize(
    "name", ["window", "max_packet", "channels", "rekey_bytes", "rekey_packets", "rekey_seconds"]
)
def test_sizes_of_a_session(play, name):
    cases = [Case(f"{name}={size}", {}, WORK % f"{name}={size}") for size in SIZES]
    for case in play(cases, heap="4M"):
        right_or_error(case, RIGHT)


def test_timeouts(play):
    values = ["0", "-1", "1e9", "1e-9", "float('nan')", "float('inf')", "-0.0", "1e300", "None",
              "2**31", "2**40", "2**64", "'x'", "[]", "True"]  # fmt: skip
    for case in play([Case(value, {}, WORK % f"timeout={value}") for value in values]):
        right_or_error(case, RIGHT)
        assert case.ok or case.error[0] in ("ValueError", "TypeError", "OSError"), case


def test_lists_of_algorithms(play):
    bad = ["''", "','", "'x'", "[]", "['aes128-ctr', '']", "5", "('aes128-ctr', 5)", "[None]",
           "'aes128-ctr,' * 5000", "'aes128-ctr '", "'AES128-CTR'"]  # fmt: skip
    for case in play([Case(v, {}, f"sock = tcp(); connect(sock, ciphers={v})") for v in bad]):
        case.alive()
        assert case.ok is False and case.error[0] in ("ValueError", "TypeError"), case


CALLS = [
    "c.read(0)", "c.read(-1)", "c.recv(0)", "c.recv(-1)", "c.recv(1 << 40)", "c.read(1 << 40)",
    "c.readinto(bytearray(0))", "c.readinto(b'abc')", "c.readinto(bytearray(5), 100)",
    "c.readinto(bytearray(5), -1)", "c.recv_into(bytearray(0))", "c.recv_any(0)",
    "c.recv_any(-1)", "c.recv_any(1 << 62)", "c.write('')", "c.write(5)", "c.stderr.read(0)",
    "c.stderr.recv(-5)", "c.exec('x' * 1000000)", "c.exec('\\0')", "c.subsystem('')",
    "c.setenv('a', 'b' * 100000)", "c.signal('\\0')", "c.window_change(-1, -1)",
    "c.window_change(1 << 32, 1)", "c.request_pty('x' * 100000)", "c.request_pty(width=-1)",
    "c.request_pty(modes=5)", "c.settimeout(-1)", "c.settimeout('x')", "c.wait()", "c.eof()",
    "s.exec('a' * 2000000)", "s.exec(5)", "s.ignore(bytes(1000000))", "s.ignore(5)",
    "s.scp_recv('')", "s.scp_recv('a\\0b')", "s.scp_recv('a\\nb')", "s.scp_recv('x' * 100000)",
    "s.scp_send('x', -1, b'')", "s.scp_send('x\\ny', 0o644, b'')", "s.scp_send('', 0o644, b'a')",
    "s.run('cat', stdin=5)", "s.userauth_none('x')", "s.userauth_password(USER, PASSWORD)",
    "s.open_session(window=1 << 40)", "s.open_session(window=-1)", "f.open('', 'q')",
    "f.open('/hello', 'rw')", "f.open('/hello').seek(-5)", "f.open('/hello').seek(1 << 63)",
    "f.open('/hello').seek(1 << 64)", "f.open('/hello').read(1 << 40)", "f.stat('a\\0b')",
    "f.stat('x' * 1000000)", "f.open('/hello', buffer=0)", "f.open('/hello', buffer=-1)",
    "f.open('/hello', buffer=1)", "f.open('/hello', buffer=1 << 40)", "f.mkdir('/n', -1)",
    "f.setstat('/hello', size=-1)", "f.setstat('/hello', mode=1 << 40)", "f.readlink('')",
    "f.open('/hello').truncate(-1)", "f.get('/hello', 5)", "f.put(5, '/x')",
]  # fmt: skip


def test_arguments_of_calls(play):
    """Whatever the call said, the session still works after it."""
    client = (
        "s = login(); f = s.sftp(); c = s.open_session(); c.settimeout(0.3); c.exec('echo x')\n"
        "r = wrong(lambda: %s)\n"
        "result = [r[0] if r else None, s.exec('echo hello').decode()]"
    )
    for case in play([Case(call, {}, client % call, timeout=1) for call in CALLS], heap="4M"):
        case.carried_on(case.result)
        assert case.result[1] == "hello\n", case
        assert case.result[0] in (*ERRORS, None), case
