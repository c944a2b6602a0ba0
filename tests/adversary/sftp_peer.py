"""SFTP version 3 and SCP over an in-memory tree, for the scripted peer.

Sftp.answers maps a request type to a function(sftp, request id, Reader) that gives the whole
reply (or None for silence); a subclass or a test puts wrong ones there.
"""

from types import MappingProxyType

import sshwire as w

INIT, VERSION, OPEN, CLOSE, READ, WRITE, LSTAT, FSTAT, SETSTAT, FSETSTAT, OPENDIR, READDIR = range(
    1, 13
)
REMOVE, MKDIR, RMDIR, REALPATH, STAT, RENAME, READLINK, SYMLINK = range(13, 21)
STATUS, HANDLE, DATA, NAME, ATTRS, EXTENDED, EXTENDED_REPLY = 101, 102, 103, 104, 105, 200, 201
OK, EOF, NO_SUCH_FILE, PERMISSION_DENIED, FAILURE = range(5)
UNSUPPORTED = 8
FILE, FOLDER = 0o100644, 0o040755


def status(request, code, text=b"", language=b""):
    return w.byte(STATUS) + w.u32(request) + w.u32(code) + w.string(text) + w.string(language)


def attrs(mode=FILE, size=0):
    """Flags SIZE, UIDGID, PERMISSIONS, ACMODTIME."""
    return w.u32(0xF) + w.u64(size) + w.u32(1000) * 2 + w.u32(mode) + w.u32(1700000000) * 2


def name(request, entries):
    """entries: (name, longname, encoded attributes)."""
    rows = b"".join(w.string(a) + w.string(b) + c for a, b, c in entries)
    return w.byte(NAME) + w.u32(request) + w.u32(len(entries)) + rows


def data(request, content):
    return w.byte(DATA) + w.u32(request) + w.string(content)


class Sftp:
    answers = MappingProxyType({})
    extensions = ((b"posix-rename@openssh.com", b"1"), (b"limits@openssh.com", b"1"))

    def __init__(self, chan):
        self.chan, self.handles, self.requests, self.busy = chan, {}, [], False
        self.files = {
            b"/hello": b"hello\n",
            b"/mid": bytes(5000),
            b"/big": bytes(range(256)) * 1024,
        }
        self.folders = {b"/", b"/dir"}
        chan.sftp, chan.on_data = self, self.feed
        chan.peer.sftp = self

    def packet(self, payload):
        self.chan.write(w.string(payload))

    def feed(self):
        """Takes every whole packet out of the channel's inbox."""
        if self.busy:  # called while an answer waits for window: its turn comes after that
            return
        self.busy = True
        self.feed_all()
        self.busy = False

    def feed_all(self):
        while len(self.chan.inbox) >= 4:
            length = w.Reader(self.chan.inbox).u32()
            if length > 300_000:
                raise ValueError(f"SFTP packet of {length} bytes")
            if len(self.chan.inbox) < 4 + length:
                return
            packet = self.chan.inbox[4 : 4 + length]
            self.chan.inbox = self.chan.inbox[4 + length :]
            self.handle(packet)

    def handle(self, packet):
        r = w.Reader(packet)
        kind = r.byte()
        request = r.u32()
        self.requests.append((kind, request))
        special = self.answers.get(kind)
        reply = special(self, request, r) if special else self.answer(kind, request, r)
        if reply is not None:
            self.packet(reply)

    def answer(self, kind, request, r):
        if kind == INIT:
            pairs = b"".join(w.string(a) + w.string(b) for a, b in self.extensions)
            return w.byte(VERSION) + w.u32(3) + pairs
        if kind in (CLOSE, READ, WRITE, FSTAT, READDIR, FSETSTAT):
            return self.by_handle(kind, request, r)
        if kind == EXTENDED:
            return self.extended(request, r)
        path = self.norm(r.string())
        if kind == OPEN:
            return self.open(path, request, r)
        if kind in (STAT, LSTAT, OPENDIR, SETSTAT, REMOVE, RMDIR, RENAME) and not self.has(path):
            return status(request, NO_SUCH_FILE, b"No such file")
        if kind in (STAT, LSTAT):
            return w.byte(ATTRS) + w.u32(request) + self.attrs(path)
        if kind == OPENDIR:
            return self.handle_for([path, self.entries(path)], request)
        if kind == REALPATH:
            return name(request, [(path, path, w.u32(0))])
        if kind == READLINK:
            return name(request, [(b"/hello", b"/hello", w.u32(0))])
        return self.change(kind, path, request, r)

    def norm(self, path):
        return b"/" if path in (b".", b"", b"/") else b"/" + path.strip(b"/")

    def has(self, path):
        return path in self.files or path in self.folders

    def attrs(self, path):
        return attrs(FILE, len(self.files[path])) if path in self.files else attrs(FOLDER)

    def entries(self, path):
        base = path.rstrip(b"/") + b"/"
        found = [
            p[len(base) :]
            for p in sorted({*self.files, *self.folders} - {b"/"})
            if p.startswith(base) and b"/" not in p[len(base) :]
        ]
        return [(n, b"-rw-r--r-- " + n, self.attrs(base + n)) for n in found]

    def open(self, path, request, r):
        flags = r.u32()
        if flags & 0x20 and path in self.files:
            return status(request, FAILURE, b"File exists")
        if flags & 0x10 or (flags & 0x8 and path not in self.files):
            self.files[path] = b""
        if path not in self.files:
            return status(request, NO_SUCH_FILE, b"No such file")
        return self.handle_for([path, None], request)

    def handle_for(self, value, request):
        handle = b"h%d" % len(self.handles)
        self.handles[handle] = value
        return w.byte(HANDLE) + w.u32(request) + w.string(handle)

    def by_handle(self, kind, request, r):
        handle = r.string()
        if handle not in self.handles:
            raise ValueError(f"unknown handle {handle!r}")
        path, listing = self.handles[handle]
        if kind == CLOSE:
            del self.handles[handle]
        elif kind == READ:
            offset, length = r.u64(), r.u32()
            part = self.files[path][offset : offset + min(length, 32768)]
            return data(request, part) if part else status(request, EOF, b"End of file")
        elif kind == WRITE:
            offset, part = r.u64(), r.string()
            old = self.files[path]
            self.files[path] = old[:offset].ljust(offset, b"\0") + part + old[offset + len(part) :]
        elif kind == FSTAT:
            return w.byte(ATTRS) + w.u32(request) + self.attrs(path)
        elif kind == READDIR:
            if not listing:
                return status(request, EOF, b"End of file")
            self.handles[handle][1] = []
            return name(request, listing)
        return status(request, OK)

    def change(self, kind, path, request, r):
        if kind == REMOVE:
            del self.files[path]
        elif kind == MKDIR:
            self.folders.add(path)
        elif kind == RMDIR:
            self.folders.remove(path)
        elif kind == RENAME:
            self.files[self.norm(r.string())] = self.files.pop(path)
        return status(request, OK)

    def extended(self, request, r):
        verb = r.string()
        if verb == b"limits@openssh.com":
            return (
                w.byte(EXTENDED_REPLY)
                + w.u32(request)
                + w.u64(262144)
                + w.u64(32768) * 2
                + w.u64(0)
            )
        if verb == b"posix-rename@openssh.com":
            return self.change(RENAME, self.norm(r.string()), request, r)
        return status(request, UNSUPPORTED, b"Operation unsupported")


def scp(chan, command):
    """`scp -f path` sends `hello`, `scp -t path` takes one file into peer.scp_got."""
    if b"-f" in command.split():
        script = getattr(chan.peer, "scp_script", None) or [b"C0644 6 hello\n", b"hello\n\0"]
        chan.read(1)
        for part in script:
            chan.write(part)
            chan.read(1)
        return
    chan.write(b"\0")
    line = b""
    while not line.endswith(b"\n"):
        got = chan.read(1)
        if not got:
            return
        line += got
    chan.write(b"\0")
    chan.peer.scp_got = (line, chan.read(int(line.split()[1])), chan.read(1))
    chan.write(b"\0")
