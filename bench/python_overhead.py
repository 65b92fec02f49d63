#!/usr/bin/env python3
"""What Python costs: the package beside the C++ session and beside nestor-classify, in one run.

    bench/python_overhead.py MODEL [--threads 2] [--images 500] [--rounds 31] [--timm] [--output FILE.md]

Run it by the Python of an environment that has the package; nestor-bench and nestor-classify are the package's. MODEL
is a ResNeSt-50 of nestor-convert. Takes medians of rounds in turn, prints a table, and fails if

    Model.run of a batch of 16 takes more than 1.01 times as long as nestor-bench's session;
    Model.classify of JPEGs in bytes has less than 0.95 times the images per second of nestor-classify on the same files.

--timm (torch and timm in the environment) adds timm's own pipeline on the same JPEGs, from files to answers.
"""
import argparse
import datetime
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import nestor
import nestor.commands
import numpy as np

PHOTOS = sorted((pathlib.Path(__file__).parents[1] / "apps" / "photos").glob("*.jpg"))
BATCH, WARM_UP = 16, 3
MOST_TIME, LEAST_RATE = 1.01, 0.95


class Session:
    """The C++ session of nestor-bench, which waits between rounds."""

    def __init__(self, path, threads):
        line = [os.path.join(nestor.commands.FOLDER, "nestor-bench"), "--weights", path, "--device", "cpu", "--serve",
                "--threads", str(threads), "--batch-size", str(BATCH)]
        self.process = subprocess.Popen(line, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def milliseconds(self, runs):
        self.process.stdin.write(f"run {runs}\n")
        self.process.stdin.flush()
        return [float(text) for text in self.process.stdout.readline().split()][::2]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def python_milliseconds(model, batch, runs):
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        model.run(batch)
        times.append(1000 * (time.perf_counter() - begin))
    return times


def compare_runs(model, threads, rounds):
    session = Session(model.path, threads)
    batch = np.random.default_rng(1).standard_normal((BATCH, 3, 224, 224), np.float32)
    times = {"nestor-bench's session": [], "Model.run": []}
    session.milliseconds(WARM_UP)
    python_milliseconds(model, batch, WARM_UP)
    for _ in range(rounds):
        times["nestor-bench's session"] += session.milliseconds(1)
        times["Model.run"] += python_milliseconds(model, batch, 1)
    session.close()
    return {name: statistics.median(some) for name, some in times.items()}


def command_rate(path, threads, photos):
    """As nestor-classify counts it itself, without its start."""
    line = [os.path.join(nestor.commands.FOLDER, "nestor-classify"), "--weights", path, "--device", "cpu", "--threads", str(threads), "--format", "csv", photos]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    return float(re.search(r"([\d.]+) images/s", done.stderr)[1])


def rate(work, count):
    begin = time.perf_counter()
    work()
    return count / (time.perf_counter() - begin)


def timm_pipeline(network, threads):
    """A function of paths: Pillow, timm's transform and model."""
    import timm
    import torch
    from PIL import Image
    torch.set_num_threads(threads)
    net = timm.create_model(network, pretrained=False).eval()
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(net), is_training=False)

    def classify(paths):
        with torch.inference_mode():
            for begin in range(0, len(paths), BATCH):
                images = [transform(Image.open(path).convert("RGB")) for path in paths[begin:begin + BATCH]]
                net(torch.stack(images)).softmax(1).topk(5)
    return classify


def compare_rates(model, given):
    with tempfile.TemporaryDirectory() as photos:
        for idx in range(given.images):
            shutil.copy(PHOTOS[idx % len(PHOTOS)], os.path.join(photos, f"{idx:04}.jpg"))
        paths = sorted(map(str, pathlib.Path(photos).iterdir()))
        files = [pathlib.Path(path).read_bytes() for path in paths]
        ways = {"nestor-classify": lambda: command_rate(given.model, given.threads, photos),
                "Model.classify": lambda: rate(lambda: model.classify(files), len(files))}
        if given.timm:
            pipeline = timm_pipeline("resnest50d", given.threads)
            ways["timm"] = lambda: rate(lambda: pipeline(paths), len(paths))
        rates = {name: [] for name in ways}
        for _ in range(given.rate_rounds):
            for name, measure in ways.items():
                rates[name].append(measure())
    return {name: statistics.median(some) for name, some in rates.items()}


def table(given, times, rates):
    rows = [f"| {name} | {1000 * BATCH / ms:.1f} | {ms:.2f} |" for name, ms in times.items()]
    rows += [f"| {name} | {value:.1f} | |" for name, value in rates.items()]
    return "\n".join([f"{nestor.version()['commit']}, {datetime.date.today()}, {given.threads} threads, medians of {given.rounds} and "
                      f"{given.rate_rounds} rounds in turn", "", f"| | images/s | ms per batch of {BATCH} |", "|---|---:|---:|", *rows]) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=31, help="of a batch (default: 31)")
    parser.add_argument("--rate-rounds", type=int, default=3, help="of all images (default: 3)")
    parser.add_argument("--timm", action="store_true")
    parser.add_argument("--output", help="Markdown file to write, too")
    given = parser.parse_args()
    model = nestor.load(given.model, device="cpu", threads=given.threads)
    times = compare_runs(model, given.threads, given.rounds)
    rates = compare_rates(model, given)
    time_ratio = times["Model.run"] / times["nestor-bench's session"]
    rate_ratio = rates["Model.classify"] / rates["nestor-classify"]
    text = table(given, times, rates) + f"\nrun / session {time_ratio:.4f}, classify / nestor-classify {rate_ratio:.3f}\n"
    print(text, end="")
    if given.output:
        pathlib.Path(given.output).write_text("# What Python costs (bench/python_overhead.py)\n\n" + text)
    return time_ratio > MOST_TIME or rate_ratio < LEAST_RATE


if __name__ == "__main__":
    sys.exit(main())
