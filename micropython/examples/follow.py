# Read a command's output line by line as it comes:
#     micropython follow.py HOST PORT USER KEYFILE FINGERPRINT COMMAND
import socket
import sys

import _ssh

host, port, user, keyfile, fingerprint, command = sys.argv[1:]
sock = socket.socket()
sock.connect(socket.getaddrinfo(host, int(port))[0][-1])
with _ssh.Session(sock, hostkey=fingerprint) as session, open(keyfile) as key:
    session.userauth_publickey(user, key.read())
    with session.open_session() as channel:
        channel.exec(command)
        while line := channel.readline():
            print(line.decode(), end="")
        print("exit status", channel.wait())
