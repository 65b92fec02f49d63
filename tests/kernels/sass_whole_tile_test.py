"""Paths by executed branches, constant banks and cycles of whole tiles; no toolkit."""

import unittest

from sass_support import ROOT, instruction, machine_for, program, sass, stored
from sass_model import arguments
from sass_model.interpreter import Launch, Thread, follow
from sass_model.whole_tile import WholeTile, main_range

# ptxas puts the index's offset into constant bank 2 there, which no launch fixes.
UNDECIDED = {"sm_70": 1, "sm_90a": 0}
FIELDS = [("table", 8, 1), ("out", 8, 1), ("divisor", 4, 1), ("trips", 4, 1), ("bounds", 4, 4)]


def followed(arch, thread=0, block=0, table=0, divisor=3, trips=2, bounds=(0, 0, 0, 0)):
    """The trace of branches.cu with blocks of 64 threads."""
    values = {"table": table, "out": 1 << 33, "divisor": divisor, "trips": trips, "bounds": list(bounds)}
    bank = arguments.constant_bank(arch, arguments.packed(FIELDS, values), (4, 1, 1), 64)
    return follow(stored(f"branches.{arch}.sass"), Launch(bank, thread, (block, 0, 0)))


def names(trace):
    return [i.name for i in trace.path]


def updates(trace):
    return sum(i.name in ("RED", "REDG") for i in trace.path)


def value(text, setup=(), want="R0", **registers):
    """What an instruction leaves in a register or predicate."""
    thread = Thread(Launch(b""))
    thread.registers = dict(registers)
    for line in (*setup, text):
        thread.execute(instruction(line))
    return thread.registers.get(want)


class Operations(unittest.TestCase):
    def test_arithmetic(self):
        for text, expected in (
            ("IADD3 R0, R1, -R2, RZ", 4),
            ("IADD3 R0, -R1, R2, 0x1", 0xFFFFFFFD),
            ("IMAD R0, R1, R2, R1", 28),
            ("IMAD.MOV R0, RZ, RZ, -R1", 0xFFFFFFF9),
            ("IMAD.WIDE R0, R4, R1, RZ", 0xFFFFFFF9),  # -1 * 7
            ("IMAD.HI.U32 R0, R4, R1, RZ", 6),
            ("LOP3.LUT R0, R1, R2, RZ, 0x3c, !PT", 4),  # exclusive or
            ("SHF.R.S32.HI R0, RZ, 0x1f, R4", 0xFFFFFFFF),
            ("SHF.R.U32.HI R0, RZ, 0x1f, R4", 1),
            ("SHF.L.U32 R0, R1, R2, RZ", 56),
            ("LEA R0, R1, R2, 0x3", 59),
            ("LEA.HI R0, R4, R1, RZ, 0x5", 38),
            ("LEA.HI.X.SX32 R0, R4, R1, 0x1, !PT", 6),
            ("SEL R0, R1, R2, !PT", 3),
            ("IMNMX R0, R4, R1, PT", 0xFFFFFFFF),
            ("VIMNMX.U32 R0, R4, R1, PT", 7),
            ("PRMT R0, R1, 0x5410, R2", 0x30007),
            ("IABS R0, R4", 1),
        ):
            with self.subTest(text):
                self.assertEqual(value(text, R1=7, R2=3, R4=0xFFFFFFFF), expected)

    def test_comparisons(self):
        for text, expected in (
            ("ISETP.LT.AND P0, PT, R4, R1, PT", True),
            ("ISETP.LT.U32.AND P0, PT, R4, R1, PT", False),
            ("ISETP.GE.OR P0, PT, R2, R1, !PT", False),
            ("ISETP.NE.AND P0, PT, R9, RZ, PT", None),
            ("ISETP.NE.AND P0, PT, R9, RZ, !PT", False),  # whatever R9 is
            ("ISETP.NE.OR P0, PT, R9, RZ, PT", True),
        ):
            with self.subTest(text):
                self.assertEqual(value(text, want="P0", R1=7, R2=3, R4=0xFFFFFFFF), expected)

    def test_pairs_of_words_are_compared(self):
        low = "ISETP.NE.U32.AND P0, PT, RZ, R1, PT"
        high = "ISETP.NE.AND.EX P0, PT, RZ, R2, PT, P0"
        self.assertIs(value(high, [low], "P0", R1=0, R2=0), False)
        self.assertIs(value(high, [low], "P0", R1=5, R2=0), True)
        self.assertIs(value(high, [low], "P0", R1=0, R2=5), True)

    def test_carries(self):
        add = "IADD3 R0, P1, R1, R4, RZ"
        self.assertIs(value(add, want="P1", R1=7, R4=0xFFFFFFFF), True)
        self.assertIs(value(add, want="P1", R1=7, R4=8), False)
        self.assertEqual(value("IADD3.X R0, R1, RZ, RZ, P1, !PT", R1=7, P1=True), 8)

    def test_results_of_unknown_values_are_unknown(self):
        self.assertIsNone(value("IADD3 R0, R1, R9, RZ", R0=5, R1=7))
        self.assertIsNone(value("LDG.E.128 R0, [R4]", want="R3", R3=5))
        self.assertIsNone(value("FADD R0, R1, R2", R0=5, R1=7, R2=3))
        self.assertEqual(value("LDG.E.128 R0, [R4]", want="R4", R4=5), 5)


class Paths(unittest.TestCase):
    def test_trips_follow_a_division_by_an_argument(self):
        for arch in ("sm_70", "sm_90a"):
            for divisor in (1, 3, 7, 60):
                trace = followed(arch, thread=33, block=2, divisor=divisor)
                trips = (2 * 64 + 33) // divisor + 2
                self.assertEqual(names(trace).count("BAR"), trips, (arch, divisor))

    def test_branches_on_pointers_and_indexed_constants(self):
        for arch in ("sm_70", "sm_90a"):
            self.assertEqual(updates(followed(arch, bounds=[-1] * 4)), UNDECIDED[arch])
            table = followed(arch, table=1 << 33, bounds=[-1] * 4)
            self.assertEqual(updates(table), 1 + UNDECIDED[arch])
        self.assertEqual(updates(followed("sm_90a", thread=9, bounds=(-1, -1, -1, 10))), 1)
        self.assertEqual(updates(followed("sm_90a", thread=9, bounds=(99, 99, 99, 9))), 0)

    def test_a_branch_on_loaded_data_falls_through_and_is_named(self):
        for arch in ("sm_70", "sm_90a"):
            trace = followed(arch)
            self.assertEqual(len(trace.unknown), 1 + UNDECIDED[arch])
            self.assertIn("MEMBAR", names(trace))

    def test_instructions_with_false_predicates_only_issue(self):
        code = program(
            instruction("ISETP.NE.AND P0, PT, RZ, RZ, PT"),
            instruction("@P0 LDG.E R2, [R4]", stall=3, write=0),
            instruction("EXIT"),
        )
        trace = follow(sass.Kernel("k", "sm_70", code), Launch(b""))
        self.assertEqual(names(trace), ["ISETP", "NOP", "EXIT"])
        self.assertEqual((trace.path[1].stall, trace.path[1].write_barrier), (3, 7))

    def test_calls_are_far_jumps_and_returns_are_errors(self):
        code = program(
            instruction("@!PT CALL.REL.NOINC 0x30"),
            instruction("CALL.REL.NOINC 0x30"),
            instruction("MOV R0, R1"),
            instruction("EXIT"),
        )
        self.assertEqual(names(follow(sass.Kernel("k", "sm_80", code), Launch(b""))), ["CALL", "CALL", "EXIT"])
        with self.assertRaisesRegex(RuntimeError, "a call returns at 0x0"):
            follow(sass.Kernel("k", "sm_80", program(instruction("RET.REL.NODEC R2 0x0"))), Launch(b""))

    def test_a_kernel_without_end_is_an_error(self):
        code = program(instruction("MOV R0, R1"), instruction("BRA 0x0"))
        with self.assertRaisesRegex(RuntimeError, "no end after"):
            follow(sass.Kernel("k", "sm_70", code), Launch(b""))


class Arguments(unittest.TestCase):
    HEADER = """
struct Inner {
  const void* a;  // comment; with a semicolon
  int b, c;
  Activation d;
  int e[kMost];
};
struct Outer {
  int before;
  Inner inner;
  float scale;
};
"""

    def test_layout(self):
        inner = arguments.members(self.HEADER, "Inner", {"kMost": 3})
        places, size = arguments.offsets(inner)
        self.assertEqual(places["e"], (20, 4))
        self.assertEqual(size, 32)
        outer = arguments.members(self.HEADER, "Outer", {"Inner": size})
        self.assertEqual(arguments.offsets(outer), ({"before": (0, 4), "inner": (8, 32), "scale": (40, 4)}, 48))
        data = arguments.packed(outer, {"inner": arguments.packed(inner, {"e": [1, 2, 3]}), "before": -1})
        self.assertEqual(data[:4] + data[28:40], bytes([255] * 4 + [1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0]))

    def test_the_convolutions_arguments(self):
        header = (ROOT / "kernels/convolution/gemm/args.h").read_text()
        fields = arguments.members(header, "ImplicitGemmArgs", {"kMaxConvolutionTaps": 25})
        # 8 pointers, 25 words and as many taps: what nvcc makes of it.
        self.assertEqual(arguments.offsets(fields)[1], 264)

    def test_grid_and_block(self):
        bank = arguments.constant_bank("sm_90a", b"\1\0\0\0", (5, 6, 7), 128)
        words = [int.from_bytes(bank[at : at + 4], "little") for at in (0, 4, 0xC, 0x10, 0x14, 0x210)]
        self.assertEqual(words, [128, 1, 5, 6, 7, 1])


def tile_kernel():
    """Two instructions before, a loop of the argument's trips around tensor work, a store behind."""
    return sass.Kernel("k", "sm_70", program(
        instruction("IMAD.MOV.U32 R1, RZ, RZ, c[0x0][0x160]"),
        instruction("S2R R0, SR_TID.X", write=0),
        *[instruction(f"HMMA.884.F32.F32.STEP{n} R{8 + 2 * n}, R2, R4, R{8 + 2 * n}", stall=2) for n in range(4)],
        instruction("IADD3 R1, R1, -0x1, RZ", stall=4),
        instruction("ISETP.NE.AND P0, PT, R1, RZ, PT", stall=4),
        instruction("@P0 BRA 0x20", stall=5),
        instruction("ISETP.GE.AND P1, PT, R0, 0x20, PT", stall=4, wait=1),
        instruction("@P1 BRA 0xc0"),
        *[instruction("STG.E [R6], R8")],
        instruction("EXIT"),
    ))  # fmt: skip


def whole_tile(trips, warps=4):
    bank = arguments.constant_bank("sm_70", trips.to_bytes(4, "little"), (1, 1, 1), 32 * warps)
    return WholeTile(tile_kernel(), bank, (0, 0, 0), warps)


class WholeTiles(unittest.TestCase):
    def test_warps_have_paths_of_their_own(self):
        tile = whole_tile(trips=3)
        self.assertEqual([len(path) for path in tile.paths], [28, 27, 27, 27])
        self.assertEqual(tile.ranges[0], (2, 23))
        self.assertFalse(tile.unknown)

    def test_parts_add_up_and_the_main_loop_grows_with_its_trips(self):
        machine = machine_for("sm_70")
        few, many = (whole_tile(trips).parts(machine, 1) for trips in (10, 30))
        self.assertAlmostEqual(few.total, few.prologue + few.main + few.epilogue)
        self.assertAlmostEqual(many.main / few.main, 3, delta=0.1)
        self.assertAlmostEqual(many.prologue, few.prologue, delta=3)
        self.assertAlmostEqual(many.epilogue, few.epilogue, delta=3)

    def test_resident_blocks_overlap_until_the_tensor_pipe_is_full(self):
        machine = machine_for("sm_70")
        tile = whole_tile(trips=30)
        times = {blocks: tile.parts(machine, blocks) for blocks in (1, 2, 8)}
        self.assertLess(times[2].total, 1.5 * times[1].total)
        self.assertGreater(times[8].tensor_share, times[1].tensor_share)
        for parts in times.values():
            self.assertLessEqual(parts.tensor_share, 1)

    def test_a_path_around_the_main_loop_is_an_error(self):
        with self.assertRaisesRegex(ValueError, "no main loop"):
            main_range(whole_tile(trips=2).paths[0][:1], [(0x20, 0x80)])


if __name__ == "__main__":
    unittest.main()
