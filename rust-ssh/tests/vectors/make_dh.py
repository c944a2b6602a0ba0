#!/usr/bin/env python3
"""Make dh.txt: powers in the fixed groups and modulo odd numbers of other sizes, by pow()."""

import pathlib
import random
import re

HERE = pathlib.Path(__file__).parent
GROUPS = (HERE / "../../src/crypto/groups.rs").read_text(encoding="utf-8")


def prime(name):
    """A modulus of the core's table."""
    table = GROUPS.split(f"{name}: [u8;")[1].split("[\n")[1].split("];")[0]
    return int("".join(re.findall("0x(..)", table)), 16)


def row(modulus, base, exponent):
    numbers = (modulus, base, exponent, pow(base, exponent, modulus))
    widths = (0, 0, 128, 0)
    texts = [f"{number:x}" for number in numbers]
    return " ".join(
        text.zfill(max(width, len(text) + len(text) % 2))
        for text, width in zip(texts, widths, strict=True)
    )


def main():
    chance = random.Random(4419)
    lines = ["# modulus base exponent result"]
    for modulus in (prime("GROUP14"), prime("GROUP16")):
        for base in (2, modulus - 2, chance.randrange(modulus)):
            lines.append(row(modulus, base, chance.getrandbits(512)))
        lines.append(row(modulus, 2, 1))
    for bits in (2049, 2056, 3072, 4095):
        modulus = chance.getrandbits(bits) | 1 << (bits - 1) | 1
        lines.append(row(modulus, chance.randrange(modulus), chance.getrandbits(512)))
    (HERE / "dh.txt").write_text("\n".join(lines) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
