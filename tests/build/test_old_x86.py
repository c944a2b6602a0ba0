"""mpy-glue/old_x86.py and check386.py: no instruction is newer than the processor."""

import itertools
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
sys.path += [str(REPO / "mpy-glue"), str(REPO / "micropython/ports/dos/tools")]

import build_core
import check386
import old_x86

REGISTERS = ["ax", "bx", "cx", "dx", "si", "di", "bp"]
SWAPS = [f"\tbswapl\t%e{name}" for name in REGISTERS]
MOVES = [
    f"\tcmov{condition}l\t%e{source}, %e{target}"
    for condition, (source, target) in itertools.product(
        old_x86.OPPOSITE, [("ax", "bx"), ("si", "bp"), ("dx", "dx")]
    )
]
# What comes after decides whether the flags must be kept; both rows are true of the original.
AFTER = ["\tpushfl\n\tpopl\tflags", "\ttestl\t$1, flags"]
DRIVER = """
#include <stdio.h>
#include <string.h>
unsigned registers[7], flags;
extern void (*const old[])(void), (*const new[])(void);
extern const int count;
static unsigned state = 1;
static unsigned word(void) {
    state ^= state << 13;
    state ^= state >> 17;
    return state ^= state << 5;
}
int main(void) {
    for (int i = 0; i < count; ++i) {
        for (int turn = 0; turn < 200; ++turn) {
            unsigned before[7], want[7], with, after;
            for (int k = 0; k < 7; ++k) { before[k] = registers[k] = word(); }
            // Carry, parity, zero, sign and overflow.
            with = flags = (word() & 0x8c5) | 2;
            old[i]();
            memcpy(want, registers, sizeof want); after = flags;
            memcpy(registers, before, sizeof before); flags = with;
            new[i]();
            if (memcmp(want, registers, sizeof want) || ((flags ^ after) & 0x8c5)) {
                printf("function %d differs\\n", i); return 1;
            }
        }
    }
    printf("%d alike\\n", count);
}
"""


def function(name, body):
    """A function that loads all registers and the flags, does `body` and stores them."""
    load = [f"\tmovl\tregisters+{4 * i}, %e{name}" for i, name in enumerate(REGISTERS)]
    store = [f"\tmovl\t%e{name}, registers+{4 * i}" for i, name in enumerate(REGISTERS)]
    lines = [f"{name}:", "\tpushal", "\tpushl\tflags", "\tpopfl", *load, body, *store]
    return "\n".join([*lines, "\tpopal", "\tret", ""])


def table(name, count):
    rows = "\n".join(f"\t.long\t{name}_{i}" for i in range(count))
    return f"\t.globl\t{name}\n{name}:\n{rows}\n"


def test_the_same_results_on_this_machine(tmp_path):
    bodies = [f"{line}\n{after}" for line in SWAPS + MOVES for after in AFTER]
    old = "".join(function(f"old_{i}", body) for i, body in enumerate(bodies))
    new = "".join(function(f"new_{i}", body) for i, body in enumerate(bodies))
    new = old_x86.rewrite(new, "i386")
    assert "bswap" not in new and "cmov" not in new
    tables = table("old", len(bodies)) + table("new", len(bodies))
    tables += f"\t.globl\tcount\ncount:\n\t.long\t{len(bodies)}\n"
    note = '\t.section .note.GNU-stack,"",@progbits\n'
    (tmp_path / "both.s").write_text(f"\t.text\n{old}{new}{tables}{note}")
    (tmp_path / "main.c").write_text(DRIVER)
    flags = ["-m32", "-no-pie", "-fno-pic", "-O1", "-w"]
    command = ["gcc", *flags, "main.c", "both.s", "-o", "both"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    if "No such file" in done.stderr or "cannot find" in done.stderr:
        pytest.skip("gcc -m32 has no C library here: Debian's gcc-multilib has one")
    assert done.returncode == 0, done.stderr
    said = subprocess.run([tmp_path / "both"], capture_output=True, text=True, check=True)
    assert said.stdout == f"{len(bodies)} alike\n"


def test_flags_are_kept_only_where_they_count():
    kept = old_x86.rewrite("\tbswapl\t%eax\n\tje\t.L1", "i386")
    assert "pushfl" in kept
    free = old_x86.rewrite("\tbswapl\t%eax\n\tmovl\t%eax, %ebx\n\taddl\t%eax, %ecx", "i386")
    assert "pushfl" not in free
    by_register = old_x86.rewrite("\tbswapl\t%eax\n\tshll\t%cl, %edx\n\tjb\t.L1", "i386")
    assert "pushfl" in by_register


def test_the_486_has_bswap():
    assert old_x86.rewrite("\tbswapl\t%eax", "i486") == "\tbswapl\t%eax"
    assert "cmov" not in old_x86.rewrite("\tcmovel\t%eax, %ebx", "i486")


@pytest.mark.parametrize("line", ["\tbswapl\t%eax", "\tlock\n\tcmpxchgl\t%eax, (%ebx)"])
def test_the_assembler_refuses_the_rest(line, tmp_path):
    command = ["as", "--32", "-march=i386", "-o", tmp_path / "x.o"]
    done = subprocess.run(command, input=line + "\n", text=True, capture_output=True, check=False)
    assert done.returncode != 0


@pytest.mark.parametrize(
    ("flags", "level", "static", "own"),
    [
        ("-m32 -march=i386 -fno-pic", "i386", True, True),
        ("-m32 -march=i486", "i486", False, True),
        ("-m32 -march=i586", "i586", False, False),
        ("-m32 -march=i586 -fno-pie", "i586", True, False),
        ("-m32 -march=i686", None, False, False),
        ("-m32 -fno-pic", None, False, False),
    ],
)
def test_what_the_flags_ask_for(flags, level, static, own):
    target = build_core.rust_target("x86_64-linux-gnu", flags.split())
    assert build_core.x86_level(target, flags.split()) == level
    told = build_core.target_flags(target, level, flags.split())
    assert ("-Crelocation-model=static" in told) == static
    assert (f"-Ctarget-cpu={level}" in told) == own


LISTING = """
00001000 <main>:
 1000:\tpush   ebp
 1001:\trep movs DWORD PTR es:[edi],DWORD PTR ds:[esi]
 1003:\tnop
 1004:\txchg   ax,ax
 1006:\tfucompp
{}
00002000 <cpu_tsc>:
 2000:\trdtsc
 2002:\tret
"""


@pytest.mark.parametrize(
    "text",
    ["bswap  eax", "cmove  eax,ebx", "lock cmpxchg DWORD PTR [eax],ebx", "nop    DWORD PTR [eax]",
     "fcomi  st,st(1)", "movd   xmm0,eax", "rdtsc", "cpuid", "(bad)", "lock xadd [eax],ebx"],
)  # fmt: skip
def test_the_checker_finds(text):
    assert check386.newer(LISTING.format("").splitlines()) == ([], 7)
    found, _ = check386.newer(LISTING.format(f" 1010:\t{text}").splitlines())
    assert found == [(0x1010, "main", text)]
