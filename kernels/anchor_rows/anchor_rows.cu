// dst[n][level + cell][c] = src_level[n][cell][c] as float32, without the channels' padding.
//
// A thread copies one number. Memory-bound: a few megabytes.
// Not hot: two launches a detector.
#include "kernels/anchor_rows/anchor_rows.h"
#include "kernels/device/pointwise.cuh"

namespace nestor {
namespace {

__device__ __forceinline__ float number_at(const float* src, std::int64_t i) { return src[i]; }
__device__ __forceinline__ float number_at(const Half* src, std::int64_t i) {
  return unpack_half2(src[i].bits).x;
}

template <class T>
__global__ void __launch_bounds__(kPointwiseThreads)
    anchor_rows_kernel(const __grid_constant__ AnchorRowsArgs args) {
  int all_cells = 0;
  for (int level = 0; level < args.num_levels; ++level) all_cells += args.cells[level];
  const unsigned at = pointwise_chunk();
  const auto channels = static_cast<unsigned>(args.channels);
  const unsigned row = at / channels;
  const unsigned image = row / static_cast<unsigned>(all_cells);
  if (image < static_cast<unsigned>(args.n)) {
    auto cell = static_cast<int>(row % static_cast<unsigned>(all_cells));
    int level = 0;
    while (cell >= args.cells[level]) cell -= args.cells[level++];
    const int padded = (args.channels + kChunk - 1) / kChunk * kChunk;
    const std::int64_t from =
        (static_cast<std::int64_t>(image) * args.cells[level] + cell) * padded + at % channels;
    args.dst[at] = number_at(static_cast<const T*>(args.src[level]), from);
  }
}

}  // namespace

DeviceStatus anchor_rows(const AnchorRowsArgs& args, Stream stream) {
  std::int64_t cells = 0;
  for (int level = 0; level < args.num_levels; ++level) cells += args.cells[level];
  LaunchConfig config{};
  if (args.num_levels < 1 || args.num_levels > kMaxAnchorLevels || args.channels < 1 ||
      !pointwise_config("anchor_rows", args.n * cells * args.channels, config)) {
    return {DeviceCode::kInvalidArgument, "anchor_rows: an extent is not possible"};
  }
  return with_dtype(args.dtype, [&](auto type) {
    using T = typename decltype(type)::Type;
    return launch(anchor_rows_kernel<T>, config, stream, args);
  });
}

}  // namespace nestor
