#pragma once
// What a region proposal network says of its anchors, one row an anchor: of maps with `width`
// channels for each anchor of a cell, the levels one behind the other.
//
//   dst[n, level + (y * w + x) * a + i, d] = src_level[n, i * width + d, y, x]
//
//   src_level [n, a * width, h, w] -> dst float32 [n, sum of h * w * a, width]

#include <span>

#include "engine/graph/builder.h"
#include "engine/graph/graph.h"

namespace nestor {

struct AnchorRowsParams {
  std::int64_t width = 1;  // numbers of an anchor: 1 score, 4 deltas
};

const Op& anchor_rows_op();

ValueId anchor_rows(GraphBuilder& builder, std::span<const ValueId> levels, std::string_view name,
                    AnchorRowsParams params);

}  // namespace nestor
