// A dilated filter that reaches beyond its image with all taps but the one in the middle, along both
// axes, is a 1x1 filter: at rate 24, 3x3 filters on 9 x 13 pixels see one pixel.

#include <fmt/format.h>

#include "engine/graph/passes/pass.h"
#include "engine/graph/passes/rewrite.h"
#include "engine/ops/convolution/convolution.h"
#include "engine/ops/weight_slice/weight_slice.h"

namespace nestor {

namespace {

// Only the middle tap of an odd filter that keeps the size ever meets a pixel.
bool sees_one_pixel(const ConvolutionParams& p, std::int64_t size, std::int64_t taps) {
  return taps % 2 == 1 && taps > 1 && p.pad == taps / 2 * p.dilation && p.dilation >= size;
}

}  // namespace

Graph crop_filters(Graph graph) {
  Rewrite rewrite(std::move(graph));
  for (Node& node : rewrite.graph().nodes) {
    if (node.op != &convolution_op()) continue;
    auto p = params<ConvolutionParams>(node);
    const Shape src = rewrite.graph().desc(node.inputs[0]).shape;
    const Value weight = rewrite.graph().value(node.inputs[1]);
    const Shape& w = weight.desc.shape;
    if (p.same || !sees_one_pixel(p, src[2], w[2]) || !sees_one_pixel(p, src[3], w[3])) continue;
    node.inputs[1] = rewrite.add_constant(
        weight_slice_op(), WeightSliceParams{{0, w[1]}, {w[2] / 2, 1}, {w[3] / 2, 1}},
        {node.inputs[1]}, weight.name + "[middle]");
    p.pad = 0;
    p.dilation = 1;
    node.params = p;
  }
  return rewrite.finish();
}

}  // namespace nestor
