"""nestor-bench: grids, formats, comparisons, profiles. No time is judged: runs are as short as can be."""
import csv
import io
import json
import os
import random
import re
import unittest
import xml.dom.minidom

from support import BAD_INPUT, PHOTOS, ROOT, SOME_FAILED, UNSUPPORTED, USAGE, CommandTest, has_gpu, run

MINI = os.path.join(ROOT, "apps", "demo", "resnest_mini.safetensors")
SETTING = ("--warm-up", 0, "--duration", 0, "--rounds", 2, "--device", "cpu")
SHORT = (*SETTING, "--iterations", 2)
LONGER = (*SETTING, "--iterations", 20)
AXES = ("network", "weights", "batch", "height", "width", "precision", "device", "threads", "streams", "input",
        "transfers", "without")


class Bench(CommandTest):
    def rows(self, *arguments):
        document = json.loads(self.output("nestor-bench", *SHORT, "-o", "json", *arguments))
        self.assertEqual((document["format"], document["version"]), ("nestor-bench", 1))
        return document["rows"]

    def save(self, name, setting=SHORT):
        path = self.path(name)
        self.output("nestor-bench", *setting, "--network", "resnest_mini", "-o", "json", "--output", path)
        return path

    def slowed(self, path, factor):
        """The same results with all times that many times as long."""
        with open(path) as file:
            document = json.load(file)
        for row in document["rows"]:
            row["samples_ms"] = [[ms * factor for ms in times] for times in row["samples_ms"]]
        with open(path, "w") as file:
            json.dump(document, file)


class Grids(Bench):
    def test_lists_make_a_grid(self):
        rows = self.rows("--network", "resnest_mini", "--batch-size", "1,2", "--size", "64,32x96", "--threads", "1,2")
        self.assertEqual({(r["batch"], r["height"], r["width"], r["threads"]) for r in rows},
                         {(b, *size, t) for b in (1, 2) for size in ((64, 64), (32, 96)) for t in (1, 2)})

    def test_a_row_has_figures_and_where_they_come_from(self):
        (row,) = self.rows("--weights", MINI, "--batch-size", 2)
        for name in AXES:
            self.assertIn(name, row)
        self.assertEqual((row["network"], row["weights"], row["height"]), ("resnest_mini", "resnest_mini.safetensors", 64))
        latency = row["latency_ms"]
        self.assertEqual(latency["count"], sum(map(len, row["samples_ms"])))
        order = [latency[name] for name in ("min", "median", "p90", "p95", "p99", "p99.9", "max")]
        self.assertEqual(order, sorted(order))
        self.assertGreater(order[0], 0)
        self.assertAlmostEqual(row["ms_per_image"], latency["median"] / 2)
        for name in ("images_per_second", "activation_bytes", "weight_bytes", "process_peak_bytes", "first_answer_ms"):
            self.assertGreater(row[name], 0, name)
        for name in ("commit", "compiler", "onednn", "device_name", "date"):
            self.assertTrue(row[name], name)

    def test_photos_and_streams(self):
        (row,) = self.rows("--network", "resnest_mini", "--input", PHOTOS, "--batch-size", 4, "--streams", 2)
        self.assertEqual((row["input"], row["streams"], row["latency_ms"]["count"]), ("photos", 2, 4))
        done = self.expect(USAGE, "nestor-bench", *SHORT, "--network", "resnest_mini", "--input", PHOTOS, "--size", "32x64")
        self.assert_says(done, "squares")

    def test_variants_can_be_left_out(self):
        rows = self.rows("--network", "resnest_mini", "--without", "winograd4,winograd2")
        self.assertEqual([row["without"] for row in rows], [[], ["winograd4", "winograd2"]])

    def test_rows_that_cannot_run_are_left_out(self):
        done = self.expect(SOME_FAILED, "nestor-bench", *SHORT, "--network", "resnest_mini", "--precision", "fp16,fp32",
                           "-o", "jsonl")
        self.assert_says(done, "fp16")
        (line,) = done.stdout.decode().splitlines()
        self.assertEqual(json.loads(line)["precision"], "fp32")
        self.expect(UNSUPPORTED, "nestor-bench", *SHORT, "--network", "resnest_mini", "--precision", "fp16")

    @unittest.skipIf(has_gpu(), "there is a GPU")
    def test_devices(self):
        self.assertIn("| cpu", self.output("nestor-bench", "--list-devices"))
        self.expect(UNSUPPORTED, "nestor-bench", "--network", "resnest_mini", "--device", "cuda")
        done = self.expect(UNSUPPORTED, "nestor-bench", "--network", "resnest_mini", "--device", "cpu", "--tune")
        self.assert_says(done, "nothing to tune")

    def test_arguments_that_make_no_sense(self):
        for arguments, said in (((), "--network"), (("--network", "resnest5"), "resnest50"),
                                (("--network", "resnest_mini", "--size", "9"), "size"),
                                (("--network", "resnest_mini", "--iterations", "0"), "iterations"),
                                (("--network", "resnest_mini", "-o", "xml"), "jsonl"),
                                (("--network", "resnest_mini", "--without", "nothing"), "nothing")):
            with self.subTest(arguments=arguments):
                self.assert_says(self.expect(USAGE, "nestor-bench", *arguments), said)
        self.expect(BAD_INPUT, "nestor-bench", "--weights", self.path("none"))
        self.expect(USAGE, "nestor-bench", "--weights", MINI, "--output", MINI)


class Formats(Bench):
    def test_markdown_names_once_what_all_rows_share(self):
        text = self.output("nestor-bench", *SHORT, "--network", "resnest_mini", "--batch-size", "1,2", "--threads", 1)
        for part in ("oneDNN", "precision fp32", "threads 1", "| network", "batch |", "images/s |", "p99.9 |"):
            self.assertIn(part, text)

    def test_csv_has_a_line_a_row(self):
        text = self.output("nestor-bench", *SHORT, "--network", "resnest_mini", "--batch-size", "1,2", "-o", "csv")
        rows = list(csv.DictReader(io.StringIO(text)))
        self.assertEqual([row["batch"] for row in rows], ["1", "2"])
        self.assertGreater(float(rows[0]["latency_ms.median"]), 0)

    def test_profile_and_trace_have_every_step(self):
        trace = self.path("trace.json")
        (row,) = self.rows("--network", "resnest_mini", "--profile", "--trace", trace)
        self.assertTrue(all(step["ms"] > 0 and step["variant"] for step in row["steps"]))
        self.assertTrue(any(step["floor_ms"] for step in row["steps"]))
        with open(trace) as file:
            events = json.load(file)["traceEvents"]
        steps = [event for event in events if event["ph"] == "X"]
        self.assertEqual([event["name"] for event in steps], [step["name"] for step in row["steps"]])
        for one, next_one in zip(steps, steps[1:]):
            self.assertAlmostEqual(one["ts"] + one["dur"], next_one["ts"], places=3)
        text = self.output("nestor-bench", *SHORT, "--network", "resnest_mini", "--profile")
        self.assertIn("| all steps", text)


class Comparisons(Bench):
    def compare(self, path, *arguments):
        return run("nestor-bench", *LONGER, "--network", "resnest_mini", "--compare", path, *arguments)

    def test_slower_exits_with_1_and_faster_does_not(self):
        path = self.save("before.json", LONGER)
        self.slowed(path, 0.001)
        done = self.compare(path)
        self.assertEqual(done.returncode, 1, done.stderr.decode())
        self.assertRegex(done.stdout.decode(), r"\| +slower \|")
        self.slowed(path, 1e6)
        done = self.compare(path, "-o", "json")
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        comparison = json.loads(done.stdout)["rows"][0]["comparison"]
        self.assertEqual(comparison["verdict"], "faster")
        self.assertLess(comparison["low"], comparison["high"])

    def drawn(self, path, name, seed, slower=1):
        """The same results with times of a known distribution: 10 rounds, 3 % apart, of times with a deviation of 2 %."""
        draw = random.Random(seed)
        with open(path) as file:
            document = json.load(file)
        for row in document["rows"]:
            drifts = [draw.uniform(0.97, 1.03) for _ in range(10)]
            row["samples_ms"] = [[10 * slower * drift * draw.gauss(1, 0.02) for _ in range(30)] for drift in drifts]
        with open(self.path(name), "w") as file:
            json.dump(document, file)
        return self.path(name)

    def test_5_percent_are_seen_between_two_files_and_a_repeat_is_not(self):
        path = self.save("real.json")
        for seed in range(5):
            before = self.drawn(path, "before.json", seed)
            repeat, slower = self.drawn(path, "repeat.json", seed + 100), self.drawn(path, "slower.json", seed + 100, 1.05)
            self.assertIn("no difference", self.output("nestor-bench", "compare", before, repeat))
            done = run("nestor-bench", "compare", before, slower, "-o", "json")
            self.assertEqual(done.returncode, 1, done.stderr.decode())
            (row,) = json.loads(done.stdout)["rows"]
            self.assertEqual((row["network"], row["comparison"]["verdict"]), ("resnest_mini", "slower"))
            self.assertGreater(row["comparison"]["low"], 1)
            self.assertLess(row["comparison"]["low"], 1.05)
            self.assertIn("faster", self.output("nestor-bench", "compare", slower, before))

    def test_few_times_are_no_verdict(self):
        path = self.save("before.json")
        self.slowed(path, 0.001)
        self.assertIn("too few times", self.output("nestor-bench", *SHORT, "--network", "resnest_mini", "--compare", path))

    def test_files_that_cannot_be_compared(self):
        path = self.save("before.json")
        done = self.expect(BAD_INPUT, "nestor-bench", *SHORT, "--network", "resnest_mini", "--batch-size", 3, "--compare", path)
        self.assert_says(done, "none of its 1 rows")
        for text in ("", "{", "[]", '{"rows": []}'):
            with open(path, "w") as file:
                file.write(text)
            self.assert_says(self.expect(BAD_INPUT, "nestor-bench", "compare", path, path), "before.json")
            self.assert_says(self.expect(BAD_INPUT, "nestor-bench", "--network", "resnest_mini", "--compare", path), "before.json")


class Table(Bench):
    def test_estimates_say_that_they_are(self):
        svg, png = self.path("figure.svg"), self.path("figure.png")
        done = run("nestor-bench", "table", "--device", "cuda:sm_70", "--svg", svg, "--png", png)
        self.assertIn(done.returncode, (0, SOME_FAILED), done.stderr.decode())
        text = done.stdout.decode()
        (head,) = [line for line in text.splitlines() if line.startswith("| network")]
        self.assertIn("ms, V100, batch 16: published", head)
        self.assertIn("ms, V100-SXM2 (cuda:sm_70) fp16, batch 16: ESTIMATED, not measured", head)
        self.assertEqual(len(re.findall(r"(?m)^\| (ResNeSt|SENet|EfficientNet)-", text)), 11)
        for row in ("ResNeSt-50", "ResNeSt-269"):
            self.assertRegex(text, rf"(?m)^\| {row} .*\| +\d+\.\d+ \| +\d+\.\d+ \|$")
        with open(svg) as file:
            self.assertIn("ESTIMATED", xml.dom.minidom.parseString(file.read()).documentElement.toxml())
        with open(png, "rb") as file:
            self.assertEqual(file.read(8), b"\x89PNG\r\n\x1a\n")


class Serving(Bench):
    def test_commands_are_answered(self):
        values, output = self.path("values"), self.path("output")
        with open(values, "wb") as file:
            file.write(bytes(4 * 3 * 64 * 64))
        done = run("nestor-bench", "--weights", MINI, "--device", "cpu", "--serve",
                   stdin=f"input {values}\nrun 3\noutput {output}\n".encode())
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        lines = done.stdout.decode().splitlines()
        self.assertEqual((lines[0], lines[2]), ("ok", "ok 1"))
        self.assertEqual(len(lines[1].split()), 6)  # of the clock and of the processor
        self.assertEqual(os.path.getsize(output), 4 * 10)
        for commands in ("jump\n", "run none\n", "run 0\n"):
            self.assertEqual(run("nestor-bench", "--weights", MINI, "--device", "cpu", "--serve",
                                 stdin=commands.encode()).returncode, USAGE)


if __name__ == "__main__":
    unittest.main()
