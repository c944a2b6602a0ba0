"""Fixtures of the tests of the package."""

import pytest

pytest.register_assert_rewrite("sides")

from harness import servers  # noqa: E402


@pytest.fixture(scope="session")
def logins(start_server):
    """asyncssh with the rarer ways to log in."""
    return start_server(servers.LoginServer)
