"""Cycles of a whole tile: from a block's first instruction over n trips of the main loop to its end.

The warps' paths come from interpreter.py, and the simulation runs them as it runs a loop's trip: a
multiprocessor's blocks one tile after the other, each block's warps together. The main loop is the
smallest loops with tensor instructions (else with most FFMA), from a warp's first instruction in
one of them to its last: prologue and epilogue lie before and behind it.

Not in it: instruction-cache misses, what starting a block costs, DRAM's bandwidth.
"""

from collections import defaultdict
from dataclasses import dataclass

from . import sass
from .interpreter import Launch, follow
from .simulation import Scenario, Simulation, prepare

# L2's latency under load, in place of the idle one; an estimate between L2's and DRAM's.
LOADED_LATENCY = {
    "V100": 350, "T4": 350, "A100": 380, "A10": 380, "L40S": 450, "H100": 400, "H200": 400,
}  # fmt: skip
TILES = 3  # in steady state; the first is not counted
FMA_LOOP = 64  # FFMA that make a loop a main loop if there are no tensor instructions


@dataclass(frozen=True)
class Parts:
    """Cycles of a tile."""

    prologue: float
    main: float
    epilogue: float
    tensor: float  # of them the busiest scheduler's tensor pipe works

    @property
    def total(self):
        return self.prologue + self.main + self.epilogue

    @property
    def tensor_share(self):
        return self.tensor / self.total


def main_loops(kernel):
    """[(first, last address)] of the loops that multiply."""
    loops = sass.loops(kernel)
    found = [loop for loop in sass.hot(loops) if loop.multiplies]
    if not found:
        ffma = {loop: sum(i.name == "FFMA" for i in loop.instructions) for loop in loops}
        inner = [loop for loop in loops if ffma[loop] >= FMA_LOOP]
        found = [a for a in inner if not any(a.begin <= b.begin and b.end <= a.end for b in inner if b != a)]
    return [(loop.begin, loop.end) for loop in found]


def main_range(path, loops):
    """Where the main loop begins and ends in a path: [begin, end)."""
    inside = [n for n, i in enumerate(path) if any(b <= i.pc <= e for b, e in loops)]
    if not inside:
        raise ValueError("the path meets no main loop")
    return inside[0], inside[-1] + 1


class WholeTile:
    """A launch's paths through a kernel, by the bytes of its constant bank (arguments.py)."""

    def __init__(self, kernel, bank, block, warps):
        self.kernel, self.warps = kernel, warps
        traces = [follow(kernel, Launch(bank, 32 * warp, block)) for warp in range(warps)]
        self.unknown = set().union(*(trace.unknown for trace in traces))
        loops = main_loops(kernel)
        self.ranges = [main_range(trace.path, loops) for trace in traces]
        # The next block starts when all warps of this one have ended.
        end = sass.decode(kernel.instructions[-1].pc, "BAR.SYNC 0xf", 1 << 41 | 0x7 << 46 | 0x7 << 49)
        self.paths = [[*trace.path, end] for trace in traces]

    def parts(self, machine, blocks):
        """Parts of a tile with `blocks` resident: of one alone from its start, of more in steady
        state, where the total is the time in which all of them advance one tile."""
        latency = LOADED_LATENCY[machine.name]
        machine = machine.override({"latency.l2_hit": max(latency, machine["latency.l2_hit"])})
        scenario = Scenario(self.warps, blocks)
        simulation = Simulation(self.paths, machine, scenario)
        simulation.trace = []
        ends = simulation.ends(1 if blocks == 1 else TILES)
        total = ends[0] if blocks == 1 else (ends[-1] - ends[0]) / (TILES - 1)
        prologue, main, epilogue = self.shares(simulation.trace)
        return Parts(total * prologue, total * main, total * epilogue, self.tensor(machine, scenario, blocks))

    def shares(self, trace):
        """Of the three parts in the time of the warps' last tile."""
        issues = defaultdict(list)
        for time, warp, _ in trace:
            issues[warp].append(time)
        sums = [0.0, 0.0, 0.0]
        for warp, times in issues.items():
            number = warp % self.warps
            begin, end = self.ranges[number]
            tile = times[-len(self.paths[number]) :]
            marks = (tile[0], tile[begin], tile[end], tile[-1])
            for n in range(3):
                sums[n] += marks[n + 1] - marks[n]
        return [part / sum(sums) for part in sums]

    def tensor(self, machine, scenario, blocks):
        """Cycles that the tensor pipe (of FMA kernels: the fp32 pipe) of the busiest scheduler
        needs for a tile of all blocks."""
        work = [
            sum(step.cost.tensor for step in steps) or sum(step.cost.pipes.get("fma", 0) for step in steps)
            for steps in (prepare(path, machine, scenario) for path in self.paths)
        ]
        return sum(work) * blocks / min(machine["schedulers"], self.warps * blocks)
