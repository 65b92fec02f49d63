#include "engine/weights/weight_store.h"

#include <cstring>

#include "engine/check.h"
#include "engine/weights/float32.h"

namespace nestor {

namespace {

constexpr auto kNoCopy = static_cast<std::size_t>(-1);

bool is_storage(std::optional<DType> dtype) {
  return dtype == DType::kFloat32 || dtype == DType::kFloat16 || dtype == DType::kBFloat16;
}

bool is_aligned(std::span<const std::byte> data) {
  return reinterpret_cast<std::uintptr_t>(data.data()) % alignof(float) == 0;
}

bool needs_copy(const WeightFile::Entry& entry) {
  const std::optional<DType> dtype = dtype_of(entry.dtype);
  return is_storage(dtype) && (dtype != DType::kFloat32 || !is_aligned(entry.data));
}

}  // namespace

WeightStore::WeightStore(WeightFile file)
    : file_(std::move(file)), copy_begins_(file_.entries().size(), kNoCopy) {
  const std::vector<WeightFile::Entry>& entries = file_.entries();
  std::size_t num_floats = 0;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (!needs_copy(entries[i])) continue;  // get() refuses what is no storage, if it is wanted
    copy_begins_[i] = num_floats;
    num_floats += static_cast<std::size_t>(entries[i].shape.num_elements());
  }
  copies_.resize(num_floats);
  std::vector<float> wide;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (copy_begins_[i] == kNoCopy || entries[i].data.empty()) continue;
    const auto values = as_float32(*dtype_of(entries[i].dtype), entries[i].data, wide);
    std::memcpy(copies_.data() + copy_begins_[i], values.data(), values.size());
  }
}

TensorView WeightStore::get(std::string_view name, const Shape& shape) const {
  const WeightFile::Entry* entry = file_.find(name);
  CHECK_AS(kBadModel, entry, "{}: no tensor {}, expected float32 {}", file_.name(), name,
           shape.to_string());
  CHECK_AS(kBadModel, is_storage(dtype_of(entry->dtype)) && entry->shape == shape,
           "{}: tensor {} is {} {}, expected F32, F16 or BF16 {}", file_.name(), name, entry->dtype,
           entry->shape.to_string(), shape.to_string());
  const std::size_t begin = copy_begins_[static_cast<std::size_t>(entry - file_.entries().data())];
  return {.desc = {DType::kFloat32, shape},
          .data = begin == kNoCopy ? static_cast<const void*>(entry->data.data())
                                   : copies_.data() + begin};
}

}  // namespace nestor
