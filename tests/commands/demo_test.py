"""The demo model: right on digits that training never saw, and the same numbers as torch's.

tests/demo/held_out.safetensors holds all 360 held-out pictures, what they show, and the logits that timm's ResNeSt in torch
gave with the shipped weights (tests/demo/train_digits.py made all of it).
"""
import os
import statistics

from support import ROOT, CommandTest, floats, read_safetensors

MODEL = os.path.join(ROOT, "apps", "demo", "resnest_mini.safetensors")
DIGITS = os.path.join(ROOT, "apps", "demo", "digits")
HELD_OUT = os.path.join(ROOT, "tests", "demo", "held_out.safetensors")
NUM_CLASSES = 10


def rows(values):
    return [values[i:i + NUM_CLASSES] for i in range(0, len(values), NUM_CLASSES)]


def answers(logits):
    return [max(range(NUM_CLASSES), key=row.__getitem__) for row in logits]


def computes_in_bf16():
    """Whether this CPU does, and ONEDNN_MAX_CPU_ISA does not keep it from that."""
    if "ONEDNN_MAX_CPU_ISA" in os.environ:
        return False
    with open("/proc/cpuinfo") as f:
        return "avx512_bf16" in f.read().split()


class HeldOut(CommandTest):
    """All pictures through nestor-classify."""

    def setUp(self):
        super().setUp()
        tensors, _ = read_safetensors(HELD_OUT)
        self.truth = list(tensors["truth"][2])
        self.torch = rows(floats(tensors["logits"][2]))
        ends = [int.from_bytes(tensors["jpeg_end"][2][i:i + 4], "little") for i in range(0, 4 * len(self.truth), 4)]
        for i, (begin, end) in enumerate(zip([0, *ends], ends)):
            with open(self.path(f"{i:03}.jpg"), "wb") as f:
                f.write(tensors["jpeg"][2][begin:end])

    def classify(self, *arguments):
        """Logits of all pictures, and the classes that the command names."""
        saved = self.path("logits.safetensors")
        csv = self.output("nestor-classify", "--weights", MODEL, "--top-k", 1, "--format", "csv", "--save-outputs", saved,
                          *arguments, self.folder)
        named = [int(line.split(",")[5]) for line in csv.splitlines()[1:]]
        return rows(floats(read_safetensors(saved)[0]["logits"][2])), named

    def test_at_least_98_percent_are_right_as_the_metadata_say(self):
        logits, named = self.classify()
        self.assertEqual(named, answers(logits))
        num_right = sum(a == b for a, b in zip(named, self.truth))
        self.assertGreaterEqual(num_right, 0.98 * len(self.truth))
        _, metadata = read_safetensors(MODEL)
        self.assertEqual(metadata["accuracy"], f"{num_right} of {len(self.truth)} held-out digits")

    def test_fp32_agrees_with_torch(self):
        for arguments in ([], ["--no-resize"]):
            logits, named = self.classify(*arguments)
            self.assertEqual(named, answers(self.torch))
            deviation = statistics.pstdev(x for row in self.torch for x in row)
            worst = max(abs(a - b) for ours, theirs in zip(logits, self.torch) for a, b in zip(ours, theirs))
            self.assertLess(worst, 1e-4 * deviation)

    def test_bf16_agrees_with_torch_in_its_answers(self):
        if not computes_in_bf16():
            self.skipTest("this CPU does not compute in bfloat16")
        _, named = self.classify("--precision", "bf16")
        same = sum(a == b for a, b in zip(named, answers(self.torch)))
        self.assertGreaterEqual(same, 0.995 * len(named))


class Shipped(CommandTest):
    def test_model_file_is_small_and_says_what_it_is(self):
        self.assertLessEqual(os.path.getsize(MODEL), 3_000_000)
        tensors, metadata = read_safetensors(MODEL)
        self.assertEqual({dtype for dtype, shape, _ in tensors.values() if len(shape) > 1}, {"F16"})
        self.assertEqual(metadata["nestor.labels"], '["0","1","2","3","4","5","6","7","8","9"]')
        self.assertRegex(metadata["training_commit"], "^[0-9a-f]{40}$")
        self.assertIn("CC BY 4.0", metadata["data"])
        text = self.output("nestor-inspect", MODEL)
        for part in ("resnest_mini, 10 classes", metadata["accuracy"], metadata["training_commit"]):
            self.assertIn(part, text)

    def test_the_page_is_the_first_held_out_digits(self):
        tensors, _ = read_safetensors(HELD_OUT)
        names = sorted(os.listdir(DIGITS))
        self.assertEqual(names, [f"{i + 1:02}_is_{truth}.jpg" for i, truth in enumerate(tensors["truth"][2][:len(names)])])
        pages = b""
        for name in names:
            with open(os.path.join(DIGITS, name), "rb") as f:
                pages += f.read()
        self.assertEqual(pages, tensors["jpeg"][2][:len(pages)])
