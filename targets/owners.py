#!/usr/bin/env python3
"""Says which crate takes how much of a program: `targets/owners.py PROGRAM`.

PROGRAM is a 64- or 32-bit little-endian ELF file that has its symbols, as `targets/owners` builds it.
Every byte that the stripped file would have is in one row: code and data of a crate, jemalloc or libc
by the names of their symbols, constants without a name (mostly strings) and the rest by their sections.
"""

import re
import struct
import sys
from collections import Counter, namedtuple

SHT_SYMTAB = 2
SHT_NOBITS = 8
SHF_ALLOC = 2
STT_OBJECT, STT_FUNC, STT_FILE = 1, 2, 4

Section = namedtuple("Section", "name kind flags address offset size link")
Symbol = namedtuple("Symbol", "name kind address size file")

JEMALLOC = re.compile(r"_?_?(rjem|je)_")
UNNAMED = {
    ".rodata": "constants without a name: strings, tables",
}


def string_at(data, start):
    return data[start : data.index(b"\0", start)].decode()


class Program:
    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = file.read()
        if self.data[:4] != b"\x7fELF" or self.data[5] != 1:
            sys.exit(f"{path}: not a little-endian ELF file")
        self.wide = self.data[4] == 2
        self.sections = list(self.read_sections())
        self.symbols = list(self.read_symbols())
        if not self.symbols:
            sys.exit(f"{path}: has no symbols, build it with CARGO_PROFILE_RELEASE_STRIP=none")

    def read_sections(self):
        if self.wide:
            (table,) = struct.unpack_from("<Q", self.data, 0x28)
            size, count, names = struct.unpack_from("<HHH", self.data, 0x3A)
            layout = "<IIQQQQI"
        else:
            (table,) = struct.unpack_from("<I", self.data, 0x20)
            size, count, names = struct.unpack_from("<HHH", self.data, 0x2E)
            layout = "<IIIIIII"
        headers = [struct.unpack_from(layout, self.data, table + i * size) for i in range(count)]
        strings = headers[names][4]
        for name, *rest in headers:
            yield Section(string_at(self.data, strings + name), *rest)

    def read_symbols(self):
        layout = "<IBBHQQ" if self.wide else "<IIIBBH"
        step = struct.calcsize(layout)
        for table in (section for section in self.sections if section.kind == SHT_SYMTAB):
            strings = self.sections[table.link].offset
            source = None
            for at in range(table.offset, table.offset + table.size, step):
                fields = struct.unpack_from(layout, self.data, at)
                if self.wide:
                    name, info, _, _, address, size = fields
                else:
                    name, address, size, info, _, _ = fields
                name = string_at(self.data, strings + name)
                if info & 15 == STT_FILE:
                    source = name
                elif info & 15 in (STT_OBJECT, STT_FUNC) and size:
                    # Symbols that are not local come last, and belong to no file.
                    file = source if info >> 4 == 0 else None
                    yield Symbol(name, info & 15, address, size, file)


def owner(symbol, jemalloc):
    """The crate or library that a symbol belongs to. `jemalloc` are the names of its source files."""
    name = symbol.name
    if JEMALLOC.match(name) or symbol.file in jemalloc:
        return "jemalloc (C)"
    if name.startswith("_R"):
        # The first crate root in the mangled name: C, perhaps a disambiguator s..._, a length, a name.
        found = re.search(r"C(?:s[0-9A-Za-z]*_)?(\d+)_?", name)
        if found:
            return name[found.end() : found.end() + int(found[1])]
    if name.startswith("_ZN"):
        length = re.match(r"_ZN(\d+)", name)
        first = name[length.end() : length.end() + int(length[1])]
        # `<crate::Type as Trait>::method`: the first path of the type.
        words = re.findall(r"[A-Za-z][A-Za-z0-9_]+", re.sub(r"\$[A-Za-z0-9]+\$|^_", " ", first))
        return next((word for word in words if word not in ("as", "dyn", "mut")), "std")
    return "libc (C)"


def owners(program):
    """Bytes of the stripped file by owner."""
    jemalloc = {symbol.file for symbol in program.symbols if JEMALLOC.match(symbol.name)} - {None}
    total = Counter()
    for section in program.sections:
        if not section.flags & SHF_ALLOC or section.kind == SHT_NOBITS:
            continue
        at, end = section.address, section.address + section.size
        inside = [symbol for symbol in program.symbols if at <= symbol.address < end]
        unnamed = section.size
        for symbol in sorted(inside, key=lambda symbol: (symbol.address, -symbol.size)):
            # Symbols may share an address: identical functions are merged.
            size = symbol.address + symbol.size - max(at, symbol.address)
            if size > 0:
                total[owner(symbol, jemalloc)] += size
                unnamed -= size
                at = symbol.address + symbol.size
        total[UNNAMED.get(section.name, f"{section.name}, without a name")] += unnamed
    return +total


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__.strip())
    total = owners(Program(sys.argv[1]))
    print("| owner | bytes | share |\n|---|---:|---:|")
    whole = sum(total.values())
    small = 0
    for name, size in total.most_common():
        if size < whole / 1000:
            small += size
        else:
            print(f"| {name} | {size:,} | {size / whole:.1%} |")
    print(f"| others, below 0.1 % each | {small:,} | {small / whole:.1%} |")
    print(f"| all | {whole:,} | 100.0% |")


main()
