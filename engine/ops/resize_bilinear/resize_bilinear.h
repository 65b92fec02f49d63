#pragma once
// Align-corners bilinear resize: the corners of src and dst coincide.
//
//   y = p * ((h - 1) / (height - 1)),  y0 = floor(y),  y1 = min(y0 + 1, h - 1),  v1 = y - y0,  v0 = 1 - v1
//   x = q * ((w - 1) / (width - 1)),   x0 = floor(x),  x1 = min(x0 + 1, w - 1),  u1 = x - x0,  u0 = 1 - u1
//
//   dst[n,c,p,q] = v0 * (u0 * src[n,c,y0,x0] + u1 * src[n,c,y0,x1])
//                + v1 * (u0 * src[n,c,y1,x0] + u1 * src[n,c,y1,x1])
//
// A single row or column of dst is the first of src. All in float32 and each operation rounded, so
// that results are equal to MXNet's bit for bit
// (apache/mxnet:src/operator/contrib/bilinear_resize.cc@1.6.0).
//
//   src [n, c, h, w] -> dst [n, c, height, width], float32

#include "engine/graph/builder.h"
#include "engine/graph/graph.h"
#include "engine/image/align_corners.h"

namespace nestor {

struct ResizeBilinearParams {
  std::int64_t height = 1, width = 1;
};

const Op& resize_bilinear_op();

ValueId resize_bilinear(GraphBuilder& builder, ValueId src, std::string_view name,
                        const ResizeBilinearParams& params);

// Of ops with these parameters: dst, of the element type of src; and the parameters in words.
TensorDesc resized(const Node& node, std::span<const TensorDesc> inputs);
std::string describe_resize(const Node& node);

// dst of one plane, of a row and a column tap.
inline float bilinear(const float* plane, std::int64_t width, const AlignCornersTap& row,
                      const AlignCornersTap& column) {
  const float* const above = plane + row.low * width;
  const float* const below = plane + row.high * width;
  const float u1 = column.distance, u0 = 1.0F - u1;
  const float v1 = row.distance, v0 = 1.0F - v1;
  return v0 * (u0 * above[column.low] + u1 * above[column.high]) +
         v1 * (u0 * below[column.low] + u1 * below[column.high]);
}

}  // namespace nestor
