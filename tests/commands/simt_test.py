"""The commands on an emulated GPU; only for builds that have one.

    NESTOR_BIN=build/simt/bin python3 -m unittest discover -s tests/commands -p 'simt_test.py'
"""
import json
import os
import unittest

from support import BAD_INPUT, BIN, USAGE, CommandTest, model, run, write_png

HAS_EMULATOR = os.path.exists(os.path.join(BIN, "..", "lib", "libnestor_simt.so"))


@unittest.skipUnless(HAS_EMULATOR, "this build has no emulator")
class EmulatedGpu(CommandTest):
    env = {"NESTOR_SIMT_SM": "70", "NESTOR_SIMT_WORKERS": "2"}

    def emulated(self, name, *arguments, **options):
        return self.output(name, *arguments, "--device", "simt", env={**self.env, **options})

    def pictures(self, count):
        paths = [self.path(f"{i}.png") for i in range(count)]
        for i, path in enumerate(paths):
            write_png(path, 32, 32, (i * 40, 90, 255 - i * 40))
        return paths

    def classify(self, *arguments, **options):
        out = self.emulated("nestor-classify", "--weights", model(), "--format", "json", "--no-resize", *arguments, **options)
        return json.loads(out)["images"]

    def test_batches_overlap_and_come_in_order(self):
        paths = self.pictures(5)
        bad = self.path("bad.png")
        with open(bad, "w") as f:
            f.write("no image")
        at_once = self.classify("--batch-size", 5, "--deterministic", *paths)
        self.assertEqual([row["image"] for row in at_once], paths)
        for size in (1, 2):
            for streams in ("lazy", "eager"):
                rows = self.classify("--batch-size", size, "--deterministic", *paths, NESTOR_SIMT_STREAMS=streams)
                self.assertEqual(rows, at_once)
        mixed = paths[:2] + [bad] + paths[2:]
        done = run("nestor-classify", "--weights", model(), "--format", "json", "--no-resize", "--device", "simt",
                   "--batch-size", 2, "--deterministic", *mixed, env=self.env)
        rows = json.loads(done.stdout)["images"]
        self.assertEqual([row["image"] for row in rows], mixed)
        self.assertEqual([row for row in rows if "error" not in row], at_once)

    def tune(self, file, *arguments):
        return json.loads(self.emulated("nestor-inspect", model(), "--tune", "--tune-candidates", 2, "--tune-runs", 1,
                                        "--height", 32, "--tuning", file, "--format", "json", *arguments))

    def test_tuning_is_measured_kept_and_used(self):
        file = self.path("new", "tuning.json")
        document = self.tune(file, "--plan")
        problems = {p["problem"]: p["best"] for p in document["tuning"]["problems"]}
        self.assertGreater(len(problems), 10)
        self.assertTrue(all(best["us"] > 0 for best in problems.values()))
        with open(file) as f:
            section, = json.load(f)["sections"]
        self.assertEqual(section["choices"], problems)
        self.assertEqual((section["gpu"], section["architecture"], section["precision"]), ("emulated", "sm_70", "fp16"))
        convolutions = [step for step in document["plan"]["steps"] if step["op"] == "convolution"]
        self.assertTrue(all(step["tuned"] for step in convolutions))
        # The default place is for GPUs that are there.
        plan = self.emulated("nestor-inspect", model(), "--plan", "--height", 32, NESTOR_TUNING=file)
        self.assertIn("chosen by a tuning file", plan)
        plan = self.emulated("nestor-inspect", model(), "--plan", "--height", 32, "--tuning", "none", NESTOR_TUNING=file)
        self.assertNotIn("tuned", plan)
        # Another batch has problems of its own, which join the others.
        self.tune(file, "--batch", 2)
        with open(file) as f:
            self.assertEqual(len(json.load(f)["sections"][0]["choices"]), 2 * len(problems))

    def test_tuning_never_writes_over_another_file(self):
        file = self.path("notes.txt")
        with open(file, "w") as f:
            f.write("not to be lost")
        arguments = ("nestor-inspect", model(), "--tune", "--height", 32, "--device", "simt", "--tuning")
        self.assert_says(self.expect(BAD_INPUT, *arguments, file, env=self.env), "notes.txt", "JSON")
        with open(file) as f:
            self.assertEqual(f.read(), "not to be lost")
        self.expect(USAGE, *arguments, "none", env=self.env)


if __name__ == "__main__":
    unittest.main()
