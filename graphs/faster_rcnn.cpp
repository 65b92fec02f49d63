// Faster R-CNN with a feature pyramid, as GluonCV has it.
//
//   pyramid    y5 = N(1x1 C5), y_k = N(1x1 C_k) + y_{k+1} enlarged (k = 4, 3, 2)
//              P_k = N(3x3 y_k), P6 = N(3x3 with stride 2 of y5); N: a batch norm or nothing
//   proposals  3x3 -> ReLU -> 1x1 to a score and to four deltas of each anchor, the same weights on
//              P2 to P6; the best 1000 of all levels after one non-maximum suppression
//   head       each proposal pooled to 7x7 from one of P2 to P5, then convolutions or none, fully
//              connected layers, and of each class a score and four deltas
//
// There is no ReLU in the pyramid. Its batch norms have eps 1e-3 and a scale of 1: files have gammas
// of 1, which nestor-convert writes whatever GluonCV's say.
//
// Input: RGB / 255, minus mean, divided by std; short side resized to short_side, or less if the
// long one would exceed longest_side; no padding. Boxes: corners in pixels of that input.
// Source: dmlc/gluon-cv:gluoncv/model_zoo/rcnn/faster_rcnn/{faster_rcnn,predefined_models}.py@v0.7.0,
// gluoncv/nn/feature.py@v0.7.0.

#include "graphs/faster_rcnn.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "engine/check.h"
#include "engine/ops/anchor_rows/anchor_rows.h"
#include "engine/ops/batch_norm/batch_norm.h"
#include "engine/ops/dense/dense.h"
#include "engine/ops/detections/detections.h"
#include "engine/ops/proposals/proposals.h"
#include "engine/ops/relu/relu.h"
#include "engine/ops/roi_align/roi_align.h"
#include "engine/ops/upsample_add/upsample_add.h"
#include "graphs/resnest.h"
#include "graphs/resnet.h"

namespace nestor {

namespace {

constexpr int kFirstLevel = 2;  // of the pyramid: P2
constexpr std::size_t kLevels = 5;
constexpr std::size_t kPooledLevels = 4;  // P6 is for proposals alone
constexpr std::int64_t kDeltas = 4;

using Pyramid = std::array<ValueId, kLevels>;  // P2 to P6

constexpr int stride_of(std::size_t level) { return 4 << level; }

struct Named {
  std::string_view name;
  FasterRcnnConfig config;
};

// Those without batch norms.
constexpr FasterRcnnConfig plain(std::string_view backbone) {
  return {.backbone = backbone,
          .normed_pyramid = false,
          .rpn_channels = 1024,
          .head_convolutions = 0,
          .head_layers = 2};
}

constexpr Named kConfigs[] = {
    {"faster_rcnn_fpn_resnet50_v1b_coco", plain("resnet50_v1b")},
    {"faster_rcnn_fpn_resnet101_v1d_coco", plain("resnet101_v1d")},
    {"faster_rcnn_fpn_syncbn_resnest50_coco", {.backbone = "resnest50"}},
    {"faster_rcnn_fpn_syncbn_resnest101_coco", {.backbone = "resnest101"}},
    {"faster_rcnn_fpn_syncbn_resnest269_coco", {.backbone = "resnest269"}},
    {"faster_rcnn_fpn_resnest_mini",
     {.backbone = "resnest_mini",
      .pyramid_channels = 64,
      .rpn_channels = 64,
      .head_channels = 192}},
};

Stages backbone(GraphBuilder& builder, ValueId input, std::string_view name) {
  const GraphBuilder::Scope scope(builder, "features");
  if (const ResNestConfig* const resnest = find_resnest(name)) {
    return resnest_backbone(builder, input, *resnest, Dilation::kNone);
  }
  const ResNetConfig* const resnet = find_resnet(name);
  CHECK(resnet != nullptr, "there is no backbone {}", name);
  return resnet_backbone(builder, input, *resnet, Dilation::kNone);
}

ValueId pyramid_convolution(GraphBuilder& builder, ValueId src, const FasterRcnnConfig& config,
                            const std::string& name, ConvolutionSpec spec) {
  spec.channels = config.pyramid_channels;
  spec.bias = !config.normed_pyramid;
  const ValueId x = convolution(builder, src, name, spec);
  return config.normed_pyramid ? batch_norm(builder, x, name + "_norm", {.eps = 1e-3}) : x;
}

Pyramid pyramid(GraphBuilder& builder, const Stages& stages, const FasterRcnnConfig& config) {
  const GraphBuilder::Scope scope(builder, "fpn");
  Pyramid levels{};
  ValueId coarse = -1;
  const auto level_convolution = [&](const char* what, std::size_t idx, ValueId src,
                                     const ConvolutionSpec& spec) {
    const std::string name = fmt::format("{}{}", what, idx + kFirstLevel);
    return pyramid_convolution(builder, src, config, name, spec);
  };
  for (std::size_t idx = kPooledLevels; idx-- > 0;) {
    ValueId y = level_convolution("lateral", idx, stages.stage[idx], {});
    if (coarse < 0) {
      levels.back() =
          level_convolution("output", kLevels - 1, y, {.kernel = 3, .stride = 2, .pad = 1});
    } else {
      y = upsample_add(builder, y, coarse, fmt::format("sum{}", idx + kFirstLevel));
    }
    levels[idx] = level_convolution("output", idx, y, {.kernel = 3, .pad = 1});
    coarse = y;
  }
  return levels;
}

Proposals region_proposals(GraphBuilder& builder, const Pyramid& levels, const Shape& input,
                           const FasterRcnnConfig& config) {
  const GraphBuilder::Scope scope(builder, "rpn");
  const ConvolutionSpec conv1{.channels = config.rpn_channels, .kernel = 3, .pad = 1, .bias = true};
  const ConvolutionSpec score{.channels = kRatios, .bias = true};
  const ConvolutionSpec loc{.channels = kRatios * kDeltas, .bias = true};
  const auto conv1_weights = convolution_weights(builder, "conv1", config.pyramid_channels, conv1);
  const auto score_weights = convolution_weights(builder, "score", config.rpn_channels, score);
  const auto loc_weights = convolution_weights(builder, "loc", config.rpn_channels, loc);
  std::vector<ValueId> scores, deltas;
  ProposalsParams params{.levels = {}, .height = input[2], .width = input[3]};
  for (std::size_t idx = 0; idx < kLevels; ++idx) {
    const GraphBuilder::Scope level(builder, fmt::format("P{}", idx + kFirstLevel));
    const ValueId x =
        relu(builder, convolution(builder, levels[idx], conv1_weights, "conv1", conv1), "relu");
    scores.push_back(convolution(builder, x, score_weights, "score", score));
    deltas.push_back(convolution(builder, x, loc_weights, "loc", loc));
    const Shape& map = builder.shape(levels[idx]);
    params.levels.push_back({stride_of(idx), map[2], map[3]});
  }
  const ValueId logits = anchor_rows(builder, scores, "logits", {.width = 1});
  const ValueId all_deltas = anchor_rows(builder, deltas, "deltas", {.width = kDeltas});
  return proposals(builder, logits, all_deltas, "proposals", params);
}

// Features of each proposal, [n * proposals, channels].
ValueId box_head(GraphBuilder& builder, ValueId pooled, const FasterRcnnConfig& config) {
  const GraphBuilder::Scope scope(builder, "box_head");
  ValueId x = pooled;
  for (int i = 1; i <= config.head_convolutions; ++i) {
    x = conv_norm(builder, x, fmt::format("conv{}", i), fmt::format("norm{}", i),
                  {.channels = config.pyramid_channels, .kernel = 3, .pad = 1}, true);
  }
  for (int i = 1; i <= config.head_layers; ++i) {
    const std::string name = fmt::format("fc{}", i);
    x = relu(builder, dense(builder, x, name, config.head_channels), name + ".relu");
  }
  return x;
}

void tap_levels(GraphBuilder& builder, const Stages& stages, const Pyramid& levels) {
  for (std::size_t idx = 0; idx < kPooledLevels; ++idx) {
    builder.tap(fmt::format("C{}", idx + kFirstLevel), stages.stage[idx]);
  }
  for (std::size_t idx = 0; idx < kLevels; ++idx) {
    builder.tap(fmt::format("P{}", idx + kFirstLevel), levels[idx]);
  }
}

}  // namespace

const FasterRcnnConfig* find_faster_rcnn(std::string_view name) {
  const auto* found = std::ranges::find(kConfigs, name, &Named::name);
  return found == std::end(kConfigs) ? nullptr : &found->config;
}

void build_faster_rcnn(GraphBuilder& builder, ValueId input, const Network& network,
                       const NetworkOptions& options) {
  const FasterRcnnConfig* const config = find_faster_rcnn(network.name);
  CHECK(config != nullptr, "{} is not a Faster R-CNN", network.name);
  const Shape size = builder.shape(input);
  const Stages stages = backbone(builder, input, config->backbone);
  const Pyramid levels = pyramid(builder, stages, *config);
  tap_levels(builder, stages, levels);
  const Proposals regions = region_proposals(builder, levels, size, *config);
  RoiAlignParams pooling;
  for (std::size_t idx = 0; idx < kPooledLevels; ++idx) pooling.strides.push_back(stride_of(idx));
  const ValueId pooled = roi_align(builder, regions.boxes, regions.count,
                                   std::span(levels).first<kPooledLevels>(), "pooled", pooling);
  const ValueId features = box_head(builder, pooled, *config);
  const ValueId logits = dense(builder, features, "class_predictor", options.num_classes + 1);
  const ValueId deltas = dense(builder, features, "box_predictor", options.num_classes * kDeltas);
  builder.tap("proposals", regions.boxes);
  builder.tap("head.logits", logits);
  builder.tap("head.deltas", deltas);
  const DetectionLimits& limits = options.detection;
  const DetectionValues found =
      detections(builder, logits, deltas, regions.boxes, regions.count, "detections",
                 {.score_threshold = limits.score_threshold,
                  .nms_threshold = limits.nms_threshold,
                  .max_detections = limits.max_detections});
  builder.output("boxes", found.boxes);
  builder.output("scores", found.scores);
  builder.output("classes", found.classes);
}

}  // namespace nestor
