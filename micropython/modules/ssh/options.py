"""Command lines of the programs: the options that people know from OpenSSH."""

import socket

from ssh import paths
from ssh.errors import Failure


def _yes_no(value):
    value = value.lower()
    if value in ("yes", "true"):
        return True
    if value in ("no", "false"):
        return False
    raise ValueError


def _number(value):
    value = int(value)
    if value < 0:
        raise ValueError
    return value


def _port(value):
    value = int(value)
    if not 0 < value < 65536:
        raise ValueError
    return value


def _text(value):
    return value


def _words(value):
    return value.split()


def _names(value):
    """A list of algorithms. OpenSSH's +, - and ^ are relative to a default that is not ours."""
    if value[:1] in "+-^":
        raise ValueError
    return value


def _checking(value):
    value = {"true": "yes", "false": "no", "off": "no"}.get(value.lower(), value.lower())
    if value not in ("yes", "no", "ask", "accept-new"):
        raise ValueError
    return value


def _family(value):
    value = value.lower()
    if value == "any":
        return 0
    if value == "inet":
        return socket.AF_INET
    if value == "inet6" and hasattr(socket, "AF_INET6"):
        return socket.AF_INET6
    raise ValueError


def _tty(value):
    value = value.lower()
    if value in ("no", "yes", "force", "auto"):
        return None if value == "auto" else value
    raise ValueError


def _escape(value):
    if value.lower() == "none":
        return None
    if len(value) == 2 and value[0] == "^":
        return chr(ord(value[1]) & 31)
    if len(value) != 1 or ord(value) > 127:
        raise ValueError
    return value


def _none(value):
    if value.lower() != "none":
        raise ValueError


def _only_no(value):
    if _yes_no(value):
        raise ValueError


def _setting(value):
    name, equals, text = value.partition("=")
    if not name or not equals:
        raise ValueError
    return name, text


# What -o takes: the name in small letters -> attribute of Options, what reads its value. An
# attribute that is a list gets one more item; an attribute None is for options that are accepted
# because they ask for what is done anyway.
_SETTINGS = {
    "addressfamily": ("family", _family),
    "batchmode": ("batch", _yes_no),
    "ciphers": ("ciphers", _names),
    "compression": (None, _only_no),
    "connecttimeout": ("connect_timeout", _number),
    "escapechar": ("escape", _escape),
    "forwardagent": (None, _only_no),
    "forwardx11": (None, _only_no),
    "globalknownhostsfile": ("global_known_hosts", _words),
    "hashknownhosts": (None, _only_no),
    "hostkeyalgorithms": ("host_keys", _names),
    "hostkeyalias": ("host_key_alias", _text),
    "hostname": ("host_name", _text),
    "identitiesonly": ("identities_only", _yes_no),
    "identityfile": ("identities", _text),
    "kbdinteractiveauthentication": ("keyboard_auth", _yes_no),
    "kexalgorithms": ("kex", _names),
    "loglevel": ("log_level", _text),
    "macs": ("macs", _names),
    "numberofpasswordprompts": ("password_prompts", _number),
    "passwordauthentication": ("password_auth", _yes_no),
    "port": ("port", _port),
    "proxycommand": (None, _none),
    "proxyjump": (None, _none),
    "pubkeyauthentication": ("public_key_auth", _yes_no),
    "requesttty": ("tty", _tty),
    "serveralivecountmax": ("alive_count", _number),
    "serveraliveinterval": ("alive_interval", _number),
    "setenv": ("environment", _setting),
    "stricthostkeychecking": ("checking", _checking),
    "updatehostkeys": (None, _only_no),
    "user": ("user", _text),
    "userknownhostsfile": ("known_hosts", _words),
}


class Options:
    def __init__(self, program):
        self.program = program
        self.host = None
        self.host_name = None
        self.host_key_alias = None
        self.port = None
        self.user = None
        self.identities = []
        self.identities_only = False
        self.public_key_auth = True
        self.password_auth = True
        self.keyboard_auth = True
        self.password_prompts = 3
        self.batch = False
        self.checking = "ask"
        self.known_hosts = None
        self.global_known_hosts = None
        self.connect_timeout = None
        self.alive_interval = 0
        self.alive_count = 3
        self.family = 0
        self.ciphers = self.macs = self.kex = self.host_keys = None
        self.environment = []
        self.escape = "~"
        self.tty = None
        self.log_level = None
        self.verbose = 0
        self.quiet = False
        self.flags = ""

    def set(self, text):
        """-o Name=value, or "Name value"."""
        at = min([i for i in (text.find("="), text.find(" ")) if i > 0] or [len(text)])
        name = text[:at].strip()
        value = text[at + 1 :].strip(" =\t").strip('"')
        if name.lower() not in _SETTINGS:
            raise Failure(f"the option {name} is not supported")
        attribute, read = _SETTINGS[name.lower()]
        try:
            if not value:
                raise ValueError
            self._store(attribute, read(value))
        except ValueError:
            raise Failure(f"not supported as a value of the option {name}: {value or 'nothing'}")
        if self.log_level:
            self.quiet = self.log_level.upper() == "QUIET"
            self.verbose = max(self.verbose, int(self.log_level.upper().startswith("DEBUG")))
            self.log_level = None

    def _store(self, attribute, value):
        if attribute is None:
            return
        old = getattr(self, attribute)
        if isinstance(old, list) and not isinstance(value, list):
            old.append(value)
        else:
            setattr(self, attribute, value)

    def target(self, text):
        """[user@]host or ssh://[user@]host[:port]."""
        if text.startswith("ssh://"):
            text = text[6:].rstrip("/")
            user, at, host = text.rpartition("@")
            host, port = _host_port(host)
            if port:
                self.port = self.port or _checked_port(port)
        else:
            user, at, host = text.rpartition("@")
        if at:
            self.user = user
        self.host = check_host(host.strip("[]"))

    def remote(self, text):
        """The path of [user@]host:path or sftp://[user@]host[:port]/path; the rest is target."""
        for scheme in ("sftp://", "scp://"):
            if text.startswith(scheme):
                host, _, path = text[len(scheme) :].partition("/")
                self.target("ssh://" + host)
                return path
        colon = colon_of(text)
        if colon <= 0:
            raise Failure(f"not of the form [user@]host:path: {text}")
        self.target(text[:colon])
        path = text[colon + 1 :]
        return path[2:] or "." if path[:2] == "~/" else path

    def user_name(self):
        if self.user:
            return self.user
        for name in ("USER", "LOGNAME", "USERNAME"):
            if paths.getenv(name):
                return paths.getenv(name)
        raise Failure(f"which user? say user@{self.host}, or -l user")


def colon_of(text):
    """Where the path of host:path begins, past an address in [...]; -1 if nowhere."""
    return text.find(":", text.find("]") + 1 if "[" in text.split(":")[0] else 0)


def _host_port(text):
    """Apart at the last colon that is not inside [...]."""
    host, colon, port = text.rpartition(":")
    if not colon or "]" in port:
        return text, None
    return host, port


def _checked_port(text):
    try:
        return _port(text)
    except ValueError:
        raise Failure(f"not a port: {text}")


def check_host(host):
    """A host's name goes into known-hosts lines and messages: nothing may hide in it."""
    if not host or host[0] == "-" or any(not 32 < ord(c) < 127 or c in ",*?!|@" for c in host):
        raise Failure(f"not the name of a host: {host!r}")
    return host


# Options with a letter: attribute and what reads the value.
_LETTERS = {"l": ("user", _text), "i": ("identities", _text), "e": ("escape", _escape)}


def _take(options, letter, value):
    if letter in "pP":
        options.port = _checked_port(value)
    elif letter == "o":
        options.set(value)
    elif letter == "c":
        options.ciphers = value
    elif letter == "m":
        options.macs = value
    else:
        attribute, read = _LETTERS[letter]
        try:
            options._store(attribute, read(value))
        except ValueError:
            raise Failure(f"not a value for -{letter}: {value}")


def parse(program, args, flags, valued, usage, stop=False):
    """(Options, operands). flags: letters without a value, collected in Options.flags; valued:
    those with one. stop: what follows the host is a command, which has options of its own.
    """
    options = Options(program)
    operands = []
    args = list(args)
    while args:
        arg = args.pop(0)
        if arg == "--":
            operands += args
            break
        if arg == "-" or not arg.startswith("-"):
            operands.append(arg)
            if stop and len(operands) > 1:
                operands += args
                break
            continue
        letters = arg[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            if letter in flags:
                options.flags += letter
            elif letter in valued:
                if not letters and not args:
                    raise Failure(f"-{letter} needs a value\n{usage}")
                _take(options, letter, letters or args.pop(0))
                break
            else:
                raise Failure(f"no option -{letter} here\n{usage}")
    options.verbose = max(options.verbose, options.flags.count("v"))
    options.quiet = options.quiet or "q" in options.flags
    if "4" in options.flags:
        options.family = socket.AF_INET
    if "B" in options.flags:
        options.batch = True
    return options, operands
