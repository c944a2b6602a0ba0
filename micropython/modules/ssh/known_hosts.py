"""Known-hosts files in OpenSSH's format (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).

Lines that are not understood are passed over: they never make a host known.
"""

import binascii
import errno
import hashlib
import os

from ssh import paths
from ssh.errors import key_type, why

OK = "ok"
NEW = "new"
CHANGED = "changed"
REVOKED = "revoked"

# Markers of lines.
_REVOKED = "@revoked"
_AUTHORITY = "@cert-authority"

_ENOTDIR = 20

# A line this long is no entry of ours; the memory for reading stays bounded.
_LINE_MAX = 16384


class Entry:
    """A line that speaks of the host: its key, and where it stands."""

    def __init__(self, marker, hosts, kind, blob, file, line):
        self.marker = marker
        self.hosts = hosts
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


def hashed_name(name, salt=None):
    """|1|salt|hash: the name of a host that a reader of the file does not learn."""
    from ssh import sha1

    salt = salt or os.urandom(20)
    parts = [
        binascii.b2a_base64(part).decode().strip()
        for part in (salt, sha1.hmac(salt, name.encode()))
    ]
    return "|1|" + "|".join(parts)


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


def fingerprint_of(blob):
    """SHA256:..., also of keys that are damaged or of a type that this build has not."""
    digest = hashlib.sha256(blob).digest()
    return "SHA256:" + binascii.b2a_base64(digest).decode().strip().rstrip("=")


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


def _ending(path):
    """What has to be written before a new line, and after it: as the last line of the file is."""
    try:
        with open(path, "rb") as file:
            size = file.seek(0, 2)
            file.seek(-min(size, 2), 1)
            last = file.read(2)
    except OSError as e:
        if e.args[0] != errno.ENOENT:
            raise
        return b"", b"\n"
    if last[-1:] in (b"", b"\n"):
        return b"", b"\r\n" if last == b"\r\n" else b"\n"
    return b"\n", b"\n"


def fields(line):
    """(marker, hosts, what follows them) of a line (bytes); None: no entry, or not understood."""
    try:
        text = str(line, "utf-8").strip()
    except UnicodeError:
        return None
    if not text or text[0] == "#":
        return None
    marker = ""
    if text[0] == "@":
        marker, _, text = text.replace("\t", " ").partition(" ")
        if marker not in (_REVOKED, _AUTHORITY):
            return None
        text = text.lstrip()
    found = text.split(None, 1)
    # What is too short to be a key makes no entry (as for OpenSSH).
    return (marker, found[0], found[1]) if len(found) == 2 and len(found[1]) >= 8 else None


def public_key(text):
    """(type, blob) of "type base64 comment"; None if it is no key."""
    found = text.split()
    if len(found) < 2:
        return None
    try:
        blob = binascii.a2b_base64(found[1])
        return (found[0], blob) if key_type(blob) == found[0] else None
    except ValueError:
        return None


def _types():
    """Types of host keys that this build can check."""
    import _ssh

    return types_of(_ssh.algorithms()["host_keys"])


def types_of(algorithms):
    """The types of keys that algorithms are for: those of RSA have other names."""
    return ["ssh-rsa" if name.startswith("rsa-sha2-") else name for name in algorithms]


class KnownHosts:
    """What the files know about one host.

    files: of the user; the first one gets new lines. revoked: a file of keys that no host may
    have (RevokedHostKeys of ssh_config(5)).
    """

    ca_types = None  # types of keys that an authority may have; None: all

    def __init__(self, host, port=22, files=None, global_files=None, revoked=None):
        self.host = host.lower()
        self.name = host_name(host, port)
        if files is None:
            # The second one is of old times (ssh_config(5), UserKnownHostsFile).
            files = [paths.known_hosts()]
            files += [] if paths.DOS else [files[0] + "2"]
        self.files = files
        if global_files is None:
            global_files = paths.global_known_hosts()
        self.entries = []
        for file in list(self.files) + list(global_files):
            self._load(file)
        if revoked:
            self._load_revoked(revoked)

    def _load(self, file):
        try:
            for number, line in _lines(file):
                found = fields(line)
                if not found or not match_hosts(self.name, found[1]):
                    continue
                key = public_key(found[2])
                if key:
                    entry = Entry(found[0], found[1], key[0], key[1], file, number)
                    self.entries.append(entry)
        except OSError as e:
            if e.args[0] not in (errno.ENOENT, _ENOTDIR):
                # Who cannot see whom to trust does not go on: the line that revokes may be there.
                raise OSError(e.args[0], f"cannot read {file}: {why(e)}")

    def _load_revoked(self, file):
        try:
            for number, line in _lines(file):
                if number == 1 and line[:6] == b"SSHKRL":
                    raise OSError(errno.EINVAL, "a binary list (KRL) is not supported, a text is")
                key = public_key(str(line, "utf-8"))
                if key:
                    self.entries.append(Entry(_REVOKED, "*", key[0], key[1], file, number))
        except (OSError, UnicodeError) as e:
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
                if same and entry.marker == _REVOKED:
                    return REVOKED, entry
            elif same:
                known = known or entry
            elif other is None or (other.kind != key_type(blob) and entry.kind == key_type(blob)):
                other = entry
        if known:
            return OK, known
        return (CHANGED, other) if other else (NEW, None)

    def authorities(self):
        """Keys of the authorities whose certificates prove this host."""
        revoked = [e.blob for e in self.entries if e.marker == _REVOKED]
        found = [e for e in self.entries if e.marker == _AUTHORITY and e.blob not in revoked]
        return [e.blob for e in found if self.ca_types is None or e.kind in self.ca_types]

    def revokes(self, fingerprint):
        """The entry that revokes the key of this fingerprint, or None."""
        for entry in self.entries:
            if entry.marker == _REVOKED and fingerprint_of(entry.blob) == fingerprint:
                return entry
        return None

    def line(self, blob, hashed=False):
        """The line (bytes, without an end) that makes the host known by a key."""
        name = hashed_name(self.name) if hashed else self.name
        return f"{name} {key_type(blob)} {binascii.b2a_base64(blob).decode().strip()}".encode()

    def add(self, blob, hashed=False):
        """Append the host's key to the user's first file."""
        file = self.files[0]
        paths.make_folder(file)
        before, after = _ending(file)
        with open(file, "ab") as out:
            out.write(before + self.line(blob, hashed) + after)

    def update(self, keys, hashed=False):
        """Take over the keys that the host has proved to own: (added, removed) as lists of blobs.

        The user's first file is changed, if it has the host by its own name only: what was
        written for several hosts is left alone (as by UpdateHostKeys of OpenSSH).
        """
        if len(keys) < 2:
            return [], []  # the server has said nothing about others
        mine = [e for e in self.entries if not e.marker]
        own = [e for e in mine if e.file == self.files[:1][0]] if self.files else []
        if not own or any(e.hosts[:1] != "|" and e.hosts.lower() != self.name for e in mine):
            return [], []
        known = [e.blob for e in mine]
        revoked = [e.blob for e in self.entries if e.marker == _REVOKED]
        added = [key for key in keys if key not in known and key not in revoked]
        # Of a type that this build has not, the server was not asked for a proof.
        types = _types()
        gone = [e for e in own if e.blob not in keys and e.kind in types]
        if gone:
            from ssh import hosts_file

            hosts_file.drop(self.files[0], [e.line for e in gone])
            self.entries = [e for e in self.entries if e not in gone]
        for key in added:
            self.add(key, hashed)
        return added, [e.blob for e in gone]
