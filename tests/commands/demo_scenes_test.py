"""The demo's detector and segmenter: right on scenes that training never saw, and the same answers as torch's.

tests/demo/detection and tests/demo/segmentation hold 40 held-out scenes each, what they show, and what the same networks in torch
found with the shipped weights (tests/demo/train_detector.py and train_segmenter.py made all of it).
"""
import json
import os
import zlib

from support import ROOT, CommandTest, read_safetensors

MODELS = os.path.join(ROOT, "apps", "demo")
DETECTOR = os.path.join(MODELS, "faster_rcnn_fpn_resnest_mini.safetensors")
SEGMENTER = os.path.join(MODELS, "deeplab_resnest_mini.safetensors")
SEARCHED = os.path.join(ROOT, "tests", "demo", "detection")
SEGMENTED = os.path.join(ROOT, "tests", "demo", "segmentation")
NUM_SCENES = 40
NUM_CLASSES = 11  # the digits, and the background


def load(path):
    with open(path) as f:
        return json.load(f)


def figure(accuracy, name):
    """Of the model's metadata: "AP50 0.9712, AP 0.8034 of 40 held-out scenes"."""
    words = accuracy.replace(",", "").split()
    return float(words[words.index(name) + 1])


class Shipped(CommandTest):
    """What the files promise of themselves."""

    def check(self, path, network, most_bytes, labels):
        self.assertLessEqual(os.path.getsize(path), most_bytes)
        tensors, metadata = read_safetensors(path)
        self.assertEqual({dtype for dtype, shape, _ in tensors.values() if len(shape) > 1}, {"F16"})
        self.assertEqual(json.loads(metadata["nestor.labels"]), labels)
        self.assertEqual(metadata["nestor.network"], network)
        self.assertRegex(metadata["training_commit"], "^[0-9a-f]{40}$")
        self.assertIn("CC BY 4.0", metadata["data"])

    def test_detector(self):
        self.check(DETECTOR, "faster_rcnn_fpn_resnest_mini", 4_000_000, [str(digit) for digit in range(10)])

    def test_segmenter(self):
        self.check(SEGMENTER, "deeplab_resnest_mini", 3_000_000, [*(str(digit) for digit in range(10)), "background"])


class Detection(CommandTest):
    def detect(self):
        """The results of all scenes, as COCO's, and the file that they are in."""
        path = self.path("found.json")
        self.output("nestor-detect", "--weights", DETECTOR, "--thresh", 0.05, "--format", "coco", "--output", path, SEARCHED)
        return load(path), path

    def test_accuracy_is_the_metadatas(self):
        _, path = self.detect()
        figures = self.path("figures.json")
        self.output("nestor-eval", "coco", "--predictions", path, "--annotations", os.path.join(SEARCHED, "annotations.json"),
                    "--output", figures)
        _, metadata = read_safetensors(DETECTOR)
        for name in ("AP50", "AP"):
            self.assertAlmostEqual(load(figures)[name], figure(metadata["accuracy"], name), delta=0.002)
        self.assertGreaterEqual(load(figures)["AP50"], 0.8)

    def test_finds_what_torch_finds(self):
        found, _ = self.detect()
        torch = [row for row in load(os.path.join(SEARCHED, "torch.json")) if row["score"] >= 0.1]
        missed = [row for row in torch if not any(self.same(row, other) for other in found)]
        self.assertEqual({row["image_id"] for row in torch}, set(range(1, NUM_SCENES + 1)))
        self.assertEqual(missed, [])

    @staticmethod
    def same(a, b):
        return (a["image_id"], a["category_id"]) == (b["image_id"], b["category_id"]) and \
            abs(a["score"] - b["score"]) < 2e-3 and all(abs(x - y) < 0.1 for x, y in zip(a["bbox"], b["bbox"]))


class Segmentation(CommandTest):
    IMAGES = os.path.join(SEGMENTED, "images")

    def test_accuracy_is_the_metadatas(self):
        maps, figures = self.path("maps"), self.path("figures.json")
        self.output("nestor-segment", "--weights", SEGMENTER, "--output", maps, self.IMAGES)
        self.output("nestor-eval", "ade20k", "--predictions", maps, "--labels", os.path.join(SEGMENTED, "labels"),
                    "--num-classes", NUM_CLASSES, "--output", figures)
        _, metadata = read_safetensors(SEGMENTER)
        self.assertAlmostEqual(load(figures)["mIoU"], figure(metadata["accuracy"], "mIoU"), delta=0.001)
        self.assertGreaterEqual(load(figures)["mIoU"], 0.80)

    def test_gives_pixels_the_classes_that_torch_gives(self):
        maps = self.path("maps")
        self.output("nestor-segment", "--weights", SEGMENTER, "--format", "raw", "--output", maps, self.IMAGES)
        found = b""
        for name in sorted(os.listdir(maps)):
            with open(os.path.join(maps, name), "rb") as f:
                found += f.read()
        with open(os.path.join(SEGMENTED, "torch.zlib"), "rb") as f:
            torch = zlib.decompress(f.read())
        self.assertEqual(len(found), len(torch))
        different = sum(a != b for a, b in zip(found, torch))
        self.assertLess(different, 1e-4 * len(torch))
