#include "engine/weights/weight_store.h"

#include "engine/check.h"

namespace nestor {

WeightStore::WeightStore(WeightFile file) : file_(std::move(file)) {
  for (const WeightFile::Entry& entry : file_.entries()) {
    if (reinterpret_cast<std::uintptr_t>(entry.data.data()) % alignof(float) != 0) {
      realigned_.emplace(entry.name, std::vector<std::byte>(entry.data.begin(), entry.data.end()));
    }
  }
}

TensorView WeightStore::get(std::string_view name, const Shape& shape) const {
  const WeightFile::Entry* entry = file_.find(name);
  CHECK_AS(kBadModel, entry, "{}: no tensor {}, expected float32 {}", file_.name(), name,
           shape.to_string());
  CHECK_AS(kBadModel, dtype_of(entry->dtype) == DType::kFloat32 && entry->shape == shape,
           "{}: tensor {} is {} {}, expected F32 {}", file_.name(), name, entry->dtype,
           entry->shape.to_string(), shape.to_string());
  const auto copy = realigned_.find(name);
  return {.desc = {DType::kFloat32, shape},
          .data = copy == realigned_.end() ? static_cast<const void*>(entry->data.data())
                                           : copy->second.data()};
}

}  // namespace nestor
