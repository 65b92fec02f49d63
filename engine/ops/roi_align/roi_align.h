#pragma once
// Regions of interest of any size, each pooled to a few bins from the level of a feature pyramid
// that fits its size (engine/boxes/roi_level.h).
//
//   dst[n * rois + i, c, p, q] = mean over samples x samples points of bin (p, q) of the level, there
//                                interpolated between pixels
//
//   with the region in cells of its level, box / stride, at least 1 x 1 of them:
//   bin = side / bins, point s of bin b = start + b * bin + (s + 0.5) * bin / samples
//
// There is no shift by half a pixel. Points beyond -1 or the map's size count as 0; those between -1
// and 0 lie at 0, those behind the last pixel on it.
//
//   boxes [n, rois, 4] in pixels of the network's input, count int32 [n], one map
//   [n, c, h, w] a level -> dst [n * rois, c, bins_h, bins_w], counted by `count`
//
// Rows that are not in use hold anything.
// Source: apache/mxnet:src/operator/contrib/roi_align.cc@1.6.0.

#include <span>
#include <vector>

#include "engine/boxes/box.h"
#include "engine/graph/builder.h"
#include "engine/graph/graph.h"

namespace nestor {

struct RoiAlignParams {
  int bins_h = 7, bins_w = 7;
  int samples = 2;
  int first_level = 2;
  std::vector<int> strides;  // of each level
};

// A region in cells of its level.
struct RoiPlace {
  int level;  // idx of its map
  float start_y, start_x, bin_h, bin_w;
};
RoiPlace place_of(const Box& roi, const RoiAlignParams& params);

// A point along an axis: its value is low_weight * line[low] + high_weight * line[high].
struct RoiSample {
  std::int64_t low = 0, high = 0;
  float low_weight = 0, high_weight = 0;
};
RoiSample sample_at(float at, std::int64_t size);

const Op& roi_align_op();

ValueId roi_align(GraphBuilder& builder, ValueId boxes, ValueId count,
                  std::span<const ValueId> levels, std::string_view name,
                  const RoiAlignParams& params);

}  // namespace nestor
