"""nestor-convert: options that the command adds to the conversion, which unit tests cover."""
import json
import os

from support import USAGE, CommandTest, model, read_safetensors


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
