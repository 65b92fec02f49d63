"""Cycles of the convolutions' tiles by the SASS model: what the planner's cost model charges.

A tile of n slices of K takes `fixed + slice * n` cycles: of a block that has its multiprocessor for
itself, and of all resident blocks that advance one tile together. Both come from whole tiles
(sass_model/whole_tile.py) of the problems below, as do the cycles that a residual, pooled sums and
taps fetched apart add. hot_kernels.py shows them in RESOURCES.md and writes the planner's table.

Problems: 28x28 pixels, batch 16, ReLU, a block in the middle of the grid. Plain tiles: 1x1.
Halo tiles: 3x3 of two groups. Fused tiles: a shortcut is a 1x1 of as many slices as the source.
"""

import dataclasses
import functools
import hashlib
import pathlib
import pickle
import re
from concurrent.futures import ProcessPoolExecutor

import resources
from resources import ROOT
from sass_model import arguments, sass
from sass_model.machines import MACHINES
from sass_model.whole_tile import WholeTile

# The GPU that stands for an architecture: device_spec.cpp has the same.
DEVICES = {"70": "v100", "75": "t4", "80": "a100", "86": "a10", "89": "l40s", "90a": "h200"}
FOLDER = ROOT / "kernels/convolution"
WIDTH, IMAGES, CHANNELS = 28, 16, 512
SOURCES = ("none", "plain", "pool", "attention", "attention+avd")  # SourceKind
GATED, WINDOW = ("attention", "attention+avd"), {"pool": 2, "attention+avd": 3}
RADIX = 2  # kFusedRadix
# A kernel for another architecture is a body that traps.
SMALLEST_KERNEL = 40  # instructions
# Any addresses: only whether they are null matters.
POINTERS = {name: place << 32 for place, name in enumerate(
    ("src", "weight", "bias", "residual", "dst", "pooled", "workspace", "counters", "gates"), 1)}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Tile:
    """A row of <family>/tiles.h."""

    name: str
    m: int
    n: int
    halo: bool
    slice: int


@dataclasses.dataclass(frozen=True)
class Problem:
    """What a whole tile is of."""

    slices: int
    taps: int = 1  # 9: 3x3
    groups: int = 1
    residual: bool = False
    pooled: bool = False


@dataclasses.dataclass(frozen=True)
class Line:
    """Cycles of a tile: fixed + slice * slices, and what more a residual, pooled sums, taps take."""

    fixed: float
    slice: float
    residual: float = 0.0
    pooled: float = 0.0
    taps: float = 0.0


@dataclasses.dataclass(frozen=True)
class Cycles:
    """Of a kernel on an architecture."""

    blocks: int  # resident
    alone: Line
    full: Line  # all of them
    halo: bool  # whose sums are pooled
    parts: tuple  # (slices, whole_tile.Parts of one block alone, of all blocks) of two problems

    def tensor_share(self, slices):
        """Of a whole tile of so many slices, with all blocks resident."""
        measured, _, parts = self.parts[-1]
        total = self.full.fixed + self.full.slice * slices + self.full.pooled * self.halo
        return parts.tensor / measured * slices / total


def tiles():
    """The table of tiles, whose numbers are template arguments of the kernels."""
    table = re.search(r"kConvolutionTileTable =\s+joined\(([^)]*)\)", (FOLDER / "tiles.h").read_text())[1]
    rows = []
    for family in re.findall(r"k(\w+)Tiles", table):
        for row in re.findall(r'{"(convolution_\w+)",\s*([^}]*)}', (FOLDER / family.lower() / "tiles.h").read_text()):
            numbers = [int(number) for number in re.findall(r"\b\d+\b", row[1])]
            rows.append(Tile(row[0], numbers[0], numbers[1], len(numbers) > 8, 16 if family == "Fma" else 32))
    return rows


def fused_name(family, tile, source, shortcut):
    """The name of the row of <family>/tiles.h for a fused tile."""
    kinds = [f"SourceKind::k{''.join(part.capitalize() for part in name.replace('avd', 'pool').split('+'))}"
             for name in (source, shortcut)]  # fmt: skip
    text = (FOLDER / family / "tiles.h").read_text()
    short = tile.removeprefix("convolution_")
    return re.search(rf'{{"(\w+)",\s*"{short}", {kinds[0]}, {kinds[1]}}}', text)[1]


# --- launches -------------------------------------------------------------------------------------


def layouts():
    """Fields of the argument structs, as their headers declare them."""
    taps = re.search(r"kMaxConvolutionTaps = (\d+)", (FOLDER / "convolution.h").read_text())[1]
    plain = arguments.members((FOLDER / "gemm/args.h").read_text(), "ImplicitGemmArgs", {"kMaxConvolutionTaps": int(taps)})
    sizes = {"ImplicitGemmArgs": arguments.offsets(plain)[1]}
    return plain, arguments.members((FOLDER / "gemm/fused_args.h").read_text(), "FusedGemmArgs", sizes)


def geometry(tile, problem, source="plain"):
    """ImplicitGemmArgs of a problem, as convolution.cu and fused_convolution.cu fill them."""
    window = WINDOW.get(source, 3 if problem.taps == 9 else 1)
    stride, parts = (1 if problem.taps == 9 or window == 1 else 2), (RADIX if source in GATED else 1)
    group_channels = problem.slices * tile.slice // problem.taps
    columns = CHANNELS // problem.groups
    pad = 0 if source == "pool" else window // 2
    width, pitch = WIDTH * stride, group_channels * problem.groups * parts
    places = [(r * width + s) * pitch for r in range(window) for s in range(window)]
    delta = [place + part * group_channels for place in places for part in range(parts)]
    return {
        **{name: POINTERS[name] for name in ("src", "weight", "bias", "dst")},
        "residual": POINTERS["residual"] * problem.residual, "pooled": POINTERS["pooled"] * problem.pooled,
        "num_rows": IMAGES * WIDTH * WIDTH, "pixels": WIDTH * WIDTH, "h": width, "w": width, "q": WIDTH,
        "r": window, "s": window, "stride": stride, "above": pad, "left": pad, "dilation": 1,
        "num_taps": problem.taps, "src_pitch": pitch, "dst_pitch": CHANNELS,
        "group_channels": group_channels, "group_columns": columns, "max_columns": columns,
        "num_groups": problem.groups, "tiles_per_group": -(-columns // tile.n),
        "num_slices": problem.slices, "packed_rows": columns, "pooled_width": CHANNELS // 2,
        "pooled_parts": 2, "pooled_slots": 16, "activation": 1, "tap_delta": delta,
    }  # fmt: skip


def fused_arguments(tile, problem, source, shortcut):
    plain, fused = layouts()
    channels = problem.slices * tile.slice
    second = geometry(tile, problem, shortcut) if shortcut != "none" else {}
    return arguments.packed(fused, {
        "first": arguments.packed(plain, geometry(tile, problem, source)),
        "second": arguments.packed(plain, second),
        "gates": POINTERS["gates"] * (source in GATED),
        "gate_part_pitch": channels, "gate_image_pitch": RADIX * channels,
    })  # fmt: skip


def whole_tile(row, kernel, tile, problem, kinds):
    """The WholeTile of a kernel, `row` of resources.py; `kinds`: source and shortcut of fused ones."""
    data = fused_arguments(tile, problem, *kinds) if kinds else arguments.packed(layouts()[0], geometry(tile, problem))
    if len(data) != row["argument_bytes"]:
        resources.fail(f"{row['kernel']}: takes {row['argument_bytes']} bytes of arguments, not {len(data)}")
    grid = (CHANNELS // problem.groups // tile.n * problem.groups, IMAGES * WIDTH * WIDTH // tile.m, 1)
    bank = arguments.constant_bank(kernel.arch, data, grid, row["threads"])
    found = WholeTile(kernel, bank, (0, grid[1] // 2, 0), row["threads"] // 32)
    if found.unknown:
        resources.fail(f"{row['kernel']}: branches at {sorted(map(hex, found.unknown))} are undecided")
    return found


# --- cycles ---------------------------------------------------------------------------------------


def kinds_of(row, table):
    """(tile, source and shortcut or None) of a row of resources.py; None if it is no convolution's."""
    match = re.fullmatch(r"\w+_kernel<(\d+)(?:, \(SourceKind\)(\d), \(SourceKind\)(\d))?>", row["kernel"])
    if not match or row["file"].count("/") < 3 or not row["file"].startswith("kernels/convolution/"):
        return None
    kinds = (SOURCES[int(match[2])], SOURCES[int(match[3])]) if match[2] else None
    return table[int(match[1])], kinds


def name_of(row):
    """By which the planner knows the kernel: its tile's or fused tile's name."""
    tile, kinds = kinds_of(row, tiles())
    return fused_name(row["file"].split("/")[2], tile.name, *kinds) if kinds else tile.name


def cycles(row):
    """Cycles of a row of resources.py, a convolution's kernel."""
    tile, kinds = kinds_of(row, tiles())
    machine, blocks = MACHINES[DEVICES[row["sm"]]], row["blocks_per_multiprocessor"]
    tool = str(resources.TOOLKIT / "bin" / "cuobjdump")
    (kernel,) = [k for k in sass.load(row["cubin"], f"sm_{row['sm']}", tool) if k.name == row["symbol"]]

    @functools.cache
    def run(problem, count):
        return whole_tile(row, kernel, tile, problem, kinds).parts(machine, count)

    base = Problem(9, taps=9, groups=2, pooled=True) if tile.halo else Problem(4)
    long = dataclasses.replace(base, slices=2 * base.slices)
    ranges = 2 if kinds and kinds[1] != "none" else 1  # of K

    def line(count):
        def total(problem):
            return run(problem, count).total

        first = total(base)
        slice_cycles = (total(long) - first) / base.slices
        found = {"fixed": first - slice_cycles * base.slices, "slice": slice_cycles / ranges}
        if ranges == 1:
            found["residual"] = total(dataclasses.replace(base, residual=True)) - first
        if not kinds:
            found["pooled"] = abs(total(dataclasses.replace(base, pooled=not base.pooled)) - first)
        if tile.halo:
            found["fixed"] -= found["pooled"]
        elif not kinds:
            found["taps"] = total(Problem(9, taps=9)) - found["fixed"] - 9 * slice_cycles
        return Line(**found)

    parts = [(p.slices * ranges, *(run(p, n) for n in (1, blocks))) for p in (base, long)]
    return Cycles(blocks, line(1), line(blocks), tile.halo, tuple(parts))


@functools.cache
def model_digest():
    files = [*sorted((ROOT / "kernels/sass_model").glob("*.py")), pathlib.Path(__file__)]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]


def remembered(row):
    """cycles(row); kept beside the cubin, as it takes seconds, until the model changes."""
    name = hashlib.sha256(row["symbol"].encode()).hexdigest()[:16]
    file = pathlib.Path(row["cubin"]).parent / f"cycles-{model_digest()}-{name}.pickle"
    if not file.exists():
        file.write_bytes(pickle.dumps(cycles(row)))
    return pickle.loads(file.read_bytes())


def all_cycles(rows):
    """{(architecture, name): Cycles} of the convolutions on tensor cores among rows of
    resources.py, where they fit. What FMA kernels take follows from arithmetic: their main loops are long."""
    table = tiles()
    rows = [
        row for row in rows
        if kinds_of(row, table) and "tensor" in row["mix"] and row["instructions"] >= SMALLEST_KERNEL
        and row["blocks_per_multiprocessor"] > 0
    ]  # fmt: skip
    with ProcessPoolExecutor(max_workers=2) as pool:
        return {(row["sm"], name_of(row)): c for row, c in zip(rows, pool.map(remembered, rows))}
