#pragma once
// Numbers that are none.

#include <cstddef>
#include <optional>
#include <span>

namespace nestor {

// The index of the first infinity or NaN; nothing if all are finite numbers.
std::optional<std::size_t> first_not_finite(std::span<const float> values);

}  // namespace nestor
