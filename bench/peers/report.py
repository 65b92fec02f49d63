"""The rows of a comparison as Markdown."""

PRODUCT = "nestor"
SECOND = {"cpu": ("cpu_ms_per_image", "processor ms"), "cuda": ("host_ms_per_image", "ms with copies")}
HEADS = {
    "cpu": "Milliseconds an image by the clock, median (minimum), and of processor time, median. On a busy "
           "machine, processor time with one thread says most: it leaves out what other programs took.",
    "cuda": "Milliseconds an image with input and output on the GPU, median (minimum), and from the host's "
            "float32 input to logits on the host.",
}


def summary(groups, second):
    """A row a network: Nestor beside the fastest peer."""
    lines = ["| network | batch | precision | Nestor, ms | fastest peer | its ms | / Nestor |",
             "|---|---|---|---|---|---|---|"]
    for (network, _, batch, precision), rows in groups.items():
        timed = [row for row in rows if "error" not in row]
        own = next((row for row in timed if row["engine"] == PRODUCT), None)
        others = [row for row in timed if row["engine"] != PRODUCT]
        if own is None or not others:
            continue
        best = min(others, key=lambda row: row["ms_per_image"])
        lines.append(f"| {network} | {batch} | {precision} | {own['ms_per_image']:.2f} | {best['engine']} | "
                     f"{best['ms_per_image']:.2f} | {best['ms_per_image'] / own['ms_per_image']:.2f} |")
    return lines


def section(title, rows, second):
    key, name = second
    own = next((row for row in rows if row["engine"] == PRODUCT and "error" not in row), None)
    lines = ["", f"## {title}", "", f"| engine | ms | / Nestor | {name} | / Nestor | logits |",
             "|---|---|---|---|---|---|"]
    for row in sorted(rows, key=lambda row: row.get("ms_per_image", float("inf"))):
        if "error" in row:
            lines.append(f"| {row['engine']} | {row['error']} | | | | |")
            continue
        ratios = [f"{row[k] / own[k]:.2f}" if own else "" for k in ("ms_per_image", "min_ms_per_image", key)]
        lines.append(f"| {row['engine']} | {row['ms_per_image']:.2f} ({row['min_ms_per_image']:.2f}) | "
                     f"{ratios[0]} ({ratios[1]}) | {row[key]:.2f} | {ratios[2]} | "
                     f"{row['logits_difference_over_std']:.1e} |")
    return lines


def markdown(document):
    loads = [row["load_average"] for row in document["rows"]]
    second = SECOND[document["device"]]
    groups = {}
    for row in document["rows"]:
        key = row["network"], row["size"], row["batch"], row["precision"]
        groups.setdefault(key, []).append(row)
    threads = f", {document['threads']} threads" if document["device"] == "cpu" else ""
    lines = [f"# Nestor and its peers on a {'CPU' if document['device'] == 'cpu' else 'GPU'}", "",
             f"{document['name']}{threads}, {document['date']}, load average {min(loads)} to {max(loads)}.",
             "Versions: " + ", ".join(f"{k} {v}" for k, v in document["versions"].items()) + ".", "",
             f"{HEADS[document['device']]} Engines of a table took turns in one run, on the same weights (random, "
             "batch norms calibrated) and the same input, normal noise. Nestor counts subnormal numbers as zero; "
             "of the activations of ResNeSt-50 on this input, as PyTorch computes them, none is subnormal. Logits: their largest "
             "difference to Nestor's in float32, over their standard deviation, as it was before anything was "
             "timed.", "", *summary(groups, second)]
    for (network, size, batch, precision), rows in groups.items():
        lines += section(f"{network}, {size} x {size}, batch {batch}, {precision}", rows, second)
    return "\n".join(lines) + "\n"
