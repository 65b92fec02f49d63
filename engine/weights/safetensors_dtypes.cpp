#include <algorithm>
#include <iterator>

#include "engine/weights/safetensors_header.h"
#include "engine/weights/weight_file.h"

namespace nestor {

namespace {

constexpr SafetensorsType kElementTypes[] = {
    {"F32", 32, DType::kFloat32},
    {"F16", 16, DType::kFloat16},
    {"BF16", 16, DType::kBFloat16},
    {"F64", 64, DType::kFloat64},
    {"I8", 8, DType::kInt8},
    {"I16", 16, DType::kInt16},
    {"I32", 32, DType::kInt32},
    {"I64", 64, DType::kInt64},
    {"U8", 8, DType::kUInt8},
    {"U16", 16, DType::kUInt16},
    {"U32", 32, DType::kUInt32},
    {"U64", 64, DType::kUInt64},
    {"BOOL", 8, DType::kBool},
    {"C64", 64, {}},
    {"F8_E5M2", 8, {}},
    {"F8_E4M3", 8, {}},
    {"F8_E8M0", 8, {}},
    {"F8_E4M3FNUZ", 8, {}},
    {"F8_E5M2FNUZ", 8, {}},
    {"F6_E2M3", 6, {}},
    {"F6_E3M2", 6, {}},
    {"F4", 4, {}},
};

}  // namespace

const SafetensorsType* find_safetensors_type(std::string_view name) {
  const auto* const found = std::ranges::find(kElementTypes, name, &SafetensorsType::name);
  return found == std::end(kElementTypes) ? nullptr : found;
}

std::string_view safetensors_name(DType dtype) {
  return std::ranges::find(kElementTypes, dtype, &SafetensorsType::dtype)->name;
}

std::optional<DType> dtype_of(std::string_view safetensors_name) {
  const SafetensorsType* const type = find_safetensors_type(safetensors_name);
  return type ? type->dtype : std::nullopt;
}

}  // namespace nestor
