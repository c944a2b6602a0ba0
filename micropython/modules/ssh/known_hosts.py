"""Known-hosts files in OpenSSH's format (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).

Lines that are not understood are passed over: they never make a host known. So are lines of
@cert-authority, whose certificates are not supported.
"""

import binascii

from ssh import paths
from ssh.errors import why

OK = "ok"
NEW = "new"
CHANGED = "changed"
REVOKED = "revoked"

# A line this long is no entry of ours; the memory for reading stays bounded.
_LINE_MAX = 16384


class Entry:
    """A line that speaks of the host: its key, and where it stands."""

    def __init__(self, marker, kind, blob, file, line):
        self.marker = marker
        self.kind = kind
        self.blob = blob
        self.file = file
        self.line = line


def host_name(host, port=22):
    """The name of a host in such files."""
    host = host.lower()
    return host if port == 22 else f"[{host}]:{port}"


def match(name, pattern):
    """Whether name is matched by a pattern with * and ?."""
    star = back = -1
    n = p = 0
    while n < len(name):
        if p < len(pattern) and pattern[p] == "*":
            star, back = p, n
            p += 1
        elif p < len(pattern) and pattern[p] in ("?", name[n]):
            n += 1
            p += 1
        elif star >= 0:
            back += 1
            n, p = back, star + 1
        else:
            return False
    while p < len(pattern) and pattern[p] == "*":
        p += 1
    return p == len(pattern)


def _match_hashed(name, hashed):
    from ssh import sha1

    try:
        _, version, salt, digest = hashed.split("|")
        if version != "1":
            return False
        return sha1.hmac(binascii.a2b_base64(salt), name.encode()) == binascii.a2b_base64(digest)
    except ValueError:
        return False


def match_hosts(name, hosts):
    """Whether the first field of a line means this host: patterns with commas, or one hash."""
    if hosts.startswith("|"):
        return _match_hashed(name, hosts)
    found = False
    for pattern in hosts.lower().split(","):
        if pattern.startswith("!"):
            if match(name, pattern[1:]):
                return False
        elif pattern and match(name, pattern):
            found = True
    return found


def key_type(blob):
    """The name of the key's type, as the key itself says it; "" if it does not."""
    n = int.from_bytes(blob[:4], "big")
    if len(blob) < 4 or not 0 < n <= len(blob) - 4:
        return ""
    return bytes(blob[4 : 4 + n]).decode()


def _lines(path):
    """(number, line) of a text file, read in pieces; too long ones are left out."""
    number = 0
    rest = b""
    skipping = False
    with open(path, "rb") as file:
        while piece := file.read(1024):
            lines = (rest + piece).split(b"\n")
            rest = lines.pop()
            for line in lines:
                number += 1
                if not skipping:
                    yield number, line
                skipping = False
            if len(rest) > _LINE_MAX:
                rest, skipping = b"", True
    if rest and not skipping:
        yield number + 1, rest


def _ends_well(path):
    """Whether a line can be appended as it is: the last one is ended, or there is none."""
    with open(path, "rb") as file:
        if not file.seek(0, 2):
            return True
        file.seek(-1, 2)
        return file.read(1) == b"\n"


def _parse(name, file, number, line):
    """The Entry of a line, None if it does not speak of the host."""
    try:
        fields = str(line, "utf-8").split()
    except UnicodeError:
        return None
    marker = ""
    if fields and fields[0].startswith("@"):
        marker = fields.pop(0)
        if marker != "@revoked":
            return None
    if len(fields) < 3 or fields[0].startswith("#") or not match_hosts(name, fields[0]):
        return None
    try:
        blob = binascii.a2b_base64(fields[2])
        if key_type(blob) != fields[1]:
            return None
    except ValueError:
        return None
    return Entry(marker, fields[1], blob, file, number)


class KnownHosts:
    """What the files know about one host."""

    def __init__(self, host, port=22, files=None, global_files=None):
        self.name = host_name(host, port)
        self.files = [paths.known_hosts()] if files is None else files
        if global_files is None:
            global_files = paths.global_known_hosts()
        self.entries = []
        for file in list(self.files) + list(global_files):
            self._load(file)

    def _load(self, file):
        if not paths.exists(file):
            return
        try:
            for number, line in _lines(file):
                entry = _parse(self.name, file, number, line)
                if entry:
                    self.entries.append(entry)
        except OSError as e:
            # Who cannot see whom to trust does not go on: the line that revokes may be in there.
            raise OSError(e.args[0], f"cannot read {file}: {why(e)}")

    def prefer(self, kinds):
        """Algorithms in the order to ask the server for: those of known keys come first."""
        types = [e.kind for e in self.entries if not e.marker]
        # RSA keys have algorithms of other names.
        known = [k for k in kinds if ("ssh-rsa" if k.startswith("rsa-sha2-") else k) in types]
        return known + [k for k in kinds if k not in known]

    def check(self, blob):
        """(OK, NEW, CHANGED or REVOKED; the entry that says so, or None).

        A host that is known by keys of other types only is no new host: CHANGED.
        """
        known = None
        other = None
        for entry in self.entries:
            same = entry.blob == blob
            if entry.marker:
                if same:
                    return REVOKED, entry
            elif same:
                known = known or entry
            elif other is None or (other.kind != key_type(blob) and entry.kind == key_type(blob)):
                other = entry
        if known:
            return OK, known
        return (CHANGED, other) if other else (NEW, None)

    def trusts(self, blob, kind, fingerprint):
        """The decision for `_ssh.Session(hostkey=...)` without anybody to ask: known or not."""
        return self.check(blob)[0] == OK

    def add(self, blob):
        """Append the host's key to the user's first file."""
        file = self.files[0]
        paths.make_folder(file)
        line = f"{self.name} {key_type(blob)} {binascii.b2a_base64(blob).decode().strip()}\n"
        if paths.exists(file) and not _ends_well(file):
            line = "\n" + line
        with open(file, "ab") as out:
            out.write(line.encode())
