#include "weights_convert/synthetic/values.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

namespace nestor {

namespace {

constexpr std::pair<std::string_view, ValueRule> kRules[] = {
    {"weight", ValueRule::kWeight}, {"bias", ValueRule::kBias},       {"gamma", ValueRule::kGamma},
    {"beta", ValueRule::kBeta},     {"uniform", ValueRule::kUniform}, {"one", ValueRule::kOne},
};

double fan_in(const Shape& shape) {
  double product = 1;
  for (std::size_t i = 1; i < shape.rank(); ++i) product *= static_cast<double>(shape[i]);
  return product;
}

template <class Value>
void fill(const UnitSequence& unit, std::span<float> dst, Value value) {
  for (std::size_t i = 0; i < dst.size(); ++i) dst[i] = static_cast<float>(value(unit(i)));
}

}  // namespace

UnitSequence::UnitSequence(std::string_view salted_name) : hash_(14695981039346656037u) {
  for (const char c : salted_name) {
    hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 1099511628211u;
  }
}

double UnitSequence::operator()(std::uint64_t idx) const {
  std::uint64_t z = hash_ + (idx + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  z = z ^ (z >> 31);
  return static_cast<double>(z >> 40) * 0x1p-24;
}

std::optional<ValueRule> parse_value_rule(std::string_view name) {
  const auto* found =
      std::ranges::find(kRules, name, &std::pair<std::string_view, ValueRule>::first);
  return found == std::end(kRules) ? std::nullopt : std::optional(found->second);
}

void fill_synthetic(ValueRule rule, std::optional<double> argument, std::string_view salted_name,
                    const Shape& shape, std::span<float> dst) {
  const UnitSequence unit(salted_name);
  const double gain = argument.value_or(1.0);
  switch (rule) {
    case ValueRule::kWeight: {
      const double bound = gain * std::sqrt(6.0 / fan_in(shape));
      fill(unit, dst, [bound](double u) { return (2 * u - 1) * bound; });
      break;
    }
    case ValueRule::kBias: fill(unit, dst, [](double u) { return (2 * u - 1) * 0.1; }); break;
    case ValueRule::kGamma:
      fill(unit, dst, [gain](double u) { return gain * (0.8 + 0.4 * u); });
      break;
    case ValueRule::kBeta: fill(unit, dst, [](double u) { return (2 * u - 1) * 0.2; }); break;
    case ValueRule::kUniform:
      fill(unit, dst, [gain](double u) { return (2 * u - 1) * gain; });
      break;
    case ValueRule::kOne: std::ranges::fill(dst, 1.0F); break;
  }
}

}  // namespace nestor
