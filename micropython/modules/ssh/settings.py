"""What can be set by -o and in the files of ssh_config(5): one table for both."""

import socket

import _ssh

from ssh.errors import Failure
from ssh.known_hosts import match


def yes_no(value):
    value = value.lower()
    if value in ("yes", "true"):
        return True
    if value in ("no", "false"):
        return False
    raise ValueError


def number(value):
    value = int(value)
    if value < 0:
        raise ValueError
    return value


def port(value):
    value = int(value)
    if not 0 < value < 65536:
        raise ValueError
    return value


def text(value):
    return value


def none_or_text(value):
    return None if value.lower() == "none" else value


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def seconds(value):
    """90, or 1m30s (sshd_config(5), TIME FORMATS)."""
    total = 0
    digits = ""
    for c in value.lower():
        if "0" <= c <= "9":
            digits += c
        else:
            if c not in _UNITS:
                raise ValueError
            total += int(digits) * _UNITS[c]
            digits = ""
    return total + int(digits) if digits or not value else total


def _timeout(value):
    return None if value.lower() == "none" else seconds(value) or None


def _alive(value):
    return 0 if value.lower() == "none" else seconds(value)


_SCALES = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def _rekey(words):
    """(bytes or None, seconds or None)."""
    size = time = None
    if words[0].lower() != "default":
        scale = _SCALES.get(words[0][-1].upper())
        size = int(words[0][:-1]) * scale if scale else int(words[0])
    if len(words) > 1 and words[1].lower() != "none":
        time = seconds(words[1])
    if len(words) > 2:
        raise ValueError
    return size, time


def known_name(kind, name):
    """Whether this build has the algorithm, also if it is offered only when named."""
    if name in _ssh.algorithms()[kind]:
        return True
    argument = {"host_keys": "hostkeys"}.get(kind, kind)
    try:
        # The names are looked at before the stream is, which None is not.
        _ssh.Session(None, **{argument: name})
    except ValueError:
        return False
    except (TypeError, OSError, AttributeError):
        pass
    return True


def algorithms(kind):
    """What reads a list of algorithms. It may be relative to the default: +more, -less, ^first.

    Configurations are written for OpenSSH: names that this build has not are left out as long as
    one is left. A tuple: the order is not the user's wish.
    """

    def read(value):
        default = list(_ssh.algorithms()[kind])
        sign = value[:1] if value[:1] in ("+", "-", "^") else ""
        names = [name for name in value[len(sign) :].split(",") if name]
        if not names:
            raise ValueError
        if sign == "-":
            left = [n for n in default if not any(match(n, pattern) for pattern in names)]
            if not left:
                raise ValueError
            return tuple(left)
        names = [name for name in names if known_name(kind, name)]
        if sign == "+":
            return tuple(default + [name for name in names if name not in default])
        if sign == "^":
            return names + [name for name in default if name not in names]
        if not names:
            raise ValueError
        return names

    return read


def _checking(value):
    value = {"true": "yes", "false": "no", "off": "no"}.get(value.lower(), value.lower())
    if value not in ("yes", "no", "ask", "accept-new"):
        raise ValueError
    return value


def _update(value):
    return "ask" if value.lower() == "ask" else "yes" if yes_no(value) else "no"


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


def escape(value):
    if value.lower() == "none":
        return None
    if len(value) == 2 and value[0] == "^":
        return chr(ord(value[1]) & 31)
    if len(value) != 1 or ord(value) > 127:
        raise ValueError
    return value


def _level(value):
    value = value.upper()
    if value not in ("QUIET", "FATAL", "ERROR", "INFO", "VERBOSE", "DEBUG") and (
        value not in ("DEBUG1", "DEBUG2", "DEBUG3")
    ):
        raise ValueError
    return value


def _session_type(value):
    value = value.lower()
    if value not in ("none", "subsystem", "default"):
        raise ValueError
    return value


def _agent(value):
    """ForwardAgent: yes, no, the path of an agent's socket, or a variable that has it."""
    try:
        return yes_no(value)
    except ValueError:
        if value[0] not in "/~$%":
            raise
        return value


def _variables(words):
    found = []
    for word in words:
        name, equals, value = word.partition("=")
        if not name or not equals:
            raise ValueError
        if name not in [n for n, _ in found]:
            found.append((name, value))
    return found


def _hosts_files(words):
    if words[0].lower() == "none":
        if len(words) > 1:
            raise ValueError
        return []
    return words


def _forward(words):
    """[bind_address:]port host:port as in a file, to the form that -L and -R have."""
    if len(words) > 2:
        raise ValueError
    return ":".join(words)


def _local_forward(words):
    if len(words) != 2 and "/" not in words[0] and ":" not in words[0]:
        raise ValueError
    return _forward(words)


def _rsa_size(value):
    # Smaller ones are refused anyway.
    if number(value) > 2048:
        raise ValueError


ONE = 0  # one word
ALL = 1  # the list of words
RAW = 2  # the rest of the line as it is

# Name in small letters -> attribute of Options, what reads the value, what it reads. The first
# value counts, but for the attributes in LISTS, which get one more item each time.
TABLE = {
    "addressfamily": ("family", _family, ONE),
    "batchmode": ("batch", yes_no, ONE),
    "casignaturealgorithms": ("ca_algorithms", algorithms("host_keys"), ONE),
    "certificatefile": ("certificates", text, ONE),
    "ciphers": ("ciphers", algorithms("ciphers"), ONE),
    "clearallforwardings": ("clear_all_forwardings", yes_no, ONE),
    "connecttimeout": ("connect_timeout", _timeout, ONE),
    "dynamicforward": ("dynamic_forwards", text, ONE),
    "escapechar": ("escape", escape, ONE),
    "exitonforwardfailure": ("exit_on_forward_failure", yes_no, ONE),
    "forkafterauthentication": ("fork", yes_no, ONE),
    "forwardagent": ("forward_agent", _agent, ONE),
    "gatewayports": ("gateway_ports", yes_no, ONE),
    "globalknownhostsfile": ("global_known_hosts", _hosts_files, ALL),
    "hashknownhosts": ("hash_known_hosts", yes_no, ONE),
    "hostkeyalgorithms": ("host_keys", algorithms("host_keys"), ONE),
    "hostkeyalias": ("host_key_alias", text, ONE),
    "hostname": ("host_name", text, ONE),
    "identitiesonly": ("identities_only", yes_no, ONE),
    "identityagent": ("identity_agent", text, ONE),
    "identityfile": ("identities", text, ONE),
    "ignoreunknown": ("ignore_unknown", text, ONE),
    "kbdinteractiveauthentication": ("keyboard_auth", yes_no, ONE),
    "kexalgorithms": ("kex", algorithms("kex"), ONE),
    "localforward": ("local_forwards", _local_forward, ALL),
    "loglevel": ("log_level", _level, ONE),
    "macs": ("macs", algorithms("macs"), ONE),
    "numberofpasswordprompts": ("password_prompts", number, ONE),
    "passwordauthentication": ("password_auth", yes_no, ONE),
    "port": ("port", port, ONE),
    "preferredauthentications": ("preferred_auth", text, ONE),
    "proxycommand": ("proxy_command", none_or_text, RAW),
    "proxyjump": ("proxy_jump", none_or_text, ONE),
    "pubkeyauthentication": ("public_key_auth", yes_no, ONE),
    "rekeylimit": ("rekey", _rekey, ALL),
    "remotecommand": ("remote_command", none_or_text, RAW),
    "remoteforward": ("remote_forwards", _forward, ALL),
    "requesttty": ("tty", _tty, ONE),
    "requiredrsasize": (None, _rsa_size, ONE),
    "revokedhostkeys": ("revoked_host_keys", none_or_text, ONE),
    "sendenv": ("send_env", text, ALL),
    "serveralivecountmax": ("alive_count", number, ONE),
    "serveraliveinterval": ("alive_interval", _alive, ONE),
    "sessiontype": ("session_type", _session_type, ONE),
    "setenv": ("environment", _variables, ALL),
    "stdinnull": ("stdin_null", yes_no, ONE),
    "stricthostkeychecking": ("checking", _checking, ONE),
    "tag": ("tag", text, ONE),
    "updatehostkeys": ("update_host_keys", _update, ONE),
    "user": ("user", text, ONE),
    "userknownhostsfile": ("known_hosts", _hosts_files, ALL),
}

LISTS = (
    "certificates",
    "dynamic_forwards",
    "identities",
    "local_forwards",
    "remote_forwards",
    "send_env",
)

# One excludes the other: the first that is given counts.
SHARED = {"proxy_command": "proxy", "proxy_jump": "proxy"}

_ALIASES = {
    "challengeresponseauthentication": "kbdinteractiveauthentication",
    "skeyauthentication": "kbdinteractiveauthentication",
    "tisauthentication": "kbdinteractiveauthentication",
    "dsaauthentication": "pubkeyauthentication",
    "identityfile2": "identityfile",
}

# Words that ask for what is not done here, where to go on without it would be unsafe or another
# thing than was asked for; with the values that ask for nothing.
_REFUSED = {
    "bindaddress": "",
    "bindinterface": "",
    "canonicalizehostname": "no false none",
    "checkhostip": "no false",
    "forwardx11": "no false",
    "knownhostscommand": "none",
    "permitlocalcommand": "no false",
    "permitremoteopen": "any",
    "proxyusefdpass": "no false",
    "tunnel": "no false",
}

# Words of OpenSSH that can be passed over: they choose how something is done that is not done
# here, or ask for less than what is done.
_IGNORED = (
    " addkeystoagent afstokenpassing canonicaldomains canonicalizefallbacklocal"
    " canonicalizemaxdots canonicalizepermittedcnames channeltimeout cipher compression"
    " compressionlevel connectionattempts controlmaster controlpath controlpersist"
    " enableescapecommandline enablesshkeysign fallbacktorsh fingerprinthash forwardx11timeout"
    " forwardx11trusted globalknownhostsfile2 gssapiauthentication gssapiclientidentity"
    " gssapidelegatecredentials gssapikexalgorithms gssapikeyexchange"
    " gssapirenewalforcesrekey gssapiserveridentity gssapitrustdns hostbasedacceptedalgorithms"
    " hostbasedauthentication hostbasedkeytypes ipqos kbdinteractivedevices"
    " kerberosauthentication kerberostgtpassing localcommand logverbose"
    " nohostauthenticationforlocalhost obscurekeystroketiming pkcs11provider protocol"
    " protocolkeepalives pubkeyacceptedalgorithms pubkeyacceptedkeytypes rhostsauthentication"
    " rhostsrsaauthentication rsaauthentication securitykeyprovider setuptimeout smartcarddevice"
    " streamlocalbindmask streamlocalbindunlink syslogfacility tcpkeepalive tunneldevice"
    " useprivilegedport userknownhostsfile2 useroaming usersh verifyhostkeydns versionaddendum"
    " visualhostkey warnweakcrypto xauthlocation "
)


def keyword(line):
    """(name in small letters, rest) of a line: "Name value" or "Name = value"."""
    line = line.strip(" \t\r\n\f")
    end = 0
    while end < len(line) and line[end] not in " \t\r\f=":
        end += 1
    rest = line[end:].lstrip(" \t\r\f")
    if rest[:1] == "=":
        rest = rest[1:].lstrip(" \t\r\f")
    return line[:end].strip('"').lower(), rest


def words(value):
    """The words of a line. Quotes keep spaces together; a word that starts with # is a comment.

    A backslash stands for itself, but before a quote, a backslash, or a space out of quotes.
    """
    found = []
    word = quote = None
    at = 0
    while at < len(value):
        c = value[at]
        at += 1
        if word is None:
            if c in " \t":
                continue
            if c == "#":
                break
            word = ""
        if c == "\\" and value[at : at + 1] and value[at] in ("'\"\\" if quote else "'\"\\ "):
            word += value[at]
            at += 1
        elif quote is None and c in " \t":
            found.append(word)
            word = None
        elif quote is None and c in "'\"":
            quote = c
        elif c == quote:
            quote = None
        else:
            word += c
    if quote:
        raise Failure("a quote is not closed")
    if word is not None:
        found.append(word)
    return found


def _read(entry, rest):
    _, read, kind = entry
    if kind == RAW:
        return read(rest.lstrip(" \t="))
    found = words(rest)
    if not found or not found[0]:
        raise ValueError
    if kind == ALL:
        return read(found)
    if len(found) > 1:
        raise ValueError
    return read(found[0])


def apply(options, name, rest, where, active=True):
    """One line, "Name value", onto options; if not active it is only looked at.

    where: file and line, for errors.
    """
    if not rest:
        raise Failure(f"{where}: {name} needs a value")
    entry = TABLE.get(_ALIASES.get(name, name))
    try:
        if entry:
            value = _read(entry, rest)
            if active and entry[0]:
                options.put(entry[0], value)
        elif name in _REFUSED:
            if active and words(rest)[0].lower() not in _REFUSED[name].split():
                raise Failure(f"{name} {rest} is not supported here")
        elif f" {name} " not in _IGNORED and not options.ignores(name):
            raise Failure(f"there is no option {name}")
    except Failure as e:
        raise Failure(f"{where}: {e.text}")
    except ValueError:
        raise Failure(f"{where}: not a value of {name} that is supported: {rest}")
