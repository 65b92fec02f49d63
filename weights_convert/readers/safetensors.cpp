#include "weights_convert/readers/safetensors.h"

#include "engine/check.h"
#include "engine/weights/file_kind.h"
#include "engine/weights/weight_file.h"

namespace nestor {

bool is_safetensors(std::span<const std::byte> bytes) { return looks_like_safetensors(bytes); }

SourceFile read_safetensors(std::span<const std::byte> bytes, const std::string& file) {
  WeightFile weights = WeightFile::parse(bytes, file);
  SourceFile source("safetensors", bytes, file);
  source.metadata = weights.metadata();
  std::vector<WeightFile::Entry> entries = std::move(weights).take_entries();
  source.tensors.reserve(entries.size());
  for (WeightFile::Entry& entry : entries) {
    const std::optional<DType> dtype = dtype_of(entry.dtype);
    CHECK_AS(kBadModel, dtype, "{}: tensor {:?} has element type {}, which is not supported", file,
             entry.name, entry.dtype);
    source.tensors.push_back({.name = std::move(entry.name),
                              .dtype = *dtype,
                              .shape = std::move(entry.shape),
                              .data = entry.data,
                              .strides = {}});
  }
  return source;
}

}  // namespace nestor
