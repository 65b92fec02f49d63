"""python3 -m sass_model FILE --arch sm_70 [--kernel NAME] --warps 8 --blocks-per-sm 1"""

import argparse
import json
import signal
import subprocess
import sys

from . import report, sass
from .machines import MACHINES, machine_for
from .simulation import Scenario


def pairs(text, convert=float):
    return tuple(
        (key.strip(), convert(value))
        for key, value in (item.split("=") for item in text.split(",") if item)
    )


def addresses(text):
    return tuple(int(address, 16) for address in text.split(",") if address)


def arguments():
    parser = argparse.ArgumentParser(
        prog="sass_model", description="How well a hot loop uses a GPU."
    )
    parser.add_argument("file", help="cubin, object, library, or stored output of cuobjdump -sass")
    parser.add_argument("--arch", help="sm_70, sm_80, sm_90a")
    parser.add_argument(
        "--kernel", default="", help="part of the (mangled) name; all kernels if absent"
    )
    parser.add_argument("--warps", type=int, default=8, help="per block")
    parser.add_argument("--blocks-per-sm", type=int, default=1)
    parser.add_argument("--dynamic-smem", type=int, default=0, help="bytes per block")
    parser.add_argument("--gpu", choices=sorted(MACHINES), help="default: by architecture")
    parser.add_argument(
        "--memory",
        choices=("l1_hit", "l2_hit", "dram"),
        default="l2_hit",
        help="what answers global loads",
    )
    parser.add_argument("--l1-hit", type=float, default=0.0, help="share of bytes that L1 answers")
    parser.add_argument(
        "--conflicts",
        type=pairs,
        default=(),
        metavar="LDS=2,STS=1.5",
        help="wavefronts per ideal one; SASS does not show addresses",
    )
    parser.add_argument(
        "--scheduler",
        choices=("gty", "gto", "lrr"),
        default="gty",
        help="greedy then youngest or oldest warp, or round robin",
    )
    parser.add_argument(
        "--taken",
        type=addresses,
        default=(),
        help="conditional forward branches to follow: 0x5a0,0x7f0",
    )
    parser.add_argument(
        "--trips",
        default="",
        metavar="0x7e00=2",
        help="trips of inner loops, by the address of the closing branch; else 1",
    )
    parser.add_argument(
        "--off", type=addresses, default=(), help="instructions with a false predicate"
    )
    parser.add_argument(
        "--set", type=pairs, default=(), metavar="NAME=VALUE", help="override a number"
    )
    parser.add_argument("--all-loops", action="store_true", help="not only those with the work")
    parser.add_argument("--no-listing", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--machine", action="store_true", help="print the GPU's numbers and sources"
    )
    parser.add_argument("--cuobjdump", help="else $CUOBJDUMP, $CUDA_HOME/bin or the search path")
    return parser.parse_args()


def main():
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # quiet when piped into head
    args = arguments()
    try:
        kernels = sass.load(args.file, args.arch, args.cuobjdump)
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"sass_model: {error}")
    kernels = [kernel for kernel in kernels if args.kernel in kernel.name]
    if not kernels:
        sys.exit(f"no kernel matching '{args.kernel}' for {args.arch or 'any architecture'}")
    scenario = Scenario(
        args.warps,
        args.blocks_per_sm,
        args.memory,
        args.l1_hit,
        args.conflicts,
        args.scheduler,
        args.taken,
        tuple((int(pc, 16), int(n)) for pc, n in pairs(args.trips, str)),
        args.off,
    )
    documents = []
    for kernel in kernels:
        try:
            machine = MACHINES[args.gpu] if args.gpu else machine_for(kernel.arch)
            machine = machine.override(dict(args.set))
        except KeyError as error:
            sys.exit(f"sass_model: {error.args[0]}")
        if args.machine:
            for key, number in sorted(machine.numbers.items()):
                print(f"{key:18s} {number.value:10g}  {number.status:9s}  {number.source}")
            return
        found = sass.loops(kernel)
        chosen = found if args.all_loops else sass.hot(found)
        data = report.kernel_data(kernel, chosen, machine, scenario, args.dynamic_smem)
        documents.append(data)
        if not args.json:
            print(report.text(kernel, chosen, machine, data, scenario, not args.no_listing) + "\n")
    if args.json:
        json.dump(documents, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
