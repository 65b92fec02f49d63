"""faster_rcnn_fpn_resnest_mini in torch, as graphs/faster_rcnn.cpp has it: GluonCV's Faster R-CNN with a feature pyramid.

Boxes are corners x1, y1, x2, y2 in pixels of the network's input; x2 and y2 are the last pixel's, as GluonCV's are.
"""
import torch
from torch import nn
from torch.nn import functional as F
from torchvision.ops import nms, roi_align

from digits import gluon_names, resnest_mini
from scenes import NUM_DIGITS

CHANNELS = 64             # of the pyramid, the proposals' convolution, and the box head's
HIDDEN = 192              # of the fully connected layer
STRIDES = (4, 8, 16, 32, 64)
RATIOS = (0.5, 1, 2)      # height / width
ANCHOR_STRIDES = 8        # an anchor's side in strides of its level
CLIP = 4.14               # of the logarithm of how many times as large a box is as its anchor
BOX_STDS = (0.1, 0.1, 0.2, 0.2)
POOLED = 7
PRE_NMS, POST_NMS, PROPOSAL_NMS = 6000, 1000, 0.7
FINAL_NMS, LEAST_SCORE = 0.5, 0.01


def pyramid_norm():
    """eps as MXNet's operator has it by default; its scale is fixed to 1."""
    norm = nn.BatchNorm2d(CHANNELS, eps=1e-3)
    norm.weight.requires_grad_(False)
    return norm


class Pyramid(nn.Module):
    def __init__(self, in_channels):
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(channels, CHANNELS, 1, bias=False) for channels in in_channels)
        self.lateral_norm = nn.ModuleList(pyramid_norm() for _ in in_channels)
        self.output = nn.ModuleList(nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False) for _ in STRIDES)
        self.output_norm = nn.ModuleList(pyramid_norm() for _ in STRIDES)
        self.output[-1].stride = (2, 2)

    def forward(self, stages):
        """C2 to C5 to P2 to P6."""
        sums = [norm(conv(x)) for conv, norm, x in zip(self.lateral, self.lateral_norm, stages)]
        for i in (2, 1, 0):
            height, width = sums[i].shape[2:]
            sums[i] = sums[i] + F.interpolate(sums[i + 1], scale_factor=2, mode="nearest")[:, :, :height, :width]
        return [norm(conv(x)) for conv, norm, x in zip(self.output, self.output_norm, [*sums, sums[-1]])]


class ProposalHead(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1), nn.ReLU(inplace=True))
        self.score = nn.Conv2d(CHANNELS, len(RATIOS), 1)
        self.loc = nn.Conv2d(CHANNELS, 4 * len(RATIOS), 1)
        for conv in (self.score, self.loc):
            nn.init.normal_(conv.weight, std=0.01)
            nn.init.zeros_(conv.bias)

    def forward(self, pyramid):
        """Of each image's anchors, level by level, row by row: logits [n, anchors], deltas [n, anchors, 4]."""
        features = [self.conv1(level) for level in pyramid]
        logits = [self.score(x).permute(0, 2, 3, 1).flatten(1) for x in features]
        deltas = [self.loc(x).permute(0, 2, 3, 1).reshape(len(x), -1, 4) for x in features]
        return torch.cat(logits, 1).float(), torch.cat(deltas, 1).float()


def anchors_of(stride, rows, columns):
    """[rows * columns * ratios, 4]. Python's round is NumPy's: half to even."""
    boxes = []
    for ratio in RATIOS:
        width = round((stride * stride / ratio) ** 0.5)
        height = round(width * ratio)
        half_x, half_y = (ANCHOR_STRIDES * width - 1) / 2, (ANCHOR_STRIDES * height - 1) / 2
        centre = (stride - 1) / 2
        boxes.append((centre - half_x, centre - half_y, centre + half_x, centre + half_y))
    y, x = torch.meshgrid(torch.arange(rows) * stride, torch.arange(columns) * stride, indexing="ij")
    shifts = torch.stack([x, y, x, y], -1).float()
    return (shifts[:, :, None] + torch.tensor(boxes)).reshape(-1, 4)


def decoded_boxes(deltas, anchors, stds=(1, 1, 1, 1)):
    """Both [..., 4]."""
    deltas = deltas * torch.tensor(stds)
    size = anchors[..., 2:] - anchors[..., :2]
    centre = anchors[..., :2] + size / 2 + deltas[..., :2] * size
    half = deltas[..., 2:].clamp(max=CLIP).exp() * size / 2
    return torch.cat([centre - half, centre + half], -1)


def encoded_boxes(boxes, anchors, stds=(1, 1, 1, 1)):
    """The deltas that decoded_boxes turns into the boxes."""
    size, goal = anchors[..., 2:] - anchors[..., :2], boxes[..., 2:] - boxes[..., :2]
    shift = (boxes[..., :2] + goal / 2 - anchors[..., :2] - size / 2) / size
    return torch.cat([shift, (goal / size).log()], -1) / torch.tensor(stds)


def clipped(boxes, height, width):
    return torch.stack([boxes[..., 0].clamp(0, width), boxes[..., 1].clamp(0, height),
                        boxes[..., 2].clamp(0, width), boxes[..., 3].clamp(0, height)], -1)


def pooled(pyramid, rois):
    """rois: [n, 5], the image and the box. Each is pooled from the level of P2 to P5 that its size asks for."""
    sides = rois[:, 3:] - rois[:, 1:3] + 1
    levels = torch.floor(4 + torch.log2(sides.prod(1).sqrt() / 224 + 1e-6)).clamp(2, 5) - 2
    result = pyramid[0].new_zeros(len(rois), CHANNELS, POOLED, POOLED, dtype=torch.float32)
    for i, stride in enumerate(STRIDES[:-1]):
        chosen = levels == i
        result[chosen] = roi_align(pyramid[i].float(), rois[chosen], POOLED, 1 / stride, sampling_ratio=2, aligned=False)
    return result


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = resnest_mini()
        self.backbone.fc = nn.Identity()
        self.pyramid = Pyramid([stage[0].bn3.num_features for stage in self.stages()])
        self.rpn_head = ProposalHead()
        convs = [nn.Sequential(nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False), nn.BatchNorm2d(CHANNELS),
                               nn.ReLU(inplace=True)) for _ in range(4)]
        self.box_features = nn.Sequential(*(module for conv in convs for module in conv))
        self.hidden = nn.Linear(CHANNELS * POOLED * POOLED, HIDDEN)
        self.class_predictor = nn.Linear(HIDDEN, 1 + NUM_DIGITS)  # 0: background
        self.box_predictor = nn.Linear(HIDDEN, 4 * NUM_DIGITS)
        nn.init.normal_(self.box_predictor.weight, std=0.001)

    def stages(self):
        return [self.backbone.layer1, self.backbone.layer2, self.backbone.layer3, self.backbone.layer4]

    def features(self, pictures):
        net = self.backbone
        x = net.maxpool(net.act1(net.bn1(net.conv1(pictures))))
        taps = []
        for stage in self.stages():
            x = stage(x)
            taps.append(x)
        return self.pyramid(taps)

    def heads(self, pyramid, rois):
        """Class logits [n, 1 + classes] and deltas [n, classes, 4] of the RoIs."""
        x = F.relu(self.hidden(self.box_features(pooled(pyramid, rois)).flatten(1)))
        return self.class_predictor(x).float(), self.box_predictor(x).float().view(-1, NUM_DIGITS, 4)

    def anchors(self, pyramid):
        return torch.cat([anchors_of(stride, *level.shape[2:]) for stride, level in zip(STRIDES, pyramid)])

    def proposals(self, logits, deltas, anchors, height, width, pre_nms=PRE_NMS, post_nms=POST_NMS):
        """One image's, best first."""
        scores, best = logits.sigmoid().sort(descending=True, stable=True)
        scores, best = scores[:pre_nms], best[:pre_nms]
        boxes = clipped(decoded_boxes(deltas[best], anchors[best]), height, width)
        return boxes[nms(boxes, scores, PROPOSAL_NMS)[:post_nms]]

    @torch.no_grad()
    def detect(self, picture):
        """A normalised [3, h, w] to (classes, scores, boxes), best first; boxes may reach over the edges."""
        height, width = picture.shape[1:]
        pyramid = self.features(picture[None])
        logits, deltas = self.rpn_head(pyramid)
        boxes = self.proposals(logits[0], deltas[0], self.anchors(pyramid), height, width)
        logits, deltas = self.heads(pyramid, torch.cat([boxes.new_zeros(len(boxes), 1), boxes], 1))
        probabilities = logits.softmax(1)[:, 1:]
        refined = decoded_boxes(deltas, boxes[:, None], BOX_STDS)
        found = []
        for digit in range(NUM_DIGITS):
            rows = (probabilities[:, digit] > LEAST_SCORE).nonzero()[:, 0]
            rows = rows[nms(refined[rows, digit], probabilities[rows, digit], FINAL_NMS)]
            found.append((torch.full_like(rows, digit), probabilities[rows, digit], refined[rows, digit]))
        classes, scores, boxes = (torch.cat(parts) for parts in zip(*found))
        order = scores.argsort(descending=True, stable=True)
        return classes[order], scores[order], boxes[order]

    def parameters_for_gluon(self):
        named = {**backbone_names(self.backbone), **pyramid_names(self.pyramid)}
        named.update(gluon_names(self.rpn_head, "rpn.rpn_head."))
        named.update(gluon_names(self.box_features, "box_features."))
        named.update(gluon_names(self.hidden, "box_features.12."))
        named.update(gluon_names(self.class_predictor, "class_predictor."))
        named.update(gluon_names(self.box_predictor, "box_predictor."))
        return named


# ---- GluonCV's names: those of a symbol in the backbone and the pyramid

STEM = {"conv1.0": "conv0", "conv1.1": "syncbatchnorm0", "conv1.3": "conv1", "conv1.4": "syncbatchnorm1", "conv1.6": "conv2",
        "bn1": "syncbatchnorm2"}
BLOCK = {"conv1": "conv0", "conv2.conv": "conv1", "conv2.fc1": "conv2", "conv2.fc2": "conv3", "conv3": "conv4",
         "bn1": "syncbatchnorm0", "conv2.bn": "syncbatchnorm1", "conv2.bn1": "syncbatchnorm2", "bn3": "syncbatchnorm3"}
SHORTCUT = {"downsample.1": "conv0", "downsample.2": "syncbatchnorm0"}


def backbone_names(backbone):
    named = {}
    for name, tensor in gluon_names(backbone).items():
        owner, _, leaf = name.rpartition(".")
        if owner in STEM:
            flat = STEM[owner]
        else:
            stage, part = owner[len("layer")], owner[len("layer1.0."):]
            flat = f"layers{stage}_{BLOCK[part]}" if part in BLOCK else f"down{stage}_{SHORTCUT[part]}"
        named[f"features.resnest_{flat}_{leaf}"] = tensor
    return named


def pyramid_names(pyramid):
    named = {}

    def norm(prefix, module):
        for leaf, tensor in (("gamma", module.weight), ("beta", module.bias), ("moving_mean", module.running_mean),
                             ("moving_var", module.running_var)):
            named[f"features.{prefix}_{leaf}"] = tensor

    for i, level in enumerate((2, 3, 4, 5, 6)):
        named[f"features.P{level}_conv1_weight"] = pyramid.output[i].weight
        norm("P6_pre_bn" if level == 6 else f"P{level}_bn", pyramid.output_norm[i])
        if level < 6:
            named[f"features.P{level}_conv_lat_weight"] = pyramid.lateral[i].weight
            norm("P5_lat_bn" if level == 5 else f"P{level}_conv1_bn", pyramid.lateral_norm[i])
    return named
