"""Tunnels that commands on the server use: they need no way in to the machine of the client."""

import textwrap

import pytest
from harness.mpy import run_mpy

pytestmark = pytest.mark.usefixtures("micropython")

# Connects to the forward, sends so much, and reads it back at the same time.
CLIENT = (
    "import hashlib, os, socket, sys, threading; "
    "s = socket.create_connection(('127.0.0.1', int(sys.argv[1])), 20); "
    "data = os.urandom(int(sys.argv[2])); "
    "t = threading.Thread(target=s.sendall, args=(data,)); t.start(); back = b''\n"
    "while len(back) < len(data): back += s.recv(65536) or sys.exit('cut')\n"
    "t.join(); print(back == data)"
)

PROGRAM = """
from ssh.connection import Connection
from ssh.tunnel import Tunnels

def output(tunnels, command):
    with tunnels.session.open_session() as c:
        c.exec(command)
        c.setblocking(False)
        text, piece = b"", bytearray(200)
        while (n := c.readinto(piece)) != 0:
            if n:
                text += piece[:n]
            else:
                tunnels.poll(20)
        return text

sock = dial()
session = _ssh.Session(sock, hostkey=P["fingerprint"])
session.userauth_publickey(P["user"], load(P["key"]))
tunnels = Tunnels(Connection(session, sock, HOST, P["port"]))
"""


def test_remote(sshd, echo_port, folder):
    """One after the other, and three at once; then one to a target that refuses."""
    client = folder / "client.py"
    client.write_text(CLIENT)
    got = run_mpy(
        PROGRAM
        + textwrap.dedent("""
            tunnel = tunnels.remote(("127.0.0.1", 0), (HOST, P["echo"]))
            one = P["client"] + " " + str(tunnel.port) + " 100000 2>&1"
            out(output(tunnels, one))
            out(output(tunnels, one + " & " + one + " & " + one + "; wait"))
            out(tunnel.served)
            bad = tunnels.remote(("127.0.0.1", 0), (HOST, 1))
            two = P["client"] + " " + str(bad.port) + " 10 2>&1"
            out(b"cut" in output(tunnels, two) or bad.served)
            tunnels.close()
            out((tunnels.list, tunnels.links))
            session.close()
        """),
        echo=echo_port,
        client=f"python3 {client}",
        timeout=60,
        **sshd.params(),
    ).out
    assert got[:3] == [b"True\n", b"True\n" * 3, 4]
    assert got[3] and got[4] == ([], [])
