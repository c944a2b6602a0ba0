"""A scripted SSH server that speaks the protocol rightly and, on purpose, wrongly.

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
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from sshcrypto import BadPacket

HOST_KEY = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"adversary host").digest())
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"another host").digest())
USER, PASSWORD = "tester", "hunter2-is-secret"
KEXINIT_FIELDS = ("kex", "host_keys", "c2s", "s2c", "mac_c2s", "mac_s2c", "comp_c2s", "comp_s2c",
                  "lang_c2s", "lang_s2c")  # fmt: skip
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


class Chan:
    """One channel that the client opened."""

    WINDOW, PACKET = 1 << 21, 1 << 15

    def __init__(self, peer, number, remote, window, packet):
        self.peer, self.id, self.remote = peer, number, remote
        self.window, self.packet = window, packet
        self.given, self.inbox = self.WINDOW, b""
        self.env, self.term, self.command = {}, None, None
        self.eof_in = self.closed_in = self.eof_out = self.closed_out = False
        self.on_data = None
        self.modes = b""

    def message(self, number, rest=b""):
        self.peer.send(w.byte(number) + w.u32(self.remote) + rest)

    def write(self, data, extended=None):
        """All of data, waiting for window as needed."""
        while data:
            while not self.window and not self.closed_in:
                self.peer.turn()
            if self.closed_in:
                return
            part = data[: min(self.window, self.packet)]
            data = data[len(part) :]
            self.window -= len(part)
            if extended is None:
                self.message(w.CHANNEL_DATA, w.string(part))
            else:
                self.message(w.EXTENDED_DATA, w.u32(extended) + w.string(part))

    def read(self, n=None):
        """n bytes, or all up to EOF."""
        while not (self.eof_in or self.closed_in) and (n is None or len(self.inbox) < n):
            self.peer.turn()
        n = len(self.inbox) if n is None else n
        part, self.inbox = self.inbox[:n], self.inbox[n:]
        return part

    def status(self, code):
        self.message(w.CHANNEL_REQUEST, w.string("exit-status") + b"\0" + w.u32(code))

    def eof(self):
        if not self.eof_out:
            self.eof_out = True
            self.message(w.CHANNEL_EOF)

    def close(self):
        if not self.closed_out:
            self.closed_out = True
            self.message(w.CHANNEL_CLOSE)

    def finish(self, code=0):
        if self.closed_out:
            return
        self.eof()
        if code is not None:
            self.status(code)
        self.close()

    def gone(self):
        """Waits for the client's CLOSE."""
        while not self.closed_in:
            self.peer.turn()


class Transport:
    """Ident, packets and key exchange of the server's side."""

    ident = b"SSH-2.0-Adversary_1.0\r\n"
    reserved, follows, trailing = 0, False, b""

    def __init__(self, sock, hooks=None, **options):
        self.sock, self.hooks = sock, hooks or {}
        self.offer, self.strict, self.ext_info = dict(OFFER), True, True
        self.host_key = HOST_KEY
        for name, value in options.items():
            if name in OFFER:
                self.offer[name] = value
            elif hasattr(self, name):
                setattr(self, name, value)
            else:
                raise TypeError("no option " + name)
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
            raise Closed("send: %s" % err) from err
        self.raw_out += len(data)

    def read(self, n):
        while len(self.buffer) < n:
            try:
                more = self.sock.recv(1 << 17)
            except TimeoutError:
                raise
            except OSError as err:
                raise Closed("recv: %s" % err) from err
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
                raise Fault("padding_length %d of %d" % (body[0], len(body)))
            payload = body[1 : len(body) - body[0]]
            self.got.append(payload)
            self.phases.append(self.phase())
            number = payload[0]
            if number == w.DISCONNECT:
                r = w.Reader(payload, 1)
                self.disconnect = (r.u32(), r.string())
                raise Closed("DISCONNECT %d %r" % self.disconnect)
            if number in (w.IGNORE, w.DEBUG, w.UNIMPLEMENTED) and not self.keys_on:
                raise Fault("message %d in the first key exchange" % number)
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
            raise Fault("ident %r" % line)
        self.client_ident = line[:-2]

    def exchange_idents(self):
        self.at("before ident")
        self.send_ident()
        self.at("after ident")
        self.recv_ident()

    def kexinit_payload(self):
        kex = list(self.offer["kex"])
        if self.strict and not self.keys_on:
            kex.append(STRICT_S)
        lists = [kex] + [self.offer[name] for name in KEXINIT_FIELDS[1:]]
        fields = [part if isinstance(part, bytes) else w.names(part) for part in lists]
        return (w.byte(w.KEXINIT) + os.urandom(16) + b"".join(fields)
                + w.boolean(self.follows) + w.u32(self.reserved) + self.trailing)  # fmt: skip

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
                raise Closed("no %s in common" % name)
            self.chosen[name] = both[0] if both else None

    def recv_ecdh_init(self):
        payload = self.recv()
        if payload[0] != w.ECDH_INIT:
            raise Fault("message %d in place of KEX_ECDH_INIT" % payload[0])
        r = w.Reader(payload, 1)
        self.client_public = r.string()
        r.end()
        if len(self.client_public) != 32:
            raise Fault("client's X25519 key has %d bytes" % len(self.client_public))

    def ephemeral(self):
        return X25519PrivateKey.generate()

    def make_secret(self):
        """Sets public and k, K as unsigned bytes."""
        secret = self.ephemeral()
        self.public = secret.public_key().public_bytes_raw()
        self.k = secret.exchange(X25519PublicKey.from_public_bytes(self.client_public))

    def hash(self):
        ident = self.ident.split(b"\n")[-2].rstrip(b"\r")
        parts = (self.client_ident, ident, self.client_kexinit, self.kexinit_sent,
                 self.blob, self.client_public, self.public)  # fmt: skip
        text = b"".join(w.string(part) for part in parts) + w.mpint(self.k)
        return hashlib.sha256(text).digest()

    def sign(self, data):
        return w.string("ssh-ed25519") + w.string(self.host_key.sign(data))

    def reply_payload(self):
        return (w.byte(w.ECDH_REPLY) + w.string(self.blob) + w.string(self.public)
                + w.string(self.sign(self.h)))  # fmt: skip

    def send_reply(self):
        self.send(self.reply_payload())

    def send_newkeys(self):
        self.send(w.byte(w.NEWKEYS))

    def switch_out(self):
        self.out = sshcrypto.protection(
            self.chosen["s2c"], self.chosen["mac_s2c"], w.mpint(self.k), self.h, self.session_id, b"BDF"
        )
        if self.strict_on:
            self.seq_out = 0

    def switch_in(self):
        self.inp = sshcrypto.protection(
            self.chosen["c2s"], self.chosen["mac_c2s"], w.mpint(self.k), self.h, self.session_id, b"ACE"
        )
        if self.strict_on:
            self.seq_in = 0

    def finish_kex(self):
        """From both KEXINITs to new keys in both directions."""
        self.negotiate()
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
            raise Fault("message %d in place of NEWKEYS" % payload[0])
        self.switch_in()
        self.keys_on, self.client_kexinit, self.kexinit_sent = True, None, None
        self.exchanges += 1
        self.at("after kex")

    def send_ext_info(self):
        if self.ext_info and self.client_takes_ext_info and not self.keys_on:
            self.send(w.byte(w.EXT_INFO) + w.u32(1) + w.string("server-sig-algs")
                      + w.string("ssh-ed25519,rsa-sha2-256"))  # fmt: skip

    def kex(self):
        self.send_kexinit()
        payload = self.recv()
        if payload[0] != w.KEXINIT:
            raise Fault("message %d in place of KEXINIT" % payload[0])
        self.got_kexinit(payload)
        self.finish_kex()

    def rekey(self):
        """A key exchange that we start; what the client had sent before is dealt with."""
        done = self.exchanges + 1
        self.send_kexinit()
        while self.exchanges < done:
            self.turn()

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


class Peer(Transport):
    """A whole server: user and password above, exec of a few commands, SFTP, SCP."""

    banner = None
    methods = "publickey,password"
    user_keys = ()  # public blobs that may log in
    partial = False  # password alone is not enough

    def __init__(self, sock, hooks=None, **options):
        self.state = "start"
        self.authenticated, self.logins, self.channels = False, [], {}
        self.globals, self.replies, self.next_id = [], [], 7
        super().__init__(sock, hooks, **options)

    def phase(self):
        return self.state if self.keys_on else "plain"

    def run(self):
        """Serves the connection to its end; never raises."""
        try:
            self.exchange_idents()
            self.kex()
            self.state = "auth"
            while True:
                self.turn()
        except Closed as err:
            self.error = err
        except (Fault, BadPacket, ValueError) as err:
            self.fault = self.error = err
        except TimeoutError as err:
            self.error = err
        finally:
            self.sock.close()

    def secrets(self):
        """What the client sent that it must not have sent to a host it does not trust."""
        found = [p for p in self.got if p[0] >= 50]
        if PASSWORD.encode() in self.raw_in or any(PASSWORD.encode() in p for p in self.got):
            found.append(b"password")
        return found

    # ------------------------------------------------------------ authentication

    def dispatch(self, payload):
        number = payload[0]
        r = w.Reader(payload, 1)
        if number == w.SERVICE_REQUEST and not self.authenticated:
            self.on_service(r.string())
        elif number == w.USERAUTH_REQUEST and not self.authenticated:
            self.on_auth(r.string().decode(), r.string(), r.string(), r, payload)
        elif not self.authenticated:
            raise Fault("message %d before authentication" % number)
        elif number == w.GLOBAL_REQUEST:
            self.on_global(r.string(), r.bool(), r.rest())
        elif number in (w.REQUEST_SUCCESS, w.REQUEST_FAILURE, w.OPEN_FAILURE):
            self.replies.append(payload)
        elif number == w.PONG:
            self.pongs += 1
        elif number == w.CHANNEL_OPEN:
            self.on_open(r.string(), r.u32(), r.u32(), r.u32(), r)
        elif w.WINDOW_ADJUST <= number <= w.CHANNEL_FAILURE:
            self.on_channel(number, r)
        else:
            raise Fault("message %d from a client" % number)

    def on_service(self, name):
        if name != b"ssh-userauth":
            raise Fault("service %r" % name)
        self.at("before service")
        self.send(w.byte(w.SERVICE_ACCEPT) + w.string(name))
        self.at("after service")

    def on_auth(self, user, service, method, r, payload):
        if service != b"ssh-connection":
            raise Fault("service %r" % service)
        self.logins.append((user, method))
        self.at("before auth")
        if self.banner is not None:
            self.send(w.byte(w.USERAUTH_BANNER) + w.string(self.banner) + w.string(""))
        if method == b"password":
            change, password = r.bool(), r.string()
            r.end()
            good = not change and (user, password) == (USER, PASSWORD.encode())
            self.auth_answer(good and not self.partial, good and self.partial)
        elif method == b"publickey":
            self.on_publickey(user, r, payload)
        else:
            self.auth_answer(False)

    def on_publickey(self, user, r, payload):
        signed, algorithm, blob = r.bool(), r.string(), r.string()
        known = user == USER and blob in self.user_keys and algorithm == b"ssh-ed25519"
        if not signed:
            r.end()
            if known:
                self.send(w.byte(w.USERAUTH_60) + w.string(algorithm) + w.string(blob))
            else:
                self.auth_answer(False)
            return
        text = w.string(self.session_id) + payload[: r.at]
        s = w.Reader(r.string())
        r.end()
        if s.string() != b"ssh-ed25519":
            raise Fault("signature type")
        public = Ed25519PublicKey.from_public_bytes(blob[-32:])
        if not sshcrypto.verify(public, s.string(), text):
            raise Fault("signature of userauth")
        self.auth_answer(known)

    def auth_answer(self, good, partial=False):
        if good:
            self.at("before success")
            self.send(w.byte(w.USERAUTH_SUCCESS))
            self.authenticated, self.state = True, "open"
            self.at("after success")
        else:
            self.send(w.byte(w.USERAUTH_FAILURE) + w.string(self.methods) + w.boolean(partial))

    # ------------------------------------------------------------ connection

    def on_global(self, name, want, rest):
        self.globals.append((name, want))
        if want:
            self.send(w.byte(w.REQUEST_FAILURE))

    def on_open(self, kind, remote, window, packet, r):
        if kind != b"session":
            self.send(w.byte(w.OPEN_FAILURE) + w.u32(remote) + w.u32(3) + w.string("no") + w.string(""))
            return
        r.end()
        chan = self.channels[self.next_id] = Chan(self, self.next_id, remote, window, packet)
        self.next_id += 1
        self.at("before open")
        self.confirm(chan)
        self.at("after open")

    def confirm(self, chan, window=Chan.WINDOW, packet=Chan.PACKET):
        chan.given = window
        chan.message(w.OPEN_CONFIRMATION, w.u32(chan.id) + w.u32(window) + w.u32(packet))

    def on_channel(self, number, r):
        chan = self.channels.get(r.u32())
        if chan is None:
            raise Fault("message %d for an unknown channel" % number)
        if chan.closed_in:
            raise Fault("message %d after CLOSE" % number)
        if number == w.WINDOW_ADJUST:
            chan.window += r.u32()
            if chan.window >= 1 << 32:
                raise Fault("window overflow")
        elif number == w.CHANNEL_DATA:
            self.on_data(chan, r.string())
        elif number == w.CHANNEL_EOF:
            if chan.eof_in:
                raise Fault("EOF twice")
            chan.eof_in = True
            if chan.on_data:
                chan.finish()
        elif number == w.CHANNEL_CLOSE:
            chan.closed_in = True
            chan.close()
        elif number == w.CHANNEL_REQUEST:
            self.on_request(chan, r.string(), r.bool(), r)
        else:
            raise Fault("message %d on a channel" % number)
        r.end()

    def on_data(self, chan, data):
        if chan.eof_in or len(data) > chan.given or len(data) > chan.PACKET:
            raise Fault("data after EOF or past the window")
        chan.given -= len(data)
        if chan.given < chan.WINDOW // 2 and not chan.closed_out:
            chan.message(w.WINDOW_ADJUST, w.u32(chan.WINDOW - chan.given))
            chan.given = chan.WINDOW
        chan.inbox += data
        if chan.on_data:
            chan.on_data()

    def on_request(self, chan, kind, want, r):
        run = None
        if kind == b"env":
            chan.env[r.string()] = r.string()
        elif kind == b"pty-req":
            chan.term = r.string(), r.u32(), r.u32(), r.u32(), r.u32()
            chan.modes = r.string()
        elif kind == b"window-change":
            chan.term = b"", r.u32(), r.u32(), r.u32(), r.u32()
        elif kind == b"signal":
            chan.command = b"signal " + r.string()
        elif kind in (b"exec", b"subsystem"):
            chan.command, run = r.string(), getattr(self, "on_" + kind.decode())
        elif kind == b"shell":
            run = self.on_exec
        else:
            r.rest()
            self.at("before request")
            if want:
                chan.message(w.CHANNEL_FAILURE)
            return
        self.at("before request")
        if want:
            chan.message(w.CHANNEL_SUCCESS)
        self.at("after request")
        if run:
            run(chan, chan.command or b"cat")

    def on_exec(self, chan, command):
        verb, _, rest = command.partition(b" ")
        if verb == b"echo":
            chan.write(rest + b"\n")
        elif verb == b"zero":
            chan.write(bytes(int(rest)))
        elif verb == b"both":
            for _ in range(int(rest) // 1000):
                chan.write(b"o" * 1000)
                chan.write(b"e" * 1000, 1)
        elif verb == b"cat":
            chan.write(chan.read())
        elif verb == b"exit":
            chan.finish(int(rest))
        elif verb == b"rekey":
            self.rekey()
            chan.write(b"rekeyed\n")
        elif verb == b"scp":
            from sftp_peer import scp

            scp(chan, command)
        chan.finish()

    def on_subsystem(self, chan, name):
        if name == b"sftp":
            from sftp_peer import Sftp

            Sftp(chan)
