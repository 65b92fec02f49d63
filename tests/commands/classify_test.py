"""nestor-classify: results in all formats, inputs of all kinds, and what it says of bad ones."""
import json
import os
import shutil

from support import (BAD_INPUT, BAD_MODEL, CAT, PHOTOS, ROOT, SOME_FAILED, UNSUPPORTED, USAGE, CommandTest, floats, model,
                     read_safetensors, run, write_png, write_safetensors)


class Results(CommandTest):
    def test_json_names_network_images_and_predictions(self):
        result = json.loads(self.output("nestor-classify", "--weights", model(), "--format", "json", "--top-k", 3, CAT))
        self.assertEqual(result["network"], "resnest14")
        self.assertTrue(result["synthetic"])
        image, = result["images"]
        self.assertEqual(set(image), {"image", "width", "height", "predictions"})
        self.assertEqual(image["image"], CAT)
        self.assertEqual(len(image["predictions"]), 3)
        probabilities = [p["probability"] for p in image["predictions"]]
        self.assertEqual(probabilities, sorted(probabilities, reverse=True))
        self.assertEqual(set(image["predictions"][0]), {"class_id", "class", "probability"})

    def test_probabilities_of_all_classes_sum_to_one(self):
        result = json.loads(self.output("nestor-classify", "--weights", model(), "--format", "json", "--top-k", 1000, CAT))
        predictions = result["images"][0]["predictions"]
        self.assertEqual(sorted(p["class_id"] for p in predictions), list(range(1000)))
        self.assertAlmostEqual(sum(p["probability"] for p in predictions), 1, places=4)
        names = {p["class_id"]: p["class"] for p in predictions}
        self.assertEqual((names[0], names[281]), ("tench", "tabby"))

    def test_all_formats_agree(self):
        def out(form):
            return self.output("nestor-classify", "--weights", model(), "--format", form, "--top-k", 1, PHOTOS)
        rows = json.loads(out("json"))["images"]
        self.assertEqual([json.loads(line) for line in out("jsonl").splitlines()], rows)
        first = [row["predictions"][0]["class_id"] for row in rows]
        csv = out("csv").splitlines()
        self.assertEqual(csv[0], "image,width,height,rank,class_id,class,probability,error")
        self.assertEqual([int(line.split(",")[4]) for line in csv[1:]], first)
        text = [line for line in out("text").splitlines() if line.startswith("  ")]
        self.assertEqual([int(line.split()[1]) for line in text], first)

    def test_output_file_appears_whole_or_not_at_all(self):
        self.output("nestor-classify", "--weights", model(), "--format", "json", "--output", self.path("r.json"), CAT)
        with open(self.path("r.json")) as f:
            self.assertEqual(len(json.load(f)["images"]), 1)
        self.expect(BAD_MODEL, "nestor-classify", "--weights", CAT, "--output", self.path("none.json"), CAT)
        self.assertEqual(sorted(os.listdir(self.folder)), ["r.json"])

    def test_synthetic_weights_are_named_as_such(self):
        self.assert_says(run("nestor-classify", "--weights", model(), CAT), "synthetic weights", "meaningless")

    def test_labels_from_a_file(self):
        with open(self.path("labels.txt"), "w") as f:
            f.write("".join(f"name {i}\n" for i in range(1000)))
        result = json.loads(self.output("nestor-classify", "--weights", model(), "--format", "json", "--labels",
                                        self.path("labels.txt"), CAT))
        for p in result["images"][0]["predictions"]:
            self.assertEqual(p["class"], f"name {p['class_id']}")
        with open(self.path("short.txt"), "w") as f:
            f.write("one\n")
        self.assert_says(self.expect(BAD_INPUT, "nestor-classify", "--weights", model(), "--labels", self.path("short.txt"), CAT),
                         "short.txt", "1 labels, expected 1000")


class Inputs(CommandTest):
    def names(self, *arguments, **options):
        out = self.output("nestor-classify", "--weights", model(), "--format", "jsonl", "--top-k", 1, *arguments, **options)
        return [json.loads(line)["image"] for line in out.splitlines()]

    def test_folders_globs_lists_and_standard_input(self):
        for name in ("b.png", "a.png", "notes.txt"):
            write_png(self.path(name), 40, 40, (10, 20, 30))
        a, b = self.path("a.png"), self.path("b.png")
        self.assertEqual(self.names(self.folder), [a, b])
        self.assertEqual(self.names(self.path("*.png")), [a, b])
        with open(self.path("list.txt"), "w") as f:
            f.write(f"{b}\n\n{a}\n{b}\n")
        self.assertEqual(self.names("@" + self.path("list.txt")), [b, a, b])
        with open(a, "rb") as f:
            self.assertEqual(self.names(b, "-", stdin=f.read()), [b, "-"])

    def test_brackets_alone_are_no_glob(self):
        # How browsers name a second download. a1.png must not be taken for it.
        write_png(self.path("a1.png"), 40, 40, (10, 20, 30))
        for missing in ("a[1].png", "a[0-9].png"):
            done = self.expect(BAD_INPUT, "nestor-classify", "--weights", model(), self.path(missing))
            self.assert_says(done, missing + ": cannot open", "No such file")
        self.assertEqual(self.names(self.path("a[0-9]*.png")), [self.path("a1.png")])
        write_png(self.path("a[1].png"), 40, 40, (10, 20, 30))
        self.assertEqual(self.names(self.path("a[1].png")), [self.path("a[1].png")])

    def test_folders_of_folders_without_what_is_no_image(self):
        os.makedirs(self.path("photos", "dog", "puppies"))
        os.makedirs(self.path("photos", "cat"))
        os.makedirs(self.path("photos", ".cache"))
        kept = [os.path.join("photos", name) for name in ("cat/b.PNG", "dog/a.png", "dog/puppies/c.png", "top.png")]
        for name in [*kept, "photos/.cache/x.png", "photos/._top.png"]:
            write_png(self.path(name), 40, 40, (10, 20, 30))
        for name in ("cat/live.heic", "cat/old.HEIC", "drawing.svg", "README"):
            with open(self.path("photos", name), "w") as f:
                f.write("no picture")
        os.symlink(self.path("photos"), self.path("photos", "dog", "round"))
        self.assertEqual(self.names("photos", cwd=self.folder), kept)
        self.assertEqual(self.names("photos", "--no-recursive", cwd=self.folder), ["photos/top.png"])
        done = self.expect(0, "nestor-classify", "--weights", model(), self.path("photos"))
        self.assert_says(done, "4 files left out: 1 without extension, 2 .heic, 1 .svg")
        self.assertNotIn(b"._top", done.stdout + done.stderr)
        os.makedirs(self.path("empty"))
        with open(self.path("empty", "a.heic"), "w") as f:
            f.write("x")
        self.assert_says(self.expect(BAD_INPUT, "nestor-classify", "--weights", model(), self.path("empty")),
                         "no image files in this folder", "1 .heic")

    def test_byte_order_marks_are_no_part_of_lists_and_labels(self):
        write_png(self.path("a.png"), 40, 40, (10, 20, 30))
        with open(self.path("list.txt"), "wb") as f:
            f.write(b"\xef\xbb\xbfa.png\r\na.png\r\n")
        self.assertEqual(self.names("@list.txt", cwd=self.folder), ["a.png", "a.png"])
        with open(self.path("labels.txt"), "wb") as f:
            f.write(b"\xef\xbb\xbf" + b"\n".join(b"class %d" % i for i in range(1000)))
        out = self.output("nestor-classify", "--weights", model(), "--labels", self.path("labels.txt"), "--top-k", 1000,
                          "--format", "json", self.path("a.png"))
        labels = {p["class"] for p in json.loads(out)["images"][0]["predictions"]}
        self.assertIn("class 0", labels)

    def test_orientation_is_applied_on_demand_and_mentioned_otherwise(self):
        photo = os.path.join(ROOT, "tests", "engine", "image", "pictures", "orientation_6.webp")
        def run_with(*arguments):
            return self.expect(0, "nestor-classify", "--weights", model(), "--format", "json", photo, photo, *arguments)
        def sizes(done):
            return {(r["width"], r["height"]) for r in json.loads(done.stdout)["images"]}
        done = run_with()
        self.assert_says(done, "warning", "orientation_6.webp and 1 more", "--orientation apply")
        self.assertEqual(sizes(done), {(11, 7)})
        done = run_with("--orientation", "apply")
        self.assertNotIn(b"orientation", done.stderr)
        self.assertEqual(sizes(done), {(7, 11)})

    def test_a_picture_that_memory_does_not_suffice_for_fails_alone(self):
        write_png(self.path("small.png"), 40, 40, (10, 20, 30))
        write_png(self.path("large.png"), 800, 800, (10, 20, 30))
        done = self.expect(SOME_FAILED, "nestor-classify", "--weights", model(), "--format", "json", "--decode-memory", "2M",
                           self.path("large.png"), self.path("small.png"))
        large, small = json.loads(done.stdout)["images"]
        self.assertIn("--decode-memory", large["error"])
        self.assertTrue(small["predictions"])
        self.expect(USAGE, "nestor-classify", "--weights", model(), "--decode-memory", "many", self.path("small.png"))

    def test_order_is_that_of_the_inputs_whatever_the_batch(self):
        paths = []
        for i in range(7):
            paths.append(self.path(f"{i}.png"))
            write_png(paths[-1], 33 + i, 40, (i * 30, 90, 255 - i * 30))
        outs = [self.output("nestor-classify", "--weights", model(), "--format", "json", "--batch-size", size, *paths)
                for size in (1, 3, 7, 16)]
        self.assertEqual([row["image"] for row in json.loads(outs[0])["images"]], paths)
        self.assertEqual(len(set(outs)), 1)

    def test_one_bad_image_does_not_stop_the_rest(self):
        bad = self.path("bad.jpg")
        with open(bad, "w") as f:
            f.write("no image")
        done = self.expect(SOME_FAILED, "nestor-classify", "--weights", model(), "--format", "json", CAT, bad,
                           self.path("absent.png"), CAT)
        rows = json.loads(done.stdout)["images"]
        self.assertEqual(["error" in row for row in rows], [False, True, True, False])
        self.assertEqual(set(rows[1]), {"image", "error"})
        self.assertIn("bad.jpg", rows[1]["error"])
        self.assertIn("absent.png", rows[2]["error"])

    def test_all_bad(self):
        self.expect(BAD_INPUT, "nestor-classify", "--weights", model(), self.path("absent.png"))
        for argument in (self.folder, self.path("*.jpg"), "@" + self.path("none.txt")):
            self.expect(BAD_INPUT, "nestor-classify", "--weights", model(), argument)

    def test_truncated_photo_is_refused_unless_lenient(self):
        with open(CAT, "rb") as f:
            half = f.read()[:20000]
        with open(self.path("half.jpg"), "wb") as f:
            f.write(half)
        self.expect(BAD_INPUT, "nestor-classify", "--weights", model(), self.path("half.jpg"))
        self.assert_says(self.expect(0, "nestor-classify", "--weights", model(), "--lenient", self.path("half.jpg")), "warning")

    def test_no_resize_wants_one_size(self):
        write_png(self.path("a.png"), 64, 48, (1, 2, 3))
        write_png(self.path("b.png"), 48, 64, (1, 2, 3))
        done = self.expect(SOME_FAILED, "nestor-classify", "--weights", model(), "--no-resize", "--format", "jsonl",
                           self.path("a.png"), self.path("b.png"), self.path("a.png"))
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertIn("48 x 64 pixels, expected 64 x 48", rows[1]["error"])
        self.assertEqual(rows[0]["predictions"], rows[2]["predictions"])

    def test_no_resize_refuses_sizes_that_the_network_does_not_take(self):
        write_png(self.path("small.png"), 31, 64, (1, 2, 3))
        write_png(self.path("good.png"), 32, 64, (1, 2, 3))
        done = self.expect(SOME_FAILED, "nestor-classify", "--weights", model(), "--no-resize", "--format", "jsonl",
                           self.path("small.png"), self.path("good.png"))
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertIn("small.png: 31 x 64", rows[0]["error"])
        self.assertEqual(len(rows[1]["predictions"]), 5)

    def test_names_that_make_no_sense_are_errors_of_their_own(self):
        done = self.expect(SOME_FAILED, "nestor-classify", "--weights", model(), "--format", "jsonl", "x" * 5000, CAT)
        self.assertIn("error", json.loads(done.stdout.splitlines()[0]))
        self.assert_says(self.expect(BAD_INPUT, "nestor-classify", "--weights", model(), "@" + CAT), "not a list")

    def test_elongated_images_are_named(self):
        write_png(self.path("long.png"), 60000, 1, (1, 2, 3))
        done = self.expect(BAD_INPUT, "nestor-classify", "--weights", model(), "--format", "jsonl", self.path("long.png"))
        self.assertIn("long.png: too elongated", json.loads(done.stdout)["error"])

    def test_limits_hold_before_decoding(self):
        for flag, limit in (("--max-pixels", 1000), ("--max-side", 100)):
            done = self.expect(BAD_INPUT, "nestor-classify", "--weights", model(), flag, limit, "--format", "json", CAT)
            error = json.loads(done.stdout)["images"][0]["error"]
            self.assertIn("cat.jpg", error)
            self.assertIn(str(limit), error)

    def test_aliases_of_gluoncv(self):
        self.output("nestor-classify", "--model", "resnest14", "--saved-params", model(), "--input-pic", CAT)


class SavedTensors(CommandTest):
    def save(self, *arguments):
        self.output("nestor-classify", "--weights", model(), "--save-outputs", self.path("out.safetensors"), *arguments)
        return read_safetensors(self.path("out.safetensors"))[0]

    def test_logits_and_taps_of_all_images(self):
        taps = "input,stem,layer1,layer1.attention,layer4"
        saved = self.save("--save-tensors", taps, "--batch-size", 2, PHOTOS)
        self.assertEqual({name: shape for name, (_, shape, _) in saved.items()},
                         {"logits": [3, 1000], "input": [3, 3, 224, 224], "stem": [3, 64, 56, 56],
                          "layer1": [3, 256, 56, 56], "layer1.attention": [3, 128, 1, 1], "layer4": [3, 2048, 7, 7]})
        self.assertTrue(all(dtype == "F32" for dtype, _, _ in saved.values()))
        attention = floats(saved["layer1.attention"][2])
        for n in range(3):
            for c in range(64):
                self.assertAlmostEqual(attention[n * 128 + c] + attention[n * 128 + 64 + c], 1, places=5)

    def test_taps_change_no_logit_beyond_rounding(self):
        plain = floats(self.save(CAT)["logits"][2])
        tapped = floats(self.save("--save-tensors", "layer1.attention,layer3", CAT)["logits"][2])
        self.assertLess(max(abs(a - b) for a, b in zip(plain, tapped)), 1e-4)

    def test_unknown_tensor_is_a_usage_error_that_lists_names(self):
        done = self.expect(USAGE, "nestor-classify", "--weights", model(), "--save-outputs", self.path("x.safetensors"),
                           "--save-tensors", "layer9", CAT)
        self.assert_says(done, "layer9", "layer4")
        self.assertEqual(os.listdir(self.folder), [])


class Errors(CommandTest):
    def test_usage(self):
        self.expect(USAGE, "nestor-classify")
        self.expect(USAGE, "nestor-classify", "--weights", model(), "--bogus", CAT)
        self.expect(USAGE, "nestor-classify", "--weights", model(), "--precision", "fp7", CAT)
        self.expect(USAGE, "nestor-classify", "--weights", model(), "--crop-size", 8, CAT)
        self.expect(USAGE, "nestor-classify", "--weights", model(), "--threads", 100000, CAT)
        self.expect(USAGE, "nestor-classify", "--weights", model(), "--std", "1,0,1", CAT)
        self.expect(USAGE, "nestor-classify", "--weights", model(), "--mean", "1,2", CAT)
        self.expect(USAGE, "nestor-classify", "--weights", model(), "-", "-", stdin=b"")
        self.expect(USAGE, "nestor-classify", "--weights", model(), "--mean", "nan,0,0", CAT)
        self.expect(USAGE, "nestor-classify", "--weights", model(), "--std", "inf,1,1", CAT)
        self.expect(USAGE, "nestor-classify", "--weights", model(), "--crop-size", 20000, CAT)
        self.expect(USAGE, "nestor-classify", "--weights", model(), "--network", "vgg", CAT)
        for flag in ("--top-k", "--batch-size"):
            self.assertLess(len(self.expect(USAGE, "nestor-classify", "--weights", model(), flag, 0, CAT).stderr), 300)

    def test_results_do_not_overwrite_what_they_are_made_of(self):
        photo, weights = self.path("photo.jpg"), self.path("m.safetensors")
        shutil.copy(CAT, photo)
        shutil.copy(model(), weights)
        os.link(photo, self.path("other.jpg"))
        for output in (photo, weights, self.path("other.jpg")):
            for flag in ("--output", "--save-outputs"):
                self.expect(USAGE, "nestor-classify", "--weights", weights, flag, output, photo)
        same = self.path("same")
        self.expect(USAGE, "nestor-classify", "--weights", weights, "--output", same, "--save-outputs", same, photo)
        self.expect(USAGE, "nestor-inspect", "--image", photo, "--output", photo)
        self.expect(USAGE, "nestor-convert", "--network", "resnest14", "--input", weights, "--output", weights)
        for copy, original in ((photo, CAT), (weights, model())):
            with open(copy, "rb") as a, open(original, "rb") as b:
                self.assertEqual(a.read(), b.read())

    def test_an_output_that_cannot_be_written_is_refused_before_the_work(self):
        done = self.expect(1, "nestor-classify", "--weights", model(), "--save-outputs", self.path("none", "x"), CAT)
        self.assert_says(done, os.path.join("none", "x"))
        self.assertEqual(done.stdout, b"")

    def test_devices_and_precisions_that_are_not_there(self):
        self.assert_says(self.expect(UNSUPPORTED, "nestor-classify", "--weights", model(), "--device", "cuda:99", CAT), "cuda")
        self.assert_says(self.expect(UNSUPPORTED, "nestor-classify", "--weights", model(), "--device", "gpu", CAT), "gpu")
        self.assert_says(self.expect(UNSUPPORTED, "nestor-classify", "--weights", model(), "--device", "cuda:sm_70", CAT), "plans only")
        self.assert_says(self.expect(UNSUPPORTED, "nestor-classify", "--weights", model(), "--device", "cpu", "--precision", "fp16", CAT),
                         "fp16")

    def test_a_plan_that_needs_more_memory_than_it_may_take(self):
        for command in (["nestor-classify", CAT], ["nestor-bench"]):
            done = self.expect(UNSUPPORTED, command[0], "--weights", model(), "--memory-limit", "1M", *command[1:])
            self.assert_says(done, "for weights", "the limit is 1048576 bytes")
        self.expect(0, "nestor-classify", "--weights", model(), "--memory-limit", "4g", "--device", "cpu", "--device-memory-limit", "1", CAT)
        self.expect(0, "nestor-classify", "--weights", model(), "--device", "cpu", "--plan-cache", "1", CAT)
        for option in ("--memory-limit", "--plan-cache"):
            for size in ("0", "-1", "much"):
                self.assert_says(self.expect(USAGE, "nestor-classify", "--weights", model(), option, size, CAT), option, size)

    def test_bad_models(self):
        self.assert_says(self.expect(BAD_INPUT, "nestor-classify", "--weights", self.path("none"), CAT), "none")
        self.assert_says(self.expect(BAD_MODEL, "nestor-classify", "--weights", CAT, CAT), "cat.jpg")
        self.assert_says(self.expect(BAD_MODEL, "nestor-classify", "--weights", model(), "--network", "resnest50", CAT),
                         "resnest14", "resnest50")

    def test_models_whose_tensors_do_not_fit_name_each(self):
        tensors, metadata = read_safetensors(model())
        del tensors["fc.bias"]
        dtype, shape, data = tensors["conv1.0.weight"]
        tensors["conv1.0.weight"] = (dtype, [32, 27], data)
        write_safetensors(self.path("bad.safetensors"), tensors, metadata)
        done = self.expect(BAD_MODEL, "nestor-classify", "--weights", self.path("bad.safetensors"), CAT)
        self.assert_says(done, "fc.bias", "conv1.0.weight", "[32, 27]", "[32, 3, 3, 3]")

    def test_metadata_is_not_trusted(self):
        tensors, metadata = read_safetensors(model())
        for key, value in (("nestor.num_classes", "-1"), ("nestor.num_classes", "99999999999999999999"),
                           ("nestor.num_classes", "10"), ("nestor.network", "vgg"), ("nestor.labels", "[1]"),
                           ("nestor.labels", "not json"), ("nestor.preprocess", "{}"), ("nestor.preprocess", "[")):
            write_safetensors(self.path("bad.safetensors"), tensors, {**metadata, key: value})
            done = self.expect(BAD_MODEL, "nestor-classify", "--weights", self.path("bad.safetensors"), CAT)
            self.assert_says(done, "bad.safetensors")

    def test_weights_that_are_not_numbers_have_no_answer(self):
        nan, infinity, negative = b"\0\0\xc0\x7f", b"\0\0\x80\x7f", b"\0\0\x80\xbf"
        for name, value in (("fc.bias", nan), ("conv1.0.weight", nan), ("layer1.0.conv1.weight", infinity),
                            ("layer2.0.conv2.fc2.weight", nan), ("layer4.0.bn3.running_var", negative)):
            tensors, metadata = read_safetensors(model())
            dtype, shape, data = tensors[name]
            tensors[name] = (dtype, shape, value + data[4:])
            write_safetensors(self.path("nan.safetensors"), tensors, metadata)
            done = self.expect(BAD_MODEL, "nestor-classify", "--weights", self.path("nan.safetensors"), CAT)
            self.assert_says(done, "nan.safetensors", "finite", name.rsplit(".", 1)[0])

    def test_full_disk(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        with open("/dev/full", "w") as full:
            import subprocess
            from support import BIN
            done = subprocess.run([os.path.join(BIN, "nestor-classify"), "--weights", model(), CAT], stdout=full,
                                  stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"standard output", done.stderr)

    def test_names_that_are_not_utf8(self):
        name = os.fsencode(self.folder) + b"/\xff.jpg"
        shutil.copy(CAT, name)
        done = run("nestor-classify", "--weights", model(), "--format", "json", os.fsdecode(name))
        self.assertEqual(done.returncode, 0)
        json.loads(done.stdout.decode("utf-8"))
