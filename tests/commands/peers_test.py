"""bench/peers/compare.py, with stand-ins for the engines and for what needs numpy."""
import contextlib
import io
import json
import pathlib
import sys
import tempfile
import types
import unittest
from unittest import mock

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench" / "peers"))
import compare  # noqa: E402

ENGINE = """
import sys
name, log = sys.argv[1], open(sys.argv[2], "a")
for line in sys.stdin:
    log.write(line)
    if line.startswith("run") and name == "open_vino":
        sys.exit("no such operator")
    runs = int(line.split()[1]) if line.startswith("run") else 0
    print(*["80 150"] * runs if name == "nestor" else ["120 200"] * runs) if runs else print("ok")
    sys.stdout.flush()
"""
LOGITS = {"nestor": 0, "torch_eager": 1e-5, "torch_compile": 0.5, "onnx_runtime": 1e-4}


class Peers(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        self.started, self.version = [], "1"
        self.options = types.SimpleNamespace(
            device="cpu", threads=2, anew=False, out=self.folder / "results", folder=self.folder,
            networks=["resnest50", "resnest269"], batches=[1, 16], precisions=["fp32"],
            engines=["nestor", "torch_eager", "torch_compile", "onnx_runtime", "open_vino"],
            rounds=3, least_rounds=3, seconds=0)
        for patch in (
                mock.patch.multiple(compare, start=self.start, make_weights=mock.Mock(),
                                    make_onnx=mock.Mock(), reference_logits=lambda *_: 0),
                mock.patch.object(compare.networks, "write_noise", lambda *_: None),
                mock.patch.object(compare.machine, "versions", lambda *_: {"nestor": self.version}),
                mock.patch.multiple(compare.turns, SETTLE_SECONDS=0,
                                    largest_difference=lambda a, b: abs(a - b),
                                    read_logits=lambda engine, *_: LOGITS[engine.name])):
            patch.start()
            self.addCleanup(patch.stop)

    def start(self, name, network, batch, precision, options):
        self.started.append((name, network, batch))
        return compare.engines.Engine(name, [sys.executable, "-c", ENGINE, name, self.folder / "asked"],
                                      self.folder / f"{name}.log")

    def run_all(self):
        with contextlib.redirect_stdout(io.StringIO()):
            failed = compare.run(self.options)
        return failed, json.loads((self.folder / "results.json").read_text())["rows"]

    def test_who_computes_something_else_is_not_timed(self):
        self.options.networks, self.options.batches = ["resnest50"], [1]
        failed, rows = self.run_all()
        self.assertTrue(failed)
        nestor, eager, compiled, onnx, vino = rows
        self.assertEqual((nestor["ms_per_image"], nestor["cpu_ms_per_image"]), (80, 150))
        self.assertEqual(eager["ms_per_image"], 120)
        self.assertEqual(onnx["logits_difference_over_std"], 1e-4)
        self.assertNotIn("ms_per_image", compiled)
        self.assertIn("its logits differ by 5.0e-01", compiled["error"])
        self.assertIn("no such operator", vino["error"])
        text = (self.folder / "results.md").read_text()
        self.assertIn("| resnest50 | 1 | fp32 | 80.00 | torch_eager | 120.00 | 1.50 |", text)
        self.assertIn("| torch_compile | its logits differ", text)

    def test_a_stopped_run_goes_on(self):
        self.options.engines = ["nestor", "torch_eager"]
        stop = mock.patch.object(compare.networks, "write_noise", side_effect=[None, KeyboardInterrupt])
        with stop, self.assertRaises(KeyboardInterrupt):
            self.run_all()
        self.started.clear()
        failed, rows = self.run_all()
        self.assertFalse(failed)
        self.assertEqual([(r["engine"], r["network"], r["batch"]) for r in rows][2:], self.started)
        self.assertEqual(self.started, [(name, *group) for group in (("resnest269", 1), ("resnest50", 16))
                                        for name in self.options.engines])

    def test_rows_of_another_version_are_not_mixed_in(self):
        self.options.engines, self.options.batches = ["nestor", "torch_eager"], [1]
        self.run_all()
        self.version = "2"
        with self.assertRaisesRegex(SystemExit, "results.json was measured with other versions"):
            self.run_all()
        self.options.anew = True
        _, rows = self.run_all()
        self.assertEqual(len(rows), 4)

    def test_engines_take_turns(self):
        self.options.engines, self.options.batches = ["nestor", "torch_eager"], [1]
        self.options.networks = ["resnest50"]
        _, rows = self.run_all()
        self.assertEqual([row["times"] for row in rows], [6, 6])  # 3 turns of 200 ms
        asked = (self.folder / "asked").read_text().splitlines()
        self.assertEqual(len(asked), 2 * (1 + 2 + 3))


if __name__ == "__main__":
    unittest.main()
