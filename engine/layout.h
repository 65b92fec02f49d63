#pragma once
// How tensors lie in memory.

#include <cstdint>
#include <string_view>

namespace nestor {

// How the elements of a logical NCHW tensor lie in memory.
enum class Layout : std::uint8_t {
  kPlain,    // C order of the logical shape; for four dimensions NCHW
  kNhwc,     // channels innermost
  kNhwc8,    // channels innermost, each pixel padded with zeros to a multiple of 8: CUDA's layout
  kNchw8c,   // blocks of 8 channels innermost, the last block padded with zeros
  kNchw16c,  // blocks of 16 channels innermost, the last block padded with zeros
};

std::string_view to_string(Layout layout);

}  // namespace nestor
