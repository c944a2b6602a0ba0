"""Patterns of names: as Python's fnmatch sees them, and what they find in folders."""

import fnmatch
import itertools
import random

import pytest
from harness.mpy import run_mpy

pytestmark = pytest.mark.usefixtures("micropython")


def test_match_as_fnmatch():
    rng = random.Random(1)
    patterns = ["".join(p) for n in range(1, 4) for p in itertools.product("ab*?", repeat=n)]
    patterns += ["[ab]", "[!a]b", "[a-b]*", "*[!a-b]", "x[", "[]a]", "[!]a]", "a[b-]", "[a", "[*]"]
    names = ["".join(rng.choices("abc]-[*", k=rng.randrange(5))) for _ in range(60)]
    got = run_mpy(
        """
        from ssh.glob import match
        for pattern in P["patterns"]:
            out("".join("01"[match(name, pattern)] for name in P["names"]))
        """,
        patterns=patterns,
        names=names,
    ).out
    for pattern, results in zip(patterns, got):
        for name, result in zip(names, results):
            assert fnmatch.fnmatchcase(name, pattern) == (result == "1"), (name, pattern)


def test_escapes():
    got = run_mpy(
        r"""
        from ssh.glob import escape, is_plain, match, unescape
        for text in ("a*b", "[x]", "?", "\\", "a\\*"):
            pattern = escape(text)
            out((match(text, pattern), is_plain(pattern), unescape(pattern) == text))
        out([match("a*", "a\\*"), match("ab", "a\\*"), match("b", "\\b"), match("a\\", "a\\")])
        out([is_plain(t) for t in ("ab", "a*", "a\\*", "a\\\\*", "[")])
        """
    ).out
    assert got[:5] == [(True, True, True)] * 5
    assert got[5:] == [[True, False, True, True], [True, False, True, False, False]]


def test_expand():
    """Also what a server had better not say."""
    got = run_mpy(
        r"""
        from ssh.glob import expand
        tree = {".": ["a.c", "b.c", "d", "e", ".h", "../x.c", "", b"\xff.c", "[1]"],
                "d": ["y.c", "z"], "e": ["y.c"], "/": ["r"], "d/": ["y.c", "z"], "e/": ["y.c"]}
        def listdir(folder):
            return tree.get(folder, ())
        def exists(name):
            folder, _, last = name.rpartition("/")
            return last in tree.get(folder or ".", ()) or last == "." and folder in tree
        for pattern in ("*.c", "*", ".*", "*/y.c", "*/nix", "d/*", "/*", "[de]/?.c", "\\[1]", "*/",
                        "nix*", "a.c"):
            out(expand(pattern, listdir, exists))
        """
    ).out
    assert got == [
        ["a.c", "b.c"], ["[1]", "a.c", "b.c", "d", "e"], [".h"], ["d/y.c", "e/y.c"], [],
        ["d/y.c", "d/z"], ["/r"], ["d/y.c", "e/y.c"], ["[1]"],
        ["d/", "e/"], [], ["a.c"],
    ]  # fmt: skip
