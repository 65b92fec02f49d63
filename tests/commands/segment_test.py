"""nestor-segment: class maps in all formats, images of all kinds and sizes, and what it says of bad ones."""
import csv
import io
import json
import os
import random
import shutil
import struct
import subprocess
import unittest
import zlib

from support import (BIN, CAT, GREY, PALETTE, RGB, ROOT, SOME_FAILED, UNSUPPORTED, USAGE, CommandTest, model,
                     read_safetensors, write_png, write_png_as)

MINI = "deeplab_resnest_mini"
WINDOWS = ("--mode", "multi-scale", "--base-size", 64, "--crop-size", 64, "--scales", "0.5,1.5")


def read_png(path):
    """Width, height, colour type and rows of an 8-bit PNG whose rows are not filtered, or are by the simple filters."""
    with open(path, "rb") as f:
        data = f.read()
    width, height, depth, colour = struct.unpack(">IIBB", data[16:26])
    assert depth == 8
    chunks, at = b"", 8
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        if kind == b"IDAT":
            chunks += data[at + 8:at + 8 + length]
        at += 12 + length
    raw, step = zlib.decompress(chunks), 3 if colour == 2 else 1
    rows, previous = [], bytes(width * step)
    for y in range(height):
        kind, line = raw[y * (width * step + 1)], bytearray(raw[y * (width * step + 1) + 1:(y + 1) * (width * step + 1)])
        for x in range(len(line)):
            left, up, corner = line[x - step] if x >= step else 0, previous[x], previous[x - step] if x >= step else 0
            estimate = left + up - corner
            paeth = min((left, up, corner), key=lambda v: abs(estimate - v))
            line[x] = (line[x] + (0, left, up, (left + up) // 2, paeth)[kind]) & 255
        rows.append(bytes(line))
        previous = bytes(line)
    return width, height, colour, b"".join(rows)


class SegmentTest(CommandTest):
    def picture(self, *name, width=40, height=40, seed=1):
        path = self.path(*name)
        write_png(path, width, height, random.Random(seed).randbytes(3 * width * height))
        return path

    def refusal(self, code, *arguments):
        done = self.expect(code, "nestor-segment", "--weights", model(MINI), *arguments)
        return done.stderr.decode()

    def segment(self, *arguments):
        return self.output("nestor-segment", "--weights", model(MINI), *arguments)

    def shares(self, *arguments):
        return json.loads(self.segment("--format", "json", *arguments))["images"]


class Results(SegmentTest):
    def test_150_classes_are_those_of_ade20k(self):
        made = self.path("ade.safetensors")
        self.output("nestor-convert", "--network", MINI, "--num-classes", 150, "--synthetic-seed", 2, "--output", made)
        image, = json.loads(self.output("nestor-segment", "--weights", made, "--format", "json", CAT))["images"]
        with open(os.path.join(ROOT, "library", "labels", "ade20k150.txt")) as f:
            names = f.read().splitlines()
        self.assertEqual([row["class"] for row in image["classes"]], [names[row["class_id"]] for row in image["classes"]])
        self.assertEqual((len(names), names[0], names[149]), (150, "wall", "flag"))

    def test_formats_agree(self):
        image, = self.shares(CAT)
        self.segment("--output", self.path("maps"), CAT)
        self.segment("--output", self.path("raw"), "--format", "raw", CAT)
        self.segment("--output", self.path("coloured"), "--palette", "voc", CAT)
        width, height, colour, pixels = read_png(self.path("maps", "cat.png"))
        self.assertEqual((width, height, colour), (image["width"], image["height"], 0))
        with open(self.path("raw", "cat.raw"), "rb") as f:
            self.assertEqual(f.read(), pixels)
        coloured = read_png(self.path("coloured", "cat.png"))
        self.assertEqual((coloured[2], coloured[3]), (3, pixels))
        for row in image["classes"]:
            self.assertEqual(row["pixels"], pixels.count(row["class_id"]))
            self.assertAlmostEqual(row["share"], row["pixels"] / len(pixels))
        self.assertEqual(sum(row["pixels"] for row in image["classes"]), width * height)
        self.assertEqual(json.loads(self.segment("--format", "jsonl", CAT)), image)
        table = list(csv.DictReader(io.StringIO(self.segment("--format", "csv", CAT))))
        self.assertEqual([(row["class_id"], row["class"], row["pixels"], float(row["share"])) for row in table],
                         [(str(row["class_id"]), row["class"], str(row["pixels"]), row["share"]) for row in image["classes"]])
        self.assertEqual({(row["image"], row["width"], row["height"], row["error"]) for row in table},
                         {(CAT, str(width), str(height), "")})

    def test_overlays_have_the_picture_and_its_legend(self):
        self.segment("--output", self.path("out"), "--format", "overlay", "--overlay-alpha", 0, CAT)
        width, height, colour, _ = read_png(self.path("out", "cat.png"))
        self.segment("--output", self.path("legend"), "--format", "overlay", "--legend", CAT)
        with_legend = read_png(self.path("legend", "cat.png"))
        self.assertEqual((colour, with_legend[0]), (2, width))
        self.assertGreater(with_legend[1], height)

    def test_images_are_the_same_alone_and_in_batches(self):
        names = [self.picture(f"{i}.png", width=61, height=43, seed=i) for i in range(5)]
        alone = [self.shares(name)[0]["classes"] for name in names]
        for batch in (2, 3, 5):
            self.assertEqual([row["classes"] for row in self.shares("--batch-size", batch, *names)], alone)

    def test_saved_tensors(self):
        saved = self.path("saved.safetensors")
        self.segment("--output", self.path("out"), "--save-outputs", saved, "--save-tensors", "logits,head", CAT)
        tensors, _ = read_safetensors(saved)
        self.assertEqual(set(tensors), {"classes", "logits", "head"})
        self.assertEqual((tensors["classes"][0], tensors["logits"][1][2:]), ("U8", tensors["classes"][1][1:]))

    def test_grey_16_bit_and_palette_images_are_those_in_rgb(self):
        width, random_bytes = 31, random.Random(3).randbytes
        grey, colours, indices = random_bytes(31 * 23), random_bytes(3 * 31 * 23), random_bytes(31 * 23)
        palette = random_bytes(3 * 256)
        deep = bytes(byte for level in grey for byte in (level, 77))  # the low byte does not count
        deep_rgb = bytes(byte for level in colours for byte in (level, 201))
        threefold = bytes(level for level in grey for _ in range(3))
        looked_up = b"".join(palette[3 * i:3 * i + 3] for i in indices)
        for name, rgb, stored in (("grey", threefold, (GREY, 8, grey)), ("grey16", threefold, (GREY, 16, deep)),
                                  ("rgb16", colours, (RGB, 16, deep_rgb)),
                                  ("palette", looked_up, (PALETTE, 8, indices, palette))):
            write_png(self.path("rgb.png"), width, 23, rgb)
            write_png_as(self.path("other.png"), width, *stored)
            plain, other = (self.logits(self.path(f"{kind}.png")) for kind in ("rgb", "other"))
            self.assertEqual(plain, other, name)

    def logits(self, image):
        saved = self.path("logits.safetensors")
        self.segment("--format", "json", "--save-outputs", saved, "--save-tensors", "logits", image)
        return read_safetensors(saved)[0]["logits"]

    def test_multi_scale_of_small_and_narrow_images(self):
        small = ("--mode", "multi-scale", "--base-size", 64, "--crop-size", 64, "--scales", "0.5")
        one, line = self.picture("one.png", width=1, height=1), self.picture("line.png", width=1, height=64)
        shares = self.shares(*small, one, line)
        self.assertEqual([sum(row["pixels"] for row in image["classes"]) for image in shares], [1, 64])
        longer = self.picture("longer.png", width=65, height=1)
        done = self.expect(SOME_FAILED, "nestor-segment", "--weights", model(MINI), "--format", "json", *small, one, longer)
        self.assertIn("too elongated: 65 x 1 pixels would be resized to 32 x 0 at scale 0.5",
                      json.loads(done.stdout)["images"][1]["error"])

    def test_multi_scale(self):
        first = self.shares(*WINDOWS, CAT)
        self.assertEqual(sum(row["pixels"] for row in first[0]["classes"]), first[0]["width"] * first[0]["height"])
        self.assertEqual(self.shares(*WINDOWS, "--batch-size", 8, CAT), first)
        self.assertIn("--save-tensors head", self.refusal(USAGE, *WINDOWS, "--format", "json", "--save-outputs", self.path("s"),
                                                          "--save-tensors", "head", CAT))

    def test_multi_scale_does_not_keep_scores_in_the_size_of_the_image(self):
        write_png(self.path("large.png"), 6000, 4000, (90, 120, 30))
        process = subprocess.Popen([os.path.join(BIN, "nestor-segment"), "--weights", model(MINI), "--mode", "multi-scale", "--quiet",
                                    "--output", self.path("out"), self.path("large.png")])
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 0)
        # The picture takes 360 MB, normalised; scores of 11 classes would take 1 GB.
        self.assertLess(usage.ru_maxrss * 1024, 700e6)


class LargeImages(SegmentTest):
    def setUp(self):
        super().setUp()
        write_png(self.path("large.png"), 8000, 6000, (90, 120, 150))

    @unittest.skipUnless(os.environ.get("NESTOR_LONG"), "takes minutes")
    def test_multi_scale_of_150_classes_needs_no_more_than_2_gb(self):
        made = self.path("ade.safetensors")
        self.output("nestor-convert", "--network", MINI, "--num-classes", 150, "--synthetic-seed", 2, "--output", made)
        write_png(self.path("large.png"), 6000, 4000, (90, 120, 150))
        line = [os.path.join(BIN, "nestor-segment"), "--weights", made, "--device", "cpu", "--mode", "multi-scale", "--quiet",
                "--output", self.path("maps"), self.path("large.png")]
        process = subprocess.Popen(line)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 0)
        print(f"peak of {usage.ru_maxrss >> 10} MiB")
        self.assertLess(usage.ru_maxrss * 1024, 2e9)

    def test_multi_scale_needs_no_more_than_for_small_ones(self):
        image, = self.shares(*WINDOWS, "--device", "cpu", "--memory-limit", "64M", self.path("large.png"))
        self.assertEqual((image["width"], image["height"]), (8000, 6000))
        self.assertEqual(sum(row["pixels"] for row in image["classes"]), 8000 * 6000)


class PartsOfJobs(SegmentTest):
    def setUp(self):
        super().setUp()
        self.images = [self.picture(f"{i}.png", seed=i) for i in range(4)]

    def resume(self, code=0):
        return self.expect(code, "nestor-segment", "--weights", model(MINI), "--resume", "--output", self.path("maps"), *self.images)

    def test_shards_together_are_all(self):
        shards = [self.segment("--format", "jsonl", "--shard", f"{i}/3", *self.images).splitlines() for i in (1, 2, 3)]
        everything = self.segment("--format", "jsonl", *self.images).splitlines()
        self.assertEqual([shards[i % 3][i // 3] for i in range(4)], everything)
        self.assertEqual([json.loads(row) for row in everything], self.shares(*self.images))

    def test_images_that_failed_are_tried_again(self):
        shutil.copy(self.images[0], self.path("kept"))
        with open(self.images[0], "w") as f:
            f.write("no picture")
        self.resume(SOME_FAILED)
        shutil.copy(self.path("kept"), self.images[0])
        self.assert_says(self.resume(), "3 of 4 images have results")
        self.assertEqual(len(os.listdir(self.path("maps"))), 4)


class BadInput(SegmentTest):
    def test_two_images_of_one_stem_are_refused_before_anything_runs(self):
        os.makedirs(self.path("a"))
        images = self.picture("a", "x.png"), self.picture("x.png")
        self.assertIn("would both be written", self.refusal(USAGE, "--output", self.path("out"), *images))
        self.assertEqual(os.listdir(self.path("out")), [])

    def test_images_are_not_written_over(self):
        self.assertIn("over the image", self.refusal(USAGE, "--output", self.folder, self.picture("x.png")))

    def test_results_are_not_written_over_images_in_json_either(self):
        image = self.picture("x.png")
        for form in ("json", "jsonl", "csv"):
            self.assertIn("also read", self.refusal(USAGE, "--format", form, "--output", image, image))

    def test_small_and_narrow_images(self):
        images = [self.picture("one.png", width=1, height=1), self.picture("column.png", width=1, height=300),
                  self.picture("line.png", width=300, height=1), self.picture("narrow.png", width=4, height=300),
                  self.picture("least.png", width=5, height=300)]
        done = self.expect(SOME_FAILED, "nestor-segment", "--weights", model(MINI), "--format", "json", *images)
        *refused, least = json.loads(done.stdout)["images"]
        for row, size in zip(refused, ("1 x 1", "1 x 300", "300 x 1", "4 x 300")):
            self.assertIn(f"{size} pixels as the network would see it, which takes 5 to", row["error"])
        self.assertEqual((least["width"], least["height"]), (5, 300))

    def test_too_little_memory_is_said_in_figures_before_anything_runs(self):
        write_png(self.path("large.png"), 8000, 6000, (90, 120, 30))
        for options, limit, words in (((), "200M", "cpu: the plan for [1, 3, 6000, 8000] needs "),
                                      (("--mode", "multi-scale", "--crop-size", 96), "60M", "large.png: memory for scores of ")):
            says = self.refusal(UNSUPPORTED, "--format", "json", "--memory-limit", limit, *options, self.path("large.png"))
            self.assertIn(words, says)
            self.assertIn(f"the limit is {int(limit[:-1]) << 20} bytes", says)

    def test_a_classifier_is_no_segmenter(self):
        done = self.expect(UNSUPPORTED, "nestor-segment", "--weights", model("resnest_mini"), "--format", "json", CAT)
        self.assert_says(done, "classification")

    def test_no_folder(self):
        self.assertIn("--output DIR", self.refusal(USAGE, CAT))
