#!/usr/bin/env python3
"""Turn a linked ELF into a DOS executable: an extender's stub followed by a Linear Executable.

    mkle.py --stub pmodew_stub.bin -o MPYTHON.EXE mpython.elf

The ELF is a static 32-bit one, linked with --emit-relocs by dos.ld. All of it becomes one object
of the LE, which the extender loads where memory is free. What depends on the place, the R_386_32
relocations, is put right by the program itself (start.S), from a list that lies where the cleared
memory (.bss) will be: the LE's own fixups are five times as long, and extenders read them from the
disk in small pieces. The stub is the extender as a DOS program whose header field at 3Ch already
points just past itself.

The list: for each relocation, in order of address, the distance from the one before (from the
start of the object for the first) as one byte, or a zero byte and the distance in four; its end is
five zero bytes.
"""

import argparse
import struct
import sys

from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

PAGE = 4096
SECTOR = 512
HEADER_SIZE = 196
R_386_NONE, R_386_32, R_386_PC32, R_386_PLT32 = 0, 1, 2, 4
# Object flags: readable, writable, executable, pages preloaded, 32-bit.
OBJECT_FLAGS = 1 | 2 | 4 | 0x40 | 0x2000
# The stack that start.S leaves at once: an object of its own, because DOS/32A takes none in code.
STACK_FLAGS = 1 | 2 | 0x2000
STACK_SIZE = 4096


class LinkError(Exception):
    """The ELF cannot be made into an LE; the text says why."""


def loadable(elf):
    """The sections that take memory, in order of address."""
    found = [
        section
        for section in elf.iter_sections()
        if section["sh_flags"] & SH_FLAGS.SHF_ALLOC and section["sh_size"]
    ]
    return sorted(found, key=lambda section: section["sh_addr"])


def symbol_value(elf, name):
    found = elf.get_section_by_name(".symtab").get_symbol_by_name(name)
    if not found:
        raise LinkError(f"there is no symbol {name}")
    return found[0]["st_value"]


def contents(sections, base):
    """The bytes of all sections that the file holds, from address base on."""
    image = b""
    for section in sections:
        if section["sh_type"] == "SHT_NOBITS":
            continue
        image = image.ljust(section["sh_addr"] - base, b"\0") + section.data()
    return image


def relocations(elf):
    """The addresses of all words that hold an address of the program."""
    for section in elf.iter_sections():
        if section["sh_type"] not in ("SHT_REL", "SHT_RELA"):
            continue
        if not elf.get_section(section["sh_info"])["sh_flags"] & SH_FLAGS.SHF_ALLOC:
            continue
        symbols = elf.get_section(section["sh_link"])
        for entry in section.iter_relocations():
            kind, at = entry["r_info_type"], entry["r_offset"]
            symbol = symbols.get_symbol(entry["r_info_sym"])
            outside = symbol["st_shndx"] in ("SHN_ABS", "SHN_UNDEF")
            if kind == R_386_32:
                if not outside:
                    yield at
            elif kind not in (R_386_NONE, R_386_PC32, R_386_PLT32) or outside:
                raise LinkError(
                    f"relocation of type {kind} at {at:#x} to {symbol.name!r}: it cannot be loaded"
                )


def relocation_list(addresses, base):
    """The list that start.S goes through."""
    out = bytearray()
    for address in sorted(addresses):
        distance = address - base
        base = address
        out += bytes([distance]) if 0 < distance < 256 else b"\0" + struct.pack("<I", distance)
    return bytes(out) + bytes(5)


def make_le(elf, stub_size):
    """The LE part of the executable."""
    sections = loadable(elf)
    base = sections[0]["sh_addr"]
    size = sections[-1]["sh_addr"] + sections[-1]["sh_size"] - base
    bss = symbol_value(elf, "dos_bss") - base
    image = contents(sections, base)
    if len(image) > bss:
        raise LinkError("dos_bss must come after all that the file holds")
    image = image.ljust(bss, b"\0") + relocation_list(relocations(elf), base)
    if len(image) > size:
        raise LinkError("the cleared memory is too small for the list of relocations")
    count = -(-len(image) // PAGE)
    table = struct.pack("<6I", size, base, OBJECT_FLAGS, 1, count, 0)
    table += struct.pack("<6I", STACK_SIZE, base + size + PAGE, STACK_FLAGS, count + 1, 0, 0)
    maps = b"".join(struct.pack(">I", number)[1:] + b"\0" for number in range(1, count + 1))
    page_table = bytes(4 * (count + 1))
    object_at = HEADER_SIZE
    map_at = object_at + len(table)
    resident_at = map_at + len(maps)
    entry_at = resident_at + 1
    fixup_page_at = entry_at + 1
    fixup_at = fixup_page_at + len(page_table)
    # Pages that begin with a sector DOS reads straight to their place. Others it reads through its
    # buffers, with twice as many calls of the BIOS.
    data_at = -(-(stub_size + fixup_at + 1) // SECTOR) * SECTOR
    words = {
        0x08: 2 | 1 << 16,  # processor: 386; system: OS/2, as DOS extenders expect
        0x14: count,
        0x18: 1,
        0x1C: elf["e_entry"] - base,
        # Never 0: PMODE/W then takes a stack amid DOS's disk buffers.
        0x20: 2,
        0x24: STACK_SIZE,
        0x28: PAGE,
        0x2C: len(image) - (count - 1) * PAGE,
        0x30: len(page_table) + 1,
        0x38: len(table) + len(maps) + 2,
        0x40: object_at,
        0x44: 2,
        0x48: map_at,
        0x58: resident_at,
        0x5C: entry_at,
        0x68: fixup_page_at,
        0x6C: fixup_at,
        0x70: fixup_at,
        0x78: fixup_at,
        0x80: data_at,
    }
    header = bytearray(HEADER_SIZE)
    header[:2] = b"LE"
    for at, value in words.items():
        struct.pack_into("<I", header, at, value)
    head = bytes(header) + table + maps + b"\0\0" + page_table + b"\0"
    return head.ljust(data_at - stub_size, b"\0") + image


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stub", required=True, help="the extender")
    parser.add_argument("-o", "--out", required=True)
    parser.add_argument("elf")
    args = parser.parse_args()
    try:
        with open(args.stub, "rb") as file:
            stub = file.read()
        if stub[:2] != b"MZ" or struct.unpack_from("<I", stub, 0x3C)[0] != len(stub):
            raise LinkError(f"{args.stub} is no stub: its header must point past its end")
        with open(args.elf, "rb") as file:
            image = make_le(ELFFile(file), len(stub))
        with open(args.out, "wb") as file:
            file.write(stub + image)
    except (OSError, LinkError) as error:
        print(f"mkle: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
