"""The release: a folder for people, and the same as a package of FreeDOS.

    package.py EXE OUT --micropython DIR --lwip DIR [--extender NAME] [--version V] [--date D]

makes OUT/release/ and OUT/MPYTHON.ZIP, whose layout is that of FreeDOS packages: APPINFO and a
folder below DEVEL. Licences are taken from where the parts come from.
"""

import argparse
import json
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPO = HERE.parents[2]
GROUP = "DEVEL/MPYTHON"
PROGRAMS = ("ssh", "scp", "sftp", "keygen")
# Names that DOS can hold.
EXAMPLES = {
    "command.py": "COMMAND.PY",
    "fetch.py": "FETCH.PY",
    "firstuse.py": "FIRSTUSE.PY",
    "follow.py": "FOLLOW.PY",
    "quickstart.py": "QUICKST.PY",
}
LICENCE_FILES = ("LICENSE-MIT", "LICENSE", "LICENSE.txt", "LICENSE.md", "LICENSE-BSD-3-Clause")
EXTENDERS = {
    "PMODE": "PMODE/W 1.33 by Charles Scheffold and Thomas Pytel. PMODE/W is free for use in\n"
    "commercial and non-commercial programs that are not DOS extenders themselves.\n",
    "DOS/32": "DOS/32 Advanced DOS Extender, copyright Narech K. and Supernar Systems.\n",
}


def dos_text(text):
    """Lines that end as on DOS, in ASCII."""
    text = text.replace("\r\n", "\n").replace("\u00a9", "(c)")
    return text.encode("ascii", "replace").replace(b"\n", b"\r\n")


def crates():
    """The packages of Rust that are in the core: (name, version, licence, folder)."""
    line = ["cargo", "metadata", "--format-version", "1", "--offline", "--filter-platform"]
    line.append("i586-unknown-linux-gnu")
    done = subprocess.run(line, cwd=REPO, check=True, capture_output=True)
    metadata = json.loads(done.stdout)
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    (root,) = (key for key, package in packages.items() if package["name"] == "ssh-ffi")
    wanted, found = [root], set()
    while wanted:
        key = wanted.pop()
        if key in found:
            continue
        found.add(key)
        for dependency in nodes[key]["deps"]:
            if any(kind["kind"] is None for kind in dependency["dep_kinds"]):
                wanted.append(dependency["pkg"])
    for key in sorted(found, key=lambda key: packages[key]["name"]):
        package = packages[key]
        if package["source"]:
            folder = Path(package["manifest_path"]).parent
            yield package["name"], package["version"], package["license"], folder


def rust_licences():
    parts = ["Libraries of Rust in MPYTHON.EXE, and their licences.\n"]
    for name, version, licence, folder in crates():
        parts.append(f"\n{'=' * 70}\n{name} {version}: {licence}\n")
        texts = [folder / each for each in LICENCE_FILES if (folder / each).is_file()]
        parts.extend(f"\n{path.read_text(errors='replace')}" for path in texts[:1])
    return "".join(parts)


def extender_licence(name, folder):
    """What is said about the extender; DOS/32A's own text where its package has it."""
    (about,) = (text for key, text in EXTENDERS.items() if name.startswith(key))
    own = folder / "LICENSE.dos32a" if folder else None
    if name.startswith("DOS/32") and own and own.is_file():
        about += "\n" + own.read_text(errors="replace")
    return about


def batch(program):
    arguments = " ".join(f"%{n}" for n in range(1, 10))
    return f"@ECHO OFF\nMPYTHON -m {program} {arguments}\n"


def contents(args):
    """{name in the release: bytes}."""
    lsm = (HERE / "MPYTHON.LSM").read_text()
    lsm = lsm.replace("@VERSION@", args.version).replace("@DATE@", args.date)
    files = {
        "MPYTHON.EXE": args.exe.read_bytes(),
        "README.TXT": dos_text((HERE / "README.TXT").read_text()),
        "MPYTHON.LSM": dos_text(lsm),
        "LICENCES/MPYTHON.TXT": dos_text((REPO / "LICENSE").read_text()),
        "LICENCES/MICROPY.TXT": dos_text((args.micropython / "LICENSE").read_text()),
        "LICENCES/LWIP.TXT": dos_text((args.lwip / "COPYING").read_text()),
        "LICENCES/RUST.TXT": dos_text(rust_licences()),
        "LICENCES/EXTENDER.TXT": dos_text(extender_licence(args.extender, args.extender_dir)),
    }
    for program in PROGRAMS:
        files[f"{program.upper()}.BAT"] = dos_text(batch(program))
    for name, short in EXAMPLES.items():
        files[f"EXAMPLES/{short}"] = dos_text((REPO / "micropython/examples" / name).read_text())
    return files


def write_zip(path, files, date):
    when = (*map(int, date.split("-")), 0, 0, 0)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in sorted(files.items()):
            info = zipfile.ZipInfo(name, when)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 0  # DOS
            archive.writestr(info, data)


def crate_version():
    return re.search(r'^version = "(.*)"', (REPO / "Cargo.toml").read_text(), re.M)[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("exe", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--micropython", type=Path, required=True)
    parser.add_argument("--lwip", type=Path, required=True)
    parser.add_argument("--extender", default="PMODE/W 1.33")
    parser.add_argument("--extender-dir", type=Path)
    parser.add_argument("--version", default=crate_version())
    parser.add_argument("--date", default="2026-11-21", help="of the release, YYYY-MM-DD")
    args = parser.parse_args()
    files = contents(args)
    release = args.out / "release"
    shutil.rmtree(release, ignore_errors=True)
    for name, data in files.items():
        (release / name).parent.mkdir(parents=True, exist_ok=True)
        (release / name).write_bytes(data)
    package = {f"{GROUP}/{name}": data for name, data in files.items() if name != "MPYTHON.LSM"}
    package["APPINFO/MPYTHON.LSM"] = files["MPYTHON.LSM"]
    write_zip(args.out / "MPYTHON.ZIP", package, args.date)
    print(f"{release}: {len(files)} files, {sum(map(len, files.values()))} bytes")
    print(f"{args.out / 'MPYTHON.ZIP'}: {(args.out / 'MPYTHON.ZIP').stat().st_size} bytes")


if __name__ == "__main__":
    main()
