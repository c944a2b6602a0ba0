"""The type stubs say what is there: the native module's names, and the package's signatures."""

import ast

import pytest
from harness.mpy import REPO, run_mpy

STUBS = REPO / "micropython" / "stubs"
MODULES = REPO / "micropython" / "modules"

NAMES = """
found = {"": [n for n in dir(_ssh) if n[0] != "_"]}
for name in found[""]:
    if isinstance(getattr(_ssh, name), type):
        found[name] = [n for n in dir(getattr(_ssh, name)) if n[0] != "_"]
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
    assert constants | functions | set(found) - {""} == set(found[""])
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


@pytest.mark.parametrize(
    "stub", sorted(STUBS.glob("ssh/**/*.pyi")), ids=lambda path: str(path.relative_to(STUBS))
)
def test_package(stub):
    """Each function and class of a stub is in the source, with the same arguments; nothing that
    is public there is missing.
    """
    source = MODULES / stub.relative_to(STUBS).with_suffix(".py")
    assert signatures(body_of(stub)) == signatures(body_of(source))
