#include "engine/ops/detections/detections.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "engine/check.h"
#include "engine/ops/registry.h"

namespace nestor {

namespace {

constexpr std::int64_t kMostRows = std::int64_t{1} << 31;

std::vector<OutputDesc> infer(const Node& node, std::span<const TensorDesc> inputs) {
  const auto& p = params<DetectionsParams>(node);
  CHECK(inputs.size() == 4, "{}: {} inputs, expected 4", node.name, inputs.size());
  const Shape& boxes = inputs[2].shape;
  CHECK(boxes.rank() == 3 && boxes[2] == 4 && inputs[0].shape.rank() == 2,
        "{}: logits are {} and boxes {}, expected [n * rois, classes + 1] and [n, rois, 4]",
        node.name, to_string(inputs[0]), to_string(inputs[2]));
  const std::int64_t n = boxes[0], rois = boxes[1], classes = inputs[0].shape[1] - 1;
  CHECK(classes > 0 && rois * classes < kMostRows, "{}: {} classes of {} regions, expected 1 to {}",
        node.name, classes, rois, kMostRows / rois);
  const TensorDesc logits{DType::kFloat32, {n * rois, classes + 1}};
  const TensorDesc deltas{DType::kFloat32, {n * rois, classes * 4}};
  const TensorDesc count{DType::kInt32, {n}};
  CHECK(inputs[0] == logits && inputs[1] == deltas && inputs[3] == count,
        "{}: inputs are {}, {}, {} and {}, expected {}, {} and {}", node.name, to_string(inputs[0]),
        to_string(inputs[1]), to_string(inputs[2]), to_string(inputs[3]), to_string(logits),
        to_string(deltas), to_string(count));
  const std::int64_t all = rois * classes;
  const std::int64_t most =
      p.max_detections < 0 ? all : std::min<std::int64_t>(all, p.max_detections);
  const RowsInUse counted{RowsInUse::By::kOutput, 4};
  return {{{DType::kFloat32, {n, most, 4}}, {}, counted},
          {{DType::kFloat32, {n, most}}, "scores", counted},
          {{DType::kInt32, {n, most}}, "classes", counted},
          {{DType::kInt32, {n, most}}, "rois", counted},
          {{DType::kInt32, {n}}, "count"}};
}

struct Found {
  float score;
  std::int32_t class_id, roi;
  Box box;
};

// Of one image.
struct Head {
  const float *logits, *deltas;
  const Box* boxes;
  std::int64_t used, classes;

  float logit(std::int64_t roi, std::int64_t entry) const {
    return logits[roi * (classes + 1) + entry];
  }
};

bool has_finite_logits(const Head& head) {
  return std::all_of(head.logits, head.logits + head.used * (head.classes + 1),
                     [](float x) { return std::isfinite(x); });
}

float probability(const Head& head, std::int64_t roi, std::int64_t entry) {
  double largest = head.logit(roi, 0), sum = 0;
  for (std::int64_t e = 1; e <= head.classes; ++e) {
    largest = std::max<double>(largest, head.logit(roi, e));
  }
  for (std::int64_t e = 0; e <= head.classes; ++e) sum += std::exp(head.logit(roi, e) - largest);
  return static_cast<float>(std::exp(head.logit(roi, entry) - largest) / sum);
}

// Nothing if a box is not finite.
std::optional<std::vector<Found>> survivors(const Head& head, std::int32_t class_id,
                                            const DetectionsParams& p) {
  std::vector<Found> candidates, kept;
  for (std::int32_t roi = 0; roi < head.used; ++roi) {
    const float score = probability(head, roi, class_id + 1);
    if (!is_candidate(score, p)) continue;
    const float* const deltas = head.deltas + (roi * head.classes + class_id) * 4;
    candidates.push_back({score, class_id, roi, decode(head.boxes[roi], deltas, kDetectionScale)});
    if (!is_finite(candidates.back().box)) return std::nullopt;
  }
  std::ranges::stable_sort(candidates, std::greater<>(), &Found::score);
  for (const Found& c : candidates) {
    const bool suppressed = std::ranges::any_of(
        kept, [&](const Found& better) { return overlap(better.box, c.box) > p.nms_threshold; });
    if (!suppressed) kept.push_back(c);
  }
  return kept;
}

std::optional<std::vector<Found>> found_in(const Head& head, const DetectionsParams& p) {
  if (!has_finite_logits(head)) return std::nullopt;
  std::vector<Found> all;
  for (std::int32_t c = 0; c < head.classes; ++c) {
    const auto kept = survivors(head, c, p);
    if (!kept) return std::nullopt;
    all.insert(all.end(), kept->begin(), kept->end());
  }
  std::ranges::stable_sort(all, std::greater<>(), &Found::score);
  return all;
}

void reference(const Node& node, std::span<const TensorView> inputs,
               std::span<const MutableTensorView> outputs) {
  const Shape& boxes = inputs[2].desc.shape;
  const std::int64_t rois = boxes[1], classes = inputs[0].desc.shape[1] - 1;
  const std::int64_t most = outputs[1].desc.shape[1];
  for (std::int64_t n = 0; n < boxes[0]; ++n) {
    const std::int32_t count = inputs[3].as<std::int32_t>()[n];
    const Head head{.logits = inputs[0].as<float>() + n * rois * (classes + 1),
                    .deltas = inputs[1].as<float>() + n * rois * classes * 4,
                    .boxes = inputs[2].as<Box>() + n * rois,
                    .used = rows_in_use(count),
                    .classes = classes};
    auto found = count < 0 ? std::nullopt : found_in(head, params<DetectionsParams>(node));
    const auto used = found ? std::min<std::int64_t>(most, static_cast<std::int64_t>(found->size()))
                            : std::int64_t{-1};
    outputs[4].as<std::int32_t>()[n] = static_cast<std::int32_t>(used);
    for (std::int64_t i = 0; i < most; ++i) {
      const Found row =
          i < used ? (*found)[static_cast<std::size_t>(i)] : Found{-1, -1, -1, {-1, -1, -1, -1}};
      outputs[0].as<Box>()[n * most + i] = row.box;
      outputs[1].as<float>()[n * most + i] = row.score;
      outputs[2].as<std::int32_t>()[n * most + i] = row.class_id;
      outputs[3].as<std::int32_t>()[n * most + i] = row.roi;
    }
  }
}

std::string describe(const Node& node) {
  const auto& p = params<DetectionsParams>(node);
  const std::string most = p.max_detections < 0 ? "" : fmt::format(" top {}", p.max_detections);
  return fmt::format("score {:g} iou {:g}{}", p.score_threshold, p.nms_threshold, most);
}

}  // namespace

const Op& detections_op() {
  static const Op op{"detections", infer, reference, no_multiply_adds, describe};
  return op;
}

DetectionValues detections(GraphBuilder& builder, ValueId logits, ValueId deltas, ValueId boxes,
                           ValueId count, std::string_view name, const DetectionsParams& params) {
  const std::vector<ValueId> outputs =
      builder.add_all(detections_op(), params, {logits, deltas, boxes, count}, name);
  return {outputs[0], outputs[1], outputs[2], outputs[3], outputs[4]};
}

}  // namespace nestor
