"""The algorithms of a Transport, and a look at its bytes."""

import _ssh

from ssh import util

# The kinds of lists of algorithms: as in SecurityOptions; in `_ssh.algorithms()`; as an argument
# of `_ssh.Session`; in paramiko's disabled_algorithms; weak ones that only some builds have.
LISTS = (
    ("kex", "kex", "kex", "kex", "diffie-hellman-group14-sha1"),
    ("key_types", "host_keys", "hostkeys", "keys", "ssh-rsa"),
    ("ciphers", "ciphers", "ciphers", "ciphers", "aes128-cbc aes256-cbc"),
    ("digests", "macs", "macs", "macs", ""),
)


class SecurityOptions:
    """The algorithms of a Transport, in order of preference; set them before it starts.

    ciphers, digests, key_types, kex, compression: tuples. ValueError for a name that is not known.
    """

    def __init__(self, transport):
        self._transport = transport

    def __repr__(self):
        return f"<ssh.SecurityOptions for {self._transport!r}>"

    def _set(self, name, value):
        if not isinstance(value, (tuple, list)):
            raise TypeError("expected tuple or list")
        for row in LISTS:
            if row[0] == name:
                known = list(_ssh.algorithms()[row[1]]) + row[4].split()
                for item in value:
                    if item not in known:
                        raise ValueError(f"unknown {name}: {item}")
        self._transport.preferred[name] = tuple(value)

    def _property(name):
        return property(
            lambda self: self._transport.preferred[name],
            lambda self, value: self._set(name, value),
        )

    ciphers = _property("ciphers")
    digests = _property("digests")
    key_types = _property("key_types")
    kex = _property("kex")

    @property
    def compression(self):
        """There is none."""
        return ("none",)

    @compression.setter
    def compression(self, value):
        """There is none. ValueError for a list without "none"."""
        if "none" not in value:
            raise ValueError("compression is not supported")


class Dump:
    """A socket whose bytes are logged."""

    def __init__(self, sock, transport):
        self.sock = sock
        self.transport = transport
        self.settimeout = sock.settimeout
        self.close = sock.close

    def _show(self, way, data):
        if self.transport.hexdump:
            for at in range(0, len(data), 16):
                self.transport._log(util.DEBUG, f"{way}: {at:04x}: {data[at : at + 16].hex(' ')}")

    def send(self, data):
        """As the socket."""
        sent = self.sock.send(data)
        self._show("OUT", bytes(data[:sent]))
        return sent

    def recv(self, size):
        """As the socket."""
        data = self.sock.recv(size)
        self._show("IN", data)
        return data
