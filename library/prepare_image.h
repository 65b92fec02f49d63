#pragma once
// Sources of images to what a network gets.

#include "library/image_loader.h"
#include "nestor/image_source.h"
#include "nestor/preprocess.h"

namespace nestor {

// Reads, decodes, resizes and crops image `idx` of a call. Throws kBadInput if it cannot be used, or is
// an encoded image with more pixels.
PreparedImage prepare_image(const ImageSource& source, std::size_t idx,
                            const Preprocess& preprocess, std::int64_t max_pixels);

}  // namespace nestor
