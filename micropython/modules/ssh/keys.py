"""Keys by paramiko's names, over `_ssh.Key`.

Unlike paramiko's, PKey itself also reads files, of any type of key; files are always written in
OpenSSH's format; and from_private_key_file() reads PKCS#8 too.
"""

import binascii
import errno
import os

import _ssh

from ssh import paths
from ssh.errors import PasswordRequiredException, SSHException, bytes_of

_CERT = "-cert-v01@openssh.com"
_FILE_MAX = 65536
# Of a file's mode.
_KIND = 0o170000
_REGULAR = 0o100000


class UnknownKeyType(ValueError):
    """A type of key that is not known here."""

    def __init__(self, key_type=None, key_bytes=None):
        super().__init__(f"UnknownKeyType(type={key_type!r}, bytes=<{len(key_bytes or b'')}>)")
        self.key_type = key_type
        self.key_bytes = key_bytes


def _take(blob, at=0):
    """A string (RFC 4251 section 5) of a blob, and what is behind it."""
    end = at + 4 + int.from_bytes(blob[at : at + 4], "big")
    if end > len(blob):
        raise SSHException(_ssh.ERR_KEY, "Invalid key: it is cut short")
    return bytes(blob[at + 4 : end]), end


def _string(data):
    return len(data).to_bytes(4, "big") + data


def _plain(blob):
    """The blob of the key that a certificate is about; that of a key as it is."""
    name, at = _take(blob)
    if not name.endswith(_CERT.encode()):
        return blob
    name = name[: -len(_CERT)]
    start = _take(blob, at)[1]  # behind the nonce
    at = start
    for _ in range(1 if name == b"ssh-ed25519" else 2):
        at = _take(blob, at)[1]
    return _string(name) + blob[start:at]


def bits_of(blob):
    """Bits of a key, as ssh-keygen counts them; 0 for a type that is not known."""
    name, at = _take(blob)
    if name.endswith(_CERT.encode()):
        return bits_of(_plain(blob))
    if name in (b"ssh-rsa", b"ssh-dss"):
        if name == b"ssh-rsa":
            at = _take(blob, at)[1]  # behind the exponent
        number = _take(blob, at)[0].lstrip(b"\0")
        return 8 * len(number) - 10 + len(bin(number[0])) if number else 0
    at = name.find(b"nistp") + 5
    if at > 4:
        return int(name[at : at + 3])
    return 256 if b"ed25519" in name else 0


class PublicBlob:
    """A public key or certificate as it is in a .pub file: key_type, key_blob, comment."""

    def __init__(self, type_, blob, comment=None):
        self.key_type = type_
        self.key_blob = blob
        self.comment = comment

    @classmethod
    def from_file(cls, filename):
        """From a .pub file: its first 64 KiB."""
        with open(filename) as file:
            return cls.from_string(file.read(_FILE_MAX))

    @classmethod
    def from_string(cls, string):
        """From a line "type base64 comment". ValueError if it is none."""
        fields = string.split(None, 2)
        if len(fields) < 2:
            raise ValueError(f"Not enough fields for public blob: {fields}")
        blob = binascii.a2b_base64(fields[1])
        found = _take(blob)[0].decode()
        if found != fields[0]:
            text = f"key type={fields[0]!r}, but blob type={found!r}"
            raise ValueError(f"Invalid PublicBlob contents: {text}")
        return cls(found, blob, fields[2].strip() if len(fields) > 2 else None)

    @classmethod
    def from_message(cls, message):
        """From a Message with the blob."""
        return cls(message.get_text(), message.asbytes())

    def __str__(self):
        text = f"{self.key_type} public key/certificate"
        return f"{text}- {self.comment}" if self.comment else text

    def __eq__(self, other):
        return isinstance(other, PublicBlob) and self.key_blob == other.key_blob

    def __hash__(self):
        return hash(self.key_blob)


class PKey:
    """A key: both halves, or the public one alone."""

    name = ""
    public_blob = None  # PublicBlob of the certificate, see load_certificate()

    def __init__(self, msg=None, data=None, filename=None, password=None, file_obj=None, key=None):
        """From a Message or its bytes (the public half), a file, a file object, or an _ssh.Key."""
        self.key = key
        if filename is not None:
            with open(filename, "rb") as file:
                self.key = _read(file.read(_FILE_MAX), password)
        elif file_obj is not None:
            self.key = _read(file_obj.read(), password)
        elif key is None:
            data = msg.asbytes() if msg is not None else data
            if data is None:
                raise SSHException(_ssh.ERR_KEY, "Key object may not be empty")
            self._take_public(bytes(data))
            return
        self._blob = self.key.public
        if not self._fits(self.key.type):
            text = f"encountered {self.key.type} key, expected {type(self).__name__}"
            raise SSHException(_ssh.ERR_KEY, text)

    def _take_public(self, blob):
        kind = _take(blob)[0].decode()
        plain = kind[: -len(_CERT)] if kind.endswith(_CERT) else kind
        if not self._fits(plain):
            text = f"Invalid key (class: {type(self).__name__}, data type: {kind}"
            raise SSHException(_ssh.ERR_KEY, text)
        self._blob = _plain(blob)
        try:
            _ssh.verify(self._blob, b"", b"")  # looks at all of it
        except ValueError as e:
            raise SSHException(_ssh.ERR_KEY, f"Invalid key: {e.args[0]}")
        if kind != plain:
            self.public_blob = PublicBlob(kind, blob)

    @classmethod
    def identifiers(cls):
        """Names of the types of keys that this class is for."""
        return [cls.name]

    @classmethod
    def _fits(cls, kind):
        return cls is PKey or kind in cls.identifiers()

    # ------------------------------------------------------------ making

    @staticmethod
    def from_path(path, password=None):
        """The key in a file, with the certificate beside it (path + "-cert.pub") if any."""
        path = paths.expand(str(path))
        end = "-cert.pub"
        if path.endswith(end):
            path = path[: -len(end)]
        key = PKey.from_private_key_file(path, password)
        if paths.exists(path + end):
            key.load_certificate(path + end)
        return key

    @staticmethod
    def from_type_string(key_type, key_bytes, password=None):
        """A public key from its type's name and its bytes. UnknownKeyType for others."""
        plain = key_type[: -len(_CERT)] if key_type.endswith(_CERT) else key_type
        for kind in key_classes:
            if plain in kind.identifiers():
                return kind(data=key_bytes)
        raise UnknownKeyType(key_type, key_bytes)

    @classmethod
    def from_private_key_file(cls, filename, password=None):
        """PasswordRequiredException: it is encrypted. SSHException: it cannot be used."""
        return cls._of(cls(filename=filename, password=password))

    @classmethod
    def from_private_key(cls, file_obj, password=None):
        """As from_private_key_file(), from something with a method read()."""
        return cls._of(cls(file_obj=file_obj, password=password))

    @classmethod
    def _of(cls, found):
        """The key as one of the class of its type."""
        if cls is not PKey:
            return found
        for kind in key_classes:
            if kind._fits(found.key.type):
                return kind(key=found.key)
        raise UnknownKeyType(found.key.type, found.asbytes())

    # ------------------------------------------------------------ what it is

    def __repr__(self):
        return f"PKey(alg={self.algorithm_name}, bits={self.get_bits()}, fp={self.fingerprint})"

    def asbytes(self):
        """The public half as a blob."""
        return self._blob

    def __eq__(self, other):
        return isinstance(other, PKey) and self._blob == other._blob

    def __hash__(self):
        return hash(self._blob)

    def get_name(self):
        """The type, as "ssh-ed25519"."""
        return _take(self._blob)[0].decode()

    @property
    def algorithm_name(self):
        """ "RSA", "ECDSA", "ED25519"."""
        return self.get_name().replace("ssh-", "").split("-")[0].upper()

    def get_bits(self):
        """Its size in bits, as ssh-keygen counts them."""
        return bits_of(self._blob)

    def get_base64(self):
        """The public half as in a .pub file, without type and comment."""
        return binascii.b2a_base64(self._blob).decode().strip()

    def get_fingerprint(self):
        """The MD5 fingerprint, 16 bytes, which people with old lists compare."""
        return binascii.unhexlify(_ssh.fingerprint(self._blob, "md5")[4:].replace(":", ""))

    @property
    def fingerprint(self):
        """ "SHA256:...", as OpenSSH shows it."""
        return _ssh.fingerprint(self._blob)

    def can_sign(self):
        """Whether the private half is here."""
        return self.key is not None

    # ------------------------------------------------------------ what it does

    def _private(self):
        if self.key is None:
            raise SSHException(_ssh.ERR_KEY, "this is only the public half of the key")
        return self.key

    def sign_ssh_data(self, data, algorithm=None):
        """The signature as a Message. algorithm: for RSA keys, rsa-sha2-512 if not named."""
        from ssh.message import Message

        if algorithm is not None:
            algorithm = algorithm.replace(_CERT, "") if self.name == "ssh-rsa" else None
        return Message(self._private().sign(data, algorithm))

    def verify_ssh_sig(self, data, msg):
        """Whether the Message is a signature by this key over data."""
        return _ssh.verify(self._blob, data, bytes_of(msg))

    def write_private_key_file(self, filename, password=None, file_format=None):
        """Into a file that only its owner may read, always in OpenSSH's format."""
        write_secret(filename, self._file(password))

    def write_private_key(self, file_obj, password=None, file_format=None):
        """As write_private_key_file(), into something with a method write()."""
        file_obj.write(self._file(password).decode())

    def _file(self, password):
        key = self._private()
        # Without a comment paramiko cannot read every file.
        return key.private(password, key.comment or key.type)

    def load_certificate(self, value):
        """A certificate of this key, for logins: Message, name of a .pub file, or its text."""
        if hasattr(value, "get_text"):
            blob = PublicBlob.from_message(value)
        elif " " not in value.strip() or paths.exists(value):
            blob = PublicBlob.from_file(value)
        else:
            blob = PublicBlob.from_string(value)
        if not blob.key_type.startswith(self.get_name()):
            text = f"PublicBlob type {blob.key_type} incompatible with key type {self.get_name()}"
            raise ValueError(text)
        self.public_blob = blob

    def login_arguments(self):
        """What userauth_publickey() of `_ssh.Session` wants: the private key, the certificate."""
        blob = self.public_blob
        return self._private(), blob.key_blob if blob is not None else None


class Ed25519Key(PKey):
    """A key of the type ssh-ed25519."""

    name = "ssh-ed25519"

    @staticmethod
    def generate(progress_func=None, bits=None):
        """A new key. bits: 256, as all of this type have; progress_func is not called."""
        return Ed25519Key(key=_ssh.Key.generate("ssh-ed25519", bits))


class ECDSAKey(PKey):
    """A key on one of the NIST curves P-256, P-384 and P-521, as far as the build has them."""

    name = "ecdsa-sha2-nistp256"

    @classmethod
    def identifiers(cls):
        """Names of the types of keys that this class is for."""
        return ["ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"]

    supported_key_format_identifiers = identifiers

    @staticmethod
    def generate(curve="nistp256", progress_func=None, bits=None):
        """bits: 256, 384 or 521; or curve: "nistp256", "nistp384", "nistp521"."""
        if bits is not None:
            if bits not in (256, 384, 521):
                raise ValueError(f"Unsupported key length: {bits}")
            curve = f"nistp{bits}"
        return ECDSAKey(key=_ssh.Key.generate(f"ecdsa-sha2-{curve}"))


class RSAKey(PKey):
    """An RSA key of 2048 to 4096 bits (those of hosts: up to 8192)."""

    name = "ssh-rsa"

    @classmethod
    def identifiers(cls):
        """Names of the types of keys, and of signatures, that this class is for."""
        names = ("rsa-sha2-256", "rsa-sha2-512", "ssh-rsa")
        return [name + end for name in names for end in ("", _CERT)]

    @property
    def size(self):
        """Its size in bits."""
        return self.get_bits()

    @staticmethod
    def generate(bits=3072, progress_func=None):
        """bits: an even number from 2048 to 4096."""
        return RSAKey(key=_ssh.Key.generate("ssh-rsa", bits))


key_classes = [RSAKey, Ed25519Key, ECDSAKey]


def _read(text, password):
    try:
        return _ssh.Key(text, password)
    except ValueError as e:
        text = e.args[0]
    if password is None and "passphrase" in text:
        raise PasswordRequiredException(_ssh.ERR_KEY, text)
    raise SSHException(_ssh.ERR_KEY, text)


def write_secret(path, data):
    """Write a file that only its owner may read, on systems that have owners.

    It is there, empty, with its rights before anything secret is in it. OSError(EACCES) when
    the file system has no rights: nothing is written then.
    """
    unix = getattr(_ssh, "unix", None)
    if unix:
        there = paths.exists(path)
        mask = unix.umask(0o077)
        try:
            with open(path, "ab"):
                pass
        finally:
            unix.umask(mask)
        mode = paths.mode(path)
        if mode & 0o077 and mode & _KIND == _REGULAR:
            unix.chmod(path, 0o600)
            if paths.mode(path) & 0o077:
                if not there:
                    os.unlink(path)
                raise OSError(errno.EACCES, "other users could read the file; it is not written")
    with open(path, "wb") as file:
        file.write(data)
