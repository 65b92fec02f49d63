#include "nestor/tensor.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace nestor {

namespace {

struct DTypeInfo {
  std::string_view name;
  std::size_t bytes;
};

constexpr DTypeInfo kDTypes[] = {
    {"float32", 4}, {"float16", 2}, {"bfloat16", 2}, {"float64", 8}, {"int8", 1},
    {"int16", 2},   {"int32", 4},   {"int64", 8},    {"uint8", 1},   {"uint16", 2},
    {"uint32", 4},  {"uint64", 8},  {"bool", 1},
};

}  // namespace

std::string_view to_string(DType dtype) { return kDTypes[static_cast<std::size_t>(dtype)].name; }

std::size_t size_bytes(DType dtype) { return kDTypes[static_cast<std::size_t>(dtype)].bytes; }

std::int64_t Shape::num_elements() const {
  std::int64_t product = 1;
  for (const std::int64_t dim : dims_) product *= dim;
  return product;
}

std::string Shape::to_string() const { return fmt::format("[{}]", fmt::join(dims_, ", ")); }

std::string to_string(const TensorDesc& desc) {
  return fmt::format("{} {}", to_string(desc.dtype), desc.shape.to_string());
}

}  // namespace nestor
