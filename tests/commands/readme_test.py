"""What the README shows is what happens."""
import os
import re
import shlex
import subprocess

from support import BIN, ROOT, CommandTest, read_safetensors, run


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


class Snippets(CommandTest):
    def blocks(self, language):
        return re.findall(rf"^```{language}\n(.*?)^```$", readme(), re.M | re.S)

    def test_commands_and_options_exist(self):
        lines = [line for block in self.blocks("sh") for line in block.splitlines() if line.startswith("nestor-")]
        self.assertGreaterEqual(len(lines), 4)
        for line in lines:
            name, *arguments = shlex.split(line, comments=True)
            subcommand = arguments[:1] if name in ("nestor-eval", "nestor-weights") else []
            help_text = run(name, *subcommand, "--help").stdout.decode()
            for argument in arguments:
                if argument.startswith("--"):
                    self.assertRegex(help_text, rf"(?m){re.escape(argument)}\b", line)

    def test_the_snippet_compiles(self):
        snippet, = self.blocks("cpp")
        source = self.path("snippet.cpp")
        include, _, body = snippet.partition("\n")
        with open(source, "w") as f:
            f.write(f"{include}\nvoid use(const std::string&, float);\nvoid snippet() {{\n{body}}}\n")
        done = subprocess.run(["g++", "-std=c++20", "-fsyntax-only", "-I", os.path.join(ROOT, "library"),
                               source], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_folders_and_scripts_exist(self):
        for name in re.findall(r"`((?:apps|bench|engine|graphs|kernels|tests|weights_convert)/[A-Za-z0-9_./]*)`", readme()):
            self.assertTrue(os.path.exists(os.path.join(ROOT, name)), name)
