#pragma once
// What segmenters give for an image.

#include "library/batch_runner.h"
#include "nestor/model.h"
#include "nestor/segmenter.h"

namespace nestor {

// The model, if its class maps fit into bytes; throws kUnsupported if not.
const ModelInfo& require_byte_classes(const ModelInfo& info);

// The class map of an image's outputs, of which it is the first.
ClassMap class_map_of(const ImageOutputs& outputs);

}  // namespace nestor
