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


class Features(CommandTest):
    def setUp(self):
        super().setUp()
        with open(os.path.join(ROOT, "apps", "FEATURES.md")) as page:
            self.text = page.read()

    def test_the_sums_are_those_of_the_rows(self):
        rows = re.findall(r"(?m)^\| (\d+) \| .* \| (?:\*\*)?(yes|partly|no)(?:\*\*)? \| .*\|$", self.text)
        self.assertEqual([int(number) for number, _ in rows], list(range(1, 73)))
        answers = [answer for _, answer in rows]
        sums = ", ".join(f"{answers.count(answer)} {answer}" for answer in ("yes", "partly", "no"))
        self.assertIn(sums, " ".join(self.text.split()))

    def test_files_and_options_exist(self):
        for path in re.findall(r"`((?:apps|library|tests)/[A-Za-z0-9_./]+)[ `]", self.text):
            self.assertTrue(os.path.exists(os.path.join(ROOT, path)), path)
        helps = "".join(run(name, "--help").stdout.decode() for name in sorted(os.listdir(BIN)) if name.startswith("nestor-"))
        for option in re.findall(r"`(?:nestor-[a-z]+ )?(--[a-z-]+)", self.text):
            self.assertTrue(option == "--golden" or option + " " in helps or option + "\n" in helps or option + "[" in helps, option)


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
