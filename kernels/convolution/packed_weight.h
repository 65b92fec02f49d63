#pragma once
// How convolutions want their weights, and the host's packing. Plain C++.
//
// A group's weight is cut into slices of K: kSlice channels of one tap each, taps inside:
//
//   slice = (c / kSlice) * r * s + tap,   tap = r_idx * s + s_idx
//
// Channels past the group's last and rows past its last are zeros.
//
//   tensor cores, float16, kSlice 32:  [group][slice][row][32], row = output channel in the group,
//       rows padded to a multiple of 128. The image of a panel in shared memory, so that any tile's
//       rows are one linear copy: 16-byte chunk c (channels 8 c .. 8 c + 7) of a row lies at chunk
//       c ^ (row / 2 % 4).
//   without, float32, kSlice 16:         [group][slice][16][row], rows padded to a multiple of 64

#include <cstddef>
#include <cstdint>

#include "kernels/convolution/convolution.h"

namespace nestor {

constexpr std::int64_t packed_weight_elements(const ConvolutionShape& shape, MmaFamily family) {
  const ConvolutionGemm gemm = convolution_gemm(shape, family);
  return std::int64_t{shape.groups} * gemm.num_slices * gemm.packed_rows * family_row(family).slice;
}

constexpr std::size_t packed_weight_bytes(const ConvolutionShape& shape, MmaFamily family) {
  return static_cast<std::size_t>(packed_weight_elements(shape, family)) *
         (family_row(family).tensor_cores ? sizeof(std::uint16_t) : sizeof(float));
}

// `weight` is [k][c / groups][r][s]; convert(float) gives an Element: the bits of a half, or the
// float itself without tensor cores. `packed` has packed_weight_elements().
template <class Element, class Convert>
void pack_weight(const ConvolutionShape& shape, MmaFamily family, const float* weight,
                 const Convert& convert, Element* packed) {
  const bool tensor_cores = family_row(family).tensor_cores;
  const int channels_per_slice = family_row(family).slice;
  const ConvolutionGemm gemm = convolution_gemm(shape, family);
  const int taps = shape.r * shape.s;
  const int channels = shape.c / shape.groups, rows = shape.k / shape.groups;
  const std::int64_t num_elements = packed_weight_elements(shape, family);
  for (std::int64_t i = 0; i < num_elements; ++i) packed[i] = Element{};
  for (int group = 0; group < shape.groups; ++group) {
    for (int row = 0; row < rows; ++row) {
      for (int channel = 0; channel < channels; ++channel) {
        for (int tap = 0; tap < taps; ++tap) {
          const std::int64_t slice =
              std::int64_t{group} * gemm.num_slices + channel / channels_per_slice * taps + tap;
          const int in_slice = channel % channels_per_slice;
          const std::int64_t place =
              tensor_cores ? (slice * gemm.packed_rows + row) * channels_per_slice +
                                 (in_slice / 8 ^ (row / 2 % 4)) * 8 + in_slice % 8
                           : (slice * channels_per_slice + in_slice) * gemm.packed_rows + row;
          packed[place] = convert(
              weight[((std::int64_t{group} * rows + row) * channels + channel) * taps + tap]);
        }
      }
    }
  }
}

}  // namespace nestor
