"""The release: its folder, the package of FreeDOS, and that it runs from there."""

import re
import subprocess
import sys
import zipfile

import pytest
from harness.dos import MPYTHON, Guest
from harness.mpy import REPO

PORT = REPO / "micropython/ports/dos"
SHORT = re.compile(r"[A-Z0-9_]{1,8}(\.[A-Z0-9]{1,3})?$")


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    (micropython,) = REPO.glob("build/micropython-*")
    (lwip,) = REPO.glob("build/lwip-*")
    out = tmp_path_factory.mktemp("release")
    subprocess.run(
        [
            sys.executable, PORT / "package.py", MPYTHON, out,
            "--micropython", micropython, "--lwip", lwip, "--version", "1.2.3",
        ],
        check=True,
    )  # fmt: skip
    return out


def test_folder_and_package_hold_the_same(release):
    files = {
        path.relative_to(release / "release").as_posix(): path.read_bytes()
        for path in (release / "release").rglob("*")
        if path.is_file()
    }
    assert {"MPYTHON.EXE", "README.TXT", "SSH.BAT", "LICENCES/RUST.TXT"} <= set(files)
    for name, data in files.items():
        assert all(SHORT.match(part) for part in name.split("/")), name
        if not name.endswith(".EXE"):
            assert data.isascii() and data.count(b"\n") == data.count(b"\r\n"), name
    with zipfile.ZipFile(release / "MPYTHON.ZIP") as archive:
        names = set(archive.namelist())
        for name, data in files.items():
            where = "APPINFO/" if name.endswith(".LSM") else "DEVEL/MPYTHON/"
            assert archive.read(where + name) == data
            names.remove(where + name)
    assert not names


def test_description(release):
    lines = (release / "release/MPYTHON.LSM").read_text().splitlines()
    assert lines[0] == "Begin3" and lines[-1] == "End"
    fields = dict(line.split(":", 1) for line in lines[1:-1])
    assert fields["Version"].strip() == "1.2.3"
    assert {"Title", "Description", "Keywords", "Author", "Copying-policy"} <= set(fields)
    assert all(value.strip() for value in fields.values())


def test_credits(release):
    folder = release / "release"
    readme = (folder / "README.TXT").read_text()
    assert "PMODE/W 1.33 by\nCharles Scheffold and Thomas Pytel" in readme
    assert "Damien P. George" in (folder / "LICENCES/MICROPY.TXT").read_text()
    assert "Swedish Institute" in (folder / "LICENCES/LWIP.TXT").read_text()
    assert "curve25519-dalek" in (folder / "LICENCES/RUST.TXT").read_text()


def test_runs_from_the_release(release, freedos):
    files = {
        "PY/" + path.relative_to(release / "release").as_posix(): path
        for path in (release / "release").rglob("*")
        if path.is_file()
    }
    with Guest(files=files, exe=None, autoexec=["PATH C:\\PY;A:\\"]) as guest:
        done = guest.exe("A:\\COMMAND.COM /C SSH.BAT -V", timeout=60)
        assert "SSH" in (done.stdout + done.stderr).upper()
        done = guest.exe("C:\\PY\\MPYTHON.EXE C:\\PY\\EXAMPLES\\QUICKST.PY", timeout=60)
        assert done.returncode == 2 and "usage" in done.stdout
