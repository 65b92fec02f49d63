#pragma once
// Class maps laid over their pictures.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "apps/drawing/palette.h"
#include "nestor/image.h"

namespace nestor {

// One class a pixel, rows from the top: width * height of them.
struct IndexImage {
  int width = 0, height = 0;
  std::vector<std::uint8_t> classes;
};

struct ClassShare {
  int class_id = 0;
  std::int64_t pixels = 0;
  double share = 0;  // of all pixels
};

// The classes that occur, the largest first.
std::vector<ClassShare> class_shares(const IndexImage& map);

// Gives the picture the colours of its classes; alpha 0 leaves it as it is, 1 shows the classes
// alone. The map has the picture's size, the palette a colour for each class in it.
void draw_classes(Image& picture, const IndexImage& map, const Palette& palette, double alpha);

// The picture above a list of the classes that occur in `map`: colour, name and share of the
// pixels. `labels`: one a class, or none: numbers then stand for them.
Image with_legend(const Image& picture, const IndexImage& map, const Palette& palette,
                  std::span<const std::string> labels);

}  // namespace nestor
