"""Key: files of ssh-keygen, its own files read by others, signatures, and what is refused."""

import base64
import hashlib
import io
import subprocess
from pathlib import Path

import paramiko
import pytest
from cryptography.hazmat.primitives import serialization
from harness.mpy import DOS, run_mpy
from harness.servers import CURVES, keygen
from paramiko.message import Message

pytestmark = pytest.mark.usefixtures("micropython")

PASSPHRASE = "correct horse"
TYPES = {
    "ssh-ed25519": 256,
    **{f"ecdsa-sha2-nistp{bits}": int(bits) for bits in CURVES},
    "ssh-rsa": 2048,
}
# A 486's arithmetic makes no RSA key in the time of a test.
QUICK = {name: bits for name, bits in TYPES.items() if not (DOS and name == "ssh-rsa")}
DESCRIBE = """
def describe(key):
    return (key.type, key.bits, key.public, key.comment, key.fingerprint, repr(key))
"""


def ssh_keygen(*args, check=True):
    """Status and output."""
    done = subprocess.run(
        ["ssh-keygen", *args],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=check,
    )
    return done.stdout


def blob_of(line):
    return base64.b64decode(line.split()[1])


def own_keys(folder, passphrase=None, types=QUICK):
    """Files that `_ssh` has made, by type, and their public blobs."""
    made = run_mpy(
        """
        for name, bits in P["types"].items():
            key = _ssh.Key.generate(name, bits=bits)
            text = key.private(P["passphrase"], comment="made here", rounds=4)
            out((name, key.public, text))
        """,
        types=types,
        passphrase=passphrase,
        timeout=120,
    ).out
    keys = {}
    for name, blob, text in made:
        path = folder / f"own-{name}"
        path.write_bytes(text)
        path.chmod(0o600)
        keys[name] = (path, blob)
    return keys


def test_files_of_ssh_keygen(site, folder):
    """All that a Key tells about a file is what ssh-keygen tells."""
    paths = [site.key, *site.keys.values()]
    sealed = keygen(folder / "sealed", "-C", "with a comment", passphrase=PASSPHRASE)
    got = run_mpy(
        DESCRIBE
        + """
for path in P["paths"]:
    out(describe(_ssh.Key(load(path), P["passphrase"])))
""",
        paths=[str(path) for path in [*paths, sealed]],
        passphrase=PASSPHRASE,
    ).out
    for path, told in zip([*paths, sealed], got, strict=True):
        name, encoded, comment = Path(f"{path}.pub").read_text().strip().split(" ", 2)
        bits, fingerprint = ssh_keygen("-l", "-f", f"{path}.pub").split()[:2]
        shown = f"<Key {name} {fingerprint}>"
        assert told == (name, int(bits), base64.b64decode(encoded), comment, fingerprint, shown)


def test_md5_fingerprints(site):
    lines = [Path(f"{path}.pub").read_text() for path in (site.key, *site.keys.values())]
    got = run_mpy(
        """
        for line in P["lines"]:
            out([_ssh.fingerprint(line, *kind) for kind in ((), ("sha256",), ("md5",))])
        out(err(_ssh.fingerprint, P["lines"][0], "sha1"))
        """,
        lines=lines,
    ).out
    for line, (plain, sha256, md5) in zip(lines, got, strict=False):
        sums = hashlib.md5(blob_of(line), usedforsecurity=False).digest()
        assert md5 == "MD5:" + sums.hex(":")
        assert plain == sha256
        assert plain.startswith("SHA256:")
    assert got[-1][0] == "ValueError"


@pytest.mark.parametrize("passphrase", [None, "", PASSPHRASE])
def test_own_files_are_read_by_others(folder, passphrase):
    for name, (path, blob) in own_keys(folder, passphrase).items():
        line = ssh_keygen("-y", "-P", passphrase or "", "-f", path)
        assert blob_of(line) == blob
        told = ssh_keygen("-l", "-f", path)
        assert told.split()[0] == str(QUICK[name])
        loaded = paramiko.PKey.from_path(path, (passphrase or "").encode() or None)
        assert loaded.asbytes() == blob
        secret = (passphrase or "").encode() or None
        theirs = serialization.load_ssh_private_key(path.read_bytes(), secret)
        assert theirs.public_key() is not None
        if name == "ssh-rsa":
            # openssl looks at every number of it.
            pem = theirs.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
            check = ["openssl", "rsa", "-check", "-noout"]
            subprocess.run(check, input=pem, check=True, capture_output=True)
        comment = run_mpy(
            'out(_ssh.Key(load(P["path"]), P["passphrase"]).comment)',
            path=str(path),
            passphrase=passphrase,
        ).one
        assert comment == "made here"


def test_encrypted_as_ssh_keygen_does(folder):
    path, _ = own_keys(folder, PASSPHRASE, {"ssh-ed25519": None})["ssh-ed25519"]
    file = base64.b64decode("".join(path.read_text().splitlines()[1:-1]))
    assert file.startswith(
        b"openssh-key-v1\0\0\0\0\x0aaes256-ctr\0\0\0\x06bcrypt\0\0\0\x18\0\0\0\x10"
    )
    assert max(map(len, path.read_text().splitlines())) == 70
    assert path.read_text().endswith("-----END OPENSSH PRIVATE KEY-----\n")


def test_logs_in(sshd, site, folder):
    """A key that was made here, and one from a file, kept in memory."""
    keys = own_keys(folder, None)
    lines = [f"{name} {base64.b64encode(blob).decode()}\n" for name, (_, blob) in keys.items()]
    before = site.authorized.read_text()
    site.authorized.write_text(before + "".join(lines))
    try:
        got = run_mpy(
            """
            for path in P["paths"]:
                key = _ssh.Key(load(path))
                for _ in range(2):
                    with _ssh.Session(dial(), hostkey=P["fingerprint"]) as s:
                        out((s.userauth_publickey(P["user"], key), s.exec("echo in")))
                with _ssh.Session(dial(), hostkey=P["fingerprint"]) as s:
                    out(s.userauth_publickey(P["user"], key, key.public))
            """,
            **sshd.params(),
            paths=[str(path) for path, _ in keys.values()],
        ).out
    finally:
        site.authorized.write_text(before)
    assert got == [(True, b"in\n"), (True, b"in\n"), True] * len(keys)


def test_wiped_while_a_login_waits(sshd):
    """A socket of Python's that wipes the key in the middle."""
    got = run_mpy(
        """
        class Line:
            def __init__(self):
                self.sock = dial()
                self.key = None
            def send(self, data):
                if self.key:
                    self.key.wipe()
                return self.sock.send(data)
            def recv(self, n):
                return self.sock.recv(n)
            def close(self):
                self.sock.close()
            def settimeout(self, seconds):
                self.sock.settimeout(seconds)
        line = Line()
        s = _ssh.Session(line, hostkey=P["fingerprint"])
        line.key = key = _ssh.Key(load(P["key"]))
        out(s.userauth_publickey(P["user"], key))
        out(repr(key))
        for name in ("type", "bits", "public", "comment", "fingerprint"):
            out(err(getattr, key, name)[0])
        for call in (
            lambda: key.sign(b""),
            lambda: key.private(),
            lambda: s.userauth_publickey("x", key),
        ):
            e = err(call)
            out((e[0], e[2]))
        key.wipe()
        """,
        **sshd.params(),
    ).out
    wiped = ("ValueError", "this key has been wiped")
    assert got == [True, "<Key wiped>", *["ValueError"] * 5, *[wiped] * 3]


def test_signatures_both_ways(site):
    """Ours verified by paramiko, theirs by us; any change is seen."""
    paths = [str(path) for path in (site.key, *site.keys.values())]
    loaded = [paramiko.PKey.from_path(path) for path in paths]
    theirs = []
    for key in loaded:
        algs = ["rsa-sha2-512", "rsa-sha2-256"] if key.get_name() == "ssh-rsa" else [None]
        theirs += [
            (key.asbytes(), bytes(key.sign_ssh_data(b"from them", alg).asbytes())) for alg in algs
        ]
    ours, verified = run_mpy(
        """
        made = []
        for path in P["paths"]:
            key = _ssh.Key(load(path))
            names = ("rsa-sha2-512", "rsa-sha2-256") if key.type == "ssh-rsa" else (key.type,)
            for alg in names + (None,):
                made.append((key.public, key.sign(b"from us", alg)))
        out(made)
        results = []
        for public, signature in P["theirs"] + made:
            data = b"from them" if (public, signature) in P["theirs"] else b"from us"
            bad = bytearray(signature)
            bad[-1] ^= 1
            results.append((
                _ssh.verify(public, data, signature),
                _ssh.verify(public, data + b".", signature),
                _ssh.verify(public, data, bad),
                _ssh.verify(public, data, signature[:-1]),
                _ssh.verify(public, data, signature + b"0"),
                _ssh.verify(public, data, b""),
                _ssh.verify(made[0][0], data, P["theirs"][-1][1]),
            ))
        out(results)
        """,
        paths=paths,
        theirs=theirs,
    ).out
    # The public halves: paramiko's Ed25519Key with a private one cannot verify.
    by_blob = {key.asbytes(): type(key)(data=key.asbytes()) for key in loaded}
    for public, signature in ours:
        assert by_blob[public].verify_ssh_sig(b"from us", Message(signature))
        assert not by_blob[public].verify_ssh_sig(b"from use", Message(signature))
    assert verified == [(True, *[False] * 6)] * len(verified)
    names = [Message(signature).get_text() for _, signature in ours]
    assert names.count("rsa-sha2-512") == 2 * sum("rsa" in kind for kind in site.keys)


def test_what_is_refused(site, folder):
    sealed = keygen(folder / "sealed", passphrase=PASSPHRASE)
    got = run_mpy(
        """
        text, sealed = load(P["key"]), load(P["sealed"])
        key = _ssh.Key(text)
        for call in (
            lambda: _ssh.Key(sealed),
            lambda: _ssh.Key(sealed, "wrong"),
            lambda: _ssh.Key(sealed, ""),
            lambda: _ssh.Key(b""),
            lambda: _ssh.Key(load(P["key"] + ".pub")),
            lambda: _ssh.Key.generate("ssh-dss"),
            lambda: _ssh.Key.generate("rsa-sha2-512"),
            lambda: _ssh.Key.generate("ssh-ed25519", 255),
            lambda: _ssh.Key.generate("ssh-rsa", 1024),
            lambda: _ssh.Key.generate("ssh-rsa", 2049),
            lambda: _ssh.Key.generate("ssh-rsa", 8192),
            lambda: _ssh.Key.generate("ssh-rsa", -1),
            lambda: key.sign(b"x", "rsa-sha2-512"),
            lambda: key.sign(b"x", ""),
            lambda: key.private("x", rounds=0),
            lambda: key.private("x", rounds=1025),
            lambda: key.private("x", rounds=-1),
            lambda: _ssh.verify(b"x", b"", b""),
        ):
            e = err(call)
            out((e[0], e[2]))
        for call in (
            lambda: _ssh.Key(1),
            lambda: _ssh.Key(text, 1),
            lambda: _ssh.Key(),
            lambda: _ssh.Key.generate(1),
            lambda: key.sign(1),
            lambda: key.private(1),
            lambda: key.private("", comment=1),
        ):
            out(err(call)[0])
        for name in ("type", "bits", "public", "comment", "fingerprint", "other"):
            out(err(setattr, key, name, 1)[0])
        """,
        key=str(site.key),
        sealed=str(sealed),
    ).out
    head = got[:18]
    assert all(name == "ValueError" for name, _ in head[:13] + head[14:]), head
    assert head[0][1] == "the key is encrypted: give its passphrase"
    assert head[1][1] == head[2][1] == "the passphrase does not open this key"
    assert "public key" in head[4][1]
    assert all(text.startswith("no such size") for _, text in head[7:12])
    assert head[12][1] == "this key does not sign with that algorithm"
    # No name is none: the algorithm of the key.
    assert head[13][0] == "none"
    assert all(text == "rounds: 1 to 1024" for _, text in head[14:17])
    assert got[18:25] == ["TypeError"] * 7
    assert got[25:] == ["AttributeError"] * 6


def test_cut_and_changed_files(folder):
    """Each gives a ValueError or the same key: never another one, never a crash."""
    path = keygen(folder / "plain", "-C", "c")
    counts = run_mpy(
        """
        text = load(P["path"])
        public = _ssh.Key(text).public
        good = bad = 0
        def attempt(text):
            global good, bad
            try:
                assert _ssh.Key(text).public == public
                good += 1
            except ValueError:
                bad += 1
        for cut in range(len(text)):
            attempt(text[:cut])
        out((good, bad))
        for at in range(len(text)):
            changed = bytearray(text)
            changed[at] ^= 1
            attempt(changed)
        out((good, bad))
        """,
        path=str(path),
    ).out
    size = path.stat().st_size
    # Only the last newline can be missing.
    assert counts[0] == (1, size - 1)
    # The comment and the newlines are all that may be otherwise.
    assert counts[1][0] < 20
    assert sum(counts[1]) == 2 * size


def test_fails_closed_without_entropy():
    got = run_mpy(
        """
        class Os:
            pass
        key = _ssh.Key.generate()
        real = os.urandom
        sys.modules["os"] = Os()
        out(err(_ssh.Key.generate)[:2])
        out(err(key.private)[:2])
        sys.modules["os"].urandom = lambda n: b"short"
        out(err(_ssh.Key.generate)[0])
        sys.modules["os"].urandom = lambda n: 1 // 0
        out(err(_ssh.Key.generate)[0])
        sys.modules["os"].urandom = real
        out(err(_ssh.Key.generate)[0])
        """
    ).out
    assert got[:2] == [("OSError", 19)] * 2
    assert got[2:] == ["ValueError", "ZeroDivisionError", "none"]


def test_two_keys_differ():
    got = run_mpy(
        """
        keys = [_ssh.Key.generate() for _ in range(20)]
        out(len(set(key.public for key in keys)))
        out(keys[0].private() != keys[0].private())
        out(keys[0].private("x", rounds=1) != keys[0].private("x", rounds=1))
        """
    ).out
    assert got == [20, True, True]


def test_any_comment(folder):
    comment = "ü " + "x" * 3000
    path = folder / "long"
    path.write_bytes(
        run_mpy("out(_ssh.Key.generate().private(comment=P['comment']))", comment=comment).one
    )
    path.chmod(0o600)
    assert ssh_keygen("-y", "-f", path).rstrip("\n").split(" ", 2)[2] == comment
    assert run_mpy("out(_ssh.Key(load(P['path'])).comment)", path=str(path)).one == comment


def test_paramiko_reads_from_memory():
    text = run_mpy('out(_ssh.Key.generate().private("secret", rounds=1))').one.decode()
    key = paramiko.Ed25519Key.from_private_key(io.StringIO(text), password="secret")
    assert key.can_sign()


def seed_of(path):
    """The 32 secret bytes of an ed25519 key file."""
    file = base64.b64decode("".join(path.read_text().splitlines()[1:-1]))
    at = file.rindex(b"\0\0\0\x40") + 4
    return file[at : at + 32]


SCAN = """
from memory import held
first, second = P["first"], P["second"]
text = load(P["path"])
"""


@pytest.mark.parametrize("how", ["key.wipe()", "key = None"])
@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
def test_secrets_are_wiped(sshd, site, folder, how, passphrase):
    """ATTACKS 71: the secret is there while the key is, and nowhere afterwards."""
    plain = keygen(folder / "plain")
    seed = seed_of(plain)
    path = plain
    if passphrase:
        path = folder / "sealed"
        path.write_bytes(plain.read_bytes())
        path.chmod(0o600)
        ssh_keygen("-p", "-a", "2", "-N", passphrase, "-f", path)
    before = site.authorized.read_text()
    site.authorized.write_text(before + Path(f"{plain}.pub").read_text())
    try:
        got = run_mpy(
            SCAN
            + f"""
def use():
    key = _ssh.Key(text, P["passphrase"])
    out(held(first, second) > 0)
    key.sign(b"x")
    key.private("other", rounds=1)
    with _ssh.Session(dial(), hostkey=P["fingerprint"]) as s:
        out(s.userauth_publickey(P["user"], key))
    {how}
use()
for _ in range(3):
    gc.collect()
out(held(first, second))
""",
            path=str(path),
            passphrase=passphrase,
            first=seed[:16],
            second=bytes(x ^ 255 for x in seed[16:]),
            heapsize="2M",
            timeout=60,
            **sshd.params(),
        ).out
    finally:
        site.authorized.write_text(before)
    assert got == [True, True, 0]


def test_memory_runs_out():
    """At each allocation: MemoryError or the right result."""
    got = run_mpy(
        """
        key = _ssh.Key.generate()
        text = key.private("x", "comment", 1)
        public, signature = key.public, key.sign(b"data")
        def attempt(call):
            # Fill the heap, then give it back in small pieces.
            hold = None
            gc.collect()
            try:
                while True:
                    hold = (hold, bytearray(200))
            except MemoryError:
                pass
            refused = 0
            while hold:
                try:
                    result = call()
                    break
                except MemoryError:
                    refused += 1
                    hold = hold[0]
            hold = None
            return refused > 0, result
        calls = (
            lambda: _ssh.Key(text, "x").public == public,
            lambda: len(_ssh.Key.generate().public) == len(public),
            lambda: key.sign(b"data") == signature,
            lambda: _ssh.Key(key.private("y", "comment", 1), "y").public == public,
            lambda: _ssh.verify(public, b"data", signature),
            lambda: key.fingerprint == _ssh.fingerprint(public),
            lambda: _ssh.fingerprint(public, "md5").count(":") == 16,
        )
        out([attempt(call) for call in calls])
        """,
        heapsize="128k",
        timeout=60,
    ).one
    assert [result for _, result in got] == [True] * 7
    assert got[0][0]
    assert got[3][0]
