"""Names of networks and weights, and the commands of the package."""
import json
import os
import subprocess
import sys
import tempfile

import nestor
import nestor.commands
from package import CAT, DEMO_MODEL, DIGITS, PythonTest, model, official_weights

PROGRAMS = os.path.dirname(sys.executable)


class Lists(PythonTest):
    def test_models(self):
        names = nestor.list_models()
        self.assertIn("resnest50", names)
        listed = json.loads(nestor.commands.output_of("convert", "--list", "--format", "json"))
        self.assertEqual(names, [row["network"] for row in listed])
        self.assertLessEqual(set(nestor.list_models("classification")), set(names))
        self.assertEqual(nestor.list_models("needlework"), [])

    def test_pretrained(self):
        first = nestor.list_pretrained("resnest50")[0]
        self.assertEqual((first["name"], first["source"], first["network"]), ("gluoncv/resnest50", "gluoncv", "resnest50"))
        self.assertGreater(len(nestor.list_pretrained()), 30)
        with self.assert_error("usage", "resnest51"):
            nestor.list_pretrained("resnest51")


class Pull(PythonTest):
    def test_by_network_and_source(self):
        with official_weights("resnest14") as server:
            path = nestor.pull("resnest14", "gluoncv")
            self.assertEqual(nestor.pull("resnest14", offline=True), path)
            self.assertEqual(len(server.requests), 1)
            loaded = nestor.load("resnest14", "gluoncv", threads=1)
            self.assertEqual((loaded.path, loaded.source), (path, "gluoncv"))
            self.assertEqual(nestor.load("resnest14", weights=path, threads=1).classify(CAT), loaded.classify(CAT))

    def test_errors(self):
        with official_weights("resnest14"):
            with self.assert_error("usage", "timm"):
                nestor.pull("resnest14", "timm")
            with self.assert_error("internal", "offline"):
                nestor.load("resnest14", offline=True)


class Convert(PythonTest):
    def test_with_labels_and_preprocessing(self):
        with tempfile.TemporaryDirectory() as folder:
            labels = os.path.join(folder, "labels.txt")
            with open(labels, "w") as f:
                f.writelines(f"class {i}\n" for i in range(10))
            path = nestor.convert(DEMO_MODEL, os.path.join(folder, "out.safetensors"), labels=labels, img_size=96,
                                  mean=[0.5, 0.5, 0.25], storage="fp16")
            converted = nestor.load(path, threads=1)
        self.assertEqual(converted.labels[9], "class 9")
        self.assertEqual((converted.data_config["input_size"], converted.data_config["mean"]), ((3, 96, 96), (0.5, 0.5, 0.25)))

    def test_errors(self):
        with self.assert_error("bad_input", "/no/such.pth"):
            nestor.convert("/no/such.pth", "/tmp/out.safetensors")
        with self.assert_error("bad_model", "cat.jpg"):
            nestor.convert(CAT, "/tmp/out.safetensors", network="resnest50")


class Commands(PythonTest):
    def test_the_module_is_the_commands(self):
        arguments = ["--weights", DEMO_MODEL, "--format", "csv", "--quiet", *DIGITS]
        outputs = [subprocess.run([*program, *arguments], capture_output=True, check=True).stdout
                   for program in ([sys.executable, "-m", "nestor", "classify"], [os.path.join(PROGRAMS, "nestor-classify")])]
        self.assertEqual(outputs[0].count(b"\n"), outputs[1].count(b"\n"))
        self.assertEqual(outputs[0], outputs[1])
        self.assertIn(DIGITS[0].encode(), outputs[0])

    def test_each_is_installed(self):
        for name in nestor.commands.names():
            done = subprocess.run([os.path.join(PROGRAMS, f"nestor-{name}"), "--version"], capture_output=True, text=True, check=True)
            self.assertIn(nestor.__version__, done.stdout)

    def test_exit_codes_pass_through(self):
        for arguments, code in ((["classify", "--no-such"], 2), (["classify", "--weights", model(), "/no/such.jpg"], 3)):
            self.assertEqual(subprocess.run([sys.executable, "-m", "nestor", *arguments], capture_output=True).returncode, code)
        done = subprocess.run([sys.executable, "-m", "nestor", "embroider"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("classify,", done.stderr)
