#pragma once
// Class names.

#include <string>
#include <string_view>
#include <vector>

namespace nestor {

// The lines of library/labels/imagenet1k.txt.
extern const std::string_view kImagenetText;

// One name a line; empty lines at the end are left out.
std::vector<std::string> split_labels(std::string_view text);

}  // namespace nestor
