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


def names_set(tree, kind):
    """Names that a tree assigns, as attributes or as variables."""
    return {
        node.attr if kind is ast.Attribute else node.id
        for node in ast.walk(tree)
        if isinstance(node, kind) and isinstance(node.ctx, ast.Store)
    }


@pytest.mark.parametrize("stub", PACKAGE, ids=NAMES_OF_PACKAGE)
def test_attributes(stub):
    """What a stub says that objects and classes have, the package sets somewhere."""
    known = set()
    for path in (MODULES / "ssh").glob("**/*.py"):
        known |= names_set(ast.parse(path.read_text()), ast.Attribute)
    source = ast.parse(source_of(stub).read_text())
    classes = {node.name: node for node in ast.walk(source) if isinstance(node, ast.ClassDef)}
    for node in body_of(stub):
        if isinstance(node, ast.ClassDef) and node.name in classes:  # else for type checkers only
            own = names_set(classes[node.name], ast.Name)
            assert set(annotated(node.body)) <= known | own, node.name


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


RIGHT = """
from typing import assert_type

import _ssh
import ssh
from ssh import aio


def blocking() -> None:
    with ssh.connect("host", username="me", key=[_ssh.Key(b"...")], window=4096) as conn:
        assert_type(conn.run("true").stdout, bytes)
        assert_type(conn.run(b"true", env={"A": "b"}, encoding="utf-8").stderr, str)
        tunnel = conn.forward_local(0, ("there", 80))
        ssh.open_socket("localhost", tunnel.port).close()
        conn.forward_remote("/a/path")
        with conn.open_tcp("there", 80, window=None) as stream:
            assert_type(stream.recv(10), bytes)
        with conn.open_sftp() as sftp, sftp.open(b"name", "w") as file:
            file.write("text")
            print([a.filename.upper() for a in sftp.listdir_attr() if a.st_size > 9])
    try:
        ssh.connect("host", hostkey=lambda blob, kind, fingerprint: kind == "ssh-ed25519")
    except ssh.BadAuthenticationType as e:
        assert_type(e.allowed_types, list[str])
    except (ssh.SSHException, OSError) as e:
        print(e.errno, e.args[0] == _ssh.ERR_CLOSED)


def as_paramiko() -> None:
    client = ssh.SSHClient()
    client.set_missing_host_key_policy(ssh.AutoAddPolicy)
    client.connect("host", pkey=ssh.Ed25519Key.from_private_key_file("id", b"secret"))
    stdin, stdout, stderr = client.exec_command("cat", environment={"A": "b"})
    stdin.write("text")
    stdin.close()
    print([line.strip() for line in stdout], stderr.read(), stdout.channel.recv_exit_status())
    transport = client.get_transport()
    transport.set_keepalive(30)
    transport.open_channel("direct-tcpip", ("there", 80)).recv(5)
    for host, keys in client.get_host_keys().items():
        print(host, [key.fingerprint for key in keys.values()])
    print(ssh.SSHConfig.from_text("Host a").lookup("a")["hostname"], ssh.agent.available())


async def main() -> None:
    async with aio.connect("host", timeout=None, tunnel="gateway") as conn:
        assert_type((await conn.run("true", timeout=1.5)).stdout, bytes)
        async with conn.create_process("cat", size=(100, 40), term="vt100") as process:
            process.stdin.write("text")
            assert_type([line async for line in process], list[bytes])
        process = await conn.create_process()
        listener = await conn.forward_dynamic(("localhost", 0))
        print(listener.get_port() + 1)
        async with conn.start_sftp_client() as sftp:
            async for name, attrs in sftp.scandir():
                print(name.upper(), attrs.st_mtime)
            async with sftp.open("name") as file:
                assert_type(await file.read(10), bytes)
"""

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


def check_types(folder, *options):
    """What mypy says about a program."""
    line = [sys.executable, "-m", "mypy", "--config-file", REPO / "tests" / "mypy.ini"]
    return subprocess.run([*line, *options, "."], cwd=folder, capture_output=True, text=True)


def test_types_of_results(tmp_path):
    (tmp_path / "right.py").write_text(RIGHT)
    done = check_types(tmp_path, "--strict")
    assert done.returncode == 0, done.stdout + done.stderr


def test_wrong_programs(tmp_path):
    """A type checker finds each mistake, and nothing else."""
    (tmp_path / "wrong.py").write_text(WRONG)
    done = check_types(tmp_path)
    found = {int(n) for n in re.findall(r"^wrong\.py:(\d+): error:", done.stdout, re.M)}
    marked = {n for n, line in enumerate(WRONG.split("\n"), 1) if "#" in line}
    assert found == marked, done.stdout + done.stderr


# ---------------------------------------------------------------- the C source

GLUE = "".join(path.read_text() for path in sorted((REPO / "mpy-glue").glob("*.[ch]")))
# Names of arguments.
NAMED = set(re.findall(r"\{ MP_QSTR_(\w+), MP_ARG|MODSSH_SFTP_ATTR_ARG\((\w+)\)", GLUE))
NAMED = {first or second for first, second in NAMED}
# Which of its tables has the functions of which class in the stub.
TABLES = {
    "modssh_globals": None,
    "session_locals_dict": "Session",
    "channel_locals_dict": "Channel",
    "stderr_locals_dict": "_Stream",
    "key_locals_dict": "Key",
    "agent_locals_dict": "Agent",
    "sftp_locals_dict": "SFTP",
    "dir_locals_dict": "_Directory",
    "file_locals_dict": "SFTPFile",
    "unix_globals": "_Unix",
}


def takes_keywords():
    """How many arguments have to come by position, of each C function that knows names of them."""
    pattern = r"MP_DEFINE_CONST_FUN_OBJ_KW\((\w+), (\d+),"
    found = {name: int(least) for name, least in re.findall(pattern, GLUE)}
    for name, function in re.findall(r"STATICMETHOD_OBJ\((\w+), MP_ROM_PTR\(&(\w+)\)", GLUE):
        if function in found:
            found[name] = found[function]
    return found


def test_native_arguments():
    """What can be given by name, in the stub and in the C source."""
    classes = {node.name: node for node in body_of(STUBS / "_ssh.pyi") if hasattr(node, "name")}
    tables = dict(re.findall(r"(\w+)_table\[\] = \{\n(.*?)\n\};", GLUE, re.S))
    assert set(tables) == set(TABLES)
    keywords = takes_keywords()
    for table, class_ in TABLES.items():
        functions = public(classes[class_].body, ast.FunctionDef) if class_ else classes
        for name, object_ in re.findall(
            r"QSTR\(MP_QSTR_(\w+)\), MP_ROM_PTR\(&(\w+)", tables[table]
        ):
            node = functions.get(name)
            if not isinstance(node, ast.FunctionDef):
                continue
            by_name = {a.arg for a in node.args.args + node.args.kwonlyargs} - {"self"}
            by_position = {a.arg for a in node.args.posonlyargs} - {"self"}
            if object_ in keywords:
                method = not node.decorator_list or node.decorator_list[0].id == "overload"
                assert len(by_position) == keywords[object_] - method, (class_, name)
                assert by_name <= NAMED, (class_, name)
            else:
                assert by_name == set(), (class_, name)
