#!/usr/bin/env python3
"""A local Ray cluster beside one process with the same cores, on the same JPEGs, in turn in one run.

    bench/ray_throughput.py MODEL [--cores 2] [--images 1000] [--rounds 3] [--output FILE.md]

Run it by the Python of an environment that has the package and ray[data]. MODEL is a ResNeSt-50 of nestor-convert. The
process is nestor-classify with as many threads, by its own count, which leaves its start out; nestor.ray.predict_files
writes Parquet with one actor a core, or with one that has all of them, and is timed from the first answer of its actors
to the last part: the cluster and the models have started. Fails if the better one has less than 0.85 times the images
per second of the process.
"""
import argparse
import datetime
import os
import pathlib
import shutil
import statistics
import sys
import tempfile

import nestor
import nestor.commands
import nestor.ray
import ray
from python_overhead import PHOTOS, command_rate

LEAST_RATE = 0.85


def start_cluster(cores):
    os.environ.update({"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"})
    os.environ["RAY_worker_niceness"] = "0"  # as the process has it
    ray.init(num_cpus=cores, include_dashboard=False, log_to_driver=False)
    ray.data.DataContext.get_current().enable_progress_bars = False


def cluster_rate(model, paths, actors, threads):
    """Of the parts behind each actor's first: when the first ones are there, all actors have started."""
    with tempfile.TemporaryDirectory() as output:
        part_size = max(1, len(paths) // (16 * actors))
        nestor.ray.predict_files(paths, output, model, part_size=part_size, actors=actors, num_cpus=threads)
        times = sorted(part.stat().st_mtime for part in pathlib.Path(output).glob("part-*"))
    return (len(paths) - part_size * actors) / (times[-1] - times[actors - 1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", help="Markdown file to write, too")
    given = parser.parse_args()
    model = os.path.abspath(given.model)
    start_cluster(given.cores)
    with tempfile.TemporaryDirectory() as photos:
        for idx in range(given.images):
            shutil.copy(PHOTOS[idx % len(PHOTOS)], os.path.join(photos, f"{idx:05}.jpg"))
        paths = nestor.ray.list_images(photos)
        ways = {"nestor-classify": lambda: command_rate(model, given.cores, photos),
                f"Ray, {given.cores} actors of 1 core": lambda: cluster_rate(model, paths, given.cores, 1),
                f"Ray, 1 actor of {given.cores} cores": lambda: cluster_rate(model, paths, 1, given.cores)}
        rates = {name: [] for name in ways}
        for _ in range(given.rounds):
            for name, measure in ways.items():
                rates[name].append(measure())
    process, *clusters = (statistics.median(some) for some in rates.values())
    rows = [f"| {name} | {rate:.1f} | {rate / process:.3f} |" for name, rate in zip(rates, (process, *clusters))]
    text = "\n".join([f"{nestor.version()['commit']}, {datetime.date.today()}, {given.cores} cores, {given.images} images, medians of "
                      f"{given.rounds} rounds in turn", "", "| | images/s | of the process's |", "|---|---:|---:|", *rows]) + "\n"
    print(text, end="")
    if given.output:
        pathlib.Path(given.output).write_text("# A Ray cluster beside one process (bench/ray_throughput.py)\n\n" + text)
    return max(clusters) < LEAST_RATE * process


if __name__ == "__main__":
    sys.exit(main())
