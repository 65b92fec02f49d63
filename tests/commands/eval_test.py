"""nestor-eval: figures of files and of models, what it refuses, and runs that go on where they were stopped."""
import json
import os
import shutil
import signal
import subprocess
import time

from support import (BAD_INPUT, BIN, CAT, PHOTOS, ROOT, SOME_FAILED, UNSUPPORTED, USAGE, CommandTest, model, write_grey_png,
                     write_png)

MODEL = os.path.join(ROOT, "apps", "demo", "resnest_mini.safetensors")
DIGITS = os.path.join(ROOT, "apps", "demo", "digits")
FIGURES = "AP AP50 AP75 APs APm APl AR1 AR10 AR100 ARs ARm ARl".split()


class EvalTest(CommandTest):
    def save(self, name, data):
        with open(self.path(name), "w") as f:
            json.dump(data, f)
        return self.path(name)

    def load(self, name):
        with open(self.path(name)) as f:
            return json.load(f)

    def evaluate(self, *arguments):
        out = self.path("figures.json")
        self.output("nestor-eval", *arguments, "--output", out)
        return self.load("figures.json")


class Detections(EvalTest):
    def setUp(self):
        super().setUp()
        box, far = [10, 10, 40, 40], [100, 100, 40, 40]
        self.truth = self.save("truth.json", {
            "images": [{"id": 7, "file_name": "a.jpg"}],
            "categories": [{"id": 3, "name": "cat"}, {"id": 1, "name": "dog"}],
            "annotations": [{"id": 1, "image_id": 7, "category_id": 3, "bbox": box, "area": 1600, "iscrowd": 0},
                            {"id": 2, "image_id": 7, "category_id": 3, "bbox": far, "area": 1600, "iscrowd": 0}]})
        self.found = self.save("found.json", [
            {"image_id": 7, "category_id": 3, "bbox": box, "score": 0.9},
            {"image_id": 7, "category_id": 3, "bbox": [300, 300, 9, 9], "score": 0.8},
            {"image_id": 7, "category_id": 3, "bbox": far, "score": 0.7}])
        self.files = ("--annotations", self.truth, "--predictions", self.found)

    def test_coco_has_twelve_figures_and_those_of_the_classes(self):
        figures = self.evaluate("coco", *self.files)
        self.assertEqual([key for key in figures if key in FIGURES], FIGURES)
        self.assertAlmostEqual(figures["AP"], (51 + 50 * 2 / 3) / 101)
        self.assertEqual((figures["APs"], figures["AR1"], figures["AR100"]), (-1, 0.5, 1))
        self.assertEqual((figures["images"], figures["objects"], figures["detections"]), (1, 2, 3))
        self.assertEqual([(row["category_id"], row["class"]) for row in figures["classes"]], [(1, "dog"), (3, "cat")])
        self.assertEqual(figures["classes"][0]["AP"], -1)

    def test_figures_are_printed_too(self):
        text = self.output("nestor-eval", "coco", *self.files)
        self.assertEqual(text.splitlines()[0], "AP     0.8350")
        self.assertEqual(text.splitlines()[3], "APs    -")
        self.assertEqual(self.output("nestor-eval", "coco", *self.files, "--quiet"), "")

    def test_voc(self):
        figures = self.evaluate("voc", *self.files)
        self.assertAlmostEqual(figures["mAP"], 0.5 + 0.5 * 2 / 3)
        self.assertAlmostEqual(figures["mAP07"], (6 + 5 * 2 / 3) / 11)
        self.assertEqual(self.evaluate("voc", *self.files, "--iou", 1)["mAP"], figures["mAP"])

    def test_bad_files_name_the_entry(self):
        other = self.save("other.json", [{"image_id": 8, "category_id": 3, "bbox": [1, 2, 3, 4], "score": 1}])
        self.assert_says(self.expect(BAD_INPUT, "nestor-eval", "coco", "--annotations", self.truth, "--predictions", other),
                         "other.json: [0]: image 8 is not in the annotations")
        self.assert_says(self.expect(BAD_INPUT, "nestor-eval", "coco", "--annotations", self.found, "--predictions", other),
                         "found.json: a list, expected an object")
        self.assert_says(self.expect(BAD_INPUT, "nestor-eval", "voc", "--annotations", self.path("none"),
                                     "--predictions", other), "none: not a file that can be read")

    def test_predictions_or_a_model(self):
        for more in ((), ("--predictions", self.found, "--weights", MODEL)):
            self.assert_says(self.expect(USAGE, "nestor-eval", "coco", "--annotations", self.truth, *more),
                             "either --predictions or a model")
        self.assert_says(self.expect(USAGE, "nestor-eval", "coco", "--annotations", self.truth, "--weights", MODEL),
                         "no images")
        self.assert_says(self.expect(UNSUPPORTED, "nestor-eval", "coco", "--annotations", self.truth, "--weights", MODEL,
                                     "--images", DIGITS), "made for classification, not for detection")

    def test_inputs_are_not_written_over(self):
        with open(self.found, "rb") as f:
            before = f.read()
        self.assert_says(self.expect(USAGE, "nestor-eval", "coco", *self.files, "--output", self.found), "also read")
        with open(self.found, "rb") as f:
            self.assertEqual(f.read(), before)


class ClassMaps(EvalTest):
    def setUp(self):
        super().setUp()
        self.labels, self.maps = self.path("labels"), self.path("maps")
        os.mkdir(self.labels)
        os.mkdir(self.maps)
        write_grey_png(self.path("labels", "a.png"), 3, bytes([1, 1, 2, 2, 0, 0]))
        write_grey_png(self.path("maps", "a.png"), 3, bytes([0, 1, 1, 1, 1, 2]))
        self.folders = ("--labels", self.labels, "--predictions", self.maps)

    def test_figures_and_confusion(self):
        figures = self.evaluate("ade20k", *self.folders, "--confusion", self.path("confusion.csv"))
        self.assertAlmostEqual(figures["pixAcc"], 0.75)
        self.assertAlmostEqual(figures["mIoU"], (0.5 + 2 / 3) / 150)
        self.assertEqual(len(figures["classes"]), 150)
        self.assertAlmostEqual(figures["classes"][1]["IoU"], 2 / 3)
        with open(self.path("confusion.csv")) as f:
            rows = [list(map(int, line.split(","))) for line in f]
        self.assertEqual((len(rows), len(rows[0]), rows[0][:3], rows[1][:3]), (150, 150, [1, 1, 0], [0, 2, 0]))
        self.assertAlmostEqual(self.evaluate("ade20k", *self.folders, "--num-classes", 3)["mIoU"], (0.5 + 2 / 3) / 3)

    def test_errors_name_file_pixel_and_value(self):
        def says(*parts):
            self.assert_says(self.expect(BAD_INPUT, "nestor-eval", "ade20k", *self.folders, "--num-classes", 3), *parts)

        write_grey_png(self.path("maps", "a.png"), 3, bytes([0, 1, 1, 1, 3, 2]))
        says("maps/a.png: pixel (1, 1) is 3, expected 0 to 2")
        write_grey_png(self.path("maps", "a.png"), 2, bytes([0, 1, 1, 1, 1, 2]))
        says("maps/a.png: 2 x 3 pixels", "labels/a.png has 3 x 2")
        write_grey_png(self.path("maps", "a.png"), 3, bytes([0, 1, 1, 1, 1, 2]))
        write_grey_png(self.path("labels", "a.png"), 3, bytes([0, 3, 1, 1, 1, 4]))
        says("labels/a.png: pixel (2, 1) is 4, expected 0 to 3")
        write_grey_png(self.path("labels", "b.png"), 1, bytes([0]))
        says("labels/b.png: there is no b.png in")

    def test_predictions_without_labels_are_named(self):
        write_grey_png(self.path("maps", "b.png"), 1, bytes([0]))
        done = self.expect(0, "nestor-eval", "ade20k", *self.folders)
        self.assert_says(done, "warning: 1 of the predictions have no label", "b.png")


class Segmenter(EvalTest):
    def test_it_takes_all_sizes_that_the_network_takes(self):
        for folder in ("images", "labels"):
            os.mkdir(self.path(folder))
        for name, width, height in (("least", 5, 300), ("narrow", 4, 300), ("whole", 40, 31)):
            write_png(self.path("images", f"{name}.png"), width, height, (1, 2, 3))
            write_grey_png(self.path("labels", f"{name}.png"), width, bytes([1] * width * height))
        done = self.expect(SOME_FAILED, "nestor-eval", "ade20k", "--weights", model("deeplab_resnest_mini"),
                           "--images", self.path("images"), "--labels", self.path("labels"), "--output", self.path("figures.json"))
        self.assert_says(done, "narrow.png: 4 x 300 pixels as the network would see it, which takes 5 to 65535 a side", "1 failed")
        self.assertEqual((self.load("figures.json")["images"], self.load("figures.json")["failed"]), (2, 1))

    def test_labels_that_do_not_fit_name_file_pixel_and_value(self):
        for folder in ("images", "labels"):
            os.mkdir(self.path(folder))
        write_png(self.path("images", "a.png"), 40, 31, (1, 2, 3))
        for labels, message in ((bytes([1] * 40 * 30), "images/a.png: 40 x 31 pixels, the label"),
                                (bytes([1] * (40 * 30 + 7) + [200] + [1] * 32), "labels/a.png: pixel (7, 30) is 200, expected 0 to ")):
            write_grey_png(self.path("labels", "a.png"), 40, labels)
            done = self.expect(BAD_INPUT, "nestor-eval", "ade20k", "--weights", model("deeplab_resnest_mini"),
                               "--images", self.path("images"), "--labels", self.path("labels"))
            self.assert_says(done, message)


    def test_labels_that_do_not_fit_name_file_pixel_and_value(self):
        for folder in ("images", "labels"):
            os.mkdir(self.path(folder))
        write_png(self.path("images", "a.png"), 8, 6, (1, 2, 3))
        for width, value, says in ((7, 1, "images/a.png: 8 x 6 pixels, the label "), (7, 1, "labels/a.png has 7 x 6"),
                                   (8, 12, "labels/a.png: pixel (5, 3) is 12, expected 0 to 11")):
            write_grey_png(self.path("labels", "a.png"), width, bytes([1] * (3 * width + 5) + [value] * (3 * width - 5)))
            self.assert_says(self.expect(BAD_INPUT, "nestor-eval", "ade20k", "--weights", model("deeplab_resnest_mini"),
                                         "--images", self.path("images"), "--labels", self.path("labels")), says)


class Classifier(EvalTest):
    """The demo's classifier on the digits that lie beside it, which are called NUMBER_is_CLASS.jpg."""

    def setUp(self):
        super().setUp()
        self.images = self.path("images")
        for name in sorted(os.listdir(DIGITS)):
            folder = self.path("images", name.split("_is_")[1].split(".")[0])
            os.makedirs(folder, exist_ok=True)
            shutil.copy(os.path.join(DIGITS, name), folder)
        self.count = len(os.listdir(DIGITS))

    def test_accuracy_by_folders_and_by_list(self):
        figures = self.evaluate("imagenet", "--weights", MODEL, "--images", self.images)
        self.assertEqual((figures["images"], figures["failed"]), (self.count, 0))
        self.assertGreaterEqual(figures["top1"], 0.9)
        self.assertGreaterEqual(figures["top5"], figures["top1"])
        self.assertLess(figures["calibration_error"], 0.2)
        self.assertEqual(sum(row["images"] for row in figures["calibration"]), self.count)
        self.assertEqual(figures["network"], "resnest_mini")

        with open(self.path("list.txt"), "w") as f:
            for name in sorted(os.listdir(DIGITS)):
                f.write(f"{name} {name.split('_is_')[1].split('.')[0]}\n")
        by_list = self.evaluate("imagenet", "--weights", MODEL, "--images", DIGITS, "--list", self.path("list.txt"))
        self.assertEqual(by_list["top1"], figures["top1"])

    def test_an_image_that_cannot_be_read_is_left_out(self):
        with open(self.path("images", "3", "broken.png"), "wb") as f:
            f.write(b"no picture")
        out = self.path("figures.json")
        done = self.expect(SOME_FAILED, "nestor-eval", "imagenet", "--weights", MODEL, "--images", self.images,
                           "--output", out)
        self.assert_says(done, "broken.png", "1 failed")
        self.assertEqual((self.load("figures.json")["images"], self.load("figures.json")["failed"]), (self.count, 1))

    def test_a_run_goes_on_where_it_was_stopped(self):
        results = self.path("results.jsonl")
        options = ("imagenet", "--weights", MODEL, "--images", self.images, "--results-file", results)
        whole = self.evaluate(*options)
        self.assert_says(self.expect(USAGE, "nestor-eval", *options), "exists: --resume goes on from it")
        with open(results, "rb") as f:
            lines = f.read().split(b"\n")
        with open(results, "wb") as f:
            f.write(b"\n".join(lines[:5]) + b"\n" + lines[5][:20])  # the head, four results and a part
        done = self.expect(0, "nestor-eval", *options, "--resume", "--output", self.path("again.json"))
        self.assert_says(done, f"{self.count - 4} evaluated")
        self.assertEqual(self.load("again.json"), whole)
        self.assert_says(self.expect(USAGE, "nestor-eval", *options, "--resume", "--crop-size", 96), "another run")

    def test_a_killed_run_keeps_what_it_has(self):
        results = self.path("results.jsonl")
        options = ["imagenet", "--weights", MODEL, "--images", self.images, "--results-file", results, "--batch-size", "1"]
        process = subprocess.Popen([os.path.join(BIN, "nestor-eval"), *options], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        while process.poll() is None and (not os.path.exists(results) or os.path.getsize(results) < 600):
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        process.wait()
        with open(results, "rb") as f:
            kept = f.read().count(b"\n") - 1
        self.assertGreaterEqual(kept, 1)
        figures = self.evaluate(*options, "--resume")
        self.assertEqual(figures["images"], self.count)

    def test_folders_that_are_no_classes(self):
        self.assert_says(self.expect(BAD_INPUT, "nestor-eval", "imagenet", "--weights", model(), "--images", self.images),
                         "10 folders, the model has 1000 classes")
        self.assert_says(self.expect(BAD_INPUT, "nestor-eval", "imagenet", "--weights", MODEL, "--images", DIGITS),
                         "no folders in this folder")
        self.assert_says(self.expect(USAGE, "nestor-eval", "imagenet", "--weights", MODEL), "no images")


class Detector(EvalTest):
    """A detector of made-up weights on the photos."""

    def setUp(self):
        super().setUp()
        names = sorted(os.listdir(PHOTOS))
        self.images = [{"id": 10 - i, "file_name": name} for i, name in enumerate(names)]
        self.objects = [{"id": 1, "image_id": 10, "category_id": 2, "bbox": [10, 10, 90, 90], "area": 8100, "iscrowd": 0}]
        self.categories = [{"id": i + 1, "name": str(i)} for i in range(10)]

    def options(self, **changed):
        truth = {"images": self.images, "annotations": self.objects, "categories": self.categories, **changed}
        return ("coco", "--weights", model("faster_rcnn_fpn_resnest_mini"), "--images", PHOTOS, "--annotations",
                self.save("truth.json", truth))

    def test_it_is_evaluated_on_what_nestor_detect_finds(self):
        results = self.path("results.jsonl")
        figures = self.evaluate(*self.options(), "--results-file", results)
        with open(results) as f:
            rows = [json.loads(line) for line in f][1:]
        want = json.loads(self.output("nestor-detect", "--weights", model("faster_rcnn_fpn_resnest_mini"), "--format", "coco",
                                      "--thresh", 0.05, PHOTOS))
        self.assertEqual([row["image_id"] for row in rows], [8, 9, 10])  # by id
        got = [(d, row["image_id"]) for row in reversed(rows) for d in row["detections"]]
        self.assertEqual(len(got), len(want))
        self.assertTrue(want)
        for (mine, image_id), detected in zip(got, want):
            self.assertEqual((mine["category_id"], 11 - image_id), (detected["category_id"], detected["image_id"]))
            self.assertAlmostEqual(mine["score"], detected["score"], places=5)
            for a, b in zip(mine["bbox"], detected["bbox"]):
                self.assertAlmostEqual(a, b, delta=1.5)  # the border is the input's, not the photo's
        self.assertEqual((figures["detections"], figures["images"], figures["failed"]), (len(want), 3, 0))
        self.assertEqual(figures["network"], "faster_rcnn_fpn_resnest_mini")

    def test_a_run_goes_on_where_it_was_stopped(self):
        results = self.path("results.jsonl")
        options = self.options()
        whole = self.evaluate(*options, "--results-file", results)
        with open(results) as f:
            lines = f.readlines()
        with open(results, "w") as f:
            f.writelines([*lines[:2], lines[2][:30]])
        self.assertEqual(self.evaluate(*options, "--results-file", results, "--resume"), whole)
        with open(results) as f:
            self.assertEqual(f.readlines(), lines)

    def test_annotations_that_do_not_fit(self):
        self.assert_says(self.expect(BAD_INPUT, "nestor-eval", *self.options(categories=self.categories[1:])),
                         "the annotations have 9 categories, faster_rcnn_fpn_resnest_mini has 10 classes")
        for name in ("../photos/cat.jpg", CAT, ""):
            self.assert_says(self.expect(BAD_INPUT, "nestor-eval", *self.options(images=[{"id": 1, "file_name": name}])),
                             "image 1 of the annotations", "which is no file in")
        images = [*self.images, {"id": 99, "file_name": "none.jpg"}]
        self.assert_says(self.expect(SOME_FAILED, "nestor-eval", *self.options(images=images)), "none.jpg", "1 failed")
