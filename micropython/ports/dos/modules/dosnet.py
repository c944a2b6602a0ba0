# The network from the environment: dosnet.up() and dosnet.down().
#
#   SET MPNET=dhcp                                     (what is done without it)
#   SET MPNET=10.0.2.15/24,10.0.2.2,10.0.2.3           address/prefix, gateway, name server
#   SET MPNIC=auto | ne2000 | ne2000:300 | ne2000:300,9 | packet | packet:60
#                            (hexadecimal, but for the IRQ after the comma)
#   SET MPHOST=name                                    the name that is told to the DHCP server

import errno
import os
import time

import network

_DRIVERS = ("auto", "ne2000", "packet")


def _wrong(name, value, sentence):
    raise OSError(errno.EINVAL, "%s=%s: %s" % (name, value, sentence))


def _nic(text):
    # The arguments of network.LAN.
    driver, colon, where = text.lower().partition(":")
    if driver not in _DRIVERS or (colon and driver == "auto"):
        _wrong("MPNIC", text, "it is auto, ne2000, ne2000:300,9, packet or packet:60")
    io, comma, irq = where.partition(",")
    arguments = {"driver": driver}
    try:
        if io:
            arguments["irq" if driver == "packet" else "io"] = int(io, 16)
        if comma:
            if driver == "packet":
                raise ValueError
            arguments["irq"] = int(irq)
        return network.LAN(0, **arguments)
    except ValueError as exc:
        _wrong("MPNIC", text, exc.args[0] if exc.args else "not a number that fits")


def _address(text, whole):
    parts = text.split(".")
    try:
        if len(parts) == 4 and all(0 <= int(part) <= 255 for part in parts):
            return text
    except ValueError:
        pass
    _wrong("MPNET", whole, "'%s' is not an address such as 10.0.2.15" % text)


def _static(text):
    # (address, mask, gateway, name server) as LAN.ifconfig() takes it.
    parts = [part.strip() for part in text.split(",")]
    address, slash, prefix = parts[0].partition("/")
    try:
        bits = int(prefix) if slash else 24
    except ValueError:
        bits = 0
    if not 1 <= bits <= 32 or len(parts) > 3:
        _wrong("MPNET", text, "it is dhcp or ADDRESS/PREFIX,GATEWAY,NAMESERVER")
    mask = (0xFFFFFFFF << (32 - bits)) & 0xFFFFFFFF
    result = [
        _address(address, text),
        ".".join(str(mask >> shift & 255) for shift in (24, 16, 8, 0)),
    ]
    for index in (1, 2):
        given = len(parts) > index and parts[index]
        result.append(_address(parts[index], text) if given else "0.0.0.0")
    return tuple(result)


def _wait_dhcp(lan, timeout):
    start = time.ticks_ms()
    while not lan.ipconfig("has_dhcp4"):
        if time.ticks_diff(time.ticks_ms(), start) > timeout * 1000:
            advice = "check the cable, the card's settings and the server"
            if lan.status() == 1:
                advice = "the cable is out"
            where = (timeout, lan.config("driver"), lan.config("io"), advice)
            lan.active(False)
            raise OSError(
                errno.ETIMEDOUT,
                "no DHCP server has answered in %g s through the card (%s at %xh): %s; an address "
                "of its own can be given by SET MPNET=ADDRESS/PREFIX,GATEWAY,NAMESERVER" % where,
            )
        time.sleep_ms(10)


def up(timeout=15):
    """Bring the network up as the environment says; nothing if it is up. Gives network.LAN()."""
    lan = network.LAN()
    if lan.isconnected():
        return lan
    host = os.getenv("MPHOST")
    if host:
        try:
            network.hostname(host)
        except ValueError:
            _wrong("MPHOST", host, "a name has at most 32 characters")
    setting = os.getenv("MPNET") or "dhcp"
    static = None if setting.lower() == "dhcp" else _static(setting)
    if not lan.active():
        lan = _nic(os.getenv("MPNIC") or "auto")
        lan.active(True)  # asks by DHCP
    elif not static:
        lan.ipconfig(dhcp4=True)  # again: its own next try may be a minute away
    if static:
        lan.ifconfig(static)
    else:
        _wait_dhcp(lan, timeout)
    return lan


def down():
    """Take the network down: connections end, the card is stopped."""
    network.LAN().active(False)
