#include "tests/support/compare.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <cstring>
#include <stdexcept>
#include <vector>

namespace nestor::test {

namespace {

struct Row {
  DType dtype;
  Tolerance op, winograd, network;
};

constexpr Row kTolerances[] = {
    {.dtype = DType::kFloat32,
     .op = {.relative = 1e-5, .absolute = 1e-5},
     .winograd = {.relative = 1e-5, .absolute = 6e-5},
     .network = {.relative = 1e-4, .absolute = 1e-4}},
    {.dtype = DType::kFloat16,
     .op = {.relative = 0x1p-11, .absolute = 2.5e-4},
     .winograd = {.relative = 0x1p-11, .absolute = 2.5e-3},
     .network = {.relative = 1.5e-2, .absolute = 3e-2}},
    {.dtype = DType::kBFloat16,
     .op = {.relative = 0x1p-8, .absolute = 2e-3},
     .winograd = {.relative = 0x1p-8, .absolute = 2e-2},
     .network = {.relative = 0.1, .absolute = 0.2}},
    // Classes and indices are equal or wrong.
    {.dtype = DType::kUInt8, .op = {0, 0}, .winograd = {0, 0}, .network = {0, 0}},
    {.dtype = DType::kInt32, .op = {0, 0}, .winograd = {0, 0}, .network = {0, 0}},
};

const Row& row_of(DType dtype) {
  for (const Row& row : kTolerances) {
    if (row.dtype == dtype) return row;
  }
  throw std::invalid_argument(fmt::format("no tolerance for {}", to_string(dtype)));
}

std::vector<std::int64_t> coordinates(const Shape& shape, std::size_t idx) {
  std::vector<std::int64_t> result(shape.rank());
  auto rest = static_cast<std::int64_t>(idx);
  for (std::size_t axis = shape.rank(); axis-- > 0;) {
    result[axis] = rest % shape[axis];
    rest /= shape[axis];
  }
  return result;
}

double root_mean_square(std::span<const float> values) {
  double sum = 0;
  for (const float value : values) sum += double{value} * value;
  return values.empty() ? 0 : std::sqrt(sum / static_cast<double>(values.size()));
}

// agree(got, expected) for every element, and a report of those for which it does not hold.
template <class Agree>
std::string report(std::span<const float> got, std::span<const float> expected, const Shape& shape,
                   std::string_view problem, const Agree& agree) {
  if (got.size() != expected.size() ||
      got.size() != static_cast<std::size_t>(shape.num_elements())) {
    return fmt::format("{}: {} elements, expected {}, shape {}", problem, got.size(),
                       expected.size(), shape.to_string());
  }
  std::string first;
  std::size_t count = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (agree(got[i], expected[i])) continue;
    if (count++ == 0) {
      first = fmt::format("{}: at [{}] of {}: got {}, expected {}, error {:.3g}", problem,
                          fmt::join(coordinates(shape, i), ", "), shape.to_string(), got[i],
                          expected[i], std::abs(double{got[i]} - expected[i]));
    }
  }
  return count == 0 ? "" : fmt::format("{} ({} of {} elements)", first, count, got.size());
}

}  // namespace

Tolerance tolerance(DType dtype) { return row_of(dtype).op; }

Tolerance winograd_tolerance(DType dtype) { return row_of(dtype).winograd; }

Tolerance network_tolerance(DType dtype) { return row_of(dtype).network; }

std::string mismatch(std::span<const float> got, std::span<const float> expected,
                     const Shape& shape, Tolerance tolerance, std::string_view problem) {
  const double floor = tolerance.absolute * root_mean_square(expected);
  return report(got, expected, shape, problem, [&](float a, float b) {
    const double allowed = floor + tolerance.relative * std::abs(double{b});
    return std::isfinite(a) && std::isfinite(b) && (a == b || std::abs(double{a} - b) < allowed);
  });
}

std::string difference(std::span<const float> got, std::span<const float> expected,
                       const Shape& shape, std::string_view problem) {
  return report(got, expected, shape, problem, [](float a, float b) {
    return std::isfinite(a) && std::memcmp(&a, &b, sizeof a) == 0;
  });
}

}  // namespace nestor::test
