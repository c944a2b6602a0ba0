"""The programs with the configuration files of their user."""

import subprocess

import pytest
from harness.mpy import DOS, MICROPYTHON, environ

pytestmark = [
    pytest.mark.usefixtures("micropython"),
    pytest.mark.skipif(DOS, reason="unix only: files of a home folder"),
]


@pytest.fixture
def run(sshd, tmp_path):
    """run(config, program, *args): with this text as ~/.ssh/config; the host is known as alias."""
    folder = tmp_path / "dot-ssh"
    folder.mkdir()
    (folder / "known_hosts").write_text(f"alias {sshd.public}\n")

    def start(text, program, *args, check=True):
        config = folder / "config"
        config.write_text(text.format(port=sshd.port, user=sshd.user, key=sshd.site.key))
        config.chmod(0o600)
        done = subprocess.run(
            [MICROPYTHON, "-m", program, *map(str, args)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=tmp_path,
            env={**environ(), "SSHDIR": str(folder), "SSH_AUTH_SOCK": "", "MPY_SENT": "sent"},
        )
        assert "Traceback" not in done.stderr, done.stderr
        if check:
            assert done.returncode == 0, done.stderr
        return done

    return start


WHOLE = """
Host me
  HostName 127.0.0.1
  HostKeyAlias alias
  Port {port}
  User {user}
  IdentityFile ~/.ssh/missing
  IdentityFile {key}
  SetEnv MPY_X="a b"
  SendEnv MPY_SENT
  ServerAliveInterval 5m
  RekeyLimit 32k
"""


def test_a_host_by_its_name(run):
    """Nothing but the name is said; a missing key of a file is no error, as with OpenSSH."""
    done = run(WHOLE, "ssh", "me", 'echo "$MPY_X $MPY_SENT"')
    assert (done.stdout, done.stderr) == ("a b sent\n", "")
    # More than RekeyLimit.
    assert len(run(WHOLE, "ssh", "me", "head -c 300000 /dev/zero").stdout) == 300000


def test_files(run, folder, tmp_path):
    (folder / "f").write_text("text")
    run(WHOLE, "scp", f"me:{folder}/f", "one")
    run(WHOLE, "sftp", "get", f"me:{folder}/f", "two")
    assert (tmp_path / "one").read_text() == (tmp_path / "two").read_text() == "text"


def test_the_log(run):
    done = run(WHOLE + "  Ciphers aes256-ctr\n  LogLevel DEBUG\n", "ssh", "me", "true")
    assert "cipher_out: aes256-ctr" in done.stderr
    done = run(WHOLE + "  LogLevel QUIET\n", "ssh", "me", "kill -9 $$", check=False)
    assert (done.returncode, done.stderr) == (255, "")


def test_certificate_file(run, sshd_with, site, tmp_path):
    """A user's certificate that does not lie beside its key."""
    from harness.servers import keygen

    ca = keygen(tmp_path / "ca")
    key = keygen(tmp_path / "key")
    server = sshd_with(f"TrustedUserCAKeys {ca}.pub")
    sign = ["ssh-keygen", "-q", "-s", ca, "-I", "me", "-n", server.user, f"{key}.pub"]
    subprocess.run(sign, check=True)
    certificate = tmp_path / "elsewhere"
    (tmp_path / "key-cert.pub").rename(certificate)
    text = f"UserKnownHostsFile /dev/null\nStrictHostKeyChecking no\nIdentityFile {key}\n"
    args = ["-o", "BatchMode=yes", "-p", server.port, f"{server.user}@127.0.0.1", "echo in"]
    assert run(text, "ssh", *args, check=False).returncode == 255
    assert run(f"{text}CertificateFile {certificate}\n", "ssh", *args).stdout == "in\n"


@pytest.mark.parametrize(
    ("text", "args", "parts"),
    [
        ("Nonsense yes\n", ["me"], ["dot-ssh/config line 1", "nonsense"]),
        ("", ["-F", "no/such", "me"], ["no/such", "no such file"]),
        ("Host *\n\tPort x\n", ["me"], ["dot-ssh/config line 2", "x"]),
        ("Include {key}\n", ["me"], ["line 1", "-----begin"]),
        ("ProxyCommand nc %z\n", ["me"], ["%z"]),
        ("HostName a;b\n", ["me"], ["not the name of a host"]),
    ],
)
@pytest.mark.parametrize("program", ["ssh", "scp", "sftp"])
def test_bad_files(run, program, text, args, parts):
    args = list(args)
    if program == "scp":
        args = [*args[:-1], "me:f", "g"]
    elif program == "sftp":
        args = [*args[:-1], "get", "me:f", "g"]
    done = run(text, program, *args, check=False)
    assert done.returncode == 255
    assert done.stderr.startswith(f"{program}: ") and done.stderr.count("\n") == 1
    for part in parts:
        assert part in done.stderr


@pytest.mark.parametrize("program", ["ssh", "scp", "sftp"])
def test_wrong_options(run, program):
    """Usage: 2."""
    for args in (["-Z", "a"], ["-o"], []):
        done = run("", program, *args, check=False)
        assert done.returncode == 2 and "usage" in done.stderr, (args, done.stderr)
