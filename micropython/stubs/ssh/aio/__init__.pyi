"""SSH under asyncio: any number of connections, channels and files in one loop."""

from . import channel as channel
from . import connection as connection
from . import forward as forward
from . import sftp as sftp
from .channel import Channel as Channel
from .connection import Connection as Connection
from .connection import connect as connect

__all__ = ("Channel", "Connection", "connect")
