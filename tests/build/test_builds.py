"""How builds pick the module up, and what ends up in them."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
REPO = HERE.parents[1]
BUILD = REPO / "build"
HEADERS = REPO / "rust-ssh/ffi/include"


def run(*command, **kwargs):
    """stdout and stderr of a command that must succeed."""
    command = [str(word) for word in command]
    done = subprocess.run(
        command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **kwargs
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout}"
    return done.stdout


def version():
    return tomllib.loads((REPO / "Cargo.toml").read_text())["workspace"]["package"]["version"]


@pytest.fixture(scope="module")
def micropython_dir():
    return Path(os.environ["MICROPYTHON_DIR"])


def test_interpreter_has_the_module():
    printed = run(BUILD / "unix/micropython", "-c", "import _ssh; print(_ssh.version())")
    assert printed.strip() == version()


@pytest.mark.timeout(600)
def test_cmake(tmp_path, micropython_dir):
    places = [f"-DREPO={REPO}", f"-DMICROPY_DIR={micropython_dir}"]
    said = run("cmake", "-S", HERE, "-B", tmp_path, *places)
    assert "Found User C Module(s): usermod_ssh" in said
    sources = re.search("SOURCES=(.*)", said).group(1).split(";")
    assert sorted(sources) == sorted(str(path) for path in (REPO / "mpy-glue").glob("*.c"))
    run("cmake", "--build", tmp_path)
    assert run(tmp_path / "prog").strip() == version()
    # Nothing to do the second time: the program is not linked again.
    before = (tmp_path / "prog").stat().st_mtime_ns
    run("cmake", "--build", tmp_path)
    assert (tmp_path / "prog").stat().st_mtime_ns == before


@pytest.mark.parametrize("standard", ["-std=c99", "-std=c11", "-std=c17"])
def test_header_stands_alone(standard, tmp_path):
    strict = ["-Wall", "-Wextra", "-Werror", "-pedantic", standard]
    run("cc", *strict, "-I", HEADERS, "-c", HERE / "main.c", "-o", tmp_path / "main.o")


def symbols(path):
    """(kind, name) of each symbol of an object file."""
    # --plugin= keeps an old LLVM plug-in from reading the object in nm's stead.
    listed = run("nm", "--plugin=", path).splitlines()
    return [tuple(line.split()[-2:]) for line in listed if line]


def test_every_function_of_the_header_is_there():
    text = "".join(path.read_text() for path in HEADERS.glob("*.h"))
    text = re.sub("//.*", "", text)
    declared = set(re.findall(r"\b(ssh_\w+)\(", text))
    defined = {name for kind, name in symbols(BUILD / "unix/ssh/ssh_core.o") if kind == "T"}
    assert declared == defined


def test_the_core_needs_nothing_of_the_system():
    wanted = {name for kind, name in symbols(BUILD / "unix/ssh/ssh_core.o") if kind == "U"}
    # What every C compiler takes for granted too.
    memory = {"memcpy", "memmove", "memset", "memcmp", "bcmp", "strlen"}
    assert wanted <= memory | {"_GLOBAL_OFFSET_TABLE_"}


def test_no_panic_formatting():
    """ATTACKS 66: no reachable panic builds a message, so no formatting code is linked."""
    found = [
        name
        for kind, name in symbols(BUILD / "unix/ssh/ssh_core.o")
        if re.search(r"4core3fmt|core::fmt", name)
    ]
    assert not found


def test_target_of_this_machine():
    machine = run("cc", "-dumpmachine").strip()
    target = run(sys.executable, REPO / "mpy-glue/rust_target.py", machine).strip()
    assert f"host: {target}" in run("rustc", "-vV")
