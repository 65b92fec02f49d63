#pragma once
// Weight files as they describe themselves.

#include "engine/weights/weight_file.h"
#include "nestor/model.h"

namespace nestor {

// Reads the metadata only, none of the weights.
ModelInfo read_model_info(const WeightFile& weights);

}  // namespace nestor
