"""What the trainings of the demo models share: digits, photos, the backbone, and files.

Digits: the 1,797 handwritten digits of 8 x 8 pixels that ship with scikit-learn, the test part of "Optical Recognition of
Handwritten Digits" (E. Alpaydin, C. Kaynak, UCI Machine Learning Repository, 1998, doi:10.24432/C50P49, CC BY 4.0).
Backgrounds: cuts of the photos in apps/photos (public domain or CC0). 360 digits, and the right-hand quarter of each photo,
are held out: training sees neither. The digits of both parts are of the same 13 writers.
"""
import io
import json
import os
import struct
import subprocess

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from sklearn.datasets import load_digits
from timm.models.resnest import ResNestBottleneck
from timm.models.resnet import ResNet
from torch import nn
from torch.nn import functional as F

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
WORK = os.path.join(ROOT, "build", "training")
CONVERT = os.path.join(ROOT, "build", "cpu", "bin", "nestor-convert")
SIZE = 64          # pixels a side of a picture of one digit
NUM_HELD_OUT = 360
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
DATA = "UCI Optical Recognition of Handwritten Digits (E. Alpaydin, C. Kaynak), CC BY 4.0"


def resnest_mini():
    """As graphs/resnest.cpp has it."""
    return ResNet(ResNestBottleneck, [1, 1, 1, 1], num_classes=10, stem_type="deep", stem_width=8, avg_down=True,
                  channels=(16, 32, 64, 128), block_args={"radix": 2, "avd": True, "avd_first": False})


def split_digits():
    """(pixels in 0..1, classes) for training and held out."""
    digits = load_digits()
    order = np.random.RandomState(2024).permutation(len(digits.target))
    pixels = torch.tensor(digits.images / 16, dtype=torch.float32)[order]
    classes = torch.tensor(digits.target)[order]
    return (pixels[NUM_HELD_OUT:], classes[NUM_HELD_OUT:]), (pixels[:NUM_HELD_OUT], classes[:NUM_HELD_OUT])


def split_photos():
    """Parts of the photos, [3, h, w] in 0..1, for training and held out."""
    folder = os.path.join(ROOT, "apps", "photos")
    training, held_out = [], []
    for name in sorted(os.listdir(folder)):
        photo = torch.tensor(np.asarray(Image.open(os.path.join(folder, name)).convert("RGB"))).permute(2, 0, 1) / 255
        border = photo.shape[2] * 3 // 4
        training.append(photo[:, :, :border])
        held_out.append(photo[:, :, border:])
    return training, held_out


class Chance:
    """Random numbers, all from one generator."""

    def __init__(self, seed, variation):
        self.variation = variation  # 1: as strongly as in training
        self.random = torch.Generator().manual_seed(seed)

    def uniform(self, low, high, *shape):
        return low + (high - low) * torch.rand(*shape, generator=self.random)

    def around(self, middle, reach, *shape):
        return self.uniform(middle - reach * self.variation, middle + reach * self.variation, *shape)

    def strokes(self, pixels):
        """[n, 8, 8] to [n, 1, SIZE, SIZE]: turned, sheared, scaled, moved and enlarged."""
        n = len(pixels)
        angle, shear = self.around(0, 0.26, n), self.around(0, 0.2, n)
        zoom_x, zoom_y = self.around(1.2, 0.2, n), self.around(1.2, 0.2, n)  # above 1: a margin around the digit
        matrix = torch.zeros(n, 2, 3)
        matrix[:, 0, 0], matrix[:, 0, 1] = zoom_x * angle.cos(), zoom_x * (shear - angle.sin())
        matrix[:, 1, 0], matrix[:, 1, 1] = zoom_y * angle.sin(), zoom_y * angle.cos()
        matrix[:, :, 2] = self.around(0, 0.15, n, 2)
        grid = F.affine_grid(matrix, (n, 1, SIZE, SIZE), align_corners=False)
        coverage = F.grid_sample(pixels[:, None], grid, mode="bicubic", align_corners=False)
        threshold, softness = self.around(0.5, 0.1, n, 1, 1, 1), self.uniform(0.4, 0.8, n, 1, 1, 1)
        return ((coverage - threshold) / softness + 0.5).clamp(0, 1)


def normalised(pictures):
    return (pictures - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]


def round_matrices_to_float16(model):
    """As `nestor-convert --storage fp16` stores them: vectors stay float32."""
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.dim() >= 2:
                tensor.copy_(tensor.half().float())


# ---- Parameters' names

def gluon_names(model, prefix=""):
    """{GluonCV's name: tensor}: batch norms have gamma and beta."""
    norms = {name for name, module in model.named_modules() if isinstance(module, nn.BatchNorm2d)}
    named = {}
    for name, tensor in model.state_dict().items():
        owner, _, leaf = name.rpartition(".")
        if leaf == "num_batches_tracked":
            continue
        if owner in norms:
            leaf = {"weight": "gamma", "bias": "beta"}.get(leaf, leaf)
        if owner.endswith("conv2.bn0"):  # the split attention's, in timm
            owner = owner[:-1]
        named[prefix + ".".join(filter(None, (owner, leaf)))] = tensor
    return named


def load_backbone(model):
    """The trained classifier's weights, but for the last layer's. model: resnest_mini, changed or not."""
    stored = load_file(os.path.join(ROOT, "apps", "demo", "resnest_mini.safetensors"))
    with torch.no_grad():
        for name, tensor in gluon_names(model).items():
            tensor.copy_(stored[name])


# ---- Files

def emptied(folder):
    """Makes the folder, or removes the files in it."""
    os.makedirs(folder, exist_ok=True)
    for old in os.listdir(folder):
        os.remove(os.path.join(folder, old))


def jpeg(picture):
    """The bytes of a uint8 [h, w, 3] array's JPEG file."""
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "JPEG", quality=90, subsampling=0, optimize=True)
    return out.getvalue()


def decoded(file):
    """A JPEG file's bytes to [3, h, w] in 0..1."""
    return torch.tensor(np.asarray(Image.open(io.BytesIO(file)))).permute(2, 0, 1) / 255


def write_safetensors(path, tensors):
    """tensors: {name: (dtype, shape, bytes)}."""
    header, offset = {}, 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(data for _, _, data in tensors.values()))


def write_tensors(path, tensors):
    write_safetensors(path, {name: ("F32", list(tensor.shape), tensor.detach().contiguous().numpy().astype("<f4").tobytes())
                             for name, tensor in tensors.items()})


def commit(*paths):
    """The commit that is checked out, and whether one of the paths differs from it."""
    def git(*arguments):
        return subprocess.run(["git", "-C", ROOT, *arguments], check=True, capture_output=True, text=True).stdout.strip()
    changed = git("status", "--porcelain", "--", *paths)
    return git("rev-parse", "HEAD") + (" (changed)" if changed else "")


def convert(command, network, source, labels, facts):
    """build/training's file to the model file in apps/demo, whose path it returns. facts: {key: what the metadata say}."""
    target = os.path.join(ROOT, "apps", "demo", network + ".safetensors")
    with open(os.path.join(os.path.dirname(source), network + ".labels.txt"), "w") as f:
        f.write("".join(f"{label}\n" for label in labels))
    notes = [part for key, value in facts.items() for part in ("--note", f"{key}={value}")]
    subprocess.run([command, "--network", network, "--source", "nestor", "--input", source, "--output", target,
                    "--labels", f.name, "--storage", "fp16", *notes], check=True)
    return target
