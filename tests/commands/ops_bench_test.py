"""nestor_ops_bench: names and figures. No time is judged."""
import json
import unittest

from support import CommandTest, run

CONVOLUTION = "n1_c8_h5_w6_k16_r3_s3_bias_relu"


class OpsBench(CommandTest):
    def names(self, *arguments):
        return self.output("nestor_ops_bench", *arguments, "--benchmark_list_tests=true").splitlines()

    def test_names_tell_all_apart_and_are_the_same_again(self):
        names = self.names("--network", "resnest_mini", "--threads", 1)
        self.assertEqual(len(names), len(set(names)))
        self.assertEqual(names, self.names("--network", "resnest_mini", "--threads", 1))
        for name in names:
            self.assertRegex(name, r"^[a-z_]+/[^ ]+/cpu/1_threads/manual_time$")
        self.assertLessEqual({"convolution", "dense", "split_attention"}, {name.split("/")[0] for name in names})

    def test_each_step_of_a_network_has_its_figures(self):
        path = self.path("now.json")
        self.output("nestor_ops_bench", "--network", "resnest_mini", "--threads", 1, "--benchmark_min_time=0",
                    "--benchmark_repetitions=1", f"--benchmark_out={path}")
        with open(path) as file:
            rows = json.load(file)["benchmarks"]
        self.assertEqual([row for row in rows if row.get("error_occurred")], [])
        for row in rows:
            self.assertGreater(row["real_time"], 0)
            self.assertGreater(row["GB/s"], 0)
            self.assertGreater(row["of_peak_bytes"], 0)
            if row["name"].startswith(("convolution", "dense")):
                self.assertGreater(row["GFLOP/s"], 0)
                self.assertAlmostEqual(row["GFLOP/s"] / row["of_peak_flops"] / (rows[0]["GFLOP/s"] / rows[0]["of_peak_flops"]), 1)

    def test_one_variant_of_a_string(self):
        (name,) = self.names(CONVOLUTION, "--variants", "onednn_plain", "--batch-size", 2, "--cold")
        self.assertEqual(name, "convolution/n2_c8_h5_w6_k16_r3_s3_bias_relu_fp32/onednn_plain/cpu/2_threads/cold/manual_time")

    def test_what_cannot_be_timed(self):
        for arguments, words in (((), "no problem"), (("--network", "resnest51"), "resnest50"), (("n1_c8",), "expected n, c, h"),
                                 ((CONVOLUTION, "--variants", "fast"), "none of the variants"),
                                 (("--network", "resnest50", "--device", "cuda:sm_70"), "for plans only")):
            done = run("nestor_ops_bench", *arguments)
            self.assertEqual(done.returncode, 1, arguments)
            self.assertIn(words, done.stderr.decode())


if __name__ == "__main__":
    unittest.main()
