"""The log, as paramiko's: by the module `logging` if it is installed, or into a file."""

DEBUG: int
INFO: int
WARNING: int
ERROR: int
CRITICAL: int

def log_to_file(filename: str, level: int = ...) -> None: ...
def log(name: str, level: int, text: str) -> None: ...
