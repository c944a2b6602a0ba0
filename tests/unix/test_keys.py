"""User keys of every type and format, host keys of every type, certificates of both."""

import itertools
import shutil
import subprocess
import textwrap
import time
from pathlib import Path

import pytest
from harness import servers
from harness.mpy import run_mpy
from harness.servers import keygen

pytestmark = pytest.mark.usefixtures("micropython")

PASSPHRASE = "correct horse"
LOGINS = """
for name in P["keys"]:
    path, passphrase = P["keys"][name]
    try:
        with connect_only() as s:
            got = s.userauth_publickey(P["user"], load(path), passphrase=passphrase)
            out((name, got, s.exec("echo in")))
    except Exception as e:
        out((name, repr(e)))
"""
CONNECT = """
def connect_only(**options):
    return _ssh.Session(dial(), hostkey=P["fingerprint"], **options)
"""


def logins(server, keys):
    """What came of a login with each of keys: name to (path, passphrase)."""
    keys = {name: (str(path), passphrase) for name, (path, passphrase) in keys.items()}
    got = run_mpy(CONNECT + LOGINS, **server.params(), keys=keys).out
    return [row for row in got if row[1:] != (True, b"in\n")]


def test_every_type(server, site):
    """OpenSSH's format; RSA by rsa-sha2-512 or -256, as the server says."""
    keys = {kind: (path, None) for kind, path in site.keys.items()}
    if server.name == "dropbear":
        # Its server does not say that it takes the rest.
        keys.pop("rsa-3072", None)
    assert logins(server, keys) == []


def convert(site, folder, kind, name, *options):
    """A copy of a login key that ssh-keygen has written anew."""
    path = folder / name
    shutil.copy(site.keys[kind] if kind != "ed25519" else site.key, path)
    path.chmod(0o600)
    subprocess.run(
        ["ssh-keygen", "-q", "-p", "-P", "", "-f", path, *options],
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    return path


def test_every_format_of_ssh_keygen(sshd, site, folder):
    keys = {}
    for kind in servers.KINDS:
        forms = [(), ("-m", "PEM"), ("-m", "PKCS8")]
        for form in forms if kind != "ed25519" else [()]:
            for passphrase in (None, PASSPHRASE):
                name = "-".join((kind, *form, "sealed" if passphrase else "plain"))
                options = (*form, "-N", passphrase or "", "-a", "4")
                path = convert(site, folder, kind, name, *options)
                keys[name] = (path, passphrase)
    assert len(keys) == 2 + 6 * (len(servers.KINDS) - 1)
    assert logins(sshd, keys) == []


CIPHERS = (
    "aes128-cbc", "aes192-cbc", "aes256-cbc", "aes128-ctr", "aes192-ctr", "aes256-ctr",
    "aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com",
)  # fmt: skip


def test_every_cipher_of_ssh_keygen(sshd, site, folder):
    keys = {}
    for cipher in CIPHERS:
        options = ("-Z", cipher, "-N", PASSPHRASE, "-a", "4")
        keys[cipher] = (convert(site, folder, "ecdsa-256", cipher, *options), PASSPHRASE)
    assert logins(sshd, keys) == []


def test_what_openssl_writes(sshd, site, folder):
    """EC PARAMETERS before the key; each AES; PBKDF2 with each hash function."""
    source = convert(site, folder, "ecdsa-256", "source", "-m", "PEM", "-N", "")
    keys = {}

    def openssl(name, *command, passphrase=PASSPHRASE):
        path = folder / name
        sealed = ["-passout", "pass:" + passphrase] if passphrase else []
        command = ["openssl", *command, *sealed, "-in", source, "-out", path]
        subprocess.run(command, check=True, capture_output=True)
        keys[name] = (path, passphrase)

    for bits in ("128", "192", "256"):
        openssl(f"traditional-{bits}", "ec", f"-aes{bits}")
        openssl(f"pkcs8-{bits}", "pkcs8", "-topk8", "-v2", f"aes-{bits}-cbc")
    for prf in ("hmacWithSHA1", "hmacWithSHA256", "hmacWithSHA512"):
        openssl(prf, "pkcs8", "-topk8", "-v2", "aes-256-cbc", "-v2prf", prf)
    parameters = subprocess.run(
        ["openssl", "ecparam", "-name", "prime256v1"], check=True, capture_output=True
    ).stdout
    (folder / "parameters").write_bytes(parameters + source.read_bytes())
    keys["parameters"] = (folder / "parameters", None)
    assert logins(sshd, keys) == []


def test_what_is_refused(sshd, site, folder):
    """Each with a sentence of its own, before anything is sent."""
    source = convert(site, folder, "rsa-2048", "source", "-m", "PEM", "-N", "")
    sealed = ["-in", str(source), "-passout", "pass:" + PASSPHRASE, "-out"]
    p8 = ["pkcs8", "-topk8"]
    commands = {
        "scrypt": [*p8, "-scrypt", *sealed],
        "slow": [*p8, "-v2", "aes-256-cbc", "-iter", "1000001", *sealed],
        "des3": [*p8, "-v2", "des3", *sealed],
        "short": ["genrsa", "-traditional", "-out"],
    }
    for name, command in commands.items():
        more = ["1024"] if name == "short" else []
        subprocess.run(
            ["openssl", *command, str(folder / name), *more], check=True, capture_output=True
        )
    keygen(folder / "sk", kind="dsa")
    got = run_mpy(
        CONNECT
        + textwrap.dedent("""
        s = connect_only()
        for name in P["names"]:
            key = load(P["folder"] + "/" + name)
            out(err(s.userauth_publickey, P["user"], key, passphrase="correct horse"))
        key = load(P["folder"] + "/source")
        out(err(s.userauth_publickey, P["user"], key, load(P["key"] + ".pub")))
        out(s.userauth_publickey(P["user"], load(P["key"])))
        """),
        **sshd.params(),
        folder=str(folder),
        names=[*commands, "sk"],
    ).out
    texts = dict(zip([*commands, "sk", "mismatch"], got, strict=False))
    assert all(row[0] == "ValueError" for row in texts.values()), texts
    for name, part in [
        ("scrypt", "rounds"), ("slow", "rounds"), ("des3", "cipher"), ("short", "key too short"),
        ("sk", "type"), ("mismatch", "does not belong"),
    ]:  # fmt: skip
        assert part in texts[name][2], name
    assert got[-1] is True


# ---------------------------------------------------------------- host keys

# The tests of everything else run dropbear and paramiko with ed25519.
OTHERS = [kind for kind in servers.KINDS if kind not in ("ed25519", "rsa-3072")]
HOSTS = [
    *[("Sshd", kind) for kind in servers.KINDS],
    *[("AsyncSSH", kind) for kind in servers.KINDS],
    *[(name, kind) for name in ("Dropbear", "Paramiko") for kind in OTHERS],
]


@pytest.mark.parametrize(("name", "kind"), HOSTS)
def test_host_keys_of_every_type(start_server, site, name, kind):
    """Each algorithm of the key by name with each key exchange, and new keys in the middle; the
    key as line and fingerprint."""
    if name == "Dropbear" and not site.account.temporary:
        pytest.skip("dropbear reads ~/.ssh: only with a temporary account, which takes root")
    server = start_server(getattr(servers, name), kind=kind)
    key_type = server.public.split()[0]
    algorithms = [key_type]
    if key_type == "ssh-rsa":
        # dropbear has no SHA-512 here.
        algorithms = ["rsa-sha2-256"] + (["rsa-sha2-512"] if name != "Dropbear" else [])
    cells = list(itertools.product(algorithms, server.kex))
    got = run_mpy(
        """
        for alg, kex in P["cells"]:
            s = _ssh.Session(dial(), hostkey=P["public"], hostkeys=alg, kex=kex)
            s.userauth_publickey(P["user"], load(P["key"]))
            s.rekey()
            s.exec("true")
            names = (s.algorithms["hostkey"], s.algorithms["kex"])
            out(names + (s.hostkey_type, s.hostkey_fingerprint, s.stats()[2]))
            s.close()
            gc.collect()
        s = _ssh.Session(dial(), hostkey=[P["fingerprint"]])
        out((s.hostkey_type, _ssh.fingerprint(s.hostkey), _ssh.fingerprint(P["public"])))
        s.close()
        out(err(_ssh.Session, dial(), hostkey=P["other"])[2])
        """,
        **server.params(),
        public=server.public,
        cells=cells,
        timeout=100,
        other=Path(f"{site.keys[kind]}.pub").read_text()
        if kind in site.keys
        else "SHA256:" + "A" * 43,
    ).out
    for (alg, kex), row in zip(cells, got, strict=False):
        assert row == (alg, kex, key_type, server.fingerprint, 1)
    assert got[-2] == (key_type, server.fingerprint, server.fingerprint)
    assert "host key rejected" in got[-1] and server.fingerprint in got[-1]


def test_the_clients_order_counts(sshd_with, folder):
    """hostkeys= is in order of preference."""
    other = keygen(folder / "other", kind="rsa-2048")
    server = sshd_with(f"HostKey {other}", kind="ecdsa-256")
    got = run_mpy(
        """
        for names in P["orders"]:
            s = _ssh.Session(dial(), hostkeys=names)
            out(s.algorithms["hostkey"])
            s.close()
        """,
        **server.params(),
        orders=[
            "ssh-ed25519,rsa-sha2-256,ecdsa-sha2-nistp256",
            "ecdsa-sha2-nistp256,rsa-sha2-256",
            ("rsa-sha2-512", "ecdsa-sha2-nistp256"),
        ],
    ).out
    assert got == ["rsa-sha2-256", "ecdsa-sha2-nistp256", "rsa-sha2-512"]


def test_short_host_key(start_server, site):
    """ATTACKS 31: an RSA key of 1024 bits, which asyncssh still shows."""
    server = start_server(servers.AsyncSSH, kind="rsa-1024")
    got = run_mpy(
        """
        kind, code, text = err(_ssh.Session, dial())
        out((kind, code == _ssh.ERR_HOST_KEY_TOO_SHORT, text))
        """,
        **server.params(),
    ).one
    assert got[:2] == ("SSHError", True) and "key too short" in got[2]


# ---------------------------------------------------------------- certificates


def sign(ca, public, *options):
    """Sign a public key file; the certificate's path."""
    subprocess.run(
        ["ssh-keygen", "-q", "-s", ca, "-I", "id of the certificate", *options, public],
        check=True,
        capture_output=True,
        stdin=subprocess.DEVNULL,
    )
    return public.with_name(public.name.removesuffix(".pub") + "-cert.pub")


@pytest.fixture(scope="module")
def authority(site):
    folder = site.new_folder()
    return {kind: keygen(folder / f"ca-{kind}", kind=kind) for kind in ("ed25519", "rsa-3072")}


@pytest.fixture(scope="module")
def certified(start_server, site, authority):
    """certified(kind, *options): a server with a certificate made with these options."""

    def start(kind, *options, ca="ed25519", server=servers.Sshd):
        folder = site.new_folder()
        key = keygen(folder / "host", kind=kind)
        cert = sign(authority[ca], Path(f"{key}.pub"), *options)
        lines = (f"HostKey {key}", f"HostCertificate {cert}")
        return start_server(server, options=lines)

    return start


def public(key):
    return Path(f"{key}.pub").read_text()


@pytest.mark.parametrize("kind", servers.KINDS)
def test_host_certificates(certified, authority, kind):
    """Every type of key, by authorities of two types; a function is not asked about a good one."""
    got = []
    for ca in authority:
        server = certified(kind, "-h", "-n", "host.example,other.example", ca=ca)
        got += run_mpy(
            """
            for name in ("host.example", "other.example", "HOST.EXAMPLE"):
                s = _ssh.Session(dial(), hostkey_ca=P["ca"], hostname=name)
                s.userauth_publickey(P["user"], load(P["key"]))
                s.rekey()
                s.exec("true")
                out((s.algorithms["hostkey"], s.hostkey_type, s.stats()[2]))
                out(s.hostkey_fingerprint)
                s.close()
            """,
            **server.params(),
            ca=[public(server.hostkey), public(authority[ca])],
        ).out
    for alg, key_type, rekeys in got[::2]:
        assert alg.endswith("-cert-v01@openssh.com") and rekeys == 1
        assert key_type.endswith("-cert-v01@openssh.com")
    assert len(set(got[1::2])) == 2, "the fingerprints of two host keys, not of certificates"


def refusal(server, **arguments):
    """The name of the error's code, and the sentence."""
    return run_mpy(
        """
        kind, code, text = err(lambda: _ssh.Session(dial(), **P["arguments"]))
        out(([n for n in dir(_ssh) if n.startswith("ERR_") and getattr(_ssh, n) == code], text))
        """,
        **server.params(),
        arguments=arguments,
    ).one


DAY = 86400
REFUSED = {
    "expired": (("-h", "-n", "host", "-V", "20200101:20210101"), "ERR_CERT_EXPIRED", "expired"),
    "not yet": (("-h", "-n", "host", "-V", "20400101:20410101"), "ERR_CERT_NOT_YET_VALID", "yet"),
    "principal": (("-h", "-n", "other"), "ERR_CERT_PRINCIPAL", "other names"),
    "option": (
        ("-h", "-n", "host", "-O", "critical:new@example.com"),
        "ERR_CERT_OPTION",
        "critical option",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_host_certificates_refused(certified, authority, name):
    """Each with a code and a sentence of its own, though the key is the host's."""
    options, code, part = REFUSED[name]
    server = certified("ed25519", *options)
    codes, text = refusal(server, hostkey_ca=public(authority["ed25519"]), hostname="host")
    assert codes == [code] and part in text
    assert "hostname is host" in text and "ssh-ed25519-cert-v01@openssh.com" in text


def test_unknown_authority(certified, authority, site):
    server = certified("ecdsa-256", "-h", "-n", "host")
    for ca in (public(authority["rsa-3072"]), [], public(site.key)):
        codes, text = refusal(server, hostkey_ca=ca, hostname="host")
        assert codes == ["ERR_CERT_AUTHORITY"] and "authority" in text
        assert servers.fingerprint(f"{authority['ed25519']}.pub") in text


def test_the_time_is_an_argument(certified, authority):
    server = certified("ed25519", "-h", "-n", "host", "-V", "20200101:20210101")
    at = 1_590_000_000  # in May 2020
    got = run_mpy(
        """
        for now in (P["at"], P["at"] + 0.5):
            s = _ssh.Session(dial(), hostkey_ca=P["ca"], hostname="host", now=now)
            out(s.hostkey_type)
            s.close()
        """,
        **server.params(),
        ca=public(authority["ed25519"]),
        at=at,
    ).out
    assert got == ["ssh-ed25519-cert-v01@openssh.com"] * 2
    for now, code in [
        (at - 365 * DAY, "NOT_YET_VALID"),
        (at + 365 * DAY, "EXPIRED"),
        (time.time(), "EXPIRED"),
    ]:
        codes, _ = refusal(
            server, hostkey_ca=public(authority["ed25519"]), hostname="host", now=now
        )
        assert codes == ["ERR_CERT_" + code]


def test_host_without_a_certificate(sshd, authority):
    """With hostkey its key is judged as ever, without it nothing is trusted."""
    ca = public(authority["ed25519"])
    codes, text = refusal(sshd, hostkey_ca=ca, hostname="host")
    assert codes == ["ERR_HOST_KEY_REJECTED"] and "no certificate" in text
    got = run_mpy(
        """
        s = _ssh.Session(dial(), hostkey_ca=P["ca"], hostname="host", hostkey=P["fingerprint"])
        out(s.hostkey_type)
        s.close()
        out(err(_ssh.Session, dial(), hostkey_ca=P["ca"])[0])
        out(err(_ssh.Session, dial(), hostkey_ca="nonsense", hostname="host")[0])
        """,
        ca=ca,
        **sshd.params(),
    ).out
    assert got == ["ssh-ed25519", "ValueError", "ValueError"]


def test_a_function_gets_the_certificate(certified, authority):
    """Who names the algorithm and gives no authority decides about the blob itself."""
    server = certified("ed25519", "-h", "-n", "host")
    kind, size = run_mpy(
        """
        seen = []
        def decide(blob, kind, fp):
            seen.append((kind, len(blob)))
            return True
        _ssh.Session(dial(), hostkey=decide, hostkeys="ssh-ed25519-cert-v01@openssh.com").close()
        out(seen[0])
        """,
        **server.params(),
    ).one
    assert kind == "ssh-ed25519-cert-v01@openssh.com" and size > 200


@pytest.mark.parametrize("kind", servers.KINDS)
def test_user_certificates(start_server, site, authority, folder, kind):
    """The server trusts the authority and has never seen the key."""
    empty = folder / "nobody"
    empty.write_text("")
    server = start_server(
        servers.Sshd,
        options=(
            f"TrustedUserCAKeys {authority['ed25519']}.pub",
            f"AuthorizedKeysFile {empty}",
        ),
    )
    key = keygen(folder / "key", kind=kind)
    cert = sign(authority["ed25519"], Path(f"{key}.pub"), "-n", server.user)
    host = shutil.copy(f"{key}.pub", folder / "as-host.pub")
    host = sign(authority["ed25519"], Path(host), "-h", "-n", "host")
    got = run_mpy(
        CONNECT
        + textwrap.dedent("""
        s = connect_only()
        out(err(s.userauth_publickey, P["user"], load(P["own"])))
        out(err(s.userauth_publickey, P["user"], load(P["own"]), load(P["host"])))
        out(err(s.userauth_publickey, P["user"], load(P["key"]), load(P["cert"])))
        out(s.userauth_publickey(P["user"], load(P["own"]), load(P["cert"])))
        out(s.exec("echo in"))
        s.close()
        blob = binascii.a2b_base64(load(P["cert"]).split()[1])
        s = connect_only()
        out(s.userauth_publickey(P["user"], load(P["own"]), pubkey=blob))
        """),
        **server.params(),
        own=str(key),
        cert=str(cert),
        host=str(host),
    ).out
    refused, as_host, another, *rest = got
    assert refused[0] == "SSHError"
    assert as_host[0] == "ValueError" and "a host's" in as_host[2]
    assert another[0] == "ValueError" and "does not belong" in another[2]
    assert rest == [True, b"in\n", True]
