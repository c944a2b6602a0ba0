"""Fixtures: the machine on which the programs run."""

import pytest
from harness.mpy import DOS
from machines import Dos, Unix

# A pseudo-terminal, and clients that connect to the machine of the program, are only to be had
# here.
HERE_ONLY = ["test_terminal.py", "test_interactive.py", "test_tunnels.py"]
collect_ignore = HERE_ONLY if DOS else ["test_dos_programs.py"]


@pytest.fixture
def unix(micropython, tmp_path, site):
    return Unix(tmp_path, site)


@pytest.fixture
def dos(freedos, guest, site):
    return Dos(guest, site)


@pytest.fixture
def machine(request):
    """The kind of machine that MPY_TARGET asks for."""
    return request.getfixturevalue("dos" if DOS else "unix")
