#pragma once
// The arithmetic that networks are computed in.

#include <cstdint>
#include <string_view>

#include "nestor/export.h"

namespace nestor {

// The arithmetic of a session. Pooled sums, attention, softmax and accumulators are always
// float32.
enum class Precision : std::uint8_t {
  kFp32,  // strict: no TF32
  kTf32,  // CUDA, sm_80 and newer
  kFp16,  // float16 storage, float32 accumulation
  kBf16,  // bfloat16 storage, float32 accumulation
};

NESTOR_API std::string_view to_string(Precision precision);   // "fp32", ...
NESTOR_API Precision parse_precision(std::string_view text);  // throws kUsage

}  // namespace nestor
