"""Scenes for the demo's detector and segmenter: several digits on a cut of a photo, with their boxes and masks."""
import math
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from digits import Chance

NUM_DIGITS = 10
BACKGROUND = 10     # the class of the pixels of no digit
EDGE = 0.5          # of a stroke: coverage
MAX_OVERLAP = 0.25  # of the smaller box of two
PER_BATCH = 256     # digits that are turned and enlarged at once


@dataclass
class Scene:
    picture: torch.Tensor  # [3, h, w] in 0..1
    classes: torch.Tensor  # [n]
    boxes: torch.Tensor    # [n, 4]: x1, y1, x2, y2 in pixels, around the strokes
    mask: torch.Tensor     # [h, w]: of each pixel the class


def overlap(a, b):
    """Of two boxes, as a part of the smaller one."""
    width, height = (min(a[i + 2], b[i + 2]) - max(a[i], b[i]) for i in (0, 1))
    area = min((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return max(width, 0) * max(height, 0) / area


def tight(coverage):
    """What is within the strokes' box."""
    rows, columns = ((coverage > EDGE).any(dim).nonzero() for dim in (1, 0))
    return coverage[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]


def resized(coverage, longest):
    height, width = (max(4, round(side * longest / max(coverage.shape))) for side in coverage.shape)
    return F.interpolate(coverage[None, None], (height, width), mode="bilinear", align_corners=False, antialias=True)[0, 0]


def grown(coverage, size):
    """Pixels no farther from a stroke than an eighth of the digit, and how far that is: a region wide enough for strides of 8."""
    reach = max(1, round(size / 8))
    padded = F.pad(coverage, [reach] * 4)
    near = F.max_pool2d(padded[None], 2 * reach + 1, stride=1, padding=reach)[0]
    return near > EDGE, reach


class ScenePainter(Chance):
    """Scenes at random from one generator. digits: (pixels, classes) as split_digits gives them."""

    def __init__(self, photos, digits, seed, variation=1):
        super().__init__(seed, variation)
        self.photos, self.digits, self.waiting = photos, digits, []

    def whole(self, low, high):
        return int(self.uniform(low, high, 1))

    def next_digit(self):
        """(coverage, class); every digit comes once before one comes again."""
        if not self.waiting:
            pixels, classes = self.digits
            for chosen in torch.randperm(len(classes), generator=self.random).split(PER_BATCH):
                self.waiting += [(tight(coverage[0]), int(classes[i]))
                                 for coverage, i in zip(self.strokes(pixels[chosen]), chosen)]
        return self.waiting.pop()

    def background(self, height, width):
        photo = self.photos[self.whole(0, len(self.photos))]
        fit = min(photo.shape[1] / height, photo.shape[2] / width)
        part = fit * float(self.uniform(0.5, 1, 1))
        rows, columns = int(height * part), int(width * part)
        top, left = self.whole(0, photo.shape[1] - rows + 1), self.whole(0, photo.shape[2] - columns + 1)
        cut = photo[None, :, top:top + rows, left:left + columns]
        if float(self.uniform(0, 1, 1)) < 0.5:
            cut = cut.flip(3)
        return F.interpolate(cut, (height, width), mode="bilinear", align_corners=False, antialias=True)[0]

    def place(self, coverage, shape, taken):
        """A box for the digit, if one is found where it covers little of the others."""
        height, width = coverage.shape
        for _ in range(20):
            top, left = self.whole(0, shape[0] - height + 1), self.whole(0, shape[1] - width + 1)
            box = [left, top, left + width, top + height]
            if all(overlap(box, other) <= MAX_OVERLAP for other in taken):
                return box
        return None

    def scene(self, height, width, num_digits, sizes):
        """sizes: shortest and longest of the digits' long sides, in pixels; small ones are as frequent as large ones."""
        picture = self.background(height, width)
        light = float(picture.mean() > self.uniform(0.3, 0.7, 1))
        strength = self.uniform(0.45, 0.75, 1)
        picture = picture * strength + light * (1 - strength)
        mask = torch.full((height, width), BACKGROUND)
        classes, boxes = [], []
        for _ in range(num_digits):
            size = math.exp(float(self.uniform(math.log(sizes[0]), math.log(min(sizes[1], min(height, width))), 1)))
            drawn, truth = self.next_digit()
            coverage = resized(drawn, size)
            box = self.place(coverage, (height, width), boxes)
            if box is None:
                continue
            ink = self.uniform(0, 0.4, 3, 1, 1)
            self.draw(picture, mask, coverage, box, light * ink + (1 - light) * (1 - ink), truth)
            classes.append(truth)
            boxes.append(box)
        noise = torch.randn(picture.shape, generator=self.random) * self.uniform(0, 0.04, 1) * self.variation
        return Scene((picture + noise).clamp(0, 1), torch.tensor(classes), torch.tensor(boxes, dtype=torch.float32), mask)

    def draw(self, picture, mask, coverage, box, ink, truth):
        left, top, right, bottom = box
        part = picture[:, top:bottom, left:right]
        part += coverage * self.uniform(0.85, 1, 1) * (ink - part)
        near, reach = grown(coverage, max(coverage.shape))
        y, x = max(top - reach, 0), max(left - reach, 0)
        target = mask[y:bottom + reach, x:right + reach]
        near = near[y - top + reach:, x - left + reach:][:target.shape[0], :target.shape[1]]
        target[near] = truth


def painted(picture):
    """[3, h, w] in 0..1 to uint8 [h, w, 3]."""
    return (picture * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
