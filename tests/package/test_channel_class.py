"""Channel and its files, beside paramiko's."""

import pytest
from sides import both, ours, theirs

pytestmark = [
    pytest.mark.usefixtures("micropython"),
    pytest.mark.unix_only("nothing in it depends on the system"),
]


# ---------------------------------------------------------------- commands and outputs


def test_a_command(server):
    snippet = """
    c = session()
    out(c.exec_command("echo out; echo err >&2; cat; exit 7"))
    c.sendall(b"input")
    out(c.shutdown_write())
    out(read(c))
    out(read(c, stderr=True))
    out(c.recv_exit_status())
    out([c.recv(10), c.recv_stderr(10), c.exit_status_ready()])
    out(c.close())
    out(c.closed)
    """
    assert ours(snippet, server.params()) == theirs(snippet, server.params())


def test_text_is_sent_too(sshd):
    snippet = """
    c = session()
    c.exec_command("cat")
    out([c.send("text"), c.send(b"")])
    c.sendall(bytearray(b"array"))
    c.sendall(memoryview(b"view"))
    c.shutdown(1)
    out(read(c))
    """
    assert both(snippet, sshd)[-1] == b"textarrayview"


def test_what_is_there_is_given(sshd):
    """recv() does not wait for all that was asked for."""
    snippet = """
    c = session()
    c.exec_command("printf abc; sleep 1; printf def")
    out(c.recv(100))
    out(c.recv(2))
    out(c.recv(100))
    out(c.recv(100))
    """
    assert both(snippet, sshd) == [b"abc", b"de", b"f", b""]


def test_the_error_output_does_not_hold_up_the_other(sshd):
    """More than any window: each output is read after the other."""
    snippet = """
    c = session()
    c.exec_command("head -c 500000 /dev/zero >&2; echo done; head -c 500000 /dev/zero >&2")
    out(read(c, 5))
    out(len(read(c, stderr=True)))
    out(read(c))
    out(c.recv_exit_status())
    """
    assert both(snippet, sshd) == [b"done\n", 1000000, b"", 0]


def test_the_exit_status_with_everything_unread(sshd):
    """Twice: more than our window, and more than paramiko's too, where that hangs."""
    snippet = """
    c = session()
    c.exec_command("head -c %d /dev/zero; head -c 300000 /dev/zero >&2; exit 5")
    out(c.recv_exit_status())
    out([len(read(c)), len(read(c, stderr=True))])
    """
    assert both(snippet % 1000000, sshd) == [5, [1000000, 300000]]
    assert ours(snippet % 4000000, sshd.params(), heapsize="24M") == [5, [4000000, 300000]]


def test_exit_status_ready_with_everything_unread(sshd):
    snippet = """
    c = session()
    out(c.exit_status_ready())
    c.exec_command("head -c 1000000 /dev/zero; sleep 0.3; exit 5")
    out(c.exit_status_ready())
    out(until(c.exit_status_ready))
    out([c.recv_exit_status(), len(read(c)), c.exit_status])
    """
    assert both(snippet, sshd) == [False, False, True, [5, 1000000, 5]]


def test_the_exit_comes_before_the_end_of_output(sshd):
    """A child of the command keeps the output open."""
    snippet = """
    c = session()
    c.exec_command("sleep 3 & echo started; exit 4")
    begin = time.time()
    out(c.recv_exit_status())
    out(time.time() - begin < 2.5)
    out(read(c, 8))
    c.close()
    """
    assert both(snippet, sshd) == [4, True, b"started\n"]


def test_no_exit_status(sshd):
    snippet = """
    c = session()
    c.exec_command("kill -TERM $$")
    out(c.recv_exit_status())
    c = session()
    c.exec_command("sleep 30")
    c.close()
    out(c.recv_exit_status())
    """
    assert both(snippet, sshd) == [-1, -1]


def test_an_exit_signal(sshd):
    snippet = """
    c = session()
    c.exec_command("kill -TERM $$")
    c.recv_exit_status()
    out(c.exit_signal)
    """
    assert ours(snippet, sshd.params()) == ["TERM"]


# ---------------------------------------------------------------- ready, timeouts


def test_ready(sshd):
    snippet = """
    c = session()
    c.exec_command("read a; echo x; echo y >&2; read b")
    out([c.recv_ready(), c.recv_stderr_ready(), c.send_ready()])
    c.send(b"\\n")
    out(until(lambda: c.recv_ready() and c.recv_stderr_ready()))
    out([c.recv(10), c.recv_stderr(10)])
    out([c.recv_ready(), c.recv_stderr_ready()])
    c.send(b"\\n")
    c.recv_exit_status()
    out([c.recv_ready(), c.recv_stderr_ready(), c.recv(1)])
    c.close()
    out(c.send_ready())
    """
    assert both(snippet, sshd)[1:4] == [True, [b"x\n", b"y\n"], [False, False]]


def test_timeouts(sshd):
    snippet = """
    c = session()
    out(c.gettimeout())
    c.settimeout(0.2)
    out(c.gettimeout())
    c.exec_command("read a; echo x; read b")
    begin = time.time()
    out(fails(c.recv, 10))
    out(0.1 < time.time() - begin < 2)
    out(fails(c.recv_stderr, 10))
    c.setblocking(0)
    out(c.gettimeout())
    out([fails(c.recv, 10), fails(c.recv_stderr, 10)])
    c.setblocking(1)
    out(c.gettimeout())
    c.send(b"\\n")
    out(c.recv(10))
    c.settimeout(None)
    c.send(b"\\n")
    out(c.recv(10))
    """
    assert both(snippet, sshd)[2] == "timeout"


def test_a_write_that_nobody_takes(sshd):
    """The server's window fills up."""
    snippet = """
    c = session()
    c.exec_command("sleep 20")
    c.settimeout(0.3)
    def fill():
        while True:
            c.send(bytes(100000))
    out(fails(fill))
    c.setblocking(False)
    out([fails(fill), c.send_ready()])
    """
    assert both(snippet, sshd) == ["timeout", ["timeout", False]]


def test_much_through_cat(sshd):
    """Nobody reads while the whole is written: more than windows and pipes hold."""
    snippet = """
    c = session()
    c.exec_command("cat")
    data = bytes(range(256)) * 4000
    c.sendall(data)
    c.shutdown_write()
    out(read(c) == data)
    """
    assert both(snippet, sshd) == [True]


# ---------------------------------------------------------------- combined


def test_combined(sshd):
    snippet = """
    c = session()
    out(c.set_combine_stderr(True))
    out(c.set_combine_stderr(True))
    c.exec_command("echo a; sleep 0.2; echo b >&2; sleep 0.2; echo c")
    out(read(c))
    out([c.recv_stderr_ready(), c.recv_stderr(10)])
    out(c.set_combine_stderr(False))
    """
    assert both(snippet, sshd) == [False, True, b"a\nb\nc\n", [False, b""], True]


def test_combined_later(sshd):
    """What is buffered moves over."""
    snippet = """
    c = session()
    c.exec_command("echo a; echo b >&2; read x; echo c >&2; echo d")
    out(until(lambda: c.recv_ready() and c.recv_stderr_ready()))
    out(c.set_combine_stderr(True))
    out(read(c, 4))
    c.send(b"\\n")
    out(sorted(read(c).split()))
    """
    assert both(snippet, sshd) == [True, False, b"a\nb\n", [b"c", b"d"]]


# ---------------------------------------------------------------- requests


def test_a_terminal(sshd):
    snippet = """
    c = session()
    out(c.get_pty("xterm", 91, 37, 5, 6))
    c.exec_command("tty >/dev/null && stty size; echo $TERM; read x; stty size")
    out(read(c, 14))
    out(c.resize_pty(101, 47))
    c.send(b"\\n")
    out(b"47 101" in read(c))
    """
    assert both(snippet, sshd) == [None, b"37 91\r\nxterm\r\n", None, True]


def test_a_shell(sshd):
    snippet = """
    c = session()
    out(c.invoke_shell())
    c.sendall(b"echo in the shell; exit 3\\n")
    out(b"in the shell" in read(c))
    out(c.recv_exit_status())
    """
    assert both(snippet, sshd) == [None, True, 3]


def test_environment(sshd):
    snippet = """
    c = session()
    out(c.set_environment_variable("MPY_A", "one"))
    out(c.update_environment({"MPY_B": "two", "REFUSED": "x"}))
    c.exec_command("echo $MPY_A $MPY_B $REFUSED")
    out(read(c))
    """
    assert both(snippet, sshd) == [None, None, b"one two\n"]


def test_subsystems(sshd):
    snippet = """
    c = session()
    out(c.invoke_subsystem("sftp"))
    c.sendall(bytes([0, 0, 0, 5, 1, 0, 0, 0, 3]))
    out(read(c, 9)[4:])
    c.close()
    c = session()
    out(fails(c.invoke_subsystem, "nonsense"))
    out([c.closed, fails(c.exec_command, "true")])
    """
    found = both(snippet, sshd)
    assert found[1:] == [b"\2\0\0\0\3", "SSHException", [True, "SSHException"]]


def test_x11(sshd):
    """The server gives a display; what connects to it comes out of accept(), or to a handler."""
    snippet = """
    import re
    t = login()
    c = t.open_session()
    cookie = c.request_x11(auth_cookie="0123456789abcdef0123456789abcdef", screen_number=1)
    out(cookie)
    c.exec_command("echo $DISPLAY; read x")
    display = read(c, 4)
    while not display.endswith(b"\\n"):
        display += read(c, 1)
    out(display.split(b":")[1].split(b".")[1])
    port = 6000 + int(display.split(b":")[1].split(b".")[0])
    s = dial(port)
    s.send(b"l")
    x = t.accept(20)
    out(read(x, 1))
    x.close()
    s.close()
    c.close()
    c = t.open_session()
    seen = []
    def handler(channel, origin):
        seen.append(origin[0])
        channel.close()
    made = c.request_x11(handler=handler)
    out([len(made), type(made) is bytes])
    c.exec_command("echo $DISPLAY; read x")
    display = read(c, 4)
    while not display.endswith(b"\\n"):
        display += read(c, 1)
    s = dial(6000 + int(display.split(b":")[1].split(b".")[0]))
    until(lambda: c.recv_ready() or seen)
    out(seen)
    """
    found = both(snippet, sshd)
    assert found[0] == "0123456789abcdef0123456789abcdef" and found[-1] == ["127.0.0.1"]


def test_forwarded_agent(sshd):
    snippet = """
    t = login()
    c = t.open_session()
    seen = []
    out(c.request_forward_agent(seen.append))
    c.exec_command("ssh-add -l")
    out(until(lambda: seen or c.recv_ready()))
    agent = seen.pop()
    out(read(agent, 5))
    agent.sendall(b"\\0\\0\\0\\5\\x0c\\0\\0\\0\\0")
    out(b"no identities" in read(c))
    """
    assert both(snippet, sshd) == [True, True, b"\0\0\0\1\x0b", True]


# ---------------------------------------------------------------- the end


def test_closed(sshd):
    snippet = """
    c = session()
    c.exec_command("echo early; sleep 20")
    out(until(c.recv_ready))
    c.close()
    c.close()
    out([c.recv(100), c.recv(100), c.recv_stderr(10)])
    out([fails(c.send, b"x"), fails(c.sendall, b"x")])
    out([fails(c.exec_command, "true"), fails(c.get_pty), fails(c.resize_pty)])
    out(c.exit_status_ready())
    """
    found = both(snippet, sshd)
    assert found[1] == [b"early\n", b"", b""] and found[2] == ["OSError", "OSError"]


def test_shut_down(sshd):
    snippet = """
    c = session()
    c.exec_command("cat; echo end")
    c.send(b"x")
    c.shutdown(1)
    c.shutdown_write()
    out([c.send(b"y"), fails(c.exec_command, "true")])
    out(read(c))
    c = session()
    c.exec_command("head -c 1000000 /dev/zero; exit 6")
    c.shutdown_read()
    out(c.recv_exit_status())
    c = session()
    c.exec_command("cat >/dev/null; exit 8")
    c.shutdown(2)
    out(c.recv_exit_status())
    """
    assert both(snippet, sshd) == [[0, "SSHException"], b"xend\n", 6, 8]


def test_names(sshd):
    snippet = """
    t = login()
    with t.open_session() as c:
        out([c.get_id(), c.get_name(), c.get_transport() is t])
        c.set_name("first")
        out(c.get_name())
        out("open" in repr(c))
        out(c.getpeername()[1] == P["port"])
    out([c.closed, "closed" in repr(c)])
    """
    assert both(snippet, sshd) == [[0, "0", True], "first", True, True, [True, True]]


def test_select(sshd):
    """select.poll on a channel; a descriptor where the port has them."""
    snippet = """
    t = login()
    c = t.open_session()
    poll = select.poll()
    poll.register(c, select.POLLIN)
    c.exec_command("read a; echo x; read b")
    out(len(poll.poll(100)))
    c.send(b"\\n")
    out(len(poll.poll(20000)))
    out(c.recv(10))
    out(len(poll.poll(100)))
    c.send(b"\\n")
    out(len(poll.poll(20000)))
    out(c.recv(10))
    out(c.fileno() > 0)
    """
    assert both(snippet, sshd) == [0, 1, b"x\n", 0, 1, b"", True]


def test_a_transport_through_a_channel(sshd):
    """A jump: the second one's socket is the first one's channel."""
    snippet = """
    t = login()
    c = t.open_channel("direct-tcpip", (HOST, P["port"]), ("127.0.0.1", 0))
    u = paramiko.Transport(c)
    u.start_client(timeout=20)
    u.auth_publickey(P["user"], key())
    d = u.open_session()
    d.exec_command("echo inside; head -c 300000 /dev/zero")
    out(read(d, 7))
    out(len(read(d)))
    u.close()
    """
    assert both(snippet, sshd) == [b"inside\n", 300000]


def test_a_stream_of_micropython(sshd):
    """readinto, readline, read, write; None where it would block; json from it."""
    snippet = """
    import json
    c = session()
    c.exec_command("read a; echo $a; echo three; echo fore; echo '[1, 2]'")
    c.setblocking(False)
    out([c.readinto(bytearray(5)), c.write(b"line\\n")])
    c.setblocking(True)
    buf = bytearray(3)
    out([c.readinto(buf), bytes(buf)])
    out(c.readline())
    out([c.read(3), c.readline(), c.read(5)])
    out(json.load(c))
    out(c.read())
    """
    first = [[None, 5], [3, b"lin"], b"e\n", [b"thr", b"ee\n", b"fore\n"], [1, 2], b""]
    assert ours(snippet, sshd.params()) == first


def test_many_channels(sshd):
    """None holds up another, in whatever order they are read."""
    snippet = """
    t = login()
    channels = []
    for i in range(8):
        c = t.open_session()
        c.exec_command("head -c 700000 /dev/zero; echo %d >&2; exit %d" % (i, i))
        channels.append(c)
    out([channels[i].recv_exit_status() for i in (3, 0)])
    out([len(read(channels[i])) for i in (7, 1, 6, 2, 5, 3, 4, 0)])
    out([read(c, stderr=True) for c in channels])
    out([c.recv_exit_status() for c in channels])
    """
    found = both(snippet, sshd)
    assert found[1] == [700000] * 8 and found[3] == list(range(8))


def test_the_connection_is_lost(sshd):
    """Nobody waits for ever. paramiko's recv() takes it for the end of the output."""
    snippet = """
    t = login()
    c = t.open_session()
    c.exec_command("kill -9 $PPID; sleep 5")
    out(c.recv_exit_status())
    out([c.exit_status_ready(), c.recv_ready(), c.recv_stderr_ready(), t.is_active()])
    """
    assert both(snippet, sshd) == [-1, [True, False, False, False]]
    snippet = """
    c = session()
    c.exec_command("echo early; kill -9 $PPID; sleep 5")
    out(fails(lambda: read(c)))
    out(c.recv_exit_status())
    """
    assert ours(snippet, sshd.params()) == ["SSHException", -1]


# ---------------------------------------------------------------- files


def test_files(sshd):
    snippet = """
    c = session()
    c.exec_command("cat; echo oops >&2")
    stdin, stdout, stderr = c.makefile_stdin("wb"), c.makefile("r"), c.makefile_stderr("rb")
    stdin.write("one\\n")
    stdin.write(b"two\\n")
    stdin.writelines(["three\\n", "four"])
    stdin.flush()
    out([stdin.readable(), stdin.writable(), stdout.readable(), stdout.seekable()])
    stdin.close()
    out(stdin.closed)
    out(stdout.readline())
    out(stdout.read(2))
    out([line for line in stdout])
    out([stdout.read(), stdout.readline(), stdout.readlines()])
    out([stderr.readline(), stderr.readline()])
    out([fails(stdin.write, b"x"), fails(stdout.write, b"x"), fails(stderr.write, b"x")])
    stdout.close()
    out(fails(stdout.read))
    out([stdout.channel is c, stdout.channel.recv_exit_status()])
    """
    found = both(snippet, sshd)
    assert found[2:5] == ["one\n", b"tw", ["o\n", "three\n", "four"]]


def test_lines(sshd):
    snippet = """
    def lines(mode, *size):
        c = session()
        c.exec_command("printf 'a\\\\n\\\\nlong line of text\\\\nlast'")
        f = c.makefile(mode)
        found = []
        while line := f.readline(*size):
            found.append(line)
        return found
    out(lines("r"))
    out(lines("rb"))
    out(lines("r", 6))
    c = session()
    c.exec_command("seq 1 20000")
    f = c.makefile("rb")
    out(sum([int(line) for line in f]))
    c = session()
    c.exec_command("seq 1 100")
    out(len(c.makefile("r").readlines(30)))
    buf = bytearray(8)
    c = session()
    c.exec_command("echo 1234567890")
    f = c.makefile("rb")
    out([f.readinto(buf), bytes(buf), f.readinto(buf)])
    """
    found = both(snippet, sshd)
    assert found[0] == ["a\n", "\n", "long line of text\n", "last"]


def test_buffered_writes(sshd):
    snippet = """
    c = session()
    c.exec_command("cat")
    c.settimeout(0.3)
    f = c.makefile("wb", 10)
    f.write(b"12345")
    out(fails(c.recv, 10))
    f.write(b"678901")
    out(read(c, 11))
    f.write(b"x")
    f.flush()
    out(c.recv(10))
    f = c.makefile("w", 1)
    f.write("no line")
    out(fails(c.recv, 10))
    f.write(" end\\nrest")
    out(read(c, 12))
    f.close()
    out(c.recv(10))
    """
    assert both(snippet, sshd)[:2] == ["timeout", b"12345678901"]


def test_a_large_file_of_lines(sshd):
    """The heap holds a part of it only."""
    snippet = """
    c = session()
    c.exec_command("seq 1 300000")
    total = 0
    for line in c.makefile("rb"):
        total += int(line)
    out(total)
    """
    assert ours(snippet, sshd.params(), heapsize="700K") == [300000 * 300001 // 2]
