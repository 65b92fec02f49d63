"""Text and JSON reports."""

from collections import Counter

from .pipes import known
from .prediction import bank_conflicts, occupancy, port_reads, predict
from .simulation import prepare

_WIDE = 100


def loop_data(kernel, loop, machine, scenario):
    prediction = predict(loop, machine, scenario)
    path = scenario.path(loop)
    steps = prepare(path, machine, scenario)
    mix = Counter(step.instruction.name for step in steps)
    tensor = sum(count for name, count in mix.items() if name.endswith("MMA"))
    return {
        "begin": loop.begin,
        "end": loop.end,
        "instructions": len(path),
        "mix": dict(mix.most_common()),
        "per_tensor_instruction": (
            {
                name: round(count / tensor, 3)
                for name, count in mix.most_common()
                if not name.endswith("MMA")
            }
            if tensor
            else {}
        ),
        "cycles": prediction.cycles,
        "single_warp_cycles": prediction.single,
        "bounds": prediction.bounds,
        "limiter": prediction.limiter,
        "tflops": prediction.tflops,
        "tflops_per_sm": prediction.tflops_per_sm,
        "tensor_busy": prediction.tensor_busy,
        "peak_share": prediction.peak_share,
        "reasons": prediction.reasons,
        "register_reads_per_bank": port_reads(steps),
        "register_bank_conflicts": bank_conflicts(steps),
        "unknown_opcodes": sorted({s.instruction.name for s in steps if not known(s.instruction)}),
        "waits": prediction.waits,
    }


def kernel_data(kernel, chosen, machine, scenario, dynamic_shared=0):
    blocks = occupancy(kernel, machine, scenario.block_warps, dynamic_shared)
    return {
        "kernel": kernel.name,
        "arch": kernel.arch,
        "machine": machine.name,
        "registers": kernel.registers,
        "shared_bytes": kernel.shared_bytes + dynamic_shared,
        "stack_bytes": kernel.stack_bytes,
        "local_accesses": kernel.spills(),
        "blocks_possible": blocks,
        "block_warps": scenario.block_warps,
        "blocks": scenario.blocks,
        "loops": [loop_data(kernel, loop, machine, scenario) for loop in chosen],
    }


def text(kernel, chosen, machine, data, scenario, listing=True):
    most = min(data["blocks_possible"].values())
    lines = [
        f"kernel  {kernel.name}",
        f"on      {machine.name} ({kernel.arch}), {machine['clock_ghz']:.2f} GHz, "
        f"{machine['sms']:.0f} SMs; {scenario.blocks} blocks of {scenario.block_warps} warps per SM",
        "uses    unknown registers and shared memory (no resource usage in the input)"
        if not kernel.registers
        else f"uses    {data['registers']} registers, {data['shared_bytes']} bytes of shared memory; "
        f"at most {most} blocks per SM ("
        + ", ".join(f"{name} {n}" for name, n in data["blocks_possible"].items())
        + ")",
    ]
    if scenario.blocks > most:
        lines.append(f"WARNING {scenario.blocks} blocks per SM do not fit: {most} do")
    if data["local_accesses"] or data["stack_bytes"]:
        lines.append(
            f"WARNING {data['local_accesses']} LDL/STL, {data['stack_bytes']} bytes of stack: "
            "registers spill, or an array is indexed at run time"
        )
    if not chosen:
        lines.append("no loops: fully unrolled, or one pass per thread")
    for loop, result in zip(chosen, data["loops"]):
        lines += ["", *_loop_lines(loop, result, machine, scenario)]
        if listing:
            lines += ["", *_listing(loop, result, machine, scenario)]
    return "\n".join(lines)


def _loop_lines(loop, result, machine, scenario):
    cycles = result["cycles"]
    lines = [
        f"loop {loop.begin:#06x} to {loop.end:#06x}, {result['instructions']} instructions a trip"
        + ("" if loop.innermost else ", inner loops included"),
        f"  {cycles:.0f} cycles per trip of all {scenario.warps} warps; "
        f"{result['single_warp_cycles']:.0f} for one warp alone",
        (
            f"  {result['tflops']:.1f} TFLOP/s ({result['tflops_per_sm']:.3f} per SM), "
            f"{result['peak_share']:.0%} of the {'tensor' if result['tensor_busy'] else 'fp32'} peak; "
            f"tensor pipe busy {result['tensor_busy']:.0%}"
            if result["tflops"]
            else "  no floating point work"
        ),
        f"  limited by {result['limiter']}",
    ]
    if loop.spins:
        lines.append("  a wait on another warp, not work")
    mix = ", ".join(f"{count} {name}" for name, count in result["mix"].items())
    lines += _wrap("  mix: " + mix)
    if result["per_tensor_instruction"]:
        lines += _wrap(
            "  per tensor instruction: "
            + ", ".join(
                f"{count:.2f} {name}" for name, count in result["per_tensor_instruction"].items()
            )
        )
    lines.append("  resource          cycles  share")
    for name, need in sorted(result["bounds"].items(), key=lambda item: -item[1]):
        lines.append(f"    {name:15s} {need:7.0f}   {need / cycles:4.0%}")
    lines.append(
        "  a warp does not issue, cycles per trip: "
        + ", ".join(f"{count:.0f} {why}" for count, why in result["reasons"][:6] if count >= 0.5)
    )
    conflicts, extra = result["register_bank_conflicts"]
    even, odd = result["register_reads_per_bank"]
    lines.append(
        f"  register banks: {even} even and {odd} odd operand reads; {conflicts} instructions "
        f"conflict ({extra} extra cycles)"
    )
    if result["unknown_opcodes"]:
        lines.append("  counted as ALU work: " + ", ".join(result["unknown_opcodes"]))
    return lines


def _listing(loop, result, machine, scenario):
    lines = ["  address  control                 wait  pipe     instruction"]
    on_path = {i.pc for i in scenario.path(loop)}
    for step in prepare(loop.instructions, machine, scenario):
        instruction = step.instruction
        pipe = next(
            (p for p in ("tensor", "mio", "imad", *step.cost.pipes) if p in step.cost.pipes), "-"
        )
        wait = (
            f"{result['waits'].get(instruction.pc, 0):5.0f}"
            if instruction.pc in on_path
            else " skip"
        )
        lines.append(
            f"  {instruction.pc:6x}   {instruction.control:21s} {wait}  {pipe:7s}  "
            f"{instruction.text}"
        )
    return lines


def _wrap(line):
    lines = []
    while len(line) > _WIDE:
        cut = line.rfind(", ", 0, _WIDE) + 1
        lines.append(line[:cut])
        line = "     " + line[cut:]
    return lines + [line]
