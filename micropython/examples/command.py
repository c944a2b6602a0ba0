# Run one command and show all that came of it:
#     micropython command.py HOST PORT USER PASSWORD FINGERPRINT COMMAND
import socket
import sys

import _ssh

host, port, user, password, fingerprint, command = sys.argv[1:]
sock = socket.socket()
sock.connect(socket.getaddrinfo(host, int(port))[0][-1])
with _ssh.Session(sock, hostkey=fingerprint) as session:
    session.userauth_password(user, password)
    done = session.run(command)
    print(done.stdout.decode(), end="")
    print(done.stderr.decode(), end="", file=sys.stderr)
sys.exit(done.status if done.signal is None else 255)
