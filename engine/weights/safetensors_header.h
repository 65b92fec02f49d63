#pragma once
// The JSON header of a safetensors file: what it says, not yet whether that fits the file.

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nestor/tensor.h"

namespace nestor {

struct SafetensorsEntry {
  std::string name;
  std::string dtype;
  std::vector<std::int64_t> shape;  // none negative
  std::uint64_t data_begin = 0,
                data_end = 0;  // as the file says, relative to the end of the header
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  // in the order of the header
  std::map<std::string, std::string, std::less<>> metadata;
};

// Throws kBadModel, naming the file and what is wrong. Names are decoded, unique and not empty.
SafetensorsHeader parse_safetensors_header(std::string_view json, const std::string& file);

// Everything before the data: length, JSON, padding to a multiple of 8 bytes. The data of the
// entries follow one another without gaps.
struct SafetensorsTensor {
  std::string_view name;
  DType dtype = DType::kFloat32;
  const Shape* shape = nullptr;
};
std::string format_safetensors_header(
    std::span<const SafetensorsTensor> tensors,
    const std::map<std::string, std::string, std::less<>>& metadata);

// Bits of an element; nothing for an element type that the format does not have.
std::optional<unsigned> safetensors_bits(std::string_view dtype);

}  // namespace nestor
