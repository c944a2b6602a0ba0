"""HostKeys and HostKeyEntry, beside paramiko's."""

import subprocess
from pathlib import Path

import paramiko as reference
import pytest
from harness import servers
from harness.mpy import run_mpy
from harness.servers import keygen

pytestmark = pytest.mark.usefixtures("micropython")


@pytest.fixture(scope="module")
def keys(site):
    """Public key lines."""
    folder = site.new_folder()
    made = [keygen(folder / f"k{i}", kind=k) for i, k in enumerate(["ed25519", *servers.KINDS])]
    return [" ".join(Path(f"{key}.pub").read_text().split()[:2]) for key in made]


# Runs here with paramiko and there with ours, by the same names.
PROGRAM = """
import binascii

def text(value):
    if value is None or isinstance(value, (bool, int, str, tuple)):
        return value
    if isinstance(value, list):
        return [text(item) for item in value]
    if hasattr(value, "get_base64"):
        return value.get_name() + " " + value.get_base64()
    return [(kind, text(value[kind])) for kind in value.keys()]

def key(line):
    kind, blob = line.split()[:2]
    return PKey.from_type_string(kind, binascii.a2b_base64(blob))

def attempt(function, *args):
    try:
        return text(function(*args))
    except Exception as e:
        return type(e).__name__

def program(path, other, keys):
    known = HostKeys(path)
    yield known.keys(), len(known), list(known), [text(v) for v in known.values()]
    yield [(name, text(value)) for name, value in known.items()]
    for name in ("one", "two", "[one]:2222", "hidden", "nowhere", "pat", "ONE", "late"):
        yield name, text(known.lookup(name)), name in known, text(known.get(name))
        yield attempt(lambda: known[name]), [known.check(name, key(k)) for k in keys]
    known.add("one", keys[1].split()[0], key(keys[1]))
    known.add("new", keys[0].split()[0], key(keys[0]))
    known.add("[new]:22", keys[2].split()[0], key(keys[2]))
    yield text(known.lookup("one")), text(known.lookup("new")), known.check("new", key(keys[0]))
    found = known.lookup("one")
    found["ssh-ed25519"] = key(keys[0])
    found["ecdsa-sha2-nistp256"] = key(keys[2])
    yield text(known["one"]), len(found), list(found), "ssh-rsa" in found
    yield attempt(lambda: found["none"]), attempt(found.__delitem__, "none")
    known["set"] = {"ssh-ed25519": key(keys[1])}
    known["set"] = {"ssh-ed25519": key(keys[0]), "ecdsa-sha2-nistp256": key(keys[2])}
    yield text(known["set"])
    del known["set"]
    yield attempt(lambda: known["set"])
    yield attempt(known.__delitem__, "nowhere")
    known.save(other)
    with open(other) as file:
        lines = file.read()
    # What paramiko loses is the next test's.
    lost = ("#", "unknown", "too")
    yield [line for line in lines.split("\\n") if line and line.split()[0] not in lost]
    known.load(other)
    yield known.keys()
    known.clear()
    yield known.keys(), len(known)
    hashed = HostKeys.hash_host("name", "|1|" + "QUFBQUFBQUFBQUFBQUFBQUFBQUE=" + "|x")
    yield hashed, HostKeys.hash_host("name", "QUFBQUFBQUFBQUFBQUFBQUFBQUE=")
    made = HostKeys.hash_host("name")
    yield made[:3], len(made), made == HostKeys.hash_host("name", made)
    entry = HostKeyEntry.from_line("a,b\\t" + keys[0] + " words")
    yield entry.hostnames, text(entry.key), entry.valid, entry.to_line()
    yield HostKeyEntry().valid, HostKeyEntry().to_line(), HostKeyEntry(["x"], None).valid
    for line in ("a", "a ssh-ed25519", "a what AAAA", "@revoked a " + keys[0]):
        yield attempt(HostKeyEntry.from_line, line)
    yield attempt(HostKeyEntry.from_line, "a ssh-ed25519 A")
"""


@pytest.fixture
def file(tmp_path, keys):
    path = tmp_path / "known"
    hidden = tmp_path / "hashed"
    hidden.write_text(f"hidden {keys[0]}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", hidden], check=True, capture_output=True)
    path.write_text(
        f"# comment\n\none {keys[0]}\none,two {keys[2]} words\n[one]:2222 {keys[1]}\n"
        f"{hidden.read_text()}pat?? {keys[0]}\nunknown what AAAA\ntoo few\n"
        f"one {keys[0]}\nlate {keys[-1]}"
    )
    return path


def test_as_paramiko(file, tmp_path, keys):
    space = {
        "HostKeys": reference.HostKeys,
        "HostKeyEntry": reference.hostkeys.HostKeyEntry,
        "PKey": reference.PKey,
    }
    exec(PROGRAM, space)
    expected = list(space["program"](str(file), str(tmp_path / "theirs"), keys))
    got = run_mpy(
        "from ssh import HostKeys, HostKeyEntry, PKey\n"
        + PROGRAM
        + "\nfor value in program(P['path'], P['other'], P['keys']):\n    out(value)\n",
        path=str(file),
        other=str(tmp_path / "ours"),
        keys=keys,
    ).out
    for mine, theirs in zip(got, expected):
        assert mine == theirs
    assert len(got) == len(expected)


def test_what_is_there_stays(file, tmp_path, keys):
    """Beyond paramiko: save() writes all that load() has read, and revoked keys are no keys."""
    text = file.read_text() + f"\n@revoked two {keys[2]}\n@cert-authority * {keys[1]}\n"
    file.write_text(text)
    other = tmp_path / "other"
    got = run_mpy(
        """
        import binascii, ssh
        known = ssh.HostKeys(P["path"])
        known.save(P["other"])
        kind, blob = P["key"].split()
        key = ssh.PKey.from_type_string(kind, binascii.a2b_base64(blob))
        out((known.check("one", key), known.check("two", key), known.lookup("two")))
        out((known.is_revoked("one", key), known.is_revoked("two", key)))
        """,
        path=str(file),
        other=str(other),
        key=keys[2],
    ).out
    # Only what follows a key, and what says the same twice, is not kept.
    kept = text.replace(" words", "").replace(f"one {keys[0]}\nlate", "late")
    assert other.read_text() == kept
    assert got == [(True, False, None), (False, True)]


def test_an_unreadable_file(tmp_path):
    got = run_mpy(
        "import ssh\nfor p in P['paths']: out(err(ssh.HostKeys, p)[0])",
        paths=[str(tmp_path / "none"), str(tmp_path)],
    ).out
    assert got == ["OSError", "OSError"]
