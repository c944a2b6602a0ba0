"""The type stubs say what is there: the native module's names, and the package's signatures."""

import ast
import re
import subprocess
import sys

import pytest
from harness.mpy import REPO, run_mpy

STUBS = REPO / "micropython" / "stubs"
MODULES = REPO / "micropython" / "modules"

NAMES = """
found = {"": [n for n in dir(_ssh) if n[0] != "_"]}
for name in found[""]:
    if isinstance(getattr(_ssh, name), type):
        found[name] = [n for n in dir(getattr(_ssh, name)) if n[0] != "_"]
found["_Unix"] = [n for n in dir(_ssh.unix) if n[0] != "_"]
out(found)
s = connect()
c = s.open_session()
objects = s, c, s.sftp()
out([[n for n in names if not hasattr(x, n)] for x, names in zip(objects, P["attributes"])])
"""


def body_of(path):
    return ast.parse(path.read_text()).body


def public(nodes, *kinds):
    return {node.name: node for node in nodes if isinstance(node, kinds) and node.name[0] != "_"}


def annotated(nodes):
    return [node.target.id for node in nodes if isinstance(node, ast.AnnAssign)]


def methods(class_, classes):
    """Names of a class's public methods, those of its bases in the file too."""
    names = set(public(class_.body, ast.FunctionDef, ast.AsyncFunctionDef))
    for base in class_.bases:
        if isinstance(base, ast.Name) and base.id in classes:
            names |= methods(classes[base.id], classes)
    return names


def test_native(sshd):
    body = body_of(STUBS / "_ssh.pyi")
    classes = {node.name: node for node in body if isinstance(node, ast.ClassDef)}
    objects = ("Session", "Channel", "SFTP")
    attributes = [annotated(classes[name].body) for name in objects]
    found, missing = run_mpy(NAMES, attributes=attributes, **sshd.params()).out
    constants = {name for name in annotated(body) if name.startswith("ERR_") or name == "unix"}
    functions = set(public(body, ast.FunctionDef))
    assert constants | functions | set(found) - {"", "_Unix"} == set(found[""])
    for name in set(found) - {"", "SSHError"}:
        assert methods(classes[name], classes) == set(found[name]), name
    assert missing == [[], [], []]


def arguments(function):
    """Names in order, which have defaults, and what is after a star."""
    a = function.args
    plain = [each.arg for each in a.posonlyargs + a.args]
    keywords = [(each.arg, default is None) for each, default in zip(a.kwonlyargs, a.kw_defaults)]
    stars = [each and each.arg for each in (a.vararg, a.kwarg)]
    return plain, len(a.defaults), keywords, stars, isinstance(function, ast.AsyncFunctionDef)


def signatures(nodes, before=""):
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    found = {}
    for node in nodes:
        if isinstance(node, functions) and (node.name[0] != "_" or node.name == "__init__"):
            found[before + node.name] = arguments(node)
        elif isinstance(node, ast.ClassDef) and node.name[0] != "_":
            found |= signatures(node.body, f"{before}{node.name}.")
    return found


def source_of(stub):
    return MODULES / stub.relative_to(STUBS).with_suffix(".py")


PACKAGE = sorted(STUBS.glob("ssh/**/*.pyi"))
NAMES_OF_PACKAGE = [str(path.relative_to(STUBS)) for path in PACKAGE]


@pytest.mark.parametrize("stub", PACKAGE, ids=NAMES_OF_PACKAGE)
def test_package(stub):
    """Each function and class of a stub is in the source, with the same arguments; nothing that
    is public there is missing.
    """
    assert signatures(body_of(stub)) == signatures(body_of(source_of(stub)))


@pytest.mark.parametrize("stub", PACKAGE, ids=NAMES_OF_PACKAGE)
def test_attributes(stub):
    """What a stub says that objects and classes have, the source sets somewhere."""
    tree = ast.parse(source_of(stub).read_text())
    known = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    classes = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            classes[node.name] = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    for node in body_of(stub):
        if isinstance(node, ast.ClassDef) and node.name in classes:  # else for type checkers only
            assert set(annotated(node.body)) <= known | classes[node.name], node.name


def undocumented(nodes, before=""):
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    found = []
    for node in nodes:
        if isinstance(node, kinds) and node.name[0] != "_":
            found += [] if ast.get_docstring(node) else [before + node.name]
            if isinstance(node, ast.ClassDef):
                found += undocumented(node.body, f"{before}{node.name}.")
    return found


@pytest.mark.parametrize("stub", PACKAGE, ids=NAMES_OF_PACKAGE)
def test_docstrings(stub):
    """What is public says in the source what it is for. (MicroPython drops that.)"""
    assert undocumented(body_of(source_of(stub))) == []


def test_lazy_names():
    """`ssh` has the names of its table, each from the module that the table says, and modules."""
    body = body_of(MODULES / "ssh" / "__init__.py")
    table = next(ast.literal_eval(node.value) for node in body if isinstance(node, ast.Assign))
    wanted = {(module, name) for module, names in table for name in names.split()}
    stub = body_of(STUBS / "ssh" / "__init__.pyi")
    imports = [node for node in stub if isinstance(node, ast.ImportFrom)]
    found = {(node.module, alias.asname) for node in imports for alias in node.names}
    assert {pair for pair in found if pair[0]} == wanted
    modules = {name for module, name in found if module is None}
    assert {module for module, _ in wanted} <= modules
    # Those that people name, as ssh.agent.
    text = "".join(
        (REPO / "docs" / f"{page}.md").read_text()
        for page in ("guide", "ssh", "aio", "paramiko", "_ssh")
    )
    there = {path.stem for path in (MODULES / "ssh").iterdir()}
    named = {name for name in re.findall(r"\bssh\.([a-z_]+)", text) if name in there}
    assert {"aio", "known_hosts"} <= named <= modules


WRONG = """
import _ssh
import ssh
from ssh import aio

ssh.connect("host", user="me")  # no such argument
ssh.connect("host", window="large")  # not a number
ssh.nothing  # no such name
with ssh.connect("host") as conn:
    conn.run("true").stdout.encode()  # bytes
    conn.run("true", encoding="utf-8").stdout.decode()  # str
    conn.open_sftp().get("a")  # one argument is missing
    conn.forward_local(8080, 80)  # a target has a host
async def main():
    aio.connect("host", tiemout=1)  # no such argument
    async with aio.connect("host") as conn:
        conn.run("true").stdout  # not awaited
_ssh.Key(1)  # not a key
"""


def test_wrong_programs(tmp_path):
    """A type checker finds each mistake, and nothing else."""
    program = tmp_path / "wrong.py"
    program.write_text(WRONG)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", REPO / "tests" / "mypy.ini", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    found = {int(n) for n in re.findall(r"^wrong\.py:(\d+): error:", done.stdout, re.M)}
    marked = {n for n, line in enumerate(WRONG.split("\n"), 1) if "#" in line}
    assert found == marked, done.stdout + done.stderr
