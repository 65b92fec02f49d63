#include "engine/ops/pooling/pooling.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "engine/check.h"
#include "engine/ops/registry.h"

namespace nestor {

std::int64_t pooled_size(const PoolingParams& p, std::int64_t size) {
  const std::int64_t room = size + 2 * p.pad - p.kernel + (p.ceil_mode ? p.stride - 1 : 0);
  if (room < 0) return 0;
  std::int64_t pooled = room / p.stride + 1;
  if (p.ceil_mode && (pooled - 1) * p.stride >= size + p.pad) --pooled;
  return pooled;
}

namespace {

std::vector<OutputDesc> infer(const Node& node, std::span<const TensorDesc> inputs) {
  const auto& p = params<PoolingParams>(node);
  CHECK(inputs.size() == 1, "{}: {} inputs, expected 1", node.name, inputs.size());
  const Shape& src = inputs[0].shape;
  CHECK(src.rank() == 4, "{}: src {} must have four dimensions", node.name, src.to_string());
  const Shape dst{src[0], src[1], pooled_size(p, src[2]), pooled_size(p, src[3])};
  CHECK(dst[2] > 0 && dst[3] > 0, "{}: a window of {} does not fit into {}", node.name, p.kernel,
        src.to_string());
  return {{inputs[0].dtype, dst}};
}

void reference(const Node& node, std::span<const TensorView> inputs,
               std::span<const MutableTensorView> outputs) {
  const auto& p = params<PoolingParams>(node);
  const Shape& x = inputs[0].desc.shape;
  const Shape& y = outputs[0].desc.shape;
  for (std::int64_t plane = 0; plane < y[0] * y[1]; ++plane) {
    const float* src = inputs[0].as<float>() + plane * x[2] * x[3];
    float* dst = outputs[0].as<float>() + plane * y[2] * y[3];
    for (std::int64_t out_row = 0; out_row < y[2]; ++out_row) {
      for (std::int64_t out_col = 0; out_col < y[3]; ++out_col) {
        float largest = -std::numeric_limits<float>::infinity();
        double sum = 0;
        int pixels = 0;
        for (int r = 0; r < p.kernel; ++r) {
          const std::int64_t row = out_row * p.stride - p.pad + r;
          if (row < 0 || row >= x[2]) continue;
          for (int s = 0; s < p.kernel; ++s) {
            const std::int64_t col = out_col * p.stride - p.pad + s;
            if (col < 0 || col >= x[3]) continue;
            largest = std::max(largest, src[row * x[3] + col]);
            sum += src[row * x[3] + col];
            ++pixels;
          }
        }
        const int divisor = p.count_include_pad ? p.kernel * p.kernel : pixels;
        dst[out_row * y[3] + out_col] =
            p.kind == PoolingParams::Kind::kMax ? largest : static_cast<float>(sum / divisor);
      }
    }
  }
}

std::string describe(const Node& node) {
  const auto& p = params<PoolingParams>(node);
  return fmt::format(
      "{} {}x{} s{} p{}{}{}", p.kind == PoolingParams::Kind::kMax ? "max" : "average", p.kernel,
      p.kernel, p.stride, p.pad, p.ceil_mode ? " ceil" : "", p.count_include_pad ? " +pad" : "");
}

}  // namespace

const Op& pooling_op() {
  static const Op op{"pooling", infer, reference, no_multiply_adds, describe};
  return op;
}

ValueId pooling(GraphBuilder& builder, ValueId src, std::string_view name,
                const PoolingParams& params) {
  return builder.add(pooling_op(), params, {src}, name);
}

}  // namespace nestor
