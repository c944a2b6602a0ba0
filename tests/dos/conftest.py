"""Fixtures of several files. A file with a machine of its own has it in a fixture `shared`."""

import pytest
from net_peers import Peer


@pytest.fixture
def machine(shared):
    """The machine of this file, running."""
    shared.ready()
    return shared


@pytest.fixture
def peer():
    with Peer() as made:
        yield made
        made.shutdown()
