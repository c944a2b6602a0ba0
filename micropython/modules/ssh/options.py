"""Command lines of the programs: the options that people know from OpenSSH."""

import socket

import _ssh

from ssh import settings
from ssh.errors import Failure
from ssh.known_hosts import match


class Options:
    """What a command line and the configuration files ask for. Lists of forwards have texts in
    the form of -L, -R and -D.
    """

    def __init__(self, program):
        self.program = program
        self.finished = False
        self.given = set()  # attributes that have been set: the first value counts
        self.config_file = None  # of -F; "none": no file
        self.host = None
        self.host_name = None
        self.host_key_alias = None
        self.port = None
        self.user = None
        self.target_user = None
        self.identities = []
        self.named_keys = 0  # how many of them the command line names
        self.identities_only = False
        self.default_keys = True  # whether the usual keys are tried without IdentityFile
        self.identity_agent = None  # path of its socket, or "none"
        self.certificates = []
        self.public_key_auth = True
        self.password_auth = True
        self.keyboard_auth = True
        self.preferred_auth = None
        self.password_prompts = 3
        self.batch = False
        self.checking = "ask"
        self.known_hosts = None
        self.global_known_hosts = None
        self.revoked_host_keys = None
        self.ca_algorithms = None
        self.hash_known_hosts = False
        self.update_host_keys = "no"
        self.connect_timeout = None
        self.alive_interval = 0
        self.alive_count = 3
        self.rekey = (None, None)  # bytes, seconds
        self.family = 0
        self.ciphers = self.macs = self.kex = None
        self.host_keys = None  # a tuple if their order is not a wish of the user
        self.environment = []
        self.send_env = []
        self.escape = "~"
        self.tty = None
        self.remote_command = None
        self.session_type = "default"
        self.stdin_null = self.fork = False
        self.proxy_command = self.proxy_jump = None
        self.stdio_forward = None  # -W: host:port
        self.local_forwards = []
        self.remote_forwards = []
        self.dynamic_forwards = []
        self.clear_all_forwardings = False
        self.exit_on_forward_failure = False
        self.gateway_ports = False
        self.channels = None  # most channels at a time, if not the usual number
        self.forward_agent = False  # or True, or the path of a socket
        self.ignore_unknown = self.tag = None
        self.log_level = None
        self.verbose = 0
        self.quiet = False
        self.flags = ""
        self.own = {}  # values of letters that only this program has

    def put(self, attribute, value):
        """A value, unless there is one already. Lists get more items."""
        if attribute in settings.LISTS:
            self._more(attribute, value)
            return
        share = settings.SHARED.get(attribute, attribute)
        if share in self.given:
            return
        self.given.add(share)
        setattr(self, attribute, value)
        if attribute == "log_level":
            self.quiet = value in ("QUIET", "FATAL")
            self.verbose = max(self.verbose, int(value[5:] or 1) if value[:5] == "DEBUG" else 0)

    def _more(self, attribute, value):
        items = getattr(self, attribute)
        for item in value if isinstance(value, list) else [value]:
            if attribute == "send_env" and item[:1] == "-":
                # Takes back what other lines have asked for.
                items[:] = [old for old in items if not match(old, item[1:])]
            elif item not in items:
                items.append(item)

    def ignores(self, name):
        """Whether an unknown option is to be passed over (IgnoreUnknown)."""
        patterns = (self.ignore_unknown or "").lower().split(",")
        return any(match(name, pattern) for pattern in patterns)

    def set(self, text):
        """-o Name=value, or "Name value"."""
        name, rest = settings.keyword(text)
        settings.apply(self, name, rest, "-o")

    def finish(self):
        """The host is known: the configuration files give what the command line has left open."""
        if not self.finished:
            from ssh import config

            self.finished = True
            self.named_keys = len(self.identities)
            if self.target_user:
                self.put("user", self.target_user)
            config.fill(self)
        return self

    def hop(self, target):
        """Options to reach a host on the way to this one: nothing of the command line counts for
        it but the files.
        """
        other = Options(self.program)
        for name in ("config_file", "verbose", "quiet", "batch", "family"):
            setattr(other, name, getattr(self, name))
        other.target(target if "://" in target else "ssh://" + target)
        return other

    def target(self, text):
        """[user@]host or ssh://[user@]host[:port]."""
        if text.startswith("ssh://"):
            text = text[6:].rstrip("/")
            user, at, host = text.rpartition("@")
            host, port = _host_port(host)
            if port:
                self.port = self.port or _checked_port(port)
                self.given.add("port")
        else:
            user, at, host = text.rpartition("@")
        if at:
            if not user:
                raise Failure(f"a user is missing before the @: {text}")
            self.target_user = user
        if at and "user" not in self.given:
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

    def host_key_names(self, hosts):
        """Types of host keys to ask for: those that are known of the host come first, unless the
        user wishes an order. hosts: its KnownHosts.
        """
        names = self.host_keys or _ssh.algorithms()["host_keys"]
        if not hosts.authorities():
            # Nobody could say that a certificate is good: the key in it is what is wanted.
            plain = []
            for name in names:
                name = name.replace("-cert-v01@openssh.com", "")
                if name not in plain:
                    plain.append(name)
            names = plain
        return list(names) if isinstance(self.host_keys, list) else hosts.prefer(names)

    def user_name(self):
        if self.user:
            return self.user
        from ssh import config

        user = config.local_user()
        if user:
            return user
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
        return settings.port(text)
    except ValueError:
        raise Failure(f"not a port: {text}")


def check_host(host):
    """A host's name goes into known-hosts lines and messages: nothing may hide in it."""
    wrong = ",*?!|@'`\"$\\;&<>(){}"
    if not host or host[0] == "-" or any(not 32 < ord(c) < 127 or c in wrong for c in host):
        raise Failure(f"not the name of a host: {host!r}")
    return host


# Options with a letter: attribute and what reads the value.
_LETTERS = {
    "D": ("dynamic_forwards", settings.text),
    "F": ("config_file", settings.text),
    "J": ("proxy_jump", settings.none_or_text),
    "L": ("local_forwards", settings.text),
    "R": ("remote_forwards", settings.text),
    "W": ("stdio_forward", settings.text),
    "P": ("port", settings.port),
    "c": ("ciphers", settings.algorithms("ciphers")),
    "e": ("escape", settings.escape),
    "i": ("identities", settings.text),
    "l": ("user", settings.text),
    "m": ("macs", settings.algorithms("macs")),
    "p": ("port", settings.port),
}
# Those without a value: attribute and value.
_FLAGS = {
    "4": ("family", socket.AF_INET),
    "6": ("family", getattr(socket, "AF_INET6", 0)),
    "A": ("forward_agent", True),
    "B": ("batch", True),
    "a": ("forward_agent", False),
    "g": ("gateway_ports", True),
}


def _take(options, letter, value, own):
    if letter == "o":
        options.set(value)
        return
    attribute = None
    try:
        if letter in own:
            options.own[letter] = own[letter](value)
            return
        attribute, read = _LETTERS[letter]
        options.put(attribute, read(value))
    except ValueError:
        what = "not a port" if attribute == "port" else f"not a value for -{letter}"
        raise Failure(f"{what}: {value}")


def parse(program, args, flags, valued, usage, stop=False, own=()):
    """(Options, operands). flags: letters without a value, collected in Options.flags; valued:
    those with one. stop: what follows the host is a command, which has options of its own. own:
    letters that mean something else in this program: a dict of what reads their values.
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
                if letter in _FLAGS:
                    options.put(*_FLAGS[letter])
            elif letter in valued or letter in own:
                if not letters and not args:
                    raise Failure(f"-{letter} needs a value\n{usage}", 2)
                _take(options, letter, letters or args.pop(0), own)
                break
            else:
                raise Failure(f"no option -{letter} here\n{usage}", 2)
    options.verbose = max(options.verbose, options.flags.count("v"))
    options.quiet = options.quiet or "q" in options.flags
    return options, operands
