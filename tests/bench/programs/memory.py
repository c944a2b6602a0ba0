"""Memory of the MicroPython client: PORT USER KEYFILE HOSTKEY"""

import gc
import socket
import sys


def show():
    gc.collect()
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith("VmRSS"):
                print(line.split()[1], gc.mem_alloc())


show()
import _ssh  # noqa: E402

port, user, keyfile, hostkey = sys.argv[1:]
sock = socket.socket()
sock.connect(socket.getaddrinfo("127.0.0.1", int(port))[0][-1])
with _ssh.Session(sock, hostkey=hostkey, channels=100) as session:
    with open(keyfile, "rb") as file:
        session.userauth_publickey(user, file.read())
    show()
    channels = [session.open_session() for _ in range(100)]
    show()
