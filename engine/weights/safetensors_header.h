#pragma once
// The JSON header of a safetensors file.

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/weights/weight_file.h"
#include "nestor/tensor.h"

namespace nestor {

struct SafetensorsHeader {
  std::vector<WeightFile::Entry> entries;  // in the order of the header
  std::map<std::string, std::string, std::less<>> metadata;
};

// Reads the header of `data`: each tensor's type and shape need exactly the bytes of its offsets,
// which lie within data. Whether names are unique and the tensors cover the data is not yet known.
// Throws kBadModel, naming the file and what is wrong; memory stays below three times the header.
SafetensorsHeader parse_safetensors_header(std::string_view json, std::span<const std::byte> data,
                                           const std::string& file);

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

// An element type as the format spells it.
struct SafetensorsType {
  std::string_view name;
  unsigned bits;               // of an element
  std::optional<DType> dtype;  // nothing for types that Nestor does not know
};

// Null for a type that the format does not have.
const SafetensorsType* find_safetensors_type(std::string_view name);

}  // namespace nestor
