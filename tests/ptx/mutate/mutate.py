#!/usr/bin/env python3
"""mutate.py [--sm 70,75,80] [--kernel NAME,...] [--per-kind N] [--build FOLDER] [--update]

Breaks the PTX of the hot kernels in one place at a time, as it is loaded, and says which of these
mutants the kernel tests notice on the PTX machine. Needs the preset ptx. Results are remembered
in build/ptx_mutate by what they depend on, and not computed again. --update writes RESULTS.md.
Ends with 0 only if every survivor is explained in equivalent.txt."""
import argparse
import collections
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

import places

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
MEMORY = ROOT / "build" / "ptx_mutate"
SHARED = ["a pixel that is not a number stays in its windows", "groups end anywhere in a chunk of channels"]
TILES = ["convolution tiles at their edges", "a convolution split in K adds its parts in order",
         "pooled sums are cut where images end", *SHARED]
FUSED = ["fused convolutions at their tiles' edges", "a fused convolution split in K adds its parts in order"]
HALO = ["halo tiles at their edges", "halo tiles give the same bits in all schedules",
        "a group of a convolution does not see the next one's channels", *SHARED]
FAMILIES = {  # a part of the kernels' names, and the tests that must notice
    "convolution_sm70": TILES, "convolution_sm75": TILES, "convolution_sm80": TILES,
    "halo_sm70": HALO, "halo_sm75": HALO, "halo_sm80": HALO,
    "convolution_fma": ["convolutions that tensor cores do not take", *TILES[:2], *SHARED],
    "fused_convolution": FUSED,
    "convolution_max_pool": ["convolution_max_pool at odd sizes"],
    "split_attention": ["split_attention of odd shapes", "split_attention of every network's layers",
                        "split_attention adds the slots that a convolution's tiles leave"],
    "stem_convolution": ["stem_convolution_mma against the oracle", "stem_convolution against the oracle",
                         "stem_convolution_mma of images gives the bits of their normalised planes",
                         "stem_convolution of images gives the bits of its two steps"],
    "depthwise_convolution": ["depthwise_convolution at the edges of runs, lines and chunks",
                              "depthwise_convolution of all filters, strides and paddings"],
    "roi_align": ["roi_align kernel"], "anchor_rows": ["anchor_rows kernel"], "upsample_add": ["upsample_add kernel"],
    "sort_keys": ["sort_keys kernels"],
    "proposals": ["proposals kernels", "proposals kernels: the best end anywhere in a word",
                  "proposals kernels: none, all alike, and no answer",
                  "proposals kernels: more anchors than a block looks at in turn, one without an answer",
                  "proposals kernels: boxes narrower than a pixel suppress one another",
                  "proposals kernels: what is not among the best may be infinite"],
    "detections": ["detections kernels", "detections kernels: ties, equal boxes, and no answer",
                   "detections kernels: as many candidates as there may be",
                   "detections kernels: one region of many has no answer"],
    "resize_bilinear": ["resize_bilinear kernel"], "image_bias": ["image_bias kernel"],
    "class_map": ["class_map kernel", "class_map kernel: the first of equal scores wins"],
    "conformance": ["*"],  # each instruction of kernels/device, by nestor_device_tests
    "global_average_pool": ["global_average_pool kernel"], "top_k": ["top_k kernel"], "dense": ["dense kernel"],
}
ORDER = {"barrier removed", "warp barrier removed", "fence removed"}  # may order blocks, too


def belongs(family):
    """Whether a kernel's mangled name is one of the family's."""
    def test(name):
        if family == "conformance":
            return True
        if family.startswith("convolution_sm") or family == "convolution_fma":
            return family in name and "fused" not in name and "halo" not in name
        return family in name
    return test


def run(program, tests, sm, environment):
    spec = ",".join(re.sub(r"([,\[\]\\])", r"\\\1", t) for t in tests)
    try:
        done = subprocess.run([program, "--abort", spec], env={**os.environ, "PTX_SM": sm, **environment}, capture_output=True,
                              text=True, errors="replace", timeout=600)
    except subprocess.TimeoutExpired:
        return 1, "endless"
    return done.returncode, done.stderr


def verdict(program, tests, sm, mutant):
    """How the mutant was noticed, or "survived"."""
    attempts = [{}]
    if mutant.kind in ORDER:
        attempts = [{"PTX_GLOBAL_RACE": "1"}] if mutant.kind == "fence removed" else [{}, {"PTX_GLOBAL_RACE": "1"}]
    for more in attempts:
        code, said = run(program, tests, sm, {"PTX_EDIT": mutant.edit(), **more})
        if said != "endless" and "EDITED 1 lines" not in said:
            return "not edited"
        if code != 0:
            fault = re.search(r"FAULT: (.*)", said)
            if said == "endless":
                return "endless"
            if not fault:
                return "results"
            return "race" if "a race" in fault.group(1) else "deadlock" if "all warps wait" in fault.group(1) else "fault"
    return "survived"


def coverage(program, tests, sm, file):
    """Lines of each kernel that the tests execute; remembered in the file."""
    if not file.exists():
        code, said = run(program, tests, sm, {"PTX_COVERAGE": f"{file}.new", "PTX_RACE": "0"})
        if code != 0:
            sys.exit(f"mutate.py: {tests} fail on sm_{sm} without a mutant:\n{said[-2000:]}")
        os.replace(f"{file}.new", file)
    lines = collections.defaultdict(set)
    for row in file.read_text().splitlines():
        name, ranges = row.split("\t")[0], row.split("\t")[3]
        for part in ranges.split():
            begin, _, end = part.partition("-")
            lines[name].update(range(int(begin), int(end) + 1))
    return lines


def chosen(mutants, per_kind):
    """At most `per_kind` of each kind, the same ones each time."""
    kinds = collections.defaultdict(list)
    for mutant in mutants:
        kinds[mutant.kind].append(mutant)
    for kind in sorted(kinds):
        # Names of kernels have hexadecimal digits of the build in them.
        pool = sorted(kinds[kind], key=lambda m: hashlib.sha256(
            f"{re.sub('[0-9a-f]{7,8}', '', m.kernel)} {m.index} {m.replacement}".encode()).digest())
        yield from pool[:per_kind]


def explained(family, mutant, reasons):
    for names, kinds, pattern, reason in reasons:
        if re.fullmatch(names, family) and re.fullmatch(kinds, mutant.kind) and re.search(pattern, f"{mutant.where()} in {mutant.kernel}"):
            return reason
    return None


def read_reasons():
    """equivalent.txt: a reason, and below it, indented, FAMILY | KIND | pattern of the line."""
    reasons, reason = [], ""
    for line in (HERE / "equivalent.txt").read_text().splitlines():
        if line.startswith("  "):
            reasons.append((*[part.strip() for part in line.split(" | ")], reason))
        elif line and not line.startswith("#"):
            reason = line
    return reasons


def family_results(build, sm, family, per_kind, pool):
    of = re.search(r"_sm(\d+)$", family)
    if of and of.group(1) != sm:
        return []  # there are kernels of that name, which trap
    if sm == "75" and not of:
        return []  # the others are those of sm_70 or of sm_80
    tested = "nestor_device_tests" if family == "conformance" else "nestor_device_kernel_tests"
    program = build / "bin" / tested
    texts = [t for t in places.texts_of(program) if f".target sm_{sm}\n" in t and any(belongs(family)(n) for n, _, _ in places.kernels_of(t))]
    if not texts:
        return []
    tests = FAMILIES[family]
    machine = (build / "lib/libnestor_ptx_machine.so").read_bytes()
    base = hashlib.sha256(program.read_bytes() + machine + "".join(tests).encode()).hexdigest()
    lines = coverage(program, tests, sm, MEMORY / f"{sm}_{family}_{base[:16]}.coverage")
    mutants = [m for t in texts for m in places.mutants_of(t, belongs(family), lambda k, n: n in lines[k])]
    remembered_file = MEMORY / f"{sm}_{family}_{base[:16]}.json"
    remembered = json.loads(remembered_file.read_text()) if remembered_file.exists() else {}
    if family == "conformance":
        per_kind = max(per_kind, 40)  # of each instruction; they are quick
    wanted = list(chosen(mutants, per_kind))
    open_ = [m for m in wanted if m.edit() not in remembered]
    for mutant, result in zip(open_, pool.map(lambda m: verdict(program, tests, sm, m), open_)):
        remembered[mutant.edit()] = result
        remembered_file.write_text(json.dumps(remembered))
    return [(mutant, remembered[mutant.edit()], len(mutants)) for mutant in wanted]


def table(rows):
    text = ["| kernel | architecture | places | run | results | race | deadlock | other fault | survived | explained |",
            "|---|---|---|---|---|---|---|---|---|---|"]
    for (family, sm), results in rows.items():
        count = collections.Counter(result for _, result, _, _ in results)
        other = count["fault"] + count["endless"]
        known = sum(1 for _, result, _, reason in results if result == "survived" and reason)
        text.append(f"| {family} | sm_{sm} | {results[0][2]} | {len(results)} | {count['results']} | {count['race']} | "
                    f"{count['deadlock']} | {other} | {count['survived']} | {known} |")
    return text


def by_kind(rows):
    kinds = collections.defaultdict(collections.Counter)
    for results in rows.values():
        for mutant, result, _, _ in results:
            kinds[mutant.kind]["survived" if result == "survived" else "killed"] += 1
    text = ["| broken | killed | survived |", "|---|---|---|"]
    return text + [f"| {kind} | {kinds[kind]['killed']} | {kinds[kind]['survived']} |" for kind in sorted(kinds)]


def vocabulary(rows):
    """A row for each instruction of vocabulary.txt that the conformance tests execute."""
    text = ["| instruction | function | conformance test | broken on the PTX machine: killed | in the emulator |",
            "|---|---|---|---|---|"]
    results = [(m, r) for (family, _), of in rows.items() if family == "conformance" for m, r, _, _ in of]
    for line in (HERE / "vocabulary.txt").read_text().splitlines():
        if line.startswith("#"):
            continue
        pattern, function, test, emulator = [part.strip() for part in line.split(" | ")]
        kinds = collections.defaultdict(list)
        for mutant, result in results:
            if re.match(pattern, mutant.find):
                kinds[mutant.kind].append(result != "survived")
        if kinds:
            killed = "; ".join(f"{kind}: {sum(kinds[kind])} of {len(kinds[kind])}" for kind in sorted(kinds))
            name = next(m.find.split()[0] for m, _ in results if re.match(pattern, m.find))
            text.append(f"| `{name}` | `{function}` | {test} | {killed} | {emulator} |")
    return text


def write(rows):
    text = ["# Mutants of what nvcc compiled", "",
            "Written by `tests/ptx/mutate/mutate.py --update`; do not edit. \"Places\" are changes in lines of PTX that the",
            "kernel's tests execute, \"run\" those that were taken; then how they were noticed: by wrong results, by the check",
            "for races, by a deadlock, by another fault.", "", *table(rows), "", *by_kind(rows), "",
            "## The device vocabulary", "",
            "Each inline PTX instruction of `kernels/device`, what was broken in it, and the fault of the same kind that the",
            "emulator must find (`tests/simt/faults`) or the test that compares its twin.", "", *vocabulary(rows), "",
            "## Survivors", ""]
    survivors = collections.defaultdict(list)
    for (family, sm), results in rows.items():
        for mutant, result, _, reason in results:
            if result == "survived":
                survivors[reason or "Not explained."].append(f"- {family}, sm_{sm}: {mutant.kind}: `{mutant.where()}`")
    for reason in sorted(survivors):
        text += [reason, "", *sorted(set(survivors[reason])), ""]
    (HERE / "RESULTS.md").write_text("\n".join(text).rstrip() + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sm", default="70,75,80")
    parser.add_argument("--kernel", default=",".join(FAMILIES))
    parser.add_argument("--per-kind", type=int, default=6)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/ptx")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--update", action="store_true")
    options = parser.parse_args()
    MEMORY.mkdir(parents=True, exist_ok=True)
    reasons = read_reasons()
    rows, failed = {}, 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for sm in options.sm.split(","):
            for family in options.kernel.split(","):
                results = family_results(options.build, sm, family, options.per_kind, pool)
                if not results:
                    continue
                rows[family, sm] = [(m, r, n, explained(family, m, reasons)) for m, r, n in results]
                for mutant, result, _, reason in rows[family, sm]:
                    if result == "not edited" or (result == "survived" and not reason):
                        failed += 1
                        print(f"{result}: sm_{sm} {family}: {mutant.kind}: {mutant.where()}: {mutant.edit()}", flush=True)
                killed = sum(1 for _, r, _ in results if r != "survived")
                print(f"{family}, sm_{sm}: {killed} of {len(results)} noticed", flush=True)
    if options.update:
        write(rows)
    total = sum(len(results) for results in rows.values())
    print(f"{total - failed} passed, {failed} failed")
    sys.exit(failed != 0 or total == 0)


if __name__ == "__main__":
    main()
