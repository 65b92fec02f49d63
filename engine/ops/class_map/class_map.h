#pragma once
// The class of each pixel: scores resized to the image's size, and the first of the largest.
//
//   dst[n,p,q] = the least k with z[n,k,p,q] = max over k of z,   z = resize_bilinear(src)
//
//   src [n, k, h, w] -> dst [n, height, width], uint8; int32 where there are more than 256 classes
//
// Equal to the bit to the resized scores' own argmax (resize_bilinear.h), which are never stored.

#include "engine/graph/builder.h"
#include "engine/graph/graph.h"
#include "engine/ops/resize_bilinear/resize_bilinear.h"

namespace nestor {

// Takes ResizeBilinearParams.
const Op& class_map_op();

ValueId class_map(GraphBuilder& builder, ValueId src, std::string_view name,
                  const ResizeBilinearParams& params);

}  // namespace nestor
