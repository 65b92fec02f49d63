"""Conventions that all commands share: help, misspelt options, standard streams, outputs and messages."""
import fcntl
import json
import os
import pty
import re
import shutil
import struct
import subprocess
import termios
import threading

from support import (BAD_INPUT, BIN, CAT, PHOTOS, ROOT, SOME_FAILED, USAGE, CommandTest, model, read_safetensors, run,
                     write_png, write_safetensors)

COMMANDS = ("nestor-bench", "nestor-classify", "nestor-convert", "nestor-detect", "nestor-eval", "nestor-inspect",
            "nestor-segment", "nestor-weights")
DIGITS = os.path.join(ROOT, "apps", "demo", "digits")
MINI = os.path.join(ROOT, "apps", "demo", "resnest_mini.safetensors")
EIGHT = os.path.join(DIGITS, "01_is_8.jpg")


def control_characters(text):
    return re.findall(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]", text)


def on_terminal(columns, name, *arguments, stdout_too=False):
    """Exit code and what a terminal of that width is sent on standard error (and output)."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen([os.path.join(BIN, name), *map(str, arguments)], stderr=theirs,
                               stdout=theirs if stdout_too else subprocess.DEVNULL)
    os.close(theirs)
    sent = b""
    while True:
        try:
            piece = os.read(ours, 1 << 16)
        except OSError:  # the other side is closed
            break
        if not piece:
            break
        sent += piece
    os.close(ours)
    return process.wait(), sent.decode()


def with_closed(descriptors, *line):
    """The exit code of a command that starts without some of its standard descriptors, and what the others got."""
    redirections = " ".join(f"{d}{'<' if d == 0 else '>'}&-" for d in descriptors)
    return subprocess.run(["bash", "-c", f'"$@" {redirections}', "bash", os.path.join(BIN, line[0]), *map(str, line[1:])],
                          capture_output=True, stdin=subprocess.DEVNULL, timeout=60)


class Help(CommandTest):
    def test_all_texts_fit_80_columns_and_name_exit_codes(self):
        for name in COMMANDS:
            subcommands = re.findall(r"(?m)^  (list|pull|path|verify|remove|import|coco|voc|ade20k|imagenet|table)\b", self.output(name, "--help"))
            for arguments in ([], *([s] for s in subcommands)):
                text = self.output(name, *arguments, "--help")
                with self.subTest(name=name, arguments=arguments):
                    self.assertIn("Exit codes:\n", text)
                    for code in range(7):
                        self.assertRegex(text, rf"(?m)^  {code} +\w")
                    for line in text.splitlines():
                        self.assertLessEqual(len(line), 80, line)
                    for internal in (" INT", " UINT", " FLOAT", "REQUIRED", " in [", "{false}"):
                        self.assertNotIn(internal, text)
                    self.assertNotIn("\n\n\n", text)

    def test_environment_variables_are_named(self):
        for name, variables in (("nestor-classify", ("NESTOR_HOME", "XDG_CACHE_HOME", "NESTOR_TUNING", "NESTOR_WEIGHTS_URL",
                                                     "https_proxy", "SSL_CERT_FILE", "CUDA_VISIBLE_DEVICES")),
                                ("nestor-inspect", ("NESTOR_HOME", "NESTOR_TUNING", "CUDA_VISIBLE_DEVICES")),
                                ("nestor-weights", ("NESTOR_HOME", "MXNET_HOME", "TORCH_HOME", "NESTOR_WEIGHTS_URL",
                                                    "HF_HUB_CACHE", "HF_HOME", "HF_ENDPOINT"))):
            text = self.output(name, "--help")
            self.assertIn("Environment:\n", text)
            for variable in variables:
                self.assertRegex(text, rf"(?m)^  .*\b{variable}\b", name)

    def test_text_is_as_wide_as_the_terminal(self):
        for columns in (40, 60, 100):
            code, text = on_terminal(columns, "nestor-classify", "--help", stdout_too=True)
            self.assertEqual(code, 0)
            lines = [line for line in text.replace("\r\n", "\n").splitlines() if not line.startswith(("  nestor-", "Usage"))]
            words = [line for line in lines if " " in line.strip() and not re.match(r"  -", line)]
            self.assertLessEqual(max(map(len, words)), columns)
            self.assertGreater(max(map(len, words)), columns - 20)


class Slips(CommandTest):
    def says(self, *line):
        return self.expect(USAGE, *line).stderr.decode()

    def test_misspelt_options_and_subcommands_get_a_suggestion(self):
        for line, meant in ((("nestor-classify", "--wieghts", "m", CAT), "no option --wieghts; did you mean --weights?"),
                            (("nestor-classify", "--topp-k=3", CAT), "no option --topp-k; did you mean --top-k?"),
                            (("nestor-convert", "--inptu", "x"), "no option --inptu; did you mean --input?"),
                            (("nestor-inspect", "--profil", "x"), "no option --profil; did you mean --profile?"),
                            (("nestor-weights", "pul", "x"), "no subcommand pul; did you mean pull?"),
                            (("nestor-weights", "pull", "--ofline", "x"), "no option --ofline; did you mean --offline?"),
                            (("nestor-weights", "frobnicate"), "no subcommand frobnicate; there are list, pull")):
            self.assertIn(meant, self.says(*line))
        self.assertIn("no option --bogus\n", self.says("nestor-classify", "--bogus", CAT))
        self.assertIn("a subcommand is needed: list, pull", self.says("nestor-weights"))

    def test_values_that_are_none_of_the_choices(self):
        for line, parts in ((("nestor-classify", "--format", "xml", CAT), ("'xml'", "text, json, jsonl, csv")),
                            (("nestor-classify", "--format", "jsn", CAT), ("did you mean json?",)),
                            (("nestor-classify", "--preprocess", "tim", CAT), ("did you mean timm?",)),
                            (("nestor-inspect", "--format", "xml", "x"), ("'xml' is not one of text, json",)),
                            (("nestor-weights", "list", "--format", "xml"), ("'xml' is not one of text, json",))):
            message = self.says(*line)
            for part in parts:
                self.assertIn(part, message)
            for internal in ("->", "{", "FAILED", "Check"):
                self.assertNotIn(internal, message)

    def test_misspelt_networks_and_tensors_get_the_nearest_names(self):
        for line in (("nestor-classify", "--weights", MINI, "--network", "resnet50s", CAT),
                     ("nestor-convert", "--network", "resnet-101", "--synthetic-seed", 1, "--output", self.path("x")),
                     ("nestor-weights", "pull", "resnset50"),
                     ("nestor-classify", "--network", "resnset50", "--pretrained", CAT)):
            message = self.says(*line)
            self.assertRegex(message, r"did you mean \S+\?")
            self.assertLess(len(message), 200)
        message = self.says("nestor-classify", "--weights", MINI, "--save-outputs", self.path("x"), "--save-tensors",
                            "layer1.atention", EIGHT)
        self.assertRegex(message, "the nearest are layer1.attention")
        self.assertLess(len(message), 300)

    def test_empty_values_are_refused(self):
        self.assertIn("--weights: the value is empty", self.says("nestor-classify", "--weights", "", EIGHT))
        self.assertIn("--weights is given more than once",
                      self.says("nestor-classify", "--weights", MINI, "--checkpoint", MINI, EIGHT))
        for option in ("--output", "--labels", "--save-outputs"):
            self.assertIn(f"{option}: the value is empty", self.says("nestor-classify", "--weights", MINI, option, "", EIGHT))
        self.assertIn("--output: the value is empty",
                      self.says("nestor-convert", "--network", "resnest14", "--synthetic-seed", 1, "--output", ""))

    def test_no_images(self):
        self.assertIn("no images", self.says("nestor-classify", "--weights", MINI))


class Aliases(CommandTest):
    def test_options_of_other_tools(self):
        plain = self.output("nestor-classify", "--weights", MINI, "--batch-size", 2, "--threads", 1, "--top-k", 2, "--crop-size", 64,
                            "--crop-ratio", 0.9, "--precision", "fp32", "--format", "csv", DIGITS)
        other = self.path("other.csv")
        self.output("nestor-classify", "--checkpoint", MINI, "-m", "resnest_mini", "-b", 2, "-j", 1, "--topk", 2, "--img-size", 64,
                    "--crop-pct", 0.9, "--precision", "float32", "--results-format", "csv", "-o", other, "--input", DIGITS)
        with open(other) as file:
            self.assertEqual(file.read(), plain)
        self.output("nestor-inspect", MINI, "-m", "resnest_mini", "--plan", "-b", 2, "-j", 1)

    def test_names_of_precisions(self):
        for name, ours in (("float32", "fp32"), ("float16", "fp16"), ("half", "fp16")):
            plan = json.loads(self.output("nestor-inspect", MINI, "--plan", "--device", "cuda:sm_80", "--precision", name, "--format", "json"))
            self.assertEqual(plan["plan"]["precision"], ours)
        self.assert_says(self.expect(USAGE, "nestor-classify", "--weights", MINI, "--precision", "int8", EIGHT), "int8", "fp32")


class Account(CommandTest):
    """The summary, errors and progress on standard error."""

    def test_summary_and_errors_of_images(self):
        bad = self.path("bad.jpg")
        with open(bad, "w") as file:
            file.write("no image")
        done = self.expect(SOME_FAILED, "nestor-classify", "--weights", MINI, "--format", "json", EIGHT, bad, EIGHT)
        self.assert_says(done, "nestor-classify: " + bad, "2 of 3 classified, 1 failed, ")
        self.assertRegex(done.stderr.decode(), r"(?m)^nestor-classify: 2 of 3 classified, 1 failed, [0-9.]+ images/s on (cpu|cuda)")
        done = self.expect(0, "nestor-classify", "--weights", MINI, EIGHT)
        self.assertRegex(done.stderr.decode(), r"^nestor-classify: 1 classified, [0-9.]+ images/s on ")
        self.assertEqual(self.expect(0, "nestor-classify", "--weights", MINI, "-q", EIGHT).stderr, b"")
        self.assert_says(self.expect(SOME_FAILED, "nestor-classify", "--weights", MINI, "-q", EIGHT, bad), bad)

    def test_the_reason_for_the_cpu_is_given_when_the_choice_was_automatic(self):
        why = json.loads(self.output("nestor-inspect", MINI, "--plan", "--format", "json"))["plan"].get("why_no_gpu")
        if why is None:
            self.skipTest("there is a GPU")
        self.assert_says(self.expect(0, "nestor-classify", "--weights", MINI, EIGHT), f"(no GPU: {why})")
        self.assertNotIn("GPU", self.expect(0, "nestor-classify", "--weights", MINI, "--device", "cpu", EIGHT).stderr.decode())

    def test_progress_fits_the_terminal_and_counts_finished_images(self):
        for columns in (20, 40, 80):
            code, sent = on_terminal(columns, "nestor-classify", "--weights", MINI, "-b", 4, DIGITS)
            self.assertEqual(code, 0)
            bars = [part for part in re.split(r"[\r\n]", sent.replace("\x1b[K", "")) if part.startswith("classifying")]
            self.assertGreater(len(bars), 0)
            self.assertLess(max(map(len, bars)), columns)
            counts = [int(re.search(r"(\d+)/24", bar).group(1)) for bar in bars]
            self.assertEqual(counts, sorted(counts))
            self.assertEqual(counts[-1], 24)
            if columns == 80:
                self.assertIn(" left", bars[-1])
            self.assertRegex(sent, "24 classified")

    def test_json_names_what_ran(self):
        head = json.loads(self.output("nestor-classify", "--weights", MINI, "--device", "cpu", "--img-size", 96, "--format", "json", EIGHT))
        self.assertRegex(self.output("nestor-classify", "--version"), f"nestor {re.escape(head['version'])} ")
        self.assertEqual((head["model"], head["network"], head["device"], head["precision"]), (MINI, "resnest_mini", "cpu", "fp32"))
        self.assertEqual(head["preprocess"]["crop_size"], 96)
        self.assertEqual(set(head["preprocess"]), {"contract", "crop_size", "crop_ratio", "interpolation", "mean", "std"})

    def test_saved_outputs_name_their_images(self):
        bad, saved = self.path("bad.jpg"), self.path("out.safetensors")
        with open(bad, "w") as file:
            file.write("no image")
        second = os.path.join(DIGITS, "02_is_7.jpg")
        self.expect(SOME_FAILED, "nestor-classify", "--weights", MINI, "--save-outputs", saved, "-b", 1, EIGHT, bad, second)
        tensors, metadata = read_safetensors(saved)
        self.assertEqual(json.loads(metadata["images"]), [EIGHT, second])
        self.assertEqual(tensors["logits"][1], [2, 10])


class Streams(CommandTest):
    def test_standard_descriptors_that_are_closed(self):
        saved = self.path("out.safetensors")
        for closed in ((0,), (2,), (0, 2)):
            done = with_closed(closed, "nestor-classify", "--weights", MINI, "--save-outputs", saved, "--output", self.path("r.txt"), EIGHT)
            self.assertEqual(done.returncode, 0, closed)
            self.assertEqual(read_safetensors(saved)[0]["logits"][1], [1, 10])
        for closed in ((1,), (0, 1, 2)):  # results that nobody gets are no success
            self.assertEqual(with_closed(closed, "nestor-classify", "--weights", MINI, EIGHT).returncode, 1, closed)
            self.assertEqual(with_closed(closed, "nestor-classify", "--help").returncode, 1, closed)
            self.assertEqual(with_closed(closed, "nestor-classify", "--weights", MINI, "--output", self.path("r.txt"), EIGHT).returncode, 0)
        done = with_closed((0,), "nestor-classify", "--weights", MINI, "-")
        self.assertEqual(done.returncode, BAD_INPUT)
        self.assertIn(b"cannot read standard input", done.stderr)
        with open(saved, "rb") as file:  # no message went into it
            self.assertNotIn(b"nestor-classify", file.read())

    def test_large_standard_input_is_held_once(self):
        size = 300 << 20
        code = ("import resource, subprocess, sys\n"
                f"child = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)\n"
                f"for _ in range({size >> 20}): child.stdin.write(bytes(1 << 20))\n"
                "child.stdin.close(); child.stdout.read(); child.stderr.read(); child.wait()\n"
                "print(child.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n")
        done = subprocess.run(["python3", "-c", code, os.path.join(BIN, "nestor-classify"), "--weights", MINI, "-"],
                              capture_output=True, text=True)
        exit_code, kilobytes = map(int, done.stdout.split())
        self.assertEqual(exit_code, BAD_INPUT)
        self.assertLess(kilobytes * 1024, 1.5 * size)

    def test_lists_that_cannot_be_read_or_never_end(self):
        classify = ("nestor-classify", "--weights", MINI)
        self.assert_says(self.expect(BAD_INPUT, *classify, "@/dev/zero"), "/dev/zero", "NUL")
        self.assert_says(self.expect(BAD_INPUT, *classify, "@" + self.folder), self.folder, "cannot read the list")
        self.assert_says(self.expect(BAD_INPUT, *classify, "@/proc/self/mem"), "/proc/self/mem", "cannot read the list")
        fifo = self.path("fifo")
        os.mkfifo(fifo)

        def feed():
            try:
                with open(fifo, "wb") as pipe:
                    while True:
                        pipe.write(b"x" * (1 << 20))
            except BrokenPipeError:
                pass
        feeder = threading.Thread(target=feed)
        feeder.start()
        self.assert_says(self.expect(BAD_INPUT, *classify, "@" + fifo, timeout=60), "a line is longer")
        feeder.join()

    def test_byte_order_mark_of_a_list(self):
        with open(self.path("list.txt"), "wb") as file:
            file.write(b"\xef\xbb\xbf" + EIGHT.encode() + b"\r\n")
        self.assertIn(EIGHT, self.output("nestor-classify", "--weights", MINI, "@" + self.path("list.txt")))


class Outputs(CommandTest):
    def test_devices_as_outputs(self):
        self.output("nestor-classify", "--weights", MINI, "--output", "/dev/null", "--save-outputs", "/dev/null", EIGHT)
        self.output("nestor-classify", "--weights", MINI, "--output", "/dev/null", EIGHT)
        self.output("nestor-inspect", "--image", EIGHT, "--output", "/dev/null")
        self.output("nestor-convert", "--network", "resnest_mini", "--input", MINI, "--output", "/dev/null")
        self.output("nestor-convert", "--network", "resnest_mini", "--synthetic-seed", 1, "--output", "/dev/null")
        self.assertIn("12_is_1", self.output("nestor-classify", "--weights", MINI, "--output", "/dev/stdout", DIGITS))

    def test_names_as_long_as_the_file_system_allows(self):
        for length in (243, 250, 255):
            name = self.path("n" * length)
            self.output("nestor-classify", "--weights", MINI, "--output", name, EIGHT)
            self.assertGreater(os.path.getsize(name), 0)
            self.output("nestor-convert", "--network", "resnest_mini", "--input", MINI, "--output", name)
            self.output("nestor-classify", "--weights", name, EIGHT)
        done = self.expect(1, "nestor-classify", "--weights", MINI, "--output", self.path("n" * 256), EIGHT)
        self.assert_says(done, "File name too long")


class Hostile(CommandTest):
    """Text from files and arguments reaches no terminal with control characters."""

    ESCAPE = "\x1b]0;owned\x07\x9b31m\u202e\r\n\x00\x7f"

    def hostile_model(self):
        tensors, metadata = read_safetensors(MINI)
        labels = [f"{i}{self.ESCAPE}" for i in range(10)]
        metadata = {**metadata, "nestor.labels": json.dumps(labels), "data" + self.ESCAPE: self.ESCAPE,
                    "nestor.source": "timm" + self.ESCAPE}
        tensors["extra" + self.ESCAPE.replace("\0", "")] = ("F32", [1], b"\0\0\0\0")
        path = self.path("m\x1b[31m\nx.safetensors")
        write_safetensors(path, tensors, metadata)
        return path

    def clean(self, done):
        for text in (done.stdout, done.stderr):
            self.assertEqual(control_characters(text.decode()), [])

    def test_labels_names_and_metadata(self):
        path, photo = self.hostile_model(), self.path("p\x1b[32m\n\x9b.jpg")
        shutil.copy(EIGHT, photo)
        for form in ("text", "csv"):
            done = run("nestor-classify", "--weights", path, "--format", form, photo, self.path("none\x1b\x07"))
            self.assertEqual(done.returncode, SOME_FAILED, done.stderr)
            self.clean(done)
            self.assertIn(rb"\x1b]0;owned", done.stdout)
            self.assertIn(rb"none\x1b\x07", done.stderr)
        self.assertEqual(len(run("nestor-classify", "--weights", path, "--format", "csv", "--top-k", 1, photo).stdout.splitlines()), 2)
        for line in (("nestor-inspect", path), ("nestor-inspect", path, "--plan"), ("nestor-convert", "--inspect", path),
                     ("nestor-inspect", "--image", photo), ("nestor-inspect", "--image", self.path("\x1bnone")),
                     ("nestor-convert", "--network", "resnest_mini", "--input", path, "--output", self.path("\x1b[0mo")),
                     ("nestor-classify", "--weights", MINI, "--labels", path, EIGHT), ("nestor-classify", "--\x1b[31m"),
                     ("nestor-weights", "pull", "\x1b[31m\x07"), ("nestor-weights", "import", path), ("nestor-weights", "\x1b[31m"),
                     ("nestor-convert", "--network", "\x1b[31m", "--input", path, "--output", "x")):
            with self.subTest(line=line):
                self.clean(run(*line))
