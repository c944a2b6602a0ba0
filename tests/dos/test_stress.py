"""A thousand opens, reads and writes while SSH sessions are open and busy, on floppy and hard
disk: what hung the older port. FILES.md of the port says why.
"""

import hashlib

import pytest
from files_programs import PRELUDE, floppy_image, pattern, read_floppy
from harness.dos import GUEST_HOST, MPYTHON, Guest

ROUNDS = 1000

LOGIN = """
import dosnet, socket, _ssh
dosnet.up()

def connect():
    sock = socket.socket()
    sock.connect(socket.getaddrinfo(HOST, PORT)[0][-1])
    s = _ssh.Session(sock, hostkey=FINGERPRINT)
    assert s.userauth_publickey(USER, load("C:/KEY")) is True
    return s

s = connect()
"""

# A file is written, grown, read back whole and in the middle, renamed and removed in each round;
# every so often the session works, and data goes from it to the disk and back.
WORK = """
D = sys.argv[1]
n = int(sys.argv[2])
sftp = s.sftp()
for i in range(n):
    name = D + "/S%d.BIN" % (i % 7)
    data = pattern(100 + i * 37 % 9000, i)
    assert save(name, data) == len(data)
    assert save(name, b"more", "ab") == 4
    with open(name, "r+b") as f:
        assert f.read() == data + b"more"
        f.seek(50)
        assert f.read(20) == data[50:70]
        f.seek(10)
        f.write(b"middle")
    with open(name, "rb") as f:
        assert f.read(20) == (data[:10] + b"middle" + data[16:])[:20]
    if i % 7 == 6:
        os.rename(name, D + "/MOVED.BIN")
        os.remove(D + "/MOVED.BIN")
    if i % 10 == 9:
        assert s.run("cat", stdin=data)[0] == data
        assert os.stat(name if i % 7 != 6 else D + "/")[0]
    if i % 50 == 49:
        with open(D + "/GOT.BIN", "wb") as f:
            assert sftp.get(FOLDER + "/source", f) == 20000
        assert sha_of(D + "/GOT.BIN") == SHA
        with open(D + "/GOT.BIN", "rb") as f:
            assert sftp.put(f, FOLDER + "/back") == 20000
        gc.collect()
out(i + 1)
s.close()
"""


@pytest.fixture(scope="module")
def machine(freedos, site, tmp_path_factory):
    if not MPYTHON.is_file():
        pytest.fail(f"no {MPYTHON}: scripts/build dos makes it", pytrace=False)
    floppy = floppy_image(tmp_path_factory.mktemp("disks") / "b.img", {"HOST.BIN": pattern(5000)})
    with Guest(files={"KEY": site.key}, floppy_b=floppy) as made:
        made.floppy_b = floppy
        yield made


def names(server, folder):
    source = pattern(20000, 5)
    (folder / "source").write_bytes(source)
    known = {
        "HOST": GUEST_HOST,
        "PORT": server.port,
        "USER": server.user,
        "FINGERPRINT": server.fingerprint,
        "FOLDER": str(folder),
        "SHA": hashlib.sha256(source).hexdigest(),
    }
    return "".join(f"{name} = {value!r}\n" for name, value in known.items())


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("drive", ["C:", "B:"])
def test_with_a_session_open(machine, sshd, folder, drive):
    machine.ready()
    script = PRELUDE + names(sshd, folder) + LOGIN + WORK
    done = machine.run(script, drive, ROUNDS, timeout=1100, check=True)
    assert done.out == [ROUNDS]
    assert done.vectors == {} and done.free[0] == done.free[1]
    assert (folder / "back").read_bytes() == pattern(20000, 5)
    assert machine.get(f"{drive}/GOT.BIN") == pattern(20000, 5)
    left = {name for name in machine.listdir(drive) if name.startswith("S") and name[1].isdigit()}
    assert left <= {f"S{i}.BIN" for i in range(6)}
    if drive == "B:":
        assert read_floppy(machine.floppy_b, "GOT.BIN") == pattern(20000, 5)
        assert read_floppy(machine.floppy_b, "HOST.BIN") == pattern(5000)


def test_open_right_after_the_import(machine):
    """The older port's failure in its shortest form, many times from a fresh start."""
    machine.ready()
    for _ in range(10):
        done = machine.run(
            PRELUDE
            + """
import _ssh
for name in ("C:/T/README.TXT", "B:/HOST.BIN", "C:/MPYTHON.EXE"):
    with open(name, "rb") as f:
        while f.read(30000):
            pass
out(_ssh.version() != "")
""",
            timeout=60,
            check=True,
        )
        assert done.out == [True]
