"""The program `ssh`: a command or a shell on another machine."""

import _ssh

from ssh import agent, dialogue, errors, escapes, forwards, options, relay, terminal, tunnel
from ssh.dialogue import say
from ssh.errors import Failure, why

USAGE = """\
usage: ssh [-46AaCfgNnqsTtVvx] [-c ciphers] [-D [address:]port] [-e escape_char]
           [-F config_file] [-i key_file] [-J [user@]host[:port]] [-L forward]
           [-l user] [-m macs] [-o option=value] [-p port] [-R forward]
           [-W host:port] [user@]host [command]"""

_FLAGS = "46ACNTVafgnqstvx"

# As many connections at a time as forwards may have; more wait.
_CHANNELS = 128

# What OpenSSH gives when a command ended without a status.
_NO_STATUS = 255


def main(args):
    return dialogue.run("ssh", _main, args)


def _main(args):
    opts, operands = options.parse("ssh", args, _FLAGS, "DFJLRWceilmop", USAGE, stop=True)
    if "V" in opts.flags:
        say(dialogue.version())
        return 0
    if not operands:
        raise Failure(f"which host?\n{USAGE}", 2)
    opts.target(operands[0])
    _check(opts)
    opts.finish()
    command = " ".join(operands[1:])
    if command and opts.remote_command:
        raise Failure("a command on the command line, and RemoteCommand: only one of them can be")
    command = command or opts.remote_command or ""
    if "s" in opts.flags and not command:
        raise Failure("-s needs the name of a subsystem", 2)
    if "f" in opts.flags:
        raise Failure(
            "-f is not possible here (MicroPython cannot fork): add & to the command line"
        )
    opts.channels = _CHANNELS if _forwards(opts) or opts.forward_agent else None
    with dialogue.connect(opts) as conn:
        try:
            return _connected(opts, conn, command)
        except escapes.Disconnect:
            say(f"\r\nConnection to {opts.host} closed.")
            return 255
        except OSError as e:
            if isinstance(e, _ssh.SSHError) or conn.session.closed:
                raise Failure(f"connection to {opts.host} lost: {why(e)}")
            raise


def _forwards(opts):
    """(kind, text) of all that is to be forwarded."""
    lists = (
        ("L", opts.local_forwards),
        ("R", opts.remote_forwards),
        ("D", opts.dynamic_forwards),
    )
    return [(kind, text) for kind, texts in lists for text in texts]


def _check(opts):
    """What is wrong on the command line is said before anybody is asked for a password."""
    try:
        for kind, text in _forwards(opts):
            forwards.parse(kind, text)
        if opts.stdio_forward:
            forwards.host_port(opts.stdio_forward)
    except ValueError as e:
        raise Failure(f"{why(e)}\n{USAGE}", 2)


def _connected(opts, conn, command):
    conn.session.keepalive_interval = opts.alive_interval or None
    conn.session.keepalive_max = max(opts.alive_count, 1)
    with tunnel.Tunnels(conn) as tunnels:
        tunnels.gateway = opts.gateway_ports
        tunnels.log = lambda text: _log(opts, text)
        _open_forwards(opts, tunnels)
        if opts.stdio_forward:
            return _stdio(opts, tunnels)
        if "N" in opts.flags:
            while True:
                tunnels.poll()
        status = _session(opts, tunnels, command)
        # As OpenSSH: connections that are there go on, and new ones are not taken.
        for each in tunnels.list[:]:
            each.close()
        while tunnels.links:
            tunnels.poll()
        return status


def _log(opts, text):
    """What goes wrong with a connection of a tunnel."""
    if not opts.quiet:
        say(f"ssh: {text}\r" if terminal.Raw.now else f"ssh: {text}")


def _open_forwards(opts, tunnels):
    for kind, text in _forwards(opts):
        try:
            made = tunnels.add(kind, text)
        except (OSError, ValueError) as e:
            if tunnels.session.closed:
                raise
            text = f"cannot forward -{kind} {text}: {why(e)}"
            if opts.exit_on_forward_failure:
                raise Failure(text)
            say(f"ssh: {text}")
            continue
        if opts.verbose:
            say(f"debug1: forwarding {made}")
        if kind == "R" and made.bind[1] == 0 and not opts.quiet:
            say(f"Allocated port {made.port} for remote forward to {forwards.shown(made.target)}")


def _stdio(opts, tunnels):
    """-W: standard input and output are the connection."""
    host, port = forwards.host_port(opts.stdio_forward)
    try:
        channel = tunnels.session.open_tcp(host, port)
    except _ssh.SSHError as e:
        raise Failure(f"cannot connect to {opts.stdio_forward}: {why(e)}")
    with channel:
        relay.Relay(tunnels, channel, terminal.Input()).run()
    return 0


def _session(opts, tunnels, command):
    with_tty = _wants_tty(opts, command)
    local_tty = terminal.isatty(0)
    with tunnels.session.open_session() as channel:
        size = _prepare(opts, tunnels, channel, with_tty)
        if "s" in opts.flags:
            channel.subsystem(command)
        elif command:
            channel.exec(command)
        else:
            channel.shell()
        if with_tty and local_tty:
            with terminal.Raw() as raw:
                copier = relay.Relay(tunnels, channel, terminal.Input(), size)
                if opts.escape:
                    copier.escape = escapes.Escape(opts.escape, copier, raw)
                copier.run()
            if not opts.quiet and not command:
                say(f"Connection to {opts.host} closed.")
        else:
            _copy(opts, tunnels, channel)
        return _status(opts, channel)


def _wants_tty(opts, command):
    """As OpenSSH: for a shell, when somebody sits here; -t asks for it, -tt insists."""
    if "T" in opts.flags or opts.tty == "no" or "s" in opts.flags:
        return False
    if opts.flags.count("t") > 1 or opts.tty == "force":
        return True
    wanted = "t" in opts.flags or opts.tty == "yes" or not command
    if wanted and not terminal.isatty(0):
        if "t" in opts.flags and not opts.quiet:
            say("ssh: no terminal is used, because standard input is none (-tt insists)")
        return False
    return wanted


def _forward_agent(opts, tunnels, channel):
    """-A: programs there may use the agent here."""
    path = opts.forward_agent
    if path is True:
        path = opts.identity_agent or agent.default_path()
    if not path or path == "none" or not agent.available(path):
        return
    try:
        channel.request_agent()
    except _ssh.SSHError as e:
        if e.args[0] != _ssh.ERR_REQUEST_REFUSED:
            raise
        say("ssh: the server does not let the agent be used")
        return
    tunnels.agent(path)


def _prepare(opts, tunnels, channel, with_tty):
    """Agent, environment and terminal of the remote side; the size of the latter."""
    if opts.forward_agent:
        _forward_agent(opts, tunnels, channel)
    for name, value in opts.environment:
        try:
            channel.setenv(name, value)
        except _ssh.SSHError as e:
            if e.args[0] != _ssh.ERR_REQUEST_REFUSED:
                raise
            if opts.verbose:
                say(f"debug1: the server does not take the variable {name}")
    if not with_tty:
        return None
    size = terminal.size()
    try:
        channel.request_pty(terminal.term_name(), size[0], size[1], modes=terminal.pty_modes())
    except _ssh.SSHError as e:
        if e.args[0] != _ssh.ERR_REQUEST_REFUSED:
            raise
        say("ssh: the server gives no terminal")
    return size


def _copy(opts, tunnels, channel):
    """Without a terminal of ours: bytes as they are."""
    source = None
    if "n" not in opts.flags:
        keys = terminal.isatty(0) and not terminal.termios and not terminal.dos
        source = terminal.LineInput() if keys else terminal.Input()
    try:
        relay.Relay(tunnels, channel, source).run()
    finally:
        if isinstance(source, terminal.LineInput):
            source.close()


def _status(opts, channel):
    status = channel.exit_status
    if status is not None:
        return status & 255
    if channel.exit_signal and not opts.quiet:
        say(f"ssh: the command was ended by signal {errors.printable(channel.exit_signal)}")
    return _NO_STATUS
