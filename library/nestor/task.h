#pragma once
// The task of a network.

#include <cstdint>
#include <string_view>

#include "nestor/export.h"

namespace nestor {

enum class Task : std::uint8_t { kClassification, kDetection, kSegmentation };

NESTOR_API std::string_view to_string(Task task);  // "classification", ...

}  // namespace nestor
