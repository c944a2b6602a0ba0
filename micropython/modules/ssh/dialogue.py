"""What the programs share: the login with a person at a terminal; errors as sentences."""

import sys

import _ssh

import micropython
from ssh import connection, errors, known_hosts, login, paths, terminal
from ssh.errors import Failure, why
from ssh.login import short_type

_WARNING = """\
***********************************************************
*  WARNING: THE KEY OF THIS HOST IS NOT THE ONE IT HAD!   *
***********************************************************
Somebody may be listening in between you and {host},
or the host has been given a new key: ask whoever runs it.
The fingerprint of the {kind} key that came is
{fingerprint}.
It contradicts the {known} key in {file}, line {line}, which is
{old}.
If the new one is right: keygen -R "{host}" -f "{file}" takes out the old one.
"""


def say(text):
    try:
        sys.stderr.write(text + "\n")
    except OSError:
        pass  # a terminal that is gone


def run(program, main, args):
    """Call main(args): its exit status, or 255 with a sentence on standard error."""
    if hasattr(micropython, "kbd_intr"):
        # Unix started with -m leaves ctrl-C at its default: death, with the terminal as it is.
        micropython.kbd_intr(3)
    _fill_standard_streams()
    _signalled()
    try:
        return main(args)
    except Failure as e:
        if e.text:
            say(f"{program}: {e.text}")
        return e.status
    except KeyboardInterrupt:
        number = _signalled()
        say(f"\n{program}: {'ended by a signal' if number else 'interrupted'}")
        return 128 + (number or 2)
    except (OSError, ValueError, MemoryError) as e:
        if isinstance(e, OSError) and e.args[0] == errors.EPIPE:
            return 141  # nobody reads our output: end as by SIGPIPE
        say(f"{program}: {why(e)}")
        return 255


_kept = []  # files that are to stay open


def _fill_standard_streams():
    """A standard stream that is closed would be the first socket: read, and written to, as if it
    were the person's.
    """
    while hasattr(_ssh, "unix"):
        file = open("/dev/null", "r+b")
        if file.fileno() > 2:
            file.close()
            return
        _kept.append(file)


def _signalled():
    """Have SIGTERM and SIGHUP raise KeyboardInterrupt, where that can be, as a terminal has to be
    put back. The number of the one that has come, or 0.
    """
    return _ssh.unix.catch_signals() if hasattr(_ssh, "unix") else 0


def version():
    return f"MicroPython_ssh {_ssh.version()} ({_ssh.crypto_engine_name()})"


class Host(login.Host):
    """Asks a person about a host that is not known, if the options say so."""

    def __init__(self, dialogue):
        options = dialogue.options
        super().__init__(
            options.host_key_alias or options.host_name,
            22 if options.host_key_alias else options.port or 22,
            _files(options.known_hosts),
            _files(options.global_known_hosts),
            options.revoked_host_keys,
        )
        if options.ca_algorithms:
            self.hosts.ca_types = known_hosts.types_of(options.ca_algorithms)
        self.dialogue = dialogue
        self.checking = options.checking

    def options(self):
        more = super().options()
        more["hostkeys"] = self.dialogue.options.host_key_names(self.hosts)
        for name in ("ciphers", "macs", "kex"):
            if getattr(self.dialogue.options, name):
                more[name] = getattr(self.dialogue.options, name)
        size, time = self.dialogue.options.rekey
        if size is not None:
            more["rekey_bytes"] = size
        if time is not None:
            more["rekey_seconds"] = time
        if self.dialogue.options.channels:
            more["channels"] = self.dialogue.options.channels
        return more

    def judged(self, state):
        self.dialogue.debug(f"the host key is {state} in the known-hosts files")

    def revoked(self, blob, kind, fingerprint, entry):
        raise Failure(
            f"the host key {fingerprint} is marked as revoked in {entry.file}, "
            f"line {entry.line}: do not trust this host"
        )

    def changed(self, blob, kind, fingerprint, entry):
        say(
            _WARNING.format(
                host=self.name,
                kind=short_type(kind),
                fingerprint=fingerprint,
                known=short_type(entry.kind),
                old=known_hosts.fingerprint_of(entry.blob),
                file=entry.file,
                line=entry.line,
            ).rstrip()
        )
        if self.checking == "no":
            say("Going on, as StrictHostKeyChecking=no asks for; no password will be sent.")
            self.dialogue.passwords = False
            return True
        raise Failure("the host key has changed: not connected")

    def new(self, blob, kind, fingerprint):
        kind = short_type(kind)
        unknown = f"the {kind} key {fingerprint} of {self.name} is not known"
        if self.checking == "yes":
            raise Failure(unknown)
        if self.checking == "ask":
            if self.dialogue.options.batch:
                raise Failure(unknown)
            if not terminal.can_ask():
                raise Failure(unknown + ", and there is no terminal to ask at")
            if not self.ask_person(kind, fingerprint):
                raise Failure("the host key was not accepted")
        self.remember(blob, kind)
        return True

    def ask_person(self, kind, fingerprint):
        prompt = (
            f"{self.name} is not known here.\n"
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
            self.hosts.add(blob, self.dialogue.options.hash_known_hosts)
        except OSError as e:
            say(f"{self.dialogue.options.program}: cannot write {file}: {why(e)}")
            return
        if not self.dialogue.options.quiet:
            say(f"The {kind} key of {self.name} is now in {file}.")

    def update(self, session):
        """UpdateHostKeys: take over the other keys that the host has proved to own."""
        options = self.dialogue.options
        wanted = options.update_host_keys
        if wanted == "no" or (wanted == "ask" and not self.dialogue.can_ask()):
            return
        if self.hosts.check(session.hostkey)[0] != known_hosts.OK:
            return  # neither for certificates nor where the host was only let through
        try:
            # The server has named its keys before it answers anything else.
            session.open_session().close()
            keys = session.host_keys()
            if wanted == "ask" and not self.agrees(keys):
                return
            added, removed = self.hosts.update(keys, options.hash_known_hosts)
        except OSError as e:
            if session.closed:
                raise
            self.dialogue.debug(f"the keys of the host are not updated: {why(e)}")
            return
        for key, done in [(k, "learned") for k in added] + [(k, "removed") for k in removed]:
            text = f"{done} the {short_type(errors.key_type(key))} key"
            self.dialogue.debug(f"{text} {_ssh.fingerprint(key)} of {self.name}")

    def agrees(self, keys):
        """Whether the person wants the keys of the host as they are now."""
        news = [key for key in keys if self.hosts.check(key)[0] != known_hosts.OK]
        if not news:
            return True
        say(f"{self.name} has proved that these keys are also its own:")
        for key in news:
            say(f"{short_type(errors.key_type(key))} {_ssh.fingerprint(key)}")
        return terminal.ask("Trust them too (yes/no)? ").strip().lower() == "yes"


class Dialogue(login.Login):
    """One login by the options of a command line, with questions to a person."""

    def __init__(self, options):
        options.finish()
        super().__init__(options.user_name(), keys=options.identities)
        self.options = options
        if options.identity_agent == "none":
            self.agent = False
        else:
            self.agent_path = options.identity_agent
        self.certificates = [paths.expand(path) for path in options.certificates]
        self.tries = options.password_prompts
        self.secrets = []

    def connect(self, sock=None, via=None):
        """A Connection that is logged in. sock: a way to the host that is there already; via: a
        Connection that it is to run through.
        """
        options = self.options
        name = options.host_name
        port = options.port or 22
        host = Host(self)
        self.debug(f"connecting to {name} port {port}")
        if options.proxy_command and sock is None and via is None:
            from ssh import proxy

            self.debug(f"by the command {options.proxy_command}")
            sock = proxy.ProxyCommand(options.proxy_command)
        try:
            conn = connection.handshake(
                name,
                port,
                sock=sock,
                via=via,
                timeout=options.connect_timeout or 30,
                family=options.family,
                **host.options(),
            )
        except OSError as e:
            raise Failure(f"cannot connect to {name} port {port}: {why(e)}")
        try:
            self.show(conn.session)
            host.checked(conn.session)
            login.run(self.login(conn))
            host.update(conn.session)
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

    # ------------------------------------------------------------ what is said

    def debug(self, text):
        if self.options.verbose:
            say(f"debug1: {text}")

    def greet(self, banner):
        if not self.options.quiet:
            say(errors.printable(banner, True).rstrip("\n"))

    def refused(self, session):
        takes = ", ".join([errors.printable(m) for m in session.auth_methods])
        target = f"{self.user}@{self.options.host}"
        return Failure(f"{target}: permission denied (the server takes: {takes})")

    def expired(self):
        return Failure("the password has expired, and was not changed")

    def ways(self):
        """In the order of PreferredAuthentications, if it is given."""
        preferred = self.options.preferred_auth
        if preferred is None:
            return super().ways()
        found = []
        for name in preferred.lower().split(","):
            if name == "publickey":
                found += [w for w in super().ways() if w in (self.by_agent, self.by_keys)]
            elif name in ("keyboard-interactive", "password"):
                found.append(self.by_password if name == "password" else self.by_keyboard)
        return found

    # ------------------------------------------------------------ keys

    async def by_agent(self, conn):
        if not self.options.public_key_auth or self.options.identities_only:
            return None
        return await super().by_agent(conn)

    async def by_keys(self, conn):
        if not self.options.public_key_auth:
            return None
        return await super().by_keys(conn)

    def identities(self):
        """The key files to try: those asked for, and the usual ones unless some were."""
        found = [paths.expand(path) for path in self.keys]
        for path in found[: self.options.named_keys]:
            if not paths.exists(path):
                say(f"{self.options.program}: cannot use the key {path}: no such file")
        if not self.keys and self.options.default_keys:
            found = paths.identities()
        return [(path, None) for path in found if paths.exists(path)]

    def unusable(self, name, error):
        if isinstance(error, OSError):
            say(f"{self.options.program}: cannot read the key {name}: {why(error)}")
        elif self.keys or self.options.verbose:
            say(f"{self.options.program}: cannot use the key {name}: {why(error)}")

    def opened(self, name, key):
        """Asks for the passphrase of an encrypted key."""
        try:
            return super().opened(name, key)
        except ValueError as e:
            if "passphrase" not in why(e) or not self.can_ask():
                raise
        for left in range(self.tries - 1, -1, -1):
            self.passphrase = terminal.ask_secret(f"Passphrase of the key {name}: ")
            try:
                if self.passphrase:
                    return super().opened(name, key)
                break
            except ValueError as e:
                if "passphrase" not in why(e) or not left:
                    raise
                say("That passphrase does not open the key, please try again.")
            finally:
                terminal.wipe(self.passphrase)
                self.passphrase = None
        return None, None

    # ------------------------------------------------------------ passwords

    def can_ask(self):
        return not self.options.batch and terminal.can_ask()

    def can_answer(self, session):
        return self.options.keyboard_auth and self.can_ask()

    def can_give(self):
        return self.options.password_auth and self.can_ask()

    def again(self, left):
        if not self.secrets:
            return False  # refused without a question
        if left:
            say("Permission denied, please try again.")
        return True

    def forget(self):
        for secret in self.secrets:
            terminal.wipe(secret)

    def ask_secret(self, prompt):
        self.secrets.append(terminal.ask_secret(prompt))
        return self.secrets[-1]

    def give(self):
        return self.ask_secret(f"{self.user}@{self.options.host}'s password: ")

    def new_password(self, prompt):
        """One that the server asks for in place of an expired one."""
        if prompt:
            say(errors.printable(prompt, True).rstrip("\n"))
        for _ in range(self.tries):
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


# More hosts on the way than this go round in a circle.
_MOST_HOPS = 16


def connect(options, sock=None, via=None, hops=0):
    """A Connection that is logged in, through the hosts of ProxyJump if there are any."""
    options.finish()
    if sock is not None or via is not None or not options.proxy_jump:
        return Dialogue(options).connect(sock, via)
    if hops == _MOST_HOPS:
        raise Failure("ProxyJump: the way leads through too many hosts")
    before, _, last = options.proxy_jump.rpartition(",")
    hop = options.hop(last.strip())
    if before:
        hop.put("proxy_jump", before)
    via = connect(hop, hops=hops + 1)
    try:
        conn = Dialogue(options).connect(via=via)
    except BaseException:
        via.close()
        raise
    conn.owns_via = True
    return conn
