#include "engine/weights/weight_store.h"

#include <cstring>

#include "engine/check.h"
#include "engine/weights/float32.h"

namespace nestor {

namespace {

bool is_storage(std::optional<DType> dtype) {
  return dtype == DType::kFloat32 || dtype == DType::kFloat16 || dtype == DType::kBFloat16;
}

bool is_aligned(std::span<const std::byte> data) {
  return reinterpret_cast<std::uintptr_t>(data.data()) % alignof(float) == 0;
}

}  // namespace

WeightStore::WeightStore(WeightFile file) : file_(std::move(file)) {
  for (const WeightFile::Entry& entry : file_.entries()) {
    const std::optional<DType> dtype = dtype_of(entry.dtype);
    if (!is_storage(dtype)) continue;  // get() refuses it, should it be wanted
    std::vector<float> copy;
    if (dtype != DType::kFloat32) {
      as_float32(*dtype, entry.data, copy);
    } else if (!is_aligned(entry.data)) {
      copy.resize(entry.data.size() / sizeof(float));
      std::memcpy(copy.data(), entry.data.data(), entry.data.size());
    } else {
      continue;
    }
    copies_.emplace(entry.name, std::move(copy));
  }
}

TensorView WeightStore::get(std::string_view name, const Shape& shape) const {
  const WeightFile::Entry* entry = file_.find(name);
  CHECK_AS(kBadModel, entry, "{}: no tensor {}, expected float32 {}", file_.name(), name,
           shape.to_string());
  CHECK_AS(kBadModel, is_storage(dtype_of(entry->dtype)) && entry->shape == shape,
           "{}: tensor {} is {} {}, expected F32, F16 or BF16 {}", file_.name(), name, entry->dtype,
           entry->shape.to_string(), shape.to_string());
  const auto copy = copies_.find(name);
  return {.desc = {DType::kFloat32, shape},
          .data = copy == copies_.end() ? static_cast<const void*>(entry->data.data())
                                        : copy->second.data()};
}

}  // namespace nestor
