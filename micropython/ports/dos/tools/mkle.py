#!/usr/bin/env python3
"""Turn a linked ELF into a DOS executable: an extender's stub followed by a Linear Executable.

    mkle.py --stub pmodew_stub.bin -o MPYTHON.EXE mpython.elf

The ELF is a static 32-bit one, linked with --emit-relocs by dos.ld: each loadable section becomes
an object of the LE, each R_386_32 relocation a fixup, because the extender loads the objects where
memory is free. Relative references must stay inside one object. The stub is the extender as a DOS
program whose header field at 3Ch already points just past itself.
"""

import argparse
import struct
import sys

from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

PAGE = 4096
HEADER_SIZE = 196
R_386_NONE, R_386_32, R_386_PC32, R_386_PLT32 = 0, 1, 2, 4
# Object flags: readable, writable, executable, pages preloaded, 32-bit.
READ, WRITE, EXEC, PRELOAD, BIG = 1, 2, 4, 0x40, 0x2000
SOURCE_OFFSET32 = 7
TARGET_OFFSET32 = 0x10


class LinkError(Exception):
    """The ELF cannot be made into an LE; the text says why."""


class Object:
    """One object of the LE: its section's address, size and contents (none for .bss)."""

    def __init__(self, section):
        self.name = section.name
        self.base = section["sh_addr"]
        self.size = section["sh_size"]
        flags = section["sh_flags"]
        self.flags = BIG | READ
        self.flags |= EXEC if flags & SH_FLAGS.SHF_EXECINSTR else 0
        self.flags |= WRITE if flags & SH_FLAGS.SHF_WRITE else 0
        self.data = b"" if section["sh_type"] == "SHT_NOBITS" else section.data()
        self.flags |= PRELOAD if self.data else 0
        self.pages = -(-len(self.data) // PAGE)

    def holds(self, address):
        # One past the end belongs to it too: linkers make such symbols.
        return self.base <= address <= self.base + self.size


def find_object(objects, address):
    """(number from 1, object) that holds an address."""
    for number, one in enumerate(objects, 1):
        if one.base <= address < one.base + one.size:
            return number, one
    for number, one in enumerate(objects, 1):
        if one.holds(address):
            return number, one
    raise LinkError(f"address {address:#x} is in no section")


def read_objects(elf):
    """The loadable sections, as objects in order of address."""
    found = [
        Object(section)
        for section in elf.iter_sections()
        if section["sh_flags"] & SH_FLAGS.SHF_ALLOC and section["sh_size"]
    ]
    return sorted(found, key=lambda one: one.base)


def fixups(elf, objects):
    """For each relocation that needs one: (object number, offset in it, target number, target offset)."""
    for section in elf.iter_sections():
        if section["sh_type"] not in ("SHT_REL", "SHT_RELA"):
            continue
        patched = elf.get_section(section["sh_info"])
        if not patched["sh_flags"] & SH_FLAGS.SHF_ALLOC:
            continue
        symbols = elf.get_section(section["sh_link"])
        for entry in section.iter_relocations():
            kind, at = entry["r_info_type"], entry["r_offset"]
            if kind == R_386_NONE:
                continue
            number, source = find_object(objects, at)
            if kind in (R_386_PC32, R_386_PLT32):
                symbol = symbols.get_symbol(entry["r_info_sym"])
                if not source.holds(symbol["st_value"]):
                    raise LinkError(
                        f"relative reference at {at:#x} to {symbol.name!r} in another section"
                    )
                continue
            if kind != R_386_32:
                raise LinkError(f"relocation of type {kind} at {at:#x}: only R_386_32 can be loaded")
            (value,) = struct.unpack_from("<I", source.data, at - source.base)
            symbol = symbols.get_symbol(entry["r_info_sym"])
            if symbol["st_shndx"] in ("SHN_ABS", "SHN_UNDEF"):
                continue
            # The symbol, not the value, says which object is meant: the value may lie outside.
            target, where = find_object(objects, symbol["st_value"])
            yield number, at - source.base, target, value - where.base


def fixup_record(source_offset, target, offset):
    """One record of the fixup table (LX and LE share its form); offsets may be negative as 32-bit."""
    offset &= 0xFFFFFFFF
    if offset < 0x10000:
        return struct.pack("<BBhBH", SOURCE_OFFSET32, 0, source_offset, target, offset)
    return struct.pack("<BBhBI", SOURCE_OFFSET32, TARGET_OFFSET32, source_offset, target, offset)


def fixup_tables(elf, objects):
    """(page table, records): where each page's records begin, and the records."""
    first = {}
    total = 0
    for number, one in enumerate(objects, 1):
        first[number] = total
        total += one.pages
    pages = [[] for _ in range(total)]
    for number, offset, target, target_offset in fixups(elf, objects):
        page, at = divmod(offset, PAGE)
        pages[first[number] + page].append(fixup_record(at, target, target_offset))
        if at > PAGE - 4:
            # It reaches into the next page, which needs it too.
            record = fixup_record(at - PAGE, target, target_offset)
            pages[first[number] + page + 1].append(record)
    table, records = [], b""
    for page in pages:
        table.append(len(records))
        records += b"".join(page)
    table.append(len(records))
    return struct.pack(f"<{len(table)}I", *table), records


def object_table(objects):
    table, first = b"", 1
    for one in objects:
        # Objects without pages still name a page number that is past the others.
        table += struct.pack("<6I", one.size, one.base, one.flags, first, one.pages, 0)
        first += one.pages
    return table


def page_map(count):
    return b"".join(struct.pack(">I", number)[1:] + b"\0" for number in range(1, count + 1))


def symbol_value(elf, name):
    found = elf.get_section_by_name(".symtab").get_symbol_by_name(name)
    if not found:
        raise LinkError(f"there is no symbol {name}")
    return found[0]["st_value"]


def make_le(elf, stub_size, stack):
    """The LE part of the executable; stack names the symbol at the stack's upper end."""
    objects = read_objects(elf)
    entry_object, entry_base = find_object(objects, elf["e_entry"])
    stack_end = symbol_value(elf, stack)
    stack_object, stack_base = find_object(objects, stack_end - 1)
    count = sum(one.pages for one in objects)
    last = max((one for one in objects if one.pages), key=lambda one: one.base)
    table = object_table(objects)
    maps = page_map(count)
    page_table, records = fixup_tables(elf, objects)
    object_at = HEADER_SIZE
    map_at = object_at + len(table)
    resident_at = map_at + len(maps)
    entry_at = resident_at + 1
    fixup_page_at = entry_at + 1
    fixup_at = fixup_page_at + len(page_table)
    import_at = fixup_at + len(records)
    head = fixup_at + len(records) + 1
    data_at = (stub_size + head + 15) // 16 * 16
    header = bytearray(HEADER_SIZE)
    header[:2] = b"LE"
    words = {
        0x08: 2 | 1 << 16,  # processor: 386; system: OS/2, as DOS extenders expect
        0x14: count,
        0x18: entry_object,
        0x1C: elf["e_entry"] - entry_base.base,
        0x20: stack_object,
        0x24: stack_end - stack_base.base,
        0x28: PAGE,
        0x2C: len(last.data) - (last.pages - 1) * PAGE,
        0x30: len(page_table) + len(records) + 1,
        0x38: len(table) + len(maps) + 2,
        0x40: object_at,
        0x44: len(objects),
        0x48: map_at,
        0x58: resident_at,
        0x5C: entry_at,
        0x68: fixup_page_at,
        0x6C: fixup_at,
        0x70: import_at,
        0x78: import_at,
        0x80: data_at,
    }
    for at, value in words.items():
        struct.pack_into("<I", header, at, value)
    image = bytes(header) + table + maps + b"\0\0" + page_table + records + b"\0"
    image += bytes(data_at - stub_size - len(image))
    for one in objects:
        padded = one.pages * PAGE if one is not last else len(one.data)
        image += one.data.ljust(padded, b"\0")
    return image


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stub", required=True, help="the extender")
    parser.add_argument("--stack", default="dos_stack_end", help="symbol of the stack's upper end")
    parser.add_argument("-o", "--out", required=True)
    parser.add_argument("elf")
    args = parser.parse_args()
    try:
        with open(args.stub, "rb") as file:
            stub = file.read()
        if stub[:2] != b"MZ" or struct.unpack_from("<I", stub, 0x3C)[0] != len(stub):
            raise LinkError(f"{args.stub} is no stub: its header must point past its end")
        with open(args.elf, "rb") as file:
            image = make_le(ELFFile(file), len(stub), args.stack)
        with open(args.out, "wb") as file:
            file.write(stub + image)
    except (OSError, LinkError) as error:
        print(f"mkle: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
