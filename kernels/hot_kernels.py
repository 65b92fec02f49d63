#!/usr/bin/env python3
"""The table of the hot kernels: kernels/RESOURCES.md.

    kernels/hot_kernels.py [--arch 70,80,90a] [--update]

Compiles the hot kernels (resources.py) and the emulator's kernel tests, and prints as Markdown:
registers, spills, shared memory and occupancy from the compiler; of main loops, what the SASS model
(sass_model/) predicts; of convolutions' whole tiles too (tile_cycles.py); bank conflicts and sectors
from the emulator. --update writes RESOURCES.md, and of all architectures the table of tiles' cycles
that the planner reads.
"""

import argparse
import datetime
import json
import pathlib
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import resources
import tile_cycles
from resources import ROOT

MODELLED = {"70": "sm_70", "80": "sm_80", "90a": "sm_90a"}  # architectures that the model knows
SOURCES = tile_cycles.SOURCES
CYCLES_TABLE = ROOT / "engine/backends/cuda/tile_cycles.cpp"
# K of ResNeSt's layers in slices: of 3x3 in two groups, and of 1x1.
HALO_SLICES, PLAIN_SLICES = (9, 18, 36, 72), (2, 8, 32, 64)


def hot_files():
    """Kernel files are hot unless a line of theirs begins with `// Not hot:` and says why."""
    files = [path for path in sorted(ROOT.glob("kernels/**/*.cu")) if path.parent.name != "runtime"]
    return [path for path in files if "\n// Not hot: " not in path.read_text()]


def name_of(row, tiles):
    """convolution_sm70_kernel<3> is known by its tile; others as they are, without _kernel."""
    match = re.fullmatch(r"(\w+)_kernel<(\d+)(?:, (.*))?>", row["kernel"])
    if not match or not row["file"].startswith("kernels/convolution/"):
        return row["kernel"].replace("_kernel", "")
    tile = tiles[int(match[2])]
    rest = match[3] and re.sub(r"\(SourceKind\)(\d)", lambda m: SOURCES[int(m[1])], match[3])
    return " ".join(
        filter(None, [tile if tile.startswith(match[1]) else f"{match[1]} {tile}", rest])
    )


def modelled(row):
    """(share of the tensor pipe or of the fp32 peak, limiter) of the main loop; None where there is
    no such loop or no model of the architecture."""
    if row["sm"] not in MODELLED or "convolution" not in row["kernel"]:
        return None
    command = [
        sys.executable, "-m", "sass_model", row["cubin"], "--arch", MODELLED[row["sm"]],
        "--kernel", row["symbol"], "--warps", str(row["threads"] // 32),
        "--blocks-per-sm", str(row["blocks_per_multiprocessor"]),
        "--dynamic-smem", str(row["shared_bytes"]),
        "--cuobjdump", str(resources.TOOLKIT / "bin" / "cuobjdump"), "--json",
    ]  # fmt: skip
    done = subprocess.run(command, check=False, cwd=ROOT / "kernels", capture_output=True, text=True)
    if done.returncode != 0:
        resources.fail(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    loops = [loop for kernel in json.loads(done.stdout) for loop in kernel["loops"]]
    # The loop with the most work; of some kernels none is worth the name.
    loop = max(loops, key=lambda loop: loop["instructions"] * (loop["tflops"] or 0), default=None)
    if loop is None or not loop["tflops"]:
        return None
    return loop["tensor_busy"] or loop["peak_share"], loop["limiter"]


def counters():
    """The emulator's table, as the kernel tests print it."""
    resources.run("cmake", "-S", ROOT, "--preset", "simt", "-DNESTOR_TESTS=ON")
    resources.run("cmake", "--build", ROOT / "build/simt", "--target", "nestor_kernel_tests")
    output = resources.run(ROOT / "build/simt/bin/nestor_kernel_tests", "[.table]")
    return [line for line in output.splitlines() if line.startswith("|")]


def toolkit_release():
    return re.search(r"V([\d.]+)", resources.run(resources.TOOLKIT / "bin" / "nvcc", "--version"))[1]


def parts_text(parts):
    return " + ".join(f"{cycles / 1000:.1f}" for cycles in (parts.prologue, parts.main, parts.epilogue))


def whole_tile_lines(cycles):
    """The section about whole tiles, of {(architecture, name): tile_cycles.Cycles}."""
    lines = [
        "## Whole tiles",
        "",
        "Cycles in thousands of prologue, main loop and epilogue, by the same model (`sass_model/whole_tile.py`):",
        "of a block alone, and of all resident blocks, in whose time all of them advance one tile. `slices` of",
        "32 channels (a shortcut's are counted too); 28x28 pixels, ReLU, halo tiles with pooled sums, others without.",
        "`tensor`: the share of a whole tile in which the tensor pipe works, all blocks resident, at K of 9, 18,",
        "36 and 72 slices (halo: 3x3 in two groups, stages 1 to 4) or 2, 8, 32 and 64 (1x1).",
        "",
        "| kernel | sm | blocks | slices | one block alone | all blocks | together | tensor at the layers' K |",
        "|---" * 8 + "|",
    ]
    for (arch, name), found in cycles.items():
        slices, alone, full = found.parts[0]
        shares = (found.tensor_share(n) for n in (HALO_SLICES if found.halo else PLAIN_SLICES))
        lines.append(
            f"| {name} | {arch} | {found.blocks} | {slices} | {parts_text(alone)} | {parts_text(full)} "
            f"| {full.total / 1000:.1f} | {', '.join(f'{100 * share:.0f}' for share in shares)} % |"
        )
    return [*lines, ""]


def line_source(line):
    numbers = (line.fixed, line.slice, line.residual, line.pooled, line.taps)
    return "{" + ", ".join(f"{number:5.0f}" for number in numbers) + "}"


def cycles_source(cycles, origin):
    """The planner's table, of {(architecture, name): tile_cycles.Cycles}; `origin`: toolkit and date."""
    rows = [
        f"      {{{json.dumps(f'sm_{arch}') + ',':9} {json.dumps(name) + ',':42} {found.blocks}, "
        f"{line_source(found.alone)}, {line_source(found.full)}}},"
        for (arch, name), found in cycles.items()
    ]
    return "\n".join([
        '#include "engine/backends/cuda/tile_cycles.h"',
        "",
        "#include <algorithm>",
        "",
        "namespace nestor {",
        "",
        "// Estimates, written by `kernels/hot_kernels.py --update` from the SASS of the kernels",
        f"// (kernels/tile_cycles.py); {origin}. Measured rows may replace them, in cycles of the",
        "// clock that device_spec.cpp has.",
        "std::span<const TileCycles> tile_cycles() {",
        "  // clang-format off",
        "  static constexpr TileCycles kCycles[] = {",
        "      // architecture, kernel, resident blocks; alone and full {fixed, slice, residual, pooled, taps}",
        *rows,
        "  };",
        "  // clang-format on",
        "  return kCycles;",
        "}",
        "",
        "const TileCycles* find_tile_cycles(std::string_view arch, std::string_view kernel) {",
        "  const auto row = std::ranges::find_if(tile_cycles(), [&](const TileCycles& cycles) {",
        "    return cycles.arch == arch && cycles.kernel == kernel;",
        "  });",
        "  return row == tile_cycles().end() ? nullptr : &*row;",
        "}",
        "",
        "}  // namespace nestor",
        "",
    ])  # fmt: skip


def convolution_cycles():
    """tile_cycles.py of the convolutions' kernels for all architectures."""
    files = [path for path in hot_files() if path.parent.parent.name == "convolution"]
    return tile_cycles.all_cycles(resources.describe_all(files, resources.ALL_ARCHITECTURES))


def document(rows, predictions, cycles, counted):
    tiles = [tile.name for tile in tile_cycles.tiles()]
    release = toolkit_release()
    lines = [
        "# The hot kernels in figures",
        "",
        f"Written by `kernels/hot_kernels.py --update`; do not edit. nvcc {release}. Nothing here",
        "was measured on a GPU.",
        "",
        "## Registers, shared memory, occupancy, main loop",
        "",
        "`busy` is how much of the time the tensor pipe works in the main loop (of FMA kernels:",
        "the share of the fp32 peak), with the blocks that fit, by the SASS model of `sass_model/`.",
        "It takes a trip for one in which all branches are taken: halo tiles, which bring a patch once",
        "in nine trips, and FMA kernels that pool are better than it says. Kernel files have figures",
        "without that.",
        "",
        "| kernel | sm | threads | registers | spilled bytes | shared bytes | blocks | warps "
        "| busy | limiter |",
        "|---" * 10 + "|",
    ]
    for row, prediction in zip(rows, predictions):
        busy, limiter = (f"{100 * prediction[0]:.0f} %", prediction[1]) if prediction else ("", "")
        lines.append(
            f"| {name_of(row, tiles)} | {row['sm']} | {row['threads']} | {row['registers']} "
            f"| {row['spilled_bytes']} | {row['shared_bytes']} "
            f"| {row['blocks_per_multiprocessor']} "
            f"| {row['warps_per_multiprocessor']} of {row['max_warps']} | {busy} | {limiter} |"
        )
    lines += [
        "",
        *whole_tile_lines({key: found for key, found in cycles.items() if key[0] in {row["sm"] for row in rows}}),
        "## Bank conflicts and sectors",
        "",
        "Of wide loads and stores, ldmatrix and async copies, counted by the emulator",
        "(`nestor_kernel_tests '[.table]'`). Goal: no conflicts.",
        "",
        *counted,
    ]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arch", default="70,80,90a", metavar="70,80,90a")
    parser.add_argument("--update", action="store_true", help="write kernels/RESOURCES.md")
    arguments = parser.parse_args()
    rows = [
        row for row in resources.describe_all(hot_files(), arguments.arch.split(","))
        if row["instructions"] >= tile_cycles.SMALLEST_KERNEL
    ]  # fmt: skip
    with ThreadPoolExecutor(max_workers=2) as pool:
        predictions = list(pool.map(modelled, rows))
    cycles = convolution_cycles()
    result = document(rows, predictions, cycles, counters())
    if arguments.update:
        CYCLES_TABLE.write_text(cycles_source(cycles, f"nvcc {toolkit_release()}, {datetime.date.today()}"))
        (ROOT / "kernels" / "RESOURCES.md").write_text(result)
    else:
        print(result, end="")


if __name__ == "__main__":
    main()
