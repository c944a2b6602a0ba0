"""The one login: whether a host is the right one, and the ways to log in to it.

Everybody who logs in does it here: programs, `ssh.connect`, SSHClient, `ssh.aio`. A call of `_ssh`
that may have to wait is `await conn.call(function, *arguments)`. A blocking connection's `call`
just calls, and run() then takes the coroutine to its end; that of asyncio waits in between.
"""

import _ssh

from ssh import agent, known_hosts, paths
from ssh.connection import listed
from ssh.errors import (
    AuthenticationException,
    BadHostKeyException,
    HostKeyError,
    PasswordRequiredException,
    bytes_of,
    printable,
    why,
)

KEY_MAX = 65536  # bytes of a file that is read as a key


def run(coroutine):
    """The result of a coroutine of a blocking connection: it never has to wait."""
    try:
        coroutine.send(None)
    except StopIteration as e:
        return e.value
    coroutine.close()
    raise RuntimeError("this connection is one of asyncio")


def short_type(kind):
    """ED25519 for ssh-ed25519, as people write it."""
    for name in ("ed25519", "ecdsa", "rsa"):
        if name in kind:
            return name.upper()
    return kind


# ---------------------------------------------------------------- the host


class Host:
    """Decides by the known-hosts files. What is not known ends the session with a HostKeyError."""

    def __init__(self, host, port=22, files=None, global_files=None, revoked=None):
        self.hosts = known_hosts.KnownHosts(host, port, files, global_files, revoked)
        self.name = self.hosts.name

    def options(self):
        """The arguments of `_ssh.Session` by which it asks here."""
        more = {
            "hostkey": self.decide,
            "hostkeys": self.hosts.prefer(_ssh.algorithms()["host_keys"]),
        }
        authorities = self.hosts.authorities()
        if authorities:
            more["hostkey_ca"] = authorities
            more["hostname"] = self.hosts.host
        return more

    def checked(self, session):
        """To be called after the handshake: a certificate that an authority has signed does not
        come to decide(), and the key in it may be revoked.
        """
        if "-cert-" in session.hostkey_type:
            entry = self.hosts.revokes(session.hostkey_fingerprint)
            if entry:
                kind = session.hostkey_type
                self.revoked(session.hostkey, kind, session.hostkey_fingerprint, entry)

    def decide(self, blob, kind, fingerprint):
        """Whether to go on with a host that has this key."""
        state, entry = self.hosts.check(blob)
        self.judged(state)
        if state == known_hosts.OK:
            return True
        if state == known_hosts.NEW:
            return self.new(blob, kind, fingerprint)
        if state == known_hosts.CHANGED:
            return self.changed(blob, kind, fingerprint, entry)
        return self.revoked(blob, kind, fingerprint, entry)

    def judged(self, state):
        """Called with what the files say."""

    def new(self, blob, kind, fingerprint):
        file = self.hosts.files[0] if self.hosts.files else "a known-hosts file"
        raise HostKeyError(
            f"{self.name} is not a known host. Its {short_type(kind)} key has the fingerprint "
            f"{fingerprint}. If that is the right one, say so (hostkey=), or have the key in "
            f"{file}, where the program ssh writes it",
            self.name,
            blob,
            known_hosts.NEW,
        )

    def changed(self, blob, kind, fingerprint, entry):
        raise BadHostKeyException(
            self.name,
            blob,
            entry.blob,
            f"THE KEY OF {self.name} HAS CHANGED: somebody may be listening in between, or the "
            f"host has been given a new key. Its {short_type(kind)} key has the fingerprint "
            f"{fingerprint}; that of the {short_type(entry.kind)} key in {entry.file}, line "
            f"{entry.line}, is {known_hosts.fingerprint_of(entry.blob)}",
        )

    def revoked(self, blob, kind, fingerprint, entry):
        raise HostKeyError(
            f"the host key {fingerprint} is marked as revoked in {entry.file}, "
            f"line {entry.line}: do not trust this host",
            self.name,
            blob,
            known_hosts.REVOKED,
        )


def judge(host, port, hostkey, files, options):
    """The Host that decides about the key that a host has; None if hostkey, which may be of any
    kind, says which one is right. Sets what `_ssh.Session` has to know in its options.
    """
    if hostkey is None:
        made = Host(host, port, files)
        for name, value in made.options().items():
            options.setdefault(name, value)
        return made
    right = [bytes_of(key) for key in listed(hostkey)]
    options["hostkey"] = right if len(right) > 1 else right[0]
    return None


# ---------------------------------------------------------------- the user


def is_path(key):
    """Whether a key is given as the name of its file, not as what is in it."""
    return isinstance(key, str) and "-----BEGIN" not in key


class Login:
    """The ways to log in, with what a program gives for them.

    keys: private keys, each the contents of a file (str, bytes), a PKey, or a path. files: paths
    of key files to try if they are there; None: the usual ones, unless there are keys. agent:
    None, for that of SSH_AUTH_SOCK; False; or one with methods `keys` and `sign`. interactive:
    answers the server's own questions, as `_ssh.Session.userauth_keyboard_interactive` wants it.
    """

    tries = 1  # how often a password is asked for
    new_password = None  # in place of an expired one: text, or a function as for _ssh.Session
    interactive = None
    certificates = ()  # files of certificates, besides those that stand beside the keys
    agent_path = None  # of the socket of the agent, in place of SSH_AUTH_SOCK

    def __init__(self, user, password=None, keys=(), files=None, passphrase=None, agent=None):
        self.user = user
        self.passwords = True  # whether one may be sent to this host
        self.password = password
        self.keys = keys
        self.files = files
        self.passphrase = passphrase
        self.agent = agent
        self.problems = []

    # What subclasses make visible.

    def debug(self, text):
        """Something that helps to understand what happens."""

    def problem(self, text):
        """Something that may be why the login fails."""
        self.problems.append(text)

    def greet(self, banner):
        """What the server says before the login."""

    async def login(self, conn):
        """Until the server lets us in; several ways in a row if it wants that.

        AuthenticationException when no way is left.
        """
        session = conn.session
        self.problems = []
        try:
            if await conn.call(session.userauth_none, self.user):
                return
        except _ssh.SSHError as e:
            self.check_refusal(e)
        if session.banner:
            self.greet(session.banner)
        # Each way gives True when logged in, False when accepted and more is asked for (of which
        # there are at most 16 in a session), None when it leads nowhere.
        done = False
        while done is False:
            self.debug("the server takes " + ", ".join(session.auth_methods))
            for way in self.ways():
                done = await way(conn)
                if done is not None:
                    break
        if not done:
            raise self.refused(session)
        self.debug(f"logged in as {self.user}")

    def ways(self):
        """Methods in the order to try them in."""
        if self.keys:
            return (self.by_keys, self.by_agent, self.by_keyboard, self.by_password)
        return (self.by_agent, self.by_keys, self.by_keyboard, self.by_password)

    def refused(self, session):
        """The exception that says that no way is left."""
        takes = ", ".join([printable(m) for m in session.auth_methods])
        text = f"{self.user}: permission denied (the server takes: {takes})"
        for problem in self.problems:
            text += f"; {problem}"
        return AuthenticationException(_ssh.ERR_AUTH_FAILED, text)

    def check_refusal(self, error):
        if error.args[0] != _ssh.ERR_AUTH_FAILED:
            raise error

    # ------------------------------------------------------------ keys

    async def by_agent(self, conn):
        session = conn.session
        if self.agent is False or "publickey" not in session.auth_methods:
            return None
        keys = self.agent
        try:
            if keys is None:
                if not agent.available(self.agent_path):
                    return None
                keys = agent.connect(self.agent_path)
            self.debug("trying the keys of the SSH agent")
            if session.gettimeout() == 0:
                return await self.by_each(conn, keys)
            return await conn.call(session.userauth_agent, self.user, keys)
        except (OSError, ValueError) as e:
            if session.closed:
                raise
            # One that is not there, is empty, or has no key that fits: there are other ways.
            self.debug(f"SSH agent: {why(e)}")
            return None
        finally:
            if keys and keys is not self.agent:
                keys.stream.close()

    async def by_each(self, conn, keys):
        """The keys of an agent in turn, where userauth_agent() would wait."""
        for blob, _ in keys.keys():

            def sign(data, algorithm, blob=blob):
                return keys.sign(blob, data, agent.FLAGS.get(algorithm.split("-cert-")[0], 0))

            try:
                return await conn.call(conn.session.userauth_publickey, self.user, sign, blob)
            except _ssh.SSHError as e:
                if e.args[0] not in (_ssh.ERR_AUTH_FAILED, _ssh.ERR_AGENT_REFUSED):
                    raise
        return None

    async def by_keys(self, conn):
        for name, key in self.identities():
            if "publickey" not in conn.session.auth_methods:
                return None
            done = await self.by_key(conn, name, key)
            if done is not None:
                return done
        return None

    def identities(self):
        """(name, key or None for that in the file of this name) of the keys to try."""
        found = []
        for key in self.keys:
            if is_path(key):
                found.append((paths.expand(key), None))
            else:
                found.append(("that was given", key))
        files = self.files
        if files is None:
            files = () if self.keys else paths.identities()
        return found + [(path, None) for path in files if paths.exists(path)]

    async def by_key(self, conn, name, key):
        self.debug(f"trying the key {name}")
        try:
            if key is None:
                with open(name, "rb") as file:
                    key = file.read(KEY_MAX)
            key, certificate = self.opened(name, key)
        except (OSError, ValueError) as e:
            self.unusable(name, e)
            return None
        if key is None:
            return None
        login = conn.session.userauth_publickey
        for public in self.certificates_of(name, certificate):
            try:
                return await conn.call(login, self.user, key, public)
            except _ssh.SSHError as e:
                self.check_refusal(e)
            except ValueError as e:
                if public is None:
                    self.unusable(name, e)
                else:  # another key's, for example
                    self.debug(f"a certificate for the key {name} is not used: {why(e)}")
        return None

    def opened(self, name, key):
        """(what the session logs in with, its certificate or None); ValueError if it cannot be
        used. None in place of the key: it is given up.
        """
        if isinstance(key, (str, bytes, bytearray)):
            return _ssh.Key(key, self.passphrase), None
        return (agent.proof(key) + (None,))[:2]

    def certificates_of(self, name, certificate):
        """Certificates to log in with, and None for the key alone."""
        found = [certificate] if certificate else []
        for path in [name + "-cert.pub"] + list(self.certificates):
            if paths.exists(path):
                with open(path) as file:
                    found.append(file.read(KEY_MAX))
        return found + [None]

    def unusable(self, name, error):
        """A key that cannot be used: an error if the program has named it."""
        if self.keys and isinstance(error, ValueError):
            text = f"cannot use the key {name}: {why(error)}"
            if "passphrase" in text and self.passphrase is None:
                raise PasswordRequiredException(_ssh.ERR_AUTH_FAILED, text)
            raise ValueError(text)
        if self.keys:
            raise OSError(error.args[0], f"cannot read the key {name}: {why(error)}")
        self.problem(f"the key {name}: {why(error)}")

    # ------------------------------------------------------------ passwords

    async def by_keyboard(self, conn):
        """The server's own questions."""
        session = conn.session
        if not self.can_answer(session):
            return None
        return await self.typed(
            conn,
            "keyboard-interactive",
            session.userauth_keyboard_interactive,
            lambda: self.answer,
        )

    def can_answer(self, session):
        """Whether there is something to answer with; a password goes by its own method first."""
        if self.interactive is not None:
            return True
        return self.password is not None and "password" not in session.auth_methods

    async def by_password(self, conn):
        if not self.can_give():
            return None
        login = conn.session.userauth_password
        return await self.typed(conn, "password", login, self.give, self.new_password)

    def can_give(self):
        return self.password is not None

    async def typed(self, conn, method, login, secret, *more):
        """A login with what secret() gives, again if it is refused."""
        if not self.passwords:
            return None
        for left in range(self.tries - 1, -1, -1):
            if method not in conn.session.auth_methods:
                break
            self.secrets = []
            try:
                return await conn.call(login, self.user, secret(), *more)
            except _NoAnswer as e:
                self.problem(f"{method}: {e.args[0]}")
                break
            except _ssh.SSHError as e:
                if e.args[0] == _ssh.ERR_PASSWORD_EXPIRED:
                    raise self.expired()
                self.check_refusal(e)
                if not self.again(left):
                    break
            finally:
                self.forget()
        return None

    def again(self, left):
        """Whether to try once more."""
        return False

    def forget(self):
        """What was asked for is no longer needed."""

    def expired(self):
        return AuthenticationException(
            _ssh.ERR_PASSWORD_EXPIRED, "the password has expired, and was not changed"
        )

    def give(self):
        """The password."""
        return self.password

    def answer(self, name, instruction, prompts):
        """The program's answers to one round of questions, or the password to a single one."""
        if self.interactive is not None:
            return self.interactive(name, instruction, prompts)
        if not prompts:
            return ()
        if len(prompts) > 1 or prompts[0][1]:
            raise _NoAnswer(f"no answer to {printable(prompts[-1][0])!r}")
        return (self.password,)


class _NoAnswer(Exception):
    """A question to which the program has given no answer."""
