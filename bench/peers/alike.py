"""Nestor's network beside one of a peer's library that is alike, not the same: engines that take
turns on one image, compared by arithmetic over time. For detection.py and segmentation.py.

A comparison's script runs an engine of its own with --serve ENGINE --threads N --folder FOLDER.
"""
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

import engines
import machine
from networks import ROOT
from turns import SETTLE_SECONDS

BIN = ROOT / "build" / "cpu" / "bin"
START_SECONDS = 1800  # compiling takes minutes


def call(name, *arguments):
    """What a command of Nestor's prints."""
    return subprocess.run([str(a) for a in (BIN / name, *arguments)], check=True,
                          stdout=subprocess.PIPE, text=True).stdout


def own_process(script, step, folder):
    """The words that a step of the script prints; its memory comes back when it ends."""
    return subprocess.run([sys.executable, script, step, "--folder", str(folder)], check=True,
                          stdout=subprocess.PIPE, text=True).stdout.split()


def onnxruntime_session(threads, file):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def _start(name, script, model, size, options, folder):
    command = [sys.executable, script, "--serve", name, "--threads", options.threads, "--folder", folder]
    if name == "nestor":
        command = [BIN / "nestor-bench", "--weights", model, "--size", size, "--device", "cpu",
                   "--threads", options.threads, "--serve"]
    return engines.Engine(name, command, folder / f"{name}.log",
                          dict(os.environ, OMP_NUM_THREADS=str(options.threads)))


def started(script, model, size, inputs, options, folder):
    """Engines that start, one after the other: starting is work, too. inputs: files, by engine, of
    those that take one."""
    ready = []
    for name in options.engines:
        engine = _start(name, script, model, size, options, folder)
        try:
            if name in inputs:
                engine.ask(f"input {inputs[name]}", START_SECONDS)
            for _ in range(options.warm_up):
                engine.ask("run 1", START_SECONDS)
            ready.append(engine)
        except engines.EngineFailed as error:
            print(error, file=sys.stderr)
            engine.close()
    return ready


def rows_of_turns(ready, repeats, facts):
    """A row an engine. facts: {"network", "gflop", ...} of the engine `nestor` and of the "peers"."""
    for _ in range(repeats):
        for engine in ready:
            time.sleep(SETTLE_SECONDS)
            engine.run(1)
    rows = []
    for engine in ready:
        ms = statistics.median(engine.first)
        row = {"engine": engine.name, "runs": len(engine.first), "ms": ms, "min_ms": min(engine.first),
               "cpu_ms": statistics.median(engine.second), **facts["nestor" if engine.name == "nestor" else "peers"]}
        rows.append({**row, "gflop_per_s": row["gflop"] / ms * 1e3})
        engine.close()
    return rows


def markdown(document, title, explanation, columns=()):
    """columns: (head, key) of a row's further figures."""
    rows = document["rows"]
    own = next(row for row in rows if row["engine"] == "nestor")
    heads = ["engine", "ms, median (minimum)", "processor ms", "GFLOP", *(head for head, _ in columns), "GFLOP/s", "of Nestor's"]
    lines = [f"# {title}", "",
             f"{document['cpu']}, {document['threads']} threads, {document['date']}, load average "
             f"{document['load_average']}, {own['runs']} runs each in turns.",
             "Versions: " + ", ".join(f"{k} {v}" for k, v in document["versions"].items()) + ".", "", explanation, "",
             f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for row in sorted(rows, key=lambda r: -r["gflop_per_s"]):
        cells = [row["engine"], f"{row['ms']:.0f} ({row['min_ms']:.0f})", f"{row['cpu_ms']:.0f}", f"{row['gflop']:.0f}",
                 *(str(row[key]) for _, key in columns), f"{row['gflop_per_s']:.0f}",
                 f"{row['gflop_per_s'] / own['gflop_per_s']:.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
    peers = [row for row in rows if row["engine"] != "nestor"]
    if peers:
        best = max(peers, key=lambda r: r["gflop_per_s"])
        lines += ["", f"Nestor does {own['gflop_per_s'] / best['gflop_per_s']:.2f} times the arithmetic a second of the "
                  f"fastest peer, {best['engine']}."]
    return "\n".join(lines) + "\n"


def add_options(parser, names, out):
    parser.add_argument("--engines", default=",".join(names), type=lambda text: text.split(","), help="nestor is one of them")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--warm-up", type=int, default=3, help="runs of each engine before")
    parser.add_argument("--folder", type=pathlib.Path, help="of models, kept where given")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "bench/results" / out)


def compare(options, packages, measure, report, **more):
    """Writes the rows that measure(options, folder) returns, `more` with them, and report(document)."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or pathlib.Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        document = {"cpu": machine.cpu_name(), "cores": os.cpu_count(), "threads": options.threads,
                    "kernel": platform.release(), "date": datetime.date.today().isoformat(),
                    "versions": machine.versions(*packages),
                    "load_average": round(os.getloadavg()[0], 1), **more, "rows": measure(options, folder)}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.with_suffix(".json").write_text(json.dumps(document, indent=1) + "\n")
    options.out.with_suffix(".md").write_text(report(document))
    print(report(document))
