"""Engines on one input that take turns, so that a change of the machine's load or clocks meets all
of them. Each gives its logits before it is timed; the row of an engine that fails says why, and
the others go on."""
import statistics
import time

from engines import EngineFailed

TURN_MS = 200  # long beside the change from one engine to the next
SETTLE_SECONDS = 0.05  # after which the last engine's threads have stopped spinning


def read_logits(engine, file, seconds=None):
    import numpy
    engine.ask(f"output {file}", seconds)
    return numpy.fromfile(file, numpy.float32)


def largest_difference(a, b):
    """Over the standard deviation of b."""
    return float(abs(a - b).max() / b.std())


class Turns:
    def __init__(self, device, rows, answer_seconds=None):
        """rows: by engine. answer_seconds: an engine that has started and takes longer hangs."""
        self.on_gpu = device == "cuda"
        self.rows, self.limit = rows, answer_seconds
        self.engines, self.logits = [], {}

    def start(self, engine, input_file, output_file, seconds=None):
        """Lets it read its input, choose algorithms and give its logits; whether that worked."""
        self.engines.append(engine)
        row, begin = self.rows[engine.name], time.monotonic()
        try:
            engine.ask(f"input {input_file}", seconds)
            row["runs_a_turn"] = self._runs_a_turn(engine)
            row["start_seconds"] = time.monotonic() - begin
            self.logits[engine.name] = read_logits(engine, output_file, self.limit)
        except EngineFailed as error:
            self.drop(engine, error)
        return engine in self.engines

    def _runs_a_turn(self, engine):
        """How many runs take TURN_MS; on a GPU each on the device and again with copies."""
        runs = 3 if self.on_gpu else 1
        engine.run(runs, self.limit)
        engine.run(runs, self.limit)
        cost = engine.first[-1] + (engine.second[-1] if self.on_gpu else 0)
        engine.first.clear()
        engine.second.clear()
        return max(runs, round(TURN_MS / cost))

    def drop(self, engine, error):
        self.rows[engine.name]["error"] = str(error)
        self.engines.remove(engine)
        engine.close()

    def compare_logits(self, reference, most=None):
        """Of all engines; those that differ by more than `most` compute something else."""
        for name, values in self.logits.items():
            difference = largest_difference(values, reference)
            self.rows[name]["logits_difference_over_std"] = difference
            if most is not None and not difference < most:
                wrong = next(engine for engine in self.engines if engine.name == name)
                self.drop(wrong, f"its logits differ by {difference:.1e} of their deviation")

    def _take(self, engine):
        runs = self.rows[engine.name]["runs_a_turn"]
        if self.on_gpu:  # untimed: the clocks rise
            engine.ask(f"run {max(1, runs // 8)}", self.limit)
        else:
            time.sleep(SETTLE_SECONDS)
        engine.run(runs, self.limit)

    def take(self, rounds, least_rounds=None, seconds=float("inf")):
        """`rounds` turns of each engine; after `seconds` no more than least_rounds."""
        begin = time.monotonic()
        for done in range(rounds):
            if done >= (least_rounds or rounds) and time.monotonic() - begin > seconds:
                break
            for engine in self.engines.copy():
                try:
                    self._take(engine)
                except EngineFailed as error:
                    self.drop(engine, error)

    def add_figures(self, batch):
        second = "host_ms_per_image" if self.on_gpu else "cpu_ms_per_image"
        for engine in self.engines:
            self.rows[engine.name] |= {"ms_per_image": statistics.median(engine.first) / batch,
                                       "min_ms_per_image": min(engine.first) / batch,
                                       second: statistics.median(engine.second) / batch,
                                       "times": len(engine.first)}

    def close(self):
        for engine in self.engines:
            engine.close()
