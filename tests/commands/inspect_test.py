"""nestor-inspect: models, plans, passes, profiles and images."""
import hashlib
import json

from support import BAD_INPUT, BAD_MODEL, CAT, UNSUPPORTED, USAGE, CommandTest, has_gpu, model, run, write_png


class Models(CommandTest):
    def inspect(self, *arguments):
        return json.loads(self.output("nestor-inspect", model(), "--format", "json", *arguments))

    def test_metadata_and_layers(self):
        document = self.inspect()
        self.assertEqual((document["network"], document["num_classes"], document["source"], document["synthetic"]),
                         ("resnest14", 1000, "synthetic", True))
        self.assertEqual(len(document["tensors"]), 129)
        text = self.output("nestor-inspect", model())
        for part in ("resnest14", "meaningless", "layer4.0.conv2.fc2", "output logits"):
            self.assertIn(part, text)

    def test_a_plan_within_a_gpus_memory(self):
        line = ["nestor-inspect", model(), "--plan", "--device", "cuda:sm_70", "--device-memory-limit"]
        self.expect(0, *line, "1G")
        self.assert_says(self.expect(UNSUPPORTED, *line, "1M"), "device memory", "the limit is 1048576 bytes")
        self.assert_says(self.expect(UNSUPPORTED, *line, "1G", "--memory-limit", "100"), "for its outputs", "the limit is 100 bytes")

    def test_plan_has_steps_buffers_and_memory(self):
        plan = self.inspect("--plan", "--batch", 2, "--height", 161, "--width", 227)["plan"]
        self.assertEqual((plan["batch"], plan["height"], plan["width"]), (2, 161, 227))
        self.assertLessEqual(plan["arena_bytes"], 1.15 * plan["lower_bound_bytes"])
        for buffer in plan["buffers"]:
            self.assertLessEqual(buffer["offset"] + buffer["bytes"], plan["arena_bytes"])
        for step in plan["steps"]:
            self.assertTrue(step["variant"])
        text = self.output("nestor-inspect", model(), "--plan")
        self.assertIn("are live at once", text)

    def test_passes_show_the_graph_before_and_after(self):
        names = [entry["name"] for entry in self.inspect("--passes")["passes"]]
        self.assertEqual(names[0], "network")
        self.assertIn("fuse_split_attention", names)

    def test_profile_has_a_time_for_each_step(self):
        steps = self.inspect("--profile", "--height", 64)["plan"]["steps"]
        self.assertTrue(all(step["ms"] > 0 for step in steps))

    def test_plans_for_gpus_need_none(self):
        for device in ("cuda:sm_70", "cuda:sm_80", "cuda:sm_90a"):
            plan = self.inspect("--plan", "--batch", 16, "--device", device)["plan"]
            self.assertEqual((plan["precision"], plan["device"]), ("fp16", device))
            self.assertEqual(plan["total_bytes"], sum(step["bytes"] for step in plan["steps"]))
            # Merged shortcuts save residuals that the floor counts: of ResNeSt-14 in every block.
            self.assertLessEqual(0.7 * plan["floor_bytes"], plan["total_bytes"])
            self.assertLess(plan["floor_ms_per_image"], plan["modelled_ms_per_image"])
            for step in plan["steps"]:
                self.assertTrue(step["variant"])
                self.assertGreater(min(step["grid"]) * step["block"], 0)
        text = self.output("nestor-inspect", model(), "--plan", "--device", "cuda:sm_70", "--precision", "fp32")
        for part in ("fp32 on cuda:sm_70", "V100", "fully fused", "nothing was measured"):
            self.assertIn(part, text)
        done = self.expect(UNSUPPORTED, "nestor-inspect", model(), "--plan", "--device", "cuda:sm_35")
        self.assert_says(done, "sm_35", "sm_70")
        done = self.expect(UNSUPPORTED, "nestor-inspect", model(), "--profile", "--device", "cuda:sm_70")
        self.assert_says(done, "plans only")

    def test_deterministic_plans_say_what_they_cost(self):
        arguments = ("--plan", "--batch", 16, "--device", "cuda:sm_70")
        free = self.inspect(*arguments)["plan"]
        plan = self.inspect(*arguments, "--deterministic")["plan"]
        self.assertEqual((free["deterministic"], plan["deterministic"]), (False, True))
        self.assertEqual(plan["batch_dependent_modelled_ms_per_image"], free["modelled_ms_per_image"])
        self.assertGreaterEqual(plan["modelled_ms_per_image"], free["modelled_ms_per_image"])
        text = self.output("nestor-inspect", model(), *arguments, "--deterministic")
        self.assertIn("; deterministic: +", text)
        self.assertTrue(self.inspect("--plan", "--deterministic")["plan"]["deterministic"])

    def test_tuning_files_are_used_or_refused_with_the_reason(self):
        device = ("--plan", "--device", "cuda:sm_70", "--tuning")
        problem = "n1_c32_h112_w112_k32_r3_s3_bias_relu_fp16"
        done = run("nestor-inspect", model(), *device, self.path("none.json"))
        self.assert_says(done, "none.json", "is ignored")
        with open(self.path("bad.json"), "w") as f:
            f.write("{")
        done = self.expect(0, "nestor-inspect", model(), *device, self.path("bad.json"))
        self.assert_says(done, "bad.json", "not JSON")
        # What this build's kernels are called is in the refusal of a file that is for others.
        section = {"gpu": "a V100", "architecture": "sm_70", "toolkit": "12.4", "kernels": "old", "precision": "fp16",
                   "choices": {problem: {"variant": "convolution_sm70", "tile": "convolution_sm70_128x32", "splits": 1, "us": 9}}}
        file = self.path("tuning.json")

        def plan_with(**changes):
            with open(file, "w") as f:
                json.dump({"format": "nestor-tuning", "version": 1, "sections": [{**section, **changes}]}, f)
            done = self.expect(0, "nestor-inspect", model(), *device, file, "--format", "json")
            return json.loads(done.stdout)["plan"], done.stderr.decode()

        plan, said = plan_with()
        self.assertIn("kernels 'old'", said)
        kernels = said.split("kernels ")[1].split(",")[0]
        plan, said = plan_with(kernels=kernels)
        self.assertEqual(said, "")
        tuned = [s for s in plan["steps"] if s["tuned"]]
        self.assertEqual([s["tile"] for s in tuned], ["128x32"] * len(tuned))
        self.assertGreater(len(tuned), 0)
        plan, said = plan_with(kernels=kernels, choices={problem: {**section["choices"][problem], "tile": "huge"}})
        self.assertIn("'huge'", said)
        self.assertFalse(any(s["tuned"] for s in plan["steps"]))
        # Nothing is tuned on a CPU, and nothing runs on a GPU that is not there.
        self.assert_says(run("nestor-inspect", model(), "--plan", "--device", "cpu", "--tuning", file), "nothing to tune")
        self.assert_says(self.expect(UNSUPPORTED, "nestor-inspect", model(), "--tune", "--device", "cuda:sm_70", "--tuning", file), "plans only")
        self.assert_says(self.expect(UNSUPPORTED, "nestor-inspect", model(), "--tune", "--device", "cpu", "--tuning", file), "nothing to tune")

    def test_a_gpu_that_is_not_there(self):
        if has_gpu():
            self.skipTest("there is a GPU")
        done = self.expect(UNSUPPORTED, "nestor-classify", "--weights", model(), "--device", "cuda", CAT)
        self.assertTrue(done.stderr)
        # "auto" takes the CPU, and says why to those who ask.
        self.expect(0, "nestor-classify", "--weights", model(), "--device", "auto", CAT)
        self.assertIn(done.stderr.decode().split(": ", 1)[1].strip(),
                      self.output("nestor-inspect", model(), "--plan"))
        self.assertTrue(self.inspect("--plan")["plan"]["why_no_gpu"])

    def test_errors(self):
        self.expect(USAGE, "nestor-inspect")
        self.expect(BAD_MODEL, "nestor-inspect", CAT)
        self.expect(BAD_INPUT, "nestor-inspect", self.path("none"))
        self.expect(BAD_INPUT, "nestor-inspect", model(), "--plan", "--height", 16)


class Images(CommandTest):
    def test_hash_of_the_pixels_and_a_png_of_them(self):
        pixels = bytes(range(2 * 3 * 3))
        write_png(self.path("a.png"), 3, 2, pixels)
        found = json.loads(self.output("nestor-inspect", "--image", self.path("a.png"), "--format", "json",
                                       "--output", self.path("b.png")))
        self.assertEqual((found["width"], found["height"]), (3, 2))
        self.assertEqual(found["sha256"], hashlib.sha256(pixels).hexdigest())
        again = json.loads(self.output("nestor-inspect", "--image", self.path("b.png"), "--format", "json"))
        self.assertEqual(again["sha256"], found["sha256"])

    def test_the_input_of_the_network(self):
        plain = json.loads(self.output("nestor-inspect", "--image", CAT, "--format", "json", "--output-input", self.path("in.png")))
        self.assertEqual((plain["input"]["width"], plain["input"]["height"]), (224, 224))
        again = json.loads(self.output("nestor-inspect", "--image", self.path("in.png"), "--format", "json"))
        self.assertEqual(again["sha256"], plain["input"]["sha256"])
        small = json.loads(self.output("nestor-inspect", model(), "--image", CAT, "--crop-size", 64, "--format", "json"))
        self.assertEqual(small["input"]["width"], 64)
        self.assertEqual(small["sha256"], plain["sha256"])
        self.assertIn("network gets", self.output("nestor-inspect", "--image", CAT))
        write_png(self.path("line.png"), 5000, 1, (1, 2, 3))
        line = json.loads(self.output("nestor-inspect", "--image", self.path("line.png"), "--format", "json"))
        self.assertIn("line.png", line["input"]["error"])

    def test_refused_images(self):
        with open(self.path("x.png"), "wb") as f:
            f.write(b"\x89PNG\r\n\x1a\n")
        done = self.expect(BAD_INPUT, "nestor-inspect", "--image", self.path("x.png"), "--output", self.path("y.png"))
        self.assert_says(done, "x.png")
        self.expect(BAD_INPUT, "nestor-inspect", "--image", self.path("none.png"))
        self.expect(USAGE, "nestor-inspect", "--image", CAT, "--preprocess", "opencv")
