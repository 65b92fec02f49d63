"""What gpu_session.py found, as Markdown."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "peers"))
import turns  # noqa: E402


def times_table(results):
    lines = ["| network | batch | engine | ms an image | with copies | / Nestor | logits |",
             "|---|---|---|---|---|---|---|"]
    for result in results:
        rows = result["rows"]
        own = min((r["ms_per_image"] for r in rows
                   if r["engine"].startswith("nestor") and "ms_per_image" in r), default=None)
        for row in rows:
            title = f"| {row['network']} | {row['batch']} | {row['engine']} |"
            if "error" in row:
                lines.append(f"{title} {row['error']} | | | |")
                continue
            ratio = f"{row['ms_per_image'] / own:.2f}" if own else ""
            lines.append(f"{title} {row['ms_per_image']:.4f} | {row['host_ms_per_image']:.4f} "
                         f"| {ratio} | {row['logits_difference_over_std']:.1e} |")
        clocks = result["gpu"].get("clocks.sm")
        if clocks:
            gpu = result["gpu"]
            lines.append(f"| | | SM clock {clocks['min']:.0f} to {clocks['max']:.0f} MHz, "
                         f"{gpu['power.draw']['median']:.0f} W, "
                         f"{gpu['temperature.gpu']['max']:.0f} C | | | | |")
    return lines


def bench_table(rows):
    lines = ["| network | size | batch | ms an image | p99, ms | floor, ms | warnings |",
             "|---|---|---|---|---|---|---|"]
    for row in rows:
        batch = row["batch"]
        floor = f"{row['floor_ms'] / batch:.3f}" if row["floor_ms"] else "-"
        lines.append(f"| {row['network']} | {row['height']} x {row['width']} | {batch} "
                     f"| {row['ms_per_image']:.3f} | {row['latency_ms']['p99'] / batch:.3f} | {floor} "
                     f"| {'; '.join(row['warnings'])} |")
    return lines


def report(document, parts):
    lines = ["# A session on a GPU", ""]
    if found := document.get("machine"):
        lines += [f"{found['name']}, driver {found['driver_version']}, {found['toolkit']}, commit "
                  f"{found['commit']}, {found['date']}; "
                  + ", ".join(f"{name} {version}" for name, version in found["peers"].items()), "",
                  f"In use before the first part: {found['memory.used']} of {found['memory.total']} MiB, "
                  f"{found['utilization.gpu']} % of the time.", ""]
    lines += ["| part | result | seconds |", "|---|---|---|"]
    for name in parts:
        part = document["parts"].get(name, {"status": "not reached", "seconds": 0})
        detail = part.get("why") or part.get("found", {}).get("result") or \
            part.get("found", {}).get("summary") or ""
        lines.append(f"| {name} | {part['status']}{': ' if detail else ''}{detail} "
                     f"| {part['seconds']:.0f} |")
    if document["times"]:
        lines += ["", "## Nestor and PyTorch in one CUDA graph, float16", "",
                  "Medians over turns; input and output on the device, and with both copied. In one run "
                  f"the engines took turns of about {turns.TURN_MS} ms, each after a few untimed runs. "
                  "Logits: the largest difference to the first engine's over their standard "
                  "deviation.", "", *times_table(document["times"])]
    if document["compiled"]:
        lines += ["", "## Nestor and torch.compile (max-autotune, frozen)", "",
                  *times_table(document["compiled"])]
    if document["others"]:
        lines += ["", "## The other networks of the published table, float16", "",
                  *times_table(document["others"])]
    if document["vendors"]:
        lines += ["", "## Nestor, ONNX Runtime and TensorRT, float16", "",
                  *times_table(document["vendors"])]
    for part in ("detection", "segmentation"):
        if document[part]:
            lines += ["", f"## {part.capitalize()}, float16, made-up weights", "",
                      *bench_table(document[part])]
    if document["table"]:
        lines += ["", "## The published table, float16, batch 16: measured, and published for a V100", "",
                  "| network | top-1 | published ms | ms | floor ms |", "|---|---|---|---|---|"]
        for row in document["table"]:
            time = next(iter(row["times"].values()), {"ms": None, "floor_ms": None})
            cells = [f"{value:.3f}" if value else "-" for value in (time["ms"], time["floor_ms"])]
            lines.append(f"| {row['network']} | {row['top1']} | {row['published_ms']} | {' | '.join(cells)} |")
    for profile in document["profiles"]:
        steps = sorted(profile["steps"], key=lambda s: s["us"] - (s["floor_us"] or 0), reverse=True)
        total = sum(step["us"] for step in steps)
        lines += ["", f"## {profile['network']}, batch {profile['batch']}: {total:.0f} us in "
                  f"{len(steps)} steps; the ten that are furthest from their floors", "",
                  "| step | variant | tile | us | model | floor |", "|---|---|---|---|---|---|"]
        lines += [f"| {s['name']} | {s['variant']} | {s['tile']} | {s['us']:.1f} | "
                  f"{s['modelled_us'] or 0:.1f} | {s['floor_us'] or 0:.1f} |" for s in steps[:10]]
    return "\n".join(lines) + "\n"
