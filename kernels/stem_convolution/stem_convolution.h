#pragma once
// The first convolution, on the 3 channels of images: 3x3 with padding 1, or 7x7 with padding 3,
// stride 2. Asynchronous.
//
// TensorFlow's "same" padding gives dst as many pixels, and has one zero less above an even number
// of lines, and to the left of an even number of columns.

#include "kernels/device/activation.h"
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
  const void* packed = nullptr;          // by pack_stem_weight(), for stem_convolution_mma()
  const float* bias = nullptr;           // [k]
  void* dst = nullptr;                   // [n][p][q][k], p = (h - 1) / 2 + 1
  int sm = 70;                           // the device's compute capability times 10
  int size = 3;                          // of the filter: 3 or 7
  int n = 0, h = 0, w = 0;
  int k = 0;          // a multiple of 8, at most kMaxStemChannels
  bool same = false;  // TensorFlow's padding
  Activation activation = Activation::kRelu;
  float mean[3] = {0.485f, 0.456f, 0.406f};  // of images
  float std[3] = {0.229f, 0.224f, 0.225f};
};
constexpr int num_stem_sources(const StemConvolutionArgs& args) {
  return (args.src != nullptr ? 1 : 0) + (args.planes != nullptr ? 1 : 0) +
         (args.images != nullptr ? 1 : 0);
}

DeviceStatus stem_convolution(const StemConvolutionArgs& args, Stream stream);

// The same on tensor cores, for float16: products of halves, float32 sums. Takes `packed` instead
// of `weight`, and planes or images; k is 32 or 64.
DeviceStatus stem_convolution_mma(const StemConvolutionArgs& args, Stream stream);

// --- weights for tensor cores: halves, four channels a tap, the last of them zero ---------------
//
//   Volta   [size][size][k][4]
//   others  [size][ceil(size / 4)][k][4 taps of a row][4]; taps past the row's end are zeros

constexpr int stem_taps_per_step(int sm) { return sm < 75 ? 1 : 4; }
constexpr int packed_stem_weight_elements(int size, int k, int sm) {
  const int taps = stem_taps_per_step(sm);
  return size * ((size + taps - 1) / taps) * taps * k * 4;
}

// `weight` is [k][3][size][size]; convert(float) gives the bits of a half; `packed` holds zeros.
template <class Convert>
void pack_stem_weight(int size, int k, int sm, const float* weight, const Convert& convert,
                      std::uint16_t* packed) {
  const int taps = stem_taps_per_step(sm), steps = (size + taps - 1) / taps;
  for (int i = 0; i < k * 3 * size * size; ++i) {
    const int s = i % size, r = i / size % size, c = i / size / size % 3, row = i / size / size / 3;
    const int step = r * steps + s / taps;
    packed[((step * k + row) * taps + s % taps) * 4 + c] = convert(weight[i]);
  }
}

// Of a block that reads images: what every level stands for.
constexpr int kStemLevelTableBytes = 3 * 256 * 4;

// A block's pixels of dst, and its shared memory.
constexpr int kStemMmaLines = 8, kStemMmaColumns = 32, kStemMmaThreads = 256;
constexpr int stem_mma_shared_bytes(int size, int k, int sm, bool reads_images) {
  const int patch = (2 * kStemMmaLines - 2 + size) * (2 * kStemMmaColumns - 2 + size) * 4;
  const int slabs = kStemMmaLines * 16 * k;
  const int first = ((patch > slabs ? patch : slabs) + 7) / 8 * 8;  // aligned to 16 bytes
  return 2 * (first + packed_stem_weight_elements(size, k, sm)) +
         (reads_images ? kStemLevelTableBytes : 0);
}
constexpr std::int64_t stem_mma_blocks(int n, int h, int w) {
  const int p = (h - 1) / 2 + 1, q = (w - 1) / 2 + 1;
  return std::int64_t{n} * ((p - 1) / kStemMmaLines + 1) * ((q - 1) / kStemMmaColumns + 1);
}

}  // namespace nestor
