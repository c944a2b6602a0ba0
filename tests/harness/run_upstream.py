"""MicroPython's run-tests.py for machines that are emulated: RUN-TESTS.PY ARGUMENTS...

Its 30 seconds for a test become more, and each line that it prints stays whole, whichever of
its threads print at the same time. Nothing else is changed.
"""

import os
import sys
from pathlib import Path


def say(*words, sep=" ", end="\n"):
    """print() in one write."""
    sys.stdout.write(sep.join(map(str, words)) + end)
    sys.stdout.flush()


path = sys.argv[1]
sys.argv = sys.argv[1:]
sys.path.insert(0, os.path.dirname(path))
text = Path(path).read_text()
assert "TEST_TIMEOUT = 30\n" in text
text = text.replace("TEST_TIMEOUT = 30\n", "TEST_TIMEOUT = 150\n")
exec(compile(text, path, "exec"), {"__name__": "__main__", "__file__": path, "print": say})
