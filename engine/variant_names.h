#pragma once
// What a device has for an operator.

#include <string>
#include <vector>

namespace nestor {

class Backend;
struct Op;

// The variants' names, the preferred first; none if the device does not run the operator. Which of
// them can do a node's problem is for Backend::choose() to say (StepRequest::forced_variant).
std::vector<std::string> variant_names(const Op& op, const Backend& backend);

}  // namespace nestor
