"""What the tests of the commands share. They use Python's standard library and the built commands only.

    NESTOR_BIN=build/cpu/bin python3 -m unittest discover -s tests/commands -p '*_test.py'
"""
import json
import os
import shutil
import struct
import subprocess
import tempfile
import unittest
import zlib

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
BIN = os.path.abspath(os.environ.get("NESTOR_BIN", os.path.join(ROOT, "build", "cpu", "bin")))
PHOTOS = os.path.join(ROOT, "apps", "photos")
CAT = os.path.join(PHOTOS, "cat.jpg")

USAGE, BAD_INPUT, BAD_MODEL, UNSUPPORTED, SOME_FAILED = 2, 3, 4, 5, 6


def run(name, *arguments, stdin=None, cwd=None, env=None, timeout=300):
    """The finished process; stdout and stderr are bytes."""
    line = [os.path.join(BIN, name), *map(str, arguments)]
    return subprocess.run(line, input=stdin, capture_output=True, cwd=cwd, timeout=timeout,
                          env={**os.environ, **(env or {})})


GREY, RGB, PALETTE = 0, 2, 3  # colour types of PNG


def write_png_as(path, width, colour, depth, data, palette=b""):
    """data: the pixels as PNG stores them, rows of `width`, of 8 or 16 bits a channel."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = width * depth // 8 * (3 if colour == RGB else 1)
    height = len(data) // row
    rows = b"".join(b"\0" + data[y * row:(y + 1) * row] for y in range(height))
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" +
                chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)) +
                (chunk(b"PLTE", palette) if palette else b"") +
                chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def write_png(path, width, height, rgb):
    """rgb: bytes, or one (r, g, b) for all pixels."""
    write_png_as(path, width, RGB, 8, bytes(rgb) * (width * height) if isinstance(rgb, tuple) else rgb)


def write_grey_png(path, width, rows):
    """rows: bytes, width of them a row."""
    write_png_as(path, width, GREY, 8, rows)


def read_safetensors(path):
    """{name: (dtype, shape, bytes)} and the metadata."""
    with open(path, "rb") as f:
        data = f.read()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    metadata = header.pop("__metadata__", {})
    body = data[8 + length:]
    return {name: (t["dtype"], t["shape"], body[t["data_offsets"][0]:t["data_offsets"][1]])
            for name, t in header.items()}, metadata


def write_safetensors(path, tensors, metadata):
    """tensors: {name: (dtype, shape, bytes)}."""
    header, offset = {"__metadata__": metadata}, 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    text = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(t[2] for t in tensors.values()))


def floats(data):
    return struct.unpack(f"<{len(data) // 4}f", data)


_models = tempfile.TemporaryDirectory(prefix="nestor-models-")


def model(network="resnest14", seed=1):
    """A model with calibrated random weights, made once for all tests of a process."""
    path = os.path.join(_models.name, f"{network}-{seed}.safetensors")
    if not os.path.exists(path):
        done = run("nestor-convert", "--network", network, "--synthetic-seed", seed, "--output", path)
        if done.returncode != 0:
            raise AssertionError(done.stderr.decode())
    return path


def has_gpu():
    smi = shutil.which("nvidia-smi")
    return smi is not None and b"GPU" in subprocess.run([smi, "-L"], capture_output=True).stdout


class CommandTest(unittest.TestCase):
    """A test case with a folder of its own."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="nestor-test-")
        self.addCleanup(shutil.rmtree, self.folder, True)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def expect(self, code, name, *arguments, **options):
        done = run(name, *arguments, **options)
        self.assertEqual(done.returncode, code, f"{name} {arguments}\n{done.stderr.decode(errors='replace')}")
        return done

    def output(self, name, *arguments, **options):
        return self.expect(0, name, *arguments, **options).stdout.decode()

    def assert_says(self, done, *parts):
        message = done.stderr.decode(errors="replace")
        for part in parts:
            self.assertIn(part, message)
