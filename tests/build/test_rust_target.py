"""mpy-glue/rust_target.py: the Rust target for a C compiler's words."""

import sys
from pathlib import Path

import pytest

GLUE = Path(__file__).resolve().parents[2] / "mpy-glue"
sys.path.insert(0, str(GLUE))

from rust_target import UnknownTargetError, rust_target

ROWS = [
    ("x86_64-linux-gnu", "", "x86_64-unknown-linux-gnu"),
    ("x86_64-linux-gnu", "-march=native -mtune=native", "x86_64-unknown-linux-gnu"),
    ("x86_64-linux-gnu", "-m32", "i686-unknown-linux-gnu"),
    ("x86_64-linux-gnu", "-m32 -march=i586", "i586-unknown-linux-gnu"),
    ("x86_64-linux-gnu", "-m32 -march=i386", "i586-unknown-linux-gnu"),
    ("x86_64-linux-gnu", "-m32 -m64", "x86_64-unknown-linux-gnu"),
    ("x86_64-linux-musl", "", "x86_64-unknown-linux-musl"),
    ("i686-linux-gnu", "", "i586-unknown-linux-gnu"),
    ("i686-linux-gnu", "-msse2", "i686-unknown-linux-gnu"),
    ("i586-pc-msdosdjgpp", "", "i586-unknown-linux-gnu"),
    ("x86_64-w64-mingw32", "", "x86_64-pc-windows-gnu"),
    ("i686-w64-mingw32", "", "i686-pc-windows-gnu"),
    ("x86_64-apple-darwin23.1.0", "", "x86_64-apple-darwin"),
    ("arm64-apple-darwin23.1.0", "", "aarch64-apple-darwin"),
    ("aarch64-linux-gnu", "", "aarch64-unknown-linux-gnu"),
    ("arm-linux-gnueabihf", "", "armv7-unknown-linux-gnueabihf"),
    ("arm-linux-gnueabihf", "-march=armv6+fp", "arm-unknown-linux-gnueabihf"),
    ("arm-linux-gnueabi", "", "arm-unknown-linux-gnueabi"),
    ("powerpc64le-linux-gnu", "", "powerpc64le-unknown-linux-gnu"),
    ("arm-none-eabi", "-mthumb -mcpu=cortex-m0plus", "thumbv6m-none-eabi"),
    ("arm-none-eabi", "-mthumb -mcpu=cortex-m0", "thumbv6m-none-eabi"),
    ("arm-none-eabi", "-mthumb -mcpu=cortex-m3", "thumbv7m-none-eabi"),
    ("arm-none-eabi", "-mthumb -mcpu=cortex-m4 -mfloat-abi=soft", "thumbv7em-none-eabi"),
    ("arm-none-eabi", "-mcpu=cortex-m4 -mfloat-abi=hard", "thumbv7em-none-eabihf"),
    ("arm-none-eabi", "-mcpu=cortex-m7 -mfpu=fpv5-d16 -mfloat-abi=hard", "thumbv7em-none-eabihf"),
    ("arm-none-eabi", "-mcpu=cortex-m3 -mcpu=cortex-m0plus", "thumbv6m-none-eabi"),
    ("arm-none-eabi", "-march=armv6s-m", "thumbv6m-none-eabi"),
    ("arm-none-eabi", "-mcpu=cortex-m33+nodsp -mfloat-abi=softfp", "thumbv8m.main-none-eabi"),
    ("arm-none-eabi", "-mcpu=cortex-m33 -mfloat-abi=hard", "thumbv8m.main-none-eabihf"),
    ("arm-none-eabi", "-mcpu=cortex-a9 -mfloat-abi=hard", "armv7a-none-eabihf"),
    ("riscv64-unknown-elf", "-march=rv32imac -mabi=ilp32", "riscv32imac-unknown-none-elf"),
    ("riscv32-esp-elf", "-march=rv32imc_zicsr_zifencei", "riscv32imc-unknown-none-elf"),
    ("riscv32-esp-elf", "-march=rv32imafc_zicsr -mabi=ilp32f", "riscv32imafc-unknown-none-elf"),
    ("riscv32-esp-elf", "-march=rv32imafc -mabi=ilp32", "riscv32imac-unknown-none-elf"),
    ("riscv64-unknown-elf", "-march=rv64imac -mabi=lp64", "riscv64imac-unknown-none-elf"),
    ("riscv64-unknown-elf", "-march=rv64gc -mabi=lp64d", "riscv64gc-unknown-none-elf"),
    ("xtensa-esp32s3-elf", "", "xtensa-esp32s3-none-elf"),
    ("xtensa-esp-elf", "-mdynconfig=xtensa_esp32.so", "xtensa-esp32-none-elf"),
]


@pytest.mark.parametrize(("machine", "flags", "target"), ROWS)
def test_target(machine, flags, target):
    assert rust_target(machine, flags.split()) == target


@pytest.mark.parametrize(
    ("machine", "flags"),
    [("arm-none-eabi", ""), ("riscv64-unknown-elf", ""), ("pdp11-aout", ""), ("xtensa-lx106", "")],
)
def test_unknown(machine, flags):
    with pytest.raises(UnknownTargetError):
        rust_target(machine, flags.split())
