"""The greeting of a SOCKS client: versions 4, 4a and 5 (RFC 1928), CONNECT without a login."""

# Which step of a greeting comes next.
_START, _REQUEST, _DONE = range(3)


class Refused(Exception):
    """A greeting that leads nowhere. reply: the bytes to answer before the end."""

    def __init__(self, reply=b""):
        super().__init__("not a SOCKS greeting that is served here")
        self.reply = reply


class Greeting:
    def __init__(self):
        self.data = b""
        self.version = 0
        self.step = _START

    def feed(self, data):
        """What the client has sent: (bytes to answer, target or None: more is to come).

        With the target (host, port) comes the end of the greeting: `data` then holds what the
        client has sent behind it. Raises Refused.
        """
        self.data += bytes(data)
        if self.step == _START:
            self.version = self.data[0]
            if self.version == 4:
                self.step = _REQUEST
            elif self.version != 5:
                raise Refused
            elif len(self.data) < 2 or len(self.data) < 2 + self.data[1]:
                return b"", None
            else:
                return self._methods()
        target = self._version4() if self.version == 4 else self._version5()
        return b"", target

    def _methods(self):
        count = 2 + self.data[1]
        methods, self.data = self.data[2:count], self.data[count:]
        if 0 not in methods:
            raise Refused(b"\x05\xff")  # RFC 1928 section 3: no acceptable methods
        self.step = _REQUEST
        return b"\x05\x00", self._version5() if self.data else None

    def _version4(self):
        """Version, command, port, address, user name and 0; 4a: a name and 0 behind it."""
        if len(self.data) < 9:
            return None
        end = self.data.find(b"\0", 8)
        if end < 0:
            return self._too_long()
        host = ".".join(str(b) for b in self.data[4:8])
        if self.data[4:7] == b"\0\0\0" and self.data[7]:
            name_end = self.data.find(b"\0", end + 1)
            if name_end < 0:
                return self._too_long()
            host = self._name(self.data[end + 1 : name_end])
            end = name_end
        if self.data[1] != 1:
            raise Refused(self.answer(7))
        port = self.data[2] << 8 | self.data[3]
        self.data = self.data[end + 1 :]
        return self._target(host, port)

    def _version5(self):
        """RFC 1928 section 4."""
        data = self.data
        if len(data) < 5:
            return None
        if data[0] != 5:
            raise Refused
        kind = data[3]
        if kind not in (1, 3, 4):
            raise Refused(self.answer(8))
        at = 5 if kind == 3 else 4
        size = data[4] if kind == 3 else 4 * kind
        if len(data) < at + size + 2:
            return None
        if data[1] != 1:
            raise Refused(self.answer(7))
        host = data[at : at + size]
        port = data[at + size] << 8 | data[at + size + 1]
        self.data = data[at + size + 2 :]
        if kind == 3:
            host = self._name(host)
        elif kind == 1:
            host = ".".join(str(b) for b in host)
        else:
            host = ":".join("%x" % (host[i] << 8 | host[i + 1]) for i in range(0, 16, 2))
        return self._target(host, port)

    def _name(self, name):
        if not name or any(not 32 < b < 127 for b in name):
            raise Refused(self.answer(1))
        return name.decode()

    def _target(self, host, port):
        if not port:
            raise Refused(self.answer(1))
        self.step = _DONE
        return host, port

    def _too_long(self):
        if len(self.data) > 600:
            raise Refused(self.answer(1))
        return None

    def answer(self, code):
        """The end of the greeting: 0 connected, else why not (RFC 1928 section 6)."""
        if self.version == 4:
            return bytes((0, 91 if code else 90, 0, 0, 0, 0, 0, 0))
        return bytes((5, code, 0, 1, 0, 0, 0, 0, 0, 0))
