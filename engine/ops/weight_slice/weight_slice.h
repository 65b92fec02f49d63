#pragma once
// Part of a convolution's weight, computed once when a model is loaded.
//
//   dst[k,c,r,s] = weight[k, begin.c + c, begin.r + r, begin.s + s]
//
//   weight [k, c, r, s] -> dst [k, extent.c, extent.r, extent.s]

#include "engine/graph/graph.h"

namespace nestor {

struct WeightSliceParams {
  struct Range {
    std::int64_t begin = 0, extent = 0;
  };
  Range channels, rows, columns;
};

const Op& weight_slice_op();

}  // namespace nestor
