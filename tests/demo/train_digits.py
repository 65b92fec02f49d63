#!/usr/bin/env python3
"""Trains resnest_mini, the demo model, and makes everything that goes with it.

    python3 -m venv build/training && build/training/bin/pip install torch timm scikit-learn
    nice -n 10 build/training/bin/python tests/demo/train_digits.py     # about 5 minutes on one core

(On x86-64, PyPI's torch brings gigabytes of CUDA libraries along; none of them is used.)

Digits: the 1,797 handwritten digits of 8 x 8 pixels that ship with scikit-learn, the test part of "Optical Recognition of
Handwritten Digits" (E. Alpaydin, C. Kaynak, UCI Machine Learning Repository, 1998, doi:10.24432/C50P49, CC BY 4.0).
Backgrounds: cuts of the photos in apps/photos (public domain or CC0). 360 digits, and the right-hand quarter of each photo,
are held out: training sees neither. The digits of both parts are of the same 13 writers. Nothing is chosen by looking at the
held-out digits: the last epoch is what ships.

The network is timm's implementation of ResNeSt, so that agreement with it means something. Writes

    build/training/resnest_mini.pth       torch's state dict, matrices rounded to float16
    apps/demo/resnest_mini.safetensors    the same through nestor-convert
    apps/demo/digits/*.jpg, page.jpg      the first held-out digits, for the demo
    tests/demo/held_out.safetensors       all held-out pictures (JPEG), their truth, and torch's logits
"""
import argparse
import io
import json
import os
import struct
import subprocess
import time

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_digits
from timm.models.resnest import ResNestBottleneck
from timm.models.resnet import ResNet
from torch.nn import functional as F

from page import make_page

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
SIZE = 64          # pixels a side of a picture
NUM_HELD_OUT = 360
NUM_ON_PAGE = 24   # of the demo
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def resnest_mini():
    """As graphs/resnest.cpp has it."""
    return ResNet(ResNestBottleneck, [1, 1, 1, 1], num_classes=10, stem_type="deep", stem_width=8, avg_down=True,
                  channels=(16, 32, 64, 128), block_args={"radix": 2, "avd": True, "avd_first": False})


# ---- Pictures

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


class Painter:
    """Puts digits on backgrounds, all at random from one generator."""

    def __init__(self, photos, seed, variation):
        self.photos, self.variation = photos, variation  # 1: as strongly as in training
        self.random = torch.Generator().manual_seed(seed)

    def uniform(self, low, high, *shape):
        return low + (high - low) * torch.rand(*shape, generator=self.random)

    def around(self, middle, reach, *shape):
        return self.uniform(middle - reach * self.variation, middle + reach * self.variation, *shape)

    def background(self):
        photo = self.photos[int(self.uniform(0, len(self.photos), 1))]
        side = int(self.uniform(20, 90, 1))
        top, left = (int(self.uniform(0, photo.shape[dim] - side, 1)) for dim in (1, 2))
        cut = photo[:, top:top + side, left:left + side]
        return F.interpolate(cut[None], (SIZE, SIZE), mode="bilinear", align_corners=False)[0]

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

    def paint(self, pixels):
        """[n, 8, 8] to pictures [n, 3, SIZE, SIZE] in 0..1: dark ink on a lightened background, or light on dark."""
        n = len(pixels)
        background = torch.stack([self.background() for _ in range(n)])
        light = (background.mean((1, 2, 3), keepdim=True) > self.uniform(0.25, 0.75, n, 1, 1, 1)).float()
        strength = self.uniform(0.35, 0.65, n, 1, 1, 1)
        background = background * strength + light * (1 - strength)
        ink = self.uniform(0, 0.25, n, 3, 1, 1)
        ink = light * ink + (1 - light) * (1 - ink)
        strokes = self.strokes(pixels) * self.uniform(0.85, 1, n, 1, 1, 1)
        noise = torch.randn(n, 3, SIZE, SIZE, generator=self.random) * self.uniform(0, 0.04, n, 1, 1, 1) * self.variation
        return (background + strokes * (ink - background) + noise).clamp(0, 1)


def normalised(pictures):
    return (pictures - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]


# ---- Training

def train(model, digits, photos, epochs, batch, seed):
    pixels, classes = digits
    painter = Painter(photos, seed, variation=1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
    steps = len(classes) // batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=5e-3, total_steps=epochs * steps)
    model.train()
    for epoch in range(epochs):
        total = 0.0
        for chosen in torch.randperm(len(classes), generator=painter.random)[:steps * batch].split(batch):
            logits = model(normalised(painter.paint(pixels[chosen])))
            loss = F.cross_entropy(logits, classes[chosen], label_smoothing=0.1)  # as ResNeSt's own training
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        print(f"epoch {epoch + 1:3} of {epochs}  loss {total / steps:.4f}", flush=True)


def round_matrices_to_float16(model):
    """As `nestor-convert --storage fp16` stores them: vectors stay float32."""
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.dim() >= 2:
                tensor.copy_(tensor.half().float())


# ---- Results

def jpeg(picture):
    """The bytes of a uint8 [h, w, 3] array's JPEG file."""
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "JPEG", quality=90, subsampling=0, optimize=True)
    return out.getvalue()


def decoded(files):
    """[n, 3, SIZE, SIZE] in 0..1."""
    pictures = np.stack([np.asarray(Image.open(io.BytesIO(file))) for file in files])
    return torch.tensor(pictures).permute(0, 3, 1, 2) / 255


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


def write_held_out(path, files, classes, logits):
    ends = np.cumsum([len(file) for file in files])
    tensors = {"logits": ("F32", list(logits.shape), logits.astype("<f4").tobytes()),
               "jpeg_end": ("I32", [len(files)], ends.astype("<i4").tobytes()),  # of each file in "jpeg"
               "truth": ("U8", [len(files)], classes.astype(np.uint8).tobytes()),
               "jpeg": ("U8", [int(ends[-1])], b"".join(files))}
    write_safetensors(path, tensors)


def write_page(folder, files, classes):
    digits = os.path.join(folder, "digits")
    os.makedirs(digits, exist_ok=True)
    for old in os.listdir(digits):
        os.remove(os.path.join(digits, old))
    for i, (file, truth) in enumerate(zip(files, classes)):
        with open(os.path.join(digits, f"{i + 1:02}_is_{truth}.jpg"), "wb") as f:
            f.write(file)
    make_page(folder)


def commit():
    def git(*arguments):
        return subprocess.run(["git", "-C", ROOT, *arguments], check=True, capture_output=True, text=True).stdout.strip()
    changed = git("status", "--porcelain", "--", "tests/demo/train_digits.py", "graphs")
    return git("rev-parse", "HEAD") + (" (changed)" if changed else "")


def convert(command, source, target, facts):
    with open(os.path.join(os.path.dirname(source), "labels.txt"), "w") as f:
        f.write("".join(f"{digit}\n" for digit in range(10)))
    notes = [part for key, value in facts.items() for part in ("--note", f"{key}={value}")]
    subprocess.run([command, "--network", "resnest_mini", "--source", "nestor", "--input", source, "--output", target,
                    "--labels", f.name, "--storage", "fp16", *notes], check=True)


def main():
    parser = argparse.ArgumentParser(description="Trains the demo model.")
    parser.add_argument("--epochs", type=int, default=80)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", default=os.path.join(ROOT, "build", "training"), help="folder for torch's state dict")
    parser.add_argument("--convert", default=os.path.join(ROOT, "build", "cpu", "bin", "nestor-convert"), metavar="COMMAND")
    parser.add_argument("--from-state-dict", action="store_true", help="train nothing: take the state dict in --work")
    options = parser.parse_args()
    os.makedirs(options.work, exist_ok=True)
    source = os.path.join(options.work, "resnest_mini.pth")

    torch.set_num_threads(1)  # steps are so small that threads cost more than they bring; and results do not depend on them
    torch.manual_seed(options.seed)
    model = resnest_mini()
    training, held_out = split_digits()
    training_photos, held_out_photos = split_photos()
    facts = {"commit": commit(), "seconds": 0.0}
    if options.from_state_dict:
        checkpoint = torch.load(source, weights_only=True)
        model.load_state_dict(checkpoint["state_dict"])
        facts = checkpoint["facts"]
    else:
        begin = time.process_time()
        train(model, training, training_photos, options.epochs, options.batch, options.seed)
        facts["seconds"] = round(time.process_time() - begin)
        round_matrices_to_float16(model)
        torch.save({"state_dict": model.state_dict(), "facts": facts}, source)
    print(f"trained in {facts['seconds']} s of CPU time")

    model.eval()
    painted = Painter(held_out_photos, seed=7, variation=0.5).paint(held_out[0])
    pictures = (painted * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
    files = [jpeg(picture) for picture in pictures]
    with torch.no_grad():
        logits = model(normalised(decoded(files)))
    classes = held_out[1].numpy()
    num_right = int((logits.argmax(1).numpy() == classes).sum())
    print(f"{num_right} of {NUM_HELD_OUT} held-out digits are right")

    write_held_out(os.path.join(ROOT, "tests", "demo", "held_out.safetensors"), files, classes, logits.numpy())
    demo = os.path.join(ROOT, "apps", "demo")
    write_page(demo, files[:NUM_ON_PAGE], classes[:NUM_ON_PAGE])
    convert(options.convert, source, os.path.join(demo, "resnest_mini.safetensors"),
            {"accuracy": f"{num_right} of {NUM_HELD_OUT} held-out digits",
             "training": f"tests/demo/train_digits.py, seed {options.seed}, {options.epochs} epochs, torch {torch.__version__}",
             "training_commit": facts["commit"],
             "data": "UCI Optical Recognition of Handwritten Digits (E. Alpaydin, C. Kaynak), CC BY 4.0"})


if __name__ == "__main__":
    main()
