"""The program `ssh`: a command or a shell on another machine."""

import select

import _ssh

from ssh import dialogue, errors, options, relay, terminal
from ssh.dialogue import say
from ssh.errors import Failure, why

USAGE = """\
usage: ssh [-46AaCfgNnqsTtVvx] [-c ciphers] [-D [address:]port] [-e escape_char]
           [-F config_file] [-i key_file] [-J [user@]host[:port]] [-L forward]
           [-l user] [-m macs] [-o option=value] [-p port] [-R forward]
           [-W host:port] [user@]host [command]"""

_FLAGS = "46ACNTVafgnqstvx"

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
    command = " ".join(operands[1:])
    if "s" in opts.flags and not command:
        raise Failure("-s needs the name of a subsystem")
    with dialogue.connect(opts) as conn:
        try:
            return _session(opts, conn, command)
        except relay.Disconnect:
            say(f"\r\nConnection to {opts.host} closed.")
            return 255
        except OSError as e:
            if isinstance(e, _ssh.SSHError) or conn.session.closed:
                raise Failure(f"connection to {opts.host} lost: {why(e)}")
            raise


def _session(opts, conn, command):
    alive = relay.Alive(conn.session, opts.alive_interval, opts.alive_count)
    if "N" in opts.flags:
        return _only_stay(conn, alive)
    with_tty = _wants_tty(opts, command)
    local_tty = terminal.isatty(0)
    with conn.session.open_session() as channel:
        size = _prepare(opts, channel, with_tty)
        if "s" in opts.flags:
            channel.subsystem(command)
        elif command:
            channel.exec(command)
        else:
            channel.shell()
        if with_tty and local_tty:
            with terminal.Raw():
                copier = relay.Relay(conn, channel, terminal.Input(), alive, opts.escape, size)
                copier.run()
            if not opts.quiet and not command:
                say(f"Connection to {opts.host} closed.")
        else:
            _copy(opts, conn, channel, alive)
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


def _prepare(opts, channel, with_tty):
    """Environment and terminal of the remote side; the size of the latter."""
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
        channel.request_pty(terminal.term_name(), size[0], size[1])
    except _ssh.SSHError as e:
        if e.args[0] != _ssh.ERR_REQUEST_REFUSED:
            raise
        say("ssh: the server gives no terminal")
    return size


def _copy(opts, conn, channel, alive):
    """Without a terminal of ours: bytes as they are."""
    source = None
    if "n" not in opts.flags:
        keys = terminal.isatty(0) and not terminal.termios and not terminal.dos
        source = terminal.LineInput() if keys else terminal.Input()
    try:
        relay.Relay(conn, channel, source, alive).run()
    finally:
        if isinstance(source, terminal.LineInput):
            source.close()


def _only_stay(conn, alive):
    """-N: no command; stay until the server or the person ends it."""
    poller = select.poll()
    poller.register(conn.sock, select.POLLIN)
    while True:
        conn.session.pump()
        alive.check()
        left = alive.left()
        poller.poll(1000 if left is None else min(left, 1000))


def _status(opts, channel):
    status = channel.exit_status
    if status is not None:
        return status & 255
    if channel.exit_signal and not opts.quiet:
        say(f"ssh: the command was ended by signal {errors.printable(channel.exit_signal)}")
    return _NO_STATUS
