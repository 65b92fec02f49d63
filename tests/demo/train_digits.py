#!/usr/bin/env python3
"""Trains resnest_mini, the demo model, and makes everything that goes with it.

    python3 -m venv build/training && build/training/bin/pip install torch timm scikit-learn
    nice -n 10 build/training/bin/python tests/demo/train_digits.py     # about 5 minutes on one core

(On x86-64, PyPI's torch brings gigabytes of CUDA libraries along; none of them is used.)

Digits, photos, and what is held out: digits.py. Nothing is chosen by looking at the held-out digits: the last epoch is what
ships.

The network is timm's implementation of ResNeSt, so that agreement with it means something. Writes

    build/training/resnest_mini.pth       torch's state dict, matrices rounded to float16
    apps/demo/resnest_mini.safetensors    the same through nestor-convert
    apps/demo/digits/*.jpg, page.jpg      the first held-out digits, for the demo
    tests/demo/held_out.safetensors       all held-out pictures (JPEG), their truth, and torch's logits
"""
import argparse
import os
import time

import numpy as np
import torch
from torch.nn import functional as F

from digits import (CONVERT, DATA, NUM_HELD_OUT, ROOT, SIZE, WORK, Chance, commit, convert, decoded, emptied, jpeg, normalised, resnest_mini,
                    round_matrices_to_float16, split_digits, split_photos, write_safetensors)
from page import make_page

NUM_ON_PAGE = 24   # of the demo


class Painter(Chance):
    """Puts digits on backgrounds, all at random from one generator."""

    def __init__(self, photos, seed, variation):
        super().__init__(seed, variation)
        self.photos = photos

    def background(self):
        photo = self.photos[int(self.uniform(0, len(self.photos), 1))]
        side = int(self.uniform(20, 90, 1))
        top, left = (int(self.uniform(0, photo.shape[dim] - side, 1)) for dim in (1, 2))
        cut = photo[:, top:top + side, left:left + side]
        return F.interpolate(cut[None], (SIZE, SIZE), mode="bilinear", align_corners=False)[0]

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


# ---- Results

def write_held_out(path, files, classes, logits):
    ends = np.cumsum([len(file) for file in files])
    tensors = {"logits": ("F32", list(logits.shape), logits.astype("<f4").tobytes()),
               "jpeg_end": ("I32", [len(files)], ends.astype("<i4").tobytes()),  # of each file in "jpeg"
               "truth": ("U8", [len(files)], classes.astype(np.uint8).tobytes()),
               "jpeg": ("U8", [int(ends[-1])], b"".join(files))}
    write_safetensors(path, tensors)


def write_page(folder, files, classes):
    digits = os.path.join(folder, "digits")
    emptied(digits)
    for i, (file, truth) in enumerate(zip(files, classes)):
        with open(os.path.join(digits, f"{i + 1:02}_is_{truth}.jpg"), "wb") as f:
            f.write(file)
    make_page(folder)


def main():
    parser = argparse.ArgumentParser(description="Trains the demo model.")
    parser.add_argument("--epochs", type=int, default=80)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", default=WORK, help="folder for torch's state dict")
    parser.add_argument("--convert", default=CONVERT, metavar="COMMAND")
    parser.add_argument("--from-state-dict", action="store_true", help="train nothing: take the state dict in --work")
    options = parser.parse_args()
    os.makedirs(options.work, exist_ok=True)
    source = os.path.join(options.work, "resnest_mini.pth")

    torch.set_num_threads(1)  # steps are so small that threads cost more than they bring; and results do not depend on them
    torch.manual_seed(options.seed)
    model = resnest_mini()
    training, held_out = split_digits()
    training_photos, held_out_photos = split_photos()
    facts = {"commit": commit("tests/demo/train_digits.py", "tests/demo/digits.py", "graphs"), "seconds": 0.0}
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
        logits = model(normalised(torch.stack([decoded(file) for file in files])))
    classes = held_out[1].numpy()
    num_right = int((logits.argmax(1).numpy() == classes).sum())
    print(f"{num_right} of {NUM_HELD_OUT} held-out digits are right")

    write_held_out(os.path.join(ROOT, "tests", "demo", "held_out.safetensors"), files, classes, logits.numpy())
    demo = os.path.join(ROOT, "apps", "demo")
    write_page(demo, files[:NUM_ON_PAGE], classes[:NUM_ON_PAGE])
    convert(options.convert, "resnest_mini", source, range(10),
            {"accuracy": f"{num_right} of {NUM_HELD_OUT} held-out digits",
             "training": f"tests/demo/train_digits.py, seed {options.seed}, {options.epochs} epochs, torch {torch.__version__}",
             "training_commit": facts["commit"],
             "data": DATA})


if __name__ == "__main__":
    main()
