#pragma once
// Results must not be written over what they are made of.

#include <span>
#include <string>

namespace nestor {

// Throws kUsage where `output` (named by the option `flag`) is one of `inputs`, also under another
// name. An empty output is none.
void require_distinct(const std::string& flag, const std::string& output,
                      std::span<const std::string> inputs);

}  // namespace nestor
