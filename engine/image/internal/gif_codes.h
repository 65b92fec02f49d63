#pragma once
// GIF's LZW codes to indices.

#include <functional>
#include <span>

namespace nestor::image {

// Calls `put` with one index after the other until that returns false: the picture is whole.
// Returns whether it did; false means that the data end before, or hold a code that cannot be.
// `data` begins with the first block's length; `min_bits` is the byte before it.
bool decode_gif_codes(std::span<const unsigned char> data, unsigned min_bits,
                      const std::function<bool(unsigned index)>& put);

}  // namespace nestor::image
