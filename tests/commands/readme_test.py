"""What the README shows is what happens."""
import os
import subprocess

from support import BIN, ROOT, CommandTest


class Demo(CommandTest):
    def test_the_demo_prints_what_the_readme_shows(self):
        done = subprocess.run(["bash", os.path.join(ROOT, "apps", "demo.sh")], capture_output=True, text=True,
                              cwd=self.folder, env={**os.environ, "NESTOR_BIN": BIN}, timeout=300)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        with open(os.path.join(ROOT, "README.md")) as f:
            readme = f.read()
        self.assertIn(f"```\n{done.stdout}```\n", readme)
        self.assertIn("bash apps/demo.sh ", readme)
