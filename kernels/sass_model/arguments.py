"""Constant bank 0 of a launch: a kernel's argument structs as C++ lays them out, grid and block."""

import re
import struct

# Where arguments begin, by architecture: CUDA's ABI, as the kernels' SASS shows it.
FIRST_ARGUMENT = {
    "sm_70": 0x160, "sm_75": 0x160, "sm_80": 0x160, "sm_86": 0x160, "sm_89": 0x160,
    "sm_90": 0x210, "sm_90a": 0x210,
}  # fmt: skip
BLOCK, GRID = 0x0, 0xC  # three words each

_MEMBER = re.compile(r"^\s*(?:const )?([\w:]+)\s*(\*?)\s*([^;]+);")


def members(header, name, sizes):
    """[(name, bytes, count)] of a struct of pointers, 4-byte values and arrays of them, and structs
    of `sizes` {type: bytes}; the declarations are one a line."""
    body = re.search(rf"struct {name} {{\n(.*?)\n}};", header, re.S)[1]
    found = []
    for line in re.sub(r"//.*", "", body).splitlines():
        if not (match := _MEMBER.match(line)):
            continue
        size = 8 if match[2] else sizes.get(match[1], 4)
        for declared in match[3].split(","):
            word, _, count = declared.strip().rstrip("]").partition("[")
            found.append((word, size, sizes[count] if count in sizes else int(count or 1)))
    return found


def offsets(fields):
    """({name: (offset, bytes)}, bytes of the struct), aligned as C++ does it."""
    places, at, widest = {}, 0, 4
    for name, size, count in fields:
        align = 4 if size == 4 else 8
        at = -(-at // align) * align
        places[name] = (at, size)
        at, widest = at + size * count, max(widest, align)
    return places, -(-at // widest) * widest


def packed(fields, values):
    """The struct's bytes; members that `values` does not name are zero. A list fills an array, and
    bytes a member that is a struct."""
    places, size = offsets(fields)
    data = bytearray(size)
    for name, value in values.items():
        at, width = places[name]
        if isinstance(value, bytes):
            data[at : at + len(value)] = value
            continue
        for n, item in enumerate(value if isinstance(value, list) else [value]):
            struct.pack_into("<q" if width == 8 else "<i", data, at + n * width, item)
    return bytes(data)


def constant_bank(arch, arguments, grid, threads):
    """Bytes of c[0x0]."""
    bank = bytearray(FIRST_ARGUMENT[arch]) + arguments
    struct.pack_into("<3i", bank, BLOCK, threads, 1, 1)
    struct.pack_into("<3i", bank, GRID, *grid)
    return bytes(bank)
