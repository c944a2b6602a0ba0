"""The MicroPython client: PORT USER KEYFILE HOSTKEY CIPHER MAC OPERATION REMOTE LOCAL [WINDOW]"""

import os
import select
import socket
import sys

import _ssh

port, user, keyfile, hostkey, cipher, mac, operation, remote, local = sys.argv[1:10]
window = int(sys.argv[10]) if len(sys.argv) > 10 else None
CHANNELS = 100
CHANNEL_BYTES = 256 * 1024


def do_exec(session):
    buffer = bytearray(65536)
    total = 0
    with session.open_session() as channel:
        channel.exec("cat " + remote)
        while True:
            n = channel.recv_into(buffer)
            if n == 0:
                return total
            total += n


def do_connect(session):
    session.exec("true")
    return 0


def do_channels(session):
    poll = select.poll()
    for _ in range(CHANNELS):
        channel = session.open_session()
        channel.exec(f"head -c {CHANNEL_BYTES} {remote}")
        channel.setblocking(False)
        poll.register(channel, select.POLLIN)
    buffer = bytearray(32768)
    left = CHANNELS
    total = 0
    while left:
        for channel, _ in poll.ipoll():
            n = channel.recv_into(buffer)
            if n == 0:
                poll.unregister(channel)
                channel.close()
                left -= 1
            elif n is not None:
                total += n
    return total


def do_small_get(session):
    total = 0
    with session.sftp() as sftp:
        os.mkdir(local + "/copy")
        for name in sftp.listdir(remote):
            with open(f"{local}/copy/{name}", "wb") as sink:
                total += sftp.get(f"{remote}/{name}", sink)
    return total


def do_small_put(session):
    total = 0
    with session.sftp() as sftp:
        sftp.mkdir(remote + "/copy")
        for name in os.listdir(local):
            with open(f"{local}/{name}", "rb") as source:
                total += sftp.put(source, f"{remote}/copy/{name}")
    return total


def do_sftp_get(session):
    with session.sftp() as sftp, open(local, "wb") as sink:
        return sftp.get(remote, sink)


def do_sftp_put(session):
    with session.sftp() as sftp, open(local, "rb") as source:
        return sftp.put(source, remote)


def do_scp_get(session):
    with open(local, "wb") as sink:
        return session.scp_recv(remote, sink)


def do_scp_put(session):
    with open(local, "rb") as source:
        size = source.seek(0, 2)
        source.seek(0)
        return session.scp_send(remote, 0o644, source, size)


sock = socket.socket()
sock.connect(socket.getaddrinfo("127.0.0.1", int(port))[0][-1])
with _ssh.Session(
    sock, hostkey=hostkey, ciphers=cipher, macs=mac, window=window, channels=CHANNELS
) as session:
    with open(keyfile, "rb") as file:
        session.userauth_publickey(user, file.read())
    print("done", globals()["do_" + operation](session))
sock.close()
