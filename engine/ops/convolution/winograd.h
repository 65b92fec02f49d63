#pragma once
// A 3x3 convolution with stride 1 by Winograd's algorithm (backends/cpu/vector/winograd_kernels.h).
//
// A task is a range of tiles (of all images of the batch), a group, and a part of the group's
// output channels. One thread transforms the task's windows and then, slice by slice of the output
// channels, multiplies and transforms back:
//
//            windows                  slice of packed weights
//   src  ----------->  V [p][tile][c]  x  U [p][c][k]  ->  M [p][tile][k]  ------->  dst
//                      stays in L2        read once a task   stays in L2     bias, residual, ReLU
//
// Tasks are cut so that V and M stay near and every thread has one; how they are cut never shows in
// a result.

#include "engine/backends/cpu/vector/winograd_kernels.h"
#include "engine/ops/convolution/problem.h"

namespace nestor::cpu {

struct WinogradPointers {
  const void* src = nullptr;      // blocked
  const float* weight = nullptr;  // as pack() made it
  const float* bias = nullptr;    // [k] if has_bias
  void* dst = nullptr;            // blocked; holds the residual if has_residual
  float* workspace = nullptr;     // aligned to 64 bytes
};

class Winograd {
 public:
  // Whether the algorithm can do it on blocks of that many channels.
  static bool supports(const ConvolutionProblem& problem, int block);

  // The better tile for the map: see winograd_tuning.h.
  static int tile_for(const ConvolutionProblem& problem);

  Winograd(const ConvolutionProblem& problem, const WinogradKernels& kernels, int threads);

  std::size_t workspace_bytes() const;
  std::int64_t packed_floats() const;

  // weight: [k][c / groups][3][3]. The packed weights are the same for every batch, size and number
  // of threads.
  void pack(const float* weight, float* packed) const;

  // On as many threads as the constructor was told.
  void run(const WinogradPointers& pointers) const;

 private:
  void run_task(const WinogradPointers& pointers, std::int64_t task, float* workspace) const;
  std::int64_t slices() const { return (group_blocks_ + kWinogradSlice - 1) / kWinogradSlice; }

  const WinogradKernels* kernels_;
  ConvolutionParams params_;
  WinogradMap map_;
  int threads_;
  std::int64_t group_channels_;  // of src
  std::int64_t group_blocks_;    // of dst
  std::int64_t tiles_;           // of all images
  std::int64_t task_tiles_ = 0;  // at most
  std::int64_t tile_parts_ = 0, channel_parts_ = 0;
};

}  // namespace nestor::cpu
