"""Times Nestor and its peers on the same networks, weights and inputs. Started by run.sh.

Rows are kept as they come: a run that was stopped goes on where it was, unless Nestor, a peer or
the machine has changed since.
"""
import argparse
import datetime
import functools
import importlib.util
import json
import os
import pathlib
import platform
import subprocess
import sys

import engines
import machine
import networks
import report
import serve
import turns

PRODUCT = "nestor"
PRECISIONS = {"cpu": "fp32,bf16", "cuda": "fp16"}
# Of the logits' standard deviation, beside Nestor's in float32: unrelated networks differ by 5.
MOST_DIFFERENCE = {"fp32": 1e-2, "fp16": 0.5, "bf16": 2}
NOT_AT_16 = ("resnest269", "tf_efficientnet_b6", "tf_efficientnet_b7")
PACKAGES = ("torch", "timm", "onnxruntime", "onnxruntime-gpu", "openvino", "tensorrt")
HERE = pathlib.Path(__file__).parent


class Failed(Exception):
    pass


def call(log, *command):
    """Runs a command, whose words go to `log`."""
    with open(log, "w") as file:
        if subprocess.run([str(c) for c in command], stdout=file, stderr=file).returncode == 0:
            return
    last = log.read_text().strip().splitlines()[-1:]
    raise Failed(f"{pathlib.Path(command[0]).name} failed: {' '.join(last)}")


# --- files that engines read ---

def make_weights(network, options):
    folder = options.folder
    if not (folder / f"{network}.pth").exists():
        call(folder / f"{network}.log", sys.executable, HERE / "networks.py", network, folder)
    ours = folder / f"{network}.safetensors"
    if not ours.exists():
        call(folder / f"{network}_convert.log", options.bin / "nestor-convert", "--network", network,
             "--input", folder / f"{network}.pth", "--output", ours)


def make_onnx(network, batch, precision, options):
    from onnx_file import onnx_file
    file = onnx_file(network, batch, precision, options.folder)
    if not file.exists():
        call(file.with_suffix(".log"), sys.executable, HERE / "onnx_file.py", network, batch,
             precision, options.folder)


# --- engines ---

def start(name, network, batch, precision, options):
    folder = options.folder
    if name == PRODUCT:
        command = [options.bin / "nestor-bench", "--weights", folder / f"{network}.safetensors",
                   "--batch-size", batch, "--precision", precision, "--device", options.device,
                   "--serve"]
        if options.device == "cpu":
            command += ["--threads", options.threads]
    else:
        command = [sys.executable, HERE / "serve.py", name, network, batch, precision,
                   options.device, options.threads, folder]
    return engines.Engine(name, command, folder / f"{name}_{network}_{batch}_{precision}_engine.log",
                          dict(os.environ, OMP_NUM_THREADS=str(options.threads)))


def reference_logits(network, batch, options):
    """Nestor's in float32."""
    engine = start(PRODUCT, network, batch, "fp32", options)
    try:
        engine.ask(f"input {options.folder / 'input.bin'}")
        engine.ask("run 1")
        return turns.read_logits(engine, options.folder / "reference.out")
    finally:
        engine.close()


def names_at(precision, options):
    """Nestor, and the peers that can do it."""
    return [name for name in options.engines if name == PRODUCT or
            precision in serve.adapter_of(name).PRECISIONS.get(options.device, ())]


def compare(network, batch, precision, options):
    """A row for each engine."""
    names = names_at(precision, options)
    make_weights(network, options)
    networks.write_noise(network, batch, options.folder / "input.bin")
    reference = reference_logits(network, batch, options)
    rows = {name: {"network": network, "size": networks.NETWORKS[network].size, "batch": batch,
                   "precision": precision, "engine": name} for name in names}
    group = turns.Turns(options.device, rows)
    try:
        for name in names:  # one after the other: starting is work, too
            try:
                if name != PRODUCT and getattr(serve.adapter_of(name), "READS_ONNX", False):
                    make_onnx(network, batch, precision, options)
            except Failed as error:
                rows[name]["error"] = str(error)
                continue
            group.start(start(name, network, batch, precision, options),
                        options.folder / "input.bin", options.folder / f"{name}.out")
        group.compare_logits(reference, MOST_DIFFERENCE[precision])
        load = round(os.getloadavg()[0], 1)
        group.take(options.rounds, options.least_rounds, options.seconds)
        group.add_figures(batch)
    finally:
        group.close()
    return [row | {"load_average": load} for row in rows.values()]


# --- what was compared ---

def circumstances(options):
    """What must be the same for rows to stand in one table."""
    return {"device": options.device, "name": machine.cpu_name() if options.device == "cpu" else machine.gpu_name(),
            "cores": os.cpu_count(), "threads": options.threads, "kernel": platform.release(),
            "versions": machine.versions(*PACKAGES)}


def earlier(options, now):
    """The document to go on with: an earlier one, or a new one."""
    file = options.out.with_suffix(".json")
    if file.exists() and not options.anew:
        document = json.loads(file.read_text())
        changed = [name for name, value in now.items() if document.get(name) != value]
        if changed:
            sys.exit(f"compare.py: {file} was measured with other {', '.join(changed)}: name another "
                     "--out, or begin --anew")
        return document
    return now | {"date": datetime.date.today().isoformat(), "rows": []}


def save(document, options):
    options.out.parent.mkdir(parents=True, exist_ok=True)
    for suffix, text in ((".json", json.dumps(document, indent=1) + "\n"),
                         (".md", report.markdown(document))):
        unfinished = options.out.with_suffix(".unfinished")
        unfinished.write_text(text)
        unfinished.rename(options.out.with_suffix(suffix))


def groups(options):
    for batch in options.batches:
        for network in options.networks:
            if batch == 1 or network not in NOT_AT_16:
                for precision in options.precisions:
                    yield network, batch, precision


def run(options):
    document = earlier(options, circumstances(options))
    done = {(row["network"], row["batch"], row["precision"]) for row in document["rows"]}
    for group in groups(options):
        if group in done:
            continue
        rows = compare(*group, options)
        for row in rows:
            print(json.dumps(row), flush=True)
        document["rows"] += rows
        save(document, options)
    return any("error" in row for row in document["rows"])


# --- the command line ---

def parse():
    split = functools.partial(str.split, sep=",")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=serve.ENGINES, default="cpu")
    parser.add_argument("--networks", type=split, default=list(networks.NETWORKS))
    parser.add_argument("--batches", type=lambda text: [int(b) for b in text.split(",")], default=[1, 16],
                        help="the largest networks run at 1 only")
    parser.add_argument("--precisions", type=split)
    parser.add_argument("--engines", type=split)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15, help="turns of each engine")
    parser.add_argument("--seconds", type=float, default=120,
                        help="of turns at one network, after which --least-rounds are enough")
    parser.add_argument("--least-rounds", type=int, default=7)
    parser.add_argument("--bin", type=pathlib.Path, help="folder of Nestor's programs")
    parser.add_argument("--out", type=pathlib.Path, help="results, without .md and .json")
    parser.add_argument("--anew", action="store_true", help="forget what an earlier run measured")
    parser.add_argument("--folder", type=pathlib.Path, default=networks.ROOT / "build/peers/models",
                        help="of weights, which are kept")
    options = parser.parse_args()
    options.precisions = options.precisions or PRECISIONS[options.device].split(",")
    options.engines = options.engines or [PRODUCT, *available(options.device)]
    options.bin = options.bin or networks.ROOT / "build" / options.device / "bin"
    options.out = options.out or networks.ROOT / "bench/results" / f"{options.device}_peers"
    refuse_unknown(parser, options)
    return options


def available(device):
    """The peers whose packages are there; says which are not."""
    names = []
    for name in serve.ENGINES[device]:
        missing = [m for m in serve.adapter_of(name).MODULES if importlib.util.find_spec(m) is None]
        if missing:
            print(f"{name} is left out: Python lacks {', '.join(missing)}", file=sys.stderr)
        else:
            names.append(name)
    return names


def refuse_unknown(parser, options):
    for given, known in ((options.networks, networks.NETWORKS), (options.precisions, MOST_DIFFERENCE),
                         (options.engines, (PRODUCT, *serve.ENGINES[options.device]))):
        unknown = set(given) - set(known)
        if unknown:
            parser.error(f"{', '.join(sorted(unknown))} is none of {', '.join(known)}")


def main():
    options = parse()
    options.folder.mkdir(parents=True, exist_ok=True)
    try:
        return run(options)
    except (Failed, engines.EngineFailed) as error:
        sys.exit(f"compare.py: {error}")


if __name__ == "__main__":
    sys.exit(main())
