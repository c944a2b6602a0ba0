"""The log, as paramiko's: by the module `logging` if it is installed, or into a file."""

import time

try:
    import logging
except ImportError:
    logging = None

DEBUG, INFO, WARNING, ERROR, CRITICAL = 10, 20, 30, 40, 50
_LETTERS = {DEBUG: "DEB", INFO: "INF", WARNING: "WAR", ERROR: "ERR", CRITICAL: "CRI"}

_log = {"file": None, "level": CRITICAL + 1}


def log_to_file(filename, level=DEBUG):
    """Append what Transports and Channels log, from this level on, to a file."""
    if _log["file"] is None:
        _log["file"] = open(filename, "a")
    _log["level"] = level


def log(name, level, text):
    """One line in the log of this name."""
    if level >= _log["level"]:
        now = time.localtime()
        stamp = "{:04d}{:02d}{:02d}-{:02d}:{:02d}:{:02d}".format(*now[:6])
        _log["file"].write(f"{_LETTERS.get(level, level)} [{stamp}] {name}: {text}\n")
        _log["file"].flush()
    if logging is not None:
        logging.getLogger(name).log(level, text)
