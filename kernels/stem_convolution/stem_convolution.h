#pragma once
// The first convolution, on the 3 channels of images: 3x3 with padding 1, or 7x7 with padding 3,
// stride 2. Asynchronous.

#include "kernels/device/storage.h"

namespace nestor {

constexpr int kMaxStemChannels = 64;

struct StemConvolutionArgs {
  DeviceDType dtype = DeviceDType::kFloat16;
  // One of these; the others are null.
  const void* src = nullptr;             // [n][h][w][8], of which the first 3 channels are read
  const float* planes = nullptr;         // [n][3][h][w], rounded to dtype as nchw_to_nhwc() does
  const std::uint8_t* images = nullptr;  // [n][h][w][3], normalised as images_to_nhwc() does
  const float* weight = nullptr;         // [size][size][3][k]: row, column, channel of src
  const float* bias = nullptr;           // [k]
  void* dst = nullptr;                   // [n][p][q][k], p = (h - 1) / 2 + 1
  int size = 3;                          // of the filter: 3 or 7
  int n = 0, h = 0, w = 0;
  int k = 0;  // a multiple of 8, at most kMaxStemChannels
  bool relu = true;
  float mean[3] = {0.485f, 0.456f, 0.406f};  // of images
  float std[3] = {0.229f, 0.224f, 0.225f};
};
DeviceStatus stem_convolution(const StemConvolutionArgs& args, Stream stream);

}  // namespace nestor
