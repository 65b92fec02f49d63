#!/usr/bin/env python3
"""Trains faster_rcnn_fpn_resnest_mini, the demo's detector, and makes everything that goes with it.

    python3 -m venv build/training && \\
      build/training/bin/pip install torch torchvision timm scikit-learn safetensors opencv-python-headless pycocotools
    nice -n 10 build/training/bin/python tests/demo/train_detector.py --bfloat16    # 7 minutes on one core with AMX

It finds digits in scenes (scenes.py); the backbone's weights come from apps/demo/resnest_mini.safetensors. Digits, photos, and
what is held out: digits.py. Nothing is chosen by looking at the held-out scenes: the last step is what ships. Writes

    build/training/faster_rcnn_fpn_resnest_mini.safetensors  under GluonCV's names, matrices rounded to float16
    apps/demo/faster_rcnn_fpn_resnest_mini.safetensors       the same through nestor-convert
    apps/demo/scene_to_search.jpg                            a larger scene of held-out digits, for the demo
    tests/demo/detection/*.jpg, annotations.json             held-out scenes, and their boxes as COCO has them
    tests/demo/detection/torch.json                          what torch found, as COCO's results are
"""
import argparse
import contextlib
import io
import json
import os
import time

import cv2
import numpy as np
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torch.nn import functional as F
from torchvision.ops import box_iou

from detector import BOX_STDS, Detector, clipped, encoded_boxes
from digits import (CONVERT, DATA, ROOT, WORK, commit, convert, decoded, emptied, jpeg, load_backbone, normalised,
                    round_matrices_to_float16, split_digits, split_photos, write_tensors)
from scenes import NUM_DIGITS, ScenePainter, painted

NETWORK = "faster_rcnn_fpn_resnest_mini"
SOURCES = ("tests/demo/train_detector.py", "tests/demo/detector.py", "tests/demo/digits.py", "tests/demo/scenes.py")
BATCH = 8
TRAINING_SIZES = ((192, 192), (160, 256), (224, 224), (256, 160))  # height, width
HELD_OUT_SIZES = ((256, 256), (256, 320), (320, 256), (256, 384), (200, 280))
DIGIT_SIZES = (20, 120)
NUM_SCENES = 40
SHORT, LONGEST = 256, 512            # of what the network reads
LEAST_SCORE, MOST_DETECTIONS = 0.05, 100
RPN_SAMPLES, ROI_SAMPLES = 128, 48   # an image, at most half of each positive
LAST_PIXEL = torch.tensor([0, 0, 1, 1])  # GluonCV's boxes end on it, scenes' boxes behind it


# ---- Training

def sampled(positive, negative, count, random):
    """Indices of at most count / 2 positives, and of as many negatives as make count."""
    positive, negative = (mask.nonzero()[:, 0] for mask in (positive, negative))
    positive = positive[torch.randperm(len(positive), generator=random)[:count // 2]]
    return positive, negative[torch.randperm(len(negative), generator=random)[:count - len(positive)]]


def proposal_loss(logits, deltas, anchors, truth, random):
    """One image's: an anchor that overlaps a digit by 0.6 is positive, and the best one of each digit is."""
    overlaps = box_iou(anchors, truth)
    best, which = overlaps.max(1)
    favourite = overlaps.argmax(0)
    best[favourite], which[favourite] = 1, torch.arange(len(truth))
    positive, negative = sampled(best >= 0.6, best < 0.3, RPN_SAMPLES, random)
    goal = torch.cat([torch.ones(len(positive)), torch.zeros(len(negative))])
    found = F.binary_cross_entropy_with_logits(logits[torch.cat([positive, negative])], goal)
    target = encoded_boxes(truth[which[positive]], anchors[positive])
    return found + F.smooth_l1_loss(deltas[positive], target, beta=1 / 9, reduction="sum") / RPN_SAMPLES


def roi_samples(proposals, truth, classes, random):
    """(RoIs, their classes + 1 or 0, and the box that each is to become)."""
    boxes = torch.cat([truth, proposals])
    best, which = box_iou(boxes, truth).max(1)
    positive, negative = sampled(best >= 0.5, best < 0.5, ROI_SAMPLES, random)
    chosen = torch.cat([positive, negative])
    labels = (classes[which[chosen]] + 1) * (best[chosen] >= 0.5)
    return boxes[chosen], labels, truth[which[chosen]]


def head_loss(logits, deltas, rois, labels, goals):
    positive = labels > 0
    target = encoded_boxes(goals[positive], rois[positive], BOX_STDS)
    chosen = deltas[positive, labels[positive] - 1]
    return F.cross_entropy(logits, labels) + F.smooth_l1_loss(chosen, target, reduction="sum") / len(labels)


def losses(model, scenes, random, bfloat16):
    pictures = normalised(torch.stack([scene.picture for scene in scenes])).to(memory_format=torch.channels_last)
    height, width = pictures.shape[2:]
    truths = [scene.boxes - LAST_PIXEL for scene in scenes]
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        pyramid = model.features(pictures)
        logits, deltas = model.rpn_head(pyramid)
    anchors = model.anchors(pyramid)
    first = sum(proposal_loss(*image, anchors, truth, random) for *image, truth in zip(logits, deltas, truths)) / len(scenes)
    with torch.no_grad():
        samples = [roi_samples(model.proposals(*image, anchors, height, width, pre_nms=500, post_nms=150), truth,
                               scene.classes, random) for *image, truth, scene in zip(logits, deltas, truths, scenes)]
    rois, labels, goals = (torch.cat(parts) for parts in zip(*samples))
    images = torch.cat([torch.full((len(boxes), 1), float(i)) for i, (boxes, _, _) in enumerate(samples)])
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        logits, deltas = model.heads(pyramid, torch.cat([images, rois], 1))
    return first, head_loss(logits, deltas, rois, labels, goals)


def train(model, painter, steps, bfloat16):
    model = model.train().to(memory_format=torch.channels_last)
    begun, new = [], []
    for name, parameter in model.named_parameters():
        (begun if name.startswith("backbone.") else new).append(parameter)
    optimizer = torch.optim.AdamW([{"params": begun}, {"params": new}], weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=[2e-3, 3e-3], total_steps=steps, pct_start=0.15)
    totals, begin = np.zeros(2), time.process_time()
    for step in range(1, steps + 1):
        height, width = TRAINING_SIZES[step % len(TRAINING_SIZES)]
        scenes = [painter.scene(height, width, painter.whole(3, 8), DIGIT_SIZES) for _ in range(BATCH)]
        proposing, naming = losses(model, scenes, painter.random, bfloat16)
        optimizer.zero_grad()
        (proposing + naming).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5)
        optimizer.step()
        schedule.step()
        totals += (proposing.item(), naming.item())
        if step % 25 == 0:
            print("step {:4} of {}  loss {:.4f} of proposals, {:.4f} of the head  {:.0f} s".format(
                step, steps, *totals / 25, time.process_time() - begin), flush=True)
            totals[:] = 0


# ---- Results

def network_input(file):
    """The normalised picture that the network reads, how many of the file's pixels one of its pixels is, and the file's size."""
    picture = decoded(file)
    height, width = picture.shape[1:]
    scale = min(SHORT / min(height, width), LONGEST / max(height, width))
    size = (round(width * scale), round(height * scale))
    if size != (width, height):
        pixels = (picture * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
        picture = torch.tensor(cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR)).permute(2, 0, 1) / 255
    return normalised(picture), height / size[1], (height, width)


def results(model, files):
    """COCO's, by GluonCV's rules (x2 and y2 are the last pixel's) within the picture."""
    found = []
    for i, file in enumerate(files):
        picture, scale, size = network_input(file)
        classes, scores, boxes = (values[:MOST_DETECTIONS] for values in model.detect(picture))
        for digit, score, (x1, y1, x2, y2) in zip(classes.tolist(), scores.tolist(), clipped(boxes * scale, *size).tolist()):
            if score >= LEAST_SCORE:
                box = [round(value, 3) for value in (x1, y1, x2 - x1 + 1, y2 - y1 + 1)]
                found.append({"image_id": i + 1, "category_id": digit + 1, "bbox": box, "score": round(score, 6)})
    return found


def annotations(scenes):
    images, boxes = [], []
    for i, scene in enumerate(scenes):
        height, width = scene.mask.shape
        images.append({"id": i + 1, "file_name": f"{i + 1:02}.jpg", "height": height, "width": width})
        for digit, (x1, y1, x2, y2) in zip(scene.classes.tolist(), scene.boxes.int().tolist()):
            boxes.append({"id": len(boxes) + 1, "image_id": i + 1, "category_id": digit + 1, "iscrowd": 0,
                          "bbox": [x1, y1, x2 - x1, y2 - y1], "area": (x2 - x1) * (y2 - y1)})
    categories = [{"id": digit + 1, "name": str(digit)} for digit in range(NUM_DIGITS)]
    return {"images": images, "annotations": boxes, "categories": categories}


def average_precision(truth_path, found):
    """(AP, AP50) by pycocotools."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(truth_path)
        evaluation = COCOeval(truth, truth.loadRes(found), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats[:2]


def held_out_scenes():
    painter = ScenePainter(split_photos()[1], split_digits()[1], seed=7, variation=0.5)
    scenes = [painter.scene(*HELD_OUT_SIZES[i % len(HELD_OUT_SIZES)], painter.whole(3, 9), DIGIT_SIZES) for i in range(NUM_SCENES)]
    return scenes, painter.scene(256, 384, 9, (40, 110))


def write_json(path, value):
    with open(path, "w") as f:
        json.dump(value, f, separators=(",", ":"))
        f.write("\n")


def main():
    parser = argparse.ArgumentParser(description="Trains the demo's detector.")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--bfloat16", action="store_true", help="train in bfloat16: faster on a CPU that computes in it")
    parser.add_argument("--work", default=WORK, help="folder for the trained parameters")
    parser.add_argument("--convert", default=CONVERT, metavar="COMMAND")
    parser.add_argument("--from-checkpoint", action="store_true", help="train nothing: take the checkpoint in --work")
    options = parser.parse_args()
    os.makedirs(options.work, exist_ok=True)
    checkpoint = os.path.join(options.work, NETWORK + ".pth")

    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    model = Detector()
    if options.from_checkpoint:
        kept = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(kept["state_dict"])
        facts = kept["facts"]
    else:
        load_backbone(model.backbone)
        facts = {"training": f"tests/demo/train_detector.py, seed {options.seed}, {options.steps} steps, torch {torch.__version__}",
                 "training_commit": commit(*SOURCES), "data": DATA}
        train(model, ScenePainter(split_photos()[0], split_digits()[0], options.seed), options.steps, options.bfloat16)
        round_matrices_to_float16(model)
        torch.save({"state_dict": model.state_dict(), "facts": facts}, checkpoint)
    source = os.path.join(options.work, NETWORK + ".safetensors")
    write_tensors(source, model.parameters_for_gluon())

    model.eval()
    scenes, large = held_out_scenes()
    files = [jpeg(painted(scene.picture)) for scene in scenes]
    folder = os.path.join(ROOT, "tests", "demo", "detection")
    emptied(folder)
    for i, file in enumerate(files):
        with open(os.path.join(folder, f"{i + 1:02}.jpg"), "wb") as f:
            f.write(file)
    truth = os.path.join(folder, "annotations.json")
    write_json(truth, annotations(scenes))
    found = results(model, files)
    write_json(os.path.join(folder, "torch.json"), found)
    ap, ap50 = average_precision(truth, found)
    print(f"held-out scenes: AP {ap:.4f}, AP50 {ap50:.4f}")
    with open(os.path.join(ROOT, "apps", "demo", "scene_to_search.jpg"), "wb") as f:
        f.write(jpeg(painted(large.picture)))
    convert(options.convert, NETWORK, source, range(NUM_DIGITS),
            {"accuracy": f"AP50 {ap50:.4f}, AP {ap:.4f} of {NUM_SCENES} held-out scenes", **facts})


if __name__ == "__main__":
    main()
