"""The parts of a session on a GPU, within a time limit, with their results as JSON and Markdown.
Started by gpu_session.sh, which says how.

A part that an earlier session did (--previous) is taken over and not repeated. Parts that the time
did not reach, or that lack something, are named with the reason; nothing is passed that did not run.
"""
import argparse
import contextlib
import csv
import datetime
import functools
import importlib.util
import io
import json
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tarfile
import threading
import time

PEERS = pathlib.Path(__file__).resolve().parent / "peers"
sys.path.insert(0, str(PEERS))
import engines  # noqa: E402
import gpu_report  # noqa: E402
import networks  # noqa: E402
import onnx_file  # noqa: E402
import turns  # noqa: E402

SOME_FAILED = 6  # the exit code of commands that did only a part
BATCHES = (1, 16)
GOLDEN = (("fp16", "resnest14"), ("fp32", "resnest14"), ("fp16", "resnest50_161x227"),
          ("fp32", "resnest50_161x227"), ("fp16", "resnest50_224x224"), ("fp16", "resnest50_fast"),
          ("fp16", "resnest101"), ("fp16", "resnet101"), ("fp16", "resnest200"),
          ("fp16", "resnest269"))
WORK_GB = 6  # the weights twice, those of the golden cases, what torch.compile keeps
ANSWER_SECONDS = 10  # an engine that has started and takes longer hangs
ROUNDS_SECONDS = 15  # what engines that start leave for their turns
NETWORKS = ("resnest50", "resnest101", "resnest200", "resnest269")
OTHERS = tuple(name for name in networks.NETWORKS if name not in NETWORKS)  # of the published table
DETECTORS = ("faster_rcnn_fpn_resnet50_v1b_coco", "faster_rcnn_fpn_syncbn_resnest50_coco")
SEGMENTERS = ("deeplab_resnet101_ade", "deeplab_resnest50_ade", "deeplab_resnest101_ade")
VENDORS = {"onnx_runtime": ("onnxruntime", "onnxscript"), "tensor_rt": ("tensorrt", "onnxscript")}
TORCH_GRAPH = ("torch_eager_nchw", "torch_eager_nhwc")
TORCH_COMPILE = ("torch_compile_nchw", "torch_compile_nhwc")
SCHEDULES = ("convolutions give the same bits in all schedules,"
             "halo tiles give the same bits in all schedules,"
             "fused convolutions give the same bits in all schedules,"
             "a convolution split in K adds its parts in order")
SANITIZED = {  # tool: kernel tests on small shapes
    "memcheck": f"{SCHEDULES},[split_attention]~[counters],[stem_convolution]~[counters],"
                "convolution_max_pool against the oracles,[pooling]",
    "racecheck": f"{SCHEDULES},[split_attention]~[counters]",
    "synccheck": f"{SCHEDULES},[split_attention]~[counters]",
}


class Skipped(Exception):
    """A part cannot run here; says why."""


class Failed(Exception):
    """A part ran, and what it shows is wrong."""


class Session:
    def __init__(self, options):
        self.options = options
        self.out = options.out
        self.logs = options.work / "logs"  # outside of `out`: a lender may return few files
        self.content = options.work / "content"
        self.weights = options.work / "weights"
        self.deadline = time.monotonic() + options.seconds
        for folder in (self.logs, self.content):
            shutil.rmtree(folder, ignore_errors=True)  # of an earlier run
        temporary = options.work / "tmp"
        os.environ["TMPDIR"] = str(temporary)  # of all that is started; /tmp may be small
        for folder in (self.out, self.logs, self.content, self.weights, temporary):
            folder.mkdir(parents=True, exist_ok=True)
        self.document = {"parts": {}, "golden": [], "tuned": [], "times": [], "compiled": [],
                         "profiles": [], "table": [], "detection": [], "segmentation": [],
                         "others": [], "vendors": []}
        if options.previous:
            self.document.update(json.loads((options.previous / "results.json").read_text()))
            tuning = options.previous / "tuning.json"
            if tuning.exists():
                shutil.copy(tuning, self.tuning)

    @property
    def tuning(self):
        return self.out / "tuning.json"

    def left(self):
        return self.deadline - time.monotonic()

    def program(self, name):
        return self.content / "bin" / name

    @functools.cached_property
    def environment(self):
        paths = [str(self.content / "lib"), os.environ.get("LD_LIBRARY_PATH", "")]
        return dict(os.environ, LD_LIBRARY_PATH=":".join(p for p in paths if p))

    def call(self, log, command, seconds, errors=None, environment=None, accepted=(0,)):
        """Runs a command within the time that is left; its output, which also goes to logs/LOG.
        What it says on standard error is part of that, or goes to logs/ERRORS."""
        limit = max(1, min(seconds, self.left()))
        with contextlib.ExitStack() as stack:
            files = [stack.enter_context(open(self.logs / name, "w+", errors="replace"))
                     for name in (log, errors) if name]
            process = subprocess.Popen([str(c) for c in command], stdout=files[0], stderr=files[-1],
                                       start_new_session=True, env=environment or self.environment)
            try:
                code = process.wait(timeout=limit)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)  # what it started, too
                process.wait()
                raise Failed(f"not done in {limit:.0f} s") from None
            for file in files:
                file.seek(0)
            texts = [file.read() for file in files]
        if code not in accepted:
            last = [line.strip() for line in "\n".join(texts).splitlines() if line.strip()][-2:]
            raise Failed(f"exit code {code}: {' / '.join(last)}")
        return texts[0]

    def report(self):
        return gpu_report.report(self.document, [name for name, _, _ in PARTS])

    def save(self):
        (self.out / "results.json").write_text(json.dumps(self.document, indent=1) + "\n")
        (self.out / "report.md").write_text(self.report())
        with tarfile.open(self.out / "logs.tar.xz", "w:xz") as archive:
            archive.add(self.logs, "logs")


class Watch:
    """What the GPU's clocks, power and temperature were while a part ran, every half second."""
    FIELDS = ("clocks.sm", "clocks.mem", "power.draw", "temperature.gpu", "utilization.gpu")

    def __enter__(self):
        self.rows, self.stop = [], threading.Event()
        self.thread = threading.Thread(target=self._sample)
        self.thread.start()
        return self

    def _sample(self):
        while not self.stop.wait(0.5):
            text = nvidia_smi(",".join(self.FIELDS))
            row = next(csv.reader(io.StringIO(text)), [])
            try:
                self.rows.append([float(value) for value in row])
            except ValueError:
                pass  # a field that this GPU does not have

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()

    def summary(self):
        return {field: {"min": min(column), "median": statistics.median(column), "max": max(column)}
                for field, column in zip(self.FIELDS, zip(*self.rows))}


def nvidia_smi(fields):
    try:
        return subprocess.run(["nvidia-smi", f"--query-gpu={fields}", "--id=0",
                               "--format=csv,noheader,nounits"], capture_output=True, text=True,
                              timeout=20).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


# --- parts: each returns what it found, or raises Skipped or Failed -------------------------------

def machine(session):
    names = ("name", "driver_version", "memory.total", "power.limit", "clocks.max.sm", "pci.bus_id",
             "memory.used", "utilization.gpu")  # the last two tell whether it is ours alone
    values = [value.strip() for value in nvidia_smi(",".join(names)).split(",")]
    if len(values) != len(names):
        raise Failed("nvidia-smi names no GPU")
    versions = {name: importlib.util.find_spec(name) is not None for name in ("torch", "timm")}
    found = dict(zip(names, values))
    found["commit"] = (session.content / "commit").read_text().strip()
    found["toolkit"] = (session.content / "toolkit").read_text().strip()
    found["date"] = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    from importlib.metadata import version
    found["peers"] = {name: version(name) for name, there in versions.items() if there}
    session.document["machine"] = found
    return found


def catch_tests(session, program, tests, seconds):
    """Runs tests of Catch2; how many passed. Some must have run."""
    text = session.call(f"{program}.log", [session.program(program), tests, "-r", "compact"], seconds)
    counts = re.search(r"Passed (?:all )?(?:both )?(\d+)? ?test cases?.*", text)
    if counts is None or "No test" in text:
        raise Failed(f"no test ran: {text.strip().splitlines()[-1:]}")
    return {"result": counts.group(0).strip()}


def golden(session):
    """Cases that passed in an earlier session are not repeated."""
    checks = session.content / "check" / "classification.py"
    if not checks.exists():
        raise Skipped("packed without golden data")
    need_modules("numpy", "safetensors", "PIL")
    passed = [row for row in session.document["golden"] if "error" not in row]
    rows = session.document["golden"] = passed.copy()
    done = {(row["precision"], row["case"]) for row in passed}
    missing = []
    for precision, case in GOLDEN:
        if (precision, case) in done:
            continue
        if session.left() < 45:
            missing.append(f"{case} {precision}")
            continue
        rows.append({"precision": precision, "case": case})
        file = session.logs / f"golden_{precision}_{case}.json"
        try:
            session.call(f"golden_{precision}_{case}.log",
                         [sys.executable, checks, "--bin", session.content / "bin", "--device", "cuda",
                          "--precision", precision, "--case", case, "--keep", session.weights,
                          "--json", file], seconds=90)
        except Failed as error:
            rows[-1]["error"] = str(error)
            continue
        rows[-1]["passed"] = sum(row["ok"] for row in json.loads(file.read_text()))
    wrong = [f"{row['case']} {row['precision']}: {row['error']}" for row in rows if "error" in row]
    if missing:
        wrong.append(f"the time ended before {', '.join(missing)}")
    if wrong:
        raise Failed("; ".join(wrong))
    return {"result": f"{len(rows)} cases"}


def find_sanitizer():
    return shutil.which("compute-sanitizer",
                        path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/cuda/bin"]))


def sanitizer(tool, session):
    path = find_sanitizer()
    if path is None:
        raise Skipped("no compute-sanitizer on this machine")
    text = session.call(f"{tool}.log", [path, "--tool", tool, "--error-exitcode", 9,
                                        session.program("nestor_device_kernel_tests"),
                                        SANITIZED[tool]], seconds=60)
    summary = [line for line in text.splitlines() if "SUMMARY" in line]
    if not summary or "passed" not in text:
        raise Failed("no summary, or no test passed")
    return {"summary": summary[-1].strip("= ")}


def make_weights(session, network):
    """For PyTorch and for Nestor."""
    ours = session.weights / f"{network}.safetensors"
    if ours.exists():
        return
    session.call(f"weights_{network}.log",
                 [sys.executable, PEERS / "networks.py", network, session.weights, "cuda"], 60,
                 environment=os.environ)
    session.call(f"convert_{network}.log",
                 [session.program("nestor-convert"), "--network", network, "--input",
                  session.weights / f"{network}.pth", "--output", ours], 60)


def weights(session):
    """Of the networks that most parts use."""
    need_modules("torch", "timm")
    for network in NETWORKS:
        make_weights(session, network)
    return {}


def tuning(session):
    """Times the variants of all networks at both batches and keeps the choices."""
    weights(session)
    done = session.document["tuned"]
    for network in NETWORKS:
        for batch in BATCHES:
            if [network, batch] in done:
                continue
            if session.left() < 10:
                raise Failed(f"the time ended before {network} at batch {batch}")
            session.call(f"tune_{network}_{batch}.log",
                         [session.program("nestor-inspect"), session.weights / f"{network}.safetensors",
                          "--tune", "--tuning", session.tuning, "--batch", batch, "--device", "cuda",
                          "--precision", "fp16"], seconds=60)
            done.append([network, batch])
    return {"result": f"{len(done)} networks and batches"}


def make_onnx(session, network, batch):
    file = onnx_file.onnx_file(network, batch, "fp16", session.weights)
    if not file.exists():
        session.call(file.with_suffix(".log").name,
                     [sys.executable, PEERS / "onnx_file.py", network, batch, "fp16", session.weights],
                     120, environment=os.environ)


def make_files(session, names, network, batch):
    """What these engines read."""
    make_weights(session, network)
    if not VENDORS.keys().isdisjoint(names):
        make_onnx(session, network, batch)


def start_engine(session, name, network, batch):
    log = session.logs / f"{name}_{network}_{batch}.log"
    if name.startswith("nestor"):
        command = [session.program("nestor-bench"), "--weights",
                   session.weights / f"{network}.safetensors", "--batch-size", batch, "--precision", "fp16",
                   "--device", "cuda", "--serve"]
        command += ["--tuning", session.tuning if name == "nestor_tuned" else "none"]
        return engines.Engine(name, command, log, session.environment)
    return engines.Engine(name, [sys.executable, PEERS / "serve.py", name, network, batch, "fp16",
                                 "cuda", 1, session.weights], log)


def time_engines(session, names, network, batch, start_seconds):
    """Rows of engines that take turns on the same input; the logits of all against the first's."""
    folder = session.options.work
    networks.write_noise(network, batch, folder / "input.bin")
    rows = {name: {"network": network, "batch": batch, "engine": name} for name in names}
    group = turns.Turns("cuda", rows, ANSWER_SECONDS)
    try:
        for name in names:
            limit = max(1, min(start_seconds, session.left() - ROUNDS_SECONDS))
            group.start(start_engine(session, name, network, batch), folder / "input.bin",
                        folder / f"{name}.out", limit)
        group.compare_logits(next(iter(group.logits.values()), None))
        with Watch() as watch:
            group.take(session.options.rounds)
        group.add_figures(batch)
    finally:
        group.close()
    return {"rows": list(rows.values()), "gpu": watch.summary()}


def compare(session, part, order, names, start_seconds, least_seconds):
    """Of the networks and batches of `order` what document[part] lacks; then, what failed before."""
    def pair_of(result):
        return result["rows"][0]["network"], result["rows"][0]["batch"]

    def errors_of(result):
        return [f"{row['engine']} {row['network']} {row['batch']}: {row['error']}"
                for row in result["rows"] if "error" in row]

    results = {pair_of(result): result for result in session.document[part]}
    failed = [pair for pair, result in results.items() if errors_of(result)]
    unreached, unmade = [], []
    for network, batch in [pair for pair in order if pair not in results] + failed:
        if session.left() < least_seconds:
            unreached.append(f"{network} at batch {batch}")
            continue
        try:
            make_files(session, names, network, batch)
        except Failed as error:
            unmade.append(f"{network} {batch}: {error}")
            continue
        results[network, batch] = time_engines(session, names, network, batch, start_seconds)
        session.document[part] = list(results.values())
        session.save()
    wrong = unmade + [error for result in results.values() for error in errors_of(result)]
    if unreached:
        wrong.append(f"the time ended before {', '.join(unreached)}")
    if wrong:
        raise Failed("; ".join(wrong))
    return {"result": f"{len(results)} comparisons"}


def ours(session):
    return ["nestor_tuned" if session.tuning.exists() else "nestor"]


def times(session):
    weights(session)
    both = ["nestor"] + (["nestor_tuned"] if session.tuning.exists() else [])
    order = [(network, batch) for network in NETWORKS for batch in BATCHES]
    return compare(session, "times", order, [*TORCH_GRAPH, *both], 60, 60)


def others(session):
    """The published table's networks of other families."""
    need_modules("torch", "timm")
    order = [(network, batch) for batch in reversed(BATCHES) for network in OTHERS]
    return compare(session, "others", order, [*TORCH_GRAPH, "nestor"], 60, 60)


def vendors(session):
    """What runs on cuDNN and TensorRT beside Nestor, as far as its wheels are there."""
    need_modules("torch", "timm")
    there = [name for name, modules in VENDORS.items() if not missing_modules(*modules)]
    if not there:
        raise Skipped("Python lacks onnxruntime and tensorrt, or onnxscript")
    order = [(network, batch) for network in (*NETWORKS, *OTHERS) for batch in BATCHES]
    return compare(session, "vendors", order, [*ours(session), *there], 300, 100)


def compiled(session):
    """torch.compile takes minutes a network: as many as the time allows, beside Nestor."""
    weights(session)
    order = [(network, batch) for batch in reversed(BATCHES) for network in NETWORKS]
    return compare(session, "compiled", order, [*ours(session), *TORCH_COMPILE], 400, 100)


def profiles(session):
    """Each step's time beside its floor."""
    weights(session)
    done = {(row["network"], row["batch"]) for row in session.document["profiles"]}
    for network in NETWORKS:
        for batch in BATCHES:
            if (network, batch) in done:
                continue
            if session.left() < 10:
                raise Failed(f"the time ended before {network} at batch {batch}")
            command = [session.program("nestor-inspect"), session.weights / f"{network}.safetensors",
                       "--profile", "--device", "cuda", "--precision", "fp16", "--batch", batch,
                       "--format", "json"]
            if session.tuning.exists():
                command += ["--tuning", session.tuning]
            log = f"profile_{network}_{batch}"
            plan = json.loads(session.call(f"{log}.json", command, 60, errors=f"{log}.log"))["plan"]
            steps = [{"name": step["name"], "variant": step["variant"],
                      "tile": step.get("gpu", step).get("tile", ""), "us": 1000 * step["ms"],
                      "floor_us": step.get("gpu", step).get("floor_us"),
                      "modelled_us": step.get("gpu", step).get("modelled_us")}
                     for step in plan["steps"]]
            session.document["profiles"].append({"network": network, "batch": batch, "steps": steps})
    return {"profiled": len(session.document["profiles"])}


def table(session):
    """The published table, with those of its networks that a GPU can run."""
    command = [session.program("nestor-bench"), "table", "--device", "cuda", "--precision", "fp16",
               "--duration", "1", "-o", "json"]
    if session.tuning.exists():
        command += ["--tuning", session.tuning]
    text = session.call("table.json", command, 120, errors="table.log", accepted=(0, SOME_FAILED))
    rows = session.document["table"] = json.loads(text)["rows"]
    return {"result": f"{sum(bool(row['times']) for row in rows)} of {len(rows)} networks"}


def bench_rows(session, part, *arguments):
    """Rows of nestor-bench; a network that cannot run is named in logs/PART.log."""
    command = [session.program("nestor-bench"), "--device", "cuda", "--precision", "fp16",
               "--duration", "1", "-o", "json", *arguments]
    if session.tuning.exists():
        command += ["--tuning", session.tuning]
    text = session.call(f"{part}.json", command, 120, errors=f"{part}.log", accepted=(0, SOME_FAILED))
    kept = ("network", "batch", "height", "width", "precision", "ms_per_image", "latency_ms",
            "floor_ms", "floor_share", "warnings")
    rows = session.document[part] = [{name: row[name] for name in kept}
                                     for row in json.loads(text)["rows"]]
    return {"result": f"{len(rows)} rows"}


def detection(session):
    """Detectors with made-up weights: all proposals are in use."""
    return bench_rows(session, "detection", "--network", ",".join(DETECTORS), "--size", "800x1216",
                      "--batch-size", "1,8")


def segmentation(session):
    return bench_rows(session, "segmentation", "--network", ",".join(SEGMENTERS),
                      "--batch-size", "1,8")


def missing_modules(*names):
    return [name for name in names if importlib.util.find_spec(name) is None]


def need_modules(*names):
    missing = missing_modules(*names)
    if missing:
        raise Skipped(f"Python lacks {', '.join(missing)}")


# name, seconds that it needs at least, what it does. In the order of worth.
PARTS = (
    ("machine", 1, machine),
    ("conformance", 5, lambda s: catch_tests(s, "nestor_device_tests", "*", 60)),
    ("kernels", 10, lambda s: catch_tests(s, "nestor_device_kernel_tests", "~[counters]", 120)),
    ("engine", 5, lambda s: catch_tests(s, "nestor_tests", "[cuda]", 120)),
    ("golden", 30, golden),
    ("memcheck", 20, functools.partial(sanitizer, "memcheck")),
    ("racecheck", 20, functools.partial(sanitizer, "racecheck")),
    ("synccheck", 20, functools.partial(sanitizer, "synccheck")),
    ("weights", 20, weights),
    ("tuning", 30, tuning),
    ("times", 60, times),
    ("table", 60, table),
    ("detection", 30, detection),
    ("segmentation", 30, segmentation),
    ("profiles", 20, profiles),
    ("others", 60, others),
    ("vendors", 100, vendors),
    ("compiled", 100, compiled),
)


# --- running --------------------------------------------------------------------------------------

def unpack(session):
    if not session.options.pack.exists():
        sys.exit(f"gpu_session: no {session.options.pack}: run bench/gpu_session.sh pack")
    with tarfile.open(session.options.pack) as archive:
        archive.extractall(session.content, filter="data")


def run(session, wanted):
    unpack(session)
    for name, seconds, part in PARTS:
        earlier = session.document["parts"].get(name)
        if name not in wanted or (earlier and earlier["status"] == "ok" and name not in ("machine",
                                                                                          "weights")):
            continue
        if session.left() < seconds:
            session.document["parts"].setdefault(name, {"status": "not reached", "seconds": 0})
            continue
        start = time.monotonic()
        try:
            result = {"status": "ok", "found": part(session)}
        except Skipped as why:
            result = {"status": "skipped", "why": str(why)}
        except Failed as why:
            result = {"status": "failed", "why": str(why)}
        except Exception as error:  # a part's own fault must not cost the others
            result = {"status": "failed", "why": f"{type(error).__name__}: {error}"}
        result["seconds"] = time.monotonic() - start
        session.document["parts"][name] = result
        session.save()
        print(f"{result['status']:8} {name:12} {result['seconds']:6.1f} s  {result.get('why', '')}",
              flush=True)
    session.save()
    print(session.report())
    print(json.dumps({name: part["status"] for name, part in session.document["parts"].items()}))
    return any(part["status"] == "failed" for part in session.document["parts"].values())


def dry_run(session, wanted):
    """Unpacks, and lets each program start without a GPU."""
    unpack(session)
    print(f"commit {(session.content / 'commit').read_text().strip()}, "
          f"{(session.content / 'toolkit').read_text().strip()}")
    missing = []
    for program in sorted((session.content / "bin").iterdir()):
        argument = "--list-tests" if program.name.endswith("_tests") else "--help"
        done = subprocess.run([program, argument], capture_output=True, text=True,
                              env=session.environment)
        lines = done.stdout.strip().splitlines()
        starts = done.returncode == 0 or (argument == "--list-tests" and "test case" in done.stdout)
        print(f"{'starts' if starts else 'FAILS ':8} {program.name:28} "
              f"{lines[-1].strip() if starts and lines else done.stderr.strip()[:80]}")
        if not starts:
            missing.append(program.name)
    for module in ("torch", "timm", "numpy", "safetensors", "PIL", "onnxruntime", "onnxscript",
                   "tensorrt"):
        print(f"{'there' if importlib.util.find_spec(module) else 'not here':8} Python module {module}")
    print(f"{'there' if (session.content / 'check').exists() else 'missing':8} golden data")
    for tool, path in (("nvidia-smi", shutil.which("nvidia-smi")),
                       ("compute-sanitizer", find_sanitizer())):
        print(f"{'there' if path else 'not here':8} {tool}")
    free = shutil.disk_usage(session.options.work).free / 1e9
    print(f"{'there' if free >= WORK_GB else 'missing':8} {free:.0f} GB for --work, "
          f"which needs {WORK_GB}")
    for name, seconds, _ in PARTS:
        state = "would run" if name in wanted else "not asked for"
        if session.document["parts"].get(name, {}).get("status") == "ok":
            state = "done before"
        print(f"{state:14} {name} (at least {seconds} s)")
    return bool(missing)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, help="folder of the results")
    parser.add_argument("--previous", type=pathlib.Path, help="results of an earlier session")
    parser.add_argument("--pack", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--work", type=pathlib.Path, default=networks.ROOT / "build/gpu_session_work",
                        help="folder of what is unpacked and made")
    parser.add_argument("--seconds", type=float, default=530, help="in which the parts must end")
    parser.add_argument("--rounds", type=int, default=9, help="turns of each engine")
    parser.add_argument("--parts", default=",".join(name for name, _, _ in PARTS))
    parser.add_argument("--dry-run", action="store_true")
    options = parser.parse_args()
    wanted = options.parts.split(",")
    unknown = set(wanted) - {name for name, _, _ in PARTS}
    if unknown:
        parser.error(f"no part is called {', '.join(sorted(unknown))}")
    options.work = options.work.resolve()
    if options.out is None:
        if not options.dry_run:
            parser.error("--out DIR is missing")
        options.out = options.work / "dry_run"
    session = Session(options)
    return (dry_run if options.dry_run else run)(session, wanted)


if __name__ == "__main__":
    sys.exit(main())
