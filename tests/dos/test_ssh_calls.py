"""SSH on machines of several kinds: little and much memory, old and new processors; files of
10 MB, a soak of sessions, files of DOS while a session is open.

tests/unix runs on DOS as well and has the rest.
"""

import hashlib
import os
import textwrap

import pytest
from harness.dos import GUEST_HOST, Guest
from harness.mpy import DOS

pytestmark = pytest.mark.skipif(not DOS, reason="part of the suite dos")

MACHINES = [
    {"memory": 8},
    {"memory": 64},
    {"memory": 16, "cpu": "486"},
    {"memory": 32, "cpu": "max"},
]
# As programs for the older module were written.
OLDER = """
    import socket, dosnet, _ssh
    dosnet.up()
    sock = socket.socket()
    sock.connect(socket.getaddrinfo(HOST, PORT)[0][-1])
    sock.settimeout(0.1)
    s = _ssh.Session(sock)
    s.userauth_publickey(USER, open("C:/KEY", "rb").read(), open("C:/KEY.PUB", "rb").read())
    print(s.exec("echo hello"))
    sftp = s.sftp()
    data = bytes(range(256)) * 1000
    f = sftp.open(D + "/older", "w")
    print(f.write(data))
    f.close()
    f = sftp.open(D + "/older")
    print(f.read() == data)
    f.close()
    with open("C:/OLDER.BIN", "wb") as file:
        print(file.write(s.scp_recv(D + "/older")))
    with open("C:/OLDER.BIN", "rb") as file:
        print(s.scp_send(D + "/sent", 0o600, file.read()))
    sftp.close()
    s.close()
    sock.close()
"""
LOGIN = """
    import gc, hashlib, os, socket, dos, dosnet, _ssh
    dosnet.up()
    def connect():
        sock = socket.socket()
        sock.connect(socket.getaddrinfo(HOST, PORT)[0][-1])
        s = _ssh.Session(sock, hostkey=FINGERPRINT)
        s.userauth_publickey(USER, open("C:/KEY", "rb").read())
        return sock, s
"""


def program(server, folder, *parts):
    """Program text with the names of this server in front."""
    names = {
        "HOST": GUEST_HOST,
        "PORT": server.port,
        "USER": server.user,
        "FINGERPRINT": server.fingerprint,
        "D": str(folder),
    }
    head = "".join(f"{name} = {value!r}\n" for name, value in names.items())
    return head + "".join(textwrap.dedent(part) for part in parts)


def keys(site):
    return {"KEY": site.key, "KEY.PUB": site.key.with_suffix(".pub")}


@pytest.fixture(params=MACHINES, ids=lambda machine: "-".join(map(str, machine.values())))
def machine(request, freedos, site):
    with Guest(**request.param, files=keys(site)) as made:
        yield made


@pytest.fixture
def with_keys(freedos, guest, site):
    for name, path in keys(site).items():
        guest.put(name, path.read_bytes())
    return guest


def test_older_program_on(machine, sshd, folder):
    done = machine.run(program(sshd, folder, OLDER), timeout=240, check=True)
    assert done.stdout.splitlines() == ["b'hello\\n'", "256000", "True", "256000", "256000"]
    data = bytes(range(256)) * 1000
    assert (folder / "older").read_bytes() == (folder / "sent").read_bytes() == data
    assert machine.get("OLDER.BIN") == data
    assert done.vectors == {} and done.free[0] == done.free[1]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["sshd", "asyncssh"])
def test_10_mb_both_ways(with_keys, request, kind, folder):
    server = request.getfixturevalue(kind)
    data = os.urandom(10_000_000)
    (folder / "big").write_bytes(data)
    work = """
        sock, s = connect()
        with s.sftp() as sftp:
            with open("C:/BIG.BIN", "wb") as file:
                print(sftp.get(D + "/big", file))
            digest = hashlib.sha256()
            with open("C:/BIG.BIN", "rb") as file:
                while block := file.read(32768):
                    digest.update(block)
            print(digest.digest().hex())
            with open("C:/BIG.BIN", "rb") as file:
                print(sftp.put(file, D + "/back"))
        os.remove("C:/BIG.BIN")
    """
    done = with_keys.run(program(server, folder, LOGIN, work), timeout=500, check=True)
    digest = hashlib.sha256(data).hexdigest()
    assert done.stdout.split() == ["10000000", digest, "10000000"]
    assert hashlib.sha256((folder / "back").read_bytes()).hexdigest() == digest


@pytest.mark.timeout(900)
def test_soak_of_200_sessions(with_keys, sshd, folder):
    """Memory of both kinds is the same after the last session as after the tenth."""
    work = """
        def one(n):
            sock, s = connect()
            assert s.exec("echo %d" % n) == b"%d\\n" % n
            with s.sftp() as sftp:
                assert sftp.stat(D)[0] & 0o40000
            s.close()
            sock.close()
        for n in range(200):
            one(n)
            if n in (9, 199):
                gc.collect()
                print(gc.mem_alloc(), *dos.memory())
    """
    done = with_keys.run(program(sshd, folder, LOGIN, work), timeout=800, check=True)
    early, late = (list(map(int, line.split())) for line in done.stdout.splitlines())
    assert late[0] <= early[0] + 2000, (early, late)
    assert late[1:] == early[1:]
    assert done.vectors == {} and done.free[0] == done.free[1]


@pytest.mark.timeout(600)
def test_1000_files_with_a_session_open(with_keys, sshd, folder):
    work = """
        sock, s = connect()
        for n in range(1000):
            name = "C:/T/S%d.BIN" % (n % 20)
            data = b"%d " % n * (1 + n % 50)
            with open(name, "wb") as file:
                file.write(data)
            with open(name, "rb") as file:
                assert file.read() == data
            if n % 100 == 99:
                print(s.exec("echo alive").decode().strip())
        for n in range(20):
            os.remove("C:/T/S%d.BIN" % n)
    """
    done = with_keys.run(program(sshd, folder, LOGIN, work), timeout=500, check=True)
    assert done.stdout.split() == ["alive"] * 10


def test_cable_out_in_a_transfer(freedos, sshd, folder, site):
    """An exception within the session's timeout, and the machine goes on."""
    work = """
        sock, s = connect()
        c = s.open_session()
        c.settimeout(3)
        c.exec("cat /dev/zero")
        block = bytearray(4096)
        c.readinto(block)
        print("reads")
        try:
            while True:
                c.readinto(block)
        except OSError as e:
            print("OSError", e.errno)
    """
    with Guest(files=keys(site)) as guest:
        guest.begin(program(sshd, folder, LOGIN, work))
        guest.wait_screen("reads", timeout=60)
        guest.monitor("set_link n off")
        guest.wait_screen("OSError 110", timeout=60)
        assert guest.end(60).returncode == 0
        guest.monitor("set_link n on")
        done = guest.run(
            program(sshd, folder, LOGIN, "print(connect()[1].exec('echo again'))"), timeout=60
        )
        assert done.stdout == "b'again\\n'\n", done.stderr
