"""paramiko's Message: the fields of an SSH message, one after another (RFC 4251 section 5)."""


class Message:
    """Write with add_...(), or read the bytes that it was made with by get_...()."""

    def __init__(self, content=b""):
        self.data = bytearray(content)
        self.at = 0

    def asbytes(self):
        """All of it."""
        return bytes(self.data)

    def __repr__(self):
        return f"ssh.Message({bytes(self.data)!r})"

    # ------------------------------------------------------------ reading

    def rewind(self):
        """Read from the start again."""
        self.at = 0

    def get_remainder(self):
        """What has not been read yet."""
        return bytes(self.data[self.at :])

    def get_so_far(self):
        """What has been read."""
        return bytes(self.data[: self.at])

    def get_bytes(self, n):
        """n bytes; what is missing is zero, as paramiko has it."""
        found = bytes(self.data[self.at : self.at + n])
        self.at += len(found)
        return found + bytes(n - len(found)) if len(found) < n < 1 << 20 else found

    def get_byte(self):
        """One byte, as bytes."""
        return self.get_bytes(1)

    def get_boolean(self):
        """One byte: False for 0."""
        return self.get_bytes(1) != b"\0"

    def get_int(self):
        """An unsigned int of four bytes."""
        return int.from_bytes(self.get_bytes(4), "big")

    def get_int64(self):
        """An unsigned int of eight bytes."""
        return int.from_bytes(self.get_bytes(8), "big")

    def get_mpint(self):
        """An int of any size, with its sign."""
        data = self.get_binary()
        value = int.from_bytes(data, "big")
        return value - (1 << 8 * len(data)) if data and data[0] & 0x80 else value

    def get_adaptive_int(self):
        """An int of four bytes, or after a byte FF an mpint."""
        first = self.get_bytes(1)
        if first == b"\xff":
            return self.get_mpint()
        return int.from_bytes(first + self.get_bytes(3), "big")

    def get_string(self):
        """A string, as bytes."""
        return self.get_bytes(self.get_int())

    get_binary = get_string

    def get_text(self):
        """A string, as str. UnicodeError if it is no UTF-8."""
        return self.get_string().decode()

    def get_list(self):
        """A list of names, of a string with commas."""
        return self.get_text().split(",")

    # ------------------------------------------------------------ writing

    def add_bytes(self, b):
        """Bytes as they are."""
        self.data.extend(b)
        return self

    add_byte = add_bytes

    def add_boolean(self, b):
        """A byte 1 or 0."""
        return self.add_bytes(b"\1" if b else b"\0")

    def add_int(self, n):
        """An unsigned int of four bytes."""
        return self.add_bytes(n.to_bytes(4, "big"))

    def add_int64(self, n):
        """An unsigned int of eight bytes."""
        return self.add_bytes(n.to_bytes(8, "big"))

    def add_mpint(self, n):
        """An int of any size, with its sign."""
        size = 1
        while not -(1 << 8 * size - 1) <= n < 1 << 8 * size - 1:
            size += 1
        return self.add_string((n & (1 << 8 * size) - 1).to_bytes(size, "big") if n else b"")

    def add_adaptive_int(self, n):
        """As get_adaptive_int() reads it."""
        if n >= 0xFF000000:
            return self.add_byte(b"\xff").add_mpint(n)
        return self.add_int(n)

    def add_string(self, s):
        """Bytes or str, with the length before it."""
        if isinstance(s, str):
            s = s.encode()
        return self.add_int(len(s)).add_bytes(s)

    def add_list(self, items):
        """Names as a string with commas."""
        return self.add_string(",".join(items))

    def add(self, *seq):
        """Each by its type: str and bytes, bool, int (adaptive), list of names."""
        for item in seq:
            if isinstance(item, (str, bytes, bytearray)):
                self.add_string(item)
            elif item is True or item is False:
                self.add_boolean(item)
            elif isinstance(item, int):
                self.add_adaptive_int(item)
            elif isinstance(item, list):
                self.add_list(item)
            else:
                raise TypeError(f"Unknown type: {type(item)}")
