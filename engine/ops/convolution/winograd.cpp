#include "engine/ops/convolution/winograd.h"

#include <algorithm>

#include "engine/backends/cpu/context.h"
#include "engine/ops/convolution/winograd_tuning.h"

namespace nestor::cpu {

namespace {

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// One cache line between the matrices of neighbouring positions, as their rows are written
// together and would else fall into one set of the cache.
constexpr std::int64_t kPadFloats = 16;

std::int64_t matrix_floats(std::int64_t tiles, std::int64_t row_floats) {
  return tiles * row_floats + kPadFloats;
}

}  // namespace

bool Winograd::supports(const ConvolutionProblem& problem, int block) {
  const ConvolutionParams& p = problem.params;
  return problem.weight[2] == 3 && problem.weight[3] == 3 && p.stride == 1 && p.dilation == 1 &&
         !p.swish && !p.same && problem.weight[1] % block == 0 &&
         problem.weight[0] / p.groups % block == 0;
}

int Winograd::tile_for(const ConvolutionProblem& problem) {
  return std::max(problem.dst[2], problem.dst[3]) <= kWinogradSmallMap ? 2 : 4;
}

Winograd::Winograd(const ConvolutionProblem& problem, const WinogradKernels& kernels, int threads)
    : kernels_(&kernels),
      params_(problem.params),
      map_{.h = problem.src[2],
           .w = problem.src[3],
           .out_h = problem.dst[2],
           .out_w = problem.dst[3],
           .tile_rows = ceil_div(problem.dst[2], kernels.tile),
           .tile_cols = ceil_div(problem.dst[3], kernels.tile),
           .src_blocks = problem.src[1] / kernels.block,
           .dst_blocks = problem.dst[1] / kernels.block,
           .pad = problem.params.pad},
      threads_(threads),
      group_channels_(problem.weight[1]),
      group_blocks_(problem.weight[0] / problem.params.groups / kernels.block),
      tiles_(problem.src[0] * map_.tile_rows * map_.tile_cols) {
  const std::int64_t tile_bytes = kernels.positions() *
                                  (group_channels_ + kWinogradSlice * kernels.block) *
                                  static_cast<std::int64_t>(sizeof(float));
  const std::int64_t limit = std::max(kWinogradTaskBytes / tile_bytes, kWinogradMinTaskTiles);
  const std::int64_t groups = params_.groups;
  tile_parts_ = ceil_div(tiles_, limit);
  // As many tasks for one thread as for another; threads that are still idle share channels.
  while (tile_parts_ * groups % threads != 0 && tile_parts_ * kWinogradMinTaskTiles < tiles_) {
    ++tile_parts_;
  }
  task_tiles_ = ceil_div(tiles_, tile_parts_);
  channel_parts_ = std::clamp<std::int64_t>(threads / (tile_parts_ * groups), 1, slices());
}

std::size_t Winograd::workspace_bytes() const {
  const std::int64_t slice_floats = kWinogradSlice * kernels_->block;
  const std::int64_t position_floats =
      matrix_floats(task_tiles_, group_channels_) + matrix_floats(task_tiles_, slice_floats);
  return static_cast<std::size_t>(threads_ * kernels_->positions() * position_floats) *
         sizeof(float);
}

std::int64_t Winograd::packed_floats() const {
  return kernels_->positions() * group_channels_ * group_blocks_ * kernels_->block * params_.groups;
}

void Winograd::pack(const float* weight, float* packed) const {
  const std::int64_t block_weights = kernels_->block * group_channels_ * 9;
  const std::int64_t block_packed = kernels_->block * group_channels_ * kernels_->positions();
  parallel_for(threads_, params_.groups * slices(), [&](std::int64_t i) {
    const std::int64_t begin = i % slices() * kWinogradSlice;
    const std::int64_t vectors = std::min<std::int64_t>(kWinogradSlice, group_blocks_ - begin);
    const std::int64_t block = i / slices() * group_blocks_ + begin;
    kernels_->pack_weights(weight + block * block_weights, group_channels_,
                           static_cast<int>(vectors), packed + block * block_packed);
  });
}

void Winograd::run(const WinogradPointers& pointers) const {
  const auto thread_floats =
      static_cast<std::int64_t>(workspace_bytes() / sizeof(float)) / threads_;
  parallel_for(threads_, params_.groups * channel_parts_ * tile_parts_,
               [&](std::int64_t task, int thread) {
                 run_task(pointers, task, pointers.workspace + thread * thread_floats);
               });
}

// Tasks that share weights follow one another.
void Winograd::run_task(const WinogradPointers& pointers, std::int64_t task,
                        float* workspace) const {
  const std::int64_t tile_part = task % tile_parts_;
  const std::int64_t channel_part = task / tile_parts_ % channel_parts_;
  const std::int64_t group = task / tile_parts_ / channel_parts_;
  const std::int64_t first_tile = tile_part * tiles_ / tile_parts_;
  const WinogradTiles tiles{first_tile, (tile_part + 1) * tiles_ / tile_parts_ - first_tile};

  const WinogradMatrices v{workspace, matrix_floats(tiles.count, group_channels_), group_channels_};
  float* const m_data = workspace + kernels_->positions() * v.stride;
  const std::int64_t src_blocks = group_channels_ / kernels_->block;
  kernels_->transform_src(map_, pointers.src, tiles, group * src_blocks, src_blocks, v);

  const std::int64_t block_packed = kernels_->block * group_channels_ * kernels_->positions();
  const std::int64_t last_slice = (channel_part + 1) * slices() / channel_parts_;
  for (std::int64_t s = channel_part * slices() / channel_parts_; s < last_slice; ++s) {
    const std::int64_t begin = s * kWinogradSlice;
    const int vectors =
        static_cast<int>(std::min<std::int64_t>(kWinogradSlice, group_blocks_ - begin));
    const std::int64_t block = group * group_blocks_ + begin;
    const std::int64_t row_floats = vectors * kernels_->block;
    const WinogradMatrices m{m_data, matrix_floats(tiles.count, row_floats), row_floats};
    kernels_->multiply(v, pointers.weight + block * block_packed, tiles.count, group_channels_,
                       vectors, m);
    const float* const bias = params_.has_bias ? pointers.bias + block * kernels_->block : nullptr;
    kernels_->transform_dst(map_, m, tiles, block, vectors,
                            {bias, params_.has_residual, params_.relu}, pointers.dst);
  }
}

}  // namespace nestor::cpu
