"""nestor-convert: options that the command adds to the conversion, which unit tests cover."""
import json
import os

from support import BAD_MODEL, CAT, USAGE, CommandTest, model, read_safetensors, write_safetensors


class Options(CommandTest):
    def convert(self, *arguments):
        return ("nestor-convert", "--network", "resnest_mini", "--input", model("resnest_mini"), "--output",
                self.path("out.safetensors"), *arguments)

    def test_storage_and_notes(self):
        self.output(*self.convert("--storage", "fp16", "--note", "licence=CC0", "--note", "sum=1+1=2"))
        tensors, metadata = read_safetensors(self.path("out.safetensors"))
        self.assertEqual((tensors["fc.weight"][0], tensors["fc.bias"][0]), ("F16", "F32"))
        self.assertEqual((metadata["licence"], metadata["sum"]), ("CC0", "1+1=2"))
        self.assertEqual(metadata["nestor.num_classes"], "10")
        self.output("nestor-inspect", self.path("out.safetensors"), "--plan")

    def test_wrong_storage_and_notes_are_usage_errors(self):
        for arguments in (["--storage", "fp8"], ["--note", "no equals sign"], ["--note", "=x"],
                          ["--note", "a=1", "--note", "a=2"], ["--note", "nestor.network=vgg"]):
            self.expect(USAGE, *self.convert(*arguments))
        self.expect(USAGE, "nestor-convert", "--network", "resnest_mini", "--synthetic-seed", 1, "--storage", "fp16",
                    "--output", self.path("out.safetensors"))
        self.assertEqual(os.listdir(self.folder), [])

    def test_list_has_the_demo_model_with_its_own_number_of_classes(self):
        rows = {row["network"]: row for row in json.loads(self.output("nestor-convert", "--list", "--format", "json"))}
        self.assertEqual((rows["resnest_mini"]["parameters"], rows["resnest_mini"]["input_size"]), (547906, 64))
        self.assertEqual(rows["resnest50"]["parameters"], 27483240)

    def test_preprocessing_is_stored_and_used(self):
        self.output(*self.convert("--img-size", 96, "--crop-pct", "1", "--mean", "0.5,0.5,0.5", "--std", "0.25,0.5,0.75",
                                  "--interpolation", "bicubic"))
        stored = json.loads(read_safetensors(self.path("out.safetensors"))[1]["nestor.preprocess"])
        self.assertEqual({key: stored[key] for key in stored if key != "contract"},
                         {"crop_size": 96, "crop_ratio": 1.0, "interpolation": "bicubic", "mean": [0.5, 0.5, 0.5],
                          "std": [0.25, 0.5, 0.75]})
        # The command needs no option to do the same.
        given = ["--crop-size", 96, "--crop-ratio", "1", "--mean", "0.5,0.5,0.5", "--std", "0.25,0.5,0.75", "--interpolation", "bicubic"]
        rows = [self.output("nestor-classify", "--weights", weights, "--format", "csv", *options, CAT)
                for weights, options in ((model("resnest_mini"), given), (self.path("out.safetensors"), []),
                                         (model("resnest_mini"), []))]
        self.assertEqual(rows[0], rows[1])
        self.assertNotEqual(rows[0], rows[2])
        for wrong in (["--img-size", 8], ["--crop-pct", 2], ["--mean", "1,2"], ["--std", "0,1,1"], ["--interpolation", "cubist"]):
            self.expect(USAGE, *self.convert(*wrong))

    def test_the_network_is_told_by_the_file(self):
        tensors, _ = read_safetensors(model("resnest_mini"))
        write_safetensors(self.path("plain.safetensors"), {"net." + name: t for name, t in tensors.items()}, {})
        done = self.expect(0, "nestor-convert", "--input", self.path("plain.safetensors"), "--output", self.path("out.safetensors"))
        self.assert_says(done, "network resnest_mini", '"net."')
        self.assertEqual(read_safetensors(self.path("out.safetensors"))[0], tensors)
        done = self.expect(BAD_MODEL, "nestor-convert", "--network", "resnest50", "--input", self.path("plain.safetensors"),
                           "--output", self.path("none"))
        self.assert_says(done, "weights of resnest_mini with 10 classes, not of resnest50")

    def test_files_of_other_kinds_are_named(self):
        for name, start, words in (("page.params", b"<?xml version='1.0'?><Error>", "an XML document"),
                                   ("a.pth", b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
                                   ("b.pth", b"\xff\xd8\xff\xe0 JFIF", "a JPEG picture")):
            with open(self.path(name), "wb") as f:
                f.write(start)
            for command in (["nestor-convert", "--input", self.path(name), "--output", self.path("out")],
                            ["nestor-convert", "--inspect", self.path(name)], ["nestor-inspect", self.path(name)],
                            ["nestor-classify", "--weights", self.path(name), CAT]):
                self.assert_says(self.expect(BAD_MODEL, *command), words)

    def test_names_with_control_characters_do_not_reach_the_terminal(self):
        write_safetensors(self.path("evil.safetensors"), {"w\x1b]0;x\x07\u202e": ("F32", [1], b"1234")}, {})
        for command in (["--inspect", self.path("evil.safetensors")],):
            shown = self.output("nestor-convert", *command)
            self.assertIn("w\\x1b]0;x\\x07\\u202e", shown)
            self.assertNotIn("\x1b", shown)
