"""Shared by the tests of kernels/sass_model: stored disassembly and hand-made instructions."""
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "kernels"))

from sass_model import sass  # noqa: E402
from sass_model.machines import machine_for  # noqa: E402
from sass_model.prediction import predict  # noqa: E402
from sass_model.simulation import Scenario, Simulation  # noqa: E402


def stored(name):
    """The one kernel of tests/kernels/sass/NAME."""
    return sass.load(ROOT / "tests/kernels/sass" / name)[0]


def instruction(text, pc=0, stall=1, wait=0, write=7, read=7, yields=False):
    """An instruction with the given control code, encoded as the hardware has it."""
    control = stall | (not yields) << 4 | write << 5 | read << 8 | wait << 11
    return sass.decode(pc, text, control << 41)


def program(*instructions):
    """The instructions at consecutive addresses."""
    return [sass.Instruction(**{**vars(i), "pc": 16 * n}) for n, i in enumerate(instructions)]


def issue_cycles(path, machine, warps=1):
    """Cycle of each issue of the first trip, per warp, counted from its first."""
    simulation = Simulation([path], machine, Scenario(warps, 1))
    simulation.trace = []
    simulation.run(2)
    issues = [
        [t for t, number, _ in simulation.trace if number == w][: len(path)] for w in range(warps)
    ]
    return [[t - times[0] for t in times] for times in issues]


def hot_loop(kernel):
    return max(sass.hot(sass.loops(kernel)), key=lambda loop: len(loop.instructions))


def prediction(kernel, warps, blocks=1, **assumptions):
    return predict(
        hot_loop(kernel), machine_for(kernel.arch), Scenario(warps, blocks, **assumptions)
    )
