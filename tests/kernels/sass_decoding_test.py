"""Decoding of SASS, its loops and paths."""
import unittest

from sass_support import instruction, program, sass, stored


class Decoding(unittest.TestCase):
    def test_control_code_fields(self):
        # LDS.U.128 R48, [R63+0x300]: no waits, no read barrier, write barrier 0, no yield, stall 1
        line = "/*07d0*/ LDS.U.128 R48, [R63+0x300] ; /* 0x000300003f307984 */\n/* 0x000e220000001d00 */"
        found = sass.parse("code for sm_70\nFunction : k\n" + line)[0].instructions[0]
        self.assertEqual(found.control, "B------:R-:W0:-:S01")
        self.assertEqual(
            (found.pc, found.name, found.operands), (0x7D0, "LDS", ("R48", "[R63+0x300]"))
        )

    def test_encoding_and_decoding_agree(self):
        made = instruction(
            "HMMA.884.F32.F32.STEP0 R8, R46.reuse.ROW, R38.reuse.COL, R8",
            stall=2,
            wait=0b100010,
            write=5,
            read=3,
            yields=True,
        )
        self.assertEqual(made.control, "B-1---5:R3:W5:Y:S02")

    def test_predicates_and_nested_commas(self):
        made = instruction("@!P0 DEPBAR.LE SB0, 0x1, {4,3}")
        self.assertEqual(made.predicate, "@!P0")
        self.assertEqual(made.operands, ("SB0", "0x1", "{4,3}"))

    def test_usage_lines(self):
        text = (
            "Function : k\n REG:71 STACK:8 SHARED:6144 LOCAL:0\n/*0000*/ LDL R1, [R2] ; /* 0x"
            + "0" * 16
            + " */\n/* 0x"
            + "0" * 16
            + " */"
        )
        kernel = sass.parse(text)[0]
        self.assertEqual((kernel.registers, kernel.stack_bytes, kernel.shared_bytes), (71, 8, 6144))
        self.assertEqual(kernel.spills(), 1)


class Loops(unittest.TestCase):
    def test_stored_gemm_has_one_loop(self):
        kernel = stored("gemm_kernel.sm_70.sass")
        self.assertEqual(len(kernel.instructions), 272)
        (loop,) = sass.loops(kernel)
        self.assertEqual((loop.begin, loop.end, loop.innermost), (0x520, 0xA80, True))
        self.assertEqual(sum(i.name == "HMMA" for i in loop.instructions), 64)

    def test_path_follows_branches_and_repeats_inner_loops(self):
        code = program(
            instruction("MOV R0, R1"),
            instruction("@P0 BRA 0x30"),
            instruction("MOV R1, R2"),
            instruction("MOV R2, R3"),
            instruction("@P1 BRA 0x30"),
            instruction("@P2 BRA 0x0"),
        )
        inner, outer = sass.loops(sass.Kernel("k", "sm_70", code))
        self.assertEqual((inner.begin, outer.innermost), (0x30, False))
        self.assertEqual(len(outer.path()), 6)
        self.assertEqual(len(outer.path(taken=(0x10,))), 5)
        self.assertEqual(len(outer.path(inner_trips=((0x40, 3),))), 10)


if __name__ == "__main__":
    unittest.main()
