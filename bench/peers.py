"""What comparisons of Nestor with other engines share: networks, weights, and engines that are each
a process of its own, which answers lines on its standard input:

    input FILE    reads float32 values from a file                       ok
    run N         runs N times                                           pairs of milliseconds
    output FILE   writes the last logits as float32                      ok

What the two milliseconds of a pair are is the comparison's business. nestor-bench --serve
speaks the same.

Weights are timm's random initialisation with batch norms calibrated on noise, given to Nestor under
its own names.
"""
import collections
import os
import pathlib
import select
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
Network = collections.namedtuple("Network", "timm size")
NETWORKS = {"resnest50": Network("resnest50d", 224), "resnest101": Network("resnest101e", 256),
            "resnest200": Network("resnest200e", 320), "resnest269": Network("resnest269e", 416)}


# --- the networks as timm has them ---

def make_model(network, device="cpu"):
    import timm
    import torch
    torch.manual_seed(0)
    name, size = NETWORKS[network]
    model = timm.create_model(name, pretrained=False).to(device)
    norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all batches
    with torch.no_grad():
        model.train()(torch.randn(4, 3, size, size, device=device))
    return model.eval()


def save_weights(model, network, folder):
    """NETWORK.pth for PyTorch, NETWORK.safetensors for Nestor."""
    import torch
    from safetensors.torch import save_file
    torch.save(model.state_dict(), folder / f"{network}.pth")
    tensors = {}
    for name, module in model.named_modules():
        nestor = name.replace("conv2.bn0", "conv2.bn")
        if isinstance(module, torch.nn.BatchNorm2d):
            tensors[f"{nestor}.gamma"] = module.weight
            tensors[f"{nestor}.beta"] = module.bias
            tensors[f"{nestor}.running_mean"] = module.running_mean
            tensors[f"{nestor}.running_var"] = module.running_var
        elif isinstance(module, (torch.nn.Conv2d, torch.nn.Linear)):
            tensors[f"{nestor}.weight"] = module.weight
            if module.bias is not None:
                tensors[f"{nestor}.bias"] = module.bias
    file = folder / f"{network}.safetensors"
    unfinished = file.with_suffix(".unfinished")
    save_file({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, unfinished,
              {"nestor.network": network, "nestor.num_classes": "1000"})
    unfinished.rename(file)


def load_model(network, folder):
    import timm
    import torch
    model = timm.create_model(NETWORKS[network].timm, pretrained=False)
    model.load_state_dict(torch.load(folder / f"{network}.pth", map_location="cpu"))
    return model.eval()


def write_noise(network, batch, file):
    import numpy
    size = NETWORKS[network].size
    noise = numpy.random.default_rng(0).standard_normal((batch, 3, size, size))
    noise.astype(numpy.float32).tofile(file)


# --- engines ---

def serve(shape, run_pairs, result):
    """Answers for an engine. run_pairs(values, n): a list of pairs; result(): the last logits."""
    import numpy
    values = numpy.zeros(shape, numpy.float32)
    for line in sys.stdin:
        command, argument = line.split()
        if command == "input":
            values = numpy.fromfile(argument, numpy.float32).reshape(shape)
            print("ok", flush=True)
        elif command == "run":
            pairs = run_pairs(values, int(argument))
            print(*(ms for pair in pairs for ms in pair), flush=True)
        elif command == "output":
            numpy.ascontiguousarray(result(), numpy.float32).tofile(argument)
            print("ok", flush=True)


class EngineFailed(Exception):
    pass


class Engine:
    """A process that answers as serve() does; `log` gets what it says on standard error."""

    def __init__(self, name, command, log, environment=None):
        self.name, self.first, self.second = name, [], []  # of the pairs
        self.failed = False
        self.log = open(log, "w+", errors="replace")
        self.process = subprocess.Popen([str(c) for c in command], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.log, bufsize=0,
                                        env=environment, start_new_session=True)
        self.pending = b""

    def _read_line(self, until):
        while b"\n" not in self.pending:
            left = None if until is None else max(0, until - time.monotonic())
            if not select.select([self.process.stdout], [], [], left)[0]:
                self.failed = True
                raise EngineFailed(f"{self.name}: no answer in time")
            piece = self.process.stdout.read(1 << 16)
            if not piece:
                raise BrokenPipeError
            self.pending += piece
        line, _, self.pending = self.pending.partition(b"\n")
        return line.decode()

    def ask(self, line, seconds=None):
        """The words of the answer. EngineFailed where the process ended or took longer."""
        until = None if seconds is None else time.monotonic() + seconds
        try:
            self.process.stdin.write(line.encode() + b"\n")
            while True:  # libraries print what they like
                words = self._read_line(until).split()
                if words and (words[0] == "ok" or words[0].replace(".", "").isdigit()):
                    return words
        except BrokenPipeError:
            self.failed = True
            self.log.seek(0)
            last = self.log.read().strip().splitlines()[-3:]
            raise EngineFailed(f"{self.name} failed: {' '.join(last) or 'no message'}") from None

    def run(self, count, seconds=None):
        answer = [float(t) for t in self.ask(f"run {count}", seconds)]
        self.first += answer[::2]
        self.second += answer[1::2]

    def close(self):
        """Lets it end; an engine that does not, or failed, is killed with what it started."""
        self.process.stdin.close()
        try:
            self.process.wait(timeout=0 if self.failed else 10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.process.stdout.close()
        self.log.close()


def logits(engine, file, seconds):
    import numpy
    engine.ask(f"output {file}", seconds)
    return numpy.fromfile(file, numpy.float32)


def largest_difference(a, b):
    """Over the standard deviation of b."""
    return float(abs(a - b).max() / b.std())
