#!/usr/bin/env python3
"""Say which Rust target makes objects that link with what a C compiler makes.

The C compiler's own words decide: its -dumpmachine and the -m flags it is given. The last of
several flags counts, as it does for the compiler.

    rust_target.py arm-none-eabi -mcpu=cortex-m4 -mfloat-abi=hard   ->   thumbv7em-none-eabihf
"""

import sys

# ARM's M profile, by -mcpu or -march: Rust's architecture, and whether it has a hard-float form.
ARM_M = {
    "cortex-m0": ("thumbv6m", False),
    "cortex-m0plus": ("thumbv6m", False),
    "cortex-m1": ("thumbv6m", False),
    "armv6-m": ("thumbv6m", False),
    "armv6s-m": ("thumbv6m", False),
    "cortex-m3": ("thumbv7m", False),
    "armv7-m": ("thumbv7m", False),
    "cortex-m4": ("thumbv7em", True),
    "cortex-m7": ("thumbv7em", True),
    "armv7e-m": ("thumbv7em", True),
    "cortex-m23": ("thumbv8m.base", False),
    "armv8-m.base": ("thumbv8m.base", False),
    "cortex-m33": ("thumbv8m.main", True),
    "cortex-m35p": ("thumbv8m.main", True),
    "cortex-m55": ("thumbv8m.main", True),
    "cortex-m85": ("thumbv8m.main", True),
    "armv8-m.main": ("thumbv8m.main", True),
    "armv8.1-m.main": ("thumbv8m.main", True),
}
# The other ARM cores without an operating system.
ARM_BARE = (
    ("cortex-a", "armv7a"),
    ("armv7-a", "armv7a"),
    ("cortex-r", "armv7r"),
    ("armv7-r", "armv7r"),
    ("arm9", "armv5te"),
    ("armv5te", "armv5te"),
    ("arm7tdmi", "armv4t"),
    ("armv4t", "armv4t"),
)
# x86 processors without SSE2: Rust's i686 target takes SSE2 for granted, its i586 target does not.
X86_OLD = ("i386", "i486", "i586", "i686", "pentium", "pentium-mmx", "pentiumpro", "pentium2",
           "pentium3", "k6", "geode", "lakemont")  # fmt: skip


class UnknownTargetError(ValueError):
    """The compiler's words match no row of the tables above."""


def last_value(flags, name):
    """The value of the last flag `name=value`, or an empty string."""
    values = [flag[len(name) + 1 :] for flag in flags if flag.startswith(name + "=")]
    return values[-1] if values else ""


def x86_target(arch, system, flags):
    bits32 = arch != "x86_64"
    for flag in flags:
        bits32 = {"-m32": True, "-m64": False}.get(flag, bits32)
    if "mingw" in system:
        return ("i686" if bits32 else "x86_64") + "-pc-windows-gnu"
    if "darwin" in system:
        return "x86_64-apple-darwin"
    libc = "musl" if "musl" in system else "gnu"
    if not bits32:
        return f"x86_64-unknown-linux-{libc}" if "linux" in system else "x86_64-unknown-none"
    march = last_value(flags, "-march")
    old = march.split("+")[0] in X86_OLD or (not march and arch != "x86_64")
    old = old and "-msse2" not in flags
    # Without an operating system too: the core needs none, and no other 32-bit target exists.
    return f"i{586 if old else 686}-unknown-linux-{libc}"


def arm_target(system, flags):
    cpu = last_value(flags, "-mcpu") or last_value(flags, "-march")
    cpu = cpu.split("+")[0]
    hard = last_value(flags, "-mfloat-abi") == "hard"
    if "linux" in system:
        # The compiler's default float ABI is part of its name.
        hf = "hf" if system.endswith("hf") else ""
        old = cpu.startswith(("armv6", "arm11", "armv5", "arm9")) or (not hf and not cpu)
        libc = "musl" if "musl" in system else "gnu"
        return f"{'arm' if old else 'armv7'}-unknown-linux-{libc}eabi{hf}"
    if cpu in ARM_M:
        arch, has_hard = ARM_M[cpu]
        return f"{arch}-none-eabi{'hf' if hard and has_hard else ''}"
    for prefix, arch in ARM_BARE:
        if cpu.startswith(prefix):
            return f"{arch}-none-eabi{'hf' if hard else ''}"
    raise UnknownTargetError(f"no Rust target known for the ARM core {cpu!r}")


def riscv_target(system, flags):
    march = last_value(flags, "-march")
    if "linux" in system:
        return "riscv64gc-unknown-linux-gnu"
    if not march.startswith(("rv32", "rv64")):
        raise UnknownTargetError("a RISC-V compiler without -march=rv32... or -march=rv64...")
    letters = march[4:].split("_")[0].replace("g", "imafd")
    if march.startswith("rv64"):
        return f"riscv64{'gc' if 'd' in letters and 'c' in letters else 'imac'}-unknown-none-elf"
    # The richest target that the core and its calling convention allow.
    floats = last_value(flags, "-mabi").endswith("f")
    for extensions in ("imafc", "imac", "imc", "im"):
        if set(extensions) <= set(letters) and (floats or "f" not in extensions):
            return f"riscv32{extensions}-unknown-none-elf"
    return "riscv32i-unknown-none-elf"


def xtensa_target(machine, flags):
    words = machine + " " + " ".join(flags)
    for chip in ("esp32s3", "esp32s2", "esp32", "esp8266"):
        if chip in words:
            return f"xtensa-{chip}-none-elf"
    raise UnknownTargetError(f"no Rust target known for {machine!r}")


def rust_target(machine, flags):
    """The Rust target triple for a C compiler's -dumpmachine and the list of flags it is given."""
    arch, _, system = machine.partition("-")
    if arch == "x86_64" or (arch[0] == "i" and arch.endswith("86")):
        return x86_target(arch, system, flags)
    if arch in ("aarch64", "arm64"):
        if "darwin" in system:
            return "aarch64-apple-darwin"
        return "aarch64-unknown-linux-gnu" if "linux" in system else "aarch64-unknown-none"
    if arch.startswith("arm"):
        return arm_target(system, flags)
    if arch.startswith("riscv"):
        return riscv_target(system, flags)
    if arch.startswith("xtensa"):
        return xtensa_target(machine, flags)
    if arch.startswith("wasm32"):
        return "wasm32-unknown-emscripten"
    if "linux-gnu" in system:
        return f"{arch}-unknown-linux-gnu"
    raise UnknownTargetError(f"no Rust target known for the compiler {machine!r}")


def main():
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__, end="")
        return 0 if len(sys.argv) > 1 else 2
    try:
        print(rust_target(sys.argv[1], sys.argv[2:]))
    except UnknownTargetError as error:
        print(f"rust_target: {error}; set SSH_RUST_TARGET to the name of one", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
