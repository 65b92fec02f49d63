#pragma once
// The sizes of images that networks take.

#include "library/image_loader.h"
#include "nestor/model.h"

namespace nestor {

// The smallest side of images that the model's network takes, in pixels.
int smallest_side(const ModelInfo& info);

// Throws kBadInput, naming the image, if it is smaller, as the network would see it, than what the
// network takes, or larger than any does.
void require_network_size(const PreparedImage& prepared, int smallest_side);

}  // namespace nestor
