"""paramiko server for tests: PORT HOSTKEY AUTHORIZED_KEYS PASSWORD.

Runs commands with the shell, has SFTP; SCP through the shell's scp; forwards TCP connections.
"""

import errno
import os
import signal
import socket
import subprocess
import sys
import threading

import paramiko
import paramiko_tunnels
from paramiko.common import MSG_CHANNEL_REQUEST, cMSG_CHANNEL_REQUEST

PORT, HOSTKEY, AUTHORIZED, PASSWORD = sys.argv[1:5]
with open(AUTHORIZED) as file:
    KEYS = [line.split()[1] for line in file if line.startswith(("ssh-", "ecdsa-"))]


def guarded(function):
    """What an OSError of function means in SFTP."""

    def wrapper(*args):
        try:
            result = function(*args)
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)
        return paramiko.SFTP_OK if result is None else result

    return wrapper


@guarded
def set_attributes(path, attributes):
    """As paramiko does, which empties a file before it sets a size."""
    if attributes.st_size is not None:
        os.truncate(path, attributes.st_size)
        attributes._flags &= ~attributes.FLAG_SIZE
    paramiko.SFTPServer.set_file_attr(path, attributes)


class Handle(paramiko.SFTPHandle):
    def __init__(self, path, descriptor, flags):
        super().__init__(flags)
        mode = {os.O_WRONLY: "wb", os.O_RDWR: "r+b"}.get(flags & os.O_ACCMODE, "rb")
        file = os.fdopen(descriptor, mode)
        self.readfile = self.writefile = file
        self.path = path

    def stat(self):
        return paramiko.SFTPAttributes.from_stat(os.fstat(self.readfile.fileno()))

    def chattr(self, attributes):
        return set_attributes(self.path, attributes)


class Files(paramiko.SFTPServerInterface):
    @guarded
    def list_folder(self, path):
        attributes = []
        for entry in os.scandir(path):
            attribute = paramiko.SFTPAttributes.from_stat(entry.stat(follow_symlinks=False))
            attribute.filename = entry.name
            attributes.append(attribute)
        return attributes

    @guarded
    def stat(self, path):
        return paramiko.SFTPAttributes.from_stat(os.stat(path))

    @guarded
    def lstat(self, path):
        return paramiko.SFTPAttributes.from_stat(os.lstat(path))

    @guarded
    def open(self, path, flags, attributes):
        mode = 0o666 if attributes.st_mode is None else attributes.st_mode
        return Handle(path, os.open(path, flags, mode), flags)

    @guarded
    def remove(self, path):
        os.remove(path)

    @guarded
    def rename(self, old, new):
        if os.path.exists(new):
            raise FileExistsError(errno.EEXIST, "File exists")
        os.rename(old, new)

    @guarded
    def posix_rename(self, old, new):
        os.rename(old, new)

    @guarded
    def mkdir(self, path, attributes):
        os.mkdir(path, 0o777 if attributes.st_mode is None else attributes.st_mode)

    @guarded
    def rmdir(self, path):
        os.rmdir(path)

    def chattr(self, path, attributes):
        return set_attributes(path, attributes)

    @guarded
    def symlink(self, target, path):
        os.symlink(target, path)

    @guarded
    def readlink(self, path):
        return os.readlink(path)

    def canonicalize(self, path):
        return os.path.realpath(path)


class Server(paramiko_tunnels.Tunnels, paramiko.ServerInterface):
    """The user "both" needs a key and then answers to questions."""

    has_key = False

    def get_allowed_auths(self, username):
        if username == "both":
            return "keyboard-interactive" if self.has_key else "publickey"
        return "password,publickey"

    def check_auth_interactive(self, username, submethods):
        if username != "both" or not self.has_key:
            return paramiko.AUTH_FAILED
        return paramiko.InteractiveQuery("Second", "", ("Code: ", True), ("Password: ", False))

    def check_auth_interactive_response(self, responses):
        good = responses == ["123456", PASSWORD]
        return paramiko.AUTH_SUCCESSFUL if good else paramiko.AUTH_FAILED

    def check_auth_password(self, username, password):
        return paramiko.AUTH_SUCCESSFUL if password == PASSWORD else paramiko.AUTH_FAILED

    def check_auth_publickey(self, username, key):
        good = key.get_base64() in KEYS
        if good and username == "both":
            self.has_key = True
            return paramiko.AUTH_PARTIALLY_SUCCESSFUL
        return paramiko.AUTH_SUCCESSFUL if good else paramiko.AUTH_FAILED

    def check_channel_request(self, kind, chanid):
        if kind == "session":
            return paramiko.OPEN_SUCCEEDED
        return paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_pty_request(self, *args):
        return True

    def check_channel_exec_request(self, channel, command):
        channel.command = command
        return True

    def check_channel_shell_request(self, channel):
        return self.check_channel_exec_request(channel, "exec sh")


def handle_request(channel, message):
    """Start a command when its request has been answered; its end must not come before."""
    paramiko.Channel._handle_request(channel, message)
    command = channel.__dict__.pop("command", None)
    if command is not None:
        threading.Thread(target=run, args=(channel, command), daemon=True).start()


paramiko.Transport._channel_handler_table[MSG_CHANNEL_REQUEST] = handle_request


def send_signal(channel, name):
    """exit-signal, which paramiko has no function for (RFC 4254 section 6.10)."""
    message = paramiko.Message()
    message.add_byte(cMSG_CHANNEL_REQUEST)
    message.add_int(channel.remote_chanid)
    message.add_string("exit-signal")
    message.add_boolean(False)
    message.add_string(name)
    message.add_boolean(False)
    message.add_string("")
    message.add_string("")
    channel.transport._send_user_message(message)


def copy(read, write, done):
    try:
        while data := read(32768):
            write(data)
    except OSError:
        pass
    finally:
        done()


def run(channel, command):
    child = subprocess.Popen(
        command,
        shell=True,
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    jobs = [
        threading.Thread(target=copy, args=job, daemon=True)
        for job in (
            (channel.recv, child.stdin.write, child.stdin.close),
            (child.stdout.read, channel.sendall, child.stdout.close),
            (child.stderr.read, channel.sendall_stderr, child.stderr.close),
        )
    ]
    for job in jobs:
        job.start()
    jobs[1].join()
    jobs[2].join()
    status = child.wait()
    if channel.closed:
        # paramiko would send the status after its CLOSE, against RFC 4254 section 5.3.
        return
    if status < 0:
        send_signal(channel, signal.Signals(-status).name[3:])
    else:
        channel.send_exit_status(status)
    channel.close()


def serve(connection, key):
    transport = paramiko.Transport(connection)
    transport.add_server_key(key)
    transport.set_subsystem_handler("sftp", paramiko.SFTPServer, Files)
    try:
        transport.start_server(server=Server(transport))
        transport.join()
    except (paramiko.SSHException, EOFError, OSError):
        pass
    finally:
        transport.close()


def main():
    key = paramiko.PKey.from_path(HOSTKEY)
    # For group exchange: the file that comes with OpenSSH.
    paramiko.Transport.load_server_moduli()
    with socket.create_server(("127.0.0.1", int(PORT)), backlog=128) as listener:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(connection, key), daemon=True).start()


main()
