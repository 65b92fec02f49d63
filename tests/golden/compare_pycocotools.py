#!/usr/bin/env python3
"""`nestor-eval coco` beside pycocotools on invented objects and detections.

    pip install numpy pycocotools==2.0.11
    tests/golden/compare_pycocotools.py --bin build/cpu/bin --sets 200

Scores have ties, boxes lie on a coarse grid so that overlaps equal thresholds, areas lie on the borders of COCO's ranges;
there are crowds, an object of id 0, ids in no order, objects of unknown images, detections of unknown categories, and more
than 100 detections of a category in an image. Prints the largest difference; fails above 1e-9.
"""
import argparse
import contextlib
import io
import json
import os
import random
import subprocess
import sys
import tempfile

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

FIGURES = "AP AP50 AP75 APs APm APl AR1 AR10 AR100 ARs ARm ARl".split()
TOLERANCE = 1e-9


def box(rng):
    if rng.random() < 0.5:
        return [rng.randrange(0, 80, 4), rng.randrange(0, 80, 4), rng.choice([0, 8, 16, 32, 32, 64, 96, 96, 128]),
                rng.choice([8, 16, 32, 32, 64, 96, 96, 128])]
    return [rng.uniform(0, 100), rng.uniform(0, 100), rng.uniform(1, 150), rng.uniform(1, 150)]


def near(rng, given):
    """A box like the given one, or the same."""
    if rng.random() < 0.3:
        return list(given)
    return [v + rng.choice([-8, -4, 0, 0, 0, 4, 8, rng.uniform(-10, 10)]) for v in given[:2]] + \
        [abs(v + rng.choice([-8, 0, 0, 0, 8, rng.uniform(-10, 10)])) for v in given[2:]]


def invented(rng):
    image_ids = rng.sample(range(1, 10_000), rng.randint(1, 12))
    category_ids = rng.sample(range(1, 200), rng.randint(1, 5))
    truth = {"images": [{"id": i, "file_name": f"{i}.jpg"} for i in image_ids],
             "categories": [{"id": i, "name": f"class {i}"} for i in category_ids], "annotations": []}
    for i in range(rng.randint(0, 80)):
        b = box(rng)
        area = rng.choice([b[2] * b[3], 1024, 9216, b[2] * b[3] * 0.7])
        truth["annotations"].append({
            "id": i + rng.randint(0, 1) * 1000, "image_id": rng.choice(image_ids + [123_456]), "bbox": b,
            "category_id": rng.choice(category_ids), "area": area, "iscrowd": int(rng.random() < 0.15),
            "segmentation": [[1, 2, 3, 4, 5, 6]], "ignore": rng.randint(0, 1)})
    found = []
    for _ in range(rng.choice([1, 30, 300, 1000])):
        copied = truth["annotations"] and rng.random() < 0.7
        other = rng.choice(truth["annotations"]) if copied else {"image_id": 0, "category_id": 0}
        found.append({
            "image_id": other["image_id"] if other["image_id"] in image_ids else rng.choice(image_ids),
            "category_id": other["category_id"] or rng.choice(category_ids + [777]),
            "bbox": near(rng, other["bbox"]) if copied else box(rng),
            "score": rng.choice([rng.random(), round(rng.random(), 1)])})
    return truth, found


def expected(truth_path, found_path):
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(truth_path)
        evaluation = COCOeval(truth, truth.loadRes(found_path), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    by_class = []
    for k in range(len(evaluation.params.catIds)):
        precision = evaluation.eval["precision"][:, :, k, 0, 2]
        by_class.append(float(precision[precision > -1].mean()) if (precision > -1).any() else -1)
    return dict(zip(FIGURES, map(float, evaluation.stats))), by_class


def difference(program, folder, seed):
    truth_path, found_path, out = (os.path.join(folder, name) for name in ("truth.json", "found.json", "figures.json"))
    for path, data in zip((truth_path, found_path), invented(random.Random(seed))):
        with open(path, "w") as f:
            json.dump(data, f)
    want, by_class = expected(truth_path, found_path)
    subprocess.run([program, "coco", "--annotations", truth_path, "--predictions", found_path, "--output", out, "--quiet"],
                   check=True)
    with open(out) as f:
        got = json.load(f)
    differences = {key: abs(got[key] - want[key]) for key in FIGURES}
    differences.update({f"class {i}": abs(row["AP"] - ap) for i, (row, ap) in enumerate(zip(got["classes"], by_class))})
    worst = max(differences, key=differences.get)
    if differences[worst] > TOLERANCE:
        print(f"set {seed}: {worst} is {got.get(worst)}, expected {want.get(worst)}")
    return differences[worst]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", required=True)
    parser.add_argument("--sets", type=int, default=200)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        worst = max(difference(os.path.join(args.bin, "nestor-eval"), folder, seed) for seed in range(args.sets))
    print(f"{args.sets} sets, largest difference {worst:.2e}")
    sys.exit(worst > TOLERANCE)


if __name__ == "__main__":
    main()
