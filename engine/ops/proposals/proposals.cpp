#include "engine/ops/proposals/proposals.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "engine/check.h"
#include "engine/ops/registry.h"

namespace nestor {

namespace {

constexpr std::int64_t kMostAnchors = std::int64_t{1} << 31;

std::vector<OutputDesc> infer(const Node& node, std::span<const TensorDesc> inputs) {
  const auto& p = params<ProposalsParams>(node);
  const std::int64_t anchors = num_anchors(p.levels);
  CHECK(inputs.size() == 2, "{}: {} inputs, expected 2", node.name, inputs.size());
  CHECK(anchors > 0 && anchors < kMostAnchors, "{}: {} anchors, expected 1 to {}", node.name,
        anchors, kMostAnchors - 1);
  const std::int64_t n = inputs[0].shape.rank() == 3 ? inputs[0].shape[0] : 0;
  const TensorDesc logits{DType::kFloat32, {n, anchors, 1}};
  const TensorDesc deltas{DType::kFloat32, {n, anchors, 4}};
  CHECK(inputs[0] == logits && inputs[1] == deltas, "{}: inputs are {} and {}, expected {} and {}",
        node.name, to_string(inputs[0]), to_string(inputs[1]), to_string(logits),
        to_string(deltas));
  const RowsInUse counted{RowsInUse::By::kOutput, 3};
  return {{{DType::kFloat32, {n, p.post_nms, 4}}, {}, counted},
          {{DType::kFloat32, {n, p.post_nms}}, "scores", counted},
          {{DType::kInt32, {n, p.post_nms}}, "anchors", counted},
          {{DType::kInt32, {n}}, "count"}};
}

struct Candidate {
  float score;
  std::int32_t anchor;
  Box box;
};

// The best anchors of an image with their boxes; nothing if a number is not finite.
std::optional<std::vector<Candidate>> best_anchors(const ProposalsParams& p, const float* logits,
                                                   const float* deltas) {
  std::vector<Candidate> all;
  for (std::int64_t i = 0; i < num_anchors(p.levels); ++i) {
    if (!std::isfinite(logits[i])) return std::nullopt;
    const float score = 1 / (1 + std::exp(-logits[i]));
    if (score > 0) all.push_back({score, static_cast<std::int32_t>(i), {}});
  }
  std::ranges::stable_sort(all, std::greater<>(), &Candidate::score);
  all.resize(std::min(all.size(), static_cast<std::size_t>(p.pre_nms)));
  for (Candidate& c : all) {
    c.box = decode(anchor(p.levels, c.anchor), deltas + 4 * c.anchor);
    if (!is_finite(c.box)) return std::nullopt;
    c.box = clip(c.box, static_cast<float>(p.width), static_cast<float>(p.height));
  }
  return all;
}

std::vector<Candidate> survivors(const ProposalsParams& p, const std::vector<Candidate>& sorted) {
  std::vector<Candidate> kept;
  for (const Candidate& c : sorted) {
    if (kept.size() == static_cast<std::size_t>(p.post_nms)) break;
    const bool suppressed = std::ranges::any_of(kept, [&](const Candidate& better) {
      return overlap(better.box, c.box) > p.nms_threshold;
    });
    if (!suppressed) kept.push_back(c);
  }
  return kept;
}

void reference(const Node& node, std::span<const TensorView> inputs,
               std::span<const MutableTensorView> outputs) {
  const auto& p = params<ProposalsParams>(node);
  const std::int64_t anchors = num_anchors(p.levels);
  for (std::int64_t n = 0; n < inputs[0].desc.shape[0]; ++n) {
    const auto best = best_anchors(p, inputs[0].as<float>() + n * anchors,
                                   inputs[1].as<float>() + n * anchors * 4);
    const std::vector<Candidate> kept = best ? survivors(p, *best) : std::vector<Candidate>();
    outputs[3].as<std::int32_t>()[n] = best ? static_cast<std::int32_t>(kept.size()) : -1;
    for (std::int64_t i = 0; i < p.post_nms; ++i) {
      const bool used = i < static_cast<std::int64_t>(kept.size());
      const Candidate c =
          used ? kept[static_cast<std::size_t>(i)] : Candidate{-1, -1, {-1, -1, -1, -1}};
      const std::int64_t row = n * p.post_nms + i;
      outputs[0].as<Box>()[row] = c.box;
      outputs[1].as<float>()[row] = c.score;
      outputs[2].as<std::int32_t>()[row] = c.anchor;
    }
  }
}

std::string describe(const Node& node) {
  const auto& p = params<ProposalsParams>(node);
  return fmt::format("{} of {} iou {:g}", p.post_nms, p.pre_nms, p.nms_threshold);
}

}  // namespace

const Op& proposals_op() {
  static const Op op{"proposals", infer, reference, no_multiply_adds, describe};
  return op;
}

Proposals proposals(GraphBuilder& builder, ValueId logits, ValueId deltas, std::string_view name,
                    const ProposalsParams& params) {
  const std::vector<ValueId> outputs =
      builder.add_all(proposals_op(), params, {logits, deltas}, name);
  return {outputs[0], outputs[1], outputs[2], outputs[3]};
}

}  // namespace nestor
