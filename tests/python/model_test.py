"""nestor.Model: images in, answers out."""
import inspect
import json
import os
import pathlib
import pickle
import tempfile
import threading
import tracemalloc
import unittest

import nestor
import nestor.commands
import numpy as np
from dlpack import DLPackOnly, claiming_cuda
from PIL import Image
from package import CAT, DEMO_MODEL, DIGITS, PythonTest, model, truth


def setUpModule():
    global digits, network
    digits = nestor.load(DEMO_MODEL, threads=2)
    network = nestor.load(model(), threads=2)


class Classify(PythonTest):
    def test_digits(self):
        answers = digits.classify(DIGITS, top_k=1)
        self.assertEqual([answer[0].label for answer in answers], [truth(path) for path in DIGITS])

    def test_answers_are_those_of_the_command(self):
        text = nestor.commands.output_of("classify", "--weights", model(), "--format", "json", "--quiet", CAT)
        expected = json.loads(text)["images"][0]["predictions"]
        for prediction, row in zip(network.classify(CAT), expected, strict=True):
            self.assertEqual((prediction.class_id, prediction.label), (row["class_id"], row["class"]))
            self.assertAlmostEqual(prediction.probability, row["probability"], places=6)

    def test_a_memory_limit(self):
        limited = nestor.load(DEMO_MODEL, memory_limit=1 << 20)
        with self.assert_error("out_of_memory", "the limit is 1048576 bytes"):
            limited.classify(DIGITS)
        limited = pickle.loads(pickle.dumps(nestor.load(DEMO_MODEL, memory_limit=1 << 30, device_memory_limit=1)))
        self.assertEqual(limited.classify(DIGITS[0]), digits.classify(DIGITS[0]))

    def test_a_list_has_a_list_for_each(self):
        self.assertEqual(digits.classify([DIGITS[0]]), [digits.classify(DIGITS[0])])
        self.assertEqual(digits.classify([]), [])

    def test_all_kinds_of_images(self):
        path = pathlib.Path(DIGITS[0])
        data = path.read_bytes()
        expected = digits.classify(str(path))
        for image in (path, data, bytearray(data), memoryview(data), np.frombuffer(data, np.uint8)):
            self.assertEqual(digits.classify(image), expected, type(image))

    def test_pixels_and_pil_images(self):
        pixels = np.asarray(Image.open(CAT).convert("RGB"))
        expected = network.classify(pixels)
        mirrored = network.classify(np.ascontiguousarray(pixels[:, ::-1]))
        self.assertEqual(network.classify(Image.open(CAT)), expected)
        self.assertEqual(network.classify(pixels[:, ::-1]), mirrored)
        self.assertEqual(network.classify(np.stack([pixels, pixels[:, ::-1]])), [expected, mirrored])
        grey = Image.open(CAT).convert("L")
        self.assertEqual(network.classify(grey), network.classify(np.stack([np.asarray(grey)] * 3, 2)))

    def test_batch_size_changes_nothing(self):
        self.assertEqual(digits.classify(DIGITS, batch_size=5), digits.classify(DIGITS, batch_size=16))

    def test_bad_images(self):
        for image, part in (("/no/such.jpg", "/no/such.jpg"), (b"no image", "image 0"), (b"", "image 0"),
                            (np.zeros((2, 3, 4), np.uint8), "[2, 3, 4]"), (np.zeros((8, 8, 3)), "float64"),
                            (np.zeros((0, 8, 3), np.uint8), "8 x 0"), (3, "int")):
            with self.assert_error("bad_input", part):
                digits.classify(image)

    def test_an_image_with_too_many_pixels(self):
        with self.assert_error("bad_input", "4095"):
            digits.classify(DIGITS[0], max_pixels=64 * 64 - 1)
        digits.classify(DIGITS[0], max_pixels=64 * 64)

    def test_a_bad_image_among_others(self):
        images = [DIGITS[0], b"no image", DIGITS[1]]
        with self.assert_error("bad_input", "image 1"):
            digits.classify(images)
        first, error, last = digits.classify(images, errors="return")
        self.assertEqual((first[0].label, error.code, last[0].label), ("8", "bad_input", "7"))
        with self.assert_error("usage", "'ignore'"):
            digits.classify(images, errors="ignore")


class Embed(PythonTest):
    def test_shape_and_source(self):
        features = network.embed([CAT, CAT])
        self.assertEqual((features.shape, features.dtype, network.num_features), ((2, 2048), np.float32, 2048))
        pooled = network.run(network.preprocess(CAT), outputs=["avgpool"])["avgpool"]
        np.testing.assert_array_equal(features[0], pooled.reshape(-1))
        self.assertEqual(network.embed(CAT).shape, (1, 2048))
        self.assertEqual(network.embed([]).shape, (0, 2048))

    def test_bad_images(self):
        with self.assert_error("bad_input", "image 1"):
            network.embed([CAT, b"no image"])
        row, error = network.embed_each([CAT, b"no image"])
        self.assertEqual((row.shape, error.code), ((2048,), "bad_input"))


class Detect(PythonTest):
    MINI = "faster_rcnn_fpn_resnest_mini"

    def test_objects_are_those_of_the_command(self):
        text = nestor.commands.output_of("detect", "--weights", model(self.MINI), "--format", "json", "--quiet", "--thresh", "0.1", CAT)
        expected = json.loads(text)["images"][0]["detections"]
        detector = nestor.load(model(self.MINI), threads=2, score_threshold=0.1)
        found, = detector.detect([CAT])
        self.assertEqual((found.boxes.dtype, found.scores.dtype, found.class_ids.dtype), (np.float32, np.float32, np.int32))
        np.testing.assert_allclose(found.boxes, np.float32([row["box"] for row in expected]).reshape(-1, 4), atol=1e-2)
        np.testing.assert_allclose(found.scores, np.float32([row["score"] for row in expected]), atol=1e-5)
        self.assertEqual(found.class_ids.tolist(), [row["class_id"] for row in expected])
        self.assertEqual(found.labels, [row["class"] for row in expected])
        self.assertGreater(len(expected), 0)
        best = pickle.loads(pickle.dumps(nestor.load(model(self.MINI), threads=2, score_threshold=0.1, max_detections=1)))
        np.testing.assert_array_equal(best.detect(CAT).boxes, found.boxes[:1])

    def test_bad_images_and_other_tasks(self):
        detector = nestor.load(model(self.MINI), threads=2)
        error, found = detector.detect([b"no image", CAT], errors="return")
        self.assertEqual((error.code, found.boxes.shape[1]), ("bad_input", 4))
        with self.assert_error("unsupported", "classification", "detection"):
            digits.detect(CAT)
        with self.assert_error("unsupported", "classification"):
            detector.classify(CAT)


class Segment(PythonTest):
    MINI = "deeplab_resnest_mini"

    def test_maps_are_those_of_the_command(self):
        with tempfile.TemporaryDirectory() as folder:
            nestor.commands.output_of("segment", "--weights", model(self.MINI), "--quiet", "--output", folder, CAT)
            expected = np.asarray(Image.open(os.path.join(folder, "cat.png")))
        segmenter = nestor.load(model(self.MINI), threads=2)
        found, = segmenter.segment([CAT])
        self.assertEqual((found.dtype, found.shape), (np.uint8, expected.shape))
        self.assertGreater(len(np.unique(expected)), 1)
        # Threads may change the last bits of scores that are as good as equal.
        self.assertGreater((found == expected).mean(), 0.999)

    def test_bad_images_and_other_tasks(self):
        segmenter = nestor.load(model(self.MINI), threads=2)
        error, found = segmenter.segment([b"no image", CAT], errors="return")
        self.assertEqual((error.code, found.ndim), ("bad_input", 2))
        with self.assert_error("unsupported", "classification", "segmentation"):
            digits.segment(CAT)


class Run(PythonTest):
    def test_two_forms_of_one_input(self):
        size = digits.data_config["input_size"][1]
        pixels = np.random.default_rng(1).integers(0, 256, (3, size, size, 3), np.uint8)
        mean, std = (np.array(digits.data_config[key], np.float32) for key in ("mean", "std"))
        normalised = ((pixels / np.float32(255) - mean) / std).transpose(0, 3, 1, 2)
        by_levels, by_numbers = digits.run(pixels)["logits"], digits.run(normalised)["logits"]
        self.assertEqual(by_levels.shape, (3, 10))
        np.testing.assert_array_equal(by_levels, by_numbers)

    def test_preprocess_is_the_input(self):
        batch = digits.preprocess(DIGITS[:3])
        self.assertEqual((batch.shape, batch.dtype), ((3, 3, 64, 64), np.float32))
        order = digits.run(batch)["logits"].argmax(1)
        self.assertEqual([digits.labels[i] for i in order], [truth(path) for path in DIGITS[:3]])
        self.assertEqual(digits.preprocess([]).shape, (0, 3, 64, 64))
        with self.assert_error("bad_input", "/no/such.jpg"):
            digits.preprocess("/no/such.jpg")

    def test_intermediate_tensors(self):
        outputs = network.run(network.preprocess(CAT), outputs=["layer1", "avgpool"])
        self.assertEqual({name: array.shape[:2] for name, array in outputs.items()},
                         {"logits": (1, 1000), "layer1": (1, 256), "avgpool": (1, 2048)})
        self.assertIn("layer1", network.taps)
        with self.assert_error("usage", "no_such"):
            network.run(network.preprocess(CAT), outputs=["no_such"])

    def test_results_outlive_the_next_run(self):
        batch = digits.preprocess(DIGITS[0])
        first = digits.run(batch)["logits"]
        kept = first.copy()
        digits.run(digits.preprocess(DIGITS[1]))
        np.testing.assert_array_equal(first, kept)
        first += 1  # its own, writable

    def test_an_array_that_is_as_wanted_is_not_copied(self):
        batch = np.zeros((2, 512, 512, 3), np.uint8)
        batch.flags.writeable = False
        for given, copied in ((batch, False), (batch[:, ::-1], True)):
            tracemalloc.start()
            network.run(given)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            self.assertEqual(peak > batch.nbytes, copied)

    def test_other_arrays(self):
        batch = digits.preprocess(DIGITS[:2])
        expected = digits.run(batch)["logits"]
        np.testing.assert_array_equal(digits.run(DLPackOnly(batch))["logits"], expected)
        np.testing.assert_array_equal(digits.run(np.asfortranarray(batch))["logits"], expected)
        with self.assert_error("bad_input", "float64"):
            digits.run(batch.astype(np.float64))
        with self.assert_error("bad_input", "[3, 64, 64]"):
            digits.run(batch[0])

    def test_plan(self):
        self.assertEqual(digits.plan([1, 3, 64, 64])["device"], "cpu")


class DeviceMemory(PythonTest):
    """Without a GPU: the errors that say so."""

    def test_run_takes_host_memory(self):
        with self.assert_error("unsupported", "host memory", "enqueue()"):
            digits.run(claiming_cuda(digits.preprocess(DIGITS[0])))

    def test_enqueue_needs_a_gpu(self):
        cpu = nestor.load(DEMO_MODEL, device="cpu", threads=1)
        batch, logits = cpu.preprocess(DIGITS[0]), np.zeros((1, 10), np.float32)
        for given in (batch, claiming_cuda(batch)):
            with self.assert_error("unsupported", "needs a GPU", "run()"):
                cpu.enqueue(given, {"logits": logits}, stream=1)


class Loading(PythonTest):
    def test_errors(self):
        for arguments, code, part in ((["/no/such.safetensors"], "bad_input", "/no/such.safetensors"), ([CAT], "bad_model", "cat.jpg"),
                                      (["resnest50", DEMO_MODEL], "bad_model", "resnest_mini")):
            with self.assert_error(code, part):
                nestor.load(*arguments)
        for options, code, part in (({"device": "abacus"}, "unsupported", "abacus"), ({"precision": "fp13"}, "usage", "fp13"),
                                    ({"device": "cpu", "precision": "fp16"}, "unsupported", "fp16")):
            with self.assert_error(code, part):
                nestor.load(DEMO_MODEL, **options)

    def test_properties(self):
        self.assertEqual((digits.network, digits.task, digits.source, digits.num_classes), ("resnest_mini", "classification", "nestor", 10))
        self.assertEqual((digits.device, digits.precision, digits.threads), ("cpu", "fp32", 2))
        self.assertEqual(digits.labels, list("0123456789"))
        self.assertIn("resnest_mini", repr(digits))

    def test_data_config_is_timms(self):
        self.assertEqual({key: digits.data_config[key] for key in ("input_size", "interpolation", "crop_pct", "crop_mode")},
                         {"input_size": (3, 64, 64), "interpolation": "bilinear", "crop_pct": 1.0, "crop_mode": "center"})

    def test_synthetic_weights_are_told(self):
        with self.assertLogs("nestor", "WARNING") as logs:
            nestor.load(model(), threads=1)
        self.assertIn("synthetic", logs.output[0])

    def test_pickle(self):
        options = {"device": "cpu", "precision": "fp32", "threads": 1, "deterministic": True}
        copy = pickle.loads(pickle.dumps(nestor.load(DEMO_MODEL, **options)))
        self.assertEqual((copy.path, copy.threads), (DEMO_MODEL, 1))
        self.assertEqual(copy.classify(DIGITS[0]), digits.classify(DIGITS[0]))

    def test_errors_pickle(self):
        error = pickle.loads(pickle.dumps(nestor.Error("told", "bad_input")))
        self.assertEqual((str(error), error.code), ("told", "bad_input"))


class Threads(PythonTest):
    def test_python_runs_on_meanwhile(self):
        batch = np.zeros((8, 224, 224, 3), np.uint8)
        network.run(batch)  # the plan is made
        begun, counted = threading.Event(), 0

        def work():
            begun.set()
            network.run(batch)

        worker = threading.Thread(target=work)
        worker.start()
        begun.wait()
        while worker.is_alive():
            counted += 1
        self.assertGreater(counted, 10_000)

    def test_one_model_in_many_threads(self):
        expected = [digits.classify(path) for path in DIGITS]
        answers = [None] * len(DIGITS)

        def work(first):
            for idx in range(first, len(DIGITS), 4):
                answers[idx] = digits.classify(DIGITS[idx])

        workers = [threading.Thread(target=work, args=(first,)) for first in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        self.assertEqual(answers, expected)


class Documentation(PythonTest):
    def test_everything_public_has_a_docstring(self):
        self.assertIn("nestor.load", nestor.__doc__)
        for name in nestor.__all__:
            thing = getattr(nestor, name)
            self.assertTrue(inspect.getdoc(thing), name)
            if inspect.isclass(thing):
                members = [member for member in vars(thing) if not member.startswith("_")]
                undocumented = [member for member in members if not inspect.getdoc(getattr(thing, member))]
                self.assertEqual(undocumented, [], name)

    def test_the_package_is_typed(self):
        folder = os.path.dirname(nestor.__file__)
        with open(os.path.join(folder, "_nestor.pyi")) as f:
            stub = f.read()
        self.assertTrue(os.path.exists(os.path.join(folder, "py.typed")))
        for name in dir(nestor._nestor.Engine):
            if not name.startswith("_"):
                self.assertIn(f"def {name}(", stub)


if __name__ == "__main__":
    unittest.main()
