"""Rewrite the compiler's assembly for x86 processors older than the compiler knows.

LLVM has no switch that keeps it from `bswap`, which came with the 486, and the crate `cmov` writes
the instruction of its name, which came with the Pentium Pro, whatever the target is. Each is
replaced by older instructions with the same result, in the same time whatever the data, since
the crate is there for comparisons of secrets. What this file does not know, the assembler refuses:
it is told the processor too. Only functions with a name that says so may use SSE2: they are called
when the caller has found that it is there.
"""

import re

# The first names of -march that have none of these, by what the assembler calls them.
LEVELS = {
    "i386": "i386",
    "i486": "i486",
    "i586": "i586",
    "pentium": "i586",
    "pentium-mmx": "i586",
    "lakemont": "i586",
    "k6": "i586",
}
BSWAP = re.compile(r"\tbswapl\t%e(\w\w)\s*$")
CMOV = re.compile(r"\tcmov(\w+)l\t(%e\w\w), (%e\w\w)\s*$")
# Where each line of Rust came from: newer directives than the assembler knows, and of no use here.
LINE_NUMBERS = re.compile(r"\t\.(file\t\d|loc\t)")
# A function that is only for processors with SSE2, and the end of one.
SSE2_BEGIN = re.compile(r"ssh_sse2_\w+:")
SSE2_END = re.compile(r"\t\.size\tssh_sse2_\w+,")
# Conditions and their opposites, as the compiler and the crate spell them.
OPPOSITE = {"e": "ne", "z": "ne", "ne": "e", "nz": "e"}
OPPOSITE |= {
    "b": "ae",
    "ae": "b",
    "a": "be",
    "be": "a",
    "l": "ge",
    "ge": "l",
    "g": "le",
    "le": "g",
}
OPPOSITE |= {"s": "ns", "ns": "s", "o": "no", "no": "o", "p": "np", "np": "p"}
# These set every flag that is asked for later; shifts only by a number that is not in a register.
SETS_FLAGS = re.compile(
    r"\t((add|sub|and|or|xor|cmp|test|neg|i?mul)[bwl]?\t|(shl|shr|sar)[bwl]\t(\$|[^,]+$))"
)
ASKS_FLAGS = re.compile(r"\t(j(?!mp)|set|cmov|adc|sbb|rc[lr]|lahf|pushf|into|loop)")
# At a call and at a return nobody counts on flags.
ENDS_FLAGS = re.compile(r"\t(call|ret|ud2)")


def flags_live(lines, at):
    """Whether the flags as they are before line `at` may still be asked for after it."""
    for line in lines[at + 1 :]:
        if ASKS_FLAGS.match(line):
            return True
        if SETS_FLAGS.match(line) or ENDS_FLAGS.match(line):
            return False
        if line.startswith("\tjmp"):
            return True
    return False


def keep_flags(lines, at, fresh):
    return ["\tpushfl", *fresh, "\tpopfl"] if flags_live(lines, at) else fresh


def byte_swap(register):
    """A bswap of any 32-bit register, in rotations."""
    return [f"\trolw\t$8, %{register}", f"\troll\t$16, %e{register}", f"\trolw\t$8, %{register}"]


def move_if(condition, source, target):
    """A cmov without a jump: a mask on the stack says which of the two words stays."""
    if "%esp" in (source, target):
        raise ValueError(f"cmov{condition} with the stack pointer")
    if source == target:
        return []
    return [
        "\tpushl\t$0",
        f"\tset{OPPOSITE[condition]}\t(%esp)",
        "\tnegl\t(%esp)",
        f"\txorl\t{source}, {target}",
        f"\tandl\t(%esp), {target}",
        f"\txorl\t{source}, {target}",
        "\tleal\t4(%esp), %esp",
    ]


def rewrite(text, level):
    """Assembly (AT&T syntax) with no instruction that `level`, a name of LEVELS' values, lacks."""
    lines = text.split("\n")
    out = []
    for at, line in enumerate(lines):
        if LINE_NUMBERS.match(line):
            continue
        swap = BSWAP.match(line) if level == "i386" else None
        move = CMOV.match(line)
        if SSE2_BEGIN.match(line):
            out += ["\t.arch\t.sse2", line]
        elif SSE2_END.match(line):
            out += [line, "\t.arch\t.nosse"]
        elif swap:
            out += keep_flags(lines, at, byte_swap(swap[1]))
        elif move:
            # The condition is asked for at once, before the flags change.
            out += keep_flags(lines, at, move_if(*move.groups()))
        else:
            # Without shared libraries a call needs no table.
            out.append(line.replace("@PLT", ""))
    return "\n".join(out)
