// The eight orientations of EXIF: which pixel of the stored picture each one of the seen picture is.

#include <algorithm>

#include "engine/check.h"
#include "engine/image/internal/decoders.h"
#include "engine/image/internal/target.h"

namespace nestor::image {

namespace {

struct Turn {
  bool swapped;                  // rows of the stored picture are columns of the seen one
  bool from_right, from_bottom;  // of the stored picture
};

constexpr Turn kTurns[] = {
    {false, false, false},  // 1: as it is
    {false, true, false},   // 2: mirrored
    {false, true, true},    // 3: upside down
    {false, false, true},   // 4: mirrored upside down
    {true, false, false},   // 5: mirrored along the diagonal
    {true, false, true},    // 6: to be turned clockwise
    {true, true, true},     // 7: mirrored along the other diagonal
    {true, true, false},    // 8: to be turned the other way
};

}  // namespace

Image oriented(const Image& image, int orientation) {
  CHECK(orientation >= 1 && orientation <= 8, "orientation {}", orientation);
  const Turn turn = kTurns[orientation - 1];
  Image seen = turn.swapped ? blank(image.height, image.width) : blank(image.width, image.height);
  std::uint8_t* dst = seen.rgb.data();
  for (int y = 0; y < seen.height; ++y) {
    for (int x = 0; x < seen.width; ++x) {
      const int along = turn.swapped ? y : x, down = turn.swapped ? x : y;
      const int column = turn.from_right ? image.width - 1 - along : along;
      const int row = turn.from_bottom ? image.height - 1 - down : down;
      dst = std::copy_n(row_of(image, row) + std::ptrdiff_t{column} * 3, 3, dst);
    }
  }
  return seen;
}

}  // namespace nestor::image
