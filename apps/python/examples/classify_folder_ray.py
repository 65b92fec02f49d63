#!/usr/bin/env python3
"""Classifies a folder or a list of images on a Ray cluster, and writes Parquet.

    classify_folder_ray.py photos/ answers/ --network resnest50
    classify_folder_ray.py s3://bucket/photos s3://bucket/answers --network resnest50 --actors 4 64
    classify_folder_ray.py @list.txt answers/ --network resnest50 --gpus 1

Start it again to go on where it was stopped. RAY_ADDRESS names the cluster; without one, it starts one on this machine.
"""
import argparse

import nestor.ray


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", help="folder, local or a URI, or @FILE with one path per line")
    parser.add_argument("output", help="folder for Parquet files, local or a URI")
    parser.add_argument("--network", required=True, help="network, or path of a model file that all workers see")
    parser.add_argument("--weights", help="which of its official weights (default: the first in the list)")
    parser.add_argument("--top-k", type=int, default=5, help="classes per image (default: 5)")
    parser.add_argument("--part-size", type=int, default=1000, help="images per Parquet file (default: 1000)")
    parser.add_argument("--actors", type=int, nargs=2, default=(1, 1), metavar=("LEAST", "MOST"),
                        help="models in the cluster (default: 1 1)")
    parser.add_argument("--cpus", type=int, default=1, help="cores per model (default: 1)")
    parser.add_argument("--gpus", type=float, default=0, help="GPUs per model (default: 0)")
    return parser.parse_args()


def image_paths(images):
    if not images.startswith("@"):
        return nestor.ray.list_images(images)
    with open(images[1:]) as lines:
        return lines.read().splitlines()


def main():
    given = arguments()
    counts = nestor.ray.predict_files(image_paths(given.images), given.output, given.network, given.weights,
                                      top_k=given.top_k, part_size=given.part_size, actors=tuple(given.actors),
                                      num_cpus=given.cpus, num_gpus=given.gpus)
    print(f"{counts['images']} images in {counts['parts']} parts, {counts['errors']} errors; "
          f"{counts['parts_before']} parts were there")


if __name__ == "__main__":
    main()
