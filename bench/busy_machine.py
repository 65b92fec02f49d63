#!/usr/bin/env python3
"""What the library's threads cost beside other programs, and alone.

    bench/busy_machine.py [--bin build/cpu/bin] [--programs 10] [--rounds 9] [--alone "chrt -f 20"]

Runs ResNeSt-50 at batch 1 in processes of their own, one after the other, a few images in turn: with
the library's default; with threads that sleep at once (OMP_WAIT_POLICY=PASSIVE); with threads that
spin as libgomp lets them by itself (alone only, unless --all: beside programs they take seconds); with
one thread. Prints medians of ms an image, and

    beside / best   the default over the better of sleeping and one thread, beside the programs:
                    at most 1.3
    alone / spin    the default over spinning threads, alone: at most 1.02

"Alone" is only as much as the machine makes of it: its load is printed. As root, --alone "chrt -f 20"
lets the runs go before all other programs, as on an idle machine.
"""
import argparse
import os
import shlex
import statistics
import subprocess

# libgomp's own value of GOMP_SPINCOUNT, where no policy is set.
WAYS = {"default": (0, {}), "sleep": (0, {"OMP_WAIT_POLICY": "PASSIVE"}), "spin": (0, {"GOMP_SPINCOUNT": "300000"}),
        "one thread": (1, {})}
IMAGES, WARM_UP = 5, 15


class Server:
    def __init__(self, folder, threads, variables, before=()):
        program = os.path.join(folder, "nestor-bench")
        environment = {name: value for name, value in os.environ.items() if name not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
        line = [*before, program, "--network", "resnest50", "--device", "cpu", "--serve"]
        if threads > 0:
            line += ["--threads", str(threads)]
        self.process = subprocess.Popen(line, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**environment, **variables})

    def run(self, images):
        """Milliseconds of each, by the clock."""
        self.process.stdin.write(f"run {images}\n")
        self.process.stdin.flush()
        return [float(text) for text in self.process.stdout.readline().split()][::2]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def medians(folder, rounds, ways, before=()):
    servers = {way: Server(folder, *WAYS[way], before) for way in ways}
    times = {way: [] for way in servers}
    for server in servers.values():
        server.run(WARM_UP)
    for _ in range(rounds):
        for way, server in servers.items():
            times[way] += server.run(IMAGES)
    for server in servers.values():
        server.close()
    return {way: statistics.median(some) for way, some in times.items()}


def busy_programs(count):
    return [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(count)]


def show(what, found):
    print(f"{what:8}" + "".join(f"  {way} {ms:.1f}" for way, ms in found.items()) + f"   load {os.getloadavg()[0]:.1f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default="build/cpu/bin")
    parser.add_argument("--programs", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--alone", default="")
    parser.add_argument("--all", action="store_true")
    options = parser.parse_args()
    alone = medians(options.bin, options.rounds, WAYS, shlex.split(options.alone))
    show("alone", alone)
    others = busy_programs(options.programs)
    try:
        beside = medians(options.bin, options.rounds, [way for way in WAYS if way != "spin" or options.all])
    finally:
        for other in others:
            other.kill()
            other.wait()
    show("beside", beside)
    print(f"beside / best {beside['default'] / min(beside['sleep'], beside['one thread']):.2f}")
    print(f"alone / spin {alone['default'] / alone['spin']:.3f}")


if __name__ == "__main__":
    main()
