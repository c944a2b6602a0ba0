"""Each part of the package once, on every port."""

import pytest
from harness.mpy import DOS, run_mpy

pytestmark = pytest.mark.usefixtures("micropython")

HEAD = """
import ssh

def go(**more):
    return ssh.connect(HOST, P["port"], username=P["user"], key_filename=P["key"],
                       hostkey=P["fingerprint"], agent=False, **more)
"""

RUN = """
with go() as conn:
    done = conn.run("cat; echo err >&2; exit 3", "in")
    out((done.stdout, done.stderr, done.returncode, done.signal))
    try:
        conn.run("exit 4", check=True)
    except ssh.ProcessError as e:
        out(e.returncode)
"""

CHANNELS = """
with go() as conn, conn.open_session() as a, conn.open_session() as b:
    a.exec("echo a; cat >&2")
    b.exec("echo b")
    out((b.read(), a.readline(), b.wait()))
    a.write(b"through")
    a.eof()
    out((a.read(), a.stderr.read(), a.wait()))
"""

TRANSPORT = """
t = ssh.Transport((HOST, P["port"]))
t.start_client(timeout=60)
t.auth_publickey(P["user"], ssh.PKey.from_path(P["key"]))
channel = t.open_session()
channel.exec_command("echo hello; exit 7")
out((channel.recv(100), channel.recv_exit_status(), t.is_authenticated()))
t.close()
"""

SFTP = """
data = bytes(range(256)) * 400
with go() as conn, conn.open_sftp() as sftp:
    with open(P["here"], "wb") as file:
        file.write(data)
    out(sftp.put(P["here"], P["there"]).st_size)
    sftp.get(P["there"], P["here"])
    with open(P["here"], "rb") as file:
        out(file.read() == data)
    with sftp.open(P["there"], "rb") as file:
        file.seek(250)
        out(file.read(10))
    ssh.mount(conn, "/remote", P["folder"])
    out(sorted(os.listdir("/remote")))
    out(open("/remote/data", "rb").read(5))
    os.umount("/remote")
    sftp.remove(P["there"])
os.remove(P["here"])
"""

AIO = """
import asyncio
from ssh import aio

async def one(n):
    async with aio.connect(HOST, P["port"], username=P["user"], key_filename=P["key"],
                           hostkey=P["fingerprint"], agent=False, timeout=120) as conn:
        first = asyncio.create_task(conn.run(f"cat; echo {n}", input="x"))
        done = await conn.run("echo other")
        return (await first).stdout, done.stdout

async def main():
    return await asyncio.gather(one(1), one(2))

out(asyncio.run(main()))
"""

KEYS = """
key = ssh.Ed25519Key.generate()
file = io.BytesIO()
key.write_private_key(file, password="secret")
file.seek(0)
again = ssh.Ed25519Key.from_private_key(file, password="secret")
out((again == key, again.fingerprint == key.fingerprint, len(key.get_fingerprint())))
out(key.verify_ssh_sig(b"data", again.sign_ssh_data(b"data")))
"""

HOSTS = """
try:
    ssh.connect(HOST, P["port"], username=P["user"], known_hosts=P["here"], agent=False)
except ssh.HostKeyError as e:
    out((e.state, P["fingerprint"] in str(e)))
"""

CASES = {
    "run": (RUN, [(b"in", b"err\n", 3, None), 4]),
    "channels": (CHANNELS, [(b"b\n", b"a\n", 0), (b"", b"through", 0)]),
    "transport": (TRANSPORT, [(b"hello\n", 7, True)]),
    "sftp": (
        SFTP,
        [102400, True, bytes([*range(250, 256), 0, 1, 2, 3]), ["data"], bytes(range(5))],
    ),
    "aio": (AIO, [[(b"x1\n", b"other\n"), (b"x2\n", b"other\n")]]),
    "keys": (KEYS, [(True, True, 16), True]),
    "hosts": (HOSTS, [("new", True)]),
}


@pytest.mark.parametrize("name", CASES)
def test_part(name, asyncssh, folder, tmp_path):
    program, wanted = CASES[name]
    here = "C:\\EVERY.TMP" if DOS else str(tmp_path / "here")
    there = str(folder / "data")
    done = run_mpy(HEAD + program, here=here, there=there, folder=str(folder), **asyncssh.params())
    assert done.out == wanted
