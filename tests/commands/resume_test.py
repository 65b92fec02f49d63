"""--shard and --resume: jobs that several processes share, and that go on where they were stopped."""
import fcntl
import json
import os
import shutil
import signal
import subprocess
import time

from support import BAD_INPUT, BIN, PHOTOS, ROOT, SOME_FAILED, USAGE, CommandTest, model

MODEL = os.path.join(ROOT, "apps", "demo", "resnest_mini.safetensors")
DIGITS = os.path.join(ROOT, "apps", "demo", "digits")
COMMAND = ["--weights", MODEL, "--threads", 1, "--top-k", 3]


class JobTest(CommandTest):
    def classify(self, *arguments, code=0):
        return self.expect(code, "nestor-classify", *COMMAND, *arguments)

    def rows(self, *arguments, code=0):
        return self.classify("--format", "jsonl", *arguments, code=code).stdout.decode().splitlines()

    def contents(self, path):
        with open(path) as f:
            return f.read()


class Shards(JobTest):
    def test_together_they_are_all(self):
        shards = [self.rows("--shard", f"{i}/5", DIGITS) for i in range(1, 6)]
        self.assertEqual([len(rows) for rows in shards], [5, 5, 5, 5, 4])
        everything = self.rows(DIGITS)
        self.assertEqual([shards[i % 5][i // 5] for i in range(24)], everything)

    def test_one_may_be_empty(self):
        self.assertEqual(self.rows("--shard", "25/25", DIGITS), [])

    def test_others_are_refused(self):
        for text in ("0/2", "3/2", "1", "1/", "/2", "1/2/3", "-1/2", "a/b", "1/0", "99999999999999999999/1"):
            self.assert_says(self.classify("--shard", text, DIGITS, code=USAGE), "--shard", "I/N")


class Detections(JobTest):
    def test_wherever_the_table_was_cut(self):
        line = ["--weights", model("faster_rcnn_fpn_resnest_mini"), "--thresh", "0.1", "--format", "csv", "--resume",
                "--output", self.path("out"), PHOTOS]
        self.output("nestor-detect", *line)
        whole = self.contents(self.path("out"))
        for end in (9, len(whole) // 2, len(whole) - 1):
            with open(self.path("out"), "w") as f:
                f.write(whole[:end])
            self.output("nestor-detect", *line)
            self.assertEqual(self.contents(self.path("out")), whole, end)


class Segmentations(JobTest):
    def setUp(self):
        super().setUp()
        self.line = ["nestor-segment", "--weights", model("deeplab_resnest_mini"), "--resume", "--output", self.path("out"), PHOTOS]

    def test_wherever_the_text_was_cut(self):
        for form in ("jsonl", "csv"):
            self.output(*self.line, "--format", form)
            whole = self.contents(self.path("out"))
            self.assertGreater(whole.count("\n"), len(os.listdir(PHOTOS)) - 1)
            for end in (9, len(whole) // 2, len(whole) - 1):
                with open(self.path("out"), "w") as f:
                    f.write(whole[:end])
                self.output(*self.line, "--format", form)
                self.assertEqual(self.contents(self.path("out")), whole, (form, end))
            os.remove(self.path("out"))

    def test_files_that_are_there_are_left_alone(self):
        for form, kind in (("png", "png"), ("overlay", "png"), ("raw", "raw")):
            self.output(*self.line, "--format", form)
            files = sorted(os.listdir(self.path("out")))
            self.assertEqual(len(files), len(os.listdir(PHOTOS)))
            os.remove(self.path("out", files[0]))
            with open(self.path("out", files[1]), "w") as f:
                f.write("there")
            done = self.expect(0, *self.line, "--format", form)
            self.assert_says(done, f"{len(files) - 1} of {len(files)} images have results in {self.path('out')}")
            self.assertEqual(sorted(os.listdir(self.path("out"))), files)
            self.assertEqual(self.contents(self.path("out", files[1])), "there")
            self.assertGreater(os.path.getsize(self.path("out", files[0])), 100)
            shutil.rmtree(self.path("out"))

    def test_what_cannot_be_gone_on_with(self):
        self.assert_says(self.expect(USAGE, *self.line, "--format", "json"), "--format png, overlay, raw, jsonl or csv, found json")
        self.assert_says(self.expect(USAGE, *self.line, "--save-outputs", self.path("s")), "--save-outputs")


class Resume(JobTest):
    def resume(self, form, *arguments, code=0):
        return self.classify("--format", form, "--resume", "--output", self.path("out"), *arguments, code=code)

    def test_the_file_of_one_run_is_that_without(self):
        for form in ("jsonl", "csv"):
            self.resume(form, DIGITS)
            self.classify("--format", form, "--output", self.path("whole"), DIGITS)
            self.assertEqual(self.contents(self.path("out")), self.contents(self.path("whole")))
            os.remove(self.path("out"))

    def test_wherever_it_was_cut(self):
        for form in ("jsonl", "csv"):
            self.resume(form, DIGITS)
            whole = self.contents(self.path("out"))
            for end in (0, 3, whole.index("\n"), whole.index("\n") + 1, whole.index("\n") + 9, len(whole) // 2, len(whole) - 1):
                with open(self.path("out"), "w") as f:
                    f.write(whole[:end])
                self.resume(form, DIGITS)
                self.assertEqual(self.contents(self.path("out")), whole, (form, end))
            os.remove(self.path("out"))

    def test_nothing_is_done_twice(self):
        self.resume("jsonl", DIGITS)
        done = self.resume("jsonl", DIGITS)
        self.assert_says(done, f"24 of 24 images have results in {self.path('out')}")

    def test_after_a_kill(self):
        for copy in range(40):
            shutil.copytree(DIGITS, self.path("many", str(copy)))
        line = [os.path.join(BIN, "nestor-classify"), *map(str, COMMAND), "--format", "jsonl", "--resume", "--output", self.path("out"),
                "--batch-size", "4", self.path("many")]
        process = subprocess.Popen(line, stderr=subprocess.DEVNULL)
        while not os.path.exists(self.path("out")) or os.path.getsize(self.path("out")) < 4000:
            self.assertIsNone(process.poll())
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        left = self.contents(self.path("out")).count("\n")
        self.assertLess(left, 960)
        self.assert_says(self.resume("jsonl", self.path("many")), f"{left} of 960 images have results")
        self.assertEqual(self.contents(self.path("out")).splitlines(), self.rows(self.path("many")))

    def test_names_of_all_kinds(self):
        names = ["plain.jpg", 'quo"ted.jpg', "com,ma.jpg", "new\nline.jpg", "umlaut-\u00e4.jpg", os.fsdecode(b"latin-\xe4.jpg")]
        os.mkdir(self.path("names"))
        for name in names:
            shutil.copy(os.path.join(DIGITS, "01_is_8.jpg"), self.path("names", name))
        for form in ("jsonl", "csv"):
            self.resume(form, self.path("names"))
            whole = self.contents(self.path("out"))
            self.resume(form, self.path("names"))
            self.assertEqual(self.contents(self.path("out")), whole)
            os.remove(self.path("out"))

    def test_errors_are_results(self):
        with open(self.path("bad.jpg"), "w") as f:
            f.write("no picture")
        self.resume("jsonl", self.path("bad.jpg"), DIGITS, code=SOME_FAILED)
        self.resume("jsonl", self.path("bad.jpg"), DIGITS)
        rows = [json.loads(row) for row in self.contents(self.path("out")).splitlines()]
        self.assertEqual([("error" in row) for row in rows], [True] + [False] * 24)

    def test_an_image_that_is_named_twice_has_two_results(self):
        image = os.path.join(DIGITS, "01_is_8.jpg")
        self.resume("jsonl", image)
        self.resume("jsonl", image, image)
        self.assertEqual(self.contents(self.path("out")).count("\n"), 2)

    def test_other_files_stay_as_they_are(self):
        for form, text in (("jsonl", "no json\n"), ("jsonl", '{"picture": 1}\n'), ("jsonl", "[1]\n"), ("csv", "name,size\n1,2\n")):
            with open(self.path("out"), "w") as f:
                f.write(text)
            self.assert_says(self.resume(form, DIGITS, code=BAD_INPUT), self.path("out"))
            self.assertEqual(self.contents(self.path("out")), text)

    def test_usage(self):
        self.assert_says(self.classify("--resume", DIGITS, code=USAGE), "--resume", "--output")
        for form in ("text", "json"):
            self.assert_says(self.resume(form, DIGITS, code=USAGE), "jsonl or csv", form)
        self.assert_says(self.resume("csv", DIGITS, "--save-outputs", self.path("x"), code=USAGE), "--save-outputs")

    def test_one_process_at_a_time(self):
        with open(self.path("out"), "w") as f:
            fcntl.flock(f, fcntl.LOCK_EX)
            self.assert_says(self.resume("csv", DIGITS, code=USAGE), "another process")
