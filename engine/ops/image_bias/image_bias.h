#pragma once
// A bias of each image's own.
//
//   dst[n,c,h,w] = src[n,c,h,w] + bias[n,c,0,0]
//
//   src [n, c, h, w], bias [n, c, 1, 1] -> dst [n, c, h, w]

#include "engine/graph/graph.h"

namespace nestor {

const Op& image_bias_op();

}  // namespace nestor
