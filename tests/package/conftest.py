"""Fixtures of the tests of the package."""

import contextlib
import textwrap

import pytest

pytest.register_assert_rewrite("sides")

from harness import servers  # noqa: E402
from harness.mpy import Running  # noqa: E402
from tunneling import HEAD  # noqa: E402


@pytest.fixture(scope="session")
def logins(start_server):
    """asyncssh with the rarer ways to log in."""
    return start_server(servers.LoginServer)


@pytest.fixture
def tunnels(sshd):
    """tunnels(script): a program that serves tunnels; it has said that it is ready."""
    with contextlib.ExitStack() as stack:

        def start(script, server=None, **more):
            text = HEAD + textwrap.dedent(script) + '\nout("ready")\nserve(tunnels)\n'
            params = {**(server or sshd).params(), **more}
            heapsize = params.pop("heapsize", None)
            running = stack.enter_context(Running(text, heapsize=heapsize, **params))
            running.given = []
            while (value := running.value()) != "ready":
                running.given.append(value)
            return running

        yield start
