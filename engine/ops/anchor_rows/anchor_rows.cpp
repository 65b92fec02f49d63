#include "engine/ops/anchor_rows/anchor_rows.h"

#include <fmt/format.h>

#include "engine/check.h"
#include "engine/ops/registry.h"

namespace nestor {

namespace {

std::vector<OutputDesc> infer(const Node& node, std::span<const TensorDesc> inputs) {
  CHECK(!inputs.empty(), "{}: no inputs, expected at least 1", node.name);
  const std::int64_t width = params<AnchorRowsParams>(node).width;
  Shape dst{inputs[0].shape[0], 0, width};
  for (const TensorDesc& src : inputs) {
    const Shape& shape = src.shape;
    CHECK(shape.rank() == 4 && shape[0] == dst[0] && shape[1] % width == 0,
          "{}: a level is {}, expected [{}, a multiple of {}, h, w]", node.name, to_string(src),
          dst[0], width);
    dst[1] += shape[1] / width * shape[2] * shape[3];
  }
  return {{DType::kFloat32, dst}};
}

void reference(const Node&, std::span<const TensorView> inputs,
               std::span<const MutableTensorView> outputs) {
  float* dst = outputs[0].as<float>();
  for (std::int64_t n = 0; n < outputs[0].desc.shape[0]; ++n) {
    for (const TensorView& level : inputs) {
      const Shape& src = level.desc.shape;
      const std::int64_t plane = src[2] * src[3];
      for (std::int64_t cell = 0; cell < plane; ++cell) {
        for (std::int64_t c = 0; c < src[1]; ++c) {
          *dst++ = level.as<float>()[(n * src[1] + c) * plane + cell];
        }
      }
    }
  }
}

std::string describe(const Node& node) {
  return fmt::format("width {}", params<AnchorRowsParams>(node).width);
}

}  // namespace

const Op& anchor_rows_op() {
  static const Op op{"anchor_rows", infer, reference, no_multiply_adds, describe};
  return op;
}

ValueId anchor_rows(GraphBuilder& builder, std::span<const ValueId> levels, std::string_view name,
                    AnchorRowsParams params) {
  return builder.add(anchor_rows_op(), params, {levels.begin(), levels.end()}, name);
}

}  // namespace nestor
