"""docs/paramiko.md names each public name of paramiko's classes that is not here."""

import inspect
import re

import paramiko
import pytest
from harness.mpy import REPO, run_mpy

PAGE = (REPO / "docs" / "paramiko.md").read_text()
SOURCES = "".join(
    path.read_text() for path in (REPO / "micropython" / "modules" / "ssh").glob("*.py")
)
CLASSES = (
    "Transport SecurityOptions Channel ChannelFile SSHClient RejectPolicy AutoAddPolicy "
    "WarningPolicy SFTPClient SFTPFile SFTPAttributes RSAKey ECDSAKey Ed25519Key HostKeys "
    "SSHConfig SSHConfigDict ProxyCommand Message"
).split()
NAMES = """
import ssh
out([(name, dir(getattr(ssh, name))) for name in P["classes"]])
"""


def public(made):
    """Methods and properties; not what every dict has, nor what __init__ makes."""
    for name in dir(made):
        value = inspect.getattr_static(made, name)
        if name[0] == "_" or hasattr(dict, name):
            continue
        if callable(getattr(made, name)) or isinstance(value, property):
            yield name


@pytest.mark.usefixtures("micropython")
def test_each_name():
    for class_, ours in run_mpy(NAMES, classes=CLASSES).one:
        ours = {*ours, *re.findall(r"self\.(\w+) = ", SOURCES)}
        missing = [name for name in public(getattr(paramiko, class_)) if name not in ours]
        unnamed = [n for n in missing if not re.search(rf"`(\w+\.)?{n}\b", PAGE)]
        assert not unnamed, class_
