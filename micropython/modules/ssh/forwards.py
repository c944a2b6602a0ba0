"""Texts that say what is forwarded where, as people write them after -L, -R, -D and -W of ssh."""

_FORMS = {
    "L": "[address:]port:host:port, or /path in place of either end",
    "R": "[address:]port:host:port, or /path in place of either end, or [address:]port",
    "D": "[address:]port",
    "W": "host:port",
}


def parse(kind, text, gateway=False):
    """(bind, target) of a text after -L, -R, -D (kind: that letter).

    Each is (host, port), or the path of a Unix socket; a target None is for SOCKS, where each
    connection says its own. The host of a bind is "" for all addresses, and localhost if nothing
    is said (with gateway: all). ValueError with a sentence.
    """
    try:
        fields = _fields(text)
        target = None
        if kind != "D" and (len(fields) > 2 or fields[-1][:1] == "/"):
            target = _end(fields, False)
        bind = _end(fields, kind == "R", "" if gateway else "localhost")
        if fields or (kind == "L" and target is None) or (kind == "D" and isinstance(bind, str)):
            raise ValueError
    except (ValueError, IndexError):
        raise ValueError(f"not of the form {_FORMS[kind]}: {text}")
    return bind, target


def host_port(text):
    """(host, port) of host:port, as after -W. ValueError with a sentence."""
    try:
        fields = _fields(text)
        if len(fields) != 2:
            raise ValueError
        return _end(fields, False)
    except (ValueError, IndexError):
        raise ValueError(f"not of the form {_FORMS['W']}: {text}")


def _fields(text):
    """Apart at colons, but not inside [...], which an IPv6 address is in."""
    fields = []
    text = text.strip()
    while True:
        if text[:1] == "[":
            field, closed, text = text[1:].partition("]")
            if not closed or (text and text[0] != ":") or not field:
                raise ValueError
            more, text = bool(text), text[1:]
        else:
            field, more, text = text.partition(":")
        fields.append(field)
        if not more:
            return fields


def _end(fields, zero, default=None):
    """Take one end off the end of the fields. default: the host where none is named."""
    last = fields.pop()
    if last[:1] == "/":
        return last
    if not last.isdigit():
        raise ValueError
    port = int(last)
    if port > 65535 or not (port or zero):
        raise ValueError
    if default is None:
        host = fields.pop()
        if not host:
            raise ValueError
        return host, port
    if not fields:
        return default, port
    host = fields.pop()
    return "" if host == "*" else host, port


def shown(end):
    """An end as text."""
    if isinstance(end, str):
        return end
    if end is None:
        return "SOCKS"
    host, port = end
    if ":" in host:
        return f"[{host}]:{port}"
    return f"{host or '*'}:{port}"
