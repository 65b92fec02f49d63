#!/usr/bin/env python3
"""What Python costs: the package beside the C++ session and beside nestor-classify, in one run.

    bench/python_overhead.py MODEL [--bin build/cpu/bin] [--threads 2] [--images 500] [--rounds 9] [--timm]

Run it by the Python of an environment that has the package. MODEL is a ResNeSt-50 of nestor-convert. Prints medians,
taken in turn, and

    run / session     Model.run of a batch of 16 over nestor_models_bench's session: at most 1.01
    classify ratio    images per second of Model.classify on JPEGs in bytes over those of nestor-classify on the same
                      files: at least 0.95

--timm (torch and timm in the environment) adds timm's own pipeline on the same JPEGs, from files to answers.
"""
import argparse
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import tempfile
import time

import nestor
import numpy as np

PHOTOS = sorted((pathlib.Path(__file__).parents[1] / "apps" / "photos").glob("*.jpg"))
BATCH, WARM_UP = 16, 3


class Session:
    """The C++ session of nestor_models_bench, which waits between rounds."""

    def __init__(self, folder, threads):
        line = [os.path.join(folder, "nestor_models_bench"), "--serve", "--threads", str(threads), "--batch", str(BATCH)]
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


def compare_runs(model, folder, threads, rounds):
    session = Session(folder, threads)
    batch = np.random.default_rng(1).standard_normal((BATCH, 3, 224, 224), np.float32)
    times = {"session": [], "run": []}
    session.milliseconds(WARM_UP)
    python_milliseconds(model, batch, WARM_UP)
    for _ in range(rounds):
        times["session"] += session.milliseconds(1)
        times["run"] += python_milliseconds(model, batch, 1)
    session.close()
    return {name: statistics.median(some) for name, some in times.items()}


def command_rate(folder, path, threads, photos):
    """As nestor-classify counts it itself, without its start."""
    line = [os.path.join(folder, "nestor-classify"), "--weights", path, "--threads", str(threads), "--format", "csv", photos]
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


def compare_rates(model, given, folder):
    with tempfile.TemporaryDirectory() as photos:
        for idx in range(given.images):
            shutil.copy(PHOTOS[idx % len(PHOTOS)], os.path.join(photos, f"{idx:04}.jpg"))
        paths = sorted(map(str, pathlib.Path(photos).iterdir()))
        files = [pathlib.Path(path).read_bytes() for path in paths]
        ways = {"nestor-classify": lambda: command_rate(folder, given.model, given.threads, photos),
                "Model.classify": lambda: rate(lambda: model.classify(files), len(files))}
        if given.timm:
            pipeline = timm_pipeline("resnest50d", given.threads)
            ways["timm"] = lambda: rate(lambda: pipeline(paths), len(paths))
        rates = {name: [] for name in ways}
        for _ in range(3):
            for name, measure in ways.items():
                rates[name].append(measure())
    return {name: statistics.median(some) for name, some in rates.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--bin", default="build/cpu/bin")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--timm", action="store_true")
    given = parser.parse_args()
    model = nestor.load(given.model, device="cpu", threads=given.threads)
    times = compare_runs(model, given.bin, given.threads, given.rounds)
    print(f"batch of {BATCH}: session {times['session']:.2f} ms, run {times['run']:.2f} ms, "
          f"run / session {times['run'] / times['session']:.4f}")
    rates = compare_rates(model, given, given.bin)
    print(", ".join(f"{name} {value:.1f} images/s" for name, value in rates.items()))
    print(f"classify ratio {rates['Model.classify'] / rates['nestor-classify']:.3f}")


if __name__ == "__main__":
    main()
