"""Throw-away SSH servers on loopback, each with a host key of its own."""

import contextlib
import fcntl
import os
import platform
import pwd
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness.net import free_port, read_ident

HERE = Path(__file__).resolve().parent
CTR = ("aes128-ctr", "aes192-ctr", "aes256-ctr")
GCM = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")
CHACHA = "chacha20-poly1305@openssh.com"
DOS = os.environ.get("MPY_TARGET") == "dos"
# What `_ssh` has, in its order of preference.
if platform.machine() == "x86_64" and not DOS:
    CIPHERS = (*GCM, CHACHA, *CTR)
else:
    CIPHERS = (CHACHA, *GCM, *CTR)
MACS = (
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
    "hmac-sha1",
)
# The build for DOS leaves the larger curves out.
CURVES = ("256",) if DOS else ("256", "384", "521")
# Kinds of keys, as keygen() takes them.
KINDS = ("ed25519", *(f"ecdsa-{bits}" for bits in CURVES), "rsa-2048", "rsa-3072")
HOST_KEYS = (
    "ssh-ed25519",
    *(f"ecdsa-sha2-nistp{bits}" for bits in CURVES),
    "rsa-sha2-512",
    "rsa-sha2-256",
)
MLKEM = "mlkem768x25519-sha256"
CURVE = ("curve25519-sha256", "curve25519-sha256@libssh.org")
NIST = tuple(f"ecdh-sha2-nistp{bits}" for bits in CURVES)
GROUP14 = "diffie-hellman-group14-sha256"
GROUP16 = "diffie-hellman-group16-sha512"
GEX = "diffie-hellman-group-exchange-sha256"
# What `_ssh` has, in its order of preference.
KEX = (MLKEM, *CURVE, *NIST, GEX, GROUP16, GROUP14)


def find(program):
    """Where program is, also when sbin is not in PATH; None if nowhere."""
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def keygen(path, *options, passphrase="", kind="ed25519"):
    """Make a key pair with ssh-keygen. kind: a type, and "-" and bits if wanted."""
    kind, _, bits = kind.partition("-")
    options = ("-b", bits, *options) if bits else options
    subprocess.run(
        ["ssh-keygen", "-q", "-t", kind, "-f", path, "-N", passphrase, "-C", "test", *options],
        check=True,
        stdin=subprocess.DEVNULL,
    )
    return Path(path)


def fingerprint(public):
    """SHA256:... of a public key file, as ssh-keygen says it."""
    line = subprocess.run(
        ["ssh-keygen", "-l", "-f", public], check=True, capture_output=True, text=True
    )
    return line.stdout.split()[1]


@contextlib.contextmanager
def accounts_locked():
    """Test runs side by side must not change /etc/passwd at the same moment."""
    with open(Path(tempfile.gettempdir()) / "mpssh.lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class Account:
    """A user of this machine who may log in to sshd and dropbear.

    As root: a temporary one with a password, removed by close(). Otherwise: who runs the test,
    without a password.
    """

    def __init__(self, folder):
        self.temporary = os.geteuid() == 0
        self.password = None
        if not self.temporary:
            entry = pwd.getpwuid(os.geteuid())
            self.name, self.home, self.uid = entry.pw_name, entry.pw_dir, entry.pw_uid
            return
        self.name = "mpssh" + secrets.token_hex(4)
        self.home = str(folder / "home")
        self.password = secrets.token_hex(8)
        useradd = [find("useradd"), "-m", "-k", "/dev/null", "-d", self.home, "-s", "/bin/sh"]
        with accounts_locked():
            subprocess.run([*useradd, self.name], check=True)
            subprocess.run(
                [find("chpasswd")], check=True, text=True, input=f"{self.name}:{self.password}\n"
            )
        self.uid = pwd.getpwnam(self.name).pw_uid

    def give(self, path):
        """Make path belong to the account."""
        os.chown(path, self.uid, -1)

    def close(self):
        if not self.temporary:
            return
        with accounts_locked():
            subprocess.run(
                [find("userdel"), "-f", "-r", self.name], check=False, stderr=subprocess.DEVNULL
            )


class Site:
    """What all servers of a test run share: a folder, an account, a login key."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="mpssh-"))
        self.folder.chmod(0o755)
        self.account = Account(self.folder)
        self.key = keygen(self.folder / "id")
        self.key2 = keygen(self.folder / "id2")
        # One login key of every other type.
        self.keys = {kind: keygen(self.folder / f"id-{kind}", kind=kind) for kind in KINDS[1:]}
        self.authorized = self.folder / "authorized_keys"
        lines = [Path(f"{key}.pub").read_text() for key in (self.key, *self.keys.values())]
        self.authorized.write_text("".join(lines))
        self.authorized.chmod(0o644)
        if self.account.temporary:
            ssh = Path(self.account.home) / ".ssh"
            ssh.mkdir(mode=0o700)
            shutil.copy(self.authorized, ssh / "authorized_keys")
            self.account.give(ssh)
            self.account.give(ssh / "authorized_keys")

    def new_folder(self):
        """A fresh folder in which the account and the tests may write."""
        path = Path(tempfile.mkdtemp(dir=self.folder, prefix="d"))
        path.chmod(0o777)
        return path

    def close(self):
        self.account.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Server:
    """A running server. ciphers, macs, kex: what it offers of that which `_ssh` has."""

    name = ""
    ciphers = CIPHERS
    macs = MACS
    kex = KEX
    has_sftp = True
    sends_signal = True

    def __init__(self, site, kind="ed25519"):
        self.site = site
        self.folder = site.new_folder()
        self.hostkey = keygen(self.folder / "host", kind=kind)
        self._publish()
        self.user = site.account.name
        self.password = site.account.password
        self.logfile = self.folder / "log"
        self.process = None

    def _publish(self):
        """Read the public half of the host key."""
        self.public = " ".join(Path(f"{self.hostkey}.pub").read_text().split()[:2])
        self.fingerprint = fingerprint(f"{self.hostkey}.pub")

    def params(self):
        """What a MicroPython program needs to log in."""
        return {
            "port": self.port,
            "user": self.user,
            "password": self.password,
            "key": str(self.site.key),
            "fingerprint": self.fingerprint,
        }

    def log(self):
        return self.logfile.read_text(errors="replace")

    def start(self, line, **options):
        """Start line(port) on a free port and wait until it greets."""
        for _ in range(5):
            self.port = free_port()
            with self.logfile.open("ab") as log:
                self.process = subprocess.Popen(
                    line(self.port),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    **options,
                )
            if self._greets():
                return
        raise RuntimeError(f"{self.name} does not start:\n{self.log()}")

    def _greets(self):
        end = time.monotonic() + 20
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                self.ident = read_ident(self.port)
                return self.process.poll() is None
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(0.02)
                return False
        self.close()
        return False

    def close(self):
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Sshd(Server):
    """OpenSSH. options: lines of sshd_config; wrap: a command that runs before it."""

    name = "openssh"
    kex = KEX[1:]  # newer ones have MLKEM too

    def __init__(self, site, options=(), wrap=(), kind="ed25519"):
        super().__init__(site, kind)
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        config = self.folder / "sshd_config"
        config.write_text(
            "\n".join(
                [
                    *options,
                    "ListenAddress 127.0.0.1",
                    f"HostKey {self.hostkey}",
                    f"AuthorizedKeysFile {site.authorized}",
                    "PidFile none",
                    "StrictModes no",
                    "UsePAM no",
                    "PrintMotd no",
                    "PrintLastLog no",
                    "MaxStartups 1000",
                    "MaxSessions 100",
                    "AcceptEnv MPY_*",
                    "LogLevel VERBOSE",
                    "Ciphers " + ",".join(self.ciphers),
                    "MACs " + ",".join(self.macs),
                    "X11Forwarding yes",
                    "Subsystem sftp internal-sftp",
                    "",
                ]
            )
        )
        sshd = find("sshd")
        more = ["-f", str(config)]
        newer = subprocess.run(
            [sshd, "-t", *more, "-o", "PerSourcePenalties=no"], check=False, capture_output=True
        )
        if newer.returncode == 0:
            more += ["-o", "PerSourcePenalties=no"]
        self.start(lambda port: [*wrap, sshd, "-D", "-e", *more, "-p", str(port)])


class Dropbear(Server):
    """dropbear, which reads authorized_keys in the account's home: temporary accounts only."""

    name = "dropbear"
    ciphers = (CHACHA, "aes128-ctr", "aes256-ctr")
    macs = ("hmac-sha2-256", "hmac-sha1")
    kex = (*CURVE, *NIST, GROUP14)

    def __init__(self, site, options=(), kind="ed25519"):
        super().__init__(site)
        self.hostkey = self.folder / "host.dropbear"
        name, _, bits = kind.partition("-")
        size = ["-s", bits] if bits else []
        subprocess.run(
            [find("dropbearkey"), "-t", name, *size, "-f", self.hostkey],
            check=True,
            capture_output=True,
        )
        shown = subprocess.run(
            [find("dropbearkey"), "-y", "-f", self.hostkey],
            check=True,
            capture_output=True,
            text=True,
        )
        (line,) = [x for x in shown.stdout.splitlines() if x.startswith(("ssh-", "ecdsa-"))]
        self.public = " ".join(line.split()[:2])
        pub = self.folder / "dropbear.pub"
        pub.write_text(line + "\n")
        self.fingerprint = fingerprint(pub)
        pid = str(self.folder / "pid")
        key = str(self.hostkey)
        self.start(
            lambda port: [
                find("dropbear"), "-F", "-E", "-r", key, "-p", f"127.0.0.1:{port}", "-P", pid,
                *options,
            ]
        )  # fmt: skip


class Helper(Server):
    """A server written in Python, in a process of its own; any user name, one password."""

    script = ""

    def __init__(self, site, *args, kind="ed25519"):
        super().__init__(site, kind)
        self.user = "tester"
        self.password = secrets.token_hex(8)
        self.start(
            lambda port: [
                sys.executable,
                str(HERE / self.script),
                str(port),
                str(self.hostkey),
                str(site.authorized),
                self.password,
                *args,
            ]
        )


class AsyncSSH(Helper):
    name = "asyncssh"
    script = "asyncssh_server.py"


class Paramiko(Helper):
    name = "paramiko"
    script = "paramiko_server.py"
    ciphers = (*GCM, *CTR)
    kex = (MLKEM, CURVE[1], *NIST, GEX, GROUP16, GROUP14)


class LoginServer(Helper):
    """asyncssh with the rarer ways to log in; the user says which."""

    name = "logins"
    script = "login_server.py"
