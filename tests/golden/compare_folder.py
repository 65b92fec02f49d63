#!/usr/bin/env python3
"""Decodes all pictures of a folder with Nestor, Pillow and OpenCV and reports where they differ, by kind.

    tests/golden/compare_folder.py FOLDER [--bin build/cpu/bin] [--show 3] [--jobs 2]
    tests/golden/compare_folder.py FOLDER --write expected.tsv    what Pillow and OpenCV make of each file

Nestor decodes twice: as contract timm, compared with Pillow, and as contract gluoncv, compared with OpenCV. Needs
Pillow 13, opencv-python-headless 4.10 and numpy; downloads nothing. Exits 1 if a difference has no explanation below.
"""
import argparse
import collections
import concurrent.futures
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import warnings

os.environ.setdefault("OPENCV_LOG_LEVEL", "OFF")
import cv2  # noqa: E402
import numpy as np  # noqa: E402
import PIL
from PIL import Image  # noqa: E402

SUFFIXES = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".dib", ".tga", ".gif", ".pnm", ".pbm", ".pgm", ".ppm"}

# Contract ("" fits both), how it differs, what Nestor's message or the reference's holds, why it is right. The first
# that fits is taken.
EXPLANATIONS = [(contract, how, re.compile(pattern), why) for contract, how, pattern, why in (
    ("", "only the reference reads", r"pixels; at most|MB are allowed", "over Nestor's limits, which are Pillow's (--max-pixels, --decode-memory)"),
    ("", "only the reference reads", r"lenient", "damaged: Nestor refuses what it would have to guess; --lenient decodes it"),
    ("", "only the reference reads", r"not a webp file|bmp header of|no white space after", "damaged headers"),
    ("timm", "only the reference reads", r"not an image that Nestor reads", "BMP files without their first 14 bytes (.dib)"),
    ("gluoncv", "only Nestor reads", r"^(gif|tga): ", "OpenCV 4.10 reads no GIF and no TGA"),
    ("gluoncv", "only Nestor reads", r"^webp: ", "OpenCV 4.10 reads no animated WebP and none of its largest sizes"),
    ("gluoncv", "only Nestor reads", r"^bmp: ", "OpenCV refuses more than 256 colours, runs beyond a row, bit fields behind long headers"),
    ("gluoncv", "only Nestor reads", r"^pnm: ", "OpenCV wants a byte after the last number, and no comment right after P6"),
    ("timm", "only Nestor reads", r"^png: ", "Pillow refuses PNG for chunks that no pixel depends on"),
    ("timm", "only Nestor reads", r"^tga: OSError: buffer overrun", "Pillow refuses TGA runs that go on in the next row"),
    ("timm", "only Nestor reads", r"^bmp: .*[Pp]alette size", "Pillow refuses more than 256 colours"),
    ("timm", "only Nestor reads", r"^pnm: ", "Pillow reads on after the last pixel, and wants no comment right after P6"),
    ("gluoncv", "pixels differ", r"^jpeg: up to 2 ", "4:4:0 as the libjpeg-turbo of MXNet upsamples it"),
    ("gluoncv", "pixels differ", r"^bmp: ", "OpenCV takes the palette for pixels where the header says that they begin there"),
)]


def pillow(data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(data)) as image:
            kind = image.format
            return np.asarray(image.convert("RGB")), kind


def opencv(data):
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION) if data else None
    if pixels is None:
        raise ValueError("imdecode returned nothing")
    return pixels[:, :, ::-1], "?"


REFERENCES = {"timm": pillow, "gluoncv": opencv}


def nestor(program, path, contract, png=None):
    line = [program, "--image", path, "--preprocess", contract, "--format", "json"]
    done = subprocess.run(line + (["--output", png] if png else []), capture_output=True, text=True, errors="replace", timeout=300)
    if done.returncode not in (0, 3):
        return {"crash": f"exit {done.returncode}: {done.stderr.strip()[-300:]}"}
    return json.loads(done.stdout) if done.returncode == 0 else {"error": done.stderr.strip().replace(path, "FILE")}


def reference(decode, data):
    try:
        pixels, _ = decode(data)
        return np.ascontiguousarray(pixels), ""
    except Exception as error:  # the libraries raise many kinds
        return None, f"{type(error).__name__}: {error}"


def compare(program, path, contract):
    """(how, detail): equal, both refuse, or a difference."""
    with open(path, "rb") as file:
        data = file.read()
    found = nestor(program, path, contract)
    want, refusal = reference(REFERENCES[contract], data)
    if "crash" in found:
        return "CRASH", found["crash"]
    if want is None:
        return ("both refuse", found["error"]) if "error" in found else (
            "only Nestor reads", f"{found['format']}: {refusal}" + "".join("; " + w for w in found["warnings"]))
    if "error" in found:
        return "only the reference reads", found["error"]
    if found["sha256"] == hashlib.sha256(want.tobytes()).hexdigest() and (found["height"], found["width"]) == want.shape[:2]:
        return "equal", found["format"]
    return "pixels differ", f"{found['format']}: " + difference(program, path, contract, want)


def difference(program, path, contract, want):
    png = f"/tmp/compare_folder_{os.getpid()}_{hash((path, contract)) & 0xFFFFFFFF}.png"
    nestor(program, path, contract, png)
    with Image.open(png) as image:
        got = np.asarray(image.convert("RGB"))
    os.unlink(png)
    if got.shape != want.shape:
        return f"{got.shape[1]} x {got.shape[0]} pixels, not {want.shape[1]} x {want.shape[0]}"
    off = np.abs(got.astype(int) - want)
    return f"up to {off.max()} in {(off.max(axis=2) > 0).mean():.1%} of the pixels"


def pictures(folder):
    for parent, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            path = os.path.join(parent, name)
            if os.path.splitext(name)[1].lower() in SUFFIXES and os.path.isfile(path):
                yield path


def why(contract, how, detail):
    for wanted, kind, pattern, text in EXPLANATIONS:
        if wanted in ("", contract) and kind == how and pattern.search(detail):
            return text
    return None


def report(rows, show):
    """rows: (path, contract, how, detail). True if all differences have an explanation."""
    counts = collections.Counter((contract, how) for _, contract, how, _ in rows)
    for (contract, how), count in sorted(counts.items()):
        print(f"{contract:8} {how:26} {count:6}")
    groups = collections.defaultdict(list)
    for path, contract, how, detail in rows:
        if how not in ("equal", "both refuse"):
            groups[(contract, how, why(contract, how, detail))].append((path, detail))
    for (contract, how, text), members in sorted(groups.items(), key=str):
        print(f"\n{contract}, {how}, {len(members)}: {text or 'NOT EXPLAINED'}")
        for path, detail in members[:show if text else None]:
            print(f"    {path}: {detail[:200]}")
    return not any(text is None for _, _, text in groups)


def write_expected(folder, name):
    with open(name, "w", encoding="utf-8") as file:
        print("file\tPillow\tOpenCV", file=file)
        for path in pictures(folder):
            with open(path, "rb") as picture:
                data = picture.read()
            hashes = []
            for decode in REFERENCES.values():
                pixels, _ = reference(decode, data)
                hashes.append("refuses" if pixels is None else hashlib.sha256(pixels.tobytes()).hexdigest())
            print(os.path.relpath(path, folder), *hashes, sep="\t", file=file)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--bin", default=os.path.join("build", "cpu", "bin"))
    parser.add_argument("--show", type=int, default=3, metavar="N", help="files to name of each explained kind")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--write", metavar="FILE", help="only write the hashes of what Pillow and OpenCV decode")
    args = parser.parse_args()
    if args.write:
        return write_expected(args.folder, args.write)
    program = os.path.join(args.bin, "nestor-inspect")
    work = [(path, contract) for path in pictures(args.folder) for contract in REFERENCES]
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        found = pool.map(lambda job: compare(program, *job), work)
        rows = [(*job, *result) for job, result in zip(work, found)]
    print(f"{len(work) // len(REFERENCES)} pictures; Pillow {PIL.__version__}, OpenCV {cv2.__version__}\n")
    return None if report(rows, args.show) else 1


if __name__ == "__main__":
    sys.exit(main())
