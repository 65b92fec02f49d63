"""Completion of the commands' options, as the shells themselves read it."""
import os
import re
import shutil
import subprocess
import unittest

from support import BIN, USAGE, CommandTest

COMMANDS = sorted(name for name in os.listdir(BIN) if name.startswith("nestor-"))


class Completion(CommandTest):
    def script(self, command, shell):
        path = self.path(f"{command}.{shell}")
        with open(path, "w") as f:
            f.write(self.output(command, "--completion", shell))
        return path

    def in_bash(self, command, *words):
        """What bash offers for the last word."""
        line = (f"source {self.script(command, 'bash')}; COMP_WORDS=({command} {' '.join(map(repr, words))}); COMP_CWORD={len(words)}; "
                f"_{command.replace('-', '_')}; ((${{#COMPREPLY[@]}} == 0)) || printf '%s\\n' \"${{COMPREPLY[@]}}\"")
        return subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True, cwd=self.folder).stdout.splitlines()

    def test_every_option_of_the_help(self):
        for command in COMMANDS:
            names = set(re.findall(r"(?m)^  (?:-\w, )?(--[a-z0-9-]+)", self.output(command, "--help")))
            self.assertLessEqual(names, set(self.in_bash(command, "--")), command)

    def test_choices_files_and_subcommands(self):
        self.assertEqual(self.in_bash("nestor-classify", "--format", "j"), ["json", "jsonl"])
        with open(self.path("photo.jpg"), "w"):
            pass
        self.assertEqual(self.in_bash("nestor-classify", "ph"), ["photo.jpg"])
        self.assertEqual(self.in_bash("nestor-classify", "--labels", "ph"), ["photo.jpg"])
        self.assertEqual(self.in_bash("nestor-classify", "--quiet", "ph"), ["photo.jpg"])
        self.assertEqual(self.in_bash("nestor-classify", "--top-k", "p"), [])
        self.assertEqual(self.in_bash("nestor-classify", "--format", "=", "j"), ["json", "jsonl"])
        self.assertEqual(self.in_bash("nestor-classify", "--format", "="), ["text", "json", "jsonl", "csv"])
        os.rename(self.path("photo.jpg"), self.path("a photo.jpg"))
        self.assertEqual(self.in_bash("nestor-classify", "a"), ["a photo.jpg"])
        self.assertEqual(self.in_bash("nestor-weights", "pu"), ["pull"])
        self.assertEqual(self.in_bash("nestor-weights", "pull", "--off"), ["--offline"])

    @unittest.skipUnless(shutil.which("zsh"), "no zsh")
    def test_zsh_reads_it(self):
        for command in COMMANDS:
            subprocess.run(["zsh", "-n", self.script(command, "zsh")], check=True)

    @unittest.skipUnless(shutil.which("fish"), "no fish")
    def test_fish_completes(self):
        for command in COMMANDS:
            path = self.script(command, "fish")
            done = subprocess.run(["fish", "--no-config", "-c", f"source {path}; complete -C '{command} --'"], capture_output=True, text=True,
                                  env={**os.environ, "HOME": self.folder, "PATH": BIN + ":" + os.environ["PATH"]})
            self.assertIn("--help", done.stdout, done.stderr)

    def test_another_shell(self):
        self.assert_says(self.expect(USAGE, "nestor-classify", "--completion", "tcsh"), "tcsh", "bash, zsh or fish")
