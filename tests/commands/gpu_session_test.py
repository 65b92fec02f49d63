"""bench/gpu_session.sh, with stand-ins for the GPU and for the programs it runs."""
import json
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import types
import unittest
from unittest import mock

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))
import gpu_session  # noqa: E402

SESSION = ROOT / "bench" / "gpu_session.sh"

PASSING = 'echo "Passed all 7 test cases with 9 assertions."'
PROGRAMS = {"nestor_device_tests": PASSING, "nestor_device_kernel_tests": PASSING,
            "nestor_tests": PASSING}
GOLDEN_CHECK = """
import json, os, sys, time
value = lambda name: sys.argv[sys.argv.index(name) + 1]
with open(os.environ["CHECKED"], "a") as file:
    print(value("--case"), value("--precision"), file=file)
time.sleep(1.5 if value("--case") == "resnest14" else 0)
with open(value("--json"), "w") as file:
    json.dump([{"ok": True}], file)
"""
TUNES = """
echo tuned >>"$4"  # after FILE --tune --tuning
[ $(wc -l <"$4") != 3 ]
"""
PROFILED = """
echo 'nestor-inspect: warning: no tuning for this GPU' >&2
echo '{"plan": {"steps": [{"name": "stem", "variant": "direct", "ms": 0.25}]}}'
"""
TABLE = """
echo 'nestor-bench: senet_154 cannot run' >&2
echo '{"rows": [{"network": "resnest50", "top1": 81.1, "published_ms": 1.78,
                 "times": {"cuda:0 fp16, batch 16": {"kind": "measured", "ms": 0.25, "floor_ms": null}}},
                {"network": "senet_154", "top1": 81.3, "published_ms": 7.5, "times": {}}]}'
exit 6
"""
ROWS = """
echo 'nestor-bench: one cannot run' >&2
cat <<END
{"rows": [{"network": "${10%%,*}", "batch": 8, "height": 800, "width": 1216, "precision": "fp16", "ms_per_image": 2.5,
           "latency_ms": {"p99": 24}, "floor_ms": 8, "floor_share": 0.4, "warnings": ["host-bound"], "samples_ms": [[20]]}]}
END
exit 6
"""
ENGINE = """
import subprocess, sys, time
name, runs = sys.argv[1], 0
for line in sys.stdin:
    if name == "good":
        print(line, end="", file=sys.stderr, flush=True)
    runs += line.startswith("run")
    if runs > 2 and name == "dies":
        sys.exit("illegal memory access")
    if name == "hangs":
        print(subprocess.Popen(["sleep", "600"]).pid, file=sys.stderr, flush=True)
        time.sleep(600)
    print("ok" if not line.startswith("run") else "0.5 1.5", flush=True)
"""
NVIDIA_SMI = """
case "$1" in
  *name,*) echo "A GPU, 1.2.3, 1000, 100.0, 1980, 0, 12, 3" ;;
  *) echo "1500, 2000, 77.5, 40, 99" ;;
esac
"""


def script(path, body):
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


class GpuSession(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        (self.folder / "path").mkdir()
        script(self.folder / "path" / "nvidia-smi", NVIDIA_SMI)
        self.weights = self.folder / "work" / "weights"
        (self.folder / "modules").mkdir()
        self.pack(PROGRAMS)

    def pack(self, programs):
        content = self.folder / "content"
        (content / "bin").mkdir(parents=True, exist_ok=True)
        (content / "commit").write_text("0123456789ab\n")
        (content / "toolkit").write_text("nvcc 1.2\n")
        for name, body in programs.items():
            script(content / "bin" / name, body)
        with tarfile.open(self.folder / "pack.tar.xz", "w:xz") as archive:
            archive.add(content, ".")

    def modules(self, *names):
        """Empty Python modules: they are there, and no more."""
        for name in names:
            (self.folder / "modules" / f"{name}.py").touch()

    def made_weights(self):
        self.modules("torch", "timm", "safetensors")
        self.weights.mkdir(parents=True)
        for network in ("resnest50", "resnest101", "resnest200", "resnest269"):
            (self.weights / f"{network}.safetensors").touch()

    def run_session(self, *arguments, out="out"):
        path = f"{self.folder / 'path'}:{os.environ['PATH']}"
        done = subprocess.run(
            [SESSION, "run", "--pack", self.folder / "pack.tar.xz", "--work", self.folder / "work",
             "--out", self.folder / out, *arguments],
            capture_output=True, text=True,
            env=dict(os.environ, PATH=path, PYTHONPATH=str(self.folder / "modules"),
                     CHECKED=str(self.folder / "checked")))
        file = self.folder / out / "results.json"
        return done, json.loads(file.read_text()) if file.exists() else None

    def test_runs_the_parts_and_reports(self):
        done, results = self.run_session("--parts", "machine,conformance,kernels,engine,golden")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        parts = results["parts"]
        self.assertEqual(parts["conformance"]["found"]["result"],
                         "Passed all 7 test cases with 9 assertions.")
        self.assertEqual(parts["golden"]["status"], "skipped")
        self.assertEqual(parts["golden"]["why"], "packed without golden data")
        self.assertEqual(results["machine"]["name"], "A GPU")
        self.assertEqual(results["machine"]["commit"], "0123456789ab")
        report = (self.folder / "out" / "report.md").read_text()
        self.assertIn("| conformance | ok: Passed all 7 test cases with 9 assertions. |", report)
        self.assertIn("| times | not reached |", report)
        self.assertIn("12 of 1000 MiB, 3 % of the time", report)
        self.assertEqual(sorted(file.name for file in (self.folder / "out").iterdir()),
                         ["logs.tar.xz", "report.md", "results.json"])
        with tarfile.open(self.folder / "out" / "logs.tar.xz") as logs:
            self.assertIn("logs/nestor_device_tests.log", logs.getnames())

    def test_a_failing_part_fails_the_session_and_not_the_others(self):
        self.pack(PROGRAMS | {"nestor_device_tests": "echo 'mma is wrong'; exit 3",
                              "nestor_tests": "echo 'No test cases matched'"})
        done, results = self.run_session("--parts", "conformance,kernels,engine")
        self.assertEqual(done.returncode, 1)
        self.assertEqual({name: part["status"] for name, part in results["parts"].items()},
                         {"conformance": "failed", "kernels": "ok", "engine": "failed"})
        self.assertIn("mma is wrong", results["parts"]["conformance"]["why"])
        self.assertIn("no test ran", results["parts"]["engine"]["why"])

    def test_the_time_is_kept_and_the_rest_done_later(self):
        self.pack(PROGRAMS | {"nestor_device_tests": "sleep 60"})
        done, results = self.run_session("--seconds", "8", "--parts", "machine,conformance,kernels")
        self.assertEqual(done.returncode, 1)
        self.assertIn("not done in", results["parts"]["conformance"]["why"])
        self.assertEqual(results["parts"]["kernels"]["status"], "not reached")

        self.pack(PROGRAMS | {"nestor_tests": "exit 1"})
        done, results = self.run_session("--parts", "conformance,kernels", "--previous",
                                         self.folder / "out", out="more")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual([results["parts"][name]["status"] for name in ("conformance", "kernels")],
                         ["ok", "ok"])
        # What is done is not done again.
        self.pack(PROGRAMS | {"nestor_device_tests": "exit 1"})
        done, _ = self.run_session("--parts", "conformance", "--previous", self.folder / "more",
                                   out="last")
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_golden_cases_that_the_time_did_not_reach_are_done_later(self):
        (self.folder / "content" / "check").mkdir()
        (self.folder / "content" / "check" / "classification.py").write_text(GOLDEN_CHECK)
        self.pack(PROGRAMS)
        self.modules("numpy", "safetensors", "PIL")
        done, results = self.run_session("--seconds", "46", "--parts", "golden")
        self.assertEqual(done.returncode, 1)
        part = results["parts"]["golden"]
        self.assertEqual(part["status"], "failed")
        self.assertRegex(part["why"], "^the time ended before .*, resnest269 fp16$")
        self.assertEqual(results["golden"][0],
                         {"precision": "fp16", "case": "resnest14", "passed": 1})
        before = len(results["golden"])

        done, results = self.run_session("--parts", "golden", "--previous", self.folder / "out",
                                         out="more")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertGreater(len(results["golden"]), before)
        checked = (self.folder / "checked").read_text().splitlines()
        self.assertEqual(checked, [f"{row['case']} {row['precision']}" for row in results["golden"]])
        self.assertEqual(len(checked), len(set(checked)))

    def test_tuning_goes_on_where_it_failed(self):
        self.pack({"nestor-inspect": TUNES})
        self.made_weights()
        done, results = self.run_session("--parts", "tuning")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(results["tuned"], [["resnest50", 1], ["resnest50", 16]])
        done, results = self.run_session("--parts", "tuning", "--previous", self.folder / "out",
                                         out="more")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual(len(results["tuned"]), 8)
        self.assertEqual(len((self.folder / "more" / "tuning.json").read_text().split()), 9)
        self.assertEqual(sorted(file.name for file in (self.folder / "more").iterdir()),
                         ["logs.tar.xz", "report.md", "results.json", "tuning.json"])

    def test_profiles_are_read_beside_warnings(self):
        self.pack({"nestor-inspect": PROFILED})
        self.made_weights()
        done, results = self.run_session("--parts", "profiles")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual([(row["network"], row["batch"]) for row in results["profiles"]],
                         [(network, batch) for network in ("resnest50", "resnest101", "resnest200",
                                                           "resnest269") for batch in (1, 16)])
        self.assertIn("| stem | direct |  | 250.0 |", done.stdout)
        with tarfile.open(self.folder / "out" / "logs.tar.xz") as logs:
            self.assertIn(b"no tuning", logs.extractfile("logs/profile_resnest50_1.log").read())

    def test_the_table_is_kept_though_some_networks_cannot_run(self):
        self.pack({"nestor-bench": TABLE})
        done, results = self.run_session("--parts", "table")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual([row["network"] for row in results["table"]], ["resnest50", "senet_154"])
        self.assertIn("| resnest50 | 81.1 | 1.78 | 0.250 | - |", done.stdout)
        self.assertIn("| senet_154 | 81.3 | 7.5 | - | - |", done.stdout)

    def test_detectors_and_segmenters_have_rows(self):
        self.pack({"nestor-bench": ROWS})
        done, results = self.run_session("--parts", "detection,segmentation")
        self.assertEqual(done.returncode, 0, done.stdout)
        for part, network in (("detection", "faster_rcnn_fpn_resnet50_v1b_coco"), ("segmentation", "deeplab_resnet101_ade")):
            (row,) = results[part]
            self.assertEqual((row["network"], row["floor_ms"]), (network, 8))
            self.assertNotIn("samples_ms", row)
            self.assertIn(f"| {network} | 800 x 1216 | 8 | 2.500 | 3.000 | 1.000 | host-bound |", done.stdout)
        with tarfile.open(self.folder / "out" / "logs.tar.xz") as logs:
            self.assertIn(b"one cannot run", logs.extractfile("logs/detection.log").read())

    def test_vendors_that_are_not_there_are_skipped(self):
        self.modules("torch", "timm")
        done, results = self.run_session("--parts", "vendors")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual(results["parts"]["vendors"]["status"], "skipped")
        self.assertIn("lacks onnxruntime and tensorrt", results["parts"]["vendors"]["why"])

    def test_dry_run_starts_the_programs(self):
        done, _ = self.run_session("--dry-run")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("would run      conformance", done.stdout)
        self.pack(PROGRAMS | {"nestor_tests": "echo 'libfmt.so.9: cannot open' >&2; exit 127"})
        done, _ = self.run_session("--dry-run")
        self.assertEqual(done.returncode, 1)
        self.assertIn("libfmt.so.9: cannot open", done.stdout)

    def test_bad_arguments_are_refused(self):
        done, _ = self.run_session("--parts", "nonsense")
        self.assertEqual(done.returncode, 2)
        self.assertIn("no part is called nonsense", done.stderr)
        (self.folder / "pack.tar.xz").unlink()
        done, _ = self.run_session("--parts", "machine")
        self.assertEqual(done.returncode, 1)
        self.assertIn("run bench/gpu_session.sh pack", done.stderr)
        done = subprocess.run([SESSION], capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("gpu_session.sh run --out DIR", done.stderr)


class Engines(unittest.TestCase):
    """Comparisons, with stand-ins for the engines and for what needs numpy."""

    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        environment = mock.patch.dict(os.environ)
        environment.start()
        self.addCleanup(environment.stop)
        self.session = gpu_session.Session(types.SimpleNamespace(
            out=self.folder / "out", work=self.folder / "work", previous=None, seconds=300, rounds=5))
        self.started = {}
        for patch in (
                mock.patch.object(gpu_session, "start_engine", self.start),
                mock.patch.object(gpu_session, "make_files"),
                mock.patch.object(gpu_session, "nvidia_smi", lambda _: "1500, 2000, 77.5, 40, 99"),
                mock.patch.object(gpu_session.networks, "write_noise", lambda *_: None),
                mock.patch.multiple(
                    gpu_session.turns, largest_difference=lambda a, b: abs(a - b),
                    read_logits=lambda engine, file, limit: len(engine.ask(f"output {file}", limit)))):
            patch.start()
            self.addCleanup(patch.stop)

    def start(self, session, name, network, batch):
        engine = gpu_session.engines.Engine(name, [sys.executable, "-c", ENGINE, name],
                              self.folder / f"{name}.log")
        self.started[name] = engine
        return engine

    def compare(self, *names, pairs=(("resnest50", 1),), seconds=5, least=1):
        return gpu_session.compare(self.session, "times", list(pairs), names, seconds, least)

    def assert_all_ended(self):
        for engine in self.started.values():
            self.assertIsNotNone(engine.process.returncode, engine.name)

    def test_an_engine_that_fails_leaves_the_others_their_turns(self):
        with self.assertRaises(gpu_session.Failed) as failed:
            self.compare("hangs", "dies", "good")
        self.assertIn("hangs resnest50 1: hangs: no answer in time", str(failed.exception))
        self.assertIn("dies failed: illegal memory access", str(failed.exception))
        hangs, dies, good = self.session.document["times"][0]["rows"]
        self.assertNotIn("ms_per_image", hangs)
        self.assertNotIn("ms_per_image", dies)
        self.assertEqual(good["times"], 5)
        self.assertEqual((good["ms_per_image"], good["host_ms_per_image"]), (0.5, 1.5))
        self.assertEqual(good["logits_difference_over_std"], 0)
        self.assert_all_ended()
        child = int((self.folder / "hangs.log").read_text())
        stat = pathlib.Path(f"/proc/{child}/stat")  # a zombie until whoever adopted it looks
        self.assertTrue(not stat.exists() or stat.read_text().split()[2] == "Z")
        self.assertIn("| resnest50 | 1 | dies | dies failed", self.session.report())

    def test_files_that_cannot_be_made_cost_one_network(self):
        failing = mock.Mock(side_effect=[gpu_session.Failed("no such operator"), None])
        with mock.patch.object(gpu_session, "make_files", failing):
            with self.assertRaisesRegex(gpu_session.Failed, "resnest50 1: no such operator"):
                self.compare("good", pairs=(("resnest50", 1), ("resnest50", 16)))
        (result,) = self.session.document["times"]
        self.assertEqual(result["rows"][0]["batch"], 16)

    def test_a_turn_is_as_long_for_every_engine(self):
        self.compare("good")
        asked = (self.folder / "good.log").read_text().splitlines()
        self.assertEqual(asked[1:3], ["run 3", "run 3"])
        self.assertEqual(asked[4:], ["run 12", "run 100"] * 5)  # 2 ms each
        row = self.session.document["times"][0]["rows"][0]
        self.assertEqual((row["runs_a_turn"], row["times"]), (100, 5))

    def test_a_fault_of_the_comparison_ends_its_engines(self):
        with mock.patch.object(gpu_session, "Watch", side_effect=OSError("no thread")):
            with self.assertRaises(OSError):
                self.compare("good", "other")
        self.assert_all_ended()

    def test_comparisons_that_failed_or_were_not_reached_are_done_later(self):
        pairs = [("resnest50", 1), ("resnest50", 16)]
        with self.assertRaises(gpu_session.Failed):
            self.compare("dies", "good", pairs=pairs[:1])
        with self.assertRaisesRegex(gpu_session.Failed, "the time ended before resnest50 at batch 16"):
            self.compare("good", pairs=pairs, least=1000)
        self.assertEqual(self.compare("good", pairs=pairs), {"result": "2 comparisons"})
        self.started.clear()
        self.compare("good", pairs=pairs)
        self.assertEqual(self.started, {})


if __name__ == "__main__":
    unittest.main()
