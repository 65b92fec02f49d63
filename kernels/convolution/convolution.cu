// Convolution: a problem becomes the arguments of a kernel, and goes to the family of its tile.
#include "kernels/convolution/convolution.h"
#include "kernels/convolution/gemm/families.h"

namespace nestor {
namespace {

ImplicitGemmArgs implicit_gemm(const ConvolutionArgs& args, const ConvolutionTile& tile) {
  const ConvolutionShape& shape = args.shape;
  const ConvolutionGemm gemm = convolution_gemm(shape, tile.family);
  ImplicitGemmArgs to{};
  to.src = args.src;
  to.weight = args.weight;
  to.bias = args.bias;
  to.residual = args.residual;
  to.dst = args.dst;
  to.pooled = args.pooled;
  to.workspace = args.workspace;
  to.counters = args.counters;
  to.num_rows = static_cast<int>(shape.num_rows());
  to.pixels = shape.p() * shape.q();
  to.h = shape.h;
  to.w = shape.w;
  to.q = shape.q();
  to.r = shape.r;
  to.s = shape.s;
  to.stride = shape.stride;
  to.above = shape.above();
  to.left = shape.left();
  to.dilation = shape.dilation;
  to.num_taps = shape.r * shape.s;
  to.src_pitch = gemm.src_pitch;
  to.dst_pitch = gemm.dst_pitch;
  to.group_channels = gemm.group_channels;
  to.group_columns = gemm.group_columns;
  to.max_columns = gemm.max_columns;
  to.num_groups = shape.groups;
  to.tiles_per_group = ceil_div(gemm.max_columns, tile.n);
  to.num_slices = gemm.num_slices;
  to.packed_rows = gemm.packed_rows;
  to.pooled_width = shape.k / args.pooled_parts;
  to.pooled_parts = args.pooled_parts;
  to.pooled_slots = args.pooled_slots;
  to.activation = args.activation;
  to.items = args.items;
  for (int tap = 0; tap < to.num_taps; ++tap) {
    to.tap_delta[tap] = (tap / shape.s * shape.w + tap % shape.s) * shape.dilation * gemm.src_pitch;
  }
  return to;
}

}  // namespace

DeviceStatus convolution(const ConvolutionArgs& args, Stream stream) {
  const ConvolutionChoice choice = args.choice;
  if (!convolution_supports(args.shape, args.dtype, choice)) {
    return refused("convolution: the tile does not do this problem");
  }
  if (choice.splits > 1 && (args.workspace == nullptr || args.counters == nullptr)) {
    return refused("convolution: split-K needs a workspace and counters");
  }
  const ConvolutionShape& shape = args.shape;
  const ConvolutionTile& tile = kConvolutionTiles[choice.tile];
  if (args.pooled != nullptr &&
      (args.pooled_parts < 1 || shape.k % 8 != 0 || shape.k % args.pooled_parts != 0 ||
       args.pooled_slots < (shape.p() * shape.q() + tile.m - 1) / tile.m)) {
    return refused("convolution: pooled sums want channels in multiples of 8 and enough slots");
  }
  if (args.items.count != nullptr &&
      (args.pooled != nullptr || args.items.per_image < 1 || shape.n % args.items.per_image != 0)) {
    return refused("convolution: counted items are whole images', and are not pooled");
  }
  const ConvolutionGrid blocks = convolution_grid(shape, choice);
  const GridSize grid = grid_size(blocks);
  const ImplicitGemmArgs gemm = implicit_gemm(args, tile);
  const FamilyLaunchers& family = launchers_of(tile.family);
  const GemmLauncher launcher = tile.form() == ConvolutionForm::kHalo ? family.halo : family.plain;
  return launcher(gemm, args.dtype, choice.tile, grid, stream);
}

}  // namespace nestor
