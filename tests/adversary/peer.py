"""A scripted SSH server that speaks the protocol rightly and, on purpose, wrongly.

See peer_transport.py for the hooks; here are the login, channels and a few commands.
"""

import sshcrypto
import sshwire as w
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from peer_transport import (
    ALL,
    HOST_KEY,
    KEXINIT_FIELDS,
    OFFER,
    OTHER_KEY,
    STRICT_C,
    STRICT_S,
    Closed,
    Fault,
    Transport,
    key_blob,
)
from sshcrypto import BadPacket

__all__ = [
    "ALL",
    "HOST_KEY",
    "KEXINIT_FIELDS",
    "OFFER",
    "OTHER_KEY",
    "PASSWORD",
    "STRICT_C",
    "STRICT_S",
    "USER",
    "Chan",
    "Closed",
    "Fault",
    "Peer",
    "key_blob",
]

USER, PASSWORD = "tester", "hunter2-is-secret"


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
        except Exception as err:  # noqa: BLE001 a mistake in a script must not look like a good client
            self.fault = self.error = err
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
            raise Fault(f"message {number} before authentication")
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
            raise Fault(f"message {number} from a client")

    def on_service(self, name):
        if name != b"ssh-userauth":
            raise Fault(f"service {name!r}")
        self.at("before service")
        self.send(w.byte(w.SERVICE_ACCEPT) + w.string(name))
        self.at("after service")

    def on_auth(self, user, service, method, r, payload):
        if service != b"ssh-connection":
            raise Fault(f"service {service!r}")
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
            self.send(
                w.byte(w.OPEN_FAILURE) + w.u32(remote) + w.u32(3) + w.string("no") + w.string("")
            )
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
            raise Fault(f"message {number} for an unknown channel")
        if chan.closed_in:
            raise Fault(f"message {number} after CLOSE")
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
        elif number in (w.CHANNEL_SUCCESS, w.CHANNEL_FAILURE):
            self.replies.append(bytes([number]))
        elif number == w.CHANNEL_REQUEST:
            self.on_request(chan, r.string(), r.bool(), r)
        else:
            raise Fault(f"message {number} on a channel")
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
            if want and not chan.closed_out:
                chan.message(w.CHANNEL_FAILURE)
            return
        self.at("before request")
        if chan.closed_out:
            return  # nothing may follow our CLOSE
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
