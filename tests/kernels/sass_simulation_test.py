"""The model against published measurements, on stored or hand-made instructions; no toolkit."""

import unittest

from sass_support import (
    Scenario,
    Simulation,
    instruction,
    issue_cycles,
    machine_for,
    prediction,
    program,
    sass,
    stored,
)
from sass_model.machines import MACHINES
from sass_model.pipes import cost, mma_macs
from sass_model.prediction import bounds, occupancy


class PublishedCycles(unittest.TestCase):
    """Huerta et al. 2025, RTX A6000: their tables are reproduced to the cycle."""

    def test_memory_queue_of_one_subpartition(self):  # their table 1, one active sub-core
        loads = program(*[instruction(f"LDS R{n}, [R40]") for n in range(2, 12)])
        (cycles,) = issue_cycles(loads, machine_for("sm_80"))
        self.assertEqual(cycles[:9], [0, 1, 2, 3, 4, 11, 15, 19, 23])

    def test_memory_queue_of_four_subpartitions(self):  # table 1: then one per 8 cycles on each
        loads = program(*[instruction(f"LDS R{n}, [R40]") for n in range(2, 22)])
        machine = machine_for("sm_80").override({"sm.accept": 2})
        cycles, _ = Simulation([loads], machine, Scenario(4, 1)).run(9)
        self.assertAlmostEqual(cycles / len(loads), 8, delta=0.4)

    def test_register_ports(self):  # their listing 1: 5, 6 or 7 cycles
        for sources, elapsed in (("R19, R21", 5), ("R18, R21", 6), ("R18, R20", 7)):
            code = program(
                instruction("CS2R.32 R2, SR_CLOCKLO"),
                instruction("NOP"),
                instruction("FFMA R11, R10, R12, R14"),
                instruction(f"FFMA R13, R16, {sources}"),
                instruction("NOP"),
                instruction("CS2R.32 R4, SR_CLOCKLO"),
            )
            (cycles,) = issue_cycles(code, MACHINES["h100"])
            self.assertEqual(cycles[-1], elapsed)

    def test_reuse_cache_removes_conflicts(self):
        code = program(
            instruction("FFMA R11, R10.reuse, R12.reuse, R14"),
            instruction("FFMA R13, R10, R12, R16"),
            instruction("NOP"),
        )
        (cycles,) = issue_cycles(code, MACHINES["h100"])
        self.assertEqual(cycles[-1], 2)


class PublishedRates(unittest.TestCase):
    def near(self, value, published, tolerance):
        self.assertLess(abs(value / published - 1), tolerance, f"{value:.2f} against {published}")

    def test_v100_tensor_peak(self):  # NVIDIA: 125 TFLOP/s at 1.53 GHz
        self.near(prediction(stored("tensor_peak.sm_70.sass"), 8).tflops, 125, 0.05)

    def test_v100_wmma_with_eight_single_warps_per_scheduler(self):
        # A public clock64 test on a V100 SXM2, 32 blocks of a warp per SM: 236 cycles per 16x16x16
        # tile and warp with four accumulators. Our 32 x 8 = 256 is what the peak allows.
        self.near(prediction(stored("tensor_peak.sm_70.sass"), 1, 32).cycles / 4, 236.4, 0.12)

    def test_a100_dependent_mma(self):  # Sun et al. 2022: about 25 cycles for m16n8k16
        self.near(prediction(stored("tensor_chain.sm_80.sass"), 1).cycles / 16, 25, 0.05)

    def test_h100_loop_of_one_addition(self):  # 29.0 cycles; the branch's latency is set by it
        self.near(prediction(stored("add_chains_1.sm_90a.sass"), 1).cycles, 29, 0.02)


class Model(unittest.TestCase):
    def test_multiply_adds(self):
        for text, macs in (
            ("HMMA.884.F32.F32.STEP0 R0, R2, R4, R0", 256),
            ("HMMA.884.F16.F16.STEP1 R0, R2, R4, R0", 512),
            ("HMMA.16816.F32 R4, R8, R12, R4", 2048),
            ("HGMMA.64x256x16.F32 R24, gdesc[UR4], R24", 65536),
        ):
            self.assertEqual(mma_macs(instruction(text)), macs)

    def test_shared_wavefronts_by_width(self):
        for opcode, wavefronts in (
            ("LDS", 1),
            ("LDS.64", 2),
            ("LDS.U.128", 4),
            ("LDS.U8", 1),
            ("LDSM.16.M88.4", 4),
        ):
            what = cost(instruction(f"{opcode} R4, [R2]"), machine_for("sm_80"))
            self.assertEqual(what.shared_cycles, wavefronts, opcode)
        doubled = cost(instruction("LDS.128 R4, [R2]"), machine_for("sm_70"), {"LDS": 2.0})
        self.assertEqual(doubled.shared_cycles, 8)

    def test_more_blocks_hide_latency_until_the_path_to_l2_is_full(self):
        kernel = stored("gemm_kernel.sm_70.sass")
        rates = [prediction(kernel, 4, blocks).tflops for blocks in (1, 2, 4, 7)]
        self.assertLess(rates[0] * 1.3, rates[1])
        self.assertLess(rates[1] * 1.3, rates[2])
        self.assertAlmostEqual(rates[2], rates[3], delta=2)
        self.assertEqual(prediction(kernel, 4, 7).limiter, "path to L2")

    def test_nothing_is_faster_than_its_bounds(self):
        kernel = stored("gemm_kernel.sm_70.sass")
        for blocks in (1, 3, 7):
            result = prediction(kernel, 4, blocks)
            self.assertGreaterEqual(result.cycles, max(result.bounds.values()))
            self.assertGreater(result.single, 300)

    def test_bank_conflicts_slow_shared_memory(self):
        kernel = stored("gemm_kernel.sm_70.sass")
        (loop,) = sass.loops(kernel)
        machine = machine_for("sm_70")
        plain = bounds(loop.path(), machine, Scenario(4, 4))["shared memory"]
        twice = bounds(loop.path(), machine, Scenario(4, 4, conflicts=(("LDS", 2.0),)))[
            "shared memory"
        ]
        self.assertGreater(twice, 1.5 * plain)

    def test_barrier_waits_for_the_slowest_warp(self):
        code = program(instruction("BAR.SYNC 0x0", stall=5), instruction("MOV R0, R1"))
        for cycles in issue_cycles(code, machine_for("sm_70"), warps=8):
            self.assertGreaterEqual(cycles[1], MACHINES["v100"]["latency.barrier"])

    def test_occupancy(self):
        kernel = sass.Kernel("k", "sm_70", [], registers=71, shared_bytes=6144)
        blocks = occupancy(kernel, machine_for("sm_70"), 4)
        self.assertEqual(
            (blocks["registers"], blocks["shared memory"], blocks["warps"]), (7, 16, 16)
        )

    def test_every_number_has_a_source_and_a_status(self):
        for machine in MACHINES.values():
            for key, number in machine.numbers.items():
                self.assertIn(number.status, ("confirmed", "measured", "estimated"), key)
                self.assertTrue(number.source, key)


if __name__ == "__main__":
    unittest.main()
