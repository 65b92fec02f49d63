// Fused convolution: a problem becomes the arguments of a kernel, and goes to the family of its
// tile.
#include "kernels/convolution/fused_convolution.h"
#include "kernels/convolution/gemm/families.h"

namespace nestor {
namespace {

ImplicitGemmArgs source_args(const FusedConvolutionShape& shape, const ConvolutionSource& source,
                             const void* src, const void* weight, MmaFamily family) {
  const ConvolutionGemm gemm = convolution_gemm(shape.gemm(source), family);
  const int radix = source.gated ? kFusedRadix : 1;
  ImplicitGemmArgs to{};
  to.src = src;
  to.weight = weight;
  to.num_rows = shape.n * shape.p * shape.q;
  to.pixels = shape.p * shape.q;
  to.h = source.h;
  to.w = source.w;
  to.q = shape.q;
  to.r = source.window;
  to.s = source.window;
  to.stride = source.stride;
  to.above = source.pad;
  to.left = source.pad;
  to.dilation = 1;
  to.num_taps = 1;
  to.src_pitch = radix * source.c;
  to.group_channels = gemm.group_channels;
  to.num_slices = gemm.num_slices;
  to.packed_rows = gemm.packed_rows;
  int part = 0;
  for (int r = 0; r < source.window; ++r) {
    for (int s = 0; s < source.window; ++s) {
      for (int i = 0; i < radix; ++i) {
        to.tap_delta[part++] = (r * source.w + s) * to.src_pitch + i * source.c;
      }
    }
  }
  return to;
}

FusedGemmArgs fused_gemm(const FusedConvolutionArgs& args, const ConvolutionTile& tile) {
  const FusedConvolutionShape& shape = args.shape;
  const ConvolutionGemm gemm = convolution_gemm(shape.gemm(shape.source), tile.family);
  FusedGemmArgs to{};
  to.first = source_args(shape, shape.source, args.src, args.weight, tile.family);
  if (shape.shortcut.c > 0) {
    to.second =
        source_args(shape, shape.shortcut, args.shortcut, args.shortcut_weight, tile.family);
  }
  to.gates = args.gates;
  to.gate_part_pitch = gate_part_pitch(shape.source.c);
  to.gate_image_pitch = gate_image_pitch(shape.source.c);
  to.gate_scale = 1.0f / static_cast<float>(shape.source.window * shape.source.window);
  to.first.bias = args.bias;
  to.first.residual = args.residual;
  to.first.dst = args.dst;
  to.first.workspace = args.workspace;
  to.first.counters = args.counters;
  to.first.dst_pitch = gemm.dst_pitch;
  to.first.group_columns = gemm.group_columns;
  to.first.max_columns = gemm.max_columns;
  to.first.num_groups = 1;
  to.first.tiles_per_group = ceil_div(gemm.max_columns, tile.n);
  to.first.pooled_width = shape.k;
  to.first.pooled_parts = 1;
  to.first.activation = args.activation;
  return to;
}

}  // namespace

DeviceStatus fused_convolution(const FusedConvolutionArgs& args, Stream stream) {
  const ConvolutionChoice choice = args.choice;
  const FusedConvolutionShape& shape = args.shape;
  if (!fused_convolution_supports(shape, args.dtype, choice)) {
    return refused("fused_convolution: the tile does not do this problem");
  }
  if (choice.splits > 1 && (args.workspace == nullptr || args.counters == nullptr)) {
    return refused("fused_convolution: split-K needs a workspace and counters");
  }
  if ((shape.source.gated && args.gates == nullptr) ||
      (shape.shortcut.c > 0 && (args.shortcut == nullptr || args.shortcut_weight == nullptr))) {
    return refused("fused_convolution: gates or a shortcut are missing");
  }
  const ConvolutionTile& tile = kConvolutionTiles[choice.tile];
  const ConvolutionGrid blocks =
      convolution_grid(shape.gemm(shape.source), {choice.tile, choice.splits});
  const GridSize grid = grid_size(blocks);
  const FusedGemmArgs gemm = fused_gemm(args, tile);
  const FusedConvolutionTile row = *fused_tile(shape, choice.tile);
  return launchers_of(tile.family).fused(gemm, row, grid, stream);
}

}  // namespace nestor
