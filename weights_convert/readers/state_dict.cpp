#include "weights_convert/readers/state_dict.h"

#include <set>

#include "engine/check.h"
#include "engine/checked.h"
#include "engine/printable_text.h"
#include "weights_convert/readers/checkpoint.h"
#include "weights_convert/readers/tensor_names.h"
#include "weights_convert/readers/tensor_size.h"

namespace nestor {

namespace {

using Kind = PickleValue::Kind;

constexpr std::size_t kMaxObjects = 100;  // that a message may name

// Strides of 0 make much of little. No network needs more than a few such tensors.
constexpr std::uint64_t kMaxExpansion = 16, kExpansionSlackBytes = 3 << 20;

SourceTensor view(const PickledTensor& tensor, std::span<const std::byte> bytes,
                  std::string_view name, const std::string& file) {
  SourceTensor result{.name = std::string(name),
                      .dtype = tensor.dtype,
                      .shape = Shape(tensor.dims),
                      .data = {},
                      .strides = tensor.strides};
  const CheckedSize need = checked_tensor_bytes(tensor.dtype, tensor.dims);
  CHECK_AS(kBadModel, !need.overflowed(), "{}: tensor {} is {}, more than memory can hold", file,
           quoted_name(name), result.shape.to_string());
  if (need.value() == 0) {
    result.strides.clear();
    return result;
  }
  CheckedSize last = tensor.offset;
  for (std::size_t i = 0; i < tensor.dims.size(); ++i) {
    last += CheckedSize(tensor.dims[i] - 1) * tensor.strides[i];
  }
  const std::uint64_t num_elements = bytes.size() / size_bytes(tensor.dtype);
  CHECK_AS(kBadModel, (last + 1).at_most(num_elements),
           "{}: tensor {}, {} from element {} on, leaves its storage of {} elements", file,
           quoted_name(name), result.shape.to_string(), tensor.offset, num_elements);
  result.data = bytes.subspan(static_cast<std::size_t>(tensor.offset) * size_bytes(tensor.dtype));
  drop_plain_strides(result);
  return result;
}

}  // namespace

void read_state_dict(const Pickle& pickle, const StorageFinder& find, std::size_t file_bytes,
                     const ReadOptions& options, SourceFile& source) {
  const std::string& file = source.payload_name;
  const std::vector<PickleId>& items = pickle.items_of(find_state_dict(pickle, options, file));
  std::set<std::string_view> names;  // not hashed: names may be made to have one hash
  CheckedSize total;
  for (std::size_t i = 0; i < items.size(); i += 2) {
    const PickleValue& key = pickle[items[i]];
    const PickleValue& value = pickle[items[i + 1]];
    if (key.kind != Kind::kString) continue;
    if (value.kind == Kind::kObject && source.objects.size() < kMaxObjects) {
      source.objects.emplace(shortened(key.text), value.text);
    }
    if (value.kind != Kind::kTensor) continue;
    // A name may be recalled any number of times: a copy only of the first.
    const std::string_view name = key.text;
    CHECK_AS(kBadModel, names.insert(name).second, "{}: tensor {} occurs twice", file,
             quoted_name(name));
    check_tensor_name(name, file);
    const PickledTensor& tensor = pickle.tensors[static_cast<std::size_t>(value.number)];
    const PickledStorage& storage = pickle.storages[tensor.storage_idx];
    source.tensors.push_back(view(tensor, find(storage), name, file));
    total += source.tensors.back().bytes();
  }
  const CheckedSize limit = CheckedSize(file_bytes) * kMaxExpansion + kExpansionSlackBytes;
  CHECK_AS(kBadModel, !total.overflowed() && limit.value() >= total.value(),
           "{}: its tensors would need {} bytes, more than {} times the file", file, total.value(),
           kMaxExpansion);
  source.labels = checkpoint_labels(pickle, file_bytes);
}

}  // namespace nestor
