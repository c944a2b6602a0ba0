"""Known-hosts files with paramiko's names: HostKeys, HostKeyEntry.

The programs and `ssh.connect` use `ssh.known_hosts`, which knows patterns and authorities too.
"""

import binascii

from ssh import known_hosts
from ssh.errors import SSHException


class InvalidHostKey(Exception):
    """A line whose key is no base64: attributes `line` and `exc`."""

    def __init__(self, line, exc):
        super().__init__(line, exc)
        self.line = line
        self.exc = exc


class HostKeyEntry:
    """A line: its names, and its key (a PKey)."""

    def __init__(self, hostnames=None, key=None):
        self.valid = hostnames is not None and key is not None
        self.hostnames = hostnames
        self.key = key

    @classmethod
    def from_line(cls, line, lineno=None):
        """The entry of a line, None if it has too few fields or a type that is not known.

        A line with a marker is no entry. InvalidHostKey when the key is no base64.
        """
        fields = line.replace("\t", " ").split(" ")
        if len(fields) < 3:
            return None
        try:
            blob = binascii.a2b_base64(fields[2])
        except ValueError as e:
            raise InvalidHostKey(line, e)
        from ssh import keys

        try:
            return cls(fields[0].split(","), keys.PKey.from_type_string(fields[1], blob))
        except (SSHException, ValueError):
            return None

    def to_line(self):
        """The line, with its end; None if there is no key."""
        if not self.valid:
            return None
        key = self.key
        return f"{','.join(self.hostnames)} {key.get_name()} {key.get_base64()}\n"

    def __repr__(self):
        return f"<HostKeyEntry {self.hostnames!r}: {self.key!r}>"


class _Line(HostKeyEntry):
    """A line that is no entry: a comment, a marker, something that is not understood."""

    def __init__(self, text):
        super().__init__([], None)
        self.text = text

    def to_line(self):
        return self.text + "\n"


class _Mapping:
    """What paramiko's classes have from MutableMapping. They also have keys() and lookups."""

    def __iter__(self):
        return iter(self.keys())

    def __len__(self):
        return len(self.keys())

    def __contains__(self, key):
        try:
            self[key]
        except KeyError:
            return False
        return True

    def get(self, key, default=None):
        try:
            return self[key]
        except KeyError:
            return default

    def values(self):
        return [self[key] for key in self.keys()]

    def items(self):
        return [(key, self[key]) for key in self.keys()]

    def pop(self, key, *default):
        if default and key not in self:
            return default[0]
        value = self[key]
        del self[key]
        return value

    def setdefault(self, key, default=None):
        if key not in self:
            self[key] = default
        return self[key]

    def update(self, other):
        for key in other.keys():
            self[key] = other[key]


class _Keys(_Mapping):
    """The keys of one host: type -> PKey. Changes go to the HostKeys."""

    def __init__(self, hostname, entries, hostkeys):
        self._hostname = hostname
        self._entries = entries
        self._hostkeys = hostkeys

    def _entry(self, kind):
        for entry in self._entries:
            if entry.key is not None and entry.key.get_name() == kind:
                return entry
        raise KeyError(kind)

    def __getitem__(self, kind):
        return self._entry(kind).key

    def __setitem__(self, kind, key):
        try:
            self._entry(kind).key = key
        except KeyError:
            entry = HostKeyEntry([self._hostname], key)
            self._entries.append(entry)
            self._hostkeys._entries.append(entry)

    def __delitem__(self, kind):
        self._entries.remove(self._entry(kind))

    def keys(self):
        """The types of its keys."""
        return [entry.key.get_name() for entry in self._entries if entry.key is not None]


class HostKeys(_Mapping):
    """Known-hosts files as a mapping: host -> (type of key -> PKey), as paramiko has it.

    Names are compared as they are (`host`, or `[host]:port`), or by their hash; patterns mean
    nothing here. Beyond paramiko: a key that a `@revoked` line names is never given, and save()
    writes the lines that are no entries too.
    """

    def __init__(self, filename=None):
        self._entries = []
        self._revoked = []
        if filename is not None:
            self.load(filename)

    def add(self, hostname, keytype, key):
        """A key of a host, in the place of one of the same type."""
        for entry in self._entries:
            if hostname in entry.hostnames and entry.key and entry.key.get_name() == keytype:
                entry.key = key
                return
        self._entries.append(HostKeyEntry([hostname], key))

    def load(self, filename):
        """Add the entries of a file to those that are here. OSError if it cannot be read."""
        others = [entry.text for entry in self._entries if isinstance(entry, _Line)]
        with open(filename) as file:
            number = 0
            for line in file:
                number += 1
                line = line.strip()
                if line and line[0] not in "#@":
                    entry = HostKeyEntry.from_line(line, number)
                    if entry is not None:
                        names = [n for n in entry.hostnames if not self.check(n, entry.key)]
                        if names:
                            entry.hostnames = names
                            self._entries.append(entry)
                        continue
                self._revoke(line)
                if line not in others:
                    self._entries.append(_Line(line))

    def _revoke(self, line):
        found = known_hosts.fields(line.encode())
        if found and found[0] == "@revoked":
            key = known_hosts.public_key(found[2])
            if key:
                self._revoked.append((found[1], key[1]))

    def is_revoked(self, hostname, key):
        """Whether a `@revoked` line takes this key from the host. (Not in paramiko.)"""
        blob = key.asbytes()
        name = hostname.lower()
        return any(b == blob and known_hosts.match_hosts(name, h) for h, b in self._revoked)

    def save(self, filename):
        """Write everything to a file, in the order in which it came."""
        with open(filename, "w") as file:
            for entry in self._entries:
                line = entry.to_line()
                if line:
                    file.write(line)

    def lookup(self, hostname):
        """The keys of a host: a mapping of type -> PKey, None if there are none."""
        found = [
            entry
            for entry in self._entries
            if self._hostname_matches(hostname, entry)
            and not (entry.key and self._revoked and self.is_revoked(hostname, entry.key))
        ]
        return _Keys(hostname, found, self) if found else None

    def _hostname_matches(self, hostname, entry):
        for name in entry.hostnames:
            if name == hostname:
                return True
            if name.startswith("|1|") and not hostname.startswith("|1|"):
                if known_hosts.match_hosts(hostname, name):
                    return True
        return False

    def check(self, hostname, key):
        """Whether the host is known by this key."""
        keys = self.lookup(hostname)
        known = keys.get(key.get_name()) if keys else None
        return known is not None and known.asbytes() == key.asbytes()

    def clear(self):
        """Forget everything."""
        self._entries = []
        self._revoked = []

    def __getitem__(self, hostname):
        keys = self.lookup(hostname)
        if keys is None:
            raise KeyError(hostname)
        return keys

    def __setitem__(self, hostname, keys):
        if not len(keys):
            self._entries.append(HostKeyEntry([hostname], None))
        for kind in keys.keys():
            self.add(hostname, kind, keys[kind])

    def __delitem__(self, hostname):
        for entry in self._entries:
            if self._hostname_matches(hostname, entry):
                self._entries.remove(entry)
                return
        raise KeyError(hostname)

    def keys(self):
        """All names, hashed ones as they are."""
        found = []
        for entry in self._entries:
            found += [name for name in entry.hostnames if name not in found]
        return found

    @staticmethod
    def hash_host(hostname, salt=None):
        """The name as it stands in a hashed file. salt: base64, or a hashed name that has it."""
        if salt is not None:
            salt = binascii.a2b_base64(salt.split("|")[2] if salt.startswith("|1|") else salt)
            if len(salt) != 20:
                raise ValueError("a salt has 20 bytes")
        return known_hosts.hashed_name(hostname, salt)
