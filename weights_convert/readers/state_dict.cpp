#include "weights_convert/readers/state_dict.h"

#include <unordered_set>

#include "engine/check.h"
#include "engine/checked.h"
#include "weights_convert/readers/tensor_names.h"
#include "weights_convert/readers/tensor_size.h"

namespace nestor {

namespace {

using Kind = PickleValue::Kind;

constexpr std::string_view kWrappers[] = {"state_dict_ema", "model_ema", "state_dict", "model"};

// Strides of 0 make much of little. No network needs more than a few such tensors.
constexpr std::uint64_t kMaxExpansion = 16, kExpansionSlackBytes = 1 << 20;

bool is_dict(const PickleValue& value) {
  return value.kind == Kind::kDict || value.kind == Kind::kOrderedDict;
}

bool holds_tensors(const Pickle& pickle, const PickleValue& dict) {
  const std::vector<PickleId>& items = pickle.items_of(dict);
  for (std::size_t i = 1; i < items.size(); i += 2) {
    if (pickle[items[i]].kind == Kind::kTensor) return true;
  }
  return false;
}

// The last value of that key, as in Python, where it is a dict.
const PickleValue* find_dict(const Pickle& pickle, const PickleValue& dict, std::string_view key) {
  const std::vector<PickleId>& items = pickle.items_of(dict);
  const PickleValue* found = nullptr;
  for (std::size_t i = 0; i < items.size(); i += 2) {
    const PickleValue& value = pickle[items[i + 1]];
    if (pickle[items[i]].text == key) found = is_dict(value) ? &value : nullptr;
  }
  return found;
}

const PickleValue& find_state_dict(const Pickle& pickle, const std::string& file) {
  const PickleValue& top = pickle[pickle.top];
  CHECK_AS(kBadModel, is_dict(top), "{}: holds {}, expected a dict of named tensors", file,
           to_string(top.kind));
  if (holds_tensors(pickle, top) || pickle.items_of(top).empty()) return top;
  for (const std::string_view wrapper : kWrappers) {
    const PickleValue* inner = find_dict(pickle, top, wrapper);
    if (inner && holds_tensors(pickle, *inner)) return *inner;
  }
  fail(ErrorCode::kBadModel,
       "{}: no tensors in the checkpoint's dict, nor under state_dict or model", file);
}

SourceTensor view(const PickledTensor& tensor, const PickledStorage& storage,
                  std::span<const std::byte> bytes, std::string_view name,
                  const std::string& file) {
  SourceTensor result{.name = std::string(name),
                      .dtype = storage.dtype,
                      .shape = Shape(tensor.dims),
                      .data = {},
                      .strides = tensor.strides};
  const CheckedSize need = checked_tensor_bytes(storage.dtype, tensor.dims);
  CHECK_AS(kBadModel, !need.overflowed(), "{}: tensor {:?} is {}, more than memory can hold", file,
           name, result.shape.to_string());
  if (need.value() == 0) {
    result.strides.clear();
    return result;
  }
  CheckedSize last = tensor.offset;
  for (std::size_t i = 0; i < tensor.dims.size(); ++i) {
    last += CheckedSize(tensor.dims[i] - 1) * tensor.strides[i];
  }
  CHECK_AS(kBadModel, (last + 1).at_most(static_cast<std::uint64_t>(storage.num_elements)),
           "{}: tensor {:?}, {} from element {} on, leaves its storage of {} elements", file, name,
           result.shape.to_string(), tensor.offset, storage.num_elements);
  result.data = bytes.subspan(static_cast<std::size_t>(tensor.offset) * size_bytes(storage.dtype));
  drop_plain_strides(result);
  return result;
}

}  // namespace

std::vector<SourceTensor> state_dict_tensors(const Pickle& pickle, const StorageFinder& find,
                                             std::size_t file_bytes, const std::string& file) {
  const std::vector<PickleId>& items = pickle.items_of(find_state_dict(pickle, file));
  std::vector<SourceTensor> tensors;
  std::unordered_set<std::string_view> names;
  CheckedSize total;
  for (std::size_t i = 0; i < items.size(); i += 2) {
    const PickleValue& value = pickle[items[i + 1]];
    if (value.kind != Kind::kTensor) continue;
    // A name may be recalled any number of times: a copy only of the first.
    const std::string_view name = pickle[items[i]].text;
    CHECK_AS(kBadModel, names.insert(name).second, "{}: tensor {:?} occurs twice", file, name);
    check_tensor_name(name, file);
    const PickledTensor& tensor = pickle.tensors[static_cast<std::size_t>(value.number)];
    const PickledStorage& storage = pickle.storages[tensor.storage_idx];
    tensors.push_back(view(tensor, storage, find(storage), name, file));
    total += tensors.back().bytes();
  }
  const CheckedSize limit = CheckedSize(file_bytes) * kMaxExpansion + kExpansionSlackBytes;
  CHECK_AS(kBadModel, !total.overflowed() && limit.value() >= total.value(),
           "{}: its tensors would need {} bytes, more than {} times the file", file, total.value(),
           kMaxExpansion);
  return tensors;
}

}  // namespace nestor
