#pragma once
// What GluonCV's detectors store besides their parameters: the anchors around each cell of each
// level, and the means and deviations of box deltas. Nestor computes them.

#include <string>

#include "weights_convert/fitting.h"

namespace nestor {

// Throws kBadModel if the file has some that are not those which Nestor computes: the weights were
// trained with others then.
void check_detector_constants(const SourceTensors& tensors, const std::string& file);

}  // namespace nestor
