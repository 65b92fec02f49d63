#!/usr/bin/env python3
"""What the kernels need of a GPU, from the compiler alone.

    kernels/resources.py [--arch 70,90a] [--all] [--json] [--fail-on-spills] [FILE.cu ...]

Compiles kernel files (all below kernels/ unless some are named) with the toolkit of
kernels/install_toolkit.sh and prints, per kernel and architecture: registers, shared memory,
spilled bytes, blocks and warps that a multiprocessor holds, and the mix of machine instructions.
--all takes every architecture that Nestor supports. Compiled files are kept in build/resources and
compiled again only when they or a header changed.
"""

import argparse
import collections
import hashlib
import json
import pathlib
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOOLKIT = ROOT / "build" / "toolkit"
CACHE = ROOT / "build" / "resources"
DEFAULT_ARCHITECTURES = ["70", "90a"]
ALL_ARCHITECTURES = ["70", "75", "80", "86", "89", "90a"]

# CUDA C++ Programming Guide, "Technical Specifications per Compute Capability": per multiprocessor
# warps, blocks and KiB of shared memory; KiB that a block may have; bytes the system keeps of it for
# each block; the unit in which it is given.
Limits = collections.namedtuple("Limits", "warps blocks shared_kib block_kib system unit")
LIMITS = {
    "70": Limits(64, 32, 96, 96, 0, 256),
    "75": Limits(32, 16, 64, 64, 0, 256),
    "80": Limits(64, 32, 164, 163, 1024, 128),
    "86": Limits(48, 16, 100, 99, 1024, 128),
    "89": Limits(48, 24, 100, 99, 1024, 128),
    "90a": Limits(64, 32, 228, 227, 1024, 128),
}
REGISTERS = 65536  # of a multiprocessor, in units of 256 for a warp

# Machine instructions by what they are for; the first that fits counts.
GROUPS = [
    ("tensor", r"HMMA|HGMMA|IMMA|BMMA"),
    ("fp32", r"FFMA|FADD|FMUL|FMNMX|FSET|FSEL|FCHK|FSETP"),
    ("fp16", r"HFMA2|HADD2|HMUL2|HSET2|HMNMX2"),
    ("lds", r"LDS|LDSM"),
    ("sts", r"STS"),
    ("ldg", r"LDG|LD"),
    ("stg", r"STG|ST"),
    ("async", r"LDGSTS|LDGDEPBAR|DEPBAR|UTMALDG"),
    ("local", r"LDL|STL"),
    ("atomic", r"ATOM|ATOMG|ATOMS|RED|REDG"),
    ("shuffle", r"SHFL|VOTE|VOTEU|MATCH"),
    ("barrier", r"BAR|WARPSYNC|MEMBAR|SYNCS|ERRBAR"),
    ("special", r"MUFU"),
    ("convert", r"F2F|F2I|I2F|F2FP|I2I|I2FP"),
    ("branch", r"BRA|BRX|BSSY|BSYNC|EXIT|CALL|RET|BREAK|JMP"),
    ("nop", r"NOP"),
]
GROUP_PATTERNS = [(name, re.compile(rf"(?:{pattern})$")) for name, pattern in GROUPS]


def fail(message):
    sys.exit(f"resources.py: {message}")


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        fail(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def headers_digest():
    digest = hashlib.sha256()
    for path in sorted([*ROOT.glob("kernels/**/*.cuh"), *ROOT.glob("kernels/**/*.h")]):
        digest.update(path.read_bytes())
    digest.update((TOOLKIT / "complete").read_bytes())
    return digest.hexdigest()


def compile_file(source, architecture, headers):
    """Returns the folder with the file's cubin, PTX and what ptxas said."""
    digest = hashlib.sha256((headers + architecture).encode() + source.read_bytes()).hexdigest()
    folder = CACHE / f"{source.stem}-{architecture}-{digest[:16]}"
    if (folder / "ptxas.log").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    log = run(
        TOOLKIT / "bin" / "nvcc", "-std=c++17", "-O3", "-DNDEBUG", "-DNESTOR_SIMT=0", f"-I{ROOT}",
        f"-arch=sm_{architecture}", "-Xptxas=-v", "--keep", f"--keep-dir={folder}", "-cubin",
        "-o", folder / "kernel.cubin", source,
    )  # fmt: skip
    for intermediate in folder.iterdir():
        if intermediate.suffix not in (".ptx", ".cubin") or intermediate.name == f"{source.stem}.cubin":
            intermediate.unlink()
    (folder / "ptxas.log").write_text(log)
    return folder


def demangle(names):
    output = run(TOOLKIT / "bin" / "cu++filt", *names) if names else ""
    return dict(zip(names, output.splitlines()))


def short_name(demangled):
    """`void nestor::(anonymous namespace)::conv_kernel<Tile<128>>(Args)` -> `conv_kernel<Tile<128>>`"""
    name = re.sub(r"\(anonymous namespace\)::|<unnamed>::|nestor::|test::|^void |\((int|bool)\)", "", demangled)
    depth = 0
    for place, letter in enumerate(name):
        depth += {"<": 1, ">": -1}.get(letter, 0)
        if letter == "(" and depth == 0:
            return name[:place]
    return name


def from_ptx(text):
    """Per kernel: threads of a block (from __launch_bounds__) and bytes of dynamic shared memory."""
    found = {}
    for entry in re.split(r"\.entry\s+", text)[1:]:
        name = re.match(r"[\w$]+", entry)[0]
        threads = re.search(r"\.maxntid\s+(\d+)", entry)
        smem = [int(size) for size in re.findall(r"// block_smem (\d+)", entry)]
        found[name] = (int(threads[1]) if threads else None, max(smem, default=0))
    return found


def argument_bytes(text):
    """Per kernel with one argument: its size."""
    return {name: int(size) for name, size in re.findall(r"\.param [^\n]*?\s([\w$]+)_param_0\[(\d+)\]\n", text)}


def from_ptxas(text):
    """Per kernel: registers, spilled bytes, static shared memory."""
    found = {}
    for part in re.split(r"Compiling entry function '", text)[1:]:
        name = part[: part.index("'")]
        stores, loads = re.search(r"(\d+) bytes spill stores, (\d+) bytes spill loads", part).groups()
        registers = int(re.search(r"Used (\d+) registers", part)[1])
        smem = re.search(r"(\d+) bytes smem", part)
        found[name] = (registers, int(stores) + int(loads), int(smem[1]) if smem else 0)
    return found


def instruction_mix(sass):
    """Per kernel: how many instructions of each group, and of each tensor opcode."""
    found = {}
    for part in re.split(r"Function : ", sass)[1:]:
        name = part.split()[0]
        mix = collections.Counter()
        for opcode in re.findall(r"^\s+/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+ )?([A-Z][A-Z0-9_.]+)", part, re.M):
            base = opcode.split(".")[0]
            group = next((name for name, pattern in GROUP_PATTERNS if pattern.match(base)), "other")
            mix[group] += 1
        mix.pop("nop", None)  # the padding behind a kernel
        found[name] = dict(mix)
    return found


def blocks_that_fit(architecture, threads, registers, shared_bytes):
    limits = LIMITS[architecture]
    warps = -(-threads // 32)
    registers_per_warp = -(-registers * 32 // 256) * 256
    # Each of four schedulers has its own registers: warps are dealt out to them.
    by_registers = REGISTERS // 4 // registers_per_warp * 4 // warps
    unit = limits.unit
    shared = -(-(shared_bytes + limits.system) // unit) * unit
    by_shared = limits.shared_kib * 1024 // shared if shared else limits.blocks
    return min(limits.blocks, limits.warps // warps, by_registers, by_shared)


def describe(source, architecture, folder):
    ptx_text = (folder / f"{source.stem}.ptx").read_text()
    ptx, sizes = from_ptx(ptx_text), argument_bytes(ptx_text)
    ptxas = from_ptxas((folder / "ptxas.log").read_text())
    mixes = instruction_mix(run(TOOLKIT / "bin" / "cuobjdump", "-sass", folder / "kernel.cubin"))
    names = demangle(list(ptxas))
    rows = []
    for name, (registers, spilled, static_smem) in ptxas.items():
        threads, dynamic_smem = ptx[name]
        if threads is None:
            fail(f"{source}: {names[name]} has no __launch_bounds__")
        smem = static_smem + dynamic_smem
        blocks = blocks_that_fit(architecture, threads, registers, smem)
        rows.append({
            "file": str(source.relative_to(ROOT)) if source.is_relative_to(ROOT) else str(source),
            "kernel": short_name(names[name]),
            "symbol": name,
            "cubin": str(folder / "kernel.cubin"),
            "sm": architecture,
            "threads": threads,
            "argument_bytes": sizes.get(name),
            "registers": registers,
            "shared_bytes": smem,
            "spilled_bytes": spilled,
            "blocks_per_multiprocessor": blocks,
            "warps_per_multiprocessor": blocks * -(-threads // 32),
            "max_warps": LIMITS[architecture].warps,
            "instructions": sum(mixes[name].values()),
            "mix": mixes[name],
        })  # fmt: skip
    return rows


def describe_all(files, architectures):
    """A row per kernel and architecture, in the order of the files; compiles what is not compiled."""
    for architecture in architectures:
        if architecture not in LIMITS:
            fail(f"unknown architecture {architecture}; there are {', '.join(LIMITS)}")
    if not (TOOLKIT / "complete").exists():
        fail("no toolkit in build/toolkit: run kernels/install_toolkit.sh")
    headers = headers_digest()
    tasks = [(source, architecture) for source in files for architecture in architectures]
    with ThreadPoolExecutor(max_workers=2) as pool:
        compiled = list(pool.map(lambda task: compile_file(*task, headers), tasks))
    return [row for task, folder in zip(tasks, compiled) for row in describe(*task, folder)]


def print_table(rows):
    print("| kernel | sm | threads | registers | shared | spilled | blocks | warps | SASS | mix |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        mix = sorted(row["mix"].items(), key=lambda item: -item[1])
        print(
            f"| {row['kernel']} | {row['sm']} | {row['threads']} | {row['registers']} "
            f"| {row['shared_bytes']} | {row['spilled_bytes']} | {row['blocks_per_multiprocessor']} "
            f"| {row['warps_per_multiprocessor']} of {row['max_warps']} | {row['instructions']} "
            f"| {' '.join(f'{count} {name}' for name, count in mix)} |"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=pathlib.Path, metavar="FILE.cu")
    parser.add_argument("--arch", default=",".join(DEFAULT_ARCHITECTURES), metavar="70,90a")
    parser.add_argument("--all", action="store_true", help="every architecture")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--fail-on-spills", action="store_true")
    arguments = parser.parse_args()

    architectures = ALL_ARCHITECTURES if arguments.all else arguments.arch.split(",")
    files = [path.resolve() for path in arguments.files] or [
        path for path in sorted(ROOT.glob("kernels/**/*.cu")) if path.parent.name != "runtime"
    ]
    rows = describe_all(files, architectures)
    if arguments.json:
        print(json.dumps(rows, indent=1))
    else:
        print_table(rows)
    spilling = [f"{row['kernel']} (sm_{row['sm']})" for row in rows if row["spilled_bytes"]]
    if arguments.fail_on_spills and spilling:
        fail(f"registers spill in {', '.join(spilling)}")


if __name__ == "__main__":
    main()
