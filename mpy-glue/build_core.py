#!/usr/bin/env python3
"""Build the SSH core for the target of a C compiler, as one object file for the linker.

    build_core.py [--cc "gcc -m32"] [--flags "-mcpu=..."] -o ssh_core.o

cargo makes the static library; a partial link turns it into one object, because an object may
stand anywhere in a link command, which a library may not, and MicroPython's ports differ there.
Only the functions of the C header stay visible. The file is rewritten only when the library has
changed. For x86 processors before the Pentium Pro (-march=i386, i486, i586) the compiler's
assembly is rewritten on the way, see old_x86.py.

Environment, each optional:
  SSH_RUST_TARGET     Rust target triple, where the compiler's words do not say it
  SSH_RUST_FEATURES   cargo features of crate ssh-ffi: curve arithmetic, dalek (with "tables" on
                      64-bit machines, 386 and 486) or salty (default on Cortex-M4 and M7), and
                      groups of algorithms, "full" or some of those that its Cargo.toml lists
                      (default: full on PCs, common on 386 and 486, none on chips)
  SSH_RUST_OPT        optimisation: 3, 2, s or z (default 3, s for 386 and 486 and on chips)
  SSH_RUST_FLAGS      more flags for rustc
  SSH_RUST_SANITIZE   "address": instrument the core; takes rustup's nightly compiler
"""

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys

import old_x86
from rust_target import UnknownTargetError, last_value, rust_target

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HOME_CARGO = os.path.expanduser("~/.cargo/bin")
# No tables for unwinding, which never happens, and the compact forms of SHA-2 and AES: a third of
# the size of the unrolled ones.
CHIP_FLAGS = [
    "-Cforce-unwind-tables=no",
    '--cfg=sha2_backend="soft"',
    '--cfg=sha2_backend_soft="compact"',
    '--cfg=aes_backend="soft"',
    '--cfg=aes_backend_soft="compact"',
    # AES on words that the chip has: its default for ARMv7 is 64 bits, which takes 3 KB more.
    '--cfg=cpubits="32"',
]
# Portable code only: the other kind asks the processor what it can with CPUID, which a 386 and
# most 486s do not know.
OLD_X86_FLAGS = [
    f'--cfg={crate}_backend="soft"'
    for crate in ("aes", "chacha20", "poly1305", "polyval", "sha1", "sha2")
]


# The processors below what Rust's target of that name takes for granted: everything is compiled
# for them, the library too.
BELOW_TARGET = ("i386", "i486")
NOT_PIC = {"-fno-pic", "-fno-PIC", "-fno-pie", "-fno-PIE"}


class BuildError(Exception):
    """Something is missing; the text says what to do."""


def output(command, **kwargs):
    """What a command prints, or None when it fails or is not there."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, **kwargs)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def find_program(name):
    """A program of the PATH, or of rustup's usual place."""
    return shutil.which(name) or shutil.which(name, path=HOME_CARGO)


def is_chip(target):
    """Whether memory counts more than speed there."""
    return "-none-" in target or target.startswith("xtensa")


def default_features(target, level):
    """Which curve arithmetic suits the target, and on PCs all algorithms but the weak ones."""
    if is_chip(target):
        return "salty" if target.startswith("thumbv7em") else "dalek"
    # On a slow PC the tables make a login a third shorter, for 40 KB; what DOS loads has no P-384
    # and P-521, which would take 150 KB.
    if level in BELOW_TARGET:
        return "dalek tables common"
    return "dalek tables full" if target.startswith(("x86_64", "aarch64")) else "dalek full"


# What every byte and every login goes through. On a 386 and 486 the rest is compiled for size:
# level 2 makes the core half as large again, and nothing that people wait for faster.
HOT_CRATES = [
    *("aes", "chacha20", "ctr", "ghash", "hmac", "poly1305", "sha1", "sha2"),
    *("curve25519-dalek", "ed25519-dalek"),
]


def default_optimisation(target, level):
    """Level of optimisation of the core."""
    return "s" if is_chip(target) or level in BELOW_TARGET else "3"


def hot_options(level):
    """cargo's options that compile what is hot for speed, where the rest is not."""
    return [
        f"--config=profile.release.package.{crate}.opt-level=2"
        for crate in HOT_CRATES
        if level in BELOW_TARGET
    ]


def has_library(rustc, target):
    """Whether this compiler has a core library ready for the target."""
    folder = output([rustc, "--print", "target-libdir", "--target", target])
    return (
        bool(folder)
        and os.path.isdir(folder)
        and any(name.startswith("libcore-") for name in os.listdir(folder))
    )


def has_source(rustc):
    """Whether the source of this compiler's library is installed with it."""
    root = output([rustc, "--print", "sysroot"])
    return bool(root) and os.path.isfile(f"{root}/lib/rustlib/src/rust/library/core/src/lib.rs")


def choose_compiler(target, level):
    """(rustc, whether the library must be built too) for a target."""
    rustc = os.environ.get("RUSTC") or find_program("rustc")
    if not rustc:
        raise BuildError("no Rust compiler: install one from https://rustup.rs (1.89 or newer)")
    own_library = level in BELOW_TARGET
    if not own_library and has_library(rustc, target):
        return rustc, False
    rustup = find_program("rustup")
    if rustup and not own_library:
        print(f"build_core: rustup target add {target}", flush=True)
        added = output([rustup, "target", "add", target], timeout=120)
        if added is not None and has_library(rustc, target):
            return rustc, False
    for candidate in (rustc, "/usr/bin/rustc"):
        if has_source(candidate):
            return candidate, True
    if own_library:
        raise BuildError(
            f"the Rust library must be compiled for the {level}: run"
            " `rustup component add rust-src`, or on Debian"
            " `apt-get install rustc-web rust-web-src`"
        )
    raise BuildError(
        f"the Rust compiler has no library for {target}: run `rustup target add {target}`,"
        " or on Debian `apt-get install rustc-web rust-web-src`"
    )


def x86_level(target, flags):
    """The processor that an old x86 build is for, as the assembler calls it, or None."""
    if not target.startswith("i586"):
        return None
    return old_x86.LEVELS.get(last_value(flags, "-march"))


def target_flags(target, level, flags):
    """What rustc is told about the machine."""
    told = []
    if is_chip(target):
        told += CHIP_FLAGS
    if target.startswith("i586"):
        told += OLD_X86_FLAGS
    if level in BELOW_TARGET:
        told.append("-Ctarget-cpu=" + level)
    if level and NOT_PIC.intersection(flags):
        # Code that is linked to one place, with absolute addresses and nobody to unwind it.
        told += ["-Crelocation-model=static", "-Cforce-unwind-tables=no"]
    if target.startswith("x86_64"):
        # Also builds chacha20's AVX-512 code, chosen at run time where the processor has it.
        told.append("--cfg=chacha20_avx512")
    return told


def cargo_command(target, cc_flags, out_dir):
    """The cargo command line and its environment."""
    cargo = find_program("cargo")
    if not cargo:
        raise BuildError("cargo is missing: install Rust from https://rustup.rs (1.89 or newer)")
    env = dict(os.environ)
    env["PATH"] = env.get("PATH", "") + os.pathsep + HOME_CARGO
    env["CARGO_TARGET_DIR"] = out_dir
    # MicroPython's make variables mean nothing to cargo's build scripts.
    for name in ("CFLAGS", "LDFLAGS", "CC", "AR"):
        env.pop(name, None)
    command = [cargo]
    flags = shlex.split(env.get("RUSTFLAGS", "")) + shlex.split(env.get("SSH_RUST_FLAGS", ""))
    build_std = False
    level = x86_level(target, cc_flags)
    if env.get("SSH_RUST_SANITIZE"):
        command.append("+nightly")
        flags.append("-Zsanitizer=" + env["SSH_RUST_SANITIZE"])
    else:
        env["RUSTC"], build_std = choose_compiler(target, level)
    command += [
        "rustc" if level else "build",
        "--release",
        "--quiet",
        "--locked",
        "--manifest-path",
        REPO + "/Cargo.toml",
    ]
    command += ["--package", "ssh-ffi", "--target", target]
    features = env.get("SSH_RUST_FEATURES", default_features(target, level))
    if features:
        command += ["--no-default-features", "--features", features]
    flags += target_flags(target, level, cc_flags)
    optimise = env.get("SSH_RUST_OPT") or default_optimisation(target, level)
    env["CARGO_PROFILE_RELEASE_OPT_LEVEL"] = optimise
    command += hot_options(level)
    if build_std:
        # The library's source is at hand, so panics can be made to stop without a message.
        env["RUSTC_BOOTSTRAP"] = "1"
        command += ["-Zbuild-std=core,compiler_builtins"]
        # On a PC the C library has memcpy and the like, better ones.
        command += [] if level else ["-Zbuild-std-features=compiler-builtins-mem"]
        flags += ["-Zunstable-options", "-Cpanic=immediate-abort"]
    env["CARGO_ENCODED_RUSTFLAGS"] = "\x1f".join(flags)
    if level:
        command += ["--", "--emit=asm"]
    return command, env


def tool_beside(cc, name):
    """The binutils program of a compiler: arm-none-eabi-gcc has arm-none-eabi-objcopy."""
    program = next((word for word in cc if re.search(r"(gcc|cc|clang)[-\d.]*$", word)), cc[0])
    prefix = re.sub(r"(gcc|cc|clang)[-\d.]*$", "", program)
    return shutil.which(prefix + name) or shutil.which(name)


def assemble_for(level, cc, library, out):
    """Assemble the core again without what a processor lacks; the path of the object."""
    folder = os.path.join(os.path.dirname(library), "deps")
    # cargo keeps older builds; the library is a link to the one that counts.
    names = [name for name in os.listdir(folder) if re.fullmatch(r"libssh_ffi-\w+\.a", name)]
    paths = sorted((os.path.join(folder, name) for name in names), key=os.path.getmtime)
    same = [path for path in paths if os.path.samefile(path, library)] or paths
    stem, _ = os.path.splitext(os.path.basename(same[-1]))
    with open(os.path.join(folder, stem.removeprefix("lib") + ".s"), encoding="utf-8") as file:
        text = old_x86.rewrite(file.read(), level)
    source = out + ".s"
    with open(source, "w", encoding="utf-8") as file:
        file.write(text)
    made = out + ".part"
    # The assembler refuses every instruction that the processor does not know.
    subprocess.run(
        [tool_beside(cc, "as"), "--32", "-march=" + level, source, "-o", made], check=True
    )
    os.remove(source)
    return made


def partial_link(cc, flags, machine, parts, out):
    """Link what the C header names, and all it needs, into one object."""
    apple = "darwin" in machine
    root = "_ssh_version" if apple else "ssh_version"
    fresh = out + ".new"
    link = cc + flags + ["-r", "-nostdlib", f"-Wl,-u,{root}", "-o", fresh, *parts]
    if len(parts) > 1:
        # The compiler's own functions come in one piece there, of which next to nothing is needed.
        names = output([tool_beside(cc, "nm"), "--plugin=", "-gj", "--defined-only", parts[0]])
        roots = [f"-Wl,-u,{name}" for name in names.split() if name.startswith("ssh_")]
        link += ["-Wl,--gc-sections", *roots]
    # A linker plug-in of an older LLVM may complain that it cannot read the bitcode that Rust
    # leaves beside the machine code; the link does not need it. So this shows on failure only.
    done = subprocess.run(link, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BuildError(f"{shlex.join(link)} failed:\n{done.stderr}")
    objcopy = tool_beside(cc, "objcopy")
    if objcopy and not apple:
        strip = ["-R", ".llvmbc", "-R", ".llvmcmd", "--wildcard", "--keep-global-symbol=ssh_*"]
        subprocess.run([objcopy, *strip, fresh], check=True)
    os.replace(fresh, out)


def build(cc, flags, out):
    machine = output([*cc, "-dumpmachine"])
    if not machine:
        raise BuildError(f"the C compiler {shlex.join(cc)!r} does not run")
    all_flags = cc[1:] + flags
    flags = [flag for flag in all_flags if flag.startswith("-m")]
    target = os.environ.get("SSH_RUST_TARGET") or rust_target(machine, flags)
    out = os.path.abspath(out)
    cargo_dir = os.path.join(os.path.dirname(out), "cargo")
    os.makedirs(cargo_dir, exist_ok=True)
    command, env = cargo_command(target, all_flags, cargo_dir)
    print(f"build_core: cargo build for {target} (C compiler: {machine})", flush=True)
    subprocess.run(command, env=env, check=True, cwd=REPO)
    library = f"{cargo_dir}/{target}/release/libssh_ffi.a"
    if os.path.exists(out) and os.path.getmtime(out) >= os.path.getmtime(library):
        return
    level = x86_level(target, flags)
    parts = [library]
    if level:
        parts.insert(0, assemble_for(level, cc, library, out))
    partial_link(cc, flags, machine, parts, out)
    if level:
        os.remove(parts[0])


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cc", default="cc", help="the C compiler, with its -m flags if any")
    parser.add_argument("--flags", default="", help="its flags; -m... and -fno-pi... ones count")
    parser.add_argument("-o", "--out", required=True, help="the object file to make")
    args = parser.parse_args()
    try:
        build(shlex.split(args.cc), args.flags.split(), args.out)
    except subprocess.CalledProcessError as error:
        print(f"build_core: {shlex.join(error.cmd)} failed", file=sys.stderr)
        return 1
    except (BuildError, UnknownTargetError) as error:
        print(f"build_core: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
