"""Times Nestor and its peers on the CPU, on the same networks, weights and inputs. Started by
cpu_peers.sh.

Engines (peers.py) take turns, a few runs each, so that a change of the machine's load meets all of
them; figures are medians over all turns. Each is a process of its own: thread pools of different
libraries in one process would spin against one another. Each engine's logits are compared with
eager PyTorch's in float32.
"""
import argparse
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

import peers

ENGINES = {  # name: precisions
    "nestor": ("fp32", "bf16"),
    "torch": ("fp32", "bf16"),
    "torch_compile": ("fp32", "bf16"),
    "torch_max_autotune": ("fp32", "bf16"),
    "onnxruntime": ("fp32",),  # has no bfloat16 convolutions for CPUs
    "openvino": ("fp32", "bf16"),
}
PRODUCT = "nestor"


def export(network, folder):
    """Writes the weights for PyTorch, ONNX and Nestor."""
    import torch
    model = peers.make_model(network)
    peers.save_weights(model, network, folder)
    size = peers.NETWORKS[network].size
    for batch in (1, 16):
        torch.onnx.export(model, (torch.randn(batch, 3, size, size),),
                          str(folder / f"{network}_{batch}.onnx"), dynamo=True, verbose=False)


# --- the engines, each in its own process ---

def torch_runner(engine, network, batch, precision, threads, folder):
    import torch
    torch.set_num_threads(threads)
    model = peers.load_model(network, folder).to(memory_format=torch.channels_last)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    model = model.to(dtype)
    if engine != "torch":
        import torch._inductor.config
        torch._inductor.config.freezing = True
        model = torch.compile(model, mode="max-autotune" if engine.endswith("autotune") else None)

    def run(values):
        with torch.inference_mode():
            x = torch.from_numpy(values).to(dtype).contiguous(memory_format=torch.channels_last)
            return model(x).float().numpy()
    return run


def onnxruntime_runner(network, batch, threads, folder):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(folder / f"{network}_{batch}.onnx"), options,
                                           providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda values: session.run(None, {name: values})[0]


def openvino_runner(network, batch, precision, threads, folder):
    import openvino
    core = openvino.Core()
    compiled = core.compile_model(
        core.read_model(str(folder / f"{network}_{batch}.onnx")), "CPU",
        {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY",
         "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32"})
    request = compiled.create_infer_request()

    def run(values):
        return request.infer({0: values}, share_inputs=True)[0]
    return run


def serve(engine, network, batch, precision, threads, folder):
    """Pairs: milliseconds by the clock, and of the processor."""
    import numpy
    if engine.startswith("torch"):
        run = torch_runner(engine, network, batch, precision, threads, folder)
    elif engine == "onnxruntime":
        run = onnxruntime_runner(network, batch, threads, folder)
    else:
        run = openvino_runner(network, batch, precision, threads, folder)
    size = peers.NETWORKS[network].size
    shape = (batch, 3, size, size)
    last = run(numpy.zeros(shape, numpy.float32))

    def run_pairs(values, count):
        nonlocal last
        pairs = []
        for _ in range(count):
            start, start_cpu = time.perf_counter(), time.process_time()
            last = run(values)
            pairs.append((1000 * (time.perf_counter() - start),
                          1000 * (time.process_time() - start_cpu)))
        return pairs

    peers.serve(shape, run_pairs, lambda: last)


# --- the comparison ---

def start(name, network, batch, precision, options, folder):
    if name == PRODUCT:
        command = [options.bench, "--weights", folder / f"{network}.safetensors", "--device", "cpu",
                   "--batch-size", batch, "--precision", precision, "--threads", options.threads,
                   "--serve"]
    else:
        command = [sys.executable, __file__, "--serve", name, "--networks", network,
                   "--batches", batch, "--precisions", precision,
                   "--threads", options.threads, "--folder", folder]
    engine = peers.Engine(name, command, folder / f"{name}_{network}_{batch}_{precision}.log",
                          dict(os.environ, OMP_NUM_THREADS=str(options.threads)))
    engine.precision = precision
    return engine


def compare(network, batch, options, folder):
    import numpy
    size = peers.NETWORKS[network].size
    peers.write_noise(network, batch, folder / "input.bin")
    engines = []
    for precision in options.precisions:
        for name in options.engines:
            if precision not in ENGINES[name]:
                continue
            engine = start(name, network, batch, precision, options, folder)
            engine.file = folder / f"{name}_{precision}.out"
            try:  # one after the other: starting is work, too
                engine.ask(f"input {folder / 'input.bin'}")
                engine.ask("run 2")
                engine.ask(f"output {engine.file}")
                engines.append(engine)
            except peers.EngineFailed as error:
                print(error, file=sys.stderr)
    for _ in range(options.rounds):
        for engine in engines:
            time.sleep(0.05)  # the last engine's threads have stopped spinning by then
            engine.run(max(1, 8 // batch))
    reference = numpy.fromfile(next(e.file for e in engines if e.name == "torch"), numpy.float32)
    rows = []
    for engine in engines:
        logits = numpy.fromfile(engine.file, numpy.float32)
        rows.append({"network": network, "size": size, "batch": batch, "engine": engine.name,
                     "precision": engine.precision, "runs": len(engine.first),
                     "load_average": round(os.getloadavg()[0], 1),
                     "ms_per_image": statistics.median(engine.first) / batch,
                     "min_ms_per_image": min(engine.first) / batch,
                     "cpu_ms_per_image": statistics.median(engine.second) / batch,
                     "logits_difference_over_std": peers.largest_difference(logits, reference)})
        engine.close()
    for row in rows:
        print(json.dumps(row), flush=True)
    return rows


def versions():
    from importlib.metadata import version
    result = {name: version(name) for name in ("torch", "timm", "onnxruntime", "openvino")}
    result["nestor"] = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], cwd=peers.ROOT,
                                      capture_output=True, text=True).stdout.strip()
    return result


def cpu_model():
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    fields = {}
    for line in lines:
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    return f"{fields['model name']} (family {fields['cpu family']}, model {fields['model']})"


def markdown(document):
    loads = [row["load_average"] for row in document["rows"]]
    lines = ["# Nestor and its peers on a CPU", "",
             f"{document['cpu']}, {document['threads']} thread(s), {document['date']}, "
             f"load average {min(loads)} to {max(loads)}.",
             "Versions: " + ", ".join(f"{k} {v}" for k, v in document["versions"].items()) + ".",
             "", "Milliseconds an image, median (minimum), and of processor time, median; last column: "
             "the largest difference of the logits to eager PyTorch in float32, over their standard "
             "deviation. On a busy machine, processor time with one thread says most: it leaves out "
             "what other programs took.", ""]
    groups = {}
    for row in document["rows"]:
        groups.setdefault((row["network"], row["size"], row["batch"], row["precision"]), []).append(row)
    for (network, size, batch, precision), rows in groups.items():
        own = next((r for r in rows if r["engine"] == PRODUCT), None)
        peers = [r for r in rows if r["engine"] != PRODUCT]
        lines += [f"## {network}, {size} x {size}, batch {batch}, {precision}", "",
                  "| engine | ms | / Nestor | processor ms | / Nestor | logits |",
                  "|---|---|---|---|---|---|"]
        for row in sorted(rows, key=lambda r: r["ms_per_image"]):
            ratio = row["ms_per_image"] / own["ms_per_image"] if own else float("nan")
            least = row["min_ms_per_image"] / own["min_ms_per_image"] if own else float("nan")
            cpu = row["cpu_ms_per_image"] / own["cpu_ms_per_image"] if own else float("nan")
            lines.append(f"| {row['engine']} | {row['ms_per_image']:.2f} ({row['min_ms_per_image']:.2f})"
                         f" | {ratio:.2f} ({least:.2f}) | {row['cpu_ms_per_image']:.2f} | {cpu:.2f}"
                         f" | {row['logits_difference_over_std']:.1e} |")
        if own and peers:
            best = min(r["ms_per_image"] for r in peers) / own["ms_per_image"]
            least = min(r["min_ms_per_image"] for r in peers) / own["min_ms_per_image"]
            cpu = min(r["cpu_ms_per_image"] for r in peers) / own["cpu_ms_per_image"]
            lines += ["", f"The fastest peer takes {best:.2f} times as long as Nestor by medians, "
                      f"{least:.2f} by minima, {cpu:.2f} by processor time."]
        lines.append("")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", default="resnest50,resnest101")
    parser.add_argument("--batches", default="1,16")
    parser.add_argument("--precisions", default="fp32,bf16")
    parser.add_argument("--engines", default=",".join(ENGINES),
                        help="torch is always one of them: its logits are the reference")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--bench", default=str(peers.ROOT / "build/cpu/bin/nestor-bench"))
    parser.add_argument("--out", default=str(peers.ROOT / "bench/results/cpu_peers"))
    parser.add_argument("--folder", help="of weights; kept where given", type=pathlib.Path)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    for name in ("networks", "precisions", "engines"):
        setattr(options, name, getattr(options, name).split(","))
    if "torch" not in options.engines:
        options.engines.append("torch")
    batches = [int(b) for b in options.batches.split(",")]
    if options.serve:
        return serve(options.serve, options.networks[0], batches[0], options.precisions[0],
                     options.threads, options.folder)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or pathlib.Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        document = {"cpu": cpu_model(), "cores": os.cpu_count(), "threads": options.threads,
                    "kernel": platform.release(), "versions": versions(),
                    "date": datetime.date.today().isoformat(), "rows": []}
        for network in options.networks:
            if not (folder / f"{network}_16.onnx").exists():
                export(network, folder)
            for batch in batches:
                document["rows"] += compare(network, batch, options, folder)
    out = pathlib.Path(options.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.with_suffix(".json").write_text(json.dumps(document, indent=1) + "\n")
    out.with_suffix(".md").write_text(markdown(document))


if __name__ == "__main__":
    main()
