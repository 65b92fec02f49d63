"""The examples of apps/python/README.md, in their order and in one namespace, as its reader runs them."""
import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from package import CAT, ROOT, PythonTest, model, official_weights

with open(ROOT / "apps" / "python" / "README.md") as f:
    README = f.read()
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", README, re.M | re.S)
# What one ends with.
PRINTED = {0: r"0\.\d{3} .+\n", 1: r"photos/cat.jpg .+\nphotos/notes.txt bad_input\n", 3: r"resnest50 cpu fp32 1000 \['tench', ",
           4: r"0\.\d+\n", 5: r"\{'logits': \(2, 1000\), 'layer1': \(2, 256, 56, 56\), 'layer4': \(2, 2048, 7, 7\)\}\n",
           7: r"gluoncv/resnest50 \{'top-1': 50.0\} here\n"}


class Examples(PythonTest):
    @classmethod
    def setUpClass(cls):
        stack = contextlib.ExitStack()
        cls.addClassCleanup(stack.close)
        stack.enter_context(official_weights("resnest50"))
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        stack.callback(os.chdir, os.getcwd())
        os.chdir(folder)
        os.mkdir("photos")
        shutil.copy(ROOT / "apps" / "photos" / "coffee.jpg", "photo.jpg")
        shutil.copy(CAT, "photos/cat.jpg")
        with open("photos/notes.txt", "w") as notes:
            notes.write("no picture")
        shutil.copy(model("resnest50"), "resnest50.safetensors")
        shutil.copy(model("resnest50"), "tuned.pth")  # the format is told by the content
        with open("labels.txt", "w") as labels:
            labels.writelines(f"class {i}\n" for i in range(1000))

    def test_in_order(self):
        namespace = {"__name__": "example"}
        for idx, example in enumerate(EXAMPLES):
            out = io.StringIO()
            with self.subTest(example=example), contextlib.redirect_stdout(out):
                exec(compile(example, f"example {idx + 1}", "exec"), namespace)
            self.assertRegex(out.getvalue(), PRINTED.get(idx, "^$"))
        self.assertEqual(namespace["tuned"].labels[999], "class 999")
        self.assertEqual(namespace["answers"][1], namespace["answers"][2])
        self.assertEqual(namespace["classes"].shape, (4,))

    def test_processes(self):
        example = next(e for e in EXAMPLES if "multiprocessing" in e)
        with open("processes.py", "w") as script:
            script.write("import nestor\n" + example)
        done = subprocess.run([sys.executable, "processes.py"], capture_output=True, text=True, timeout=120)
        self.assertRegex(done.stdout, r"^\[Prediction\(class_id=\d+, ", done.stderr)

    def test_the_top_level_readme(self):
        example, = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), re.M | re.S)
        shutil.copy(CAT, "other.jpg")
        namespace = {}
        with contextlib.redirect_stdout(io.StringIO()):
            exec(example, namespace)
        self.assertEqual(namespace["features"].shape, (2, 2048))

    def test_there_are_ten(self):
        self.assertEqual(len(EXAMPLES), 10)
        self.assertIn("## Ten examples", README)


class Paths(PythonTest):
    def test_named_files_exist(self):
        for name in re.findall(r"`((?:apps|library)/[A-Za-z0-9_./]*)`", README):
            self.assertTrue((ROOT / name).exists(), name)


if __name__ == "__main__":
    unittest.main()
