"""ProxyCommand: a command of the user's shell as the way to a host."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import paramiko as reference
import pytest
from harness.mpy import DOS, MICROPYTHON, Running, environ, run_mpy
from harness.net import wait_until

pytestmark = [
    pytest.mark.usefixtures("micropython"),
    pytest.mark.skipif(DOS, reason="unix only: DOS has no second process"),
]

# A connection to argv[1], argv[2], like nc; argv[3] gets its process id.
RELAY = """
import os, select, socket, sys
sock = socket.create_connection((sys.argv[1], int(sys.argv[2])))
open(sys.argv[3], "w").write(str(os.getpid()))
while True:
    for ready in select.select([0, sock], [], [])[0]:
        data = os.read(0, 65536) if ready == 0 else sock.recv(65536)
        if not data:
            sys.exit(0)
        if ready == 0:
            sock.sendall(data)
        else:
            while data:
                data = data[os.write(1, data):]
"""


@pytest.fixture
def relay(tmp_path):
    """The command, and the file that has its process id."""
    script = tmp_path / "relay.py"
    script.write_text(RELAY)
    pid = tmp_path / "pid"
    return f"{sys.executable} {script} %h %p {pid}", pid


@pytest.fixture
def ssh(sshd, tmp_path):
    known = tmp_path / "known"
    known.write_text(f"[127.0.0.1]:{sshd.port} {sshd.public}\n")

    def run(command, *args, stdin=b"", host="127.0.0.1"):
        config = tmp_path / "config"
        config.write_text(f"Host *\n ProxyCommand {command}\n")
        done = subprocess.run(
            [MICROPYTHON, "-m", "ssh", "-F", str(config), "-o", f"UserKnownHostsFile={known}"]
            + ["-o", "BatchMode=yes", "-o", "IdentityAgent=none", "-i", str(sshd.site.key)]
            + ["-p", str(sshd.port), f"{sshd.user}@{host}", *args],
            input=stdin,
            capture_output=True,
            timeout=60,
            check=False,
            env=environ(),
        )
        assert b"Traceback" not in done.stderr, done.stderr
        return done

    return run


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_command(ssh, relay):
    command, pid = relay
    data = os.urandom(1 << 20)
    done = ssh(command, "cat", stdin=data)
    assert done.returncode == 0 and done.stdout == data, done.stderr
    wait_until(lambda: gone(int(pid.read_text())), timeout=20)
    assert ssh(command, "exit 7").returncode == 7


def test_openssh_as_the_command(ssh, sshd):
    """ssh -W through the same server, as people had it before ProxyJump."""
    inner = (
        f"ssh -F none -i {sshd.site.key} -o StrictHostKeyChecking=no -o LogLevel=ERROR"
        f" -o UserKnownHostsFile=/dev/null -W %h:%p -p {sshd.port} {sshd.user}@127.0.0.1"
    )
    assert ssh(inner, "echo through").stdout == b"through\n"


def test_none(ssh):
    assert ssh("none", "echo in").stdout == b"in\n"


@pytest.mark.parametrize(
    ("command", "texts"),
    [
        ("/no/such/program %h", ["/no/such/program 127.0.0.1", "did not find it"]),
        ("false", ["exit status 1"]),
        ("sh -c 'echo why >&2; exit 3'", ["exit status 3", "why"]),
        ("sh -c 'kill -9 $$'", ["signal 9"]),
        ("true", ["exit status 0"]),
        ("echo nonsense", ["nonsense"]),
    ],
)
def test_one_that_fails(ssh, command, texts):
    """At once, with the command and what became of it."""
    done = ssh(command, "echo in")
    text = done.stderr.decode()
    assert done.returncode == 255 and done.stdout == b""
    for part in texts:
        assert part in text
    assert "cannot connect to 127.0.0.1" in text


def test_one_that_ends_later(sshd, relay, tmp_path):
    """The connection is lost, as any other."""
    command, pid = relay
    line = [MICROPYTHON, "-m", "ssh", "-F", "none", "-o", f"ProxyCommand={command}"]
    line += ["-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={tmp_path / 'known'}"]
    line += ["-o", "IdentityAgent=none", "-i", str(sshd.site.key), "-p", str(sshd.port)]
    with subprocess.Popen(
        [*line, f"{sshd.user}@127.0.0.1", "echo up; exec sleep 1000"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environ(),
    ) as process:
        assert process.stdout.readline() == b"up\n"
        os.kill(int(pid.read_text()), signal.SIGKILL)
        text = process.stderr.read()
        assert process.wait(20) == 255 and b"lost" in text and b"Traceback" not in text


def test_names_that_a_shell_would_run(ssh, tmp_path):
    """Of a host or user that comes from elsewhere (CVE-2023-51385)."""
    made = tmp_path / "made"
    for host in (f"$(touch${{IFS}}{made})", f"`touch\t{made}`", f"a;>{made}", f"a&>{made}", "-oX"):
        done = ssh("nc %h", "true", host=host)
        assert done.returncode in (2, 255) and not made.exists(), done.stderr


def test_for_programs(sshd, relay):
    """ssh.connect(sock=), and a wait that takes no processor time."""
    command, pid = relay
    command = command.replace("%h", "127.0.0.1").replace("%p", str(sshd.port))
    program = Running(
        """
        import ssh
        proxy = ssh.ProxyCommand(P["command"])
        with ssh.connect("host", username=P["user"], key_filename=P["key"],
                         hostkey=P["fingerprint"], sock=proxy) as conn:
            out(conn.run("echo in").stdout)
            conn.run("sleep 2")
            out("slept")
        out(proxy.closed)
        """,
        command=command,
        **sshd.params(),
    )
    with program:
        assert program.value() == b"in\n"
        before = program.cpu_seconds()
        assert program.value() == "slept"
        assert program.cpu_seconds() - before < 0.1
        assert program.value() is True
        assert program.wait() == 0
    wait_until(lambda: gone(int(pid.read_text())), timeout=20)


def test_as_paramiko(tmp_path):
    """send, recv, settimeout, closed, cmd: beside paramiko's own."""
    line = "cat -u"
    got = run_mpy(
        """
        import ssh
        with ssh.ProxyCommand(P["line"]) as proxy:
            out(proxy.cmd)
            out(proxy.closed)
            out(proxy.send(b"abc"))
            out(proxy.recv(3))
            proxy.settimeout(0.2)
            out(err(proxy.recv, 5)[0])
            out(proxy.send(b"de"))
            out(proxy.recv(5))
        out(proxy.closed)
        """,
        line=line,
    ).out
    proxy = reference.ProxyCommand(line)
    expected = [proxy.cmd, proxy.closed, proxy.send(b"abc"), proxy.recv(3)]
    proxy.settimeout(0.2)
    try:
        proxy.recv(5)
        expected.append("none")
    except OSError:
        expected.append("OSError")
    expected += [proxy.send(b"de"), proxy.recv(5)]
    proxy.close()
    proxy.process.wait()
    expected.append(proxy.closed)
    for stream in (proxy.process.stdin, proxy.process.stdout, proxy.process.stderr):
        stream.close()
    assert got == expected


def test_sending_to_one_that_is_gone():
    got = run_mpy(
        """
        import ssh
        proxy = ssh.ProxyCommand("false")
        proxy.settimeout(5)
        out(proxy.recv(5))
        out(err(proxy.send, bytes(1000000)))
        proxy.close()
        proxy.close()
        """
    ).out
    assert got[0] == b""
    assert got[1][0] == "ProxyCommandFailure" and "exit status 1" in got[1][2]


def test_the_command_is_told_to_end(tmp_path):
    """One that does not care for the end of its input gets SIGHUP."""
    pid = tmp_path / "pid"
    run_mpy(
        """
        import ssh
        proxy = ssh.ProxyCommand(P["line"])
        proxy.recv(1)
        proxy.close()
        """,
        line=f"sh -c 'echo $$ > {pid}; echo; exec sleep 1000'",
    )
    process = int(pid.read_text())
    try:
        wait_until(lambda: gone(process), timeout=20)
    finally:
        if not gone(process):
            os.kill(process, signal.SIGKILL)
