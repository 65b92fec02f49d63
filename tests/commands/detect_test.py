"""nestor-detect: results in all formats, sizes of all kinds, and what it says of bad ones."""
import json
import math
import os
import struct
import unittest

from support import (BAD_INPUT, BAD_MODEL, CAT, PHOTOS, SOME_FAILED, UNSUPPORTED, USAGE, CommandTest, model, read_safetensors, write_png,
                     write_safetensors)

MINI = "faster_rcnn_fpn_resnest_mini"


class DetectTest(CommandTest):
    def detections(self, *arguments, thresh=0):
        out = self.output("nestor-detect", "--weights", model(MINI), "--format", "json", "--thresh", thresh, *arguments)
        return json.loads(out)["images"]


class Results(DetectTest):
    def test_json_names_images_and_detections(self):
        image, = self.detections(CAT)
        self.assertEqual(set(image), {"image", "width", "height", "detections"})
        self.assertEqual((image["image"], image["width"] > image["height"]), (CAT, True))
        found = image["detections"]
        self.assertTrue(found)
        self.assertEqual(set(found[0]), {"class_id", "class", "score", "box"})
        scores = [d["score"] for d in found]
        self.assertEqual(scores, sorted(scores, reverse=True))
        self.assertGreater(scores[-1], 0.01)
        for d in found:
            self.assertIn(d["class_id"], range(10))
            self.assertEqual(len(d["box"]), 4)

    def test_limits_leave_out_detections_and_change_no_others(self):
        everything = self.detections(CAT)[0]["detections"]
        middle = everything[len(everything) // 2]["score"]
        self.assertEqual(self.detections(CAT, thresh=middle)[0]["detections"], [d for d in everything if d["score"] >= middle])
        self.assertEqual(self.detections("--post-nms", 3, CAT)[0]["detections"], everything[:3])
        ids = sorted({d["class_id"] for d in everything})[:2]
        self.assertEqual(self.detections("--classes", ",".join(map(str, ids)), CAT)[0]["detections"],
                         [d for d in everything if d["class_id"] in ids])
        self.assertGreaterEqual(len(self.detections("--nms", 0.9, CAT)[0]["detections"]), len(everything))

    def test_all_formats_agree(self):
        rows = self.detections(PHOTOS)

        def out(form):
            return self.output("nestor-detect", "--weights", model(MINI), "--format", form, "--thresh", 0, PHOTOS)
        self.assertEqual([json.loads(line) for line in out("jsonl").splitlines()], rows)
        found = [d for row in rows for d in row["detections"]]
        csv = out("csv").splitlines()
        self.assertEqual(csv[0], "image,width,height,class_id,class,score,x1,y1,x2,y2,error")
        self.assertEqual([int(line.split(",")[3]) for line in csv[1:]], [d["class_id"] for d in found])
        text = [line for line in out("text").splitlines() if line.startswith("  ")]
        self.assertEqual([int(line.split()[1]) for line in text], [d["class_id"] for d in found])
        coco = json.loads(out("coco"))
        self.assertEqual([d["category_id"] for d in coco], [d["class_id"] + 1 for d in found])
        self.assertEqual([d["image_id"] for d in coco], [i + 1 for i, row in enumerate(rows) for _ in row["detections"]])
        for d in coco:
            self.assertEqual(set(d), {"image_id", "category_id", "bbox", "score"})
            self.assertGreaterEqual(min(d["bbox"][2:]), 1)

    def test_images_of_several_sizes_keep_their_order_and_results(self):
        small = self.path("000000000139.png")
        write_png(small, 60, 90, os.urandom(60 * 90 * 3))
        alone = [self.detections("--batch-size", 1, picture)[0] for picture in (CAT, small)]
        self.assertEqual(self.detections("--batch-size", 4, CAT, small, CAT), [alone[0], alone[1], alone[0]])
        coco = json.loads(self.output("nestor-detect", "--weights", model(MINI), "--format", "coco", "--thresh", 0, small))
        self.assertEqual({d["image_id"] for d in coco} - {139}, set())

    def test_tensors_are_saved(self):
        saved = self.path("out.safetensors")
        self.detections("--save-outputs", saved, "--save-tensors", "P2,rpn.deltas", CAT)
        tensors, metadata = read_safetensors(saved)
        self.assertEqual(json.loads(metadata["images"]), [CAT])
        self.assertEqual(tensors["P2"][1][:2], [1, 64])
        self.assertEqual(tensors["rpn.deltas"][1][2], 4)
        self.assertEqual((tensors["boxes"][0], tensors["classes"][0]), ("F32", "I32"))

    def test_pictures_are_drawn(self):
        folder = self.path("drawn")
        self.detections("--save-vis", folder, CAT)
        self.assertEqual(os.listdir(folder), ["cat.jpg"])
        with open(os.path.join(folder, "cat.jpg"), "rb") as f, open(CAT, "rb") as original:
            drawn = f.read()
            self.assertTrue(drawn.startswith(b"\xff\xd8"))
            self.assertNotEqual(drawn, original.read())


class Sizes(DetectTest):
    def test_a_size_of_ones_own(self):
        picture = self.path("a.png")
        write_png(picture, 64, 48, os.urandom(64 * 48 * 3))
        plain, = self.detections("--no-resize", picture)
        same, = self.detections("--short", 48, "--max-size", 64, picture)
        self.assertEqual(plain["detections"], same["detections"])
        self.expect(USAGE, "nestor-detect", "--weights", model(MINI), "--short", 300, "--max-size", 200, picture)
        self.expect(USAGE, "nestor-detect", "--weights", model(MINI), "--short", 300, "--no-resize", picture)

    def test_tiny_and_elongated_images(self):
        dot, line = self.path("dot.png"), self.path("line.png")
        write_png(dot, 1, 1, (200, 10, 10))
        write_png(line, 2000, 8, os.urandom(2000 * 8 * 3))
        self.assertEqual(self.detections(dot)[0]["width"], 1)
        self.assert_says(self.expect(BAD_INPUT, "nestor-detect", "--weights", model(MINI), line), "line.png", "32")
        self.assert_says(self.expect(BAD_INPUT, "nestor-detect", "--weights", model(MINI), "--no-resize", dot), "1 x 1 pixels")
        self.expect(SOME_FAILED, "nestor-detect", "--weights", model(MINI), line, dot)

    def test_an_image_of_8000_pixels_a_side(self):
        large = self.path("large.png")
        write_png(large, 8000, 8000, (10, 200, 90))
        image, = self.detections(large)
        self.assertEqual((image["width"], image["height"]), (8000, 8000))


class Weights(DetectTest):
    """Numbers in weights that leave nothing to find."""

    def changed(self, name, value):
        tensors, metadata = read_safetensors(model(MINI))
        dtype, shape, data = tensors[name]
        self.assertEqual(dtype, "F32")
        tensors[name] = (dtype, shape, struct.pack("<f", value) * (len(data) // 4))
        write_safetensors(self.path("changed.safetensors"), tensors, metadata)
        return "--weights", self.path("changed.safetensors"), "--format", "json", "--thresh", 0, CAT

    def test_no_region_is_proposed(self):
        image, = json.loads(self.output("nestor-detect", *self.changed("rpn.score.bias", -3e4)))["images"]
        self.assertEqual(image["detections"], [])

    def test_all_regions_have_the_same_score(self):
        found = json.loads(self.output("nestor-detect", *self.changed("rpn.score.weight", 0)))["images"][0]["detections"]
        self.assertTrue(found)

    def test_all_boxes_of_a_region_are_equal(self):
        found = json.loads(self.output("nestor-detect", *self.changed("box_predictor.weight", 0)))["images"][0]["detections"]
        self.assertTrue(found)

    def test_numbers_that_overflow_have_no_answer(self):
        for name in ("class_predictor.weight", "box_predictor.weight"):
            with self.subTest(weights=name):
                self.assert_says(self.expect(BAD_MODEL, "nestor-detect", *self.changed(name, 3e38)), "not finite")

    @unittest.skipIf(os.environ.get("ONEDNN_MAX_CPU_ISA") == "SSE41", "oneDNN's ReLU for SSE4.1 makes numbers of what is none")
    def test_numbers_that_overflow_before_a_relu_have_no_answer(self):
        for name in ("rpn.conv1.weight", "fpn.output3.weight"):
            with self.subTest(weights=name):
                self.assert_says(self.expect(BAD_MODEL, "nestor-detect", *self.changed(name, 3e38)), "not finite")

    def test_numbers_that_are_none_are_refused(self):
        self.assert_says(self.expect(BAD_MODEL, "nestor-detect", *self.changed("box_head.fc1.bias", math.nan)), "finite", "box_head.fc1")


class Refusals(DetectTest):
    def test_models_of_other_tasks(self):
        self.assert_says(self.expect(UNSUPPORTED, "nestor-detect", "--weights", model("resnest_mini"), CAT), "classification")
        self.assert_says(self.expect(UNSUPPORTED, "nestor-classify", "--weights", model(MINI), CAT), "detection")

    def test_classes_and_thresholds(self):
        said = self.expect(USAGE, "nestor-detect", "--weights", model(MINI), "--classes", "dog", CAT)
        self.assert_says(said, 'no class "dog"', "it has 10")
        for option in (("--classes", 10), ("--thresh", 1.5), ("--nms", -0.1), ("--post-nms", 0)):
            self.expect(USAGE, "nestor-detect", "--weights", model(MINI), *option, CAT)
