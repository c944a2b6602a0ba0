"""Files of ssh_config(5): what they come to, beside `ssh -G` of OpenSSH."""

import os
import pwd
import subprocess

import pytest
from harness.mpy import DOS, run_mpy
from harness.net import wait_until

pytestmark = [
    pytest.mark.usefixtures("micropython"),
    pytest.mark.skipif(DOS, reason="unix only: OpenSSH's client reads the same files"),
]

ME = pwd.getpwuid(os.geteuid()).pw_name

# What both have, in the words of ssh -G.
DUMP = """
from ssh import options
from ssh.errors import Failure

def yes(value):
    return "yes" if value else "no"

def dump(o):
    found = {
        "user": o.user_name(),
        "hostname": o.host_name,
        "port": str(o.port or 22),
        "addressfamily": {0: "any", 2: "inet", 10: "inet6"}[o.family],
        "batchmode": yes(o.batch),
        "connecttimeout": str(o.connect_timeout) if o.connect_timeout else "none",
        "identitiesonly": yes(o.identities_only),
        "stricthostkeychecking": {"yes": "true", "no": "false"}.get(o.checking, o.checking),
        "hashknownhosts": yes(o.hash_known_hosts),
        "passwordauthentication": yes(o.password_auth),
        "kbdinteractiveauthentication": yes(o.keyboard_auth),
        "numberofpasswordprompts": str(o.password_prompts),
        "serveraliveinterval": str(o.alive_interval),
        "serveralivecountmax": str(o.alive_count),
        "gatewayports": yes(o.gateway_ports),
        "exitonforwardfailure": yes(o.exit_on_forward_failure),
        "requesttty": {None: "auto", "no": "false", "yes": "true"}.get(o.tty, o.tty),
        "sessiontype": o.session_type,
        "stdinnull": yes(o.stdin_null),
        "proxycommand": o.proxy_command,
        "proxyjump": o.proxy_jump,
        "hostkeyalias": o.host_key_alias,
        "setenv": [n + "=" + v for n, v in o.environment],
        "escapechar": "none" if o.escape is None
        else o.escape if o.escape >= " " else "\\\\^" + chr(ord(o.escape) + 64),
        "forwardagent": o.forward_agent if isinstance(o.forward_agent, str)
        else yes(o.forward_agent),
        "preferredauthentications": o.preferred_auth,
        "identities": o.identities,
        "rekeylimit": "%d %d" % (o.rekey[0] or 0, o.rekey[1] or 0),
        "remotecommand": o.remote_command,
    }
    if o.known_hosts is not None:
        found["userknownhostsfile"] = " ".join(o.known_hosts) or "none"
    return found

def look(args):
    try:
        o, operands = options.parse("ssh", args, "46ACNTVafgnqstvx", "DFJLRWceilmop", "usage")
        o.target(operands[0])
        o.finish()
        return dump(o), o
    except Failure as e:
        return e.status, e.text
"""


def ours(args, env=None):
    return run_mpy(DUMP + "\nout(look(P['args'])[:1])", args=args).one[0]


def theirs(args):
    done = subprocess.run(
        ["ssh", "-G", *args], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        return done.returncode, done.stderr
    found = {}
    for line in done.stdout.splitlines():
        name, _, value = line.partition(" ")
        found.setdefault(name, []).append(value)
    return 0, found


def compare(args):
    """Our values and theirs, of what both have; equal."""
    status, reference = theirs(args)
    assert status == 0, reference
    mine = ours(args)
    assert isinstance(mine, dict), mine
    assert mine.pop("setenv") == reference.get("setenv", [])
    mine.pop("identities")
    if mine["batchmode"] == "yes":
        # Debian's client then has another default.
        mine.pop("serveraliveinterval")
    expected = {name: " ".join(reference.get(name, [])) or None for name in mine}
    assert mine == expected
    return mine


@pytest.fixture
def config(tmp_path):
    """config(text, name): a file with this text; its path."""

    def write(text, name="config"):
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        path.chmod(0o600)
        return str(path)

    return write


# Each with the hosts that are looked up.
CASES = {
    "empty": ("", ["a"]),
    "comments": ("# Port 1\n\n  # Port 2\n\t\nPort 3 # of three\n", ["a"]),
    "first wins": ("Host a\n Port 1\nHost *\n Port 2\n User u\n User v\n", ["a", "b", "u9@a"]),
    "patterns": (
        "Host a? *.b.c !x.b.c\n Port 1\nHost a*\n Port 2\nHost 10.?.0.1\n User u\n",
        ["a", "ab", "abc", "x.b.c", "y.b.c", "b.c", "10.2.0.1", "10.22.0.1"],
    ),
    "only negated": ("Host !a\n Port 1\nHost * !b\n Port 2\n", ["a", "b", "c"]),
    "several blocks": ("Port 9\nHost a\nUser u\nHost a\nUser v\nBatchMode yes\n", ["a", "b"]),
    "equals": ("Port=1\nUser = u\nBatchMode= yes\nHashKnownHosts =yes\n", ["a"]),
    "quotes": (
        "User \"u v\"\nHostKeyAlias 'x y'\nProxyCommand nc \"a b\" 'c'\n"
        'UserKnownHostsFile "/a b" /c\\ d "e\\"f"\n',
        ["a"],
    ),
    "case": ("hOST a\n  PORT 1\n  uSER U\n", ["a", "A"]),
    "case of the host": ("Host A\n Port 1\nHost a\n Port 2\n", ["a", "A", "b.EXAMPLE"]),
    "crlf": ("Host a\r\n  Port 1\r\n  User u\r\nHost *\r\n  Port 2\r\n", ["a", "b"]),
    "no end": ("Host a\n  Port 1", ["a", "b"]),
    "host name": ("Host a\n HostName real.example\nHost b\n HostName %h.x%%y\n", ["a", "b"]),
    "capital host name": ("Host a\n HostName REAL.example\n", ["a"]),
    "match host": (
        "Host a\n HostName real.example\nMatch host real.*\n Port 1\nMatch host a\n Port 2\n"
        "Match originalhost a\n User o\nMatch Host REAL.example\n BatchMode yes\n",
        ["a", "b", "real.x"],
    ),
    "match user": (
        "Match user u\n Port 1\nMatch user !u,*\n Port 2\nHost a\n User u\nMatch user u\n"
        " BatchMode yes\n",
        ["a", "u@a", "b", "x@b"],
    ),
    "match local user": (
        f"Match localuser {ME}\n Port 1\nMatch localuser nobody9\n Port 2\n"
        f"Match localuser !{ME},*\n User n\n",
        ["a"],
    ),
    "match several": (
        "Match host a user u\n Port 1\nMatch host a,b !user v\n Port 2\nMatch all\n Port 3\n",
        ["u@a", "v@a", "w@b", "v@b", "c"],
    ),
    "match all": ("Match all\n User u\nHost b\n Port 1\nMatch all\n Port 2\n", ["a", "b"]),
    "match final": (
        "Host a\n HostName b\nMatch final\n User f\nMatch final host b\n Port 1\n"
        "Match !final\n BatchMode yes\nMatch canonical\n Port 3\nHost b\n HashKnownHosts yes\n",
        ["a", "b"],
    ),
    "match final all": ("Match final all\n User f\nMatch canonical all\n Port 3\n", ["a"]),
    "match and all": ("Match host a all\n Port 1\nMatch !all\n User u\n", ["a", "b"]),
    "match equals": ('Match host=a\n Port 1\nMatch user="u"\n Port 2\n', ["a", "u@b", "b"]),
    "match exec": (
        "Match exec true\n Port 1\nMatch exec false\n User u\nMatch !exec false\n BatchMode yes\n"
        'Match host a exec "test %h-%n-%p-%r = a-a-1-me"\n HashKnownHosts yes\n',
        ["a", "b", "me@a"],
    ),
    "times": (
        "ConnectTimeout 1m30s\nServerAliveInterval 1h\nServerAliveCountMax 7\nRekeyLimit 4M 2d\n",
        ["a"],
    ),
    "rekey": ("RekeyLimit default none\n", ["a"]),
    "rekey bytes": ("RekeyLimit 1G\n", ["a"]),
    "words": (
        "AddressFamily inet\nStrictHostKeyChecking accept-new\nRequestTTY force\n"
        "SessionType none\nStdinNull yes\nGatewayPorts yes\nExitOnForwardFailure yes\n"
        "IdentitiesOnly yes\nPasswordAuthentication no\nEscapeChar ^x\nForwardAgent yes\n"
        "NumberOfPasswordPrompts 1\nHashKnownHosts yes\nPreferredAuthentications publickey\n"
        "KbdInteractiveAuthentication no\n",
        ["a"],
    ),
    "other words": (
        "StrictHostKeyChecking off\nRequestTTY no\nEscapeChar none\nAddressFamily inet6\n"
        "ConnectTimeout none\nBatchMode true\nHashKnownHosts false\nForwardAgent no\n"
        "ChallengeResponseAuthentication no\n",
        ["a"],
    ),
    "ignored": (
        "AddKeysToAgent yes\nCompression yes\nControlMaster auto\nControlPath /tmp/%C\n"
        "ControlPersist 10m\nGSSAPIAuthentication yes\nVisualHostKey yes\nTCPKeepAlive no\n"
        "IPQoS throughput\nForwardX11 no\nForwardX11Trusted yes\nPermitLocalCommand no\n"
        "PubkeyAcceptedAlgorithms +ssh-rsa\nVerifyHostKeyDNS no\nTunnel no\nCheckHostIP no\n"
        "CanonicalizeHostname no\nProtocol 2\nUsePrivilegedPort no\nLogVerbose none\n"
        "FingerprintHash md5\nXAuthLocation /x\nSyslogFacility USER\nPort 7\n",
        ["a"],
    ),
    "ignore unknown": ("IgnoreUnknown Use*,other\nUseKeychain yes\nOther 1\nPort 3\n", ["a"]),
    "proxies": (
        "Host a\n ProxyJump j1,u@j2:3\n ProxyCommand nc\nHost b\n ProxyCommand  nc -x # y\n"
        " ProxyJump j\nHost c\n ProxyJump none\n ProxyCommand nc\nHost d\n ProxyCommand none\n",
        ["a", "b"],
    ),
    "environment": (
        'SetEnv A=1 "B=2 3" C=\nSetEnv D=4\nHost a\nSetEnv E=5\n',
        ["a"],
    ),
    "known hosts": ("Host a\nUserKnownHostsFile none\nHost *\nUserKnownHostsFile /x /y\n", "ab"),
    "key alias": ("HostKeyAlias other\n", ["a"]),
    "remote command": ("RemoteCommand tmux attach # or not\n", ["a"]),
    "not active but read": ("Host x\n Port 1\n Ciphers aes128-ctr\nHost a\n Port 2\n", ["a"]),
}


@pytest.mark.parametrize("name", CASES)
def test_as_openssh(config, name):
    text, hosts = CASES[name]
    path = config(text)
    for host in hosts:
        compare(["-F", path, host])


@pytest.mark.parametrize(
    "args",
    [
        ["-p", "5", "-o", "Port=6", "a"],
        ["-o", "Port=6", "-p", "5", "a"],
        ["-l", "me", "you@a"],
        ["-o", "User=x", "-l", "me", "a"],
        ["you@a"],
        ["ssh://you@a:33"],
        ["-p", "5", "ssh://you@a:33"],
        ["-oPort=6", "-o", "User y", "-o", "BatchMode = yes", "a"],
        ["-o", "HostName=b", "a"],
        ["-J", "j", "-o", "ProxyCommand=nc", "a"],
        ["-o", "SetEnv=A=1", "a"],
        ["-tt", "-o", "RequestTTY=no", "a"],
        ["-e", "^b", "a"],
        ["-o", "StrictHostKeyChecking=no", "a"],
    ],
)
def test_the_command_line_comes_first(config, args):
    path = config("Host a\n Port 1\n User u\n ProxyJump k\n SetEnv B=2\nHost b\n Port 2\n")
    if "-tt" in args:
        mine = ours(["-F", path, *args])
        assert mine["requesttty"] == "false"
        return
    compare(["-F", path, *args])


# ---------------------------------------------------------------- Include


def test_include(config, tmp_path):
    """Several names, patterns, in the order of their names; blocks end with their file."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "folder.conf").mkdir()
    config("Port 1\nHost b\n User inb\n", "d/10.conf")
    config("Port 2\nUser in2\n", "d/20.conf")
    config("Port 3\n", "d/.hidden.conf")
    config("BatchMode yes\n", "d/20.other")
    at = tmp_path
    for text in (
        f"Include {at}/d/*.conf\nUser last\n",
        f"Include {at}/d/20.conf {at}/d/10.conf\n",
        f"Include {at}/d/nothing* {at}/missing\nPort 8\n",
        f"Host b\n Include {at}/d/*.conf\n HashKnownHosts yes\nHost a\n Port 9\n",
        f"Host c\n Include {at}/d/*\nHost *\n Port 7\n",
        f"Match host b\n Include {at}/*/10.c?nf {at}/d/20.o*\n",
        f'Include "{at}/d/10.conf" # and that is all\n',
    ):
        path = config(text)
        for host in ("a", "b"):
            compare(["-F", path, host])


def test_include_in_include(config, tmp_path):
    for i in range(20):
        config(f"Include {tmp_path}/c{i + 1}\nPort {i + 1}\n", f"c{i}")
    deep = f"{tmp_path}/c4"
    config("User end\n", "c20")
    compare(["-F", deep, "a"])
    assert theirs(["-F", f"{tmp_path}/c0", "a"])[0] == 255
    status, text = failed(["-F", f"{tmp_path}/c0", "a"])
    assert status == 255 and "include each other" in text
    loop = config(f"Include {tmp_path}/loop\n", "loop")
    assert failed(["-F", loop, "a"])[0] == 255


def test_relative_include(config, tmp_path):
    """Relative to the folder of the user's files."""
    home = tmp_path / "sshdir"
    (home / "sub").mkdir(parents=True)
    (home / "sub" / "more").write_text("Port 11\n")
    got = run_mpy(
        DUMP
        + """
import os
os.putenv("SSHDIR", P["home"])
out(look(["-F", P["path"], "a"])[0]["port"])
out(look(["-F", P["second"], "a"])[0]["port"])
out(look(["a"])[0]["port"])
with open(P["home"] + "/config", "w") as file:
    file.write("Include s*/m?re")
out(look(["a"])[0]["port"])
os.system("chmod g+w '" + P["home"] + "/config'")
out(look(["a"]))
os.system("chmod g-w '" + P["home"] + "/config'; chmod o+w '" + P["home"] + "/sub/more'")
out(look(["a"]))
out(look(["-F", "none", "a"])[0]["port"])
""",
        home=str(home),
        path=config("Include sub/more\n"),
        second=config("Include ~/.ssh/sub/more\n", "second"),
    ).out
    assert got[:4] == ["11", "11", "22", "11"]
    for status, text in got[4:6]:
        assert status == 255 and str(home) in text and "others can write" in text
    assert got[6] == "22"


# ---------------------------------------------------------------- what is wrong


def failed(args):
    return run_mpy(DUMP + "\nout(look(P['args']))", args=args).one


WRONG = {
    "unknown word": ("Port 1\nNonsense yes\n", 2, "nonsense"),
    "unknown word elsewhere": ("Host other\nNonsense yes\n", 2, "nonsense"),
    "no value": ("Port\n", 1, "port"),
    "no value but a comment": ("\nPort # 22\n", 2, "port"),
    "empty value": ('User ""\n', 1, "user"),
    "number": ("Port twelve\n", 1, "twelve"),
    "too large": ("Port 65536\n", 1, "65536"),
    "wrong value elsewhere": ("Host other\n Port 0x\n", 2, "0x"),
    "flag": ("BatchMode perhaps\n", 1, "perhaps"),
    "choice": ("StrictHostKeyChecking often\n", 1, "often"),
    "quote": ('User "u\n', 1, "quote"),
    "host without a name": ("Host\n", 1, "host"),
    "match without": ("Match\n", 1, "match"),
    "match what": ("Match colour red\n", 1, "colour"),
    "match lacks": ("Match host\n", 1, "host"),
    "match all and more": ("Match all host a\n", 1, "all"),
    "match more and all": ("Match host a user b all\n", 1, "all"),
    "too much": ("Port 1 2\n", 1, "1 2"),
    "ciphers": ("Ciphers rot13\n", 1, "rot13"),
    "environment": ("SetEnv NOVALUE\n", 1, "NOVALUE"),
    "forward": ("LocalForward 8080\n", 1, "8080"),
    "time": ("ConnectTimeout 3y\n", 1, "3y"),
    "level": ("LogLevel LOUD\n", 1, "LOUD"),
    "escape": ("EscapeChar xx\n", 1, "xx"),
    "include nothing": ("Include\n", 1, "include"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong(config, name):
    """A sentence with file and line, and the exit status of OpenSSH, which refuses it too."""
    text, line, part = WRONG[name]
    path = config(text)
    assert theirs(["-F", path, "a"])[0] == 255
    status, text = failed(["-F", path, "a"])
    assert status == 255
    assert f"{path} line {line}" in text and part in text, text


REFUSED = {
    "ForwardX11 yes": "forwardx11 yes",
    "BindAddress 127.0.0.1": "bindaddress",
    "CanonicalizeHostname yes": "canonicalizehostname",
    "PermitLocalCommand yes": "permitlocalcommand",
    "KnownHostsCommand /bin/x": "knownhostscommand",
    "Tunnel yes": "tunnel",
    "RequiredRSASize 4096": "requiredrsasize",
    "ProxyUseFdpass yes": "proxyusefdpass",
}


@pytest.mark.parametrize("line", REFUSED)
def test_refused(config, line):
    """What would be silently something else is said; not where it does not count."""
    path = config(f"Port 1\n{line}\n")
    status, text = failed(["-F", path, "a"])
    assert status == 255 and f"{path} line 2" in text and REFUSED[line] in text
    if not line.startswith("Required"):
        compare(["-F", config(f"Host other\n{line}\n"), "a"])


def test_files_that_cannot_be_read(config, tmp_path):
    for path, part in (
        (str(tmp_path / "missing"), "no such file"),
        (str(tmp_path), "folder"),
        (config(b"User \xff\xfe\n"), "line 1"),
    ):
        status, text = failed(["-F", path, "a"])
        assert status == 255 and path in text and part in text


def test_tokens_that_mean_nothing(config):
    for line in ("HostName %z", "IdentityFile %q", "ProxyCommand nc %u", "IdentityFile ${NO_VAR}"):
        status, text = failed(["-F", config(line + "\n"), "a"])
        assert status == 255 and line.split()[1].rstrip("nc ") in text or "%u" in text
        assert "Traceback" not in text


# ---------------------------------------------------------------- tokens


def test_tokens(config, tmp_path):
    """By a command that both clients run."""
    told = tmp_path / "told"
    say = tmp_path / "say"
    say.write_text(f"#!/bin/sh\ntrap '' HUP TERM\necho $* > {told}_\nmv {told}_ {told}\n")
    say.chmod(0o700)
    text = f"""
Host a
  HostName %h.example
  Port 99
  User me
  ProxyCommand {say} %h %n %p %r %%
"""
    path = config(text)
    subprocess.run(["ssh", "-F", path, "a"], capture_output=True, check=False)
    wait_until(told.exists, timeout=20)
    reference = told.read_text()
    assert reference == "a.example a 99 me %\n"
    mine = ours(["-F", path, "a"])["proxycommand"]
    told.unlink()
    subprocess.run(mine, shell=True, check=True)
    assert told.read_text() == reference


def test_tokens_of_files(config):
    """Those of this machine and user; ${} and ~; %C as OpenSSH has it."""
    line = "HostName real\nPort 99\nUser me\nControlPath /x/%C\n"
    path = config(line)
    _, reference = theirs(["-F", path, "a"])
    hashed = reference["controlpath"][0].rpartition("/")[2]
    host = os.uname().nodename
    text = line + "".join(
        f"IdentityFile {name}\n"
        for name in ("~/k", "%d/k2", "/%u/%i/%L", "/${MPY_T}/%%/%h", "/%C", "/%l-%k-%n-%p-%r")
    )
    got = run_mpy(
        DUMP
        + """
import os
os.putenv("MPY_T", "t")
out(look(["-F", P["path"], "a"])[0]["identities"])
""",
        path=config(text),
    ).one
    home = os.environ["HOME"]
    assert got == [
        f"{home}/k",
        f"{home}/k2",
        f"/{ME}/{os.geteuid()}/{host.split('.')[0]}",
        "/t/%/real",
        f"/{hashed}",
        f"/{host}-a-a-99-me",
    ]


# ---------------------------------------------------------------- lists


def names(args, attribute):
    return run_mpy(
        DUMP
        + """
import _ssh
found, o = look(P["args"])
out(o if isinstance(found, int) else getattr(o, P["attribute"]))
out({k: list(v) for k, v in _ssh.algorithms().items()})
""",
        args=args,
        attribute=attribute,
    ).out


@pytest.mark.parametrize(
    ("word", "attribute", "kind"),
    [
        ("Ciphers", "ciphers", "ciphers"),
        ("MACs", "macs", "macs"),
        ("KexAlgorithms", "kex", "kex"),
        ("HostKeyAlgorithms", "host_keys", "host_keys"),
    ],
)
def test_lists_of_algorithms(config, word, attribute, kind):
    """Relative ones to our own; names of OpenSSH that this build has not are left out."""

    def of(value):
        got, have = names(["-F", config(f"{word} {value}\n"), "a"], attribute)
        return (list(got) if isinstance(got, (list, tuple)) else got), have[kind]

    _, have = of("+none-such")
    first, last = have[0], have[-1]
    assert of(f"{last},3des-cbc,{first}")[0] == [last, first]
    assert of("+3des-cbc")[0] == have
    assert of(f"+{first}")[0] == have
    assert of(f"^{last},3des-cbc")[0] == [last, *have[:-1]]
    assert of(f"-{first}")[0] == have[1:]
    assert of(f"-{first[:-1]}?,none-such")[0] == [n for n in have if n[:-1] != first[:-1]]
    for wrong in ("none-such", "-*", "none-such,other"):
        text = of(wrong)[0]
        assert isinstance(text, str) and "line 1" in text and word.lower() in text
    # The first list counts, also against one of the command line.
    assert list(
        names(["-o", f"{word}={first}", "-F", config(f"{word} {last}\n"), "a"], attribute)[0]
    ) == [first]


def test_forwards(config):
    """In the form of -L, -R, -D; those of the command line first, and all of them count."""
    path = config(
        "LocalForward 8080 host:80\nLocalForward [::1]:81 [::2]:82\nLocalForward /a/%h /b\n"
        "RemoteForward 99\nRemoteForward *:1 h:2\nDynamicForward 1080\nDynamicForward l:1\n"
        "LocalForward 8080 host:80\n"
    )
    script = (
        DUMP
        + """
_, o = look(P["args"])
out((o.local_forwards, o.remote_forwards, o.dynamic_forwards))
"""
    )
    args = ["-F", path, "-L", "1:h:2", "-D", "7", "a"]
    assert run_mpy(script, args=args).one == (
        ["1:h:2", "8080:host:80", "[::1]:81:[::2]:82", "/a/a:/b"],
        ["99", "*:1:h:2"],
        ["7", "1080", "l:1"],
    )
    args += ["-o", "ClearAllForwardings=yes"]
    assert run_mpy(script, args=["-o", "ClearAllForwardings=yes", *args]).one == ([], [], [])


def test_send_env(config):
    script = (
        DUMP
        + """
import os
for name in ("MPY_A", "MPY_B", "MPY_SET"):
    os.putenv(name, "of " + name)
_, o = look(["-F", P["path"], "a"])
out(sorted(o.environment))
"""
    )

    def sent(text):
        env = dict(os.environ)
        os.environ.update(MPY_W1="w1", MPY_W2="w2")
        try:
            return run_mpy(script, path=config(text)).one
        finally:
            os.environ.clear()
            os.environ.update(env)

    assert sent("SendEnv MPY_A MPY_NONE\n") == [("MPY_A", "of MPY_A")]
    assert sent("SendEnv MPY_W?\n") == [("MPY_W1", "w1"), ("MPY_W2", "w2")]
    assert sent("SendEnv MPY_A MPY_B\nSendEnv -MPY_A\n") == [("MPY_B", "of MPY_B")]
    assert sent("SendEnv MPY_SET\nSetEnv MPY_SET=x\n") == [("MPY_SET", "x")]
