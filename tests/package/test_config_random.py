"""Random files of ssh_config(5): each comes to what `ssh -G` says, or is refused by both."""

import random

import pytest
from harness.mpy import DOS, run_mpy
from test_config import DUMP, ME, theirs

pytestmark = [
    pytest.mark.usefixtures("micropython"),
    pytest.mark.skipif(DOS, reason="unix only: OpenSSH's client reads the same files"),
]

HOSTS = ["a", "b", "ab", "A", "x.y.z", "10.0.0.1", "u@a", "v@b"]
PATTERNS = ["a", "b", "a*", "?", "*", "!a", "!b", "*.y.z", "x.*", "10.*", "A", "!x.*", "a,b", "ab"]
USERS = ["u", "v", "*", "!u,*", ME]
VALUES = {
    "AddressFamily": ["inet", "inet6", "any", "v4"],
    "BatchMode": ["yes", "no", "true", "maybe"],
    "Bogus": ["1"],
    "Compression": ["yes"],
    "ConnectTimeout": ["5", "1m", "1h2m3s", "x", "1m 2"],
    "ControlMaster": ["auto"],
    "EscapeChar": ["none", "^b", "x", "xx", "~"],
    "ForwardAgent": ["yes", "no"],
    "GatewayPorts": ["yes", "no"],
    "GlobalKnownHostsFile": ["/x"],
    "HashKnownHosts": ["yes", "no"],
    "HostKeyAlias": ["k", '"k l"'],
    "HostName": ["h", "%h.d", "REAL", "%%x", "h.%h", "%x"],
    "LogLevel": ["QUIET", "debug2"],
    "NumberOfPasswordPrompts": ["1", "x"],
    "Port": ["1", "22", "65535", "0", "x", "70000", '"5"'],
    "PreferredAuthentications": ["publickey", "password,publickey"],
    "ProxyCommand": ["nc x y", "none", "  nc # z", 'nc "a b"'],
    "ProxyJump": ["j", "u@j:2,k"],
    "RekeyLimit": ["1G", "default none", "4K 1h", "1M 2 3", "none"],
    "RemoteCommand": ["x y z", "none"],
    "RequestTTY": ["yes", "no", "force", "auto", "q"],
    "ServerAliveCountMax": ["3", "5"],
    "SessionType": ["none", "default", "subsystem"],
    "SetEnv": ["A=1", "A=1 B=2", '"A=x y" C=', "A", "A=1 A=2"],
    "StdinNull": ["yes", "no"],
    "StrictHostKeyChecking": ["ask", "yes", "no", "accept-new", "off", "zz"],
    "User": ["u", "v", "w x", '"w x"', "u\\ v", "'a\"b'", '"a\\"b"', '"a', "u#v", "'u v'"],
    "UserKnownHostsFile": ["/a", "/a /b", "none", '"/a b" /c', "none /a"],
}
# Where -G does not tell what counts, or (what "none" unsets) only the last of several is told.
NOT_COMPARED = ("identities", "setenv", "rekeylimit")


def quoted(choose, text):
    return f'"{text}"' if choose.random() < 0.1 else text


def match(choose):
    found = []
    for _ in range(choose.randint(1, 3)):
        name = choose.choice(["host", "originalhost", "user", "localuser", "all", "final"])
        name = ("!" if choose.random() < 0.25 else "") + name
        if name.endswith(("all", "final")):
            found.append(name)
        else:
            value = choose.choice(USERS if name.endswith("user") else PATTERNS)
            found.append(name + choose.choice([" ", " ", "="]) + quoted(choose, value))
    return "Match " + " ".join(found)


def line(choose):
    kind = choose.random()
    if kind < 0.15:
        names = [quoted(choose, choose.choice(PATTERNS)) for _ in range(choose.randint(1, 3))]
        return "Host " + " ".join(names)
    if kind < 0.27:
        return match(choose)
    if kind < 0.33:
        return choose.choice(["", "# c", "  # Port 3", "\t"])
    name = choose.choice(list(VALUES))
    value = choose.choice(VALUES[name])
    between = choose.choice([" ", " ", "=", " = ", "\t", "= "])
    end = "" if name.endswith("Command") else choose.choice(["", "", " ", "\r", " # c"])
    return (
        choose.choice(["", " ", "\t"])
        + choose.choice([name, name.upper()])
        + between
        + value
        + end
    )


@pytest.mark.parametrize("seed", range(4))
def test_random_files(tmp_path, seed):
    choose = random.Random(seed)
    cases = []
    for number in range(100):
        path = tmp_path / str(number)
        lines = [line(choose) for _ in range(choose.randint(1, 8))]
        path.write_text("\n".join(lines) + choose.choice(["\n", ""]))
        path.chmod(0o600)
        cases.append((str(path), choose.choice(HOSTS)))
    got = run_mpy(
        DUMP + "\nfor path, host in P['cases']:\n    out(look(['-F', path, host])[:1])\n",
        cases=cases,
        timeout=120,
    ).out
    understood = 0
    for (path, host), (mine,) in zip(cases, got, strict=True):
        status, reference = theirs(["-F", path, host])
        with open(path) as file:
            told = f"{host}\n{file.read()}\n{reference}"
        assert isinstance(mine, dict) is (status == 0), told
        if status:
            assert mine == 255
            continue
        understood += 1
        assert mine["setenv"] == reference.get("setenv", []), told
        for name in mine:
            if name == "serveraliveinterval" and mine["batchmode"] == "yes":
                continue  # Debian's client then has another default
            if name not in NOT_COMPARED:
                assert mine[name] == (" ".join(reference.get(name, [])) or None), told
    assert understood > 20
