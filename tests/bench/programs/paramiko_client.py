"""The benchmarks' paramiko client: PORT USER KEYFILE HOSTKEY CIPHER MAC OPERATION REMOTE LOCAL"""

import base64
import sys
import time

import paramiko

port, user, keyfile, hostkey, cipher, mac, operation, remote, local = sys.argv[1:]


def do_exec(transport):
    channel = transport.open_session()
    channel.exec_command("cat " + remote)
    total = 0
    while True:
        data = channel.recv(65536)
        if not data:
            return total
        total += len(data)


def do_connect(transport):
    channel = transport.open_session()
    channel.exec_command("true")
    if channel.recv_exit_status() != 0:
        raise SystemExit("true has failed")
    return 0


def do_sftp_get(transport):
    with paramiko.SFTPClient.from_transport(transport) as sftp, open(local, "wb") as sink:
        return sftp.getfo(remote, sink)


def do_sftp_put(transport):
    with paramiko.SFTPClient.from_transport(transport) as sftp, open(local, "rb") as source:
        # confirm would compare the size of what is there now: nothing, for /dev/null.
        sftp.putfo(source, remote, confirm=False)
        return source.tell()


print("start", time.monotonic(), time.process_time(), flush=True)
transport = paramiko.Transport(("127.0.0.1", int(port)))
options = transport.get_security_options()
options.kex = ("curve25519-sha256@libssh.org",)
options.ciphers = (cipher,)
options.digests = (mac,)
transport.start_client()
if transport.get_remote_server_key().asbytes() != base64.b64decode(hostkey.split()[1]):
    raise SystemExit("another host key")
transport.auth_publickey(user, paramiko.Ed25519Key.from_private_key_file(keyfile))
print("done", globals()["do_" + operation](transport))
transport.close()
