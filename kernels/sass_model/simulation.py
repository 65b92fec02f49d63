"""A small event simulation of one SM running a path of instructions.

What is simulated: in-order issue of one instruction per scheduler and cycle; stall counts, yield,
the six scoreboards per warp as the control codes use them (data dependencies are not checked:
ptxas has encoded them); pipes as servers with an interval; the queue in front of the memory unit;
one shared-memory array and one path to L2 per SM; operand ports of two register banks with the
reuse cache; BAR.SYNC per block; cp.async and wgmma groups. Global memory has one latency and a
bandwidth. Other warps' roles (producers behind an mbarrier) are taken to be always in time.
"""

import re
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field

from .pipes import cost
from .sass import NO_BARRIER


@dataclass(frozen=True)
class Scenario:
    """What SASS does not show."""

    block_warps: int = 8
    blocks: int = 1  # resident per SM
    memory: str = "l2_hit"  # where global loads are answered: l1_hit, l2_hit or dram
    l1_hit: float = 0.0  # share of global traffic that stays in L1
    conflicts: tuple = ()  # (("LDS", 2.0), ...): wavefronts per ideal wavefront
    policy: str = "gty"  # greedy then youngest warp; gto: then oldest; lrr: loose round robin
    taken: tuple = ()  # addresses of conditional forward branches to follow
    inner_trips: tuple = ()  # ((address of the closing branch, trips), ...) of inner loops
    off: tuple = ()  # addresses of instructions whose predicate is false

    def path(self, loop):
        return loop.path(self.taken, self.inner_trips, self.off)

    @property
    def warps(self):
        return self.block_warps * self.blocks


@dataclass
class Step:
    """One instruction of a trip with its cost, prepared for the inner loop."""

    instruction: object
    cost: object
    waits: tuple
    waits_for: tuple  # (scoreboard, allowed outstanding) of DEPBAR.LE
    commits_group: bool
    group_wait: int  # outstanding wgmma groups allowed, -1 if this does not wait
    tensor_queue: float = 0.0
    reads: dict = field(default_factory=dict)  # bank -> [(slot, register)]
    kept: dict = field(
        default_factory=dict
    )  # (slot, bank) read -> registers kept


def prepare(path, machine, scenario):
    """The steps of a path of instructions."""
    made = {}  # an instruction of a loop comes many times
    for instruction in path:
        if id(instruction) not in made:
            made[id(instruction)] = prepared(instruction, machine, dict(scenario.conflicts))
    return [made[id(instruction)] for instruction in path]


def prepared(instruction, machine, conflicts):
    what = cost(instruction, machine, conflicts)
    waits_for, group_wait = (), -1
    if instruction.name == "DEPBAR" and "LE" in instruction.modifiers:
        bank = int(re.search(r"SB(\d)", instruction.operands[0])[1])
        waits_for = ((bank, int(instruction.operands[1], 16)),)
    if instruction.opcode.startswith("WARPGROUP.DEPBAR"):
        group_wait = int(instruction.operands[1], 16)
    banks, kept = defaultdict(list), {}
    for slot, register, keep in what.reads:
        banks[register % 2].append((slot, register))
        kept.setdefault((slot, register % 2), set()).update({register} if keep else ())
    queue = machine.get("hgmma.queue", 1) if instruction.name.endswith("GMMA") else 0
    return Step(
        instruction,
        what,
        tuple(b for b in range(6) if instruction.wait_mask >> b & 1),
        waits_for,
        any(o.startswith("gsb") for o in instruction.operands) and queue > 0,
        group_wait,
        queue * what.tensor,
        dict(banks),
        kept,
    )


def uncached(reads, bank, cached, warp):
    """How many of an instruction's reads from one bank the reuse cache does not have."""
    count = 0
    for slot, register in reads:
        owner, registers = cached.get((slot, bank), (None, ()))
        count += owner != warp or register not in registers
    return count


class Warp:
    def __init__(self, number, block, start, steps):
        self.number, self.block = number, block
        self.steps = steps
        self.step = self.trips = 0
        self.next = start  # by the stall count, a branch or a barrier
        self.after = "start"  # what decided `next`
        self.earliest, self.waits = start, ""  # `next` and the scoreboards, and what it waits for
        self.issued = start - 1
        self.boards = [[] for _ in range(6)]  # (release, opcode name) of what is outstanding
        self.groups, self.pending = [], 0.0  # wgmma groups; end of the group being filled
        self.copies = 0.0  # last cp.async
        self.at_barrier = False
        self.blocked_by = ""


class Simulation:
    """`paths`: what the warps of a block run again and again; a single one is all warps'."""

    def __init__(self, paths, machine, scenario):
        self.machine, self.scenario = machine, scenario
        steps = [prepare(path, machine, scenario) for path in paths]
        count = int(machine["schedulers"])
        self.warps = [
            Warp(
                n,
                n // scenario.block_warps,
                3 * (n % scenario.block_warps) + 61 * (n // scenario.block_warps),
                steps[n % scenario.block_warps % len(steps)],
            )
            for n in range(scenario.warps)
        ]
        self.queues = [
            [w for w in self.warps if (w.number % scenario.block_warps) % count == s]
            for s in range(count)
        ]
        if scenario.block_warps < count:  # small blocks are spread over the schedulers
            self.queues = [self.warps[s::count] for s in range(count)]
        self.last = [None] * count
        self.free = [defaultdict(float) for _ in range(count)]
        self.mio = [
            deque([-1e9] * int(machine["mio.queue"]), int(machine["mio.queue"]))
            for _ in range(count)
        ]
        self.banks = [[0.0, 0.0] for _ in range(count)]
        self.reuse = [{} for _ in range(count)]
        self.accept_free = self.shared_free = self.port_free = 0.0
        self.l2_free = -1e9
        self.trace = None  # a list collects (cycle, warp, address) of every issue
        self.arrived = Counter()
        self.lost = Counter()  # cycles between a warp's issues, by reason
        self.lost_at = Counter()  # the same by address
        self.marks = []

    def run(self, trips):
        """Cycles per trip in steady state."""
        warm = max(1, trips // 3)
        ends = self.ends(trips, warm)
        return (ends[-1] - ends[warm - 1]) / (trips - warm), trips - warm

    def ends(self, trips, warm=0):
        """Cycles until the warps have done as many trips as if each had done 1, 2, ...; waits are
        accounted for from trip `warm` on."""
        self.trips, done, time = trips, 0, 0.0
        ends = []
        while done < trips * len(self.warps):
            following = float("inf")
            for s, queue in enumerate(self.queues):
                for warp in self._order(s, queue):
                    if warp.at_barrier or warp.trips == trips:
                        continue
                    ready = (
                        warp.earliest if warp.earliest > time else self._resources(s, warp, time)
                    )
                    if ready > time:
                        following = min(following, ready)
                        continue
                    finished = self._issue(s, warp, time, warp.trips >= warm)
                    following = min(following, time + 1)
                    if finished:
                        done += 1
                        if done % len(self.warps) == 0:
                            ends.append(time)
                    break
            if following == float("inf") and done < trips * len(self.warps):
                raise RuntimeError("all warps wait at a barrier that not all reach on this path")
            time = max(time + 1, following)
        return ends

    def _order(self, s, queue):
        last = self.last[s]
        if last is None or len(queue) == 1:
            return queue
        at = queue.index(last)
        if self.scenario.policy == "lrr":
            return queue[at + 1 :] + queue[: at + 1]
        rest = queue[:at] + queue[at + 1 :]
        return [last] + (rest[::-1] if self.scenario.policy == "gty" else rest)

    def _resources(self, s, warp, time):
        """When pipes, memory queue and operand ports could take the warp's next instruction."""
        step, free, ready = warp.steps[warp.step], self.free[s], time
        for pipe in step.cost.pipes:
            at = self.mio[s][0] if pipe == "mio" else free[pipe] - step.tensor_queue
            if at > ready:
                ready, warp.blocked_by = at, f"{pipe} full" if pipe == "mio" else f"{pipe} busy"
        if step.reads:
            cached = self.reuse[s]
            for bank, reads in step.reads.items():
                needed = uncached(reads, bank, cached, warp.number)
                window = max(self.machine["register.window"], needed)
                at = self.banks[s][bank] + needed / self.machine["register.ports"] - window
                if at > ready:
                    ready, warp.blocked_by = at, "register ports"
        return ready

    def _issue(self, s, warp, time, count):
        step, machine = warp.steps[warp.step], self.machine
        instruction, what, free = step.instruction, step.cost, self.free[s]
        if count:
            self._account(warp, time, instruction)
        self._read_registers(s, warp, step, time)
        if self.trace is not None:
            self.trace.append((time, warp.number, instruction.pc))
        self.last[s], warp.blocked_by, warp.issued = warp, "", time
        released, read = time + what.latency, time + 2
        if "mio" in what.pipes:
            start = max(time + 1, free["mio"], self.accept_free)
            free["mio"] = start + what.pipes["mio"]
            self.accept_free = max(self.accept_free, time + 1) + machine["sm.accept"]
            self.mio[s].append(start + machine["mio.hold"])
            read = start + machine["latency.read"] + what.stored_bytes / 2
            released = self._memory(warp, instruction, what, time, start)
        elif step.tensor_queue:
            start = max(time + 1, free["tensor"])
            self.shared_free = max(self.shared_free, start) + what.shared_cycles
            free["tensor"] = max(start + what.tensor, self.shared_free)
            released = free["tensor"] + what.latency
            warp.pending = max(warp.pending, released)
            if step.commits_group:
                warp.groups.append(warp.pending)
        else:
            for pipe, cycles in what.pipes.items():
                free[pipe] = time + cycles
        if instruction.name == "LDGDEPBAR":
            released = warp.copies
        for board, at, label in (
            (instruction.write_barrier, released, instruction.name),
            (instruction.read_barrier, read, f"{instruction.name}'s sources"),
        ):
            if board != NO_BARRIER:
                outstanding = [entry for entry in warp.boards[board] if entry[0] > time]
                warp.boards[board] = outstanding + [(at, label)]
        warp.next = time + max(2 if instruction.yields else 1, instruction.stall)
        warp.after = "stall counts"
        warp.step += 1
        finished = warp.step == len(warp.steps)
        if finished:
            warp.step, warp.trips = 0, warp.trips + 1
            warp.next = max(warp.next, time + machine["latency.branch"])
            warp.after = "branch"
        self._earliest(warp)
        if instruction.name == "BAR" and instruction.modifiers[:1] in (["SYNC"], ["RED"]):
            self._arrive(warp, time, instruction)
        return finished

    def _memory(self, warp, instruction, what, time, start):
        """When the scoreboard drops. What all sub-partitions share is a fluid server: an access
        that its own sub-partition delays does not leave a hole that others could not use."""
        machine, scenario = self.machine, self.scenario
        array = what.shared_cycles + (what.l1_bytes / machine["sm.l1_bytes"] if what.loads else 0)
        begin = max(start, self.shared_free)
        self.shared_free = max(self.shared_free, time + 1) + array
        if not what.l1_bytes:
            return begin + max(array - 1, 0) + what.latency - 1
        local = instruction.name in ("LDL", "STL")
        beyond = what.l1_bytes * (0.0 if local else 1 - scenario.l1_hit)
        rate = machine["sm.dram_bytes" if scenario.memory == "dram" else "sm.l2_bytes"]
        if scenario.memory == "l1_hit":
            beyond = 0
        # A burst passes at the port's rate; the SM's fair share of the bandwidth holds on average.
        self.port_free = max(self.port_free, time + 1) + beyond / machine["sm.port_bytes"]
        slack = machine["sm.l2_burst"] / rate
        self.l2_free = max(self.l2_free, time - slack) + beyond / rate
        level = "l1_hit" if local else scenario.memory
        released = (
            max(begin + array, self.port_free, self.l2_free) + machine[f"latency.{level}"] - 2
        )
        if instruction.name == "LDGSTS":
            warp.copies = max(warp.copies, released)
        return released

    def _earliest(self, warp):
        """When stall count and scoreboards allow the next instruction, and what it waits for."""
        step, at, why = warp.steps[warp.step], warp.next, ""
        for board in step.waits:
            for release, name in warp.boards[board]:
                if release > at:
                    at, why = release, f"wait for {name}"
        for board, allowed in step.waits_for:
            pending = sorted(warp.boards[board])
            if len(pending) > allowed and pending[len(pending) - 1 - allowed][0] > at:
                at, name = pending[len(pending) - 1 - allowed]
                why = "wait for cp.async" if name == "LDGDEPBAR" else f"wait for {name}"
        if step.group_wait >= 0 and len(warp.groups) > step.group_wait:
            end = warp.groups[len(warp.groups) - 1 - step.group_wait]
            if end > at:
                at, why = end, "wait for wgmma"
            warp.groups = warp.groups[-step.group_wait - 1 :]
        warp.earliest, warp.waits = at, why

    def _arrive(self, warp, time, instruction):
        size = self.scenario.block_warps
        if len(instruction.operands) > 1 and instruction.operands[1].startswith("0x"):
            size = min(size, int(instruction.operands[1], 16) // 32)
        key = warp.block, instruction.operands[0] if instruction.operands else ""
        warp.at_barrier = key
        self.arrived[key] += 1
        if self.arrived[key] < size:
            return
        self.arrived[key] = 0
        for other in self.warps:
            if other.at_barrier == key:
                other.at_barrier = False
                other.next = max(other.next, time + self.machine["latency.barrier"])
                other.after = "BAR.SYNC"
                self._earliest(other)

    def _read_registers(self, s, warp, step, time):
        cached = self.reuse[s]
        for bank, reads in step.reads.items():
            needed = uncached(reads, bank, cached, warp.number)
            self.banks[s][bank] = (
                max(self.banks[s][bank], time) + needed / self.machine["register.ports"]
            )
        for place, kept in step.kept.items():
            cached[place] = warp.number, kept

    def _account(self, warp, time, instruction):
        at, gap = warp.issued + 1, time - warp.issued - 1
        for until, reason in (
            (warp.next, warp.after),
            (warp.earliest, warp.waits),
            (time, warp.blocked_by or "another warp issued"),
        ):
            if until > at:
                self.lost[reason] += min(until, time) - at
                at = until
        self.lost_at[instruction.pc] += gap
