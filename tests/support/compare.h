#pragma once
// Comparing tensors with what an oracle says.

#include <span>
#include <string>
#include <string_view>

#include "nestor/tensor.h"

namespace nestor::test {

// An element may differ by `relative` times its own size plus `absolute` times the root mean square
// of the tensor it belongs to.
struct Tolerance {
  double relative;
  double absolute;
};

// For one operator whose inputs were rounded to `dtype` before the oracle saw them. float32 is the
// rounding of a sum of up to 10^4 products; float16 and bfloat16 add one rounding of the result.
Tolerance tolerance(DType dtype);

// For convolutions by Winograd's transforms, which multiply the rounding of float32.
Tolerance winograd_tolerance(DType dtype);

// For any tensor of a whole network, whose inputs the oracle saw unrounded: the largest errors of
// maps in the golden data's precision.md are as large.
Tolerance network_tolerance(DType dtype);

// Empty where all elements agree; else the first that does not: coordinates, both values, the error
// and the problem, and how many there are. NaN and infinities never agree.
std::string mismatch(std::span<const float> got, std::span<const float> expected,
                     const Shape& shape, Tolerance tolerance, std::string_view problem);

// The same for equality to the bit.
std::string difference(std::span<const float> got, std::span<const float> expected,
                       const Shape& shape, std::string_view problem);

}  // namespace nestor::test
