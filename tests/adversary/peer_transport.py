"""The transport layer of the scripted SSH server.

Each step is a method to override or a hook to call: `hooks={"before reply": function}` calls
function(peer) at that point. Points: "before X" and "after X" for X in ident, kexinit, reply,
newkeys, service, auth, success, open, request; they come again at each key exchange, whose
number is `peer.exchanges` (0 during the first).

It is strict about what the client sends: anything that breaks the RFCs is kept in `fault`.
"""

import hashlib
import os

import sshcrypto
import sshwire as w
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

HOST_KEY = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"adversary host").digest())
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"another host").digest())
KEXINIT_FIELDS = (
    "kex",
    "host_keys",
    "c2s",
    "s2c",
    "mac_c2s",
    "mac_s2c",
    "comp_c2s",
    "comp_s2c",
    "lang_c2s",
    "lang_s2c",
)
STRICT_S, STRICT_C = "kex-strict-s-v00@openssh.com", "kex-strict-c-v00@openssh.com"
ALL = sorted(sshcrypto.CIPHERS, reverse=True)
OFFER = {
    "kex": ["curve25519-sha256", "curve25519-sha256@libssh.org"],
    "host_keys": ["ssh-ed25519"],
    "c2s": ALL,
    "s2c": ALL,
    "mac_c2s": list(sshcrypto.MACS),
    "mac_s2c": list(sshcrypto.MACS),
    "comp_c2s": ["none"],
    "comp_s2c": ["none"],
    "lang_c2s": [],
    "lang_s2c": [],
}


class Fault(Exception):
    """The client broke the protocol."""


class Closed(Exception):
    """The client closed the connection, or a script wants the peer to end it."""


def key_blob(key):
    return w.string("ssh-ed25519") + w.string(key.public_key().public_bytes_raw())


class Transport:
    """Ident, packets and key exchange of the server's side."""

    ident = b"SSH-2.0-Adversary_1.0\r\n"
    reserved, follows, trailing = 0, False, b""
    wrap = None  # gives the object to use in place of the socket

    def __init__(self, sock, hooks=None, **options):
        self.hooks = hooks or {}
        self.offer, self.strict, self.ext_info = dict(OFFER), True, True
        self.host_key = HOST_KEY
        for name, value in options.items():
            if name in OFFER:
                self.offer[name] = value
            elif hasattr(self, name):
                setattr(self, name, value)
            else:
                raise TypeError("no option " + name)
        self.sock = self.wrap(sock) if self.wrap else sock
        self.seq_in = self.seq_out = self.exchanges = 0
        self.out, self.inp = sshcrypto.Plain(), sshcrypto.Plain()
        self.session_id = self.client_ident = self.kexinit_sent = self.client_kexinit = None
        self.strict_on = self.keys_on = self.client_takes_ext_info = False
        self.chosen = {}
        self.got, self.phases, self.fault, self.error = [], [], None, None
        self.disconnect, self.unimplemented, self.pongs = None, [], 0
        self.raw_in, self.raw_out, self.buffer = bytearray(), 0, b""

    # ------------------------------------------------------------ bytes and packets

    def at(self, point):
        hook = self.hooks.get(point)
        if hook:
            hook(self)

    def raw(self, data):
        try:
            self.sock.sendall(data)
        except OSError as err:
            raise Closed(f"send: {err}") from err
        self.raw_out += len(data)

    def read(self, n):
        while len(self.buffer) < n:
            try:
                more = self.sock.recv(1 << 17)
            except TimeoutError:
                raise
            except OSError as err:
                raise Closed(f"recv: {err}") from err
            if not more:
                raise Closed("end of file")
            if len(self.raw_in) < 1 << 20:
                self.raw_in += more
            self.buffer += more
        part, self.buffer = self.buffer[:n], self.buffer[n:]
        return part

    def pack(self, payload, length=None, pad=None, pad_byte=None, body=None):
        """One packet as bytes. length, pad (count) and pad_byte (the field) may lie."""
        block = self.out.block
        if pad is None:
            pad = block - (self.out.padded_from + 1 + len(payload)) % block
            if pad < 4:
                pad += block
            if self.out.padded_from + 1 + len(payload) + pad < 16:
                pad += block
        if body is None:
            body = w.byte(pad if pad_byte is None else pad_byte) + payload + os.urandom(pad)
        wire = self.out.seal(self.seq_out, len(body) if length is None else length, body)
        self.seq_out = (self.seq_out + 1) & 0xFFFFFFFF
        return wire

    def send(self, payload, **lies):
        self.raw(self.pack(payload, **lies))

    def recv(self):
        """The next message but for DISCONNECT, IGNORE, DEBUG, which are dealt with here."""
        while True:
            body = self.inp.open(self.seq_in, self.read)
            self.seq_in = (self.seq_in + 1) & 0xFFFFFFFF
            if not 4 <= body[0] < len(body) - 1:
                raise Fault(f"padding_length {body[0]} of {len(body)}")
            payload = body[1 : len(body) - body[0]]
            self.got.append(payload)
            self.phases.append(self.phase())
            number = payload[0]
            if number == w.DISCONNECT:
                r = w.Reader(payload, 1)
                self.disconnect = (r.u32(), r.string())
                raise Closed("DISCONNECT {} {!r}".format(*self.disconnect))
            if number in (w.IGNORE, w.DEBUG, w.UNIMPLEMENTED) and not self.keys_on:
                raise Fault(f"message {number} in the first key exchange")
            if number == w.UNIMPLEMENTED:
                self.unimplemented.append(w.Reader(payload, 1).u32())
            if number not in (w.IGNORE, w.DEBUG, w.UNIMPLEMENTED):
                return payload

    def phase(self):
        return "keys" if self.keys_on else "plain"

    def numbers(self):
        return [payload[0] for payload in self.got]

    # ------------------------------------------------------------ ident and key exchange

    def send_ident(self):
        self.raw(self.ident)

    def recv_ident(self):
        line = b""
        while not line.endswith(b"\n"):
            line += self.read(1)
            if len(line) > 255:
                raise Fault("ident over 255 bytes")
        if not line.startswith(b"SSH-2.0-") or not line.endswith(b"\r\n"):
            raise Fault(f"ident {line!r}")
        self.client_ident = line[:-2]

    def exchange_idents(self):
        self.at("before ident")
        self.send_ident()
        self.at("after ident")
        self.recv_ident()

    def kexinit_payload(self):
        kex = self.offer["kex"]
        if self.strict and not self.keys_on and isinstance(kex, list):
            kex = [*kex, STRICT_S]
        lists = [kex] + [self.offer[name] for name in KEXINIT_FIELDS[1:]]
        fields = [part if isinstance(part, bytes) else w.names(part) for part in lists]
        return (
            w.byte(w.KEXINIT)
            + os.urandom(16)
            + b"".join(fields)
            + w.boolean(self.follows)
            + w.u32(self.reserved)
            + self.trailing
        )

    def send_kexinit(self):
        self.at("before kexinit")
        self.kexinit_sent = self.kexinit_payload()
        self.send(self.kexinit_sent)
        self.at("after kexinit")

    def got_kexinit(self, payload):
        r = w.Reader(payload, 17)
        lists = {name: r.names() for name in KEXINIT_FIELDS}
        self.client_follows = r.bool()
        if r.u32():
            raise Fault("reserved field of KEXINIT")
        r.end()
        if self.client_kexinit is not None:
            raise Fault("two KEXINIT in one exchange")
        self.client_kexinit, self.client_lists = payload, lists
        if not self.keys_on:
            self.strict_on = self.strict and STRICT_C in lists["kex"]
            self.client_takes_ext_info = "ext-info-c" in lists["kex"]
            if self.strict_on and self.seq_in != 1:
                raise Fault("KEXINIT is not the client's first packet")

    def negotiate(self):
        for name in KEXINIT_FIELDS[:6]:
            ours = self.offer[name] if isinstance(self.offer[name], list) else OFFER[name]
            both = [one for one in self.client_lists[name] if one in ours]
            if not both and "mac" not in name:
                raise Closed(f"no {name} in common")
            self.chosen[name] = both[0] if both else None

    def recv_ecdh_init(self):
        payload = self.recv()
        if payload[0] != w.ECDH_INIT:
            raise Fault(f"message {payload[0]} in place of KEX_ECDH_INIT")
        r = w.Reader(payload, 1)
        self.client_public = r.string()
        r.end()
        if len(self.client_public) != 32:
            raise Fault(f"client's X25519 key has {len(self.client_public)} bytes")

    def ephemeral(self):
        return X25519PrivateKey.generate()

    def make_secret(self):
        """Sets public and k, K as unsigned bytes."""
        secret = self.ephemeral()
        self.public = secret.public_key().public_bytes_raw()
        self.k = secret.exchange(X25519PublicKey.from_public_bytes(self.client_public))

    def hash(self):
        ident = self.ident.split(b"\n")[-2].rstrip(b"\r")
        parts = (
            self.client_ident,
            ident,
            self.client_kexinit,
            self.kexinit_sent,
            self.blob,
            self.client_public,
            self.public,
        )
        text = b"".join(w.string(part) for part in parts) + w.mpint(self.k)
        return hashlib.sha256(text).digest()

    def sign(self, data):
        return w.string("ssh-ed25519") + w.string(self.host_key.sign(data))

    def reply_payload(self):
        return (
            w.byte(w.ECDH_REPLY)
            + w.string(self.blob)
            + w.string(self.public)
            + w.string(self.sign(self.h))
        )

    def send_reply(self):
        self.send(self.reply_payload())

    def send_newkeys(self):
        self.send(w.byte(w.NEWKEYS))

    def switch_out(self):
        self.out = sshcrypto.protection(
            self.chosen["s2c"],
            self.chosen["mac_s2c"],
            w.mpint(self.k),
            self.h,
            self.session_id,
            b"BDF",
        )
        if self.strict_on:
            self.seq_out = 0

    def switch_in(self):
        self.inp = sshcrypto.protection(
            self.chosen["c2s"],
            self.chosen["mac_c2s"],
            w.mpint(self.k),
            self.h,
            self.session_id,
            b"ACE",
        )
        if self.strict_on:
            self.seq_in = 0

    def finish_kex(self):
        """From both KEXINITs to new keys in both directions."""
        self.negotiate()
        firsts = [
            self.client_lists[name][:1] == self.offer[name][:1] for name in KEXINIT_FIELDS[:2]
        ]
        if self.client_follows and not all(firsts):
            self.recv()
        self.recv_ecdh_init()
        self.blob = key_blob(self.host_key)
        self.make_secret()
        self.h = self.hash()
        if self.session_id is None:
            self.session_id = self.h
        self.at("before reply")
        self.send_reply()
        self.at("after reply")
        self.at("before newkeys")
        self.send_newkeys()
        self.switch_out()
        self.at("after newkeys")
        self.send_ext_info()
        payload = self.recv()
        if payload != w.byte(w.NEWKEYS):
            raise Fault(f"message {payload[0]} in place of NEWKEYS")
        self.switch_in()
        self.keys_on, self.client_kexinit, self.kexinit_sent = True, None, None
        self.exchanges += 1
        self.at("after kex")

    def send_ext_info(self):
        if self.ext_info and self.client_takes_ext_info and not self.keys_on:
            self.send(
                w.byte(w.EXT_INFO)
                + w.u32(1)
                + w.string("server-sig-algs")
                + w.string("ssh-ed25519,rsa-sha2-256")
            )

    def kex(self):
        self.send_kexinit()
        payload = self.recv()
        if payload[0] != w.KEXINIT:
            raise Fault(f"message {payload[0]} in place of KEXINIT")
        self.got_kexinit(payload)
        self.finish_kex()

    def hold(self):
        """Does nothing more but read, until the client leaves."""
        while True:
            if self.recv() == w.byte(w.NEWKEYS) and not self.keys_on:
                self.switch_in()
                self.keys_on = True

    def rekey(self):
        """A key exchange that we start; what the client had sent before is dealt with after it."""
        self.send_kexinit()
        earlier = []
        payload = self.recv()
        while payload[0] != w.KEXINIT:
            earlier.append(payload)
            payload = self.recv()
        self.got_kexinit(payload)
        self.finish_kex()
        for payload in earlier:
            self.dispatch(payload)

    def turn(self):
        """Takes one message and acts on it."""
        payload = self.recv()
        if payload[0] == w.KEXINIT:
            self.got_kexinit(payload)
            if self.kexinit_sent is None:
                self.send_kexinit()
            self.finish_kex()
        else:
            self.dispatch(payload)
