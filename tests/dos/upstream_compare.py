"""DOS-LOG UNIX-LOG DIFFERENCES COUNTS: upstream tests that pass on unix and fail on DOS.

Each needs a line "test: reason" in DIFFERENCES. Writes "passed failed skipped" to COUNTS, says
what has no reason, and which reasons are not needed any more.
"""

import re
import sys
from pathlib import Path


def results(path):
    """{test: "pass", "FAIL" or "skip"}: the lines of run-tests.py."""
    found = {}
    for line in Path(path).read_text(errors="replace").splitlines():
        match = re.match(r"(pass|FAIL|skip)\s+(\S+\.py)\b", line)
        if match:
            found[match[2]] = match[1]
    return found


def reasons(path):
    found = {}
    for line in Path(path).read_text().splitlines():
        if line and not line.startswith("#"):
            test, _, reason = line.partition(": ")
            assert reason.strip(), f"{test} has no reason"
            found[test] = reason
    return found


def main(dos_log, unix_log, differences, counts):
    dos, unix, known = results(dos_log), results(unix_log), reasons(differences)
    failed = {test for test, how in dos.items() if how == "FAIL"}
    passed = [test for test, how in dos.items() if how == "pass"]
    missing = {test for test, how in unix.items() if how == "pass" and test not in dos}
    skipped = sorted(t for t, how in unix.items() if how == "pass" and dos.get(t) == "skip")
    both = sorted(test for test in failed if unix.get(test) != "pass")
    wrong = sorted((failed - set(both) - set(known)) | missing)
    print(f"DOS: {len(passed)} passed, {len(failed)} failed; unix: ", end="")
    print(f"{sum(how == 'pass' for how in unix.values())} passed of {len(unix)}")
    print(f"fail on both: {len(both)}: {' '.join(both)}")
    print(f"pass on unix, skipped on DOS for a feature that is off: {len(skipped)}:", *skipped)
    for test in sorted(failed & set(known)):
        print(f"fails on DOS: {test}: {known[test]}")
    for test in sorted(set(known) - failed):
        print(f"a reason that is not needed: {test}")
    for test in wrong:
        how = "fails" if test in failed else "is not run"
        print(f"FAILED  {test} passes on unix and {how} on DOS")
    Path(counts).write_text(f"{len(passed)} {len(wrong) or int(not passed)} {len(skipped)}\n")
    return bool(wrong) or not passed


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
