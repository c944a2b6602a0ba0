# Fetch a file of any size, however small the heap:
#     micropython fetch.py HOST PORT USER KEYFILE FINGERPRINT REMOTE LOCAL
import socket
import sys

import _ssh

host, port, user, keyfile, fingerprint, remote, local = sys.argv[1:]
sock = socket.socket()
sock.connect(socket.getaddrinfo(host, int(port))[0][-1])
with _ssh.Session(sock, hostkey=fingerprint) as session, open(keyfile) as key:
    session.userauth_publickey(user, key.read())
    with session.sftp() as sftp, open(local, "wb") as file:
        sftp.get(remote, file, progress=lambda done, total: print(done, "of", total, end="\r"))
print()
