#include "weights_convert/readers/torch_calls.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <span>

#include "engine/check.h"
#include "engine/printable_text.h"
#include "weights_convert/readers/harmless_globals.h"

namespace nestor {

namespace {

using Kind = PickleValue::Kind;

constexpr std::string_view kOrderedDict = "collections OrderedDict";
constexpr std::string_view kSize = "torch Size";
constexpr std::string_view kRebuildTensor = "torch._utils _rebuild_tensor";
constexpr std::string_view kRebuildTensorV2 = "torch._utils _rebuild_tensor_v2";
// With a type: for those that have no class of storages (PyTorch 2.1 and later).
constexpr std::string_view kRebuildTensorV3 = "torch._utils _rebuild_tensor_v3";
constexpr std::string_view kRebuildParameter = "torch._utils _rebuild_parameter";
constexpr std::string_view kRebuildParameterWithState =
    "torch._utils _rebuild_parameter_with_state";
// Tensors with attributes and of subclasses; the module's name changed with PyTorch 1.11.
constexpr std::string_view kRebuildFromType = "torch._tensor _rebuild_from_type";
constexpr std::string_view kRebuildFromTypeV2 = "torch._tensor _rebuild_from_type_v2";
constexpr std::string_view kRebuildFromTypeOld = "torch.tensor _rebuild_from_type";
constexpr std::string_view kCallables[] = {kOrderedDict,       kSize,
                                           kRebuildTensor,     kRebuildTensorV2,
                                           kRebuildTensorV3,   kRebuildParameter,
                                           kRebuildFromType,   kRebuildParameterWithState,
                                           kRebuildFromTypeV2, kRebuildFromTypeOld};

// Keys are numbers. Each use of a storage looks for its key.
constexpr std::size_t kMaxKeyBytes = 256;

struct StorageClass {
  std::string_view name;
  DType dtype;
  bool untyped = false;
};

constexpr StorageClass kStorageClasses[] = {
    {"torch FloatStorage", DType::kFloat32},
    {"torch DoubleStorage", DType::kFloat64},
    {"torch HalfStorage", DType::kFloat16},
    {"torch BFloat16Storage", DType::kBFloat16},
    {"torch LongStorage", DType::kInt64},
    {"torch IntStorage", DType::kInt32},
    {"torch ShortStorage", DType::kInt16},
    {"torch CharStorage", DType::kInt8},
    {"torch ByteStorage", DType::kUInt8},
    {"torch BoolStorage", DType::kBool},
    {.name = "torch.storage UntypedStorage", .dtype = DType::kUInt8, .untyped = true},
};

const StorageClass* find_storage_class(std::string_view name) {
  const auto* found = std::ranges::find(kStorageClasses, name, &StorageClass::name);
  return found == std::end(kStorageClasses) ? nullptr : found;
}

constexpr DType kDTypes[] = {DType::kFloat32, DType::kFloat16, DType::kBFloat16, DType::kFloat64,
                             DType::kInt8,    DType::kInt16,   DType::kInt32,    DType::kInt64,
                             DType::kUInt8,   DType::kUInt16,  DType::kUInt32,   DType::kUInt64,
                             DType::kBool};

std::int64_t dtype_number(std::string_view module, std::string_view name) {
  const auto* found =
      std::ranges::find(kDTypes, name, [](DType dtype) { return to_string(dtype); });
  return module == "torch" && found != std::end(kDTypes) ? 1 + static_cast<std::int64_t>(*found)
                                                         : 0;
}

}  // namespace

PickleValue TorchCalls::global(std::string_view module, std::string_view name) const {
  const std::string full = fmt::format("{} {}", module, name);
  if (const auto* known = std::ranges::find(kCallables, full); known != std::end(kCallables)) {
    return {.kind = Kind::kGlobal, .text = *known};
  }
  if (const StorageClass* storage = find_storage_class(full)) {
    return {.kind = Kind::kGlobal, .text = storage->name};
  }
  CHECK_AS(
      kBadModel, skip_objects_ || is_harmless_global(full),
      "{}: the pickle asks for {}, which no state dict of weights needs; --skip-objects leaves "
      "such objects out, and nothing of them is run either way",
      file_, quoted_name(full));
  return {.kind = Kind::kObject, .number = dtype_number(module, name), .text = name};
}

bool TorchCalls::holds_object(const std::vector<PickleId>& arguments) const {
  // What follows the strides or the hooks says nothing about a tensor's values.
  return std::ranges::any_of(std::span(arguments).first(std::min<std::size_t>(arguments.size(), 4)),
                             [this](PickleId id) { return pickle_[id].kind == Kind::kObject; });
}

PickleValue TorchCalls::call(const PickleValue& callable, const PickleValue& arguments) {
  if (callable.kind == Kind::kObject) return {.kind = Kind::kObject, .text = callable.text};
  CHECK_AS(kBadModel, callable.kind == Kind::kGlobal && arguments.kind == Kind::kTuple,
           "{}: the pickle calls {} with {}", file_, to_string(callable.kind),
           to_string(arguments.kind));
  const std::vector<PickleId>& given = pickle_.items_of(arguments);
  const std::string_view name = callable.text;
  const auto arity = [&](std::size_t least, std::size_t most) {
    CHECK_AS(kBadModel, given.size() >= least && given.size() <= most,
             "{}: the pickle calls {} with {} arguments", file_, name, given.size());
  };
  if (name == kOrderedDict) {
    arity(0, 1);
    return make_ordered_dict(given);
  }
  if (name == kRebuildFromType || name == kRebuildFromTypeV2 || name == kRebuildFromTypeOld) {
    arity(4, 4);
    return rebuild_from_type(given);
  }
  if (name == kRebuildParameterWithState) {
    arity(4, 4);
    const PickleValue& tensor = pickle_[given[0]];
    return tensor.kind == Kind::kObject ? tensor : argument(given, 0, Kind::kTensor, name);
  }
  if (holds_object(given)) return {.kind = Kind::kObject, .text = name};
  if (name == kSize) {
    arity(1, 1);
    return argument(given, 0, Kind::kTuple, name);
  }
  if (name == kRebuildParameter) {
    arity(3, 3);
    return argument(given, 0, Kind::kTensor, name);
  }
  if (name == kRebuildTensor || name == kRebuildTensorV2) {
    name == kRebuildTensor ? arity(4, 4) : arity(6, 7);
    return rebuild_tensor(given);
  }
  if (name == kRebuildTensorV3) {
    arity(7, 8);
    return rebuild_untyped_tensor(given);
  }
  fail(ErrorCode::kBadModel, "{}: the pickle calls {}, which is not callable", file_, name);
}

// function(*arguments) with a class and attributes, neither of which changes the tensor's values.
PickleValue TorchCalls::rebuild_from_type(const std::vector<PickleId>& given) {
  const PickleValue function = pickle_[given[0]];
  const bool nested = function.kind == Kind::kGlobal &&
                      function.text.find("_rebuild_from_type") != std::string_view::npos;
  CHECK_AS(kBadModel, !nested, "{}: the pickle rebuilds a tensor of a tensor with attributes",
           file_);
  return call(function, PickleValue(argument(given, 2, Kind::kTuple, "a tensor with attributes")));
}

// Empty, or of a list of pairs, as Python 2 wrote it.
PickleValue TorchCalls::make_ordered_dict(const std::vector<PickleId>& given) {
  PickleValue dict{.kind = Kind::kOrderedDict};
  std::vector<PickleId> items;
  if (!given.empty()) {
    const PickleValue& pairs = argument(given, 0, Kind::kList, kOrderedDict);
    dict.depth = pairs.depth;
    budget_.spend(2 * pickle_.items_of(pairs).size(), sizeof(PickleId));
    items.reserve(2 * pickle_.items_of(pairs).size());
    for (const PickleId id : pickle_.items_of(pairs)) {
      const PickleValue& pair = pickle_[id];
      const bool sequence = pair.kind == Kind::kList || pair.kind == Kind::kTuple;
      CHECK_AS(kBadModel, sequence && pickle_.items_of(pair).size() == 2,
               "{}: the pickle makes an OrderedDict of something else than pairs", file_);
      items.insert(items.end(), pickle_.items_of(pair).begin(), pickle_.items_of(pair).end());
    }
  }
  dict.items = static_cast<std::uint32_t>(pickle_.items.size());
  pickle_.items.push_back(std::move(items));
  return dict;
}

PickleValue TorchCalls::rebuild_tensor(const std::vector<PickleId>& given) {
  const PickleValue& storage = argument(given, 0, Kind::kStorage, "a tensor");
  const PickledStorage& elements = pickle_.storages[static_cast<std::size_t>(storage.number)];
  CHECK_AS(kBadModel, !elements.untyped, "{}: a tensor of untyped storage {:?} has no type", file_,
           elements.key);
  return add_tensor(given, elements.dtype);
}

// A type that is none of ours (float8_e4m3fn) makes an object.
PickleValue TorchCalls::rebuild_untyped_tensor(const std::vector<PickleId>& given) {
  const std::string_view what = "a tensor with a type";
  const PickleValue& storage = argument(given, 0, Kind::kStorage, what);
  const PickledStorage& bytes = pickle_.storages[static_cast<std::size_t>(storage.number)];
  const PickleValue& dtype = argument(given, 6, Kind::kObject, what);
  if (dtype.number == 0) return {.kind = Kind::kObject, .text = dtype.text};
  CHECK_AS(kBadModel, bytes.untyped, "{}: a tensor of {} in storage {:?} of another type", file_,
           dtype.text, bytes.key);
  return add_tensor(given, static_cast<DType>(dtype.number - 1));
}

PickleValue TorchCalls::add_tensor(const std::vector<PickleId>& given, DType dtype) {
  const std::string_view what = "a tensor";
  PickledTensor tensor{.dtype = dtype};
  tensor.storage_idx = static_cast<std::size_t>(argument(given, 0, Kind::kStorage, what).number);
  tensor.offset = argument(given, 1, Kind::kInteger, what).number;
  CHECK_AS(kBadModel, tensor.offset >= 0, "{}: a tensor begins at element {} of its storage", file_,
           tensor.offset);
  tensor.dims = natural_numbers(argument(given, 2, Kind::kTuple, what), "extents");
  tensor.strides = natural_numbers(argument(given, 3, Kind::kTuple, what), "strides");
  CHECK_AS(kBadModel, tensor.dims.size() == tensor.strides.size(),
           "{}: a tensor has {} extents and {} strides", file_, tensor.dims.size(),
           tensor.strides.size());
  if (given.size() > 5) {
    // Hooks would be functions to call.
    const PickleValue& hooks = pickle_[given[5]];
    const bool none = hooks.kind == Kind::kNone ||
                      (hooks.kind == Kind::kOrderedDict && pickle_.items_of(hooks).empty());
    CHECK_AS(kBadModel, none, "{}: a tensor has hooks, expected none", file_);
  }
  budget_.spend(1, sizeof(tensor));
  budget_.spend(2 * tensor.dims.size(), sizeof(std::int64_t));
  pickle_.tensors.push_back(std::move(tensor));
  return {.kind = Kind::kTensor, .number = static_cast<std::int64_t>(pickle_.tensors.size() - 1)};
}

PickleValue TorchCalls::persistent(const PickleValue& id) {
  CHECK_AS(kBadModel, id.kind == Kind::kTuple, "{}: a persistent id is {}, expected a tuple", file_,
           to_string(id.kind));
  const std::vector<PickleId>& given = pickle_.items_of(id);
  const std::string_view what = "a persistent id";
  CHECK_AS(kBadModel, given.size() == 5 || given.size() == 6,
           "{}: a persistent id has {} parts, expected 5 or 6", file_, given.size());
  const std::string_view type = argument(given, 0, Kind::kString, what).text;
  CHECK_AS(kBadModel, type == "storage", "{}: a persistent id stands for {:?}, expected a storage",
           file_, type);
  const std::string_view class_name = argument(given, 1, Kind::kGlobal, what).text;
  const StorageClass* storage_class = find_storage_class(class_name);
  CHECK_AS(kBadModel, storage_class != nullptr, "{}: {} is not a class of storages", file_,
           class_name);
  const PickledStorage storage{.dtype = storage_class->dtype,
                               .key = argument(given, 2, Kind::kString, what).text,
                               .num_elements = argument(given, 4, Kind::kInteger, what).number,
                               .untyped = storage_class->untyped};
  CHECK_AS(kBadModel, storage.key.size() <= kMaxKeyBytes,
           "{}: a storage's key has {} bytes, expected at most {}", file_, storage.key.size(),
           kMaxKeyBytes);
  argument(given, 3, Kind::kString, what);  // the device it was on
  CHECK_AS(kBadModel, storage.num_elements >= 0, "{}: storage {:?} has {} elements", file_,
           storage.key, storage.num_elements);
  CHECK_AS(kBadModel, given.size() == 5 || pickle_[given[5]].kind == Kind::kNone,
           "{}: storage {:?} is a window of another one, which is not supported", file_,
           storage.key);

  const auto [known, added] = storage_by_key_.emplace(storage.key, pickle_.storages.size());
  if (added) pickle_.storages.push_back(storage);
  const PickledStorage& first = pickle_.storages[known->second];
  CHECK_AS(kBadModel,
           first.dtype == storage.dtype && first.untyped == storage.untyped &&
               first.num_elements == storage.num_elements,
           "{}: storage {:?} is {} x {} and {} x {}", file_, storage.key, first.num_elements,
           to_string(first.dtype), storage.num_elements, to_string(storage.dtype));
  return {.kind = Kind::kStorage, .number = static_cast<std::int64_t>(known->second)};
}

std::vector<std::int64_t> TorchCalls::natural_numbers(const PickleValue& tuple,
                                                      std::string_view what) const {
  const std::vector<PickleId>& items = pickle_.items_of(tuple);
  CHECK_AS(kBadModel, items.size() <= Shape::kMaxRank,
           "{}: a tensor has {} {}, expected at most {}", file_, items.size(), what,
           Shape::kMaxRank);
  std::vector<std::int64_t> numbers;
  numbers.reserve(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    numbers.push_back(argument(items, i, Kind::kInteger, what).number);
    CHECK_AS(kBadModel, numbers.back() >= 0, "{}: {} of a tensor hold {}", file_, what,
             numbers.back());
  }
  return numbers;
}

const PickleValue& TorchCalls::argument(const std::vector<PickleId>& arguments, std::size_t idx,
                                        PickleValue::Kind kind, std::string_view what) const {
  const PickleValue& value = pickle_[arguments[idx]];
  CHECK_AS(kBadModel, value.kind == kind, "{}: part {} of {} is {}, expected {}", file_, idx + 1,
           what, to_string(value.kind), to_string(kind));
  return value;
}

}  // namespace nestor
