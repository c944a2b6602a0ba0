"""Fixtures for all tests that need a built interpreter."""

import os
import signal
import socketserver
import sys
import threading
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness import dos_image, mpy_dos, servers
from harness.dos import MPYTHON, Guest
from harness.dosbox import DosBox
from harness.mpy import DOS, MICROPYTHON
from harness.net import Proxy, Scripted, echo
from harness.servers import find


def pytest_configure(config):
    """A test run that is told to end takes its servers and accounts along."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    """On DOS the tests of another system are skipped, with the reason that their mark gives, and
    the others have more time, as run_mpy() gives their programs.
    """
    for item in items:
        mark = item.get_closest_marker("unix_only")
        if DOS and mark:
            item.add_marker(pytest.mark.skip(reason=f"unix only: {mark.args[0]}"))
        if DOS and not item.get_closest_marker("timeout"):
            limit = float(item.config.getini("timeout"))
            item.add_marker(pytest.mark.timeout(limit * mpy_dos.SLOWER))


@pytest.fixture(scope="session", autouse=True)
def guest_ends():
    """The worker's DOS machine ends with it."""
    yield
    mpy_dos.close()


@pytest.fixture(scope="session")
def micropython():
    """Path of the interpreter under test."""
    if DOS:
        need_dos()
        return MPYTHON
    if not os.access(MICROPYTHON, os.X_OK):
        pytest.fail(
            f"no interpreter at {MICROPYTHON}: build it, or set MICROPYTHON", pytrace=False
        )
    return MICROPYTHON


@pytest.fixture(scope="session")
def freedos():
    """Path of the FreeDOS boot floppy."""
    if dos_image.floppy() is None:
        pytest.skip(dos_image.MISSING)
    return dos_image.floppy()


def need_dos():
    if mpy_dos.skip_reason():
        pytest.skip(mpy_dos.skip_reason())
    if not MPYTHON.is_file():
        pytest.fail(f"no {MPYTHON}: scripts/build dos makes it", pytrace=False)


@pytest.fixture(scope="session")
def box():
    """DOSBox, for what needs neither network nor a boot floppy."""
    if find("dosbox") is None:
        pytest.skip(f"no dosbox either: {dos_image.MISSING}")
    with LittleBox() as made:
        yield made


class LittleBox(DosBox):
    """Skips a test that asks for what only a machine in QEMU has."""

    def __getattr__(self, name):
        if hasattr(Guest, name):
            pytest.skip(f"DOSBox has no {name}(): {dos_image.MISSING}")
        raise AttributeError(name)


SERVERS = {"sshd", "sshd_with", "asyncssh", "server", "start_server", "scripted", "proxy"}


@pytest.fixture
def guest(request):
    """A DOS machine with network that the tests of one worker share; booted again after a test
    that hung it. Without a boot floppy DOSBox, and tests that need more are skipped.
    """
    if dos_image.floppy() is None:
        if SERVERS & set(request.fixturenames) or "_net" in request.module.__name__:
            pytest.skip(dos_image.MISSING)
        mark = request.node.get_closest_marker("freedos")
        if mark:
            pytest.skip(f"{mark.args[0]}: {dos_image.MISSING}")
        return request.getfixturevalue("box")
    need_dos()
    return mpy_dos.guest()


@pytest.fixture(scope="session")
def site():
    made = servers.Site()
    yield made
    made.close()


@pytest.fixture(scope="session")
def start_server(site):
    """start_server(kind, **arguments): a server that lives until the end of the run.

    The same arguments give the same server.
    """
    running = {}

    def start(server, /, **arguments):
        name = (server, repr(sorted(arguments.items())))
        if name not in running:
            running[name] = server(site, **arguments)
        return running[name]

    yield start
    for server in running.values():
        server.close()


@pytest.fixture(scope="session")
def sshd(start_server):
    """OpenSSH, all algorithms on."""
    return start_server(servers.Sshd)


@pytest.fixture(scope="session")
def sshd_with(start_server):
    """sshd_with("Option value", ...): OpenSSH with these lines in front of its configuration."""
    return lambda *options, **more: start_server(servers.Sshd, options=options, **more)


@pytest.fixture(scope="session")
def dropbear(start_server, site):
    if not site.account.temporary:
        pytest.skip("dropbear reads ~/.ssh: only with a temporary account, which takes root")
    return start_server(servers.Dropbear)


@pytest.fixture(scope="session")
def asyncssh(start_server):
    return start_server(servers.AsyncSSH)


@pytest.fixture(scope="session")
def paramiko(start_server):
    return start_server(servers.Paramiko)


# On DOS, where a program takes seconds to start, those two that differ most.
@pytest.fixture(
    params=["sshd", "asyncssh"] if DOS else ["sshd", "dropbear", "asyncssh", "paramiko"]
)
def server(request):
    """Each kind of server in turn."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def folder(site):
    """A fresh folder which the servers may write to; its path is the same for all."""
    return site.new_folder()


@pytest.fixture
def scripted():
    """scripted(handler): port of a TCP server that calls handler(connection) for each client."""
    made = []

    def start(handler):
        made.append(Scripted(handler))
        return made[-1].port

    yield start
    for peer in made:
        peer.close()


@pytest.fixture
def echo_port(scripted):
    """The port of a server that sends back what comes."""
    return scripted(echo)


@pytest.fixture
def echo_path(folder):
    """The path of the socket of such a server."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            echo(self.request)

    class Server(socketserver.ThreadingUnixStreamServer):
        daemon_threads = True

    path = str(folder / "echo")
    with Server(path, Handler) as peer:
        os.chmod(path, 0o777)
        threading.Thread(target=peer.serve_forever, daemon=True).start()
        yield path
        peer.shutdown()


@pytest.fixture
def proxy():
    """proxy(port, fault): a harness.net.Proxy in front of port."""
    made = []

    def start(*args):
        made.append(Proxy(*args))
        return made[-1]

    yield start
    for each in made:
        each.close()
