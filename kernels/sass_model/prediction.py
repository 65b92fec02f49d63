"""What the simulation and the bounds of each resource say of a loop; blocks that fit."""

from collections import Counter
from dataclasses import dataclass, replace

from .simulation import Simulation, prepare, uncached


def bounds(path, machine, scenario):
    """Cycles per trip that each resource needs on its own: {name: cycles}."""
    steps = prepare(path, machine, scenario)
    warps = -(-scenario.warps // int(machine["schedulers"]))  # on the fullest scheduler
    result = Counter({"issue": len(steps) * warps})
    for step in steps:
        for pipe, cycles in step.cost.pipes.items():
            result[pipe] += cycles * warps
        array = step.cost.shared_cycles + (
            step.cost.l1_bytes / machine["sm.l1_bytes"] if step.cost.loads else 0
        )
        result["shared memory"] += array * scenario.warps
        if step.cost.l1_bytes and step.instruction.name not in ("LDL", "STL"):
            if scenario.memory != "l1_hit":
                rate = machine["sm.dram_bytes" if scenario.memory == "dram" else "sm.l2_bytes"]
                result["path to " + ("DRAM" if scenario.memory == "dram" else "L2")] += (
                    step.cost.l1_bytes * (1 - scenario.l1_hit) / rate * scenario.warps
                )
    result["register ports"] = warps * max(port_reads(steps))
    return {name: cycles for name, cycles in result.items() if cycles}


def port_reads(steps):
    """Operand reads per bank and trip when one warp runs alone, the reuse cache working."""
    cached, banks = {}, [0, 0]
    for step in steps:
        for bank, reads in step.reads.items():
            banks[bank] += uncached(reads, bank, cached, 0)
        cached.update({place: (0, kept) for place, kept in step.kept.items()})
    return banks


def bank_conflicts(steps):
    """Instructions whose sources in one bank take longer than their pipe: (count, extra cycles)."""
    cached, count, extra = {}, 0, 0
    for step in steps:
        interval = max([2, *step.cost.pipes.values()])
        worst = max([uncached(reads, bank, cached, 0) for bank, reads in step.reads.items()] or [0])
        if worst > interval and step.instruction.name != "HMMA":
            count, extra = count + 1, extra + worst - interval
        cached.update({place: (0, kept) for place, kept in step.kept.items()})
    return count, extra


@dataclass
class Prediction:
    cycles: float  # per trip, all warps of the SM advancing one trip
    single: float  # per trip of one warp alone
    bounds: dict
    limiter: str
    flops: float  # per trip of one warp
    tensor_busy: float  # share of cycles the tensor pipe works
    tflops: float
    tflops_per_sm: float
    peak_share: float  # of the tensor peak, or of the fp32 peak without tensor instructions
    reasons: list  # (cycles per warp and trip, why it did not issue)
    waits: dict  # address -> cycles before it issues


def predict(loop, machine, scenario):
    path = scenario.path(loop)
    steps = prepare(path, machine, scenario)
    size = max(1, len(path) * scenario.warps)
    simulation = Simulation([path], machine, scenario)
    cycles, measured = simulation.run(max(4, min(24, 250_000 // size)))
    single, _ = Simulation([path], machine, replace(scenario, block_warps=1, blocks=1)).run(6)
    limits = bounds(path, machine, scenario)
    cycles = max(
        cycles, *limits.values()
    )  # stores and copies, for which nothing waits, count too
    flops = sum(step.cost.flops for step in steps)
    tensor = sum(step.cost.tensor for step in steps)
    per_sm = flops * scenario.warps / cycles * machine["clock_ghz"] / 1000
    peak = machine["peak.tensor"] if tensor else machine["peak.fp32"]
    samples = measured * scenario.warps
    reasons = sorted(
        ((count / samples, why) for why, count in simulation.lost.items()), reverse=True
    )
    return Prediction(
        cycles=cycles,
        single=single,
        bounds=limits,
        flops=flops,
        limiter=_limiter(cycles, limits, reasons),
        tensor_busy=limits.get("tensor", 0) / cycles,
        tflops=per_sm * machine["sms"],
        tflops_per_sm=per_sm,
        peak_share=per_sm * machine["sms"] / peak,
        reasons=reasons,
        waits={pc: count / samples for pc, count in simulation.lost_at.items()},
    )


def _limiter(cycles, limits, reasons):
    name, most = max(limits.items(), key=lambda item: item[1])
    if cycles <= 1.12 * most:
        return name
    why = next((why for _, why in reasons if not why.endswith(("issued", "busy", "full"))), "")
    return f"latency ({why}); nearest: {name}, {most / cycles:.0%} busy"


def occupancy(kernel, machine, block_warps, dynamic_shared=0):
    """Blocks per SM that registers, shared memory and warp slots allow: {resource: blocks}."""
    registers = -(-max(kernel.registers, 1) * 32 // 256) * 256  # allocated per warp in units of 256
    warps = int(machine["schedulers"]) * int(
        machine["registers"] / machine["schedulers"] // registers
    )
    static = kernel.shared_bytes  # on sm_90 it includes the system's share
    included = static and kernel.arch.startswith("sm_90")
    reserved = 0 if included else machine["shared_reserved"]
    shared = static + dynamic_shared + reserved
    return {
        "registers": warps // block_warps,
        "shared memory": (
            int(machine["shared_per_sm"] // shared) if shared else int(machine["max_blocks"])
        ),
        "warps": int(machine["max_warps"]) // block_warps,
        "blocks": int(machine["max_blocks"]),
    }
