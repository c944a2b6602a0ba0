"""What the tests of the SFTP client share."""

import textwrap

from harness.mpy import run_mpy

MPY_HEAD = """
import os
import ssh.sftp as paramiko
t = connect()
D = P["folder"]
L = P["local"]
def fails(function, *args, **more):
    try:
        function(*args, **more)
    except OSError as e:
        return e.args[0] if e.args[0] in (2, 13) else "OSError"
    except ValueError:
        return "ValueError"
    return None
sftp = paramiko.SFTPClient.from_transport(t)
"""


def mpy(snippet, server, folder, tmp_path):
    head = MPY_HEAD.replace(
        "import ssh.sftp as paramiko", "import os\nimport ssh.sftp as paramiko"
    )
    return run_mpy(
        head + textwrap.dedent(snippet),
        folder=str(folder),
        local=str(tmp_path),
        **server.params(),
    ).out
