# SSH from MicroPython on one page: check the host, log in, run a command, move a file.
#
#     micropython quickstart.py HOST PORT USER KEYFILE FINGERPRINT
#
# KEYFILE is a private key as ssh-keygen makes it. FINGERPRINT is the server's, as shown by
# "ssh-keygen -l -f ssh_host_ed25519_key.pub": SHA256:...

import sys

import ssh


def show(title, text):
    print("{:>10}  {}".format(title, text))


def run(conn):
    done = conn.run("uname -sm; echo 'a warning' >&2; exit 3")
    show("stdout", done.stdout)
    show("stderr", done.stderr)
    show("status", done.returncode)


def copy(conn):
    """Send this program to a new folder on the server, fetch it again, compare, clean up."""
    folder = conn.run("mktemp -d", check=True, encoding="utf-8").stdout.strip()
    remote = folder + "/quickstart.py"
    with conn.open_sftp() as sftp:
        show("upload", "{} bytes".format(sftp.put(sys.argv[0], remote).st_size))
        show("folder", sftp.listdir(folder))
        with sftp.open(remote, "rb") as there, open(sys.argv[0], "rb") as here:
            same = there.read() == here.read()
        sftp.remove(remote)
        sftp.rmdir(folder)
    show("compare", "the same" if same else "DIFFERENT")
    return same


def main(host, port, user, keyfile, fingerprint):
    # A host with another key raises here, before anything secret is sent.
    with ssh.connect(
        host, int(port), username=user, key_filename=keyfile, hostkey=fingerprint
    ) as conn:
        session = conn.session
        show("host", session.remote_version)
        show("host key", session.hostkey_fingerprint)
        show("cipher", session.algorithms["cipher_out"])
        show("logged in", user)
        run(conn)
        return 0 if copy(conn) else 1


if len(sys.argv) != 6:
    print("usage: quickstart.py HOST PORT USER KEYFILE FINGERPRINT")
    sys.exit(2)
sys.exit(main(*sys.argv[1:]))
