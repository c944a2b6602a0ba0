"""Keys for SSH, with the options of ssh-keygen:

    keygen [-t ed25519|ecdsa|rsa] [-b bits] [-f file] [-N passphrase] [-C comment]      a new key
    keygen -p [-f file] [-P old] [-N new]       another passphrase; -c: another comment
    keygen -y [-f file]                         the public half of a private key
    keygen -l [-E md5|sha256] [-f file]         fingerprints: of a key, of known hosts
    keygen -F host, -R host, -H [-f file]       find, remove, hash names in the known hosts

What is not given is asked for, passphrases without echo.
"""

import binascii
import sys

import _ssh
from ssh import dialogue, errors, hosts_file, known_hosts, paths, terminal
from ssh.errors import Failure, key_type, printable

USAGE = """\
usage: keygen [-q] [-a rounds] [-t ed25519|ecdsa|rsa] [-b bits] [-C comment]
              [-f file] [-N new_passphrase]
       keygen -p [-a rounds] [-f file] [-P old_passphrase] [-N new_passphrase]
       keygen -c [-a rounds] [-f file] [-P passphrase] [-C comment]
       keygen -y [-f file] [-P passphrase]
       keygen -l [-E md5|sha256] [-f file]
       keygen -F host [-l] [-E md5|sha256] [-f known_hosts_file]
       keygen -R host [-f known_hosts_file]
       keygen -H [-f known_hosts_file]"""

_FLAGS = "pcylHqv"
_VALUED = "tbCfNPEFRa"
_FILE_MAX = 65536
_MAGIC = b"openssh-key-v1\0"
# Types as people write them, and what native keys call them.
_TYPES = {"ed25519": "ssh-ed25519", "ecdsa": "ecdsa-sha2-nistp", "rsa": "ssh-rsa"}
_MARKERS = {"": "", "@revoked": "REVOKED", "@cert-authority": "CA"}


def main(args):
    return dialogue.run("keygen", _main, args)


def _main(args):
    opts = _parse(args)
    verbs = {"F": _find, "R": _remove, "H": _hash, "l": _list, "p": _passphrase}
    verbs.update({"c": _comment, "y": _public})
    chosen = [letter for letter in "FRHpcyl" if letter in opts]
    if len(chosen) > 1 and chosen != ["F", "l"]:
        raise Failure(f"-{chosen[0]} and -{chosen[1]} do not go together\n{USAGE}", 2)
    return verbs[chosen[0]](opts) if chosen else _generate(opts)


def _parse(args):
    """The options: a dict of letters and their values."""
    opts = {}
    args = list(args)
    while args:
        arg = args.pop(0)
        if len(arg) < 2 or arg[0] != "-":
            raise Failure(f"what is {arg}?\n{USAGE}", 2)
        letters = arg[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            if letter in _FLAGS:
                opts[letter] = True
            elif letter in _VALUED:
                if not letters and not args:
                    raise Failure(f"-{letter} needs a value\n{USAGE}", 2)
                opts[letter] = letters or args.pop(0)
                break
            else:
                raise Failure(f"no option -{letter} here\n{USAGE}", 2)
    for letter in "ab":
        if letter in opts:
            try:
                opts[letter] = int(opts[letter])
            except ValueError:
                raise Failure(f"-{letter} {opts[letter]}: a number is needed")
    if opts.get("E", "sha256") not in ("md5", "sha256"):
        raise Failure(f"-E {opts['E']}: md5 and sha256 are the fingerprints that there are")
    return opts


# ---------------------------------------------------------------- asking


def _file(opts, kind="ed25519"):
    """The file of a key: what -f says, or the answer."""
    if "f" in opts:
        return paths.expand(opts["f"])
    usual = [path for path in paths.identities() if path.lower().endswith(kind[:5])]
    usual = (usual or paths.identities())[0]
    return paths.expand(terminal.ask(f"File of the key ({usual}): ").strip() or usual)


def _agrees(path):
    if not terminal.can_ask():
        raise Failure(f"{path} is there already, and nobody to ask", 1)
    answer = terminal.ask(f"{path} is there already. Overwrite it (y/n)? ")
    return answer.strip().lower() in ("y", "yes")


def _new_passphrase(opts):
    """What the file is to be encrypted with, for the caller to wipe."""
    if "N" in opts:
        return bytearray(opts["N"].encode())
    while True:
        first = terminal.ask_secret("New passphrase (empty: none): ")
        second = terminal.ask_secret("The same again: ")
        same = first == second
        terminal.wipe(second)
        if same:
            return first
        terminal.wipe(first)
        dialogue.say("These are not the same, please try again.")


def _load(opts, path):
    """The key in a file, and its passphrase (empty: none), which the caller wipes."""
    text = _contents(path)
    secret = bytearray()
    try:
        try:
            return _ssh.Key(text), secret
        except ValueError as e:
            if "passphrase" not in e.args[0]:
                raise
        if "P" in opts:
            secret = bytearray(opts["P"].encode())
        else:
            secret = terminal.ask_secret(f"Passphrase of {path}: ")
        return _ssh.Key(text, secret), secret
    except ValueError as e:
        terminal.wipe(secret)
        raise Failure(f"{path}: {errors.why(e)}")


def _contents(path):
    try:
        with open(path, "rb") as file:
            return file.read(_FILE_MAX)
    except OSError as e:
        raise Failure(f"{path}: {errors.why(e)}")


# ---------------------------------------------------------------- files


def _public_name(path):
    """The file of the public half. DOS has three letters after the dot."""
    if paths.DOS:
        folder, name = paths.split(path)
        return folder + name.rpartition(".")[0 if "." in name else 2] + ".PUB"
    return path + ".pub"


def _line(key, comment):
    text = f"{key.type} {binascii.b2a_base64(key.public).decode().strip()}"
    return f"{text} {comment}" if comment else text


def _save(opts, key, path, passphrase, comment):
    from ssh import keys

    if not 1 <= opts.get("a", 16) <= 1024:
        raise Failure("-a: 1 to 1024 rounds")
    text = key.private(passphrase, comment, opts.get("a", 16))
    try:
        keys.write_secret(path, text)
    except OSError as e:
        raise Failure(f"{path}: {errors.why(e)}")


def _save_public(key, path, comment):
    name = _public_name(path)
    try:
        with open(name, "w") as file:
            file.write(_line(key, comment) + "\n")
    except OSError as e:
        raise Failure(f"{name}: {errors.why(e)}")
    return name


# ---------------------------------------------------------------- keys


def _default_comment():
    """user@host, as far as it can be told."""
    host = paths.getenv("HOSTNAME")
    if not host:
        try:
            with open("/etc/hostname") as file:
                host = file.readline().strip()
        except OSError:
            pass
    home = paths.split(paths.getenv("HOME") or "")[1]
    user = paths.getenv("USER") or paths.getenv("LOGNAME") or home or "user"
    return f"{user}@{host or sys.platform}"


def _generate(opts):
    kind = opts.get("t", "ed25519")
    bits = opts.get("b")
    name = _TYPES.get(kind, kind)
    if kind == "ecdsa":
        name += str(bits or 256)
        if bits not in (None, 256, 384, 521):
            raise Failure(f"-b {bits}: ECDSA keys have 256, 384 or 521 bits")
    elif name not in _TYPES.values() and not name.startswith("ecdsa-sha2-"):
        raise Failure(f"-t {kind}: there are ed25519, ecdsa and rsa")
    quiet = "q" in opts
    path = _file(opts, kind)
    if paths.exists(path) and not _agrees(path):
        return 1
    if not quiet:
        print(f"Making a new {kind} key.")
    # The size of an RSA key is all that can be chosen: of others it goes with the type.
    key = _ssh.Key.generate(name, bits if name == "ssh-rsa" else None)
    comment = opts.get("C")
    if comment is None:
        comment = _default_comment()
    passphrase = _new_passphrase(opts)
    try:
        if paths.split(path)[0].rstrip("/\\") == paths.folder():
            paths.make_folder(path)
        _save(opts, key, path, passphrase, comment)
    finally:
        terminal.wipe(passphrase)
    public = _save_public(key, path, comment)
    if not quiet:
        print(f"The private key is in {path}, the public key in {public}.")
        print(f"Its fingerprint is\n{key.fingerprint} {printable(comment)}")
    key.wipe()
    return 0


def _passphrase(opts):
    path = _file(opts)
    key, passphrase = _load(opts, path)
    terminal.wipe(passphrase)
    if key.comment and "q" not in opts:
        print(f"The comment of the key is {key.comment!r}.")
    passphrase = _new_passphrase(opts)
    try:
        _save(opts, key, path, passphrase, key.comment)
    finally:
        terminal.wipe(passphrase)
    key.wipe()
    if "q" not in opts:
        print(f"{path} has its new passphrase.")
    return 0


def _comment(opts):
    path = _file(opts)
    key, passphrase = _load(opts, path)
    if "q" not in opts:
        print(f"Old comment: {key.comment}" if key.comment else "The key has no comment.")
    comment = opts.get("C")
    if comment is None:
        comment = terminal.ask("New comment: ").strip()
    _save(opts, key, path, passphrase, comment)
    terminal.wipe(passphrase)
    _save_public(key, path, comment)
    key.wipe()
    if "q" not in opts:
        print(f"New comment: {printable(comment)}")
    return 0


def _public(opts):
    key, passphrase = _load(opts, _file(opts))
    terminal.wipe(passphrase)
    print(_line(key, key.comment))
    key.wipe()
    return 0


# ---------------------------------------------------------------- fingerprints


def _fingerprint(blob, opts):
    return _ssh.fingerprint(blob, opts.get("E", "sha256"))


def _short(kind):
    """ssh-ed25519 -> ED25519, as it stands in brackets."""
    end = "-CERT" if "-cert-" in kind else ""
    for part in ("sk-ssh-ed25519", "sk-ecdsa", "ed25519", "ecdsa", "rsa", "dss"):
        if part in kind:
            names = {"sk-ssh-ed25519": "ED25519-SK", "sk-ecdsa": "ECDSA-SK", "dss": "DSA"}
            return names.get(part, part.upper()) + end
    return printable(kind).upper()


def _list(opts):
    from ssh.keys import bits_of

    path = _file(opts)
    text = _contents(path)
    found = 0
    for kind, blob, comment in _keys_of(path, text):
        comment = printable(comment) or "no comment"
        print(f"{bits_of(blob)} {_fingerprint(blob, opts)} {comment} ({_short(kind)})")
        found += 1
    if not found:
        raise Failure(f"{path}: there is no key in it")
    return 0


def _keys_of(path, text):
    """(type, blob, comment) of each key in a file of any kind."""
    if b"PRIVATE KEY-----" in text:
        yield from _private_file(path, text)
        return
    for raw in text.split(b"\n"):
        found = _key_of_line(errors.printable(raw))
        if found:
            yield found


def _key_of_line(line):
    """A public key line, or one of known hosts or authorized keys, with a first field."""
    words = line.split()
    if not words or words[0][0] == "#":
        return None
    for at in range(len(words) - 1):
        key = known_hosts.public_key(" ".join(words[at : at + 2]))
        if key:
            comment = " ".join(words[at + 2 :]) or (words[at - 1] if at else "")
            return key[0], key[1], comment
    return None


def _private_file(path, text):
    """The public half of a private key: from the file beside it, or else from this one, for
    which OpenSSH's format needs no passphrase.
    """
    public = _public_name(path)
    if paths.exists(public):
        yield from _keys_of(public, _contents(public))
        return
    try:
        key = _ssh.Key(text)
        yield key.type, key.public, key.comment
    except ValueError as e:
        blob = _unencrypted_part(text)
        if not blob:
            raise Failure(f"{path}: {errors.why(e)}")
        yield key_type(blob), blob, ""


def _unencrypted_part(text):
    """The public key in a file of OpenSSH's format (PROTOCOL.key)."""
    lines = [line.strip() for line in text.strip().split(b"\n")]
    try:
        file = binascii.a2b_base64(b"".join(lines[1:-1]))
    except ValueError:
        return None
    at = len(_MAGIC)
    if file[:at] != _MAGIC:
        return None
    for _ in range(3):  # cipher, and what makes its key
        at += 4 + int.from_bytes(file[at : at + 4], "big")
    at += 4  # the number of keys
    return file[at + 4 : at + 4 + int.from_bytes(file[at : at + 4], "big")]


# ---------------------------------------------------------------- known hosts


def _hosts(opts):
    path = paths.expand(opts["f"]) if "f" in opts else paths.known_hosts()
    if not paths.exists(path):
        raise Failure(f"{path}: no such file or directory")
    return path


def _find(opts):
    """-F: the lines that speak of a host; 1 if there is none."""
    name = opts["F"]
    status = 1
    for found in hosts_file.find(_hosts(opts), name):
        status = 0
        mark = _MARKERS[found.marker]
        if "q" not in opts:
            print(f"# Host {printable(name)} found: line {found.number} {mark}")
        key = known_hosts.public_key(found.key)
        if "l" in opts and key:
            comment = " ".join(found.key.split()[2:])
            text = f"{printable(name)} {_short(key[0])} {_fingerprint(key[1], opts)} {comment}"
            print(printable(text.strip()))
        else:
            print(printable(bytes(found.raw).strip()))
    return status


def _remove(opts):
    """-R: take a host out."""
    path = _hosts(opts)
    name = opts["R"]
    gone = hosts_file.remove(path, name)
    for number in gone:
        print(f"# Host {printable(name)} found: line {number}")
    if gone:
        _kept(path)
    else:
        dialogue.say(f"{printable(name)} is not in {path}")
    return 0


def _hash(opts):
    """-H: hash the names."""
    path = _hosts(opts)
    count, patterns = hosts_file.hash_names(path)
    for number in patterns:
        dialogue.say(f"{path}, line {number}: a pattern cannot be hashed, the line stays")
    if count:
        _kept(path)
        dialogue.say("That file still has the names: delete it when all is well.")
    return 0


def _kept(path):
    print(f"{path} is changed; as it was it is kept in {hosts_file.old_name(path)}.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
