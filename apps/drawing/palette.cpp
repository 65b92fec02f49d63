#include "apps/drawing/palette.h"

#include <algorithm>
#include <iterator>
#include <sstream>

#include "apps/common/name_list.h"
#include "engine/check.h"
#include "engine/printable_text.h"

namespace nestor {

namespace {

constexpr std::size_t kMostColours = 256;  // a class map has 8 bits
constexpr std::size_t kLongestLine = 64;

// The colours that GluonCV gives the classes of ADE20K, in their order
// (dmlc/gluon-cv:gluoncv/utils/viz/segmentation.py@v0.7.0, without that of pixels without a label).
constexpr Colour kAde20k[] = {
    {120, 120, 120}, {180, 120, 120}, {6, 230, 230},   {80, 50, 50},    {4, 200, 3},
    {120, 120, 80},  {140, 140, 140}, {204, 5, 255},   {230, 230, 230}, {4, 250, 7},
    {224, 5, 255},   {235, 255, 7},   {150, 5, 61},    {120, 120, 70},  {8, 255, 51},
    {255, 6, 82},    {143, 255, 140}, {204, 255, 4},   {255, 51, 7},    {204, 70, 3},
    {0, 102, 200},   {61, 230, 250},  {255, 6, 51},    {11, 102, 255},  {255, 7, 71},
    {255, 9, 224},   {9, 7, 230},     {220, 220, 220}, {255, 9, 92},    {112, 9, 255},
    {8, 255, 214},   {7, 255, 224},   {255, 184, 6},   {10, 255, 71},   {255, 41, 10},
    {7, 255, 255},   {224, 255, 8},   {102, 8, 255},   {255, 61, 6},    {255, 194, 7},
    {255, 122, 8},   {0, 255, 20},    {255, 8, 41},    {255, 5, 153},   {6, 51, 255},
    {235, 12, 255},  {160, 150, 20},  {0, 163, 255},   {140, 140, 140}, {250, 10, 15},
    {20, 255, 0},    {31, 255, 0},    {255, 31, 0},    {255, 224, 0},   {153, 255, 0},
    {0, 0, 255},     {255, 71, 0},    {0, 235, 255},   {0, 173, 255},   {31, 0, 255},
    {11, 200, 200},  {255, 82, 0},    {0, 255, 245},   {0, 61, 255},    {0, 255, 112},
    {0, 255, 133},   {255, 0, 0},     {255, 163, 0},   {255, 102, 0},   {194, 255, 0},
    {0, 143, 255},   {51, 255, 0},    {0, 82, 255},    {0, 255, 41},    {0, 255, 173},
    {10, 0, 255},    {173, 255, 0},   {0, 255, 153},   {255, 92, 0},    {255, 0, 255},
    {255, 0, 245},   {255, 0, 102},   {255, 173, 0},   {255, 0, 20},    {255, 184, 184},
    {0, 31, 255},    {0, 255, 61},    {0, 71, 255},    {255, 0, 204},   {0, 255, 194},
    {0, 255, 82},    {0, 10, 255},    {0, 112, 255},   {51, 0, 255},    {0, 194, 255},
    {0, 122, 255},   {0, 255, 163},   {255, 153, 0},   {0, 255, 10},    {255, 112, 0},
    {143, 255, 0},   {82, 0, 255},    {163, 255, 0},   {255, 235, 0},   {8, 184, 170},
    {133, 0, 255},   {0, 255, 92},    {184, 0, 255},   {255, 0, 31},    {0, 184, 255},
    {0, 214, 255},   {255, 0, 112},   {92, 255, 0},    {0, 224, 255},   {112, 224, 255},
    {70, 184, 160},  {163, 0, 255},   {153, 0, 255},   {71, 255, 0},    {255, 0, 163},
    {255, 204, 0},   {255, 0, 143},   {0, 255, 235},   {133, 255, 0},   {255, 0, 235},
    {245, 0, 255},   {255, 0, 122},   {255, 245, 0},   {10, 190, 212},  {214, 255, 0},
    {0, 204, 255},   {20, 0, 255},    {255, 255, 0},   {0, 153, 255},   {0, 41, 255},
    {0, 255, 204},   {41, 0, 255},    {41, 255, 0},    {173, 0, 255},   {0, 245, 255},
    {71, 0, 255},    {122, 0, 255},   {0, 255, 184},   {0, 92, 255},    {184, 255, 0},
    {0, 133, 255},   {255, 214, 0},   {25, 194, 194},  {102, 255, 0},   {92, 0, 255},
};

// Bit i of a class goes to the channel i % 3, the lowest bits to the highest.
Colour voc_colour(unsigned class_id) {
  unsigned channels[3] = {0, 0, 0};
  for (unsigned bit = 0; bit < 8; ++bit) {
    channels[bit % 3] |= (class_id >> bit & 1) << (7 - bit / 3);
  }
  return {static_cast<std::uint8_t>(channels[0]), static_cast<std::uint8_t>(channels[1]),
          static_cast<std::uint8_t>(channels[2])};
}

Palette voc() {
  Palette palette;
  for (unsigned i = 0; i < kMostColours; ++i) palette.push_back(voc_colour(i));
  return palette;
}

Colour parse_colour(const std::string& line, const std::string& path, std::size_t class_id) {
  std::istringstream in(line);
  int r = -1, g = -1, b = -1;
  std::string more;
  const bool three = (in >> r >> g >> b) && !(in >> more);
  const auto in_range = [](int level) { return level >= 0 && level <= 255; };
  CHECK_AS(kBadInput, three && in_range(r) && in_range(g) && in_range(b),
           "{}: the colour of class {} is \"{}\", expected three numbers from 0 to 255", path,
           class_id, printable(line.substr(0, kLongestLine)));
  return {static_cast<std::uint8_t>(r), static_cast<std::uint8_t>(g), static_cast<std::uint8_t>(b)};
}

Palette read_palette(const std::string& path) {
  Palette palette;
  for (const std::string& line : read_name_list(path)) {
    CHECK_AS(kBadInput, palette.size() < kMostColours, "{}: more than {} colours", path,
             kMostColours);
    palette.push_back(parse_colour(line, path, palette.size()));
  }
  return palette;
}

Palette named(const std::string& name) {
  if (name == "ade20k") return {std::begin(kAde20k), std::end(kAde20k)};
  if (name == "voc") return voc();
  return read_palette(name);
}

}  // namespace

Palette load_palette(const std::string& name, int num_classes) {
  Palette palette = named(name);
  CHECK_AS(kBadInput, palette.size() >= static_cast<std::size_t>(num_classes),
           "palette {} has {} colours, the model has {} classes", name, palette.size(),
           num_classes);
  return palette;
}

}  // namespace nestor
