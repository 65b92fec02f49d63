#pragma once
// Names that a misspelt one may stand for, for error messages.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nestor {

// At most `count` of `names`, those whose beginnings need the fewest edits first, then those that
// need the fewest as a whole, then in the order of `names`. An edit inserts, deletes or replaces a
// character or swaps two neighbours; case is ignored.
std::vector<std::string> nearest_names(std::string_view misspelt,
                                       std::span<const std::string> names, std::size_t count);

// "; did you mean resnest50?" if a name is so near that `misspelt` is probably a slip of the keys,
// else empty.
std::string did_you_mean(std::string_view misspelt, std::span<const std::string> names);

}  // namespace nestor
