#pragma once
// What a reader may be told about a file of which only the user knows more than its bytes say.

#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace nestor {

struct ReadOptions {
  // Objects of any class in a pickle are skipped, not only of those that are known to be harmless.
  bool skip_objects = false;
  // The key under which a checkpoint holds the state dict; empty: the one that is known or
  // explained.
  std::string state_dict_key;
  // Whether these are the names of the tensors that are wanted; empty: not known.
  std::function<bool(std::span<const std::string>)> explains;
};

}  // namespace nestor
