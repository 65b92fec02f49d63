"""The library in programs whose allocations and threads fail, and that fork."""
import json
import os
import unittest

from support import CommandTest, model

# Of 550,000 allocations the last 1,200 are those of kernels, threads and the run.
LONG = bool(os.environ.get("NESTOR_LONG"))
RANGES = ((1, 101), (-1200, 1)) if LONG else ((1, 60_013), (-1200, 53))


class Hosts(CommandTest):
    def hosts(self, *arguments):
        return self.output("nestor_hosts", *arguments, timeout=6 * 3600)

    def test_failing_allocations(self):
        for threads, how in ((1, "only"), (1, "all"), (2, "only"), (2, "all")):
            for first, step in RANGES:
                with self.subTest(threads=threads, how=how, first=first):
                    counts = json.loads(self.hosts("allocations", model(), threads, first, step, how))
                    if LONG:
                        print(f"{threads} threads, {how}, from {first} on: {counts}")
                    self.assertGreater(counts["allocations"], 1000)
                    self.assertGreater(counts["errors"], counts["tried"] // 2)
                    self.assertEqual(counts["died"]["nestor"] + counts["died"]["elsewhere"], 0, counts)
                    self.assertEqual((counts["wrong"], counts["retry_failed"]), (0, 0), counts)

    def test_threads_that_cannot_start(self):
        lines = self.hosts("threads", model(), 64, 100).splitlines()
        self.assertEqual(len(lines), 3, lines)
        self.assertEqual(lines[0].strip(), "one thread: ok")
        self.assertIn("without room: out_of_memory cannot start 64 threads", lines[1])
        self.assertEqual(lines[2].strip(), "with room: ok")

    def test_fork_after_a_run(self):
        lines = [line.strip() for line in self.hosts("fork", model(), 2).splitlines()]
        self.assertEqual(lines[0], "parent: ok")
        self.assertIn("child: usage this process was forked", lines[1])
        self.assertEqual(lines[2:], ["child's thread: ok", "child, one thread: ok", "parent again: ok"])


if __name__ == "__main__":
    unittest.main()
