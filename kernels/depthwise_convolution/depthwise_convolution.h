#pragma once
// Depthwise convolution (engine/ops/convolution/convolution.h with as many groups as channels of
// src and of dst), 3x3 or 5x5, stride 1 or 2. Asynchronous.
//
//   dst[n,p,q,c] = act( bias[c] + sum_{r,s} src[n, p*stride - above + r, q*stride - left + s, c]
//                                           * weight[r,s,c] )
//
// Zeros surround src: `above` and `left` of it, and as many below and to the right as p and q ask
// for.

#include "kernels/device/activation.h"
#include "kernels/device/storage.h"

namespace nestor {

struct DepthwiseConvolutionArgs {
  DeviceDType dtype = DeviceDType::kFloat16;
  const void* src = nullptr;     // [n][h][w][c]
  const void* weight = nullptr;  // [size][size][c] as dtype
  const float* bias = nullptr;   // [c]
  void* dst = nullptr;           // [n][p][q][c]
  int n = 0, h = 0, w = 0;
  int c = 0;  // a multiple of 8
  int p = 0, q = 0;
  int size = 3, stride = 1;
  int above = 0, left = 0;  // less than size
  Activation activation = Activation::kNone;
};
DeviceStatus depthwise_convolution(const DepthwiseConvolutionArgs& args, Stream stream);

// --- how an image is cut into blocks, in plain arithmetic ---------------------------------------

constexpr int kDepthwiseThreads = 256;

// Neighbouring pixels of a line of dst that a thread computes, with stride 1 and 2: a run.
constexpr int kDepthwiseRun1 = 4, kDepthwiseRun2 = 2;

// A block has `chunks` chunks of 8 channels, `runs` runs and `lines` lines.
struct DepthwiseBlock {
  int chunks, runs, lines;
};
struct DepthwiseGrid {
  DepthwiseBlock block;
  int blocks_c, blocks_x, blocks_y;  // blocks_c the fastest; images come last
};

// Parts as equal as can be, so that few threads are idle where a side is no multiple: of at most 8
// chunks, whose 128 bytes are a cache line of halves, and of at most 4 runs.
constexpr DepthwiseGrid depthwise_grid(int c, int p, int q, int stride) {
  const auto parts = [](int size, int most) { return (size - 1) / most + 1; };
  constexpr int kMostChunks = 8, kMostRuns = 4;
  const int chunks = c / kChunk, runs = parts(q, stride == 1 ? kDepthwiseRun1 : kDepthwiseRun2);
  DepthwiseGrid grid{};
  grid.blocks_c = parts(chunks, kMostChunks);
  grid.blocks_x = parts(runs, kMostRuns);
  grid.block.chunks = parts(chunks, grid.blocks_c);
  grid.block.runs = parts(runs, grid.blocks_x);
  const int lines = kDepthwiseThreads / (grid.block.chunks * grid.block.runs);
  grid.blocks_y = parts(p, lines);
  grid.block.lines = parts(p, grid.blocks_y);
  return grid;
}

}  // namespace nestor
