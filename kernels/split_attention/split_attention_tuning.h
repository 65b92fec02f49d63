#pragma once
// How split_attention cuts an image into blocks. Not measured on a GPU yet: the numbers are those
// of a model (a block streams fc1 and its part of fc2, then its part of the image).

#include <algorithm>

namespace nestor {

struct SplitAttentionBlocks {
  int channels_per_block, pixels_per_block;
};

// Wide layers share fc2 between blocks of 64 channels; narrow ones, whose weights are small, stay
// whole and cut the pixels instead. Two blocks a multiprocessor hide the weights' latency; fewer
// than kFewestPixels a thread are not worth computing fc1 again.
inline SplitAttentionBlocks split_attention_blocks(int n, int dst_pixels, int width, int radix,
                                                   int num_multiprocessors) {
  constexpr int kNarrow = 128;  // width up to which channels are not cut
  constexpr int kFewestPixels = 4;
  constexpr int kThreads = 256;
  const int channels = std::min(width <= kNarrow ? width : 64, 1024 / radix / 8 * 8);
  const int channel_blocks = (width + channels - 1) / channels;
  const int wanted = std::max(1, 2 * num_multiprocessors / (n * channel_blocks));
  const int at_once = kThreads / (channels / 8);  // pixels that a block reads side by side
  const int pixels = std::max((dst_pixels + wanted - 1) / wanted, kFewestPixels * at_once);
  return {channels, std::min(pixels, dst_pixels)};
}

}  // namespace nestor
