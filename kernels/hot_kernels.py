#!/usr/bin/env python3
"""The table of the hot kernels: kernels/RESOURCES.md.

    kernels/hot_kernels.py [--arch 70,80,90a] [--update]

Compiles the hot kernels (resources.py) and the emulator's kernel tests, and prints as Markdown:
registers, spills, shared memory and occupancy from the compiler; of main loops, what the SASS model
(sass_model/) predicts; bank conflicts and sectors from the emulator. --update writes RESOURCES.md.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import resources
from resources import ROOT

MODELLED = {"70": "sm_70", "80": "sm_80", "90a": "sm_90a"}  # architectures that the model knows
SOURCES = ("none", "plain", "pool", "attention", "attention+avd")  # SourceKind
# A kernel for another architecture is a body that traps.
SMALLEST_KERNEL = 40  # instructions


def hot_files():
    """Kernel files are hot unless a line of theirs begins with `// Not hot:` and says why."""
    files = [path for path in sorted(ROOT.glob("kernels/**/*.cu")) if path.parent.name != "runtime"]
    return [path for path in files if "\n// Not hot: " not in path.read_text()]


def tile_names():
    """The rows of the table of tiles, whose numbers are template arguments of the kernels."""
    folder = ROOT / "kernels/convolution"
    table = re.search(r"kConvolutionTileTable =\s+joined\(([^)]*)\)", (folder / "tiles.h").read_text())[1]
    return [
        name for family in re.findall(r"k(\w+)Tiles", table)
        for name in re.findall(r'{"(convolution_\w+)"', (folder / family.lower() / "tiles.h").read_text())
    ]  # fmt: skip


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


def document(rows, predictions, counted):
    tiles = tile_names()
    release = re.search(
        r"V([\d.]+)", resources.run(resources.TOOLKIT / "bin" / "nvcc", "--version")
    )[1]
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
        if row["instructions"] >= SMALLEST_KERNEL
    ]  # fmt: skip
    with ThreadPoolExecutor(max_workers=2) as pool:
        predictions = list(pool.map(modelled, rows))
    result = document(rows, predictions, counters())
    if arguments.update:
        (ROOT / "kernels" / "RESOURCES.md").write_text(result)
    else:
        print(result, end="")


if __name__ == "__main__":
    main()
