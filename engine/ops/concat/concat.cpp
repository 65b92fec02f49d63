#include "engine/ops/concat/concat.h"

#include <algorithm>

#include "engine/check.h"
#include "engine/ops/registry.h"

namespace nestor {

namespace {

std::vector<OutputDesc> infer(const Node& node, std::span<const TensorDesc> inputs) {
  CHECK(!inputs.empty(), "{}: no inputs, expected at least 1", node.name);
  TensorDesc dst = inputs[0];
  CHECK(dst.shape.rank() == 4, "{}: src {} must have four dimensions", node.name,
        dst.shape.to_string());
  dst.shape[1] = 0;
  for (const TensorDesc& src : inputs) {
    const std::int64_t channels = src.shape.rank() == 4 ? src.shape[1] : 0;
    TensorDesc expected = inputs[0];
    expected.shape[1] = channels;
    CHECK(src == expected, "{}: an input is {}, expected it like {} but for the channels",
          node.name, to_string(src), to_string(inputs[0]));
    dst.shape[1] += channels;
  }
  return {dst};
}

void reference(const Node&, std::span<const TensorView> inputs,
               std::span<const MutableTensorView> outputs) {
  const Shape& dst = outputs[0].desc.shape;
  auto* to = outputs[0].as<std::byte>();
  for (std::int64_t n = 0; n < dst[0]; ++n) {
    for (const TensorView& src : inputs) {
      const std::size_t image_bytes = src.bytes() / static_cast<std::size_t>(dst[0]);
      to = std::copy_n(src.as<std::byte>() + static_cast<std::size_t>(n) * image_bytes, image_bytes,
                       to);
    }
  }
}

}  // namespace

const Op& concat_op() {
  static const Op op{"concat", infer, reference, no_multiply_adds, no_description};
  return op;
}

ValueId concat(GraphBuilder& builder, std::span<const ValueId> srcs, std::string_view name) {
  return builder.add(concat_op(), {}, {srcs.begin(), srcs.end()}, name);
}

}  // namespace nestor
