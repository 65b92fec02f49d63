#pragma once
// Made-up weights that any language can reproduce bit for bit: the value of element i (flat index,
// C order) of a parameter follows from i, the parameter's name, and a rule.
//
//   h = FNV-1a 64 of salt + name
//   z = h + (i + 1) * 0x9E3779B97F4A7C15,  then the finalizer of SplitMix64
//   u = (z >> 40) * 2^-24, in [0, 1)
//
//   weight   (2u - 1) * gain * sqrt(6 / fan_in)      fan_in: product of all extents but the first
//   bias     (2u - 1) * 0.1
//   gamma    gain * (0.8 + 0.4 u)
//   beta     (2u - 1) * 0.2
//   uniform  (2u - 1) * argument
//   one      1
//
// in float64, rounded once to float32.

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "nestor/tensor.h"

namespace nestor {

// u of element idx, for a generator of that name.
class UnitSequence {
 public:
  explicit UnitSequence(std::string_view salted_name);
  double operator()(std::uint64_t idx) const;

 private:
  std::uint64_t hash_;
};

enum class ValueRule { kWeight, kBias, kGamma, kBeta, kUniform, kOne };

// "weight", "bias", ...; nothing for other names.
std::optional<ValueRule> parse_value_rule(std::string_view name);

// Fills dst, all elements of a parameter of that shape. argument: the gain (default 1), or the
// bound of kUniform.
void fill_synthetic(ValueRule rule, std::optional<double> argument, std::string_view salted_name,
                    const Shape& shape, std::span<float> dst);

}  // namespace nestor
