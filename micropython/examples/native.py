# The same as quickstart.py with `_ssh` alone: check the host, log in, run a command, move a file.
#
#     micropython native.py HOST PORT USER KEYFILE FINGERPRINT
#
# KEYFILE is a private key as ssh-keygen makes it. FINGERPRINT is the server's, as shown by
# "ssh-keygen -l -f ssh_host_ed25519_key.pub": SHA256:...

import io
import socket
import sys

import _ssh


def show(title, text):
    print("{:>10}  {}".format(title, text))


def run(session):
    done = session.run("uname -sm; echo 'a warning' >&2; exit 3")
    show("stdout", done.stdout)
    show("stderr", done.stderr)
    show("status", done.status)


def copy(session):
    """Send this program to a new folder on the server, fetch it again, compare, clean up."""
    folder = session.exec("mktemp -d").decode().strip()
    remote = folder + "/native.py"
    with session.sftp() as sftp:
        with open(sys.argv[0], "rb") as file:
            show("upload", "{} bytes".format(sftp.put(file, remote)))
            file.seek(0)
            sent = file.read()
        show("folder", sftp.listdir(folder))
        back = io.BytesIO()
        show("download", "{} bytes".format(sftp.get(remote, back)))
        sftp.unlink(remote)
        sftp.rmdir(folder)
    same = back.getvalue() == sent
    show("compare", "the same" if same else "DIFFERENT")
    return same


def main(host, port, user, keyfile, fingerprint):
    with open(keyfile) as file:
        key = file.read()
    sock = socket.socket()
    sock.connect(socket.getaddrinfo(host, int(port))[0][-1])
    # The handshake. A host with another key raises here, before anything secret is sent.
    with _ssh.Session(sock, hostkey=fingerprint) as session:
        show("host", session.remote_version)
        show("host key", session.hostkey_fingerprint)
        show("cipher", session.algorithms["cipher_out"])
        session.userauth_publickey(user, key)
        show("logged in", user)
        run(session)
        same = copy(session)
    sock.close()
    return 0 if same else 1


if len(sys.argv) != 6:
    print("usage: native.py HOST PORT USER KEYFILE FINGERPRINT")
    sys.exit(2)
sys.exit(main(*sys.argv[1:]))
