"""Follows one thread through a kernel's integer instructions, to know which way its branches go.

A kernel's control flow depends on its arguments and on the thread's place in the grid. Both are
known, so branches are not guessed: index arithmetic, predicates and constant loads are executed.
What comes from memory or from floating point is unknown, and whatever is computed from that too.

Rules:
- A branch with a known predicate goes where it says. Lane 0 decides for its warp: if lanes
  diverge, the others' side is not seen.
- A branch with an unknown predicate falls through, and `Trace.unknown` names it.
- CALL is a far jump, as ptxas writes it where nothing returns; RET is an error.
- An instruction with a false predicate issues, and does nothing (`NOP` with its stall count and
  waits); with an unknown predicate it is executed, and its result is unknown.
- An unknown opcode makes its result unknown.
- A kernel that runs for MAX_INSTRUCTIONS is a mistake of these rules: RuntimeError.
"""

import re
import struct
from dataclasses import dataclass, field, replace

from .pipes import width_bytes
from .sass import NO_BARRIER

MAX_INSTRUCTIONS = 300_000
MASK = 0xFFFFFFFF


@dataclass(frozen=True)
class Launch:
    """What a launch fixes: bytes of constant bank 0, and the thread."""

    constants: bytes
    thread: int = 0
    block: tuple = (0, 0, 0)


@dataclass
class Trace:
    path: list = field(default_factory=list)  # instructions as they issue
    unknown: set = field(default_factory=set)  # addresses of branches that were not decided


def signed(value):
    return value - (1 << 32) if value >> 31 else value


def as_float(bits):
    return struct.unpack("f", struct.pack("I", bits))[0]


def float_bits(value):
    return struct.unpack("I", struct.pack("f", value))[0]


class Thread:
    """Registers and predicates of a thread; None is unknown."""

    def __init__(self, launch):
        self.launch = launch
        self.registers = {}  # "R5", "UR4", "P0", "UP1"

    def special(self, name):
        x, y, z = self.launch.block
        known = {
            "SR_TID.X": self.launch.thread, "SR_LANEID": self.launch.thread % 32,
            "SR_CTAID.X": x, "SR_CTAID.Y": y, "SR_CTAID.Z": z,
        }  # fmt: skip
        zeros = ("SR_TID.Y", "SR_TID.Z", "SRZ", "SR_CgaCtaId")
        return 0 if name in zeros else known.get(name)

    def constant(self, bank, offset, size=4):
        constants = self.launch.constants
        if bank != 0 or offset is None or offset + size > len(constants):
            return None
        return int.from_bytes(constants[offset : offset + size], "little")

    def predicate(self, text):
        negated = text.startswith("!")
        name = text.lstrip("!")
        value = True if name in ("PT", "UPT") else self.registers.get(name)
        return None if value is None else value != negated

    def operand(self, text, high=False):
        """A 32-bit value; `high`: of the second register or word of a 64-bit one."""
        text = text.replace(".reuse", "").replace(".64", "").replace(".H0_H0", "")
        if match := re.fullmatch(r"(-|~)?(?:\|)?(.*?)(?:\|)?", text):
            sign, text = match[1], match[2]
        value = self.plain(text, high)
        if value is None or sign is None:
            return value
        return (-value if sign == "-" else ~value) & MASK

    def plain(self, text, high):
        if text in ("RZ", "URZ", "SRZ"):
            return 0
        if match := re.fullmatch(r"(U?R)(\d+)", text):
            return self.registers.get(f"{match[1]}{int(match[2]) + high}")
        if match := re.fullmatch(r"c\[(0x\w+)\]\[(?:(U?R\w+)\+)?(-?0x\w+)?\]", text):
            base = self.plain(match[2], False) if match[2] else 0
            offset = int(match[3] or "0", 16)
            return self.constant(int(match[1], 16), base if base is None else signed(base) + offset + 4 * high)
        if re.fullmatch(r"0x[0-9a-f]+", text):
            return int(text, 16) & MASK
        return None

    def assign(self, name, value):
        name = name.replace(".reuse", "")
        if not name.endswith(("RZ", "PT")):
            self.registers[name] = value if value is None or isinstance(value, bool) else value & MASK

    def assign_wide(self, name, value, words=2):
        if name in ("RZ", "URZ"):
            return
        prefix, number = re.fullmatch(r"(U?R)(\d+)", name.replace(".reuse", "")).groups()
        for word in range(words):
            self.assign(f"{prefix}{int(number) + word}", None if value is None else value >> 32 * word)

    def guard(self, instruction):
        """Whether it executes: True, False or None."""
        return self.predicate(instruction.predicate[1:]) if instruction.predicate else True

    def execute(self, instruction, certain=True):
        name = instruction.name
        operation = OPERATIONS.get(name) or (name.startswith("U") and OPERATIONS.get(name[1:])) or forget
        operation(self, instruction.operands, instruction.modifiers, instruction)
        if not certain:
            forget(self, instruction.operands, instruction.modifiers, instruction)


# --- operations: how results come from operands ---------------------------------------------------


def is_predicate(text):
    return re.fullmatch(r"!?U?P(\d|T)", text) is not None


def result_words(instruction):
    words = instruction.modifiers
    if instruction.name in ("HMMA", "IMMA"):
        return 2 if "884" in words else 4
    if instruction.name == "LDSM":
        return 4 if "4" in words else 2 if "2" in words else 1
    if instruction.name in ("LDG", "LDS", "LDL", "LD", "LDC", "ULDC"):
        return max(1, width_bytes(instruction.opcode) // 4)
    return 2 if {"WIDE", "64"} & set(words) or instruction.name in ("CS2R", "DFMA", "DADD", "DMUL") else 1


def forget(thread, operands, modifiers, instruction):
    """The results are unknown: the predicates in front, and the first register."""
    if instruction.name in ("STG", "STS", "STL", "BRA", "BAR", "LDGSTS", "RED", "REDG", "EXIT", "BSSY", "BSYNC", "BMOV"):
        return
    for operand in operands:
        if is_predicate(operand):
            thread.assign(operand, None)
        else:
            if re.fullmatch(r"U?R\d+", operand.replace(".reuse", "")):
                thread.assign_wide(operand, None, result_words(instruction))
            return


def split(thread, operands):
    """(result, predicates written, values, predicates read)."""
    at = 1
    while at < len(operands) and is_predicate(operands[at]) and not operands[at].startswith("!"):
        at += 1
    values = [o for o in operands[at:] if not is_predicate(o)]
    read = [thread.predicate(o) for o in operands[at:] if is_predicate(o)]
    return operands[0], operands[1:at], values, read


def known(*values):
    return all(value is not None for value in values)


def move(thread, operands, modifiers, instruction):
    if "64" in modifiers or instruction.name == "CS2R":
        low, high = thread.operand(operands[-1]), thread.operand(operands[-1], True)
        thread.assign_wide(operands[0], high << 32 | low if known(low, high) else None)
    else:
        thread.assign(operands[0], thread.operand(operands[1]))


def read_special(thread, operands, modifiers, instruction):
    thread.assign(operands[0], thread.special(operands[1]))


def multiply_add(thread, operands, modifiers, instruction):
    to, carries, values, read = split(thread, operands)
    a, b, c = (thread.operand(value) for value in values)
    take = int if "U32" in modifiers else signed
    long = {"WIDE", "HI"} & set(modifiers)  # c has 64 bits
    if long:
        high = thread.operand(values[2], True)
        c = high << 32 | c if known(c, high) else None
    if "X" in modifiers:
        c = c + read[0] if known(c, *read) and read else None
    result = take(a) * take(b) + c if known(a, b, c) else None
    if result is not None and "HI" in modifiers:
        result >>= 32
    (thread.assign_wide if "WIDE" in modifiers else thread.assign)(to, result)
    for carry in carries:
        thread.assign(carry, None)


def add(thread, operands, modifiers, instruction):
    to, carries, values, read = split(thread, operands)
    terms = [thread.operand(value) for value in values]
    total = None
    if known(*terms, *(read if "X" in modifiers else ())):
        # -0 carries, as ~0 + 1 does.
        total = sum(terms) + sum(1 << 32 for v, t in zip(values, terms) if v.startswith("-") and t == 0)
        total += sum(read) if "X" in modifiers else 0
    thread.assign(to, total)
    for n, carry in enumerate(carries):
        thread.assign(carry, None if total is None else total >> 32 > n)


def logic(thread, operands, modifiers, instruction):
    flags = [o for o in operands[:1] if is_predicate(o)]
    rest = operands[len(flags):]
    a, b, c, lut = (thread.operand(o) for o in rest[1:5])
    result = combined(a, b, c, lut) if known(a, b, c) else None
    if result is None and lut == 0xC0 and 0 in (a, b):
        result = 0
    thread.assign(rest[0], result)
    for flag in flags:
        thread.assign(flag, None if result is None else result != 0)


def combined(a, b, c, lut):
    result = 0
    for place in range(8):
        if lut >> place & 1:
            terms = (a if place & 4 else ~a) & (b if place & 2 else ~b) & (c if place & 1 else ~c)
            result |= terms & MASK
    return result


def predicate_logic(thread, operands, modifiers, instruction):
    first, second = operands[:2]
    a, b, c = (thread.predicate(o) for o in operands[2:5])
    lut = int(operands[5], 16)
    options = {
        bool(lut >> (4 * x + 2 * y + z) & 1)
        for x in ((a,) if a is not None else (0, 1))
        for y in ((b,) if b is not None else (0, 1))
        for z in ((c,) if c is not None else (0, 1))
    }
    thread.assign(first, options.pop() if len(options) == 1 else None)
    thread.assign(second, None)


def shift(thread, operands, modifiers, instruction):
    to, _, values, _ = split(thread, operands)
    low, by, high = (thread.operand(value) for value in values)
    if by is None or (low is None and high is None):
        return thread.assign(to, None)
    by = by % 32 if "W" in modifiers else min(by, 64)
    if "R" in modifiers:
        take = signed if "S32" in modifiers else int
        if "HI" in modifiers:
            result = None if high is None else take(high) >> min(by, 32 if take is int else 31)
        else:
            result = (take(high) << 32 | low) >> by if known(low, high) else None
    else:
        result = (high << 32 | low) << by if known(low, high) else None
        if result is not None and "HI" in modifiers:
            result >>= 32
    return thread.assign(to, result)


def scaled_add(thread, operands, modifiers, instruction):
    to, carries, values, read = split(thread, operands)
    numbers = [thread.operand(value) for value in values]
    total = None
    if known(*numbers, *read):
        a, b, by = numbers[0], numbers[1], numbers[-1]
        if "HI" in modifiers:
            high = numbers[2] if len(numbers) > 3 else signed(a) >> 31 if "SX32" in modifiers else 0
            total = (((high & MASK) << 32 | a) >> (32 - by) & MASK) + b
        else:
            total = (a << by & MASK) + b
        total += sum(read) if "X" in modifiers else 0
    thread.assign(to, total)
    for carry in carries:
        thread.assign(carry, None if total is None else total >> 32 > 0)


COMPARISONS = {
    "LT": lambda a, b: a < b, "LE": lambda a, b: a <= b, "GT": lambda a, b: a > b,
    "GE": lambda a, b: a >= b, "EQ": lambda a, b: a == b, "NE": lambda a, b: a != b,
}  # fmt: skip


def compare(thread, operands, modifiers, instruction):
    """P, !P = (a ? b) with a third predicate; .EX takes the low words' comparison into account."""
    to, other, first, second, *read = operands
    take = int if "U32" in modifiers else signed
    a, b = thread.operand(first), thread.operand(second)
    found = COMPARISONS[modifiers[0]](take(a), take(b)) if known(a, b) else None
    if "EX" in modifiers and found is not None and a == b:
        found = thread.predicate(read[1])
    with_other = thread.predicate(read[0])
    both = [found, with_other]
    if "AND" in modifiers:
        result = False if False in both else None if None in both else True
    elif "OR" in modifiers:
        result = True if True in both else None if None in both else False
    else:
        result = None if None in both else found != with_other
    thread.assign(to, result)
    thread.assign(other, None)


def select(thread, operands, modifiers, instruction):
    which = thread.predicate(operands[3])
    thread.assign(operands[0], None if which is None else thread.operand(operands[1 if which else 2]))


def smaller_or_larger(thread, operands, modifiers, instruction):
    take = int if "U32" in modifiers else signed
    a, b, smaller = thread.operand(operands[1]), thread.operand(operands[2]), thread.predicate(operands[3])
    ready = known(a, b, smaller)
    thread.assign(operands[0], (min if smaller else max)(a, b, key=take) if ready else None)


def magnitude(thread, operands, modifiers, instruction):
    value = thread.operand(operands[1])
    thread.assign(operands[0], None if value is None else abs(signed(value)))


def permute(thread, operands, modifiers, instruction):
    a, how, b = (thread.operand(o) for o in operands[1:4])
    if not known(a, how, b) or how & 0x8888:
        return thread.assign(operands[0], None)
    parts = (b << 32 | a).to_bytes(8, "little")
    picked = bytes(parts[how >> 4 * place & 7] for place in range(4))
    return thread.assign(operands[0], int.from_bytes(picked, "little"))


def predicates_to_register(thread, operands, modifiers, instruction):
    mask, result = thread.operand(operands[3]), thread.operand(operands[2])
    for n in range(7):
        if mask >> n & 1:
            bit = thread.predicate(f"P{n}")
            result = None if None in (bit, result) else result & ~(1 << n) | bit << n
    thread.assign(operands[0], result)


def to_float(thread, operands, modifiers, instruction):
    value = thread.operand(operands[1])
    if value is None:
        return thread.assign(operands[0], None)
    exact = value if "U32" in modifiers else signed(value)
    bits = float_bits(exact)
    rounded_up = "RP" in modifiers and as_float(bits) < exact  # of positive values
    return thread.assign(operands[0], bits + rounded_up)


def reciprocal(thread, operands, modifiers, instruction):
    value = thread.operand(operands[1])
    usable = value is not None and "RCP" in modifiers and as_float(value) != 0
    thread.assign(operands[0], float_bits(1 / as_float(value)) if usable else None)


def to_integer(thread, operands, modifiers, instruction):
    value = thread.operand(operands[1])
    usable = value is not None and "TRUNC" in modifiers and "U32" in modifiers
    thread.assign(operands[0], min(int(max(as_float(value), 0)), MASK) if usable else None)


OPERATIONS = {
    "MOV": move, "LDC": move, "LDCU": move, "R2UR": move, "CS2R": move, "S2R": read_special,
    "IMAD": multiply_add, "IADD3": add, "VIADD": add, "IADD": add, "LOP3": logic,
    "PLOP3": predicate_logic, "SHF": shift, "LEA": scaled_add, "ISETP": compare, "SEL": select,
    "IMNMX": smaller_or_larger, "VIMNMX": smaller_or_larger, "IABS": magnitude, "PRMT": permute,
    "P2R": predicates_to_register, "I2F": to_float, "MUFU": reciprocal, "F2I": to_integer,
    # Of the uniform datapath; others are the above behind a U.
    "S2UR": read_special, "UP2UR": forget,
}  # fmt: skip


# --- the path -------------------------------------------------------------------------------------


def idle(instruction):
    """What is left of an instruction whose predicate is false: it issues."""
    return replace(
        instruction, opcode="NOP", operands=(), write_barrier=NO_BARRIER, read_barrier=NO_BARRIER
    )


def follow(kernel, launch):
    """The instructions that a thread issues from the kernel's beginning to its end."""
    place = {instruction.pc: n for n, instruction in enumerate(kernel.instructions)}
    thread, trace, at, idles = Thread(launch), Trace(), 0, {}
    while len(trace.path) < MAX_INSTRUCTIONS:
        instruction = kernel.instructions[at]
        executes = thread.guard(instruction)
        at += 1
        branches = instruction.target in place if instruction.name in ("BRA", "CALL") else False
        if executes is False and not branches:
            trace.path.append(idles.setdefault(instruction.pc, idle(instruction)))
            continue
        trace.path.append(instruction)
        if branches:
            goes = goes_to_target(thread, instruction, executes)
            if goes is None:
                trace.unknown.add(instruction.pc)
            elif goes:
                at = place[instruction.target]
        elif instruction.name == "RET":
            raise RuntimeError(f"{kernel.name}: a call returns at {instruction.pc:#x}, which is not followed")
        elif instruction.name == "EXIT":
            if executes:
                return trace
            trace.unknown.add(instruction.pc)
        else:
            thread.execute(instruction, certain=executes is True)
    raise RuntimeError(f"{kernel.name}: no end after {MAX_INSTRUCTIONS} instructions")


def goes_to_target(thread, instruction, executes):
    """`@P0 BRA P1, x` goes if both hold."""
    conditions = [executes] + [thread.predicate(o) for o in instruction.operands[:-1] if is_predicate(o)]
    return False if False in conditions else None if None in conditions else True
