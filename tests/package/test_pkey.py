"""Keys by paramiko's names: what each call returns or raises, beside paramiko."""

import subprocess
import textwrap
from pathlib import Path

import paramiko
import pytest
import sides
from harness.mpy import run_mpy
from harness.servers import keygen

pytestmark = pytest.mark.usefixtures("micropython")

PASSPHRASE = "correct horse"
CLASSES = ("RSAKey", "Ed25519Key", "ECDSAKey")
DESCRIBE = """
import io
def describe(key):
    again = type(key)(data=key.asbytes())
    return (
        type(key).__name__, key.get_name(), key.get_bits(), key.get_base64(), key.asbytes(),
        key.get_fingerprint(), key.fingerprint, key.algorithm_name, repr(key), key.can_sign(),
        again.can_sign(), again == key, hash(again) == hash(key), key == 1, key != again,
        again.get_bits(), again.get_name(), key.public_blob,
    )
def refused(function, *args, **more):
    try:
        function(*args, **more)
    except Exception as e:
        return name_of(e)
    return None
"""


def compare(snippet, **params):
    """What both give to out(), which has to be the same."""
    snippet = DESCRIBE + textwrap.dedent(snippet)
    expected = sides.theirs(snippet, params)
    assert sides.ours(snippet, params) == expected
    return expected


@pytest.fixture(scope="module")
def paths(site):
    """Files of each type: plain and encrypted; some in PEM form."""
    folder = site.new_folder()
    made = {}
    for kind in ("ed25519", "ecdsa-256", "ecdsa-384", "ecdsa-521", "rsa-2048", "rsa-3072"):
        made[kind] = keygen(folder / kind, kind=kind)
        made[kind + "-sealed"] = keygen(
            folder / f"{kind}-sealed", kind=kind, passphrase=PASSPHRASE
        )
    for kind in ("ecdsa-256", "rsa-2048"):
        made[kind + "-pem"] = keygen(folder / f"{kind}-pem", "-m", "PEM", kind=kind)
    return {name: str(path) for name, path in made.items()}


def class_of(name):
    return {"r": "RSAKey", "ed": "Ed25519Key", "ec": "ECDSAKey"}[
        "r" if name[0] == "r" else name[:2]
    ]


def test_files_of_every_type(paths):
    files = [(class_of(name), path, "sealed" in name) for name, path in paths.items()]
    got = compare(
        """
        for name, path, sealed in P["files"]:
            kind = getattr(paramiko, name)
            password = P["passphrase"] if sealed else None
            out(describe(kind.from_private_key_file(path, password)))
            out(describe(kind(filename=path, password=password)))
            with open(path) as file:
                out(describe(kind.from_private_key(file, password)))
            out(describe(kind(file_obj=io.StringIO(load(path).decode()), password=password)))
        """,
        files=files,
        passphrase=PASSPHRASE,
    )
    assert len(got) == 4 * len(files)


def test_what_is_raised(paths, folder):
    """A wrong class, a wrong password, none, no file, no key."""
    compare(
        """
        for name, path in P["sealed"]:
            kind = getattr(paramiko, name)
            out(refused(kind.from_private_key_file, path))
            out(refused(kind.from_private_key, io.StringIO(load(path).decode())))
            out(refused(kind.from_private_key_file, path, "wrong") is not None)
        for name in P["classes"]:
            kind = getattr(paramiko, name)
            out(refused(kind.from_private_key_file, P["folder"] + "/none"))
        out(refused(paramiko.RSAKey))
        out(refused(paramiko.Ed25519Key, data=paramiko.RSAKey(filename=P["rsa"]).asbytes()))
        out(refused(paramiko.RSAKey, data=paramiko.Ed25519Key(filename=P["ed25519"]).asbytes()))
        out(issubclass(paramiko.PasswordRequiredException, paramiko.AuthenticationException))
        out(refused(paramiko.ECDSAKey.generate, bits=255))
        """,
        sealed=[(class_of(name), path) for name, path in paths.items() if "sealed" in name],
        classes=CLASSES,
        folder=str(folder),
        rsa=paths["rsa-2048"],
        ed25519=paths["ed25519"],
    )


def test_every_error_is_one_of_ours(paths, folder):
    """Where paramiko lets errors of its libraries through."""
    text = Path(paths["ed25519"]).read_text().splitlines()
    (folder / "empty").write_text("")
    (folder / "text").write_text("hello\n")
    (folder / "cut").write_text("\n".join(text[:2] + text[-1:]) + "\n")
    got = sides.ours(
        """
        refused = fails
        for name in P["classes"]:
            kind = getattr(paramiko, name)
            for path in P["bad"]:
                out(refused(kind.from_private_key_file, path))
            for path in P["paths"]:
                if P["class_of"][path] != name:
                    out(refused(kind.from_private_key_file, path))
        for path in P["sealed"]:
            out(refused(paramiko.PKey.from_private_key_file, path, "wrong"))
        """,
        {
            "classes": CLASSES,
            "bad": [str(folder / name) for name in ("empty", "text", "cut")],
            "paths": [path for name, path in paths.items() if "sealed" not in name],
            "class_of": {path: class_of(name) for name, path in paths.items()},
            "sealed": [path for name, path in paths.items() if "sealed" in name],
        },
    )
    assert got == ["SSHException"] * len(got)


def test_from_path_and_type(paths):
    compare(
        """
        for path in P["paths"]:
            key = paramiko.PKey.from_path(path)
            out(describe(key))
            out(describe(paramiko.PKey.from_type_string(key.get_name(), key.asbytes())))
        key = paramiko.PKey.from_path(P["sealed"], P["passphrase"])
        out(describe(key))
        for name in P["classes"]:
            out(sorted(getattr(paramiko, name).identifiers()))
        out(refused(paramiko.PKey.from_type_string, "ssh-dss", b""))
        try:
            paramiko.PKey.from_type_string("sk-ssh-ed25519@openssh.com", b"12345")
        except paramiko.UnknownKeyType as e:
            out((e.key_type, e.key_bytes, str(e)))
        out(refused(paramiko.PKey.from_path, "/none/there"))
        """,
        paths=[path for name, path in paths.items() if "sealed" not in name],
        sealed=paths["rsa-2048-sealed"],
        passphrase=PASSPHRASE.encode(),
        classes=CLASSES,
    )


def test_signatures(paths):
    """Each side verifies what the other has signed."""
    snippet = """
    for name, path in P["paths"]:
        key = getattr(paramiko, name)(filename=path)
        for algorithm in (None, "rsa-sha2-256", "rsa-sha2-512-cert-v01@openssh.com"):
            message = key.sign_ssh_data(b"data", algorithm)
            message.rewind()
            out((name, key.asbytes(), message.get_text(), message.asbytes()))
    """
    params = {"paths": [(class_of(name), p) for name, p in paths.items() if "sealed" not in name]}
    theirs, ours = sides.theirs(snippet, params), sides.ours(snippet, params)
    assert [row[:3] for row in ours] == [row[:3] for row in theirs]
    verify = """
    for name, blob, _, signature in P["rows"]:
        key = getattr(paramiko, name)(data=blob)
        Message = paramiko.Message
        out([key.verify_ssh_sig(data, Message(signature)) for data in (b"data", b"date")])
        # An algorithm of another key.
        out(key.verify_ssh_sig(b"data", Message(b"\\0\\0\\0\\x01x" + signature)))
    """
    right = [[True, False], False] * len(ours)
    assert sides.ours(verify, {"rows": theirs}) == right
    assert sides.theirs(verify, {"rows": ours}) == right


def test_generated(folder):
    """New keys, written with and without a password, and read by paramiko and ssh-keygen."""
    made = sides.ours(
        """
        import io
        keys = [paramiko.Ed25519Key.generate(), paramiko.RSAKey.generate(2048)]
        keys += [paramiko.ECDSAKey.generate(bits=bits) for bits in (256, 384, 521)]
        keys += [paramiko.RSAKey.generate(bits=2050), paramiko.ECDSAKey.generate()]
        for i, key in enumerate(keys):
            for password in (None, "secret"):
                path = "{}/{}-{}".format(P["folder"], i, password or "plain")
                key.write_private_key_file(path, password=password)
                out((path, password, key.get_name(), key.get_bits(), key.asbytes()))
                text = io.StringIO()
                key.write_private_key(text, password)
                text.seek(0)
                assert type(key).from_private_key(text, password) == key
        """,
        {"folder": str(folder)},
    )
    assert len(made) == 14
    for path, password, name, bits, blob in made:
        assert Path(path).stat().st_mode & 0o777 == 0o600
        key = getattr(paramiko, class_of(name.removeprefix("ssh-").replace("rsa", "r")))
        loaded = key.from_private_key_file(path, password)
        assert (loaded.get_name(), loaded.get_bits(), loaded.asbytes()) == (name, bits, blob)
        command = ["ssh-keygen", "-y", "-P", password or "", "-f", path]
        line = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        assert line.split()[1] == loaded.get_base64()


def test_overwritten_file_is_closed_first(folder, paths):
    """One that others could read, and one that cannot be written."""
    path = folder / "open"
    path.write_text("old")
    path.chmod(0o644)
    got = sides.ours(
        """
        refused = fails
        key = paramiko.PKey.from_path(P["key"])
        key.write_private_key_file(P["path"])
        out(paramiko.PKey.from_path(P["path"]) == key)
        out(refused(key.write_private_key_file, P["folder"] + "/none/file"))
        public = type(key)(data=key.asbytes())
        out(refused(public.write_private_key_file, P["folder"] + "/public"))
        out(refused(public.sign_ssh_data, b""))
        """,
        {"key": paths["ed25519"], "path": str(path), "folder": str(folder)},
    )
    assert got == [True, "OSError", "SSHException", "SSHException"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert not (folder / "public").exists()


def test_certificates(paths, folder):
    """Loaded from a file, a text and a Message; refused for another key."""
    authority = keygen(folder / "ca")
    for name in ("ed25519", "rsa-2048", "ecdsa-256"):
        command = ["ssh-keygen", "-q", "-s", authority, "-I", "me", f"{paths[name]}.pub"]
        subprocess.run(command, check=True)
    try:
        compare(
            """
            def about(blob):
                return (blob.key_type, blob.key_blob, blob.comment, str(blob))
            for name, path in P["paths"]:
                certificate = path + "-cert.pub"
                kind = getattr(paramiko, name)
                for value in (certificate, load(certificate).decode(), "message"):
                    key = kind(filename=path)
                    if value == "message":
                        blob = paramiko.PublicBlob.from_file(certificate)
                        value = paramiko.Message(blob.key_blob)
                    key.load_certificate(value)
                    out(about(key.public_blob))
                    out((key.get_name(), key.fingerprint, key.asbytes()))
                for at in (path, certificate):
                    key = paramiko.PKey.from_path(at)
                    out((about(key.public_blob), key.asbytes()))
                other = paramiko.ECDSAKey if name == "RSAKey" else paramiko.RSAKey
                other = other.generate(bits=256 if name == "RSAKey" else 2048)
                out(refused(other.load_certificate, certificate))
                key = kind(data=paramiko.PublicBlob.from_file(certificate).key_blob)
                out((key.public_blob.key_type, key.asbytes(), key.get_bits(), key.can_sign()))
            blob = paramiko.PublicBlob.from_file(P["pub"])
            out((about(blob), blob == paramiko.PublicBlob.from_string(load(P["pub"]).decode())))
            for text in ("", "x", "ssh-rsa " + load(P["pub"]).decode().split()[1]):
                out(refused(paramiko.PublicBlob.from_string, text))
            """,
            paths=[(class_of(name), paths[name]) for name in ("ed25519", "rsa-2048", "ecdsa-256")],
            pub=paths["ed25519"] + ".pub",
        )
    finally:
        for name in ("ed25519", "rsa-2048", "ecdsa-256"):
            Path(f"{paths[name]}-cert.pub").unlink()


def test_pkcs8_and_passwords_as_bytes(paths, folder):
    """What paramiko's from_private_key_file does not read."""
    path = folder / "p8"
    command = ["openssl", "pkcs8", "-topk8", "-v2", "aes-256-cbc", "-passout", "pass:x"]
    command += ["-in", paths["rsa-2048-pem"], "-out", path]
    subprocess.run(command, check=True, capture_output=True)
    got = sides.ours(
        """
        import io
        out(paramiko.RSAKey.from_private_key_file(P["p8"], "x").get_bits())
        out(paramiko.PKey.from_private_key_file(P["p8"], b"x").get_base64())
        out(type(paramiko.PKey.from_private_key(io.BytesIO(load(P["p8"])), b"x")).__name__)
        out(fails(paramiko.PKey.from_private_key_file, P["p8"]))
        """,
        {"p8": str(path)},
    )
    line = Path(f"{paths['rsa-2048-pem']}.pub").read_text()
    assert got == [2048, line.split()[1], "RSAKey", "PasswordRequiredException"]


def test_login(sshd, site):
    """By Transport and by ssh.connect()."""
    params = sshd.params()
    compare(
        """
        for path in P["paths"]:
            t = paramiko.Transport(("127.0.0.1", P["port"]))
            t.start_client(timeout=20)
            t.auth_publickey(P["user"], paramiko.PKey.from_path(path))
            out(t.is_authenticated())
            t.close()
        """,
        paths=[str(path) for path in (site.key, *site.keys.values())],
        **params,
    )


def test_key_of_the_transport_is_a_pkey(sshd):
    got = run_mpy(
        """
        import ssh
        t = ssh.Transport(("127.0.0.1", P["port"]))
        t.start_client(timeout=20)
        key = t.get_remote_server_key()
        out((type(key).__name__, key.fingerprint, key.can_sign()))
        """,
        heapsize="8M",
        **sshd.params(),
    ).one
    assert got == ("Ed25519Key", sshd.fingerprint, False)
