"""The files of ssh_config(5)."""

import binascii
import os

from ssh import paths, settings
from ssh.errors import Failure, why
from ssh.known_hosts import match

# Files that include files that include files... (as in OpenSSH).
_DEPTH = 16

# What may stand after % in each attribute (ssh_config(5), TOKENS). Those marked ${ may name
# variables of the environment.
_ALL = "%CdhijkLlnpru"
_TOKENS = {
    "certificates": _ALL,
    "identities": _ALL,
    "identity_agent": _ALL,
    "forward_agent": _ALL,
    "known_hosts": _ALL,
    "revoked_host_keys": _ALL,
    "remote_command": _ALL,
    "proxy_command": "%hnpr",
    "proxy_jump": "%hnpr",
}
_WITH_VARIABLES = (
    "certificates",
    "identities",
    "identity_agent",
    "forward_agent",
    "known_hosts",
)
_WITH_HOME = _WITH_VARIABLES + ("revoked_host_keys",)


# ---------------------------------------------------------------- what is known of this machine


def _first_line(path):
    try:
        with open(path) as file:
            return file.readline().strip()
    except OSError:
        return ""


def _own_id():
    """Number of the user who runs this; None where that means nothing."""
    try:
        return os.stat("/proc/self")[4]
    except OSError:
        return None


def local_user():
    uid = _own_id()
    try:
        with open("/etc/passwd") as file:
            for line in file:
                fields = line.split(":")
                if uid is not None and len(fields) > 3 and fields[2] == str(uid):
                    return fields[0]
    except OSError:
        pass
    return paths.user()


def local_host():
    return (
        _first_line("/proc/sys/kernel/hostname")
        or _first_line("/etc/hostname")
        or paths.getenv("HOSTNAME")
        or "localhost"
    )


def home():
    return paths.getenv("HOME") or "/"


# ---------------------------------------------------------------- tokens


class Tokens:
    """What the letters after % stand for, for one connection."""

    def __init__(self, options):
        self.options = options

    def value(self, letter):
        options = self.options
        if letter == "%":
            return "%"
        if letter == "h":
            return options.host_name or options.host
        if letter == "n":
            return options.host
        if letter == "k":
            return options.host_key_alias or options.host
        if letter == "p":
            return str(options.port or 22)
        if letter == "r":
            return options.user or local_user()
        if letter == "j":
            return options.proxy_jump or ""
        if letter == "u":
            return local_user()
        if letter == "d":
            return home()
        if letter == "i":
            return str(_own_id() or 0)
        if letter == "l":
            return local_host()
        if letter == "L":
            return local_host().split(".")[0]
        from ssh import sha1

        text = "".join([self.value(c) for c in "lhprj"])
        return binascii.hexlify(sha1.sha1(text.encode())).decode()

    def expand(self, text, letters, what, shell=False):
        """text with each %x replaced. shell: it is a command, and names are not to be more."""
        parts = text.split("%")
        found = parts.pop(0)
        while parts:
            part = parts.pop(0)
            letter = part[:1]
            if not part and parts:
                letter, part = "%", "%" + parts.pop(0)
            if not letter or letter not in letters:
                raise Failure(f"{what}: %{letter} means nothing here: {text}")
            value = self.value(letter)
            if shell and letter in "hnkr":
                _check_word(value, what)
            found += value + part[1:]
        return found


def _check_word(value, what):
    """Names of hosts and users may come from elsewhere (CVE-2023-51385)."""
    if value[:1] == "-" or any(not 32 < ord(c) < 127 or c in "'`\"$\\;&<>|(){}" for c in value):
        raise Failure(f"{what}: not put into a command: {value!r}")


def variables(text, what):
    """text with each ${NAME} replaced by the variable of the environment."""
    while "${" in text:
        before, _, rest = text.partition("${")
        name, closed, after = rest.partition("}")
        value = paths.getenv(name) if closed and name else None
        if value is None:
            raise Failure(f"{what}: the environment has no variable {name}: {text}")
        # A value is not looked at again.
        return before + value + variables(after, what)
    return text


# ---------------------------------------------------------------- reading


def _glob(pattern):
    """Paths that a pattern with * and ? in any part stands for, sorted."""
    if not any(c in pattern for c in "*?"):
        return [pattern] if paths.exists(pattern) else []
    folder, name = paths.split(pattern)
    bare = folder.rstrip("/\\") or folder
    found = []
    for parent in _glob(bare) if bare else [""]:
        try:
            names = sorted(os.listdir(parent or "."))
        except OSError:
            continue
        for each in names:
            if match(each, name) and (name[:1] == "." or each[:1] != "."):
                path = paths.join(parent, each)
                if paths.exists(path):
                    found.append(path)
    return found


def match_list(text, patterns):
    """Whether a pattern matches, and none that is negated (ssh_config(5), PATTERNS)."""
    found = False
    for pattern in patterns:
        if pattern[:1] == "!":
            if match(text, pattern[1:]):
                return False
        elif match(text, pattern):
            found = True
    return found


class _Reader:
    """One pass over the files, for one host."""

    def __init__(self, options, host, final=False):
        self.options = options
        self.host = host  # what Host lines speak of
        self.final = final
        self.wants_final = False

    def file(self, path, folder, active=True, depth=0, safe=False):
        """Read a file. folder: where relative names of Include lines are. safe: nobody else may
        be able to write to it.
        """
        if depth > _DEPTH:
            raise Failure(f"{path}: too many files include each other")
        if paths.is_dir(path):
            raise Failure(f"cannot read {path}: it is a folder")
        if safe:
            _check_owner(path)
        allowed = active
        number = 0
        try:
            with open(path, "rb") as file:
                for raw in file:
                    number += 1
                    where = f"{path} line {number}"
                    name, rest = settings.keyword(_text(raw, where))
                    if not name or name[0] == "#":
                        continue
                    if name in ("host", "match"):
                        active = self.block(name, rest, where, allowed)
                    elif name == "include":
                        self.include(rest, folder, where, active, depth, safe)
                    else:
                        settings.apply(self.options, name, rest, where, active)
        except OSError as e:
            raise Failure(f"cannot read {path}: {why(e)}")

    def include(self, rest, folder, where, active, depth, safe):
        found = _split(rest, where)
        if not found:
            raise Failure(f"{where}: include needs a value")
        for name in found:
            name = paths.expand(variables(name, where))
            if name[:1] not in "/\\" and name[1:2] != ":":
                name = paths.join(folder, name)
            for path in _glob(name):
                if paths.is_dir(path):
                    continue  # as OpenSSH, for a pattern that also finds folders
                self.file(path, folder, active, depth + 1, safe)

    def block(self, name, rest, where, allowed):
        """Whether the lines after Host or Match count."""
        found = _split(rest, where)
        if not found:
            raise Failure(f"{where}: {name} needs a value")
        if name == "host":
            return match_list(self.host, found) and allowed
        return self.matches(found, where, allowed)

    def matches(self, found, where, result):
        found = _criteria(found)
        count = 0
        while found:
            word = found.pop(0)
            name = word.lower().lstrip("!")
            if name == "all":
                # Alone, or after one other condition (OpenSSH: after canonical or final).
                if found or count > 1:
                    raise Failure(f"{where}: Match all cannot be combined with other conditions")
                return result and word[0] != "!"
            count += 1
            if name in ("final", "canonical"):
                # There is no canonicalization; its second pass is also that of "final".
                self.wants_final = self.wants_final or name == "final"
                good = self.final
            else:
                if not found:
                    raise Failure(f"{where}: Match {name} needs a value")
                good = self.condition(name, found.pop(0), where, result)
            result = result and good == (word[0] != "!")
        return result

    def condition(self, name, value, where, result):
        options = self.options
        tokens = Tokens(options)
        if name == "exec":
            if not hasattr(os, "system") or paths.DOS:
                raise Failure(f"{where}: Match exec is not possible on this system")
            # Not run when it cannot change the result any more.
            return result and os.system(tokens.expand(value, _ALL, where, True)) == 0
        patterns = value.split(",")
        if name == "host":
            host = self.host
            if options.host_name and not self.final:
                host = tokens_of_host(options, where)
            return match_list(host.lower(), value.lower().split(","))
        if name == "originalhost":
            return match_list(options.host.lower(), value.lower().split(","))
        if name == "user":
            return match_list(options.user or local_user(), patterns)
        if name == "localuser":
            return match_list(local_user(), patterns)
        if name == "tagged":
            return match_list(options.tag or "", patterns)
        raise Failure(f"{where}: Match {name} is not supported")


def _criteria(found):
    """Match host=a is the same as Match host a."""
    split = []
    for word in found:
        name, equals, value = word.partition("=")
        known = name.lower().lstrip("!") in ("host", "originalhost", "user", "localuser", "tagged")
        split += [name, value] if equals and known and value else [word]
    return split


def _text(raw, where):
    try:
        return str(raw, "utf-8")
    except UnicodeError:
        raise Failure(f"{where}: this is no text (UTF-8)")


def _split(rest, where):
    try:
        return settings.words(rest)
    except Failure as e:
        raise Failure(f"{where}: {e.text}")


def _check_owner(path):
    """A file that others can write to would let them say where we connect, and by what command."""
    uid = _own_id()
    if uid is None or paths.DOS:
        return
    state = os.stat(path)
    if state[4] not in (0, uid) or state[0] & 0o22:
        raise Failure(f"{path}: others can write to it (chmod go-w), so it is not used")


def files(options):
    """(path, folder of its Include lines, whether it has to be there, whose it has to be)."""
    user = paths.folder()
    if options.config_file:
        if options.config_file.lower() == "none":
            return []
        return [(paths.expand(options.config_file), user, True, False)]
    found = [(paths.config(), user, False, True)]
    if paths.global_config():
        found.append((paths.global_config(), "/etc/ssh", False, False))
    return found


def _pass(options, host, final):
    reader = _Reader(options, host, final)
    for path, folder, needed, safe in files(options):
        if needed or paths.exists(path):
            reader.file(path, folder, safe=safe)
    return reader.wants_final


def tokens_of_host(options, what="HostName"):
    """HostName may say %h for the name that was asked for."""
    name = options.host_name
    if not name:
        return options.host.lower()
    parts = name.split("%%")
    if any("%" in part.replace("%h", "") for part in parts):
        raise Failure(f"{what}: only %h and %% mean something in a HostName: {name}")
    return "%".join([part.replace("%h", options.host) for part in parts]).lower()


def fill(options):
    """What the command line has left open, and the tokens."""
    from ssh.options import check_host

    wants_final = _pass(options, options.host, False)
    options.host_name = tokens_of_host(options)
    options.given.add("host_name")
    if wants_final:
        _pass(options, options.host_name, True)
    check_host(options.host_name)
    tokens = Tokens(options)
    for attribute in _TOKENS:
        value = getattr(options, attribute)
        if isinstance(value, list):
            setattr(options, attribute, [_whole(tokens, attribute, item) for item in value])
        elif isinstance(value, str):
            setattr(options, attribute, _whole(tokens, attribute, value))
    _settle(options, tokens)


def _whole(tokens, attribute, text):
    """Tokens, variables and ~ of a value."""
    if attribute in _WITH_HOME:
        text = paths.expand(text)
    text = tokens.expand(text, _TOKENS[attribute], attribute, attribute == "proxy_command")
    if attribute in _WITH_VARIABLES:
        text = variables(text, attribute)
    return text


def _settle(options, tokens):
    """What follows from several values."""
    if "none" in [name.lower() for name in options.identities]:
        options.identities = []
        options.default_keys = False
    if options.clear_all_forwardings:
        for name in ("local_forwards", "remote_forwards", "dynamic_forwards"):
            setattr(options, name, [])
    for name in ("local_forwards", "remote_forwards"):
        # Only paths of sockets have tokens (ssh_config(5)).
        whole = [
            variables(tokens.expand(text, _ALL, name), name) if "/" in text else text
            for text in getattr(options, name)
        ]
        setattr(options, name, whole)
    for flag, wanted in (
        ("N", options.session_type == "none"),
        ("s", options.session_type == "subsystem"),
        ("n", options.stdin_null),
        ("f", options.fork),
    ):
        if wanted and flag not in options.flags:
            options.flags += flag
    for name in ("identity_agent", "forward_agent"):
        value = getattr(options, name)
        if value == "SSH_AUTH_SOCK" or (isinstance(value, str) and value[:1] == "$"):
            setattr(options, name, paths.getenv(value.lstrip("$")) or "none")
    sent = _sent(options.send_env)
    names = [name for name, _ in options.environment]
    options.environment = [v for v in sent if v[0] not in names] + options.environment


def _sent(patterns):
    """The variables of the environment that SendEnv names."""
    found = []
    known = None
    for pattern in patterns:
        if "*" not in pattern and "?" not in pattern:
            names = [pattern]
        else:
            if known is None:
                known = _names_of_environment()
            names = [name for name in known if match(name, pattern)]
        for name in names:
            value = paths.getenv(name)
            if value is not None and name not in [n for n, _ in found]:
                found.append((name, value))
    return found


def _names_of_environment():
    # MicroPython asks for variables by name only.
    try:
        with open("/proc/self/environ", "rb") as file:
            items = file.read().split(b"\0")
        return [str(item.split(b"=")[0], "utf-8") for item in items if b"=" in item]
    except (OSError, UnicodeError):
        return []
