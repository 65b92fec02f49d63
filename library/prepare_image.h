#pragma once
// Sources of images to what a network gets.

#include "library/image_loader.h"
#include "nestor/image_source.h"
#include "nestor/preprocess.h"

namespace nestor {

// Reads, decodes, resizes and crops image `idx` of a call. Throws kBadInput if it cannot be used.
PreparedImage prepare_image(const ImageSource& source, std::size_t idx,
                            const Preprocess& preprocess);

}  // namespace nestor
