"""SSHConfig, beside paramiko's."""

import paramiko as reference
import pytest
from harness.mpy import run_mpy
from test_config import CASES

pytestmark = pytest.mark.usefixtures("micropython")

PARAMIKO = """
import ssh
def plain(found):
    return {name: found[name] for name in found.keys()}

try:
    config = ssh.SSHConfig.from_text(P["text"])
except ssh.ConfigParseError:
    out("wrong")
    sys.exit(0)
for host in P["hosts"]:
    out(plain(config.lookup(host)))
out(sorted(config.get_hostnames()) if P["names"] else [])
"""


# Of Match exec paramiko asks for another package, which wants to read standard input.
@pytest.mark.parametrize("name", [name for name in CASES if name != "match exec"])
def test_as_paramiko(name):
    """SSHConfig.lookup() gives what paramiko's gives, for the same files."""
    text, hosts = CASES[name]
    hosts = [host.rpartition("@")[2] for host in hosts]
    names = "Match" not in text
    got = run_mpy(PARAMIKO, text=text, hosts=hosts, names=names).out
    try:
        config = reference.SSHConfig.from_text(text)
    except reference.ssh_exception.ConfigParseError:
        assert got == ["wrong"]
        return
    expected = [dict(config.lookup(host)) for host in hosts]
    for mine, theirs in zip(got, expected):
        for each in (mine, theirs):
            each.pop("controlpath", None)  # %C: OpenSSH's here
        assert mine == theirs
    assert got[-1] == (sorted(config.get_hostnames()) if names else [])


def test_as_paramiko_tokens(tmp_path):
    text = (
        "Host a\n HostName %h.example\n User me\n Port 22022\n IdentityFile ~/k/%h-%r-%u\n"
        " IdentityFile %d/x\n ProxyCommand ~/bin/nc %h %p %r %n %%\n ProxyJump %r@%h:%p\n"
        " LocalForward 1 %h:2\n LocalForward 3 x:4\n Other %h ~\n Yes yes\nHost *\n"
        " IdentityFile ~/k2\n LocalForward 5 y:6\n ControlPath /c/%h-%p-%r-%u-%n-%L\n"
    )
    config = reference.SSHConfig.from_text(text).lookup("a")
    path = tmp_path / "config"
    path.write_text(text)
    got = run_mpy(
        """
        import ssh
        with open(P["path"]) as file:
            one = ssh.SSHConfig()
            one.parse(file)
        with open(P["path"]) as file:
            two = ssh.SSHConfig.from_file(file).lookup("a")
        found = ssh.SSHConfig.from_path(P["path"]).lookup("a")
        out({name: found[name] for name in found.keys()})
        out(found == two and found == one.lookup("a"))
        out((found.as_int("port"), found.as_bool("yes"), found.as_bool("user")))
        out(err(found.as_int, "user")[0])
        out(err(found.as_int, "none")[0])
        """,
        path=str(path),
    ).out
    assert got[0] == dict(config)
    assert got[1]
    assert got[2] == (config.as_int("port"), config.as_bool("yes"), config.as_bool("user"))
    assert got[3:] == ["ValueError", "KeyError"]


@pytest.mark.parametrize("text", ["Host", "nonsense", 'Host "a', "Match host", "Match all host a"])
def test_as_paramiko_wrong(text):
    with pytest.raises(reference.ssh_exception.ConfigParseError):
        reference.SSHConfig.from_text(text)
    got = run_mpy("import ssh\nout(err(ssh.SSHConfig.from_text, P['text']))", text=text).one
    assert got[0] == "ConfigParseError" and got[2]
