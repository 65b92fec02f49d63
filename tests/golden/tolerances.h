#pragma once
// How closely a network's tensors must agree with a reference: the table of precision.md beside the
// golden data, which says what was measured, and the errors that it speaks of.

#include <span>

#include "engine/plan/plan.h"

namespace nestor::golden {

// The largest error of logits and, of a map, its root mean square, largest element and largest
// channel mean, all over the reference's standard deviation; the largest error of an attention
// weight.
struct Tolerance {
  Precision precision;
  double logits, map_rms, map_largest, map_mean, attention;
};
const Tolerance& tolerance_of(Precision precision);

double deviation(std::span<const float> values);

// The largest and the root mean square error, over `scale`. What is not finite or has another size
// counts as infinitely wrong.
double worst(std::span<const float> got, std::span<const float> want, double scale);
double root_mean_square(std::span<const float> got, std::span<const float> want, double scale);

}  // namespace nestor::golden
