"""`mip` installs the package into an interpreter that has nothing frozen but `_ssh`.

mpremote's own installer does it, as for a board: its commands run on the interpreter.
"""

import ast
import hashlib
import json
import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from harness.mpy import MICROPYTHON, REPO
from mpremote import mip
from mpremote.transport import Transport, TransportExecError

MODULES = REPO / "micropython" / "modules"
PACKAGE = MODULES / "package.json"

pytestmark = pytest.mark.unix_only("mip is for systems that hold long file names")

LOOP = """
import io, sys
sys.path[:] = [sys.argv[1]]
names = {"__name__": "__main__"}
while line := sys.stdin.readline():
    try:
        kind, text = eval(line)
        answer = repr(eval(text, names)) if kind == "eval" else exec(text, names)
        print(repr((True, answer)))
    except BaseException as e:
        shown = io.StringIO()
        sys.print_exception(e, shown)
        print(repr((False, shown.getvalue())))
"""


class Board(Transport):
    """An interpreter that finds modules in one folder only."""

    def __init__(self, lib, folder):
        loop = folder / "loop.py"
        loop.write_text(LOOP)
        self.process = subprocess.Popen(
            [MICROPYTHON, str(loop), str(lib)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, kind, text):
        self.process.stdin.write(repr((kind, text)) + "\n")
        self.process.stdin.flush()
        done, answer = ast.literal_eval(self.process.stdout.readline())
        if not done:
            raise TransportExecError(1, answer)
        return answer

    def exec(self, command, data_consumer=None):
        self.ask("exec", command)

    def eval(self, expression):
        return ast.literal_eval(self.ask("eval", expression))

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def board(micropython, tmp_path):
    made = Board(tmp_path / "lib", tmp_path)
    yield made
    made.close()


@pytest.fixture
def web(tmp_path):
    """Serves a folder: (its address, the folder)."""
    folder = tmp_path / "web"
    folder.mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", folder
        server.shutdown()
        thread.join()


def make_index(folder):
    """An index as micropython.org's: package/py/ssh/latest.json, and files by their hashes."""
    hashes = []
    for name, source in json.loads(PACKAGE.read_text())["urls"]:
        data = (MODULES / source).read_bytes()
        digest = hashlib.sha256(data).hexdigest()[:8]
        hashes.append([name, digest])
        place = folder / "file" / digest[:2]
        place.mkdir(parents=True, exist_ok=True)
        (place / digest).write_bytes(data)
    place = folder / "package" / "py" / "ssh"
    place.mkdir(parents=True)
    (place / "latest.json").write_text(json.dumps({"v": 1, "hashes": hashes}))


def test_all_files():
    """package.json names each module that is here, once, and nothing else."""
    names = [str(path.relative_to(MODULES)) for path in sorted(MODULES.rglob("*.py"))]
    wanted = [[name, name] for name in names if name != "manifest.py"]
    assert sorted(json.loads(PACKAGE.read_text())["urls"]) == sorted(wanted)


def use(board, sshd):
    """The installed package logs in."""
    assert board.eval("__import__('ssh').__file__").endswith("/lib/ssh/__init__.py")
    board.exec(
        "import ssh, binascii\n"
        f"with ssh.connect('127.0.0.1', {sshd.port}, username={sshd.user!r},"
        f" key_filename={str(sshd.site.key)!r}, hostkey={sshd.fingerprint!r}) as conn:\n"
        "    done = conn.run('echo installed; exit 3')"
    )
    assert board.eval("done.stdout, done.returncode")[1] == 3
    assert "installed" in str(board.eval("done.stdout"))


def test_from_package_json(board, web, sshd, tmp_path):
    address, folder = web
    (folder / "modules").symlink_to(MODULES)
    mip._install_package(
        board, f"{address}/modules", mip._PACKAGE_INDEX, str(tmp_path / "lib"), None, False
    )
    use(board, sshd)


def test_from_index(board, web, sshd, tmp_path):
    address, folder = web
    make_index(folder)
    mip._install_package(board, "ssh", address, str(tmp_path / "lib"), None, False)
    use(board, sshd)
