#include "weights_convert/readers/safetensors.h"

#include "engine/check.h"
#include "engine/weights/weight_file.h"

namespace nestor {

bool is_safetensors(std::span<const std::byte> bytes) {
  return bytes.size() > 8 && bytes[8] == std::byte{'{'};
}

SourceFile read_safetensors(std::span<const std::byte> bytes, const std::string& file) {
  const WeightFile weights = WeightFile::parse(bytes, file);
  SourceFile source("safetensors", bytes, file);
  for (const WeightFile::Entry& entry : weights.entries()) {
    const std::optional<DType> dtype = dtype_of(entry.dtype);
    CHECK_AS(kBadModel, dtype, "{}: tensor {:?} has element type {}, which is not supported", file,
             entry.name, entry.dtype);
    source.tensors.push_back({.name = entry.name,
                              .dtype = *dtype,
                              .shape = entry.shape,
                              .data = entry.data,
                              .strides = {}});
  }
  source.metadata = weights.metadata();
  return source;
}

}  // namespace nestor
