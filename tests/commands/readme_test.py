"""What the README shows is what happens."""
import os
import subprocess

from support import BIN, ROOT, CommandTest, read_safetensors


def readme():
    with open(os.path.join(ROOT, "README.md")) as f:
        return f.read()


class Demo(CommandTest):
    def test_the_demo_prints_what_the_readme_shows(self):
        done = subprocess.run(["bash", os.path.join(ROOT, "apps", "demo.sh")], capture_output=True, text=True,
                              cwd=self.folder, env={**os.environ, "NESTOR_BIN": BIN}, timeout=300)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn(f"```\n{done.stdout}```\n", readme())
        self.assertIn("bash apps/demo.sh ", readme())

    def test_the_accuracy_is_the_models(self):
        _, metadata = read_safetensors(os.path.join(ROOT, "apps", "demo", "resnest_mini.safetensors"))
        right, _, total, *_ = metadata["accuracy"].split()
        self.assertIn(f"Of all {total} digits held out from training {right} are right", readme())
