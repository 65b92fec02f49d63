"""nestor.ray on a local cluster: what it writes is what nestor-classify prints, whatever happens to the workers."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import nestor
import nestor.commands
import nestor.ray
import numpy as np
import pyarrow.parquet
import ray
from package import DEMO_DETECTOR, DEMO_MODEL, DEMO_SEGMENTER, DIGITS, ROOT, SCENES, PythonTest, truth

# By hand: NESTOR_RAY_IMAGES=2000 tests/python/run.sh ray_test.py
NUM_IMAGES = int(os.environ.get("NESTOR_RAY_IMAGES", "240"))
NUM_BROKEN = NUM_IMAGES // 100
PART_SIZE = NUM_IMAGES // 12
MOST_SECONDS = 60 + NUM_IMAGES / 10  # a job that takes longer hangs
EXAMPLE = ROOT / "apps" / "python" / "examples" / "classify_folder_ray.py"


def setUpModule():
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_worker_niceness"] = "0"  # by default 15: beside other work, workers take minutes to start
    os.environ["RAY_AUTH_MODE"] = "disabled"  # a token would be written into the home folder
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=200 << 20)
    ray.data.DataContext.get_current().enable_progress_bars = False


def tearDownModule():
    ray.shutdown()


def actor_processes():
    """Processes of the cluster's workers that run our code, by their titles."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and b"ray::" in (title := (entry / "cmdline").read_bytes()) and b"PartWriter" in title:
                found.append(int(entry.name))
        except OSError:
            pass  # ended meanwhile
    return found


class RayTest(PythonTest):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def make_photos(self):
        photos = self.folder / "photos"
        (photos / "below").mkdir(parents=True)
        every = NUM_IMAGES // NUM_BROKEN
        for idx in range(NUM_IMAGES):
            path = photos / ("below" if idx % 2 else "") / f"{idx:05}.jpg"
            if idx % every == every - 1:
                path.write_bytes(pathlib.Path(DIGITS[idx % 24]).read_bytes()[:200])
            else:
                shutil.copy(DIGITS[idx % 24], path)
        return str(photos)

    def rows(self, output):
        return pyarrow.parquet.read_table(output).sort_by("path").to_pylist()

    def assert_like_the_command(self, output, photos):
        done = subprocess.run([os.path.join(nestor.commands.FOLDER, "nestor-classify"), "--weights", DEMO_MODEL, "--format", "jsonl",
                               "--top-k", "3", "--quiet", photos], capture_output=True)
        expected = sorted((json.loads(line) for line in done.stdout.splitlines()), key=lambda row: row["image"])
        rows = self.rows(output)
        self.assertEqual([row["path"] for row in rows], [row["image"] for row in expected])
        for row, wanted in zip(rows, expected):
            self.assertEqual(row["error"] is None, "error" not in wanted, row)
            if row["error"] is None:
                self.assertEqual(row["class_ids"], [p["class_id"] for p in wanted["predictions"]])
                self.assertEqual(row["labels"], [p["class"] for p in wanted["predictions"]])
                np.testing.assert_array_equal(np.float32(row["probabilities"]), np.float32([p["probability"] for p in wanted["predictions"]]))


class Files(RayTest):
    def test_a_worker_is_killed(self):
        photos, output = self.make_photos(), self.folder / "answers"
        counts = []
        paths = nestor.ray.list_images(photos)
        job = threading.Thread(target=lambda: counts.append(nestor.ray.predict_files(
            paths, str(output), DEMO_MODEL, part_size=PART_SIZE, actors=2, top_k=3)), daemon=True)
        job.start()
        while not output.exists() or not any(output.glob("part-*")):
            self.assertTrue(job.is_alive())
            time.sleep(0.002)
        os.kill(actor_processes()[0], signal.SIGKILL)
        job.join(MOST_SECONDS)
        self.assertEqual(counts, [{"parts": -(-NUM_IMAGES // PART_SIZE), "images": NUM_IMAGES, "errors": NUM_BROKEN, "parts_before": 0}])
        self.assert_like_the_command(output, photos)

    def test_parts_that_exist_are_not_done_again(self):
        output, arguments = self.folder / "answers", {"part_size": 8, "actors": 1}
        first = nestor.ray.predict_files(DIGITS, str(output), DEMO_MODEL, **arguments)
        self.assertEqual(first, {"parts": 3, "images": 24, "errors": 0, "parts_before": 0})
        parts = sorted(output.glob("part-*"))
        kept = {part: part.stat().st_mtime_ns for part in parts[1:]}
        parts[0].unlink()
        again = nestor.ray.predict_files(DIGITS, str(output), DEMO_MODEL, **arguments)
        self.assertEqual(again, {"parts": 1, "images": 8, "errors": 0, "parts_before": 2})
        self.assertEqual(kept, {part: part.stat().st_mtime_ns for part in parts[1:]})
        self.assertEqual([row["labels"][0] for row in self.rows(output)], [truth(path) for path in DIGITS])
        self.assertEqual([path.name for path in output.glob(".*")], [])  # nothing unfinished is left
        other = nestor.ray.predict_files(DIGITS, str(output), DEMO_MODEL, top_k=1, **arguments)
        self.assertEqual(other["parts"], 3)

    def test_files_that_cannot_be_read(self):
        output = self.folder / "answers"
        counts = nestor.ray.predict_files([DIGITS[0], "/no/such.jpg", DIGITS[1]], str(output), DEMO_MODEL)
        self.assertEqual((counts["images"], counts["errors"]), (3, 1))
        errors = [row["error"] for row in pyarrow.parquet.read_table(output).to_pylist()]
        self.assertEqual([error is None for error in errors], [True, False, True])
        self.assertIn("/no/such.jpg", errors[1])

    def test_the_example(self):
        photos = self.folder / "photos"
        shutil.copytree(ROOT / "apps" / "demo" / "digits", photos)
        line = [sys.executable, EXAMPLE, photos, self.folder / "answers", "--network", DEMO_MODEL, "--part-size", "10"]
        environment = {**os.environ, "RAY_ADDRESS": ray.get_runtime_context().gcs_address}
        for expected in ("24 images in 3 parts, 0 errors; 0 parts were there\n", "0 images in 0 parts, 0 errors; 3 parts were there\n"):
            done = subprocess.run(line, capture_output=True, text=True, env=environment)
            self.assertEqual(done.stdout, expected, done.stderr)


class Datasets(RayTest):
    def test_encoded_images(self):
        encoded = ray.data.read_binary_files(DIGITS, include_paths=True)
        rows = nestor.ray.predict(encoded, DEMO_MODEL, actors=(1, 2), top_k=1, batch_size=5).take_all()
        self.assertEqual({row["path"]: row["labels"][0] for row in rows}, {path: truth(path) for path in DIGITS})
        self.assertEqual(set(rows[0]), {"path", "class_ids", "labels", "probabilities", "error"})

    def test_arrays(self):
        pixels = np.stack([nestor.load(DEMO_MODEL, threads=1).preprocess(path)[0] for path in DIGITS[:4]])
        pixels = np.clip(pixels.transpose(0, 2, 3, 1) * 50 + 120, 0, 255).astype(np.uint8)
        rows = nestor.ray.predict(ray.data.from_numpy(pixels), DEMO_MODEL, column="data", task="embed").take_all()
        expected = nestor.load(DEMO_MODEL, threads=1).embed(pixels)
        np.testing.assert_array_equal([row["features"] for row in rows], expected)

    def test_boxes(self):
        rows = nestor.ray.predict(ray.data.read_binary_files(SCENES, include_paths=True), DEMO_DETECTOR, task="detect").take_all()
        detector = nestor.load(DEMO_DETECTOR, threads=1)
        for row in rows:
            expected = detector.detect(row["path"])
            self.assertGreater(len(expected.scores), 0)
            np.testing.assert_array_equal(np.stack(row["boxes"]), expected.boxes)
            np.testing.assert_array_equal(row["scores"], expected.scores)
            self.assertEqual(list(row["labels"]), expected.labels)

    def test_class_maps(self):
        output = self.folder / "maps"
        counts = nestor.ray.predict_files([*SCENES, __file__], str(output), DEMO_SEGMENTER, task="segment")
        self.assertEqual((counts["images"], counts["errors"]), (3, 1))
        *good, bad = pyarrow.parquet.read_table(output).to_pylist()
        self.assertEqual((bad["classes"], bad["height"], bad["error"] is None), (None, None, False))
        segmenter = nestor.load(DEMO_SEGMENTER, threads=1)
        for row, scene in zip(good, SCENES, strict=True):
            found = np.frombuffer(row["classes"], np.uint8).reshape(row["height"], row["width"])
            np.testing.assert_array_equal(found, segmenter.segment(scene))

    def test_bad_images_are_rows_with_an_error(self):
        items = [{"bytes": pathlib.Path(DIGITS[0]).read_bytes(), "id": 1}, {"bytes": b"no image", "id": 2}]
        rows = nestor.ray.predict(ray.data.from_items(items), DEMO_MODEL).take_all()
        good, bad = sorted(rows, key=lambda row: row["id"])
        self.assertEqual((good["error"], good["labels"][0]), (None, truth(DIGITS[0])))
        self.assertIsNone(bad["labels"])
        self.assertTrue(bad["error"])

    def test_usage(self):
        with self.assert_error("usage", "knit", "classify"):
            nestor.ray.Predictor(DEMO_MODEL, task="knit")


if __name__ == "__main__":
    unittest.main()
