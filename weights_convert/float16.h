#pragma once
// Values as float16, for files of half the size.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace nestor {

// To nearest, ties to even; values beyond float16's range become infinite.
std::uint16_t to_float16(float value);

// The float32 elements of data as float16, in scratch. Throws kBadModel, naming the tensor, for a
// finite value that would become infinite.
std::span<const std::byte> as_float16(std::string_view tensor, std::span<const std::byte> data,
                                      std::vector<std::uint16_t>& scratch);

}  // namespace nestor
