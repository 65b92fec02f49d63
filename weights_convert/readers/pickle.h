#pragma once
// The part of Python's pickle that a state dict needs, as data: a pickle is a program, and this
// reads it without running anything. Only the opcodes of state dicts and of the values that
// training scripts leave beside them exist; whatever else a file asks for is an error. Calls are
// resolved in torch_calls.cpp: those that make tensors become tensors, those of other known classes
// objects that stay closed.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "nestor/tensor.h"
#include "weights_convert/readers/byte_cursor.h"

namespace nestor {

using PickleId = std::uint32_t;  // of a value, within its pickle

struct PickleValue {
  enum class Kind : std::uint8_t {
    kNone,
    kBool,         // number
    kInteger,      // number
    kFloat,        // its value is never needed
    kString,       // text
    kTuple,        // items: one sequence
    kList,         // items
    kDict,         // items: key, value, key, value, ...
    kOrderedDict,  // items, likewise
    kGlobal,       // text: "torch._utils _rebuild_tensor_v2"
    kStorage,      // number: index into Pickle::storages
    kTensor,       // number: index into Pickle::tensors
    kObject,       // text: of which class or of what call, "Namespace". Never looked into; number:
                   // 1 + the DType that the global is torch's name of, else 0
  };
  Kind kind = Kind::kNone;
  std::uint8_t depth = 0;   // of the containers inside
  std::uint32_t items = 0;  // index into Pickle::items, of containers
  std::int64_t number = 0;
  std::string_view text;
};

// A run of numbers that lies elsewhere in the file.
struct PickledStorage {
  DType dtype = DType::kFloat32;
  std::string_view key;
  std::int64_t num_elements = 0;
  bool untyped = false;  // bytes, whose tensors say their types
};

// A view of a storage, in elements of its own type. Extents and strides are not negative; whether
// they stay inside the storage is not yet known.
struct PickledTensor {
  std::size_t storage_idx = 0;
  DType dtype = DType::kFloat32;
  std::int64_t offset = 0;
  std::vector<std::int64_t> dims, strides;
};

// One pickle, read. Strings are views of the file.
struct Pickle {
  std::vector<PickleValue> values;
  std::vector<std::vector<PickleId>> items;
  std::vector<PickledStorage> storages;  // each key once
  std::vector<PickledTensor> tensors;
  PickleId top = 0;

  const PickleValue& operator[](PickleId id) const { return values[id]; }
  const std::vector<PickleId>& items_of(const PickleValue& value) const {
    return items[value.items];
  }
};

// Reads one pickle from the cursor, up to and including its STOP. With skip_objects, objects of
// every class stay closed; else those of unknown classes are refused. Throws kBadModel, naming file
// and reason.
Pickle read_pickle(ByteCursor& cursor, bool skip_objects = false);

// The kind in words, for messages: "a tuple".
std::string_view to_string(PickleValue::Kind kind);

}  // namespace nestor
