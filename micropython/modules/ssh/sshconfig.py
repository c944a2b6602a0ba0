"""Files of ssh_config(5) with paramiko's names: SSHConfig, SSHConfigDict.

Any word is taken, and values stay text. The programs use `ssh.config`, which knows what they mean.
"""

import errno
import os
import socket

from ssh import config, settings
from ssh.errors import ConfigParseError, CouldNotCanonicalize, Failure

# Words that may stand several times.
_LISTS = ("identityfile", "localforward", "remoteforward")

# What is replaced in which values.
_TOKENS = {
    "controlpath": "%ChlLnpru",
    "hostname": "h",
    "identityfile": "C~dhlur",
    "proxycommand": "~hpr",
    "proxyjump": "hpr",
    "match-exec": "CdhLlnpru",
}


class SSHConfigDict(dict):
    """What counts for one host: words in small letters -> text, or a list of texts."""

    def as_bool(self, key):
        """Whether the value is "yes"."""
        value = self[key]
        return value if isinstance(value, bool) else value.lower() == "yes"

    def as_int(self, key):
        """The value as a number; ValueError if it is none."""
        return int(self[key])


class _Settings:
    """What the tokens of ssh.config ask for."""

    def __init__(self, found, host, for_name):
        self.host = host
        self.host_name = host if for_name else found.get("hostname", host)
        self.host_key_alias = found.get("hostkeyalias")
        self.port = found.get("port")
        self.user = found.get("user")
        self.proxy_jump = found.get("proxyjump")


class SSHConfig:
    """Blocks of settings, as files have them."""

    def __init__(self):
        self._blocks = []

    @classmethod
    def from_text(cls, text):
        """An SSHConfig of what a file would have."""
        found = cls()
        found._parse(text.split("\n"))
        return found

    @classmethod
    def from_path(cls, path):
        """An SSHConfig of the file with this name; OSError if it cannot be read."""
        with open(path) as file:
            return cls.from_file(file)

    @classmethod
    def from_file(cls, flo):
        """An SSHConfig of an open file."""
        found = cls()
        found.parse(flo)
        return found

    def parse(self, file_obj):
        """Add what an open file has. ConfigParseError for lines that are not understood."""
        self._parse(file_obj)

    def _parse(self, lines):
        # What stands before the first block is for all hosts.
        hosts, conditions, block = ["*"], None, {}
        for line in lines:
            line = line.strip()
            if not line or line[0] == "#":
                continue
            name, value = settings.keyword(line)
            if not name or not value:
                raise _wrong(f"Unparsable line {line}")
            if name in ("host", "match"):
                self._blocks.append((hosts, conditions, block))
                hosts, conditions, block = [], None, {}
                if name == "host":
                    hosts = _words(value, f"Unparsable host {value}")
                else:
                    conditions = _conditions(value)
            else:
                _store(block, name, value)
        self._blocks.append((hosts, conditions, block))

    def lookup(self, hostname):
        """What counts for a host: an SSHConfigDict; its "hostname" is the name to connect to."""
        found = self._pass(hostname, SSHConfigDict(), False, False)
        found.setdefault("hostname", hostname)
        canonical = found.get("canonicalizehostname") in ("yes", "always")
        if canonical and hostname.count(".") <= int(found.get("canonicalizemaxdots", 1)):
            domains = found["canonicaldomains"].split()
            hostname = self.canonicalize(hostname, found, domains)
            found["hostname"] = hostname
        else:
            canonical = False
        found = self._pass(hostname, found, canonical, True)
        # The name comes first: %h of the others means it.
        for name in ["hostname"] + [name for name in found.keys() if name != "hostname"]:
            value = found[name]
            if isinstance(value, list):
                found[name] = [_expanded(found, hostname, name, item) for item in value]
            elif value is not None:
                found[name] = _expanded(found, hostname, name, value)
        return found

    def _pass(self, hostname, found, canonical, final):
        for hosts, conditions, block in self._blocks:
            if conditions is None:
                if not config.match_list(hostname, hosts):
                    continue
            elif not _matches(conditions, hostname, found, canonical, final):
                continue
            for name, value in block.items():
                if name not in found:
                    found[name] = list(value) if isinstance(value, list) else value
                elif name == "identityfile":
                    found[name] += [item for item in value if item not in found[name]]
        return found

    def canonicalize(self, hostname, options, domains):
        """The name with the first of the domains in which it has an address."""
        for domain in domains:
            try:
                socket.getaddrinfo(f"{hostname}.{domain}", 22)
                return f"{hostname}.{domain}"
            except OSError:
                pass
        if options.get("canonicalizefallbacklocal", "yes") != "yes":
            raise CouldNotCanonicalize(errno.EINVAL, f"no domain has a host {hostname}")
        return hostname

    def get_hostnames(self):
        """Set of all names and patterns of Host lines."""
        found = set()
        for hosts, _, _ in self._blocks:
            found.update(hosts)
        return found


def _wrong(text):
    return ConfigParseError(errno.EINVAL, text)


def _words(value, error):
    try:
        return settings.words(value)
    except Failure:
        raise _wrong(error)


def _store(block, name, value):
    if name == "proxycommand" and value.lower() == "none":
        block[name] = None
        return
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1]
    if name in _LISTS:
        block.setdefault(name, []).append(value)
    else:
        block.setdefault(name, value)


def _conditions(value):
    """List of (type, value or None, whether it is negated) of a Match line."""
    found = []
    words = _words(value, f"Unparsable match {value}")
    while words:
        kind = words.pop(0)
        negated = kind[:1] == "!"
        kind = kind.lstrip("!")
        if kind in ("all", "canonical", "final"):
            found.append((kind, None, negated))
        elif not words:
            raise _wrong(f"Missing parameter to Match '{kind}' keyword")
        else:
            found.append((kind, words.pop(0), negated))
    kinds = [kind for kind, _, _ in found]
    if "all" in kinds:
        if any(kind not in ("all", "canonical") for kind in kinds):
            raise _wrong("Match does not allow 'all' mixed with anything but 'canonical'")
        if "canonical" in kinds[kinds.index("all") :]:
            raise _wrong("Match does not allow 'all' before 'canonical'")
    return found


def _matches(conditions, hostname, found, canonical, final):
    for kind, value, negated in conditions:
        if kind == "all":
            return True
        if kind == "canonical":
            good = canonical
        elif kind == "final":
            good = final
        elif kind == "exec":
            if not hasattr(os, "system"):
                raise _wrong("Match exec is not possible on this system")
            good = os.system(_expanded(found, hostname, "match-exec", value)) == 0
        else:
            if kind == "host":
                text = found.get("hostname") or hostname
            elif kind == "originalhost":
                text = hostname
            elif kind == "user":
                text = found.get("user") or config.local_user()
            elif kind == "localuser":
                text = config.local_user()
            else:
                continue  # as paramiko: passed over
            good = config.match_list(text, value.split(","))
        if good == negated:
            return False
    return bool(conditions)


def _expanded(found, hostname, name, text):
    """The tokens of a value; others stay as they are."""
    letters = _TOKENS.get(name, "")
    tokens = config.Tokens(_Settings(found, hostname, name == "hostname"))
    for letter in letters:
        token = letter if letter == "~" else "%" + letter
        if token in text and letter != "%":
            text = text.replace(token, config.home() if token == "~" else tokens.value(letter))
    return text
