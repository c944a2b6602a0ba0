"""What the programs share: connect, check the host, log in; errors as sentences."""

import sys

import _ssh

import micropython
import ssh
from ssh import agent, errors, known_hosts, paths, terminal
from ssh.errors import Failure, why

_WARNING = """\
***********************************************************
*  WARNING: THE KEY OF THIS HOST IS NOT THE ONE IT HAD!   *
***********************************************************
Somebody may be listening in between you and {host},
or the host has been given a new key: ask whoever runs it.
The fingerprint of the {kind} key that came is
{fingerprint}.
It contradicts the {known} key in {file}, line {line}.
"""


def say(text):
    sys.stderr.write(text + "\n")


def run(program, main, args):
    """Call main(args): its exit status, or 255 with a sentence on standard error."""
    if hasattr(micropython, "kbd_intr"):
        # Unix started with -m leaves ctrl-C at its default: death, with the terminal as it is.
        micropython.kbd_intr(3)
    try:
        return main(args)
    except Failure as e:
        if e.text:
            say(f"{program}: {e.text}")
        return e.status
    except KeyboardInterrupt:
        say(f"\n{program}: interrupted")
        return 130
    except (OSError, ValueError, MemoryError) as e:
        if isinstance(e, OSError) and e.args[0] == errors.EPIPE:
            return 141  # nobody reads our output: end as by SIGPIPE
        say(f"{program}: {why(e)}")
        return 255


def version():
    return f"MicroPython_ssh {_ssh.version()} ({_ssh.crypto_engine_name()})"


def short_type(kind):
    """ED25519 for ssh-ed25519, as people write it."""
    for name in ("ed25519", "ecdsa", "rsa"):
        if name in kind:
            return name.upper()
    return kind


class Login:
    """One login by the options of a command line."""

    def __init__(self, options):
        self.options = options
        self.failure = None
        self.passwords = True  # whether what a person types may be sent to this host

    def debug(self, text):
        if self.options.verbose:
            say(f"debug1: {text}")

    # ------------------------------------------------------------ the host

    def connect(self):
        """A Connection that is logged in."""
        options = self.options
        user = options.user_name()
        name = options.host_name or options.host
        port = options.port or 22
        self.hosts = known_hosts.KnownHosts(
            options.host_key_alias or options.host,
            22 if options.host_key_alias else port,
            _files(options.known_hosts),
            _files(options.global_known_hosts),
        )
        more = {"hostkeys": options.host_keys or self.hosts.prefer(_ssh.algorithms()["host_keys"])}
        for argument in ("ciphers", "macs", "kex"):
            if getattr(options, argument):
                more[argument] = getattr(options, argument)
        self.debug(f"connecting to {name} port {port}")
        try:
            conn = ssh.connect(
                name,
                port,
                hostkey=self.decide,
                timeout=options.connect_timeout or 30,
                family=options.family,
                **more,
            )
        except OSError as e:
            raise self.failure or Failure(f"cannot connect to {name} port {port}: {why(e)}")
        try:
            self.show(conn.session)
            self.login(conn.session, user)
        except BaseException:
            conn.close()
            raise
        return conn

    def show(self, session):
        if self.options.verbose:
            self.debug(f"remote software {errors.printable(session.remote_version)}")
            self.debug(f"host key {session.hostkey_type} {session.hostkey_fingerprint}")
            for name, value in sorted(session.algorithms.items()):
                self.debug(f"{name}: {value}")

    def decide(self, blob, kind, fingerprint):
        """Whether to go on with a host that has this key."""
        state, entry = self.hosts.check(blob)
        self.debug(f"the host key is {state} in the known-hosts files")
        if state == known_hosts.OK:
            return True
        if state == known_hosts.NEW:
            return self.meet(blob, short_type(kind), fingerprint)
        if state == known_hosts.REVOKED:
            return self.refuse(
                f"the host key {fingerprint} is marked as revoked in {entry.file}, "
                f"line {entry.line}: do not trust this host"
            )
        say(
            _WARNING.format(
                host=self.hosts.name,
                kind=short_type(kind),
                fingerprint=fingerprint,
                known=short_type(entry.kind),
                file=entry.file,
                line=entry.line,
            ).rstrip()
        )
        if self.options.checking == "no":
            say("Going on, as StrictHostKeyChecking=no asks for; no password will be sent.")
            self.passwords = False
            return True
        return self.refuse("the host key has changed: not connected")

    def refuse(self, text):
        self.failure = Failure(text)
        return False

    def meet(self, blob, kind, fingerprint):
        """A host that is not known yet."""
        checking = self.options.checking
        name = self.hosts.name
        if checking == "yes" or self.options.batch:
            return self.refuse(f"the {kind} key {fingerprint} of {name} is not known")
        if checking == "ask":
            if not terminal.can_ask():
                return self.refuse(
                    f"the {kind} key {fingerprint} of {name} is not known, "
                    "and there is no terminal to ask at"
                )
            if not self.ask_person(kind, fingerprint):
                return self.refuse("the host key was not accepted")
        self.remember(blob, kind)
        return True

    def ask_person(self, kind, fingerprint):
        prompt = (
            f"{self.hosts.name} is not known here.\n"
            f"Its {kind} key has the fingerprint\n{fingerprint}\n"
            "Connect, and trust this key from now on (yes/no/the fingerprint)? "
        )
        for _ in range(5):
            answer = terminal.ask(prompt).strip()
            if answer.lower() == "yes" or answer == fingerprint:
                return True
            if answer.lower() == "no":
                return False
            prompt = "Please type yes, no, or the fingerprint: "
        return False

    def remember(self, blob, kind):
        if not self.hosts.files:
            return
        file = self.hosts.files[0]
        try:
            self.hosts.add(blob)
        except OSError as e:
            say(f"{self.options.program}: cannot write {file}: {why(e)}")
            return
        if not self.options.quiet:
            say(f"The {kind} key of {self.hosts.name} is now in {file}.")

    # ------------------------------------------------------------ the user

    def login(self, session, user):
        """By the keys that there are, then by what a person types; several in a row if need be."""
        self.user = user
        try:
            if session.userauth_none(user):
                return
        except _ssh.SSHError as e:
            self.check_refusal(e)
        if session.banner and not self.options.quiet:
            say(errors.printable(session.banner, True).rstrip("\n"))
        # Each way gives True when logged in, False when accepted and more is asked for (of which
        # there are at most 16 in a session), None when it leads nowhere.
        ways = [self.by_agent, self.by_keys, self.by_keyboard, self.by_password]
        if self.options.identities:
            ways[:2] = [self.by_keys, self.by_agent]
        done = False
        while done is False:
            self.debug("the server takes " + ", ".join(session.auth_methods))
            for way in ways:
                done = way(session)
                if done is not None:
                    break
        if done:
            self.debug(f"logged in as {user}")
            return
        takes = ", ".join(errors.printable(m) for m in session.auth_methods)
        raise Failure(f"{user}@{self.options.host}: permission denied (the server takes: {takes})")

    def check_refusal(self, error):
        if error.args[0] != _ssh.ERR_AUTH_FAILED:
            raise error

    def by_agent(self, session):
        options = self.options
        if not options.public_key_auth or options.identities_only or not agent.available():
            return None
        if "publickey" not in session.auth_methods:
            return None
        keys = None
        try:
            keys = agent.connect()
            self.debug("trying the keys of the SSH agent")
            return session.userauth_agent(self.user, keys)
        except (OSError, ValueError) as e:
            if session.closed:
                raise
            # One that is not there, is empty, or has no key that fits: there are other ways.
            self.debug(f"SSH agent: {why(e)}")
            return None
        finally:
            if keys:
                keys.stream.close()

    def by_keys(self, session):
        if not self.options.public_key_auth:
            return None
        for path in self.identities():
            if "publickey" not in session.auth_methods:
                return None
            done = self.by_key(session, path)
            if done is not None:
                return done
        return None

    def identities(self):
        """The key files to try: those asked for, and the usual ones unless some were."""
        found = [paths.expand(path) for path in self.options.identities]
        for path in found:
            if not paths.exists(path):
                say(f"{self.options.program}: cannot use the key {path}: no such file")
        if not self.options.identities:
            found = paths.identities()
        return [path for path in found if paths.exists(path)]

    def by_key(self, session, path):
        asked_for = bool(self.options.identities)
        try:
            with open(path, "rb") as file:
                key = file.read(65536)
        except OSError as e:
            say(f"{self.options.program}: cannot read the key {path}: {why(e)}")
            return None
        self.debug(f"trying the key {path}")
        try:
            return self.offer(session, path, key)
        except _ssh.SSHError as e:
            self.check_refusal(e)
            return None
        except ValueError as e:
            if asked_for or self.options.verbose:
                say(f"{self.options.program}: cannot use the key {path}: {why(e)}")
            return None

    def can_ask(self):
        return not self.options.batch and terminal.can_ask()

    def offer(self, session, path, key):
        """Asks for the passphrase of an encrypted key."""
        try:
            return session.userauth_publickey(self.user, key)
        except ValueError as e:
            if "passphrase" not in why(e) or not self.can_ask():
                raise
        for left in range(self.options.password_prompts - 1, -1, -1):
            passphrase = terminal.ask_secret(f"Passphrase of the key {path}: ")
            try:
                if passphrase:
                    return session.userauth_publickey(self.user, key, passphrase=passphrase)
                return None
            except ValueError as e:
                if "passphrase" not in why(e) or not left:
                    raise
                say("That passphrase does not open the key, please try again.")
            finally:
                terminal.wipe(passphrase)
        return None

    def by_keyboard(self, session):
        """The server's own questions."""
        if self.options.keyboard_auth:
            login = session.userauth_keyboard_interactive
            return self.typed(
                session, "keyboard-interactive", lambda: login(self.user, self.answer)
            )
        return None

    def by_password(self, session):
        if self.options.password_auth:
            return self.typed(session, "password", lambda: self.password(session))
        return None

    def typed(self, session, method, login):
        """A login with what a person types, again if it is refused."""
        if not self.passwords or not self.can_ask():
            return None
        for left in range(self.options.password_prompts - 1, -1, -1):
            if method not in session.auth_methods:
                break
            self.secrets = []
            try:
                return login()
            except _ssh.SSHError as e:
                if e.args[0] == _ssh.ERR_PASSWORD_EXPIRED:
                    raise Failure("the password has expired, and was not changed")
                self.check_refusal(e)
                if not self.secrets:
                    break  # refused without a question
                if left:
                    say("Permission denied, please try again.")
            finally:
                for secret in self.secrets:
                    terminal.wipe(secret)
        return None

    def ask_secret(self, prompt):
        self.secrets.append(terminal.ask_secret(prompt))
        return self.secrets[-1]

    def password(self, session):
        password = self.ask_secret(f"{self.user}@{self.options.host}'s password: ")
        return session.userauth_password(self.user, password, self.new_password)

    def new_password(self, prompt):
        """One that the server asks for in place of an expired one."""
        if prompt:
            say(errors.printable(prompt, True).rstrip("\n"))
        for _ in range(self.options.password_prompts):
            new = self.ask_secret("New password: ")
            if new and self.ask_secret("The new password again: ") == new:
                return new
            say("Empty, or not the same twice: please try again.")
        return None

    def answer(self, name, instruction, prompts):
        """Of one round of the server's questions."""
        for text in (name, instruction):
            if text and not (self.options.quiet and not prompts):
                say(errors.printable(text, True).rstrip("\n"))
        answers = []
        for text, echo in prompts:
            # So that nobody takes it for a question of this program.
            prompt = f"({self.user}@{self.options.host}) {errors.printable(text)}"
            if echo:
                answers.append(terminal.ask(prompt))
                self.secrets.append(bytearray())
            else:
                answers.append(self.ask_secret(prompt))
        return answers


def _files(names):
    """Files named in an option; "none" is no file."""
    if names is None:
        return None
    return [paths.expand(name) for name in names if name.lower() != "none"]


def connect(options):
    return Login(options).connect()
