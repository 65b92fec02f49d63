#include "engine/ops/resize_bilinear/resize_bilinear.h"

#include <fmt/format.h>

#include "engine/check.h"
#include "engine/ops/registry.h"

namespace nestor {

namespace {

std::vector<OutputDesc> infer(const Node& node, std::span<const TensorDesc> inputs) {
  return {resized(node, inputs)};
}

void reference(const Node&, std::span<const TensorView> inputs,
               std::span<const MutableTensorView> outputs) {
  const Shape& x = inputs[0].desc.shape;
  const Shape& y = outputs[0].desc.shape;
  const auto taps = [&](std::size_t axis) {
    return align_corners_taps(static_cast<int>(x[axis]), static_cast<int>(y[axis]));
  };
  const std::vector<AlignCornersTap> rows = taps(2), columns = taps(3);
  float* dst = outputs[0].as<float>();
  for (std::int64_t plane = 0; plane < y[0] * y[1]; ++plane) {
    const float* const src = inputs[0].as<float>() + plane * x[2] * x[3];
    for (const AlignCornersTap& row : rows) {
      for (const AlignCornersTap& column : columns) *dst++ = bilinear(src, x[3], row, column);
    }
  }
}

}  // namespace

TensorDesc resized(const Node& node, std::span<const TensorDesc> inputs) {
  const auto& p = params<ResizeBilinearParams>(node);
  CHECK(inputs.size() == 1, "{}: {} inputs, expected 1", node.name, inputs.size());
  const Shape& src = inputs[0].shape;
  CHECK(src.rank() == 4, "{}: src {} must have four dimensions", node.name, src.to_string());
  CHECK(p.height >= 1 && p.width >= 1, "{}: to {} x {} pixels", node.name, p.width, p.height);
  return {inputs[0].dtype, {src[0], src[1], p.height, p.width}};
}

std::string describe_resize(const Node& node) {
  const auto& p = params<ResizeBilinearParams>(node);
  return fmt::format("to {}x{}", p.height, p.width);
}

const Op& resize_bilinear_op() {
  static const Op op{"resize_bilinear", infer, reference, no_multiply_adds, describe_resize};
  return op;
}

ValueId resize_bilinear(GraphBuilder& builder, ValueId src, std::string_view name,
                        const ResizeBilinearParams& params) {
  return builder.add(resize_bilinear_op(), params, {src}, name);
}

}  // namespace nestor
