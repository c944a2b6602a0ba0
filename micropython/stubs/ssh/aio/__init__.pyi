"""Types of `ssh.aio`. Reference: docs/aio.md."""

from ssh.aio.channel import Channel as Channel
from ssh.aio.connection import Connection as Connection
from ssh.aio.connection import connect as connect
