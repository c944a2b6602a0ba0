"""The programs of micropython/examples, as a user runs them."""

import os

import pytest
from harness.mpy import REPO, run_mpy

pytestmark = pytest.mark.usefixtures("micropython")

EXAMPLES = REPO / "micropython" / "examples"


def example(name, server, *args, login=None, fingerprint=None, **more):
    more.setdefault("check", False)
    return run_mpy(
        EXAMPLES / name,
        "127.0.0.1",
        server.port,
        server.user,
        login or server.site.key,
        *([] if fingerprint == "" else [fingerprint or server.fingerprint]),
        *args,
        **more,
    )


@pytest.mark.parametrize("name", ["quickstart.py", "native.py"])
def test_quickstart(server, name):
    done = example(name, server)
    assert done.returncode == 0, done.stdout + done.stderr
    assert server.fingerprint in done.stdout
    assert "a warning" in done.stdout
    assert "the same" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("name", ["quickstart.py", "native.py"])
def test_quickstart_with_the_wrong_fingerprint(sshd, name):
    wrong = "SHA256:" + "A" * 43
    done = example(name, sshd, fingerprint=wrong)
    assert done.returncode == 1
    assert "SSHError" in done.stderr
    assert wrong in done.stderr and sshd.fingerprint in done.stderr


def test_quickstart_usage():
    done = run_mpy(EXAMPLES / "quickstart.py", check=False)
    assert done.returncode == 2 and "usage" in done.stdout


def test_command(asyncssh):
    done = example(
        "command.py", asyncssh, "echo out; echo err >&2; exit 3", login=asyncssh.password
    )
    assert (done.stdout, done.stderr, done.returncode) == ("out\n", "err\n", 3)


@pytest.mark.unix_only("files of the client are here; tests/dos/test_ssh.py has files of DOS")
def test_fetch(server, folder):
    data = os.urandom(2000000)
    (folder / "remote").write_bytes(data)
    done = example("fetch.py", server, folder / "remote", folder / "local", heapsize="512K")
    assert done.returncode == 0, done.stderr
    assert (folder / "local").read_bytes() == data
    assert "2000000 of 2000000" in done.stdout


def test_follow(server):
    done = example("follow.py", server, "for i in 1 2 3; do echo line $i; sleep 0.1; done; exit 4")
    assert done.stdout == "line 1\nline 2\nline 3\nexit status 4\n"


@pytest.mark.parametrize(("answer", "status"), [(b"yes\n", 0), (b"no\n", 1)])
def test_firstuse(asyncssh, answer, status):
    done = example("firstuse.py", asyncssh, login=asyncssh.password, fingerprint="", stdin=answer)
    assert done.returncode == status
    assert asyncssh.fingerprint in done.stdout
    assert ("Linux" in done.stdout) == (status == 0)
