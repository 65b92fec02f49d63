#!/usr/bin/env python3
"""Trains deeplab_resnest_mini, the demo's segmenter, and makes everything that goes with it.

    python3 -m venv build/training && build/training/bin/pip install torch timm scikit-learn safetensors
    nice -n 10 build/training/bin/python tests/demo/train_segmenter.py --bfloat16    # 8 minutes on one core with AMX
    nice -n 10 build/training/bin/python tests/demo/train_segmenter.py --bfloat16 --continue --seed 2 --steps 300    # 2 minutes
    nice -n 10 build/training/bin/python tests/demo/train_segmenter.py --bfloat16 --continue --seed 3    # 8 minutes

Ten classes of digits and background (scenes.py), the backbone's weights from apps/demo/resnest_mini.safetensors. Digits, photos,
and what is held out: digits.py. The last step of a cycle is what it gives, but the held-out scenes' mIoU was looked at between
cycles: it decided how many there are and, after the first one (run at commit 5d07b932, with digits of 28 to 110 pixels and narrower
regions: 0.680), how large digits and regions are. A third cycle of 300 steps instead of 1200 lost (0.789 after 0.796). Writes

    build/training/deeplab_resnest_mini.safetensors   under GluonCV's names, matrices rounded to float16
    apps/demo/deeplab_resnest_mini.safetensors        the same through nestor-convert
    apps/demo/scene_to_segment.jpg                    a larger scene of held-out digits, for the demo
    tests/demo/segmentation/images/*.jpg              held-out scenes
    tests/demo/segmentation/labels/*.png              of each of their pixels the class + 1
    tests/demo/segmentation/torch.zlib                the classes that torch found: a byte a pixel, all scenes in order
"""
import argparse
import os
import time
import zlib

import numpy as np
import torch
from PIL import Image
from safetensors import safe_open
from torch import nn
from torch.nn import functional as F

from digits import (CONVERT, DATA, ROOT, WORK, commit, convert, decoded, emptied, gluon_names, jpeg, load_backbone, normalised,
                    resnest_mini, round_matrices_to_float16, split_digits, split_photos, write_tensors)
from scenes import BACKGROUND, NUM_DIGITS, ScenePainter, painted

NETWORK = "deeplab_resnest_mini"
SOURCES = ("tests/demo/train_segmenter.py", "tests/demo/digits.py", "tests/demo/scenes.py")
NUM_CLASSES = NUM_DIGITS + 1
HEAD_CHANNELS = 48
RATES = (12, 24, 36)
BATCH = 8
# Height, width. Long ones, so that taps 24 and 36 strides of 8 away fall on pixels.
TRAINING_SIZES = ((192, 192), (128, 320), (192, 192), (320, 128))
HELD_OUT_SIZES = ((192, 192), (192, 192), (160, 240), (225, 181))
DIGIT_SIZES = (40, 80)
NUM_SCENES = 40
FIRST_RATES, CONTINUED_RATES = (2e-3, 5e-3), (1e-3, 3e-3)


# ---- The network, as graphs/deeplab.cpp has it

def dilated(backbone):
    """With strides of 8 at most: the last two stages look farther instead."""
    for stage, dilation in ((backbone.layer3, 1), (backbone.layer4, 2)):
        block = stage[0]
        block.avd_last = nn.AvgPool2d(3, 1, padding=1)
        block.downsample[0] = nn.Identity()
        block.conv2.conv.dilation = block.conv2.conv.padding = (dilation, dilation)
    backbone.fc = nn.Identity()
    return backbone


def conv_norm_relu(in_channels, channels, kernel=1, dilation=1):
    pad = dilation * (kernel // 2)
    return [nn.Conv2d(in_channels, channels, kernel, padding=pad, dilation=dilation, bias=False), nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True)]


class Pooled(nn.Module):
    """One value of each channel, everywhere."""

    def __init__(self, in_channels, channels):
        super().__init__()
        self.gap = nn.Sequential(nn.AdaptiveAvgPool2d(1), *conv_norm_relu(in_channels, channels))

    def forward(self, x):
        return self.gap(x).expand(-1, -1, *x.shape[2:])


class Aspp(nn.Module):
    def __init__(self, in_channels, channels):
        super().__init__()
        branches = [nn.Sequential(*conv_norm_relu(in_channels, channels)),
                    *(nn.Sequential(*conv_norm_relu(in_channels, channels, 3, rate)) for rate in RATES),
                    Pooled(in_channels, channels)]
        for branch in branches[2:4]:  # their far taps begin at 0: those that no training picture reaches stay there
            branch[0].weight.data[:, :, [0, 0, 0, 1, 1, 2, 2, 2], [0, 1, 2, 0, 2, 0, 1, 2]] = 0
        self.concurent = nn.ModuleList(branches)  # GluonCV's spelling
        self.project = nn.Sequential(*conv_norm_relu(len(branches) * channels, channels), nn.Dropout(0.1))

    def forward(self, x):
        return self.project(torch.cat([branch(x) for branch in self.concurent], 1))


class Head(nn.Module):
    def __init__(self, in_channels, channels):
        super().__init__()
        self.aspp = Aspp(in_channels, channels)
        self.block = nn.Sequential(*conv_norm_relu(channels, channels, 3), nn.Dropout(0.1), nn.Conv2d(channels, NUM_CLASSES, 1))

    def forward(self, x):
        return self.block(self.aspp(x))


class Segmenter(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = dilated(resnest_mini())
        self.head = Head(self.backbone.num_features, HEAD_CHANNELS)

    def forward(self, x):
        """Normalised pictures to logits of the pixels' classes."""
        logits = self.head(self.backbone.forward_features(x))
        return F.interpolate(logits, x.shape[2:], mode="bilinear", align_corners=True)

    def parameters_for_gluon(self):
        return {**gluon_names(self.backbone), **gluon_names(self.head, "head.")}


# ---- Training

def load_demo(model):
    """The demo's weights, which are all that a cycle leaves to the next. Returns the facts of their training."""
    with safe_open(os.path.join(ROOT, "apps", "demo", NETWORK + ".safetensors"), "pt") as stored, torch.no_grad():
        for name, tensor in model.parameters_for_gluon().items():
            tensor.copy_(stored.get_tensor(name))
        return {key: stored.metadata()[key] for key in ("training", "training_commit")}


def train(model, painter, steps, rates, bfloat16):
    """One cycle. rates: the highest of the backbone and of the head."""
    model = model.train().to(memory_format=torch.channels_last)
    parts = [{"params": part.parameters()} for part in (model.backbone, model.head)]
    optimizer = torch.optim.AdamW(parts, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=list(rates), total_steps=steps, pct_start=0.15)
    total, begin = 0.0, time.process_time()
    for step in range(1, steps + 1):
        height, width = TRAINING_SIZES[step % len(TRAINING_SIZES)]
        scenes = [painter.scene(height, width, painter.whole(2, 7), DIGIT_SIZES) for _ in range(BATCH)]
        pictures = normalised(torch.stack([scene.picture for scene in scenes]))
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            logits = model(pictures.to(memory_format=torch.channels_last))
        loss = F.cross_entropy(logits.float(), torch.stack([scene.mask for scene in scenes]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        total += loss.item()
        if step % 50 == 0:
            print(f"step {step:4} of {steps}  loss {total / 50:.4f}  {time.process_time() - begin:.0f} s", flush=True)
            total = 0.0


def facts_of_training(options, before):
    """For the file's metadata. before: those of the training that this one continues, or None."""
    begun = f"{before['training']}, of commit {before['training_commit']}; then " if before else ""
    return {"training": f"{begun}tests/demo/train_segmenter.py, seed {options.seed}, {options.steps} steps, torch {torch.__version__}",
            "training_commit": commit(*SOURCES), "data": DATA}


# ---- Results

def mean_iou(predictions, labels):
    """Over all pixels of all scenes, the mean over the classes."""
    pairs = sum(np.bincount(NUM_CLASSES * label.ravel() + prediction.ravel(), minlength=NUM_CLASSES ** 2)
                for prediction, label in zip(predictions, labels)).reshape(NUM_CLASSES, NUM_CLASSES)
    return float(np.mean(pairs.diagonal() / (pairs.sum(0) + pairs.sum(1) - pairs.diagonal())))


def class_map(model, file):
    with torch.no_grad():
        return model(normalised(decoded(file)[None])).argmax(1)[0].numpy()


def write_held_out(folder, files, labels, found):
    for part in ("images", "labels"):
        emptied(os.path.join(folder, part))
    for i, (file, label) in enumerate(zip(files, labels)):
        with open(os.path.join(folder, "images", f"{i + 1:02}.jpg"), "wb") as f:
            f.write(file)
        Image.fromarray((label + 1).astype(np.uint8)).save(os.path.join(folder, "labels", f"{i + 1:02}.png"), optimize=True)
    classes = np.concatenate([prediction.ravel() for prediction in found]).astype(np.uint8)
    with open(os.path.join(folder, "torch.zlib"), "wb") as f:
        f.write(zlib.compress(classes.tobytes(), 9))


def held_out_scenes():
    painter = ScenePainter(split_photos()[1], split_digits()[1], seed=7, variation=0.5)
    scenes = [painter.scene(*HELD_OUT_SIZES[i % len(HELD_OUT_SIZES)], painter.whole(2, 7), DIGIT_SIZES) for i in range(NUM_SCENES)]
    return scenes, painter.scene(256, 384, 8, (50, 80))


def main():
    parser = argparse.ArgumentParser(description="Trains the demo's segmenter.")
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--bfloat16", action="store_true", help="train in bfloat16: faster on a CPU that computes in it")
    parser.add_argument("--work", default=WORK, help="folder for the trained parameters")
    parser.add_argument("--convert", default=CONVERT, metavar="COMMAND")
    parser.add_argument("--continue", action="store_true", dest="more", help="train on from the weights in apps/demo")
    parser.add_argument("--from-checkpoint", action="store_true", help="train nothing: take the checkpoint in --work")
    options = parser.parse_args()
    os.makedirs(options.work, exist_ok=True)
    checkpoint = os.path.join(options.work, NETWORK + ".pth")

    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    model = Segmenter()
    if options.from_checkpoint:
        kept = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(kept["state_dict"])
        facts = kept["facts"]
    elif options.more:
        facts = load_demo(model)
    else:
        load_backbone(model.backbone)
        facts = None
    if not options.from_checkpoint:
        facts = facts_of_training(options, facts)
        painter = ScenePainter(split_photos()[0], split_digits()[0], options.seed)
        train(model, painter, options.steps, CONTINUED_RATES if options.more else FIRST_RATES, options.bfloat16)
        round_matrices_to_float16(model)
        torch.save({"state_dict": model.state_dict(), "facts": facts}, checkpoint)
    source = os.path.join(options.work, NETWORK + ".safetensors")
    write_tensors(source, model.parameters_for_gluon())

    model.eval()
    scenes, large = held_out_scenes()
    files = [jpeg(painted(scene.picture)) for scene in scenes]
    labels = [scene.mask.numpy() for scene in scenes]
    found = [class_map(model, file) for file in files]
    accuracy = mean_iou(found, labels)
    print(f"mIoU of the held-out scenes: {accuracy:.4f}")
    write_held_out(os.path.join(ROOT, "tests", "demo", "segmentation"), files, labels, found)
    with open(os.path.join(ROOT, "apps", "demo", "scene_to_segment.jpg"), "wb") as f:
        f.write(jpeg(painted(large.picture)))
    convert(options.convert, NETWORK, source, [*range(NUM_DIGITS), "background"],
            {"accuracy": f"mIoU {accuracy:.4f} of {NUM_SCENES} held-out scenes", **facts})


if __name__ == "__main__":
    main()
