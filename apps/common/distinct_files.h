#pragma once
// Keeps results from being written over the files that they are made of.

#include <span>
#include <string>

namespace nestor {

// Throws kUsage if `output` (named by the option `flag`) is one of `inputs`, also under another
// name. Nothing is lost by writing to a device such as /dev/null; an empty output is none.
void require_distinct(const std::string& flag, const std::string& output,
                      std::span<const std::string> inputs);

}  // namespace nestor
