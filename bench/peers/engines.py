"""Engines that a comparison times: each is a process of its own, as thread pools of different
libraries in one process would spin against one another. They answer lines on their standard input:

    input FILE    reads float32 values from a file                       ok
    run N         runs N times                                           pairs of milliseconds
    output FILE   writes the last logits as float32                      ok

The pairs: on a CPU, of each run, by the clock and of the processor; on a GPU one pair, the mean of
N runs with input and output on the device, and of N from the host's input to logits on the host.
nestor-bench --serve speaks the same.
"""
import os
import select
import signal
import subprocess
import sys
import time


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
