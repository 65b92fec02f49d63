#include "engine/ops/weight_slice/weight_slice.h"

#include <algorithm>

#include "engine/check.h"
#include "engine/ops/registry.h"

namespace nestor {

namespace {

std::vector<OutputDesc> infer(const Node& node, std::span<const TensorDesc> inputs) {
  const auto& p = params<WeightSliceParams>(node);
  CHECK(inputs.size() == 1 && inputs[0].shape.rank() == 4, "{}: expected one weight [k, c, r, s]",
        node.name);
  TensorDesc dst = inputs[0];
  std::size_t axis = 1;
  for (const WeightSliceParams::Range& range : {p.channels, p.rows, p.columns}) {
    CHECK(range.begin >= 0 && range.extent > 0 && range.begin + range.extent <= dst.shape[axis],
          "{}: {} from {} on of dimension {} of {}", node.name, range.extent, range.begin, axis,
          inputs[0].shape.to_string());
    dst.shape[axis++] = range.extent;
  }
  return {dst};
}

void reference(const Node& node, std::span<const TensorView> inputs,
               std::span<const MutableTensorView> outputs) {
  const auto& p = params<WeightSliceParams>(node);
  const Shape& src = inputs[0].desc.shape;
  const Shape& dst = outputs[0].desc.shape;
  float* to = outputs[0].as<float>();
  for (std::int64_t k = 0; k < dst[0]; ++k) {
    for (std::int64_t c = 0; c < dst[1]; ++c) {
      for (std::int64_t r = 0; r < dst[2]; ++r) {
        const std::int64_t row = (k * src[1] + p.channels.begin + c) * src[2] + p.rows.begin + r;
        to = std::copy_n(inputs[0].as<float>() + row * src[3] + p.columns.begin, dst[3], to);
      }
    }
  }
}

}  // namespace

const Op& weight_slice_op() {
  static const Op op{"weight_slice", infer, reference, no_multiply_adds, no_description};
  return op;
}

}  // namespace nestor
