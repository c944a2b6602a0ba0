"""The commands of the interactive sftp, which are those of sftp(1)."""

import os

from ssh import errors, glob, paths, terminal, transfer
from ssh.dialogue import connect, say
from ssh.errors import Failure, why
from ssh.listing import columns, df_lines, entry_line, in_order, owners
from ssh.options import colon_of
from ssh.transfer import base_name, remote_join

_TYPE, _DIR = 0o170000, 0o040000

# Name: method, letters of its options, fewest and most operands, what it does.
_COMMANDS = {
    "bye": ("quit", "", 0, 0, ""),
    "cd": ("cd", "", 0, 1, "[path]: go to another folder on the server"),
    "chgrp": ("chgrp", "h", 2, 2, "[-h] number path: the group of files"),
    "chmod": ("chmod", "h", 2, 2, "[-h] octal path: the mode of files"),
    "chown": ("chown", "h", 2, 2, "[-h] number path: the owner of files"),
    "copy": ("copy", "", 2, 2, ""),
    "cp": ("copy", "", 2, 2, "old new: copy a file on the server"),
    "df": ("df", "hi", 0, 1, "[-hi] [path]: room on the server's disk"),
    "dir": ("ls", "1afhlnrSt", 0, 1, ""),
    "exit": ("quit", "", 0, 0, ""),
    "get": ("get", "afpRr", 1, 2, "[-afpR] remote [local]: fetch files"),
    "help": ("help", "", 0, 9, "this list (also ?)"),
    "lcd": ("lcd", "", 0, 1, "[path]: go to another folder here"),
    "lls": ("lls", "", 0, 99, "[-options] [path]: list a folder here"),
    "lmkdir": ("lmkdir", "", 1, 1, "path: make a folder here"),
    "ln": ("ln", "s", 2, 2, "[-s] old new: a second name for a file, or a link"),
    "lpwd": ("lpwd", "", 0, 0, "the folder here"),
    "ls": ("ls", "1afhlnrSt", 0, 1, "[-1afhlnrSt] [path]: list a folder on the server"),
    "lumask": ("lumask", "", 1, 1, "octal: the mask of files that are made here"),
    "mget": ("get", "afpRr", 1, 2, ""),
    "mkdir": ("mkdir", "p", 1, 1, "[-p] path: make a folder on the server"),
    "mput": ("put", "afpRr", 1, 2, ""),
    "progress": ("progress", "", 0, 0, "show the progress of transfers, or stop that"),
    "put": ("put", "afpRr", 1, 2, "[-afpR] local [remote]: send files"),
    "pwd": ("pwd", "", 0, 0, "the folder on the server"),
    "quit": ("quit", "", 0, 0, "end (also exit, bye)"),
    "reget": ("reget", "fpRr", 1, 2, "[-fpR] remote [local]: go on with a get"),
    "rename": ("rename", "", 2, 2, "old new: rename on the server"),
    "reput": ("reput", "fpRr", 1, 2, "[-fpR] local [remote]: go on with a put"),
    "rm": ("rm", "", 1, 1, "path: delete files on the server"),
    "rmdir": ("rmdir", "", 1, 1, "path: delete a folder on the server"),
    "symlink": ("symlink", "", 2, 2, "old new: a link on the server"),
    "version": ("version", "", 0, 0, "of the SFTP protocol"),
    "!": ("shell", "", 0, 0, "[command]: a command here, or a shell"),
}


def split(line):
    """Words of a line. What is quoted keeps its blanks, and its *, ? and [ mean themselves."""
    words = []
    word = None
    quote = ""
    at = 0
    while at < len(line):
        c = line[at]
        at += 1
        if c == "\\" and paths.DOS:
            word = (word or "") + "\\\\"
        elif c == "\\" and at < len(line) and quote != "'":
            c = line[at]
            at += 1
            word = (word or "") + glob.escape(c)
        elif quote:
            if c == quote:
                quote = ""
            else:
                word += glob.escape(c)
        elif c in "\"'":
            quote = c
            word = word or ""
        elif c in " \t\r\n":
            if word is not None:
                words.append(word)
            word = None
        else:
            word = (word or "") + c
    if quote:
        raise Failure(f"a {quote} is missing at the end", 1)
    return words if word is None else words + [word]


class Shell:
    """One SFTP session, where it stands here and there, and what it is told."""

    def __init__(self, opts, session):
        self.opts = opts
        self.session = session
        self.sftp = session.sftp()
        self.home = self.cwd = self.sftp.realpath(".")
        self.quiet = opts.quiet
        self.meter = not opts.quiet
        self.limit = opts.own.get("l")
        self.flags = ""
        self.users = {}  # names of numbers, as far as the server has told them
        self.groups = {}

    # ------------------------------------------------------------ lines

    def run(self, line):
        """Do what a line says. False: it was the last one. Failure: it could not be done."""
        line = line.strip(" \t\r\n@")
        if not line or line[0] == "#":
            return True
        if line[0] == "!":
            return self.shell(line[1:])
        name, _, rest = line.replace("\t", " ").partition(" ")
        if name.lower() == "lls":
            return self.lls(rest)
        words = split(line)
        name = words.pop(0).lower()
        method, flags, least, most, _ = _COMMANDS.get("help" if name == "?" else name, [None] * 5)
        if method is None:
            raise Failure(f"{errors.printable(name)}: no such command (help lists them)", 1)
        self.flags = ""
        while words and words[0][:1] == "-" and len(words[0]) > 1:
            word = words.pop(0)
            if word == "--":
                break
            self.flags += word[1:]
        for letter in self.flags:
            if letter not in flags:
                raise Failure(f"{name} has no option -{letter}", 1)
        if not least <= len(words) <= most:
            raise Failure(f"{name}: {'more' if len(words) < least else 'fewer'} operands", 1)
        about = name + " ".join([""] + [glob.unescape(word) for word in words])
        with transfer.about(self.session, about):
            return getattr(self, method)(*words) is not False

    def tell(self, text):
        if not self.quiet:
            print(text)

    def at(self, word):
        """The path on the server of a word that is no pattern."""
        return self.absolute(glob.unescape(word))

    def absolute(self, path):
        if path == "~" or path[:2] == "~/":
            return remote_join(self.home, path[2:]) if path[2:] else self.home
        return path if path[:1] == "/" else remote_join(self.cwd, path)

    def find(self, word, copier=None):
        """The paths on the server that a word means. Failure if none is there."""
        copier = copier or self.copier()
        pattern = word if word[:1] in "/~" else glob.escape(self.cwd).rstrip("/") + "/" + word
        return copier.expand(self.absolute(pattern))

    def shown(self, path, word):
        """As it was asked for: from where we stand, or from the root."""
        folder = self.cwd if self.cwd[-1] == "/" else self.cwd + "/"
        if word[:1] not in "/~" and path.startswith(folder) and path != folder:
            path = path[len(folder) :]
        return self.plain(path)

    def finished(self, copier):
        if copier.failed:
            raise Failure("", 1)

    # ------------------------------------------------------------ folders

    def pwd(self):
        print(f"Remote working directory: {errors.printable(self.cwd)}")

    def cd(self, word=None):
        path = self.sftp.realpath(self.home if word is None else self.at(word))
        if self.sftp.stat(path)[0] & _TYPE != _DIR:
            raise Failure(f"{errors.printable(path)}: not a folder", 1)
        self.cwd = path

    def mkdir(self, word):
        path = self.at(word)
        if "p" not in self.flags:
            self.sftp.mkdir(path, 0o777)
            return
        done = ""
        for part in path.split("/")[1:]:
            done += "/" + part
            if part and not transfer.is_remote_dir(self.sftp, done):
                self.sftp.mkdir(done, 0o777)

    def rmdir(self, word):
        self.sftp.rmdir(self.at(word))

    def ls(self, word=None):
        found = [self.cwd] if word is None else self.find(word)
        if len(found) == 1 and self.sftp.stat(found[0])[0] & _TYPE == _DIR:
            prefix = "" if word is None or found[0] == self.cwd else found[0].rstrip("/") + "/"
            entries = [
                (self.shown(prefix + _text(name), word) if prefix else self.plain(name), attrs)
                for name, attrs in self.listing(found[0])
                if "a" in self.flags or name[0] not in (".", 46)
            ]
        else:
            entries = [(self.shown(path, word), self.sftp.lstat(path)) for path in found]
            if "l" in self.flags and "n" not in self.flags:
                self.listing(found[0].rpartition("/")[0] or "/")
        entries = in_order(entries, self.flags)
        if "l" in self.flags or "n" in self.flags:
            for name, attrs in entries:
                names = () if "n" in self.flags else self.owners(attrs)
                print(entry_line(name, attrs, "h" in self.flags, *names))
        elif "1" in self.flags:
            for name, _ in entries:
                print(name)
        else:
            width = terminal.size()[0] if terminal.isatty(1) else 80
            for line in columns([name for name, _ in entries], width):
                print(line)

    def listing(self, folder):
        """(name, attrs) of all in a folder. Its lines tell who has which number."""
        found = []
        with self.sftp.opendir(folder) as entries:
            while True:
                item = entries.read(True)
                if item is None:
                    return found
                found.append(item[:2])
                user, group = owners(item[2])
                if user:
                    self.users[item[1][4]] = self.plain(user)
                    self.groups[item[1][5]] = self.plain(group)

    def owners(self, attrs):
        return self.users.get(attrs[4]), self.groups.get(attrs[5])

    def plain(self, name):
        name = _text(name)
        return errors.printable(name) if terminal.isatty(1) else name

    def df(self, word="."):
        info = self.sftp.statvfs(self.at(word))
        for line in df_lines(info, "h" in self.flags, "i" in self.flags):
            print(line)

    # ------------------------------------------------------------ transfers

    def copier(self):
        flags = self.flags + self.opts.flags
        copier = transfer.Transfer(
            "sftp", self.session, self.sftp, not self.meter, "R" in flags or "r" in flags,
            "p" in flags,
        )  # fmt: skip
        copier.resume = "a" in flags
        copier.sync = "f" in flags
        copier.links = False
        copier.limit = self.limit
        copier.tell = print
        return copier

    def get(self, word, local=None):
        copier = self.copier()
        found = self.find(word, copier)
        local = "." if local is None else glob.unescape(local)
        if len(found) > 1 and not paths.is_dir(local):
            raise Failure(f"{local}: several files need a folder", 1)
        for path in found:
            target = transfer.local_name(path, local)
            if local == ".":
                target = base_name(path)
            self.tell(f"Fetching {errors.printable(path)} to {target}")
            copier.get(path, target)
        self.finished(copier)

    def put(self, word, remote=None):
        copier = self.copier()
        found = glob.local(word)
        if not found:
            raise Failure(f"{glob.unescape(word)}: no such file or directory", 1)
        target = self.cwd if remote is None else self.at(remote)
        into = remote is None or transfer.is_remote_dir(self.sftp, target)
        if len(found) > 1 and not into:
            raise Failure(f"{errors.printable(target)}: several files need a folder", 1)
        for local in found:
            name = paths.split(local.rstrip("/"))[1]
            path = remote_join(target, name) if into else target
            self.tell(f"Uploading {local} to {errors.printable(path)}")
            copier.put(local, path)
        self.finished(copier)

    def reget(self, word, local=None):
        self.flags += "a"
        self.get(word, local)

    def reput(self, word, remote=None):
        self.flags += "a"
        self.put(word, remote)

    def progress(self):
        self.meter = not self.meter
        print("Progress meter " + ("enabled" if self.meter else "disabled"))

    # ------------------------------------------------------------ names

    def each(self, word, text, change):
        """Change all files that a word means."""
        failed = False
        for path in self.find(word):
            self.tell(f"{text} {errors.printable(path)}")
            try:
                change(path)
            except OSError as e:
                if transfer.is_lost(self.session, e):
                    raise
                say(f"sftp: {errors.printable(path)}: {why(e)}")
                failed = True
        if failed:
            raise Failure("", 1)

    def rm(self, word):
        self.each(word, "Removing", self.sftp.unlink)

    def set(self, word, text, **values):
        follow = "h" not in self.flags

        def change(path):
            if "uid" in values or "gid" in values:
                attrs = self.sftp.stat(path) if follow else self.sftp.lstat(path)
                values.setdefault("uid", attrs[4])
                values.setdefault("gid", attrs[5])
            self.sftp.setstat(path, follow=follow, **values)

        self.each(word, text, change)

    def chmod(self, mode, word):
        self.set(word, "Changing mode on", mode=_integer(mode, 8) & 0o7777)

    def chown(self, owner, word):
        self.set(word, "Changing owner on", uid=_integer(owner, 10))

    def chgrp(self, group, word):
        self.set(word, "Changing group on", gid=_integer(group, 10))

    def rename(self, old, new):
        if "posix-rename@openssh.com" in self.sftp.extensions:
            self.sftp.posix_rename(self.at(old), self.at(new))
        else:
            self.sftp.rename(self.at(old), self.at(new))

    def ln(self, old, new):
        if "s" in self.flags:
            self.symlink(old, new)
        else:
            self.sftp.hardlink(self.at(old), self.at(new))

    def symlink(self, old, new):
        self.sftp.symlink(glob.unescape(old), self.at(new))

    def copy(self, old, new):
        if "copy-data" not in self.sftp.extensions:
            raise Failure("this server does not copy files (copy-data)", 1)
        mode = self.sftp.stat(self.at(old))[0] & 0o777
        with self.sftp.open(self.at(old)) as source:
            with self.sftp.open(self.at(new), "w", perm=mode) as target:
                source.copy_data(target)

    # ------------------------------------------------------------ here

    def lpwd(self):
        print(f"Local working directory: {os.getcwd()}")

    def lcd(self, word=None):
        path = paths.getenv("HOME") or "/" if word is None else glob.unescape(word)
        with _here(path):
            os.chdir(path)

    def lmkdir(self, word):
        path = glob.unescape(word)
        with _here(path):
            os.mkdir(path)

    def lls(self, rest):
        if hasattr(os, "system") and not paths.DOS:
            return self.shell("ls " + rest)
        words = [word for word in split(rest) if word[:1] != "-"]
        with _here(words[0] if words else "."):
            for line in columns(sorted(os.listdir(words[0] if words else ".")), 80):
                print(line)
        return True

    def lumask(self, mask):
        import _ssh

        mask = _integer(mask, 8)
        if not hasattr(_ssh, "unix"):
            raise Failure("there is no such mask here", 1)
        _ssh.unix.umask(mask & 0o777)
        print(f"Local umask: {mask:03o}")

    def shell(self, command):
        if not hasattr(os, "system"):
            raise Failure("there is no shell here", 1)
        status = os.system(command.strip() or paths.getenv("SHELL") or "sh")
        if status:
            raise Failure(f"the local shell ended with status {status >> 8 or status}", 1)
        return True

    # ------------------------------------------------------------ the rest

    def version(self):
        print("SFTP protocol version 3")

    def quit(self):
        return False

    def help(self, *words):
        for name in sorted(_COMMANDS):
            text = _COMMANDS[name][4]
            if text:
                usage, _, what = text.rpartition(": ")
                print(f"{(name + ' ' + usage):34} {what}")


# ---------------------------------------------------------------- a session


def run(opts, target, local=None):
    """Connect, and do what a person, a file, or the command line says: the exit status."""
    batch = opts.own.get("b")
    lines = None
    if batch is not None:
        opts.put("batch", True)
        lines = terminal.stdin() if batch == "-" else _opened(batch)
        opts.quiet = opts.quiet or "N" not in opts.flags
    elif not terminal.isatty(0):
        lines = terminal.stdin()
    if "://" in target or colon_of(target) > 0:
        path = opts.remote(target)
    else:
        path = ""
        opts.target(target)
    if local is not None and not path:
        raise Failure(f"{target}: what is to be done there? (sftp without arguments tells)", 2)
    with connect(opts) as conn:
        try:
            shell = _started(opts, conn.session)
            if not opts.quiet:
                say(f"Connected to {opts.host}.")
            if path and not _begin(shell, path, local):
                return 0
        except Failure as e:
            return _said(e)
        return _loop(shell, lines, batch is not None)


def _started(opts, session):
    try:
        return Shell(opts, session)
    except OSError as e:
        raise Failure(f"no SFTP on {opts.host}: {why(e)}")


def _opened(name):
    try:
        return open(name, "rb")
    except OSError as e:
        raise Failure(f"{name}: {why(e)}")


def _begin(shell, path, local):
    """Go to the folder of the command line, or fetch the file: False, it is done."""
    path = shell.absolute(path)
    with transfer.about(shell.session, path):
        if local is None and transfer.is_remote_dir(shell.sftp, path):
            shell.tell(f"Changing to: {errors.printable(path)}")
            shell.cwd = shell.sftp.realpath(path)
            return True
        shell.get(path, local and glob.escape(local))
    return False


def _said(failure):
    if failure.text:
        say(f"sftp: {failure.text}")
    return failure.status


def _loop(shell, lines, batch):
    """The status of the session; what fails ends a batch only."""
    line = None
    while True:
        try:
            line = None
            line = terminal.read_line("sftp> ") if lines is None else _line(lines)
            if line is None:
                if lines is None:
                    print()
                return 0
            if not shell.run(line.lstrip()[1:] if _may_fail(line) else line):
                return 0
        except Failure as e:
            status = _said(e)
            if shell.session.closed or status == 255:
                return 255
            if batch and not _may_fail(line):
                return 1
        except KeyboardInterrupt:
            if lines is not None:
                raise
            print("\ninterrupted" if line else "")


def _line(lines):
    line = lines.readline()
    if not line:
        return None
    line = terminal.text_of(line).rstrip("\r\n")
    print("sftp> " + line)
    return line


def _may_fail(line):
    return line.lstrip()[:1] == "-"


class _here:
    """Errors of this machine, not of the server."""

    def __init__(self, path):
        self.path = path

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if isinstance(error, OSError):
            raise Failure(f"{self.path}: {why(error)}", 1)


def _text(name):
    return name if isinstance(name, str) else errors.printable(name)


def _integer(text, base):
    try:
        value = int(text, base)
        if value < 0:
            raise ValueError
        return value
    except ValueError:
        raise Failure(f"not a number: {errors.printable(text)}", 1)
