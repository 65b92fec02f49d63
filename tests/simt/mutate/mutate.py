"""Changes the kernels in one place at a time and shows that a test notices.

    tests/simt/mutate/run.sh [KERNEL ...] [--count 200] [--shard 1/4] [--fast-only] [--report]
                             [--update]

For each hot kernel at least --count mutants are taken, by the hash of what they change, in equal
shares of each file's; if there are fewer, all. They live in one build: an instrumented copy of
kernels/ (places.py) in build/mutate/source, where NESTOR_MUTANT chooses one. Each is run against
the kernel's tests that reach the place, the quickest first, to the first failure; a test that takes
ten times as long as usual counts as failed. Who survives in the fast build is tried in the asan and
in the race build, who is explained in equivalent.txt in the race build alone. These two run the
quickest tests that reach the place, as many as take SLOW_SECONDS together in the fast build.

What is done is kept in build/mutate/results and not done again while the kernel, its tests and the
emulator are the same. --update writes the table in RESULTS.md, and there which kernels were left
out. Survivors must be explained in equivalent.txt, or the run fails.
"""

import argparse
import collections
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import time

import places

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(ROOT / "kernels"))
import hot_kernels  # noqa: E402

WORK = ROOT / "build" / "mutate"
BUILDS = {
    "fast": [],
    "asan": ["-DNESTOR_SANITIZE=address,undefined"],
    "race": ["-DNESTOR_SIMT_RACE=ON"],
}
NO_SUCH_MUTANT = 97
# Says of a mutant nothing that the others do not say, and takes longer than all of them.
TOO_SLOW = {"convolutions of ResNeSt-50", "fused convolutions of ResNeSt-50"}
SLOW_SECONDS = 10
SEED = "nestor"

SHARED = ["kernels/device/storage.cuh", "kernels/device/vec.cuh", "kernels/device/warp.cuh"]
CHANNEL_SUMS = "kernels/device/channel_sums.cuh"
BOXES = "kernels/device/boxes.cuh"
COUNTED = "kernels/device/counted_rows.cuh"
# Instruction wrappers have tests of their own (conformance), and the host's side is not a kernel.
NOT_MUTATED = re.compile(r"kernels/(runtime/|device/(simt|mma|async_copy|launch))")


# A kernel: the files that hold it, the tags of its tests, and what the tests are told.
Kernel = collections.namedtuple("Kernel", "name files tags environment")


CONVOLUTION = [
    f"kernels/convolution/{name}" for name in
    ("convolution.cu", "*/convolution.cu", "*/halo.cu", "gemm/epilogue.cuh",
     "gemm/implicit_gemm.cuh", "gemm/halo_gemm.cuh", "gemm/fma_gemm.cuh")
] + [COUNTED]  # fmt: skip


def convolution(tiles):
    return Kernel(tiles, [*CONVOLUTION, *SHARED], "[convolution]", {"NESTOR_TEST_TILES": tiles})


KERNELS = [
    convolution("convolution_sm70"),
    convolution("convolution_sm75"),
    convolution("convolution_sm80"),
    convolution("convolution_fma"),
    Kernel("fused_convolution", ["kernels/convolution/fused_convolution.cu",
                                 "kernels/convolution/*/fused_convolution.cu",
                                 "kernels/convolution/gemm/sources.cuh", *CONVOLUTION, *SHARED],
           "[fused_convolution]", {}),
    Kernel("convolution_max_pool", ["kernels/convolution_max_pool/*.cu*", *SHARED],
           "[convolution_max_pool]", {}),
    Kernel("split_attention", ["kernels/split_attention/*.cu*", CHANNEL_SUMS, *SHARED],
           "[split_attention]", {}),
    Kernel("stem_convolution", ["kernels/stem_convolution/*.cu*", *SHARED],
           "[stem_convolution]", {}),
    Kernel("pooling", ["kernels/pooling/*.cu*", *SHARED], "[pooling]", {}),
    Kernel("depthwise_convolution", ["kernels/depthwise_convolution/*.cu*",
                                     "kernels/device/activation.cuh", *SHARED],
           "[depthwise_convolution]", {}),
    Kernel("head", ["kernels/global_average_pool/*.cu*", "kernels/dense/*.cu*",
                    "kernels/top_k/*.cu*", CHANNEL_SUMS, COUNTED, *SHARED],
           "[global_average_pool],[dense],[top_k]", {}),
    Kernel("pyramid", ["kernels/upsample_add/*.cu*", "kernels/anchor_rows/*.cu*", *SHARED],
           "[upsample_add],[anchor_rows]", {}),
    Kernel("proposals", ["kernels/proposals/*.cu*", "kernels/sort_keys/*.cu*", BOXES, *SHARED],
           "[proposals],[sort_keys]", {}),
    Kernel("roi_align", ["kernels/roi_align/*.cu*", BOXES, *SHARED], "[roi_align]", {}),
    Kernel("detections", ["kernels/detections/*.cu*", BOXES, *SHARED], "[detections]", {}),
    Kernel("segmenter", ["kernels/class_map/*.cu*", "kernels/resize_bilinear/*.cu*",
                         "kernels/image_bias/*.cu*", "kernels/device/pointwise.cuh", *SHARED],
           "[class_map],[resize_bilinear],[image_bias]", {}),
]  # fmt: skip


def fail(message):
    sys.exit(f"mutate.py: {message}")


def run(command, log):
    with open(log, "w") as out:
        if (
            subprocess.run(
                [str(part) for part in command], stdout=out, stderr=subprocess.STDOUT
            ).returncode
            != 0
        ):
            fail(f"{' '.join(map(str, command))} failed; see {log}")


# --- the instrumented copy ------------------------------------------------------------------------


def write_if_changed(path, data):
    if not path.exists() or path.read_bytes() != data:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def make_copy():
    """build/mutate/source: the repository by links, kernels/ instrumented. Returns their files."""
    source = WORK / "source"
    sources = {
        str(path.relative_to(ROOT)): path.read_bytes()
        for path in sorted(ROOT.glob("kernels/**/*"))
        if path.is_file()
    }
    mutated = {
        name: data for name, data in sources.items()
        if name.endswith((".cu", ".cuh")) and not NOT_MUTATED.match(name)
    }  # fmt: skip
    files = places.instrument(mutated)
    for name in ["mutants.h", "mutants.cu"]:
        sources[f"kernels/device/{name}"] = (HERE / name).read_bytes()
    for file in files:
        # Inlining all of it would take minutes.
        sources[file.name] = file.text.replace("__forceinline__", "inline").encode()
    for name, data in sources.items():
        write_if_changed(source / name, data)
    for path in sorted(source.glob("kernels/**/*")):
        if path.is_file() and str(path.relative_to(source)) not in sources:
            path.unlink()
    for path in ROOT.iterdir():
        if path.name not in ("kernels", "build", ".git") and not (source / path.name).exists():
            (source / path.name).symlink_to(path)
    return files


def build(name):
    folder = WORK / name
    flags = f"-w -Wno-narrowing -include {WORK}/source/kernels/device/mutants.h"
    run(
        ["cmake", "-S", WORK / "source", "-B", folder, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Mutants",
         "-DCMAKE_CXX_FLAGS_MUTANTS=-O1 -DNDEBUG", f"-DCMAKE_CXX_FLAGS={flags}",
         "-DNESTOR_SIMT=ON", "-DNESTOR_TESTS=ON", "-DNESTOR_BENCH=OFF",
         f"-DNESTOR_TOOLKIT={ROOT / 'build' / 'toolkit'}", *BUILDS[name]],
        WORK / f"configure_{name}.log",
    )  # fmt: skip
    run(["cmake", "--build", folder, "--target", "nestor_kernel_tests"], WORK / f"build_{name}.log")


# --- tests ----------------------------------------------------------------------------------------


class Tests:
    """A kernel's test cases: which places they reach, how long they take, and their verdicts."""

    def __init__(self, kernel, files):
        self.kernel = kernel
        key = hashlib.sha256(
            (digest(kernel, files) + "".join(file.text for file in files)).encode()
        ).hexdigest()
        cache = WORK / "coverage" / f"{kernel.name}-{key[:16]}.json"
        if not cache.exists():
            cache.parent.mkdir(exist_ok=True)
            cache.write_text(json.dumps(self.measured()))
        measured = json.loads(cache.read_text())
        self.reached = {name: set(reached) for name, (reached, _) in measured.items()}
        self.seconds = {name: seconds for name, (_, seconds) in measured.items()}
        self.passes = {(name, "fast") for name in measured}

    def measured(self):
        """{name: (places, seconds)} by the fast build."""
        listed = subprocess.run(
            [self.binary("fast"), "--list-test-names-only", self.kernel.tags],
            capture_output=True,
            text=True,
        )
        names = [name for name in listed.stdout.splitlines() if name and name not in TOO_SLOW]
        if not names:
            fail(f"no tests are tagged {self.kernel.tags}")
        coverage, result = WORK / f"coverage_{os.getpid()}.txt", {}
        for name in names:
            begin = time.monotonic()
            self.must_pass(name, "fast", {"NESTOR_MUTANT_COVERAGE": str(coverage)})
            result[name] = (
                [int(line) for line in coverage.read_text().split()],
                time.monotonic() - begin,
            )
        coverage.unlink()
        return result

    @staticmethod
    def binary(build_name):
        return WORK / build_name / "bin" / "nestor_kernel_tests"

    def must_pass(self, name, build_name, environment=None):
        if self.execute(name, build_name, environment or {}, None) != 0:
            fail(f"'{name}' fails without a mutant ({build_name} build)")

    def execute(self, name, build_name, environment, timeout):
        escaped = re.sub(r"([,\[\]\\])", r"\\\1", name)
        try:
            return subprocess.run(
                [self.binary(build_name), escaped, "--abort"],
                env={**os.environ, **self.kernel.environment, **environment},
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=timeout,
            ).returncode  # fmt: skip
        except subprocess.TimeoutExpired:
            return "timeout"

    def verdict(self, mutant, build_name):
        """(killed | survived | none, by which test, how)."""
        reaching = [name for name, reached in self.reached.items() if mutant.place in reached]
        environment = {"NESTOR_MUTANT": f"{mutant.place}:{mutant.alternative}"}
        patience = 10 if build_name == "fast" else 60
        spent = 0
        for name in sorted(reaching, key=self.seconds.get):
            if build_name != "fast" and spent > 0 and spent + self.seconds[name] > SLOW_SECONDS:
                break
            spent += self.seconds[name]
            status = self.execute(
                name, build_name, environment, patience * (self.seconds[name] + 0.5)
            )
            if status == NO_SUCH_MUTANT:
                return "none", name, ""
            if status != 0:
                if (name, build_name) not in self.passes:
                    self.must_pass(name, build_name)
                    self.passes.add((name, build_name))
                return (
                    "killed",
                    name,
                    "hangs" if status == "timeout" else "fails" if status > 0 else "crashes",
                )
        return "survived", "", ""


# --- mutants --------------------------------------------------------------------------------------


def in_hash_order(mutants):
    return sorted(mutants, key=lambda m: hashlib.sha256(repr((SEED, *m.key())).encode()).digest())


def of_kernel(kernel, files):
    names = {str(path.relative_to(ROOT)) for pattern in kernel.files for path in ROOT.glob(pattern)}
    return [file for file in files if file.name in names]


def populations(files, tests):
    """Per kernel the mutants that its tests reach; those that nobody reaches are the first kernel's
    that holds the file."""
    everywhere = set().union(*(set().union(*t.reached.values()) for t in tests.values()))
    result, unreached = {}, {}
    for kernel in KERNELS:
        if kernel.name not in tests:
            continue
        reached = set().union(*tests[kernel.name].reached.values())
        own = [m for file in of_kernel(kernel, files) for m in file.mutants]
        result[kernel.name] = [m for m in own if m.place in reached]
        unreached[kernel.name] = [
            m for m in own
            if m.place not in everywhere and m.file not in SHARED
            and all(m not in others for others in unreached.values())
        ]  # fmt: skip
    return result, unreached


def sample(mutants):
    """All in the order in which they are taken: files by their share, each in hash order."""
    by_file = collections.defaultdict(list)
    for mutant in in_hash_order(mutants):
        by_file[mutant.file].append(mutant)
    # The i-th of n of a file stands at (i + 1/2) / n.
    placed = [
        ((i + 0.5) / len(group), m.file, m)
        for group in by_file.values()
        for i, m in enumerate(group)
    ]
    return [m for _, _, m in sorted(placed, key=lambda item: item[:2])]


def digest(kernel, files):
    """Of what a verdict depends on."""
    tags = re.findall(r"\[\w+\]", kernel.tags)
    tests = [
        path for path in ROOT.glob("tests/kernels/*_test.cpp")
        if any(tag in path.read_text() for tag in tags)
    ]  # fmt: skip
    patterns = [*kernel.files, "kernels/device/*", "kernels/**/*.h", "tests/kernels/kernel_test.*",
                "tests/simt/emulator/*", "tests/simt/mutate/mutants.*"]  # fmt: skip
    sources = {path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file()}
    hashed = hashlib.sha256(repr(kernel).encode())
    for path in sorted({*tests, *sources}):
        hashed.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    for file in of_kernel(kernel, files):
        hashed.update(repr([mutant.key() for mutant in file.mutants]).encode())
    return hashed.hexdigest()[:16]


class Results:
    """Verdicts of a kernel, kept in a file for each shard; a line each."""

    def __init__(self, kernel, files, shard):
        folder = WORK / "results"
        folder.mkdir(parents=True, exist_ok=True)
        stem = f"{kernel.name}-{digest(kernel, files)}"
        self.path = folder / f"{stem}.{shard}.jsonl"
        self.known = {}
        for path in folder.glob(f"{stem}.*.jsonl"):
            for line in path.read_text().splitlines():
                row = json.loads(line)
                self.known[tuple(row["key"]), row["build"]] = row

    def get(self, mutant, build_name):
        return self.known.get((mutant.key(), build_name))

    def add(self, mutant, build_name, verdict):
        row = {
            "key": mutant.key(),
            "build": build_name,
            **dict(zip(("verdict", "test", "how"), verdict)),
        }
        self.known[mutant.key(), build_name] = row
        with open(self.path, "a") as out:
            out.write(json.dumps(row) + "\n")
        return row


# --- explanations ---------------------------------------------------------------------------------


def explanations():
    """equivalent.txt: paragraphs of `file:`, `line:`s each with its `change:`s, and `why:`; with
    `kernel:` where it holds for some only. {(file, line, change): (kernels or None, why)}."""
    found = {}
    path = HERE / "equivalent.txt"
    text = "\n".join(line for line in path.read_text().split("\n") if not line.startswith("#"))
    for paragraph in re.split(r"\n\s*\n", text):
        if not paragraph.strip():
            continue
        file, line, why, changes, kernels = None, None, [], [], None
        for row in paragraph.strip().split("\n"):
            match = re.match(r"(file|line|change|kernel|why):\s*(.*)", row)
            if not match:
                if not why:
                    fail(f"{path}: what is '{row}'?")
                why.append(row.strip())
            elif match[1] == "file":
                file = match[2]
            elif match[1] == "line":
                line = match[2]
            elif match[1] == "change":
                changes.append((file, line, match[2]))
            elif match[1] == "kernel":
                kernels = match[2].split()
            else:
                why.append(match[2])
        if not (file and line and changes and why):
            fail(f"{path}: a paragraph lacks file, line, change or why: {paragraph}")
        for change in changes:
            found[change] = (kernels, " ".join(why))
    return found


def explanation(mutant, kernel, explained):
    kernels, why = explained.get((mutant.file, mutant.text, mutant.says()), ([], None))
    return why if kernels is None or kernel.name in kernels else None


# --- the run --------------------------------------------------------------------------------------


def examine(kernel, files, tests, mutants, explained, arguments, builds):
    """Runs what is not known yet. Returns, of at least `count` mutants that exist, the last build's
    verdict, and whether all are known."""
    part, parts = map(int, arguments.shard.split("/"))
    results = Results(kernel, files, part)

    def ask(i, mutant, build_name):
        row = results.get(mutant, build_name)
        if row is None and not arguments.report and i % parts == part - 1:
            row = results.add(mutant, build_name, tests.verdict(mutant, build_name))
            place = f"{mutant.file}:{mutant.line}"
            print(
                f"{kernel.name} {build_name} {i}: {row['verdict']} {place} {mutant.says()}",
                flush=True,
            )
        return row

    taken = []
    for i, mutant in enumerate(mutants):
        if len(taken) >= arguments.count:
            break
        row = ask(i, mutant, "fast")
        if row is None or row["verdict"] != "none":
            taken.append((i, mutant, row))
    # Those that are explained last, and only in the race build: that they read no other memory is
    # part of the explanation.
    for build_name in builds[1:]:
        for explained_ones in (False, True):
            for place, (i, mutant, row) in enumerate(taken):
                is_explained = explanation(mutant, kernel, explained) is not None
                asked = build_name == "race" or not is_explained
                if (
                    row
                    and row["verdict"] == "survived"
                    and is_explained == explained_ones
                    and asked
                ):
                    taken[place] = (i, mutant, ask(i, mutant, build_name))
    return [(mutant, row) for _, mutant, row in taken], all(row for _, _, row in taken)


def report(kernel, population, unreached, taken, explained):
    """The kernel's row of the table, and what is not explained."""
    count = collections.Counter()
    open_ends = []

    def add_open_end(what, mutant):
        place = f"{mutant.file}:{mutant.line}: {mutant.text}"
        open_ends.append(f"{kernel.name}: {what}: {place}\n    change: {mutant.says()}")

    for mutant, row in taken:
        if row is None:
            continue
        why = explanation(mutant, kernel, explained)
        if row["verdict"] == "killed":
            count[row["build"]] += 1
            if why:
                add_open_end(f"killed by '{row['test']}', but equivalent.txt explains it", mutant)
        else:
            count["survived"] += 1
            if why:
                count["equivalent"] += 1
            else:
                add_open_end("survives", mutant)
    for mutant in unreached:
        if not explanation(mutant, kernel, explained):
            add_open_end("no test reaches", mutant)
    num_run = sum(row is not None for _, row in taken)
    verdicts = [count[name] for name in (*BUILDS, "survived", "equivalent")]
    return [kernel.name, len(population), num_run, *verdicts], open_ends


TITLES = ["kernel", "mutants", "run", "killed: fast build", "asan only", "race only", "survived",
          "of these equivalent"]  # fmt: skip


def table(rows):
    lines = [f"| {' | '.join(TITLES)} |", "|---" * len(TITLES) + "|"]
    return "\n".join(lines + [f"| {' | '.join(map(str, row))} |" for row in rows]) + "\n"


def write_results(rows, files, survivors):
    taken = {row[0] for row in rows}
    left_out = [kernel.name for kernel in KERNELS if kernel.name not in taken]
    num_constant = sum(file.num_constant for file in files)
    num_places = len({m.place for file in files for m in file.mutants})
    left_out_text = f"\nNot run: {', '.join(left_out)}.\n" if left_out else ""
    text = f"""# Mutants of the kernels

Written by `tests/simt/mutate/run.sh --update`; do not edit. "Mutants" are changes in places that
the kernel's tests reach, "run" those that were taken. Left out, of all device functions, are the
{num_constant} operators and literals in constant expressions, beside {num_places} places.

{table(rows)}{left_out_text}
## Survivors

Each with the reason why it is equivalent, from `equivalent.txt`.

"""
    for why, mutants in survivors.items():
        text += f"{why}\n\n"
        for kernels, mutant in mutants:
            names = ", ".join(kernels)
            text += f"- `{mutant.file}`: `{mutant.text}`: `{mutant.says()}` ({names})\n"
        text += "\n"
    (HERE / "RESULTS.md").write_text(text.rstrip("\n") + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "kernels", nargs="*", metavar="KERNEL", help=", ".join(k.name for k in KERNELS)
    )
    parser.add_argument("--count", type=int, default=200, help="mutants of each kernel")
    parser.add_argument(
        "--shard", default="1/1", metavar="I/N", help="every Nth mutant from the Ith on"
    )
    parser.add_argument(
        "--fast-only", action="store_true", help="leave the asan and the race build out"
    )
    parser.add_argument("--update", action="store_true", help="write RESULTS.md")
    parser.add_argument("--report", action="store_true", help="run nothing, report what is known")
    arguments = parser.parse_args()
    if arguments.update and arguments.fast_only:
        parser.error("--update wants all builds")
    unknown = set(arguments.kernels) - {kernel.name for kernel in KERNELS}
    if unknown:
        fail(
            f"no kernel {', '.join(sorted(unknown))}; "
            f"there are {', '.join(k.name for k in KERNELS)}"
        )
    known = {path for k in KERNELS for pattern in k.files for path in ROOT.glob(pattern)}
    missing = [str(path.relative_to(ROOT)) for path in hot_kernels.hot_files() if path not in known]
    if missing:
        fail(f"KERNELS has no row for {', '.join(missing)}, which hot_kernels.py calls hot")
    chosen = [k for k in KERNELS if not arguments.kernels or k.name in arguments.kernels]

    files = make_copy()
    builds = list(BUILDS)[: 1 if arguments.fast_only else None]
    for name in builds[: 1 if arguments.report else None]:
        build(name)
    # Of all that share a file: what no kernel's tests reach is a gap.
    patterns = {pattern for kernel in chosen for pattern in kernel.files} - set(SHARED)
    tests = {k.name: Tests(k, files) for k in KERNELS if patterns & set(k.files)}
    reached, unreached = populations(files, tests)
    explained = explanations()
    rows, open_ends, whole = [], [], True
    survivors = collections.defaultdict(dict)
    for kernel in chosen:
        taken, complete = examine(
            kernel,
            files,
            tests[kernel.name],
            sample(reached[kernel.name]),
            explained,
            arguments,
            builds,
        )
        whole = whole and complete
        row, ends = report(kernel, reached[kernel.name], unreached[kernel.name], taken, explained)
        rows.append(row)
        open_ends += ends
        for mutant, result in taken:
            why = explanation(mutant, kernel, explained)
            if result and result["verdict"] == "survived" and why:
                survivors[why].setdefault(mutant.key(), ([], mutant))[0].append(kernel.name)
    print(table(rows))
    for end in open_ends:
        print(end)
    current = {(m.file, m.text, m.says()) for file in files for m in file.mutants}
    for file, line, change in sorted(set(explained) - current):
        print(f"equivalent.txt explains what is no longer there: {file}: {line}: {change}")
    if not whole:
        print("not complete: other shards have mutants to run")
    elif arguments.update:
        write_results(rows, files, {why: list(found.values()) for why, found in survivors.items()})
    if open_ends:
        fail(
            f"{len(open_ends)} mutants are not explained: write a test that kills them, "
            "or say in equivalent.txt why none can"
        )
    print(
        f"{sum(row[2] - row[-2] for row in rows)} killed, {sum(row[-1] for row in rows)} equivalent"
    )


if __name__ == "__main__":
    main()
