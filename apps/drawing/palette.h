#pragma once
// The colours of all classes of a segmentation.

#include <string>
#include <vector>

#include "apps/drawing/colour.h"

namespace nestor {

using Palette = std::vector<Colour>;  // one a class, at most 256

// `name`: "ade20k", 150 colours; "voc", 256; or a text file with one "r g b" a line. Throws kBadInput
// for a file that is something else and for less than `num_classes` colours.
Palette load_palette(const std::string& name, int num_classes);

}  // namespace nestor
