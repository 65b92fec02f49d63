"""Times Nestor's DeepLabV3 beside torchvision's on the CPU, on one image of 480 x 480 pixels.

    python3 -m venv build/peers
    build/peers/bin/pip install torch torchvision onnx onnxscript onnxruntime openvino
    cmake --build --preset cpu --target nestor-bench nestor-convert nestor-inspect
    build/peers/bin/python bench/peers/segmentation.py

Every engine turns a normalised image into the classes of its pixels: torchvision's network has the
argmax behind it, and no auxiliary head. The networks differ a little (DIFFERENCES), so the figure to
compare is arithmetic over time. FLOPs are two a multiply-add of convolutions however they are computed
(Winograd's transforms need fewer), taps in the padding included: torchvision's by torch's counter,
Nestor's by the plan. Weights are made up; times do not depend on them.

Engines are processes that take turns, so that a change of the machine's load meets all of them.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time

import engines
import machine
import serve
from networks import ROOT
from turns import SETTLE_SECONDS

BIN = ROOT / "build" / "cpu" / "bin"
SIDE, NUM_CLASSES = 480, 150
NETWORK, PEER_NETWORK = "deeplab_resnet101_ade", "deeplabv3_resnet101"
MODEL = f"{NETWORK}.safetensors"
ENGINES = ("nestor", "torchvision", "torchvision_compile", "onnxruntime", "openvino")
START_SECONDS = 1800  # compiling takes minutes
DIFFERENCES = (
    "the stem is three 3x3 convolutions of 64, 64 and 128 channels instead of one 7x7 of 64, so that the first "
    "block reads twice the channels; the scores are resized with aligned corners; and the pooled branch of the "
    "pyramid is a bias of the projection, which makes its 256 channels' products at one pixel instead of all")


# --- the peers, each in a process of its own ---

def torchvision_model():
    """[n, 3, h, w] to the classes of its pixels, [n, h, w]."""
    import torch
    from torchvision.models.segmentation import deeplabv3_resnet101

    class Classes(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = deeplabv3_resnet101(weights=None, weights_backbone=None, num_classes=NUM_CLASSES,
                                               aux_loss=False)

        def forward(self, src):
            return self.network(src)["out"].argmax(1)

    torch.manual_seed(0)
    return Classes().eval().to(memory_format=torch.channels_last)


def torchvision_runner(threads, compiled):
    import torch
    import torch_compile
    torch.set_num_threads(threads)
    model = torchvision_model()
    if compiled:
        model = torch_compile.compiled(model)

    def run(values):
        with torch.inference_mode():
            return model(torch.from_numpy(values).contiguous(memory_format=torch.channels_last)).numpy()
    return run


def onnxruntime_runner(threads, file):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda values: session.run(None, {name: values})[0]


def openvino_runner(threads, file):
    import openvino
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(str(file)), "CPU", {
        "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32"})
    request = compiled.create_infer_request()
    return lambda values: request.infer({0: values}, share_inputs=True)[0]


def runner_of(engine, threads, folder):
    if engine == "onnxruntime":
        return onnxruntime_runner(threads, folder / "torchvision.onnx")
    if engine == "openvino":
        return openvino_runner(threads, folder / "torchvision.onnx")
    return torchvision_runner(threads, engine.endswith("compile"))


# --- what they run ---

def prepare_peers(folder):
    """The image, torchvision's network in ONNX, and its GFLOP."""
    import numpy
    import torch
    from torch.utils.flop_counter import FlopCounterMode
    image = numpy.random.default_rng(0).standard_normal((1, 3, SIDE, SIDE)).astype(numpy.float32)
    image.tofile(folder / "image.bin")
    model = torchvision_model()
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        model(torch.from_numpy(image))
    file = folder / "torchvision.onnx"
    if not file.exists():
        unfinished = file.with_suffix(".unfinished")
        torch.onnx.export(model, (torch.from_numpy(image),), str(unfinished), dynamo=True, verbose=False,
                          external_data=False)
        unfinished.rename(file)
    print(1e-9 * counter.get_total_flops())


def nestor_gflop(folder):
    """Of Nestor's model, which it makes."""
    model = folder / MODEL
    if not model.exists():
        call("nestor-convert", "--network", NETWORK, "--synthetic-seed", 1, "--output", model)
    plan = call("nestor-inspect", model, "--plan", "--device", "cpu", "--height", SIDE, "--width", SIDE)
    return 2 * float(re.search(r"([\d.]+) GMAC", plan)[1])


def call(name, *arguments):
    return subprocess.run([str(a) for a in (BIN / name, *arguments)], check=True,
                          stdout=subprocess.PIPE, text=True).stdout


# --- the comparison ---

def start(name, options, folder):
    command = [sys.executable, __file__, "--serve", name, "--threads", options.threads, "--folder", folder]
    if name == "nestor":
        command = [BIN / "nestor-bench", "--weights", folder / MODEL, "--size", f"{SIDE}x{SIDE}",
                   "--device", "cpu", "--threads", options.threads, "--serve"]
    return engines.Engine(name, command, folder / f"{name}.log",
                          dict(os.environ, OMP_NUM_THREADS=str(options.threads)))


def started(options, folder):
    """Those that start, one after the other: starting is work, too."""
    ready = []
    for name in options.engines:
        engine = start(name, options, folder)
        try:
            engine.ask(f"input {folder / 'image.bin'}", START_SECONDS)
            for _ in range(options.warm_up):
                engine.ask("run 1", START_SECONDS)
            ready.append(engine)
        except engines.EngineFailed as error:
            print(error, file=sys.stderr)
            engine.close()
    return ready


def row_of(engine, gflop):
    ms = statistics.median(engine.first)
    return {"engine": engine.name, "network": NETWORK if engine.name == "nestor" else PEER_NETWORK,
            "runs": len(engine.first), "ms": ms, "min_ms": min(engine.first),
            "cpu_ms": statistics.median(engine.second), "gflop": gflop, "gflop_per_s": gflop / ms * 1e3}


def measure(options, folder):
    # In a process of its own, which gives its memory back.
    words = subprocess.run([sys.executable, __file__, "--prepare", "--folder", str(folder)], check=True,
                           stdout=subprocess.PIPE, text=True).stdout.split()
    peer_gflop, own_gflop = float(words[-1]), nestor_gflop(folder)
    ready = started(options, folder)
    for _ in range(options.repeats):
        for engine in ready:
            time.sleep(SETTLE_SECONDS)
            engine.run(1)
    rows = []
    for engine in ready:
        rows.append(row_of(engine, own_gflop if engine.name == "nestor" else peer_gflop))
        engine.close()
    return rows


def markdown(document):
    rows = document["rows"]
    own = next(row for row in rows if row["engine"] == "nestor")
    lines = ["# Segmenters on a CPU", "",
             f"{document['cpu']}, {document['threads']} threads, {document['date']}, load average "
             f"{document['load_average']}, {own['runs']} runs each in turns.",
             "Versions: " + ", ".join(f"{k} {v}" for k, v in document["versions"].items()) + ".", "",
             f"One image of {SIDE} x {SIDE} pixels, float32, to the classes of its pixels, {NUM_CLASSES} of them. The "
             f"networks differ a little: Nestor runs GluonCV's `{NETWORK}`, the others torchvision's `{PEER_NETWORK}`. "
             f"In Nestor's, {document['differences']}. So compare GFLOP/s. FLOPs are two a multiply-add of "
             "convolutions, however they are computed.", "",
             "| engine | ms, median (minimum) | processor ms | GFLOP | GFLOP/s | of Nestor's |",
             "|---|---|---|---|---|---|"]
    for row in sorted(rows, key=lambda r: -r["gflop_per_s"]):
        lines.append(f"| {row['engine']} | {row['ms']:.0f} ({row['min_ms']:.0f}) | {row['cpu_ms']:.0f} | {row['gflop']:.0f} | "
                     f"{row['gflop_per_s']:.0f} | {row['gflop_per_s'] / own['gflop_per_s']:.2f} |")
    peers = [row for row in rows if row["engine"] != "nestor"]
    if peers:
        best = max(peers, key=lambda r: r["gflop_per_s"])
        lines += ["", f"Nestor does {own['gflop_per_s'] / best['gflop_per_s']:.2f} times the arithmetic a second of the "
                  f"fastest peer, {best['engine']}."]
    return "\n".join(lines) + "\n"


def write(document, out):
    out.parent.mkdir(parents=True, exist_ok=True)
    out.with_suffix(".json").write_text(json.dumps(document, indent=1) + "\n")
    out.with_suffix(".md").write_text(markdown(document))
    print(markdown(document))


def compare(options, folder):
    folder.mkdir(parents=True, exist_ok=True)
    write({"cpu": machine.cpu_name(), "cores": os.cpu_count(), "threads": options.threads,
           "kernel": platform.release(), "date": datetime.date.today().isoformat(),
           "versions": machine.versions("torch", "torchvision", "onnxruntime", "openvino"),
           "load_average": round(os.getloadavg()[0], 1), "differences": DIFFERENCES,
           "rows": measure(options, folder)}, options.out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engines", default=",".join(ENGINES), help="nestor is one of them")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--warm-up", type=int, default=3, help="runs of each engine before")
    parser.add_argument("--folder", type=pathlib.Path, help="of models, kept where given")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "bench/results/segmentation_peers")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--prepare", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.engines = options.engines.split(",")
    if options.serve:
        return serve.serve_on_cpu(runner_of(options.serve, options.threads, options.folder), (1, 3, SIDE, SIDE))
    if options.prepare:
        return prepare_peers(options.folder)
    if options.folder:
        return compare(options, options.folder)
    with tempfile.TemporaryDirectory() as temporary:
        compare(options, pathlib.Path(temporary))


if __name__ == "__main__":
    main()
