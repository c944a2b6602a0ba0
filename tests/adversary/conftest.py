"""`play(cases)` runs scripted-peer cases in the built interpreter; see adv_run.py."""

import os

import pytest
from adv_run import interpreter, run_cases


@pytest.fixture(scope="session")
def built():
    path = interpreter()
    if not os.access(path, os.X_OK):
        pytest.fail(
            f"no interpreter at {path}: run scripts/build unix, or set MICROPYTHON", pytrace=False
        )
    return path


@pytest.fixture
def play(built, tmp_path):
    def run(cases, **kw):
        return run_cases(list(cases), tmp_path, **kw)

    return run
