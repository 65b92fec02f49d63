#pragma once
// A detector's outputs to objects in pixels of the image that was given.

#include <vector>

#include "library/batch_runner.h"
#include "nestor/detector.h"

namespace nestor {

// What the network found in an image, without boxes of no width: they come of proposals that were
// clipped to the left or right edge. The factor from pixels of the network's input to those of the
// image is the heights', for x too, as in GluonCV. Throws kBadModel if the network has no answer.
std::vector<DetectedObject> detected_objects(const ImageOutputs& outputs,
                                             const PreparedImage& image, const ModelInfo& info);

}  // namespace nestor
