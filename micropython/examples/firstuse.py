# Decide about a host's key in a function:
#     micropython firstuse.py HOST PORT USER PASSWORD
import socket
import sys

import _ssh


def ask(blob, kind, fingerprint):
    return input("{} {}\nIs this the right host? (yes/no) ".format(kind, fingerprint)) == "yes"


host, port, user, password = sys.argv[1:]
sock = socket.socket()
sock.connect(socket.getaddrinfo(host, int(port))[0][-1])
with _ssh.Session(sock, hostkey=ask) as session:
    session.userauth_password(user, password)
    print(session.exec("uname -a").decode())
