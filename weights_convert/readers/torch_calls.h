#pragma once
// What the globals of a state dict mean: the calls that a pickle may make, as data.

#include <map>
#include <string>
#include <string_view>

#include "weights_convert/readers/pickle.h"
#include "weights_convert/readers/pickle_budget.h"

namespace nestor {

// Adds the results of calls to a pickle while it is read. Every function throws kBadModel, naming
// file and reason.
class TorchCalls {
 public:
  TorchCalls(Pickle& pickle, PickleBudget& budget, const std::string& file, bool skip_objects)
      : pickle_(pickle), budget_(budget), file_(file), skip_objects_(skip_objects) {}

  // One of the few globals that state dicts use, "collections OrderedDict", or an object that stays
  // closed; refuses all others. Both are views of the file.
  PickleValue global(std::string_view module, std::string_view name) const;

  // callable(*arguments), the opcodes REDUCE and NEWOBJ. What is made by or of an object is one,
  // too.
  PickleValue call(const PickleValue& callable, const PickleValue& arguments);

  // The object of a persistent id, the opcode BINPERSID: a storage.
  PickleValue persistent(const PickleValue& id);

 private:
  PickleValue make_ordered_dict(const std::vector<PickleId>& arguments);
  PickleValue rebuild_tensor(const std::vector<PickleId>& arguments);
  PickleValue rebuild_untyped_tensor(const std::vector<PickleId>& arguments);
  PickleValue add_tensor(const std::vector<PickleId>& arguments, DType dtype);
  PickleValue rebuild_from_type(const std::vector<PickleId>& arguments);
  bool holds_object(const std::vector<PickleId>& arguments) const;
  std::vector<std::int64_t> natural_numbers(const PickleValue& tuple, std::string_view what) const;
  const PickleValue& argument(const std::vector<PickleId>& arguments, std::size_t idx,
                              PickleValue::Kind kind, std::string_view what) const;

  Pickle& pickle_;
  PickleBudget& budget_;
  const std::string& file_;
  bool skip_objects_;
  std::map<std::string_view, std::size_t> storage_by_key_;  // keys may be made to have one hash
};

}  // namespace nestor
