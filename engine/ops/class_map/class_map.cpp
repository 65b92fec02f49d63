#include "engine/ops/class_map/class_map.h"

#include <limits>

#include "engine/ops/registry.h"

namespace nestor {

namespace {

constexpr std::int64_t kMostByteClasses = 256;

std::vector<OutputDesc> infer(const Node& node, std::span<const TensorDesc> inputs) {
  const Shape scores = resized(node, inputs).shape;
  const DType dtype = scores[1] <= kMostByteClasses ? DType::kUInt8 : DType::kInt32;
  return {{dtype, {scores[0], scores[2], scores[3]}}};
}

std::int64_t best_class(const float* scores, const Shape& src, const AlignCornersTap& row,
                        const AlignCornersTap& column) {
  std::int64_t best = 0;
  float largest = -std::numeric_limits<float>::infinity();
  for (std::int64_t k = 0; k < src[1]; ++k) {
    const float score = bilinear(scores + k * src[2] * src[3], src[3], row, column);
    if (!(score > largest)) continue;
    largest = score;
    best = k;
  }
  return best;
}

void reference(const Node&, std::span<const TensorView> inputs,
               std::span<const MutableTensorView> outputs) {
  const Shape& x = inputs[0].desc.shape;
  const Shape& y = outputs[0].desc.shape;
  const auto taps = [&](std::size_t axis) {
    return align_corners_taps(static_cast<int>(x[axis]), static_cast<int>(y[axis - 1]));
  };
  const std::vector<AlignCornersTap> rows = taps(2), columns = taps(3);
  std::int64_t idx = 0;
  for (std::int64_t n = 0; n < y[0]; ++n) {
    const float* const scores = inputs[0].as<float>() + n * x[1] * x[2] * x[3];
    for (const AlignCornersTap& row : rows) {
      for (const AlignCornersTap& column : columns) {
        const std::int64_t best = best_class(scores, x, row, column);
        if (outputs[0].desc.dtype == DType::kUInt8) {
          outputs[0].as<std::uint8_t>()[idx++] = static_cast<std::uint8_t>(best);
        } else {
          outputs[0].as<std::int32_t>()[idx++] = static_cast<std::int32_t>(best);
        }
      }
    }
  }
}

}  // namespace

const Op& class_map_op() {
  static const Op op{"class_map", infer, reference, no_multiply_adds, describe_resize};
  return op;
}

ValueId class_map(GraphBuilder& builder, ValueId src, std::string_view name,
                  const ResizeBilinearParams& params) {
  return builder.add(class_map_op(), params, {src}, name);
}

}  // namespace nestor
