#!/usr/bin/env python3
"""Fail if a linked program holds an instruction that a 386 with a 387 does not know.

    check386.py [--objdump PROGRAM] FILE.elf

Every instruction is looked up among those of the two processors' manuals; what is not there is
newer. The functions below may hold the newer instructions named beside them: they are called
only where the processor said that it has them.
"""

import argparse
import re
import subprocess
import sys

INTEGER = """
aaa aad aam aas adc add and arpl bound bsf bsr bt btc btr bts call callw cbw cdq clc cld cli clts
cmc cmp cmps cwd cwde daa das dec div enter hlt idiv imul in inc ins int int3 into
iret iretd iretw ja jae jb jbe jcxz je jecxz jg jge jl jle jmp jmpw jne jno jnp jns jo jp js
lahf lar lcall lds lea leave les lfs lgdt lgs lgdtd lidt lidtd lldt lmsw ljmp lods
loop loope loopne lsl lss ltr mov movs movsx movzx mul neg nop not or out outs pop
popa popad popf popfd popfw popaw push pusha pushad pushf
pushfd pushfw pushaw rcl rcr ret retf retw rol ror sahf sar sbb scas
seta setae setb setbe sete setg setge setl setle setne setno setnp setns seto setp sets
sgdt sgdtd shl shld shr shrd sidt sidtd sldt smsw stc std sti stos str sub test verr verw
xchg xlat xor wait fwait ud2
"""
FLOAT = """
f2xm1 fabs fadd faddp fbld fbstp fchs fclex fcom fcomp fcompp fcos fdecstp fdiv fdivp fdivr fdivrp
ffree fiadd ficom ficomp fidiv fidivr fild fimul fincstp finit fist fistp fisub fisubr fld fld1
fldcw fldenv fldl2e fldl2t fldlg2 fldln2 fldpi fldz fmul fmulp fnclex fninit fnop fnsave fnstcw
fnstenv fnstsw fpatan fprem fprem1 fptan frndint frstor fsave fscale fsin fsincos fsqrt fst fstcw
fstenv fstp fstsw fsub fsubp fsubr fsubrp ftst fucom fucomp fucompp fxam fxch fxtract fyl2x fyl2xp1
"""
KNOWN = frozenset((INTEGER + FLOAT).split())
PREFIXES = frozenset("rep repz repnz lock data16 addr16 cs ds es fs gs ss".split())
SSE2 = frozenset("movdqa movdqu paddd pslld psrld por pxor pshufd".split())
# cpu.c and the SSH core: by function, as the compiler may have put the static ones into their only
# caller.
GUARDED = {
    "cpuid": {"cpuid"},
    "detect_features": {"cpuid"},
    "cpu_detect": {"cpuid"},
    "cpu_tsc": {"rdtsc"},
    "cpu_rdrand": {"rdrand"},
    "cpu_rdseed": {"rdseed"},
    "ssh_sse2_chacha20": SSE2,
}
CODE_END = " dos_code_end"
FUNCTION = re.compile(r"^[0-9a-f]+ <(.+)>:$")
LINE = re.compile(r"^ *([0-9a-f]+):\t(.*)$")


def mnemonic(text):
    """The name of the instruction in a line of objdump's, behind its prefixes."""
    words = text.split()
    while len(words) > 1 and words[0] in PREFIXES:
        words = words[1:]
    return words[0] if words else ""


def is_known(name, text):
    if name == "nop" or name in PREFIXES:
        # The one-byte form only: those with an operand came later.
        return " " not in text.split("#")[0].strip().removeprefix("rep ")
    return name in KNOWN


def newer(listing):
    """(address, function, instruction) of each instruction that is not a 386's, and how many
    were looked at."""
    found = []
    count = 0
    function = "?"
    for line in listing:
        if start := FUNCTION.match(line):
            function = start[1].split(".")[0]
        elif at := LINE.match(line):
            count += 1
            name = mnemonic(at[2])
            if not is_known(name, at[2]) and name not in GUARDED.get(function, ()):
                found.append((int(at[1], 16), function, at[2].strip()))
    return found, count


def lines_of(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def check(path, objdump="objdump"):
    """newer() of a file; only up to the linker script's symbol, where there is one: what follows
    in the same section is data."""
    ends = [line.split()[0] for line in lines_of(objdump, "-t", path) if line.endswith(CODE_END)]
    stop = [f"--stop-address=0x{ends[0]}"] if ends else []
    return newer(lines_of(objdump, "-d", "-M", "intel", "--no-show-raw-insn", *stop, path))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--objdump", default="objdump", help="the disassembler")
    parser.add_argument("file", help="an ELF program or object")
    args = parser.parse_args()
    found, count = check(args.file, args.objdump)
    for address, function, text in found:
        print(f"{address:#x} in {function}: {text}")
    print(f"{count} instructions, {len(found)} newer than the 386")
    return 1 if found or not count else 0


if __name__ == "__main__":
    sys.exit(main())
