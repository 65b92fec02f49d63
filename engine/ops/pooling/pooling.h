#pragma once
// Maximum and average over a square window.
//
//   dst[n,c,p,q] = max or mean of src[n, c, p*stride - pad + r, q*stride - pad + s],  r, s < kernel
//
// p = floor or ceil((h + 2*pad - kernel) / stride) + 1. A ceil-mode window that would begin beyond
// the image and its left padding is left out, as in MXNet and PyTorch. Padding never wins a
// maximum; in a mean it counts as zeros with count_include_pad (the divisor is then kernel^2), else
// the mean is over the pixels that exist.

#include "engine/graph/builder.h"
#include "engine/graph/graph.h"

namespace nestor {

struct PoolingParams {
  enum class Kind : std::uint8_t { kMax, kAverage };
  Kind kind = Kind::kMax;
  int kernel = 1;
  int stride = 1;
  int pad = 0;
  bool ceil_mode = false;
  bool count_include_pad = false;
};

const Op& pooling_op();

// Extent of dst along an axis of which src has `size` pixels.
std::int64_t pooled_size(const PoolingParams& params, std::int64_t size);

ValueId pooling(GraphBuilder& builder, ValueId src, std::string_view name,
                const PoolingParams& params);

}  // namespace nestor
